//! What a monitoring system sees: the facts of the other rooms as Prometheus metrics, made when they
//! are asked for, and the same in a file.
//!
//! It counts nothing itself: counters live where the events are. Names and units are those of the
//! field; moments are moments and never ages; what is not known is not a number; labels are few
//! constant words. It knows nothing of sockets, of journals, or of people.

mod office; // which metrics there are

#[cfg(test)]
mod rules; // alert rules and dashboards name nothing else
#[cfg(test)]
mod tests; // every metric keeps to the conventions

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use wasl_shown::exposition;
pub use wasl_shown::exposition::Format;
use wasl_shown::process::process_usage;
use wasl_shown::textfile::{EVERY, Textfile};

use crate::engine::Facts;
use crate::facts::{IntakeFacts, LinkState};
use crate::status::Reporter;
use office::Told;

/// The ends of what the other rooms tell.
pub struct Sources {
    /// The verdict, and most of the facts.
    pub status: Arc<Reporter>,
    /// What the engine counts.
    pub engine: watch::Receiver<Arc<Facts>>,
    /// What the link counts.
    pub link: LinkState,
    /// What intake counts.
    pub intake: Box<dyn Fn() -> IntakeFacts + Send + Sync>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

impl Sources {
    /// The metrics as of now.
    pub fn text(&self, format: Format) -> String {
        let status = self.status.status();
        let told = Told {
            status: &status,
            engine: &self.engine.borrow().clone(),
            link: &self.link.borrow().clone(),
            intake: &(self.intake)(),
            usage: process_usage(),
        };
        exposition::text(office::families(&told), format)
    }

    /// Keeps the file at `path` fresh until `stop` says true; then it goes, so that nobody takes old
    /// figures for new ones.
    pub async fn keep(&self, path: &Path, mut stop: watch::Receiver<bool>) {
        let mut file = Textfile::at(path);
        while !*stop.borrow() {
            file.put(Ok(self.text(Format::Classic)));
            let stopped = stop.wait_for(|stop| *stop);
            if tokio::time::timeout(EVERY, stopped).await.is_ok() {
                return;
            }
        }
    }
}
