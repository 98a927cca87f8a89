//! What a monitoring system is told by real daemons, in every state that can be brought about. The
//! others, and the same ones, stand in the table of `agent/src/status/tests/states.rs`.

use crate::config::author::{Author, LATE, now};
use crate::config::{in_force, push};
use crate::district::{District, enroll, synced, until};
use crate::hands::{get, set, wait};
use crate::held::hostile;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use wasl_tests::clock;
use wasl_tests::fleet::Office;
use wasl_tests::process::finish;

/// A daemon tells nothing that only time can tell for so long.
const WARMUP: Duration = Duration::from_mins(1);

/// In which time `check` answers, whatever the daemon does.
const ANSWERS: Duration = Duration::from_secs(5);

const HOUR_S: i64 = 3_600;

const DAY_S: i64 = 24 * HOUR_S;

/// What `check` said, how it exited, and in which time.
struct Told {
    exit: Option<i32>,
    line: String,
    took: Duration,
}

fn ended(command: Command) -> Told {
    let begin = clock::now();
    let out = finish(command, b"").unwrap();
    let took = clock::now() - begin;
    let line = String::from_utf8(out.stdout).unwrap();
    assert_eq!(line.lines().count(), 1, "one line, whatever happens: {line:?}");
    Told { exit: out.status.code(), line, took }
}

fn check(office: &Office) -> Told {
    ended(office.at.command(&["check"]))
}

/// `check` and `status` of an office say so.
fn is(office: &Office, exit: i32, words: &str) {
    let told = check(office);
    assert_eq!(told.exit, Some(exit), "{}: {}", office.id, told.line);
    assert!(told.line.contains(words), "{}: not {words:?}: {}", office.id, told.line);
    assert!(told.took < ANSWERS, "{}: {:?}", office.id, told.took);
    let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::try_from(exit).unwrap()];
    assert!(told.line.starts_with(&format!("{word} - {}: ", office.id)), "{}", told.line);
    let shown = office.at.call(&["status"]).unwrap();
    // `status` is about now: what no live daemon tells is unknown to it.
    let live = told.line.contains(" | backlog=");
    assert!(shown.starts_with(if live { word } else { "UNKNOWN" }), "{}: {shown}", office.id);
    let rows = ["Link", "Sync", "Records", "Journal", "Config", "Clock"];
    assert!(rows.iter().all(|row| shown.contains(&format!("\n  {row:<9}"))), "{shown}");
}

/// Starts the daemon again as one whose clock is so much later, without a link.
fn later(office: &mut Office, seconds: i64) {
    assert!(office.at.stop());
    office.link.cut();
    office.at.set_clock_off(seconds);
    office.at.run().unwrap();
}

/// An edition under which no hour of the coming three days is working time.
fn night(district: &District, office: &Office) {
    let author = Author::of(&district.hq);
    let days = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    let today = usize::try_from(now().0 / 1000 / DAY_S).unwrap();
    let hours = json!({"days": [days[(today + 5) % 7]], "from": "08:00", "to": "15:00"});
    let mut edition = author.edition(1, &json!({"working_hours": hours}));
    edition.scope.all = false;
    edition.scope.offices = [office.id.parse().unwrap()].into();
    push(district, &edition, &["--now"]);
    until(office, "at night", |status| {
        status["config"]["running"] == 1 && status["config"]["state"] == "committed"
    });
}

/// An edition on trial that the operator takes back.
fn roll_back(district: &District, office: &Office) {
    let mut edition = Author::of(&district.hq).edition(2, &json!({"day": {"capacity": 20}}));
    edition.probation = LATE;
    edition.scope.all = false;
    edition.scope.offices = [office.id.parse().unwrap()].into();
    push(district, &edition, &["--now"]);
    in_force(office, 2);
    office.at.call(&["config", "rollback", "--why", "the queue stands still"]).unwrap();
}

/// One record, written at both ends of a cut link.
fn conflict(district: &District, office: &Office) {
    let id = enroll(office, 0..1).ids().pop_first().unwrap();
    synced(office);
    wait("HQ has it", || get(&district.hq.at, &id));
    office.link.cut();
    set(&office.at, &id, "contact.phone=+9647811111111", "op-07");
    set(&district.hq.at, &id, "contact.phone=+9647822222222", "clerk-2");
    office.link.restore();
    until(office, "in conflict", |status| status["records"]["conflicts"] == 1);
}

