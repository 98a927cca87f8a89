//! `wasl config`: what is in force and why, and what the operator may say to it.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use axum::body::{Body, Bytes};
use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use wasl_protocol::edition::{OfficeSettings, Serial};
use wasl_protocol::limits;

use super::client::{Client, talk};
use super::plain::{NOTHING, minute, plain, rows, short};
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::intake::{ConfigReport, ExplainReport, Imported};
use crate::status::harmless;

/// How much of a value is shown in a table, in characters.
const VALUE_CHARS: usize = 48;

/// What to do about the config.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show what is in force, and what became of the last edition
    Show,
    /// Say what a setting is, which layer won, who signed it and why
    Explain {
        /// The setting, such as `link.heartbeat_s`
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Take a signed edition from a file; done once it is in force
    Import {
        /// The signed edition
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take back the edition on trial: the last good one is in force again
    Rollback {
        /// Why; headquarters sees it
        #[arg(long, value_name = "TEXT", default_value = "taken back by the operator")]
        why: String,
    },
    /// Take no edition from headquarters for some time; one in a file is still taken
    Hold {
        /// Until when, such as 2026-05-01T12:00:00+03:00
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Timestamp,
        /// Why; headquarters sees it
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Take editions again
    Unhold,
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "write a moment with its offset, such as 2026-05-01T12:00:00+03:00")
}

/// Shows, explains, imports, takes back, holds.
pub fn config(place: &Place, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show => show(place),
        Command::Explain { key } => explain(place, key),
        Command::Import { file } => import(place, file),
        Command::Rollback { why } => {
            say(place, "config rollback", Method::POST, "rollback", Some(json!({ "why": why })))
        }
        Command::Hold { until, why } => {
            let said = json!({ "until": until, "why": why });
            say(place, "config hold", Method::POST, "hold", Some(said))
        }
        Command::Unhold => say(place, "config unhold", Method::DELETE, "hold", None),
    }
}

fn show(place: &Place) -> Result<(), Failure> {
    let ask = async |mut client: Client| client.document("config show", "/v1/config").await;
    let report: ConfigReport = block_on(async { Ok(talk(&place.data_dir, ask).await) })???;
    if place.json { print_json(&report) } else { print(&page(&report)) }
}

fn explain(place: &Place, key: &str) -> Result<(), Failure> {
    let path = format!("/v1/config/explain?key={}", encoded(key));
    let ask = async |mut client: Client| client.document("config explain", &path).await;
    let report: ExplainReport = block_on(async { Ok(talk(&place.data_dir, ask).await) })???;
    if place.json { print_json(&report) } else { print(&explained(&report)) }
}

fn import(place: &Place, file: &Path) -> Result<(), Failure> {
    const WHAT: &str = "config import";
    let bytes = read(file).map_err(|e| Failure::io(file.display(), &e))?;
    let ask = async |mut client: Client| {
        let body = Some(("application/octet-stream", Body::from(bytes)));
        let response = client.send(Method::POST, "/v1/config/import", body).await?;
        let answer = client.answer(WHAT, response).await?;
        let strange = |e| Failure::new(Exit::Failed, format!("{WHAT}: a strange answer: {e}"));
        serde_json::from_slice(&answer).map_err(strange)
    };
    let imported: Imported = block_on(async { Ok(talk(&place.data_dir, ask).await) })???;
    if place.json {
        return print_json(&imported);
    }
    let serial = imported.serial;
    print(&format!("edition {serial} is in force; `wasl config show` tells whether it stands\n"))
}

/// The file, or as much of it as shows that it is too long.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = limits::EDITION_BYTES as u64 + 1;
    std::fs::File::open(file)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Tells the daemon what the operator wants.
fn say(
    place: &Place,
    what: &str,
    method: Method,
    path: &str,
    said: Option<Value>,
) -> Result<(), Failure> {
    let path = format!("/v1/config/{path}");
    let ask = async |mut client: Client| {
        let body = said.map(|said| ("application/json", Body::from(said.to_string())));
        let response = client.send(method, &path, body).await?;
        client.answer(what, response).await
    };
    let _: Bytes = block_on(async { Ok(talk(&place.data_dir, ask).await) })???;
    Ok(())
}

