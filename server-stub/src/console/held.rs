//! Entries that are stored and not applied: list, show, release, refuse.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wasl_protocol::entry::Verdict;
use wasl_protocol::id::{Dot, FormNumber, GroupName, OfficeId, RecordId};
use wasl_protocol::json::JsonError;
use wasl_protocol::news::Held;
use wasl_protocol::private::Private;
use wasl_protocol::record::{Act, RecordState, SiblingReport, Value, siblings};

use crate::status::timestamp;
use crate::store::{DecideError, HeldEntry, StoreError};

use super::{Console, Problem, checked_operator};

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

/// `held list --json`, or one page of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldList {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// The entries that are held, in the order of their dots.
    pub items: Vec<HeldItem>,
    /// After what the next page begins; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Dot>,
}

impl HeldList {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.held/1";
}

/// One entry that is, or was, held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldItem {
    /// The entry.
    pub dot: Dot,
    /// Who wrote it.
    pub office: OfficeId,
    /// Which record it edits, where that is known.
    pub record: Option<RecordId>,
    /// That record's number on the citizen's form, where HQ has the record.
    pub form_number: Option<FormNumber>,
    /// Since when it is held, by HQ's clock.
    pub at: Timestamp,
    /// Why, in a word.
    pub reason: String,
    /// Why, in a sentence.
    pub text: String,
    /// The edit that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<Dot>,
    /// The groups that it writes, where it can be read.
    pub groups: Vec<GroupName>,
    /// What was decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictReport>,
}

/// What was decided about a held entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum VerdictReport {
    /// It counts.
    Released {
        /// Without waiting for what it saw.
        as_is: bool,
    },
    /// It does not count.
    Refused {
        /// Why.
        reason: Private<String>,
    },
}

/// `held show --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldDocument {
    /// [`Self::SCHEMA`].
    pub schema: String,
    /// When this was true, by HQ's clock.
    pub as_of: Timestamp,
    /// The entry.
    #[serde(flatten)]
    pub item: HeldItem,
    /// What it says, group by group, where it can be read.
    pub says: BTreeMap<GroupName, Beside>,
}

impl HeldDocument {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.held-entry/1";
}

/// A held value, and what the record has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Beside {
    /// What the held entry writes.
    pub held: SiblingReport,
    /// The record's values now: none, one, or those in conflict.
    pub now: Vec<SiblingReport>,
}

/// A held entry shall count.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Without waiting for what it saw?
    #[serde(default)]
    pub as_is: bool,
    /// Who says so, where that is known.
    #[serde(default)]
    pub operator: Option<Private<String>>,
}

/// A held entry shall not count.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Why: the office is told.
    pub reason: Private<String>,
    /// Who says so, where that is known.
    #[serde(default)]
    pub operator: Option<Private<String>>,
}

impl From<&HeldEntry> for HeldItem {
    fn from(entry: &HeldEntry) -> Self {
        Self {
            dot: entry.dot,
            office: entry.office.clone(),
            record: entry.record,
            form_number: entry.form_number.clone(),
            at: timestamp(entry.at),
            reason: entry.held.as_str().to_owned(),
            text: entry.held.sentence(),
            waits_for: if let Held::WaitsFor(dot) = entry.held { Some(dot) } else { None },
            groups: entry.groups.clone(),
            verdict: entry.verdict.clone().map(Into::into),
        }
    }
}

impl From<Verdict> for VerdictReport {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Release { as_is } => Self::Released { as_is },
            Verdict::Refuse { reason } => Self::Refused { reason },
        }
    }
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
    let dot = named(&dot)?;
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
    let (dot, operator) = (named(dot)?, checked_operator(operator)?);
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

fn said(
    act: &Act,
    state: Option<&RecordState<Value>>,
) -> Result<BTreeMap<GroupName, Beside>, JsonError> {
    let beside = |(group, json): (&GroupName, &wasl_protocol::json::Json)| {
        let held = SiblingReport {
            dot: act.dot,
            value: json.to_value()?,
            office: act.by.clone(),
            at: act.at,
            operator: act.operator.clone(),
        };
        let values = state.and_then(|s| s.groups.get(group)).map(siblings).unwrap_or_default();
        let now = values.into_iter().map(|s| {
            let Value { json, by, at, operator, .. } = s.value.clone();
            let value = json.to_value()?;
            Ok(SiblingReport { dot: s.dot, value, office: by, at, operator })
        });
        Ok((group.clone(), Beside { held, now: now.collect::<Result<_, _>>()? }))
    };
    act.groups.iter().map(beside).collect()
}

fn named(dot: &str) -> Result<Dot, Problem> {
    dot.parse().map_err(|e| Problem::bad_request(format!("{e}")))
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
