//! Offices: add, list, show, token, revoke, replace, admit, audit.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::OfficeId;
use wasl_protocol::join::{JoinFileError, JoinRefusal};
use wasl_protocol::wire::ByeCode;

use crate::bundle::AdmitError;
use crate::registry::{Minted, mint};
use crate::status::{self, OfficeStatus, timestamp};
use crate::store::Added;

use super::named::office_id;
use super::{Console, Live, Problem};

/// The longest name of an office, in bytes.
const NAME_BYTES: usize = 200;

/// How much of a key is shown: enough to compare by eye, and as much as offices show.
const KEY_SHOWN_BYTES: usize = 8;

/// An office to add.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffice {
    /// Its id.
    pub id: OfficeId,
    /// Its name in Arabic; its id if not given.
    #[serde(default)]
    pub name_ar: Option<String>,
    /// Its name in English; its id if not given.
    #[serde(default)]
    pub name_en: Option<String>,
}

/// A join token, shown once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenDocument {
    /// `wasl-hq.token/1`.
    pub schema: String,
    /// Which office may join with it.
    pub office: OfficeId,
    /// The token.
    pub token: String,
    /// Until when, by HQ's clock.
    pub expires_at: Timestamp,
}

/// `office list --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OfficeList {
    /// `wasl-hq.offices/1`.
    pub schema: String,
    /// The offices, in the order in which they were added.
    pub items: Vec<OfficeStatus>,
}

/// `office show --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OfficeDocument {
    /// `wasl-hq.office/1`.
    pub schema: String,
    /// The office.
    #[serde(flatten)]
    pub office: OfficeStatus,
}

