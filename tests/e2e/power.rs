//! Power cuts of the real programs on a disk that tells what it promised: a few here, hundreds by
//! `cargo run --release -p wasl-tests --bin crash`.

use wasl_tests::crash::{Campaign, Outcome, Victim, run};
use wasl_tests::disk::mount_or_say;
use wasl_tests::process::Binary;

/// What comes of so many cuts; nothing, said aloud, where there can be no such disk.
fn cuts(victim: Victim, times: u64) -> Option<Outcome> {
    mount_or_say(&format!("power cuts of {victim:?}"))?;
    let binary = Binary::at(env!("CARGO_BIN_EXE_wasl-demo"));
    Some(run(&binary, Campaign::Power(victim), (times, 3), |_| {}).unwrap())
}

fn nothing_is_lost(victim: Victim, times: u64) {
    let Some(outcome) = cuts(victim, times) else { return };
    let wrong: Vec<_> = outcome.wrong.iter().map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(outcome.crashes, times);
}

#[test]
fn an_office_whose_power_fails_has_what_it_answered_and_goes_on() {
    nothing_is_lost(Victim::Office, 6);
}

#[test]
fn an_hq_whose_power_fails_has_what_it_acknowledged_and_goes_on() {
    nothing_is_lost(Victim::Hq, 4);
}

#[test]
fn a_power_cut_of_both_loses_nothing_that_was_answered() {
    nothing_is_lost(Victim::Both, 3);
}

#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    const TIMES: u64 = 6;
    let Some(outcome) = cuts(Victim::OfficeLiedTo, TIMES) else { return };
    // Not every cut hits what was not on the disk yet.
    assert!(outcome.wrong.len() >= 2, "{} of {TIMES} cuts were noticed", outcome.wrong.len());
}
