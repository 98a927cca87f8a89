//! What must outlive the database being put back to an earlier state: who has joined, who is
//! revoked, and how far HQ's own journal came. One small file beside the database, replaced whole
//! before the transaction that it tells of commits.
//!
//! Whoever puts an old copy of the database in its place leaves this file; what it knows better is
//! entered again at the next open.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wasl_protocol::id::{EpochId, JournalId};
use wasl_protocol::units::{Seq, UnixMs};

use super::open::StoreError;
use super::{journals, offices};
use crate::registry::SecretHash;
use crate::seam::replace;

/// Its name is the database's, with this behind it.
const ENDING: &str = "beside";

/// The hash of no token.
const NO_TOKEN: SecretHash = SecretHash([0; 32]);

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    epoch: EpochId,
    /// HQ's own journal, and its last entry.
    journal: JournalId,
    seq: Seq,
    offices: BTreeMap<String, KeptOffice>,
}

/// An office that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptOffice {
    name_ar: String,
    name_en: String,
    added_at: i64,
    joined: Option<KeptKeys>,
    revoked_at: Option<i64>,
}

/// The keys that it joined with, in hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptKeys {
    at: i64,
    transport: String,
    sign: String,
    wrap: String,
}

/// The file.
pub(super) struct Beside {
    path: PathBuf,
    /// What it says, as far as this process has read or written it.
    kept: Mutex<Option<Kept>>,
}

impl Beside {
    /// The file beside this database.
    pub fn of(database: &Path) -> Self {
        Self { path: database.with_added_extension(ENDING), kept: Mutex::default() }
    }

    /// Has it say what this transaction, which writes in this life of the database, is about to
    /// commit.
    pub async fn keep(
        &self,
        conn: &mut SqliteConnection,
        life: (EpochId, JournalId),
    ) -> Result<(), StoreError> {
        let now = read(conn, life).await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref() != Some(&now) {
            replace(&self.path, &serde_json::to_vec_pretty(&now).expect("it is JSON"))
                .map_err(sqlx::Error::Io)?;
            *kept = Some(now);
        }
        Ok(())
    }

    /// Enters what the database lacks of it. Says whether the database was put back: the file knows
    /// of a later entry of HQ's own journal, or of another life.
    pub async fn enter(
        &self,
        conn: &mut SqliteConnection,
        life: (EpochId, JournalId),
    ) -> Result<bool, StoreError> {
        let Some(kept) = self.load().map_err(sqlx::Error::Io)? else { return Ok(false) };
        let now = read(conn, life).await?;
        for (id, office) in &kept.offices {
            let known = now.offices.get(id);
            if known != Some(office) {
                enter(conn, id, office, known).await?;
            }
        }
        let put_back = kept.epoch != now.epoch || kept.journal != now.journal || kept.seq > now.seq;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(put_back)
    }

    fn load(&self) -> io::Result<Option<Kept>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let kept = serde_json::from_slice(&bytes);
        Ok(kept.inspect_err(|error| tracing::error!(%error, "the file beside the database")).ok())
    }
}

async fn read(
    conn: &mut SqliteConnection,
    (epoch, journal): (EpochId, JournalId),
) -> Result<Kept, StoreError> {
    let seq = journals::known(&mut *conn, journal).await?.map_or(Seq(0), |own| own.at.seq);
    let rows = sqlx::query("SELECT * FROM office").fetch_all(conn).await?;
    let offices = rows.iter().map(|row| Ok((row.try_get("id")?, office(row)?)));
    Ok(Kept { epoch, journal, seq, offices: offices.collect::<Result<_, StoreError>>()? })
}

fn office(row: &SqliteRow) -> Result<KeptOffice, StoreError> {
    let hex = |column| -> Result<Option<String>, StoreError> {
        Ok(row.try_get::<Option<&[u8]>, _>(column)?.map(|bytes| HEXLOWER.encode(bytes)))
    };
    let keys =
        (row.try_get("joined_at")?, hex("transport_key")?, hex("sign_key")?, hex("wrap_key")?);
    let joined = match keys {
        (Some(at), Some(transport), Some(sign), Some(wrap)) => {
            Some(KeptKeys { at, transport, sign, wrap })
        }
        _ => None,
    };
    Ok(KeptOffice {
        name_ar: row.try_get("name_ar")?,
        name_en: row.try_get("name_en")?,
        added_at: row.try_get("added_at")?,
        joined,
        revoked_at: row.try_get("revoked_at")?,
    })
}

async fn enter(
    conn: &mut SqliteConnection,
    id: &str,
    office: &KeptOffice,
    known: Option<&KeptOffice>,
) -> Result<(), StoreError> {
    tracing::warn!(office = id, "the database was put back: the office's keys are entered again");
    // Its token is gone with the state in which it was good.
    sqlx::query(
        "INSERT INTO office (id, name_ar, name_en, added_at, token_hash, token_expires_at)
         VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(&office.name_ar)
    .bind(&office.name_en)
    .bind(office.added_at)
    .bind(&NO_TOKEN.0[..])
    .execute(&mut *conn)
    .await?;
    let another = known.is_some_and(|known| known.joined != office.joined);
    if another {
        // Another machine takes its place: the one before it is let in no more, by key or by token.
        offices::forget_machine(conn, id).await?;
        offices::set_token(conn, id, NO_TOKEN, UnixMs(0)).await?;
    }
    if let Some(keys) = &office.joined {
        let bytes = |hex: &String| {
            HEXLOWER.decode(hex.as_bytes()).map_err(|_| StoreError::Damaged("the file beside it"))
        };
        sqlx::query(
            "UPDATE office SET transport_key = ?, sign_key = ?, wrap_key = ?, joined_at = ?
             WHERE id = ?",
        )
        .bind(bytes(&keys.transport)?)
        .bind(bytes(&keys.sign)?)
        .bind(bytes(&keys.wrap)?)
        .bind(keys.at)
        .bind(id)
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query("UPDATE office SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?")
        .bind(office.revoked_at)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}
