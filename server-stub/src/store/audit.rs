//! Whether an office has what HQ has of its scope: by sums over buckets, then by lists of those that
//! differ. What is not the same gets a new place in the office's feed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection};
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{OfficeId, RecordId};
use wasl_protocol::record::{bucket, in_scope, sums};
use wasl_protocol::units::{FeedNo, UnixMs};

use super::append::DAY_MS;
use super::columns::{moment, record, sql};
use super::feed::{self, head};
use super::open::{Store, StoreError};
use super::records;

/// How long after an audit the next one is due, in milliseconds.
const EVERY_MS: i64 = 7 * DAY_MS;

/// From how long a feed on it is cheaper to compare than to send all of it, in rows.
const LONG: FeedNo = FeedNo(1_000);

/// When an office's scope is to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once: it does not know how far it has taken its feed, and that is long.
    BeforeTheFeed,
    /// Once both are level: a week has passed.
    OnceLevel,
}

impl Store {
    /// Is the scope of an office to be compared that greets with this cursor?
    pub async fn audit_due(
        &self,
        office: &OfficeId,
        cursor: Option<Cursor>,
        now: UnixMs,
    ) -> Result<Option<When>, StoreError> {
        let row = sqlx::query("SELECT feed_head, joined_at, audited_at FROM office WHERE id = ?");
        let row = row.bind(office.as_str()).fetch_optional(self.readers()).await?;
        let Some(row) = row else { return Ok(None) };
        let unknown = cursor.is_none_or(|c| c.epoch == self.epoch() && c.feed == FeedNo(0));
        if unknown && row.try_get::<i64, _>("feed_head")? > sql(LONG.0) {
            return Ok(Some(When::BeforeTheFeed));
        }
        let last = moment(&row, "audited_at")?.or(moment(&row, "joined_at")?);
        let due = last.is_some_and(|last| now.0.saturating_sub(last.0) >= EVERY_MS);
        Ok(due.then_some(When::OnceLevel))
    }

    /// Has the scope of an office compared in its next session; false if there is no such office.
    pub async fn want_audit(&self, office: &OfficeId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE office SET audited_at = 0 WHERE id = ?");
        let done = done.bind(office.as_str()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// The buckets of an office's scope whose sums are others here, and where its feed ends.
    pub async fn compare_sums(
        &self,
        office: &OfficeId,
        theirs: &[u64],
        now: UnixMs,
    ) -> Result<(Vec<u16>, FeedNo), StoreError> {
        let mut tx = self.snapshot().await?;
        let ours = sums(self.scope(&mut tx, office, |_| true).await?);
        let upto = head(&mut tx, office).await?;
        drop(tx);
        let pairs = (0_u16..).zip(ours.iter().zip(theirs));
        let differing: Vec<u16> =
            pairs.filter(|(_, (ours, theirs))| ours != theirs).map(|(n, _)| n).collect();
        if differing.is_empty() {
            audited(self, office, 0, now).await?;
        }
        Ok((differing, upto))
    }

    /// Gives what differs in these buckets, of which the office has these records, a new place in
    /// its feed; how many records that is.
    pub async fn send_again(
        &self,
        office: &OfficeId,
        buckets: &[u16],
        listed: &[(RecordId, u64)],
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        let buckets: BTreeSet<u16> = buckets.iter().copied().collect();
        let mut theirs: BTreeMap<RecordId, u64> = listed.iter().copied().collect();
        let mut tx = self.write().await?;
        let ours = self.scope(&mut tx, office, |id| buckets.contains(&bucket(id))).await?;
        let mut again: Vec<RecordId> = Vec::new();
        for (id, digest) in ours {
            if theirs.remove(&id) != Some(digest) {
                again.push(id);
            }
        }
        // What the office has and should not, of all that HQ knows: it is told so.
        for id in theirs.into_keys() {
            let known = sqlx::query("SELECT 1 FROM record WHERE id = ?").bind(&id.0[..]);
            if known.fetch_optional(&mut *tx).await?.is_some() {
                again.push(id);
            }
        }
        let lines: Vec<feed::Line> = again.iter().map(|id| (id.0, None)).collect();
        feed::add(&mut tx, self.epoch(), office, &lines).await?;
        tx.commit().await?;
        let again = again.len() as u64;
        audited(self, office, again, now).await?;
        Ok(again)
    }

    /// The records in an office's scope whose ids are wanted, each with its digest.
    async fn scope(
        &self,
        conn: &mut SqliteConnection,
        office: &OfficeId,
        wanted: impl Fn(RecordId) -> bool,
    ) -> Result<Vec<(RecordId, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.id, r.state FROM feed f JOIN record r ON r.id = f.about WHERE f.office = ?",
        );
        let mut rows = rows.bind(office.as_str()).fetch(conn);
        let mut scope = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let id = record(&row, "id")?;
            if !wanted(id) {
                continue;
            }
            let state = records::decode(row.try_get("state")?)?;
            if in_scope(&state, office) {
                scope.push((id, state.digest(|value| value.tag)));
            }
        }
        Ok(scope)
    }
}

/// Has the scopes of all offices compared in their next sessions.
pub(super) async fn want_all(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE office SET audited_at = 0").execute(conn).await?;
    Ok(())
}

/// Notes that an audit is over, and how many records it sends again.
async fn audited(
    store: &Store,
    office: &OfficeId,
    again: u64,
    now: UnixMs,
) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    sqlx::query("UPDATE office SET audited_at = ?, audit_again = audit_again + ? WHERE id = ?")
        .bind(now.0)
        .bind(sql(again))
        .bind(office.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}
