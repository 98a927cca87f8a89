//! Entries that are stored and acknowledged and not applied.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use wasl_protocol::entry::Verdict;
use wasl_protocol::frame::Frame;
use wasl_protocol::id::{Dot, FormNumber, GroupName, JournalId, OfficeId, RecordId};
use wasl_protocol::news::Held;
use wasl_protocol::record::Act;
use wasl_protocol::units::UnixMs;

use super::columns::{number, office, position, sql, sql_id, statements};
use super::fold::Act as Placed;
use super::open::{Store, StoreError};
use super::read;

/// The most waiting edits that are looked at again in one go.
const WAITING_AT_ONCE: i64 = 10_000;

/// Why an entry is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its body, or a group in it, does not decode.
    Undecodable,
    /// Its kind is not known to this version.
    UnknownKind,
    /// Its author may not write a group in it.
    Unauthorised,
    /// Its record is not in its author's scope.
    OutOfScope,
    /// It edits a record that nobody opened.
    Unopened,
    /// It saw an edit that HQ does not have.
    Waits(Dot),
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::UnknownKind => "unknown_kind",
            Self::Unauthorised => "unauthorised",
            Self::OutOfScope => "out_of_scope",
            Self::Unopened => "unopened",
            Self::Waits(_) => "waits",
        }
    }
}

/// An entry that was not applied when it came.
#[derive(Clone, Debug)]
pub struct HeldEntry {
    /// The entry.
    pub dot: Dot,
    /// Who wrote it.
    pub office: OfficeId,
    /// Of which record, as far as it can be read.
    pub record: Option<RecordId>,
    /// That record's number, where it is known.
    pub form_number: Option<FormNumber>,
    /// Since when it is held, by HQ's clock.
    pub at: UnixMs,
    /// Why.
    pub held: Held,
    /// What was decided; none while it is held.
    pub verdict: Option<Verdict>,
    /// The groups that it names, as far as it can be read.
    pub groups: Vec<GroupName>,
    /// What it says; not in lists.
    pub act: Option<Act>,
}

/// How many entries are held for each reason.
pub type HeldTotals = BTreeMap<String, u64>;

impl Store {
    /// How many entries are held for each reason.
    pub async fn held_totals(&self) -> Result<HeldTotals, StoreError> {
        let rows = sqlx::query("SELECT reason, count(*) FROM held GROUP BY reason");
        let rows = rows.fetch_all(self.readers()).await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, number(r, 1)?))).collect()
    }

    /// The entries that are held, in the order of their dots: at most `limit`, after `after`.
    pub async fn held(&self, after: Option<Dot>, limit: u32) -> Result<Vec<HeldEntry>, StoreError> {
        let _ = (after, limit);
        todo!()
    }

    /// One entry that is held or was.
    pub async fn held_entry(&self, dot: Dot) -> Result<Option<HeldEntry>, StoreError> {
        let _ = dot;
        todo!()
    }

    /// The edits of these records that wait for a dot, opened again.
    pub(super) async fn waiting(
        &self,
        conn: &mut SqliteConnection,
        records: &[RecordId],
    ) -> Result<Vec<Placed>, StoreError> {
        const DAMAGED: StoreError = StoreError::Damaged("a frame that waits");
        let mut found = Vec::new();
        for part in statements(records.len()) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT h.journal, h.office, e.seq, e.head, e.frame FROM held h
                 JOIN entry e ON e.journal = h.journal AND e.seq = h.seq
                 WHERE h.waits_seq IS NOT NULL AND h.record IN (",
            );
            let mut list = query.separated(", ");
            for record in &records[part] {
                list.push_bind(&record.0[..]);
            }
            query.push(") ORDER BY h.journal, h.seq LIMIT ").push_bind(WAITING_AT_ONCE);
            found.extend(query.build().fetch_all(&mut *conn).await?);
        }
        let mut acts = Vec::with_capacity(found.len());
        for row in found {
            let journal = JournalId(number(&row, "journal")?);
            let key = self.data_key(&mut *conn, journal).await?;
            let frame = Frame::parse(row.try_get("frame")?).map_err(|_| DAMAGED)?;
            let (at, by) = (position(&row)?, office(&row, "office")?);
            acts.push(read::edit(&frame, at, journal, &by, &key).map_err(|_| DAMAGED)?);
        }
        Ok(acts)
    }
}

/// Is anything held at all? Mostly not, and then there is nothing to look for.
pub(super) async fn any_waits(conn: &mut SqliteConnection) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM held LIMIT 1").fetch_optional(conn).await?;
    Ok(row.is_some())
}

/// How many entries of `office` are held.
pub(super) async fn count(
    conn: &mut SqliteConnection,
    office: &OfficeId,
) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT count(*) FROM held WHERE office = ?");
    number(&row.bind(office.as_str()).fetch_one(conn).await?, 0)
}

/// Enters what is held, and forgets what no longer is.
pub(super) async fn save(
    conn: &mut SqliteConnection,
    held: &BTreeMap<Dot, (OfficeId, Option<RecordId>, Reason)>,
    released: &BTreeSet<Dot>,
) -> Result<(), StoreError> {
    for (dot, (office, record, reason)) in held {
        let waits = if let Reason::Waits(dot) = reason { Some(dot) } else { None };
        sqlx::query(
            "INSERT INTO held (journal, seq, office, record, reason, waits_journal, waits_seq)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (journal, seq) DO UPDATE SET reason = excluded.reason,
                 waits_journal = excluded.waits_journal, waits_seq = excluded.waits_seq",
        )
        .bind(sql_id(dot.journal))
        .bind(sql(dot.seq.0))
        .bind(office.as_str())
        .bind(record.as_ref().map(|r| &r.0[..]))
        .bind(reason.as_str())
        .bind(waits.map(|d| sql_id(d.journal)))
        .bind(waits.map(|d| sql(d.seq.0)))
        .execute(&mut *conn)
        .await?;
    }
    for dot in released {
        sqlx::query("DELETE FROM held WHERE journal = ? AND seq = ?")
            .bind(sql_id(dot.journal))
            .bind(sql(dot.seq.0))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
