//! Every fact of the document, one a line, moments with their age.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use super::document::Status;
use super::table::{age, apart, harmless};

/// What people are told of it already.
const TOLD: [&str; 2] = ["summary", "warnings"];

/// The facts, by their names in the document.
pub(super) fn facts(status: &Status, now: Timestamp) -> String {
    let document = serde_json::to_value(status).unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in document.as_object().into_iter().flatten() {
        if !TOLD.contains(&name.as_str()) {
            flatten(&mut lines, name, value);
        }
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = "\n".to_owned();
    for (name, value) in lines {
        let text = match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => match text.parse::<Timestamp>() {
                Ok(at) if at > now => format!("{text}, in {}", age(now, at)),
                Ok(at) => format!("{text}, {} ago", age(at, now)),
                Err(_) => apart(&harmless(text)),
            },
            other => other.to_string(),
        };
        let _ = writeln!(out, "  {name:<width$}  {text}");
    }
    out
}

fn flatten<'a>(lines: &mut Vec<(String, &'a Value)>, name: &str, value: &'a Value) {
    match value.as_object() {
        Some(fields) => {
            for (field, value) in fields {
                flatten(lines, &format!("{name}.{field}"), value);
            }
        }
        None => lines.push((name.to_owned(), value)),
    }
}
