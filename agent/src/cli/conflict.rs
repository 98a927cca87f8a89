//! `wasl conflict list` and `resolve`.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use wasl_protocol::id::{Dot, GroupName};
use wasl_protocol::named::Named;
use wasl_protocol::record::{Owner, owner};

use super::edit::{By, Errand};
use super::plain::plain;
use super::read::{all_pages, document, read};
use super::siblings::side_by_side;
use super::{Exit, Failure, Place, print, print_json};
use crate::intake::ConflictList;

/// What to do about conflicts.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show each record of which two places wrote the same group, and what they wrote
    List,
    /// End a conflict: take one of the values, or write another
    Resolve(Resolve),
}

/// Which conflict, and what ends it.
#[derive(Debug, clap::Args)]
pub struct Resolve {
    /// The record's id, or its first 4 digits or more
    #[arg(value_name = "ID")]
    id: Named,
    /// The group in conflict
    #[arg(value_name = "GROUP")]
    group: GroupName,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    by: By,
}

/// What the group shall say.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Choice {
    /// Take the value that this edit wrote
    #[arg(long, value_name = "DOT")]
    take: Option<Dot>,
    /// Write this value, the whole group
    #[arg(long, value_name = "JSON", value_parser = json_value)]
    value: Option<Value>,
}

fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))
}

/// Lists the conflicts, or ends one.
pub fn conflict(place: &Place, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => list(place),
        Command::Resolve(resolve) => end(place, resolve),
    }
}

fn list(place: &Place) -> Result<(), Failure> {
    const WHAT: &str = "conflict list";
    let items = read(
        place,
        async |client| all_pages(client, WHAT, "/v1/conflicts").await,
        |archive| {
            let (states, _) = archive.conflicts(0, u64::MAX)?;
            let mut list = document(WHAT, ConflictList::new(&states, None))?;
            Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
        },
    )?;
    if place.json {
        return print_json(&json!({ "schema": ConflictList::SCHEMA, "items": items }));
    }
    print(&page(&items))
}

/// The conflicts for people: each record, each group, its values side by side.
fn page(items: &[Value]) -> String {
    if items.is_empty() {
        return "no record is in conflict\n".to_owned();
    }
    let mut text = String::new();
    let none = Map::new();
    for item in items {
        let [id, form_number, office] =
            ["id", "form_number", "office"].map(|field| plain(&item[field]));
        let _ = writeln!(text, "{id}  form {form_number}, opened by {office}");
        for (group, conflict) in item["groups"].as_object().unwrap_or(&none) {
            let siblings = conflict["siblings"].as_array().map_or(&[][..], Vec::as_slice);
            let _ = writeln!(text, "\n  {group}: {} values, * differs", siblings.len());
            text += &side_by_side(siblings);
        }
        text.push('\n');
    }
    text + "to end one: wasl conflict resolve ID GROUP --take DOT, or --value JSON\n"
}

fn end(place: &Place, resolve: &Resolve) -> Result<(), Failure> {
    let Resolve { id, group, choice, by } = resolve;
    if owner(group) == Owner::Hq {
        let message = format!("conflict resolve: {group}: headquarters writes this group");
        let help = format!("ask headquarters to run: wasl-hq conflict resolve {id} {group}");
        return Err(Failure::new(Exit::Failed, message).help(help));
    }
    let errand = Errand { what: "conflict resolve", id, by };
    errand.run(place, |read| {
        let value = chosen(read, group, choice)?;
        Ok(Map::from_iter([(group.as_str().to_owned(), value)]))
    })
}

