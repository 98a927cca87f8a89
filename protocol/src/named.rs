//! A record as people name it: its whole id, or as much of the beginning as tells it from others.
//!
//! Knows nothing of where records lie: whoever has them looks which ones are meant.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::id::RecordId;

/// Fewer hex digits name nobody: among 10,000 records 4 digits already fit several at times.
pub const LEAST_DIGITS: usize = 4;

/// How many records an error names, where a beginning fits several.
pub const MOST_NAMED: usize = 4;

const ID_DIGITS: usize = 32;

/// A record by its whole id or its beginning, at least [`LEAST_DIGITS`] hex digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    digits: String,
    /// The first and the last id that begin so: the same one for a whole id.
    range: (RecordId, RecordId),
}

/// Text that names no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record id: {LEAST_DIGITS} to {ID_DIGITS} hex digits, as `record list` shows them")]
pub struct NotNamed;

/// Which record is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// None that is there.
    Nothing,
    /// This one.
    One(RecordId),
    /// Any of these, and perhaps more.
    Several(Vec<RecordId>),
}

impl Named {
    /// The record, if all of its id was given: nothing has to be searched then.
    pub fn whole(&self) -> Option<RecordId> {
        let (first, last) = self.range;
        (first == last).then_some(first)
    }

    /// The first and the last id that begin so, for whoever keeps ids in order.
    pub fn range(&self) -> (RecordId, RecordId) {
        self.range
    }

    /// Does this id begin so?
    pub fn fits(&self, record: RecordId) -> bool {
        (self.range.0..=self.range.1).contains(&record)
    }

    /// What to tell whoever named several: the first of them, and what to do.
    pub fn several(&self, records: &[RecordId]) -> String {
        let some: Vec<_> = records.iter().take(MOST_NAMED).map(ToString::to_string).collect();
        format!("{self} begins several ids, such as {}: give more of it", some.join(", "))
    }

    /// What is meant, given the ids that fit: no more than [`MOST_NAMED`] of them are looked at.
    pub fn meant(&self, fitting: impl IntoIterator<Item = RecordId>) -> Meant {
        let mut fitting: Vec<_> = fitting.into_iter().take(MOST_NAMED).collect();
        match fitting.len() {
            0 => Meant::Nothing,
            1 => Meant::One(fitting.remove(0)),
            _ => Meant::Several(fitting),
        }
    }
}

impl From<RecordId> for Named {
    fn from(record: RecordId) -> Self {
        Self { digits: record.to_string(), range: (record, record) }
    }
}

impl FromStr for Named {
    type Err = NotNamed;

    fn from_str(text: &str) -> Result<Self, NotNamed> {
        if !(LEAST_DIGITS..=ID_DIGITS).contains(&text.len()) {
            return Err(NotNamed);
        }
        let end = |fill: char| {
            let mut digits = text.to_owned();
            digits.extend(core::iter::repeat_n(fill, ID_DIGITS - text.len()));
            let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| NotNamed)?;
            <[u8; 16]>::try_from(bytes).map(RecordId).map_err(|_| NotNamed)
        };
        let range = (end('0')?, end('f')?);
        Ok(Self { digits: text.to_ascii_lowercase(), range })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first: [u8; 3]) -> RecordId {
        let mut id = [0x55; 16];
        id[..3].copy_from_slice(&first);
        RecordId(id)
    }

    #[test]
    fn a_whole_id_names_one_and_a_beginning_all_that_begin_so() {
        let (a, b) = (record([0xab, 0xcd, 0x10]), record([0xab, 0xcd, 0x1f]));
        let whole: Named = a.to_string().parse().unwrap();
        assert_eq!((whole.whole(), whole.fits(a), whole.fits(b)), (Some(a), true, false));
        let odd: Named = "ABCD1".parse().unwrap();
        assert_eq!((odd.whole(), odd.fits(a), odd.fits(b)), (None, true, true));
        assert_eq!(odd.to_string(), "abcd1");
        let more: Named = "abcd1f".parse().unwrap();
        assert!(!more.fits(a) && more.fits(b));
        assert_eq!(more.meant([b]), Meant::One(b));
        assert_eq!(odd.meant([a, b]), Meant::Several([a, b].into()));
        assert_eq!(odd.meant([]), Meant::Nothing);
        let told = odd.several(&[a, b]);
        assert_eq!(told, format!("abcd1 begins several ids, such as {a}, {b}: give more of it"));
    }

    #[test]
    fn text_that_is_short_long_or_no_hex_names_nothing() {
        for bad in ["", "abc", "abcg", "../x", "أبجد", &"a".repeat(33)] {
            assert_eq!(bad.parse::<Named>(), Err(NotNamed), "{bad}");
        }
    }
}