/// A key as it stands in an address.
fn encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn edition(serial: Serial) -> String {
    if serial == Serial::BUILT_IN {
        "what is built in".to_owned()
    } else {
        format!("edition {serial}")
    }
}

/// What is in force, for people.
fn page(report: &ConfigReport) -> String {
    let mut text = format!("{} is in force; {}\n", edition(report.running), report.state);
    let mut lines = Vec::new();
    if let Some(attempt) = &report.last_attempt {
        let phase = attempt.phase.replace('_', " ");
        let mut tried =
            format!("edition {}, {phase}, since {}", attempt.serial, minute(attempt.at));
        if let (Some(code), Some(message)) = (&attempt.code, &attempt.message) {
            let _ = write!(tried, ": {message} ({code})");
        }
        lines.push(["tried".to_owned(), harmless(&tried)]);
    }
    let floor = format!("{}; none up to {} is taken", edition(report.good), report.floor);
    lines.push(["good".to_owned(), floor]);
    if let Some(desired) = report.desired {
        lines.push(["wanted".to_owned(), format!("edition {desired}, by headquarters")]);
    }
    if let Some(at) = report.news_at {
        lines.push(["heard".to_owned(), format!("headquarters, at {}", minute(at))]);
    }
    if let Some(hold) = &report.hold {
        let held = format!("until {}: {}", minute(hold.until), harmless(&hold.why));
        lines.push(["hold".to_owned(), held]);
    }
    if !report.tightened.is_empty() {
        lines.push(["conf.d".to_owned(), report.tightened.join(", ")]);
    }
    text += &rows(lines);
    let changed = changed(&report.settings);
    if changed.is_empty() {
        return text + "\nevery setting is as built in\n";
    }
    text += "\nwhat is not as built in:\n";
    text += &rows(changed);
    text + "to see why one is what it is: wasl config explain KEY\n"
}

/// The settings that are not as built in: name, value, what is built in.
fn changed(settings: &OfficeSettings) -> Vec<[String; 3]> {
    let leaves = |settings: &OfficeSettings| {
        let mut all = Vec::new();
        flatten("", &serde_json::to_value(settings).unwrap_or_default(), &mut all);
        all
    };
    let built_in = leaves(&OfficeSettings::default());
    let differs = |(name, value): &(String, Value)| {
        let before = built_in.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let row = [name.clone(), short(Some(value), VALUE_CHARS), built(before)];
        (before != Some(value)).then_some(row)
    };
    leaves(settings).iter().filter_map(differs).collect()
}

fn built(value: Option<&Value>) -> String {
    let value = value.filter(|value| !value.is_null());
    format!("built in: {}", value.map_or(NOTHING.to_owned(), |v| short(Some(v), VALUE_CHARS)))
}

fn flatten(name: &str, value: &Value, all: &mut Vec<(String, Value)>) {
    let Value::Object(fields) = value else {
        all.push((name.to_owned(), value.clone()));
        return;
    };
    for (field, value) in fields {
        let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
        flatten(&name, value, all);
    }
}

