//! What an office has of its scope, compared with what HQ has.

use wasl_protocol::entry::Cursor;
use wasl_protocol::record::{bucket, grants, sums};
use wasl_protocol::units::FeedNo;

use super::*;
use crate::store::When;

/// What an office that has everything has: its records, each with its digest.
async fn scope(hq: &Hq, office: &Office) -> Vec<(RecordId, u64)> {
    let run = hq.store.feed(&office.id, &[], FeedNo(0), 1 << 20).await.unwrap();
    let states = run.news.into_iter().filter_map(|news| match news.says {
        wasl_protocol::news::Says::State(state) => Some(state),
        _ => None,
    });
    states.map(|state| (state.origin.id(), state.digest(|value| value.tag))).collect()
}

fn enroll(pen: &mut Pen, records: u64) {
    for n in 0..records {
        pen.enroll(&format!("n-{n}"));
    }
}

/// The records in the rows of the feed behind this number.
async fn behind(hq: &Hq, office: &Office, after: FeedNo) -> Vec<Option<RecordId>> {
    let run = hq.store.feed(&office.id, &[], after, 1 << 20).await.unwrap();
    run.news.into_iter().map(|news| news.record).collect()
}

#[tokio::test]
async fn an_office_that_has_everything_is_sent_nothing() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    enroll(&mut pen, 40);
    pen.send(&hq, &office).await.unwrap();
    let theirs = sums(scope(&hq, &office).await);
    let compared = hq.store.compare_sums(&office.id, &theirs, UnixMs(77)).await.unwrap();
    assert_eq!(compared, (vec![], FeedNo(40)));
    let facts = hq.store.office_facts(&office.id).await.unwrap().unwrap();
    assert_eq!((facts.audited_at, facts.audit_again), (Some(UnixMs(77)), 0));
}

#[tokio::test]
async fn what_an_office_lacks_or_has_otherwise_and_nothing_else_is_sent_again() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    enroll(&mut pen, 40);
    pen.send(&hq, &office).await.unwrap();
    let mut has = scope(&hq, &office).await;
    let (lacking, other) = (has.pop().unwrap().0, has[3].0);
    has[3].1 ^= 1;
    let compared = hq.store.compare_sums(&office.id, &sums(has.clone()), UnixMs(1)).await.unwrap();
    let (differing, upto) = compared;
    let mut want = vec![bucket(lacking), bucket(other)];
    want.sort_unstable();
    want.dedup();
    assert_eq!((&differing, upto), (&want, FeedNo(40)));
    has.retain(|(id, _)| differing.contains(&bucket(*id)));
    let again = hq.store.send_again(&office.id, &differing, &has, UnixMs(1)).await.unwrap();
    assert_eq!(again, 2);
    let mut sent: Vec<RecordId> =
        behind(&hq, &office, upto).await.into_iter().map(Option::unwrap).collect();
    sent.sort_unstable();
    let mut want = [lacking, other];
    want.sort_unstable();
    assert_eq!(sent, want);
}

#[tokio::test]
async fn what_an_office_should_not_have_is_withdrawn_and_what_nobody_knows_is_left() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let (other, mut theirs) = hq.join("fajr").await;
    theirs.enroll("f-1");
    theirs.send(&hq, &other).await.unwrap();
    pen.enroll("n-1");
    pen.send(&hq, &office).await.unwrap();
    let foreign = theirs.record("f-1");
    let mut has = scope(&hq, &office).await;
    has.extend([(foreign, 1), (RecordId([7; 16]), 2)]);
    let (differing, upto) =
        hq.store.compare_sums(&office.id, &sums(has.clone()), UnixMs(1)).await.unwrap();
    has.retain(|(id, _)| differing.contains(&bucket(*id)));
    let again = hq.store.send_again(&office.id, &differing, &has, UnixMs(1)).await.unwrap();
    assert_eq!((again, behind(&hq, &office, upto).await), (1, vec![Some(foreign)]));
    assert!(grants(&hq.store.record(foreign).await.unwrap().unwrap()).is_empty());
}

#[tokio::test]
async fn an_audit_is_due_after_a_week_and_at_once_for_a_long_feed_without_a_cursor() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let epoch = hq.store.epoch();
    let cursor = |feed| Some(Cursor { epoch, feed: FeedNo(feed) });
    let day = 24 * 60 * 60 * 1000;
    let due = |cursor, now| hq.store.audit_due(&office.id, cursor, UnixMs(now));
    assert_eq!(due(cursor(5), 6 * day).await.unwrap(), None);
    assert_eq!(due(cursor(5), 7 * day).await.unwrap(), Some(When::OnceLevel));
    hq.store.compare_sums(&office.id, &sums([]), UnixMs(7 * day)).await.unwrap();
    assert_eq!(due(cursor(5), 13 * day).await.unwrap(), None);
    assert_eq!(due(None, 13 * day).await.unwrap(), None, "little is sent as it is");
    enroll(&mut pen, 1_001);
    pen.send(&hq, &office).await.unwrap();
    for unknown in [None, cursor(0)] {
        assert_eq!(due(unknown, 13 * day).await.unwrap(), Some(When::BeforeTheFeed));
    }
    assert_eq!(due(cursor(9), 13 * day).await.unwrap(), None);
    assert!(hq.store.want_audit(&office.id).await.unwrap());
    assert_eq!(due(cursor(9), 13 * day).await.unwrap(), Some(When::OnceLevel));
}
