//! What a caller is told when something is refused: a problem document (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// A problem document. `detail` never holds personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URN that ends in `code`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This case: why.
    pub detail: String,
    /// What it is, for programs: a constant word.
    pub code: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<Box<str>>,
}

impl Problem {
    /// A problem: `code` and `title` say what it is, `detail` why.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:wasl:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            help: None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Nothing is there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "not found", detail)
    }

    /// The request does not say what it should.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "bad request", detail)
    }

    /// It can be done only by the running daemon.
    pub fn stopped() -> Self {
        let detail = "HQ is not running, and this changes what it knows";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopped", "not done", detail)
            .help("start it with `wasl-hq run`, then try again")
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Self {
        tracing::error!(error = %e, "the database failed a command");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let problem = Self::new(status, "database", "not done", e.to_string());
        if e.is_damage() { problem.help(StoreError::DAMAGE_HELP) } else { problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
