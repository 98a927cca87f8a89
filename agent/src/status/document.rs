//! The document `wasl.status/1`. Moments are RFC 3339 text in UTC; what is not known is null.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::edition::Serial;
use wasl_protocol::id::{JournalId, OfficeId};
use wasl_protocol::units::Seq;

pub use crate::facts::timestamp;
use crate::facts::{AttemptFacts, LinkError, LinkPhase};

/// How the office is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// Nothing is wrong.
    Ok,
    /// Something wants attention.
    Warn,
    /// Something wants attention now.
    Crit,
    /// The daemon does not say.
    Unknown,
}

/// How bad a warning is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody has work to do, and the office is well.
    Info,
    /// Wants attention.
    Warn,
    /// Wants attention now.
    Crit,
}

/// Everything `status` says.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Status {
    /// `wasl.status/1`.
    pub schema: String,
    /// The verdict.
    pub overall: Overall,
    /// The verdict in one sentence.
    pub summary: String,
    /// Has HQ everything that was written here, and, while the link is up, this office everything
    /// that HQ had for it when the link came up?
    pub synced: bool,
    /// Is everything that was acknowledged on this disk? Then a power cut loses nothing.
    pub safe_to_power_off: bool,
    /// Are enrollments taken?
    pub intake_open: bool,
    /// When this was so.
    pub as_of: Timestamp,
    /// When the daemon was stopped by whoever may; null while it runs, and where it died.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
    /// Which office.
    pub office: OfficeStatus,
    /// The daemon.
    pub agent: AgentStatus,
    /// The link to HQ.
    pub link: LinkStatus,
    /// How far HQ has what was written here.
    pub sync: SyncStatus,
    /// The records of this office.
    pub records: RecordsStatus,
    /// The journal and its disk.
    pub journal: JournalStatus,
    /// The config in force.
    pub config: ConfigStatus,
    /// The office's keys.
    pub identity: IdentityStatus,
    /// Our clock against HQ's.
    pub clock: ClockStatus,
    /// From when on something is wrong; null in what an older daemon left.
    #[serde(default)]
    pub thresholds: Option<Thresholds>,
    /// What is wrong, the worst first, each followed by what it explains.
    pub warnings: Vec<Warning>,
}

/// From when on something is wrong, by the edition in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Thresholds {
    /// Warn once HQ has not had an entry, or a link, for this many seconds of working time.
    pub unacked_warn_s: u64,
    /// Critical once HQ has not had an entry for this many seconds of working time.
    pub unacked_crit_s: u64,
    /// Warn when the disk will be full within this many seconds.
    pub disk_warn_s: u64,
    /// Critical when the disk will be full within this many seconds.
    pub disk_crit_s: u64,
    /// Warn when our clock is off HQ's by more than this many seconds.
    pub clock_warn_s: u64,
    /// Critical when our clock is off HQ's by more than this many seconds.
    pub clock_crit_s: u64,
}

/// Which office.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct OfficeStatus {
    /// Its id.
    pub id: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
}

/// The daemon.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
}

/// The link to HQ.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct LinkStatus {
    /// How it is.
    pub state: LinkPhase,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The endpoint in use or last tried.
    pub endpoint: Option<String>,
    /// The round-trip time in milliseconds, while it is up.
    pub rtt_ms: Option<u64>,
    /// When it was last up.
    pub last_up_at: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<LinkError>,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// How many attempts have failed in a row.
    pub attempts: u32,
}

/// How far HQ has what was written here.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct SyncStatus {
    /// The newest journal.
    pub journal: Option<JournalId>,
    /// Its last entry.
    pub head_seq: Seq,
    /// The last entry that HQ has fsynced.
    pub stored_seq: Seq,
    /// The last entry that is in a copy declared off-site.
    pub stable_seq: Seq,
    /// How many entries HQ has not.
    pub backlog_records: u64,
    /// The same in bytes.
    pub backlog_bytes: u64,
    /// How many blobs HQ has not.
    pub blobs_pending: u64,
    /// When the oldest entry that HQ has not was written.
    pub oldest_unacked_at: Option<Timestamp>,
    /// For how many seconds of working time it has waited.
    #[serde(default)]
    pub oldest_unacked_work_s: Option<u64>,
    /// When HQ's last receipt came.
    pub last_ack_at: Option<Timestamp>,
    /// In how many seconds HQ will have everything, at the pace of the last minute.
    pub eta_s: Option<u64>,
    /// How many of our entries HQ holds back.
    pub held: u64,
    /// How many of our entries HQ has refused.
    #[serde(default)]
    pub refused: u64,
    /// When HQ last said that all it had for this office is on this disk.
    pub level_at: Option<Timestamp>,
    /// How many calls of `wasl sync` that word of HQ's has answered since the daemon started.
    pub level_kicks: u64,
}

