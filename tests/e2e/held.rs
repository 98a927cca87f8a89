//! What HQ does not apply: it is kept, shown, and decided.

use crate::district::{District, enroll, until};
use crate::folder::copy;
use crate::hands::{counts, get, held_dot, items, one_record, refusal, same, set, told, wait};
use serde_json::{Value, json};
use std::fs;
use tokio::runtime::Builder;
use wasl_agent::engine::{self, Change, EngineConfig, Running};
use wasl_agent::journal::Log;
use wasl_agent::keystore::{Identity, KeyFile, Office as Joined};
use wasl_agent::seam::World;
use wasl_protocol::entry::{self, Edit};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::GroupName;
use wasl_protocol::json::{self, Json};
use wasl_protocol::limits;
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_tests::fleet::{Installation, Office};

/// The engine of the stopped office, without its daemon.
fn running(world: &World, office: &Office) -> Running {
    let dir = office.at.dir();
    let identity = Identity::load(world, dir, &KeyFile::locate(dir, None).unwrap()).unwrap();
    let hq = Joined::load(world, &identity).unwrap().hq.verify_key;
    let config = EngineConfig { hq, view_cache_bytes: engine::VIEW_CACHE_BYTES };
    engine::start(world, &identity, config, &mut |_| {}).unwrap()
}

/// Writes an edit that the office's own doors refuse into the journal of the stopped office, as
/// somebody could who has the office's machine and a program of his own.
pub fn forge(office: &Office, id: &str, group: &str, value: &str) {
    let world = World::real();
    let running = running(&world, office);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (engine, record) = (&running.handle, id.parse().unwrap());
        let read = engine.record(record).await.unwrap().unwrap().state.seen;
        let group: GroupName = group.parse().unwrap();
        let json = Json::of(&json::parse(value.as_bytes()).unwrap());
        let edit = Edit {
            record,
            at: world.clock.unix(),
            operator: None,
            opening: None,
            groups: [(group.clone(), json)].into(),
        };
        let (journal, key, random) = (engine.journal(), engine.data_key(), world.entropy.random());
        let plain = edit.encode();
        let sealed = Sealed::new(journal, Kind::EDIT, &plain, key, &mut Packer::new(), random);
        engine.change(Change { record, read, groups: vec![group], sealed }).await.unwrap();
        engine.stop().await;
    });
    running.thread.join().unwrap().unwrap();
}

