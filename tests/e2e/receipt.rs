//! What a citizen takes home: from the counter to headquarters.

use crate::district::{District, enroll, synced};
use crate::forms;
use crate::hands::{refusal, told};
use serde_json::Value;
use std::fs;
use wasl_protocol::receipt::Receipt;
use wasl_tests::fleet::Installation;

/// What `receipt verify` says of a text, and whether it was content.
fn verify(hq: &Installation, text: &str) -> (bool, Value) {
    let out = hq.output(&["receipt", "verify", "-", "--json"], text.as_bytes()).unwrap();
    let said = serde_json::from_slice(&out.stdout).unwrap_or_default();
    assert_eq!(out.status.code(), Some(i32::from(!out.status.success())), "exit 0 or 1");
    (out.status.success(), said)
}

#[test]
fn a_receipt_from_the_counter_is_verified_at_hq_and_a_tampered_one_is_not() {
    let mut district = District::new();
    let mut office = district.joined("rifai");
    office.link.cut();
    office.at.run().unwrap();
    let answer = enroll(&office, 0..3).answers.pop().unwrap();
    let id = answer["id"].as_str().unwrap();
    let receipt = told(&office.at, &["record", "receipt", id]);
    assert_eq!((&receipt["seq"], &receipt["head"]), (&answer["seq"], &answer["head"]));
    assert_eq!(
        (receipt["hq"].as_str(), receipt["clock"]["trust"].as_str()),
        (Some("pending"), Some("unknown"))
    );
    let text = receipt["text"].as_str().unwrap();
    let (good, said) = verify(&district.hq.at, text);
    assert!(!good && said["verdict"] == "unknown-journal", "{said}");

    office.link.restore();
    synced(&office);
    let later = told(&office.at, &["record", "receipt", id]);
    assert_eq!(
        (later["hq"].as_str(), later["clock"]["trust"].as_str()),
        (Some("stored"), Some("ok"))
    );
    assert_eq!(later["text"], text, "a receipt printed again is the same");
    let (good, said) = verify(&district.hq.at, &text.to_lowercase());
    assert!(good && said["verdict"] == "stored", "{said}");
    assert_eq!((&said["record"], &said["form_number"]), (&answer["id"], &answer["form_number"]));
    assert!(district.hq.at.stop());
    assert!(verify(&district.hq.at, text).0, "a stopped HQ's database says the same");

    let mut forged: Receipt = text.parse().unwrap();
    forged.at.head.0[0] ^= 1;
    let (good, said) = verify(&district.hq.at, &forged.to_string());
    assert!(!good && said["verdict"] == "other-head", "{said}");
    let mistyped = refusal(&district.hq.at, &["receipt", "verify", &text[..text.len() - 1]]);
    assert!(mistyped.contains("mistyped or cut short"), "{mistyped}");
}

#[test]
fn the_page_is_the_same_from_the_daemon_and_from_the_disk_and_names_nobody() {
    let district = District::new();
    let mut office = district.office("nasr");
    let id = enroll(&office, 7..8).ids().pop_first().unwrap();
    let file = district.root().join("receipt.html");
    let words = ["record", "receipt", &id, "-o", file.to_str().unwrap()];
    office.at.call(&words).unwrap();
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.contains(&forms::number("nasr", 7)) && page.contains("<svg"));
    assert!(!page.contains(forms::GIVEN_NAME) && !page.contains("+96478"), "a citizen on it");
    assert!(refusal(&office.at, &words).contains("not there yet"), "nothing is replaced");
    let text = told(&office.at, &["record", "receipt", &id])["text"].clone();
    assert!(office.at.stop());
    let stopped = office.at.call(&["record", "receipt", &id]).unwrap();
    assert!(stopped.contains(text.as_str().unwrap()) && stopped.contains("<svg"));
}
