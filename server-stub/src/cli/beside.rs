//! Values side by side: one column a value, one row a field, the fields that differ marked.

use serde_json::Value;
use wasl_protocol::record::SiblingReport;

use crate::status::timestamp;

use super::table::{cut, facts_of, moment, or_dash, plain};

/// How wide such a table becomes, in characters, unless its fields have very long names.
const WIDTH: usize = 100;

/// The most values side by side; more go into a further table below.
const COLUMNS: usize = 3;

/// The longest name of a field that is shown whole, in characters.
const FIELD_CHARS: usize = 28;

/// The fewest characters of a value that are shown: a dot is never cut.
const VALUE_CHARS: usize = 22;

/// What stands before the name of a field that differs, and before any other.
const MARKS: [&str; 2] = ["  ", "* "];

/// One value, and what it is called at the head of its column.
pub(super) type Column<'a> = (&'a str, &'a SiblingReport);

/// These values of one group side by side.
pub(super) fn side_by_side(columns: &[Column<'_>]) -> String {
    let fields: Vec<_> = columns.iter().map(|(_, said)| leaves(&said.value)).collect();
    let names = names(&fields);
    let blocks = columns.chunks(COLUMNS).zip(fields.chunks(COLUMNS));
    let block = |(columns, shown): (&[Column<'_>], &[Vec<Leaf<'_>>])| {
        let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let room = WIDTH.saturating_sub(widest.min(FIELD_CHARS) + MARKS[0].len() + 2);
        let chars = (room / columns.len()).saturating_sub(2).max(VALUE_CHARS);
        let mut rows = head(columns, chars);
        for name in &names {
            let mark = MARKS[usize::from(differs(name, &fields))];
            let mut row = vec![format!("{mark}{}", cut(name, FIELD_CHARS))];
            row.extend(shown.iter().map(|leaves| match leaf(leaves, name) {
                Some(value) => cut(&plain(value), chars),
                None => "-".to_owned(),
            }));
            rows.push(row);
        }
        facts_of(rows)
    };
    blocks.map(block).collect::<Vec<_>>().join("\n\n")
}

/// Who wrote each value, and when.
fn head(columns: &[Column<'_>], chars: usize) -> Vec<Vec<String>> {
    type Fact = fn(&Column<'_>) -> String;
    let facts: [(&str, Fact); 5] = [
        ("", |(title, _)| (*title).to_owned()),
        ("office", |(_, said)| said.office.to_string()),
        ("operator", |(_, said)| or_dash(said.operator.as_ref().map(|name| &name.0))),
        ("time", |(_, said)| moment(timestamp(said.at))),
        ("dot", |(_, said)| said.dot.to_string()),
    ];
    let row = |(name, fact): (&str, Fact)| {
        let mut row = vec![format!("{}{name}", MARKS[0])];
        row.extend(columns.iter().map(|column| match name {
            "operator" => cut(&fact(column), chars),
            _ => fact(column),
        }));
        row
    };
    facts.into_iter().map(row).collect()
}

/// A field, by its path within the group, and what it holds.
type Leaf<'a> = (String, &'a Value);

/// Every field of a value: `street`, `[0].given_name`; `value` where it has none.
fn leaves(value: &Value) -> Vec<Leaf<'_>> {
    let mut found = Vec::new();
    walk(value, String::new(), &mut found);
    found
}

fn walk<'a>(value: &'a Value, path: String, found: &mut Vec<Leaf<'a>>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                walk(value, format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (n, value) in items.iter().enumerate() {
                walk(value, format!("{path}[{n}]"), found);
            }
        }
        value if path.is_empty() => found.push(("value".to_owned(), value)),
        value => found.push((path, value)),
    }
}

/// The fields that any of the values has, in the order in which they appear.
fn names<'a>(values: &'a [Vec<Leaf<'_>>]) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for (name, _) in values.iter().flatten() {
        if known.insert(name) {
            names.push(name.as_str());
        }
    }
    names
}

fn differs(name: &str, values: &[Vec<Leaf<'_>>]) -> bool {
    values.iter().any(|leaves| leaf(leaves, name) != leaf(&values[0], name))
}

fn leaf<'a>(leaves: &[Leaf<'a>], name: &str) -> Option<&'a Value> {
    leaves.iter().find(|(path, _)| path == name).map(|(_, value)| *value)
}
