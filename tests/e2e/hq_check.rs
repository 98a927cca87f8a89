//! What `wasl-hq check` answers in each state: the exit code, and the first words.

use crate::config::author::{Author, now};
use crate::config::push;
use crate::district::{District, enroll, synced};
use crate::hands::wait;
use crate::held::hostile;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::time::Duration;
use wasl_tests::clock;
use wasl_tests::fleet::{Hq, Installation, Office};
use wasl_tests::process::finish;

/// Sunday 2027-01-03, midnight in Iraq, in seconds.
const SUNDAY_S: i64 = 1_798_923_600;

/// What a monitoring system sees.
fn check(at: &Installation) -> (i32, String) {
    let out = at.output(&["check"], b"").unwrap();
    let line = String::from_utf8(out.stdout).unwrap();
    assert_eq!(line.lines().count(), 1, "one line: {line:?}");
    (out.status.code().expect("it ends by itself"), line)
}

/// `check` answers so.
fn says(at: &Installation, code: i32, begin: &str) {
    let (answered, line) = check(at);
    assert!(answered == code && line.starts_with(begin), "{answered}: {line}");
}

/// Stops HQ and starts it again where nothing is withheld while it is young.
fn judge_at_once(hq: &mut Hq) {
    assert!(hq.at.stop());
    let file = OpenOptions::new().append(true).open(hq.at.dir().join("hq.toml"));
    file.unwrap().write_all(b"\n[status]\nwarm_up_s = 0\n").unwrap();
    hq.at.run().unwrap();
}

/// Starts an installation again when its clock shows so many days and half past the hour after
/// that Sunday.
fn runs_at(at: &mut Installation, day: i64, hour: i64) {
    at.stop();
    let now = now().0 / 1000;
    let then = SUNDAY_S + (day * 24 + hour) * 3600 + 1800;
    at.set_clock_off(then - now);
    at.run().unwrap();
}

/// How fresh HQ takes an office to be.
fn freshness(hq: &Hq, id: &str) -> Value {
    hq.at.get(&format!("/v1/offices/{id}")).unwrap()["freshness"].clone()
}

fn connected(hq: &Hq, office: &Office) {
    let path = format!("/v1/offices/{}", office.id);
    wait("connected", || (hq.at.get(&path).unwrap()["connected"] == true).then_some(()));
}

#[test]
fn a_well_hq_is_ok_and_what_needs_staff_only_changes_no_exit_code() {
    let district = District::new();
    let hq = &district.hq;
    says(&hq.at, 0, "OK - HQ: no offices yet | offices=0;;;0 ");
    drop(district.token("batha"));
    let office = district.office("nasr");
    connected(hq, &office);
    says(&hq.at, 0, "OK - HQ: just started");
    assert_eq!([freshness(hq, "batha"), freshness(hq, "nasr")], ["NEVER", "FRESH"]);
    let (_, line) = check(&hq.at);
    for figure in [" connected=1;;;0", " fresh=1;", " late=0;0;;0", " lost=0;;0;0", " never=1;"] {
        assert!(line.contains(figure), "{figure}: {line}");
    }
    // One that is revoked is nobody's worry.
    hq.at.call(&["office", "revoke", "batha"]).unwrap();
    let (_, line) = check(&hq.at);
    assert!(line.contains("offices=1;") && line.contains(" never=0;"), "{line}");
}

#[test]
fn an_office_that_is_cut_off_is_quiet_by_night_late_by_day_and_lost_a_working_day_later() {
    let mut district = District::new();
    judge_at_once(&mut district.hq);
    runs_at(&mut district.hq.at, 0, 14);
    let mut office = district.joined("nasr");
    runs_at(&mut office.at, 0, 14);
    enroll(&office, 0..1);
    synced(&office);
    connected(&district.hq, &office);
    assert!(office.at.stop());
    let hq = &mut district.hq;
    runs_at(&mut hq.at, 0, 22);
    assert_eq!(freshness(hq, "nasr"), "QUIET");
    says(&hq.at, 0, "OK - HQ: all is well; 0 of 1 office fresh");
    for hour in 8..12 {
        runs_at(&mut hq.at, 1, hour);
        assert_eq!(freshness(hq, "nasr"), "QUIET", "{hour}");
    }
    runs_at(&mut hq.at, 1, 12);
    says(&hq.at, 1, "WARNING - HQ: offices are late (nasr: last heard 2");
    for hour in 13..15 {
        runs_at(&mut hq.at, 1, hour);
        assert_eq!(freshness(hq, "nasr"), "LATE", "{hour}");
    }
    runs_at(&mut hq.at, 1, 15);
    says(&hq.at, 2, "CRITICAL - HQ: offices are lost (nasr: last heard 2");
    let shown = hq.at.call(&["status"]).unwrap();
    assert!(shown.contains("LOST  last known, "), "{shown}");
    assert!(shown.contains("CRIT  offices are lost [office-lost]"), "{shown}");
    // It comes back, and all is forgotten.
    runs_at(&mut office.at, 1, 15);
    connected(&district.hq, &office);
    says(&district.hq.at, 0, "OK - HQ: ");
}

