//! `wasl record get`, `list` and `set`.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use wasl_protocol::id::{GroupName, RecordId};

use super::client::{Client, NoDaemon, talk};
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::intake::{ListItem, RecordList};
use crate::status::harmless;

/// What to read.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show one record
    Get {
        /// The record's id, as `record list` shows it
        #[arg(value_name = "ID")]
        id: RecordId,
    },
    /// List all records of this office
    List,
    /// Change fields of one record
    Set {
        /// The record's id, as `record list` shows it
        #[arg(value_name = "ID")]
        id: RecordId,
        /// What to change; a value is JSON if it parses, else text
        #[arg(value_name = "GROUP.FIELD=VALUE", required = true, value_parser = setting)]
        settings: Vec<Setting>,
    },
}

/// One field and what it shall be.
#[derive(Clone, Debug)]
pub struct Setting {
    group: GroupName,
    field: String,
    value: Value,
}

fn setting(text: &str) -> Result<Setting, String> {
    let form = "write GROUP.FIELD=VALUE, such as contact.phone=+9647800000001";
    let (place, value) = text.split_once('=').ok_or(form)?;
    let (group, field) = place.split_once('.').filter(|(_, f)| !f.is_empty()).ok_or(form)?;
    let group = group.parse().map_err(|e| format!("{e}"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok(Setting { group, field: field.to_owned(), value })
}

/// Reads records from the daemon, or from the logs if it is stopped.
pub fn record(place: &Place, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Get { id } => get(place, *id),
        Command::List => list(place),
        Command::Set { id, settings } => set(place, *id, settings),
    }
}

fn get(place: &Place, id: RecordId) -> Result<(), Failure> {
    let work = async |mut client: Client| {
        client.document::<Value>("record get", &format!("/v1/records/{id}")).await
    };
    let record = match block_on(async { Ok(talk(&place.data_dir, work).await) })? {
        Ok(answer) => answer?,
        Err(NoDaemon::Stopped(_)) => stopped::get(place, id)?,
        Err(NoDaemon::Failed(failure)) => return Err(failure),
    };
    if place.json { print_json(&record) } else { print(&page(&record)) }
}

/// Sends the token of the state it read: what somebody wrote meanwhile is not replaced.
fn set(place: &Place, id: RecordId, settings: &[Setting]) -> Result<(), Failure> {
    let work = async |mut client: Client| {
        let path = format!("/v1/records/{id}");
        let read: Value = client.document("record set", &path).await?;
        let body = serde_json::json!({ "groups": corrected(&read, settings)? }).to_string();
        let token = read["token"].as_str().unwrap_or_default();
        client.patch("record set", &path, token, body).await
    };
    let record = block_on(async { Ok(talk(&place.data_dir, work).await) })??;
    let record = record?;
    if place.json { print_json(&record) } else { print(&page(&record)) }
}

/// The groups that `settings` name, as they were read, with the fields set.
fn corrected(read: &Value, settings: &[Setting]) -> Result<Map<String, Value>, Failure> {
    let mut groups = Map::new();
    for Setting { group, field, value } in settings {
        let known = &read["groups"][group.as_str()];
        if known["siblings"].as_array().is_some_and(|siblings| !siblings.is_empty()) {
            let what = format!("record set: {group} is in conflict: several values wait");
            return Err(Failure::new(Exit::Failed, what).help("the conflict has to be resolved"));
        }
        let entry = groups.entry(group.as_str());
        let fields = entry.or_insert_with(|| match &known["value"] {
            Value::Null => Value::Object(Map::new()),
            value => value.clone(),
        });
        let Some(fields) = fields.as_object_mut() else {
            let what = format!("record set: {group} is a list, and has no field {field:?}");
            return Err(Failure::new(Exit::Usage, what).help("replace it whole over HTTP: PATCH"));
        };
        fields.insert(field.clone(), value.clone());
    }
    Ok(groups)
}

fn list(place: &Place) -> Result<(), Failure> {
    let items = match block_on(async { Ok(talk(&place.data_dir, all_pages).await) })? {
        Ok(answer) => answer?,
        Err(NoDaemon::Stopped(_)) => stopped::list(place)?,
        Err(NoDaemon::Failed(failure)) => return Err(failure),
    };
    if place.json {
        let schema = RecordList::SCHEMA.to_owned();
        return print_json(&RecordList { schema, items, next: None });
    }
    let mut text = String::new();
    for ListItem { id, form_number, hq } in &items {
        let _ = writeln!(text, "{id}  {hq:<7}  {form_number}");
    }
    print(&text)
}

async fn all_pages(mut client: Client) -> Result<Vec<ListItem>, Failure> {
    let (mut items, mut next) = (Vec::new(), Some(0));
    while let Some(skip) = next {
        let path = format!("/v1/records?skip={skip}");
        let page: RecordList = client.document("record list", &path).await?;
        items.extend(page.items);
        next = page.next;
    }
    Ok(items)
}

/// The record for people: what it is, then each group's fields.
fn page(record: &Value) -> String {
    let mut text = String::new();
    for field in ["id", "form_number", "office", "hq", "conflict"] {
        let _ = writeln!(text, "{field:<12} {}", plain(&record[field]));
    }
    let none = Map::new();
    for (group, report) in record["groups"].as_object().unwrap_or(&none) {
        let _ = writeln!(text, "{group}");
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
        for sibling in report["siblings"].as_array().into_iter().flatten() {
            let (dot, value) = (plain(&sibling["dot"]), plain(&sibling["value"]));
            let _ = writeln!(text, "  in conflict: {dot} {value}");
        }
    }
    text
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => harmless(s),
        other => harmless(&other.to_string()),
    }
}

/// The same from the logs of a stopped daemon, folded in memory; nothing on disk is changed.
mod stopped {
    use super::{Exit, Failure, ListItem, Place, RecordId, Value};
    use crate::engine::Archive;
    use crate::keystore::{Identity, KeyFile, Office};
    use crate::seam::World;

    fn open(place: &Place) -> Result<Archive, Failure> {
        let (world, dir) = (World::real(), &place.data_dir);
        let key = KeyFile::locate(dir, place.key_file.as_deref())?;
        let identity = Identity::load(&world, dir, &key)?;
        Office::load(&world, &identity)?;
        eprintln!("{}: the daemon is stopped; reading its logs", dir.display());
        Ok(Archive::open(&world, &identity)?)
    }

    pub(super) fn get(place: &Place, id: RecordId) -> Result<Value, Failure> {
        let found = open(place)?.record(id)?.ok_or_else(|| {
            Failure::new(Exit::Failed, "record get: this office has no such record")
        })?;
        let strange = |e: &dyn std::fmt::Display| {
            Failure::new(Exit::Failed, format!("record get: the record is damaged: {e}"))
                .help("wasl journal verify names the place")
        };
        let report = found.report().map_err(|e| strange(&e))?;
        serde_json::to_value(report).map_err(|e| strange(&e))
    }

    pub(super) fn list(place: &Place) -> Result<Vec<ListItem>, Failure> {
        Ok(open(place)?.list(0, u64::MAX)?.into_iter().map(Into::into).collect())
    }
}
