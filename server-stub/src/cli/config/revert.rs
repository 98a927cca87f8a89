//! `config revert`: an older edition's settings, as a new one to be signed.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wasl_protocol::edition::Serial;
use wasl_protocol::private::Private;

use crate::cli::args::By;
use crate::cli::ask::Asker;
use crate::cli::failure::{FAILED, Failure};
use crate::console::{EditionDocument, EditionList};

use super::document::{Draft, Head, Version, first_agent, to_toml};
use super::sign;

/// Writes an edition that takes back the newest one: with the settings of `to`.
pub(super) async fn revert(asker: &Asker, to: Serial, out: &Path, by: By) -> Result<(), Failure> {
    let list: EditionList = asker.get("/v1/config/editions").await?;
    let Some(newest) = list.items.first().map(|item| item.serial).filter(|newest| to < *newest)
    else {
        let why = "it is not older than the newest edition that was pushed";
        return Err(Failure::new(FAILED, &format!("edition {to}"), why)
            .help("`wasl-hq config history` shows all of them"));
    };
    let old = if to == Serial::BUILT_IN { None } else { Some(edition(asker, to).await?) };
    let text = text(&edition(asker, newest).await?, old.as_ref(), by.operator());
    // What HQ has was checked by another version, perhaps: what is written must pass here.
    Draft::parse(&text).map_err(|flaw| flaw.failure(out, &text))?;
    sign::write(out, text.as_bytes())?;
    let serial = newest.0.saturating_add(1);
    let report = Reverting {
        schema: "wasl-hq.revert/1",
        serial: Serial(serial),
        back_to: to,
        revert_of: newest,
        file: out.display().to_string(),
    };
    asker.show(&report, |_| {
        let from = match to {
            Serial::BUILT_IN => "what is built in".to_owned(),
            to => format!("the settings of edition {to}"),
        };
        let file = out.display();
        format!(
            "{file}: edition {serial} with {from}, not signed yet\n\
             next: wasl-hq config sign {file} --key FILE -o SIGNED"
        )
    })
}

/// `config revert --json`: an edition that is written, and not signed yet.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reverting {
    schema: &'static str,
    serial: Serial,
    /// Whose settings it has.
    back_to: Serial,
    /// Which edition it takes back.
    revert_of: Serial,
    file: String,
}

async fn edition(asker: &Asker, serial: Serial) -> Result<EditionDocument, Failure> {
    asker.get(&format!("/v1/config/editions/{serial}")).await
}

/// The document: for the offices of the edition that is taken back, and tried as that was.
fn text(
    newest: &EditionDocument,
    old: Option<&EditionDocument>,
    by: Option<Private<String>>,
) -> String {
    let item = &newest.item;
    let back = match old {
        None => "what is built in".to_owned(),
        Some(old) => format!("edition {}", old.item.serial),
    };
    let agent = old.and_then(|old| old.min_agent.parse().ok());
    let head = Head {
        serial: Some(Serial(item.serial.0.saturating_add(1))),
        author: by.unwrap_or_else(|| item.author.clone()),
        reason: format!("back to {back}, from edition {}", item.serial),
        not_after: None,
        min_agent: agent.map_or_else(first_agent, Version),
        revert_of: Some(item.serial),
        scope: newest.scope.clone(),
        probation: newest.probation,
    };
    to_toml(&head, old.map_or(&Value::Null, |old| &old.settings))
}
