//! `wasl record`: what it can be told, and `get` and `list`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value};
use wasl_protocol::named::Named;

use super::edit::{By, Setting, set, setting, void};
use super::history::history;
use super::plain::plain;
use super::read::{all_pages, document, find, no_such_record, read};
use super::receipt::receipt;
use super::siblings::side_by_side;
use super::{Failure, Place, print, print_json};
use crate::intake::{ListItem, RecordList};
use crate::status::harmless;

/// What to do with records.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show one record
    Get {
        /// The record's id, as `record list` shows it, or its first 4 digits or more
        #[arg(value_name = "ID")]
        id: Named,
    },
    /// List all records of this office
    List,
    /// Say who wrote what into one record, and when
    History {
        /// The record's id, as `record list` shows it, or its first 4 digits or more
        #[arg(value_name = "ID")]
        id: Named,
    },
    /// Write what a citizen takes home: one page with the form number, the entry and a QR code
    Receipt {
        /// The record's id, as `record list` shows it, or its first 4 digits or more
        #[arg(value_name = "ID")]
        id: Named,
        /// Into this file, which must not be there yet; `-`: stdout
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Change fields of one record
    Set {
        /// The record's id, as `record list` shows it, or its first 4 digits or more
        #[arg(value_name = "ID")]
        id: Named,
        /// What to change; a value is JSON if it parses, else text
        #[arg(value_name = "GROUP.FIELD=VALUE", required = true, value_parser = setting)]
        settings: Vec<Setting>,
        #[command(flatten)]
        by: By,
    },
    /// Say that one record does not count; nothing is deleted
    Void {
        /// The record's id, as `record list` shows it, or its first 4 digits or more
        #[arg(value_name = "ID")]
        id: Named,
        /// Why
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        by: By,
    },
}

/// Reads records, or edits one.
pub fn record(place: &Place, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Get { id } => get(place, id),
        Command::List => list(place),
        Command::History { id } => history(place, id),
        Command::Receipt { id, output } => receipt(place, id, output.as_deref()),
        Command::Set { id, settings, by } => set(place, (id, by), settings),
        Command::Void { id, why, by } => void(place, (id, by), why),
    }
}

fn get(place: &Place, id: &Named) -> Result<(), Failure> {
    const WHAT: &str = "record get";
    let record: Value = read(
        place,
        async |mut client| client.document(WHAT, &format!("/v1/records/{id}")).await,
        |archive| {
            let id = find(WHAT, archive, id)?;
            document(WHAT, archive.record(id)?.ok_or_else(|| no_such_record(WHAT))?.report())
        },
    )?;
    show(place, &record)
}

/// Prints one record.
pub(super) fn show(place: &Place, record: &Value) -> Result<(), Failure> {
    if place.json { print_json(record) } else { print(&page(record)) }
}

fn list(place: &Place) -> Result<(), Failure> {
    let items: Vec<ListItem> = read(
        place,
        async |client| all_pages(client, "record list", "/v1/records").await,
        |archive| Ok(archive.list(0, u64::MAX)?.0.into_iter().map(Into::into).collect()),
    )?;
    if place.json {
        let schema = RecordList::SCHEMA.to_owned();
        return print_json(&RecordList { schema, items, next: None });
    }
    let mut text = String::new();
    for ListItem { id, form_number, office, conflict, hq } in &items {
        let mark = if *conflict { "  in conflict" } else { "" };
        let _ = writeln!(text, "{id}  {hq:<7}  {office:<14}  {form_number}{mark}");
    }
    print(&text)
}

/// The record for people: what it is, then each group's fields.
fn page(record: &Value) -> String {
    let mut text = String::new();
    for field in ["id", "form_number", "office", "hq", "conflict", "void", "read_only"] {
        let _ = writeln!(text, "{field:<12} {}", plain(&record[field]));
    }
    let none = Map::new();
    for (group, report) in record["groups"].as_object().unwrap_or(&none) {
        let siblings = report["siblings"].as_array().map_or(&[][..], Vec::as_slice);
        if !siblings.is_empty() {
            let _ = writeln!(text, "{group}: in conflict, * differs");
            text += &side_by_side(siblings);
            continue;
        }
        let _ = writeln!(text, "{}", harmless(group));
        match &report["value"] {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let _ = writeln!(text, "  {:<26} {}", harmless(name), plain(value));
                }
            }
            other => {
                let _ = writeln!(text, "  {}", plain(other));
            }
        }
    }
    text
}
