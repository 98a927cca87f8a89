use wasl_protocol::receipt::Receipt;

use super::*;
use crate::store::{StoredEntry, Traced};

fn receipt(pen: &Pen) -> Receipt {
    Receipt { office: pen.office.clone(), journal: pen.journal, at: pen.at }
}

#[tokio::test]
async fn a_receipt_is_told_by_its_head_and_never_by_its_number_alone() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.enroll("f-1");
    let first = receipt(&pen);
    let unknown = Traced::UnknownJournal { office_known: true };
    assert_eq!(hq.store.trace(&first).await.unwrap(), unknown);
    pen.send(&hq, &office).await.unwrap();
    let stored = StoredEntry {
        record: Some(pen.record("f-1")),
        form_number: Some("f-1".parse().unwrap()),
        written_at: Some(UnixMs(5)),
        held: false,
    };
    assert_eq!(hq.store.trace(&first).await.unwrap(), Traced::Stored(stored));
    pen.enroll("f-2");
    let second = receipt(&pen);
    let upto = first.at.seq;
    assert_eq!(hq.store.trace(&second).await.unwrap(), Traced::NotYet { upto });
    let mut forged = first.clone();
    forged.at.head.0[31] ^= 1;
    assert_eq!(hq.store.trace(&forged).await.unwrap(), Traced::OtherHead);
    // The number of one entry with the head of another.
    let mixed = Position { seq: Seq(1), ..first.at };
    let mixed = Receipt { at: mixed, ..first.clone() };
    assert_eq!(hq.store.trace(&mixed).await.unwrap(), Traced::OtherHead);
    let start = Receipt { at: Position::start(pen.journal), ..first };
    assert_eq!(hq.store.trace(&start).await.unwrap(), Traced::OtherHead);
}

#[tokio::test]
async fn another_offices_journal_and_an_unknown_office_are_named() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.enroll("f-1");
    pen.send(&hq, &office).await.unwrap();
    let stolen = Receipt { office: "fajr".parse().unwrap(), ..receipt(&pen) };
    let traced = hq.store.trace(&stolen).await.unwrap();
    assert_eq!(traced, Traced::OtherOffice("nasr".parse().unwrap()));
    let nobody = Receipt { journal: JournalId(0xbad), ..stolen };
    let traced = hq.store.trace(&nobody).await.unwrap();
    assert_eq!(traced, Traced::UnknownJournal { office_known: false });
}

#[tokio::test]
async fn an_entry_that_is_held_is_stored_and_said_to_be_held() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    let foreign = RecordId::of(&"fajr".parse().unwrap(), &"f-1".parse().unwrap());
    pen.put(&edit(foreign, "national_number", "x"), []);
    pen.send(&hq, &office).await.unwrap();
    let Traced::Stored(entry) = hq.store.trace(&receipt(&pen)).await.unwrap() else {
        panic!("HQ has the entry")
    };
    assert!(entry.held && entry.form_number.is_none(), "{entry:?}");
}
