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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(office: &str, dot: &str, value: &Value) -> SiblingReport {
        let (operator, at) = (json!("زينب"), json!(1_767_950_000_000_u64));
        let said =
            json!({"dot": dot, "value": value, "office": office, "at": at, "operator": operator});
        serde_json::from_value(said).unwrap()
    }

    /// The table without the marks that hold Arabic in its column.
    fn shown(values: &[SiblingReport]) -> Vec<String> {
        let columns: Vec<_> = values.iter().map(|said| ("value", said)).collect();
        let text = side_by_side(&columns).replace('\u{200e}', "");
        text.lines().map(ToOwned::to_owned).collect()
    }

    const ONE: &str = "00c1a5b2d3e4f506:1234567";
    const TWO: &str = "10c1a5b2d3e4f506:2";

    #[test]
    fn each_value_has_its_column_and_the_fields_that_differ_their_mark() {
        let ours = json!({"phone": "0780", "mail": "آيات", "floor": 1});
        let theirs = json!({"phone": "0781", "mail": "آيات", "door": "باب"});
        let lines = shown(&[said("nasr", ONE, &ours), said("hq", TWO, &theirs)]);
        let words = |n: usize| lines[n].split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(1), ["office", "nasr", "hq"]);
        assert_eq!(words(2), ["operator", "زينب", "زينب"]);
        assert_eq!(words(4), ["dot", ONE, TWO]);
        assert_eq!(words(5), ["*", "floor", "1", "-"]);
        assert_eq!(words(6), ["mail", "آيات", "آيات"]);
        assert_eq!(words(7), ["*", "phone", "0780", "0781"]);
        assert_eq!(words(8), ["*", "door", "-", "باب"]);
        let column = lines[1].find("hq").unwrap();
        assert!([4, 7].iter().all(|n| lines[*n][column - 1..].starts_with(' ')));
    }

    #[test]
    fn a_list_is_compared_item_by_item_and_a_bare_value_as_a_whole() {
        let one = json!([{"name": "ن", "age": 3}, {"name": "م"}]);
        let two = json!([{"name": "ن", "age": 4}]);
        let lines = shown(&[said("nasr", ONE, &one), said("hq", TWO, &two)]);
        let marked: Vec<_> = lines.iter().filter(|l| l.starts_with('*')).collect();
        assert!(marked[0].contains("[0].age") && marked[1].contains("[1].name"), "{lines:#?}");
        assert_eq!(marked.len(), 2);
        let bare = shown(&[said("nasr", ONE, &json!("x")), said("hq", TWO, &json!([]))]);
        assert!(bare[5].starts_with("* value"), "{bare:#?}");
    }

    #[test]
    fn long_values_are_cut_and_the_mark_and_the_dots_never() {
        let long = |end: &str| json!({"remark": format!("{}{end}", "ملاحظة ".repeat(40))});
        for n in 2..=5 {
            let dot = |i: usize| format!("{i}0c1a5b2d3e4f506:1234567");
            let values: Vec<_> =
                (0..n).map(|i| said("suq-al-shuyukh", &dot(i), &long(&i.to_string()))).collect();
            let lines = shown(&values);
            assert!(lines.iter().all(|l| l.chars().count() <= WIDTH), "{lines:#?}");
            assert!((0..n).all(|i| lines.iter().any(|l| l.contains(&dot(i)))));
            let remarks: Vec<_> = lines.iter().filter(|l| l.contains("remark")).collect();
            assert!(remarks.iter().all(|l| l.starts_with("* remark") && l.contains('…')));
        }
    }

    #[test]
    fn arabic_beside_arabic_keeps_its_column() {
        let value = |name: &str| json!({"given_name": name});
        let (one, two) = (said("nasr", ONE, &value("آيات")), said("hq", TWO, &value("آية")));
        let text = side_by_side(&[("shown", &one), ("beside it", &two)]);
        assert!(text.contains("\u{200e}آيات\u{200e}") && text.contains("\u{200e}آية\u{200e}"));
    }
}
