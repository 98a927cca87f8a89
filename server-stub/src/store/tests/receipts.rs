use wasl_protocol::rebirth;
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

#[tokio::test]
async fn a_receipt_from_before_a_rebirth_is_found_where_its_entry_was_written_again() {
    let hq = Hq::new().await;
    let (office, mut pen) = hq.join("nasr").await;
    pen.enroll("f-1");
    let common = pen.at;
    pen.send(&hq, &office).await.unwrap();
    // The disk that is put back later goes on from here.
    let mut old = pen.twin();
    pen.enroll("f-2");
    pen.send(&hq, &office).await.unwrap();
    let receipts = ["f-3", "f-4"].map(|form| {
        old.enroll(form);
        receipt(&old)
    });
    assert_eq!(hq.store.trace(&receipts[0]).await.unwrap(), Traced::OtherHead);

    let id = rebirth::reborn(pen.journal, common, receipts[0].at.head);
    let mut new = Pen::new(&pen.office, pen.sign.clone(), hq.unwrap.wrap_key(), id.0);
    new.frames.clear();
    let (after, readers) = (Some((pen.journal, common)), [(hq.unwrap.wrap_key(), [3; 32])]);
    let (log, born, key) = (Log::Journal, UnixMs(0), (&new.key, id));
    let mut genesis =
        Genesis::new(log, new.office.clone(), born, new.sign.verify_key(), key, &readers).unwrap();
    genesis.after = after;
    new.at = genesis.link(id, &mut new.frames);
    let dots = ["f-3", "f-4"].map(|form| new.enroll(form));
    new.send(&hq, &office).await.unwrap();
    for (receipt, (dot, form)) in receipts.iter().zip(dots.iter().zip(["f-3", "f-4"])) {
        let Traced::WrittenAgain(found, entry) = hq.store.trace(receipt).await.unwrap() else {
            panic!("{form} was written again")
        };
        assert_eq!((found, entry.form_number), (*dot, Some(form.parse().unwrap())));
    }
    // The first one is known by its head; none is where the new journal does not reach.
    let mut forged = receipts[0].clone();
    forged.at.head.0[0] ^= 1;
    assert_eq!(hq.store.trace(&forged).await.unwrap(), Traced::OtherHead);
    old.enroll("f-5");
    let upto = pen.at.seq;
    assert_eq!(hq.store.trace(&receipt(&old)).await.unwrap(), Traced::NotYet { upto });
}
