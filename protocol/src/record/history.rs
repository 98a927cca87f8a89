//! Who wrote what into a record, when, and what that changed.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{Dot, FormNumber, GroupName, OfficeId, RecordId};
use crate::json::{Json, JsonError};
use crate::private::Private;
use crate::record::Origin;
use crate::units::UnixMs;

/// One edit of a record, as a replica knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The edit.
    pub dot: Dot,
    /// By which office, or HQ.
    pub by: OfficeId,
    /// When, by that office's clock.
    pub at: UnixMs,
    /// By whom, where that is known.
    pub operator: Option<Private<String>>,
    /// Does it count?
    pub counts: Counts,
    /// What it wrote: of another office's edit, an office knows only what has not been replaced
    /// before it heard of it.
    pub groups: BTreeMap<GroupName, Json>,
}

/// Does an edit count?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// It is part of the record.
    Applied,
    /// HQ holds it.
    Held,
    /// HQ refused it.
    Refused,
}

/// `record history --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HistoryReport {
    schema: &'static str,
    /// The record.
    pub id: RecordId,
    /// The number on the citizen's form.
    pub form_number: FormNumber,
    /// The office that opened it.
    pub office: OfficeId,
    /// Its edits.
    pub items: Vec<ActReport>,
}

/// One edit of a [`HistoryReport`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ActReport {
    /// The edit.
    pub dot: Dot,
    /// Where.
    pub office: OfficeId,
    /// When, by that office's clock, in milliseconds since 1970.
    pub at: UnixMs,
    /// By whom, where that is known.
    pub operator: Option<Private<String>>,
    /// Does it count?
    pub counts: Counts,
    /// What changed against the edit of the same group that is listed before: `group.field`, or
    /// `group` for a list.
    pub changed: Vec<String>,
    /// What it wrote, group by group.
    pub groups: BTreeMap<GroupName, Value>,
}

/// The history of a record whose edits are these, in the order in which they are to be told.
///
/// # Errors
/// If a value is not canonical JSON: its bytes are damaged.
pub fn history(origin: &Origin, acts: Vec<Act>) -> Result<HistoryReport, JsonError> {
    let mut before: BTreeMap<GroupName, Value> = BTreeMap::new();
    let mut items = Vec::with_capacity(acts.len());
    for act in acts {
        let mut changed = Vec::new();
        let mut groups = BTreeMap::new();
        for (group, json) in act.groups {
            let value = json.to_value()?;
            let was = before.get(&group).unwrap_or(&Value::Null);
            changed.extend(changes(&group, was, &value));
            if act.counts == Counts::Applied {
                before.insert(group.clone(), value.clone());
            }
            groups.insert(group, value);
        }
        let Act { dot, by: office, at, operator, counts, .. } = act;
        items.push(ActReport { dot, office, at, operator, counts, changed, groups });
    }
    Ok(HistoryReport {
        schema: "wasl.history/1",
        id: origin.id(),
        form_number: origin.form_number.clone(),
        office: origin.office.clone(),
        items,
    })
}

/// Where two values of a group differ.
fn changes(group: &GroupName, was: &Value, is: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let was = if was.is_null() { &Value::Object(empty) } else { was };
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            let gone = was.keys().filter(|name| !is.contains_key(*name));
            let other = is.iter().filter(|(name, value)| was.get(*name) != Some(value));
            other.map(|(name, _)| name).chain(gone).map(|n| format!("{group}.{n}")).collect()
        }
        _ if was == is => Vec::new(),
        _ => alloc::vec![group.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JournalId;
    use crate::json;
    use crate::units::Seq;
    use std::vec;

    fn act(seq: u64, group: &str, text: &str, counts: Counts) -> Act {
        let json = Json::of(&json::parse(text.as_bytes()).unwrap());
        Act {
            dot: Dot { journal: JournalId(1), seq: Seq(seq) },
            by: "nasr".parse().unwrap(),
            at: UnixMs(0),
            operator: None,
            counts,
            groups: [(group.parse().unwrap(), json)].into(),
        }
    }

    #[test]
    fn each_edit_says_which_fields_it_changed_and_a_refused_one_changes_nothing_after_it() {
        let origin = Origin { office: "nasr".parse().unwrap(), form_number: "1".parse().unwrap() };
        let acts = vec![
            act(2, "contact", r#"{"phone":"1"}"#, Counts::Applied),
            act(3, "contact", r#"{"phone":"2","mail":"m"}"#, Counts::Refused),
            act(4, "contact", r#"{"mail":"m"}"#, Counts::Applied),
            act(5, "household", "[]", Counts::Applied),
        ];
        let told = history(&origin, acts).unwrap();
        let changed: Vec<_> = told.items.iter().map(|i| i.changed.join(" ")).collect();
        let want = [
            "contact.phone",
            "contact.mail contact.phone",
            "contact.mail contact.phone",
            "household",
        ];
        assert_eq!(changed, want);
    }
}
