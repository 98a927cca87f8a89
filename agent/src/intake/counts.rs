//! What intake counts: who waits for the disk, what was taken, and what the field rules refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Problem;
use crate::engine::Enrolled;
use crate::facts::IntakeFacts;

/// How many different codes are counted: there are fewer.
const MOST_CODES: usize = 48;

/// The counts since the daemon started. Shared with whoever watches that enrollments are taken.
#[derive(Debug, Default)]
pub struct Counts {
    waiting: AtomicU64,
    enrolled: AtomicU64,
    repeated: AtomicU64,
    corrected: AtomicU64,
    refused_by_rule: AtomicU64,
    refused: Mutex<BTreeMap<String, u64>>,
}

impl Counts {
    /// How many enrollments and corrections the field rules let in, and are on disk.
    pub fn accepted(&self) -> u64 {
        self.enrolled.load(Ordering::Relaxed) + self.corrected.load(Ordering::Relaxed)
    }

    /// How many the field rules refused.
    pub fn refused_by_rule(&self) -> u64 {
        self.refused_by_rule.load(Ordering::Relaxed)
    }

    /// An enrollment is on disk; a retry is counted once.
    pub(super) fn enrolled(&self, enrolled: &Enrolled) {
        let counter = if enrolled.duplicate { &self.repeated } else { &self.enrolled };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A correction is on disk.
    pub(super) fn corrected(&self) {
        self.corrected.fetch_add(1, Ordering::Relaxed);
    }

    /// An enrollment or a correction was refused, and its caller told why.
    pub(super) fn refused(&self, why: &Problem) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MOST_CODES || refused.contains_key(&why.code) {
            *refused.entry(why.code.clone()).or_default() += 1;
        }
    }

    /// Everything that is counted.
    pub fn facts(&self) -> IntakeFacts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        IntakeFacts {
            enrolled: count(&self.enrolled),
            repeated: count(&self.repeated),
            corrected: count(&self.corrected),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            waiting: count(&self.waiting),
        }
    }

    /// The field rules refused one more.
    pub fn refuse_by_rule(&self) {
        self.refused_by_rule.fetch_add(1, Ordering::Relaxed);
    }

    /// One more waits for the disk until the answer is dropped; none if `most` do already.
    pub(super) fn wait(&self, most: u64) -> Option<Waits<'_>> {
        let more = |waiting: u64| (waiting < most).then_some(waiting + 1);
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()
            .map(|_| Waits(self))
    }
}

/// A posted record that waits for the disk.
#[derive(Debug)]
pub(super) struct Waits<'a>(&'a Counts);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_wait_than_may_and_a_place_that_is_left_is_free() {
        let counts = Counts::default();
        let first = counts.wait(2).unwrap();
        let second = counts.wait(2).unwrap();
        assert!(counts.wait(2).is_none());
        // The limit has been lowered meanwhile: both stay, and the next waits for both to go.
        drop(first);
        assert!(counts.wait(1).is_none());
        drop(second);
        assert!(counts.wait(1).is_some());
    }
}
