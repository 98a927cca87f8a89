//! Weeks without a link: half a session as a file, and the reply to it.

use crate::backup::{DATABASE, copy_database, put_back};
use crate::district::{District, enroll, listed, synced};
use crate::folder::copy;
use crate::forms;
use crate::hands::{refusal, same, set, told};
use crate::reborn::{self, is_reborn};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use wasl_tests::fleet::{Office, through};
use wasl_tests::process::finish;

/// The file that a person carries, by its name on the stick.
fn stick(district: &District, name: &str) -> PathBuf {
    district.root().join(name).with_extension("wasl")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn export(office: &Office, file: &Path) -> Value {
    told(&office.at, &["bundle", "export", text(file)])
}

/// HQ takes a bundle in and writes the reply.
fn answer(district: &District, file: &Path, reply: &Path) -> Value {
    told(&district.hq.at, &["bundle", "import", text(file), "--reply", text(reply)])
}

fn import(office: &Office, reply: &Path) -> Value {
    told(&office.at, &["bundle", "import", text(reply)])
}

/// There and back once; what HQ said, and what the office said.
fn carry(district: &District, office: &Office, name: &str) -> (Value, Value) {
    let (up, down) = (stick(district, name), stick(district, &format!("{name}-reply")));
    export(office, &up);
    (answer(district, &up, &down), import(office, &down))
}

#[test]
fn an_office_without_a_link_and_headquarters_agree_by_files_alone() {
    let district = District::new();
    let office = district.office("nasr");
    let mut all = enroll(&office, 0..4).ids();
    synced(&office);
    office.link.cut();
    let one = all.first().unwrap().clone();
    set(&district.hq.at, &one, "contact.phone=+9647800000001", "hq-1");
    set(&office.at, &one, "address.street=5", "op-1");
    all.extend(enroll(&office, 4..40).ids());

    let (taken, imported) = carry(&district, &office, "first");
    assert_eq!((&taken["entries"], &taken["new"]), (&json!(37), &json!(37)), "{taken:#}");
    assert!(imported["news"].as_u64() >= Some(1) && imported["reborn"] == false, "{imported:#}");
    assert_eq!(district.agree(&office), all);
    same(&[&office.at, &district.hq.at], &one);
    let again = export(&office, &stick(&district, "empty"));
    assert_eq!(again["entries"], 0, "what was acknowledged is not carried again");

    // Half by bundle, half by link.
    all.extend(enroll(&office, 40..44).ids());
    carry(&district, &office, "second");
    office.link.restore();
    all.extend(enroll(&office, 44..48).ids());
    assert_eq!(district.agree(&office), all);
    set(&district.hq.at, &one, "contact.phone=+9647800000002", "hq-1");
    office.at.call(&["sync", "--timeout", "60"]).unwrap();
    same(&[&office.at, &district.hq.at], &one);
}

#[test]
fn bundles_lost_replayed_and_out_of_order_lose_nothing_and_repeat_nothing() {
    let district = District::new();
    let office = district.office("nasr");
    office.link.cut();
    let mut all = enroll(&office, 0..4).ids();
    let (a, b, c) = (stick(&district, "a"), stick(&district, "b"), stick(&district, "c"));
    let reply = |name| stick(&district, name);
    export(&office, &a);
    all.extend(enroll(&office, 4..8).ids());
    export(&office, &b);
    let one = all.first().unwrap().clone();

    // The later one first, then the earlier, then the later again; two replies are lost.
    assert_eq!(answer(&district, &b, &reply("lost-1"))["new"], 9, "the journal's birth, and eight");
    set(&district.hq.at, &one, "contact.phone=+9647800000001", "hq-1");
    assert_eq!(answer(&district, &a, &reply("ra"))["new"], 0);
    assert_eq!(answer(&district, &b, &reply("rb"))["new"], 0);
    let first = import(&office, &reply("rb"));
    assert_eq!(first["stored"], 9, "{first:#}");
    assert_eq!(import(&office, &reply("ra"))["news"], 0, "it is here already");
    assert_eq!(import(&office, &reply("rb"))["news"], 0);
    same(&[&office.at, &district.hq.at], &one);

    all.extend(enroll(&office, 8..10).ids());
    export(&office, &c);
    answer(&district, &c, &reply("lost-2"));
    let (taken, _) = carry(&district, &office, "d");
    assert_eq!(taken["new"], 0, "the entries of the lost one are there");
    assert_eq!(district.agree(&office), all);
    office.link.restore();
    assert_eq!(district.agree(&office), all);
}

#[test]
fn a_tampered_a_foreign_and_a_broken_bundle_are_refused_with_the_reason() {
    let district = District::new();
    let (nasr, fajr) = (district.office("nasr"), district.office("fajr"));
    nasr.link.cut();
    enroll(&nasr, 0..300);
    let (up, reply) = (stick(&district, "up"), stick(&district, "reply"));
    export(&nasr, &up);
    let file = fs::read(&up).unwrap();
    let refused = |bytes: &[u8], why: &str| {
        let bad = stick(&district, "bad");
        fs::write(&bad, bytes).unwrap();
        let none = stick(&district, "none");
        let words = ["bundle", "import", text(&bad), "--reply", text(&none)];
        let said = refusal(&district.hq.at, &words);
        assert!(said.contains(why), "{said}");
        assert!(!none.exists(), "no reply to what was refused");
    };
    let mut changed = file.clone();
    *changed.last_mut().unwrap() ^= 1;
    refused(&changed, "does not open: it was changed or damaged");
    refused(&file[..file.len() - 100], "cut short behind piece");
    let mut head = file.clone();
    head[20] ^= 1;
    refused(&head, "error:");
    refused(b"a photo", "not a bundle");
    refused(&[], "not a bundle");
    let words = ["bundle", "import", text(&up), "--reply", text(&up)];
    let said = refusal(&district.hq.at, &words);
    assert!(said.contains("there is a file already"), "{said}");
    let other = district.another_hq();
    let words = ["bundle", "import", text(&up), "--reply", text(&reply)];
    let said = refusal(&other.at, &words);
    assert!(said.contains("no machine has joined as nasr"), "{said}");

    // None of it did any harm.
    answer(&district, &up, &reply);
    let said = refusal(&fajr.at, &["bundle", "import", text(&reply)]);
    assert!(said.contains("it is for nasr"), "{said}");
    let said = refusal(&nasr.at, &["bundle", "import", text(&up)]);
    assert!(said.contains("for headquarters, and no reply"), "{said}");
    let none = stick(&district, "none");
    let words = ["bundle", "import", text(&reply), "--reply", text(&none)];
    let said = refusal(&district.hq.at, &words);
    assert!(said.contains("take it to nasr"), "{said}");
    let said = refusal(&nasr.at, &["bundle", "export", text(&up)]);
    assert!(said.contains("there is a file already"), "{said}");
    import(&nasr, &reply);
    assert_eq!(district.agree(&nasr).len(), 300);
    district.agree(&fajr);
}

#[test]
fn an_office_restored_from_a_backup_is_healed_by_files_alone() {
    let district = District::new();
    let mut office = district.office("nasr");
    let mut all = enroll(&office, 0..5).ids();
    let shared = all.first().unwrap().clone();
    synced(&office);
    assert!(office.at.stop());
    let backup = district.root().join("backup-of-nasr");
    copy(office.at.dir(), &backup);
    office.at.run().unwrap();
    all.extend(enroll(&office, 5..12).ids());
    set(&office.at, &shared, "contact.phone=+9647800000001", "op-1");
    synced(&office);
    assert!(office.at.stop());
    reborn::put_back(&office, &backup);
    office.link.cut();
    office.at.run().unwrap();
    all.extend(enroll(&office, 20..30).ids());
    set(&office.at, &shared, "contact.phone=+9647800000002", "op-2");

    // Headquarters takes what differs at once, as the journal that the office will have.
    let (up, down) = (stick(&district, "up"), stick(&district, "down"));
    export(&office, &up);
    let taken = answer(&district, &up, &down);
    assert_eq!(taken["reborn"].as_array().map(Vec::len), Some(1), "{taken:#}");
    assert_eq!(listed(&district.hq.at, &["--office", "nasr"]), all, "nothing is refused");
    let twice = answer(&district, &up, &stick(&district, "twice"));
    assert_eq!(twice["new"], 0, "{twice:#}");

    // The daemon ends, to be started again by its service manager; the command waits for it.
    let command = office.at.command(&["bundle", "import", text(&down)]);
    let importing = std::thread::spawn(move || finish(command, b""));
    is_reborn(&mut office);
    let told = importing.join().unwrap().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let status = office.at.status().unwrap();
    assert_eq!(status["sync"]["backlog_records"], 0, "HQ had it before: {status:#}");
    carry(&district, &office, "after");
    assert_eq!(district.agree(&office), all);
    let state = same(&[&office.at, &district.hq.at], &shared);
    let contact = state["groups"]["contact"].to_string();
    assert!(contact.contains("9647800000001") && contact.contains("9647800000002"), "{state:#}");
    office.link.restore();
    all.extend(enroll(&office, 30..33).ids());
    assert_eq!(district.agree(&office), all);
}

#[test]
fn a_headquarters_that_was_put_back_gets_all_again_by_files_alone() {
    let mut district = District::new();
    let office = district.office("nasr");
    let mut all = enroll(&office, 0..5).ids();
    let one = all.first().unwrap().clone();
    synced(&office);
    assert!(district.hq.at.stop());
    let before = district.root().join("hq.before");
    copy_database(district.hq.at.dir(), &before, &DATABASE);
    district.hq.at.run().unwrap();
    set(&district.hq.at, &one, "contact.phone=+9647800000001", "hq-1");
    all.extend(enroll(&office, 5..12).ids());
    office.at.call(&["sync", "--timeout", "60"]).unwrap();
    office.link.cut();
    put_back(&mut district, &before, &["hq.db", "hq.db-wal", "hq.db-shm"]);
    all.extend(enroll(&office, 12..14).ids());

    // The first reply tells the office where HQ is, the second bundle brings what it lost.
    let (first, _) = carry(&district, &office, "first");
    assert_eq!(first["lacking"].as_array().map(Vec::len), Some(1), "{first:#}");
    let (second, _) = carry(&district, &office, "second");
    assert_eq!(second["lacking"], json!([]), "{second:#}");
    assert_eq!(second["adopted"], 1, "HQ's own edit comes back: {second:#}");
    assert_eq!(district.agree(&office), all);
    let state = same(&[&office.at, &district.hq.at], &one);
    assert!(state["groups"]["contact"].to_string().contains("9647800000001"), "{state:#}");
    office.link.restore();
    all.extend(enroll(&office, 14..16).ids());
    assert_eq!(district.agree(&office), all);
}

#[test]
fn a_revoked_machines_bundle_is_taken_by_name_only_and_listed() {
    let district = District::new();
    let office = district.office("nasr");
    let mut all = enroll(&office, 0..3).ids();
    synced(&office);
    office.link.cut();
    all.extend(enroll(&office, 3..6).ids());
    let (up, reply) = (stick(&district, "up"), stick(&district, "reply"));
    export(&office, &up);
    district.hq.at.call(&["office", "revoke", "nasr"]).unwrap();
    let words = ["bundle", "import", text(&up), "--reply", text(&reply)];
    let said = refusal(&district.hq.at, &words);
    assert!(said.contains("nasr is revoked") && said.contains("--admit nasr"), "{said}");
    assert_eq!(listed(&district.hq.at, &["--office", "nasr"]).len(), 3);
    let words = ["bundle", "import", text(&up), "--admit", "fajr"];
    assert!(refusal(&district.hq.at, &words).contains("it is of nasr"));
    let taken = told(&district.hq.at, &["bundle", "import", text(&up), "--admit", "nasr"]);
    let admitted = taken["admitted"].as_array().unwrap();
    assert_eq!(admitted.len(), 3, "{taken:#}");
    assert!(admitted.iter().all(|entry| entry["form_number"].is_string()));
    assert_eq!(listed(&district.hq.at, &["--office", "nasr"]), all);
    assert!(!reply.exists());
}

/// The words that let the machine in whose request this is.
fn admit<'a>(request: &'a Path, answer: &'a Path) -> [&'a str; 5] {
    ["office", "admit", text(request), "--answer", text(answer)]
}