/// Why a setting is what it is, for people.
fn explained(report: &ExplainReport) -> String {
    let mut text = format!("{} = {}\n", harmless(&report.key), plain(&report.value));
    let layer = match report.layer.as_str() {
        "conf.d" => "conf.d of this machine, which is stricter than the layers below it",
        "edition" => "the edition in force",
        _ => "built in: no edition sets it",
    };
    let mut lines = vec![["layer".to_owned(), layer.to_owned()]];
    if let Some(serial) = report.serial {
        let signed = format!("{serial}, signed by {}", report.signed_by.join(", "));
        lines.push(["edition".to_owned(), signed]);
    }
    if let Some(author) = &report.author {
        lines.push(["author".to_owned(), harmless(author)]);
    }
    if let Some(reason) = &report.reason {
        lines.push(["reason".to_owned(), harmless(reason)]);
    }
    text += &rows(lines);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::AttemptFacts;
    use crate::intake::HoldReport;
    use wasl_protocol::private::Private;

    const AT: i64 = 1_452_585_600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(AT + seconds).unwrap()
    }

    fn report() -> ConfigReport {
        ConfigReport {
            schema: ConfigReport::SCHEMA.to_owned(),
            running: Serial::BUILT_IN,
            good: Serial::BUILT_IN,
            floor: Serial(0),
            desired: None,
            state: "idle".to_owned(),
            last_attempt: None,
            rolled_back: Vec::new(),
            hold: None,
            news_at: None,
            tightened: Vec::new(),
            settings: OfficeSettings::default(),
        }
    }

    #[test]
    fn an_office_without_an_edition_says_what_runs() {
        let want = "\
what is built in is in force; idle
  good  what is built in; none up to 0 is taken

every setting is as built in
";
        assert_eq!(page(&report()), want);
    }

    #[test]
    fn what_was_tried_held_and_changed_is_told_line_by_line() {
        let mut settings = OfficeSettings::default();
        settings.link.heartbeat_s = 5;
        settings.fields.patterns.insert("contact.phone".to_owned(), "07[0-9]+".to_owned());
        let told = ConfigReport {
            running: Serial(7),
            good: Serial(7),
            floor: Serial(7),
            desired: Some(Serial(8)),
            state: "held".to_owned(),
            last_attempt: Some(AttemptFacts {
                serial: Serial(8),
                phase: "rolled_back".to_owned(),
                code: Some("intake".to_owned()),
                message: Some("a gate failed\u{1b}[2J".to_owned()),
                at: at(0),
            }),
            hold: Some(HoldReport { until: at(3600), why: Private("exam day".to_owned()) }),
            news_at: Some(at(-60)),
            tightened: vec!["link.heartbeat_s".to_owned()],
            settings,
            ..report()
        };
        let want = "\
edition 7 is in force; held
  tried   edition 8, rolled back, since 2016-01-12 08:00Z: a gate failed\u{fffd}[2J (intake)
  good    edition 7; none up to 7 is taken
  wanted  edition 8, by headquarters
  heard   headquarters, at 2016-01-12 07:59Z
  hold    until 2016-01-12 09:00Z: exam day
  conf.d  link.heartbeat_s

what is not as built in:
  fields.patterns.contact.phone  07[0-9]+  built in: (none)
  link.heartbeat_s               5         built in: 60
to see why one is what it is: wasl config explain KEY
";
        assert_eq!(page(&told), want);
    }

    #[test]
    fn a_setting_says_its_layer_who_signed_and_why() {
        let told = ExplainReport {
            schema: ExplainReport::SCHEMA.to_owned(),
            key: "link.heartbeat_s".to_owned(),
            value: json!(5),
            layer: "edition".to_owned(),
            serial: Some(Serial(7)),
            signed_by: vec!["0102030405060708".to_owned()],
            author: Some(Private("noor".to_owned())),
            reason: Some("slow link".to_owned()),
        };
        let want = "\
link.heartbeat_s = 5
  layer    the edition in force
  edition  7, signed by 0102030405060708
  author   noor
  reason   slow link
";
        assert_eq!(explained(&told), want);
        let built_in = ExplainReport {
            serial: None,
            author: None,
            reason: None,
            layer: String::new(),
            ..told
        };
        assert!(explained(&built_in).ends_with("  layer  built in: no edition sets it\n"));
    }

    #[test]
    fn a_key_cannot_change_the_address_that_is_asked() {
        assert_eq!(encoded("link.heartbeat_s"), "link.heartbeat_s");
        assert_eq!(encoded("a&b=c d/ي"), "a%26b%3Dc%20d%2F%D9%8A");
    }

    #[test]
    fn a_file_of_any_length_is_read_no_further_than_shows_that_it_is_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("edition");
        std::fs::write(&file, vec![0; 10 * 1024 * 1024]).unwrap();
        assert_eq!(read(&file).unwrap().len(), limits::EDITION_BYTES + 1);
    }
}
