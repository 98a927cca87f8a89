//! From a record's id to its ordinal, in memory: 24 bytes a record.
//!
//! The store keeps it as runs of keyed hashes in the order of arrival, which it takes in far faster
//! than one random key for each record. A hash says nothing of an id to who has not the key.

use std::collections::BTreeSet;
use std::ops::Range;

use wasl_protocol::id::RecordId;
use wasl_protocol::keys::Random;

use super::ViewError;

/// How many records one run holds.
const RUN: usize = 512;

const HASH_BYTES: usize = 8;

/// Finds ordinals.
#[derive(Debug)]
pub(super) struct Finder {
    key: Random,
    /// By ordinal.
    hashes: Vec<u64>,
    found: BTreeSet<(u64, u64)>,
}

impl Finder {
    /// A finder of `records` records, from its runs, which `read` brings by their number.
    pub(super) fn load(
        key: Random,
        records: u64,
        mut read: impl FnMut(u64) -> Result<Vec<u8>, ViewError>,
    ) -> Result<Self, ViewError> {
        let mut hashes = Vec::new();
        for run in 0..records.div_ceil(RUN as u64) {
            let bytes = read(run)?;
            let (whole, rest) = bytes.as_chunks::<HASH_BYTES>();
            if whole.len() > RUN || !rest.is_empty() {
                return Err(ViewError::Row);
            }
            hashes.extend(whole.iter().map(|hash| u64::from_le_bytes(*hash)));
        }
        if hashes.len() as u64 != records {
            return Err(ViewError::Row);
        }
        let found = hashes.iter().copied().zip(0..).collect();
        Ok(Self { key, hashes, found })
    }

    /// How many records it knows: the ordinal of the next one.
    pub(super) fn records(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// The ordinals that may be this record's: nearly always one or none.
    pub(super) fn candidates(&self, record: RecordId) -> impl Iterator<Item = u64> {
        let hash = self.hash(record);
        self.found.range((hash, 0)..=(hash, u64::MAX)).map(|(_, ordinal)| *ordinal)
    }

    /// Takes in the next record; its ordinal is what [`Self::records`] was.
    pub(super) fn add(&mut self, record: RecordId) {
        let hash = self.hash(record);
        self.found.insert((hash, self.records()));
        self.hashes.push(hash);
    }

    /// The runs that the records from this ordinal on lie in, with their bytes.
    pub(super) fn runs_from(&self, ordinal: u64) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let first = usize::try_from(ordinal).unwrap_or(usize::MAX) / RUN;
        let runs: Range<usize> = first..self.hashes.len().div_ceil(RUN);
        runs.map(|run| {
            let end = self.hashes.len().min((run + 1) * RUN);
            let hashes = self.hashes[run * RUN..end].iter();
            (run as u64, hashes.flat_map(|hash| hash.to_le_bytes()).collect())
        })
    }

    fn hash(&self, record: RecordId) -> u64 {
        let hash = blake3::keyed_hash(&self.key, &record.0);
        u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> RecordId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_le_bytes());
        RecordId(id)
    }

    #[test]
    fn every_record_is_found_again_after_any_number_of_them() {
        for count in [0, 1, 511, 512, 513, 1500] {
            let mut finder = Finder::load([7; 32], 0, |_| unreachable!()).unwrap();
            let mut stored: Vec<Vec<u8>> = Vec::new();
            for n in 0..count {
                finder.add(record(n));
                for (run, bytes) in finder.runs_from(n) {
                    stored.truncate(usize::try_from(run).unwrap());
                    stored.push(bytes);
                }
            }
            let read = |run: u64| Ok(stored[usize::try_from(run).unwrap()].clone());
            let again = Finder::load([7; 32], count, read).unwrap();
            for n in 0..count {
                assert_eq!(again.candidates(record(n)).collect::<Vec<_>>(), [n]);
            }
            assert_eq!(again.candidates(record(count)).count(), 0);
        }
    }

    #[test]
    fn a_run_that_is_short_or_odd_is_refused() {
        assert!(Finder::load([7; 32], 2, |_| Ok(vec![0; 8])).is_err());
        assert!(Finder::load([7; 32], 1, |_| Ok(vec![0; 9])).is_err());
    }
}
