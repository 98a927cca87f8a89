//! What staff decide about held entries.

use wasl_protocol::entry::Verdict;
use wasl_protocol::news::{Held, What};
use wasl_protocol::private::Private;
use wasl_protocol::record::{Counts, RecordState, Value};

use super::desk::{Desk, texts};
use super::*;
use crate::store::{DecideError, HeldEntry};

const RELEASE: Verdict = Verdict::Release { as_is: false };
const AS_IS: Verdict = Verdict::Release { as_is: true };

fn refuse() -> Verdict {
    Verdict::Refuse { reason: Private("not their office".to_owned()) }
}

async fn decide(hq: &Hq, dot: Dot, verdict: Verdict) -> Result<HeldEntry, DecideError> {
    hq.store.decide(dot, verdict, Some(Private("op-1".to_owned()))).await
}

async fn state(hq: &Hq, record: RecordId) -> RecordState<Value> {
    hq.store.record(record).await.unwrap().unwrap()
}

/// An edit of `person` that also names a group of HQ's.
fn overreach(record: RecordId, text: &str) -> Edit {
    let mut edit = edit(record, "person", text);
    edit.groups.extend(super::edit(record, "hq_status", text).groups);
    edit
}

#[tokio::test]
async fn a_released_entry_counts_whoever_wrote_it_and_its_office_is_told() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let dot = desk.put(&overreach(desk.record(), "mine"));
    let later = desk.set("contact", "later");
    assert_eq!(desk.send(&hq).await, 2);
    let told = desk.fates(&hq).await;
    let whats: Vec<_> = told.iter().map(|fate| fate.what.clone()).collect();
    assert_eq!(whats, [What::Held(Held::Unauthorised), What::Held(Held::WaitsFor(dot))]);
    hq.pass(60_000);
    let entry = decide(&hq, dot, RELEASE).await.unwrap();
    assert_eq!((entry.verdict, entry.at), (Some(RELEASE), UnixMs(0)));
    assert_eq!(state(&hq, desk.record()).await, desk.state);
    assert!(hq.store.held(None, 10).await.unwrap().is_empty(), "what waited for it went too");
    let told = desk.fates(&hq).await;
    assert_eq!(told.iter().map(|fate| fate.dot).collect::<Vec<_>>(), [dot, later]);
    assert!(told.iter().all(|fate| fate.what == What::Released && fate.at == UnixMs(60_000)));
    assert!(matches!(decide(&hq, dot, refuse()).await, Err(DecideError::Decided)));
    assert!(matches!(decide(&hq, later, refuse()).await, Err(DecideError::Decided)));
}

#[tokio::test]
async fn a_refused_entry_gives_back_what_it_replaced_at_its_office() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let dot = desk.put(&overreach(desk.record(), "mine"));
    let later = desk.set("contact", "later");
    desk.send(&hq).await;
    let held = hq.store.held_entry(dot).await.unwrap().unwrap();
    assert_eq!((held.record, held.verdict), (Some(desk.record()), None));
    assert_eq!(held.groups.len(), 2);
    decide(&hq, dot, refuse()).await.unwrap();
    let told = desk.fates(&hq).await;
    let Verdict::Refuse { reason } = refuse() else { unreachable!() };
    assert_eq!(told[0].what, What::Refused { reason });
    assert_eq!(desk.texts("person"), ["first"], "what was there before is there again");
    assert!(desk.texts("hq_status").is_empty());
    assert_eq!(desk.texts("contact"), ["later"]);
    assert_eq!(state(&hq, desk.record()).await, desk.state);
    let (_, acts) = hq.store.history(desk.record()).await.unwrap().unwrap();
    let refused = acts.iter().find(|act| act.dot == dot).unwrap();
    assert_eq!(refused.counts, Counts::Refused);
    let back = acts.iter().position(|act| act.dot.journal == hq.store.journal()).unwrap();
    assert!(acts.iter().position(|act| act.dot == dot).unwrap() < back);
    assert!(acts.iter().any(|act| act.dot == later && act.counts == Counts::Applied));
}

