//! Entries that are stored and acknowledged and not applied.

use wasl_protocol::entry::Verdict;
use wasl_protocol::news::{Held, Says};
use wasl_protocol::units::FeedNo;

use super::*;

/// The reasons for which entries are held, in order.
async fn reasons(hq: &Hq) -> Vec<String> {
    let query = sqlx::query_scalar("SELECT reason FROM held WHERE verdict IS NULL ORDER BY dot");
    query.fetch_all(hq.store.readers()).await.unwrap()
}

#[tokio::test]
async fn an_edit_that_comes_before_what_it_saw_waits_and_is_released() {
    let hq = Hq::new().await;
    let (office, mut old) = hq.join("nasr").await;
    let mut new = Pen::new(&office.id, old.sign.clone(), hq.unwrap.wrap_key(), 900);
    let record = old.record("n-1");
    let opened = old.enroll("n-1");
    let second = new.put(&edit(record, "person", "second"), [opened]);
    let third = new.put(&edit(record, "person", "third"), [opened, second]);
    new.enroll("n-2");
    let acked = new.send(&hq, &office).await.unwrap();
    assert_eq!((acked.stored, acked.held), (new.at, 2));
    assert_eq!(reasons(&hq).await, ["waits", "waits"]);
    assert!(hq.store.record(record).await.unwrap().is_none());
    assert!(hq.store.record(new.record("n-2")).await.unwrap().is_some(), "others do not wait");

    let acked = old.send(&hq, &office).await.unwrap();
    assert_eq!(acked.held, 0);
    let state = hq.store.record(record).await.unwrap().unwrap();
    assert_eq!(state.seen, VersionVector::of([opened, third]));
    let person = &state.groups[&"person".parse().unwrap()];
    assert_eq!(person.keys().collect::<Vec<_>>(), [&third], "what it saw is replaced");
    assert!(reasons(&hq).await.is_empty());
}

#[tokio::test]
async fn the_same_edits_in_any_split_fold_into_the_same_state() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let record = pen.record("n-1");
    let one = pen.enroll("n-1");
    let two = pen.put(&edit(record, "person", "a"), [one]);
    pen.put(&edit(record, "contact", "b"), [one, two]);
    pen.put(&edit(record, "person", "c"), [one]);
    pen.send(&hq, &office).await.unwrap();
    let state = hq.store.record(record).await.unwrap().unwrap();
    assert!(state.in_conflict(), "the last edit had not seen the second");

    let elsewhere = Hq::new().await;
    let (office, mut pen) = elsewhere.join("nasr").await;
    let one = pen.enroll("n-1");
    pen.send(&elsewhere, &office).await.unwrap();
    let two = pen.put(&edit(record, "person", "a"), [one]);
    pen.send(&elsewhere, &office).await.unwrap();
    pen.put(&edit(record, "contact", "b"), [one, two]);
    pen.send(&elsewhere, &office).await.unwrap();
    pen.put(&edit(record, "person", "c"), [one]);
    pen.send(&elsewhere, &office).await.unwrap();
    assert_eq!(elsewhere.store.record(record).await.unwrap().unwrap(), state);
    assert_eq!(elsewhere.store.totals().await.unwrap().conflicts, 1);
}

#[tokio::test]
async fn an_edit_of_another_offices_record_is_held_and_changes_nothing() {
    let hq = Hq::new().await;
    let (nasr, mut theirs) = hq.join("nasr").await;
    let (fajr, mut mine) = hq.join("fajr").await;
    let dot = theirs.enroll("n-1");
    theirs.send(&hq, &nasr).await.unwrap();
    let record = theirs.record("n-1");
    let before = hq.store.record(record).await.unwrap();
    mine.put(&edit(record, "person", "stolen"), [dot]);
    let taken = Edit { opening: theirs.opening("n-1").opening, ..edit(record, "person", "x") };
    mine.put(&taken, []);
    let acked = mine.send(&hq, &fajr).await.unwrap();
    assert_eq!((acked.stored, acked.held), (mine.at, 2));
    assert_eq!(reasons(&hq).await, ["out_of_scope", "out_of_scope"]);
    assert_eq!(hq.store.record(record).await.unwrap(), before);
    let told = hq.store.feed(&fajr.id, &[], FeedNo(0), 1 << 20).await.unwrap().news;
    assert!(told.iter().all(|news| matches!(news.says, Says::Fate(_))), "{told:?}");
}

#[tokio::test]
async fn a_record_that_waits_and_turns_out_to_be_anothers_stays_held() {
    let hq = Hq::new().await;
    let (nasr, mut theirs) = hq.join("nasr").await;
    let (fajr, mut mine) = hq.join("fajr").await;
    let dot = theirs.enroll("n-1");
    mine.put(&edit(theirs.record("n-1"), "person", "guessed"), [dot]);
    mine.send(&hq, &fajr).await.unwrap();
    assert_eq!(reasons(&hq).await, ["waits"]);
    theirs.send(&hq, &nasr).await.unwrap();
    assert_eq!(reasons(&hq).await, ["out_of_scope"]);
    let state = hq.store.record(theirs.record("n-1")).await.unwrap().unwrap();
    assert_eq!(state.seen, VersionVector::of([dot]));
}

#[tokio::test]
async fn what_cannot_be_read_or_may_not_be_written_is_acknowledged_and_held() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let dot = pen.enroll("n-1");
    let record = pen.record("n-1");
    pen.put(&edit(record, "national_number", "1"), [dot]);
    pen.write(Kind::EDIT, b"garbage", &VersionVector::default());
    pen.write(Kind(200), b"of the future", &VersionVector::default());
    pen.put(&edit(pen.record("n-9"), "person", "of no record"), []);
    let after_bad = pen.enroll("n-2");
    let acked = pen.send(&hq, &office).await.unwrap();
    assert_eq!((acked.stored, acked.held), (pen.at, 4));
    assert_eq!(reasons(&hq).await, ["unauthorised", "undecodable", "unknown_kind", "unopened"]);
    let other = hq.store.record(pen.record("n-2")).await.unwrap().unwrap();
    assert_eq!(other.seen, VersionVector::of([after_bad]), "one bad entry delays no other");
}

#[tokio::test]
async fn a_held_entry_is_one_alarm_without_what_it_says() {
    let log = Lines::default();
    let (writer, hq) = (log.clone(), Hq::new().await);
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (office, mut pen) = hq.join("nasr").await;
    let dot = pen.enroll("n-1");
    let forged = pen.put(&edit(pen.record("n-1"), "national_number", "119-forged"), [dot]);
    pen.put(&edit(pen.record("n-1"), "person", "later"), [dot, forged]);
    let message = pen.message();
    for _ in 0..2 {
        hq.store.append(&office, message.clone()).await.unwrap();
    }
    let decided = hq.store.decide(forged, Verdict::Release { as_is: false }, None).await;
    assert_eq!(decided.unwrap().held, Held::Unauthorised);
    let text = log.text();
    let alarms = |level: &str| text.lines().filter(|l| l.contains(level)).count();
    assert_eq!((alarms("ERROR"), alarms("WARN")), (1, 1), "{text}");
    assert!(text.contains("unauthorised") && !text.contains("119-forged"), "{text}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
