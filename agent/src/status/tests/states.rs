//! One table: every state that an office can be in, what `check` exits with, and what it says.

use super::super::check::{Silence, State, Verdict};
use super::*;

/// What is done to a well office, what check exits with, and words of its line.
type Row = (&'static str, fn(&mut World), State, &'static str);

const WAITS: u64 = 300;

fn down(w: &mut World, hours: i64) {
    w.link.state = LinkPhase::Backoff;
    (w.link.since, w.link.last_up_at) = (Some(before(hours * HOUR)), Some(before(hours * HOUR)));
    w.link.rtt_ms = None;
}

fn waits(w: &mut World, hours: i64) {
    (w.facts.backlog, w.facts.oldest_unacked_at) = (WAITS, Some(before(hours * HOUR)));
}

/// Working hours that end before now, so that the time since then does not count.
fn night(w: &mut World) {
    let hours = "days = [\"mon\", \"tue\"]\nfrom = \"06:00\"\nto = \"08:00\"";
    w.in_force.settings.working_hours = Some(toml::from_str(hours).unwrap());
}

fn rolled_back(w: &mut World) {
    w.config.state.fold(&step(8, Phase::Fetched));
    let (to, code, message) = (Serial(7), "intake".to_owned(), "a gate failed".to_owned());
    w.config.state.fold(&step(8, Phase::RolledBack { to, code, message }));
}

const STATES: &[Row] = &[
    ("up", |_| {}, State::Ok, "HQ has everything"),
    ("up, syncing", |w| w.facts.backlog = WAITS, State::Ok, "syncing: 300 to go"),
    (
        "warming up",
        |w| {
            w.up_ms = 3_000;
            down(w, 30);
            waits(w, 30);
        },
        State::Ok,
        "starting: 3 s; no link now: 300 wait here",
    ),
    ("down 3 h", |w| down(w, 3), State::Ok, "no link now"),
    (
        "down 3 h with backlog",
        |w| {
            down(w, 3);
            waits(w, 3);
        },
        State::Ok,
        "no link now: 300 wait here, safe on disk",
    ),
    ("down 5 h", |w| down(w, 5), State::Warning, "the link to HQ is down (down for 5 h"),
    ("down 30 h without backlog", |w| down(w, 30), State::Warning, "the link to HQ is down"),
    (
        "down 30 h with backlog",
        |w| {
            down(w, 30);
            waits(w, 30);
        },
        State::Critical,
        "the link to HQ is down",
    ),
    ("up, and HQ takes nothing for 30 h", |w| waits(w, 30), State::Critical, "300 entries wait"),
    (
        "night: down since work ended",
        |w| {
            night(w);
            down(w, 15);
            waits(w, 15);
        },
        State::Ok,
        "no link now: 300 wait here",
    ),
    ("disk full in 10 days", |w| w.fill_eta_s = Some(10 * DAY_S), State::Warning, "10 days"),
    ("disk full in 2 days", |w| w.fill_eta_s = Some(2 * DAY_S), State::Critical, "full in 2 days"),
    (
        "disk full",
        |w| w.facts.closed = Some(Refused::DiskFull),
        State::Critical,
        "the disk is full: no enrollment is taken",
    ),
    (
        "read-only",
        |w| w.facts.closed = Some(Refused::Poisoned),
        State::Critical,
        "the journal's disk failed: no enrollment is taken",
    ),
    (
        "damaged",
        |w| w.verified = Some(Verified { at: timestamp(NOW), result: "byte 7".to_owned() }),
        State::Critical,
        "the journal is damaged (byte 7)",
    ),
    ("clock off 40 s", |w| w.link.clock_offset_ms = Some(40 * S), State::Warning, "40 s ahead of"),
    (
        "clock off 10 min",
        |w| w.link.clock_offset_ms = Some(-600 * S),
        State::Critical,
        "10 min behind HQ's",
    ),
    ("conflict", |w| w.facts.conflicts = 2, State::Ok, "HQ has everything"),
    ("held", |w| w.facts.held = 2, State::Warning, "HQ holds entries back (2 stored"),
    ("refused entries", |w| w.facts.refused = 1, State::Warning, "HQ has refused entries"),
    ("config rolled back", rolled_back, State::Warning, "edition 8 went back to 7"),
    ("revoked", |w| w.link.state = LinkPhase::Refused, State::Critical, "HQ refuses this office"),
    ("paused", |w| w.link.state = LinkPhase::Paused, State::Warning, "the link is paused"),
    ("forked", |w| w.facts.fork = Some(Seq(7)), State::Critical, "another history"),
    (
        "three things wrong",
        |w| {
            w.facts.closed = Some(Refused::DiskFull);
            (w.facts.held, w.facts.refused, w.facts.read_only) = (1, 1, 1);
        },
        State::Critical,
        "; HQ has refused entries (1 that do not count, by a decision of HQ's staff); and 1 more",
    ),
];

