//! Version vectors.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bincode::{Decode, Encode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::id::{Dot, JournalId};
use crate::units::Seq;

/// For one record: journal -> n, "every dot of this journal up to n that touched this record is
/// accounted for". Never pruned.
///
/// As bytes: a sorted list of (journal, n). Decoding refuses a list that is not sorted or names a
/// journal twice, so that equal vectors are equal bytes.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Serialize, JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct VersionVector(BTreeMap<JournalId, Seq>);

impl VersionVector {
    /// The least vector that covers these dots.
    pub fn of(dots: impl IntoIterator<Item = Dot>) -> Self {
        let mut v = Self::default();
        dots.into_iter().for_each(|d| v.add(d));
        v
    }

    /// Is this dot accounted for?
    pub fn covers(&self, dot: Dot) -> bool {
        self.0.get(&dot.journal).is_some_and(|n| *n >= dot.seq)
    }

    /// The first thing in `other` that is not accounted for here.
    pub fn lacks(&self, other: &Self) -> Option<Dot> {
        other.dots().find(|d| !self.covers(*d))
    }

    /// Accounts for `dot` too.
    pub fn add(&mut self, dot: Dot) {
        let n = self.0.entry(dot.journal).or_default();
        *n = dot.seq.max(*n);
    }

    /// Accounts for `journal` up to `n` and no further; for nothing of it if that is 0.
    pub fn set(&mut self, journal: JournalId, n: Seq) {
        self.0.remove(&journal);
        if n > Seq(0) {
            self.0.insert(journal, n);
        }
    }

    /// Accounts for all that `other` does: the least upper bound.
    pub fn join(&mut self, other: &Self) {
        other.dots().for_each(|d| self.add(d));
    }

    /// The newest dot of each journal.
    pub fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        self.0.iter().map(|(journal, seq)| Dot { journal: *journal, seq: *seq })
    }

    /// How far it accounts for `journal`; 0 if it does not name it.
    pub fn up_to(&self, journal: JournalId) -> Seq {
        self.0.get(&journal).copied().unwrap_or_default()
    }

    /// Does it account for nothing?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<C> Decode<C> for VersionVector {
    fn decode<D: bincode::de::Decoder<Context = C>>(
        d: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        let list: Vec<(JournalId, Seq)> = Decode::decode(d)?;
        if !list.is_sorted_by(|a, b| a.0 < b.0) || list.iter().any(|(_, n)| n.0 == 0) {
            return Err(bincode::error::DecodeError::Other("a version vector out of order"));
        }
        Ok(Self(list.into_iter().collect()))
    }
}

impl<'de, C> bincode::BorrowDecode<'de, C> for VersionVector {
    fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
        d: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        Decode::decode(d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use std::vec;

    #[test]
    fn a_vector_out_of_order_or_with_a_journal_twice_is_refused() {
        let entry = |j, n| (JournalId(j), Seq(n));
        let good = codec::encode(&vec![entry(1, 5), entry(2, 1)]);
        let v: VersionVector = codec::decode(&good).unwrap();
        assert_eq!(codec::encode(&v), good);
        for bad in
            [vec![entry(2, 1), entry(1, 5)], vec![entry(1, 1), entry(1, 5)], vec![entry(1, 0)]]
        {
            assert!(codec::decode::<VersionVector>(&codec::encode(&bad)).is_err());
        }
    }
}
