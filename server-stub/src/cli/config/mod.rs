//! `config check / sign / push / status / history / revert / abort / export / schema`.
//!
//! It knows nothing of how HQ rolls an edition out, nor of what an office makes of one.

mod args; // what can be said
mod check; // is it good, and what would it change where?
mod document; // an edition as its author writes it
mod place; // where in a text something stands
mod revert; // an older edition's settings, as a new one
mod schema; // the JSON Schema of the document
mod show; // what people read
mod sign; // on the author's machine

use std::path::Path;

use data_encoding::BASE64;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use wasl_protocol::edition::Serial;
use wasl_shown::schema::of;

use crate::console::{EditionDocument, EditionList, NewAbort, NewEdition, RolloutDocument};

use super::args::By;
use super::ask::{Asker, print};
use super::failure::{FAILED, Failure};

pub(super) use args::ConfigCommand;
use args::Push;

/// The word of a rollout that was stopped.
const ABORTED: &str = "ABORTED";

/// The schemas of what is printed here, and comes from no route.
pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("wasl-hq.check-1", of::<check::CheckReport>()),
        ("wasl-hq.export-1", of::<Exported>()),
        ("wasl-hq.revert-1", of::<revert::Reverting>()),
        ("wasl-hq.signed-1", of::<sign::SignedReport>()),
    ]
}

/// Does what was said about config.
pub(super) async fn config(asker: &Asker, command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check { file } => check::check(asker, &file).await,
        ConfigCommand::Sign(options) => sign::sign(asker, &options),
        ConfigCommand::Push(options) => push(asker, options).await,
        ConfigCommand::Status { serial } => {
            let which = serial.map(|serial| format!("?serial={serial}")).unwrap_or_default();
            let rollout: RolloutDocument = asker.get(&format!("/v1/config/rollout{which}")).await?;
            asker.show(&rollout, show::rollout)
        }
        ConfigCommand::History => {
            let list: EditionList = asker.get("/v1/config/editions").await?;
            asker.show(&list, show::history)
        }
        ConfigCommand::Revert { serial, out, by } => revert::revert(asker, serial, &out, by).await,
        ConfigCommand::Abort { serial, by } => abort(asker, serial, by).await,
        ConfigCommand::Export { file } => export(asker, &file).await,
        ConfigCommand::Schema => {
            let schema = serde_json::to_string_pretty(&schema::schema()).expect("it is JSON");
            print(&schema)
        }
    }
}

async fn push(asker: &Asker, options: Push) -> Result<(), Failure> {
    let Push { file, only, canary, now, by } = options;
    let edition = BASE64.encode(&sign::read(&file)?);
    let only = only.into_iter().collect();
    let new = NewEdition { edition, only, canary, now, operator: by.operator() };
    let rollout: RolloutDocument = asker.post("/v1/config/editions", &new).await?;
    asker.show(&rollout, show::rollout)
}

async fn abort(asker: &Asker, serial: Option<Serial>, by: By) -> Result<(), Failure> {
    let serial = match serial {
        Some(serial) => serial,
        None => newest(asker).await?,
    };
    let path = format!("/v1/config/editions/{serial}/abort");
    let abort = NewAbort { operator: by.operator() };
    let rollout: RolloutDocument = asker.post(&path, &abort).await?;
    asker.show(&rollout, show::rollout)
}

async fn newest(asker: &Asker) -> Result<Serial, Failure> {
    let rollout: RolloutDocument = asker.get("/v1/config/rollout").await?;
    rollout.serial.ok_or_else(none_pushed)
}

/// The newest edition that was not stopped goes into a file.
async fn export(asker: &Asker, file: &Path) -> Result<(), Failure> {
    let list: EditionList = asker.get("/v1/config/editions").await?;
    let good = list.items.iter().find(|item| item.stage != ABORTED);
    let serial = good.ok_or_else(none_pushed)?.serial;
    let path = format!("/v1/config/editions/{serial}");
    let edition: EditionDocument = asker.get(&path).await?;
    let bytes = BASE64.decode(edition.edition.as_bytes());
    let bytes = bytes.map_err(|e| Failure::new(FAILED, "HQ's answer", e))?;
    sign::write(file, &bytes)?;
    let file = file.display().to_string();
    let report = Exported { schema: "wasl-hq.export/1", serial, file };
    asker.show(&report, |Exported { file, .. }| {
        format!("{file}: edition {serial}\nat the office: wasl config import {file}")
    })
}

/// `config export --json`.
#[derive(Debug, Serialize, JsonSchema)]
struct Exported {
    schema: &'static str,
    serial: Serial,
    file: String,
}

fn none_pushed() -> Failure {
    Failure::new(FAILED, "editions", "none was pushed that was not stopped again")
        .help("`wasl-hq config push SIGNED` rolls one out")
}
