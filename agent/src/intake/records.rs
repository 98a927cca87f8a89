//! One record posted, corrected, read, listed.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{FormNumber, Head, JournalId, OfficeId, RecordId};
use wasl_protocol::json::JsonError;
use wasl_protocol::record::{self, Blobs, HistoryReport, HqState, RecordReport, Token, report};
use wasl_protocol::units::Seq;

use super::{Intake, Problem, want_type};
use crate::engine::{Enrolled, Found, Listed, Refused};

/// How many records one page of the list holds, unless fewer are asked for.
const PAGE_RECORDS: u64 = 1000;

/// What an operator is answered: the enrollment is on disk, and where.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct EnrolledReport {
    /// The record.
    pub id: RecordId,
    /// The number on the form.
    pub form_number: FormNumber,
    /// The journal that holds it. Null, as the next two, for what a machine before this one
    /// enrolled: headquarters has the entry.
    pub journal: Option<JournalId>,
    /// The number of the entry that opened it.
    pub seq: Option<Seq>,
    /// The head after that entry.
    pub head: Option<Head>,
    /// Was the same content enrolled before?
    pub duplicate: bool,
}

impl EnrolledReport {
    /// The report of an answer of the engine.
    pub fn new(form_number: FormNumber, enrolled: &Enrolled) -> Self {
        let (journal, position) = enrolled.entry.unzip();
        Self {
            id: enrolled.record,
            form_number,
            journal,
            seq: position.map(|at| at.seq),
            head: position.map(|at| at.head),
            duplicate: enrolled.duplicate,
        }
    }

    /// 201 for a new record, 200 for a retry.
    pub fn status(&self) -> StatusCode {
        if self.duplicate { StatusCode::OK } else { StatusCode::CREATED }
    }
}

pub(super) async fn post(
    State(intake): State<Arc<Intake>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    enroll(&intake, &headers, body).await.inspect_err(|why| intake.counts.refused(why))
}

async fn enroll(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    want_type(headers, "application/json")?;
    let most = intake.most_bytes();
    let text = to_bytes(body, most).await.map_err(|_| Problem::too_long(most))?;
    let waits = intake.counts.wait(intake.most_waiting());
    let _waits = waits.ok_or_else(Problem::too_many_waiting)?;
    let prepared = intake.admit(&text).await?;
    let form_number = prepared.form_number.clone();
    let waits = intake.door.handle.enroll(prepared).await?;
    let enrolled = waits.await.map_err(|_| Refused::Stopped)??;
    intake.counts.enrolled(&enrolled);
    let report = EnrolledReport::new(form_number, &enrolled);
    Ok((report.status(), Json(report)).into_response())
}

/// Replaces whole groups of a record that nobody has written since the caller read it.
pub(super) async fn patch(
    State(intake): State<Arc<Intake>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RecordReport>, Problem> {
    let corrected = correct(&intake, &id, &headers, body).await;
    let record = corrected.inspect_err(|why| intake.counts.refused(why))?;
    get(State(intake), Path(record.to_string())).await
}

async fn correct(
    intake: &Intake,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<RecordId, Problem> {
    want_type(headers, "application/json")?;
    let record = intake.find(id).await?;
    let token = read_token(headers)?;
    let most = intake.most_bytes();
    let text = to_bytes(body, most).await.map_err(|_| Problem::too_long(most))?;
    let waits = intake.counts.wait(intake.most_waiting());
    let _waits = waits.ok_or_else(Problem::too_many_waiting)?;
    let change = intake.admit_change(record, token, &text).await?;
    intake.door.handle.change(change).await?;
    intake.counts.corrected();
    Ok(record)
}

/// The token in `If-Match`, with or without the quotes of an entity tag (RFC 9110).
fn read_token(headers: &HeaderMap) -> Result<Token, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        let (code, title) = ("no-if-match", "If-Match is missing");
        let detail = "read the record, and send its token as If-Match";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, code, title, detail));
    };
    let text = value.to_str().unwrap_or_default();
    text.trim().trim_matches('"').parse().map_err(|e| bad_request(&format!("If-Match: {e}")))
}

pub(super) async fn get(
    State(intake): State<Arc<Intake>>,
    Path(id): Path<String>,
) -> Result<Json<RecordReport>, Problem> {
    let found = intake.door.handle.record(intake.find(&id).await?).await?;
    Ok(Json(found.ok_or(Refused::Unknown)?.report()?))
}

pub(super) async fn history(
    State(intake): State<Arc<Intake>>,
    Path(id): Path<String>,
) -> Result<Json<HistoryReport>, Problem> {
    let told = intake.door.handle.history(intake.find(&id).await?).await?;
    let (origin, acts) = told.ok_or(Refused::Unknown)?;
    Ok(Json(record::history(&origin, acts)?))
}

impl Found {
    /// `record get --json`.
    ///
    /// # Errors
    /// If the stored bytes are damaged.
    pub fn report(&self) -> Result<RecordReport, JsonError> {
        let mut told = report(&self.state, hq(self.stored, self.stable), Blobs::None)?;
        told.read_only = self.read_only;
        Ok(told)
    }
}

fn hq(stored: bool, stable: bool) -> HqState {
    match (stored, stable) {
        (_, true) => HqState::Stable,
        (true, false) => HqState::Stored,
        (false, false) => HqState::Pending,
    }
}

/// Which part of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    skip: u64,
    limit: Option<u64>,
}

impl Page {
    /// What to skip, and how many follow: `most`, unless fewer are asked for.
    pub fn range(
        page: Result<Query<Self>, QueryRejection>,
        most: u64,
    ) -> Result<(u64, u64), Problem> {
        let Query(page) = page.map_err(|e| bad_request(&e.body_text()))?;
        Ok((page.skip, page.limit.unwrap_or(most).clamp(1, most)))
    }
}

/// `record list --json`, or one page of it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct RecordList {
    /// `wasl.records/1`.
    pub schema: String,
    /// The records, in the order of their arrival.
    pub items: Vec<ListItem>,
    /// What to skip for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<u64>,
}

impl RecordList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.records/1";
}

/// One record of a list.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ListItem {
    /// The record.
    pub id: RecordId,
    /// The number on the form.
    pub form_number: FormNumber,
    /// The office that opened it.
    pub office: OfficeId,
    /// Does some group hold two values that differ?
    pub conflict: bool,
    /// Has HQ all of it that was written here? `pending` or `stored`.
    pub hq: String,
}

impl From<Listed> for ListItem {
    fn from(listed: Listed) -> Self {
        let Listed { record: id, form_number, office, conflict, stored } = listed;
        let hq = if stored { "stored" } else { "pending" }.to_owned();
        Self { id, form_number, office, conflict, hq }
    }
}

pub(super) async fn list(
    State(intake): State<Arc<Intake>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<RecordList>, Problem> {
    let (skip, limit) = Page::range(page, PAGE_RECORDS)?;
    let (listed, next) = intake.door.handle.list(skip, limit).await?;
    let items = listed.into_iter().map(Into::into).collect();
    Ok(Json(RecordList { schema: RecordList::SCHEMA.to_owned(), items, next }))
}

pub(super) fn bad_request(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-request", "Bad request", detail)
}
