//! The link held back, by whoever works at this office.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::private::Private;

use super::config::{reason, said};
use super::{Intake, Problem};
use crate::facts::timestamp;
use crate::pause::{LONGEST_S, Pause, USUAL_S};

/// Whether the link is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PauseReport {
    /// `wasl.pause/1`.
    pub schema: String,
    /// Is it paused?
    pub paused: bool,
    /// When it ends, or would have ended.
    pub until: Option<Timestamp>,
    /// Why, in the operator's words.
    pub why: Option<Private<String>>,
}

impl PauseReport {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.pause/1";

    fn new(paused: bool, pause: Option<Pause>) -> Json<Self> {
        let (until, why) = pause.map(|pause| (timestamp(pause.until), pause.why)).unzip();
        Json(Self { schema: Self::SCHEMA.to_owned(), paused, until, why })
    }
}

pub(super) async fn show(State(intake): State<Arc<Intake>>) -> Json<PauseReport> {
    let pause = intake.pauses.current().map(|(pause, _)| pause);
    PauseReport::new(pause.is_some(), pause)
}

/// For how long, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    for_s: Option<u64>,
    why: String,
}

pub(super) async fn pause(
    State(intake): State<Arc<Intake>>,
    body: Body,
) -> Result<Json<PauseReport>, Problem> {
    let Wish { for_s, why } = said(body).await?;
    let for_s = for_s.unwrap_or(USUAL_S);
    if !(1..=LONGEST_S).contains(&for_s) {
        let detail = format!("for_s: 1 to {LONGEST_S} seconds");
        return Err(super::records::bad_request(&detail));
    }
    let paused = intake.pauses.pause(for_s, reason(why)?).map_err(|e| not_kept(&e))?;
    Ok(PauseReport::new(true, Some(paused)))
}

/// Ends the pause, and wakes the link.
pub(super) async fn resume(
    State(intake): State<Arc<Intake>>,
) -> Result<Json<PauseReport>, Problem> {
    let ended = intake.pauses.resume().map_err(|e| not_kept(&e))?;
    Ok(PauseReport::new(false, ended))
}

fn not_kept(why: &std::io::Error) -> Problem {
    let (code, title) = ("not-kept", "Not kept");
    let detail = format!("the data dir does not take it: {why}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail)
}
