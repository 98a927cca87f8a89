//! Journals, walked from their start.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{Head, JournalId, OfficeId};
use wasl_protocol::units::Seq;

use crate::store::Verified;

use super::named::office_id;
use super::offices::unknown;
use super::{Console, Problem};

/// `journal verify --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// `wasl-hq.journal-verify/1`.
    pub schema: String,
    /// Whose journals.
    pub office: OfficeId,
    /// Are all of them whole?
    pub whole: bool,
    /// The journals, oldest first.
    pub items: Vec<JournalReport>,
}

/// One journal, walked from its start.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JournalReport {
    /// Which.
    pub journal: JournalId,
    /// How many entries are whole, from the first.
    pub entries: Seq,
    /// The head after them.
    pub head: Head,
    /// The number of the first entry that is not whole.
    pub bad_entry: Option<Seq>,
    /// What is wrong with it.
    pub reason: Option<String>,
}

impl From<Verified> for JournalReport {
    fn from(v: Verified) -> Self {
        let (bad_entry, reason) = v.flaw.map(|f| (f.seq, f.why)).unzip();
        Self { journal: v.journal, entries: v.whole.seq, head: v.whole.head, bad_entry, reason }
    }
}

pub(super) async fn verify(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Result<Json<VerifyReport>, Problem> {
    let office = office_id(&console, &id).await?;
    let verified = console.store.verify_journals(&office).await?;
    // HQ is no office, and writes a journal all the same.
    if verified.is_empty() && console.store.office_facts(&office).await?.is_none() {
        return Err(unknown(&office));
    }
    let items: Vec<JournalReport> = verified.into_iter().map(Into::into).collect();
    let whole = items.iter().all(|j| j.bad_entry.is_none());
    Ok(Json(VerifyReport { schema: "wasl-hq.journal-verify/1".to_owned(), office, whole, items }))
}
