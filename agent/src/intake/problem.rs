//! What a caller is told when something is refused: a problem document (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use wasl_protocol::edition::FieldRefused;
use wasl_protocol::id::{GroupName, RecordId};
use wasl_protocol::json::JsonError;
use wasl_protocol::limits;
use wasl_protocol::named::Named;
use wasl_protocol::record::DraftError;

use super::prepare::Unfit;
use crate::engine::Refused;

/// After how many seconds a caller who was sent away may come again.
const RETRY_AFTER_S: &str = "1";

/// A problem document. `code` is a constant word; `detail` never holds personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URN that ends in `code`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This case: why, and where.
    pub detail: String,
    /// What it is, for programs.
    pub code: String,
}

impl Problem {
    /// A problem: `code` says what it is, `detail` why.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:wasl:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
        }
    }

    /// A text longer than a record may be.
    pub fn too_long(most_bytes: usize) -> Self {
        let detail = format!("a record has at most {most_bytes} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "The record is too long", detail)
    }

    /// So many wait for the disk that no more are let in.
    pub fn too_many_waiting() -> Self {
        let detail = "too many records wait for the disk; post this one again";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-waiting", "Too many wait", detail)
    }

    /// A conflict that is not ended here.
    pub(super) fn left_to_hq(group: &GroupName) -> Self {
        let detail = format!("{group}: headquarters ends the conflicts of this group");
        Self::new(StatusCode::FORBIDDEN, "left-to-hq", "Headquarters ends it", detail)
    }

    /// The beginning of an id that several records have.
    pub(super) fn ambiguous(named: &Named, records: &[RecordId]) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ambiguous-id", "Several", named.several(records))
    }

    /// Nothing is there.
    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// What is stored of a record does not read.
    pub fn damaged() -> Self {
        let detail = "its stored bytes do not read; run `wasl journal verify`";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "damaged", "The record is damaged", detail)
    }

    /// May the caller simply try again?
    pub fn passes(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}

impl From<JsonError> for Problem {
    fn from(_: JsonError) -> Self {
        Self::damaged()
    }
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Draft(DraftError::TooLong(_)) => Self::too_long(limits::POSTED_BYTES),
            Unfit::Draft(e @ (DraftError::NotYours(_) | DraftError::Grants(_))) => {
                let (code, title) = ("not-your-group", "Not your group");
                Self::new(StatusCode::FORBIDDEN, code, title, e.to_string())
            }
            Unfit::Draft(e) => {
                let title = "Not an enrollment";
                Self::new(StatusCode::BAD_REQUEST, "not-an-enrollment", title, e.to_string())
            }
            Unfit::Biometrics => {
                let title = "Biometrics are not supported yet";
                let detail = unfit.to_string();
                Self::new(StatusCode::BAD_REQUEST, "biometrics-not-supported", title, detail)
            }
        }
    }
}

impl From<FieldRefused> for Problem {
    fn from(refused: FieldRefused) -> Self {
        let title = "A field breaks a rule of headquarters";
        Self::new(StatusCode::BAD_REQUEST, "field-rule", title, refused.to_string())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let (status, code, title) = match refused {
            Refused::Clash(_) => {
                (StatusCode::CONFLICT, "form-number-taken", "The form number is taken")
            }
            Refused::Unknown => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Refused::Stale(_) => (StatusCode::PRECONDITION_FAILED, "stale", "Read it again"),
            Refused::ReadOnly => (StatusCode::CONFLICT, "read-only", "Read only here"),
            Refused::Damaged => (StatusCode::SERVICE_UNAVAILABLE, "damaged", "Not done"),
            Refused::DiskFull => (StatusCode::SERVICE_UNAVAILABLE, "disk-full", "Not stored"),
            Refused::Poisoned => (StatusCode::SERVICE_UNAVAILABLE, "disk-failed", "Not stored"),
            Refused::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Not stored"),
            Refused::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopping", "Not stored"),
        };
        Self::new(status, code, title, refused.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let again = self.passes();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}
