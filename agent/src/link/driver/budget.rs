//! How much of the link a class may use: what was sent has to be paid off before more is read.

use wasl_protocol::units::MonoMs;

/// The least that is sent at once, in bytes, however small the cap.
const LEAST_BYTES: u64 = 4 * 1024;

/// What one class has spent.
#[derive(Debug)]
pub(super) struct Budget {
    free_at: MonoMs,
}

impl Budget {
    pub(super) fn new(now: MonoMs) -> Self {
        Self { free_at: now }
    }

    /// Pays for `bytes` at a cap in kbit/s; 0: there is none.
    pub(super) fn spend(&mut self, now: MonoMs, bytes: u64, cap_kbit_s: u64) {
        let took_ms = bytes.saturating_mul(8).checked_div(cap_kbit_s).unwrap_or(0);
        self.free_at = self.free_at.max(now) + took_ms;
    }

    /// How long nothing may be sent, in milliseconds.
    pub(super) fn wait_ms(&self, now: MonoMs) -> u64 {
        self.free_at.since_ms(now)
    }

    /// How much may be sent at once: a second's worth, and no more than `most` bytes.
    pub(super) fn at_once(most: usize, cap_kbit_s: u64) -> usize {
        if cap_kbit_s == 0 {
            return most;
        }
        let second = usize::try_from((cap_kbit_s * 125).max(LEAST_BYTES)).unwrap_or(most);
        most.min(second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_spreads_what_is_sent_and_without_one_nothing_waits() {
        let now = MonoMs(1_000);
        let mut budget = Budget::new(now);
        budget.spend(now, 1_000_000, 0);
        assert_eq!(budget.wait_ms(now), 0);
        budget.spend(now, 8_000, 64);
        budget.spend(now, 8_000, 64);
        assert_eq!(budget.wait_ms(now), 2_000);
        assert_eq!(budget.wait_ms(MonoMs(2_500)), 500);
        budget.spend(MonoMs(60_000), 8_000, 64);
        assert_eq!(budget.wait_ms(MonoMs(60_000)), 1_000, "what was not used is not saved up");
    }

    #[test]
    fn at_once_goes_a_seconds_worth_but_always_a_little() {
        assert_eq!(Budget::at_once(262_144, 0), 262_144);
        assert_eq!(Budget::at_once(262_144, 64), 8_000);
        assert_eq!(Budget::at_once(262_144, 1), 4_096);
    }
}
