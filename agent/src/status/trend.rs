//! How fast the disk fills, and how fast the backlog shrinks.
//!
//! The disk's pace is what its free space says, whoever takes it: the journal grows in steps of
//! whole segments, and other files grow too. It is reckoned from the moment in the last days at
//! which most was free: days without growth flatten a burst, and whoever makes room starts it over.

use std::collections::VecDeque;

use wasl_protocol::units::MonoMs;

use crate::engine::{FULL_BELOW_BYTES, Facts, SEGMENT_BYTES};

/// The disk's pace is not reckoned from less than this.
const LEAST_MS: u64 = 3_600_000;

/// Nor from less than this: a step or two of the journal's is no pace.
const LEAST_BYTES: u64 = 2 * SEGMENT_BYTES as u64;

/// How often the free space is noted.
const NOTED_EVERY_MS: u64 = 3_600_000;

/// How many notes of it are kept: those of a week.
const MOST_NOTES: usize = 168;

/// The pace of syncing is reckoned over this time.
const RECENT_MS: u64 = 60_000;

/// More samples are never kept, however often they come.
const MOST_SAMPLES: usize = 16;

/// Watches the facts go by. Feed it every few seconds.
#[derive(Debug, Default)]
pub struct Trend {
    /// What was free, hour by hour.
    free: VecDeque<(MonoMs, u64)>,
    recent: VecDeque<(MonoMs, u64)>,
}

impl Trend {
    /// Takes a sample.
    pub fn note(&mut self, now: MonoMs, facts: &Facts) {
        if self.free.back().is_none_or(|(at, _)| now.since_ms(*at) >= NOTED_EVERY_MS) {
            if self.free.len() == MOST_NOTES {
                self.free.pop_front();
            }
            self.free.push_back((now, facts.free_bytes));
        }
        self.recent.push_back((now, stored(facts)));
        let old = |at: &(MonoMs, u64)| now.since_ms(at.0) > RECENT_MS;
        while self.recent.len() > MOST_SAMPLES || self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
    }

    /// In how many seconds the disk will be so full that intake closes; none while no space goes,
    /// or it has not been watched for long enough.
    pub fn fill_eta_s(&self, now: MonoMs, facts: &Facts) -> Option<u64> {
        let most = self.free.iter().map(|(_, free)| *free).max()?;
        let (since, _) = self.free.iter().find(|(_, free)| *free == most)?;
        let (watched_ms, gone) = (now.since_ms(*since), most.saturating_sub(facts.free_bytes));
        if watched_ms < LEAST_MS || gone < LEAST_BYTES {
            return None;
        }
        eta_s(facts.free_bytes.saturating_sub(FULL_BELOW_BYTES), gone, watched_ms)
    }

    /// In how many seconds HQ will have everything; none while it takes nothing.
    pub fn sync_eta_s(&self, now: MonoMs, facts: &Facts) -> Option<u64> {
        if facts.backlog == 0 {
            return Some(0);
        }
        let (since, seq) = *self.recent.front()?;
        eta_s(facts.backlog, stored(facts).saturating_sub(seq), now.since_ms(since))
    }
}

fn stored(facts: &Facts) -> u64 {
    facts.stored.map_or(0, |p| p.seq.0)
}

/// How many seconds `left` takes at the pace of `done` in `took_ms`.
fn eta_s(left: u64, done: u64, took_ms: u64) -> Option<u64> {
    let ms = u128::from(left) * u128::from(took_ms);
    let s = ms.checked_div(u128::from(done) * 1000)?;
    Some(u64::try_from(s).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::id::{Head, Position};
    use wasl_protocol::units::Seq;

    const HOUR_MS: u64 = 3_600_000;
    const MB: u64 = 1_000_000;

    fn facts(stored: u64, backlog: u64) -> Facts {
        let stored = Some(Position { seq: Seq(stored), head: Head([0; 32]) });
        Facts { stored, backlog, ..Facts::default() }
    }

    /// The runway, in hours, where so many megabytes were free beyond what intake needs, hour after
    /// hour, each noted many times.
    fn runway_h(free_mb: &[u64]) -> Option<u64> {
        let mut trend = Trend::default();
        let mut told = None;
        for (hour, free) in (0..).zip(free_mb) {
            let free_bytes = free * MB + FULL_BELOW_BYTES;
            let facts = Facts { free_bytes, ..Facts::default() };
            let now = MonoMs(hour * HOUR_MS);
            trend.note(now, &facts);
            trend.note(now + 10_000, &facts);
            told = trend.fill_eta_s(now, &facts);
        }
        told.map(|s| s * 1000 / HOUR_MS)
    }

    #[test]
    fn the_disk_runway_is_told_once_its_filling_was_watched_for_an_hour() {
        assert_eq!(runway_h(&[1_000]), None);
        assert_eq!(runway_h(&[1_000, 900]), Some(9));
        assert_eq!(runway_h(&[1_000, 900, 800, 700]), Some(7));
        assert_eq!(runway_h(&[100, 50, 0]), Some(0));
    }

    #[test]
    fn a_disk_that_does_not_fill_and_a_segment_or_two_have_no_runway() {
        assert_eq!(runway_h(&[1_000; 48]), None);
        assert_eq!(runway_h(&[500, 1_000]), None);
        assert_eq!(runway_h(&[1_000, 996, 996, 992]), None);
    }

    #[test]
    fn a_burst_counts_as_a_part_of_the_days_around_it() {
        let quiet = [1_000; 100];
        assert_eq!(runway_h(&[&quiet[..], &[900]].concat()), Some(900));
        let after = [&quiet[..50], &[900; 51]].concat();
        assert_eq!(runway_h(&after), Some(900), "and goes on to");
    }

    #[test]
    fn whoever_makes_room_starts_the_disks_runway_over() {
        assert_eq!(runway_h(&[1_000, 500, 100, 2_000]), None);
        assert_eq!(runway_h(&[1_000, 500, 100, 2_000, 1_900]), Some(19));
    }

    #[test]
    fn what_was_free_more_than_a_week_ago_does_not_count() {
        let old = [10_000, 1_000];
        let week = [1_000; MOST_NOTES];
        assert_eq!(runway_h(&[&old[..], &week].concat()), None);
        assert!(runway_h(&[&old[..], &week[..MOST_NOTES - 2]].concat()).is_some());
    }

    #[test]
    fn the_backlog_goes_at_the_pace_of_the_last_minute() {
        let mut trend = Trend::default();
        trend.note(MonoMs(0), &facts(1_000, 500));
        trend.note(MonoMs(50_000), &facts(1_000, 500));
        trend.note(MonoMs(100_000), &facts(1_100, 400));
        assert_eq!(trend.sync_eta_s(MonoMs(100_000), &facts(1_100, 400)), Some(200));
        assert_eq!(trend.sync_eta_s(MonoMs(100_000), &facts(1_000, 400)), None);
        assert_eq!(trend.sync_eta_s(MonoMs(100_000), &facts(1_500, 0)), Some(0));
    }
}
