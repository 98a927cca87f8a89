//! What headquarters changes in a record: groups replaced whole, and grants to offices.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{OfficeId, RecordId};
use wasl_protocol::limits;
use wasl_protocol::private::Private;
use wasl_protocol::record::{Correction, DraftError, RecordReport, Token};

use crate::store::EditError;

use super::named::{office_id, record_id};
use super::{Console, Problem, checked_operator, offices, records};

/// An office is given a record to see and edit, or loses it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// Which office, or the beginning of its id.
    pub office: String,
    /// Does a grant end? Else one begins.
    #[serde(default)]
    pub end: bool,
    /// Who says so, where that is known.
    #[serde(default)]
    pub operator: Option<Private<String>>,
}

/// Replaces whole groups of a record that nobody has written since the caller read it.
pub(super) async fn patch(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<RecordReport>, Problem> {
    console.live()?;
    let record = record_id(&console, &id).await?;
    let Token(read) = read_token(&headers, record)?;
    let text = body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_long(),
        _ => Problem::bad_request(e.body_text()),
    })?;
    let correction = Correction::parse(&text, &OfficeId::hq()).map_err(unfit)?;
    let edited = console.store.edit(record, &read, correction).await;
    records::document(&edited.map_err(|e| refused(record, e))?)
}

/// Puts a record into another office's scope, or takes it out.
pub(super) async fn grant(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    body: Result<Json<NewGrant>, JsonRejection>,
) -> Result<Json<RecordReport>, Problem> {
    console.live()?;
    let record = record_id(&console, &id).await?;
    let Json(new) = body.map_err(|e| Problem::bad_request(e.body_text()))?;
    let operator = checked_operator(new.operator)?;
    let office = office_id(&console, &new.office).await?;
    let granted = console.store.grant(record, &office, new.end, operator).await;
    records::document(&granted.map_err(|e| refused(record, e))?)
}

/// The token in `If-Match`, with or without the quotes of an entity tag (RFC 9110).
fn read_token(headers: &HeaderMap, record: RecordId) -> Result<Token, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        let detail = "If-Match is missing: what was read, and may be replaced";
        let (status, title) = (StatusCode::PRECONDITION_REQUIRED, format!("record {record}"));
        return Err(Problem::new(status, "no-if-match", &title, detail)
            .help("read the record, and send its token as If-Match"));
    };
    let text = value.to_str().unwrap_or_default();
    let token = text.trim().trim_matches('"').parse();
    token.map_err(|e| Problem::bad_request(format!("If-Match: {e}")))
}

fn too_long() -> Problem {
    let detail = format!("a record has at most {} bytes", limits::POSTED_BYTES);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "the record is too long", detail)
}

fn unfit(error: DraftError) -> Problem {
    match error {
        DraftError::TooLong(_) => too_long(),
        e => Problem::bad_request(e.to_string()),
    }
}

fn refused(record: RecordId, error: EditError) -> Problem {
    let title = format!("record {record}");
    match error {
        EditError::Unknown => records::unknown(record),
        EditError::NoOffice(office) => offices::unknown(&office),
        EditError::Stale(group) => {
            let detail = format!("somebody wrote {group} meanwhile");
            Problem::new(StatusCode::PRECONDITION_FAILED, "stale", &title, detail)
                .help(format!("look again: `wasl-hq record get {record}`"))
        }
        EditError::NotYours(group) => {
            let detail = format!(
                "{group}: headquarters may only choose among the values that offices wrote, and \
                 only in a conflict"
            );
            Problem::new(StatusCode::FORBIDDEN, "not-your-group", &title, detail).help(format!(
                "`wasl-hq record get {record}` shows the values; \
                 `wasl-hq conflict resolve {record} {group} --take DOT` takes one"
            ))
        }
        EditError::Store(e) => e.into(),
    }
}
