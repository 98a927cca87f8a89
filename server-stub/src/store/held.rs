//! Entries that are stored and acknowledged and were not applied when they came.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use wasl_protocol::entry::Verdict;
use wasl_protocol::id::{Dot, FormNumber, GroupName, JournalId, OfficeId, RecordId};
use wasl_protocol::news::{Fate, Held, What};
use wasl_protocol::private::Private;
use wasl_protocol::record::{Act, Counts};
use wasl_protocol::units::{Seq, UnixMs};

use super::columns::{dot, dot_bytes, moment, number, office, record, sql, sql_id, statements};
use super::fold::{Before, Folded, Kept};
use super::open::{Store, StoreError};
use super::touched::Placed;

/// The most entries of touched records that are looked at again in one go.
const BEFORE_AT_ONCE: i64 = 10_000;

/// What the column `verdict` holds.
const RELEASED: &str = "released";
const AS_IS: &str = "as_is";
const REFUSED: &str = "refused";

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

/// What is asked for of an entry that was held, its frame with it.
const COLUMNS: &str = "SELECT h.dot, h.office, h.record, h.held_at, h.reason, h.waits_journal,
    h.waits_seq, h.verdict, h.decided_at, h.why, r.form_number, e.seq, e.head, e.frame
    FROM held h JOIN entry e ON e.journal = h.journal AND e.seq = h.seq
    LEFT JOIN record r ON r.id = h.record ";

impl Store {
    /// How many entries are held for each reason.
    pub async fn held_totals(&self) -> Result<HeldTotals, StoreError> {
        let rows =
            sqlx::query("SELECT reason, count(*) FROM held WHERE verdict IS NULL GROUP BY reason");
        let rows = rows.fetch_all(self.readers()).await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, number(r, 1)?))).collect()
    }

    /// How many entries of `office` are held.
    pub async fn held_of(&self, office: &OfficeId) -> Result<u64, StoreError> {
        count(&mut *self.readers().acquire().await?, office).await
    }

    /// The entries that are held, in the order of their dots: at most `limit`, after `after`.
    pub async fn held(&self, after: Option<Dot>, limit: u32) -> Result<Vec<HeldEntry>, StoreError> {
        let mut tx = self.snapshot().await?;
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push("WHERE h.verdict IS NULL AND h.dot > ");
        query.push_bind(after.map(|dot| dot_bytes(dot).to_vec()).unwrap_or_default());
        query.push(" ORDER BY h.dot LIMIT ").push_bind(i64::from(limit));
        let mut found = Vec::new();
        for row in query.build().fetch_all(&mut *tx).await? {
            let entry = self.held_row(&mut tx, &row).await?;
            found.push(HeldEntry { act: None, ..entry });
        }
        Ok(found)
    }

    /// One entry that is held or was.
    pub async fn held_entry(&self, dot: Dot) -> Result<Option<HeldEntry>, StoreError> {
        let mut tx = self.snapshot().await?;
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push("WHERE h.dot = ").push_bind(dot_bytes(dot).to_vec());
        match query.build().fetch_optional(&mut *tx).await? {
            Some(row) => Ok(Some(self.held_row(&mut tx, &row).await?)),
            None => Ok(None),
        }
    }

    /// The entries of a record that do not count: held or refused.
    pub(super) async fn uncounted(
        &self,
        conn: &mut SqliteConnection,
        record: RecordId,
    ) -> Result<Vec<HeldEntry>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push("WHERE h.record = ").push_bind(record.0.to_vec());
        query.push(" AND (h.verdict IS NULL OR h.verdict = 'refused') ORDER BY h.dot");
        let mut found = Vec::new();
        for row in query.build().fetch_all(&mut *conn).await? {
            found.push(self.held_row(&mut *conn, &row).await?);
        }
        Ok(found)
    }

    /// What a fold over these records has to know of what was held before.
    pub(super) async fn before(
        &self,
        conn: &mut SqliteConnection,
        records: &[RecordId],
    ) -> Result<Vec<Before>, StoreError> {
        const DAMAGED: StoreError = StoreError::Damaged("a frame that waits");
        let mut found = Vec::new();
        for part in statements(records.len()) {
            let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
            query.push("WHERE h.record IN (");
            let mut list = query.separated(", ");
            for record in &records[part] {
                list.push_bind(&record.0[..]);
            }
            query.push(") AND (h.verdict IS NULL OR h.verdict = 'as_is') ORDER BY h.dot LIMIT ");
            query.push_bind(BEFORE_AT_ONCE);
            found.extend(query.build().fetch_all(&mut *conn).await?);
        }
        let mut before = Vec::with_capacity(found.len());
        for row in found {
            let (dot, why) = (dot(&row, "dot")?, held(&row)?);
            let decided = row.try_get::<Option<&str>, _>("verdict")?.is_some();
            let edit = match why {
                _ if decided => Some(self.read_edit(&mut *conn, dot.journal, &row).await?),
                Held::WaitsFor(_) => Some(self.read_edit(&mut *conn, dot.journal, &row).await?),
                _ => None,
            };
            let edit = edit.transpose().map_err(|_| DAMAGED)?;
            before.push(match edit {
                Some(edit) if decided => Before::AsIs(edit),
                edit => Before::Held(dot, record(&row, "record")?, why, edit),
            });
        }
        Ok(before)
    }

    async fn held_row(
        &self,
        conn: &mut SqliteConnection,
        row: &SqliteRow,
    ) -> Result<HeldEntry, StoreError> {
        const FORM: StoreError = StoreError::Damaged("a form number");
        let (dot, verdict) = (dot(row, "dot")?, verdict(row)?);
        let edit = self.read_edit(conn, dot.journal, row).await?.ok();
        let stored = row.try_get::<Option<&[u8]>, _>("record")?.is_some();
        let form = row.try_get::<Option<&str>, _>("form_number")?;
        let form = form.map(|text| text.parse().map_err(|_| FORM)).transpose()?;
        let opening = edit.as_ref().and_then(|e| e.edit.opening.as_ref());
        let counts = match verdict {
            None => Counts::Held,
            Some(Verdict::Release { .. }) => Counts::Applied,
            Some(Verdict::Refuse { .. }) => Counts::Refused,
        };
        Ok(HeldEntry {
            dot,
            office: office(row, "office")?,
            record: if stored {
                Some(record(row, "record")?)
            } else {
                edit.as_ref().map(|edit| edit.edit.record)
            },
            form_number: form.or_else(|| opening.map(|opening| opening.form_number.clone())),
            at: must(moment(row, "held_at")?)?,
            held: held(row)?,
            verdict,
            groups: edit.iter().flat_map(|edit| edit.edit.groups.keys().cloned()).collect(),
            act: edit.map(|edit| act(edit, counts)),
        })
    }
}