#[tokio::test]
async fn a_refused_resolution_gives_back_every_sibling() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let read = state(&hq, desk.record()).await.seen;
    desk.set("person", "of the office");
    desk.send(&hq).await;
    // Another journal of the same office, which had seen only the opening.
    let mut other = Pen::new(&desk.office.id, desk.pen.sign.clone(), hq.unwrap.wrap_key(), 900);
    other.put(&edit(desk.record(), "person", "elsewhere"), read.dots());
    other.send(&hq, &desk.office).await.unwrap();
    desk.take(&hq).await;
    assert_eq!(desk.texts("person"), ["elsewhere", "of the office"]);
    let dot = desk.put(&overreach(desk.record(), "resolved"));
    desk.send(&hq).await;
    decide(&hq, dot, refuse()).await.unwrap();
    desk.take(&hq).await;
    assert_eq!(desk.texts("person"), ["elsewhere", "of the office"]);
    assert_eq!(state(&hq, desk.record()).await, desk.state);
}

#[tokio::test]
async fn a_record_whose_opening_is_refused_is_empty_at_both_and_can_be_written() {
    let hq = Hq::new().await;
    let mut desk = Desk::join(&hq, "nasr", "nasr", "n-1").await;
    let opening = desk.pen.opening("n-1").opening;
    let dot = desk.put(&Edit { opening, ..overreach(desk.record(), "mine") });
    desk.send(&hq).await;
    assert!(hq.store.record(desk.record()).await.unwrap().is_none());
    decide(&hq, dot, refuse()).await.unwrap();
    desk.take(&hq).await;
    assert!(desk.state.groups.is_empty());
    assert_eq!(state(&hq, desk.record()).await, desk.state);
    desk.set("person", "properly");
    assert_eq!(desk.send(&hq).await, 0);
    assert_eq!(state(&hq, desk.record()).await, desk.state);
}

#[tokio::test]
async fn what_waits_is_released_only_as_it_is_and_not_refused() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let lost = Dot { journal: JournalId(77), seq: Seq(5) };
    let opened = desk.state.seen.dots().next().unwrap();
    let waiting = desk.pen.put(&edit(desk.record(), "person", "second"), [opened, lost]);
    assert_eq!(desk.send(&hq).await, 1);
    for verdict in [RELEASE, refuse()] {
        let refused = decide(&hq, waiting, verdict).await;
        assert!(matches!(refused, Err(DecideError::WaitsFor(dot)) if dot == lost), "{refused:?}");
    }
    assert!(hq.store.held_entry(waiting).await.unwrap().unwrap().verdict.is_none());
    decide(&hq, waiting, AS_IS).await.unwrap();
    let now = state(&hq, desk.record()).await;
    assert_eq!(texts(&now, "person"), ["second"]);
    assert_eq!(now.seen, VersionVector::of([opened, waiting]), "what it saw is not accounted for");
}

#[tokio::test]
async fn an_edit_that_comes_after_what_had_replaced_it_was_released_as_it_is_does_not_come_back() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let mut other = Pen::new(&desk.office.id, desk.pen.sign.clone(), hq.unwrap.wrap_key(), 900);
    let opened = desk.state.seen.dots().next().unwrap();
    let mut both = edit(desk.record(), "person", "late");
    both.groups.extend(edit(desk.record(), "contact", "late").groups);
    let late = other.put(&both, [opened]);
    let newer = desk.pen.put(&edit(desk.record(), "person", "newer"), [opened, late]);
    desk.send(&hq).await;
    decide(&hq, newer, AS_IS).await.unwrap();
    other.send(&hq, &desk.office).await.unwrap();
    let now = state(&hq, desk.record()).await;
    assert_eq!(texts(&now, "person"), ["newer"], "it was replaced");
    assert_eq!(texts(&now, "contact"), ["late"], "nobody replaced this");
    assert_eq!(now.seen, VersionVector::of([opened, late, newer]));
}

