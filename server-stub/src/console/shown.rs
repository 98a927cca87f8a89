//! What whoever works on this machine may look at, over loopback TCP: the page, metrics, the status
//! document, and whether HQ lives and is ready. Nothing here changes anything.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    REFRESH, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{StatusCode, uri::Authority};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use wasl_protocol::edition::Language;

use crate::page::{CSS, Page};
use crate::status::Status;

use super::{Console, Problem, exposed, status};

/// What a page may do in a browser: show itself and its own style. No script, no picture, no form,
/// nothing from elsewhere, and no other site may show it in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// How soon a browser asks again, in seconds.
const AGAIN_S: &str = "30";

/// The routes that only show.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/", get(page))
        .route("/page.css", get(style))
        .route("/metrics", get(exposed::metrics))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/v1/status", get(status))
}

impl Console {
    /// Shows on `socket` until `stop` is true, and then finishes what is under way.
    pub async fn show(
        self,
        socket: TcpListener,
        mut stop: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        axum::serve(socket, self.shown())
            .with_graceful_shutdown(async move {
                // The sender going away means the same.
                let _ = stop.wait_for(|stop| *stop).await;
            })
            .await
    }

    pub(super) fn shown(self) -> Router {
        routes()
            .fallback(|| async { Problem::not_found("no such page") })
            .layer(middleware::from_fn(loopback_host))
            .with_state(Arc::new(self))
    }
}

/// Which language; without one, Arabic.
#[derive(Debug, Deserialize)]
struct Asked {
    lang: Option<Language>,
}

async fn page(
    State(console): State<Arc<Console>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    // A language that there is not is no reason to show nothing.
    let asked = asked.ok().and_then(|Query(asked)| asked.lang);
    let language = asked.unwrap_or_default();
    let running = console.live.as_ref().map(|l| &l.running);
    let status = Status::build(&console.store, running, console.world.clock.unix()).await?;
    let rollout = console.store.rollout(None).await?;
    let html = Page { status: &status, rollout: rollout.as_ref(), language }.html();
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (REFRESH, AGAIN_S),
        (CONTENT_LANGUAGE, if language == Language::Ar { "ar" } else { "en" }),
    ];
    Ok((headers, html))
}

async fn style() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, CSS.as_str())
}

/// Ready means that the database answers.
async fn ready(State(console): State<Arc<Console>>) -> Result<&'static str, Problem> {
    console.live()?;
    console.store.totals().await?;
    Ok("ok\n")
}

/// A page of a foreign site that had its name point here (DNS rebinding) must not read anything:
/// only requests that name this machine are answered.
async fn loopback_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|h| h.to_str().ok());
    let authority = host.and_then(|h| h.parse::<Authority>().ok());
    let here = authority.is_some_and(|a| {
        let name = a.host().trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    if here {
        return next.run(request).await;
    }
    let (code, title) = ("wrong-host", "wrong host");
    let detail = "the Host header must name this machine, such as localhost or 127.0.0.1";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, code, title, detail).into_response()
}
