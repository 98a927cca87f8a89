//! One record in several hands: who writes, what each end shows, and whether all ends agree.
//!
//! An end is an office or HQ: both have the same commands.

use crate::district::{District, PATIENCE, enroll, synced};
use serde_json::{Value, json};
use wasl_tests::clock;
use wasl_tests::fleet::{Installation, Office};

/// A record of the office, that HQ has too.
pub fn one_record(district: &District, office: &Office) -> String {
    let id = enroll(office, 0..1).ids().pop_first().unwrap();
    synced(office);
    same(&[&office.at, &district.hq.at], &id);
    id
}

/// A record as one end has it; none if it has none.
pub fn get(at: &Installation, id: &str) -> Option<Value> {
    at.get(&format!("/v1/records/{id}")).ok()
}

/// Sets a field, as `by`; answers the record.
pub fn set(at: &Installation, id: &str, setting: &str, by: &str) -> Value {
    told(at, &["record", "set", id, setting, "--by", by])
}

/// What a command that is done printed as JSON.
pub fn told(at: &Installation, words: &[&str]) -> Value {
    let printed = at.call(&[words, &["--json"]].concat()).unwrap();
    serde_json::from_str(&printed).unwrap_or_else(|_| panic!("not JSON: {printed}"))
}

/// The items of a list that a command prints.
pub fn items(at: &Installation, words: &[&str]) -> Vec<Value> {
    told(at, words)["items"].as_array().expect("a list has items").clone()
}

/// What a command says on stderr when it is refused.
pub fn refusal(at: &Installation, words: &[&str]) -> String {
    let out = at.output(words, b"").unwrap();
    assert!(!out.status.success(), "{words:?} was not refused");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("error: "), "{said}");
    said
}

/// Replaces whole groups of the record as it stands at this end; answers the code.
pub fn patch(at: &Installation, id: &str, groups: &Value) -> u16 {
    let token = get(at, id).expect("the record is there")["token"].clone();
    patch_as_read(at, id, token.as_str().unwrap(), groups)
}

/// The same by somebody who read what has this token.
pub fn patch_as_read(at: &Installation, id: &str, token: &str, groups: &Value) -> u16 {
    let (path, body) = (format!("/v1/records/{id}"), json!({ "groups": groups }));
    at.http().unwrap().patch(&path, token, &body).unwrap().0.as_u16()
}

/// The dot of what `office` wrote, among the values of a group in conflict.
pub fn dot_of(record: &Value, group: &str, office: &str) -> String {
    let siblings = record["groups"][group]["siblings"].as_array().unwrap();
    let wrote = siblings.iter().find(|s| s["office"] == office);
    wrote.unwrap_or_else(|| panic!("{office} wrote none of {siblings:#?}"))["dot"]
        .as_str()
        .unwrap()
        .to_string()
}

/// Waits for what `look` finds.
pub fn wait<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    clock::until(PATIENCE, look).unwrap_or_else(|| panic!("waited in vain: {what}"))
}

/// Waits until all ends have the record in the same state, and answers it.
pub fn same(ends: &[&Installation], id: &str) -> Value {
    let mut last = Vec::new();
    let agreed = clock::until(PATIENCE, || {
        last = ends.iter().map(|at| get(at, id)).collect();
        let states = last.iter().flatten();
        let mut states = states.map(|record| (&record["version_vector"], &record["groups"]));
        let first = states.next()?;
        (last.iter().all(Option::is_some) && states.all(|state| state == first)).then_some(())
    });
    assert!(agreed.is_some(), "{id} differs: {last:#?}");
    last.remove(0).expect("it is there")
}

/// Waits until an end's status counts so many records in conflict and entries held.
pub fn counts(district: &District, office: &Office, conflicts: u64, held: u64) {
    let want = json!([conflicts, held]);
    let mut last = Value::Null;
    let counted = clock::until(PATIENCE, || {
        let (here, hq) = (office.at.status().ok()?, district.hq.at.status().ok()?);
        let here = json!([here["records"]["conflicts"], here["sync"]["held"]]);
        last = json!([here, [hq["totals"]["conflicts"], hq["totals"]["held"]]]);
        (last == json!([want, want])).then_some(())
    });
    assert!(counted.is_some(), "want {want} conflicts and held at both ends, not {last}");
}

/// Waits until an end lists an entry held for this reason, and answers its dot.
pub fn held_dot(at: &Installation, reason: &str) -> String {
    wait(reason, || {
        let held = items(at, &["held", "list"]);
        let entry = held.iter().find(|entry| entry["reason"] == reason)?;
        Some(entry["dot"].as_str()?.to_string())
    })
}
