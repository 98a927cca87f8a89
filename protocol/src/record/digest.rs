//! What a replica has of a record, in 64 bits: to find out whether two have the same.

use alloc::vec::Vec;

use super::RecordState;
use crate::codec;
use crate::id::{Dot, RecordId, Tag};
use crate::limits;

impl<V> RecordState<V> {
    /// A digest of all that makes this state the one that it is: what it has seen, and which edits'
    /// values stand in which group; `tag` is that of a value's edit. Two replicas that agree on a
    /// record have the same; others do not, but for one chance in 2^64.
    pub fn digest(&self, tag: impl Fn(&V) -> Tag) -> u64 {
        let groups = self.groups.iter().map(|(group, values)| {
            let values = values.iter().map(|(dot, value)| (*dot, tag(value)));
            (group, values.collect::<Vec<(Dot, Tag)>>())
        });
        let groups: Vec<_> = groups.collect();
        let mut h = blake3::Hasher::new();
        h.update(b"wasl state\0").update(&self.origin.id().0);
        h.update(&codec::encode(&(&self.seen, groups)));
        let mut digest = [0; 8];
        digest.copy_from_slice(&h.finalize().as_bytes()[..8]);
        u64::from_le_bytes(digest)
    }
}

/// In which bucket a record is, of [`limits::BUCKETS`]: the first bits of its id, which is a hash.
pub fn bucket(record: RecordId) -> u16 {
    let first = u16::from_be_bytes([record.0[0], record.0[1]]);
    first >> (16 - limits::BUCKETS.ilog2())
}

/// The sums of some records' digests, by bucket; their order does not matter.
pub fn sums(records: impl IntoIterator<Item = (RecordId, u64)>) -> Vec<u64> {
    let mut sums = alloc::vec![0_u64; limits::BUCKETS];
    add(&mut sums, records);
    sums
}

/// Adds more records to such sums.
pub fn add(sums: &mut [u64], records: impl IntoIterator<Item = (RecordId, u64)>) {
    for (record, digest) in records {
        if let Some(sum) = sums.get_mut(usize::from(bucket(record))) {
            *sum = sum.wrapping_add(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JournalId;
    use crate::record::{Origin, VersionVector};
    use crate::units::Seq;

    fn state() -> RecordState<u8> {
        let office = "nasr".parse().unwrap();
        let mut state = RecordState::new(Origin { office, form_number: "1".parse().unwrap() });
        let group = || "person".parse().unwrap();
        let dot = |seq| Dot { journal: JournalId(1), seq: Seq(seq) };
        let _ = state.apply(dot(2), &VersionVector::default(), None, [(group(), 1)]);
        let _ = state.apply(dot(3), &VersionVector::of([dot(2)]), None, [(group(), 2)]);
        state
    }

    #[test]
    fn the_same_state_has_the_same_digest_and_any_other_has_not() {
        let tag = |value: &u8| Tag([*value; 16]);
        let (one, mut seen, mut other) = (state(), state(), state());
        assert_eq!(one.digest(tag), state().digest(tag));
        seen.seen.add(Dot { journal: JournalId(2), seq: Seq(1) });
        other.groups.clear();
        for different in [seen.digest(tag), other.digest(tag), one.digest(|_| Tag([9; 16]))] {
            assert_ne!(one.digest(tag), different);
        }
    }

    #[test]
    fn every_record_is_in_one_bucket_and_sums_do_not_know_their_order() {
        let record = |byte: u8| RecordId([byte; 16]);
        assert_eq!((bucket(record(0)), bucket(record(255))), (0, 1023));
        let (a, b) = ((record(1), 7), (record(1), u64::MAX));
        assert_eq!(sums([a, b]), sums([b, a]));
        assert_eq!(sums([a, b])[usize::from(bucket(record(1)))], 6);
        assert_ne!(sums([a]), sums([b]));
    }
}
