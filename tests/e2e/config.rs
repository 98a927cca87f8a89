//! How HQ changes how offices run, and what keeps that from doing harm.

pub mod author; // editions as their author makes them, and as others would
mod canary; // an edition that is no good stops where it is tried
mod operator; // what the people at the office may say to it
mod power; // kill -9 on the way
mod push; // one round trip to who is there, later to who is not
mod refused; // each refusal has its own code and changes nothing
mod rules; // what an enrollment must hold, live
mod stages; // canary, soak, waves

use crate::district::{District, PATIENCE, until};
use author::{Author, word};
use serde_json::Value;
use std::path::Path;
use wasl_protocol::edition::Edition;
use wasl_tests::clock;
use wasl_tests::fleet::{Hq, Office};

/// Pushes an edition that HQ takes.
pub fn push(district: &District, edition: &Edition, how: &[&str]) {
    let file = Author::of(&district.hq).file(edition);
    let words = [&["config", "push", word(&file)], how].concat();
    district.hq.at.call(&words).unwrap();
}

/// What HQ knows of the rollout of an edition.
fn rollout(hq: &Hq, serial: u64) -> Value {
    let told = hq.at.call(&["config", "status", &serial.to_string(), "--json"]).unwrap();
    serde_json::from_str(&told).unwrap()
}

/// Waits until HQ knows so of the rollout of an edition.
fn until_rollout(hq: &Hq, serial: u64, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let asked = clock::until(PATIENCE, || {
        last = rollout(hq, serial);
        so(&last).then(|| last.clone())
    });
    asked.unwrap_or_else(|| panic!("{serial}: not {what}: {last:#}"))
}

/// One office in what HQ knows of a rollout.
fn at<'a>(rollout: &'a Value, office: &str) -> &'a Value {
    let rows = rollout["offices"].as_array().expect("a rollout names offices");
    rows.iter().find(|row| row["office"] == office).expect("every office of the fleet is named")
}

/// Waits until HQ knows that an office is so far.
fn until_at(district: &District, serial: u64, office: &Office, stage: &str) -> Value {
    let so = |told: &Value| at(told, &office.id)["stage"] == stage;
    let told = until_rollout(&district.hq, serial, stage, so);
    at(&told, &office.id).clone()
}

/// Waits as an operator does until an edition is in force.
pub fn in_force(office: &Office, serial: u64) {
    let timeout = PATIENCE.as_secs().to_string();
    let words = ["wait", "--config", &serial.to_string(), "--timeout", &timeout];
    office.at.call(&words).unwrap();
}

/// Waits until an edition stays.
fn committed(office: &Office, serial: u64) {
    until(office, "committed", |status| {
        status["config"]["running"] == serial && status["config"]["state"] == "committed"
    });
}

/// Which edition is in force, by the office's status.
fn running(office: &Office) -> u64 {
    let status = office.at.status().unwrap();
    status["config"]["running"].as_u64().expect("one edition is in force")
}

/// What an office says of one setting.
fn explained(office: &Office, key: &str) -> Value {
    let told = office.at.call(&["config", "explain", key, "--json"]).unwrap();
    serde_json::from_str(&told).unwrap()
}

/// Imports a file that the office takes.
fn import(office: &Office, file: &Path) {
    office.at.call(&["config", "import", word(file)]).unwrap();
}