/// An edit as a history tells it.
pub(super) fn act(edit: Placed, counts: Counts) -> Act {
    let Placed { dot, by, edit, .. } = edit;
    // Of what was held, a value may be anything; what is no canonical JSON cannot be shown.
    let groups = edit.groups.into_iter().filter(|(_, json)| json.check().is_ok()).collect();
    Act { dot, by, at: edit.at, operator: edit.operator, counts, groups }
}

/// Is anything held, or was anything released as it is? Mostly not, and then there is nothing to
/// look for.
pub(super) async fn any(conn: &mut SqliteConnection) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM held WHERE verdict IS NULL)
             OR EXISTS (SELECT 1 FROM held WHERE verdict = 'as_is')",
    );
    Ok(number(&row.fetch_one(conn).await?, 0)? != 0)
}

/// How many entries of `office` are held.
pub(super) async fn count(
    conn: &mut SqliteConnection,
    office: &OfficeId,
) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT count(*) FROM held WHERE office = ? AND verdict IS NULL");
    number(&row.bind(office.as_str()).fetch_one(conn).await?, 0)
}

/// Who wrote a held entry, and whether it was decided on; none if it was never held.
pub(super) async fn find(
    conn: &mut SqliteConnection,
    dot: Dot,
) -> Result<Option<(OfficeId, bool)>, StoreError> {
    let row = sqlx::query("SELECT office, verdict FROM held WHERE dot = ?");
    let row = row.bind(&dot_bytes(dot)[..]).fetch_optional(conn).await?;
    let decided = |row: &SqliteRow| row.try_get::<Option<&str>, _>("verdict").map(|v| v.is_some());
    row.map(|row| Ok((office(&row, "office")?, decided(&row)?))).transpose()
}