pub(super) async fn list(State(console): State<Arc<Console>>) -> Result<Json<OfficeList>, Problem> {
    let items = offices(&console).await?;
    Ok(Json(OfficeList { schema: "wasl-hq.offices/1".to_owned(), items }))
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<OfficeDocument>, Problem> {
    document(&console, &office_id(&console, &id).await?).await
}

pub(super) async fn add(
    State(console): State<Arc<Console>>,
    body: Result<Json<NewOffice>, JsonRejection>,
) -> Result<(StatusCode, Json<TokenDocument>), Problem> {
    let live = console.live()?;
    let Json(new) = body.map_err(|e| Problem::bad_request(e.body_text()))?;
    if new.id.is_hq() {
        return Err(Problem::bad_request("hq is the name of headquarters itself"));
    }
    let (name_ar, name_en) = (name(&new, new.name_ar.as_ref())?, name(&new, new.name_en.as_ref())?);
    let minted = minted(&console, live, &new.id);
    let token = (minted.hash, minted.expires_at);
    match console.store.add_office(&new.id, (&name_ar, &name_en), token).await? {
        Added::Yes => Ok((StatusCode::CREATED, Json(token_document(&minted)))),
        _ => Err(conflict(&new.id, "it is there already")
            .help(format!("`wasl-hq office token {}` prints a new token for it", new.id))),
    }
}

pub(super) async fn token(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<TokenDocument>), Problem> {
    let (live, id) = (console.live()?, office_id(&console, &id).await?);
    let minted = minted(&console, live, &id);
    match console.store.new_token(&id, minted.hash, minted.expires_at).await? {
        Added::Unknown => Err(unknown(&id)),
        Added::Joined => Err(conflict(&id, "it has joined, and one machine joins as one office")),
        Added::Revoked => Err(conflict(&id, "it is revoked, for good")),
        Added::Yes | Added::Exists => Ok((StatusCode::CREATED, Json(token_document(&minted)))),
    }
}

pub(super) async fn revoke(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<OfficeDocument>, Problem> {
    let (live, id) = (console.live()?, office_id(&console, &id).await?);
    if !console.store.revoke(&id).await? {
        return Err(unknown(&id));
    }
    // Durable first: a session that ends now cannot come back.
    live.running.sessions.end(&id, ByeCode::Revoked);
    tracing::info!(office = %id, "an office was revoked");
    document(&console, &id).await
}

pub(super) async fn replace(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<TokenDocument>), Problem> {
    let (live, id) = (console.live()?, office_id(&console, &id).await?);
    let minted = minted(&console, live, &id);
    if !console.store.replace(&id, minted.hash, minted.expires_at).await? {
        return Err(unknown(&id));
    }
    live.running.sessions.end(&id, ByeCode::Revoked);
    tracing::info!(office = %id, "another machine takes the place of an office's");
    Ok((StatusCode::CREATED, Json(token_document(&minted))))
}

pub(super) async fn audit(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<OfficeDocument>, Problem> {
    console.live()?;
    let id = office_id(&console, &id).await?;
    if !console.store.want_audit(&id).await? {
        return Err(unknown(&id));
    }
    document(&console, &id).await
}

/// A machine without a link asks to join.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMachine {
    /// The bytes of its request's file, in base64.
    pub request: String,
}

/// `office admit --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AdmittedDocument {
    /// `wasl-hq.admitted/1`.
    pub schema: String,
    /// As which office it was let in.
    pub office: OfficeId,
    /// The beginning of its transport key, as `wasl join --request` shows it.
    pub key: String,
    /// The bytes of the answer's file, in base64.
    pub answer: String,
}

pub(super) async fn admit(
    State(console): State<Arc<Console>>,
    body: Result<Json<NewMachine>, JsonRejection>,
) -> Result<(StatusCode, Json<AdmittedDocument>), Problem> {
    let live = console.live()?;
    let Json(new) = body.map_err(|e| Problem::bad_request(e.body_text()))?;
    let file = BASE64.decode(new.request.as_bytes());
    let file = file.map_err(|e| Problem::bad_request(format!("request: {e}")))?;
    let admitted = live.bundles.admit(&file).await?;
    tracing::info!(office = %admitted.office, "joined");
    let document = AdmittedDocument {
        schema: "wasl-hq.admitted/1".to_owned(),
        office: admitted.office,
        key: HEXLOWER.encode(&admitted.transport.0[..KEY_SHOWN_BYTES]),
        answer: BASE64.encode(&admitted.answer),
    };
    Ok((StatusCode::CREATED, Json(document)))
}

impl From<AdmitError> for Problem {
    fn from(e: AdmitError) -> Self {
        let help = match e {
            AdmitError::File(JoinFileError::Malformed) => {
                "bring the file that `wasl join TOKEN --request FILE` wrote at the office"
            }
            AdmitError::File(JoinFileError::OtherKeys) => {
                "its token is another headquarters': `wasl-hq office token ID` prints one of this"
            }
            AdmitError::Refused(JoinRefusal::Used) => {
                "if no other machine should have joined, revoke the office at once"
            }
            AdmitError::Refused(_) => "`wasl-hq office token ID` prints a new token",
        };
        let status = StatusCode::FORBIDDEN;
        Self::new(status, "not-admitted", "office admit", e.to_string()).help(help)
    }
}

/// There is no such office.
pub(super) fn unknown(id: &OfficeId) -> Problem {
    Problem::not_found(format!("there is no office {id}"))
        .help("`wasl-hq office list` shows all of them")
}

async fn offices(console: &Console) -> Result<Vec<OfficeStatus>, Problem> {
    let live = console.live.as_ref().map(|l| l.running.sessions.list());
    Ok(status::offices(&console.store, live.as_deref(), console.world.clock.unix()).await?)
}

async fn document(console: &Console, id: &OfficeId) -> Result<Json<OfficeDocument>, Problem> {
    let office = offices(console).await?.into_iter().find(|o| o.id == *id);
    let office = office.ok_or_else(|| unknown(id))?;
    Ok(Json(OfficeDocument { schema: "wasl-hq.office/1".to_owned(), office }))
}

fn minted(console: &Console, live: &Live, id: &OfficeId) -> Minted {
    mint(id.clone(), live.hq, live.running.endpoint.clone(), &console.world)
}

fn token_document(minted: &Minted) -> TokenDocument {
    TokenDocument {
        schema: "wasl-hq.token/1".to_owned(),
        office: minted.token.office.clone(),
        token: minted.token.to_string(),
        expires_at: timestamp(minted.expires_at),
    }
}

fn conflict(id: &OfficeId, why: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "office", &format!("office {id}"), why)
}

/// A name that can be shown anywhere, or the office's id.
fn name(new: &NewOffice, name: Option<&String>) -> Result<String, Problem> {
    let Some(name) = name else { return Ok(new.id.to_string()) };
    wasl_protocol::json::check_str(name, "name")
        .map_err(|e| Problem::bad_request(e.to_string()))?;
    if name.trim().is_empty() || name.len() > NAME_BYTES || name.contains(['\n', '\t']) {
        let want = format!("name: must be one line of 1 to {NAME_BYTES} bytes");
        return Err(Problem::bad_request(want));
    }
    Ok(name.clone())
}
