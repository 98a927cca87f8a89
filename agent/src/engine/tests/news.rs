//! What HQ says: grants that end, fates, what only a newer version reads; and what is told of it.

use wasl_protocol::id::{Dot, JournalId, OfficeId, RecordId};
use wasl_protocol::news::{Fate, Held, Says, What};
use wasl_protocol::private::Private;
use wasl_protocol::record::{Act, Counts, Origin, RecordState, Value, VersionVector};
use wasl_protocol::units::{Seq, UnixMs};

use super::place::*;
use crate::engine::{Archive, Engine, HeldEntry, Input, Refused};
use crate::view::Doubt;

const PHONE_1: &str = r#"{"groups":{"contact":{"phone":"1"}}}"#;

fn rifai() -> OfficeId {
    "rifai".parse().unwrap()
}

/// A record that another office opened.
fn foreign(form: &str) -> RecordState<Value> {
    let mut state =
        RecordState::new(Origin { office: rifai(), form_number: form.parse().unwrap() });
    let dot = Dot { journal: JournalId(0xdef), seq: Seq(2) };
    let groups = [("contact".parse().unwrap(), value(&rifai(), r#"{"phone":"5"}"#, 3))];
    state.apply(dot, &VersionVector::default(), None, groups);
    state
}

fn told(place: &Place, state: &RecordState<Value>) -> wasl_protocol::news::SignedNews {
    news(place, Some(state.origin.id()), Says::State(state.clone()))
}

fn fate(place: &Place, dot: Dot, what: What) -> wasl_protocol::news::SignedNews {
    news(place, None, Says::Fate(Fate { dot, at: UnixMs(dot.seq.0.cast_signed()), what }))
}

fn refused() -> What {
    What::Refused { reason: Private("الصورة غير واضحة".to_owned()) }
}

fn our_dot(engine: &Engine, seq: u64) -> Dot {
    Dot { journal: engine.store.logs.journal.id(), seq: Seq(seq) }
}

fn edit(engine: &mut Engine, record: RecordId, json: &str) -> Result<(), Refused> {
    let read = found_of(engine, record).map(|found| found.state.seen).unwrap_or_default();
    let (input, answer) = change_of(engine, record, read, json);
    engine.turn(vec![input]).unwrap();
    answer.blocking_recv().unwrap().map(|_| ())
}

fn history(engine: &mut Engine, record: RecordId) -> Option<Vec<Act>> {
    let told = ask(engine, |answer| Input::History { record, answer }).unwrap();
    told.map(|(_, acts)| acts)
}

fn held(engine: &mut Engine) -> Vec<HeldEntry> {
    ask(engine, |answer| Input::Held { answer }).unwrap()
}

fn conflicts(engine: &mut Engine, skip: u64, limit: u64) -> (Vec<RecordId>, Option<u64>) {
    let page = ask(engine, |answer| Input::Conflicts { skip, limit, answer });
    let (states, next) = page.unwrap();
    (states.iter().map(|state| state.origin.id()).collect(), next)
}

#[test]
fn a_granted_record_is_seen_and_edited_until_it_is_withdrawn_and_again_after_a_new_grant() {
    let place = Place::new();
    let mut engine = place.open();
    let (state, id) = (foreign("9"), foreign("9").origin.id());
    assert!(store_news(&mut engine, vec![told(&place, &state)], 1));
    edit(&mut engine, id, PHONE_1).unwrap();
    let ours = found_of(&mut engine, id).unwrap().state;
    assert_eq!((listed(&mut engine)[0].office.clone(), engine.facts.records), (rifai(), 1));

    assert!(store_news(&mut engine, vec![news(&place, Some(id), Says::Withdrawn)], 2));
    for kept in [true, false] {
        assert!(found_of(&mut engine, id).is_none());
        assert_eq!((listed(&mut engine), history(&mut engine, id)), (vec![], None));
        assert_eq!((engine.facts.records, engine.facts.conflicts), (0, 0));
        let late = change_of(&engine, id, ours.seen.clone(), PHONE_1);
        engine.turn(vec![late.0]).unwrap();
        assert_eq!(late.1.blocking_recv().unwrap(), Err(Refused::Unknown));
        if kept {
            engine = place.open();
        }
    }
    assert!(store_news(&mut engine, vec![told(&place, &state)], 3));
    assert_eq!(found_of(&mut engine, id).unwrap().state, ours, "nothing was lost meanwhile");
    edit(&mut engine, id, r#"{"groups":{"contact":{"phone":"2"}}}"#).unwrap();
}

#[test]
fn a_record_that_this_office_opened_cannot_be_withdrawn_from_it() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, [1]);
    assert!(store_news(&mut engine, vec![news(&place, Some(record("1")), Says::Withdrawn)], 1));
    assert!(found(&mut engine, "1").is_some());
}

#[test]
fn a_conflict_is_listed_until_it_is_resolved_or_withdrawn_page_by_page() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=5);
    let mut told_all = Vec::new();
    for form in ["1", "3", "4"] {
        let ours = found(&mut engine, form).unwrap().state;
        let phone = ("contact", hq_dot(1), r#"{"phone":"8"}"#);
        told_all.push(hq_state(&place, Some(ours), form, phone));
    }
    let mut other = foreign("9");
    let beside = [("contact".parse().unwrap(), value(&OfficeId::hq(), r#"{"phone":"6"}"#, 4))];
    other.apply(hq_dot(7), &VersionVector::default(), None, beside);
    told_all.push(told(&place, &other));
    assert!(store_news(&mut engine, told_all, 1));
    let all = ["1", "3", "4"].map(record).into_iter().chain([other.origin.id()]);
    let all: Vec<RecordId> = all.collect();
    for _ in 0..2 {
        let (first, next) = conflicts(&mut engine, 0, 3);
        assert_eq!(first, all[..3]);
        assert_eq!(conflicts(&mut engine, next.unwrap(), 3), (all[3..].to_vec(), None));
        assert_eq!((conflicts(&mut engine, 0, 4).1, engine.facts.conflicts), (None, 4));
        drop(engine);
        engine = place.open();
    }
    edit(&mut engine, record("3"), PHONE_1).unwrap();
    let withdrawn = news(&place, Some(other.origin.id()), Says::Withdrawn);
    assert!(store_news(&mut engine, vec![withdrawn], 2));
    let left = vec![record("1"), record("4")];
    assert_eq!(conflicts(&mut engine, 0, 9), (left.clone(), None));
    assert_eq!(engine.facts.conflicts, 2);
    engine.keep_up().unwrap();
    drop(engine);
    assert_eq!(conflicts(&mut place.open(), 0, 9), (left, None));
}

#[test]
fn a_page_of_records_passes_over_what_was_withdrawn() {
    let place = Place::new();
    let mut engine = place.open();
    let states: Vec<_> = (0..6).map(|form| foreign(&form.to_string())).collect();
    let ids: Vec<RecordId> = states.iter().map(|state| state.origin.id()).collect();
    let mut all: Vec<_> = states.iter().map(|state| told(&place, state)).collect();
    all.extend([0, 2, 3].map(|n| news(&place, Some(ids[n]), Says::Withdrawn)));
    assert!(store_news(&mut engine, all, 1));
    let mut page = |skip, limit| {
        let list = |answer| Input::List { skip, limit, answer };
        let (listed, next) = ask(&mut engine, list).unwrap();
        (listed.into_iter().map(|l| l.record).collect::<Vec<_>>(), next)
    };
    assert_eq!(page(0, 2), (vec![ids[1], ids[4]], Some(5)));
    assert_eq!(page(5, 2), (vec![ids[5]], None));
    assert_eq!(page(0, 9), (vec![ids[1], ids[4], ids[5]], None));
    assert_eq!(page(99, 9), (vec![], None));
}

#[test]
fn what_only_a_newer_version_reads_makes_its_record_read_only_until_a_state_comes() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, [1]);
    let newer = |record| news(&place, record, Says::Newer(vec![99, 1, 2]));
    let strange = vec![newer(Some(record("1"))), newer(Some(record("2"))), newer(None)];
    assert!(store_news(&mut engine, strange, 4));
    assert_eq!((engine.facts.read_only, engine.facts.cursor.unwrap().feed.0), (3, 4));
    assert_eq!(edit(&mut engine, record("1"), PHONE_1), Err(Refused::ReadOnly));
    assert!(found(&mut engine, "1").unwrap().read_only);
    enroll_all(&mut engine, [2, 3]); // enrolling goes on
    assert!(found(&mut engine, "2").unwrap().read_only);
    assert!(!found(&mut engine, "3").unwrap().read_only);
    engine.store.rows.close().unwrap();

    // The next start may be that of a newer version: it reads all of it again.
    let (mut engine, notices) = place.try_open().unwrap();
    assert_eq!(doubts(&notices), [Doubt::Newer]);
    assert!(found(&mut engine, "2").unwrap().read_only);
    assert_eq!(engine.facts.read_only, 3);
    let ours = found(&mut engine, "1").unwrap().state;
    let number = ("national_number", hq_dot(1), r#"{"number":"123"}"#);
    assert!(store_news(&mut engine, vec![hq_state(&place, Some(ours), "1", number)], 5));
    edit(&mut engine, record("1"), PHONE_1).unwrap();
    assert_eq!(engine.facts.read_only, 2);
}

#[test]
fn what_hq_holds_and_refuses_of_ours_is_told_until_it_is_released() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=3);
    edit(&mut engine, record("1"), PHONE_1).unwrap();
    let old = Dot { journal: JournalId(0xabc), seq: Seq(9) };
    let waits = What::Held(Held::WaitsFor(old));
    let (second, third, edited) = (our_dot(&engine, 3), our_dot(&engine, 4), our_dot(&engine, 5));
    let fates = vec![
        fate(&place, edited, What::Held(Held::OutOfScope)),
        fate(&place, third, waits.clone()),
        fate(&place, old, refused()),
        fate(&place, second, What::Held(Held::Undecodable)),
    ];
    assert!(store_news(&mut engine, fates, 1));
    let decided = vec![fate(&place, edited, refused()), fate(&place, second, What::Released)];
    assert!(store_news(&mut engine, decided, 2));
    let entry = |dot: Dot, form: Option<&str>, what| HeldEntry {
        dot,
        record: form.map(record),
        form_number: form.map(|form| form.parse().unwrap()),
        at: UnixMs(dot.seq.0.cast_signed()),
        what,
    };
    let want = [
        entry(third, Some("3"), waits),
        entry(edited, Some("1"), refused()),
        entry(old, None, refused()),
    ];
    for _ in 0..2 {
        assert_eq!(held(&mut engine), want);
        assert_eq!(engine.facts.refused, 2);
        let counts = history(&mut engine, record("1")).unwrap();
        let counts: Vec<Counts> = counts.iter().map(|act| act.counts).collect();
        assert_eq!(counts, [Counts::Applied, Counts::Refused]);
        drop(engine);
        engine = place.open();
    }
    assert_eq!(history(&mut engine, record("3")).unwrap()[0].counts, Counts::Held);
}

#[test]
fn a_history_tells_our_edits_and_what_hq_told_of_others_in_the_order_of_their_time() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=2);
    let by = r#"{"groups":{"contact":{"phone":"1"}},"operator":"هدى"}"#;
    edit(&mut engine, record("1"), by).unwrap();
    let mut hq = found(&mut engine, "1").unwrap().state;
    for (n, at) in [(1, 1500), (2, 1400)] {
        let number = value(&OfficeId::hq(), &format!(r#"{{"number":"{n}"}}"#), at);
        let groups = [("national_number".parse().unwrap(), number)];
        let context = hq.seen.clone();
        hq.apply(hq_dot(n), &context, None, groups);
        assert!(store_news(&mut engine, vec![told(&place, &hq)], n));
    }
    // The same again brings nothing new.
    assert!(store_news(&mut engine, vec![told(&place, &hq)], 3));
    edit(&mut engine, record("2"), PHONE_1).unwrap();
    let want = [our_dot(&engine, 2), hq_dot(2), hq_dot(1), our_dot(&engine, 4)];
    for _ in 0..2 {
        let acts = history(&mut engine, record("1")).unwrap();
        assert_eq!(acts.iter().map(|act| act.dot).collect::<Vec<_>>(), want);
        assert_eq!(acts[3].operator, Some(Private("هدى".to_owned())));
        assert_eq!(acts[0].groups.len(), 2);
        assert_eq!((&acts[1].by, acts[1].groups.len()), (&OfficeId::hq(), 1));
        drop(engine);
        engine = place.open();
    }
    assert_eq!(history(&mut engine, RecordId([1; 16])), None);
}

#[test]
fn a_stopped_daemon_tells_the_same_as_a_running_one() {
    let place = Place::new();
    let mut engine = place.open();
    enroll_all(&mut engine, 1..=2);
    let ours = found(&mut engine, "1").unwrap().state;
    let phone = ("contact", hq_dot(1), r#"{"phone":"8"}"#);
    let told = vec![
        hq_state(&place, Some(ours), "1", phone),
        fate(&place, our_dot(&engine, 3), refused()),
        told(&place, &foreign("9")),
        news(&place, Some(foreign("9").origin.id()), Says::Withdrawn),
    ];
    assert!(store_news(&mut engine, told, 1));
    let (live, entries) = (history(&mut engine, record("1")), held(&mut engine));
    let listed = listed(&mut engine);
    drop(engine);
    let mut archive = Archive::open(&place.world, &place.identity).unwrap();
    assert_eq!(archive.history(record("1")).unwrap().map(|(_, acts)| acts), live);
    assert_eq!((archive.held().unwrap(), entries.len()), (entries, 1));
    assert_eq!((archive.list(0, 9).unwrap(), listed.len()), ((listed, None), 2));
    let (states, next) = archive.conflicts(0, 9).unwrap();
    assert_eq!((states[0].origin.id(), states.len(), next), (record("1"), 1, None));
    assert!(archive.record(foreign("9").origin.id()).unwrap().is_none());
}
