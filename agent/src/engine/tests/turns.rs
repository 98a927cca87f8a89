//! Enroll, states, receipts, failures.

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;
use wasl_protocol::id::{EpochId, Head, JournalId, Position};
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::{Ack, Standing};

use super::place::*;
use crate::engine::{Engine, EngineError, Enrolled, Input, Refused};
use crate::journal::SEGMENT_BYTES;

fn ack(place: &Place, engine: &Engine, stored: Position) -> Input {
    let journal = engine.store.logs.journal.id();
    let ack = Ack::new(EpochId(1), journal, stored, None, 2, &place.hq);
    Input::Acked { ack, at: UnixMs(77) }
}

#[test]
fn an_enrollment_is_answered_with_its_place_and_comes_back_as_it_was_posted() {
    let place = Place::new();
    let mut engine = place.open();
    let enrolled = post(&mut engine, "1", "آيات").unwrap();
    let (_, at) = enrolled.entry.unwrap();
    assert_eq!((at.seq, enrolled.duplicate), (Seq(2), false));
    assert_eq!(at, engine.store.logs.journal.head());
    let found = found(&mut engine, "1").unwrap();
    let person = &found.state.groups[&"person".parse().unwrap()];
    let value = person.values().next().unwrap();
    assert_eq!(value.json.to_value().unwrap()["given_name"], "آيات");
    assert!(!found.stored);
    assert!(super::place::found(&mut engine, "2").is_none());
}

#[test]
fn a_retry_is_answered_with_the_first_place_and_other_content_is_refused() {
    let place = Place::new();
    let mut engine = place.open();
    let first = post(&mut engine, "1", "آيات").unwrap();
    post(&mut engine, "2", "آيات").unwrap();
    let again = post(&mut engine, "1", "آيات").unwrap();
    assert_eq!(again, Enrolled { duplicate: true, ..first.clone() });
    let clash = post(&mut engine, "1", "زينب").unwrap_err();
    assert_eq!(clash, Refused::Clash("1".parse().unwrap()));
    engine.keep_up().unwrap();
    assert_eq!(post(&mut engine, "1", "آيات").unwrap().entry, first.entry);
    assert_eq!(engine.facts.records, 2);
}

#[test]
fn earlier_acts_of_the_same_turn_count() {
    let place = Place::new();
    let mut engine = place.open();
    let posts = [("1", "آيات"), ("1", "آيات"), ("1", "زينب"), ("2", "زينب")];
    let (inputs, answers): (Vec<_>, Vec<_>) =
        posts.map(|(form, name)| enroll(prepared(&engine, form, name))).into_iter().unzip();
    engine.turn(inputs).unwrap();
    let answers: Vec<_> = answers.into_iter().map(|a| a.blocking_recv().unwrap()).collect();
    let first = answers[0].clone().unwrap();
    assert_eq!(answers[1], Ok(Enrolled { duplicate: true, ..first }));
    assert_eq!(answers[2], Err(Refused::Clash("1".parse().unwrap())));
    assert_eq!(answers[3].as_ref().unwrap().entry.unwrap().1.seq, Seq(3));
}

