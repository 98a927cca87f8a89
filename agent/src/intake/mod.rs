//! HTTP for workstations and for our own command line: on a unix socket always, on loopback TCP
//! if asked for.
//!
//! It parses, packs and seals what is posted, and hands it to the engine; it holds no record and no
//! lock. It knows nothing of the link, nor of what `status` says: the daemon hands both in.

mod admit; // what the edition in force lets in
mod bundle; // half a session as a file
mod config; // the config in force, and what the operator says to it
mod conflicts; // the records in conflict
mod counts; // who waits, what was taken and what was refused
mod enroll; // many enrollments in one request, line by line
mod find; // the record that a caller names
mod follow; // HTTP where the edition in force says
mod held; // entries that HQ did not apply
mod lines; // lines out of a stream of bytes
mod page; // what a browser is shown
mod pause; // the link held back
mod prepare; // what the edge does for each enrollment
mod problem; // what a caller is told when something is refused
mod receipt; // what a citizen takes home
mod records; // one record posted, corrected, read, listed
mod serve; // the sockets

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::Instrument as _;

pub use bundle::REPORT_HEADER;
pub use config::{ConfigReport, ExplainReport, HoldReport, Imported};
pub use conflicts::ConflictList;
pub use counts::Counts;
pub use enroll::{Answer, IN_FLIGHT};
pub use held::{HeldItem, HeldList, HeldState};
pub use lines::{Line, Lines};
pub use page::{PageSource, PageWriter};
pub use pause::PauseReport;
pub use prepare::{Door, Unfit};
pub use problem::Problem;
pub use receipt::Receipts;
pub use records::{EnrolledReport, ListItem, RecordList};
pub use serve::{IntakeError, Listeners, SOCKET, socket_path};

use crate::bundle::Bundles;
use crate::config::{Config, InForce};
use crate::pause::Pauses;

/// What a caller of `GET /v1/status` gets: made anew for each call, by whoever knows.
pub type StatusSource = Arc<dyn Fn() -> Bytes + Send + Sync>;

/// What a caller of `GET /metrics` gets who sends this `Accept` header: its type, and the text.
pub type MetricsSource = Arc<dyn Fn(Option<&str>) -> (&'static str, String) + Send + Sync>;

/// Everything a request needs.
pub struct Intake {
    /// Where enrollments come in.
    pub door: Door,
    /// Wakes the link: each increase is a wish to be level with HQ now.
    pub kicks: watch::Sender<u64>,
    /// What `status` says.
    pub status: StatusSource,
    /// What a browser is shown.
    pub page: PageSource,
    /// What a monitoring system sees.
    pub metrics: MetricsSource,
    /// Set to true when the daemon stops: no more lines are taken from a stream.
    pub stop: watch::Receiver<bool>,
    /// The edition in force: what may come in.
    pub in_force: watch::Receiver<Arc<InForce>>,
    /// What the operator says to config goes here.
    pub config: Config,
    /// Whether the link is held back.
    pub pauses: Pauses,
    /// Who waits, what was taken and what was refused.
    pub counts: Arc<Counts>,
    /// What receipts say beside the entry itself.
    pub receipts: Receipts,
    /// What bundles are made and read with.
    pub bundles: Bundles,
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Intake({})", self.door.office)
    }
}

impl Intake {
    /// What answers the requests.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/records", post(records::post).get(records::list))
            .route("/v1/records/{id}", get(records::get).patch(records::patch))
            .route("/v1/records/{id}/history", get(records::history))
            .route("/v1/records/{id}/receipt", get(receipt::get))
            .route("/v1/conflicts", get(conflicts::list))
            .route("/v1/held", get(held::list))
            .route("/v1/enroll", post(enroll::enroll))
            .route("/v1/config", get(config::show))
            .route("/v1/config/explain", get(config::explain))
            .route("/v1/config/import", post(config::import))
            .route("/v1/config/rollback", post(config::roll_back))
            .route("/v1/config/hold", post(config::hold).delete(config::unhold))
            .route("/v1/bundle/export", post(bundle::export))
            .route("/v1/bundle/import", post(bundle::import))
            .route("/v1/pause", get(pause::show).post(pause::pause).delete(pause::resume))
            .route("/v1/status", get(status))
            .route("/v1/sync", post(sync))
            .route("/metrics", get(metrics))
            .route("/", get(page::show))
            .route("/page.css", get(page::style))
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .fallback(async || Problem::not_found("there is nothing at this address"))
            .method_not_allowed_fallback(async || {
                let (code, title) = ("method-not-allowed", "Method not allowed");
                let detail = "this address does not answer that method";
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, code, title, detail)
            })
            .layer(middleware::from_fn(in_span))
            .with_state(Arc::new(self))
    }
}

/// Whatever is logged of a request says that it is one. Its address may name a record: it is left out.
async fn in_span(request: Request, next: Next) -> Response {
    let span = tracing::debug_span!("intake.request", method = %request.method());
    next.run(request).instrument(span).await
}

/// How long `status` waits for a turn of the engine: it answers when the disk hangs, too.
const TURN_PATIENCE: Duration = Duration::from_millis(500);

async fn status(State(intake): State<Arc<Intake>>) -> impl IntoResponse {
    // The engine tells its facts after each turn's answers: whoever was answered must find it here.
    let turn = intake.door.handle.list(0, 0);
    let _ = tokio::time::timeout(TURN_PATIENCE, turn).await;
    ([(header::CONTENT_TYPE, "application/json")], (intake.status)())
}

async fn metrics(State(intake): State<Arc<Intake>>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let (kind, text) = (intake.metrics)(accept);
    ([(header::CONTENT_TYPE, kind)], text)
}

/// The answer to a wish to be level with HQ now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kicked {
    /// The number of the wish: `sync.level_kicks` in the status reaches it once it is granted.
    pub kick: u64,
}

async fn sync(State(intake): State<Arc<Intake>>) -> impl IntoResponse {
    let mut kick = 0;
    intake.kicks.send_modify(|kicks| {
        *kicks += 1;
        kick = *kicks;
    });
    (StatusCode::ACCEPTED, Json(Kicked { kick }))
}

/// Ready means that enrollments are taken; HQ has no part in it.
async fn ready(State(intake): State<Arc<Intake>>) -> Result<&'static str, Problem> {
    match &intake.door.handle.facts().borrow().closed {
        None => Ok("ok\n"),
        Some(why) => Err(why.clone().into()),
    }
}

/// Refuses a body of another type than `want`.
fn want_type(headers: &HeaderMap, want: &str) -> Result<(), Problem> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(want) {
        return Ok(());
    }
    let (code, title) = ("wrong-content-type", "Wrong content type");
    let detail = format!("send Content-Type: {want}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, title, detail))
}

#[cfg(test)]
mod tests;
