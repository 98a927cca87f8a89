//! Rollouts: driven by what offices say and by time, and what each office is to be sent.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wasl_protocol::edition::Serial;
use wasl_protocol::id::OfficeId;
use wasl_protocol::private::Private;

use crate::rollout::{OfficeNow, Rollout, RolloutFacts, Spent, Stage};

use super::columns::sql;
use super::open::{Store, StoreError};
use super::steps;

/// How many editions back one is looked for that still counts at an office.
const BACK: i64 = 64;

/// How much of a stage's time is kept in memory only, in milliseconds.
const UNSAVED_MS: u64 = 10_000;

/// What of the rollouts is not in the database.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// Who is connected.
    connected: BTreeSet<OfficeId>,
    /// The time that a stage of a rollout has taken by now.
    spent: Option<(Serial, Stage, Spent)>,
}

/// The newest rollout.
pub(super) struct Newest {
    /// As it is by now.
    pub rollout: Rollout,
    /// What is stored of the time that its stage has taken.
    stored: Spent,
}

/// What HQ has to say to an office of its config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForOffice {
    /// The edition to send it: its number, and the bytes of the signed edition.
    pub offer: Option<(Serial, Vec<u8>)>,
    /// The edition on trial there whose rollout is stopped.
    pub abort: Option<Serial>,
}

/// A rollout that cannot be stopped.
#[derive(Debug, thiserror::Error)]
pub enum AbortError {
    /// No edition of this number was pushed.
    #[error("no edition {0} was pushed")]
    Unknown(Serial),
    /// No office gets it any more anyhow.
    #[error("the rollout of edition {0} is over already")]
    Over(Serial),
    /// HQ could not store it: nothing is stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// What there is to say of the rollout of an edition, or of the newest; none if there is none.
    pub async fn rollout(
        &self,
        serial: Option<Serial>,
    ) -> Result<Option<RolloutFacts>, StoreError> {
        let now = self.world().clock.unix();
        let mut tx = self.snapshot().await?;
        let offices = self.offices_now(&mut tx).await?;
        let newest = self.newest(&mut tx).await?.map(|newest| newest.rollout);
        let rollouts = back(&mut tx).await?;
        let wanted = match (serial, newest) {
            (None, newest) => newest,
            (Some(serial), Some(newest)) if newest.serial() == serial => Some(newest),
            (Some(serial), _) => one(&mut tx, serial).await?,
        };
        let Some(rollout) = wanted else { return Ok(None) };
        let newer = rollouts.iter().take_while(|r| r.serial() > rollout.serial()).count();
        let desired = |office: &OfficeNow| desired(&rollouts, office);
        Ok(Some(rollout.facts(now, &offices, &rollouts[..newer], desired)))
    }

