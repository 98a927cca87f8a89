//! A posted record, parsed once at the door.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use crate::entry::{Edit, Opening, PostDigest};
use crate::id::{FormNumber, GroupName, OfficeId, RecordId};
use crate::json::{self, Json, JsonError, Node};
use crate::limits;
use crate::private::Private;
use crate::record::{GRANTS, Owner, VOID, owner};
use crate::units::UnixMs;

/// A new enrollment, as an operator posts it: checked, canonical, and not yet anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The number on the citizen's form.
    pub form_number: FormNumber,
    /// What was posted, group by group.
    pub groups: BTreeMap<GroupName, Json>,
}

/// A posted record that is refused. Its message names the field, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The text.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Longer than a record may be.
    #[error("{0} bytes: a record has at most {max}", max = limits::POSTED_BYTES)]
    TooLong(usize),
    /// A field has the wrong type.
    #[error("{field}: must be {want}")]
    Type {
        /// Which field.
        field: String,
        /// What it must be.
        want: &'static str,
    },
    /// A field that must be there is not.
    #[error("{0}: missing; every enrollment must have it")]
    Missing(String),
    /// A group that the author may not write.
    #[error("{0}: headquarters writes this group; an office may not")]
    NotYours(GroupName),
    /// A record is voided without a reason.
    #[error("void.why: missing; say why the record does not count")]
    Void,
    /// A group that is not set by hand.
    #[error("{0}: set by `wasl-hq record grant`")]
    Grants(GroupName),
    /// A top-level field that no enrollment has.
    #[error("{0}: unknown field; an enrollment has form_number and {known}", known = known())]
    Unknown(String),
}

/// The groups that can be posted, and whether each is a list.
const POSTED: [(&str, bool); 7] = [
    ("person", false),
    ("contact", false),
    ("civil_registry", false),
    ("address", false),
    ("household", true),
    ("visit", false),
    ("capture", false),
];

/// The fields of `person` without which nobody can be enrolled.
const MANDATORY: [&str; 5] = ["given_name", "father_name", "grandfather_name", "sex", "birth_date"];

fn known() -> String {
    POSTED.map(|(name, _)| name).join(", ")
}

impl Draft {
    /// The draft in one line of JSON.
    ///
    /// # Panics
    /// Never: the groups that can be posted have valid names.
    pub fn parse(text: &[u8]) -> Result<Self, DraftError> {
        if text.len() > limits::POSTED_BYTES {
            return Err(DraftError::TooLong(text.len()));
        }
        let posted = json::parse(text)?;
        let Node::Object(fields) = &posted else {
            return Err(wrong_type("the enrollment", "a JSON object"));
        };
        let mut form_number = None;
        let mut groups = BTreeMap::new();
        for (name, value) in fields {
            if name == "form_number" {
                form_number = Some(form(value)?);
                continue;
            }
            let Some((_, list)) = POSTED.iter().find(|(known, _)| known == name) else {
                return Err(DraftError::Unknown(printable(name)));
            };
            check_group(name, value, *list)?;
            let name = name.parse().expect("the groups that can be posted have valid names");
            groups.insert(name, Json::of(value));
        }
        let form_number =
            form_number.ok_or_else(|| DraftError::Missing("form_number".to_string()))?;
        check_person(posted.get("person"))?;
        Ok(Self { form_number, groups })
    }

    /// The digest by which a retry is told from a clash.
    pub fn digest(&self) -> PostDigest {
        let mut h = blake3::Hasher::new();
        h.update(b"wasl posted\0").update(self.form_number.as_str().as_bytes());
        for (group, json) in &self.groups {
            h.update(b"\0").update(group.as_str().as_bytes());
            h.update(b"\0").update(json.as_str().as_bytes());
        }
        let mut digest = [0; 16];
        h.finalize_xof().fill(&mut digest);
        digest
    }

