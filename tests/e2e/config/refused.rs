//! Each refusal has its own code, and changes nothing.

use super::author::{Author, DAY_MS, now, word};
use super::{committed, explained, import, in_force, push, running};
use crate::district::{District, enroll, synced, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use wasl_protocol::edition::{AgentVersion, Edition, FleetId};
use wasl_protocol::units::UnixMs;
use wasl_tests::fleet::{Installation, Office};

const TEN_YEARS_S: i64 = 10 * 365 * 86_400;

/// Serial 9 with one thing wrong, and the code for it.
fn wrong(author: &Author, stranger: &Author) -> Vec<(&'static str, Vec<u8>)> {
    let good = || author.edition(9, &json!({"day": {"capacity": 9}}));
    let signed = |change: &dyn Fn(&mut Edition)| {
        let mut edition = good();
        change(&mut edition);
        author.signed(&edition)
    };
    let settings = |settings: Value| author.signed(&author.edition(9, &settings));
    let mut of_another_key = good();
    of_another_key.fleet = stranger.edition(9, &json!({})).fleet;
    vec![
        ("signature", author.forged(&good())),
        ("signature", author.unsigned(&good())),
        ("signature", stranger.signed(&good())),
        ("signature", stranger.signed(&of_another_key)),
        ("malformed", author.signed(&good())[..100].to_vec()),
        ("malformed", b"capacity = 9\n".to_vec()),
        ("fleet", signed(&|e| e.fleet = FleetId([9; 16]))),
        ("old_serial", author.signed(&author.edition(4, &json!({})))),
        ("expired", signed(&|e| e.not_after = UnixMs(e.issued_at.0 - 1))),
        ("schema", settings(json!({"day": {"capacities": 9}}))),
        ("schema", settings(json!({"data_dir": "/"}))),
        ("settings", settings(json!({"day": {"capacity": 0}}))),
        ("settings", settings(json!({"day": {"capacity": "many"}}))),
        ("settings", settings(json!({"link": {"endpoints": ["here"]}}))),
        ("settings", settings(json!({"fields": {"patterns": {"contact.phone": "("}}}))),
    ]
}

/// What must not change when an edition is refused.
fn facts(office: &Office) -> (u64, Value, BTreeSet<String>) {
    let slots = fs::read_dir(office.at.dir().join("config")).unwrap();
    let slots = slots.map(|slot| slot.unwrap().file_name().into_string().unwrap());
    (running(office), explained(office, "day.capacity"), slots.collect())
}

/// Runs a command on a file that must be refused with this code.
fn refused(at: &Installation, words: &[&str], code: &str) {
    let out = at.output(words, b"").unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{code}: {said}");
    assert!(said.starts_with("error: ") && said.contains(code), "`{code}` is not in: {said}");
}

fn refuses_each(district: &District, office: &Office) {
    let author = Author::of(&district.hq);
    let stranger = Author::of(&district.another_hq());
    let mut cases = wrong(&author, &stranger);
    let mut elsewhere = author.edition(9, &json!({}));
    elsewhere.scope.except = [office.id.parse().unwrap()].into();
    cases.push(("scope", author.signed(&elsewhere)));
    let mut ahead = author.edition(9, &json!({}));
    ahead.min_agent = AgentVersion(0, 2, 0);
    cases.push(("old_agent", author.signed(&ahead)));
    let before = facts(office);
    for (n, (code, bytes)) in cases.iter().enumerate() {
        let file = author.keep(&format!("wrong-{n}"), bytes);
        refused(&office.at, &["config", "import", word(&file)], code);
        assert_eq!(facts(office), before, "{code} changed something");
    }
    let huge = author.keep("huge", &vec![b'x'; 10 * 1024 * 1024]);
    assert!(!import_ends_well(office, &huge));
    assert_eq!(facts(office), before, "10 MiB changed something");
    enroll(office, 0..5);
    // The same serial, and nothing wrong with it.
    import(office, &author.file(&author.edition(9, &json!({"day": {"capacity": 9}}))));
    in_force(office, 9);
}

fn import_ends_well(office: &Office, file: &Path) -> bool {
    office.at.output(&["config", "import", word(file)], b"").unwrap().status.success()
}

#[test]
fn a_linked_office_refuses_each_with_its_code_and_goes_on() {
    let district = District::new();
    let office = district.office("nasr");
    push(&district, &Author::of(&district.hq).edition(5, &json!({})), &["--now"]);
    committed(&office, 5);
    refuses_each(&district, &office);
    committed(&office, 9);
    district.agree(&office);
    district.no_personal_data_in_logs();
}

#[test]
fn an_office_that_has_no_link_takes_and_refuses_the_same_from_a_usb_stick() {
    let district = District::new();
    let office = district.office("nasr");
    synced(&office);
    office.link.cut();
    until(&office, "told of the cut", |status| status["link"]["state"] != "up");
    let author = Author::of(&district.hq);
    import(&office, &author.file(&author.edition(5, &json!({}))));
    // An edition that names no other endpoint stays without a link.
    in_force(&office, 5);
    office.link.restore();
    committed(&office, 5);
    office.link.cut();
    until(&office, "told of the cut", |status| status["link"]["state"] != "up");
    refuses_each(&district, &office);
    office.link.restore();
    committed(&office, 9);
    district.agree(&office);
}

#[test]
fn hq_refuses_what_offices_would_and_no_office_is_told() {
    let district = District::new();
    let office = district.office("nasr");
    let author = Author::of(&district.hq);
    let stranger = Author::of(&district.another_hq());
    push(&district, &author.edition(5, &json!({})), &["--now"]);
    committed(&office, 5);
    let before = facts(&office);
    for (n, (code, bytes)) in wrong(&author, &stranger).iter().enumerate() {
        let file = author.keep(&format!("wrong-{n}"), bytes);
        refused(&district.hq.at, &["config", "push", word(&file), "--now"], code);
    }
    let mut nowhere = author.edition(9, &json!({}));
    nowhere.scope.all = false;
    nowhere.scope.offices = ["atlantis".parse().unwrap()].into();
    let nowhere = author.keep("nowhere", &author.signed(&nowhere));
    refused(&district.hq.at, &["config", "push", word(&nowhere), "--now"], "atlantis");
    let huge = author.keep("huge", &vec![b'x'; 10 * 1024 * 1024]);
    refused(&district.hq.at, &["config", "push", word(&huge), "--now"], "");
    synced(&office);
    assert_eq!(facts(&office), before);
    push(&district, &author.edition(6, &json!({})), &["--now"]);
    committed(&office, 6);
}

/// What an office with a wrong clock makes of a deadline tomorrow, and of one that has passed.
fn judges_deadlines_by_hqs_clock(off_s: i64) {
    let district = District::new();
    let author = Author::of(&district.hq);
    let mut office = district.joined("nasr");
    office.at.set_clock_off(off_s);
    office.at.run().unwrap();
    synced(&office);
    push(&district, &author.edition(1, &json!({})), &["--now"]);
    committed(&office, 1);
    let mut late = author.edition(2, &json!({}));
    late.not_after = UnixMs(now().0 - DAY_MS);
    refused(&office.at, &["config", "import", word(&author.file(&late))], "expired");
    assert_eq!(running(&office), 1);
}

#[test]
fn a_deadline_is_judged_by_hqs_clock_where_the_offices_is_ten_years_ahead() {
    judges_deadlines_by_hqs_clock(TEN_YEARS_S);
}

#[test]
fn a_deadline_is_judged_by_hqs_clock_where_the_offices_is_ten_years_behind() {
    judges_deadlines_by_hqs_clock(-TEN_YEARS_S);
}

#[test]
fn an_office_that_never_saw_hqs_clock_does_not_refuse_by_its_own() {
    let district = District::new();
    let author = Author::of(&district.hq);
    let mut office = district.joined("nasr");
    office.at.set_clock_off(TEN_YEARS_S);
    office.link.cut();
    office.at.run().unwrap();
    import(&office, &author.file(&author.edition(1, &json!({}))));
    committed(&office, 1);
    office.link.restore();
    district.agree(&office);
}
