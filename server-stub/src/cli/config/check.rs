//! `config check`: is an edition good, and what would it change where?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wasl_protocol::edition::{OfficeSettings, Scope, Serial};
use wasl_protocol::id::OfficeId;

use crate::cli::ask::Asker;
use crate::cli::failure::Failure;
use crate::cli::table::{facts_of, indented, plain};
use crate::console::{EditionDocument, OfficeList, RolloutDocument};
use crate::status::OfficeState;

use super::sign::read_draft;

/// `config check --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CheckReport {
    schema: &'static str,
    serial: Option<Serial>,
    /// What it would change; none without an HQ.
    offices: Option<Vec<OfficeChanges>>,
}

/// What an edition would change at one office.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct OfficeChanges {
    office: OfficeId,
    in_scope: bool,
    running: Serial,
    /// None: HQ does not have the edition that runs there.
    changes: Option<Vec<Change>>,
}

/// One setting, before and after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
struct Change {
    key: String,
    from: String,
    to: String,
}

/// Checks an edition, and shows what it would change.
pub(super) async fn check(asker: &Asker, file: &Path) -> Result<(), Failure> {
    let draft = read_draft(file)?;
    let offices = match running(asker).await {
        Ok(running) => Some(changes(&running, &draft.scope(), &draft.settings)),
        Err(failure) => {
            failure.note("only the document was checked, against no office");
            None
        }
    };
    let report = CheckReport { schema: "wasl-hq.check/1", serial: draft.head.serial, offices };
    asker.show(&report, |report| {
        let mut out = vec![format!("{}: nothing is wrong with it", file.display())];
        out.extend(report.offices.as_deref().map(people));
        out.join("\n\n")
    })
}

/// What runs at each office: the serial, and its settings where HQ has them.
struct RunsAt {
    offices: BTreeMap<OfficeId, Serial>,
    settings: BTreeMap<Serial, OfficeSettings>,
}

async fn running(asker: &Asker) -> Result<RunsAt, Failure> {
    let rollout: RolloutDocument = asker.get("/v1/config/rollout").await?;
    let mut offices: BTreeMap<_, _> =
        rollout.offices.into_iter().map(|o| (o.office, o.running)).collect();
    if rollout.serial.is_none() {
        let list: OfficeList = asker.get("/v1/offices").await?;
        let there = list.items.into_iter().filter(|o| o.state != OfficeState::Revoked);
        offices = there.map(|o| (o.id, Serial::BUILT_IN)).collect();
    }
    let mut settings = BTreeMap::from([(Serial::BUILT_IN, OfficeSettings::default())]);
    for serial in offices.values().copied().collect::<BTreeSet<_>>() {
        let path = format!("/v1/config/editions/{serial}");
        if serial != Serial::BUILT_IN
            && let Ok(edition) = asker.get::<EditionDocument>(&path).await
            && let Ok(known) = serde_json::from_value(edition.settings)
        {
            settings.insert(serial, known);
        }
    }
    Ok(RunsAt { offices, settings })
}

fn changes(at: &RunsAt, scope: &Scope, new: &OfficeSettings) -> Vec<OfficeChanges> {
    let one = |(office, running): (&OfficeId, &Serial)| OfficeChanges {
        office: office.clone(),
        in_scope: scope.covers(office),
        running: *running,
        changes: at.settings.get(running).map(|old| difference(old, new)),
    };
    at.offices.iter().map(one).collect()
}

/// The settings that differ, key by key.
fn difference(old: &OfficeSettings, new: &OfficeSettings) -> Vec<Change> {
    let (old, new) = (leaves(old), leaves(new));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let said = |all: &BTreeMap<String, String>, key: &str| {
        all.get(key).cloned().unwrap_or_else(|| "-".to_owned())
    };
    let changes = keys.into_iter().map(|key| Change {
        key: key.clone(),
        from: said(&old, key),
        to: said(&new, key),
    });
    changes.filter(|change| change.from != change.to).collect()
}

/// Every setting by its whole key.
fn leaves(settings: &OfficeSettings) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let settings = serde_json::to_value(settings).expect("settings are JSON");
    gather("", &settings, &mut out);
    out
}

