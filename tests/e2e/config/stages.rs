//! Canary, soak, waves: from the author's TOML to the last office.

use super::author::{Author, word};
use super::{at, committed, in_force, rollout, until_at};
use crate::district::{District, PATIENCE, synced, until};
use serde_json::Value;
use std::fs;
use wasl_tests::clock;

/// The stages of a rollout with a canary, in order.
const STAGES: [&str; 6] = ["CANARY", "SOAK", "WAVE 1", "WAVE 2", "WAVE 3", "COMPLETE"];

const CHANGE: &str = r#"
[edition]
serial = 1
scope = { all = true }
not_after = "2099-01-01T00:00:00Z"
reason = "exam week"
author = "nadia"
probation = { soak_s = 1, confirm_s = 1, session_s = 600, gate_s = 60 }

[settings.day]
capacity = 120
"#;

#[test]
fn an_edition_goes_from_its_author_by_canary_and_waves_to_all_and_waits_for_nobody() {
    let district = District::new();
    let ids = ["nasr", "shatra", "rifai", "islah", "batha", "dawaya"];
    let mut offices: Vec<_> = ids.map(|id| district.office(id)).into();
    offices.iter().for_each(synced);
    let offline = offices.pop().unwrap();
    offline.link.cut();
    until(&offline, "told of the cut", |status| status["link"]["state"] != "up");

    let toml = district.root().join("change.toml");
    fs::write(&toml, CHANGE).unwrap();
    let hq = &district.hq;
    let checked = hq.at.call(&["config", "check", word(&toml)]).unwrap();
    assert!(checked.contains("day.capacity") && checked.contains("96"), "{checked}");
    let signed = district.root().join("change.signed");
    let key = Author::key_file(hq);
    hq.at.call(&["config", "sign", word(&toml), "--key", word(&key), "-o", word(&signed)]).unwrap();
    hq.at.call(&["config", "push", word(&signed), "--canary", "rifai"]).unwrap();

    let mut seen: Vec<String> = Vec::new();
    let complete = clock::until(PATIENCE, || {
        let told = rollout(hq, 1);
        let stage = told["stage"].as_str().unwrap().to_string();
        let tried = told["offices"].as_array().unwrap().iter();
        let tried: Vec<_> = tried.filter(|row| row["running"] == 1).collect();
        if tried.iter().any(|row| row["office"] != "rifai") {
            assert_eq!(at(&told, "rifai")["stage"], "COMMITTED", "the canary goes first");
            assert_ne!(stage, "CANARY", "{told:#}");
        }
        if seen.last() != Some(&stage) {
            seen.push(stage.clone());
        }
        (stage == "COMPLETE").then_some(told)
    });
    let told = complete.unwrap_or_else(|| panic!("{seen:?}\n{:#}", rollout(hq, 1)));
    let place = |stage: &String| STAGES.iter().position(|s| s == stage).unwrap();
    assert!(seen.iter().map(place).is_sorted(), "{seen:?}");
    assert!(seen.len() > 2, "{seen:?}");
    for office in &offices {
        in_force(office, 1);
    }
    let waiting = at(&told, &offline.id)["stage"].as_str().unwrap().to_string();
    assert!(["PENDING_OFFLINE", "STRAGGLER"].contains(&&waiting[..]), "{waiting}");

    offline.link.restore();
    committed(&offline, 1);
    until_at(&district, 1, &offline, "COMMITTED");
}

#[test]
fn a_mistake_is_shown_where_it_stands_and_nothing_is_signed() {
    let district = District::new();
    let (hq, toml) = (&district.hq, district.root().join("typo.toml"));
    let (key, signed) = (Author::key_file(hq), district.root().join("typo.signed"));
    for (wrong, place) in [("capacty = 120", "typo.toml:10:1:"), ("capacity = 0", "typo.toml:10:1")]
    {
        fs::write(&toml, CHANGE.trim_start().replace("capacity = 120", wrong)).unwrap();
        let sign = ["config", "sign", word(&toml), "--key", word(&key), "-o", word(&signed)];
        for words in [&["config", "check", word(&toml)][..], &sign] {
            let out = hq.at.output(words, b"").unwrap();
            let said = String::from_utf8(out.stderr).unwrap();
            assert_eq!(out.status.code(), Some(78), "{said}");
            assert!(said.contains(place), "`{place}` is not in: {said}");
        }
        assert!(!signed.exists());
    }
}

#[test]
fn a_revert_is_a_higher_serial_with_the_content_of_old() {
    let district = District::new();
    let office = district.office("nasr");
    let author = Author::of(&district.hq);
    let capacity = |n: u64| serde_json::json!({"day": {"capacity": n}});
    for (serial, n) in [(1, 120), (2, 30)] {
        super::push(&district, &author.edition(serial, &capacity(n)), &["--now"]);
        committed(&office, serial);
    }
    let (hq, toml) = (&district.hq, district.root().join("revert.toml"));
    let signed = district.root().join("revert.signed");
    hq.at.call(&["config", "revert", "1", "-o", word(&toml)]).unwrap();
    let key = Author::key_file(hq);
    hq.at.call(&["config", "sign", word(&toml), "--key", word(&key), "-o", word(&signed)]).unwrap();
    hq.at.call(&["config", "push", word(&signed), "--now"]).unwrap();
    in_force(&office, 3);
    let told = super::explained(&office, "day.capacity");
    assert_eq!([&told["value"], &told["serial"]], [&Value::from(120), &Value::from(3)]);
}