/// The value that ends the conflict of `group` in the record that was read.
fn chosen(read: &Value, group: &GroupName, choice: &Choice) -> Result<Value, Failure> {
    let siblings = read["groups"][group.as_str()]["siblings"].as_array();
    let Some(siblings) = siblings.filter(|siblings| !siblings.is_empty()) else {
        let message = format!("conflict resolve: {group} of this record is not in conflict");
        let help = "`wasl conflict list` shows what is; `wasl record set` changes what is not";
        return Err(Failure::new(Exit::Failed, message).help(help));
    };
    let Some(dot) = choice.take else {
        return Ok(choice.value.clone().unwrap_or_default());
    };
    let wanted = dot.to_string();
    if let Some(taken) = siblings.iter().find(|sibling| sibling["dot"] == wanted.as_str()) {
        return Ok(taken["value"].clone());
    }
    let there: Vec<String> = siblings
        .iter()
        .map(|sibling| format!("{} ({})", plain(&sibling["dot"]), plain(&sibling["office"])))
        .collect();
    let message = format!("conflict resolve: no value of {group} was written by {dot}");
    Err(Failure::new(Exit::Failed, message).help(format!("take one of {}", there.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::super::siblings::tests::sibling;
    use super::*;

    fn read_with(siblings: &[Value]) -> Value {
        json!({ "id": "00", "groups": { "contact": { "siblings": siblings } } })
    }

    fn two() -> [Value; 2] {
        [("nasr", "1"), ("hq", "2")].map(|(office, phone)| {
            let journal = phone.parse().unwrap();
            sibling(journal, office, &Value::Null, &json!({"phone": phone, "mail": "m"}))
        })
    }

    fn choose(read: &Value, take: Option<&str>, value: Option<Value>) -> Result<Value, Failure> {
        let take = take.map(|dot| dot.parse().unwrap());
        chosen(read, &"contact".parse().unwrap(), &Choice { take, value })
    }

    #[test]
    fn a_conflict_ends_with_the_whole_value_that_is_taken_or_written() {
        let read = read_with(&two());
        let taken = choose(&read, Some("0000000000000002:12"), None).unwrap();
        assert_eq!(taken, json!({"phone": "2", "mail": "m"}));
        let written = choose(&read, None, Some(json!({"phone": "3"}))).unwrap();
        assert_eq!(written, json!({"phone": "3"}));
    }

    #[test]
    fn a_dot_that_is_not_there_is_refused_with_those_that_are() {
        let e = choose(&read_with(&two()), Some("0000000000000003:12"), None).unwrap_err();
        assert!(e.message.ends_with("no value of contact was written by 0000000000000003:12"));
        let help = "take one of 0000000000000001:12 (nasr), 0000000000000002:12 (hq)";
        assert_eq!(e.help.unwrap(), help);
    }

    #[test]
    fn what_is_not_in_conflict_is_not_resolved() {
        for read in [read_with(&[]), json!({"groups": {}})] {
            let e = choose(&read, None, Some(json!({}))).unwrap_err();
            assert!(e.message.ends_with("contact of this record is not in conflict"));
            assert_eq!(e.exit, Exit::Failed);
        }
    }

    #[test]
    fn a_group_of_hqs_is_left_to_hq_before_anybody_is_asked() {
        let resolve = Resolve {
            id: "0".repeat(32).parse().unwrap(),
            group: "national_number".parse().unwrap(),
            choice: Choice { take: None, value: Some(json!({})) },
            by: By::default(),
        };
        let place = Place { data_dir: "/nowhere".into(), key_file: None, json: false };
        let e = end(&place, &resolve).unwrap_err();
        assert!(e.message.contains("national_number: headquarters writes this group"));
        assert!(e.help.unwrap().contains("wasl-hq conflict resolve 0000"));
    }

    #[test]
    fn the_list_tells_each_record_each_group_and_how_to_end_it() {
        let groups = json!({"contact": {"differs": ["phone"], "siblings": two()}});
        let id = "0".repeat(32);
        let item = json!({"id": id, "form_number": "f-1", "office": "nasr", "groups": groups});
        let text = page(&[item]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("{id}  form f-1, opened by nasr"));
        assert_eq!(lines[2], "  contact: 2 values, * differs");
        assert!(text.contains("   * phone    "), "{text}");
        assert!(text.contains("     mail     "), "{text}");
        assert!(text.ends_with("GROUP --take DOT, or --value JSON\n"), "{text}");
        assert_eq!(page(&[]), "no record is in conflict\n");
    }
}
