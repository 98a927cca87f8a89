//! How much working time lies between two moments.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

use super::settings::SettingsError;
use crate::units::UnixMs;

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: i64 = 24 * 60 * MS_PER_MINUTE;

/// A longer time is not worked out day by day: it is over every threshold anyhow.
const MOST_DAYS: i64 = 400;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the days of the week")]
pub enum Day {
    Sun,
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
}

/// The days in the order of days since 1970-01-01, which was a Thursday.
const FROM_THURSDAY: [Day; 7] =
    [Day::Thu, Day::Fri, Day::Sat, Day::Sun, Day::Mon, Day::Tue, Day::Wed];

/// A time of the day: minutes since midnight. Written `08:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        format!("{time}")
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parts =
            text.split_once(':').and_then(|(h, m)| Some((h.parse().ok()?, m.parse().ok()?)));
        match parts {
            Some((h @ 0..24u16, m @ 0..60u16)) => Ok(Self(h * 60 + m)),
            Some((24, 0)) => Ok(Self(24 * 60)),
            _ => Err("a time is written HH:MM, from 00:00 to 24:00"),
        }
    }
}

/// `[working_hours]`: when the office works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingHours {
    /// The working days.
    pub days: Vec<Day>,
    /// When work begins, by local time.
    pub from: TimeOfDay,
    /// When work ends, by local time.
    pub to: TimeOfDay,
    /// How far local time is ahead of UTC, in minutes. Iraq has no summer time.
    #[serde(default = "baghdad")]
    pub utc_offset_min: i16,
}

fn baghdad() -> i16 {
    WorkingHours::BAGHDAD_MIN
}

impl WorkingHours {
    /// How far Iraq's time is ahead of UTC, in minutes.
    pub const BAGHDAD_MIN: i16 = 180;

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.days.is_empty() || self.from >= self.to {
            return Err(SettingsError::NotAllowed {
                key: "working_hours".into(),
                value: format!("{} days", self.days.len()),
                want: "name at least one day, and let `from` be before `to`".into(),
            });
        }
        Ok(())
    }

    /// The working time from `from` to `to`, in milliseconds; 0 if `to` is the earlier.
    pub fn between_ms(&self, from: UnixMs, to: UnixMs) -> u64 {
        let local = |at: UnixMs| at.0 + i64::from(self.utc_offset_min) * MS_PER_MINUTE;
        let (from, to) = (local(from), local(to));
        if to <= from {
            return 0;
        }
        let (first, last) = (from.div_euclid(MS_PER_DAY), to.div_euclid(MS_PER_DAY));
        if last - first > MOST_DAYS {
            return (to - from).unsigned_abs();
        }
        let worked = (first..=last).map(|day| {
            if !self.days.contains(&FROM_THURSDAY[usize::try_from(day.rem_euclid(7)).unwrap_or(0)])
            {
                return 0;
            }
            let at = |time: TimeOfDay| day * MS_PER_DAY + i64::from(time.0) * MS_PER_MINUTE;
            (at(self.to).min(to) - at(self.from).max(from)).max(0)
        });
        worked.sum::<i64>().unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS_PER_HOUR: i64 = 60 * MS_PER_MINUTE;

    /// Tuesday 2016-01-12, midnight in Nasiriyah.
    const TUESDAY: i64 = 1_452_546_000_000;

    fn hours(days: &str, from: &str, to: &str) -> Result<WorkingHours, serde_json::Error> {
        serde_json::from_str(&format!(r#"{{"days":[{days}],"from":"{from}","to":"{to}"}}"#))
    }

    /// The hours worked between two moments, each a day after that Tuesday and an hour.
    fn worked_h(from: (i64, i64), to: (i64, i64)) -> u64 {
        let days = r#""sun","mon","tue","wed","thu""#;
        let at = |(day, hour): (i64, i64)| UnixMs(TUESDAY + (day * 24 + hour) * MS_PER_HOUR);
        let iraqi = hours(days, "08:00", "15:00").unwrap();
        iraqi.between_ms(at(from), at(to)) / MS_PER_HOUR.unsigned_abs()
    }

    #[test]
    fn nights_and_weekends_do_not_count() {
        assert_eq!(worked_h((0, 9), (0, 12)), 3);
        assert_eq!(worked_h((0, 14), (1, 10)), 3);
        assert_eq!(worked_h((2, 14), (5, 9)), 2, "Thursday to Sunday");
        assert_eq!(worked_h((3, 0), (5, 0)), 0, "Friday and Saturday");
        assert_eq!(worked_h((1, 0), (0, 0)), 0, "backwards");
    }

    #[test]
    fn a_clock_years_off_costs_no_time_to_reckon() {
        assert!(worked_h((-46 * 365, 0), (20 * 365, 0)) > 24 * 365 * 60);
    }

    #[test]
    fn hours_that_make_no_sense_are_refused() {
        assert!(hours(r#""sun""#, "25:00", "26:00").is_err());
        assert!(hours(r#""sunday""#, "08:00", "15:00").is_err());
        hours(r#""sun""#, "15:00", "08:00").unwrap().check().unwrap_err();
        hours("", "08:00", "15:00").unwrap().check().unwrap_err();
    }
}
