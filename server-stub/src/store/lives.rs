//! The lives of the database. A database that was put back to an earlier state (restored, or copied
//! under HQ) begins another one, with a journal of HQ's own that nobody has seen, before it writes
//! anything more: numbers that are lost are not given out a second time.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{EpochId, JournalId, OfficeId};
use wasl_protocol::units::{FeedNo, UnixMs};
use wasl_protocol::wire::Ack;

use super::append::{BIRTHS_A_DAY, DAY_MS};
use super::beside::Beside;
use super::columns::sql_id;
use super::open::{self, Store, StoreError};
use super::{audit, feed, journals, own};
use crate::registry::HqKeys;
use crate::seam::World;

/// One life of the database.
#[derive(Clone, Copy)]
pub(super) struct Life {
    pub epoch: EpochId,
    /// The journal that it writes itself.
    pub journal: JournalId,
}

impl Life {
    /// A life that nobody has heard of.
    pub fn draw(world: &World) -> Self {
        let random = world.entropy.random();
        let (epoch, rest) = random.split_first_chunk::<8>().expect("32 bytes hold 8");
        let journal = rest.first_chunk::<8>().expect("24 bytes hold 8");
        let (epoch, journal) = (u64::from_le_bytes(*epoch), u64::from_le_bytes(*journal));
        Self { epoch: EpochId(epoch), journal: JournalId(journal) }
    }
}

/// What changed in HQ's standing, for all sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingNews {
    /// More is stable than was.
    Stable,
    /// The database lives another life: sessions of the old one end.
    Life,
}

impl Store {
    /// Does what an office has of HQ's show that the database was put back? A receipt that HQ signed
    /// in this life, for entries that are not here, proves it; a cursor that HQ never gave out is
    /// believed, a few times in a day.
    pub async fn was_put_back(
        &self,
        office: &OfficeId,
        cursor: Option<Cursor>,
        acked: Option<&Ack>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.snapshot().await?;
        let epoch = self.epoch();
        let key = self.keys().sign_key().verify_key();
        if let Some(ack) = acked.filter(|ack| ack.epoch == epoch && ack.verify(&key).is_ok()) {
            let have = journals::known(&mut tx, ack.journal).await?.map(|known| known.at.seq);
            if have.is_none_or(|have| have < ack.stored.seq) {
                return Ok(true);
            }
        }
        let taken = cursor.filter(|cursor| cursor.epoch == epoch).map_or(FeedNo(0), |c| c.feed);
        if taken <= feed::head(&mut tx, office).await? {
            return Ok(false);
        }
        let since = UnixMs(self.world().clock.unix().0 - DAY_MS);
        let lives = journals::births(&mut tx, &OfficeId::hq(), since).await?;
        if lives >= BIRTHS_A_DAY {
            tracing::error!(%office, "a cursor of the future, again: it is not believed");
        }
        Ok(lives < BIRTHS_A_DAY)
    }

    /// Begins another life, if `epoch` is still the present one: sessions end, offices come again,
    /// send what is lost, and give back what HQ signed.
    pub async fn begin_anew(&self, epoch: EpochId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        if self.epoch() != epoch {
            return Ok(());
        }
        let next = begin(&mut tx, self.keys(), self.world()).await?;
        self.beside(&mut tx, next).await?;
        tx.commit().await?;
        tracing::warn!(was = %epoch, epoch = %next.epoch, "the database was put back: a new life");
        self.lives_on(next);
        Ok(())
    }
}

/// Begins a life of the database: the first one, or the next.
async fn begin(
    conn: &mut SqliteConnection,
    keys: &HqKeys,
    world: &World,
) -> Result<Life, StoreError> {
    let life = Life::draw(world);
    sqlx::query(
        "INSERT INTO meta (one, epoch, journal) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE
         SET predecessor = meta.epoch, epoch = excluded.epoch, journal = excluded.journal",
    )
    .bind(life.epoch.0.cast_signed())
    .bind(sql_id(life.journal))
    .execute(&mut *conn)
    .await?;
    own::begin(conn, life.journal, keys, world).await?;
    // What was put back is compared with what the offices have, once they have given back theirs.
    audit::want_all(conn).await?;
    Ok(life)
}

/// This life of the database: made if there is none yet, with the journal that it writes; another
/// one if the database was put back.
pub(super) async fn opened(
    writer: &SqlitePool,
    beside: &Beside,
    keys: &HqKeys,
    world: &World,
) -> Result<Life, StoreError> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    let mut now = match open::life(&mut tx).await? {
        Some(life) => life,
        None => begin(&mut tx, keys, world).await?,
    };
    if beside.enter(&mut tx, (now.epoch, now.journal)).await? {
        let was = now.epoch;
        now = begin(&mut tx, keys, world).await?;
        tracing::warn!(%was, epoch = %now.epoch, "the database was put back: a new life");
    }
    beside.keep(&mut tx, (now.epoch, now.journal)).await?;
    tx.commit().await?;
    Ok(now)
}
