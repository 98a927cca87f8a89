//! Values, names and moments as people read them on a terminal.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::Value;

pub(super) use crate::status::apart;
use crate::status::harmless;

/// How wide a table may become, in columns: what fits on every terminal and on paper.
pub(super) const WIDTH_COLUMNS: u16 = 100;

/// What stands in place of a value that is not there.
pub(super) const NOTHING: &str = "(none)";

/// A value: text as it is, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => harmless(text),
        other => harmless(&other.to_string()),
    }
}

/// Text that stands apart, of a value that may be missing, cut after so many characters.
pub(super) fn short(value: Option<&Value>, chars: usize) -> String {
    let text = value.map_or(NOTHING.to_owned(), plain);
    match text.char_indices().nth(chars) {
        Some((end, _)) => apart(&format!("{}…", &text[..end])),
        None => apart(&text),
    }
}

/// Milliseconds since 1970 to the minute, in UTC.
pub(super) fn moment(at_ms: &Value) -> String {
    let at = at_ms.as_i64().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or("(no time)".to_owned(), minute)
}

/// A moment to the minute, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// Rows whose columns line up, as wide as they are, each indented by two.
pub(super) fn rows<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.add_rows(rows);
    let mut text = String::new();
    for line in table.lines() {
        let _ = writeln!(text, " {}", line.trim_end());
    }
    text
}
