//! HQ down, links cut.

use crate::district::{District, enroll, synced, until};
use serde_json::Value;
use std::thread;
use std::time::Duration;
use wasl_tests::wire::Weather;

#[test]
fn what_was_enrolled_while_hq_was_down_arrives_in_order_and_once() {
    let mut district = District::new();
    let office = district.office("rifai");
    enroll(&office, 0..10);
    synced(&office);
    assert!(district.hq.at.stop(), "HQ stops when it is asked to");
    let mut enrolled = enroll(&office, 10..1_010).ids();
    assert_eq!(office.at.status().unwrap()["synced"], false);
    district.hq.at.run().unwrap();
    enrolled.extend(enroll(&office, 0..10).ids());
    assert_eq!(district.agree(&office), enrolled);
    assert_eq!(enrolled.len(), 1_010);
}

#[test]
fn an_office_that_leaves_in_mid_transfer_again_and_again_does_not_keep_hq_from_storing() {
    let district = District::new();
    let mut office = district.office("fajr");
    for round in 0..12 {
        enroll(&office, round * 20..round * 20 + 20);
        assert!(office.at.stop());
        office.at.run().unwrap();
    }
    enroll(&office, 500..505);
    synced(&office);
    assert_eq!(district.agree(&office).len(), 245);
}

#[test]
fn a_link_cut_50_times_in_mid_transfer_neither_loses_nor_repeats() {
    let district = District::new();
    let office = district.office("dawaya");
    let weather =
        Weather { delay: Duration::from_millis(15), lost_per_mille: 20, ..Weather::default() };
    office.link.set(weather);
    let mut dice = fastrand::Rng::with_seed(7);
    let mut enrolled = std::collections::BTreeSet::new();
    let mut in_mid_transfer = 0;
    for cut in 0..50 {
        // The last cut is over once something arrives again.
        let stored = |status: &Value| status["sync"]["stored_seq"].as_u64().unwrap();
        let before = stored(&office.at.status().unwrap());
        enrolled.extend(enroll(&office, cut * 40..cut * 40 + 20).ids());
        until(&office, "sending", |status| stored(status) > before);
        enrolled.extend(enroll(&office, cut * 40 + 20..(cut + 1) * 40).ids());
        thread::sleep(Duration::from_millis(dice.u64(0..40)));
        office.link.cut();
        let status = office.at.status().unwrap();
        in_mid_transfer += usize::from(status["sync"]["backlog_records"] != 0);
        thread::sleep(Duration::from_millis(dice.u64(10..150)));
        if dice.bool() {
            office.link.rebind();
        }
        office.link.restore();
    }
    assert!(in_mid_transfer > 10, "{in_mid_transfer} cuts hit a transfer");
    assert_eq!(district.agree(&office), enrolled);
    assert_eq!(enrolled.len(), 2_000);
}

#[test]
fn a_link_that_fell_silent_is_given_up_and_dialled_again() {
    let district = District::new();
    let office = district.office("shatra");
    let mut enrolled = enroll(&office, 0..10).ids();
    synced(&office);
    office.link.cut();
    enrolled.extend(enroll(&office, 10..20).ids());
    until(&office, "told of the silence", |status| status["link"]["state"] != "up");
    office.link.restore();
    assert_eq!(district.agree(&office), enrolled);
}

#[test]
fn an_office_that_starts_without_a_link_enrolls_and_syncs_when_there_is_one() {
    let district = District::new();
    let mut office = district.joined("batha");
    office.link.cut();
    office.at.run().unwrap();
    let enrolled = enroll(&office, 0..50).ids();
    until(&office, "told of the link", |status| !status["link"]["last_error"].is_null());
    office.link.restore();
    assert_eq!(district.agree(&office), enrolled);
}