/// The records of this office.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct RecordsStatus {
    /// How many.
    pub total: u64,
    /// How many of them are in conflict.
    pub conflicts: u64,
    /// How many of them are not written here: a newer version wrote what this one cannot read.
    #[serde(default)]
    pub read_only: u64,
}

/// The journal and its disk.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct JournalStatus {
    /// How long its files are, in bytes.
    pub bytes: u64,
    /// How many bytes are free on its disk.
    pub free_bytes: u64,
    /// In how many seconds the disk will be full, at the pace of the last days.
    pub fill_eta_s: Option<u64>,
    /// The 99th percentile of the last fsyncs, in milliseconds.
    pub fsync_p99_ms: f64,
    /// The last verification.
    pub last_verify: Option<Verified>,
    /// Has a write failed, so that nothing more is written?
    pub read_only: bool,
    /// The second copy, where one is kept.
    pub mirror: Option<MirrorStatus>,
}

/// The second copy of the logs.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct MirrorStatus {
    /// The folder it is kept in.
    pub place: String,
    /// Has it everything?
    pub level: bool,
    /// How many entries of the journal it lacks.
    pub behind: u64,
    /// When it last had everything; null before that.
    pub level_at: Option<Timestamp>,
    /// Why it takes nothing now.
    pub trouble: Option<String>,
}

/// A verification of the journal.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Verified {
    /// When.
    pub at: Timestamp,
    /// `ok`, or the first thing that is wrong.
    pub result: String,
}

/// The config in force. One serial over the whole fleet; 0 is what is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// The edition in force; null in what an older daemon left.
    pub running: Option<Serial>,
    /// The newest edition that HQ wants; null while none has come.
    pub desired: Option<Serial>,
    /// `idle`, `held`, or how far the last attempt came.
    pub state: Option<String>,
    /// The last attempt; null before the first.
    pub last_attempt: Option<AttemptFacts>,
    /// When HQ last said something new.
    #[serde(default)]
    pub news_at: Option<Timestamp>,
}

/// The office's keys.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct IdentityStatus {
    /// The first 16 hex digits of the transport key's hash, as HQ shows it.
    pub key: String,
    /// Where the key that opens the office's secrets is kept.
    pub key_store: String,
}

impl Verified {
    /// The result of a verification that found nothing wrong.
    pub const OK: &str = "ok";
}

/// Our clock against HQ's.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ClockStatus {
    /// Ours minus HQ's in milliseconds, as of the last Welcome.
    pub offset_ms: Option<i64>,
    /// `unknown`, `ok` or `off`.
    pub trust: String,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Warning {
    /// A constant word: `wasl explain CODE`.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// Since when; null only in what an older daemon left.
    pub since: Option<Timestamp>,
    /// What, in few words.
    pub title: String,
    /// Why, and what follows from it.
    pub text: String,
    /// What to do next.
    pub action: String,
    /// The codes of those warnings here that explain it: it ends when they end.
    #[serde(default)]
    pub depends_on: Vec<String>,
}

impl Status {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.status/1";

    /// The same, told by someone else than a live daemon: everything in it was so once.
    #[must_use]
    pub fn no_longer(mut self, summary: String) -> Self {
        self.overall = Overall::Unknown;
        self.summary = summary;
        self.intake_open = false;
        self
    }

    /// Did the daemon go down by itself, or close its door before it went?
    pub fn died(&self) -> bool {
        self.stopped_at.is_none() || !self.intake_open
    }
}
