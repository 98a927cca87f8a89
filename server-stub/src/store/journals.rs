//! Where HQ stands in each journal.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use wasl_protocol::entry::Genesis;
use wasl_protocol::frame::Frame;
use wasl_protocol::id::{Dot, Head, JournalId, OfficeId, Position};
use wasl_protocol::keys::{DataKey, VerifyKey};
use wasl_protocol::limits;
use wasl_protocol::news::Held;
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::Standing;

use super::columns::{bytes32, number, office, position, sql, sql_id, statements};
use super::open::{Store, StoreError};
use super::read;
use super::touched::Placed;

/// How many data keys are remembered; beyond that all are unwrapped again.
const DATA_KEYS: usize = 1024;

const NO_GENESIS: StoreError = StoreError::Damaged("the Genesis of a journal");

/// A journal that HQ has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Who writes it.
    pub office: OfficeId,
    /// How far HQ has it.
    pub at: Position,
    /// How far it is in a copy that was declared off-site.
    pub stable: Option<Position>,
}

/// A journal whose stored frames were walked from its start.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Which journal.
    pub journal: JournalId,
    /// How far it is whole.
    pub whole: Position,
    /// What is wrong after that.
    pub flaw: Option<Flaw>,
}

/// The first thing that is wrong with a stored journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// At which entry.
    pub seq: Seq,
    /// What.
    pub why: String,
}

impl Store {
    /// Where HQ stands in journals of `office`, so that it can find the last common position. Of a
    /// journal that is another office's HQ says what it says of one that it never met.
    pub async fn standings(
        &self,
        office: &OfficeId,
        journals: &[(JournalId, Position)],
    ) -> Result<Vec<Standing>, StoreError> {
        let mut tx = self.snapshot().await?;
        let mut standings = Vec::with_capacity(journals.len());
        for (journal, theirs) in journals {
            let ours = known(&mut tx, *journal).await?.filter(|k| k.office == *office);
            let top = ours.as_ref().map_or_else(|| Position::start(*journal), |k| k.at);
            let stable = ours.and_then(|k| k.stable);
            let ladder = ladder(&mut tx, *journal, top.seq.min(theirs.seq)).await?;
            standings.push(Standing { journal: *journal, top, ladder, stable });
        }
        Ok(standings)
    }

    /// Walks what is stored of each journal of `office` from its start, checking every link.
    pub async fn verify_journals(&self, office: &OfficeId) -> Result<Vec<Verified>, StoreError> {
        let mut tx = self.snapshot().await?;
        let rows = sqlx::query("SELECT id FROM journal WHERE office = ? ORDER BY met_at, id");
        let rows = rows.bind(office.as_str()).fetch_all(&mut *tx).await?;
        let mut verified = Vec::new();
        for row in rows {
            verified.push(verify(&mut tx, JournalId(number(&row, "id")?)).await?);
        }
        Ok(verified)
    }

