//! `record get / list / history`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use wasl_protocol::id::{GroupName, RecordId};
use wasl_protocol::record::{ActReport, Counts, SiblingReport};

use crate::console::{RecordLine, RecordList};
use crate::status::timestamp;

use super::args::RecordCommand;
use super::ask::Asker;
use super::beside::side_by_side;
use super::conflict::columns;
use super::edit;
use super::failure::{FAILED, Failure};
use super::named::record as record_id;
use super::table::{cut, harmless, indented, moment, or_dash, plain, table};

/// How many characters of a value a line of the history shows.
const VALUE_CHARS: usize = 30;

/// Does what was said about records.
pub(super) async fn record(asker: &Asker, command: RecordCommand) -> Result<(), Failure> {
    match command {
        RecordCommand::Get { id } => {
            let record: Value = asker.get(&format!("/v1/records/{id}")).await?;
            asker.show(&record, people)
        }
        RecordCommand::List { office } => {
            let of = office.map(|o| format!("office={o}&")).unwrap_or_default();
            let mut list: RecordList = asker.get(&format!("/v1/records?{of}")).await?;
            while let Some(after) = list.next {
                let page = format!("/v1/records?{of}after={after}");
                let page: RecordList = asker.get(&page).await?;
                list.items.extend(page.items);
                list.next = page.next;
            }
            asker.show(&list, lines)
        }
        RecordCommand::History { id } => history(asker, record_id(asker, &id).await?).await,
        RecordCommand::Set { id, settings, by } => {
            let id = record_id(asker, &id).await?;
            edit::set(asker, id, &settings, by.operator()).await
        }
        RecordCommand::Void { id, why, by } => {
            let id = record_id(asker, &id).await?;
            edit::void(asker, id, &why, by.operator()).await
        }
        RecordCommand::Grant { id, office, end, by } => {
            let id = record_id(asker, &id).await?;
            edit::grant(asker, id, (office, end), by.operator()).await
        }
    }
}

fn lines(list: &RecordList) -> String {
    let row = |r: &RecordLine| {
        let conflict = if r.conflict { "conflict" } else { "-" };
        [r.id.to_string(), r.office.to_string(), conflict.to_owned(), r.form_number.to_string()]
    };
    table(["record", "office", "conflict", "form number"], list.items.iter().map(row).collect())
}

/// The record, group by group; each value on one line, those in conflict side by side.
pub(super) fn people(record: &Value) -> String {
    let text = |field: &str| plain(record.get(field).unwrap_or(&Value::from("-")));
    let yes = |field: &str| if record[field] == true { "yes" } else { "no" };
    let mut out = vec![
        format!("record       {}", text("id")),
        format!("form number  {}", text("form_number")),
        format!("office       {}", text("office")),
        format!("conflict     {}", yes("conflict")),
        format!("void         {}", yes("void")),
        format!("at HQ        {}", text("hq")),
    ];
    for (name, group) in record["groups"].as_object().into_iter().flatten() {
        let siblings: Result<Vec<SiblingReport>, _> =
            serde_json::from_value(group["siblings"].clone());
        match siblings {
            Ok(siblings) if !siblings.is_empty() => {
                out.push(format!("{name}  (in conflict: {} values)", siblings.len()));
                out.push(indented(&side_by_side(&columns(&siblings)), 2));
            }
            _ => {
                out.push(format!("{name}  ({})", group["dot"].as_str().unwrap_or("-")));
                out.extend(fields(&group["value"]));
            }
        }
    }
    harmless(&out.join("\n"))
}

fn fields(value: &Value) -> Vec<String> {
    match value.as_object() {
        Some(fields) => fields.iter().map(|(f, v)| format!("  {f}: {}", plain(v))).collect(),
        None => vec![format!("  {}", plain(value))],
    }
}

/// The part of `record history --json` that people read.
#[derive(Deserialize)]
struct History {
    items: Vec<ActReport>,
}

async fn history(asker: &Asker, id: RecordId) -> Result<(), Failure> {
    let document: Value = asker.get(&format!("/v1/records/{id}/history")).await?;
    let history: History = serde_json::from_value(document.clone())
        .map_err(|e| Failure::new(FAILED, "HQ's answer", e).help("versions may not fit"))?;
    asker.show(&document, |_| edits(history.items))
}

