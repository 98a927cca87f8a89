//! Compare-and-append.

use wasl_protocol::keys::SignKey;
use wasl_protocol::wire::Entries;

use super::*;

#[tokio::test]
async fn an_entry_sent_twice_is_stored_once() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.enroll("n-1");
    pen.enroll("n-2");
    let message = pen.message();
    let first = hq.store.append(&office, message.clone()).await.unwrap();
    let again = hq.store.append(&office, message).await.unwrap();
    assert_eq!((first.stored, first), (pen.at, again));
    assert_eq!((hq.entries().await, hq.count("record").await), (3, 2));
    assert_eq!(hq.store.feed_head(&office.id).await.unwrap().0, 2);
}

#[tokio::test]
async fn a_message_that_overlaps_what_is_stored_adds_only_the_rest() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.enroll("n-1");
    let mut first = pen.message();
    hq.store.append(&office, first.clone()).await.unwrap();
    pen.enroll("n-2");
    let second = pen.message();
    first.frames.extend(&second.frames);
    let both = Entries::new(pen.journal, first.after, first.frames, second.last, &pen.sign);
    assert_eq!(seq(&hq.store.append(&office, both).await.unwrap()), Seq(3));
    assert_eq!(hq.count("record").await, 2);
}

#[tokio::test]
async fn a_gap_is_not_appended_and_the_answer_says_where_hq_stands() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let start = pen.message();
    pen.enroll("n-1");
    let later = pen.message();
    assert_eq!(seq(&hq.store.append(&office, later.clone()).await.unwrap()), Seq(0));
    assert_eq!(hq.count("journal").await, 1, "HQ's own");
    hq.store.append(&office, start).await.unwrap();
    assert_eq!(seq(&hq.store.append(&office, later).await.unwrap()), Seq(2));
}

#[tokio::test]
async fn a_journal_that_went_another_way_is_a_fork_and_nothing_is_stored() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.send(&hq, &office).await.unwrap();
    let common = pen.at;
    pen.enroll("n-1");
    let ours = pen.message();
    hq.store.append(&office, ours).await.unwrap();
    (pen.at, pen.sent) = (common, common);
    pen.enroll("n-2");
    let same_length = pen.message();
    pen.enroll("n-3");
    let longer = pen.message();
    for theirs in [same_length, longer] {
        let forked = hq.store.append(&office, theirs).await;
        assert!(matches!(forked, Err(AppendError::Fork { .. })), "{forked:?}");
    }
    assert_eq!(hq.count("record").await, 1);
}

#[tokio::test]
async fn nobody_extends_the_journal_of_another_office() {
    let hq = Hq::new().await;
    let (nasr, mut pen) = hq.join("nasr").await;
    let (fajr, other) = hq.join("fajr").await;
    pen.send(&hq, &nasr).await.unwrap();
    pen.enroll("n-1");
    pen.sign = other.sign.clone();
    let foreign = pen.send(&hq, &fajr).await;
    assert!(matches!(&foreign, Err(AppendError::Fault(why)) if why.contains("another office")));
    let claimed = hq.store.standings(&fajr.id, &[(pen.journal, pen.at)]).await.unwrap();
    assert_eq!(claimed[0].top, Position::start(pen.journal));
}

#[tokio::test]
async fn a_journal_begun_in_the_name_of_another_is_refused() {
    let hq = Hq::new().await;
    let (nasr, _) = hq.join("nasr").await;
    let (fajr, other) = hq.join("fajr").await;
    let hq_key = hq.unwrap.wrap_key();
    let mut forged = Pen::new(&nasr.id, other.sign.clone(), hq_key, 77);
    assert!(matches!(forged.send(&hq, &fajr).await, Err(AppendError::Fault(_))));
    let not_for_hq = UnwrapKey::from_secret(&[1; 32]).wrap_key();
    let mut unreadable = Pen::new(&fajr.id, other.sign, not_for_hq, 78);
    assert!(matches!(unreadable.send(&hq, &fajr).await, Err(AppendError::Fault(_))));
    assert_eq!(hq.count("journal").await, 1, "HQ's own");
}

