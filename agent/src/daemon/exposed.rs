//! What a monitoring system is shown, and where: over intake, and in a file.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::Handle;
use crate::facts::LinkState;
use crate::intake::{Counts, MetricsSource};
use crate::metrics::{Format, Sources};
use crate::status::Reporter;

/// The metrics of this daemon.
#[derive(Clone)]
pub(super) struct Exposed(Arc<Sources>);

impl Exposed {
    pub(super) fn new(
        status: &Arc<Reporter>,
        engine: &Handle,
        link: &LinkState,
        counts: &Arc<Counts>,
    ) -> Self {
        let (status, link, counts) = (status.clone(), link.clone(), counts.clone());
        let intake = Box::new(move || counts.facts());
        Self(Arc::new(Sources { status, engine: engine.facts(), link, intake }))
    }

    /// For callers of `GET /metrics`.
    pub(super) fn source(&self) -> MetricsSource {
        let sources = self.0.clone();
        Arc::new(move |accept| {
            let format = Format::wanted(accept);
            (format.content_type(), sources.text(format))
        })
    }

    /// Keeps the file, where one is wanted, until `stop` says true.
    pub(super) async fn keep(self, path: Option<PathBuf>, stop: watch::Receiver<bool>) {
        if let Some(path) = path {
            self.0.keep(&path, stop).await;
        }
    }
}