/// One line an edit; what it changed besides stands below.
fn edits(items: Vec<ActReport>) -> String {
    let mut before = BTreeMap::new();
    let mut rows = Vec::with_capacity(items.len());
    for act in items {
        let marked = match act.counts {
            Counts::Applied => "",
            Counts::Held => "HELD ",
            Counts::Refused => "REFUSED ",
        };
        let what = format!("{marked}{}", changes(&before, &act).join("\n"));
        rows.push([
            moment(timestamp(act.at)),
            act.office.to_string(),
            cut(
                &or_dash(act.operator.as_ref().map(|name| plain(&Value::from(&*name.0)))),
                VALUE_CHARS,
            ),
            act.dot.to_string(),
            what,
        ]);
        if act.counts == Counts::Applied {
            before.extend(act.groups);
        }
    }
    table(["time", "office", "operator", "dot", "what changed"], rows)
}

/// What an edit changed: `group.field: old -> new`; of the first edit only the groups.
fn changes(before: &BTreeMap<GroupName, Value>, act: &ActReport) -> Vec<String> {
    if before.is_empty() {
        let groups: Vec<_> = act.groups.keys().map(ToString::to_string).collect();
        return vec![format!("opened with {}", groups.join(", "))];
    }
    if act.changed.is_empty() {
        let groups: Vec<_> = act.groups.keys().map(ToString::to_string).collect();
        return vec![format!("{}: the same value again", groups.join(", "))];
    }
    act.changed.iter().map(|place| change(place, before, &act.groups)).collect()
}

fn change(
    place: &str,
    before: &BTreeMap<GroupName, Value>,
    after: &BTreeMap<GroupName, Value>,
) -> String {
    let at = |groups: &BTreeMap<GroupName, Value>| {
        let (group, field) = place.split_once('.').map_or((place, None), |(g, f)| (g, Some(f)));
        let value = groups.iter().find(|(name, _)| name.as_str() == group).map(|(_, v)| v);
        let value = match field {
            Some(field) => value.and_then(Value::as_object).and_then(|o: &Map<_, _>| o.get(field)),
            None => value,
        };
        value.map_or("-".to_owned(), |v| cut(&plain(v), VALUE_CHARS))
    };
    format!("{}: {} -> {}", cut(place, VALUE_CHARS * 2), at(before), at(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_history_has_a_line_an_edit_and_says_what_changed_and_what_does_not_count() {
        let act = |seq: u64, counts: &str, changed: &[&str], groups: Value| {
            json!({"dot": format!("00c1a5b2d3e4f506:{seq}"), "office": "nasr", "operator": "زينب",
                "at": 1_767_950_000_000_u64, "counts": counts, "changed": changed, "groups": groups})
        };
        let person = json!({"given_name": "آيات"});
        let contact =
            |phone: &str, mail: Option<&str>| json!({"contact": {"phone": phone, "mail": mail}});
        let acts = json!([
            act(2, "applied", &["person.given_name"], json!({"person": person})),
            act(3, "refused", &["person.given_name"], json!({"person": {"given_name": "آية"}})),
            act(4, "applied", &["person.given_name"], json!({"person": {"given_name": "إيمان"}})),
            act(5, "applied", &["contact.mail", "contact.phone"], contact("0780", Some("m"))),
            act(6, "held", &["contact.phone"], contact("0781", Some("m"))),
            act(7, "applied", &[], json!({"person": {"given_name": "إيمان"}})),
        ]);
        let text = edits(serde_json::from_value(acts).unwrap()).replace('\u{200e}', "");
        let lines: Vec<_> = text.lines().collect();
        let ends = [
            "what changed",
            ":2  opened with person",
            ":3  REFUSED person.given_name: آيات -> آية",
            ":4  person.given_name: آيات -> إيمان",
            ":5  contact.mail: - -> m",
            "contact.phone: - -> 0780",
            ":6  HELD contact.phone: 0780 -> 0781",
            ":7  person: the same value again",
        ];
        assert_eq!(lines.len(), ends.len(), "{text}");
        for (line, end) in lines.iter().zip(ends) {
            assert!(line.ends_with(end), "{line:?} does not end in {end:?}");
        }
        assert!(lines[1].starts_with("2026-01-09 09:13:20Z  nasr    زينب"), "{}", lines[1]);
    }
}
