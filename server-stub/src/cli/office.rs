//! `office add / list / show / token / revoke / replace / admit / audit`.

use std::path::Path;

use data_encoding::BASE64;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::console::{
    AdmittedDocument, NewMachine, NewOffice, OfficeDocument, OfficeList, TokenDocument,
};
use crate::status::{Freshness, HabitStatus, OfficeStatus};

use super::args::OfficeCommand;
use super::ask::Asker;
use super::failure::{FAILED, Failure};
use super::stick;
use super::table::{facts, or_dash, table};

/// The longest request to join, as a file.
const REQUEST_BYTES: usize = 4 * 1024;

/// Does what was said about offices.
pub(super) async fn office(asker: &Asker, command: OfficeCommand) -> Result<(), Failure> {
    match command {
        OfficeCommand::Add { id, name_ar, name_en } => {
            let new = NewOffice { id, name_ar, name_en };
            show_token(asker, "/v1/offices", &new).await?;
        }
        OfficeCommand::Token { id } => {
            show_token(asker, &format!("/v1/offices/{id}/token"), &json!({})).await?;
        }
        OfficeCommand::Audit { id } => {
            let path = format!("/v1/offices/{id}/audit");
            let office: OfficeDocument = asker.post(&path, &json!({})).await?;
            asker.show(&office, |o| {
                format!("all that {} has is compared at its next session", o.office.id)
            })?;
        }
        OfficeCommand::Revoke { id } => {
            let path = format!("/v1/offices/{id}/revoke");
            let office: OfficeDocument = asker.post(&path, &json!({})).await?;
            asker.show(&office, |o| format!("{} is revoked", o.office.id))?;
        }
        OfficeCommand::Replace { id } => {
            show_token(asker, &format!("/v1/offices/{id}/replace"), &json!({})).await?;
        }
        OfficeCommand::Admit { file, answer } => admit(asker, &file, &answer).await?,
        OfficeCommand::List => {
            let list: OfficeList = asker.get("/v1/offices").await?;
            asker.show(&list, |l| people(&l.items))?;
        }
        OfficeCommand::Show { id } => {
            let office: OfficeDocument = asker.get(&format!("/v1/offices/{id}")).await?;
            asker.show(&office, |o| one(&o.office))?;
        }
    }
    Ok(())
}

/// Lets a machine in by files.
async fn admit(asker: &Asker, file: &Path, answer: &Path) -> Result<(), Failure> {
    stick::refuse_existing(answer)?;
    let request = BASE64.encode(&stick::read(file, REQUEST_BYTES)?);
    let new = NewMachine { request };
    let admitted: AdmittedDocument = asker.post("/v1/offices/admit", &new).await?;
    let strange = |e| Failure::new(FAILED, "HQ's answer", e).help("versions may not fit");
    stick::write(answer, &BASE64.decode(admitted.answer.as_bytes()).map_err(strange)?)?;
    asker.show(&admitted, |admitted| {
        format!(
            "the machine with key {} is {} now; there: wasl join --answer {}",
            admitted.key,
            admitted.office,
            answer.display()
        )
    })
}

/// Asks for a join token, and prints it alone.
async fn show_token(asker: &Asker, path: &str, body: &impl Serialize) -> Result<(), Failure> {
    let token: TokenDocument = asker.post(path, body).await?;
    asker.show(&token, |t| t.token.clone())
}

fn people(offices: &[OfficeStatus]) -> String {
    let row = |o: &OfficeStatus| {
        [
            o.id.to_string(),
            o.state.as_str().to_owned(),
            if o.connected { "yes" } else { "no" }.to_owned(),
            o.records.to_string(),
            o.name_en.clone(),
            o.name_ar.clone(),
        ]
    };
    let headings = ["office", "state", "connected", "records", "name", "name (Arabic)"];
    table(headings, offices.iter().map(row).collect())
}

/// How many of its usual hours have passed without a word, and how many are much.
fn missed(habit: &HabitStatus) -> String {
    let HabitStatus { missed_hours, late_after_hours, lost_after_hours, .. } = habit;
    let by = if habit.learnt { "" } else { "; too new for a habit, judged by office hours" };
    format!(
        "{missed_hours} of these hours (late after {late_after_hours}, lost after \
         {lost_after_hours}){by}"
    )
}

/// When its scope was last compared with HQ's, and what came of all times.
fn audited(o: &OfficeStatus) -> String {
    let Some(at) = o.audited_at else { return "not yet, or wanted at its next session".to_owned() };
    match o.audit_again {
        0 => format!("{at}: the same as here"),
        again => format!("{at}; {again} records were sent again so far"),
    }
}

fn one(o: &OfficeStatus) -> String {
    let when = |at: Option<Timestamp>| or_dash(at);
    let mut rows = vec![
        ("office", o.id.to_string()),
        ("name", o.name_en.clone()),
        ("name (Arabic)", o.name_ar.clone()),
        ("state", o.state.as_str().to_owned()),
        ("added", o.added_at.to_string()),
        ("joined", when(o.joined_at)),
        ("revoked", when(o.revoked_at)),
        ("connected", o.address.clone().unwrap_or_else(|| "no".to_owned())),
        ("last seen", when(o.last_seen)),
        ("freshness", or_dash(o.freshness.map(Freshness::as_str))),
        ("usually heard", or_dash(o.habit.as_ref().map(|habit| habit.usual.as_str()))),
        ("missed since", or_dash(o.habit.as_ref().map(missed))),
        ("agent", or_dash(o.agent_version.as_ref())),
        ("clock ahead of HQ's", or_dash(o.clock_offset_ms.map(|ms| format!("{ms} ms")))),
        ("backlog", or_dash(o.backlog)),
        ("audited", audited(o)),
        ("records", o.records.to_string()),
        ("in conflict", o.conflicts.to_string()),
        ("entries held", o.held.to_string()),
    ];
    if let Some(until) = o.token_expires_at {
        rows.push(("token good until", until.to_string()));
    }
    for j in &o.journals {
        rows.push(("journal", format!("{} stored up to entry {}", j.journal, j.seq)));
    }
    facts(rows)
}