#[tokio::test]
async fn entries_that_another_key_signed_are_refused() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.enroll("n-1");
    let sign = std::mem::replace(&mut pen.sign, SignKey::from_secret(&[200; 32]));
    let forged = pen.message();
    assert!(matches!(hq.store.append(&office, forged.clone()).await, Err(AppendError::Fault(_))));
    let (journal, after) = (pen.journal, forged.after);
    let honest = Entries::new(journal, after, forged.frames, forged.last, &sign);
    assert_eq!(seq(&hq.store.append(&office, honest).await.unwrap()), Seq(2));
}

#[tokio::test]
async fn a_message_without_entries_is_refused_not_a_panic() {
    let hq = Hq::new().await;
    let (office, pen) = hq.join("nasr").await;
    let start = Position::start(pen.journal);
    let empty = Entries::new(pen.journal, start, Vec::new(), start, &pen.sign);
    assert!(matches!(hq.store.append(&office, empty).await, Err(AppendError::Fault(_))));
}

#[tokio::test]
async fn an_office_begins_only_so_many_journals_in_a_day() {
    let hq = Hq::new().await;
    let (office, pen) = hq.join("nasr").await;
    let begin = |n: u64| Pen::new(&office.id, pen.sign.clone(), hq.unwrap.wrap_key(), n);
    let mut taken = 0;
    for n in 1000..1050 {
        taken += i64::from(begin(n).send(&hq, &office).await.is_ok());
    }
    assert_eq!(taken, super::super::append::BIRTHS_A_DAY);
    hq.pass(25 * 60 * 60 * 1000);
    begin(2000).send(&hq, &office).await.unwrap();
}

#[tokio::test]
async fn standings_lead_down_to_the_last_common_position() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let mut positions = vec![Position::start(pen.journal), pen.at];
    for n in 0..20 {
        pen.enroll(&format!("n-{n}"));
        positions.push(pen.at);
    }
    pen.send(&hq, &office).await.unwrap();
    let asked = [(pen.journal, positions[12]), (JournalId(5), Position::start(JournalId(5)))];
    let standings = hq.store.standings(&office.id, &asked).await.unwrap();
    assert_eq!(standings[0].top, pen.at);
    let ladder: Vec<_> = [12, 11, 10, 8, 4].map(|n| positions[n]).into();
    assert_eq!(standings[0].ladder, ladder);
    assert_eq!(standings[1].top, Position::start(JournalId(5)));
}

#[tokio::test]
async fn a_stored_frame_that_changed_is_named_by_its_number() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    for n in 0..10 {
        pen.enroll(&format!("n-{n}"));
    }
    pen.send(&hq, &office).await.unwrap();
    let whole = hq.store.verify_journals(&office.id).await.unwrap();
    assert_eq!((whole[0].whole, &whole[0].flaw), (pen.at, &None));
    let damage = "UPDATE entry SET frame = (SELECT frame FROM entry WHERE seq = 6) WHERE seq = 7";
    sqlx::query(damage).execute(hq.store.writer()).await.unwrap();
    let bad = hq.store.verify_journals(&office.id).await.unwrap();
    assert_eq!(bad[0].whole.seq, Seq(6));
    assert_eq!(bad[0].flaw.as_ref().map(|f| f.seq), Some(Seq(7)));
    sqlx::query("DELETE FROM entry WHERE seq >= 9").execute(hq.store.writer()).await.unwrap();
    sqlx::query("DELETE FROM entry WHERE seq = 7").execute(hq.store.writer()).await.unwrap();
    let gone = hq.store.verify_journals(&office.id).await.unwrap();
    assert!(gone[0].flaw.as_ref().unwrap().why.contains("missing"));
}
