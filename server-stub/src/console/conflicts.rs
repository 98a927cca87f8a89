//! Records in conflict: the adjudication queue.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::RecordId;
use wasl_protocol::record::{ConflictReport, conflict_report};

use crate::store::StoreError;

use super::{Console, Problem};

/// How many records one page of the list has at most: each is there with all its values.
const PAGE_RECORDS: u32 = 100;

/// Which part of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Page {
    after: Option<RecordId>,
    limit: Option<u32>,
}

/// `conflict list --json`, or one page of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConflictList {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// The records in conflict, in the order of their ids.
    pub items: Vec<ConflictReport>,
    /// After what the next page begins; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RecordId>,
}

impl ConflictList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.conflicts/1";
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<ConflictList>, Problem> {
    let Query(page) = page.map_err(|e| Problem::bad_request(e.body_text()))?;
    let limit = page.limit.unwrap_or(PAGE_RECORDS).clamp(1, PAGE_RECORDS);
    let states = console.store.conflicts(page.after, limit).await?;
    let items: Result<Vec<_>, _> = states.iter().map(conflict_report).collect();
    let items = items.map_err(|_| StoreError::Damaged("a record's value"))?;
    let next = items.last().filter(|_| items.len() == limit as usize).map(|r| r.id);
    Ok(Json(ConflictList { schema: ConflictList::SCHEMA.to_owned(), items, next }))
}
