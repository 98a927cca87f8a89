//! Identity is a key, not a date: a clock ten years off stops nothing.

use crate::district::{District, enroll};

const TEN_YEARS_S: i64 = 10 * 365 * 86_400;

fn works_with(hq_off_s: i64, office_off_s: i64) {
    let mut district = District::new();
    district.hq.at.stop();
    district.hq.at.set_clock_off(hq_off_s);
    district.hq.at.run().unwrap();
    let mut office = district.joined("nasr");
    office.at.set_clock_off(office_off_s);
    office.at.run().unwrap();
    let enrolled = enroll(&office, 0..20).ids();
    assert_eq!(district.agree(&office), enrolled);
    let status = office.at.status().unwrap();
    let told = status["clock"]["offset_ms"].as_i64().expect("the offset is known");
    let off_s = office_off_s - hq_off_s;
    assert!((told / 1_000 - off_s).abs() < 60, "told {told} ms of {off_s} s");
    assert_eq!(status["intake_open"], true);
    // A daemon that has just started cries not yet.
    assert_eq!(status["clock"]["trust"], "off");
}

#[test]
fn an_office_ten_years_behind_syncs_and_says_so() {
    works_with(0, -TEN_YEARS_S);
}

#[test]
fn an_office_ten_years_ahead_syncs_and_says_so() {
    works_with(0, TEN_YEARS_S);
}

#[test]
fn an_hq_ten_years_behind_is_synced_with() {
    works_with(-TEN_YEARS_S, 0);
}

#[test]
fn an_hq_ten_years_ahead_is_synced_with() {
    works_with(TEN_YEARS_S, 0);
}
