//! What link and mirror know of themselves, and how an edition that was tried is shown. Plain data: it knows
//! no edge and no engine, so that the edges need not know one another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use wasl_protocol::edition::{Attempt, ConfigState, Serial};
use wasl_protocol::units::{Seq, UnixMs};

/// The newest facts of the link; the link publishes, status and the daemon read.
pub type LinkState = watch::Receiver<LinkFacts>;

/// How the link to HQ is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPhase {
    /// A session is live: HQ has welcomed us.
    Up,
    /// A connection or its handshake is under way.
    Connecting,
    /// The last attempt failed; the next has its time.
    Backoff,
    /// Nothing has been tried yet, or the link has stopped.
    #[default]
    Down,
    /// HQ does not let this office in: an unknown or revoked key. Tried again, slowly.
    Refused,
    /// Held back by an operator.
    Paused,
}

/// What went wrong last, for people: `code` is a constant word, `text` one sentence. Neither holds
/// personal data.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct LinkError {
    /// A constant word, such as `timeout`, `wrong-key`, `revoked`.
    pub code: String,
    /// One sentence.
    pub text: String,
}

/// What `status` says of the link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkFacts {
    /// How it is.
    pub state: LinkPhase,
    /// Since when it is so; none before the first attempt.
    pub since: Option<UnixMs>,
    /// The endpoint in use, or last tried: `host:port`.
    pub endpoint: Option<String>,
    /// The smoothed round-trip time of the live connection, in milliseconds.
    pub rtt_ms: Option<u64>,
    /// When a session was last live.
    pub last_up_at: Option<UnixMs>,
    /// What went wrong last; none once a session is live.
    pub last_error: Option<LinkError>,
    /// When the next attempt is due, in backoff and when refused.
    pub next_attempt_at: Option<UnixMs>,
    /// How many attempts have failed since the last live session.
    pub attempts: u32,
    /// Our clock minus HQ's at the last Welcome, in milliseconds; none before the first.
    pub clock_offset_ms: Option<i64>,
    /// When HQ last said that all it had for us is on our disk.
    pub level_at: Option<UnixMs>,
    /// How many kicks ("sync now") that word of HQ's has seen: level with the nth kick once this is
    /// n or more and the engine has no backlog.
    pub level_kicks: u64,
    /// How many attempts there were since the start, by how they ended: `up`, or a failure's code.
    pub attempts_by_outcome: BTreeMap<&'static str, u64>,
    /// How many sessions ended since the start, by a failure's code.
    pub ends_by_reason: BTreeMap<&'static str, u64>,
    /// Bytes of UDP that sessions have sent since the start.
    pub sent_bytes: u64,
    /// Bytes of UDP that sessions have received since the start.
    pub received_bytes: u64,
}

/// What intake has counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntakeFacts {
    /// New enrollments that are on disk.
    pub enrolled: u64,
    /// Enrollments that were on disk already, posted again.
    pub repeated: u64,
    /// Corrections that are on disk.
    pub corrected: u64,
    /// What was refused, by the code that the caller was told.
    pub refused: BTreeMap<String, u64>,
    /// How many posted records wait for the disk now.
    pub waiting: u64,
}

/// The address at which the edition in force wants HTTP served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpFacts {
    /// Which; none if the edition names none, or the one that this machine serves in any case.
    pub wanted: Option<SocketAddr>,
    /// Which one is served; another than the wanted one until that can be opened.
    pub served: Option<SocketAddr>,
    /// Why the wanted one cannot be opened.
    pub why: Option<String>,
}

/// The newest facts of the mirror.
pub type MirrorState = watch::Receiver<MirrorFacts>;

/// How the second copy of the logs is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorFacts {
    /// Where it is kept.
    pub place: PathBuf,
    /// How many entries of the journal are in it for certain.
    pub entries: Seq,
    /// When it last held everything; none before that.
    pub level_at: Option<UnixMs>,
    /// Why it takes nothing now, and since when.
    pub trouble: Option<(String, UnixMs)>,
}

/// The last edition that the office tried, and how far it came.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct AttemptFacts {
    /// Which.
    pub serial: Serial,
    /// How far: a constant word, such as `probation`, `committed`, `rolled_back`.
    pub phase: String,
    /// Why it ended, if it ended badly: a constant word.
    pub code: Option<String>,
    /// The same for people.
    pub message: Option<String>,
    /// Since when it has been tried.
    pub at: Timestamp,
}

impl From<&Attempt> for AttemptFacts {
    fn from(attempt: &Attempt) -> Self {
        let (code, message) = attempt.phase.why().unzip();
        Self {
            serial: attempt.serial,
            phase: attempt.phase.as_str().to_owned(),
            code: code.map(str::to_owned),
            message: message.map(str::to_owned),
            at: timestamp(attempt.since),
        }
    }
}

/// Where the office is with its config, in one word: the phase of the last attempt, `held`, or
/// `idle` before the first.
pub fn config_word(state: &ConfigState, now: UnixMs) -> &'static str {
    let attempt = state.attempt.as_ref().map(|attempt| &attempt.phase);
    match attempt {
        Some(phase) if phase.is_on_trial() => phase.as_str(),
        _ if state.hold.as_ref().is_some_and(|hold| now < hold.until) => "held",
        Some(phase) => phase.as_str(),
        None => "idle",
    }
}

/// How far our clock is to be trusted against HQ's: `unknown` before the first Welcome, `off` if it
/// differs by more than `warn_s` seconds, else `ok`.
pub fn clock_trust(offset_ms: Option<i64>, warn_s: u64) -> &'static str {
    match offset_ms {
        None => "unknown",
        Some(ms) if ms.unsigned_abs() > warn_s.saturating_mul(1000) => "off",
        Some(_) => "ok",
    }
}

/// The moment as a timestamp; one that no calendar holds is the nearest that it does.
pub fn timestamp(at: UnixMs) -> Timestamp {
    let nearest = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(nearest)
}
