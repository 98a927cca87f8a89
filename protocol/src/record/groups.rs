//! Who may write what, and whose scope a record is in.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use crate::id::{GroupName, OfficeId};
use crate::json::{self, Json, Node};
use crate::record::{RecordState, Value};

/// HQ's group that names the offices, beside the one that opened it, in whose scope a record is:
/// `{"offices": [ID, ..]}`.
pub const GRANTS: &str = "grants";

/// The group that says that a record does not count, and why: `{"why": TEXT}`. Nothing is deleted.
pub const VOID: &str = "void";

/// Who may write a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Headquarters only.
    Hq,
    /// Offices only. HQ may still choose among siblings.
    Office,
    /// Both.
    Both,
}

/// Who may write `group`. Groups that this version does not know belong to both.
pub fn owner(group: &GroupName) -> Owner {
    match group.as_str() {
        "national_number" | "hq_status" | "adjudication" | "appointment" | GRANTS => Owner::Hq,
        "visit" | "capture" | "face" | "right_index" | "left_index" => Owner::Office,
        _ => Owner::Both,
    }
}

/// May `by` write a new value of `group`?
pub fn may_write(by: &OfficeId, group: &GroupName) -> bool {
    match owner(group) {
        Owner::Hq => by.is_hq(),
        Owner::Office => !by.is_hq(),
        Owner::Both => true,
    }
}

/// May `by` put this value into `group` of this record? HQ may choose among siblings everywhere.
pub fn may_put(
    by: &OfficeId,
    (group, json): (&GroupName, &Json),
    state: &RecordState<Value>,
) -> bool {
    let siblings = || state.groups.get(group).filter(|values| values.len() > 1);
    let is_sibling = || siblings().is_some_and(|all| all.values().any(|v| v.json == *json));
    may_write(by, group) || (by.is_hq() && is_sibling())
}

/// The offices to which HQ granted the record, beside the one that opened it. Concurrent grants
/// all count.
pub fn grants(state: &RecordState<Value>) -> BTreeSet<OfficeId> {
    let values = state.groups.iter().filter(|(name, _)| name.as_str() == GRANTS);
    let values = values.flat_map(|(_, values)| values.values());
    values.flat_map(|value| offices(&value.json)).collect()
}

/// The value of [`GRANTS`] that names these offices.
///
/// # Panics
/// Never: office ids are plain text.
pub fn granting(offices: &BTreeSet<OfficeId>) -> Json {
    let quoted: Vec<_> = offices.iter().map(|office| format!("\"{office}\"")).collect();
    let text = format!("{{\"offices\":[{}]}}", quoted.join(","));
    Json::of(&json::parse(text.as_bytes()).expect("office ids are plain text"))
}

/// Is the record in the scope of `office`: did it open it, or was it granted it?
pub fn in_scope(state: &RecordState<Value>, office: &OfficeId) -> bool {
    state.origin.office == *office || grants(state).contains(office)
}

/// What a value of [`GRANTS`] names; what is no office is left out.
fn offices(json: &Json) -> Vec<OfficeId> {
    let parsed = json::parse(json.as_str().as_bytes());
    let listed = parsed.as_ref().ok().and_then(|value| value.get("offices"));
    let Some(Node::List(items)) = listed else { return Vec::new() };
    let id = |item: &Node<'_>| if let Node::Text(text) = item { text.parse().ok() } else { None };
    items.iter().filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Dot, JournalId};
    use crate::record::{Origin, VersionVector};
    use crate::units::{Seq, UnixMs};
    use std::string::ToString;

    fn value(text: &str) -> Value {
        let json = Json::of(&json::parse(text.as_bytes()).unwrap());
        let (by, at, tag) = ("nasr".parse().unwrap(), UnixMs(0), crate::id::Tag::default());
        Value { json, by, at, operator: None, tag }
    }

    /// A record of nasr in whose `group` these values stand beside one another.
    fn record(group: &str, texts: &[&str]) -> RecordState<Value> {
        let origin = Origin { office: "nasr".parse().unwrap(), form_number: "1".parse().unwrap() };
        let mut state = RecordState::new(origin);
        for (n, text) in texts.iter().enumerate() {
            let dot = Dot { journal: JournalId(n as u64 + 1), seq: Seq(2) };
            let groups = [(group.parse().unwrap(), value(text))];
            state.apply(dot, &VersionVector::default(), None, groups);
        }
        state
    }

    #[test]
    fn hq_chooses_among_siblings_and_invents_none_in_an_offices_group() {
        let (hq, face) = (OfficeId::hq(), "face".parse().unwrap());
        let state = record("face", &[r#"{"n":1}"#, r#"{"n":2}"#]);
        assert!(may_put(&hq, (&face, &value(r#"{"n":2}"#).json), &state));
        assert!(!may_put(&hq, (&face, &value(r#"{"n":3}"#).json), &state));
        let single = record("face", &[r#"{"n":1}"#]);
        assert!(!may_put(&hq, (&face, &value(r#"{"n":1}"#).json), &single));
        assert!(may_put(&"nasr".parse().unwrap(), (&face, &value("3").json), &single));
    }

    #[test]
    fn a_record_is_in_the_scope_of_who_opened_it_and_of_whom_any_grant_names() {
        let of = |ids: &[&str]| granting(&ids.iter().map(|id| id.parse().unwrap()).collect());
        let (one, two) = (of(&["rifai"]), of(&["fuhud", "batha"]));
        let state = record("grants", &[one.as_str(), two.as_str()]);
        let scope = |id: &str| in_scope(&state, &id.parse().unwrap());
        assert!(["nasr", "rifai", "fuhud", "batha"].iter().all(|id| scope(id)));
        assert!(!scope("shatra"));
        let strange = record("grants", &[r#"{"offices":["no office", 7]}"#, "[]"]);
        assert_eq!(grants(&strange).len(), 0);
        assert_eq!(one.as_str().to_string(), r#"{"offices":["rifai"]}"#);
    }
}