fn gather(key: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    let Value::Object(fields) = value else {
        if !value.is_null() {
            out.insert(key.to_owned(), plain(value));
        }
        return;
    };
    for (name, value) in fields {
        let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        gather(&key, value, out);
    }
}

fn people(offices: &[OfficeChanges]) -> String {
    if offices.is_empty() {
        return "No offices yet.".to_owned();
    }
    let (inside, outside): (Vec<_>, Vec<_>) = offices.iter().partition(|o| o.in_scope);
    let mut alike: BTreeMap<_, Vec<&OfficeId>> = BTreeMap::new();
    for office in inside {
        alike.entry((office.running, &office.changes)).or_default().push(&office.office);
    }
    let mut out: Vec<String> = alike
        .iter()
        .map(|((running, changes), ids)| group(ids, *running, changes.as_ref()))
        .collect();
    if !outside.is_empty() {
        let ids: Vec<_> = outside.iter().map(|o| &o.office).collect();
        out.push(format!("not for {}", listed(&ids)));
    }
    out.join("\n\n")
}

/// Offices at which the same would change.
fn group(offices: &[&OfficeId], running: Serial, changes: Option<&Vec<Change>>) -> String {
    let runs = match running {
        Serial::BUILT_IN => "what is built in".to_owned(),
        serial => format!("edition {serial}"),
    };
    let head = format!("{}: now {runs}", listed(offices));
    let changes = match changes {
        None => "HQ does not have that edition, so it cannot compare".to_owned(),
        Some(changes) if changes.is_empty() => "no setting would change".to_owned(),
        Some(changes) => {
            let row =
                |c: &Change| vec![c.key.clone(), c.from.clone(), "->".to_owned(), c.to.clone()];
            facts_of(changes.iter().map(row).collect())
        }
    };
    format!("{head}\n{}", indented(&changes, 2))
}

fn listed(offices: &[&OfficeId]) -> String {
    let ids: Vec<_> = offices.iter().map(ToString::to_string).collect();
    match ids.len() {
        1 => ids.concat(),
        n => format!("{n} offices ({})", ids.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> OfficeSettings {
        toml::from_str(toml).unwrap()
    }

    fn id(office: &str) -> OfficeId {
        office.parse().unwrap()
    }

    fn at(offices: &[(&str, u64)]) -> RunsAt {
        let offices = offices.iter().map(|(o, serial)| (id(o), Serial(*serial))).collect();
        let settings = [
            (Serial::BUILT_IN, OfficeSettings::default()),
            (Serial(4), settings("[day]\ncapacity = 120\n")),
        ];
        RunsAt { offices, settings: settings.into() }
    }

    #[test]
    fn what_differs_is_told_key_by_key_and_what_does_not_is_not() {
        let new = "[day]\ncapacity = 120\n[fields.patterns]\n\"contact.phone\" = \"[0-9]+\"\n\
                   [working_hours]\ndays = [\"sun\"]\nfrom = \"08:00\"\nto = \"14:00\"\n";
        let changes = difference(&OfficeSettings::default(), &settings(new));
        let told: Vec<_> =
            changes.iter().map(|c| format!("{} {} {}", c.key, c.from, c.to)).collect();
        let want = [
            "day.capacity 96 120",
            "fields.patterns.contact.phone - [0-9]+",
            "working_hours.days - [\"sun\"]",
            "working_hours.from - 08:00",
            "working_hours.to - 14:00",
            "working_hours.utc_offset_min - 180",
        ];
        assert_eq!(told, want);
    }

    #[test]
    fn offices_with_the_same_to_expect_stand_together_and_who_is_not_meant_stands_apart() {
        let at = at(&[("batha", 0), ("nasr", 4), ("rifai", 0), ("shatra", 0), ("usb", 9)]);
        let scope = Scope { all: true, except: [id("shatra")].into(), ..Scope::default() };
        let told = people(&changes(&at, &scope, &settings("[day]\ncapacity = 120\n")));
        let want = "2 offices (batha, rifai): now what is built in\n  day.capacity  96  ->  120\n\n\
                    nasr: now edition 4\n  no setting would change\n\n\
                    usb: now edition 9\n  HQ does not have that edition, so it cannot compare\n\n\
                    not for shatra";
        assert_eq!(told, want);
    }
}
