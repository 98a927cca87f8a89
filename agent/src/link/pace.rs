//! When to try again. The only room that knows the `backoff` crate.
//!
//! Exponential with full jitter: fourteen offices whose HQ comes back must not come back in step.
//! Knows nothing of why an attempt failed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

use crate::seam::Entropy;

/// How long to wait after each failure in a row.
pub struct Pace {
    bounds: (Duration, Duration),
    backoff: ExponentialBackoff,
    entropy: Arc<dyn Entropy>,
    failures: u32,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pace({} failures)", self.failures)
    }
}

impl Pace {
    /// The first wait is somewhere in 0 to twice `first`, the later ones in 0 to `cap`.
    pub fn new((first, cap): (Duration, Duration), entropy: Arc<dyn Entropy>) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(first)
            // The crate's own dice are not ours to throw: the jitter, of twice the interval, is
            // drawn through the seam.
            .with_max_interval(cap / 2)
            .with_randomization_factor(0.0)
            .with_multiplier(2.0)
            .with_max_elapsed_time(None)
            .build();
        Self { bounds: (first, cap), backoff, entropy, failures: 0 }
    }

    /// Other bounds from now on: waits grow from the first one again.
    pub fn adapt(&mut self, bounds: (Duration, Duration)) {
        if bounds != self.bounds {
            *self = Self { failures: self.failures, ..Self::new(bounds, self.entropy.clone()) };
        }
    }

    /// How long to wait now that an attempt has failed; not less than `at_least`.
    ///
    /// What the other side asks for is a minimum and gets a jitter of its own, or all whom it asked
    /// would come back together.
    ///
    /// # Panics
    /// Never: without a maximum of elapsed time it never gives up.
    pub fn failed(&mut self, at_least: Duration) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let interval = self.backoff.next_backoff().expect("without a maximum it never gives up");
        let drawn = u32::try_from(self.entropy.random_u64() >> 32).expect("half of 64 bits");
        at_least + (2 * interval).mul_f64(f64::from(drawn) / f64::from(u32::MAX))
    }

    /// A session lived: the next wait is a first one.
    pub fn reset(&mut self) {
        self.backoff.reset();
        self.failures = 0;
    }

    /// How many attempts have failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::SystemEntropy;

    const FIRST: Duration = Duration::from_millis(500);
    const CAP: Duration = Duration::from_mins(1);
    /// The crate rounds up by a nanosecond.
    const ROUNDING: Duration = Duration::from_micros(1);

    fn draws(failure: usize) -> Vec<Duration> {
        (0..200)
            .map(|_| {
                let mut pace = Pace::new((FIRST, CAP), Arc::new(SystemEntropy));
                for _ in 0..failure {
                    pace.failed(Duration::ZERO);
                }
                pace.failed(Duration::ZERO)
            })
            .collect()
    }

    #[test]
    fn waits_are_spread_over_the_whole_of_a_growing_range() {
        for (failure, most) in [(0, 2 * FIRST), (1, 4 * FIRST), (3, 16 * FIRST), (30, CAP)] {
            let draws = draws(failure);
            assert!(draws.iter().all(|d| *d <= most + ROUNDING), "{failure}: {draws:?}");
            assert!(draws.iter().any(|d| *d > most * 3 / 4), "{failure}: nothing in the top");
            assert!(draws.iter().any(|d| *d < most / 4), "{failure}: nothing in the bottom");
        }
    }

    #[test]
    fn what_hq_asks_for_is_a_minimum() {
        let mut pace = Pace::new((FIRST, CAP), Arc::new(SystemEntropy));
        for _ in 0..50 {
            assert!(pace.failed(Duration::from_secs(90)) >= Duration::from_secs(90));
        }
    }

    #[test]
    fn a_session_that_lived_makes_the_next_wait_a_first_one() {
        let mut pace = Pace::new((FIRST, CAP), Arc::new(SystemEntropy));
        for _ in 0..20 {
            pace.failed(Duration::ZERO);
        }
        assert_eq!(pace.failures(), 20);
        pace.reset();
        assert_eq!(pace.failures(), 0);
        assert!(pace.failed(Duration::ZERO) <= 2 * FIRST + ROUNDING);
    }

    #[test]
    fn other_bounds_count_from_the_next_wait_on_and_the_same_ones_change_nothing() {
        let mut pace = Pace::new((FIRST, CAP), Arc::new(SystemEntropy));
        for _ in 0..20 {
            pace.failed(Duration::ZERO);
        }
        pace.adapt((FIRST, CAP));
        let far = (0..50).map(|_| pace.failed(Duration::ZERO)).max().unwrap();
        assert!(far > 4 * FIRST, "{far:?}");
        pace.adapt((FIRST, FIRST * 2));
        assert_eq!(pace.failures(), 70);
        let draws: Vec<_> = (0..50).map(|_| pace.failed(Duration::ZERO)).collect();
        assert!(draws.iter().all(|d| *d <= FIRST * 2 + ROUNDING), "{draws:?}");
    }
}
