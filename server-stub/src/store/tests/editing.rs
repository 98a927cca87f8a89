//! HQ's own edits, grants, conflicts, histories.

use wasl_protocol::news::Says;
use wasl_protocol::record::{Correction, Counts, RecordState, Value};

use super::desk::{Desk, texts};
use super::*;
use crate::store::EditError;

fn correction(group: &str, text: &str) -> Correction {
    let groups = edit(RecordId([0; 16]), group, text).groups;
    Correction { groups, operator: None }
}

async fn state(hq: &Hq, desk: &Desk) -> RecordState<Value> {
    hq.store.record(desk.record()).await.unwrap().unwrap()
}

/// Sets a group at HQ, having read all that HQ has.
async fn set(hq: &Hq, desk: &Desk, group: &str, text: &str) -> Result<(), EditError> {
    let read = state(hq, desk).await.seen;
    hq.store.edit(desk.record(), &read, correction(group, text)).await.map(|_| ())
}

#[tokio::test]
async fn an_edit_of_hqs_reaches_the_office_and_both_have_equal_states() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let mut told = hq.store.feed_grew();
    set(&hq, &desk, "national_number", "119").await.unwrap();
    set(&hq, &desk, "person", "corrected").await.unwrap();
    assert_eq!(told.try_recv().unwrap(), desk.office.id);
    assert_eq!(desk.take(&hq).await.len(), 1, "one row a record, however often it was edited");
    assert_eq!(desk.state, state(&hq, &desk).await);
    assert_eq!(desk.texts("person"), ["corrected"]);
    desk.set("person", "corrected again");
    assert_eq!(desk.send(&hq).await, 0);
    assert_eq!(desk.state, state(&hq, &desk).await);
}

#[tokio::test]
async fn an_edit_of_what_its_caller_has_not_read_is_refused_and_writes_nothing() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let read = state(&hq, &desk).await.seen;
    desk.set("person", "corrected at the office");
    desk.send(&hq).await;
    let (before, entries) = (state(&hq, &desk).await, hq.count("entry").await);
    let stale = hq.store.edit(desk.record(), &read, correction("person", "late")).await;
    assert!(matches!(&stale, Err(EditError::Stale(group)) if group.as_str() == "person"));
    assert_eq!((state(&hq, &desk).await, hq.count("entry").await), (before, entries));
    let other = hq.store.edit(desk.record(), &read, correction("contact", "new")).await;
    assert_eq!(texts(&other.unwrap(), "contact"), ["new"], "another group is not stale");
    let none = hq.store.edit(RecordId([9; 16]), &read, correction("contact", "x")).await;
    assert!(matches!(none, Err(EditError::Unknown)));
}

#[tokio::test]
async fn hq_chooses_among_the_siblings_of_an_offices_group_and_writes_none() {
    let hq = Hq::new().await;
    let mut nasr = Desk::open(&hq, "nasr", "n-1").await;
    let mut fajr = Desk::join(&hq, "fajr", "nasr", "n-1").await;
    hq.store.grant(nasr.record(), &fajr.office.id, false, None).await.unwrap();
    fajr.take(&hq).await;
    nasr.set("face", "a");
    nasr.send(&hq).await;
    fajr.set("face", "b");
    fajr.send(&hq).await;
    assert_eq!(texts(&state(&hq, &nasr).await, "face"), ["a", "b"]);
    let invented = set(&hq, &nasr, "face", "c").await;
    assert!(matches!(invented, Err(EditError::NotYours(group)) if group.as_str() == "face"));
    set(&hq, &nasr, "face", "a").await.unwrap();
    for desk in [&mut nasr, &mut fajr] {
        desk.take(&hq).await;
        assert_eq!(desk.texts("face"), ["a"]);
        assert_eq!(desk.state, state(&hq, desk).await);
    }
    let alone = set(&hq, &nasr, "face", "a").await;
    assert!(matches!(alone, Err(EditError::NotYours(_))), "there is nothing to choose from");
}

#[tokio::test]
async fn a_granted_office_has_the_record_and_edits_it_until_the_grant_ends() {
    let hq = Hq::new().await;
    let mut nasr = Desk::open(&hq, "nasr", "n-1").await;
    let mut fajr = Desk::join(&hq, "fajr", "nasr", "n-1").await;
    let (record, office) = (nasr.record(), fajr.office.id.clone());
    hq.store.grant(record, &office, false, None).await.unwrap();
    let news = fajr.take(&hq).await;
    assert!(matches!(&news[..], [only] if matches!(only.says, Says::State(_))), "{news:?}");
    fajr.set("person", "as fajr has it");
    assert_eq!(fajr.send(&hq).await, 0);
    nasr.take(&hq).await;
    assert_eq!(nasr.state, fajr.state);

    hq.store.grant(record, &office, true, None).await.unwrap();
    let news = fajr.take(&hq).await;
    assert!(matches!(&news[..], [only] if only.says == Says::Withdrawn), "{news:?}");
    assert_eq!(news[0].record, Some(record));
    let before = state(&hq, &nasr).await;
    fajr.set("person", "after the end");
    assert_eq!(fajr.send(&hq).await, 1);
    assert_eq!(state(&hq, &nasr).await, before);
    let held = hq.store.held(None, 10).await.unwrap();
    assert_eq!(held[0].held.as_str(), "out_of_scope");
    set(&hq, &nasr, "contact", "none of fajr's business").await.unwrap();
    let news = fajr.take(&hq).await;
    assert!(news.iter().all(|n| matches!(n.says, Says::Fate(_))), "{news:?}");

    hq.store.grant(record, &office, false, None).await.unwrap();
    let news = fajr.take(&hq).await;
    let Says::State(whole) = &news[0].says else { panic!("{news:?}") };
    assert_eq!(*whole, state(&hq, &nasr).await);
    assert_eq!(texts(whole, "contact"), ["none of fajr's business"]);
}

