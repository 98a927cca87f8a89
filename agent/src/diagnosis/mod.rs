//! The diagnosis: an archive for whoever helps from afar, made by allow-list.
//!
//! What is not named here does not go in: a field that somebody adds elsewhere stays at home until
//! it is looked at and named. No record, no name, no form number, no reason that anybody typed. It
//! knows nothing of how the daemon is asked, nor of who reads the archive.

mod allow; // which facts go in
mod archive; // the file
mod journals; // headers and positions of the logs
mod machine; // the program and the system

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use archive::{Entry, Manifest, pack};
pub use journals::Live;

use crate::doctor::{Findings, Level};
use crate::facts::timestamp;
use crate::keystore::Office;
use crate::seam::World;
use crate::settings::Local;

/// What a diagnosis is made of.
#[derive(Debug)]
pub struct Sources<'a> {
    /// Clock and disk.
    pub world: &'a World,
    /// The data dir.
    pub dir: &'a std::path::Path,
    /// `wasl.status/1`: the running daemon's, or what a stopped one left.
    pub status: Option<Value>,
    /// `wasl.config/1`, of a running daemon.
    pub config: Option<Value>,
    /// Where a running daemon's journal ends.
    pub live: Option<Live>,
    /// What the doctor found.
    pub findings: Findings,
}

/// Something that stays at home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why, and where it can be found.
    pub why: String,
}

/// A diagnosis, before it is written.
#[derive(Debug)]
pub struct Diagnosis {
    /// Which office, where the machine is one.
    pub office: Option<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// What goes in.
    pub files: Vec<File>,
    /// What does not.
    pub left_out: Vec<LeftOut>,
}

/// One file of a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in the archive.
    pub name: &'static str,
    /// Why it is there.
    pub why: &'static str,
    /// Its content: one JSON document.
    pub bytes: Vec<u8>,
}

/// Gathers everything that may leave the office.
pub fn gather(sources: &Sources<'_>) -> Diagnosis {
    let mut files = vec![
        file("machine.json", "which program on which system", &machine::machine()),
        file("doctor.json", "what the doctor found", &findings(sources)),
    ];
    let mut left_out = never();
    let mut told = |name, why, fact: Option<Value>, otherwise: &str| match fact {
        Some(fact) => files.push(file(name, why, &fact)),
        None => left_out.push(LeftOut { what: name.to_owned(), why: otherwise.to_owned() }),
    };
    let status = sources.status.as_ref().map(allow::status);
    told("status.json", "how the office was", status, "the daemon has left no status");
    let config = sources.config.as_ref().map(allow::config);
    told("config.json", "the settings in force", config, "only a running daemon tells them");
    let local = Local::load(sources.dir).ok().map(|local| allow::local(&local));
    told("local.json", "what is set on this machine", local, "the settings file does not read");
    let journals = journals::journals(sources);
    told("journals.json", "headers, positions and checks of the logs", journals, "there are none");
    let office = Office::as_written(sources.world, sources.dir).ok();
    Diagnosis {
        office: office.map(|office| office.id.to_string()),
        made_at: timestamp(sources.world.clock.unix()),
        files,
        left_out,
    }
}

/// What is never in.
fn never() -> Vec<LeftOut> {
    let rows = [
        ("records and forms", "they are the citizens'"),
        ("reasons, authors and operators", "people typed them"),
        ("patterns and blocked values of field rules", "only the fields' names are in"),
        ("keys", "they never leave this machine"),
        ("logs", "the system keeps them: journalctl -u wasl --since -2h"),
    ];
    rows.map(|(what, why)| LeftOut { what: what.to_owned(), why: why.to_owned() }).to_vec()
}

/// The findings; the data dir's path may hold somebody's name, and what a settings file says too.
fn findings(sources: &Sources<'_>) -> Value {
    let dir = sources.dir.display().to_string();
    let mut findings = sources.findings.clone();
    for finding in &mut findings.items {
        finding.what = finding.what.replace(&dir, "DIR");
        finding.fix = finding.fix.take().map(|fix| fix.replace(&dir, "DIR"));
        if finding.code == "settings" && finding.level != Level::Ok {
            "a settings file cannot be used".clone_into(&mut finding.what);
        }
    }
    serde_json::json!(findings)
}

fn file(name: &'static str, why: &'static str, fact: &Value) -> File {
    let mut text = format!("{fact:#}");
    text.push('\n');
    File { name, why, bytes: text.into_bytes() }
}

#[cfg(test)]
mod tests;
