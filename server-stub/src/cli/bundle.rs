//! `bundle import`.

use std::path::Path;

use data_encoding::BASE64;

use crate::bundle::BundleReport;
use crate::console::{BUNDLE_BYTES, NewBundle, TakenBundle};

use super::args::{BundleCommand, BundleImport};
use super::ask::Asker;
use super::failure::{FAILED, Failure, USAGE};
use super::stick;
use super::table::{facts, indented, moment, or_dash, table, thousands};

const WHAT: &str = "bundle import";

/// Takes a bundle in, and writes the reply.
pub(super) async fn bundle(asker: &Asker, command: BundleCommand) -> Result<(), Failure> {
    let BundleCommand::Import(BundleImport { file, reply, admit }) = command;
    if reply.is_none() && admit.is_none() {
        return Err(Failure::new(USAGE, WHAT, "where is the reply to go?")
            .help("say `--reply FILE`: without it the office does not learn what HQ has"));
    }
    reply.as_deref().map_or(Ok(()), stick::refuse_existing)?;
    let bytes = stick::read(&file, BUNDLE_BYTES)?;
    let new = NewBundle { bundle: BASE64.encode(&bytes), admit };
    drop(bytes);
    let taken: TakenBundle = asker.post("/v1/bundles", &new).await?;
    if let (Some(bytes), Some(path)) = (&taken.reply, &reply) {
        let strange = |e| Failure::new(FAILED, "HQ's answer", e).help("versions may not fit");
        let bytes = BASE64.decode(bytes.as_bytes()).map_err(strange)?;
        stick::write(path, &bytes)?;
    }
    let reply = reply.filter(|_| taken.reply.is_some());
    asker.show(&taken.report, |report| people(report, reply.as_deref()))
}

fn people(report: &BundleReport, reply: Option<&Path>) -> String {
    let mut rows = vec![
        ("office", report.office.to_string()),
        ("bundle", report.bundle.to_string()),
        (
            "entries",
            format!("{}, {} of them new here", thousands(report.entries), thousands(report.new)),
        ),
    ];
    for taken in &report.journals {
        let upto = thousands(taken.stored.0);
        rows.push(("journal", format!("{} up to entry {upto}", taken.journal)));
    }
    for reborn in &report.reborn {
        rows.push((
            "reborn",
            format!(
                "the office's disk was restored or cloned: behind entry {} of {} it differs, and \
                 goes on as {}",
                reborn.common, reborn.journal, reborn.goes_on_as
            ),
        ));
    }
    for lacking in &report.lacking {
        rows.push((
            "lacking",
            format!(
                "entries {} to {} of {}: this HQ was put back; the office's next bundle brings \
                 them once it has the reply",
                lacking.after.next(),
                lacking.upto,
                lacking.journal
            ),
        ));
    }
    if report.adopted > 0 {
        rows.push(("given back", format!("{} states that HQ had lost", thousands(report.adopted))));
    }
    if let Some(reply) = reply {
        let more = if report.more { "; the rest comes with the next reply" } else { "" };
        rows.push(("news", format!("{} in the reply{more}", thousands(report.news))));
        rows.extend(report.edition.map(|serial| ("edition", format!("{serial} in the reply"))));
        let name = reply.display();
        rows.push(("reply", format!("{name}; at the office: wasl bundle import {name}")));
    }
    let mut text = facts(rows);
    if !report.admitted.is_empty() {
        let rows = report.admitted.iter().map(|entry| {
            let held = if entry.held { "held" } else { "" };
            [
                entry.dot.to_string(),
                or_dash(entry.form_number.as_ref()),
                or_dash(entry.record),
                or_dash(entry.written_at.map(moment)),
                held.to_owned(),
            ]
        });
        let headings = ["entry", "form number", "record", "written at", ""];
        text += "\n\nadmitted by name:\n";
        text += &indented(&table(headings, rows.collect()), 2);
    }
    text
}
