//! What each office has yet to be sent: an index, not a queue.
//!
//! One row for each office and each record or held entry that it is told of, with the newest number
//! from the office's own counter. An office's cursor moves and removes nothing; what a row says is
//! read when it is sent. A row whose only news since the cursor came from one journal is not sent
//! to a session that has that journal, unless the office has lost what these were news to.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use wasl_protocol::id::{Dot, EpochId, JournalId, OfficeId};
use wasl_protocol::news::{News, Says};
use wasl_protocol::record::in_scope;
use wasl_protocol::units::FeedNo;

use super::columns::{self, dot_bytes, number, sql, sql_id, statements};
use super::fold::Folded;
use super::open::{Store, StoreError};
use super::{held, records};

/// What a piece of news takes on the wire beside the state in it, nearly.
const NEWS_BYTES: usize = 160;

/// What a row is about (a record's id, or the dot of a held entry), and the journal from which
/// alone its news came.
pub(super) type Line = ([u8; 16], Option<JournalId>);

/// A stretch of an office's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRun {
    /// The news in it, in the order of the feed.
    pub news: Vec<News>,
    /// Where it ends: the cursor once they are taken.
    pub upto: FeedNo,
}

impl Store {
    /// The feed of `office` after `after`, for a session that has `journals`: at most `max_bytes` of
    /// news, but at least one piece if there is one.
    pub async fn feed(
        &self,
        office: &OfficeId,
        journals: &[JournalId],
        after: FeedNo,
        max_bytes: usize,
    ) -> Result<FeedRun, StoreError> {
        let mut tx = self.snapshot().await?;
        let head = head(&mut tx, office).await?;
        let mut news: Vec<News> = Vec::new();
        let mut upto = head;
        let mut bytes = 0;
        let mut query = since(office, journals, after);
        let mut rows = query.build().fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            bytes += row.try_get::<Option<&[u8]>, _>("state")?.map_or(0, <[u8]>::len) + NEWS_BYTES;
            if let Some(last) = news.last().filter(|_| bytes > max_bytes) {
                upto = last.feed;
                break;
            }
            news.push(self.news(office, &row)?);
        }
        // A cursor of the future is not moved back: what it has taken it need not take again.
        Ok(FeedRun { news, upto: upto.max(after) })
    }

    /// What a row of the feed says by now.
    fn news(&self, office: &OfficeId, row: &SqliteRow) -> Result<News, StoreError> {
        let (record, says) = if let Some(state) = row.try_get::<Option<&[u8]>, _>("state")? {
            let state = records::decode(state)?;
            let record = state.origin.id();
            let seen = in_scope(&state, office);
            (Some(record), if seen { Says::State(state) } else { Says::Withdrawn })
        } else if row.try_get::<Option<&[u8]>, _>("dot")?.is_some() {
            let record = row.try_get::<Option<&[u8]>, _>("record")?;
            let record = record.map(|_| columns::record(row, "record")).transpose()?;
            (record, Says::Fate(held::fate(row)?))
        } else {
            return Err(StoreError::Damaged("a row of a feed that is about nothing"));
        };
        let (epoch, office) = (self.epoch(), office.clone());
        Ok(News { epoch, office, feed: FeedNo(number(row, "feed_no")?), record, says })
    }

    /// The newest number in the feed of `office`.
    pub async fn feed_head(&self, office: &OfficeId) -> Result<FeedNo, StoreError> {
        head(&mut *self.readers().acquire().await?, office).await
    }
}

/// What a fold and a decision have to tell, office by office.
pub(super) fn news(
    folded: &Folded,
    decided: Option<(Dot, OfficeId)>,
) -> BTreeMap<OfficeId, Vec<Line>> {
    let mut news = BTreeMap::<_, Vec<Line>>::new();
    for (id, touched) in &folded.records {
        for office in touched.audience() {
            news.entry(office).or_default().push((id.0, touched.sole()));
        }
    }
    let held = folded.held.iter().map(|(dot, kept)| (*dot, kept.office.clone()));
    let released = folded.released.iter().map(|(dot, office)| (*dot, office.clone()));
    for (dot, office) in decided.into_iter().chain(released).chain(held) {
        news.entry(office).or_default().push((dot_bytes(dot), None));
    }
    news
}

/// Gives each of these rows a new number in the feed of `office`.
pub(super) async fn add(
    conn: &mut SqliteConnection,
    epoch: EpochId,
    office: &OfficeId,
    news: &[Line],
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
    // HQ has no feed, nor has an office that a grant names and nobody added.
    let Some(counter) = counter.fetch_optional(&mut *conn).await? else { return Ok(()) };
    let (before, cursor) =
        (number(&counter, "feed_head")? - rows, number(&counter, "cursor_feed")?);
    for part in statements(news.len()) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO feed (office, about, feed_no, sole_journal) ");
        query.push_values(part, |mut row, n| {
            let (about, sole) = &news[n];
            row.push_bind(office.as_str())
                .push_bind(&about[..])
                .push_bind(sql(before + 1 + n as u64))
                .push_bind(sole.map(sql_id));
        });
        query.push(
            " ON CONFLICT (office, about) DO UPDATE SET feed_no = excluded.feed_no,
             sole_after = CASE WHEN feed.sole_journal = excluded.sole_journal
                 THEN feed.sole_after ELSE feed.feed_no END,
             sole_journal = CASE WHEN feed.sole_journal = excluded.sole_journal
                 OR feed.feed_no <= ",
        );
        query.push_bind(sql(cursor)).push(" THEN excluded.sole_journal END");
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

fn since(office: &OfficeId, journals: &[JournalId], after: FeedNo) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT f.feed_no, r.state, h.dot, h.record, h.held_at, h.reason, h.waits_journal,
         h.waits_seq, h.verdict, h.decided_at, h.why
         FROM feed f LEFT JOIN record r ON r.id = f.about LEFT JOIN held h ON h.dot = f.about
         WHERE f.office = ",
    );
    query.push_bind(office.as_str()).push(" AND f.feed_no > ").push_bind(sql(after.0));
    query.push(" AND (f.sole_journal IS NULL OR f.sole_after > ").push_bind(sql(after.0));
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

pub(super) async fn head(
    conn: &mut SqliteConnection,
    office: &OfficeId,
) -> Result<FeedNo, StoreError> {
    let row = sqlx::query("SELECT feed_head FROM office WHERE id = ?");
    let row = row.bind(office.as_str()).fetch_optional(conn).await?;
    row.map_or(Ok(FeedNo(0)), |r| Ok(FeedNo(number(&r, 0)?)))
}
