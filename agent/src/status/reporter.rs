//! The document for whoever asks, whenever they ask.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use wasl_protocol::units::MonoMs;

use super::build::{Clocks, Known, Told, build};
use super::document::Status;
use super::file::{WRITTEN_EVERY_MS, last_verified, write};
use super::heard::Heard;
use super::since::FirstSeen;
use super::trend::Trend;
use crate::config::{ConfigFacts, InForce};
use crate::engine::Facts;
use crate::facts::{HttpFacts, LinkState, MirrorState};
use crate::seam::World;

/// The ends of what the other rooms tell.
#[derive(Clone, Debug)]
pub struct Sources {
    /// What the engine tells.
    pub facts: watch::Receiver<Arc<Facts>>,
    /// What the link tells.
    pub link: LinkState,
    /// What config tells.
    pub config: watch::Receiver<Arc<ConfigFacts>>,
    /// What is in force.
    pub in_force: watch::Receiver<Arc<InForce>>,
    /// What intake tells of HTTP.
    pub http: watch::Receiver<HttpFacts>,
    /// What the mirror tells, where there is one.
    pub mirror: Option<MirrorState>,
}

/// Tells how the office is, from what the others tell.
#[derive(Debug)]
pub struct Reporter {
    known: Known,
    dir: PathBuf,
    sources: Sources,
    world: World,
    started: MonoMs,
    trend: Mutex<Trend>,
    first_seen: Mutex<FirstSeen>,
    heard: Mutex<Heard>,
}

impl Reporter {
    /// A reporter of what these tell, and of what was verified in `dir`.
    pub fn new(known: Known, dir: PathBuf, sources: Sources, world: World) -> Self {
        let started = world.clock.mono();
        let (trend, first_seen) = (Mutex::default(), Mutex::default());
        let heard = Mutex::new(Heard::load(&dir));
        Self { known, dir, sources, world, started, trend, first_seen, heard }
    }

    /// The document as of now.
    pub fn status(&self) -> Status {
        let Sources { facts, link, config, in_force, http, mirror } = &self.sources;
        let (facts, mut link) = (facts.borrow().clone(), link.borrow().clone());
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut link);
        let (config, in_force) = (config.borrow().clone(), in_force.borrow().clone());
        let http = http.borrow().clone();
        let mirror = mirror.as_ref().map(|mirror| mirror.borrow().clone());
        let verified = last_verified(&self.dir);
        let mono = self.world.clock.mono();
        let clocks = {
            let trend = self.trend.lock().unwrap_or_else(PoisonError::into_inner);
            Clocks {
                now: self.world.clock.unix(),
                fill_eta_s: trend.fill_eta_s(mono, &facts),
                sync_eta_s: trend.sync_eta_s(mono, &facts),
                up_ms: mono.since_ms(self.started),
            }
        };
        let told = Told {
            facts: &facts,
            link: &link,
            config: &config,
            in_force: &in_force,
            http: &http,
            mirror: mirror.as_ref(),
            verified: verified.as_ref(),
            clocks,
        };
        let mut status = build(&self.known, &told);
        self.first_seen.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut status);
        status
    }

    /// Writes the document to `path` every few seconds until `stop` says true, and once more then.
    pub async fn keep(&self, path: &Path, mut stop: watch::Receiver<bool>) {
        loop {
            let stops = *stop.borrow();
            self.note(stops);
            let mut status = self.status();
            status.stopped_at = stops.then_some(status.as_of);
            if let Err(why) = write(&*self.world.disk, path, &status) {
                tracing::warn!(path = %path.display(), %why, "the status file cannot be written");
            }
            if stops {
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

    fn note(&self, stops: bool) {
        let facts = self.sources.facts.borrow().clone();
        let mut trend = self.trend.lock().unwrap_or_else(PoisonError::into_inner);
        trend.note(self.world.clock.mono(), &facts);
        let link = self.sources.link.borrow().clone();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = heard.keep(&*self.world.disk, &link, stops) {
            tracing::warn!(%why, "when HQ was last heard cannot be written");
        }
    }
}
