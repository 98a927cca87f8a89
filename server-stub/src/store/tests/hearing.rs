//! In which hours offices were heard.

use std::collections::BTreeSet;

use super::*;
use crate::habit::{Hour, WEEKS_KEPT};

const HOUR_MS: i64 = 3_600_000;
const WEEK_MS: i64 = 168 * HOUR_MS;

#[tokio::test]
async fn what_was_heard_is_kept_for_some_weeks_and_no_longer() {
    let hq = Hq::new().await;
    hq.add("nasr").await;
    let nasr: OfficeId = "nasr".parse().unwrap();
    let start = hq.store.world().clock.unix();
    let hour = |weeks: i64| Hour::of(UnixMs(start.0 + weeks * WEEK_MS));
    let (nobody, it) = (BTreeSet::new(), BTreeSet::from([nasr.clone()]));
    hq.store.note_heard(hour(0), &it).await.unwrap();
    let next = Hour::of(UnixMs(start.0 + HOUR_MS));
    hq.store.note_heard(next, &nobody).await.unwrap();
    let heard = hq.store.heard().await.unwrap();
    assert!(heard.ran.has(hour(0)) && heard.ran.has(next));
    assert!(heard.offices[&nasr].has(hour(0)) && !heard.offices[&nasr].has(next));
    for week in 1..=WEEKS_KEPT + 3 {
        hq.store.note_heard(hour(week), &nobody).await.unwrap();
    }
    let heard = hq.store.heard().await.unwrap();
    assert!(!heard.ran.has(hour(0)) && heard.ran.has(hour(4)), "old weeks go");
    assert!(heard.offices[&nasr].has(hour(0)), "of an office its own last weeks stay");
    assert_eq!(hq.count("heard").await, 1 + WEEKS_KEPT + 1);
}

#[tokio::test]
async fn the_last_word_of_an_office_is_known_after_its_session() {
    let hq = Hq::new().await;
    hq.join("nasr").await;
    let nasr: OfficeId = "nasr".parse().unwrap();
    assert_eq!(hq.store.office_facts(&nasr).await.unwrap().unwrap().last_seen, None);
    hq.store.seen(&nasr, UnixMs(77)).await.unwrap();
    assert_eq!(hq.store.office_facts(&nasr).await.unwrap().unwrap().last_seen, Some(UnixMs(77)));
}
