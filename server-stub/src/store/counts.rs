//! What the store counts for a monitoring system. Knows nothing of SQL.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Up to where each class of commits by their duration goes, in nanoseconds; slower ones are a last
/// class.
pub const COMMIT_BOUNDS_NS: [u64; 11] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    5_000_000_000,
];

/// What was appended since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Messages of entries that were appended.
    pub appends: u64,
    /// Entries that were appended.
    pub entries: u64,
    /// How many commits took longer than the bound before and not longer than this one; the last
    /// have no bound.
    pub commits: [u64; COMMIT_BOUNDS_NS.len() + 1],
    /// All commits together, in nanoseconds.
    pub commit_sum_ns: u64,
}

impl StoreCounts {
    fn add(&mut self, entries: u64, took_ns: u64) {
        let class = COMMIT_BOUNDS_NS.iter().position(|bound| took_ns <= *bound);
        self.commits[class.unwrap_or(COMMIT_BOUNDS_NS.len())] += 1;
        self.commit_sum_ns = self.commit_sum_ns.saturating_add(took_ns);
        self.appends += 1;
        self.entries += entries;
    }
}

/// The counts of a running store.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<StoreCounts>);

impl Counted {
    pub(super) fn appended(&self, entries: u64, took_ns: u64) {
        self.lock().add(entries, took_ns);
    }

    pub(super) fn now(&self) -> StoreCounts {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, StoreCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_counted_in_the_first_class_that_holds_it() {
        let counted = Counted::default();
        counted.appended(3, COMMIT_BOUNDS_NS[0]);
        counted.appended(2, COMMIT_BOUNDS_NS[0] + 1);
        counted.appended(1, u64::MAX / 2);
        let counts = counted.now();
        assert_eq!((counts.appends, counts.entries), (3, 6));
        assert_eq!((counts.commits[0], counts.commits[1]), (1, 1));
        assert_eq!(counts.commits[COMMIT_BOUNDS_NS.len()], 1);
    }
}
