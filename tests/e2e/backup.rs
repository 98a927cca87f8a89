//! Copies of headquarters' database: what is stable for them, and headquarters put back to one.

use crate::district::{District, enroll, synced, until};
use crate::hands::{get, one_record, refusal, same, set, told, wait};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use wasl_tests::fleet::Office;

/// Where copies go.
fn vault(district: &District) -> PathBuf {
    district.root().join("vault")
}

/// Makes a copy; its folder.
fn backup(district: &District, options: &[&str]) -> PathBuf {
    let vault = vault(district);
    let words = [&["backup", vault.to_str().unwrap()], options].concat();
    let made = told(&district.hq.at, &words);
    PathBuf::from(made["place"].as_str().unwrap())
}

/// What an office says that headquarters has of a record.
fn has(office: &Office, id: &str) -> String {
    told(&office.at, &["record", "get", id])["hq"].as_str().unwrap().to_owned()
}

/// In which life headquarters' database is.
fn epoch(district: &District) -> Value {
    district.hq.at.status().unwrap()["epoch"].clone()
}

/// Headquarters' database, and what is kept beside it.
pub const DATABASE: [&str; 4] = ["hq.db", "hq.db-wal", "hq.db-shm", "hq.db.beside"];

/// Copies those of these files that are there.
pub fn copy_database(from: &Path, to: &Path, files: &[&str]) {
    fs::create_dir_all(to).unwrap();
    for name in files {
        match fs::copy(from.join(name), to.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => panic!("{name}: {e}"),
            _ => {}
        }
    }
}

/// Stops headquarters, puts this database in the place of its own, and starts it.
pub fn put_back(district: &mut District, old: &Path, files: &[&str]) {
    assert!(district.hq.at.stop());
    let dir = district.hq.at.dir().to_owned();
    for name in ["hq.db", "hq.db-wal", "hq.db-shm"] {
        let _ = fs::remove_file(dir.join(name)); // the last two may not be there
    }
    if files == DATABASE {
        let _ = fs::remove_file(dir.join("hq.db.beside")); // it may not be there
    }
    copy_database(old, &dir, files);
    district.hq.at.run().unwrap();
}

#[test]
fn what_is_in_an_offsite_copy_is_stable_at_the_office_at_once_and_stays_so() {
    let mut district = District::new();
    let mut office = district.office("nasr");
    let id = enroll(&office, 0..3).ids().pop_first().unwrap();
    synced(&office);
    let place = backup(&district, &[]);
    assert!(["hq.db", "hq.keys", "hq.toml"].iter().all(|name| place.join(name).is_file()));
    assert_eq!(has(&office, &id), "stored", "a copy next door makes nothing stable");
    backup(&district, &["--offsite"]);
    let head = until(&office, "stable", |s| s["sync"]["stable_seq"] == s["sync"]["head_seq"]);
    assert_eq!(has(&office, &id), "stable");
    let later = enroll(&office, 3..4).ids().pop_first().unwrap();
    synced(&office);
    assert_eq!((has(&office, &id), has(&office, &later)), ("stable".into(), "stored".into()));
    assert!(district.hq.at.stop() && office.at.stop());
    office.at.run().unwrap();
    assert_eq!(has(&office, &id), "stable", "without a link, after a restart");
    let now = office.at.status().unwrap();
    assert_eq!(now["sync"]["stable_seq"], head["sync"]["stable_seq"]);
}

#[test]
fn a_copy_of_a_damaged_database_is_none_and_an_offsite_one_needs_a_running_hq() {
    let mut district = District::new();
    let office = district.office("nasr");
    enroll(&office, 0..3);
    synced(&office);
    assert!(district.hq.at.stop());
    let vault = vault(&district);
    let words = ["backup", vault.to_str().unwrap()];
    let said = refusal(&district.hq.at, &[&words[..], &["--offsite"]].concat());
    assert!(said.contains("not running"), "{said}");
    told(&district.hq.at, &words);
    let database = district.hq.at.dir().join("hq.db");
    let mut bytes = fs::read(&database).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
    fs::write(&database, bytes).unwrap();
    let before = fs::read_dir(&vault).unwrap().count();
    let said = refusal(&district.hq.at, &words);
    assert!(said.contains("not whole") || said.contains("damaged"), "{said}");
    let whole = |entry: &fs::DirEntry| entry.path().extension().is_none_or(|e| e != "part");
    let after = fs::read_dir(&vault).unwrap().flatten().filter(whole).count();
    assert_eq!(after, before, "what was not found whole does not look like a copy");
}

