//! A second disk, and damage in the middle: nothing that was answered is missing.

use crate::district::{District, Enrolled, enroll, synced, try_enroll, until};
use crate::forms;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use wasl_tests::fleet::Office;

/// A file system in memory: another device than the data dirs of the tests.
const OTHER_DISK: &str = "/dev/shm";

/// An office with a mirror on another disk.
struct Mirrored {
    stick: TempDir,
    office: Office,
}

impl Mirrored {
    fn new(district: &District, id: &str) -> Self {
        let stick = TempDir::with_prefix_in("wasl-stick-", OTHER_DISK).unwrap();
        let office = district.joined(id);
        let this = Self { stick, office };
        fs::create_dir(this.place()).unwrap();
        this.set();
        this
    }

    fn place(&self) -> PathBuf {
        self.stick.path().join("wasl")
    }

    fn set(&self) {
        let line = format!("mirror = {:?}\n", self.place().to_str().unwrap());
        fs::write(self.office.at.dir().join("wasl.toml"), line).unwrap();
    }

    fn level(&self) {
        until(&self.office, "level", |status| status["journal"]["mirror"]["level"] == true);
    }

    /// The data dir is gone with its disk; another one is made of the mirror. The key file, which
    /// lies elsewhere, is put back.
    fn replace_machine(&mut self) {
        let dir = self.office.at.dir().to_owned();
        let conf_d = fs::read(dir.join("conf.d/tests.toml")).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        copy(&self.place(), &dir);
        fs::create_dir(dir.join("conf.d")).unwrap();
        fs::write(dir.join("conf.d/tests.toml"), conf_d).unwrap();
        self.set();
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

fn has(status: &Value, code: &str) -> bool {
    status["warnings"].as_array().unwrap().iter().any(|w| w["code"] == code)
}

/// Is the warning there? (`until` waits for it.)
fn warned(office: &Office, code: &str) -> Value {
    until(office, code, |status| has(status, code))
}

fn ended(office: &Office, code: &str) {
    until(office, &format!("no {code}"), |status| !has(status, code));
}

#[test]
fn a_machine_that_dies_is_replaced_by_its_mirror_with_all_that_hq_never_had() {
    let district = District::new();
    let mut here = Mirrored::new(&district, "nasr");
    here.office.link.cut();
    here.office.at.run().unwrap();
    here.level();
    let mut enrolled = BTreeSet::new();
    for life in 0..3 {
        enrolled.extend(enroll(&here.office, life * 100..life * 100 + 100).ids());
        here.office.at.kill();
        here.replace_machine();
        here.office.at.run().unwrap();
        here.level();
    }
    here.office.link.restore();
    assert_eq!(enrolled.len(), 300);
    assert!(district.agree(&here.office) == enrolled, "what was answered is not all there");
    here.level();
}

#[test]
fn a_stick_that_is_pulled_out_is_told_and_catches_up_when_it_is_back() {
    let district = District::new();
    let mut here = Mirrored::new(&district, "rifai");
    here.office.at.run().unwrap();
    here.level();
    let mut enrolled = enroll(&here.office, 0..20).ids();
    let drawer = here.stick.path().join("drawer");
    fs::rename(here.place(), &drawer).unwrap();
    enrolled.extend(enroll(&here.office, 20..40).ids());
    let status = warned(&here.office, "mirror");
    assert_eq!(status["intake_open"], true);
    assert_eq!(status["journal"]["mirror"]["level"], false);
    let told = here.office.at.output(&["doctor"], b"").unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("is not there"), "{told}");
    fs::rename(&drawer, here.place()).unwrap();
    here.level();
    ended(&here.office, "mirror");
    enrolled.extend(enroll(&here.office, 40..60).ids());
    here.office.at.kill();
    here.replace_machine();
    here.office.at.run().unwrap();
    assert_eq!(district.agree(&here.office), enrolled);
}

#[test]
fn a_stick_of_another_office_is_refused_and_left_as_it_is() {
    let district = District::new();
    let mut theirs = Mirrored::new(&district, "fajr");
    theirs.office.at.run().unwrap();
    theirs.level();
    assert!(theirs.office.at.stop());
    let before = tree(&theirs.place());
    let mut office = district.joined("nasr");
    let line = format!("mirror = {:?}\n", theirs.place().to_str().unwrap());
    fs::write(office.at.dir().join("wasl.toml"), line).unwrap();
    office.at.run().unwrap();
    warned(&office, "mirror");
    let enrolled = enroll(&office, 0..5).ids();
    assert_eq!(district.agree(&office), enrolled);
    assert_eq!(tree(&theirs.place()), before);
}

/// Every file and a hash of what is in it.
fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The first segment of a log of the office.
fn segment(office: &Office, log: &str) -> PathBuf {
    let folder = office.at.dir().join(log);
    let id = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    id.path().join("00000001.seg")
}

/// Flips a bit in the middle of what is used of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn all_answered_again(office: &Office, answered: &Enrolled) {
    let lines = forms::lines(&office.id, 0..answered.answers.len());
    let again = try_enroll(office, lines);
    assert!(again.answers.iter().all(|answer| answer["duplicate"] == true));
    assert_eq!(again.ids(), answered.ids());
}

