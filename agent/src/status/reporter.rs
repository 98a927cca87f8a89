//! The document for whoever asks, whenever they ask.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::build::{Clocks, Known, build};
use super::document::Status;
use super::file::{WRITTEN_EVERY_MS, last_verified, write};
use super::trend::Trend;
use crate::engine::Facts;
use crate::facts::LinkState;
use crate::seam::World;

/// Holds the ends of what the engine and the link tell.
#[derive(Debug)]
pub struct Reporter {
    known: Known,
    dir: PathBuf,
    facts: watch::Receiver<Arc<Facts>>,
    link: LinkState,
    world: World,
    trend: Mutex<Trend>,
}

impl Reporter {
    /// A reporter of what these tell, and of what was verified in `dir`.
    pub fn new(
        known: Known,
        dir: PathBuf,
        facts: watch::Receiver<Arc<Facts>>,
        link: LinkState,
        world: World,
    ) -> Self {
        Self { known, dir, facts, link, world, trend: Mutex::default() }
    }

    /// The document as of now.
    pub fn status(&self) -> Status {
        let facts = self.facts.borrow().clone();
        let mono = self.world.clock.mono();
        let clocks = {
            let trend = self.trend.lock().unwrap_or_else(PoisonError::into_inner);
            Clocks {
                now: self.world.clock.unix(),
                fill_eta_s: trend.fill_eta_s(mono, &facts),
                sync_eta_s: trend.sync_eta_s(mono, &facts),
            }
        };
        build(&self.known, &facts, &self.link.borrow(), clocks, last_verified(&self.dir))
    }

    /// Writes the document to `path` every few seconds until `stop` says true, and once more then.
    pub async fn keep(&self, path: &Path, mut stop: watch::Receiver<bool>) {
        loop {
            self.note();
            if let Err(why) = write(&*self.world.disk, path, &self.status()) {
                tracing::warn!(path = %path.display(), %why, "the status file cannot be written");
            }
            if *stop.borrow() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(WRITTEN_EVERY_MS)) => {}
                ended = stop.wait_for(|stop| *stop) => {
                    if ended.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn note(&self) {
        let facts = self.facts.borrow().clone();
        let mut trend = self.trend.lock().unwrap_or_else(PoisonError::into_inner);
        trend.note(self.world.clock.mono(), &facts);
    }
}