    /// The edit that opens this record at `office`. Its operator is the one that `capture` names.
    pub fn into_edit(self, office: &OfficeId, at: UnixMs) -> Edit {
        let opening = Opening { form_number: self.form_number.clone(), posted: self.digest() };
        let capture = self.groups.iter().find(|(group, _)| group.as_str() == "capture");
        let capture = capture.and_then(|(_, json)| json::parse(json.as_str().as_bytes()).ok());
        let operator = match capture.as_ref().and_then(|capture| capture.get("operator")) {
            Some(Node::Text(name)) => Some(Private(name.to_string())),
            _ => None,
        };
        Edit {
            record: RecordId::of(office, &self.form_number),
            at,
            operator: operator.filter(|name| name.len() <= limits::OPERATOR_BYTES),
            opening: Some(opening),
            groups: self.groups,
        }
    }
}

/// A correction of a record that is there: groups, each of them whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The groups it writes.
    pub groups: BTreeMap<GroupName, Json>,
    /// Who makes it, where that is said.
    pub operator: Option<Private<String>>,
}

impl Correction {
    /// The correction `{"groups": {NAME: VALUE, ..}, "operator": NAME}` as `by` may make it; the
    /// operator need not be named. Groups that this version does not know are taken as they are.
    /// HQ's say in an office's group is not checked here: see [`crate::record::may_put`].
    pub fn parse(text: &[u8], by: &OfficeId) -> Result<Self, DraftError> {
        if text.len() > limits::POSTED_BYTES {
            return Err(DraftError::TooLong(text.len()));
        }
        let posted = json::parse(text)?;
        let operator = operator(posted.get("operator"))?;
        let Some(Node::Object(fields)) = posted.get("groups") else {
            return Err(wrong_type("groups", "a JSON object of whole groups"));
        };
        if fields.is_empty() || fields.len() > limits::GROUPS {
            return Err(wrong_type("groups", "a JSON object of 1 to 64 groups"));
        }
        let mut groups = BTreeMap::new();
        for (name, value) in fields {
            let group: GroupName =
                name.parse().map_err(|_| DraftError::Unknown(printable(name)))?;
            if group.as_str() == GRANTS {
                return Err(DraftError::Grants(group));
            }
            if owner(&group) == Owner::Hq && !by.is_hq() {
                return Err(DraftError::NotYours(group));
            }
            if let Some((_, list)) = POSTED.iter().find(|(known, _)| known == name) {
                check_group(name, value, *list)?;
            }
            if name == "person" {
                check_person(Some(value))?;
            }
            if name == VOID {
                check_void(value)?;
            }
            groups.insert(group, Json::of(value));
        }
        Ok(Self { groups, operator })
    }
}

/// Who makes a change, as it was said.
fn operator(name: Option<&Node<'_>>) -> Result<Option<Private<String>>, DraftError> {
    match name {
        None | Some(Node::Null) => Ok(None),
        Some(Node::Text(name)) if name.len() <= limits::OPERATOR_BYTES => {
            Ok(Some(Private(name.to_string())))
        }
        Some(_) => Err(wrong_type("operator", "text of at most 128 bytes")),
    }
}

fn check_void(void: &Node<'_>) -> Result<(), DraftError> {
    match void.get("why") {
        Some(Node::Text(why)) if !why.trim().is_empty() => Ok(()),
        _ => Err(DraftError::Void),
    }
}

fn form(value: &Node<'_>) -> Result<FormNumber, DraftError> {
    let form = if let Node::Text(text) = value { text.parse().ok() } else { None };
    form.ok_or_else(|| wrong_type("form_number", "1 to 64 visible ASCII characters, no spaces"))
}

fn check_group(name: &str, value: &Node<'_>, list: bool) -> Result<(), DraftError> {
    let is_object = |node: &Node<'_>| matches!(node, Node::Object(_));
    match value {
        Node::Object(_) if !list => Ok(()),
        Node::List(items) if list => match items.iter().position(|i| !is_object(i)) {
            None => Ok(()),
            Some(i) => Err(wrong_type(&format!("{name}[{i}]"), "a JSON object")),
        },
        _ => Err(wrong_type(name, if list { "a list of JSON objects" } else { "a JSON object" })),
    }
}

fn check_person(person: Option<&Node<'_>>) -> Result<(), DraftError> {
    let person = person.ok_or_else(|| DraftError::Missing("person".to_string()))?;
    for field in MANDATORY {
        let path = format!("person.{field}");
        match person.get(field) {
            None | Some(Node::Null) => return Err(DraftError::Missing(path)),
            Some(Node::Text(s)) if s.trim().is_empty() => return Err(DraftError::Missing(path)),
            Some(Node::Text(_)) => {}
            Some(_) => return Err(wrong_type(&path, "text")),
        }
    }
    Ok(())
}

