//! What ops see of HQ: one document, built when it is asked for.
//!
//! It knows nothing of HTTP nor of how the document is shown.

mod warnings; // what is wrong, and what to do

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{EpochId, Head, JournalId, OfficeId};
use wasl_protocol::units::{Seq, UnixMs};

use crate::gateway::{SessionFacts, Sessions};
use crate::habit::{Contact, Habit, judge};
use crate::store::{Heard, OfficeFacts, Store, StoreError};

pub use crate::habit::Freshness;
pub use warnings::{Severity, Warning};

/// `status --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// Is the daemon running? If not, this is what the database holds.
    pub running: bool,
    /// This program's version.
    pub version: String,
    /// Which life of HQ's database this is.
    pub epoch: EpochId,
    /// The daemon's process.
    pub pid: Option<u32>,
    /// Since when the daemon runs.
    pub started_at: Option<Timestamp>,
    /// How long the daemon has been running, in seconds.
    pub uptime_s: Option<i64>,
    /// Where offices find it.
    pub endpoint: Option<String>,
    /// How much there is.
    pub totals: Totals,
    /// How many entries are held for each reason.
    pub held: BTreeMap<String, u64>,
    /// What is wrong, the worst first.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// Every office, in the order in which they were added.
    pub offices: Vec<OfficeStatus>,
}

/// How much there is at HQ.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Totals {
    /// Offices that are not revoked.
    pub offices: u64,
    /// Offices that are connected.
    pub connected: u64,
    /// Records.
    pub records: u64,
    /// Records in conflict.
    pub conflicts: u64,
    /// Entries that are held.
    pub held: u64,
}

/// How far an office has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfficeState {
    /// It has a token and has not joined.
    Added,
    /// It has joined.
    Joined,
    /// It may no longer come.
    Revoked,
}

impl OfficeState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Joined => "joined",
            Self::Revoked => "revoked",
        }
    }
}

/// One office, as HQ sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfficeStatus {
    /// Its id.
    pub id: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
    /// How far it has come in.
    pub state: OfficeState,
    /// Is a session of it live?
    pub connected: bool,
    /// Since when that session lives.
    pub connected_since: Option<Timestamp>,
    /// From where it is connected.
    pub address: Option<String>,
    /// The round-trip time to it, in milliseconds.
    pub rtt_ms: Option<u64>,
    /// How fresh that makes what is known of it, by its own habit; none of one that is revoked.
    pub freshness: Option<Freshness>,
    /// Its habit, and its silence by that; none of one that never came or is revoked.
    pub habit: Option<HabitStatus>,
    /// When it last said something.
    pub last_seen: Option<Timestamp>,
    /// When it was added.
    pub added_at: Timestamp,
    /// Until when its token is good, if it has not joined.
    pub token_expires_at: Option<Timestamp>,
    /// When it joined.
    pub joined_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The agent's version when it joined.
    pub agent_version: Option<String>,
    /// How far its clock was ahead of HQ's at its last report, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Its journals, oldest first.
    pub journals: Vec<JournalStatus>,
    /// How far HQ has the newest of them.
    pub stored_seq: Seq,
    /// How many entries of its newest journal HQ has not, of those that it last reported.
    pub backlog: Option<u64>,
    /// How many of its entries are held.
    pub held: u64,
    /// How many records it opened.
    pub records: u64,
    /// How many of those are in conflict.
    pub conflicts: u64,
}

/// When an office is usually heard, and what its silence means by that. Hours are those in which it
/// is usually heard and HQ ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HabitStatus {
    /// When it is usually heard, in words: `Sun-Thu 08-15`.
    pub usual: String,
    /// Does that come from what it did? Else from what offices do.
    pub learnt: bool,
    /// How many of those hours have passed since it was heard last.
    pub missed_hours: f64,
    /// From how many on it is late.
    pub late_after_hours: f64,
    /// From how many on it is lost.
    pub lost_after_hours: f64,
}

/// One journal of an office.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct JournalStatus {
    /// Which.
    pub journal: JournalId,
    /// How far HQ has it.
    pub seq: Seq,
    /// The head there.
    pub head: Head,
}

/// What is true of the running daemon only.
#[derive(Clone, Debug)]
pub struct Running {
    /// Since when it runs.
    pub started_at: UnixMs,
    /// Where offices find it.
    pub endpoint: String,
    /// Who is connected.
    pub sessions: Sessions,
}

impl Status {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.status/1";