/// An office whose journal numbers a citizen by itself, and that goes on writing; HQ has given the
/// number 1 already. Answers the record, and the dot of what is held.
pub fn hostile(district: &District) -> (Office, String, String) {
    let mut office = district.office("chibayish");
    let id = one_record(district, &office);
    set(&district.hq.at, &id, "national_number.value=1", "clerk-2");
    wait("numbered", || {
        let number = get(&office.at, &id)?["groups"]["national_number"]["value"].clone();
        (number == json!({"value": 1})).then_some(())
    });
    assert!(office.at.stop());
    forge(&office, &id, "national_number", r#"{"value": 666}"#);
    office.at.run().unwrap();
    set(&office.at, &id, "contact.phone=+9647811111111", "op-07");
    let dot = held_dot(&district.hq.at, "unauthorised");
    (office, id, dot)
}

#[test]
fn a_forged_number_is_held_alarmed_and_refused_with_a_reason_and_stops_nothing_else() {
    let district = District::new();
    let (office, id, dot) = hostile(&district);
    let hq = &district.hq.at;
    // What the office wrote after it, of this record, waits for it; other records do not.
    let waits = held_dot(hq, "waits");
    assert_eq!(held(hq).len(), 2);
    let other = enroll(&office, 1..2).ids().pop_first().unwrap();
    same(&[&office.at, hq], &other);
    counts(&district, &office, 0, 2);
    let status = until(&office, "alarmed", warns_of_held);
    assert_ne!(status["overall"], "ok");
    let kept = get(hq, &id).unwrap();
    assert_eq!(kept["groups"]["national_number"]["value"], json!({"value": 1}));
    let shown = told(hq, &["held", "show", &dot]).to_string();
    assert!(shown.contains("666") && shown.contains("chibayish"), "{shown}");
    let early = refusal(hq, &["held", "refuse", &waits, "--reason", "no"]);
    assert!(early.contains(&dot), "it names what has to be decided first: {early}");
    told(hq, &["held", "refuse", &dot, "--reason", "offices give no numbers", "--by", "judge-1"]);
    let both = same(&[&office.at, hq], &id);
    assert_eq!(both["groups"]["national_number"]["value"], json!({"value": 1}));
    assert_eq!(both["groups"]["contact"]["value"]["phone"], "+9647811111111");
    assert_eq!(both["conflict"], false);
    counts(&district, &office, 0, 0);
    let told = wait("told why", || {
        let told = held(&office.at).into_iter().find(|item| item["dot"] == dot.as_str())?;
        (told["state"] == "refused").then_some(told)
    });
    assert!(told.to_string().contains("offices give no numbers"), "{told}");
    set(&office.at, &id, "contact.phone=+9647844444444", "op-07");
    wait("later edits go through", || {
        let phone = get(hq, &id)?["groups"]["contact"]["value"]["phone"].clone();
        (phone == "+9647844444444").then_some(())
    });
    district.agree(&office);
    district.no_personal_data_in_logs();
}

#[test]
fn staff_may_release_what_its_author_may_not_write() {
    let district = District::new();
    let (office, id, dot) = hostile(&district);
    let hq = &district.hq.at;
    told(hq, &["held", "release", &dot, "--by", "judge-1"]);
    wait("what waited for it follows", || {
        let phone = get(hq, &id)?["groups"]["contact"]["value"]["phone"].clone();
        (phone == "+9647811111111").then_some(())
    });
    let both = same(&[&office.at, hq], &id);
    assert_eq!(both["groups"]["national_number"]["value"], json!({"value": 666}));
    counts(&district, &office, 0, 0);
    let again = refusal(hq, &["held", "refuse", &dot, "--reason", "no"]);
    assert!(again.contains(&dot), "{again}");
    district.agree(&office);
}

/// Entries that no version of ours writes: of every kind, sealed and linked as they should be, with
/// nothing in them that can be read, or that unpacks to more than an entry may hold.
fn poison(engine: &engine::Handle, world: &World) -> Vec<Sealed> {
    let bomb = vec![0; limits::PLAIN_BYTES + 1];
    let mut packer = Packer::new();
    let (journal, key) = (engine.journal(), engine.data_key());
    let mut seal = |kind, plain: &[u8]| {
        Sealed::new(journal, kind, plain, key, &mut packer, world.entropy.random())
    };
    let mut all: Vec<Sealed> = (0..=8).map(|kind| seal(Kind(kind), b"garbage")).collect();
    all.extend([seal(Kind(200), b""), seal(Kind::EDIT, b""), seal(Kind::EDIT, &bomb)]);
    all
}

/// Puts such entries into the journal of the stopped office. Answers how many.
fn poisoned(office: &Office) -> u64 {
    let (world, dir) = (World::real(), office.at.dir());
    let running = running(&world, office);
    let all = poison(&running.handle, &world);
    let id = running.handle.journal();
    Builder::new_current_thread().build().unwrap().block_on(running.handle.stop());
    running.thread.join().unwrap().unwrap();
    let (folder, purpose) = (engine::journals(dir), entry::Log::Journal);
    let (mut journal, _) = Log::open(&world.disk, &folder, purpose, id, None).unwrap();
    for sealed in &all {
        journal.append(sealed, &VersionVector::default()).unwrap();
    }
    journal.commit().unwrap();
    all.len() as u64
}

#[test]
fn poisonous_entries_are_held_one_by_one_and_delay_nothing_behind_them() {
    let district = District::new();
    let mut office = district.office("chibayish");
    let mut good = enroll(&office, 0..5).ids();
    assert!(office.at.stop());
    let count = poisoned(&office);
    office.at.run().unwrap();
    good.extend(enroll(&office, 5..10).ids());
    assert_eq!(district.agree(&office), good, "every good one is at both ends");
    let held = held(&district.hq.at);
    for reason in ["undecodable", "unknown_kind"] {
        assert!(held.iter().any(|item| item["reason"] == reason), "{reason}: {held:#?}");
    }
    counts(&district, &office, 0, held.len() as u64);
    assert_eq!(held.len() as u64, count, "each of them is held: {held:#?}");
    // Nor do they delay what comes later, or a start.
    assert!(office.at.stop());
    office.at.run().unwrap();
    good.extend(enroll(&office, 10..12).ids());
    assert_eq!(district.agree(&office), good);
}

#[test]
fn an_edit_that_saw_what_hq_lost_waits_and_may_be_released_as_it_is() {
    let mut district = District::new();
    let (first, mut second) = (district.office("nasr"), district.office("rifai"));
    let id = one_record(&district, &first);
    told(&district.hq.at, &["record", "grant", &id, "rifai"]);
    same(&[&first.at, &second.at, &district.hq.at], &id);
    assert!(district.hq.at.stop());
    let (dir, aside) = (district.hq.at.dir().to_owned(), district.root().join("older"));
    copy(&dir, &aside);
    district.hq.at.run().unwrap();
    // So many that HQ's news overtakes what comes after them.
    enroll(&first, 1..2_001);
    set(&first.at, &id, "address.house=1", "op-07");
    let seen = wait("the second office sees it", || {
        let address = get(&second.at, &id)?["groups"]["address"].clone();
        (address["value"]["house"] == 1).then_some(address)
    });
    // HQ's disk is put back as it was before the first office's edit, which is cut off.
    assert!(district.hq.at.stop());
    first.link.cut();
    set(&second.at, &id, "address.house=2", "op-21");
    // And the second office has lost what it could give back of it.
    assert!(second.at.stop());
    fs::remove_dir_all(second.at.dir().join("inbox")).unwrap();
    second.at.run().unwrap();
    fs::remove_dir_all(&dir).unwrap();
    copy(&aside, &dir);
    district.hq.at.run().unwrap();
    let hq = &district.hq.at;
    let dot = held_dot(hq, "waits");
    let lost = seen["dot"].as_str().unwrap();
    assert_eq!(held(hq)[0]["waits_for"], lost);
    for early in [vec!["held", "release", &dot], vec!["held", "refuse", &dot, "--reason", "no"]] {
        let said = refusal(hq, &early);
        assert!(said.contains(lost) && said.contains("--as-is"), "{said}");
    }
    told(hq, &["held", "release", &dot, "--as-is", "--by", "judge-1"]);
    assert_eq!(get(hq, &id).unwrap()["groups"]["address"]["value"]["house"], 2);
    // What it had replaced comes late, and replaces nothing.
    first.link.restore();
    let all = same(&[&first.at, &second.at, hq], &id);
    assert_eq!(all["groups"]["address"]["value"]["house"], 2);
    assert_eq!(all["conflict"], false);
    counts(&district, &first, 0, 0);
    district.agree(&first);
}

fn held(at: &Installation) -> Vec<Value> {
    items(at, &["held", "list"])
}

/// Does one of the warnings speak of held entries?
fn warns_of_held(status: &Value) -> bool {
    let warnings = status["warnings"].as_array().into_iter().flatten();
    warnings.into_iter().any(|warning| warning.to_string().contains("held"))
}