#[test]
fn check_and_status_tell_every_state_of_a_live_daemon() {
    let district = District::new();
    let office = |id: &str| {
        let office = district.office(id);
        enroll(&office, 0..3);
        synced(&office);
        office
    };
    let (up, down) = (office("nasr"), office("shatra"));
    let [mut waits, mut idle, mut asleep] = ["rifai", "batha", "fajr"].map(office);
    let mut off = district.joined("islah");
    off.at.set_clock_off(600);
    off.at.run().unwrap();
    let (in_conflict, back, gone) = (office("fuhud"), office("dawaya"), office("gharraf"));
    let (held, ..) = hostile(&district);
    night(&district, &asleep);
    roll_back(&district, &back);
    conflict(&district, &in_conflict);
    district.hq.at.call(&["office", "revoke", &gone.id]).unwrap();
    down.link.cut();
    enroll(&down, 3..6);
    for office in [&waits, &asleep] {
        office.link.cut();
        enroll(office, 3..6);
    }
    later(&mut waits, 30 * HOUR_S);
    later(&mut asleep, 30 * HOUR_S);
    later(&mut idle, 30 * HOUR_S);
    // Nothing cries at first but what time cannot mend.
    for office in [&waits, &idle] {
        is(office, 0, "starting: ");
    }
    until(&gone, "refused", |status| status["link"]["state"] == "refused");
    is(&gone, 2, "HQ refuses this office");
    std::thread::sleep(WARMUP);
    is(&up, 0, "HQ has everything");
    is(&down, 0, "no link now: 3 wait here, safe on disk");
    is(&waits, 2, "the link to HQ is down (down for 30 h of working time");
    is(&idle, 1, "the link to HQ is down (down for 30 h of working time");
    is(&asleep, 0, "no link now: 3 wait here, safe on disk");
    is(&off, 2, "the clock is off (10 min ahead of HQ's");
    is(&in_conflict, 0, "conflicts=1");
    is(&held, 1, "HQ holds entries back");
    is(&back, 1, "edition 2 went back to what is built in");
    causes(&waits);
    paused(&up);
}

/// What follows from a link that is down stands behind it, and each says since when.
fn causes(office: &Office) {
    let status = office.at.status().unwrap();
    let warnings = status["warnings"].as_array().unwrap();
    let told: Vec<_> = warnings.iter().map(|w| (&w["code"], &w["depends_on"])).collect();
    assert_eq!(
        told,
        [(&json!("link-down"), &json!([])), (&json!("unacked"), &json!(["link-down"]))]
    );
    assert!(warnings.iter().all(|warning| warning["since"].is_string()), "{warnings:#?}");
    let shown = office.at.call(&["status"]).unwrap();
    assert!(shown.contains("\n      so CRIT  HQ has not had everything for long"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 102), "{shown}");
}

/// The link is held back over a restart of the caller's patience, and goes on by word.
fn paused(office: &Office) {
    office.at.call(&["pause", "--for", "30m", "--why", "the mast is painted"]).unwrap();
    let told = until(office, "paused", |status| status["link"]["state"] == "paused");
    assert!(!told.to_string().contains("mast"), "the reason is told to who asks: {told}");
    is(office, 1, "the link is paused (nothing is sent until ");
    let shown = office.at.call(&["pause", "--show"]).unwrap();
    assert!(shown.contains("the mast is painted"), "{shown}");
    enroll(office, 10..12);
    office.at.call(&["resume"]).unwrap();
    synced(office);
    is(office, 0, "HQ has everything");
}

#[test]
fn a_pause_outlives_the_daemon() {
    let district = District::new();
    let mut office = district.office("nasr");
    synced(&office);
    office.at.call(&["pause", "--why", "moving the antenna"]).unwrap();
    until(&office, "paused", |status| status["link"]["state"] == "paused");
    assert!(office.at.stop());
    office.at.run().unwrap();
    let told = until(&office, "paused again", |status| status["link"]["state"] == "paused");
    assert_eq!(told["warnings"][0]["code"], "paused");
    enroll(&office, 0..3);
    office.at.call(&["resume"]).unwrap();
    synced(&office);
}

