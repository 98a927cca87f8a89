//! The config in force, for whoever asks, and what the operator says to it.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasl_protocol::edition::{OfficeSettings, Rejection, Serial};
use wasl_protocol::limits;
use wasl_protocol::private::Private;
use wasl_protocol::units::UnixMs;

use super::records::bad_request;
use super::{Intake, Problem};
use crate::config::{ConfigError, Explained, ImportError};
use crate::facts::{AttemptFacts, config_word, timestamp};

/// The longest request that says why, in bytes.
const SAID_BYTES: usize = 4096;

/// The longest reason, in bytes.
const WHY_BYTES: usize = 512;

/// `config show --json`.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ConfigReport {
    /// `wasl.config/1`.
    pub schema: String,
    /// The edition in force; 0: what is built in.
    pub running: Serial,
    /// The last edition that was committed and not given up since.
    pub good: Serial,
    /// No edition up to here is taken.
    pub floor: Serial,
    /// The newest edition that HQ wants; null while none has come.
    pub desired: Option<Serial>,
    /// `idle`, `held`, or how far the last attempt came.
    pub state: String,
    /// The last attempt; null before the first.
    pub last_attempt: Option<AttemptFacts>,
    /// Editions that were rolled back: not tried again by themselves.
    pub rolled_back: Vec<Serial>,
    /// The operator's hold.
    pub hold: Option<HoldReport>,
    /// When HQ last said something new.
    pub news_at: Option<Timestamp>,
    /// The settings that this machine's `conf.d` has tightened.
    pub tightened: Vec<String>,
    /// Every setting in force.
    #[schemars(with = "serde_json::Value")]
    pub settings: OfficeSettings,
}

impl ConfigReport {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.config/1";
}

/// A hold: no edition is taken.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct HoldReport {
    /// Until when, by the office's clock.
    pub until: Timestamp,
    /// Why.
    pub why: Private<String>,
}

/// `config explain --json`.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ExplainReport {
    /// `wasl.setting/1`.
    pub schema: String,
    /// The setting.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// The layer that won: `built-in`, `edition` or `conf.d`.
    pub layer: String,
    /// The edition in force, where it is one.
    pub serial: Option<Serial>,
    /// The keys that signed it.
    pub signed_by: Vec<String>,
    /// Who wrote it.
    pub author: Option<Private<String>>,
    /// Why.
    pub reason: Option<String>,
}

impl ExplainReport {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.setting/1";
}

impl From<Explained> for ExplainReport {
    fn from(explained: Explained) -> Self {
        let Explained { key, value, layer, serial, signed_by, author, reason } = explained;
        let signed_by = signed_by.iter().map(ToString::to_string).collect();
        let schema = Self::SCHEMA.to_owned();
        Self { schema, key, value, layer, serial, signed_by, author, reason }
    }
}

/// `config import --json`: the edition is in force.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Imported {
    /// `wasl.import/1`.
    pub schema: String,
    /// Its number.
    pub serial: Serial,
}

impl Imported {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.import/1";
}

pub(super) async fn show(State(intake): State<Arc<Intake>>) -> Json<ConfigReport> {
    let (in_force, facts) =
        (intake.in_force.borrow().clone(), intake.config.facts().borrow().clone());
    let (state, now) = (&facts.state, intake.door.world.clock.unix());
    let hold = state.hold.as_ref().filter(|hold| now < hold.until);
    Json(ConfigReport {
        schema: ConfigReport::SCHEMA.to_owned(),
        running: in_force.serial,
        good: state.good,
        floor: state.floor,
        desired: facts.desired,
        state: config_word(state, now).to_owned(),
        last_attempt: state.attempt.as_ref().map(Into::into),
        rolled_back: state.back.iter().copied().collect(),
        hold: hold.map(|h| HoldReport { until: timestamp(h.until), why: h.why.clone() }),
        news_at: facts.news_at.map(timestamp),
        tightened: in_force.layers.tightened.iter().map(ToString::to_string).collect(),
        settings: in_force.settings.clone(),
    })
}

/// Which setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    key: String,
}

pub(super) async fn explain(
    State(intake): State<Arc<Intake>>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<ExplainReport>, Problem> {
    let Query(Which { key }) = which.map_err(|e| bad_request(&e.body_text()))?;
    let explained = intake.in_force.borrow().explain(&key);
    let unknown = || Problem::not_found("there is no setting of that name");
    Ok(Json(explained.ok_or_else(unknown)?.into()))
}

/// Takes an edition that a person brought; answers once it is in force, or refused.
pub(super) async fn import(
    State(intake): State<Arc<Intake>>,
    body: Body,
) -> Result<Json<Imported>, Problem> {
    let bytes = to_bytes(body, limits::EDITION_BYTES).await.map_err(|_| {
        let detail = format!("a signed edition has at most {} bytes", limits::EDITION_BYTES);
        let title = "The edition is too long";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", title, detail)
    })?;
    let serial = intake.config.import(bytes.to_vec()).await?;
    Ok(Json(Imported { schema: Imported::SCHEMA.to_owned(), serial }))
}

/// Why the operator wants the last good edition back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: String,
}

pub(super) async fn roll_back(
    State(intake): State<Arc<Intake>>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Why { why } = said(body).await?;
    intake.config.roll_back(reason(why)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Until when no edition shall be taken, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    until: Timestamp,
    why: String,
}

pub(super) async fn hold(
    State(intake): State<Arc<Intake>>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Hold { until, why } = said(body).await?;
    let until = UnixMs(until.as_millisecond());
    if until <= intake.door.world.clock.unix() {
        return Err(bad_request("until: this moment has passed, by this machine's clock"));
    }
    intake.config.hold(until, reason(why)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unhold(State(intake): State<Arc<Intake>>) -> Result<StatusCode, Problem> {
    intake.config.unhold().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The document that the operator sent.
pub(super) async fn said<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let text = to_bytes(body, SAID_BYTES).await;
    let text = text.map_err(|_| bad_request("the request is too long"))?;
    serde_json::from_slice(&text).map_err(|e| bad_request(&e.to_string()))
}

pub(super) fn reason(why: String) -> Result<String, Problem> {
    let said = !why.trim().is_empty() && why.len() <= WHY_BYTES;
    let want = format!("why: say it, in at most {WHY_BYTES} bytes");
    said.then_some(why).ok_or_else(|| bad_request(&want))
}

impl From<ImportError> for Problem {
    fn from(e: ImportError) -> Self {
        let (status, title) = match &e {
            ImportError::Refused(Rejection::Malformed) => {
                (StatusCode::BAD_REQUEST, "Not a signed edition")
            }
            ImportError::Refused(Rejection::Storage) | ImportError::Stopped => {
                (StatusCode::SERVICE_UNAVAILABLE, "Not taken now")
            }
            ImportError::Waits | ImportError::Superseded { .. } => {
                (StatusCode::CONFLICT, "Not taken now")
            }
            ImportError::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "Not taken here"),
            ImportError::RolledBack { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "Rolled back"),
        };
        Self::new(status, e.code(), title, e.to_string())
    }
}

impl From<ConfigError> for Problem {
    fn from(e: ConfigError) -> Self {
        let (status, code, title) = match e {
            ConfigError::NoTrial => (StatusCode::CONFLICT, "no-trial", "Nothing to take back"),
            ConfigError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped", "Not taken now"),
        };
        Self::new(status, code, title, e.to_string())
    }
}
