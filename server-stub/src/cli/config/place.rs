//! Where something stands in a TOML text, and a mistake shown in its place.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::cli::failure::{Failure, SETTINGS};

/// A mistake in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where, in bytes.
    pub at: Range<usize>,
    /// What.
    pub what: String,
}

impl Flaw {
    /// A mistake in what stands at this key.
    pub fn of_key(text: &str, key: &str, what: impl Into<String>) -> Self {
        Self { at: place(text, key), what: what.into() }
    }

    /// What TOML says of it.
    pub fn of_toml(error: &toml::de::Error) -> Self {
        Self { at: error.span().unwrap_or_default(), what: error.message().replace('\n', "; ") }
    }

    /// The mistake as it is told: file, line and column, then the line with the place under it.
    pub fn failure(&self, file: &Path, text: &str) -> Failure {
        let (line, column) = line_and_column(text, self.at.start);
        let what = format!("{}:{line}:{column}", file.display());
        Failure::new(SETTINGS, &what, format!("{}{}", self.what, self.excerpt(text)))
    }

    fn excerpt(&self, text: &str) -> String {
        let (number, column) = line_and_column(text, self.at.start);
        let Some(line) = text.lines().nth(number - 1) else { return String::new() };
        let said = text.get(self.at.clone()).unwrap_or_default();
        let length = said.lines().next().unwrap_or_default().chars().count().max(1);
        let gutter = " ".repeat(number.to_string().len());
        let (marks, width) = ("^".repeat(length), column - 1 + length);
        format!("\n{gutter} |\n{number} | {line}\n{gutter} | {marks:>width$}")
    }
}

/// The line and the column of a byte, both from 1. A column is a character.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// Where a key such as `settings.day.capacity` stands with its value; where it does not, the
/// nearest table above it.
fn place(text: &str, key: &str) -> Range<usize> {
    let Ok(document) = DeTable::parse(text) else { return 0..0 };
    let (mut table, mut rest, mut found) = (document.get_ref(), key, 0..0);
    loop {
        let named = table
            .iter()
            .filter_map(|(name, value)| Some((name, value, tail(rest, name.get_ref())?)));
        let Some((name, value, after)) = named.max_by_key(|(name, ..)| name.get_ref().len()) else {
            return found;
        };
        found = name.span();
        match value.get_ref() {
            DeValue::Table(inner) if !after.is_empty() => (table, rest) = (inner, after),
            DeValue::Table(_) => return found,
            _ => return found.start..value.span().end,
        }
    }
}

/// What of a key follows this name. A name may have dots of its own, `"contact.phone"`, and an item
/// of a list is told by the list.
fn tail<'k>(key: &'k str, name: &str) -> Option<&'k str> {
    let after = key.strip_prefix(name)?;
    if after.is_empty() || after.starts_with('[') { Some("") } else { after.strip_prefix('.') }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[edition]\nserial = 1\n\n[settings.status]\nclock_warn_s = 400\n\n\
                        [settings.fields]\npatterns = { \"contact.phone\" = \"[\" }\n";

    fn said(key: &str) -> &str {
        &TEXT[place(TEXT, key)]
    }

    #[test]
    fn a_key_is_found_with_its_value_or_the_table_above_it() {
        assert_eq!(said("edition.serial"), "serial = 1");
        assert_eq!(said("settings.status.clock_warn_s"), "clock_warn_s = 400");
        assert_eq!(said("settings.status.clock_crit_s"), "status", "it is not set");
        assert_eq!(said("settings.fields.patterns.contact.phone"), "\"contact.phone\" = \"[\"");
        assert_eq!(place(TEXT, "nothing.of.it"), 0..0);
    }

    #[test]
    fn a_flaw_shows_its_line_and_marks_its_place_in_characters() {
        let text = "reason = \"نعم\" # x\nserial = 12\n";
        let at = text.find("12").unwrap();
        let flaw = Flaw { at: at..at + 2, what: "too high".to_owned() };
        assert_eq!(flaw.excerpt(text), "\n  |\n2 | serial = 12\n  |          ^^");
        assert_eq!(line_and_column(text, text.find('#').unwrap()), (1, 16));
        let failure = format!("{:?}", flaw.failure(Path::new("day.toml"), text));
        assert!(failure.contains("day.toml:2:10: too high"), "{failure}");
        let end = Flaw { at: 999..1000, what: String::new() };
        assert!(!end.excerpt("").contains('^'), "there is no line to show");
    }
}