#[tokio::test]
async fn a_grant_that_changes_nothing_writes_nothing() {
    let hq = Hq::new().await;
    let desk = Desk::open(&hq, "nasr", "n-1").await;
    let (fajr, _) = hq.join("fajr").await;
    let (record, before) = (desk.record(), hq.count("entry").await);
    hq.store.grant(record, &desk.office.id, false, None).await.unwrap();
    hq.store.grant(record, &fajr.id, true, None).await.unwrap();
    assert_eq!(hq.count("entry").await, before);
    let once = hq.store.grant(record, &fajr.id, false, None).await.unwrap();
    assert_eq!(hq.store.grant(record, &fajr.id, false, None).await.unwrap(), once);
    assert_eq!(hq.count("entry").await, before + 1);
    let nobody = "batha".parse().unwrap();
    let refused = hq.store.grant(record, &nobody, false, None).await;
    assert!(matches!(refused, Err(EditError::NoOffice(office)) if office == nobody));
}

#[tokio::test]
async fn conflicts_come_in_pages_and_one_resolution_ends_one() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    for n in 0..5 {
        let opened = pen.enroll(&format!("n-{n}"));
        if n > 0 {
            pen.put(&edit(pen.record(&format!("n-{n}")), "person", "one"), [opened]);
            pen.put(&edit(pen.record(&format!("n-{n}")), "person", "other"), [opened]);
        }
    }
    pen.send(&hq, &office).await.unwrap();
    let mut found = Vec::new();
    loop {
        let page = hq.store.conflicts(found.last().copied(), 3).await.unwrap();
        assert!(page.iter().all(RecordState::in_conflict));
        found.extend(page.iter().map(|state| state.origin.id()));
        if page.len() < 3 {
            break;
        }
    }
    assert_eq!(found.len(), 4);
    assert!(found.is_sorted());
    let read = hq.store.record(found[0]).await.unwrap().unwrap().seen;
    hq.store.edit(found[0], &read, correction("person", "neither")).await.unwrap();
    let left = hq.store.conflicts(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|s| s.origin.id()).collect::<Vec<_>>(), found[1..]);
    assert_eq!(hq.store.totals().await.unwrap().conflicts, 3);
}

#[tokio::test]
async fn a_history_names_each_edit_in_the_order_in_which_it_was_taken_in() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    set(&hq, &desk, "contact", "from hq").await.unwrap();
    let second = desk.set("person", "second");
    let held = desk.set("national_number", "forged");
    desk.send(&hq).await;
    let (origin, acts) = hq.store.history(desk.record()).await.unwrap().unwrap();
    assert_eq!(origin, desk.state.origin);
    let told: Vec<_> = acts.iter().map(|act| (act.by.as_str(), act.counts)).collect();
    let applied = |by| (by, Counts::Applied);
    let want = [applied("nasr"), applied("hq"), applied("nasr"), ("nasr", Counts::Held)];
    assert_eq!(told, want);
    assert_eq!((acts[2].dot, acts[3].dot), (second, held));
    assert_eq!(acts[1].dot.journal, hq.store.journal());
    assert_eq!(hq.store.history(RecordId([9; 16])).await.unwrap(), None);
}

#[tokio::test]
async fn hqs_journal_outlives_the_process_and_is_whole() {
    let hq = Hq::new().await;
    let desk = Desk::open(&hq, "nasr", "n-1").await;
    set(&hq, &desk, "contact", "before").await.unwrap();
    let Hq { store, keys, dir, .. } = hq;
    store.close().await;
    let path = dir.path().join(DATABASE);
    let store = Store::open(&path, &keys, World::real()).await.unwrap();
    let read = store.record(desk.record()).await.unwrap().unwrap().seen;
    store.edit(desk.record(), &read, correction("contact", "after")).await.unwrap();
    let verified = store.verify_journals(&OfficeId::hq()).await.unwrap();
    let [own] = &verified[..] else { panic!("{verified:?}") };
    assert_eq!((own.journal, own.whole.seq, &own.flaw), (store.journal(), Seq(3), &None));
    let (_, acts) = store.history(desk.record()).await.unwrap().unwrap();
    assert_eq!(acts.len(), 3);
    store.close().await;
    let reader = Store::read_only(&path, &keys, World::real()).await.unwrap();
    assert_eq!(reader.history(desk.record()).await.unwrap().unwrap().1.len(), 3);
}

#[tokio::test]
async fn no_office_extends_hqs_journal() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    set(&hq, &desk, "contact", "of hq").await.unwrap();
    let own = hq.store.journal();
    let at = hq.store.verify_journals(&OfficeId::hq()).await.unwrap()[0].whole;
    desk.set("person", "stolen");
    let message = desk.pen.message();
    let forged = Entries::new(own, at, message.frames, message.last, &desk.pen.sign);
    let refused = hq.store.append(&desk.office, forged).await;
    assert!(matches!(&refused, Err(AppendError::Fault(why)) if why.contains("another office")));
    assert_eq!(hq.store.verify_journals(&OfficeId::hq()).await.unwrap()[0].whole, at);
    let standing = hq.store.standings(&desk.office.id, &[(own, at)]).await.unwrap();
    assert_eq!(standing[0].top, Position::start(own), "nor learns where it stands");
}
