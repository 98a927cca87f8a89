//! `status`.

use crate::status::{OfficeStatus, Severity, Status, Warning};

use super::ask::Asker;
use super::failure::Failure;
use super::table::{ago, facts, harmless, or_dash, table};

/// Shows how HQ and its offices are.
pub(super) async fn status(asker: &Asker) -> Result<(), Failure> {
    let status: Status = asker.get("/v1/status").await?;
    asker.show(&status, people)
}

fn people(s: &Status) -> String {
    let t = &s.totals;
    let state = if s.running { "running" } else { "stopped" };
    let head = facts(vec![
        ("HQ", format!("{state}, version {}", s.version)),
        ("endpoint", or_dash(s.endpoint.as_ref())),
        ("started", if s.running { ago(s.started_at, s.as_of) } else { "-".to_owned() }),
        ("epoch", s.epoch.to_string()),
        ("offices", format!("{}, {} connected", t.offices, t.connected)),
        ("records", format!("{}, {} in conflict", t.records, t.conflicts)),
        ("entries held", t.held.to_string()),
    ]);
    let warnings: String = s.warnings.iter().map(wrong).collect();
    if s.offices.is_empty() {
        return format!("{head}\n\nNo offices yet: `wasl-hq office add ID` adds one.{warnings}");
    }
    let row = |o: &OfficeStatus| {
        [
            o.id.to_string(),
            if o.connected { "connected" } else { o.state.as_str() }.to_owned(),
            ago(o.last_seen, s.as_of),
            o.stored_seq.to_string(),
            or_dash(o.backlog),
            o.held.to_string(),
            o.conflicts.to_string(),
            o.records.to_string(),
            o.name_ar.clone(),
        ]
    };
    let headings = [
        "office",
        "state",
        "last seen",
        "stored",
        "backlog",
        "held",
        "conflicts",
        "records",
        "name",
    ];
    format!("{head}\n\n{}{warnings}", table(headings, s.offices.iter().map(row).collect()))
}

/// What is wrong, and what to do.
fn wrong(w: &Warning) -> String {
    let word = match w.severity {
        Severity::Info => "INFO",
        Severity::Warn => "WARN",
        Severity::Crit => "CRIT",
    };
    harmless(&format!("\n\n{word}  {} [{}]: {}\n      -> {}", w.title, w.code, w.text, w.action))
}
