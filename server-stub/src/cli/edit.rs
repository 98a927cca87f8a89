//! `record set / void / grant`: what headquarters changes in a record.
//!
//! Each change sends the token of the state that was read before: what somebody wrote meanwhile is
//! not replaced.

use serde_json::{Map, Value, json};
use wasl_protocol::id::{GroupName, OfficeId, RecordId};
use wasl_protocol::private::Private;

use crate::console::NewGrant;

use super::ask::Asker;
use super::failure::{FAILED, Failure, USAGE};
use super::record::people;

/// One field and what it shall be.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    group: GroupName,
    field: String,
    value: Value,
}

/// The setting in `GROUP.FIELD=VALUE`.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let form = "write GROUP.FIELD=VALUE, such as contact.phone=+9647800000001";
    let (place, text) = text.split_once('=').ok_or(form)?;
    let (group, field) = place.split_once('.').filter(|(_, f)| !f.is_empty()).ok_or(form)?;
    let group = group.parse().map_err(|e| format!("{e}"))?;
    Ok(Setting { group, field: field.to_owned(), value: value(text) })
}

/// A value: JSON if it parses, else text.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// Changes fields; the rest of their groups stays as it is.
pub(super) async fn set(
    asker: &Asker,
    id: RecordId,
    settings: &[Setting],
    by: Option<Private<String>>,
) -> Result<(), Failure> {
    let read = read(asker, id).await?;
    let record = write(asker, (id, &read), corrected(id, &read, settings)?, by).await?;
    asker.show(&record, people)
}

/// Says that a record does not count.
pub(super) async fn void(
    asker: &Asker,
    id: RecordId,
    why: &str,
    by: Option<Private<String>>,
) -> Result<(), Failure> {
    let read = read(asker, id).await?;
    let group: GroupName = wasl_protocol::record::VOID.parse().expect("it is a group's name");
    one_value(id, &read, &group)?;
    let groups = Map::from_iter([(group.to_string(), json!({ "why": why }))]);
    let record = write(asker, (id, &read), groups, by).await?;
    asker.show(&record, |_| format!("{id} is void: it does not count; its history stays"))
}

/// Puts a record into an office's scope, or takes it out.
pub(super) async fn grant(
    asker: &Asker,
    id: RecordId,
    (office, end): (OfficeId, bool),
    by: Option<Private<String>>,
) -> Result<(), Failure> {
    let new = NewGrant { office: office.to_string(), end, operator: by };
    let record: Value = asker.post(&format!("/v1/records/{id}/grants"), &new).await?;
    let does = if end { "no longer sees" } else { "sees and edits" };
    asker.show(&record, |_| format!("{} {does} {id}", new.office))
}

/// A record, and the token of what was read of it.
pub(super) async fn read(asker: &Asker, id: RecordId) -> Result<Value, Failure> {
    asker.get(&format!("/v1/records/{id}")).await
}

/// Replaces groups of a record as it was read; answers the record.
pub(super) async fn write(
    asker: &Asker,
    (id, read): (RecordId, &Value),
    groups: Map<String, Value>,
    by: Option<Private<String>>,
) -> Result<Value, Failure> {
    let token = read["token"].as_str().unwrap_or_default();
    let body = json!({ "groups": groups, "operator": by });
    asker.patch(&format!("/v1/records/{id}"), token, &body).await
}

/// The groups that `settings` name, as they were read, with the fields set.
fn corrected(
    id: RecordId,
    read: &Value,
    settings: &[Setting],
) -> Result<Map<String, Value>, Failure> {
    let mut groups = Map::new();
    for Setting { group, field, value } in settings {
        one_value(id, read, group)?;
        let known = &read["groups"][group.as_str()]["value"];
        let fields = groups.entry(group.as_str()).or_insert_with(|| match known {
            Value::Null => Value::Object(Map::new()),
            value => value.clone(),
        });
        let Some(fields) = fields.as_object_mut() else {
            let why = format!("{group} is a list, and has no fields by name");
            return Err(Failure::new(USAGE, &format!("record {id}"), why)
                .help("replace it whole over HTTP: PATCH"));
        };
        fields.insert(field.clone(), value.clone());
    }
    Ok(groups)
}

/// A group in conflict has no value that a field could be set in.
fn one_value(id: RecordId, read: &Value, group: &GroupName) -> Result<(), Failure> {
    let siblings = read["groups"][group.as_str()]["siblings"].as_array();
    match siblings.filter(|all| !all.is_empty()) {
        None => Ok(()),
        Some(all) => {
            let why = format!("{group} is in conflict: it has {} values", all.len());
            let what = format!("record {id}");
            Err(Failure::new(FAILED, &what, why).help(format!(
                "end the conflict first: `wasl-hq conflict list`, then \
                 `wasl-hq conflict resolve {id} {group} --take DOT`"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Value {
        json!({"groups": {
            "contact": {"value": {"phone": "1", "mail": "m"}, "siblings": []},
            "household": {"value": [], "siblings": []},
            "address": {"value": {}, "siblings": [{}, {}]},
        }})
    }

    fn set(settings: &[&str]) -> Result<Map<String, Value>, String> {
        let settings: Result<Vec<_>, _> = settings.iter().map(|s| setting(s)).collect();
        corrected(RecordId([7; 16]), &read(), &settings?).map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn a_field_is_set_in_its_group_as_it_was_read() {
        let groups = set(&["contact.phone=+964", "contact.floor=3", "visit.note=نعم"]).unwrap();
        let want = json!({
            "contact": {"phone": "+964", "mail": "m", "floor": 3}, "visit": {"note": "نعم"},
        });
        assert_eq!(Value::from(groups), want);
    }

    #[test]
    fn no_field_is_set_in_a_list_nor_in_a_group_in_conflict() {
        assert!(set(&["household.name=x"]).unwrap_err().contains("a list"));
        let refused = set(&["contact.phone=1", "address.house=3"]).unwrap_err();
        assert!(refused.contains("2 values") && refused.contains("conflict resolve"), "{refused}");
        for bad in ["contact=1", "contact.phone", "contact.=1", "Contact.phone=1"] {
            assert!(set(&[bad]).is_err(), "{bad}");
        }
    }
}
