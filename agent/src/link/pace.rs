//! When to try again. The only room that knows the `backoff` crate.
//!
//! Exponential with full jitter: fourteen offices whose HQ comes back must not come back in step.
//! Knows nothing of why an attempt failed.

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// How long to wait after each failure in a row.
#[derive(Debug)]
pub struct Pace {
    bounds: (Duration, Duration),
    backoff: ExponentialBackoff,
    failures: u32,
}

impl Pace {
    /// The first wait is somewhere in 0 to twice `first`, the later ones in 0 to `cap`.
    pub fn new((first, cap): (Duration, Duration)) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(first)
            // The crate draws from "interval plus or minus itself": full jitter of twice of it.
            .with_max_interval(cap / 2)
            .with_randomization_factor(1.0)
            .with_multiplier(2.0)
            .with_max_elapsed_time(None)
            .build();
        Self { bounds: (first, cap), backoff, failures: 0 }
    }

    /// Other bounds from now on: waits grow from the first one again.
    pub fn adapt(&mut self, bounds: (Duration, Duration)) {
        if bounds != self.bounds {
            *self = Self { failures: self.failures, ..Self::new(bounds) };
        }
    }

    /// How long to wait now that an attempt has failed; not less than `at_least`.
    ///
    /// What the other side asks for is a minimum and gets a jitter of its own, or all whom it asked
    /// would come back together.
    pub fn failed(&mut self, at_least: Duration) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let jitter = self.backoff.next_backoff().expect("without a maximum it never gives up");
        at_least + jitter
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

    const FIRST: Duration = Duration::from_millis(500);
    const CAP: Duration = Duration::from_mins(1);
    /// The crate rounds up by a nanosecond.
    const ROUNDING: Duration = Duration::from_micros(1);

    fn draws(failure: usize) -> Vec<Duration> {
        (0..200)
            .map(|_| {
                let mut pace = Pace::new((FIRST, CAP));
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
        let mut pace = Pace::new((FIRST, CAP));
        for _ in 0..50 {
            assert!(pace.failed(Duration::from_secs(90)) >= Duration::from_secs(90));
        }
    }

    #[test]
    fn a_session_that_lived_makes_the_next_wait_a_first_one() {
        let mut pace = Pace::new((FIRST, CAP));
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
        let mut pace = Pace::new((FIRST, CAP));
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
