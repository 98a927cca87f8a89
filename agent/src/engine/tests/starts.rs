//! Kill, reopen, rebuild.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::place::*;
use crate::engine::{Archive, EngineConfig, EngineError, VIEW_CACHE_BYTES, start};
use crate::journal::JournalError;
use crate::view::{Doubt, ViewError};

/// An office with some records, one of them in conflict with HQ's; stopped by being dropped.
fn lived_in() -> (
    Place,
    Vec<(
        wasl_protocol::id::RecordId,
        wasl_protocol::record::RecordState<wasl_protocol::record::Value>,
    )>,
) {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=30);
    let ours = found(&mut engine, "3").unwrap().state;
    let number = ("national_number", hq_dot(1), r#"{"number":"123"}"#);
    let phone = ("contact", hq_dot(2), r#"{"phone":"8"}"#);
    let theirs = found(&mut engine, "4").unwrap().state;
    let states = vec![
        hq_state(&place, Some(ours), "3", number),
        hq_state(&place, Some(theirs), "4", phone),
        hq_state(&place, None, "77", ("appointment", hq_dot(3), r#"{"day":"2026-12-01"}"#)),
    ];
    assert!(store_news(&mut engine, states, 3));
    enroll_all(&mut engine, 31..=40);
    let all = everything(&mut engine);
    assert_eq!((all.len(), engine.facts.conflicts), (41, 1));
    (place, all)
}

fn close(engine: crate::engine::Engine) {
    engine.store.rows.close().unwrap();
}

fn damage(dir: &Path, change: &dyn Fn(&mut Vec<u8>)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path, change);
        } else {
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn a_killed_engine_comes_back_with_all_it_answered_and_does_not_rebuild() {
    let (place, all) = lived_in();
    let (mut engine, notices) = place.try_open().unwrap();
    assert_eq!(doubts(&notices), []);
    assert_eq!(everything(&mut engine), all);
    assert_eq!((engine.facts.conflicts, engine.facts.cursor.unwrap().feed.0), (1, 3));
}

#[test]
fn what_was_answered_and_not_yet_folded_is_there_after_a_kill() {
    let place = Place::new();
    let mut engine = place.open();
    let (input, answer) = enroll(prepared(&engine, "1", "آيات"));
    engine.turn(vec![input]).unwrap();
    answer.blocking_recv().unwrap().unwrap();
    drop(engine);
    assert!(found(&mut place.open(), "1").is_some());
}

#[test]
fn after_a_clean_stop_the_view_is_believed_even_in_another_boot() {
    let (place, all) = lived_in();
    close(place.open());
    place.faults.rebooted.store(true, Ordering::SeqCst);
    let (mut engine, notices) = place.try_open().unwrap();
    assert_eq!(doubts(&notices), []);
    assert_eq!(everything(&mut engine), all);
}

#[test]
fn after_a_power_cut_the_view_is_folded_again_and_equal() {
    let (place, all) = lived_in();
    place.faults.rebooted.store(true, Ordering::SeqCst);
    let (mut engine, notices) = place.try_open().unwrap();
    assert_eq!(doubts(&notices), [Doubt::Reboot]);
    assert_eq!(everything(&mut engine), all);
    assert_eq!((engine.facts.conflicts, engine.facts.cursor.unwrap().feed.0), (1, 3));
}

#[test]
fn a_view_deleted_truncated_or_full_of_garbage_is_folded_again_and_equal() {
    for clean in [true, false] {
        for harm in ["deleted", "truncated", "halved", "garbage", "sled deleted"] {
            let (place, all) = lived_in();
            if clean {
                close(place.open());
            }
            let view = place.dir.join("view");
            match harm {
                "deleted" => fs::remove_dir_all(&view).unwrap(),
                "sled deleted" => fs::remove_dir_all(view.join("sled")).unwrap(),
                "truncated" => damage(&view, &Vec::clear),
                "halved" => damage(&view.join("sled"), &|b| b.truncate(b.len() / 2)),
                _ => damage(&view, &|b| b.iter_mut().for_each(|b| *b = b.wrapping_mul(31) ^ 0x5a)),
            }
            let (mut engine, notices) = place.try_open().unwrap();
            assert_eq!(doubts(&notices).len(), 1, "{harm} {clean}");
            assert_eq!(everything(&mut engine), all, "{harm} {clean}");
        }
    }
}

#[test]
fn records_kept_in_memory_for_want_of_a_disk_go_back_to_it_once_there_is_room() {
    let (place, all) = lived_in();
    let mut engine = place.open();
    // An old view that is no folder cannot be removed: no store can be made, once.
    fs::write(place.dir.join("view.bad-1"), "in the way").unwrap();
    let source = std::io::ErrorKind::StorageFull.into();
    engine.store.heal(&ViewError::Io { path: place.dir.join("view"), source }).unwrap();
    assert!(engine.is_in_memory());
    assert_eq!(everything(&mut engine), all, "reads go on");
    enroll_all(&mut engine, 41..=42);
    place.faults.free_bytes.store(1, Ordering::SeqCst);
    engine.keep_up().unwrap();
    assert!(engine.is_in_memory(), "there is no room yet");
    place.faults.free_bytes.store(0, Ordering::SeqCst);
    engine.store.leave_memory().unwrap();
    assert!(!engine.is_in_memory());
    let all = everything(&mut engine);
    assert_eq!(all.len(), 43);
    close(engine);
    let (mut engine, notices) = place.try_open().unwrap();
    assert_eq!(doubts(&notices), [], "what was folded again is believed");
    assert_eq!(everything(&mut engine), all);
}

#[test]
fn at_most_one_old_view_is_kept() {
    let (place, _) = lived_in();
    for boot in [true, false, true] {
        place.faults.rebooted.store(boot, Ordering::SeqCst);
        place.try_open().unwrap();
    }
    let names = crate::seam::World::real().disk.list(&place.dir).unwrap();
    let old: Vec<&String> = names.iter().filter(|name| name.starts_with("view.bad-")).collect();
    assert_eq!(old, ["view.bad-3"]);
}

#[test]
fn a_journal_that_lost_what_was_folded_is_refused_and_left_as_it_is() {
    let (place, _) = lived_in();
    let segment = place.segment();
    let mut bytes = fs::read(&segment).unwrap();
    let used = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[used - 3_000..].fill(0);
    fs::write(&segment, &bytes).unwrap();
    let refused = place.try_open().unwrap_err();
    assert!(matches!(refused, EngineError::Journal(JournalError::Lost { .. })), "{refused}");
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[test]
fn the_records_of_a_stopped_daemon_are_read_without_touching_anything() {
    let (place, all) = lived_in();
    let before = fs::read(place.segment()).unwrap();
    let mut archive = Archive::open(&place.world, &place.identity).unwrap();
    for (id, state) in &all {
        assert_eq!(&archive.record(*id).unwrap().unwrap().state, state);
    }
    assert_eq!(archive.list(0, u64::MAX).unwrap().0.len(), all.len());
    assert_eq!(fs::read(place.segment()).unwrap(), before);
}

#[tokio::test]
async fn the_thread_answers_and_stops_cleanly() {
    let place = Place::new();
    let draft = prepared(&place.open(), "1", "آيات");
    let config = EngineConfig { hq: place.hq.verify_key(), view_cache_bytes: VIEW_CACHE_BYTES };
    let running = start(&place.world, &place.identity, config, &mut |_| {}).unwrap();
    let answer = running.handle.enroll(draft).await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().entry.unwrap().1.seq.0, 2);
    // Facts are told after the answers of their turn.
    running.handle.facts().wait_for(|facts| facts.records == 1).await.unwrap();
    running.handle.stop().await;
    running.thread.join().unwrap().unwrap();
    assert!(place.dir.join("view/clean").exists());
    assert!(running.handle.list(0, 1).await.is_err());
}
