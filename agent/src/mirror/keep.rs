//! The thread: opens the copy, keeps it level, and tries again when it cannot.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wasl_protocol::id::Position;

use super::Sources;
use super::copy::{Copy, Trouble};
use super::files;
use super::shared::{Shared, Work};
use crate::facts::MirrorFacts;
use crate::seam::World;

/// How often a mirror that takes nothing is tried again, and one that idles is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The thread's own.
pub(super) struct Keeper {
    pub(super) world: World,
    pub(super) dir: PathBuf,
    pub(super) place: PathBuf,
    pub(super) sources: Sources,
    pub(super) shared: Arc<Shared>,
    pub(super) tell: watch::Sender<MirrorFacts>,
}

impl Keeper {
    /// Until the engine's end is dropped.
    pub(super) fn run(self) {
        let mut copy = None;
        let mut rest = Duration::ZERO;
        while let Some(work) = self.shared.work(rest) {
            rest = LOOK_EVERY;
            match self.step(&mut copy, work) {
                Ok(held) => self.level(held),
                Err(trouble) => {
                    copy = None;
                    self.trouble(&trouble);
                }
            }
        }
        self.shared.end();
    }

    fn step(&self, copy: &mut Option<Copy>, work: Work) -> Result<[Position; 2], Trouble> {
        let Work { durable, offered } = work;
        let disk = &self.world.disk;
        let idle = offered.iter().all(Option::is_none);
        let fresh = copy.is_none();
        let open = if let Some(open) = copy {
            open
        } else {
            let opened = Copy::open(disk, &self.dir, &self.place, &self.sources, &durable)?;
            copy.insert(opened)
        };
        open.take(&self.sources, &durable, offered)?;
        if fresh || idle {
            files::copy(&**disk, &self.dir, &self.place)?;
        }
        Ok(open.held())
    }

    fn level(&self, held: [Position; 2]) {
        self.shared.hold(Some(held));
        let now = self.world.clock.unix();
        self.tell.send_modify(|facts| {
            if facts.trouble.take().is_some() || facts.level_at.is_none() {
                tracing::info!(entries = held[0].seq.0, "the mirror is level");
            }
            facts.entries = held[0].seq;
            facts.level_at = Some(now);
        });
    }

    fn trouble(&self, trouble: &Trouble) {
        self.shared.hold(None);
        let now = self.world.clock.unix();
        let text = trouble.to_string();
        self.tell.send_modify(|facts| {
            let since = facts.trouble.as_ref().map(|(_, since)| *since);
            if since.is_none() {
                tracing::warn!(why = %text, "the mirror takes nothing: enrolling goes on");
            }
            facts.trouble = Some((text, since.unwrap_or(now)));
        });
    }
}
