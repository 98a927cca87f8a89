//! Ids as people type them: HQ is asked which one is meant.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use wasl_protocol::id::{Dot, RecordId};
use wasl_protocol::named::{LEAST_DIGITS, Named};

use super::ask::Asker;
use super::failure::{FAILED, Failure};

/// How many hex digits a journal's id has.
const JOURNAL_DIGITS: usize = 16;

/// A dot whose journal may be cut short: `00c1:42`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedDot {
    journal: String,
    seq: u64,
}

impl NamedDot {
    /// May this one be meant?
    pub fn fits(&self, dot: Dot) -> bool {
        dot.seq.0 == self.seq && dot.journal.to_string().starts_with(&self.journal)
    }
}

impl FromStr for NamedDot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let want = format!(
            "not a dot: JOURNAL:NUMBER, such as 00c1a5b2d3e4f506:42, or at least {LEAST_DIGITS} \
             digits of the journal's id"
        );
        let (journal, seq) = text.split_once(':').ok_or(&want)?;
        let hex = journal.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        if !hex || !(LEAST_DIGITS..=JOURNAL_DIGITS).contains(&journal.len()) {
            return Err(want);
        }
        Ok(Self { journal: journal.to_owned(), seq: seq.parse().map_err(|_| want)? })
    }
}

impl fmt::Display for NamedDot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.journal, self.seq)
    }
}

/// The record that is meant.
pub(super) async fn record(asker: &Asker, named: &Named) -> Result<RecordId, Failure> {
    if let Some(id) = named.whole() {
        return Ok(id);
    }
    let record: Value = asker.get(&format!("/v1/records/{named}")).await?;
    let id = record["id"].as_str().and_then(|id| id.parse().ok());
    id.ok_or_else(|| Failure::new(FAILED, "HQ's answer", "a record without its id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_is_named_by_the_beginning_of_its_journal_and_all_of_its_number() {
        let dot: Dot = "00c1a5b2d3e4f506:42".parse().unwrap();
        for text in ["00c1:42", "00c1a5b2d3e4f506:42"] {
            assert!(text.parse::<NamedDot>().unwrap().fits(dot), "{text}");
        }
        for text in ["00c1:4", "00c2:42"] {
            assert!(!text.parse::<NamedDot>().unwrap().fits(dot), "{text}");
        }
        for text in ["00c:42", "00c1", "00C1:42", "../..:1", "00c1:-1", "00c1a5b2d3e4f5060:1"] {
            assert!(text.parse::<NamedDot>().is_err(), "{text}");
        }
    }
}
