//! What earlier releases wrote is opened by this one, with its backlog; what a later one wrote is
//! left alone.
//!
//! `tests/fixtures/vX.Y.Z` holds the data dirs of one release, packed, and beside them what was in
//! them. `WASL_FIXTURES=write` writes those of this release with the real programs, if there are none
//! yet: once a release is out they are never changed. It needs python3, for the database of a
//! release that does not exist yet. All keys in them were made for them.

use crate::config::author::Author;
use crate::config::push;
use crate::district::{District, PATIENCE, enroll, listed, synced, until};
use crate::hands::{counts, get, held_dot, items, same, set, told, wait};
use crate::held::forge;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use tempfile::TempDir;
use wasl_tests::clock;
use wasl_tests::fleet::{Installation, Office};

/// The release that this is.
const RELEASE: &str = concat!("v", env!("CARGO_PKG_VERSION"));

const OFFICE: &str = "nasr";

/// What an installation answers when it refuses its data dir.
const BAD_SETTINGS: i32 = 78;

/// What a later release would have done to HQ's database.
const LATER: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute(\"INSERT INTO _sqlx_migrations (version, description, success, checksum,\"
           \" execution_time) VALUES (9999, 'later', 1, x'00', 0)\")
db.commit()
db.close()";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The folders of all releases that left fixtures.
fn releases() -> Vec<PathBuf> {
    let all = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.is_dir()).collect();
    all.sort();
    assert!(all.iter().any(|path| path.ends_with(RELEASE)), "{RELEASE} has left no fixtures");
    all
}

fn tar(words: &[&str], archive: &Path, dir: &Path) {
    let mut tar = Command::new("tar");
    tar.args(words).arg("--file").arg(archive).arg("--directory").arg(dir);
    let names = words.contains(&"--create").then(|| {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.filter(|name| wanted(name.to_str().unwrap())).collect();
        names.sort();
        names
    });
    let done = tar.args(names.into_iter().flatten()).status().unwrap();
    assert!(done.success(), "tar: {done}");
}

/// Does it belong to HQ's or the office's data dir? Their logs do not.
fn wanted(name: &str) -> bool {
    ["hq", "hq.config-key", OFFICE, "nasr.key"].contains(&name)
}

fn unpack(release: &Path, name: &str) -> TempDir {
    let dir = TempDir::with_prefix("wasl-").unwrap();
    tar(&["--extract", "--gzip"], &release.join(name), dir.path());
    dir
}

/// Fills a district with something of everything, stops it, and packs it.
#[test]
fn this_release_leaves_its_data_dirs_behind() {
    let folder = fixtures().join(RELEASE);
    if env::var_os("WASL_FIXTURES").is_some_and(|v| v == "write") && !folder.exists() {
        write(&folder);
    }
    for name in ["district.tar.gz", "later-hq.tar.gz", "holds.json"] {
        assert!(folder.join(name).is_file(), "{name}: `WASL_FIXTURES=write` makes it");
    }
}

