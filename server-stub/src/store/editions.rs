//! Editions: which HQ takes from their authors, and what it has.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wasl_protocol::edition::{
    AgentVersion, Checks, Edition, EditionHash, KeyId, Rejection, Scope, Serial, SignedEdition,
    check,
};
use wasl_protocol::id::OfficeId;
use wasl_protocol::limits;
use wasl_protocol::private::Private;
use wasl_protocol::units::UnixMs;

use crate::rollout::{Plan, Rollout, RolloutFacts};

use super::columns::{bytes32, moment, number, office, sql};
use super::open::{Store, StoreError};
use super::rollouts;

/// How many editions a history goes back.
const HISTORY: u32 = 1_000;

/// Whatever agents the offices have: each refuses for itself.
const ANY_AGENT: AgentVersion = AgentVersion(u16::MAX, u16::MAX, u16::MAX);

/// An edition that HQ does not take. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No office would take it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Not newer than what was pushed before.
    #[error("serial {serial} is not above {newest}, which was pushed before")]
    OldSerial {
        /// Its number.
        serial: Serial,
        /// What it must be above.
        newest: Serial,
    },
    /// Its author had another edition before them than the newest one here.
    #[error("it was written to follow another edition than {0}, the newest one here")]
    Follows(Serial),
    /// It, or the plan for it, names an office that HQ does not know.
    #[error("there is no office {0}")]
    UnknownOffice(OfficeId),
    /// The plan names an office that it is not for.
    #[error("it is not for office {0}")]
    NotFor(OfficeId),
    /// HQ could not store it: it is not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PushError {
    /// The constant word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(why) => why.code(),
            Self::OldSerial { .. } => "old_serial",
            Self::Follows(_) => "previous",
            Self::UnknownOffice(_) => "unknown_office",
            Self::NotFor(_) => "scope",
            Self::Store(_) => "store",
        }
    }
}

impl From<sqlx::Error> for PushError {
    fn from(e: sqlx::Error) -> Self {
        Self::Store(e.into())
    }
}

/// What there is to say of an edition that was pushed.
#[derive(Clone, Debug)]
pub struct EditionFacts {
    /// Its number.
    pub serial: Serial,
    /// The hash of what was signed.
    pub hash: EditionHash,
    /// When it was pushed, by HQ's clock.
    pub pushed_at: UnixMs,
    /// By whom, where that is known.
    pub operator: Option<Private<String>>,
    /// How it was to be rolled out.
    pub plan: Plan,
    /// The word for the stage of its rollout.
    pub stage: String,
    /// Why that does not go on, if it does not.
    pub stopped: Option<String>,
    /// Who signed.
    pub signed_by: Vec<KeyId>,
    /// What they signed.
    pub edition: Edition,
}

