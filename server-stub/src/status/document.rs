//! What `status --json` says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::edition::Serial;
use wasl_protocol::id::{EpochId, Head, JournalId, OfficeId};
use wasl_protocol::units::Seq;

use crate::habit::Freshness;

/// `status --json`.
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Status {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// Is the daemon running? If not, this is what the database holds.
    pub running: bool,
    /// This program's version.
    pub version: String,
    /// How it is, all in all: as bad as the worst warning.
    pub overall: Overall,
    /// The same in one line.
    pub summary: String,
    /// Has the daemon just started? Then nothing is told that only time can tell.
    pub warming_up: bool,
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
    /// The database and its disk.
    pub database: DatabaseStatus,
    /// The copies of the database.
    #[serde(default)]
    pub backup: BackupStatus,
    /// The newest rollout; none if no edition was pushed.
    pub rollout: Option<RolloutStatus>,
    /// What is wrong, the worst first.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// Every office, in the order in which they were added.
    pub offices: Vec<OfficeStatus>,
}

/// How much there is at HQ.
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Totals {
    /// Offices that are not revoked.
    pub offices: u64,
    /// Offices that are connected.
    pub connected: u64,
    /// Of those that are not revoked: how many are so fresh.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, u64>")]
    pub freshness: BTreeMap<Freshness, u64>,
    /// Records.
    pub records: u64,
    /// Records in conflict.
    pub conflicts: u64,
    /// Entries that are held.
    pub held: u64,
}

/// The newest copies of the database.
#[derive(Clone, Debug, Default, JsonSchema, Serialize, Deserialize)]
pub struct BackupStatus {
    /// The newest one; none: there is none.
    pub newest: Option<BackupItem>,
    /// The newest one that was declared off-site.
    pub offsite: Option<BackupItem>,
}

/// One copy of the database.
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
pub struct BackupItem {
    /// When it was made.
    pub at: Timestamp,
    /// Where it was put.
    pub place: String,
    /// How many entries it holds.
    pub entries: u64,
}

/// How headquarters is, all in all.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// Nothing is wrong.
    Ok,
    /// It gets worse if nobody does anything.
    Warn,
    /// Somebody must look now.
    Crit,
    /// Nobody knows.
    Unknown,
}

impl From<Option<Severity>> for Overall {
    fn from(worst: Option<Severity>) -> Self {
        match worst {
            None | Some(Severity::Info) => Self::Ok,
            Some(Severity::Warn) => Self::Warn,
            Some(Severity::Crit) => Self::Crit,
        }
    }
}

/// How bad something is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody has work to do.
    Info,
    /// It gets worse if nobody does anything.
    Warn,
    /// Somebody must look now.
    Crit,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Warning {
    /// What, for programs: a constant word. `wasl-hq explain` tells more of it.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// What, in few words.
    pub title: String,
    /// This case.
    pub text: String,
    /// What to do.
    pub action: String,
    /// The codes of those that are told too and explain it.
    #[serde(default)]
    pub depends_on: Vec<String>,
}

/// The database and its disk.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// How many bytes it takes.
    pub bytes: u64,
    /// How many bytes its disk has free.
    pub free_bytes: u64,
}

/// The newest rollout.
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
pub struct RolloutStatus {
    /// Of which edition.
    pub serial: Serial,
    /// How far it is: `SIGNED`, `CANARY`, `SOAK`, `WAVE 1`, .. `COMPLETE`, `PAUSED`, `ABORTED` or
    /// `SUPERSEDED`.
    pub stage: String,
    /// Since when.
    pub since: Timestamp,
    /// Why it does not go on, if it does not.
    pub stopped: Option<String>,
    /// At how many offices the edition is in force.
    pub in_force: u64,
}

/// How far an office has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
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
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
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
    /// When a journal last grew although another goes on from it: two machines write as this office.
    #[serde(default)]
    pub two_machines_at: Option<Timestamp>,
    /// When all that it has was last compared with what HQ has for it; null before the first time,
    /// and while that is due.
    #[serde(default)]
    pub audited_at: Option<Timestamp>,
    /// How many records such comparisons have sent again.
    #[serde(default)]
    pub audit_again: u64,
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
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, JsonSchema, Serialize, Deserialize)]
pub struct JournalStatus {
    /// Which.
    pub journal: JournalId,
    /// How far HQ has it.
    pub seq: Seq,
    /// The head there.
    pub head: Head,
}

impl Status {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl-hq.status/1";
}
