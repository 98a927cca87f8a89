//! An office put back to an old copy of its disk: it goes on in another journal, by itself.

use crate::district::{District, enroll, listed, synced};
use crate::folder::copy;
use crate::hands::{same, set, wait};
use std::fs;
use std::path::Path;
use wasl_tests::fleet::Office;

/// Puts the disk of a stopped office back to this copy of it.
pub fn put_back(office: &Office, copy_of_it: &Path) {
    fs::remove_dir_all(office.at.dir()).unwrap();
    copy(copy_of_it, office.at.dir());
}

/// The daemon ends by itself once it has found where its journal parts from HQ's, and starts again,
/// as its service manager would have it.
pub fn is_reborn(office: &mut Office) {
    wait("it has ended by itself", || office.at.ended());
    assert!(!office.at.stop(), "and said that it is no clean end");
    office.at.run().unwrap();
    let log = fs::read_to_string(office.at.log()).unwrap();
    assert!(log.contains("its journal goes on as"), "{log}");
}

#[test]
fn an_office_restored_from_a_backup_that_writes_on_loses_nothing_of_either_history() {
    let mut district = District::new();
    let mut office = district.office("nasr");
    let mut all = enroll(&office, 0..5).ids();
    let shared = all.first().unwrap().clone();
    synced(&office);
    assert!(office.at.stop());
    let backup = district.root().join("backup-of-nasr");
    copy(office.at.dir(), &backup);

    // What the backup does not know: new records, and a correction, all at HQ.
    office.at.run().unwrap();
    all.extend(enroll(&office, 5..12).ids());
    set(&office.at, &shared, "contact.phone=+9647800000001", "op-1");
    synced(&office);
    assert!(office.at.stop());

    // The old disk enrolls without a link, then meets HQ.
    put_back(&office, &backup);
    office.link.cut();
    office.at.run().unwrap();
    let answered = enroll(&office, 20..30);
    all.extend(answered.ids());
    set(&office.at, &shared, "contact.phone=+9647800000002", "op-2");
    office.link.restore();
    is_reborn(&mut office);
    synced(&office);
    assert_eq!(district.agree(&office), all);

    // Neither correction was overwritten: whoever knows decides.
    let state = same(&[&office.at, &district.hq.at], &shared);
    let contact = state["groups"]["contact"].to_string();
    assert!(contact.contains("9647800000001") && contact.contains("9647800000002"), "{state:#}");
    let status = office.at.status().unwrap();
    let fork = status["warnings"].as_array().unwrap().iter().find(|w| w["code"] == "fork");
    assert_eq!(fork, None);

    // It goes on: what it writes now comes to HQ, also after a restart of both.
    assert!(office.at.stop() && district.hq.at.stop());
    district.hq.at.run().unwrap();
    office.at.run().unwrap();
    all.extend(enroll(&office, 30..33).ids());
    synced(&office);
    assert_eq!(district.agree(&office), all);
}

#[test]
fn an_office_restored_from_a_backup_that_wrote_nothing_gets_all_back_from_headquarters() {
    let district = District::new();
    let mut office = district.office("fajr");
    let mut all = enroll(&office, 0..3).ids();
    synced(&office);
    assert!(office.at.stop());
    let backup = district.root().join("backup-of-fajr");
    copy(office.at.dir(), &backup);
    office.at.run().unwrap();
    all.extend(enroll(&office, 3..9).ids());
    synced(&office);
    assert!(office.at.stop());
    put_back(&office, &backup);
    office.at.run().unwrap();
    is_reborn(&mut office);
    synced(&office);
    assert_eq!(district.agree(&office), all);
}

#[test]
fn two_machines_of_one_office_lose_nothing_and_headquarters_says_that_there_are_two() {
    let district = District::new();
    let mut office = district.office("nasr");
    let mut all = enroll(&office, 0..5).ids();
    synced(&office);
    assert!(office.at.stop());
    let root = district.root();
    let mut clone = district.stranger("clone");
    clone.id = office.id.clone();
    copy(office.at.dir(), clone.at.dir());
    fs::copy(root.join("nasr.key"), root.join("clone.key")).unwrap();
    // Whoever is cut off by the other waits a minute, unless it is asked for again.
    let sync = |office: &Office| {
        let once = || office.at.call(&["sync", "--timeout", "10"]).ok();
        wait("a session that the other does not cut off", once);
    };

    // Both run, both enroll, each cuts off the other's session.
    office.at.run().unwrap();
    clone.at.run().unwrap();
    all.extend(enroll(&office, 5..8).ids());
    sync(&office);
    let told = |district: &District| {
        let status = district.hq.at.get("/v1/status").unwrap();
        let warnings = status["warnings"].as_array().unwrap().clone();
        warnings.into_iter().find(|w| w["code"] == "duplicate-identity")
    };
    all.extend(enroll(&clone, 10..14).ids());
    let _ended = clone.at.call(&["sync", "--timeout", "5"]);
    is_reborn(&mut clone);
    sync(&clone);
    assert_eq!(told(&district), None, "so far it may be one machine that was put back");
    all.extend(enroll(&office, 8..10).ids());
    sync(&office);
    let warning = told(&district).expect("whoever writes the old journal is another machine");
    assert!(warning["text"].as_str().unwrap().starts_with("nasr: "), "{warning:#}");

    // Whichever is switched off, the other has everything.
    all.extend(enroll(&clone, 14..16).ids());
    sync(&clone);
    assert!(clone.at.stop());
    sync(&office);
    assert_eq!(listed(&district.hq.at, &["--office", "nasr"]), all);
    assert_eq!(listed(&office.at, &[]), all);
    district.hq.at.call(&["journal", "verify", "nasr"]).unwrap();
    assert!(office.at.stop());
    clone.at.run().unwrap();
    assert_eq!(district.agree(&clone), all);
}
