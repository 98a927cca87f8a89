//! `wasl record set` and `void`: edits of one record.

use serde_json::{Map, Value, json};
use wasl_protocol::id::GroupName;
use wasl_protocol::named::Named;
use wasl_protocol::record::VOID;

use super::client::{Client, talk};
use super::record::show;
use super::{Exit, Failure, Place, block_on};

/// One field and what it shall be.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    group: GroupName,
    field: String,
    value: Value,
}

/// A setting as it is typed.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let form = "write GROUP.FIELD=VALUE, such as contact.phone=+9647800000001";
    let (place, value) = text.split_once('=').ok_or(form)?;
    let (group, field) = place.split_once('.').filter(|(_, f)| !f.is_empty()).ok_or(form)?;
    let group = group.parse().map_err(|e| format!("{e}"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok(Setting { group, field: field.to_owned(), value })
}

/// Who makes the change.
#[derive(Debug, Default, clap::Args)]
pub(super) struct By {
    /// Who makes the change
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: Option<String>,
}

/// One edit: of which record, by whom, and how a failure of it begins.
pub(super) struct Errand<'a> {
    /// The command, such as `record set`.
    pub what: &'static str,
    /// The record.
    pub id: &'a Named,
    /// Who makes it.
    pub by: &'a By,
}

impl Errand<'_> {
    /// Reads the record, makes `groups` of it and sends them with the token of what was read: what
    /// somebody wrote meanwhile is not replaced. Prints the record as it is then.
    pub fn run(
        &self,
        place: &Place,
        groups: impl FnOnce(&Value) -> Result<Map<String, Value>, Failure>,
    ) -> Result<(), Failure> {
        let work = async |mut client: Client| {
            let path = format!("/v1/records/{}", self.id);
            let read: Value = client.document(self.what, &path).await?;
            let mut body = json!({ "groups": groups(&read)? });
            if let Some(by) = self.by.by.as_ref().filter(|by| !by.is_empty()) {
                body["operator"] = json!(by);
            }
            let token = read["token"].as_str().unwrap_or_default();
            // What was read is written, whatever else begins so by now.
            let path = format!("/v1/records/{}", read["id"].as_str().unwrap_or_default());
            client.patch(self.what, &path, token, body.to_string()).await
        };
        let record = block_on(async { Ok(talk(&place.data_dir, work).await) })??;
        show(place, &record?)
    }
}

/// Sets fields; the other fields of their groups stay as they were read.
pub(super) fn set(
    place: &Place,
    (id, by): (&Named, &By),
    settings: &[Setting],
) -> Result<(), Failure> {
    Errand { what: "record set", id, by }.run(place, |read| corrected(read, settings))
}

/// Says that a record does not count. Nothing is deleted.
pub(super) fn void(place: &Place, (id, by): (&Named, &By), why: &str) -> Result<(), Failure> {
    let errand = Errand { what: "record void", id, by };
    errand.run(place, |read| {
        no_conflict(errand.what, read, VOID)?;
        Ok(Map::from_iter([(VOID.to_owned(), json!({ "why": why }))]))
    })
}

/// The groups that `settings` name, as they were read, with the fields set.
fn corrected(read: &Value, settings: &[Setting]) -> Result<Map<String, Value>, Failure> {
    let mut groups = Map::new();
    for Setting { group, field, value } in settings {
        no_conflict("record set", read, group.as_str())?;
        let entry = groups.entry(group.as_str());
        let fields = entry.or_insert_with(|| match &read["groups"][group.as_str()]["value"] {
            Value::Null => Value::Object(Map::new()),
            value => value.clone(),
        });
        let Some(fields) = fields.as_object_mut() else {
            let what = format!("record set: {group} is a list, and has no field {field:?}");
            return Err(Failure::new(Exit::Usage, what).help("replace it whole over HTTP: PATCH"));
        };
        fields.insert(field.clone(), value.clone());
    }
    Ok(groups)
}

/// Whoever sets a field of one value has not decided between all of them.
fn no_conflict(what: &str, read: &Value, group: &str) -> Result<(), Failure> {
    let siblings = read["groups"][group]["siblings"].as_array().map_or(0, Vec::len);
    if siblings == 0 {
        return Ok(());
    }
    let id = read["id"].as_str().unwrap_or("ID");
    let message = format!("{what}: {group} is in conflict: {siblings} values wait for a decision");
    Err(Failure::new(Exit::Failed, message).help(format!(
        "look with `wasl conflict list`, then: wasl conflict resolve {id} {group} --take DOT"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected_by(read: &Value, typed: &[&str]) -> Result<Map<String, Value>, Failure> {
        let settings: Vec<_> = typed.iter().map(|text| setting(text).unwrap()).collect();
        corrected(read, &settings)
    }

    #[test]
    fn the_fields_that_are_not_set_stay_as_they_were_read() {
        let contact = json!({"value": {"phone": "1", "mail": "m"}, "siblings": []});
        let read = json!({"groups": {"contact": contact}});
        let typed = ["contact.phone=+964", "contact.name=زينب", "address.house=7"];
        let groups = corrected_by(&read, &typed).unwrap();
        let want = json!({
            "contact": {"phone": "+964", "mail": "m", "name": "زينب"}, "address": {"house": 7},
        });
        assert_eq!(Value::Object(groups), want);
        assert!(setting("phone=1").is_err() && setting("contact.=1").is_err());
    }

    #[test]
    fn a_group_in_conflict_is_not_set_and_the_help_says_how_to_end_it() {
        let read = json!({"id": "00ff", "groups": {"contact": {"siblings": [{}, {}]}}});
        let e = corrected_by(&read, &["contact.phone=1"]).unwrap_err();
        assert_eq!(e.message, "record set: contact is in conflict: 2 values wait for a decision");
        assert!(e.help.unwrap().contains("wasl conflict resolve 00ff contact --take DOT"));
        assert!(corrected_by(&read, &["address.house=7"]).is_ok(), "other groups are free");
    }

    #[test]
    fn a_list_has_no_fields_to_set() {
        let read = json!({"groups": {"household": {"value": [{}], "siblings": []}}});
        let e = corrected_by(&read, &["household.size=1"]).unwrap_err();
        assert_eq!(e.exit, Exit::Usage);
    }
}