#[test]
fn each_state_of_a_live_daemon_has_its_exit_code_and_its_words() {
    for (state, harm, exit, words) in STATES {
        let mut world = well();
        harm(&mut world);
        let verdict = Verdict::live(&status(&world));
        let line = verdict.to_string();
        assert_eq!(verdict.state, *exit, "{state}: {line}");
        let (text, figures) = line.split_once(" | ").unwrap();
        assert!(text.contains(words) && text.contains(" - suq-al-shuyukh: "), "{state}: {line}");
        assert!(figures.starts_with("backlog="), "{state}: {line}");
        assert!(!line.contains('\n'), "{state}: {line}");
    }
}

#[test]
fn the_figures_carry_units_and_the_thresholds_in_force() {
    let mut world = well();
    waits(&mut world, 1);
    world.fill_eta_s = Some(20 * DAY_S);
    (world.facts.held, world.facts.conflicts) = (0, 2);
    world.in_force.settings.status.clock_warn_s = 20;
    let line = Verdict::live(&status(&world)).to_string();
    let figures = "backlog=300;;;0 oldest_unacked=3600s;14400;86400;0 free=36507222016B;;;0 \
        disk_runway=1728000s;1209600:;259200:;0 fsync_p99=0.420ms;;;0 \
        clock_offset=-0.080s;-20:20;-300:300 held=0;0;;0 conflicts=2;;;0";
    assert_eq!(line, format!("OK - suq-al-shuyukh: syncing: 300 to go | {figures}"));
}

#[test]
fn what_is_left_behind_is_critical_where_it_died_and_else_unknown() {
    let left = |harm: &dyn Fn(&mut Status), age_ms, silence| {
        let mut status = status(&well());
        harm(&mut status);
        let verdict = Verdict::left(&status, age_ms, silence);
        (verdict.state, verdict.to_string())
    };
    let stopped = |s: &mut Status| s.stopped_at = Some(s.as_of);
    let closed = |s: &mut Status| {
        stopped(s);
        s.intake_open = false;
    };
    let (state, line) = left(&|_| {}, 5 * S, Silence::Gone);
    let words = "suq-al-shuyukh: the daemon died: no enrollment is taken; last known 5 s ago: HQ \
        has everything";
    assert_eq!((state, line), (State::Critical, format!("CRITICAL - {words}")));
    assert_eq!(left(&closed, 5 * S, Silence::Gone).0, State::Critical);
    let (state, line) = left(&stopped, 31 * S, Silence::Gone);
    assert_eq!(state, State::Unknown);
    assert!(line.contains("the daemon was stopped") && line.contains("STALE, last known 31 s"));
    let (state, line) = left(&|_| {}, 5 * S, Silence::Hung);
    assert_eq!(state, State::Unknown);
    assert!(line.contains("process 4711) does not answer; last known 5 s ago"), "{line}");
}

#[test]
fn no_text_can_pretend_to_be_figures_or_a_second_line() {
    let line = Verdict::unknown("a | b\nOK - c").to_string();
    assert!(!line.contains('|') && !line.contains('\n'), "{line}");
}