#[test]
fn a_machine_joins_enrolls_and_agrees_without_ever_having_a_link() {
    let district = District::new();
    let mut new = district.stranger("nasr");
    new.link.cut();
    let token = through(district.token("nasr"), &new.link);
    let (asks, answered) = (stick(&district, "asks"), stick(&district, "answered"));
    let said = refusal(&new.at, &["join", "--answer", text(&answered)]);
    assert!(said.contains("has not asked to join by file"), "{said}");
    let asking = told(&new.at, &["join", &token, "--request", text(&asks)]);
    let admitted = told(&district.hq.at, &admit(&asks, &answered));
    assert_eq!(admitted["key"], asking["key"], "what people compare by telephone");

    // Another machine with the same token, another HQ's answer, and a changed one.
    let (other, none) = (district.stranger("other"), stick(&district, "none"));
    told(&other.at, &["join", &token, "--request", text(&none)]);
    let again = stick(&district, "again");
    let said = refusal(&district.hq.at, &admit(&none, &again));
    assert!(said.contains("has been used by another machine"), "{said}");
    let said = refusal(&other.at, &["join", "--answer", text(&answered)]);
    assert!(said.contains("it is for another machine"), "{said}");
    let said = refusal(&district.another_hq().at, &admit(&asks, &again));
    assert!(said.contains("another headquarters"), "{said}");
    let mut bad = fs::read(&answered).unwrap();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&none, &bad).unwrap();
    let said = refusal(&new.at, &["join", "--answer", text(&none)]);
    assert!(said.contains("damaged"), "{said}");

    // The answer was lost: the same request is answered again.
    told(&district.hq.at, &admit(&asks, &again));
    new.at.call(&["join", "--answer", text(&again)]).unwrap();
    let said = refusal(&new.at, &["join", "--answer", text(&again)]);
    assert!(said.contains("joined already") || said.contains("already"), "{said}");
    new.id = "nasr".to_owned();
    new.at.run().unwrap();
    let all = enroll(&new, 0..5).ids();
    carry(&district, &new, "first");
    assert_eq!(district.agree(&new), all);
}

#[test]
fn thirty_days_carried_half_by_bundle_and_half_by_link_leave_equal_states() {
    let district = District::new();
    let office = district.office("nasr");
    office.link.cut();
    let day = |from: usize, to: usize| {
        let out = office.at.output(&["enroll", "-"], forms::lines("nasr", from..to).as_ref());
        assert!(out.unwrap().status.success());
    };
    day(0, 1_440);
    let (taken, _) = carry(&district, &office, "half");
    assert_eq!(taken["new"], 1_441, "{taken:#}");
    day(1_440, 2_880);
    office.link.restore();
    assert_eq!(district.agree(&office).len(), 2_880);
}
