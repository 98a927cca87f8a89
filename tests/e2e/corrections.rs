//! Corrections and their history: who, where, when, what.

use crate::district::{District, enroll};
use crate::hands::{get, items, one_record, patch_as_read, same, set, told, wait};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;
use wasl_tests::http::Http;

#[test]
fn a_stale_token_is_412_and_changes_nothing_and_an_honest_retry_is_a_duplicate() {
    let district = District::new();
    let office = district.office("shatra");
    let id = one_record(&district, &office);
    let phone = |n: u8| json!({"contact": {"phone": format!("+964780000000{n}")}});
    for (at, other) in [(&office.at, &district.hq.at), (&district.hq.at, &office.at)] {
        let read = get(at, &id).unwrap()["token"].as_str().unwrap().to_string();
        assert_eq!(patch_as_read(at, &id, &read, &phone(1)), 200);
        let after = get(at, &id).unwrap();
        assert_eq!(patch_as_read(at, &id, &read, &phone(2)), 412);
        assert_eq!(get(at, &id).unwrap()["groups"], after["groups"]);
        assert_eq!(get(at, &id).unwrap()["version_vector"], after["version_vector"]);
        // A token that is behind in other groups only is no reason to refuse.
        assert_eq!(patch_as_read(at, &id, &read, &json!({"address": {"house": 5}})), 200);
        assert_eq!(patch_as_read(at, &id, "AAAA!", &phone(3)), 400);
        let own = json!({"grants": {"offices": ["rifai"]}});
        assert!(matches!(patch_as_read(at, &id, &read, &own), 400 | 403));
        same(&[at, other], &id);
    }
    let again = enroll(&office, 0..1);
    assert_eq!(again.answers[0]["duplicate"], true);
    assert_eq!(district.agree(&office), [id].into());
}

#[test]
fn a_record_voided_at_one_end_is_void_at_the_other_and_says_why() {
    let district = District::new();
    let office = district.office("rifai");
    let here = one_record(&district, &office);
    let there = enroll(&office, 1..2).ids().pop_first().unwrap();
    same(&[&office.at, &district.hq.at], &there);
    for (at, id) in [(&office.at, &here), (&district.hq.at, &there)] {
        assert_eq!(get(at, id).unwrap()["void"], false);
        told(at, &["record", "void", id, "--why", "enrolled twice", "--by", "op-07"]);
        let both = wait("void at both ends", || {
            let void = |at| get(at, id).is_some_and(|record| record["void"] == true);
            (void(&office.at) && void(&district.hq.at)).then(|| get(at, id))?
        });
        assert_eq!(both["groups"]["void"]["value"]["why"], "enrolled twice");
        assert!(both["groups"]["person"]["value"].is_object(), "nothing is deleted");
    }
    district.agree(&office);
}

#[test]
fn both_ends_tell_who_changed_what_where_and_when() {
    let district = District::new();
    let office = district.office("batha");
    let id = one_record(&district, &office);
    let hq = &district.hq.at;
    set(&office.at, &id, "contact.phone=+9647811111111", "op-07");
    wait("it arrives", || {
        let phone = get(hq, &id)?["groups"]["contact"]["value"]["phone"].clone();
        (phone == "+9647811111111").then_some(())
    });
    set(hq, &id, "contact.mail=none", "clerk-2");
    let both = wait("it comes back", || {
        let both = get(&office.at, &id)?;
        (both["groups"]["contact"]["value"]["mail"] == "none").then_some(both)
    });
    for at in [&office.at, hq] {
        let acts = items(at, &["record", "history", &id]);
        assert_eq!(acts.len(), 3, "{acts:#?}");
        let field = |act: usize, name: &str| acts[act][name].clone();
        assert_eq!(acts[0]["changed"].as_array().unwrap().len(), 5 + 1 + 1 + 2);
        assert_eq!(field(1, "changed"), json!(["contact.phone"]));
        assert_eq!(field(2, "changed"), json!(["contact.mail"]));
        assert_eq!([field(1, "office"), field(2, "office")], ["batha", "hq"]);
        assert_eq!([field(1, "operator"), field(2, "operator")], ["op-07", "clerk-2"]);
        assert_eq!(field(2, "dot"), both["groups"]["contact"]["dot"]);
        assert!(acts.iter().all(|act| act["counts"] == "applied"));
        assert!(acts.iter().all(|act| act["at"].as_u64().unwrap() > 1_600_000_000_000));
        let people = at.call(&["record", "history", &id]).unwrap();
        for word in ["contact.mail", "clerk-2", "op-07", field(2, "dot").as_str().unwrap()] {
            assert!(people.contains(word), "`{word}` is not in\n{people}");
        }
    }
    let by_http = hq.get(&format!("/v1/records/{id}/history")).unwrap();
    assert_eq!(
        by_http["items"].as_array().unwrap(),
        &items(&office.at, &["record", "history", &id])
    );
}

/// Writes one number after the other at HQ until it does not answer; the dots of those that were
/// answered, and the last number.
fn write_until_killed(mut hq: Http, id: &str, from: u64) -> (BTreeSet<String>, u64) {
    let (mut dots, mut last) = (BTreeSet::new(), from);
    let path = format!("/v1/records/{id}");
    let mut read = hq.get(&path).unwrap_or_default();
    while let Some(token) = read["token"].as_str() {
        let body = json!({"groups": {"hq_status": {"n": last + 1}}});
        let Ok((status, answer)) = hq.patch(&path, token, &body) else { break };
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        read = serde_json::from_slice(&answer).unwrap();
        dots.insert(read["groups"]["hq_status"]["dot"].as_str().unwrap().to_string());
        last += 1;
    }
    (dots, last)
}

#[test]
fn hq_killed_10_times_in_mid_edit_keeps_every_answered_edit() {
    let mut district = District::new();
    let office = district.office("fuhud");
    let id = one_record(&district, &office);
    let mut dice = fastrand::Rng::with_seed(11);
    let (mut answered, mut last) = (BTreeSet::new(), 0);
    for _ in 0..10 {
        let life = Duration::from_millis(dice.u64(20..120));
        let hq = &mut district.hq.at;
        let (http, record) = (hq.http().unwrap(), id.clone());
        let writes = thread::spawn(move || write_until_killed(http, &record, last));
        thread::sleep(life);
        hq.kill();
        let written = writes.join().unwrap();
        answered.extend(written.0);
        hq.run().unwrap();
        let kept = get(hq, &id).unwrap()["groups"]["hq_status"]["value"]["n"].as_u64();
        // One more may be there that was not answered; never one less.
        assert!(kept.unwrap_or(0) >= written.1, "{kept:?} is kept of {}", written.1);
        last = kept.unwrap_or(0);
    }
    assert!(answered.len() > 20, "{} edits were answered", answered.len());
    let acts = items(&district.hq.at, &["record", "history", &id]);
    let kept: BTreeSet<_> = acts.iter().filter_map(|act| act["dot"].as_str()).collect();
    let missing: Vec<_> = answered.iter().filter(|dot| !kept.contains(dot.as_str())).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let both = same(&[&office.at, &district.hq.at], &id);
    assert_eq!(both["groups"]["hq_status"]["value"]["n"], last);
    assert_eq!(both["conflict"], Value::Bool(false));
    district.agree(&office);
}
