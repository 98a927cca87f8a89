//! HTTP for people's commands: `hq.sock` in the running daemon; in a stopped one's command line the
//! same routes over a database opened for reading.
//!
//! It knows nothing of QUIC nor of how answers are shown. Whoever can open the socket may do
//! everything: it is its owner's alone.

mod bundles; // half a session as a file
mod backups; // copies of the database: told, and what is stable for them
mod config; // editions and their rollouts: push, watch, abort
mod conflicts; // records in conflict
mod edits; // what headquarters changes in a record
mod exposed; // what a monitoring system sees
mod held; // entries that are not applied: list, show, release, refuse
mod named; // ids, whole or their beginning
mod offices; // add, list, show, token, revoke, replace
mod problem; // what a caller is told when something is refused
mod receipts; // what citizens took home
mod records; // states as HQ has them, and how they came about
mod shown; // what is only looked at
mod verify; // journals, walked from their start
#[cfg(test)]
mod tests; // the routes, without a socket

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Request, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::Full;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tower::ServiceExt;
use wasl_protocol::join::TransportKey;
use wasl_protocol::private::Private;
use wasl_protocol::{json, limits};

use crate::bundle::Bundles;
use crate::seam::World;
use crate::status::{Running, Status};
use crate::store::Store;

pub use backups::{End, NewBackup};
pub use bundles::{BUNDLE_BYTES, NewBundle, TakenBundle};
pub use config::{
    AttemptReport, EditionDocument, EditionItem, EditionList, NewAbort, NewEdition,
    OfficeRolloutReport, ProbationText, RolloutDocument, ScopeText,
};
pub use conflicts::ConflictList;
pub use edits::NewGrant;
pub use held::{Beside, HeldDocument, HeldItem, HeldList, Refusal, Release, VerdictReport};
pub use offices::{
    AdmittedDocument, NewMachine, NewOffice, OfficeDocument, OfficeList, TokenDocument,
};
pub use problem::Problem;
pub use receipts::{ReceiptDocument, Verdict};
pub use records::{RecordLine, RecordList};
pub use verify::{JournalReport, VerifyReport};

/// The longest body of a request, in bytes, but for a record's.
const BODY_BYTES: usize = 16 * 1024;

/// What the console works with.
#[derive(Clone)]
pub struct Console {
    /// The database.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
    /// What is true of the running daemon only; without it nothing can be changed.
    pub live: Option<Live>,
}

/// The part of the console that only the running daemon has.
#[derive(Clone)]
pub struct Live {
    /// What runs.
    pub running: Running,
    /// HQ's transport key, for tokens.
    pub hq: TransportKey,
    /// What bundles are taken in with.
    pub bundles: Bundles,
}

impl Console {
    fn router(self) -> Router {
        let record = DefaultBodyLimit::max(limits::POSTED_BYTES);
        let edition = DefaultBodyLimit::max(config::PUSH_BYTES);
        let told = DefaultBodyLimit::max(backups::TOLD_BYTES);
        let brought = DefaultBodyLimit::max(bundles::BROUGHT_BYTES);
        shown::routes()
            .route("/v1/offices", get(offices::list).post(offices::add))
            .route("/v1/offices/admit", post(offices::admit))
            .route("/v1/offices/{id}", get(offices::show))
            .route("/v1/offices/{id}/token", post(offices::token))
            .route("/v1/offices/{id}/revoke", post(offices::revoke))
            .route("/v1/offices/{id}/audit", post(offices::audit))
            .route("/v1/offices/{id}/replace", post(offices::replace))
            .route("/v1/offices/{id}/verify", get(verify::verify))
            .route("/v1/records", get(records::list))
            .route("/v1/records/{id}", get(records::show).patch(edits::patch).layer(record))
            .route("/v1/records/{id}/history", get(records::history))
            .route("/v1/records/{id}/grants", post(edits::grant))
            .route("/v1/receipts/{text}", get(receipts::verify))
            .route("/v1/conflicts", get(conflicts::list))
            .route("/v1/held", get(held::list))
            .route("/v1/held/{dot}", get(held::show))
            .route("/v1/held/{dot}/release", post(held::release))
            .route("/v1/held/{dot}/refuse", post(held::refuse))
            .route("/v1/bundles", post(bundles::import).layer(brought))
            .route("/v1/backups", post(backups::add).layer(told))
            .route("/v1/config/editions", get(config::list).post(config::push).layer(edition))
            .route("/v1/config/editions/{serial}", get(config::show))
            .route("/v1/config/editions/{serial}/abort", post(config::abort))
            .route("/v1/config/rollout", get(config::rollout))
            .fallback(|| async { Problem::not_found("no such page") })
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(Arc::new(self))
    }

    /// Answers on `socket` until `stop` is true, and then finishes what is under way.
    pub async fn serve(
        self,
        socket: UnixListener,
        mut stop: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        axum::serve(socket, self.router())
            .with_graceful_shutdown(async move {
                // The sender going away means the same.
                let _ = stop.wait_for(|stop| *stop).await;
            })
            .await
    }

    /// Answers one request, without a socket.
    pub async fn answer(self, request: Request<Full<Bytes>>) -> Response<Body> {
        self.router().oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    fn live(&self) -> Result<&Live, Problem> {
        self.live.as_ref().ok_or_else(Problem::stopped)
    }
}

/// Who does something, as it was said.
fn checked_operator(name: Option<Private<String>>) -> Result<Option<Private<String>>, Problem> {
    let Some(name) = name else { return Ok(None) };
    json::check_str(&name, "operator").map_err(|e| Problem::bad_request(e.to_string()))?;
    if name.len() > limits::OPERATOR_BYTES {
        let want = format!("operator: must be at most {} bytes", limits::OPERATOR_BYTES);
        return Err(Problem::bad_request(want));
    }
    Ok(Some(name))
}

async fn status(State(console): State<Arc<Console>>) -> Result<Json<Status>, Problem> {
    let running = console.live.as_ref().map(|l| &l.running);
    Ok(Json(Status::build(&console.store, running, console.world.clock.unix()).await?))
}
