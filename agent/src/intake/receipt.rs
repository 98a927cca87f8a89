//! The receipt over the counter, as a page or as its document.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use wasl_protocol::id::RecordId;

use super::records::bad_request;
use super::{Intake, Problem};
use crate::engine::Refused;
use crate::facts::LinkState;
use crate::receipt::{ClockSaid, Counter, PageError, ReceiptReport, page, policy};

/// What receipts say beside the entry itself.
#[derive(Clone, Debug)]
pub struct Receipts {
    /// Who hands them out.
    pub counter: Counter,
    /// Knows how far our clock is off headquarters'.
    pub link: LinkState,
}

/// In which form.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Html,
    Json,
}

/// `?as=json`, or nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct As {
    #[serde(default, rename = "as")]
    form: Form,
}

pub(super) async fn get(
    State(intake): State<Arc<Intake>>,
    Path(id): Path<String>,
    query: Result<Query<As>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(As { form }) = query.map_err(|e| bad_request(&e.body_text()))?;
    let told = report(&intake, intake.find(&id).await?).await?;
    Ok(match form {
        Form::Json => Json(told).into_response(),
        Form::Html => {
            let policy = format!("{}; frame-ancestors 'none'", policy());
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CONTENT_SECURITY_POLICY, &policy),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "no-referrer"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, page(&told)?).into_response()
        }
    })
}

async fn report(intake: &Intake, record: RecordId) -> Result<ReceiptReport, Problem> {
    let handle = &intake.door.handle;
    let Some(opened) = handle.opened(record).await? else {
        handle.record(record).await?.ok_or(Refused::Unknown)?;
        return Err(opened_elsewhere());
    };
    let warn_s = intake.in_force.borrow().settings.status.clock_warn_s;
    let clock = ClockSaid::of(intake.receipts.link.borrow().clock_offset_ms, warn_s);
    let now = intake.door.world.clock.unix();
    Ok(ReceiptReport::new(opened, &intake.receipts.counter, clock, now))
}

fn opened_elsewhere() -> Problem {
    let (code, title) = ("opened-elsewhere", "Another office opened it");
    let detail = "another office opened this record: its receipt is in that office's journal";
    Problem::new(StatusCode::CONFLICT, code, title, detail)
}

impl From<PageError> for Problem {
    fn from(why: PageError) -> Self {
        let (code, title) = ("no-page", "The page cannot be made");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, title, why.to_string())
    }
}
