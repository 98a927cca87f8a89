//! Bundles that a person brought.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::bundle::BundleError;
use wasl_protocol::id::OfficeId;

use super::{BODY_BYTES, Console, Problem};
use crate::bundle::{BundleReport, ImportError};

/// The longest bundle, in bytes: years of an office.
pub const BUNDLE_BYTES: usize = 256 * 1024 * 1024;

/// The longest body that brings one: a bundle in base64, and what stands beside it.
pub(super) const BROUGHT_BYTES: usize = BUNDLE_BYTES.div_ceil(3) * 4 + BODY_BYTES;

/// How much of a bundle is taken in at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// A bundle is brought.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBundle {
    /// The bytes of its file, in base64.
    pub bundle: String,
    /// The office whose bundle it is, if it is taken although its machine may no longer come.
    #[serde(default)]
    pub admit: Option<OfficeId>,
}

/// A bundle is taken in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenBundle {
    /// What came of it.
    pub report: BundleReport,
    /// The bytes of the reply's file, in base64; none for a machine that may no longer come.
    pub reply: Option<String>,
}

pub(super) async fn import(
    State(console): State<Arc<Console>>,
    body: Result<Json<NewBundle>, JsonRejection>,
) -> Result<Json<TakenBundle>, Problem> {
    let live = console.live()?;
    let Json(new) = body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let why = format!("a bundle has at most {BUNDLE_BYTES} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "bundle import", why)
        }
        _ => Problem::bad_request(e.body_text()),
    })?;
    let bytes = BASE64.decode(new.bundle.as_bytes());
    let bytes = bytes.map_err(|e| Problem::bad_request(format!("bundle: {e}")))?;
    drop(new.bundle);
    let mut import = live.bundles.import(new.admit);
    for piece in bytes.chunks(PIECE_BYTES) {
        import.feed(piece).await?;
    }
    let (report, reply) = import.end().await?;
    let BundleReport { office, bundle, new, .. } = &report;
    tracing::info!(%office, %bundle, entries = new, "a bundle was taken in");
    Ok(Json(TakenBundle { reply: reply.map(|reply| BASE64.encode(&reply)), report }))
}

impl From<ImportError> for Problem {
    fn from(e: ImportError) -> Self {
        let (status, code) = match &e {
            ImportError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "database"),
            ImportError::Bundle(BundleError::ForAnother) => (StatusCode::CONFLICT, "foreign"),
            ImportError::Bundle(BundleError::CutShort(_)) => (StatusCode::BAD_REQUEST, "cut-short"),
            ImportError::Bundle(BundleError::Newer(_)) => (StatusCode::BAD_REQUEST, "newer-bundle"),
            ImportError::Bundle(_) | ImportError::Fault(_) | ImportError::Reply(_) => {
                (StatusCode::BAD_REQUEST, "not-taken")
            }
            ImportError::Unknown(_) => (StatusCode::NOT_FOUND, "not-found"),
            ImportError::Revoked(_) => (StatusCode::FORBIDDEN, "revoked"),
            ImportError::OtherMachine(_) | ImportError::OtherOffice(_) => {
                (StatusCode::FORBIDDEN, "foreign")
            }
            ImportError::Elsewhere(_) => (StatusCode::CONFLICT, "elsewhere"),
        };
        let help = match &e {
            ImportError::Store(_) => None,
            ImportError::Bundle(BundleError::ForAnother) => {
                Some("take it to the headquarters that its office joined".to_owned())
            }
            ImportError::Bundle(BundleError::NotABundle) => {
                Some("bring the file that `wasl bundle export` wrote at the office".to_owned())
            }
            ImportError::Bundle(BundleError::Newer(_)) => Some("update wasl-hq first".to_owned()),
            ImportError::Bundle(_) | ImportError::Fault(_) => Some(
                "copy the file again, or have the office export another; what was taken in before \
                 is right, and stays"
                    .to_owned(),
            ),
            ImportError::Reply(office) => {
                Some(format!("take it to {office}: `wasl bundle import FILE`"))
            }
            ImportError::Unknown(_) => {
                Some("`wasl-hq office list` shows who has joined".to_owned())
            }
            ImportError::Revoked(office) | ImportError::OtherMachine(office) => Some(format!(
                "if a person vouches for it: `--admit {office}` takes its entries and lists them"
            )),
            ImportError::OtherOffice(office) => {
                Some(format!("`--admit {office}`, if that is meant"))
            }
            ImportError::Elsewhere(_) => {
                Some("at the office: `wasl bundle export FILE --whole`".to_owned())
            }
        };
        let problem = Self::new(status, code, "bundle import", e.to_string());
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}
