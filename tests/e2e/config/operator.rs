//! What the people at the office may say to an edition.

use super::author::{Author, LATE};
use super::{at, committed, explained, in_force, push, rollout, running, until_at};
use crate::district::{District, enroll, synced};
use serde_json::json;
use std::fs;

#[test]
fn a_hold_takes_no_edition_is_told_to_hq_and_ends() {
    let mut district = District::new();
    let mut office = district.office("nasr");
    let author = Author::of(&district.hq);
    synced(&office);
    let until = "2099-01-01T00:00:00Z";
    office.at.call(&["config", "hold", "--until", until, "--why", "exam day"]).unwrap();
    push(&district, &author.edition(1, &json!({"day": {"capacity": 20}})), &["--now"]);
    until_at(&district, 1, &office, "HELD");
    assert_eq!(running(&office), 0);
    // A hold outlives both processes.
    assert!(office.at.stop() && district.hq.at.stop());
    district.hq.at.run().unwrap();
    office.at.run().unwrap();
    synced(&office);
    until_at(&district, 1, &office, "HELD");
    assert_eq!(running(&office), 0);
    office.at.call(&["config", "unhold"]).unwrap();
    committed(&office, 1);
    until_at(&district, 1, &office, "COMMITTED");
}

#[test]
fn the_operator_goes_back_and_hq_tells_it_from_one_that_never_came() {
    let district = District::new();
    let [back, never] = ["nasr", "shatra"].map(|id| district.office(id));
    let author = Author::of(&district.hq);
    synced(&back);
    synced(&never);
    never.link.cut();
    let mut edition = author.edition(1, &json!({"day": {"capacity": 20}}));
    edition.probation = LATE;
    push(&district, &edition, &["--now"]);
    in_force(&back, 1);
    back.at.call(&["config", "rollback", "--why", "the queue stands still"]).unwrap();
    until_at(&district, 1, &back, "ROLLED_BACK");
    assert_eq!(running(&back), 0);
    assert_eq!(explained(&back, "day.capacity")["value"], 96);
    let told = rollout(&district.hq, 1);
    let [back, never] = [at(&told, "nasr"), at(&told, "shatra")];
    assert_eq!([&back["running"], &never["running"]], [0, 0]);
    assert_eq!(back["last_attempt"]["code"], "operator");
    assert!(never["last_attempt"].is_null(), "{never:#}");
}

#[test]
fn the_machines_own_layer_tightens_and_is_named_and_loosens_nothing() {
    let district = District::new();
    let mut office = district.joined("nasr");
    let conf_d = office.at.dir().join("conf.d");
    fs::write(conf_d.join("10-here.toml"), "[intake]\nrecord_kib = 16\n").unwrap();
    office.at.run().unwrap();
    let author = Author::of(&district.hq);
    for (serial, kib, here) in [(1, 64, 16), (2, 8, 8)] {
        let settings = json!({"intake": {"record_kib": kib}, "day": {"capacity": 90}});
        push(&district, &author.edition(serial, &settings), &["--now"]);
        committed(&office, serial);
        assert_eq!(explained(&office, "intake.record_kib")["value"], here);
    }
    let told = explained(&office, "day.capacity");
    assert_eq!([&told["value"], &told["serial"]], [90, 2]);
    assert_eq!([&told["author"], &told["reason"]], ["author", "a test"]);
    assert_eq!(told["signed_by"].as_array().unwrap().len(), 1);
    assert_eq!(explained(&office, "day.priority")["value"][0], "martyr_family");

    // What it may not set stops the daemon at its start, and says so.
    assert!(office.at.stop());
    fs::write(conf_d.join("20-no.toml"), "[day]\ncapacity = 500\n").unwrap();
    let refused = office.at.output(&["run"], b"").unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("20-no.toml") && said.contains("day"), "{said}");
    fs::remove_file(conf_d.join("20-no.toml")).unwrap();
    office.at.run().unwrap();
    enroll(&office, 0..3);
}
