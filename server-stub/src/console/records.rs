//! Records, as HQ has them, and how they came about.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{FormNumber, OfficeId, RecordId};
use wasl_protocol::record::{
    Blobs, HistoryReport, HqState, RecordReport, RecordState, Value, report,
};

use crate::store::{Line, StoreError};

use super::named::{office_id, record_id};
use super::{Console, Problem};

/// How many records one page of the list has at most.
const PAGE_RECORDS: u32 = 10_000;

/// Which part of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Page {
    office: Option<String>,
    after: Option<RecordId>,
    limit: Option<u32>,
}

/// `record list --json`, or one page of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RecordList {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// The records, in the order of their ids.
    pub items: Vec<RecordLine>,
    /// After what the next page begins; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RecordId>,
}

impl RecordList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.records/1";
}

/// One record of a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RecordLine {
    /// The record.
    pub id: RecordId,
    /// The number on the citizen's form.
    pub form_number: FormNumber,
    /// The office that opened it.
    pub office: OfficeId,
    /// Is it in conflict?
    pub conflict: bool,
    /// How far HQ has it.
    pub hq: String,
}

impl From<Line> for RecordLine {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            form_number: line.form_number,
            office: line.office,
            conflict: line.in_conflict,
            hq: "stored".to_owned(),
        }
    }
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<RecordList>, Problem> {
    let Query(page) = page.map_err(|e| Problem::bad_request(e.body_text()))?;
    let limit = page.limit.unwrap_or(PAGE_RECORDS).clamp(1, PAGE_RECORDS);
    let office = match &page.office {
        Some(office) => Some(office_id(&console, office).await?),
        None => None,
    };
    let lines = console.store.records(office.as_ref(), page.after, limit).await?;
    let items: Vec<RecordLine> = lines.into_iter().map(Into::into).collect();
    let next = items.last().filter(|_| items.len() == limit as usize).map(|l| l.id);
    Ok(Json(RecordList { schema: RecordList::SCHEMA.to_owned(), items, next }))
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<RecordReport>, Problem> {
    let id = record_id(&console, &id).await?;
    document(&console.store.record(id).await?.ok_or_else(|| unknown(id))?)
}

pub(super) async fn history(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<HistoryReport>, Problem> {
    let id = record_id(&console, &id).await?;
    let (origin, acts) = console.store.history(id).await?.ok_or_else(|| unknown(id))?;
    let report = wasl_protocol::record::history(&origin, acts);
    Ok(Json(report.map_err(|_| StoreError::Damaged("an entry's value"))?))
}

/// There is no such record.
pub(super) fn unknown(id: RecordId) -> Problem {
    Problem::not_found(format!("there is no record {id}"))
        .help("`wasl-hq record list` shows all of them")
}

/// A record's state as a document.
pub(super) fn document(state: &RecordState<Value>) -> Result<Json<RecordReport>, Problem> {
    let report = report(state, HqState::Stored, Blobs::None);
    Ok(Json(report.map_err(|_| StoreError::Damaged("a record's value"))?))
}