#[test]
fn a_group_written_since_it_was_read_is_not_replaced_also_within_one_turn() {
    let place = Place::new();
    let mut engine = place.open();
    post(&mut engine, "1", "آيات").unwrap();
    let read = found(&mut engine, "1").unwrap().state.seen;
    let phone = |n: u8| format!(r#"{{"groups":{{"contact":{{"phone":"{n}"}}}}}}"#);
    let (first, done) = change(&engine, "1", read.clone(), &phone(1));
    let (second, stale) = change(&engine, "1", read.clone(), &phone(2));
    let address = r#"{"groups":{"address":{"house":"3"}}}"#;
    let (other, also) = change(&engine, "1", read.clone(), address);
    let (nobody, unknown) = change(&engine, "2", read, &phone(4));
    engine.turn(vec![first, second, other, nobody]).unwrap();
    done.blocking_recv().unwrap().unwrap();
    let contact = "contact".parse().unwrap();
    assert_eq!(stale.blocking_recv().unwrap(), Err(Refused::Stale(contact)));
    also.blocking_recv().unwrap().unwrap();
    assert_eq!(unknown.blocking_recv().unwrap(), Err(Refused::Unknown));
    let after = found(&mut engine, "1").unwrap().state;
    assert_eq!(after.groups.values().map(std::collections::BTreeMap::len).max(), Some(1));
    assert_eq!(after.groups.len(), 3);
    // A retry of the first post is one for ever; the view folded again is the same.
    let again = post(&mut engine, "1", "آيات").unwrap();
    assert!(again.duplicate);
    drop(engine);
    assert_eq!(found(&mut place.open(), "1").unwrap().state, after);
}

#[test]
fn after_a_failed_sync_everyone_is_told_and_nothing_is_ever_stored_again() {
    let place = Place::new();
    let mut engine = place.open();
    post(&mut engine, "1", "آيات").unwrap();
    let (a, answer_a) = enroll(prepared(&engine, "2", "آيات"));
    let (b, answer_b) = enroll(prepared(&engine, "3", "آيات"));
    let (again, answer_again) = enroll(prepared(&engine, "4", "آيات"));
    place.faults.sync_fails.store(true, Ordering::SeqCst);
    assert!(matches!(engine.turn(vec![a, b]), Err(EngineError::Poisoned(_))));
    assert_eq!(answer_a.blocking_recv().unwrap(), Err(Refused::Poisoned));
    assert_eq!(answer_b.blocking_recv().unwrap(), Err(Refused::Poisoned));
    assert_eq!(engine.tell.borrow().closed, Some(Refused::Poisoned));
    place.faults.sync_fails.store(false, Ordering::SeqCst);
    assert!(engine.turn(vec![again]).is_err());
    assert_eq!(answer_again.blocking_recv().unwrap(), Err(Refused::Poisoned));
}

#[test]
fn a_full_disk_closes_intake_only_and_room_opens_it_again() {
    let place = Place::new();
    let mut engine = place.open();
    place.faults.free_bytes.store(1, Ordering::SeqCst);
    let mut form = 0;
    let refused = loop {
        form += 1;
        assert!(form < SEGMENT_BYTES / 10_000, "the segment never ends");
        if let Err(refused) = post(&mut engine, &form.to_string(), &long(form)) {
            break refused;
        }
    };
    assert_eq!(refused, Refused::DiskFull);
    assert_eq!(engine.tell.borrow().closed, Some(Refused::DiskFull));
    assert!(found(&mut engine, "1").is_some(), "reads go on");
    assert!(store_news(&mut engine, vec![], 1), "the link goes on");
    place.faults.free_bytes.store(0, Ordering::SeqCst);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    engine.reopen();
    assert_eq!(engine.tell.borrow().closed, None);
    post(&mut engine, &form.to_string(), &long(form)).unwrap();
    assert_eq!(engine.store.logs.journal.segments(), 2);
    let first = post(&mut engine, "1", &long(1)).unwrap();
    assert_eq!((first.entry.unwrap().1.seq, first.duplicate), (Seq(2), true));
}

/// 100 KB of text that does not compress well.
fn long(form: usize) -> String {
    let mut bytes = vec![0; 50_000];
    blake3::Hasher::new().update(&form.to_le_bytes()).finalize_xof().fill(&mut bytes);
    data_encoding::HEXLOWER.encode(&bytes)
}

#[test]
fn a_state_of_hq_is_folded_beside_what_we_wrote() {
    let place = Place::new();
    let mut engine = place.open();
    post(&mut engine, "1", "آيات").unwrap();
    let ours = found(&mut engine, "1").unwrap().state;
    let number = ("national_number", hq_dot(3), r#"{"number":"123"}"#);
    assert!(store_news(&mut engine, vec![hq_state(&place, Some(ours), "1", number)], 9));
    let found = found(&mut engine, "1").unwrap();
    assert_eq!(found.state.groups.len(), 3);
    assert!(found.state.seen.covers(hq_dot(3)));
    assert_eq!(engine.facts.cursor.unwrap().feed.0, 9);
    assert_eq!((engine.facts.records, engine.facts.conflicts), (1, 0));
}

#[test]
fn values_that_differ_are_a_conflict_and_equal_ones_are_not() {
    let place = Place::new();
    let mut engine = place.open();
    post(&mut engine, "1", "آيات").unwrap();
    let same = ("contact", hq_dot(1), r#"{"phone":"7"}"#);
    let ours = found(&mut engine, "1").unwrap().state;
    assert!(store_news(&mut engine, vec![hq_state(&place, Some(ours), "1", same)], 1));
    assert_eq!(engine.facts.conflicts, 0);
    let other = ("contact", hq_dot(2), r#"{"phone":"8"}"#);
    let ours = found(&mut engine, "1").unwrap().state;
    assert!(store_news(&mut engine, vec![hq_state(&place, Some(ours), "1", other)], 2));
    assert_eq!(engine.facts.conflicts, 1);
}

#[test]
fn a_receipt_counts_and_one_that_is_not_ours_is_a_fork() {
    let place = Place::new();
    let mut engine = place.open();
    post(&mut engine, "1", "آيات").unwrap();
    let first = engine.store.logs.journal.head();
    post(&mut engine, "2", "آيات").unwrap();
    assert_eq!((engine.facts.backlog, engine.facts.oldest_unacked_at.is_some()), (3, true));
    engine.turn(vec![ack(&place, &engine, first)]).unwrap();
    assert_eq!(engine.facts.backlog, 1);
    assert_eq!(engine.facts.oldest_unacked_at, Some(UnixMs(1000)));
    assert!(engine.facts.backlog_bytes > 100 && engine.facts.backlog_bytes < 1000);
    assert!(found(&mut engine, "1").unwrap().stored);
    assert!(!found(&mut engine, "2").unwrap().stored);
    let stored: Vec<bool> = listed(&mut engine).iter().map(|l| l.stored).collect();
    assert_eq!(stored, [true, false]);
    let other = Position { seq: Seq(3), head: Head([1; 32]) };
    engine.turn(vec![ack(&place, &engine, other)]).unwrap();
    assert_eq!(engine.facts.fork, Some(Seq(2)));
    assert_eq!(engine.facts.stored, Some(first));
}

#[test]
fn frames_are_read_on_from_a_position_of_ours_and_from_no_other() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=300);
    let (journal, head) = (engine.store.logs.journal.id(), engine.store.logs.journal.head());
    let mut read = |journal, after, max_bytes| {
        let (answer, waits) = oneshot::channel();
        engine.turn(vec![Input::Read { journal, after, max_bytes, answer }]).unwrap();
        waits.blocking_recv().unwrap()
    };
    let mut at = Position::start(journal);
    let mut turns = 0;
    while let Some(run) = read(journal, at, 10_000) {
        assert_eq!(run.after, at);
        assert!(run.frames.len() <= 10_000);
        (at, turns) = (run.last, turns + 1);
    }
    assert_eq!(at, head);
    assert!(turns > 3);
    assert_eq!(read(journal, Position { seq: Seq(5), head: head.head }, 100), None);
    assert_eq!(read(JournalId(1), Position::start(journal), 100), None);
    let one = read(journal, Position::start(journal), 1).unwrap();
    assert_eq!(one.last.seq, Seq(1));
}

#[test]
fn the_last_common_position_is_found_on_the_ladder() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=20);
    let journal = engine.store.logs.journal.id();
    let ours =
        |engine: &mut Engine, n| engine.store.logs.journal.position(Seq(n)).unwrap().unwrap();
    let theirs = |n| Position { seq: Seq(n), head: Head([3; 32]) };
    let ladder = vec![theirs(18), theirs(17), ours(&mut engine, 15), ours(&mut engine, 11)];
    let standing = Standing { journal, top: theirs(19), ladder, stable: None };
    let want = ours(&mut engine, 15);
    let (answer, waits) = oneshot::channel();
    engine.turn(vec![Input::Agree { standing, answer }]).unwrap();
    assert_eq!(waits.blocking_recv().unwrap(), Some(want));
}
