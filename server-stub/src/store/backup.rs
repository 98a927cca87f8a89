//! Copies of the database: made while HQ works, walked from end to end, and, once one is declared
//! off-site, what every office may call `stable`.

use std::fs::File;
use std::io;
use std::path::Path;

use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};
use wasl_protocol::id::{EpochId, JournalId, Position};
use wasl_protocol::units::UnixMs;

use super::columns::{number, sql, sql_id};
use super::journals::{self, Verified};
use super::open::{self, Store, StoreError};
use crate::seam::sync_folder;

/// What a copy holds: every chain in it was walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFacts {
    /// The life that it is a copy of.
    pub epoch: EpochId,
    /// Where each journal ends in it.
    pub ends: Vec<(JournalId, Position)>,
    /// How many entries there are.
    pub entries: u64,
    /// How many records.
    pub records: u64,
    /// How many bytes the file has.
    pub bytes: u64,
}

/// A copy that was made and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyMade {
    /// When, by HQ's clock.
    pub at: UnixMs,
    /// Where it was put.
    pub place: String,
    /// How many entries it holds.
    pub entries: u64,
}

impl Store {
    /// Copies the database as it is at one moment into the new file `to`, durable, and walks the
    /// copy. HQ works on meanwhile.
    ///
    /// # Errors
    /// If the copy could not be written, or is not whole: then what it was copied from is not.
    pub async fn copy(&self, to: &Path) -> Result<CopyFacts, StoreError> {
        open::create_private(to)?;
        let name = to.to_str().ok_or_else(|| invalid("its path is no text"))?;
        sqlx::query("VACUUM INTO ?").bind(name).execute(self.readers()).await?;
        sync(to).map_err(sqlx::Error::Io)?;
        check_copy(to).await
    }

    /// Notes a copy that was made; of one that is declared off-site every journal is stable up to
    /// where it ends there. Sessions tell their offices.
    pub async fn backed_up(
        &self,
        place: &str,
        offsite: bool,
        ends: &[(JournalId, Position)],
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let entries = ends.iter().map(|(_, end)| end.seq.0).sum();
        sqlx::query("INSERT INTO backup (made_at, place, offsite, entries) VALUES (?, ?, ?, ?)")
            .bind(self.world().clock.unix().0)
            .bind(place)
            .bind(i64::from(offsite))
            .bind(sql(entries))
            .execute(&mut *tx)
            .await?;
        for (journal, end) in ends.iter().filter(|_| offsite) {
            make_stable(&mut tx, *journal, *end).await?;
        }
        tx.commit().await?;
        if offsite {
            self.tell_stable();
        }
        Ok(())
    }

    /// The copy that was made last; `offsite`: of those that were declared off-site.
    pub async fn newest_copy(&self, offsite: bool) -> Result<Option<CopyMade>, StoreError> {
        let row = sqlx::query(
            "SELECT made_at, place, entries FROM backup WHERE offsite >= ?
             ORDER BY made_at DESC LIMIT 1",
        );
        let row = row.bind(i64::from(offsite)).fetch_optional(self.readers()).await?;
        let Some(row) = row else { return Ok(None) };
        let at = UnixMs(row.try_get("made_at")?);
        Ok(Some(CopyMade { at, place: row.try_get("place")?, entries: number(&row, "entries")? }))
    }
}

/// Walks a copy: its pages, and every chain in it.
///
/// # Errors
/// If it is no database of this HQ's kind, a newer version wrote it, or anything in it is not whole.
pub async fn check_copy(path: &Path) -> Result<CopyFacts, StoreError> {
    open::refuse_newer(path).await?;
    let reader = open::reader_of_copy(path).await?;
    let facts = walk(&reader, path).await;
    reader.close().await;
    facts
}

async fn walk(reader: &SqlitePool, path: &Path) -> Result<CopyFacts, StoreError> {
    let mut conn = reader.acquire().await?;
    let said: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *conn).await?;
    if said != "ok" {
        return Err(StoreError::Copy { path: path.to_owned(), why: said });
    }
    let rows = sqlx::query("SELECT id FROM journal ORDER BY id").fetch_all(&mut *conn).await?;
    let mut ends = Vec::with_capacity(rows.len());
    for row in rows {
        let journal = JournalId(number(&row, "id")?);
        let Verified { whole, flaw, .. } = journals::verify(&mut conn, journal).await?;
        if let Some(flaw) = flaw {
            let why = format!("journal {journal}, entry {}: {}", flaw.seq, flaw.why);
            return Err(StoreError::Copy { path: path.to_owned(), why });
        }
        ends.push((journal, whole));
    }
    let records: i64 =
        sqlx::query_scalar("SELECT count(*) FROM record").fetch_one(&mut *conn).await?;
    let entries = ends.iter().map(|(_, end)| end.seq.0).sum();
    let bytes = std::fs::metadata(path).map_err(sqlx::Error::Io)?.len();
    let life = open::life(&mut conn).await?;
    let epoch = life.ok_or_else(|| StoreError::Missing(path.to_owned()))?.epoch;
    Ok(CopyFacts { epoch, ends, entries, records: records.cast_unsigned(), bytes })
}

/// A journal is stable up to here, if that is more than it was, and HQ has that position.
async fn make_stable(
    conn: &mut SqliteConnection,
    journal: JournalId,
    end: Position,
) -> Result<(), StoreError> {
    if end.seq.0 == 0 || journals::at(conn, journal, end.seq).await? != Some(end) {
        return Ok(());
    }
    sqlx::query(
        "UPDATE journal SET stable_seq = ?, stable_head = ?
         WHERE id = ? AND coalesce(stable_seq, 0) < ?",
    )
    .bind(sql(end.seq.0))
    .bind(&end.head.0[..])
    .bind(sql_id(journal))
    .bind(sql(end.seq.0))
    .execute(conn)
    .await?;
    Ok(())
}

/// The file and its name are on disk.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_folder(path)
}

fn invalid(why: &'static str) -> StoreError {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::InvalidInput, why)).into()
}