#[test]
fn a_hole_in_the_journal_is_told_closes_nothing_and_comes_back_from_hq() {
    for view_too in [false, true] {
        let district = District::new();
        let mut office = district.office("nasr");
        let answered = enroll(&office, 0..400);
        synced(&office);
        assert!(office.at.stop());
        damage(&segment(&office, "journal"));
        if view_too {
            fs::remove_dir_all(office.at.dir().join("view")).unwrap();
        }
        office.link.cut();
        office.at.run().unwrap();
        let status = warned(&office, "journal-hole");
        assert_eq!((&status["overall"], &status["intake_open"]), (&"crit".into(), &true.into()));
        let mut ids = answered.ids();
        ids.extend(enroll(&office, 1_000..1_010).ids());
        let found = office.at.output(&["journal", "verify"], b"").unwrap();
        assert!(!found.status.success(), "it is there, and named");
        office.link.restore();
        ended(&office, "journal-hole");
        office.at.call(&["journal", "verify"]).unwrap();
        assert_eq!(district.agree(&office), ids);
        all_answered_again(&office, &answered);
        assert!(office.at.stop());
        office.at.run().unwrap();
        thread::sleep(Duration::from_millis(500));
        assert!(!has(&office.at.status().unwrap(), "journal-hole"));
        assert_eq!(district.agree(&office), ids);
    }
}

#[test]
fn a_hole_in_the_journal_comes_back_from_the_mirror_without_a_link() {
    let district = District::new();
    let mut here = Mirrored::new(&district, "rifai");
    here.office.at.run().unwrap();
    synced(&here.office);
    here.office.link.cut();
    let answered = enroll(&here.office, 0..400);
    here.level();
    assert!(here.office.at.stop());
    damage(&segment(&here.office, "journal"));
    here.office.at.run().unwrap();
    let mut ids = answered.ids();
    ids.extend(enroll(&here.office, 1_000..1_010).ids());
    let verified = |office: &Office| office.at.output(&["journal", "verify"], b"").unwrap();
    for _ in 0..600 {
        if verified(&here.office).status.success() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    here.office.at.call(&["journal", "verify"]).unwrap();
    all_answered_again(&here.office, &answered);
    here.office.link.restore();
    assert_eq!(district.agree(&here.office), ids);
}

#[test]
fn a_damaged_inbox_is_taken_anew_from_hq() {
    let district = District::new();
    let mut office = district.office("fajr");
    let ids = enroll(&office, 0..5).ids();
    synced(&office);
    for id in &ids {
        let why = ["record", "void", id, "--why", "twice"];
        district.hq.at.call(&why).unwrap();
    }
    district.agree(&office);
    assert!(office.at.stop());
    damage(&segment(&office, "inbox"));
    office.at.run().unwrap();
    assert_eq!(district.agree(&office), ids);
    office.at.call(&["journal", "verify"]).unwrap();
    // Gone altogether, with the view.
    assert!(office.at.stop());
    fs::remove_dir_all(office.at.dir().join("inbox")).unwrap();
    fs::remove_dir_all(office.at.dir().join("view")).unwrap();
    office.at.run().unwrap();
    assert_eq!(district.agree(&office), ids);
}
