//! Entries that are stored and not applied: list, show, release, refuse.

mod documents; // what is told of them, and what staff say

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use wasl_protocol::entry::Verdict;
use wasl_protocol::id::Dot;
use wasl_protocol::private::Private;

use crate::status::timestamp;
use crate::store::{DecideError, HeldEntry, StoreError};

use super::{Console, Problem, checked_operator, named};
use documents::said;
pub use documents::{Beside, HeldDocument, HeldItem, HeldList, Refusal, Release, VerdictReport};

/// How many entries one page of the list has at most.
const PAGE_ENTRIES: u32 = 1000;

/// The longest reason of a refusal, in bytes. It travels to the office.
const REASON_BYTES: usize = 1024;

/// Which part of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Page {
    after: Option<Dot>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<HeldList>, Problem> {
    let Query(page) = page.map_err(|e| Problem::bad_request(e.body_text()))?;
    let limit = page.limit.unwrap_or(PAGE_ENTRIES).clamp(1, PAGE_ENTRIES);
    let entries = console.store.held(page.after, limit).await?;
    let items: Vec<HeldItem> = entries.iter().map(Into::into).collect();
    let next = items.last().filter(|_| items.len() == limit as usize).map(|i| i.dot);
    let as_of = timestamp(console.world.clock.unix());
    Ok(Json(HeldList { schema: HeldList::SCHEMA.to_owned(), as_of, items, next }))
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    Path(dot): Path<String>,
) -> Result<Json<HeldDocument>, Problem> {
    let dot = named::dot(&console, &dot).await?;
    let entry = console.store.held_entry(dot).await?.ok_or_else(|| unknown(dot))?;
    document(&console, &entry).await
}

pub(super) async fn release(
    State(console): State<Arc<Console>>,
    Path(dot): Path<String>,
    body: Result<Json<Release>, JsonRejection>,
) -> Result<Json<HeldDocument>, Problem> {
    let Json(Release { as_is, operator }) =
        body.map_err(|e| Problem::bad_request(e.body_text()))?;
    decide(&console, &dot, Verdict::Release { as_is }, operator).await
}

pub(super) async fn refuse(
    State(console): State<Arc<Console>>,
    Path(dot): Path<String>,
    body: Result<Json<Refusal>, JsonRejection>,
) -> Result<Json<HeldDocument>, Problem> {
    let Json(Refusal { reason, operator }) =
        body.map_err(|e| Problem::bad_request(e.body_text()))?;
    wasl_protocol::json::check_str(&reason, "reason")
        .map_err(|e| Problem::bad_request(e.to_string()))?;
    if reason.trim().is_empty() || reason.len() > REASON_BYTES {
        let want = format!("reason: must be text of 1 to {REASON_BYTES} bytes");
        return Err(Problem::bad_request(want).help("say why: the office is told"));
    }
    decide(&console, &dot, Verdict::Refuse { reason }, operator).await
}

async fn decide(
    console: &Console,
    dot: &str,
    verdict: Verdict,
    operator: Option<Private<String>>,
) -> Result<Json<HeldDocument>, Problem> {
    console.live()?;
    let (dot, operator) = (named::dot(console, dot).await?, checked_operator(operator)?);
    let refused = matches!(verdict, Verdict::Refuse { .. });
    let decided = console.store.decide(dot, verdict, operator).await;
    let entry = decided.map_err(|e| undecided(dot, e))?;
    tracing::info!(%dot, office = %entry.office, refused, "a held entry was decided on");
    document(console, &entry).await
}

async fn document(console: &Console, entry: &HeldEntry) -> Result<Json<HeldDocument>, Problem> {
    let state = match entry.record {
        Some(record) => console.store.record(record).await?,
        None => None,
    };
    let says = match &entry.act {
        Some(act) => said(act, state.as_ref()).map_err(|_| StoreError::Damaged("a value"))?,
        None => BTreeMap::new(),
    };
    let (schema, as_of) = (HeldDocument::SCHEMA.to_owned(), console.world.clock.unix());
    Ok(Json(HeldDocument { schema, as_of: timestamp(as_of), item: entry.into(), says }))
}

fn unknown(dot: Dot) -> Problem {
    Problem::not_found(format!("no entry {dot} was held")).help("`wasl-hq held list` shows what is")
}

fn undecided(dot: Dot, error: DecideError) -> Problem {
    let conflict = |code: &str, detail: String, help: String| {
        let title = format!("entry {dot}");
        Problem::new(StatusCode::CONFLICT, code, &title, detail).help(help)
    };
    match error {
        DecideError::Unknown => unknown(dot),
        DecideError::Decided => conflict(
            "decided",
            "it has been decided on already".to_owned(),
            format!("`wasl-hq held show {dot}` says what"),
        ),
        DecideError::WaitsFor(other) => conflict(
            "waits",
            format!("it waits for {other}"),
            format!("release it with --as-is, or decide on {other} first"),
        ),
        DecideError::Earlier(other) => conflict(
            "earlier",
            format!("decide on {other} first: it is earlier in the same journal"),
            format!("`wasl-hq held show {other}` shows it"),
        ),
        DecideError::Unreadable => conflict(
            "unreadable",
            "this version cannot read it, so it cannot count".to_owned(),
            format!("upgrade wasl-hq and try again, or `wasl-hq held refuse {dot} --reason TEXT`"),
        ),
        DecideError::Unopened => conflict(
            "unopened",
            "nobody opened its record, so there is nothing that it could count in".to_owned(),
            format!("wait for the office's first entry of it, or refuse {dot} with a reason"),
        ),
        DecideError::Store(e) => e.into(),
    }
}
