//! Figures for status: how long syncs take, how much disk is used and left. Cheap in every turn,
//! computed once a second.

use std::collections::VecDeque;

/// Up to where each class of syncs by their duration goes, in nanoseconds; slower ones are a last
/// class.
pub const SYNC_BOUNDS_NS: [u64; 11] = [
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
    2_500_000_000,
];

/// How long all syncs took since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    /// How many were above the bound before and not above this one; the last have no bound.
    pub counts: [u64; SYNC_BOUNDS_NS.len() + 1],
    /// All of them together, in nanoseconds.
    pub sum_ns: u64,
}

impl SyncTimes {
    fn add(&mut self, took_ns: u64) {
        let class = SYNC_BOUNDS_NS.iter().position(|bound| took_ns <= *bound);
        self.counts[class.unwrap_or(SYNC_BOUNDS_NS.len())] += 1;
        self.sum_ns = self.sum_ns.saturating_add(took_ns);
    }
}

/// Over how many syncs the percentile is taken.
const SYNCS: usize = 1000;

/// How often figures are computed again, in nanoseconds.
const EVERY_NS: u64 = 1_000_000_000;

/// The last syncs' durations, and when figures are due.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    syncs_ns: VecDeque<u64>,
    times: SyncTimes,
    computed_at_ns: Option<u64>,
}

impl Gauge {
    pub(super) fn synced(&mut self, took_ns: u64) {
        self.times.add(took_ns);
        if self.syncs_ns.len() == SYNCS {
            self.syncs_ns.pop_front();
        }
        self.syncs_ns.push_back(took_ns);
    }

    /// How long all of them took.
    pub(super) fn times(&self) -> SyncTimes {
        self.times
    }

    /// Is it time to compute figures again?
    pub(super) fn due(&mut self, now_ns: u64) -> bool {
        let due = self.computed_at_ns.is_none_or(|at| now_ns.saturating_sub(at) >= EVERY_NS);
        if due {
            self.computed_at_ns = Some(now_ns);
        }
        due
    }

    /// The 99th percentile of the last syncs, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn sync_p99_ms(&self) -> f64 {
        let mut sorted: Vec<u64> = self.syncs_ns.iter().copied().collect();
        sorted.sort_unstable();
        let index = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        sorted.get(index).map_or(0.0, |ns| *ns as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_is_counted_in_the_first_class_that_holds_it() {
        let mut gauge = Gauge::default();
        for ns in [1, SYNC_BOUNDS_NS[0], SYNC_BOUNDS_NS[0] + 1, u64::MAX / 2] {
            gauge.synced(ns);
        }
        let SyncTimes { counts, sum_ns } = gauge.times();
        assert_eq!((counts[0], counts[1], counts[SYNC_BOUNDS_NS.len()]), (2, 1, 1));
        assert_eq!((counts.iter().sum::<u64>(), sum_ns), (4, u64::MAX / 2 + 500_002));
    }

    #[test]
    fn one_slow_sync_in_a_hundred_is_not_the_99th_percentile_and_two_are() {
        let mut gauge = Gauge::default();
        (0..99).for_each(|_| gauge.synced(1_000_000));
        gauge.synced(50_000_000);
        assert!((gauge.sync_p99_ms() - 1.0).abs() < 1e-9);
        gauge.synced(50_000_000);
        assert!((gauge.sync_p99_ms() - 50.0).abs() < 1e-9);
    }
}
