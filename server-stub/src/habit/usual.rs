//! The week as it usually is for one office: for each of its hours, how often HQ hears it then.

use super::hours::{HOURS_A_WEEK, Hour, Log, WEEK_H};

/// One whole hour in which an office was to be heard, in thousandths of an hour.
pub(super) const HOUR_M: u32 = 1000;

/// From how often on an hour is one of its usual ones, of [`HOUR_M`].
const USUALLY_M: u32 = 500;

/// So much of a day makes it one on which the office usually comes.
const DAY_M: u32 = 500;

const HOURS_A_DAY: usize = 24;

/// The habit comes from this many hours before the office was last heard: four weeks.
const LOOKED_AT_H: i64 = 4 * WEEK_H;

/// From how many hours on, in which HQ ran, a habit is one: a week of them.
const ENOUGH_H: usize = HOURS_A_WEEK;

/// The days of the week.
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// The days and the hours in which Iraqi offices work.
const WORKING_DAYS: usize = 5;
const WORKING_HOURS: std::ops::Range<usize> = 8..15;

/// See the head of this file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Usual {
    /// How often HQ hears the office in each hour of the week, of [`HOUR_M`].
    often_m: [u32; HOURS_A_WEEK],
    /// The longest of its silences but one: the longest may have been a failure.
    pub silence_m: u32,
    /// Does this come from what the office did? Else from what offices do.
    pub learnt: bool,
}

impl Usual {
    /// The week of an office of which too little is known.
    pub fn working() -> Self {
        let mut often_m = [0; HOURS_A_WEEK];
        for day in often_m.chunks_mut(HOURS_A_DAY).take(WORKING_DAYS) {
            day[WORKING_HOURS].fill(HOUR_M);
        }
        Self { often_m, silence_m: 0, learnt: false }
    }

    /// The week of an office that was heard last in the hour `last`. Hours in which HQ did not run
    /// tell nothing.
    pub fn learn(ran: &Log, heard: &Log, last: Hour) -> Self {
        let Some(first) = heard.first() else { return Self::working() };
        let from = first.max(last.back(LOOKED_AT_H));
        let watched = from.until(last.back(-1)).filter(|hour| ran.has(*hour) || heard.has(*hour));
        if watched.clone().count() < ENOUGH_H {
            return Self::working();
        }
        let (mut of, mut yes) = ([0_u32; HOURS_A_WEEK], [0_u32; HOURS_A_WEEK]);
        for hour in watched.clone() {
            of[hour.of_week()] += 1;
            yes[hour.of_week()] += u32::from(heard.has(hour));
        }
        let often = |n: usize| (yes[n] * HOUR_M).checked_div(of[n]).unwrap_or(0);
        let often_m = std::array::from_fn(often);
        let mut usual = Self { often_m, silence_m: 0, learnt: true };
        usual.silence_m = usual.longest_but_one(watched, heard);
        usual
    }

    /// How often HQ hears the office in this hour of a week, of [`HOUR_M`].
    pub fn often_m(&self, hour: Hour) -> u32 {
        self.often_m[hour.of_week()]
    }

    /// How much it is heard on a day on which it comes.
    pub fn day_m(&self) -> u32 {
        let days = self.often_m.chunks(HOURS_A_DAY).map(|day| day.iter().sum());
        let days: Vec<u32> = days.filter(|sum| *sum >= DAY_M).collect();
        let number = u32::try_from(days.len()).unwrap_or(0);
        days.iter().sum::<u32>().checked_div(number).unwrap_or(0)
    }

    fn longest_but_one(&self, watched: impl Iterator<Item = Hour>, heard: &Log) -> u32 {
        let mut silences = vec![0, 0];
        for hour in watched {
            match silences.last_mut() {
                Some(silence) if !heard.has(hour) => *silence += self.often_m(hour),
                _ => silences.push(0),
            }
        }
        silences.sort_unstable();
        silences[silences.len() - 2]
    }

    /// In words: `Sun-Thu 08-15`.
    pub fn words(&self) -> String {
        let usually = |day: usize, hour: usize| self.often_m[day * HOURS_A_DAY + hour] >= USUALLY_M;
        let comes = |day: &usize| (0..HOURS_A_DAY).any(|hour| usually(*day, hour));
        let days: Vec<usize> = (0..DAYS.len()).filter(comes).collect();
        let most = |hour: &usize| days.iter().filter(|day| usually(**day, *hour)).count();
        let hours: Vec<_> = (0..HOURS_A_DAY)
            .filter(|hour| !days.is_empty() && most(hour) * 2 >= days.len())
            .collect();
        if hours.is_empty() {
            let day_h = ((self.day_m() + HOUR_M / 2) / HOUR_M).max(1);
            return format!("at no fixed hours, about {day_h} h a day");
        }
        format!("{} {}", day_words(&days), hour_words(&hours))
    }
}

/// `Sun-Thu`; `every day`.
fn day_words(days: &[usize]) -> String {
    if days.len() == DAYS.len() {
        return "every day".to_owned();
    }
    let runs = runs(days).into_iter().map(|run| match (run.start, run.end - 1) {
        (one, last) if one == last => DAYS[one].to_owned(),
        (first, last) => format!("{}-{}", DAYS[first], DAYS[last]),
    });
    runs.collect::<Vec<_>>().join(", ")
}

/// `08-15`; `day and night`.
fn hour_words(hours: &[usize]) -> String {
    if hours.len() == HOURS_A_DAY {
        return "day and night".to_owned();
    }
    let runs = runs(hours);
    let words: Vec<_> = runs.iter().map(|r| format!("{:02}-{:02}", r.start, r.end)).collect();
    words.join(", ")
}

/// What follows one another in a rising list.
fn runs(numbers: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for n in numbers {
        match runs.last_mut() {
            Some(run) if run.end == *n => run.end += 1,
            _ => runs.push(*n..*n + 1),
        }
    }
    runs
}
