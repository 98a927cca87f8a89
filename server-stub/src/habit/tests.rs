//! Some weeks of made-up offices, hour by hour, and what was said of each.

use wasl_protocol::units::UnixMs;

use super::hours::WEEK_H;
use super::*;

const MS_AN_HOUR: i64 = 3_600_000;

/// Sunday 2026-01-04, midnight in Iraq.
const SUNDAY: i64 = 1_767_474_000_000;

/// Days of a week that begins on Sunday.
const TUE: i64 = 2;
const THU: i64 = 4;
const FRI: i64 = 5;

/// A moment so many hours after that Sunday.
fn at(hour: i64) -> UnixMs {
    UnixMs(SUNDAY + hour * MS_AN_HOUR)
}

fn day(hour: i64) -> i64 {
    hour.rem_euclid(WEEK_H) / 24
}

fn of_day(hour: i64) -> i64 {
    hour.rem_euclid(24)
}

/// What HQ said in each hour, at half past.
struct Story {
    said: Vec<Freshness>,
    habits: Vec<Habit>,
}

impl Story {
    /// The weeks of an office that has joined at the start and is there in the hours `is_there`, at
    /// an HQ that runs in the hours `runs`.
    fn of(weeks: i64, is_there: impl Fn(i64) -> bool, runs: impl Fn(i64) -> bool) -> Self {
        let (mut ran, mut heard, mut last) = (Log::default(), Log::default(), at(0));
        let mut story = Self { said: Vec::new(), habits: Vec::new() };
        for hour in 0..weeks * WEEK_H {
            let connected = is_there(hour) && runs(hour);
            if runs(hour) {
                ran.mark(Hour::of(at(hour)));
            }
            if connected {
                heard.mark(Hour::of(at(hour)));
                last = UnixMs(at(hour).0 + MS_AN_HOUR - 1);
            }
            let now = UnixMs(at(hour).0 + MS_AN_HOUR / 2);
            let contact = Contact { connected, last: last.min(now) };
            let habit = judge(&ran, &heard, contact, now);
            story.said.push(habit.freshness);
            story.habits.push(habit);
        }
        story
    }

    /// Was it said at any time from `from` to `to`?
    fn says(&self, word: Freshness, from: i64, to: i64) -> bool {
        let index = |hour: i64| usize::try_from(hour).unwrap();
        self.said[index(from)..index(to)].contains(&word)
    }

    /// Nobody was blamed from `from` to `to`.
    fn no_alarm(&self, from: i64, to: i64) {
        for word in [Freshness::Late, Freshness::Lost] {
            let hour = (from..to).find(|hour| self.says(word, *hour, hour + 1));
            let told = hour.map(|hour| (day(hour), of_day(hour), self.habit(hour)));
            assert!(told.is_none(), "{word:?} on {told:?}");
        }
    }

    /// The first hour from `from` on of which it was said.
    fn first(&self, word: Freshness, from: i64) -> i64 {
        let end = i64::try_from(self.said.len()).unwrap();
        (from..end).find(|hour| self.says(word, *hour, hour + 1)).expect("it is said some time")
    }

    fn habit(&self, hour: i64) -> &Habit {
        &self.habits[usize::try_from(hour).unwrap()]
    }
}

fn always(_: i64) -> bool {
    true
}

fn works(hour: i64) -> bool {
    (0..=THU).contains(&day(hour)) && (8..15).contains(&of_day(hour))
}

#[test]
fn nights_and_weekends_of_an_office_that_works_by_day_are_quiet_from_the_first_week_on() {
    let story = Story::of(6, works, always);
    story.no_alarm(0, 6 * WEEK_H);
    assert!(story.says(Freshness::Quiet, 3 * WEEK_H + FRI * 24, 3 * WEEK_H + FRI * 24 + 1));
    assert!(story.says(Freshness::Fresh, 3 * WEEK_H + 9, 3 * WEEK_H + 10));
    let (new, old) = (story.habit(100), story.habit(5 * WEEK_H));
    assert_eq!((&*new.usual, new.learnt), ("Sun-Thu 08-15", false));
    assert_eq!((&*old.usual, old.learnt), ("Sun-Thu 08-15", true));
}

#[test]
fn an_office_that_dies_on_a_tuesday_is_late_that_day_and_lost_within_one_working_day() {
    let died = 4 * WEEK_H + TUE * 24 + 9;
    let story = Story::of(6, |hour| works(hour) && hour < died, always);
    story.no_alarm(0, died);
    assert_eq!(story.first(Freshness::Late, died) - died, 4, "four hours of work later");
    let lost = story.first(Freshness::Lost, died);
    assert_eq!((day(lost), of_day(lost)), (TUE + 1, 9), "the next day at the same hour");
    let for_ever = 6 * WEEK_H - 1;
    assert!(!story.says(Freshness::Quiet, lost, for_ever), "it stays lost");
}

#[test]
fn an_office_that_is_always_there_is_late_after_four_hours_and_lost_after_a_day() {
    let died = 4 * WEEK_H + FRI * 24 + 1;
    let story = Story::of(6, |hour| hour < died, always);
    assert_eq!(story.habit(died).usual, "every day day and night");
    assert_eq!(story.first(Freshness::Late, died) - died, 4);
    assert_eq!(story.first(Freshness::Lost, died) - died, 24);
}

