//! The edges' way to the config: a bounded channel, and two watches.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use wasl_protocol::edition::{ConfigState, Gate, Rejection, Serial};
use wasl_protocol::private::Private;
use wasl_protocol::units::UnixMs;

use super::in_force::{Explained, InForce};

/// What is told of the config, beside what is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFacts {
    /// Where all steps leave this office.
    pub state: ConfigState,
    /// The newest edition that came here, signed by those who may; none before the first.
    pub desired: Option<Serial>,
    /// When HQ last said something new: an edition, a receipt, news. By our clock.
    pub news_at: Option<UnixMs>,
    /// For how many seconds since then there has been a session.
    pub silent_up_s: u64,
}

/// An edition that was brought by hand and is not in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It may not be taken. Nothing has changed.
    #[error(transparent)]
    Refused(#[from] Rejection),
    /// It was taken, and the office went back.
    #[error("rolled back: {message}")]
    RolledBack {
        /// The constant word for why.
        code: String,
        /// The same for people.
        message: String,
    },
    /// A newer one came before it was in force.
    #[error("edition {by} came meanwhile, and is newer")]
    Superseded {
        /// Which.
        by: Serial,
    },
    /// Something goes before it: another edition on its way, or a full disk.
    #[error("not in force yet: another edition is on its way, or the disk is full")]
    Waits,
    /// The daemon is stopping.
    #[error("not taken: the daemon is stopping")]
    Stopped,
}

impl ImportError {
    /// The constant word for it.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(why) => why.code(),
            Self::RolledBack { code, .. } => code,
            Self::Superseded { .. } => "superseded",
            Self::Waits => "waits",
            Self::Stopped => "stopped",
        }
    }
}

/// What an operator asked for and cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Only an edition on trial can be taken back here.
    #[error("no edition is on trial")]
    NoTrial,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopped,
}

type Answer<T, E> = oneshot::Sender<Result<T, E>>;

/// What the edges ask.
#[derive(Debug)]
pub(super) enum Ask {
    Offer(Vec<u8>),
    Aborted(Serial),
    Clock(UnixMs),
    Session(bool),
    Gate(Gate, bool),
    Import { bytes: Vec<u8>, answer: Answer<Serial, ImportError> },
    RollBack { why: String, answer: Answer<(), ConfigError> },
    Hold { until: UnixMs, why: Private<String>, answer: Answer<(), ConfigError> },
    Unhold { answer: Answer<(), ConfigError> },
}

/// The edges' handle. Cheap to clone.
#[derive(Clone)]
pub struct Config {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) in_force: watch::Receiver<Arc<InForce>>,
    pub(super) facts: watch::Receiver<Arc<ConfigFacts>>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({})", self.in_force.borrow().serial)
    }
}

impl Config {
    /// What is in force. There always is something, from the start on.
    pub fn in_force(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.clone()
    }

    /// How the office came to it.
    pub fn facts(&self) -> watch::Receiver<Arc<ConfigFacts>> {
        self.facts.clone()
    }

    /// HQ offers an edition.
    pub async fn offer(&self, bytes: Vec<u8>) {
        self.tell(Ask::Offer(bytes)).await;
    }

    /// HQ stops a rollout; whoever calls this has checked that HQ signed it.
    pub async fn aborted(&self, serial: Serial) {
        self.tell(Ask::Aborted(serial)).await;
    }

    /// What HQ's clock shows now: deadlines count by it.
    pub async fn clock(&self, hq: UnixMs) {
        self.tell(Ask::Clock(hq)).await;
    }

    /// Is a session with HQ live?
    pub async fn session(&self, live: bool) {
        self.tell(Ask::Session(live)).await;
    }

    /// How a gate stands, while an edition is on trial.
    pub async fn gate(&self, gate: Gate, ok: bool) {
        self.tell(Ask::Gate(gate, ok)).await;
    }

    /// Takes an edition that a person brought; answers once it is in force, or refused.
    pub async fn import(&self, bytes: Vec<u8>) -> Result<Serial, ImportError> {
        let asked = self.ask(|answer| Ask::Import { bytes, answer }).await;
        asked.unwrap_or(Err(ImportError::Stopped))
    }

    /// Takes back the edition on trial.
    pub async fn roll_back(&self, why: String) -> Result<(), ConfigError> {
        let asked = self.ask(|answer| Ask::RollBack { why, answer }).await;
        asked.unwrap_or(Err(ConfigError::Stopped))
    }

    /// Takes no edition from HQ until then, by our clock.
    pub async fn hold(&self, until: UnixMs, why: String) -> Result<(), ConfigError> {
        let why = Private(why);
        let asked = self.ask(|answer| Ask::Hold { until, why, answer }).await;
        asked.unwrap_or(Err(ConfigError::Stopped))
    }

    /// Takes editions again.
    pub async fn unhold(&self) -> Result<(), ConfigError> {
        let asked = self.ask(|answer| Ask::Unhold { answer }).await;
        asked.unwrap_or(Err(ConfigError::Stopped))
    }

    /// Why a setting is what it is; none if there is no such setting.
    pub fn explain(&self, key: &str) -> Option<Explained> {
        self.in_force.borrow().explain(key)
    }

    /// Without a task behind it any more, there is nobody to tell.
    async fn tell(&self, ask: Ask) {
        let _ = self.asks.send(ask).await;
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (answer, waits) = oneshot::channel();
        self.asks.send(ask(answer)).await.ok()?;
        waits.await.ok()
    }
}
