//! Figures for status: how long syncs take, how much disk is used and left. Cheap in every turn,
//! computed once a second.

use std::collections::VecDeque;

/// Over how many syncs the percentile is taken.
const SYNCS: usize = 1000;

/// How often figures are computed again, in nanoseconds.
const EVERY_NS: u64 = 1_000_000_000;

/// The last syncs' durations, and when figures are due.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    syncs_ns: VecDeque<u64>,
    computed_at_ns: Option<u64>,
}

impl Gauge {
    pub(super) fn synced(&mut self, took_ns: u64) {
        if self.syncs_ns.len() == SYNCS {
            self.syncs_ns.pop_front();
        }
        self.syncs_ns.push_back(took_ns);
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
    fn one_slow_sync_in_a_hundred_is_not_the_99th_percentile_and_two_are() {
        let mut gauge = Gauge::default();
        (0..99).for_each(|_| gauge.synced(1_000_000));
        gauge.synced(50_000_000);
        assert!((gauge.sync_p99_ms() - 1.0).abs() < 1e-9);
        gauge.synced(50_000_000);
        assert!((gauge.sync_p99_ms() - 50.0).abs() < 1e-9);
    }
}