#[test]
fn an_office_on_a_generator_for_three_evening_hours_is_learnt_in_a_week() {
    let evening = |hour: i64| (17..20).contains(&of_day(hour));
    let died = 4 * WEEK_H + TUE * 24 + 17;
    let story = Story::of(6, |hour| evening(hour) && hour < died, always);
    story.no_alarm(2 * WEEK_H, died);
    assert_eq!(story.habit(died).usual, "every day 17-20");
    let lost = story.first(Freshness::Lost, died);
    assert_eq!(lost - died, 3, "the evening has passed without it");
}

#[test]
fn a_generator_that_runs_when_there_is_fuel_is_judged_by_its_own_silences() {
    let runs = |hour: i64| {
        let dice = blake3::hash(&(hour / 24).to_le_bytes());
        let start = 7 + i64::from(dice.as_bytes()[0] % 12);
        (start..start + 3).contains(&of_day(hour))
    };
    let died = 9 * WEEK_H + TUE * 24;
    let story = Story::of(10, |hour| runs(hour) && hour < died, always);
    story.no_alarm(3 * WEEK_H, died);
    let told = story.habit(8 * WEEK_H);
    assert!(told.usual.starts_with("at no fixed hours, about 3 h"), "{told:?}");
    assert!(story.first(Freshness::Late, died) - died <= 3 * 24);
    assert!(story.first(Freshness::Lost, died) - died <= 5 * 24);
}

#[test]
fn fridays_without_a_dish_are_learnt_and_a_friday_with_one_blames_nobody_later() {
    let story = Story::of(8, |hour| day(hour) != FRI || hour / WEEK_H == 5, always);
    story.no_alarm(2 * WEEK_H, 8 * WEEK_H);
    assert_eq!(story.habit(4 * WEEK_H).usual, "Sun-Thu, Sat day and night");
    // The first Friday of all is more than what offices do: nothing but work counts by then.
    story.no_alarm(0, WEEK_H);
}

#[test]
fn a_day_without_hq_blames_nobody() {
    let down = 4 * WEEK_H + TUE * 24..4 * WEEK_H + (TUE + 1) * 24 + 10;
    let story = Story::of(6, works, |hour| !down.contains(&hour));
    story.no_alarm(0, 6 * WEEK_H);
    let story = Story::of(6, always, |hour| !down.contains(&hour));
    story.no_alarm(0, 6 * WEEK_H);
}

#[test]
fn an_office_that_died_while_hq_was_down_is_judged_by_what_hq_could_have_heard() {
    let died = 4 * WEEK_H + TUE * 24 + 9;
    let down = died..died + 48;
    let story = Story::of(7, |hour| works(hour) && hour < died, |hour| !down.contains(&hour));
    story.no_alarm(0, down.end);
    let lost = story.first(Freshness::Lost, died);
    assert_eq!(lost - down.end, 7 + 17 + 48, "a day of work, over a weekend");
}

#[test]
fn one_long_failure_does_not_make_the_next_one_usual() {
    let failed = 4 * WEEK_H + TUE * 24..4 * WEEK_H + (TUE + 2) * 24;
    let died = 5 * WEEK_H + TUE * 24 + 9;
    let story = Story::of(7, |hour| works(hour) && hour < died && !failed.contains(&hour), always);
    let late = story.first(Freshness::Late, died);
    assert_eq!((day(late), late - died), (TUE, 6));
    let lost = story.first(Freshness::Lost, died);
    assert!(lost - died <= 24 + 2, "{}", lost - died);
}

#[test]
fn a_new_office_is_judged_by_what_offices_do_and_that_is_said() {
    let story = Story::of(2, |hour| hour == 0, always);
    let late = story.first(Freshness::Late, 0);
    assert_eq!(of_day(late), 12, "four hours after work began");
    let lost = story.first(Freshness::Lost, 0);
    assert_eq!((day(lost), of_day(lost)), (0, 15));
    assert!(!story.habit(late).learnt);
}

#[test]
fn a_clock_that_was_set_back_makes_nobody_late() {
    let contact = Contact { connected: false, last: at(1000) };
    let habit = judge(&Log::default(), &Log::default(), contact, at(0));
    assert_eq!((habit.freshness, habit.missed_m), (Freshness::Fresh, 0));
}

#[test]
fn a_log_gives_back_what_was_marked() {
    let hour = Hour::of(at(TUE * 24 + 9));
    let mut log = Log::default();
    log.mark(hour);
    let mut copy = Log::default();
    copy.put(hour.week(), log.week(hour.week()));
    assert!(copy.has(hour) && !copy.has(Hour::of(at(TUE * 24 + 10))));
    assert_eq!(log.week(hour.week() + 1), [0; WEEK_BYTES]);
    assert_eq!(Hour::of(UnixMs(at(0).0 - 1)).week() + 1, Hour::of(at(0)).week(), "from Sunday");
}
