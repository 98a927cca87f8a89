//! Hours of the week, and a bit for each.

use std::collections::BTreeMap;
use std::ops::Range;

use wasl_protocol::units::UnixMs;

/// How many hours a week has.
pub(super) const HOURS_A_WEEK: usize = 168;

/// The same, to count with.
pub(super) const WEEK_H: i64 = 168;

/// How many bytes hold a bit for each hour of a week.
pub const WEEK_BYTES: usize = HOURS_A_WEEK / 8;

/// How many weeks are kept behind the present one.
pub const WEEKS_KEPT: i64 = 8;

const MS_AN_HOUR: i64 = 3_600_000;

/// How far the time in Iraq is ahead of UTC, in hours. There is no summer time.
const LOCAL_H: i64 = 3;

/// Midnight of the first Sunday, in hours after 1970-01-01, which was a Thursday.
const FIRST_SUNDAY_H: i64 = 3 * 24;

/// One hour: how many lie between the first Sunday of 1970 and it, by the time in Iraq.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(i64);

impl Hour {
    /// The hour that holds a moment.
    pub fn of(at: UnixMs) -> Self {
        Self(at.0.div_euclid(MS_AN_HOUR) + LOCAL_H - FIRST_SUNDAY_H)
    }

    /// Which week it lies in.
    pub fn week(self) -> i64 {
        self.0.div_euclid(WEEK_H)
    }

    /// Which hour of the week: 0 is Sunday, from midnight to one.
    pub(super) fn of_week(self) -> usize {
        usize::try_from(self.0.rem_euclid(WEEK_H)).unwrap_or(0)
    }

    /// The hour so many before.
    pub(super) fn back(self, hours: i64) -> Self {
        Self(self.0.saturating_sub(hours))
    }

    /// The hours from this one on that lie before `end`.
    pub(super) fn until(self, end: Self) -> impl Iterator<Item = Self> + Clone {
        let Range { start, end } = self.0..end.0;
        (start..end).map(Self)
    }
}

/// In which hours something was so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log(BTreeMap<i64, [u8; WEEK_BYTES]>);

impl Log {
    /// What is known of one week replaces what was.
    pub fn put(&mut self, week: i64, hours: [u8; WEEK_BYTES]) {
        self.0.insert(week, hours);
    }

    /// It was so in this hour.
    pub fn mark(&mut self, hour: Hour) {
        let (byte, bit) = place(hour);
        self.0.entry(hour.week()).or_default()[byte] |= bit;
    }

    /// What is known of one week.
    pub fn week(&self, week: i64) -> [u8; WEEK_BYTES] {
        self.0.get(&week).copied().unwrap_or_default()
    }

    /// Was it so in this hour?
    pub fn has(&self, hour: Hour) -> bool {
        let (byte, bit) = place(hour);
        self.0.get(&hour.week()).is_some_and(|hours| hours[byte] & bit != 0)
    }

    /// The first hour in which it was so.
    pub(super) fn first(&self) -> Option<Hour> {
        let weeks = self.0.keys().map(|week| Hour(week * WEEK_H));
        let mut hours = weeks.flat_map(|start| start.until(start.back(-WEEK_H)));
        hours.find(|hour| self.has(*hour))
    }
}

fn place(hour: Hour) -> (usize, u8) {
    (hour.of_week() / 8, 1 << (hour.of_week() % 8))
}
