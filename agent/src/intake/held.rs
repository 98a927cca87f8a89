//! Entries of this office that HQ did not apply: it holds them, or has refused them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{Dot, FormNumber, RecordId};
use wasl_protocol::news::{Held, What};
use wasl_protocol::private::Private;

use super::{Intake, Problem};
use crate::engine::HeldEntry;

/// `held list --json`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct HeldList {
    /// `wasl.held/1`.
    pub schema: String,
    /// The entries.
    pub items: Vec<HeldItem>,
}

/// One entry that HQ did not apply.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct HeldItem {
    /// The entry.
    pub dot: Dot,
    /// Its record, where that is known.
    pub record: Option<RecordId>,
    /// The number on the form, where that is known.
    pub form_number: Option<FormNumber>,
    /// Since when it is so, by HQ's clock.
    pub at: Timestamp,
    /// Is it held, or was it refused?
    pub state: HeldState,
    /// Why it is held, in one word; null if it was refused.
    pub reason: Option<String>,
    /// Why it is held, in a sentence; or why it was refused, in the words of HQ's staff.
    pub text: Private<String>,
    /// The edit that it waits for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waits_for: Option<Dot>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldState {
    /// HQ keeps it and may still apply it.
    Held,
    /// HQ's staff said that it does not count.
    Refused,
}

impl HeldList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.held/1";

    /// The list of these entries; those that have been released are left out.
    pub fn new(entries: Vec<HeldEntry>) -> Self {
        let items = entries.into_iter().filter_map(item).collect();
        Self { schema: Self::SCHEMA.to_owned(), items }
    }
}

fn item(entry: HeldEntry) -> Option<HeldItem> {
    let HeldEntry { dot, record, form_number, at, what } = entry;
    let (state, reason, text) = match what {
        What::Held(held) => {
            (HeldState::Held, Some(held.as_str().to_owned()), Private(held.sentence()))
        }
        What::Refused { ref reason } => (HeldState::Refused, None, reason.clone()),
        What::Released => return None,
    };
    let waits_for = if let What::Held(Held::WaitsFor(dot)) = what { Some(dot) } else { None };
    let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
    Some(HeldItem { dot, record, form_number, at, state, reason, text, waits_for })
}

pub(super) async fn list(State(intake): State<Arc<Intake>>) -> Result<Json<HeldList>, Problem> {
    Ok(Json(HeldList::new(intake.door.handle.held().await?)))
}
