//! Editions and their rollouts: push, watch, abort.

mod documents; // what is told of them, and what staff say

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use data_encoding::BASE64;
use serde::Deserialize;
use wasl_protocol::edition::{Rejection, Serial, SignedEdition};
use wasl_protocol::limits;

use crate::rollout::{OfficeRollout, Plan, RolloutFacts};
use crate::status::timestamp;
use crate::store::{AbortError, EditionFacts, PushError, StoreError};

use super::{BODY_BYTES, Console, Problem, checked_operator};
pub use documents::{
    AttemptReport, EditionDocument, EditionItem, EditionList, NewAbort, NewEdition,
    OfficeRolloutReport, ProbationText, RolloutDocument, ScopeText,
};

/// The longest body of a push, in bytes: an edition in base64, and what stands beside it.
pub(super) const PUSH_BYTES: usize = limits::EDITION_BYTES.div_ceil(3) * 4 + BODY_BYTES;

/// What is said of an edition that can be read and cannot be taken.
const UNFIT: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// Which rollout.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    serial: Option<Serial>,
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
) -> Result<Json<EditionList>, Problem> {
    let items = console.store.editions().await?.into_iter().map(item).collect();
    let as_of = timestamp(console.world.clock.unix());
    Ok(Json(EditionList { schema: EditionList::SCHEMA.to_owned(), as_of, items }))
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    Path(serial): Path<String>,
) -> Result<Json<EditionDocument>, Problem> {
    let serial = named(&serial)?;
    let facts = console.store.editions().await?.into_iter().find(|e| e.serial == serial);
    let facts = facts.ok_or_else(|| unknown(serial))?;
    let (signed, edition) = console.store.edition(serial).await?.ok_or_else(|| unknown(serial))?;
    let settings = edition.settings.to_value();
    Ok(Json(EditionDocument {
        schema: EditionDocument::SCHEMA.to_owned(),
        scope: edition.scope.into(),
        min_agent: edition.min_agent.to_string(),
        probation: edition.probation.into(),
        settings: settings.map_err(|_| StoreError::Damaged("an edition"))?,
        edition: BASE64.encode(&signed.encode()),
        item: item(facts),
    }))
}

pub(super) async fn push(
    State(console): State<Arc<Console>>,
    body: Result<Json<NewEdition>, JsonRejection>,
) -> Result<(StatusCode, Json<RolloutDocument>), Problem> {
    console.live()?;
    let Json(new) = body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_long(),
        _ => Problem::bad_request(e.body_text()),
    })?;
    let operator = checked_operator(new.operator)?;
    let bytes = BASE64.decode(new.edition.as_bytes());
    let bytes = bytes.map_err(|e| Problem::bad_request(format!("edition: {e}")))?;
    if bytes.len() > limits::EDITION_BYTES {
        return Err(too_long());
    }
    let signed =
        SignedEdition::decode(&bytes).map_err(|_| refused("the file", &Rejection::Malformed))?;
    let serial = signed.edition().ok().flatten().map(|edition| edition.serial);
    let plan = Plan { only: new.only, canary: new.canary, now: new.now };
    let pushed = console.store.push(signed, plan, operator).await;
    let facts = pushed.map_err(|e| not_pushed(serial, e))?;
    tracing::info!(serial = facts.serial.0, now = facts.now, "an edition was pushed");
    Ok((StatusCode::CREATED, Json(document(&console, facts))))
}

pub(super) async fn rollout(
    State(console): State<Arc<Console>>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<RolloutDocument>, Problem> {
    let Query(Which { serial }) = which.map_err(|e| Problem::bad_request(e.body_text()))?;
    match (console.store.rollout(serial).await?, serial) {
        (Some(facts), _) => Ok(Json(document(&console, facts))),
        (None, Some(serial)) => Err(unknown(serial)),
        (None, None) => Ok(Json(RolloutDocument {
            schema: RolloutDocument::SCHEMA.to_owned(),
            as_of: timestamp(console.world.clock.unix()),
            serial: None,
            stage: "NONE".to_owned(),
            since: None,
            stopped: None,
            now: false,
            offices: Vec::new(),
        })),
    }
}

pub(super) async fn abort(
    State(console): State<Arc<Console>>,
    Path(serial): Path<String>,
    body: Result<Json<NewAbort>, JsonRejection>,
) -> Result<Json<RolloutDocument>, Problem> {
    console.live()?;
    let serial = named(&serial)?;
    let Json(NewAbort { operator }) = body.map_err(|e| Problem::bad_request(e.body_text()))?;
    let aborted = console.store.abort(serial, checked_operator(operator)?).await;
    let facts = aborted.map_err(not_aborted)?;
    tracing::info!(serial = serial.0, "a rollout was stopped");
    Ok(Json(document(&console, facts)))
}

fn named(serial: &str) -> Result<Serial, Problem> {
    serial.parse().map_err(|e| Problem::bad_request(format!("serial: {e}")))
}

fn unknown(serial: Serial) -> Problem {
    Problem::not_found(format!("no edition {serial} was pushed"))
        .help("`wasl-hq config history` shows all of them")
}

fn too_long() -> Problem {
    let detail = format!("an edition has at most {} bytes", limits::EDITION_BYTES);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "the edition is too long", detail)
}

