//! A journal that parts from HQ's copy of it: sealed, and written again into another one.

use std::fs;

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Dot, EpochId, JournalId, Position};
use wasl_protocol::news::{Fate, Says, SignedNews, What};
use wasl_protocol::record::{RecordState, Value};
use wasl_protocol::units::{FeedNo, Seq, UnixMs};
use wasl_protocol::wire::Standing;

use super::place::*;
use crate::engine::{Engine, EngineError, Enrolled, Input, Notice, Run};

/// Forms 1 to 3, which HQ has, then 4, 5 and a correction of 2, which it has not. The journal, and
/// where it parts.
fn restored(place: &Place) -> (Engine, JournalId, Position) {
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=3);
    let number = ("national_number", hq_dot(1), r#"{"number":"123"}"#);
    let ours = found(&mut engine, "1").unwrap().state;
    assert!(store_news(&mut engine, vec![hq_state(place, Some(ours), "1", number)], 8));
    let common = engine.store.logs.journal.head();
    enroll_all(&mut engine, 4..=5);
    correct(&mut engine, "2", "9");
    let journal = engine.store.logs.journal.id();
    (engine, journal, common)
}

fn correct(engine: &mut Engine, form: &str, phone: &str) -> Position {
    let read = found(engine, form).unwrap().state.seen;
    let json = format!(r#"{{"groups":{{"contact":{{"phone":"{phone}"}}}}}}"#);
    let (input, done) = change(engine, form, read, &json);
    engine.turn(vec![input]).unwrap();
    done.blocking_recv().unwrap().unwrap()
}

/// HQ's copy parts from ours there: the engine ends, and starts again.
fn reborn(place: &Place, mut engine: Engine, common: Position) -> (Engine, JournalId) {
    let (waits, answer) = enroll(prepared(&engine, "6", "آيات"));
    let ended = engine.turn(vec![waits, Input::Diverged { common }]);
    assert!(matches!(ended, Err(EngineError::Diverged(seq)) if seq == common.seq), "{ended:?}");
    answer.blocking_recv().unwrap().unwrap();
    drop(engine);
    let (engine, notices) = place.try_open().unwrap();
    let [Notice::Reborn { journal, common: told }, ..] = notices[..] else { panic!("{notices:?}") };
    assert_eq!(told, common.seq);
    (engine, journal)
}

/// What the values of a record say, group by group.
fn says(state: &RecordState<Value>) -> Vec<String> {
    let values = state.groups.values().flat_map(|values| values.values());
    values.map(|value| format!("{:?} {:?} {:?}", value.json, value.at, value.by)).collect()
}

#[test]
fn every_record_says_what_it_said_and_every_answer_is_found_again() {
    let place = Place::new();
    let (mut engine, old, common) = restored(&place);
    post(&mut engine, "6", "آيات").unwrap();
    let before: Vec<_> = everything(&mut engine).iter().map(|(id, s)| (*id, says(s))).collect();
    let (mut engine, new) = reborn(&place, engine, common);
    let head = engine.store.logs.journal.head();
    assert_eq!(engine.facts.journals, [(old, common), (new, head)]);
    assert_eq!((head.seq, engine.facts.fork, engine.facts.records), (Seq(5), None, 6));
    let after: Vec<_> = everything(&mut engine).iter().map(|(id, s)| (*id, says(s))).collect();
    assert_eq!(after, before);

    // What both had is where it was; what HQ lacks has a place in the new journal.
    let first = post(&mut engine, "1", "آيات").unwrap();
    let entry = |enrolled: &Enrolled| enrolled.entry.map(|(journal, at)| (journal, at.seq));
    assert_eq!((entry(&first), first.duplicate), (Some((old, Seq(2))), true));
    let fourth = post(&mut engine, "4", "آيات").unwrap();
    assert_eq!((entry(&fourth), fourth.duplicate), (Some((new, Seq(2))), true));
    let corrected = found(&mut engine, "2").unwrap().state;
    assert_eq!((corrected.seen.up_to(old), corrected.seen.up_to(new)), (Seq(3), Seq(4)));
    let (_, acts) =
        ask(&mut engine, |answer| Input::History { record: record("2"), answer }).unwrap().unwrap();
    let wrote: Vec<_> = acts.iter().map(|act| (act.dot.journal, act.dot.seq)).collect();
    assert_eq!(wrote, [(old, Seq(3)), (new, Seq(4))]);
    let opened = |form| move |answer| Input::Opened { record: record(form), answer };
    let of_old = ask(&mut engine, opened("1")).unwrap().unwrap();
    let of_new = ask(&mut engine, opened("5")).unwrap().unwrap();
    assert_eq!((of_old.journal, of_old.stored, of_old.stable), (old, true, false));
    assert_eq!((of_new.journal, of_new.stored), (new, false));

    // It goes on, and is the same after the next start, whose view is believed.
    let all = everything(&mut engine);
    assert_eq!(correct(&mut engine, "3", "8").seq, Seq(6));
    enroll_all(&mut engine, 7..=7);
    engine.store.rows.close().unwrap();
    let (mut engine, notices) = place.try_open().unwrap();
    assert_eq!(notices, []);
    assert_eq!(everything(&mut engine).len(), all.len() + 1);
    assert_eq!(
        found(&mut engine, "4").unwrap().state,
        all.iter().find(|(id, _)| *id == record("4")).unwrap().1
    );
}

#[test]
fn of_the_sealed_journal_hq_is_offered_what_both_have_and_nothing_behind_it() {
    let place = Place::new();
    let (engine, old, common) = restored(&place);
    let beyond = engine.store.logs.journal.head();
    let (mut engine, _) = reborn(&place, engine, common);
    let mut read = |after| {
        let max_bytes = 1 << 20;
        let ask_it = |answer| Input::Read { journal: old, after, max_bytes, answer };
        ask(&mut engine, ask_it).unwrap()
    };
    let Some(Run { last, frames, .. }) = read(Position::start(old)) else { panic!("all of it") };
    assert_eq!(last, common);
    assert!(!frames.is_empty());
    assert_eq!((read(common), read(beyond)), (None, None));
    let standing = Standing { journal: old, top: beyond, ladder: vec![common], stable: None };
    let agreed = ask(&mut engine, |answer| Input::Agree { standing, answer }).unwrap();
    assert_eq!(agreed, Some(common));
    // HQ tells all of the scope again: what this disk had lost of it is not known.
    assert_eq!(engine.facts.cursor.unwrap().feed, FeedNo(0));
}

#[test]
fn what_another_machine_wrote_behind_the_common_entry_is_its_own() {
    let place = Place::new();
    let (engine, old, common) = restored(&place);
    let (mut engine, _) = reborn(&place, engine, common);
    // Entry 5 was form 4 here; on the other machine, which HQ has heard, it is another record.
    let theirs = Dot { journal: old, seq: common.seq.next() };
    let state = hq_state(&place, None, "60", ("contact", theirs, r#"{"phone":"60"}"#));
    assert!(store_news(&mut engine, vec![state], 9));
    assert_eq!(engine.facts.fork, None);
    let told = found(&mut engine, "60").unwrap().state;
    assert_eq!(told.groups[&"contact".parse().unwrap()].len(), 1);
    assert!(found(&mut engine, "4").is_some());
    engine.store.rows.close().unwrap();
    let mut engine = place.open();
    assert_eq!(found(&mut engine, "60").unwrap().state, told);
}

#[test]
fn what_a_crash_left_of_a_rebirth_is_no_journal() {
    let place = Place::new();
    let (engine, _, common) = restored(&place);
    let cradle = place.dir.join("journal/born/0123456789abcdef");
    fs::create_dir_all(&cradle).unwrap();
    fs::write(cradle.join("00000001.seg"), b"half").unwrap();
    let (engine, new) = reborn(&place, engine, common);
    assert_eq!(engine.facts.journals.last().unwrap().0, new);
    assert!(!place.dir.join("journal/born").exists());
}

#[test]
fn a_position_that_was_never_ours_changes_nothing_and_is_an_alarm() {
    let place = Place::new();
    let (mut engine, old, _) = restored(&place);
    let all = everything(&mut engine);
    let common = Position::start(old).after(b"never");
    assert!(engine.turn(vec![Input::Diverged { common }]).is_err());
    drop(engine);
    let mut engine = place.open();
    assert_eq!((engine.facts.journals.len(), engine.facts.fork), (1, Some(Seq(1))));
    assert_eq!(everything(&mut engine), all);
}

fn our_dot(engine: &Engine, seq: u64) -> Dot {
    Dot { journal: engine.store.logs.journal.id(), seq: Seq(seq) }
}

/// HQ says this, which cannot be if the journal is what it was: nothing of it is taken, and the
/// journal is born again behind `common`.
fn contradicted(place: &Place, mut engine: Engine, news: Vec<SignedNews>, common: u64) -> Engine {
    let inbox = engine.store.logs.inbox.head();
    let (answer, waits) = tokio::sync::oneshot::channel();
    let upto = Cursor { epoch: EpochId(1), feed: FeedNo(9) };
    let ended = engine.turn(vec![Input::News { news, upto, answer }]);
    assert!(matches!(ended, Err(EngineError::Diverged(Seq(at))) if at == common), "{ended:?}");
    assert!(waits.blocking_recv().is_err(), "it is not said to be stored");
    assert_eq!(engine.store.logs.inbox.head(), inbox);
    drop(engine);
    let (engine, notices) = place.try_open().unwrap();
    let Notice::Reborn { common: told, .. } = notices[0] else { panic!("{notices:?}") };
    assert_eq!((told, engine.facts.fork), (Seq(common), None));
    engine
}

#[test]
fn a_state_that_knows_more_of_our_journal_than_we_gives_birth_to_another_one() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=2);
    let state = hq_state(&place, None, "5", ("contact", our_dot(&engine, 9), "{}"));
    let mut engine = contradicted(&place, engine, vec![state.clone()], 3);
    post(&mut engine, "3", "آيات").expect("enrolling goes on");
    assert!(store_news(&mut engine, vec![state], 1), "of the old journal it may say so");
    assert!(found(&mut engine, "5").is_some());
}

#[test]
fn an_edit_of_ours_and_another_one_under_its_dot_both_stand() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=2);
    let read = found(&mut engine, "1").unwrap().state;
    let ours = correct(&mut engine, "1", "9");
    let dot = our_dot(&engine, ours.seq.0);
    let theirs = || hq_state(&place, Some(read.clone()), "1", ("contact", dot, r#"{"phone":"8"}"#));
    let later = || {
        let beyond = our_dot(&engine, ours.seq.0 + 5);
        hq_state(&place, None, "5", ("contact", beyond, "{}"))
    };
    let news = vec![later(), theirs()];
    let again = theirs();
    // Born again behind the first number that was given out twice.
    let mut engine = contradicted(&place, engine, news, ours.seq.0 - 1);
    assert!(store_news(&mut engine, vec![again], 1));
    let state = found(&mut engine, "1").unwrap().state;
    let contact = &state.groups[&"contact".parse().unwrap()];
    let mut phones: Vec<String> =
        contact.values().map(|value| value.json.as_str().to_owned()).collect();
    phones.sort();
    assert_eq!(phones, [r#"{"phone":"8"}"#, r#"{"phone":"9"}"#]);
    assert_eq!(engine.facts.conflicts, 1);
}

#[test]
fn a_fate_of_an_entry_that_we_never_wrote_gives_birth_to_another_journal() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, [1]);
    let fate = Fate { dot: our_dot(&engine, 3), at: UnixMs(1), what: What::Released };
    let news = news(&place, None, Says::Fate(fate));
    contradicted(&place, engine, vec![news], 2);
}

#[test]
fn a_journal_that_could_not_be_born_again_is_an_alarm_and_its_office_goes_on() {
    let place = Place::new();
    let (mut engine, old, _) = restored(&place);
    let common = Position::start(old).after(b"never");
    assert!(engine.turn(vec![Input::Diverged { common }]).is_err());
    drop(engine);
    let mut engine = place.open();
    let state = hq_state(&place, None, "5", ("contact", our_dot(&engine, 99), "{}"));
    assert!(!store_news(&mut engine, vec![state], 9));
    assert!(engine.facts.fork.is_some());
    post(&mut engine, "7", "آيات").expect("enrolling goes on");
}

#[test]
fn a_fork_that_hq_does_not_know_any_more_is_none() {
    let place = Place::new();
    let (mut engine, journal, common) = restored(&place);
    engine.turn(vec![Input::Forked { common: common.seq }]).unwrap();
    let mut stands = |top| {
        let standing = Standing { journal, top, ladder: vec![common], stable: None };
        ask(&mut engine, |answer| Input::Agree { standing, answer }).unwrap();
        engine.facts.fork
    };
    let other = common.after(b"another entry");
    assert_eq!(stands(other), Some(common.seq), "HQ has what is not ours");
    assert_eq!(stands(common), None, "HQ was put back to before that");
    let number = ("national_number", hq_dot(2), r#"{"number":"456"}"#);
    assert!(store_news(&mut engine, vec![hq_state(&place, None, "1", number)], 9));
}