#[tokio::test]
async fn the_earlier_of_two_held_entries_of_one_journal_is_decided_first() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let first = desk.put(&overreach(desk.record(), "one"));
    let second = desk.put(&overreach(desk.record(), "two"));
    desk.send(&hq).await;
    for verdict in [RELEASE, AS_IS, refuse()] {
        let refused = decide(&hq, second, verdict).await;
        assert!(matches!(refused, Err(DecideError::Earlier(dot)) if dot == first), "{refused:?}");
    }
    decide(&hq, first, refuse()).await.unwrap();
    decide(&hq, second, RELEASE).await.unwrap();
    desk.take(&hq).await;
    assert_eq!(state(&hq, desk.record()).await, desk.state);
}

#[tokio::test]
async fn an_edit_that_does_not_name_the_held_one_before_it_waits_for_it_all_the_same() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let opened = desk.state.seen.dots().next().unwrap();
    let held = desk.pen.put(&overreach(desk.record(), "held"), [opened]);
    desk.pen.put(&edit(desk.record(), "contact", "next"), [opened]);
    assert_eq!(desk.send(&hq).await, 2);
    decide(&hq, held, RELEASE).await.unwrap();
    let now = state(&hq, desk.record()).await;
    assert_eq!(
        (texts(&now, "person"), texts(&now, "contact")),
        (vec!["held".to_owned()], vec!["next".to_owned()])
    );
}

#[tokio::test]
async fn what_cannot_be_read_can_be_refused_and_not_released() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let garbage = desk.pen.write(Kind::EDIT, b"garbage", &VersionVector::default());
    let future = desk.pen.write(Kind(200), b"of the future", &VersionVector::default());
    let nobodys = desk.pen.put(&edit(desk.pen.record("n-9"), "person", "of no record"), []);
    desk.send(&hq).await;
    for dot in [garbage, future] {
        assert!(matches!(decide(&hq, dot, AS_IS).await, Err(DecideError::Unreadable)));
    }
    assert!(matches!(decide(&hq, nobodys, RELEASE).await, Err(DecideError::Unopened)));
    let before = state(&hq, desk.record()).await;
    for dot in [garbage, future, nobodys] {
        let entry = decide(&hq, dot, refuse()).await.unwrap();
        assert_eq!(entry.verdict, Some(refuse()));
    }
    assert_eq!(hq.store.held_of(&desk.office.id).await.unwrap(), 0);
    assert_eq!(state(&hq, desk.record()).await, before);
    let strange = Dot { journal: JournalId(1), seq: Seq(1) };
    assert!(matches!(decide(&hq, strange, RELEASE).await, Err(DecideError::Unknown)));
}

#[tokio::test]
async fn an_edit_from_out_of_scope_counts_once_it_is_released() {
    let hq = Hq::new().await;
    let mut nasr = Desk::open(&hq, "nasr", "n-1").await;
    let mut fajr = Desk::join(&hq, "fajr", "nasr", "n-1").await;
    let opened = nasr.state.seen.dots().next().unwrap();
    let dot = fajr.pen.put(&edit(nasr.record(), "person", "by fajr"), [opened]);
    assert_eq!(fajr.send(&hq).await, 1);
    decide(&hq, dot, RELEASE).await.unwrap();
    nasr.take(&hq).await;
    assert_eq!(nasr.texts("person"), ["by fajr"]);
    let news = fajr.take(&hq).await;
    assert!(news.iter().all(|n| !matches!(n.says, wasl_protocol::news::Says::State(_))));
}

#[tokio::test]
async fn held_entries_come_in_pages_and_decisions_are_entries_of_hqs_journal() {
    let hq = Hq::new().await;
    let mut desk = Desk::open(&hq, "nasr", "n-1").await;
    let dots: Vec<_> =
        (0..5).map(|n| desk.pen.put(&overreach(desk.record(), &n.to_string()), [])).collect();
    desk.send(&hq).await;
    let first = hq.store.held(None, 3).await.unwrap();
    let rest = hq.store.held(Some(first[2].dot), 3).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|entry| entry.dot).collect();
    assert_eq!(listed, dots);
    assert!(first.iter().all(|e| e.act.is_none() && e.form_number.is_some()));
    decide(&hq, dots[0], RELEASE).await.unwrap();
    let own = hq.store.verify_journals(&OfficeId::hq()).await.unwrap();
    assert_eq!((own[0].whole.seq, &own[0].flaw), (Seq(2), &None));
}
