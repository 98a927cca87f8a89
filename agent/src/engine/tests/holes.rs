//! Damage in the middle of a log: enrolling goes on, and nothing is missing in the end.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::id::Position;

use super::place::*;
use crate::engine::{Engine, Input, Notice, Refused};
use crate::journal::{self, Log};
use crate::seam::{Disk, RealDisk};

fn damage(path: &Path, place_from_end: usize) {
    let mut bytes = fs::read(path).unwrap();
    let used = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[used - place_from_end] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn look(place: &Place, engine: &mut Engine, log: Purpose) -> usize {
    let (folder, id, end) = match log {
        Purpose::Journal => {
            ("journal", engine.store.logs.journal.id(), engine.store.logs.journal.head())
        }
        Purpose::Inbox => ("inbox", engine.store.logs.inbox.id(), engine.store.logs.inbox.head()),
    };
    let holes = journal::holes(&RealDisk, &place.dir.join(folder), (log, id), end, &|| {}).unwrap();
    let count = holes.len();
    ask(engine, |answer| Input::Holes { log, holes, answer }).unwrap();
    count
}

fn mend(engine: &mut Engine, after: Position, frames: Vec<u8>) -> bool {
    let journal = engine.store.logs.journal.id();
    ask(engine, |answer| Input::Mend { journal, after, frames, answer }).unwrap()
}

/// A copy of the journal's first segment, as another log.
fn copy_of(place: &Place, to: &Path) -> Log {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let id = journal::only_log_in(&RealDisk, &place.dir.join("journal")).unwrap();
    let folder = to.join(id.to_string());
    fs::create_dir_all(&folder).unwrap();
    fs::copy(place.segment(), folder.join("00000001.seg")).unwrap();
    Log::open_read(&disk, to, Purpose::Journal, id).unwrap()
}

#[test]
fn a_hole_in_the_journal_closes_nothing_and_all_is_there_once_it_is_filled() {
    for rebuilt in [false, true] {
        let place = Place::new();
        let mut engine = place.open();
        enroll_all(&mut engine, 1..=40);
        let before = everything(&mut engine);
        engine.store.rows.close().unwrap();
        let spare = tempfile::tempdir().unwrap();
        let mut copy = copy_of(&place, spare.path());
        damage(&place.segment(), 3_000);
        if rebuilt {
            fs::remove_dir_all(place.dir.join("view")).unwrap();
        }
        // What HQ has acknowledged was durable, whatever the view knows.
        let (mut engine, notices) = open_acked(&place, copy.head());
        assert_eq!(notices.contains(&Notice::Holes), rebuilt, "{notices:?}");
        enroll_all(&mut engine, 41..=45);
        assert_eq!(look(&place, &mut engine, Purpose::Journal), 1);
        assert_eq!(engine.facts.holes.len(), 1);
        let (input, answer) = enroll(prepared(&engine, "20", "آيات"));
        engine.turn(vec![input]).unwrap();
        if let Err(refused) = answer.blocking_recv().unwrap() {
            assert_eq!(refused, Refused::Damaged);
        }
        let (_, after) = engine.facts.lacks.unwrap();
        let mut forged = copy.read(after, 1).unwrap().unwrap().frames;
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert!(!mend(&mut engine, after, forged), "it does not fit the chain");
        while let Some((_, after)) = engine.facts.lacks {
            let frames = copy.read(after, 1).unwrap().unwrap().frames;
            assert!(mend(&mut engine, after, frames));
        }
        assert_eq!(engine.facts.holes, []);
        assert_eq!(look(&place, &mut engine, Purpose::Journal), 0);
        let now = everything(&mut engine);
        for (id, state) in &before {
            let found = now.iter().find(|(known, _)| known == id).unwrap();
            assert_eq!(found.1.groups.len(), state.groups.len(), "{id}");
        }
        assert!(now.len() >= 45);
        engine.store.rows.close().unwrap();
        let (mut engine, notices) = place.try_open().unwrap();
        assert!(!notices.contains(&Notice::Holes), "{notices:?}");
        assert_eq!(everything(&mut engine), now);
    }
}

/// Opens an engine that has HQ's receipt up to `stored`.
fn open_acked(place: &Place, stored: Position) -> (Engine, Vec<Notice>) {
    use wasl_protocol::codec;
    use wasl_protocol::id::EpochId;
    use wasl_protocol::units::UnixMs;
    use wasl_protocol::wire::Ack;
    let id = journal::only_log_in(&RealDisk, &place.dir.join("journal")).unwrap();
    let ack = Ack::new(EpochId(1), id, stored, None, 0, &place.hq);
    fs::write(place.dir.join("acks"), codec::encode(&(Some((ack, UnixMs(1))), None::<Ack>)))
        .unwrap();
    place.try_open().unwrap()
}

#[test]
fn a_damaged_inbox_is_kept_aside_and_taken_anew() {
    for how in ["marked by a look", "without a beginning", "gone"] {
        let place = Place::new();
        let mut engine = place.open();
        enroll_all(&mut engine, 1..=3);
        let state = |engine: &mut Engine, form: &str, seq, number: &str| {
            let ours = found(engine, form).unwrap().state;
            let json = format!(r#"{{"number":"{number}"}}"#);
            hq_state(&place, Some(ours), form, ("national_number", hq_dot(seq), &json))
        };
        let news: Vec<_> =
            (1..=3).map(|n| state(&mut engine, &n.to_string(), n, &format!("12{n}"))).collect();
        for (n, one) in (1..).zip(&news) {
            assert!(store_news(&mut engine, vec![one.clone()], n));
        }
        let before = everything(&mut engine);
        engine.store.rows.close().unwrap();
        let inbox = place.dir.join("inbox");
        let old = inbox.join(RealDisk.list(&inbox).unwrap().remove(0));
        match how {
            "marked by a look" => {
                let mut engine = place.open();
                let (id, end) = (engine.store.logs.inbox.id(), engine.store.logs.inbox.head());
                let mut bytes = fs::read(old.join("00000001.seg")).unwrap();
                bytes[700] ^= 1;
                fs::write(old.join("00000001.seg"), bytes).unwrap();
                let log = Purpose::Inbox;
                let holes = journal::holes(&RealDisk, &inbox, (log, id), end, &|| {}).unwrap();
                assert_eq!(holes.len(), 1);
                ask(&mut engine, |answer| Input::Holes { log, holes, answer }).unwrap();
                assert!(engine.facts.inbox_damaged);
            }
            "without a beginning" => {
                fs::write(old.join("00000001.seg"), vec![7; 4096]).unwrap();
            }
            _ => fs::remove_dir_all(&inbox).unwrap(),
        }
        let (mut engine, notices) = place.try_open().unwrap();
        let renewed = notices.iter().any(|n| matches!(n, Notice::InboxRenewed { .. }));
        assert!(renewed && engine.facts.news_lost, "{how}: {notices:?}");
        assert_eq!(engine.facts.cursor, None);
        enroll_all(&mut engine, 9..=9);
        assert!(store_news(&mut engine, news, 3));
        let now = everything(&mut engine);
        for one in &before {
            assert!(now.contains(one), "{one:?}");
        }
    }
}

#[test]
fn what_is_written_beside_a_hole_never_overwrites_what_lies_in_it() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=40);
    engine.store.rows.close().unwrap();
    let spare = tempfile::tempdir().unwrap();
    let mut copy = copy_of(&place, spare.path());
    damage(&place.segment(), 3_000);
    fs::remove_dir_all(place.dir.join("view")).unwrap();
    let (mut engine, _) = open_acked(&place, copy.head());
    let hidden = (1..=40).map(|form| form.to_string());
    let hidden = hidden.filter(|form| found(&mut engine, form).is_none());
    let [same, other]: [String; 2] = hidden.take(2).collect::<Vec<_>>().try_into().unwrap();
    for (form, name) in [(&same, "آيات"), (&other, "زينب")] {
        let (input, answer) = enroll(prepared(&engine, form, name));
        engine.turn(vec![input]).unwrap();
        assert!(!answer.blocking_recv().unwrap().unwrap().duplicate, "it is not known here");
        let read = found(&mut engine, form).unwrap().state.seen;
        let json = r#"{"groups":{"contact":{"note":"x"}}}"#;
        let (input, answer) = change(&engine, form, read, json);
        engine.turn(vec![input]).unwrap();
        assert_eq!(answer.blocking_recv().unwrap(), Err(Refused::Damaged));
    }
    assert_eq!(look(&place, &mut engine, Purpose::Journal), 1);
    while let Some((_, after)) = engine.facts.lacks {
        let frames = copy.read(after, 1).unwrap().unwrap().frames;
        assert!(mend(&mut engine, after, frames));
    }
    for (form, values) in [(&same, 1), (&other, 2)] {
        let state = found(&mut engine, form).unwrap().state;
        let person = state.groups.iter().find(|(group, _)| group.as_str() == "person").unwrap().1;
        let different: BTreeSet<_> = person.values().map(|v| v.json.as_str()).collect();
        assert_eq!((person.len(), different.len()), (2, values), "form {form}");
    }
    let read = found(&mut engine, &other).unwrap().state.seen;
    let (input, answer) = change(&engine, &other, read, r#"{"groups":{"contact":{"note":"x"}}}"#);
    engine.turn(vec![input]).unwrap();
    answer.blocking_recv().unwrap().unwrap();
}
