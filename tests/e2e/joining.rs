//! Tokens and keys in the wrong hands.

use crate::district::{District, enroll, listed, synced, until};
use wasl_tests::fleet::{Office, through};

/// Seconds in a day and an hour: longer than a token lives.
const A_DAY_AND_AN_HOUR_S: i64 = 25 * 3_600;

/// Tries to join; answers what it said when it was refused.
fn refused(office: &Office, token: &str) -> String {
    let out = office.at.output(&["join", token], b"").unwrap();
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.starts_with("error: "), "{said}");
    assert!(said.contains("\nhelp: "), "{said}");
    said
}

#[test]
fn a_token_lets_one_machine_in() {
    let district = District::new();
    let token = district.token("nasr");
    let mut first = district.stranger("first");
    first.at.call(&["join", &through(token.clone(), &first.link)]).unwrap();
    let second = district.stranger("second");
    let said = refused(&second, &through(token, &second.link));
    assert!(said.contains("used"), "{said}");
    first.id = "nasr".to_string();
    first.at.run().unwrap();
    enroll(&first, 0..5);
    assert_eq!(district.agree(&first).len(), 5);
}

#[test]
fn an_office_joins_once() {
    let district = District::new();
    let office = district.joined("nasr");
    let said = refused(&office, &through(district.token("fajr"), &office.link));
    assert!(said.contains("nasr"), "{said}");
}

#[test]
fn an_expired_token_is_refused_and_a_new_one_is_not() {
    let mut district = District::new();
    let token = district.token("nasr");
    district.hq.at.stop();
    district.hq.at.set_clock_off(A_DAY_AND_AN_HOUR_S);
    district.hq.at.run().unwrap();
    let office = district.stranger("nasr");
    let said = refused(&office, &through(token, &office.link));
    assert!(said.contains("expired"), "{said}");
    let token = district.hq.at.call(&["office", "token", "nasr"]).unwrap();
    office.at.call(&["join", &through(token.parse().unwrap(), &office.link)]).unwrap();
}

#[test]
fn a_token_of_another_hq_is_refused_by_either_side() {
    let district = District::new();
    let other = district.another_hq();
    let offices = wasl_tests::sample::offices();
    let theirs = other.add(&offices[0]).unwrap();
    let office = district.stranger("lost");
    // It leads to us: the pinned key does not fit.
    let said = refused(&office, &through(theirs.clone(), &office.link));
    assert!(said.contains("key"), "{said}");
    // Our key with their secret: we do not know it.
    let ours = district.token("nasr");
    let mixed = wasl_protocol::join::JoinToken { secret: theirs.secret, ..ours.clone() };
    let said = refused(&office, &through(mixed, &office.link));
    assert!(said.contains("does not know"), "{said}");
    office.at.call(&["join", &through(ours, &office.link)]).unwrap();
}

#[test]
fn what_is_no_token_is_a_usage_error() {
    let district = District::new();
    let office = district.stranger("lost");
    let out = office.at.output(&["join", "wasl1.nonsense"], b"").unwrap();
    assert_eq!(out.status.code(), Some(64));
    assert!(!office.at.dir().exists(), "nothing was made");
}

#[test]
fn a_revoked_office_is_cut_off_at_once_and_goes_on_enrolling() {
    let district = District::new();
    let office = district.office("nasr");
    let before = enroll(&office, 0..5).ids();
    synced(&office);
    district.hq.at.call(&["office", "revoke", "nasr"]).unwrap();
    until(&office, "refused", |status| status["link"]["state"] == "refused");
    enroll(&office, 5..10);
    assert_eq!(listed(&district.hq.at, &[]), before);
}