    /// The status at `now`; `running` only in the daemon.
    pub async fn build(
        store: &Store,
        running: Option<&Running>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let live = running.map(|r| r.sessions.list()).unwrap_or_default();
        let offices = offices(store, running.map(|_| &*live), now).await?;
        let totals = store.totals().await?;
        let held = store.held_totals().await?;
        let warnings = warnings::warnings(store, &held, totals.conflicts).await?;
        Ok(Self {
            schema: Self::SCHEMA.to_owned(),
            as_of: timestamp(now),
            running: running.is_some(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: store.epoch(),
            pid: running.map(|_| std::process::id()),
            started_at: running.map(|r| timestamp(r.started_at)),
            uptime_s: running.map(|r| (now.0 - r.started_at.0) / 1000),
            endpoint: running.map(|r| r.endpoint.clone()),
            totals: Totals {
                offices: count(&offices, |o| o.state != OfficeState::Revoked),
                connected: count(&offices, |o| o.connected),
                records: totals.records,
                conflicts: totals.conflicts,
                held: totals.held,
            },
            held,
            warnings,
            offices,
        })
    }
}

/// Every office at `now`, with the sessions that are `live`; none: HQ does not run.
pub async fn offices(
    store: &Store,
    live: Option<&[SessionFacts]>,
    now: UnixMs,
) -> Result<Vec<OfficeStatus>, StoreError> {
    let heard = store.heard().await?;
    let facts = store.offices().await?;
    Ok(facts.into_iter().map(|f| office(f, live, &heard, now)).collect())
}

fn office(
    facts: OfficeFacts,
    live: Option<&[SessionFacts]>,
    heard: &Heard,
    now: UnixMs,
) -> OfficeStatus {
    let session = live.unwrap_or_default().iter().find(|s| s.office == facts.id);
    let state = match (facts.joined_at, facts.revoked_at) {
        (_, Some(_)) => OfficeState::Revoked,
        (Some(_), None) => OfficeState::Joined,
        (None, None) => OfficeState::Added,
    };
    let journal = |(journal, at): &(JournalId, wasl_protocol::id::Position)| JournalStatus {
        journal: *journal,
        seq: at.seq,
        head: at.head,
    };
    let journals: Vec<_> = facts.journals.iter().map(journal).collect();
    let stored_seq = journals.last().map_or(Seq(0), |j| j.seq);
    let last_seen = session.map(|s| s.last_seen).max(facts.last_seen);
    let habit = last_seen.max(facts.joined_at).filter(|_| state == OfficeState::Joined);
    let habit = habit.map(|last| {
        let log = heard.offices.get(&facts.id).cloned().unwrap_or_default();
        judge(&heard.ran, &log, Contact { connected: session.is_some(), last }, now)
    });
    let freshness = match (state, &habit) {
        (OfficeState::Revoked, _) => None,
        (_, None) => Some(Freshness::Never),
        // Nothing is fresh that nobody watches.
        (_, Some(habit)) if live.is_none() => Some(habit.freshness.max(Freshness::Quiet)),
        (_, Some(habit)) => Some(habit.freshness),
    };
    OfficeStatus {
        state,
        connected: session.is_some(),
        connected_since: session.map(|s| timestamp(s.since)),
        address: session.map(|s| s.address.to_string()),
        rtt_ms: session.map(|s| u64::try_from(s.rtt.as_millis()).unwrap_or(u64::MAX)),
        freshness,
        habit: habit.map(Into::into),
        last_seen: last_seen.map(timestamp),
        added_at: timestamp(facts.added_at),
        token_expires_at: (state == OfficeState::Added).then(|| timestamp(facts.token_expires_at)),
        joined_at: facts.joined_at.map(timestamp),
        revoked_at: facts.revoked_at.map(timestamp),
        agent_version: facts.agent_version,
        clock_offset_ms: facts.clock_offset_ms,
        stored_seq,
        journals,
        backlog: facts.reported_seq.map(|reported| reported - stored_seq),
        held: facts.held,
        records: facts.records,
        conflicts: facts.conflicts,
        id: facts.id,
        name_ar: facts.name_ar,
        name_en: facts.name_en,
    }
}

impl From<Habit> for HabitStatus {
    fn from(habit: Habit) -> Self {
        // To a tenth of an hour.
        let hours = |thousandths: u32| f64::from((thousandths + 50) / 100) / 10.0;
        Self {
            missed_hours: hours(habit.missed_m),
            late_after_hours: hours(habit.late_m),
            lost_after_hours: hours(habit.lost_m),
            usual: habit.usual,
            learnt: habit.learnt,
        }
    }
}

fn count(offices: &[OfficeStatus], is: impl Fn(&OfficeStatus) -> bool) -> u64 {
    offices.iter().filter(|o| is(o)).count() as u64
}

/// A moment for people; a clock beyond the calendar shows the calendar's end.
pub fn timestamp(at: UnixMs) -> Timestamp {
    let end = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(end)
}
