//! Siblings: concurrent values of one group, and which of them is shown.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Dot, FormNumber, GroupName, OfficeId, RecordId};
use crate::json::JsonError;
use crate::record::{RecordState, SiblingReport, Value};

/// One of several concurrent values of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sibling<'a> {
    /// The edit that wrote it.
    pub dot: Dot,
    /// What it wrote.
    pub value: &'a Value,
}

/// The values of one group, the one that is shown first: the greatest dot. The order is total and
/// pure, the same at every replica; it is for display and is never written back. Values with the
/// same JSON collapse into the first.
pub fn siblings(values: &BTreeMap<Dot, Value>) -> Vec<Sibling<'_>> {
    let mut shown: Vec<Sibling<'_>> = Vec::new();
    for (dot, value) in values.iter().rev() {
        if shown.iter().all(|s| s.value.json != value.json) {
            shown.push(Sibling { dot: *dot, value });
        }
    }
    shown
}

impl RecordState<Value> {
    /// Does some group hold two values that differ?
    pub fn in_conflict(&self) -> bool {
        self.groups.values().any(|values| siblings(values).len() > 1)
    }
}

/// One line of `conflict list --json`: a record, and each of its groups that is in conflict.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConflictReport {
    /// The record.
    pub id: RecordId,
    /// The number on the citizen's form.
    pub form_number: FormNumber,
    /// The office that opened it.
    pub office: OfficeId,
    /// The groups in conflict.
    pub groups: BTreeMap<GroupName, GroupConflict>,
}

/// One group of a [`ConflictReport`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GroupConflict {
    /// The fields in which the values differ.
    pub differs: Vec<String>,
    /// The values, the one that is shown first.
    pub siblings: Vec<SiblingReport>,
}

/// The conflicts of a record.
///
/// # Errors
/// If a value is not canonical JSON: its bytes are damaged.
pub fn conflict_report(state: &RecordState<Value>) -> Result<ConflictReport, JsonError> {
    let mut groups = BTreeMap::new();
    for (name, values) in &state.groups {
        let all: Vec<_> =
            siblings(values).iter().map(SiblingReport::of).collect::<Result<_, _>>()?;
        if all.len() > 1 {
            groups.insert(name.clone(), GroupConflict { differs: differs(&all), siblings: all });
        }
    }
    Ok(ConflictReport {
        id: state.origin.id(),
        form_number: state.origin.form_number.clone(),
        office: state.origin.office.clone(),
        groups,
    })
}

/// The fields in which these values differ, in order; none if they are not all objects.
pub fn differs(siblings: &[SiblingReport]) -> Vec<String> {
    let objects: Option<Vec<_>> = siblings.iter().map(|s| s.value.as_object()).collect();
    let objects = objects.unwrap_or_default();
    let names: BTreeSet<&String> = objects.iter().flat_map(|object| object.keys()).collect();
    let differs = |name: &&String| objects.iter().any(|o| o.get(*name) != objects[0].get(*name));
    names.into_iter().filter(differs).cloned().collect()
}
