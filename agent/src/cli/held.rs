//! `wasl held list`.

use std::fmt::Write as _;

use super::plain::minute;
use super::read::read;
use super::{Failure, Place, print, print_json};
use crate::intake::{HeldItem, HeldList, HeldState};
use crate::status::harmless;

/// What to do about entries that headquarters did not apply.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the edits of this office that headquarters holds back or has refused
    List,
}

/// Lists the entries that HQ did not apply.
pub fn held(place: &Place, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => list(place),
    }
}

fn list(place: &Place) -> Result<(), Failure> {
    let list: HeldList = read(
        place,
        async |mut client| client.document("held list", "/v1/held").await,
        |archive| Ok(HeldList::new(archive.held()?)),
    )?;
    if place.json { print_json(&list) } else { print(&page(&list.items)) }
}

/// The entries for people.
fn page(items: &[HeldItem]) -> String {
    if items.is_empty() {
        return "headquarters holds nothing of this office back\n".to_owned();
    }
    let mut text = String::new();
    for item in items {
        let state = match item.state {
            HeldState::Held => "held",
            HeldState::Refused => "refused",
        };
        let _ = writeln!(text, "{}  {state} since {}", item.dot, minute(item.at));
        if let Some(record) = item.record {
            let form = item.form_number.as_ref().map_or("not known here", |f| f.as_str());
            let _ = writeln!(text, "  record  {record}, form {form}");
        }
        let _ = writeln!(text, "  why     {}", harmless(&item.text));
        let _ = writeln!(text, "  do      {}", action(item));
    }
    text
}

/// What the office can do about it. An entry that is held is never lost.
fn action(item: &HeldItem) -> String {
    let dot = item.dot;
    match item.reason.as_deref() {
        None => {
            "look at the record as it is now, and make the change anew if it is still due".into()
        }
        Some("waits") => {
            "nothing: it is applied once that edit has come; if that takes long, call \
            headquarters"
                .into()
        }
        Some("out_of_scope") => format!(
            "ask headquarters to grant this office the record (`wasl-hq record grant`), then to \
             release it (`wasl-hq held release {dot}`)"
        ),
        Some("undecodable" | "unknown_kind") => {
            format!("ask headquarters whether it runs an older version: `wasl-hq held show {dot}`")
        }
        Some(_) => format!("call headquarters: `wasl-hq held show {dot}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::id::{Dot, JournalId};
    use wasl_protocol::private::Private;
    use wasl_protocol::units::Seq;

    fn item(state: HeldState, reason: Option<&str>, text: &str) -> HeldItem {
        HeldItem {
            dot: Dot { journal: JournalId(1), seq: Seq(12) },
            record: Some("0".repeat(32).parse().unwrap()),
            form_number: Some("f-1".parse().unwrap()),
            at: jiff::Timestamp::from_second(1_452_585_600).unwrap(),
            state,
            reason: reason.map(str::to_owned),
            text: Private(text.to_owned()),
            waits_for: None,
        }
    }

    #[test]
    fn each_entry_says_since_when_why_and_what_to_do() {
        let refused = item(HeldState::Refused, None, "رقم خاطئ\u{1b}[2J");
        let mut nameless = item(HeldState::Held, Some("undecodable"), "its bytes cannot be read");
        (nameless.record, nameless.form_number) = (None, None);
        let want = "\
0000000000000001:12  refused since 2016-01-12 08:00Z
  record  00000000000000000000000000000000, form f-1
  why     رقم خاطئ\u{fffd}[2J
  do      look at the record as it is now, and make the change anew if it is still due
0000000000000001:12  held since 2016-01-12 08:00Z
  why     its bytes cannot be read
  do      ask headquarters whether it runs an older version: `wasl-hq held show 0000000000000001:12`
";
        assert_eq!(page(&[refused, nameless]), want);
        assert_eq!(page(&[]), "headquarters holds nothing of this office back\n");
    }

    #[test]
    fn what_waits_for_an_edit_wants_nothing_of_the_operator() {
        let waits = item(HeldState::Held, Some("waits"), "it waits for 0000000000000002:3");
        assert!(action(&waits).starts_with("nothing: "));
        let scope = item(HeldState::Held, Some("out_of_scope"), "");
        assert!(action(&scope).contains("wasl-hq record grant"));
        let unknown = item(HeldState::Held, Some("of a later version"), "");
        assert!(action(&unknown).starts_with("call headquarters"));
    }
}