    /// Frames of a journal of `office` behind a position, as it sent them: some
    /// [`limits::FETCHED_BYTES`], but at least one. None if HQ has nothing there.
    pub async fn frames(
        &self,
        office: &OfficeId,
        journal: JournalId,
        after: Position,
    ) -> Result<Vec<u8>, StoreError> {
        let mut tx = self.snapshot().await?;
        let theirs = known(&mut tx, journal).await?.is_some_and(|k| k.office == *office);
        if !theirs || at(&mut tx, journal, after.seq).await? != Some(after) {
            return Ok(Vec::new());
        }
        let rows =
            sqlx::query("SELECT frame FROM entry WHERE journal = ? AND seq > ? ORDER BY seq");
        let mut rows = rows.bind(sql_id(journal)).bind(sql(after.seq.0)).fetch(&mut *tx);
        let mut frames: Vec<u8> = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let frame: &[u8] = row.try_get("frame")?;
            if !frames.is_empty() && frames.len() + frame.len() > limits::FETCHED_BYTES {
                break;
            }
            frames.extend_from_slice(frame);
        }
        Ok(frames)
    }

    /// The data key of a journal of which HQ has at least the Genesis.
    pub(super) async fn data_key(
        &self,
        conn: &mut SqliteConnection,
        journal: JournalId,
    ) -> Result<DataKey, StoreError> {
        let cached =
            self.data_keys().lock().map_err(|_| StoreError::Stopping)?.get(&journal).cloned();
        if let Some(key) = cached {
            return Ok(key);
        }
        let genesis = self.genesis(conn, journal).await?;
        let key = genesis.data_key(journal, self.unwrap_key()).map_err(|_| NO_GENESIS)?;
        self.remember(journal, key.clone())?;
        Ok(key)
    }

    /// The keys of all machines that have written journals of this office, the newest first.
    pub async fn authors(&self, office: &OfficeId) -> Result<Vec<VerifyKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.frame FROM journal j JOIN entry e ON e.journal = j.id AND e.seq = 1
             WHERE j.office = ? ORDER BY j.met_at DESC, j.id",
        );
        let rows = rows.bind(office.as_str()).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok(genesis(row)?.sign_key)).collect()
    }

    /// The Genesis of a journal.
    pub(super) async fn genesis(
        &self,
        conn: &mut SqliteConnection,
        journal: JournalId,
    ) -> Result<Genesis, StoreError> {
        let row = sqlx::query("SELECT frame FROM entry WHERE journal = ? AND seq = 1");
        let row = row.bind(sql_id(journal)).fetch_optional(conn).await?.ok_or(NO_GENESIS)?;
        genesis(&row)
    }

    /// The edit that is stored under this dot, as far as this version can read it.
    pub(super) async fn stored_edit(
        &self,
        conn: &mut SqliteConnection,
        dot: Dot,
    ) -> Result<Result<Placed, Held>, StoreError> {
        let row = sqlx::query(
            "SELECT e.seq, e.head, e.frame, j.office FROM entry e JOIN journal j ON j.id = e.journal
             WHERE e.journal = ? AND e.seq = ?",
        );
        let row = row.bind(sql_id(dot.journal)).bind(sql(dot.seq.0)).fetch_optional(&mut *conn);
        let row = row.await?.ok_or(StoreError::Damaged("an entry is missing in a journal"))?;
        self.read_edit(conn, dot.journal, &row).await
    }

    /// The edit in the columns `seq`, `head`, `frame` and `office`, as far as it can be read.
    pub(super) async fn read_edit(
        &self,
        conn: &mut SqliteConnection,
        journal: JournalId,
        row: &SqliteRow,
    ) -> Result<Result<Placed, Held>, StoreError> {
        let key = self.data_key(conn, journal).await?;
        let frame = Frame::parse(row.try_get("frame")?);
        let frame = frame.map_err(|_| StoreError::Damaged("a stored frame"))?;
        let (at, by) = (position(row)?, office(row, "office")?);
        if frame.tag != at.head.tag() {
            return Err(StoreError::Damaged("a stored frame, or the head beside it"));
        }
        Ok(read::edit(&frame, at, journal, &by, &key))
    }

    /// Keeps a journal's data key at hand.
    pub(super) fn remember(&self, journal: JournalId, key: DataKey) -> Result<(), StoreError> {
        let mut keys = self.data_keys().lock().map_err(|_| StoreError::Stopping)?;
        if keys.len() >= DATA_KEYS {
            keys.clear();
        }
        keys.insert(journal, key);
        Ok(())
    }
}

/// What HQ knows of a journal.
pub(super) async fn known(
    conn: &mut SqliteConnection,
    journal: JournalId,
) -> Result<Option<Known>, StoreError> {
    let row =
        sqlx::query("SELECT office, seq, head, stable_seq, stable_head FROM journal WHERE id = ?");
    let Some(row) = row.bind(sql_id(journal)).fetch_optional(conn).await? else { return Ok(None) };
    let stable = match row.try_get::<Option<i64>, _>("stable_seq")? {
        Some(seq) => Some(Position {
            seq: Seq(seq.cast_unsigned()),
            head: Head(bytes32(&row, "stable_head")?),
        }),
        None => None,
    };
    Ok(Some(Known { office: office(&row, "office")?, at: position(&row)?, stable }))
}

/// The position after entry `seq` of a journal, as HQ has it.
pub(super) async fn at(
    conn: &mut SqliteConnection,
    journal: JournalId,
    seq: Seq,
) -> Result<Option<Position>, StoreError> {
    if seq == Seq(0) {
        return Ok(Some(Position::start(journal)));
    }
    let row = sqlx::query("SELECT seq, head FROM entry WHERE journal = ? AND seq = ?");
    let row = row.bind(sql_id(journal)).bind(sql(seq.0)).fetch_optional(conn).await?;
    row.as_ref().map(position).transpose()
}

/// How many journals of `office` HQ has met since `since`.
pub(super) async fn births(
    conn: &mut SqliteConnection,
    office: &OfficeId,
    since: UnixMs,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar("SELECT count(*) FROM journal WHERE office = ? AND met_at > ?");
    Ok(count.bind(office.as_str()).bind(since.0).fetch_one(conn).await?)
}

/// Enters a journal that HQ meets at `now`, and which one it goes on from; HQ has none of it yet.
pub(super) async fn meet(
    conn: &mut SqliteConnection,
    (journal, continues): (JournalId, Option<JournalId>),
    office: &OfficeId,
    now: UnixMs,
) -> Result<(), StoreError> {
    let start = Position::start(journal);
    sqlx::query(
        "INSERT INTO journal (id, office, met_at, seq, head, continues) VALUES (?, ?, ?, 0, ?, ?)",
    )
    .bind(sql_id(journal))
    .bind(office.as_str())
    .bind(now.0)
    .bind(&start.head.0[..])
    .bind(continues.map(sql_id))
    .execute(conn)
    .await?;
    Ok(())
}

