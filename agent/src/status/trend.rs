//! How fast the disk fills, and how fast the backlog shrinks.

use std::collections::VecDeque;

use wasl_protocol::units::MonoMs;

use crate::engine::Facts;

/// The disk's pace is not reckoned from less than this: files grow in steps of whole segments.
const LEAST_MS: u64 = 3_600_000;

/// The pace of syncing is reckoned over this time.
const RECENT_MS: u64 = 60_000;

/// More samples are never kept, however often they come.
const MOST_SAMPLES: usize = 16;

/// Watches the facts go by. Feed it every few seconds.
#[derive(Debug, Default)]
pub struct Trend {
    first: Option<(MonoMs, u64)>,
    recent: VecDeque<(MonoMs, u64)>,
}

impl Trend {
    /// Takes a sample.
    pub fn note(&mut self, now: MonoMs, facts: &Facts) {
        self.first.get_or_insert((now, facts.journal_bytes));
        self.recent.push_back((now, stored(facts)));
        let old = |at: &(MonoMs, u64)| now.since_ms(at.0) > RECENT_MS;
        while self.recent.len() > MOST_SAMPLES || self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
    }

    /// In how many seconds the disk will be full; none while the journal does not grow, or has not
    /// been watched for long enough.
    pub fn fill_eta_s(&self, now: MonoMs, facts: &Facts) -> Option<u64> {
        let (since, bytes) = self.first?;
        let watched_ms = now.since_ms(since);
        if watched_ms < LEAST_MS {
            return None;
        }
        eta_s(facts.free_bytes, facts.journal_bytes.saturating_sub(bytes), watched_ms)
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

    fn facts(journal_bytes: u64, stored: u64, backlog: u64) -> Facts {
        let stored = Some(Position { seq: Seq(stored), head: Head([0; 32]) });
        Facts { journal_bytes, free_bytes: 1_000_000, stored, backlog, ..Facts::default() }
    }

    #[test]
    fn the_disk_runway_is_told_once_growth_was_watched_for_an_hour() {
        let mut trend = Trend::default();
        trend.note(MonoMs(0), &facts(1_000, 0, 0));
        assert_eq!(trend.fill_eta_s(MonoMs(LEAST_MS - 1), &facts(2_000, 0, 0)), None);
        assert_eq!(trend.fill_eta_s(MonoMs(LEAST_MS), &facts(2_000, 0, 0)), Some(3_600_000));
        assert_eq!(trend.fill_eta_s(MonoMs(LEAST_MS), &facts(1_000, 0, 0)), None);
    }

    #[test]
    fn the_backlog_goes_at_the_pace_of_the_last_minute() {
        let mut trend = Trend::default();
        trend.note(MonoMs(0), &facts(0, 1_000, 500));
        trend.note(MonoMs(50_000), &facts(0, 1_000, 500));
        trend.note(MonoMs(100_000), &facts(0, 1_100, 400));
        assert_eq!(trend.sync_eta_s(MonoMs(100_000), &facts(0, 1_100, 400)), Some(200));
        assert_eq!(trend.sync_eta_s(MonoMs(100_000), &facts(0, 1_000, 400)), None);
        assert_eq!(trend.sync_eta_s(MonoMs(100_000), &facts(0, 1_500, 0)), Some(0));
    }
}
