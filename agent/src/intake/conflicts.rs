//! The records in conflict, for whoever may end it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::Serialize;
use wasl_protocol::json::JsonError;
use wasl_protocol::record::{ConflictReport, RecordState, Value, conflict_report};

use super::records::Page;
use super::{Intake, Problem};

/// How many records one page holds, unless fewer are asked for: each comes with all its values.
const PAGE_CONFLICTS: u64 = 100;

/// `conflict list --json`, or one page of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConflictList {
    schema: &'static str,
    /// The records in conflict.
    pub items: Vec<ConflictReport>,
    /// What to skip for the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

impl ConflictList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.conflicts/1";

    /// The list of the conflicts of these records.
    ///
    /// # Errors
    /// If the stored bytes are damaged.
    pub fn new(states: &[RecordState<Value>], next: Option<u64>) -> Result<Self, JsonError> {
        let items = states.iter().map(conflict_report).collect::<Result<_, _>>()?;
        Ok(Self { schema: Self::SCHEMA, items, next })
    }
}

pub(super) async fn list(
    State(intake): State<Arc<Intake>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<ConflictList>, Problem> {
    let (skip, limit) = Page::range(page, PAGE_CONFLICTS)?;
    let (states, next) = intake.door.handle.conflicts(skip, limit).await?;
    Ok(Json(ConflictList::new(&states, next)?))
}