/// A journal has grown at `now`. If another goes on from it, whoever wrote here does not know of
/// that one: two machines write as one office.
pub(super) async fn grew(
    conn: &mut SqliteConnection,
    journal: JournalId,
    now: UnixMs,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE journal SET two_machines_at = ?1
         WHERE id = ?2 AND EXISTS (SELECT 1 FROM journal WHERE continues = ?2)",
    )
    .bind(now.0)
    .bind(sql_id(journal))
    .execute(conn)
    .await?;
    Ok(())
}

/// The journals that go on from this one, each with where it does.
pub(super) async fn following(
    conn: &mut SqliteConnection,
    journal: JournalId,
) -> Result<Vec<(JournalId, Position)>, StoreError> {
    let rows = sqlx::query(
        "SELECT j.id, e.frame FROM journal j JOIN entry e ON e.journal = j.id AND e.seq = 1
         WHERE j.continues = ? ORDER BY j.met_at, j.id",
    );
    let rows = rows.bind(sql_id(journal)).fetch_all(conn).await?;
    let mut following = Vec::new();
    for row in rows {
        let next = JournalId(number(&row, "id")?);
        following.extend(genesis(&row)?.after.map(|(_, common)| (next, common)));
    }
    Ok(following)
}

/// The Genesis in the column `frame`.
fn genesis(row: &SqliteRow) -> Result<Genesis, StoreError> {
    let frame = Frame::parse(row.try_get("frame")?).map_err(|_| NO_GENESIS)?;
    Genesis::read(&frame).map_err(|_| NO_GENESIS)
}

/// Moves a journal from one position to the next; false if it is not there (any more).
pub(super) async fn advance(
    conn: &mut SqliteConnection,
    journal: JournalId,
    from: Position,
    to: Position,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE journal SET seq = ?, head = ? WHERE id = ? AND seq = ? AND head = ?")
            .bind(sql(to.seq.0))
            .bind(&to.head.0[..])
            .bind(sql_id(journal))
            .bind(sql(from.seq.0))
            .bind(&from.head.0[..])
            .execute(conn)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Enters the frames of a journal, each with the position after it.
pub(super) async fn insert(
    conn: &mut SqliteConnection,
    journal: JournalId,
    frames: &[(Position, &[u8])],
) -> Result<(), StoreError> {
    for part in statements(frames.len()) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO entry (journal, seq, head, frame) ");
        query.push_values(&frames[part], |mut row, (at, frame)| {
            row.push_bind(sql_id(journal))
                .push_bind(sql(at.seq.0))
                .push_bind(&at.head.0[..])
                .push_bind(*frame);
        });
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// What HQ has at `top`, and at 1, 2, 4, ... entries before that.
async fn ladder(
    conn: &mut SqliteConnection,
    journal: JournalId,
    top: Seq,
) -> Result<Vec<Position>, StoreError> {
    let below = (0..limits::LADDER).map_while(|k| top.0.checked_sub(1 << k));
    let seqs = std::iter::once(top.0).chain(below);
    let mut query = QueryBuilder::<Sqlite>::new("SELECT seq, head FROM entry WHERE journal = ");
    query.push_bind(sql_id(journal)).push(" AND seq IN (");
    let mut list = query.separated(", ");
    let mut start = None;
    for seq in seqs {
        if seq == 0 {
            start = Some(Position::start(journal));
        }
        list.push_bind(sql(seq));
    }
    query.push(") ORDER BY seq DESC");
    let rows = query.build().persistent(false).fetch_all(conn).await?;
    rows.iter().map(position).chain(start.map(Ok)).collect()
}

/// Walks what is stored of a journal from its start, checking every link.
pub(super) async fn verify(
    conn: &mut SqliteConnection,
    journal: JournalId,
) -> Result<Verified, StoreError> {
    let top = known(conn, journal).await?.map_or_else(|| Position::start(journal), |k| k.at);
    let mut whole = Position::start(journal);
    let rows = sqlx::query("SELECT seq, head, frame FROM entry WHERE journal = ? ORDER BY seq");
    let mut rows = rows.bind(sql_id(journal)).fetch(conn);
    while let Some(row) = rows.try_next().await? {
        let (seq, stored) = (Seq(number(&row, "seq")?), position(&row));
        let flaw = |why: String| Verified {
            journal,
            whole,
            flaw: Some(Flaw { seq: whole.seq.next(), why }),
        };
        if seq != whole.seq.next() {
            return Ok(flaw(format!("missing: the next one stored is {seq}")));
        }
        let bytes: &[u8] = row.try_get("frame")?;
        let after = match Frame::parse(bytes).and_then(|f| f.follow(&whole)) {
            Ok(after) => after,
            Err(why) => return Ok(flaw(why.to_string())),
        };
        if stored.ok() != Some(after) {
            return Ok(flaw("the head stored beside it is not its head".to_owned()));
        }
        whole = after;
    }
    let short =
        || Flaw { seq: whole.seq.next(), why: format!("missing: the journal ends at {}", top.seq) };
    Ok(Verified { journal, whole, flaw: (whole != top).then(short) })
}
