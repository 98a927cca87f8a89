//! What an office has, compared with what headquarters has for it.

use crate::district::{District, enroll, synced, until};
use crate::folder::copy;
use crate::forms;
use crate::hands::{set, told, wait};
use crate::reborn::{self, is_reborn};
use serde_json::Value;
use wasl_tests::fleet::Office;

/// What headquarters says of the office.
fn office_of(district: &District, office: &Office) -> Value {
    told(&district.hq.at, &["office", "show", &office.id])
}

#[test]
fn an_audit_that_is_asked_for_compares_everything_and_finds_an_office_that_lacks_nothing_well() {
    let district = District::new();
    let mut office = district.office("nasr");
    let all = enroll(&office, 0..20).ids();
    synced(&office);
    set(&district.hq.at, all.first().unwrap(), "contact.phone=+9647800000001", "hq-1");
    office.at.call(&["sync", "--timeout", "60"]).unwrap();
    assert_eq!(office_of(&district, &office)["audited_at"], Value::Null);
    told(&district.hq.at, &["office", "audit", "nasr"]);
    assert!(office.at.stop());
    office.at.run().unwrap();
    let audited = wait("an audit", || {
        let shown = office_of(&district, &office);
        shown["audited_at"].is_string().then_some(shown)
    });
    assert_eq!(audited["audit_again"], 0, "both have the same");
    assert_eq!(district.agree(&office), all);
}

#[test]
fn an_office_with_many_records_that_is_born_again_is_sent_only_what_it_lacks() {
    let district = District::new();
    let mut office = district.office("nasr");
    let lines = forms::lines("nasr", 0..1_100);
    let out = office.at.output(&["enroll", "-"], lines.as_ref()).unwrap();
    assert!(out.status.success());
    synced(&office);
    assert!(office.at.stop());
    let backup = district.root().join("backup-of-nasr");
    copy(office.at.dir(), &backup);
    office.at.run().unwrap();
    enroll(&office, 1_100..1_105);
    synced(&office);
    assert!(office.at.stop());
    reborn::put_back(&office, &backup);
    office.link.cut();
    office.at.run().unwrap();
    enroll(&office, 1_200..1_203);
    office.link.restore();
    is_reborn(&mut office);
    synced(&office);
    until(&office, "level", |status| status["records"]["total"] == 1_108);
    assert_eq!(district.agree(&office).len(), 1_108);
    let again = office_of(&district, &office)["audit_again"].as_u64().unwrap();
    assert!((5..20).contains(&again), "what the lost disk had written, and not all: {again}");
}
