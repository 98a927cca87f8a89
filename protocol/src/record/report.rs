//! The record as JSON for people and scripts: the same at the office and at HQ.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Dot, FormNumber, GroupName, OfficeId, RecordId};
use crate::json::JsonError;
use crate::private::Private;
use crate::record::{RecordState, Sibling, Token, VOID, Value, VersionVector, differs, siblings};
use crate::units::UnixMs;

/// How far HQ has what this replica knows of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HqState {
    /// HQ has not yet said that it has all of it.
    Pending,
    /// HQ has fsynced it.
    Stored,
    /// It is in a copy that the operator declared off-site.
    Stable,
}

/// Whether the record's blobs are at HQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Blobs {
    /// The record names none.
    None,
    /// Some are still to come.
    Pending,
    /// All are there.
    Complete,
}

/// `record get --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RecordReport {
    schema: &'static str,
    /// The record.
    pub id: RecordId,
    /// The number on the citizen's form.
    pub form_number: FormNumber,
    /// The office that opened it.
    pub office: OfficeId,
    /// What an edit of this state has to send.
    pub token: Token,
    /// Every edit that is accounted for.
    pub version_vector: VersionVector,
    /// The groups.
    pub groups: BTreeMap<GroupName, GroupReport>,
    /// Does some group hold two values that differ?
    pub conflict: bool,
    /// Does it no longer count?
    pub void: bool,
    /// May it not be written here? A newer version wrote something that this one cannot read.
    pub read_only: bool,
    /// How far HQ has it.
    pub hq: HqState,
    /// Whether its blobs are at HQ.
    pub blobs: Blobs,
}

/// One group of a [`RecordReport`].
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GroupReport {
    /// The value shown: exactly what was posted.
    pub value: serde_json::Value,
    /// The edit that wrote it.
    pub dot: Dot,
    /// In a conflict, all the values; else empty.
    pub siblings: Vec<SiblingReport>,
    /// In a conflict, the fields in which they differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
}

/// One of the values of a group in conflict.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SiblingReport {
    /// The edit that wrote it.
    pub dot: Dot,
    /// What it wrote.
    pub value: serde_json::Value,
    /// Where.
    pub office: OfficeId,
    /// When, by that office's clock, in milliseconds since 1970.
    pub at: UnixMs,
    /// By whom, where that is known.
    pub operator: Option<Private<String>>,
}

impl SiblingReport {
    /// The report of one value.
    ///
    /// # Errors
    /// If it is not canonical JSON: its bytes are damaged.
    pub(super) fn of(sibling: &Sibling<'_>) -> Result<Self, JsonError> {
        let Value { json, by, at, operator, .. } = sibling.value;
        let (value, office) = (json.to_value()?, by.clone());
        Ok(Self { dot: sibling.dot, value, office, at: *at, operator: operator.clone() })
    }
}

/// The report of a state.
///
/// # Errors
/// If a value is not canonical JSON: a replica stores none such, so its bytes are damaged.
pub fn report(
    state: &RecordState<Value>,
    hq: HqState,
    blobs: Blobs,
) -> Result<RecordReport, JsonError> {
    let mut groups = BTreeMap::new();
    for (name, values) in &state.groups {
        let mut all: Vec<_> =
            siblings(values).iter().map(SiblingReport::of).collect::<Result<_, _>>()?;
        let differs = differs(&all);
        let Some(shown) = all.first() else { continue };
        let (value, dot) = (shown.value.clone(), shown.dot);
        if all.len() == 1 {
            all.clear();
        }
        groups.insert(name.clone(), GroupReport { value, dot, siblings: all, differs });
    }
    Ok(RecordReport {
        schema: "wasl.record/1",
        id: state.origin.id(),
        form_number: state.origin.form_number.clone(),
        office: state.origin.office.clone(),
        token: Token(state.seen.clone()),
        version_vector: state.seen.clone(),
        conflict: state.in_conflict(),
        void: groups.keys().any(|name| name.as_str() == VOID),
        read_only: false,
        groups,
        hq,
        blobs,
    })
}