/// An edition that HQ does not take, as an office would not. `code` is the same as there.
fn refused(what: &str, rejection: &Rejection) -> Problem {
    let code = rejection.code();
    let title = format!("{what} is refused [{code}]");
    let problem = Problem::new(UNFIT, code, &title, rejection.to_string());
    match rejection {
        Rejection::Signature | Rejection::Fleet => {
            problem.help("sign it with the key that `wasl-hq init` wrote")
        }
        Rejection::OldSerial { .. } => problem.help("sign it again with a higher serial"),
        Rejection::Expired => problem.help("sign it again with a later `not_after`"),
        Rejection::Malformed => problem.help("`wasl-hq config sign` makes such a file"),
        Rejection::Schema(_) | Rejection::Settings(_) => {
            problem.help("`wasl-hq config check FILE` shows where")
        }
        _ => problem,
    }
}

/// An edition, or a plan for it, that HQ does not take.
fn not_pushed(serial: Option<Serial>, error: PushError) -> Problem {
    let what = serial.map_or("the file".to_owned(), |serial| format!("edition {serial}"));
    let (code, text) = (error.code(), error.to_string());
    let problem = |status, help: String| {
        Problem::new(status, code, &format!("{what} is refused [{code}]"), text).help(help)
    };
    match error {
        PushError::Rejected(rejection) => refused(&what, &rejection),
        PushError::OldSerial { newest, .. } => {
            problem(StatusCode::CONFLICT, format!("sign it again with a serial above {newest}"))
        }
        PushError::Follows(newest) => {
            let help = format!("see `wasl-hq config export`: edition {newest}; write yours anew");
            problem(StatusCode::CONFLICT, help)
        }
        PushError::UnknownOffice(_) => {
            problem(UNFIT, "`wasl-hq office list` shows all of them".to_owned())
        }
        PushError::NotFor(_) => problem(UNFIT, "see the edition's scope, and --only".to_owned()),
        PushError::Store(e) => e.into(),
    }
}

fn not_aborted(error: AbortError) -> Problem {
    let text = error.to_string();
    match error {
        AbortError::Unknown(serial) => unknown(serial),
        AbortError::Over(_) => Problem::new(StatusCode::CONFLICT, "over", "not stopped", text)
            .help("what is in force is taken back with `wasl-hq config revert`"),
        AbortError::Store(e) => e.into(),
    }
}

fn item(facts: EditionFacts) -> EditionItem {
    let edition = facts.edition;
    EditionItem {
        serial: facts.serial,
        hash: facts.hash.to_string(),
        stage: facts.stage,
        stopped: facts.stopped,
        pushed_at: timestamp(facts.pushed_at),
        operator: facts.operator,
        now: facts.plan.now,
        canary: facts.plan.canary,
        only: facts.plan.only,
        issued_at: timestamp(edition.issued_at),
        not_after: timestamp(edition.not_after),
        signed_by: facts.signed_by.iter().map(ToString::to_string).collect(),
        revert_of: edition.revert_of,
        author: edition.author,
        reason: edition.reason,
    }
}

fn document(console: &Console, facts: RolloutFacts) -> RolloutDocument {
    RolloutDocument {
        schema: RolloutDocument::SCHEMA.to_owned(),
        as_of: timestamp(console.world.clock.unix()),
        serial: Some(facts.serial),
        stage: facts.stage,
        since: Some(timestamp(facts.since)),
        stopped: facts.stopped,
        now: facts.now,
        offices: facts.offices.into_iter().map(office).collect(),
    }
}

fn office(facts: OfficeRollout) -> OfficeRolloutReport {
    let attempt = facts.last_attempt.map(|attempt| AttemptReport {
        serial: attempt.serial,
        phase: attempt.phase.to_owned(),
        code: attempt.code,
        message: attempt.message,
        at: timestamp(attempt.at),
    });
    OfficeRolloutReport {
        office: facts.office,
        stage: facts.stage.to_owned(),
        connected: facts.connected,
        running: facts.running,
        desired: facts.desired,
        last_attempt: attempt,
        floor: facts.floor,
    }
}
