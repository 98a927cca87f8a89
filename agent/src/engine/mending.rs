//! Holes in the journal: told, and filled with what another copy still has. Intake stays open; what
//! comes from elsewhere has to fit the chain at both ends.

use std::collections::VecDeque;
use std::path::PathBuf;

use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::id::{JournalId, Position};

use super::EngineError;
use super::birth::damage_mark;
use super::turn::Engine;
use crate::journal::{AppendError, Hole, MendError, Mender};
use crate::seam::replace;

/// The holes that are known, the oldest first, and how far that one is filled.
#[derive(Default)]
pub(super) struct Mending {
    pub(super) dir: PathBuf,
    holes: VecDeque<Hole>,
    mender: Option<Mender>,
}

impl Mending {
    /// Nothing is known of the logs of the data dir `dir`.
    pub(super) fn of(dir: PathBuf) -> Self {
        Self { dir, ..Self::default() }
    }
}

impl Engine {
    /// Takes in what a look through a whole log has found.
    pub(super) fn holed(&mut self, log: Purpose, holes: Vec<Hole>) -> Result<(), EngineError> {
        match log {
            Purpose::Journal => {
                // A look does not undo what has been brought for the same hole.
                if self.mending.holes.front() != holes.first() {
                    self.mending.mender = None;
                }
                self.mending.holes = holes.into();
                self.mend_next()
            }
            Purpose::Inbox => {
                self.mark_inbox(!holes.is_empty());
                Ok(())
            }
        }
    }

    /// A damaged inbox is taken anew at the next start: all that is in it is HQ's.
    fn mark_inbox(&mut self, damaged: bool) {
        let id = self.store.logs.inbox.id();
        let mark = damage_mark(&self.mending.dir, id);
        if damaged && !self.facts.inbox_damaged {
            tracing::error!("the inbox is damaged: the next start takes HQ's news anew");
            if let Err(error) = replace(&*self.world.disk, &mark, b"") {
                tracing::warn!(%error, "the damaged inbox could not be marked");
            }
        }
        self.facts.inbox_damaged = damaged;
    }

    /// Takes frames of our journal from another copy; false if they are not what was there.
    pub(super) fn mend(
        &mut self,
        journal: JournalId,
        after: Position,
        frames: &[u8],
    ) -> Result<bool, EngineError> {
        let ours = self.store.logs.journal.id() == journal;
        let Some(mender) =
            self.mending.mender.as_mut().filter(|m| ours && m.lacks() == Some(after))
        else {
            return Ok(true); // asked for before, and here by now
        };
        match mender.take(frames) {
            Ok(()) => {
                self.mend_next()?;
                Ok(true)
            }
            Err(MendError::OtherHistory) => {
                tracing::error!("frames that were to fill a hole are of another history");
                self.mending.mender = None;
                self.mend_next()?;
                Ok(false)
            }
            Err(MendError::Log(error)) => {
                tracing::error!(%error, "a hole in the journal could not be filled");
                self.mending.mender = None;
                self.tell_holes();
                Ok(true)
            }
        }
    }

    /// Fills what can be filled now, and says what is lacking for the rest.
    fn mend_next(&mut self) -> Result<(), EngineError> {
        let mut filled = false;
        while let Some(hole) = self.mending.holes.front().copied() {
            let mender = match self.mending.mender.take() {
                Some(mender) => mender,
                None => match self.mender(hole)? {
                    Some(mender) => mender,
                    None => break,
                },
            };
            if mender.lacks().is_some() {
                self.mending.mender = Some(mender);
                break;
            }
            if let Err(error) = self.store.logs.journal.install(mender) {
                tracing::error!(%error, "a hole in the journal could not be filled");
                break;
            }
            tracing::info!(entries = hole.until.seq - hole.after.seq, "a hole is filled");
            self.mending.holes.pop_front();
            filled = true;
        }
        if filled && self.mending.holes.is_empty() && !self.store.rows.lacks_after.is_empty() {
            self.commit()?;
            self.store.refold()?;
        }
        self.tell_holes();
        Ok(())
    }

    /// What fills this hole. In the segment that is written now it is not filled: the journal goes
    /// on in a new one first.
    fn mender(&mut self, hole: Hole) -> Result<Option<Mender>, EngineError> {
        let log = &mut self.store.logs.journal;
        let mut hole = hole;
        if hole.reaches(log.segments()) {
            match log.next_segment() {
                Ok(()) => hole.until = log.head(),
                Err(AppendError::Full | AppendError::NoDescriptor(_)) => return Ok(None),
                Err(AppendError::Failed(e)) => return Err(EngineError::Poisoned(e)),
            }
            self.mending.holes[0] = hole;
        }
        match log.mender(hole) {
            Ok(mender) => Ok(Some(mender)),
            Err(error) => {
                tracing::error!(%error, "a hole in the journal could not be filled");
                Ok(None)
            }
        }
    }

    fn tell_holes(&mut self) {
        let journal = self.store.logs.journal.id();
        let lacks = self.mending.mender.as_ref().and_then(Mender::lacks);
        self.facts.lacks = lacks.map(|after| (journal, after));
        self.facts.holes = self.mending.holes.iter().map(|hole| (hole.after, hole.until)).collect();
        self.publish();
    }
}