#[test]
fn a_daemon_that_does_not_answer_is_told_by_what_it_left() {
    let district = District::new();
    let mut office = district.office("nasr");
    synced(&office);
    // Hung: somebody listens, and nobody answers.
    let pid = office.at.status().unwrap()["agent"]["pid"].as_i64().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    is(&office, 3, "does not answer; last known ");
    kill_process(pid, Signal::CONT).unwrap();
    is(&office, 0, "HQ has everything");
    // Stopped by whoever may.
    assert!(office.at.stop());
    is(&office, 3, "the daemon was stopped: no enrollment is taken; last known ");
    // Dead.
    office.at.run().unwrap();
    wait("a status of this life", || {
        let text = fs::read(office.at.dir().join("status.json")).ok()?;
        let left: Value = serde_json::from_slice(&text).ok()?;
        left["stopped_at"].is_null().then_some(())
    });
    office.at.kill();
    is(&office, 2, "the daemon died: no enrollment is taken; last known ");
    // Another version's.
    let left = office.at.dir().join("status.json");
    fs::write(&left, r#"{"schema":"wasl.status/9","overall":["fine"]}"#).unwrap();
    let told = check(&office);
    assert_eq!(told.exit, Some(3), "{}", told.line);
    assert!(told.line.contains("another version wrote it: \"wasl.status/9\""), "{}", told.line);
    fs::remove_file(&left).unwrap();
    let told = check(&office);
    assert_eq!(told.exit, Some(3), "{}", told.line);
    assert!(told.line.contains("start the daemon"), "{}", told.line);
}

#[test]
fn a_command_line_that_makes_no_sense_and_a_place_without_an_office_are_unknown() {
    let district = District::new();
    let stranger = district.stranger("nobody");
    for words in [&["check", "--nope"][..], &["check", "now"], &["check"]] {
        let told = ended(stranger.at.command(words));
        assert_eq!(told.exit, Some(3), "{words:?}: {}", told.line);
        assert!(told.line.starts_with("UNKNOWN - "), "{}", told.line);
    }
}

#[test]
fn whoever_may_not_ask_is_told_who_may() {
    if !is_root("become somebody else") {
        return;
    }
    let district = District::new();
    let office = district.office("nasr");
    fs::set_permissions(district.root(), fs::Permissions::from_mode(0o755)).unwrap();
    // Where nobody may look, a copy of the program that nobody can start.
    let asked = office.at.command(&["check"]);
    let copy = district.root().join("wasl-demo");
    fs::copy(Path::new(asked.get_program()), &copy).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
    command.args(asked.get_args());
    let told = ended(command);
    assert_eq!(told.exit, Some(3), "{}", told.line);
    assert!(told.line.contains("Permission denied"), "{}", told.line);
    assert!(told.line.contains("only the user root and root may"), "{}", told.line);
}

/// Is this root? If not, says past the test's capture what is not tested.
fn is_root(to: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        drop(writeln!(std::io::stderr(), "!! NOT TESTED: only root can {to}"));
    }
    root
}

/// A file system of 64 MiB, taken away again at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs"]).arg(at);
        let out = mount.output().unwrap();
        let why = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "a small disk cannot be mounted: {why}");
        Self(at)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

#[test]
fn a_full_disk_is_critical_at_once_and_well_again_by_itself() {
    if !is_root("mount a small disk") {
        return;
    }
    let district = District::new();
    let dir = district.root().join("nasr");
    let _disk = SmallDisk::mount(&dir);
    let mut office = district.joined("nasr");
    office.at.run().unwrap();
    enroll(&office, 0..3);
    synced(&office);
    let filler = dir.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let mut form = 3;
    wait("closed", || {
        let lines = crate::forms::lines(&office.id, form..form + 10_000);
        form += 10_000;
        drop(crate::district::try_enroll(&office, lines));
        (office.at.status().ok()?["intake_open"] == false).then_some(())
    });
    is(&office, 2, "the disk is full: no enrollment is taken");
    fs::remove_file(&filler).unwrap();
    wait("open again", || (office.at.status().ok()?["intake_open"] == true).then_some(()));
    enroll(&office, form..form + 3);
    synced(&office);
}