#[test]
fn a_young_hq_does_not_cry_for_offices_that_are_coming_back() {
    let mut district = District::new();
    runs_at(&mut district.hq.at, 0, 8);
    let mut office = district.joined("nasr");
    runs_at(&mut office.at, 0, 8);
    connected(&district.hq, &office);
    assert!(office.at.stop());
    for hour in 9..16 {
        runs_at(&mut district.hq.at, 0, hour);
    }
    assert_eq!(freshness(&district.hq, "nasr"), "LATE");
    says(&district.hq.at, 0, "OK - HQ: just started");
}

#[test]
fn an_alarm_is_critical_and_a_rollout_that_was_stopped_a_warning() {
    let district = District::new();
    let hq = &district.hq.at;
    let office = district.office("nasr");
    connected(&district.hq, &office);
    drop(district.token("batha"));
    let edition = Author::of(&district.hq).edition(1, &json!({"day": {"capacity": 20}}));
    push(&district, &edition, &["--canary", "batha"]);
    hq.call(&["config", "abort", "1"]).unwrap();
    says(hq, 1, "WARNING - HQ: a rollout does not go on (edition 1, ABORTED");
    let (_hostile, _, _) = hostile(&district);
    says(hq, 2, "CRITICAL - HQ: an office wrote what only headquarters may write (1 entry");
}

#[test]
fn a_hq_that_is_not_there_is_critical_and_one_that_hangs_unknown_within_five_seconds() {
    let mut district = District::new();
    let office = district.office("nasr");
    connected(&district.hq, &office);
    let hq = &mut district.hq.at;
    let pid = i32::try_from(hq.status().unwrap()["pid"].as_i64().unwrap()).unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let begun = clock::now();
    says(hq, 3, "UNKNOWN - HQ: HQ: it hangs: no answer within 4 s");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    kill_process(pid, Signal::CONT).unwrap();
    says(hq, 0, "OK - HQ: ");
    hq.kill();
    says(hq, 2, "CRITICAL - HQ: headquarters is not running: no office can reach it");
    let shown = hq.call(&["status"]).unwrap();
    assert!(shown.starts_with("CRITICAL  headquarters: not running"), "{shown}");
    assert!(shown.contains("QUIET  last known, "), "nothing is fresh any more: {shown}");
    hq.run().unwrap();
    assert!(hq.stop());
    says(hq, 2, "CRITICAL - HQ: headquarters is not running");
    std::fs::write(hq.dir().join("hq.db"), "not a database").unwrap();
    says(hq, 2, "CRITICAL - HQ: headquarters is not running; nor can its database be read");
}

#[test]
fn whatever_keeps_it_from_asking_is_unknown() {
    let district = District::new();
    let hq = &district.hq.at;
    for words in [&["check", "--verbose"][..], &["check", "now"]] {
        let out = hq.output(words, b"").unwrap();
        let line = String::from_utf8(out.stdout).unwrap();
        assert_eq!(out.status.code(), Some(3), "{line}");
        assert!(line.starts_with("UNKNOWN - HQ: the command line makes no sense"), "{line}");
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can become nobody: who may not ask was not looked at");
        return;
    }
    let mut command = hq.command(&["check"]);
    command.uid(65_534).gid(65_534);
    let out = finish(command, b"").unwrap();
    let line = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(3), "{line}");
    assert!(line.starts_with("UNKNOWN - HQ: ") && line.contains("ermission denied"), "{line}");
}
