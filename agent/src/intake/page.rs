//! The page: how the office stands, for a browser. No request to it changes anything.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    REFRESH, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use serde::Deserialize;
use tokio::time::timeout;
use wasl_protocol::edition::Language;

use super::{Intake, TURN_PATIENCE};
use crate::engine::Hours;

/// What a browser is shown: made anew for each call, by whoever knows.
pub struct PageSource {
    /// The page in a language, with the enrollments by hour where they are known.
    pub html: PageWriter,
    /// Its style.
    pub css: &'static str,
}

/// Writes the page.
pub type PageWriter = Box<dyn Fn(Language, Option<&Hours>) -> String + Send + Sync>;

/// What a page may do in a browser: show itself and its own style. No script, no picture, no form,
/// nothing from elsewhere, and no other site may show it in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// How soon a browser asks again, in seconds.
const AGAIN_S: &str = "30";

/// Which language; without one, what the edition in force says.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    lang: Option<Language>,
}

pub(super) async fn show(
    State(intake): State<Arc<Intake>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> impl IntoResponse {
    // A language that there is not is no reason to show nothing.
    let asked = asked.ok().and_then(|Query(asked)| asked.lang);
    let language = asked.unwrap_or_else(|| intake.in_force.borrow().settings.page.language);
    let hours = timeout(TURN_PATIENCE, intake.door.handle.hours()).await;
    let hours = hours.ok().and_then(Result::ok);
    let html = (intake.page.html)(language, hours.as_ref());
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (REFRESH, AGAIN_S),
        (CONTENT_LANGUAGE, if language == Language::Ar { "ar" } else { "en" }),
    ];
    (headers, html)
}

pub(super) async fn style(State(intake): State<Arc<Intake>>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, intake.page.css)
}