    /// Stops the rollout of an edition: nobody gets it any more, and who is trying it goes back.
    pub async fn abort(
        &self,
        serial: Serial,
        operator: Option<Private<String>>,
    ) -> Result<RolloutFacts, AbortError> {
        let now = self.world().clock.unix();
        let mut tx = self.write().await?;
        let rollout = one(&mut tx, serial).await?;
        let mut rollout = rollout.ok_or(AbortError::Unknown(serial))?;
        if !rollout.abort(now, "stopped by an operator at headquarters".to_owned()) {
            return Err(AbortError::Over(serial));
        }
        save(&mut tx, &rollout).await?;
        sqlx::query("UPDATE edition SET stopped_by = ? WHERE serial = ?")
            .bind(operator.map(|operator| operator.0))
            .bind(sql(serial.0))
            .execute(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        let offices = self.offices_now(&mut tx).await?;
        tx.commit().await.map_err(StoreError::from)?;
        self.tell_config(opened(&rollout, &offices));
        self.rollout(Some(serial)).await?.ok_or(AbortError::Unknown(serial))
    }

    /// What HQ has to say to a connected office of its config by now.
    pub async fn config_for(&self, office: &OfficeId) -> Result<ForOffice, StoreError> {
        let now = self.world().clock.unix();
        let mut tx = self.snapshot().await?;
        let office = steps::of(&mut tx, office).await?;
        let rollouts = back(&mut tx).await?;
        let mut meant = rollouts.iter().filter(|r| r.counts() && r.targets(&office.id));
        let offer = match meant.next().filter(|rollout| rollout.offers(&office, now)) {
            Some(rollout) => Some((rollout.serial(), envelope(&mut tx, rollout.serial()).await?)),
            None => None,
        };
        let attempt = office.state.attempt.as_ref();
        let trying = attempt.filter(|attempt| attempt.phase.is_on_trial()).map(|a| a.serial);
        let stopped =
            |s: &Serial| rollouts.iter().any(|r| r.serial() == *s && r.stage() == Stage::Aborted);
        Ok(ForOffice { offer, abort: trying.filter(stopped) })
    }

    /// Takes in who is connected, and that `elapsed_ms` have passed.
    pub async fn tick(
        &self,
        connected: BTreeSet<OfficeId>,
        elapsed_ms: u64,
    ) -> Result<(), StoreError> {
        self.memory().connected = connected;
        let mut conn = self.readers().acquire().await?;
        let Some(before) = self.newest(&mut conn).await? else { return Ok(()) };
        if !before.rollout.is_under_way() {
            return Ok(());
        }
        let offices = self.offices_now(&mut conn).await?;
        drop(conn);
        let mut rollout = before.rollout.clone();
        rollout.advance(self.world().clock.unix(), elapsed_ms, &offices);
        let spent = rollout.spent;
        rollout.spent = before.rollout.spent;
        if rollout == before.rollout && spent.age_ms - before.stored.age_ms < UNSAVED_MS {
            self.memory().spent = Some((rollout.serial(), rollout.stage(), spent));
            return Ok(());
        }
        let mut tx = self.write().await?;
        let told = self.drive(&mut tx, elapsed_ms).await?;
        tx.commit().await?;
        self.tell_config(told);
        Ok(())
    }

    /// Takes in that `elapsed_ms` have passed and what offices have said, and stores where that
    /// leaves the newest rollout. Whom that concerns.
    pub(super) async fn drive(
        &self,
        conn: &mut SqliteConnection,
        elapsed_ms: u64,
    ) -> Result<BTreeSet<OfficeId>, StoreError> {
        let newest = self.newest(&mut *conn).await?;
        let Some(mut rollout) = newest.map(|n| n.rollout).filter(Rollout::is_under_way) else {
            return Ok(BTreeSet::new());
        };
        let before = rollout.stage();
        let offices = self.offices_now(&mut *conn).await?;
        rollout.advance(self.world().clock.unix(), elapsed_ms, &offices);
        save(conn, &rollout).await?;
        if rollout.stage() == before {
            return Ok(BTreeSet::new());
        }
        let (serial, stage) = (rollout.serial(), rollout.stage());
        tracing::info!(%serial, ?stage, "a rollout has moved");
        Ok(opened(&rollout, &offices))
    }

    /// The rollout of the newest edition.
    pub(super) async fn newest(
        &self,
        conn: &mut SqliteConnection,
    ) -> Result<Option<Newest>, StoreError> {
        let row = sqlx::query("SELECT rollout FROM edition ORDER BY serial DESC LIMIT 1");
        let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
        let mut rollout = rollout(&row)?;
        let stored = rollout.spent;
        let by_now = self.memory().spent;
        if let Some((serial, stage, spent)) = by_now
            && (serial, stage) == (rollout.serial(), rollout.stage())
            && spent.age_ms > stored.age_ms
        {
            rollout.spent = spent;
        }
        Ok(Some(Newest { rollout, stored }))
    }

    /// Who is connected.
    pub(super) fn connected(&self) -> BTreeSet<OfficeId> {
        self.memory().connected.clone()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.watched().0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores where a rollout is.
pub(super) async fn save(conn: &mut SqliteConnection, rollout: &Rollout) -> Result<(), StoreError> {
    sqlx::query("UPDATE edition SET rollout = ? WHERE serial = ?")
        .bind(rollout.encode())
        .bind(sql(rollout.serial().0))
        .execute(conn)
        .await?;
    Ok(())
}

/// The offices that a rollout has come to.
pub(super) fn opened(rollout: &Rollout, offices: &[OfficeNow]) -> BTreeSet<OfficeId> {
    let ids = offices.iter().map(|office| &office.id);
    ids.filter(|id| rollout.is_open_to(id)).cloned().collect()
}

/// The rollout in a row.
pub(super) fn rollout(row: &SqliteRow) -> Result<Rollout, StoreError> {
    Rollout::decode(row.try_get("rollout")?).map_err(|_| StoreError::Damaged("a rollout"))
}

/// The edition that HQ wants at an office.
fn desired(rollouts: &[Rollout], office: &OfficeNow) -> Option<Serial> {
    let mut wanted = rollouts.iter().filter(|r| r.counts() && r.is_open_to(&office.id));
    wanted.next().map(Rollout::serial)
}

/// The rollouts of the last editions, the newest first.
async fn back(conn: &mut SqliteConnection) -> Result<Vec<Rollout>, StoreError> {
    let rows = sqlx::query("SELECT rollout FROM edition ORDER BY serial DESC LIMIT ?");
    rows.bind(BACK).fetch_all(conn).await?.iter().map(rollout).collect()
}

async fn one(conn: &mut SqliteConnection, serial: Serial) -> Result<Option<Rollout>, StoreError> {
    let row = sqlx::query("SELECT rollout FROM edition WHERE serial = ?");
    let row = row.bind(sql(serial.0)).fetch_optional(conn).await?;
    row.as_ref().map(rollout).transpose()
}

async fn envelope(conn: &mut SqliteConnection, serial: Serial) -> Result<Vec<u8>, StoreError> {
    let row = sqlx::query_scalar("SELECT envelope FROM edition WHERE serial = ?");
    Ok(row.bind(sql(serial.0)).fetch_one(conn).await?)
}
