//! What a monitoring system sees of headquarters and its offices: the status, and what the store and
//! the gateway count, as Prometheus metrics made when they are asked for, and the same in a file.
//!
//! It counts nothing itself. Moments are moments and never ages; what is not known is not a number;
//! labels are few constant words and the offices' ids. It knows nothing of sockets, SQL or people.

mod fleet; // which metrics there are

#[cfg(test)]
mod rules; // alert rules and dashboards name nothing else
#[cfg(test)]
mod tests; // every metric keeps to the conventions

use std::io;
use std::path::Path;

use tokio::sync::watch;

use wasl_shown::exposition;
pub use wasl_shown::exposition::Format;
use wasl_shown::process::process_usage;
use wasl_shown::textfile::{EVERY, Textfile};

use crate::seam::World;
use crate::status::{Running, Status};
use crate::store::{Store, StoreError};
use fleet::Told;

/// What the metrics are made of.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The database.
    pub store: Store,
    /// The clock.
    pub world: World,
    /// What runs.
    pub running: Running,
}

impl Sources {
    /// The metrics as of now.
    pub async fn text(&self, format: Format) -> Result<String, StoreError> {
        let now = self.world.clock.unix();
        let rollout = self.store.rollout(None).await?;
        let told = Told {
            status: &Status::build(&self.store, Some(&self.running), now).await?,
            rollout: rollout.as_ref(),
            counts: &self.store.counts(),
            sessions: &self.running.sessions.opened(),
            usage: process_usage(),
        };
        Ok(exposition::text(fleet::families(&told), format))
    }

    /// Keeps the file at `path` fresh until `stop` says true; then it goes, so that nobody takes old
    /// figures for new ones.
    pub async fn keep(&self, path: &Path, mut stop: watch::Receiver<bool>) {
        let mut file = Textfile::at(path);
        while !*stop.borrow() {
            file.put(self.text(Format::Classic).await.map_err(io::Error::other));
            let stopped = stop.wait_for(|stop| *stop);
            if tokio::time::timeout(EVERY, stopped).await.is_ok() {
                return;
            }
        }
    }
}
