//! Lines out of a stream of bytes, none of them kept beyond its limit.

use bytes::{Bytes, BytesMut};

/// One line of the input, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number; the first is 1.
    pub number: u64,
    /// Its text; none if it is longer than the limit.
    pub text: Option<Bytes>,
}

/// Cuts what arrives into lines. Holds at most one line, and of that no more than the limit.
#[derive(Debug)]
pub struct Lines {
    most: usize,
    number: u64,
    arrived: Bytes,
    begun: BytesMut,
    too_long: bool,
}

impl Lines {
    /// Lines of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        let (arrived, begun) = (Bytes::new(), BytesMut::new());
        Self { most, number: 0, arrived, begun, too_long: false }
    }

    /// Takes in what has arrived; all lines of what came before have been taken out.
    pub fn feed(&mut self, bytes: Bytes) {
        debug_assert!(self.arrived.is_empty(), "every line was taken out");
        self.arrived = bytes;
    }

    /// The next whole line. Lines of nothing but white space are counted and not given out.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.arrived.iter().position(|b| *b == b'\n') else {
                let rest = std::mem::take(&mut self.arrived);
                self.keep(&rest);
                return None;
            };
            let piece = self.arrived.split_to(end);
            let _newline = self.arrived.split_to(1);
            let line = self.end(piece);
            if line.is_some() {
                return line;
            }
        }
    }

    /// The last line, if the input did not end with a line's end.
    pub fn last_line(&mut self) -> Option<Line> {
        if self.begun.is_empty() && !self.too_long { None } else { self.end(Bytes::new()) }
    }

    fn end(&mut self, piece: Bytes) -> Option<Line> {
        self.number += 1;
        let text = if self.begun.is_empty() && !self.too_long {
            (piece.len() <= self.most).then_some(piece)
        } else {
            self.keep(&piece);
            let whole = std::mem::take(&mut self.begun);
            (!std::mem::take(&mut self.too_long)).then(|| whole.freeze())
        };
        let blank = text.as_ref().is_some_and(|t| t.iter().all(u8::is_ascii_whitespace));
        (!blank).then_some(Line { number: self.number, text })
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.too_long || self.begun.len() + piece.len() > self.most {
            self.too_long = true;
            self.begun = BytesMut::new();
        } else {
            self.begun.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST: usize = 5;

    fn cut(pieces: &[&[u8]]) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(MOST);
        let mut all = Vec::new();
        for piece in pieces {
            lines.feed(Bytes::copy_from_slice(piece));
            while let Some(line) = lines.next_line() {
                all.push(line);
            }
            assert!(lines.begun.len() <= MOST);
        }
        all.extend(lines.last_line());
        all.into_iter().map(|l| (l.number, l.text.map(|t| t.to_vec()))).collect()
    }

    #[test]
    fn a_long_line_is_reported_and_not_kept_and_the_next_one_goes_on() {
        let long = (2, None);
        let (a, b) = ((1, Some(b"a".to_vec())), (3, Some(b"b".to_vec())));
        assert_eq!(cut(&[b"a\n123456\nb"]), [a.clone(), long.clone(), b.clone()]);
        assert_eq!(cut(&[b"a\n123", b"456", b"789\nb\n"]), [a.clone(), long.clone(), b]);
        assert_eq!(cut(&[b"a\n123", b"456"]), [a, long]);
        assert_eq!(cut(&[b"12345"]), [(1, Some(b"12345".to_vec()))]);
    }

    #[test]
    fn blank_lines_are_counted_and_not_given_out() {
        assert_eq!(cut(&[b"\n  \r\nx\n\n"]), [(3, Some(b"x".to_vec()))]);
        assert_eq!(cut(&[b""]), []);
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_makes_no_difference(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'x'), Just(b' ')], 0..60),
            at in 0usize..60,
        ) {
            let (a, b) = text.split_at(at.min(text.len()));
            prop_assert_eq!(cut(&[a, b]), cut(&[&text]));
        }
    }
}
