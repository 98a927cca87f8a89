//! The values of one group in conflict, side by side, for the person who has to choose.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{
    Cell, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Row, Table,
    TableStyle, Width,
};
use serde_json::{Map, Value};

use super::plain::{NOTHING, WIDTH_COLUMNS, apart, moment, plain};
use crate::status::harmless;

/// So many values stand beside one another; more get a table of their own below.
const MOST_BESIDE: usize = 3;

/// A field in which the values differ takes so many lines at most; the others take one.
const MOST_LINES: usize = 12;

/// How far a table stands in, in columns.
const INDENT: &str = "  ";

const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction('│'))
    .header_separator(LineStyle::none().fill('─').junction('┼'))
    .content_lines(ContentLineStyle::none().junction('│'));

/// One field, and what each value says of it.
struct Line<'a> {
    field: String,
    values: Vec<Option<&'a Value>>,
}

impl Line<'_> {
    fn differs(&self) -> bool {
        self.values.iter().any(|value| *value != self.values[0])
    }
}

/// The siblings of a report: one column each, under who wrote it, where, when and its dot; one row
/// a field, marked `*` where they differ.
pub(super) fn side_by_side(siblings: &[Value]) -> String {
    let lines = lines(siblings);
    let tables = (0..siblings.len()).step_by(MOST_BESIDE).map(|first| {
        let last = siblings.len().min(first + MOST_BESIDE);
        table(&siblings[first..last], &lines, first)
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn table(siblings: &[Value], lines: &[Line<'_>], first: usize) -> String {
    let mut table = Table::new();
    let indent = u16::try_from(INDENT.len()).unwrap_or_default();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH_COLUMNS - indent).set_truncation_indicator("…");
    let heads: Vec<_> = siblings.iter().map(head).collect();
    let names = "  office\n  operator\n  time\n  dot".to_owned();
    table.set_header(std::iter::once(names).chain(heads));
    for line in lines {
        let mark = if line.differs() { '*' } else { ' ' };
        let cell = |value: Option<&Value>| Cell::new(value.map_or(NOTHING.to_owned(), plain));
        let values = line.values[first..first + siblings.len()].iter().copied().map(cell);
        let mut row: Row = std::iter::once(Cell::new(format!("{mark} {}", line.field)))
            .chain(values)
            .collect::<Vec<_>>()
            .into();
        row.max_height(if line.differs() { MOST_LINES } else { 1 });
        table.add_row(row);
    }
    for (n, sibling) in siblings.iter().enumerate() {
        // A dot that is broken in two cannot be copied; the padding is counted too.
        let width = u16::try_from(plain(&sibling["dot"]).len() + 2).unwrap_or(WIDTH_COLUMNS);
        if let Some(column) = table.column_mut(n + 1) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        let _ = writeln!(text, "{INDENT}{}", walled(line.trim_end()));
    }
    text
}

/// With a LEFT-TO-RIGHT MARK before each wall: a terminal that turns Arabic text then turns each
/// column by itself, and never two of them into each other's place.
fn walled(line: &str) -> String {
    line.replace('│', "\u{200e}│")
}

fn head(sibling: &Value) -> String {
    let operator = match &sibling["operator"] {
        Value::Null => "-".to_owned(),
        operator => plain(operator),
    };
    let (office, dot) = (plain(&sibling["office"]), plain(&sibling["dot"]));
    format!("{office}\n{operator}\n{}\n{dot}", moment(&sibling["at"]))
}

/// The rows: the fields of objects, the items of lists, else the values as they are.
fn lines(siblings: &[Value]) -> Vec<Line<'_>> {
    let values: Vec<&Value> = siblings.iter().map(|sibling| &sibling["value"]).collect();
    let objects: Option<Vec<&Map<String, Value>>> = values.iter().map(|v| v.as_object()).collect();
    if let Some(objects) = objects {
        let names: BTreeSet<&String> = objects.iter().flat_map(|object| object.keys()).collect();
        let line = |name: &String| {
            let field = apart(&harmless(name));
            Line { field, values: objects.iter().map(|object| object.get(name)).collect() }
        };
        return names.into_iter().map(line).collect();
    }
    let lists: Option<Vec<&Vec<Value>>> = values.iter().map(|v| v.as_array()).collect();
    if let Some(lists) = lists {
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or_default();
        let line = |n: usize| Line {
            field: format!("[{n}]"),
            values: lists.iter().map(|list| list.get(n)).collect(),
        };
        return (0..longest).map(line).collect();
    }
    vec![Line { field: "value".to_owned(), values: values.into_iter().map(Some).collect() }]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub fn sibling(journal: u8, office: &str, operator: &Value, value: &Value) -> Value {
        let dot = format!("{:016x}:12", u64::from(journal));
        let at = 1_452_585_600_000_u64;
        json!({"dot": dot, "office": office, "operator": operator, "at": at, "value": value})
    }

    /// The table of these values, without what only a terminal sees.
    fn told(values: &[Value]) -> String {
        let told = |(n, value)| sibling(n, "nasr", &json!("op"), value);
        let siblings: Vec<_> = (1..).zip(values).map(told).collect();
        side_by_side(&siblings).replace('\u{200e}', "")
    }

    #[test]
    fn the_values_stand_side_by_side_and_what_differs_is_marked() {
        let (one, two) = (json!({"a": "آيات", "b": 1}), json!({"a": "زينب", "b": 1, "c": null}));
        let siblings = [
            sibling(1, "suq-al-shuyukh", &json!("op-06"), &one),
            sibling(2, "hq", &Value::Null, &two),
        ];
        let want = "     office   │ suq-al-shuyukh      │ hq
     operator │ op-06               │ -
     time     │ 2016-01-12 08:00Z   │ 2016-01-12 08:00Z
     dot      │ 0000000000000001:12 │ 0000000000000002:12
  ────────────┼─────────────────────┼─────────────────────
   * a        │ آيات                │ زينب
     b        │ 1                   │ 1
   * c        │ (none)              │ null
";
        assert_eq!(side_by_side(&siblings).replace('\u{200e}', ""), want);
    }

    #[test]
    fn no_terminal_turns_two_arabic_columns_into_each_others_place() {
        let siblings = [("a", "آيات"), ("b", "زينب")]
            .map(|(office, name)| sibling(1, office, &Value::Null, &json!({"name": name})));
        let text = side_by_side(&siblings);
        assert!(text.matches('│').count() > 0);
        assert_eq!(text.matches('│').count(), text.matches("\u{200e}│").count(), "{text}");
    }

    #[test]
    fn long_values_are_cut_to_the_width_and_what_differs_keeps_its_mark_and_its_end() {
        let long = "x".repeat(300);
        let value = |end: &str| json!({"same": long, "other": format!("{long} {end}")});
        let text = told(&[value("one"), value("two"), value("one")]);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(WIDTH_COLUMNS), "{widest}: {text}");
        let same: Vec<_> = text.lines().filter(|line| line.contains("same")).collect();
        assert_eq!((same.len(), same[0].matches('…').count()), (1, 3), "{text}");
        assert!(text.contains("* other") && text.contains(" two "), "{text}");
        let endless = json!({"other": "y ".repeat(10_000)});
        let text = told(&[value("one"), endless]);
        assert!(text.contains("* other") && text.lines().count() < 40, "{text}");
    }

    #[test]
    fn lists_are_told_item_by_item_and_other_values_whole() {
        let text = told(&[json!([{"n": 1}, {"n": 2}]), json!([{"n": 1}])]);
        assert!(text.contains("    [0]      │ {\"n\":1}"), "{text}");
        assert!(text.contains("  * [1]      │ {\"n\":2}             │ (none)"), "{text}");
        assert!(told(&[json!("x"), json!({"n": 1})]).contains("  * value"));
    }

    #[test]
    fn of_many_values_each_has_its_dot_and_the_marks_count_all_of_them() {
        let values: Vec<_> = [1, 1, 1, 2].map(|n| json!({"n": n, "m": 0})).into();
        let text = told(&values);
        for n in 1..=4 {
            assert!(text.contains(&format!("{n:016x}:12")), "{text}");
        }
        assert_eq!((text.matches("* n ").count(), text.matches("* m ").count()), (2, 0), "{text}");
    }

    #[test]
    fn a_value_cannot_steer_the_terminal() {
        let text = told(&[json!({"a": "\u{1b}[2J\nb"}), json!({"a\u{202e}": "c"})]);
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains("\u{fffd}[2J\u{fffd}b"));
    }
}
