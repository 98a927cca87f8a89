//! Siblings: concurrent values of one group, and which of them is shown.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::id::Dot;
use crate::record::{RecordState, Value};

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
