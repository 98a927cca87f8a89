//! Frame after frame, each checked against the chain.

use wasl_protocol::frame::{Frame, FrameError};
use wasl_protocol::id::Position;

/// One entry on a walk.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// Where its frame starts in the walked bytes.
    pub offset: usize,
    /// The frame.
    pub frame: Frame<'a>,
    /// Where the log stands after it.
    pub after: Position,
}

/// Walks the frames in some bytes, up to the first place where no frame continues the chain.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    bytes: &'a [u8],
    offset: usize,
    at: Position,
    stopped: Option<FrameError>,
}

impl<'a> Walk<'a> {
    /// From `offset` in `bytes`, where the log stands at `at`.
    pub fn new(bytes: &'a [u8], offset: usize, at: Position) -> Self {
        Self { bytes, offset, at, stopped: None }
    }

    /// Where the next frame would start.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Where the log stands there.
    pub fn at(&self) -> Position {
        self.at
    }

    /// Why the walk stopped, if not at zeros or at the end of the bytes.
    pub fn stopped(&self) -> Option<FrameError> {
        self.stopped
    }

    fn step(&mut self) -> Result<Step<'a>, FrameError> {
        let frame = Frame::parse(&self.bytes[self.offset..])?;
        let after = frame.follow(&self.at)?;
        let step = Step { offset: self.offset, frame, after };
        self.offset += step.frame.bytes().len();
        self.at = after;
        Ok(step)
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let rest = self.bytes.get(self.offset..)?;
        let ended = rest.first_chunk::<4>().is_none_or(|length| *length == [0; 4]);
        if ended || self.stopped.is_some() {
            return None;
        }
        self.step().map_err(|e| self.stopped = Some(e)).ok()
    }
}

/// The last byte that is not zero, plus one: where the used part of `bytes` ends.
pub(super) fn used(bytes: &[u8]) -> usize {
    // Most of a segment is zeros, and whole blocks of them are compared as fast as memory is read.
    const BLOCK: usize = 4096;
    let mut end = bytes.len();
    while bytes[..end].last_chunk() == Some(&[0; BLOCK]) {
        end -= BLOCK;
    }
    bytes[..end].iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)
}
