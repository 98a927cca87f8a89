//! `kill -9` at random moments.

use crate::district::{District, Enrolled, enroll, synced};
use crate::forms;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use wasl_tests::fleet::Office;

/// How long an operator takes for one line, here.
const LINE_EVERY: Duration = Duration::from_micros(500);

/// Enrolls line after line, beginning at `from`, until the daemon is killed after `life`. Answers
/// what was answered.
fn enroll_until_killed(office: &mut Office, from: usize, life: Duration) -> Enrolled {
    let mut command = office.at.command(&["enroll", "-"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let id = office.id.clone();
    let typing = thread::spawn(move || {
        let mut n = from;
        while writeln!(stdin, "{}", forms::form(&id, n)).is_ok() {
            n += 1;
            thread::sleep(LINE_EVERY);
        }
    });
    thread::sleep(life);
    office.at.kill();
    let out = child.wait_with_output().unwrap();
    typing.join().unwrap();
    assert!(!out.status.success(), "a daemon that died is no success");
    Enrolled::of(&out)
}

#[test]
fn an_office_killed_100_times_while_enrolling_keeps_every_answered_line() {
    const LIVES: usize = 100;
    const LINES_A_LIFE: usize = 10_000;
    let district = District::new();
    let mut office = district.joined("gharraf");
    let mut dice = fastrand::Rng::with_seed(3);
    let mut answered: BTreeMap<String, String> = BTreeMap::new();
    for life in 0..LIVES {
        office.at.run().unwrap();
        let span = Duration::from_millis(dice.u64(5..60));
        for answer in enroll_until_killed(&mut office, life * LINES_A_LIFE, span).answers {
            let text = |field: &str| answer[field].as_str().unwrap().to_string();
            answered.insert(text("form_number"), text("id"));
        }
    }
    assert!(answered.len() > LIVES, "{} lines were answered", answered.len());
    office.at.call(&["journal", "verify"]).unwrap();
    office.at.run().unwrap();
    // A line may be there that was not answered; never the other way round.
    let kept = district.agree(&office);
    let answered: BTreeSet<String> = answered.into_values().collect();
    assert!(answered.is_subset(&kept), "{} answered, {} kept", answered.len(), kept.len());
}

#[test]
fn hq_killed_20_times_while_offices_upload_agrees_with_them_in_the_end() {
    let mut district = District::new();
    let office = district.office("chibayish");
    let mut dice = fastrand::Rng::with_seed(5);
    let mut enrolled = BTreeSet::new();
    for life in 0..20 {
        enrolled.extend(enroll(&office, life * 100..(life + 1) * 100).ids());
        thread::sleep(Duration::from_millis(dice.u64(0..300)));
        district.hq.at.kill();
        district.hq.at.run().unwrap();
    }
    assert_eq!(district.agree(&office), enrolled);
    assert_eq!(enrolled.len(), 2_000);
}

#[test]
fn both_ends_killed_at_once_agree_in_the_end() {
    let mut district = District::new();
    let mut office = district.office("islah");
    let mut enrolled = BTreeSet::new();
    for life in 0..5 {
        enrolled.extend(enroll(&office, life * 200..(life + 1) * 200).ids());
        district.hq.at.kill();
        office.at.kill();
        office.at.run().unwrap();
        district.hq.at.run().unwrap();
    }
    synced(&office);
    assert_eq!(district.agree(&office), enrolled);
}
