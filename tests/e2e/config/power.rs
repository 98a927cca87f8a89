//! `kill -9` at random moments of an edition's way through an office.

use super::author::{Author, word};
use super::{committed, explained, import, running};
use crate::district::{District, enroll, synced};
use serde_json::json;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// What an edition of this serial sets, so that each can be told by its effect.
fn capacity(serial: u64) -> u64 {
    if serial == 0 { 96 } else { 100 + serial }
}

#[test]
fn an_office_killed_20_times_while_adopting_always_has_exactly_one_edition_and_open_intake() {
    const LIVES: u64 = 20;
    let district = District::new();
    let author = Author::of(&district.hq);
    let mut office = district.office("nasr");
    synced(&office);
    let mut dice = fastrand::Rng::with_seed(17);
    let (mut before, mut half_way) = (0, 0);
    for serial in 1..=LIVES {
        let edition = author.edition(serial, &json!({"day": {"capacity": capacity(serial)}}));
        let file = author.file(&edition);
        let mut command = office.at.command(&["config", "import", word(&file)]);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut importing = command.spawn().unwrap();
        thread::sleep(Duration::from_millis(dice.u64(0..80)));
        office.at.kill();
        drop(importing.wait());

        office.at.run().unwrap();
        let now = running(&office);
        assert!([before, serial].contains(&now), "{now} is in force, not {before} or {serial}");
        assert_eq!(explained(&office, "day.capacity")["value"], capacity(now));
        let status = office.at.status().unwrap();
        assert_eq!(status["intake_open"], true, "{status:#}");
        half_way += u64::from(now == serial);
        let n = usize::try_from(serial).unwrap() * 10;
        enroll(&office, n..n + 5);
        import(&office, &file);
        committed(&office, serial);
        before = serial;
    }
    assert!(half_way > 0, "no kill came behind the moment when an edition is put in force");
    assert!(half_way < LIVES, "no kill came before the moment when an edition is put in force");
    office.at.call(&["journal", "verify"]).unwrap();
    assert_eq!(district.agree(&office).len(), 100);
}
