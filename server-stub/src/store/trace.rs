//! What HQ has of the entry that a receipt over the counter names.

use sqlx::{Row, SqliteConnection};
use wasl_protocol::id::{Dot, FormNumber, JournalId, OfficeId, RecordId};
use wasl_protocol::rebirth;
use wasl_protocol::receipt::Receipt;
use wasl_protocol::units::{Seq, UnixMs};

use super::columns::dot_bytes;
use super::journals::{at, following, known};
use super::open::{Store, StoreError};

/// What became of a receipt's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traced {
    /// HQ has this very entry.
    Stored(StoredEntry),
    /// HQ has the journal up to an earlier entry: this one is still to come.
    NotYet {
        /// The last entry that HQ has.
        upto: Seq,
    },
    /// HQ has it in a journal that goes on from this one: the office's disk was put back, and what
    /// HQ lacked was written again. The head that the receipt names is nobody's any more.
    WrittenAgain(Dot, StoredEntry),
    /// HQ has another entry at this place: the journal has forked, or the receipt is a forgery.
    OtherHead,
    /// The journal is another office's.
    OtherOffice(OfficeId),
    /// HQ has nothing of this journal.
    UnknownJournal {
        /// Is the office one of HQ's?
        office_known: bool,
    },
}

/// An entry that HQ has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredEntry {
    /// The record that it wrote to; none if it is no edit that this version can read.
    pub record: Option<RecordId>,
    /// The number on the form, if the entry opened the record.
    pub form_number: Option<FormNumber>,
    /// When it was written, by the office's clock.
    pub written_at: Option<UnixMs>,
    /// Is it held, so that it does not count yet?
    pub held: bool,
}

impl Store {
    /// Looks for the entry that a receipt names.
    pub async fn trace(&self, receipt: &Receipt) -> Result<Traced, StoreError> {
        let mut tx = self.snapshot().await?;
        let Some(journal) = known(&mut tx, receipt.journal).await? else {
            drop(tx);
            let office_known = self.office_facts(&receipt.office).await?.is_some();
            return Ok(Traced::UnknownJournal { office_known });
        };
        if journal.office != receipt.office {
            return Ok(Traced::OtherOffice(journal.office));
        }
        let there = at(&mut tx, receipt.journal, receipt.at.seq).await?;
        // The start of a journal is a position, and no entry.
        if there == Some(receipt.at) && receipt.at.seq > Seq(0) {
            let dot = Dot { journal: receipt.journal, seq: receipt.at.seq };
            return self.stored_entry(&mut tx, dot).await.map(Traced::Stored);
        }
        if let [dot] = written_again(&mut tx, receipt).await?[..] {
            let entry = self.stored_entry(&mut tx, dot).await?;
            return Ok(Traced::WrittenAgain(dot, entry));
        }
        let upto = journal.at.seq;
        Ok(if receipt.at.seq > upto { Traced::NotYet { upto } } else { Traced::OtherHead })
    }

    /// The entries of a journal behind `from`, up to `to`.
    ///
    /// # Errors
    /// HQ has fewer.
    pub async fn entries(
        &self,
        journal: JournalId,
        from: Seq,
        to: Seq,
    ) -> Result<Vec<(Dot, StoredEntry)>, StoreError> {
        let mut tx = self.snapshot().await?;
        let mut entries = Vec::new();
        for seq in (from.0..to.0).map(|seq| Seq(seq).next()) {
            let dot = Dot { journal, seq };
            entries.push((dot, self.stored_entry(&mut tx, dot).await?));
        }
        Ok(entries)
    }

    async fn stored_entry(
        &self,
        conn: &mut SqliteConnection,
        dot: Dot,
    ) -> Result<StoredEntry, StoreError> {
        let edit = self.stored_edit(conn, dot).await?;
        let Ok(placed) = edit else { return Ok(StoredEntry::default()) };
        let held =
            sqlx::query("SELECT count(*) AS held FROM held WHERE dot = ? AND verdict IS NULL");
        let held = held.bind(&dot_bytes(dot)[..]).fetch_one(conn).await?;
        Ok(StoredEntry {
            record: Some(placed.edit.record),
            form_number: placed.edit.opening.map(|opening| opening.form_number),
            written_at: Some(placed.edit.at),
            held: held.try_get::<i64, _>("held")? > 0,
        })
    }
}

/// The entries that the one of a receipt may have been written again as, in journals that go on from
/// its own. The first one behind a common entry is known by its head, any other by its number only.
async fn written_again(
    conn: &mut SqliteConnection,
    receipt: &Receipt,
) -> Result<Vec<Dot>, StoreError> {
    let mut found = Vec::new();
    let mut ways = vec![(receipt.journal, receipt.at.seq, Some(receipt.at.head))];
    while let Some((journal, seq, head)) = ways.pop() {
        for (next, common) in following(conn, journal).await? {
            let Some(again) = rebirth::again(common.seq, seq) else { continue };
            let first = head.filter(|_| seq == common.seq.next());
            let other = first.is_some_and(|first| rebirth::reborn(journal, common, first) != next);
            if other {
                continue;
            }
            match at(conn, next, again).await? {
                Some(_) => found.push(Dot { journal: next, seq: again }),
                None => ways.push((next, again, None)),
            }
        }
    }
    Ok(found)
}
