//! What HQ has of the entry that a receipt over the counter names.

use sqlx::{Row, SqliteConnection};
use wasl_protocol::id::{Dot, FormNumber, OfficeId, RecordId};
use wasl_protocol::receipt::Receipt;
use wasl_protocol::units::{Seq, UnixMs};

use super::columns::dot_bytes;
use super::journals::{at, known};
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
        if receipt.at.seq > journal.at.seq {
            return Ok(Traced::NotYet { upto: journal.at.seq });
        }
        let there = at(&mut tx, receipt.journal, receipt.at.seq).await?;
        // The start of a journal is a position, and no entry.
        if there != Some(receipt.at) || receipt.at.seq == Seq(0) {
            return Ok(Traced::OtherHead);
        }
        let dot = Dot { journal: receipt.journal, seq: receipt.at.seq };
        self.stored_entry(&mut tx, dot).await.map(Traced::Stored)
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
