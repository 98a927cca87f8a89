//! Hours of UTC made days of the office: today by workstation, and the last 30 days.

use std::collections::BTreeMap;

use wasl_protocol::units::UnixMs;

use crate::engine::{Hours, MS_PER_HOUR, OTHERS, Workstations};

/// How many days the chart shows, today among them.
pub(super) const DAYS: i64 = 30;

/// How many workstations are named; those with the fewest enrollments count together.
const NAMED: usize = 64;

const HOURS_PER_DAY: i64 = 24;
const MIN_PER_HOUR: i64 = 60;

/// What the counts say, as of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Days {
    /// Today's enrollments by workstation, the most first; what is not told apart stands last.
    pub today: Vec<(String, u64)>,
    /// Enrollments a day, the oldest day first, [`DAYS`] of them: the moment at which the day
    /// begins, and how many.
    pub days: Vec<(UnixMs, u64)>,
}

impl Days {
    /// The days as of `now`. Local time is `utc_offset_min` minutes ahead of UTC; where that is no
    /// whole hour, a day begins with the whole hour after midnight.
    pub(super) fn of(hours: &Hours, now: UnixMs, utc_offset_min: i16) -> Self {
        let offset_hours = i64::from(utc_offset_min).div_euclid(MIN_PER_HOUR);
        let day_of = |hour: i64| hour.saturating_add(offset_hours).div_euclid(HOURS_PER_DAY);
        let today = day_of(now.0.div_euclid(MS_PER_HOUR));
        let mut by_day: BTreeMap<i64, u64> =
            (today - DAYS + 1..=today).map(|day| (day, 0)).collect();
        let mut workstations = Workstations::new();
        for (hour, counts) in hours {
            let day = day_of(*hour);
            if let Some(total) = by_day.get_mut(&day) {
                *total += counts.values().sum::<u64>();
            }
            if day == today {
                for (name, n) in counts {
                    *workstations.entry(name.clone()).or_default() += n;
                }
            }
        }
        let begins = |day: i64| UnixMs((day * HOURS_PER_DAY - offset_hours) * MS_PER_HOUR);
        let days = by_day.into_iter().map(|(day, n)| (begins(day), n)).collect();
        Self { today: ranked(workstations), days }
    }

    /// How many were enrolled today.
    pub(super) fn total_today(&self) -> u64 {
        self.today.iter().map(|(_, n)| n).sum()
    }

    /// How many were enrolled on all the days.
    pub(super) fn total(&self) -> u64 {
        self.days.iter().map(|(_, n)| n).sum()
    }

    /// The day with the most, if anybody was enrolled.
    pub(super) fn most(&self) -> Option<(UnixMs, u64)> {
        self.days.iter().copied().filter(|(_, n)| *n > 0).max_by_key(|(_, n)| *n)
    }
}

/// The most first, then by name; [`OTHERS`] last.
fn ranked(mut workstations: Workstations) -> Vec<(String, u64)> {
    let mut others = workstations.remove(OTHERS).unwrap_or(0);
    let mut ranked: Vec<_> = workstations.into_iter().collect();
    ranked.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    if ranked.len() > NAMED {
        others += ranked.drain(NAMED..).map(|(_, n)| n).sum::<u64>();
    }
    if others > 0 {
        ranked.push((OTHERS.to_owned(), others));
    }
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2016-01-12, 00:00 in Nasiriyah, as an hour of UTC.
    const MIDNIGHT: i64 = 1_452_546_000_000 / MS_PER_HOUR;

    fn hours(all: &[(i64, &str, u64)]) -> Hours {
        let mut hours = Hours::new();
        for (hour, name, n) in all {
            *hours.entry(MIDNIGHT + hour).or_default().entry((*name).to_owned()).or_default() += n;
        }
        hours
    }

    /// The days as of noon of that Tuesday.
    fn days(all: &[(i64, &str, u64)]) -> Days {
        Days::of(&hours(all), UnixMs((MIDNIGHT + 12) * MS_PER_HOUR), 180)
    }

    #[test]
    fn a_day_begins_at_the_offices_midnight() {
        let days = days(&[(-1, "ws-1", 5), (0, "ws-1", 2), (9, "ws-2", 3), (24, "ws-1", 9)]);
        assert_eq!(days.today, [("ws-2".to_owned(), 3), ("ws-1".to_owned(), 2)]);
        let last: Vec<_> = days.days.iter().rev().take(2).map(|(_, n)| *n).collect();
        assert_eq!(last, [5, 5], "today, and yesterday");
        assert_eq!(days.days.last().unwrap().0, UnixMs(MIDNIGHT * MS_PER_HOUR));
    }

    #[test]
    fn thirty_days_and_no_more_and_days_without_work_stand_as_zero() {
        let days = days(&[(-29 * 24, "", 1), (-29 * 24 - 1, "", 7), (1, "", 1)]);
        assert_eq!((days.days.len(), days.days[0].1, days.total()), (30, 1, 2));
        assert_eq!(days.days.iter().filter(|(_, n)| *n == 0).count(), 28);
    }

    #[test]
    fn many_workstations_are_named_up_to_a_bound_and_all_count() {
        let mut hours = Hours::new();
        for n in 0..100_u64 {
            hours.entry(MIDNIGHT).or_default().insert(format!("ws-{n:03}"), n + 1);
        }
        hours.entry(MIDNIGHT).or_default().insert(OTHERS.to_owned(), 1000);
        let days = Days::of(&hours, UnixMs(MIDNIGHT * MS_PER_HOUR), 180);
        assert_eq!(days.today.len(), NAMED + 1);
        assert_eq!(days.today[0], ("ws-099".to_owned(), 100));
        assert_eq!(days.today.last().unwrap().0, OTHERS);
        assert_eq!(days.total_today(), 5050 + 1000);
    }

    #[test]
    fn an_office_without_enrollments_has_thirty_empty_days() {
        let days = days(&[]);
        assert_eq!((days.total(), days.most(), days.today.len()), (0, None, 0));
    }
}
