//! A second copy of the logs, on another disk: what was answered outlives the first one.
//!
//! A thread of its own copies what is durable here, frame by frame and checked against the chain,
//! into logs of the same form, with the sealed keys and the few small files beside them: together
//! a data dir to start from. The engine waits for it, but never long: a disk that is missing, full,
//! slow or failing is told and left behind, and catches up by itself. It knows nothing of records
//! or keys, and never writes over what another office or another history has left there.

mod copy; // the logs on the other disk
mod files; // what lies beside them
mod restore; // what only the other disk still has
mod keep; // the thread
mod shared; // what it and the engine tell each other

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::id::{JournalId, Position};

use crate::facts::{MirrorFacts, MirrorState};
use crate::journal::Stretch;
use crate::seam::World;
use keep::Keeper;
pub use restore::{Restored, restore};
use shared::Shared;

/// How long an answer waits at most for the mirror.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// For how long nothing waits for a mirror that was late, in nanoseconds: one that is always late
/// costs no more than one wait in this time.
const DOUBT_NS: u64 = 60_000_000_000;

/// How long a start waits until it is known how the mirror is.
const OPENING: Duration = Duration::from_secs(5);

/// How long the daemon's end waits for the mirror.
const FAREWELL: Duration = Duration::from_secs(1);

/// One log that is mirrored.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is for.
    pub purpose: Purpose,
    /// The folder it lies in.
    pub folder: PathBuf,
    /// Its id.
    pub id: JournalId,
    /// Where it ends, durably.
    pub end: Position,
    /// The logs that it goes on from, oldest first: nothing is written there any more.
    pub before: Vec<Source>,
}

impl Source {
    /// It, and all that it goes on from, oldest first.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        self.before.iter().chain([self])
    }
}

/// Journal and inbox.
pub type Sources = [Source; 2];

/// The engine's end of the mirror. The thread ends when this is dropped.
#[derive(Debug)]
pub struct Mirror {
    world: World,
    shared: Arc<Shared>,
    facts: MirrorState,
    doubted_until_ns: u64,
}

impl Mirror {
    /// Starts to copy the logs of the data dir `dir` to `place`.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(world: &World, dir: &Path, place: &Path, sources: Sources) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(sources.each_ref().map(|source| source.end)));
        let (tell, facts) =
            watch::channel(MirrorFacts { place: place.to_owned(), ..MirrorFacts::default() });
        let keeper = Keeper {
            world: world.clone(),
            dir: dir.to_owned(),
            place: place.to_owned(),
            sources,
            shared: shared.clone(),
            tell,
        };
        thread::Builder::new().name("mirror".to_owned()).spawn(move || keeper.run())?;
        // What is answered first is to be on both disks too, unless the other one is not there.
        shared.wait_told(OPENING);
        Ok(Self { world: world.clone(), shared, facts, doubted_until_ns: 0 })
    }

    /// How it is.
    pub fn facts(&self) -> MirrorState {
        self.facts.clone()
    }

    /// Hands over what has just become durable in a log.
    pub fn offer(&self, log: Purpose, stretch: Stretch) {
        self.shared.offer(nth(log), stretch);
    }

    /// Waits until the mirror has all that was offered; not at all for one that is behind, and never
    /// longer than [`PATIENCE`].
    pub fn wait(&mut self) {
        if self.world.clock.mono_ns() < self.doubted_until_ns {
            return;
        }
        if !self.shared.wait(PATIENCE) {
            tracing::warn!("the mirror is late: nothing waits for it now, and it catches up");
            self.doubted_until_ns = self.world.clock.mono_ns().saturating_add(DOUBT_NS);
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.stop(FAREWELL);
    }
}

/// Where a log stands among [`Sources`].
fn nth(log: Purpose) -> usize {
    match log {
        Purpose::Journal => 0,
        Purpose::Inbox => 1,
    }
}

#[cfg(test)]
mod tests;
