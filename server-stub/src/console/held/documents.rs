//! What is told of held entries, and what staff say about them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::entry::Verdict;
use wasl_protocol::id::{Dot, FormNumber, GroupName, OfficeId, RecordId};
use wasl_protocol::json::{Json, JsonError};
use wasl_protocol::news::Held;
use wasl_protocol::private::Private;
use wasl_protocol::record::{Act, RecordState, SiblingReport, Value, siblings};

use crate::status::timestamp;
use crate::store::HeldEntry;

/// `held list --json`, or one page of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HeldList {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// The entries that are held, in the order of their dots.
    pub items: Vec<HeldItem>,
    /// After what the next page begins; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Dot>,
}

impl HeldList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.held/1";
}

/// One entry that is, or was, held.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HeldItem {
    /// The entry.
    pub dot: Dot,
    /// Who wrote it.
    pub office: OfficeId,
    /// Which record it edits, where that is known.
    pub record: Option<RecordId>,
    /// That record's number on the citizen's form, where HQ has the record.
    pub form_number: Option<FormNumber>,
    /// Since when it is held, by HQ's clock.
    pub at: Timestamp,
    /// Why, in a word.
    pub reason: String,
    /// Why, in a sentence.
    pub text: String,
    /// The edit that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<Dot>,
    /// The groups that it writes, where it can be read.
    pub groups: Vec<GroupName>,
    /// What was decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictReport>,
}

/// What was decided about a held entry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum VerdictReport {
    /// It counts.
    Released {
        /// Without waiting for what it saw.
        as_is: bool,
    },
    /// It does not count.
    Refused {
        /// Why.
        reason: Private<String>,
    },
}

/// `held show --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HeldDocument {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// The entry.
    #[serde(flatten)]
    pub item: HeldItem,
    /// What it says, group by group, where it can be read.
    pub says: BTreeMap<GroupName, Beside>,
}

impl HeldDocument {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.held-entry/1";
}

/// A held value, and what the record has.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Beside {
    /// What the held entry writes.
    pub held: SiblingReport,
    /// The record's values now: none, one, or those in conflict.
    pub now: Vec<SiblingReport>,
}

/// A held entry shall count.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Without waiting for what it saw?
    #[serde(default)]
    pub as_is: bool,
    /// Who says so, where that is known.
    #[serde(default)]
    pub operator: Option<Private<String>>,
}

/// A held entry shall not count.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Why: the office is told.
    pub reason: Private<String>,
    /// Who says so, where that is known.
    #[serde(default)]
    pub operator: Option<Private<String>>,
}

impl From<&HeldEntry> for HeldItem {
    fn from(entry: &HeldEntry) -> Self {
        Self {
            dot: entry.dot,
            office: entry.office.clone(),
            record: entry.record,
            form_number: entry.form_number.clone(),
            at: timestamp(entry.at),
            reason: entry.held.as_str().to_owned(),
            text: entry.held.sentence(),
            waits_for: if let Held::WaitsFor(dot) = entry.held { Some(dot) } else { None },
            groups: entry.groups.clone(),
            verdict: entry.verdict.clone().map(Into::into),
        }
    }
}

impl From<Verdict> for VerdictReport {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Release { as_is } => Self::Released { as_is },
            Verdict::Refuse { reason } => Self::Refused { reason },
        }
    }
}

/// What an entry says, beside what its record has.
pub(super) fn said(
    act: &Act,
    state: Option<&RecordState<Value>>,
) -> Result<BTreeMap<GroupName, Beside>, JsonError> {
    let beside = |(group, json): (&GroupName, &Json)| {
        let held = SiblingReport {
            dot: act.dot,
            value: json.to_value()?,
            office: act.by.clone(),
            at: act.at,
            operator: act.operator.clone(),
        };
        let values = state.and_then(|s| s.groups.get(group)).map(siblings).unwrap_or_default();
        let now = values.into_iter().map(|s| {
            let Value { json, by, at, operator, .. } = s.value.clone();
            let value = json.to_value()?;
            Ok(SiblingReport { dot: s.dot, value, office: by, at, operator })
        });
        Ok((group.clone(), Beside { held, now: now.collect::<Result<_, _>>()? }))
    };
    act.groups.iter().map(beside).collect()
}
