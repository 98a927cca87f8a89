//! How much working time lies between two moments.

use serde::Deserialize;
use wasl_protocol::units::UnixMs;

use super::SettingsError;

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: i64 = 24 * 60 * MS_PER_MINUTE;

/// A longer time is not worked out day by day: it is over every threshold anyhow.
const MOST_DAYS: i64 = 400;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeOfDay(u16);

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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
    180
}

impl WorkingHours {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.days.is_empty() || self.from >= self.to {
            return Err(SettingsError::NotAllowed {
                key: "working_hours",
                value: format!("{} days", self.days.len()),
                want: "name at least one day, and let `from` be before `to`".to_owned(),
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

    const HOUR: i64 = 60 * MS_PER_MINUTE;

    fn hours(text: &str) -> Result<WorkingHours, toml::de::Error> {
        toml::from_str(text)
    }

    fn iraqi() -> WorkingHours {
        let days = r#"days = ["sun", "mon", "tue", "wed", "thu"]"#;
        hours(&format!("{days}\nfrom = \"08:00\"\nto = \"15:00\"")).unwrap()
    }

    fn worked_h(from: &str, to: &str) -> i64 {
        let ms = |s: &str| UnixMs(s.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        i64::try_from(iraqi().between_ms(ms(from), ms(to))).unwrap() / HOUR
    }

    #[test]
    fn nights_and_weekends_do_not_count() {
        // 2016-01-12 is a Tuesday.
        assert_eq!(worked_h("2016-01-12T09:00:00+03:00", "2016-01-12T12:00:00+03:00"), 3);
        assert_eq!(worked_h("2016-01-12T14:00:00+03:00", "2016-01-13T10:00:00+03:00"), 3);
        assert_eq!(worked_h("2016-01-14T14:00:00+03:00", "2016-01-17T09:00:00+03:00"), 2);
        assert_eq!(worked_h("2016-01-15T00:00:00+03:00", "2016-01-17T00:00:00+03:00"), 0);
        assert_eq!(worked_h("2016-01-13T00:00:00+03:00", "2016-01-12T00:00:00+03:00"), 0);
    }

    #[test]
    fn a_clock_years_off_costs_no_time_to_reckon() {
        assert!(worked_h("1970-01-01T00:00:00Z", "2036-01-01T00:00:00Z") > 24 * 365 * 60);
    }

    #[test]
    fn hours_that_make_no_sense_are_refused() {
        assert!(hours("days = [\"sun\"]\nfrom = \"25:00\"\nto = \"26:00\"").is_err());
        assert!(hours("days = [\"sunday\"]\nfrom = \"08:00\"\nto = \"15:00\"").is_err());
        hours("days = [\"sun\"]\nfrom = \"15:00\"\nto = \"08:00\"").unwrap().check().unwrap_err();
        hours("days = []\nfrom = \"08:00\"\nto = \"15:00\"").unwrap().check().unwrap_err();
    }
}
