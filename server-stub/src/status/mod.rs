//! What ops see of HQ: one document, built when it is asked for.
//!
//! It knows nothing of HTTP nor of how the document is shown, but for the one line of `check`.

mod document; // what it says
mod offices; // every office, and how fresh that is
mod codes; // every constant word of what may be wrong
mod warnings; // what is wrong, and what to do
mod check; // the one line for monitoring systems
#[cfg(test)]
mod tests; // each state, and what is told of it

use std::collections::BTreeMap;

use jiff::Timestamp;
use wasl_protocol::units::UnixMs;

use crate::gateway::Sessions;
use crate::rollout::RolloutFacts;
use crate::settings::StatusSettings;
use crate::store::{CopyMade, Store, StoreError};

pub use crate::habit::Freshness;
pub use check::{State, Verdict};
pub use codes::{Code, CodeItem, CodeList};
pub use document::{
    BackupItem, BackupStatus, DatabaseStatus, HabitStatus, JournalStatus, OfficeState,
    OfficeStatus, Overall, RolloutStatus, Severity, Status, Totals, Warning,
};
pub use offices::offices;

/// What is true of the running daemon only.
#[derive(Clone, Debug)]
pub struct Running {
    /// Since when it runs.
    pub started_at: UnixMs,
    /// Where offices find it.
    pub endpoint: String,
    /// Who is connected.
    pub sessions: Sessions,
    /// From where on something is wrong.
    pub limits: StatusSettings,
}

impl Status {
    /// The status at `now`; `running` only in the daemon.
    pub async fn build(
        store: &Store,
        running: Option<&Running>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let live = running.map(|r| r.sessions.list());
        let offices = offices(store, live.as_deref(), now).await?;
        let limits = running.map(|r| r.limits.clone()).unwrap_or_default();
        let (totals, disk) = (store.totals().await?, store.disk().await?);
        let rollout = store.rollout(None).await?;
        let uptime_s = running.map(|r| (now.0 - r.started_at.0) / 1000);
        let mut status = Self {
            schema: Self::SCHEMA.to_owned(),
            as_of: timestamp(now),
            running: running.is_some(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            overall: Overall::Unknown,
            summary: String::new(),
            // A clock that was set back makes no young daemon of an old one.
            warming_up: uptime_s.is_some_and(|s| (0..limits.warm_up_s.into()).contains(&s)),
            epoch: store.epoch(),
            pid: running.map(|_| std::process::id()),
            started_at: running.map(|r| timestamp(r.started_at)),
            uptime_s,
            endpoint: running.map(|r| r.endpoint.clone()),
            totals: Totals {
                offices: count(&offices, |o| o.state != OfficeState::Revoked),
                connected: count(&offices, |o| o.connected),
                freshness: freshness(&offices),
                records: totals.records,
                conflicts: totals.conflicts,
                held: totals.held,
            },
            held: store.held_totals().await?,
            database: DatabaseStatus { bytes: disk.bytes, free_bytes: disk.free_bytes },
            backup: backup(store).await?,
            rollout: rollout.as_ref().map(rollout_status),
            warnings: Vec::new(),
            offices,
        };
        let overstepped = warnings::overstepped(store, &status.held).await?;
        status.warnings =
            warnings::warnings(&status, &limits, rollout.as_ref(), overstepped.as_ref());
        status.overall = status.warnings.iter().map(|w| w.severity).max().into();
        status.summary = warnings::summary(&status);
        Ok(status)
    }
}

async fn backup(store: &Store) -> Result<BackupStatus, StoreError> {
    let item = |copy: CopyMade| BackupItem {
        at: timestamp(copy.at),
        place: copy.place,
        entries: copy.entries,
    };
    Ok(BackupStatus {
        newest: store.newest_copy(false).await?.map(item),
        offsite: store.newest_copy(true).await?.map(item),
    })
}

fn rollout_status(facts: &RolloutFacts) -> RolloutStatus {
    let in_force = facts.offices.iter().filter(|o| o.running == facts.serial).count() as u64;
    RolloutStatus {
        serial: facts.serial,
        stage: facts.stage.clone(),
        since: timestamp(facts.since),
        stopped: facts.stopped.clone(),
        in_force,
    }
}

fn freshness(offices: &[OfficeStatus]) -> BTreeMap<Freshness, u64> {
    let number = |word: Freshness| count(offices, |office| office.freshness == Some(word));
    Freshness::ALL.into_iter().map(|word| (word, number(word))).collect()
}

fn count(offices: &[OfficeStatus], is: impl Fn(&OfficeStatus) -> bool) -> u64 {
    offices.iter().filter(|o| is(o)).count() as u64
}

/// A moment for people; a clock beyond the calendar shows the calendar's end.
pub fn timestamp(at: UnixMs) -> Timestamp {
    let end = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(end)
}