fn wrong_type(field: &str, want: &'static str) -> DraftError {
    DraftError::Type { field: field.to_string(), want }
}

/// A field's name as a sender wrote it, harmless in a terminal and in a log.
fn printable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '?' };
    name.chars().take(limits::GROUP_NAME_BYTES).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const GOOD: &str = r#"{"form_number":"a-1","person":{"given_name":"آيات","father_name":"حسن",
        "grandfather_name":"زيد","sex":"F","birth_date":"1945-09-20"},"household":[{"given_name":"ن"}]}"#;

    fn error(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        Draft::parse(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_draft_keeps_each_group_as_it_was_given() {
        let draft = Draft::parse(GOOD.as_bytes()).unwrap();
        let given: Value = serde_json::from_str(GOOD).unwrap();
        for (group, json) in &draft.groups {
            assert_eq!(json.to_value().unwrap(), given[group.as_str()]);
        }
        assert_eq!(draft.groups.len(), 2);
    }

    #[test]
    fn order_and_white_space_do_not_make_other_content() {
        let a = Draft::parse(GOOD.as_bytes()).unwrap();
        let b =
            Draft::parse(GOOD.replace('\n', " ").replace(":\"F\"", ": \"F\"").as_bytes()).unwrap();
        assert_eq!(a.digest(), b.digest());
        let c = Draft::parse(GOOD.replace("\"F\"", "\"M\"").as_bytes()).unwrap();
        assert_ne!(a.digest(), c.digest());
    }

    #[test]
    fn a_correction_replaces_whole_groups_and_no_group_of_hqs() {
        let (office, hq) = ("nasr".parse().unwrap(), OfficeId::hq());
        let parse = |text: &str| Correction::parse(text.as_bytes(), &office);
        let text = r#"{"groups":{"contact":{"phone":"1"},"pets":[1]},"operator":"op-06"}"#;
        let correction = parse(text).unwrap();
        assert_eq!(correction.groups.len(), 2);
        assert_eq!(correction.operator.unwrap().0, "op-06");
        let refused = |text| parse(text).unwrap_err().to_string();
        assert!(refused(r#"{"groups":{"national_number":{}}}"#).starts_with("national_number: "));
        assert_eq!(refused(r#"{"groups":{"contact":[]}}"#), "contact: must be a JSON object");
        let nameless = refused(r#"{"groups":{"person":{}}}"#);
        assert!(nameless.starts_with("person.given_name: missing"), "{nameless}");
        assert_eq!(
            refused(r#"{"groups":{"void":{"why":" "}}}"#),
            "void.why: missing; say why the record does not count"
        );
        let numbered = br#"{"groups":{"national_number":{"n":"1"}}}"#;
        assert!(Correction::parse(numbered, &hq).is_ok());
        let granted = Correction::parse(br#"{"groups":{"grants":{"offices":[]}}}"#, &hq);
        assert!(matches!(granted, Err(DraftError::Grants(_))));
        assert!(refused("{}").starts_with("groups: must be"));
        assert!(refused(r#"{"groups":{}}"#).starts_with("groups: must be"));
    }

    #[test]
    fn each_refusal_names_the_field_and_not_the_value() {
        assert_eq!(
            error("\"given_name\":\"آيات\",", ""),
            "person.given_name: missing; every enrollment must have it"
        );
        assert_eq!(error("\"F\"", "7"), "person.sex: must be text");
        assert!(error("\"household\"", "\"house\u{1b}hold\"").contains("control character"));
        assert!(error("\"household\"", "\"pets\"").starts_with("pets: unknown field;"));
        assert_eq!(error("[{\"given_name\":\"ن\"}]", "[1]"), "household[0]: must be a JSON object");
        assert!(error("\"a-1\"", "\"a 1\"").starts_with("form_number: must be "));
        assert!(error("آيات", "آ\u{202e}").contains("person.given_name: a bidi"));
        assert!(!error("آيات", "آيات\u{202e}").contains("آيات"));
    }
}
