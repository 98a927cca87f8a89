//! What each office has yet to be sent: an index, not a queue.
//!
//! One row for each (office, record), with the newest number from the office's own counter. An
//! office's cursor moves and removes nothing; states are read when they are sent. A row whose only
//! news since the cursor came from one journal is not sent to a session that has that journal.

use futures_util::TryStreamExt;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use wasl_protocol::entry::StateFor;
use wasl_protocol::id::{EpochId, JournalId, OfficeId, RecordId};
use wasl_protocol::units::FeedNo;

use super::columns::{number, record, sql, sql_id, statements};
use super::open::{Store, StoreError};
use super::records;

/// What a state takes on the wire beside its own bytes, nearly.
const STATE_FOR_BYTES: usize = 160;

/// A stretch of an office's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRun {
    /// The states in it, in the order of the feed.
    pub states: Vec<StateFor>,
    /// Where it ends: the cursor once they are taken.
    pub upto: FeedNo,
    /// How many rows in it came from the session's own journals, and are not sent.
    pub skipped: u64,
}

impl Store {
    /// The feed of `office` after `after`, for a session that has `journals`: at most `max_bytes` of
    /// states, but at least one if there is one.
    pub async fn feed(
        &self,
        office: &OfficeId,
        journals: &[JournalId],
        after: FeedNo,
        max_bytes: usize,
    ) -> Result<FeedRun, StoreError> {
        let mut tx = self.snapshot().await?;
        let head = head(&mut tx, office).await?;
        let mut states = Vec::new();
        let mut upto = head;
        let mut bytes = 0;
        let mut query = news(office, journals, after);
        let mut rows = query.build().fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            let state: &[u8] = row.try_get("state")?;
            bytes += state.len() + STATE_FOR_BYTES;
            if bytes > max_bytes && !states.is_empty() {
                upto = states.last().map_or(head, |s: &StateFor| s.feed);
                break;
            }
            states.push(StateFor {
                epoch: self.epoch(),
                office: office.clone(),
                feed: FeedNo(number(&row, "feed_no")?),
                record: record(&row, "id")?,
                state: records::decode(state)?,
            });
        }
        drop(rows);
        let rows = count(&mut tx, office, after, upto).await?;
        let skipped = rows.saturating_sub(states.len() as u64);
        // A cursor of the future is not moved back: what it has taken it need not take again.
        Ok(FeedRun { states, upto: upto.max(after), skipped })
    }

    /// The newest number in the feed of `office`.
    pub async fn feed_head(&self, office: &OfficeId) -> Result<FeedNo, StoreError> {
        head(&mut *self.readers().acquire().await?, office).await
    }
}

/// Gives each of these records a new number in the feed of `office`, with the journal from which
/// alone its news came.
pub(super) async fn add(
    conn: &mut SqliteConnection,
    epoch: EpochId,
    office: &OfficeId,
    news: &[(RecordId, Option<JournalId>)],
) -> Result<(), StoreError> {
    if news.is_empty() {
        return Ok(());
    }
    let rows = news.len() as u64;
    let counter = sqlx::query(
        "UPDATE office SET feed_head = feed_head + ? WHERE id = ?
         RETURNING feed_head, CASE WHEN cursor_epoch = ? THEN cursor_feed ELSE 0 END AS cursor_feed",
    );
    let counter = counter.bind(sql(rows)).bind(office.as_str()).bind(epoch.0.cast_signed());
    let counter = counter.fetch_one(&mut *conn).await?;
    let (before, cursor) =
        (number(&counter, "feed_head")? - rows, number(&counter, "cursor_feed")?);
    for part in statements(news.len()) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO feed (office, record, feed_no, sole_journal) ",
        );
        query.push_values(part, |mut row, n| {
            let (record, sole) = &news[n];
            row.push_bind(office.as_str())
                .push_bind(&record.0[..])
                .push_bind(sql(before + 1 + n as u64))
                .push_bind(sole.map(sql_id));
        });
        query.push(
            " ON CONFLICT (office, record) DO UPDATE SET feed_no = excluded.feed_no,
             sole_journal = CASE WHEN feed.sole_journal = excluded.sole_journal
                 OR feed.feed_no <= ",
        );
        query.push_bind(sql(cursor)).push(" THEN excluded.sole_journal END");
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

fn news(office: &OfficeId, journals: &[JournalId], after: FeedNo) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT f.feed_no, r.id, r.state FROM feed f JOIN record r ON r.id = f.record
         WHERE f.office = ",
    );
    query.push_bind(office.as_str()).push(" AND f.feed_no > ").push_bind(sql(after.0));
    query.push(" AND (f.sole_journal IS NULL");
    if !journals.is_empty() {
        query.push(" OR f.sole_journal NOT IN (");
        let mut list = query.separated(", ");
        for journal in journals {
            list.push_bind(sql_id(*journal));
        }
        query.push(")");
    }
    query.push(if journals.is_empty() { " OR TRUE)" } else { ")" });
    query.push(" ORDER BY f.feed_no");
    query
}

async fn head(conn: &mut SqliteConnection, office: &OfficeId) -> Result<FeedNo, StoreError> {
    let row = sqlx::query("SELECT feed_head FROM office WHERE id = ?");
    let row = row.bind(office.as_str()).fetch_optional(conn).await?;
    row.map_or(Ok(FeedNo(0)), |r| Ok(FeedNo(number(&r, 0)?)))
}

async fn count(
    conn: &mut SqliteConnection,
    office: &OfficeId,
    after: FeedNo,
    upto: FeedNo,
) -> Result<u64, StoreError> {
    let row =
        sqlx::query("SELECT count(*) FROM feed WHERE office = ? AND feed_no > ? AND feed_no <= ?");
    let row = row.bind(office.as_str()).bind(sql(after.0)).bind(sql(upto.0));
    number(&row.fetch_one(conn).await?, 0)
}
