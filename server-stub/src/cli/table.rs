//! What people read: tables of a fixed order, and text that does a terminal no harm.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::Value;

/// A table under these headings. Names in Arabic belong into the last column: a terminal that turns
/// their direction then has nothing beside them to turn along.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings);
    for row in rows {
        table.add_row(row.map(|cell| harmless(&cell)));
    }
    trimmed(&table)
}

/// Facts under one another, each with its name.
pub(super) fn facts(rows: Vec<(&str, String)>) -> String {
    facts_of(rows.into_iter().map(|(name, fact)| vec![name.to_owned(), fact]).collect())
}

/// The same with several facts for each name.
pub(super) fn facts_of(rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for row in rows {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    trimmed(&table)
}

fn trimmed(table: &Table) -> String {
    let lines: Vec<_> =
        table.lines().map(|l| l.strip_prefix(' ').unwrap_or(&l).trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Text without the characters that move a terminal's cursor or disguise what stands beside them.
pub(super) fn harmless(text: &str) -> String {
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if bad(c) { '\u{fffd}' } else { c }).collect()
}

/// A value on one line: text as it is, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    harmless(&text).replace('\n', " ")
}

/// The same cut to so many characters, to stand beside other values.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some(_) => apart(&(text.chars().take(chars.saturating_sub(1)).collect::<String>() + "…")),
        None => apart(text),
    }
}

/// Text that may be Arabic, between marks (U+200E): a terminal that turns the direction of two such
/// texts would else turn them as one, and they would change places.
fn apart(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { format!("\u{200e}{text}\u{200e}") }
}

/// Lines with so many spaces before each.
pub(super) fn indented(text: &str, spaces: usize) -> String {
    text.lines().map(|line| format!("{:spaces$}{line}", "")).collect::<Vec<_>>().join("\n")
}

/// A moment to the second.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How long ago something was, as people say it.
pub(super) fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    const UNITS: [(i64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
    let Some(at) = at else { return "never".to_owned() };
    let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
    match UNITS.iter().find(|(unit, _)| seconds >= *unit) {
        Some((unit, name)) => format!("{} {name} ago", seconds / unit),
        None => format!("{seconds} s ago"),
    }
}

/// ` (for 3 h)`, where it is known since when.
pub(super) fn since(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else { return String::new() };
    format!(" (for {})", ago(Some(at), now).trim_end_matches(" ago"))
}

/// A number that is easy to read: `1,344`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// A size in its largest unit: `12.4 MiB`.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| n >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", n / unit, n % unit * 10 / unit),
        None => format!("{n} bytes"),
    }
}

/// A word in this colour, on a terminal that wants it.
pub(super) fn paint(word: &str, colour: &str, coloured: bool) -> String {
    if coloured { format!("\u{1b}[1;{colour}m{word}\u{1b}[0m") } else { word.to_owned() }
}

/// A fact that may not be known.
pub(super) fn or_dash(fact: Option<impl ToString>) -> String {
    fact.map_or_else(|| "-".to_owned(), |f| f.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(harmless("سوق الشيوخ"), "سوق الشيوخ");
    }

    #[test]
    fn columns_line_up_beside_arabic_names() {
        let rows = vec![
            ["nasr".to_owned(), "7".to_owned(), "النصر".to_owned()],
            ["suq-al-shuyukh".to_owned(), "1344".to_owned(), "سوق الشيوخ".to_owned()],
        ];
        let text = table(["office", "records", "name"], rows);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let column = lines[0].find("records").unwrap();
        assert_eq!(lines[1].find('7'), Some(column));
        assert_eq!(lines[2].find("1344"), Some(column));
    }

    #[test]
    fn ages_are_told_in_one_unit_and_a_clock_that_ran_back_is_not_the_future() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let at = |s: i64| Some(Timestamp::from_second(1_000_000 - s).unwrap());
        assert_eq!(ago(at(59), now), "59 s ago");
        assert_eq!(ago(at(7300), now), "2 h ago");
        assert_eq!(ago(at(-5), now), "0 s ago");
        assert_eq!(ago(None, now), "never");
    }
}