impl Store {
    /// Takes an edition from its author and begins to roll it out. One that is not complete yet is
    /// superseded.
    pub async fn push(
        &self,
        signed: SignedEdition,
        plan: Plan,
        operator: Option<Private<String>>,
    ) -> Result<RolloutFacts, PushError> {
        let now = self.world().clock.unix();
        let mut tx = self.write().await?;
        let known = known(&mut tx).await?;
        let newest = self.newest(&mut tx).await?.map(|newest| newest.rollout);
        let before = newest.as_ref().map_or(Serial::BUILT_IN, Rollout::serial);
        let edition = self.check_push(&signed, before, &known)?;
        follows(&mut tx, &edition, before).await?;
        fits(&plan, &edition, &known)?;
        if let Some(mut older) = newest.filter(Rollout::is_under_way) {
            older.supersede(now, edition.serial);
            rollouts::save(&mut tx, &older).await?;
        }
        let mut rollout = Rollout::new(&edition, plan, now);
        let offices = self.offices_now(&mut tx).await?;
        rollout.advance(now, 0, &offices);
        sqlx::query(
            "INSERT INTO edition (serial, envelope, hash, pushed_at, pushed_by, rollout)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(sql(edition.serial.0))
        .bind(signed.encode())
        .bind(&signed.hash().0[..])
        .bind(now.0)
        .bind(operator.map(|operator| operator.0))
        .bind(rollout.encode())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.tell_config(rollouts::opened(&rollout, &offices));
        let facts = self.rollout(Some(edition.serial)).await?;
        Ok(facts.ok_or(StoreError::Damaged("an edition that was just pushed"))?)
    }

    /// What there is to say of all editions that were pushed, the newest first.
    pub async fn editions(&self) -> Result<Vec<EditionFacts>, StoreError> {
        let mut tx = self.snapshot().await?;
        let (now, offices) = (self.world().clock.unix(), self.offices_now(&mut tx).await?);
        let rows = sqlx::query("SELECT * FROM edition ORDER BY serial DESC LIMIT ?");
        let rows = rows.bind(i64::from(HISTORY)).fetch_all(&mut *tx).await?;
        let rollouts = rows.iter().map(rollouts::rollout).collect::<Result<Vec<_>, _>>()?;
        let facts = rows.iter().enumerate().map(|(n, row)| {
            let (signed, edition) = read(row)?;
            let (stage, stopped) = rollouts[n].word(now, &offices, &rollouts[..n]);
            let operator = row.try_get::<Option<String>, _>("pushed_by")?;
            Ok(EditionFacts {
                serial: Serial(number(row, "serial")?),
                hash: EditionHash(bytes32(row, "hash")?),
                pushed_at: moment(row, "pushed_at")?.unwrap_or_default(),
                operator: operator.map(Private),
                plan: rollouts[n].plan().clone(),
                stage,
                stopped,
                signed_by: signed.signers(self.trust()).into_iter().collect(),
                edition,
            })
        });
        facts.collect()
    }

    /// One edition that was pushed, as its author signed it and as it reads.
    pub async fn edition(
        &self,
        serial: Serial,
    ) -> Result<Option<(SignedEdition, Edition)>, StoreError> {
        let row = sqlx::query("SELECT envelope FROM edition WHERE serial = ?");
        let row = row.bind(sql(serial.0)).fetch_optional(self.readers()).await?;
        row.as_ref().map(read).transpose()
    }

    /// The edition, if offices may take it from HQ.
    fn check_push(
        &self,
        signed: &SignedEdition,
        newest: Serial,
        known: &BTreeSet<OfficeId>,
    ) -> Result<Edition, PushError> {
        if signed.encode().len() > limits::EDITION_BYTES {
            return Err(Rejection::Malformed.into());
        }
        let scope = match signed.edition() {
            Ok(Some(edition)) if signed.is_signed(self.trust()) => edition.scope,
            _ => Scope::default(),
        };
        // Checked as an office would; without one yet, for the fleet itself.
        let (hq, mut all) = (OfficeId::hq(), known.iter());
        let office = all.find(|office| scope.covers(office)).unwrap_or(&hq);
        let now = Some(self.world().clock.unix());
        let floor = newest;
        let checks = Checks { trust: self.trust(), office, floor, agent: ANY_AGENT, now };
        let named = scope.groups.values().flatten().chain(&scope.offices).chain(&scope.except);
        match check(signed, &checks) {
            Err(Rejection::Scope) => Err(match named.into_iter().find(|id| !known.contains(id)) {
                Some(id) => PushError::UnknownOffice(id.clone()),
                None => Rejection::Scope.into(),
            }),
            Err(Rejection::OldSerial { serial, floor }) => {
                Err(PushError::OldSerial { serial, newest: floor })
            }
            Err(why) => Err(why.into()),
            Ok((edition, _)) => match named.into_iter().find(|id| !known.contains(id)) {
                Some(id) => Err(PushError::UnknownOffice(id.clone())),
                None => Ok(edition),
            },
        }
    }
}

/// Two authors who did not see one another's edition must not undo each other's work: an edition
/// that names the one before it follows the newest one, or is not taken.
async fn follows(
    conn: &mut SqliteConnection,
    edition: &Edition,
    newest: Serial,
) -> Result<(), PushError> {
    let Some(previous) = edition.previous else { return Ok(()) };
    let row = sqlx::query("SELECT hash FROM edition WHERE serial = ?");
    let row = row.bind(sql(newest.0)).fetch_optional(conn).await?;
    let there = row.as_ref().map(|row| bytes32(row, "hash")).transpose()?;
    if there == Some(previous.0) { Ok(()) } else { Err(PushError::Follows(newest)) }
}

/// Does the plan name only offices that the edition is for?
fn fits(plan: &Plan, edition: &Edition, known: &BTreeSet<OfficeId>) -> Result<(), PushError> {
    for office in plan.only.iter().chain(&plan.canary) {
        if !known.contains(office) {
            return Err(PushError::UnknownOffice(office.clone()));
        }
        let planned = plan.only.is_empty() || plan.only.contains(office);
        if !planned || !edition.scope.covers(office) {
            return Err(PushError::NotFor(office.clone()));
        }
    }
    Ok(())
}

/// The ids of all offices.
async fn known(conn: &mut SqliteConnection) -> Result<BTreeSet<OfficeId>, StoreError> {
    let rows = sqlx::query("SELECT id FROM office").fetch_all(conn).await?;
    rows.iter().map(|row| office(row, "id")).collect()
}

fn read(row: &SqliteRow) -> Result<(SignedEdition, Edition), StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("an edition");
    let signed = SignedEdition::decode(row.try_get("envelope")?).map_err(|_| DAMAGED)?;
    let edition = signed.edition().ok().flatten().ok_or(DAMAGED)?;
    Ok((signed, edition))
}
