//! The feed.

use wasl_protocol::entry::Cursor;
use wasl_protocol::news::{Says, What};
use wasl_protocol::record::{RecordState, Value};
use wasl_protocol::units::FeedNo;

use super::*;
use crate::store::FeedRun;

const PLENTY: usize = 1 << 20;

async fn feed(hq: &Hq, office: &Office, journals: &[JournalId], after: u64) -> FeedRun {
    hq.store.feed(&office.id, journals, FeedNo(after), PLENTY).await.unwrap()
}

/// The first piece of news, which must be a state.
fn state_of(run: &FeedRun) -> &RecordState<Value> {
    let Says::State(state) = &run.news[0].says else { panic!("{:?}", run.news[0]) };
    state
}

#[tokio::test]
async fn what_came_from_a_sessions_own_journal_is_not_sent_back() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let mut news = hq.store.feed_grew();
    pen.enroll("n-1");
    pen.enroll("n-2");
    pen.send(&hq, &office).await.unwrap();
    let own = feed(&hq, &office, &[pen.journal], 0).await;
    assert_eq!((own.news.len(), own.upto), (0, FeedNo(2)));
    assert!(news.try_recv().is_err(), "nobody is woken for that");
    let reinstalled = feed(&hq, &office, &[JournalId(999)], 0).await;
    assert_eq!(reinstalled.news.len(), 2);
    let nothing = feed(&hq, &office, &[], 0).await;
    assert_eq!(nothing.news.len(), 2);
}

#[tokio::test]
async fn news_from_two_journals_are_sent_until_the_cursor_has_passed() {
    let hq = Hq::new().await;
    let (office, mut old) = hq.join("nasr").await;
    let mut new = Pen::new(&office.id, old.sign.clone(), hq.unwrap.wrap_key(), 900);
    let record = old.record("n-1");
    let opened = old.enroll("n-1");
    old.send(&hq, &office).await.unwrap();
    let mut seen = vec![opened];
    seen.push(new.put(&edit(record, "person", "second"), seen.clone()));
    new.send(&hq, &office).await.unwrap();
    let mixed = feed(&hq, &office, &[new.journal], 0).await;
    assert_eq!((mixed.news.len(), mixed.upto), (1, FeedNo(2)));
    assert_eq!(state_of(&mixed).seen, VersionVector::of(seen.clone()));

    let cursor = Cursor { epoch: hq.store.epoch(), feed: mixed.upto };
    hq.store.cursor_moved(&office.id, cursor).await.unwrap();
    new.put(&edit(record, "person", "third"), seen);
    new.send(&hq, &office).await.unwrap();
    let own = feed(&hq, &office, &[new.journal], 2).await;
    assert_eq!((own.news.len(), own.upto), (0, FeedNo(3)));
}

#[tokio::test]
async fn an_office_that_lost_what_it_had_taken_is_sent_what_its_own_entries_were_added_to() {
    let hq = Hq::new().await;
    let (office, mut old) = hq.join("nasr").await;
    let mut new = Pen::new(&office.id, old.sign.clone(), hq.unwrap.wrap_key(), 900);
    let opened = old.enroll("n-1");
    old.send(&hq, &office).await.unwrap();
    let cursor = Cursor { epoch: hq.store.epoch(), feed: FeedNo(1) };
    hq.store.cursor_moved(&office.id, cursor).await.unwrap();
    new.put(&edit(old.record("n-1"), "person", "second"), [opened]);
    new.enroll("n-2");
    new.send(&hq, &office).await.unwrap();
    assert_eq!(feed(&hq, &office, &[new.journal], 1).await.news.len(), 0);
    let lost = feed(&hq, &office, &[new.journal], 0).await;
    assert_eq!(lost.news.len(), 1, "and not what it opened itself");
    assert_eq!(state_of(&lost).origin.id(), old.record("n-1"));
}

#[tokio::test]
async fn an_edit_released_by_another_journal_wakes_its_office() {
    let hq = Hq::new().await;
    let (office, mut old) = hq.join("nasr").await;
    let mut new = Pen::new(&office.id, old.sign.clone(), hq.unwrap.wrap_key(), 900);
    let opened = old.enroll("n-1");
    new.put(&edit(old.record("n-1"), "person", "second"), [opened]);
    new.send(&hq, &office).await.unwrap();
    let mut news = hq.store.feed_grew();
    old.send(&hq, &office).await.unwrap();
    assert_eq!(news.try_recv().unwrap(), office.id);
    let run = feed(&hq, &office, &[old.journal], 0).await;
    assert_eq!(state_of(&run).origin.id(), old.record("n-1"));
    assert!(matches!(&run.news[1].says, Says::Fate(fate) if fate.what == What::Released));
}

#[tokio::test]
async fn no_office_is_ever_sent_a_record_of_another() {
    let hq = Hq::new().await;
    let (nasr, mut pen) = hq.join("nasr").await;
    let (fajr, mut other) = hq.join("fajr").await;
    pen.enroll("n-1");
    pen.send(&hq, &nasr).await.unwrap();
    other.enroll("f-1");
    other.send(&hq, &fajr).await.unwrap();
    let sent = feed(&hq, &fajr, &[], 0).await.news;
    assert_eq!(sent.iter().map(|s| s.record).collect::<Vec<_>>(), [Some(other.record("f-1"))]);
    assert!(sent.iter().all(|s| s.office == fajr.id && s.epoch == hq.store.epoch()));
}

#[tokio::test]
async fn a_feed_comes_in_pieces_that_lose_and_repeat_nothing() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    for n in 0..100 {
        pen.enroll(&format!("n-{n}"));
    }
    pen.send(&hq, &office).await.unwrap();
    let mut after = FeedNo(0);
    let mut got = Vec::new();
    loop {
        let run = hq.store.feed(&office.id, &[], after, 2000).await.unwrap();
        assert!(run.news.len() < 100, "a piece is bounded");
        if run.news.is_empty() {
            assert_eq!(run.upto, after);
            break;
        }
        got.extend(run.news.iter().map(|s| s.feed.0));
        after = run.upto;
    }
    assert_eq!(got, (1..=100).collect::<Vec<_>>());
    let one = hq.store.feed(&office.id, &[], FeedNo(0), 1).await.unwrap();
    assert_eq!(one.news.len(), 1, "a state longer than the piece is sent all the same");
}
