//! `GET /metrics`: what a monitoring system sees of the running HQ.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;

use super::{Console, Problem};
use crate::metrics::{Format, Sources};

pub(super) async fn metrics(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let (store, world) = (console.store.clone(), console.world.clone());
    let sources = Sources { store, world, running: console.live()?.running.clone() };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::wanted(accept);
    let text = sources.text(format).await?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], text))
}
