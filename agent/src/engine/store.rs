//! The logs and the view together: what the engine keeps. The view is folded again whenever it
//! cannot be believed.

use std::path::PathBuf;

use wasl_protocol::id::{Dot, RecordId};
use wasl_protocol::keys::Random;
use wasl_protocol::news::{News, Says};
use wasl_protocol::record::{RecordState, Value};
use wasl_protocol::units::Seq;

use super::EngineError;
use super::replay::replay;
use super::replica::Logs;
use super::rows::Rows;
use crate::view::{self, MemoryView, Meta, Opened, Row, View, ViewError};

/// Both logs and the view.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) logs: Logs,
    pub(super) rows: Rows,
    pub(super) place: Option<ViewPlace>,
    /// Are the rows kept in memory, because no store could be written?
    pub(super) in_memory: bool,
}

/// Where the view lies, and with what it is opened.
#[derive(Clone)]
pub(super) struct ViewPlace {
    pub(super) dir: PathBuf,
    pub(super) boot_id: String,
    pub(super) secret: Random,
    pub(super) cache_bytes: u64,
}

impl std::fmt::Debug for ViewPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ViewPlace({})", self.dir.display())
    }
}

impl ViewPlace {
    pub(super) fn open(&self, fresh: Meta) -> Result<Opened, ViewError> {
        view::open(&self.dir, &self.boot_id, &self.secret, self.cache_bytes, fresh)
    }

    /// An empty view, and where the old one was put.
    pub(super) fn set_aside(
        &self,
        fresh: Meta,
    ) -> Result<(Box<dyn View>, Option<PathBuf>), ViewError> {
        view::set_aside(&self.dir, &self.boot_id, &self.secret, self.cache_bytes, fresh)
    }
}

impl Store {
    /// The row of a record; a view that fails is folded again first.
    pub(super) fn row(&mut self, record: RecordId) -> Result<Option<Row>, EngineError> {
        match self.rows.get(record) {
            Ok(row) => Ok(row),
            Err(e) => {
                self.logs.journal.commit().map_err(EngineError::Poisoned)?;
                self.logs.inbox.commit().map_err(EngineError::Poisoned)?;
                self.heal(&e)?;
                Ok(self.rows.get(record)?)
            }
        }
    }

    /// Has the view take in what waits, without waiting for it.
    pub(super) fn advance(&mut self) -> Result<(), EngineError> {
        match self.rows.advance() {
            Ok(()) => Ok(()),
            Err(e) => self.heal(&e),
        }
    }

    /// Folds everything again, after the view failed: into a new store, or, where that fails too
    /// (a full disk), into memory until [`Self::leave_memory`]. Everything appended must be committed.
    pub(super) fn heal(&mut self, why: &ViewError) -> Result<(), EngineError> {
        tracing::error!(error = %why, "the view cannot be believed: it is folded again");
        self.refold()
    }

    /// Folds everything again. Everything appended must be committed.
    pub(super) fn refold(&mut self) -> Result<(), EngineError> {
        if self.fold_into_new_store()? {
            return Ok(());
        }
        tracing::error!("the view cannot be written: records are kept in memory until it can be");
        if let Some(place) = &self.place {
            let _ = view::discard(&place.dir); // what cannot be written cannot be un-marked either
        }
        self.in_memory = true;
        self.rows = Rows::new(Box::new(MemoryView::new(self.logs.empty_meta())))?;
        replay(&mut self.logs, &mut self.rows, &mut |_, _| {}).map(|_| ())
    }

    /// Folds everything into a new store, if it was folded into memory and the disk has room now.
    /// Everything appended must be committed.
    pub(super) fn leave_memory(&mut self) -> Result<(), EngineError> {
        if self.in_memory && self.logs.journal.has_room() && self.fold_into_new_store()? {
            tracing::info!("the view can be written again: records are kept on disk");
        }
        Ok(())
    }

    /// Folds everything into a new store. False where it cannot be written: nothing has changed then.
    fn fold_into_new_store(&mut self) -> Result<bool, EngineError> {
        let fresh = self.logs.empty_meta();
        let Some(Ok((view, _))) = self.place.as_ref().map(|place| place.set_aside(fresh)) else {
            return Ok(false);
        };
        let Ok(mut rows) = Rows::new(view) else { return Ok(false) };
        match replay(&mut self.logs, &mut rows, &mut |_, _| {}) {
            Ok(_) => {
                (self.rows, self.in_memory) = (rows, false);
                Ok(true)
            }
            Err(EngineError::View(_)) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The last entry of ours that news of HQ's does not contradict, if it contradicts one: it
    /// speaks of more of our journal than there is, or has one of our dots with another tag.
    pub(super) fn contradicts(&mut self, news: &News) -> Result<Option<Seq>, EngineError> {
        match &news.says {
            Says::State(state) => self.state_contradicts(state),
            Says::Fate(fate) if fate.dot.journal == self.logs.journal.id() => {
                let end = self.logs.journal.next().seq;
                Ok((fate.dot.seq > end).then_some(end))
            }
            _ => Ok(None),
        }
    }

    fn state_contradicts(
        &mut self,
        state: &RecordState<Value>,
    ) -> Result<Option<Seq>, EngineError> {
        let (ours, end) = (self.logs.journal.id(), self.logs.journal.next().seq);
        let row = self.row(state.origin.id())?;
        let mut parted = (state.seen.up_to(ours) > end).then_some(end);
        let mut same = Seq(0);
        for (group, values) in &state.groups {
            for (dot, value) in values.iter().filter(|(dot, _)| dot.journal == ours) {
                let known = row.as_ref().and_then(|r| r.state.groups.get(group)?.get(dot));
                let tag = match known {
                    Some(place) => Some(place.tag),
                    None => self.tag(*dot)?,
                };
                if tag == Some(value.tag) {
                    same = same.max(dot.seq);
                } else if tag.is_some() || dot.seq > end {
                    // What lies in a hole contradicts nothing.
                    let before = Seq(dot.seq.0.saturating_sub(1)).min(end);
                    parted = Some(parted.map_or(before, |known| known.min(before)));
                }
            }
        }
        let Some(parted) = parted else { return Ok(None) };
        Ok(Some(parted.min(self.before_unsure(row.as_ref(), same)?)))
    }

    /// The last entry of our newest journal before all edits of this record that come after `same`,
    /// up to which the journal is known to be what HQ speaks of. Of those nobody can say whether they
    /// are what HQ's vector counts: one that is not would pass for replaced.
    fn before_unsure(&mut self, row: Option<&Row>, same: Seq) -> Result<Seq, EngineError> {
        self.logs.journal.commit().map_err(EngineError::Poisoned)?;
        let (journal, mut first) = (self.logs.journal.id(), self.logs.journal.head().seq.next());
        let mut seq = row.map_or(Seq(0), |row| row.state.seen.up_to(journal));
        while seq > same && seq < first {
            let Some(own) = self.logs.own_edit(Dot { journal, seq })? else { break };
            first = seq;
            seq = own.context.up_to(journal);
        }
        Ok(Seq(first.0 - 1))
    }

    fn tag(&mut self, dot: Dot) -> Result<Option<wasl_protocol::id::Tag>, EngineError> {
        if dot.seq > self.logs.journal.head().seq {
            self.logs.journal.commit().map_err(EngineError::Poisoned)?;
        }
        Ok(self.logs.position(dot)?.map(|at| at.head.tag()))
    }
}