/// Enters what a fold holds, and what it no longer does.
pub(super) async fn save(
    conn: &mut SqliteConnection,
    folded: &Folded,
    now: UnixMs,
) -> Result<(), StoreError> {
    for (dot, kept) in &folded.held {
        let Kept { office, record, why, .. } = kept;
        let waits = if let Held::WaitsFor(dot) = why { Some(dot) } else { None };
        sqlx::query(
            "INSERT INTO held (dot, journal, seq, office, record, held_at, reason, waits_journal,
                 waits_seq)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (dot) DO UPDATE SET reason = excluded.reason,
                 waits_journal = excluded.waits_journal, waits_seq = excluded.waits_seq",
        )
        .bind(dot_bytes(*dot).to_vec())
        .bind(sql_id(dot.journal))
        .bind(sql(dot.seq.0))
        .bind(office.as_str())
        .bind(record.as_ref().map(|r| &r.0[..]))
        .bind(now.0)
        .bind(why.as_str())
        .bind(waits.map(|d| sql_id(d.journal)))
        .bind(waits.map(|d| sql(d.seq.0)))
        .execute(&mut *conn)
        .await?;
    }
    for dot in folded.released.keys() {
        decided(&mut *conn, (*dot, None), &Verdict::Release { as_is: false }, now).await?;
    }
    Ok(())
}

/// Enters what became of a held entry, and of which record it is if that can be read by now.
pub(super) async fn decided(
    conn: &mut SqliteConnection,
    (dot, record): (Dot, Option<RecordId>),
    verdict: &Verdict,
    now: UnixMs,
) -> Result<(), StoreError> {
    let (word, why) = match verdict {
        Verdict::Release { as_is: false } => (RELEASED, None),
        Verdict::Release { as_is: true } => (AS_IS, None),
        Verdict::Refuse { reason } => (REFUSED, Some(reason.0.as_str())),
    };
    sqlx::query(
        "UPDATE held SET verdict = ?, decided_at = ?, why = ?, record = coalesce(record, ?)
         WHERE dot = ?",
    )
    .bind(word)
    .bind(now.0)
    .bind(why)
    .bind(record.map(|id| id.0.to_vec()))
    .bind(dot_bytes(dot).to_vec())
    .execute(conn)
    .await?;
    Ok(())
}

/// Says in the log what is newly held: no value, no name of a person.
pub(super) fn alarm(folded: &Folded) {
    for (dot, Kept { office, why, first, .. }) in &folded.held {
        let reason = why.as_str();
        match why {
            Held::Unauthorised => tracing::error!(%dot, %office, reason, "an entry is held"),
            Held::WaitsFor(_) if !first => {}
            _ => tracing::warn!(%dot, %office, reason, "an entry is held"),
        }
    }
}

/// What became of an entry, from its row.
pub(super) fn fate(row: &SqliteRow) -> Result<Fate, StoreError> {
    let (what, at) = match verdict(row)? {
        None => (What::Held(held(row)?), "held_at"),
        Some(Verdict::Release { .. }) => (What::Released, "decided_at"),
        Some(Verdict::Refuse { reason }) => (What::Refused { reason }, "decided_at"),
    };
    Ok(Fate { dot: dot(row, "dot")?, at: must(moment(row, at)?)?, what })
}

fn held(row: &SqliteRow) -> Result<Held, StoreError> {
    let waits = if row.try_get::<Option<i64>, _>("waits_seq")?.is_some() {
        let journal = JournalId(number(row, "waits_journal")?);
        Some(Dot { journal, seq: Seq(number(row, "waits_seq")?) })
    } else {
        None
    };
    let held = Held::from_words(row.try_get("reason")?, waits);
    held.ok_or(StoreError::Damaged("the reason of a held entry"))
}

fn verdict(row: &SqliteRow) -> Result<Option<Verdict>, StoreError> {
    let why = row.try_get::<Option<String>, _>("why")?;
    match (row.try_get::<Option<&str>, _>("verdict")?, why) {
        (None, None) => Ok(None),
        (Some(RELEASED), None) => Ok(Some(Verdict::Release { as_is: false })),
        (Some(AS_IS), None) => Ok(Some(Verdict::Release { as_is: true })),
        (Some(REFUSED), Some(why)) => Ok(Some(Verdict::Refuse { reason: Private(why) })),
        _ => Err(StoreError::Damaged("the verdict on a held entry")),
    }
}

fn must(at: Option<UnixMs>) -> Result<UnixMs, StoreError> {
    at.ok_or(StoreError::Damaged("a moment that must be there"))
}
