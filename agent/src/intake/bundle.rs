//! Bundles, as files that a person carries.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;

use super::records::bad_request;
use super::{Intake, Problem};
use crate::bundle::{ExportError, ImportError, Imported};

/// The header in which an answer that is a file says in JSON what is in it.
pub const REPORT_HEADER: HeaderName = HeaderName::from_static("wasl-report");

/// `?whole=true`, or nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct What {
    #[serde(default)]
    whole: bool,
}

pub(super) async fn export(
    State(intake): State<Arc<Intake>>,
    what: Result<Query<What>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(What { whole }) = what.map_err(|e| bad_request(&e.body_text()))?;
    let (report, export) = intake.bundles.export(whole)?;
    let report = serde_json::to_string(&report).expect("a report is JSON");
    let pieces = stream::unfold(export, async |mut export| {
        let piece = export.next().await.transpose()?;
        Some((piece, export))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (REPORT_HEADER, HeaderValue::from_str(&report).expect("ids and numbers are ASCII")),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

pub(super) async fn import(
    State(intake): State<Arc<Intake>>,
    body: Body,
) -> Result<Json<Imported>, Problem> {
    let (mut import, mut body) = (intake.bundles.import(), body.into_data_stream());
    let mut taken = Ok(());
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| bad_request("the file was cut short on its way"))?;
        // Read to its end in any case: who is still sending hears no refusal.
        if taken.is_ok() {
            taken = import.feed(&piece).await;
        }
    }
    taken?;
    Ok(Json(import.end().await?))
}

impl From<ExportError> for Problem {
    fn from(e: ExportError) -> Self {
        match e {
            ExportError::Engine(refused) => refused.into(),
            ExportError::Key(_) => {
                let (status, title) = (StatusCode::INTERNAL_SERVER_ERROR, "No bundle");
                Self::new(status, "no-bundle", title, e.to_string())
            }
        }
    }
}

impl From<ImportError> for Problem {
    fn from(e: ImportError) -> Self {
        let code = e.code();
        match e {
            ImportError::Engine(refused) => refused.into(),
            ImportError::Bundle(_) | ImportError::NotAReply | ImportError::Fault(_) => {
                Self::new(StatusCode::BAD_REQUEST, code, "Not taken", e.to_string())
            }
            ImportError::Foreign(_) | ImportError::Stale => {
                Self::new(StatusCode::CONFLICT, code, "Not taken", e.to_string())
            }
        }
    }
}