fn write(folder: &Path) {
    let mut district = District::new();
    let mut office = district.office(OFFICE);
    let mut all: Vec<String> = enroll(&office, 0..8).ids().into_iter().collect();
    synced(&office);
    let edition = Author::of(&district.hq).edition(7, &json!({"day": {"capacity": 120}}));
    push(&district, &edition, &["--now"]);
    until(&office, "committed", |status| status["config"]["state"] == "committed");
    office.link.cut();
    set(&office.at, &all[0], "contact.phone=+9647811111111", "op-07");
    set(&district.hq.at, &all[0], "contact.phone=+9647822222222", "clerk-2");
    office.link.restore();
    counts(&district, &office, 1, 0);
    assert!(office.at.stop());
    forge(&office, &all[1], "national_number", r#"{"value": 666}"#);
    office.at.run().unwrap();
    let held = held_dot(&district.hq.at, "unauthorised");
    synced(&office);
    // Each side has something that the other lacks.
    office.link.cut();
    until(&office, "told of the cut", |status| status["link"]["state"] != "up");
    set(&district.hq.at, &all[2], "national_number.value=17", "clerk-2");
    all.extend(enroll(&office, 8..12).ids());
    let status = office.at.status().unwrap();
    let records: BTreeMap<_, _> = all.iter().map(|id| (id, shown(&office.at, id))).collect();
    let holds = json!({
        "records": records,
        "backlog": status["sync"]["backlog_records"],
        "conflicts": status["records"]["conflicts"],
        "held": held,
        "config": status["config"]["running"],
        "waits_at_hq": {"record": all[2], "national_number": {"value": 17}},
    });
    assert!(office.at.stop() && district.hq.at.stop());
    fs::create_dir_all(folder).unwrap();
    let pack = ["--create", "--gzip", "--sparse", "--exclude=*.sock", "--owner=0", "--group=0"];
    tar(&pack, &folder.join("district.tar.gz"), district.root());
    let database = district.hq.at.dir().join("hq.db");
    let python = Command::new("python3").args(["-c", LATER]).arg(database).status().unwrap();
    assert!(python.success(), "python3 with sqlite3 makes the later database");
    fs::remove_dir_all(office.at.dir()).unwrap();
    tar(&pack, &folder.join("later-hq.tar.gz"), district.root());
    let text = serde_json::to_string_pretty(&holds).unwrap();
    fs::write(folder.join("holds.json"), text + "\n").unwrap();
}

/// What has to be the same for ever of a record.
fn shown(at: &Installation, id: &str) -> Value {
    let record = get(at, id).unwrap_or_else(|| panic!("{id} is missing"));
    json!({"version_vector": record["version_vector"], "groups": record["groups"]})
}

fn lists(at: &Installation) -> Vec<String> {
    listed(at, &[]).into_iter().collect()
}

#[test]
fn what_every_release_wrote_opens_with_its_backlog_and_comes_level() {
    for release in releases() {
        let text = fs::read_to_string(release.join("holds.json")).unwrap();
        let holds: Value = serde_json::from_str(&text).unwrap();
        let mut district = District::found(unpack(&release, "district.tar.gz"));
        let mut office = district.found_office(OFFICE);
        office.link.cut();
        office.at.run().unwrap();
        let records = holds["records"].as_object().unwrap();
        let listed: Vec<_> = records.keys().cloned().collect();
        assert_eq!(lists(&office.at), listed, "{}", release.display());
        for (id, record) in records {
            assert_eq!(&shown(&office.at, id), record, "{}", release.display());
        }
        let status = office.at.status().unwrap();
        assert_eq!(status["sync"]["backlog_records"], holds["backlog"]);
        assert!(holds["backlog"].as_u64().unwrap() >= 4);
        assert_eq!(status["config"]["running"], holds["config"]);
        // An old backlog, and new work before the link is back.
        enroll(&office, 12..14);
        district.hq.at.run().unwrap();
        office.link.restore();
        goes_on(&district, &office, &holds);
    }
}

/// Both ends come level with what each of them had, and go on from there.
fn goes_on(district: &District, office: &Office, holds: &Value) {
    let waits = &holds["waits_at_hq"];
    let numbered = waits["record"].as_str().unwrap();
    wait("what waited at HQ", || {
        let number = get(&office.at, numbered)?["groups"]["national_number"]["value"].clone();
        (number == waits["national_number"]).then_some(())
    });
    let records = holds["records"].as_object().unwrap();
    synced(office);
    let held = items(&district.hq.at, &["held", "list"]);
    assert_eq!(held.iter().map(|item| &item["dot"]).collect::<Vec<_>>(), [&holds["held"]]);
    let changed = [numbered, held[0]["record"].as_str().unwrap()];
    for (id, record) in records.iter().filter(|(id, _)| !changed.contains(&id.as_str())) {
        assert_eq!(&shown(&district.hq.at, id), record);
    }
    let conflicts = holds["conflicts"].as_u64().unwrap();
    counts(district, office, conflicts, 1);
    told(&district.hq.at, &["held", "refuse", holds["held"].as_str().unwrap(), "--reason", "no"]);
    counts(district, office, conflicts, 0);
    assert_eq!(district.agree(office).len(), records.len() + 2);
    let id = records.keys().next().unwrap();
    set(&office.at, id, "address.house=9", "op-07");
    assert_eq!(same(&[&office.at, &district.hq.at], id)["groups"]["address"]["value"]["house"], 9);
}

/// Every file and folder: what it holds, and when that was changed last.
type Snapshot = BTreeMap<PathBuf, (Vec<u8>, i64, i64, u32)>;

fn snapshot(dir: &Path, into: &mut Snapshot) {
    let found = fs::metadata(dir).unwrap();
    let bytes = if found.is_dir() { Vec::new() } else { fs::read(dir).unwrap() };
    into.insert(dir.into(), (bytes, found.mtime(), found.mtime_nsec(), found.mode()));
    if found.is_dir() {
        for entry in fs::read_dir(dir).unwrap() {
            snapshot(&entry.unwrap().path(), into);
        }
    }
}

/// Starts the daemon, which must refuse its data dir, say why and what to do, and touch nothing.
fn refused_untouched(at: &mut Installation) {
    let (mut before, mut after) = (Snapshot::new(), Snapshot::new());
    snapshot(at.dir(), &mut before);
    at.start().unwrap();
    let ended = clock::until(PATIENCE, || at.ended()).expect("it ends by itself");
    let said = fs::read_to_string(at.log()).unwrap();
    assert_eq!(ended.code(), Some(BAD_SETTINGS), "{said}");
    snapshot(at.dir(), &mut after);
    let names = |all: &Snapshot| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "files came or went");
    for (path, was) in &before {
        assert!(after[path] == *was, "{} was touched", path.display());
    }
    for words in ["error: ", "a newer version of Wasl wrote this", "help: install that version"] {
        assert!(said.contains(words), "`{words}` is not in\n{said}");
    }
}

#[test]
fn an_office_that_a_later_release_has_written_is_refused_and_not_touched() {
    let district = District::found(unpack(&fixtures().join(RELEASE), "district.tar.gz"));
    let mut office = district.found_office(OFFICE);
    fs::write(office.at.dir().join("format"), "2\n").unwrap();
    refused_untouched(&mut office.at);
}

#[test]
fn a_headquarters_that_a_later_release_has_written_is_refused_and_not_touched() {
    let mut district = District::found(unpack(&fixtures().join(RELEASE), "later-hq.tar.gz"));
    refused_untouched(&mut district.hq.at);
}