/// Two offices share a record that headquarters has edited, one of each has records of its own;
/// after `old` was put back all of it is there again, equal at all ends, and nobody does anything.
fn comes_back(put: impl Fn(&mut District) -> Box<dyn Fn(&mut District)>) {
    let mut district = District::new();
    let (nasr, fajr) = (district.office("nasr"), district.office("fajr"));
    let id = one_record(&district, &nasr);
    let restore = put(&mut district);
    wait("HQ is back", || get(&district.hq.at, &id));
    let before = epoch(&district);
    // All of this is lost at headquarters.
    district.hq.at.call(&["record", "grant", &id, "fajr"]).unwrap();
    set(&district.hq.at, &id, "contact.phone=+9647800000001", "clerk-1");
    same(&[&nasr.at, &fajr.at, &district.hq.at], &id);
    set(&fajr.at, &id, "visit.note=seen", "op-1");
    let late = enroll(&nasr, 10..15).ids().pop_first().unwrap();
    synced(&nasr);
    synced(&fajr);
    let lost = same(&[&nasr.at, &fajr.at, &district.hq.at], &id);
    let joined = district.office("rifai");
    enroll(&joined, 0..2);
    synced(&joined);
    district.hq.at.call(&["office", "revoke", "fajr"]).unwrap();
    until(&fajr, "revoked", |status| status["link"]["state"] == "refused");

    restore(&mut district);
    let again = same(&[&nasr.at, &district.hq.at], &id);
    assert_eq!(again["groups"], lost["groups"], "HQ's edit and both offices'");
    assert_eq!(again["version_vector"], lost["version_vector"]);
    wait("what came after the copy", || get(&district.hq.at, &late));
    level(&district, &[&nasr, &joined]);
    assert!(epoch(&district) != before, "another life");
    let offices = told(&district.hq.at, &["office", "list"]);
    let fajr = offices["items"].as_array().unwrap().iter().find(|o| o["id"] == "fajr");
    assert_eq!(fajr.unwrap()["state"], "revoked", "a key that was revoked stays so");
    // And it goes on: both ways, with numbers that nobody has seen.
    set(&district.hq.at, &id, "contact.phone=+9647800000002", "clerk-2");
    let after = same(&[&nasr.at, &district.hq.at], &id);
    assert_eq!(after["groups"]["contact"]["siblings"].as_array().unwrap().len(), 0);
    level(&district, &[&nasr]);
}

/// Waits until these offices have heard of headquarters again, and agree with it.
fn level(district: &District, offices: &[&Office]) {
    for office in offices {
        office.at.call(&["sync"]).unwrap();
        district.agree(office);
    }
}

#[test]
fn a_restored_headquarters_gets_back_what_the_offices_have() {
    comes_back(|district| {
        let place = backup(district, &["--offsite"]);
        Box::new(move |district| {
            let words = ["restore", place.to_str().unwrap()];
            assert!(refusal(&district.hq.at, &words).contains("run"), "it runs");
            assert!(district.hq.at.stop());
            let done = told(&district.hq.at, &words);
            assert!(Path::new(done["aside"].as_str().unwrap()).is_file(), "nothing is thrown away");
            district.hq.at.run().unwrap();
        })
    });
}

#[test]
fn yesterdays_database_copied_under_headquarters_is_noticed_by_itself() {
    comes_back(|district| {
        let old = district.root().join("yesterday");
        assert!(district.hq.at.stop());
        copy_database(district.hq.at.dir(), &old, &DATABASE);
        district.hq.at.run().unwrap();
        Box::new(move |district| put_back(district, &old, &["hq.db", "hq.db-wal", "hq.db-shm"]))
    });
}

#[test]
fn an_office_that_has_more_shows_headquarters_that_it_was_put_back() {
    let mut district = District::new();
    let nasr = district.office("nasr");
    one_record(&district, &nasr);
    let old = district.root().join("yesterday");
    assert!(district.hq.at.stop());
    copy_database(district.hq.at.dir(), &old, &DATABASE);
    district.hq.at.run().unwrap();
    let before = wait("HQ is back", || Some(epoch(&district)));
    enroll(&nasr, 10..15);
    synced(&nasr);
    put_back(&mut district, &old, &DATABASE); // even what is kept beside it is of yesterday
    wait("another life", || (epoch(&district) != before).then_some(()));
    level(&district, &[&nasr]);
}

#[test]
fn a_copy_of_another_headquarters_or_a_folder_that_is_none_is_not_restored() {
    let mut district = District::new();
    let other = district.another_hq();
    let vault = vault(&district);
    let made = told(&other.at, &["backup", vault.to_str().unwrap()]);
    assert!(district.hq.at.stop());
    let said = refusal(&district.hq.at, &["restore", made["place"].as_str().unwrap()]);
    assert!(said.contains("another HQ"), "{said}");
    let said = refusal(&district.hq.at, &["restore", vault.to_str().unwrap()]);
    assert!(said.contains("no copy"), "{said}");
    district.hq.at.run().unwrap();
    assert!(district.hq.at.status().is_ok(), "it is as it was");
}
