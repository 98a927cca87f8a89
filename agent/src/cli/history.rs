//! `wasl record history`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wasl_protocol::named::Named;
use wasl_protocol::record;

use super::plain::{apart, moment, plain, rows, short};
use super::read::{document, find, no_such_record, read};
use super::{Failure, Place, print, print_json};
use crate::status::harmless;

/// How many characters of a value are shown.
const VALUE_CHARS: usize = 40;

/// Shows who wrote what into a record, and when.
pub(super) fn history(place: &Place, id: &Named) -> Result<(), Failure> {
    const WHAT: &str = "record history";
    let told: Value = read(
        place,
        async |mut client| client.document(WHAT, &format!("/v1/records/{id}/history")).await,
        |archive| {
            let id = find(WHAT, archive, id)?;
            let (origin, acts) = archive.history(id)?.ok_or_else(|| no_such_record(WHAT))?;
            document(WHAT, record::history(&origin, acts))
        },
    )?;
    if place.json { print_json(&told) } else { print(&page(&told)) }
}

/// The history for people: one line an edit.
fn page(told: &Value) -> String {
    let [id, form_number, office] = ["id", "form_number", "office"].map(|f| plain(&told[f]));
    let mut before = BTreeMap::new();
    let items = told["items"].as_array().into_iter().flatten();
    let lines = items.map(|item| line(item, &mut before));
    format!("{id}  form {form_number}, opened by {office}\n{}", rows(lines))
}

/// What each group said last.
type Before<'a> = BTreeMap<&'a str, &'a Value>;

fn line<'a>(item: &'a Value, before: &mut Before<'a>) -> [String; 5] {
    let nothing_before = before.is_empty();
    let (counts, mark) = match item["counts"].as_str() {
        Some("held") => (false, "[held] "),
        Some("refused") => (false, "[refused] "),
        _ => (true, ""),
    };
    let told = if nothing_before { wrote(item) } else { changes(item, before) };
    if counts {
        let groups = item["groups"].as_object().into_iter().flatten();
        before.extend(groups.map(|(name, value)| (name.as_str(), value)));
    }
    let operator = match &item["operator"] {
        Value::Null => "-".to_owned(),
        operator => apart(&plain(operator)),
    };
    let (at, office, dot) = (moment(&item["at"]), plain(&item["office"]), plain(&item["dot"]));
    [at, office, operator, dot, format!("{mark}{told}")]
}

fn wrote(item: &Value) -> String {
    let none = Map::new();
    let groups = item["groups"].as_object().unwrap_or(&none);
    format!("wrote {}", groups.keys().map(|g| harmless(g)).collect::<Vec<_>>().join(", "))
}

fn changes(item: &Value, before: &Before<'_>) -> String {
    let places = item["changed"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let told: Vec<_> = places.map(|place| change(place, item, before)).collect();
    if told.is_empty() { format!("{} again, as before", wrote(item)) } else { told.join("; ") }
}

/// One place of `changed`: `group.field`, or `group` for a list.
fn change(place: &str, item: &Value, before: &Before<'_>) -> String {
    let group = place.split_once('.').map_or(place, |(group, _)| group);
    let (was, is) = (before.get(group).copied(), item["groups"].get(group));
    let (was, is) = match place.split_once('.') {
        Some((_, field)) => (was.and_then(|v| v.get(field)), is.and_then(|v| v.get(field))),
        None => (was, is),
    };
    let (was, is) = (short(was, VALUE_CHARS), short(is, VALUE_CHARS));
    format!("{}: {was} -> {is}", harmless(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(seq: u64, counts: &str, changed: &[&str], groups: &Value) -> Value {
        json!({
            "dot": format!("0000000000000001:{seq}"), "office": "nasr", "at": 1_452_585_600_000_u64,
            "operator": "op-06", "counts": counts, "changed": changed, "groups": groups,
        })
    }

    #[test]
    fn each_edit_is_one_line_with_what_it_changed_and_whether_it_counts() {
        let long = "x".repeat(VALUE_CHARS + 1);
        let items = [
            item(
                2,
                "applied",
                &["contact.phone", "household"],
                &json!({"contact": {"phone": "1"}, "household": []}),
            ),
            item(3, "refused", &["contact.phone"], &json!({"contact": {"phone": "2"}})),
            item(4, "held", &["contact.name"], &json!({"contact": {"phone": "1", "name": "n"}})),
            item(5, "applied", &["contact.phone"], &json!({"contact": {"phone": long}})),
            item(6, "applied", &["contact.phone"], &json!({"contact": {}})),
            item(7, "applied", &["household"], &json!({"household": [{"n": "زيد"}]})),
            item(8, "applied", &[], &json!({"contact": {}})),
        ];
        let id = "0".repeat(32);
        let told = page(&json!({
            "id": id, "form_number": "f-1", "office": "nasr", "items": items,
        }));
        let cut = format!("{}…", "x".repeat(VALUE_CHARS));
        let lines = [
            "wrote contact, household".to_owned(),
            "[refused] contact.phone: 1 -> 2".to_owned(),
            "[held] contact.name: (none) -> n".to_owned(),
            format!("contact.phone: 1 -> \u{200e}{cut}\u{200e}"),
            format!("contact.phone: \u{200e}{cut}\u{200e} -> (none)"),
            "household: [] -> \u{200e}[{\"n\":\"زيد\"}]\u{200e}".to_owned(),
            "wrote contact again, as before".to_owned(),
        ];
        let mut want = vec![format!("{id}  form f-1, opened by nasr")];
        want.extend((2..).zip(lines).map(|(seq, line)| {
            format!("  2016-01-12 08:00Z  nasr  op-06  0000000000000001:{seq}  {line}")
        }));
        assert_eq!(told.lines().collect::<Vec<_>>(), want);
    }
}
