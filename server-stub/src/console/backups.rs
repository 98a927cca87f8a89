//! Copies of the database that somebody made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasl_protocol::id::{Head, JournalId, Position};
use wasl_protocol::units::Seq;

use super::{Console, Problem};

/// The longest body that tells of a copy, in bytes: some thousand journals.
pub(super) const TOLD_BYTES: usize = 1024 * 1024;

/// A copy that was made and found whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// Where it is.
    pub place: String,
    /// Is that another building? Then what is in it is stable.
    pub offsite: bool,
    /// Where each journal ends in it.
    pub ends: Vec<End>,
}

/// Where a journal ends in a copy.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Which.
    pub journal: JournalId,
    /// Its last entry.
    pub seq: Seq,
    /// The head after that.
    pub head: Head,
}

pub(super) async fn add(
    State(console): State<Arc<Console>>,
    body: Result<Json<NewBackup>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    console.live()?;
    let Json(new) = body.map_err(|e| Problem::bad_request(e.body_text()))?;
    let position = |e: &End| (e.journal, Position { seq: e.seq, head: e.head });
    let ends: Vec<_> = new.ends.iter().map(position).collect();
    console.store.backed_up(&new.place, new.offsite, &ends).await?;
    Ok((StatusCode::CREATED, Json(json!({ "place": new.place, "offsite": new.offsite }))))
}
