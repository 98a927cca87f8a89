//! The view, and what has not been put into it yet: an entry counts from the moment it is linked,
//! while a second thread puts its row into the store after the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{JournalId, Position, RecordId};
use wasl_protocol::units::Seq;

use super::item::OwnEdit;
use super::notes::Notes;
use crate::view::{Batch, Meta, Row, View, ViewError};

/// How many rows may wait for the view, besides those on their way: some 6 KiB each.
const WAITING_ROWS: usize = 1024;

/// How many hidden rows one page of a list passes over at most.
const HIDDEN_ROWS: u64 = 10_000;

/// Some rows, and the place to go on from, if there are more.
pub(super) type Page = (Vec<Row>, Option<u64>);

/// Rows, the newest ones in memory.
#[derive(Debug)]
pub(super) struct Rows {
    view: Arc<Box<dyn View>>,
    fresh: BTreeMap<RecordId, Row>,
    /// What is on its way into the view.
    folding: Option<Arc<Batch>>,
    folder: Option<Folder>,
    meta: Meta,
    pub(super) notes: Notes,
    /// The last entry before the first that is not in it because it cannot be read, for each of
    /// our journals that has such entries.
    pub(super) lacks_after: Vec<(JournalId, Seq)>,
    /// Is news in the inbox that cannot be read?
    pub(super) inbox_lacks: bool,
    /// Edits of ours that have seen what the inbox has lost since, in their order: folded once HQ
    /// has told it again.
    pub(super) held: BTreeMap<RecordId, Vec<OwnEdit>>,
}

/// For what a row counts in [`Meta`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    listed: bool,
    conflict: bool,
}

impl Counted {
    pub(super) fn of(row: &Row) -> Self {
        Self { listed: !row.hidden, conflict: row.shows_conflict() }
    }
}

impl Rows {
    pub(super) fn new(view: Box<dyn View>) -> Result<Self, ViewError> {
        let (meta, notes) = (view.meta(), Notes::of(view.notes()?));
        let (fresh, view) = (BTreeMap::new(), Arc::new(view));
        Ok(Self {
            view,
            fresh,
            folding: None,
            folder: None,
            meta,
            notes,
            lacks_after: Vec::new(),
            inbox_lacks: false,
            held: BTreeMap::new(),
        })
    }

    /// How far everything is folded, and what there is.
    pub(super) fn meta(&self) -> Meta {
        self.meta
    }

    /// How many changes wait to be put into the view.
    pub(super) fn waiting(&self) -> usize {
        self.fresh.len() + self.notes.waiting()
    }

    pub(super) fn get(&self, record: RecordId) -> Result<Option<Row>, ViewError> {
        let waits = self.fresh.get(&record);
        let waits = waits.or_else(|| self.folding.as_ref()?.rows.get(&record));
        match waits {
            Some(row) => Ok(Some(row.clone())),
            None => self.view.get(record),
        }
    }

    /// The rows that are not hidden, in the order of arrival, from place `skip` on: at most `limit`.
    /// And the place to go on from, if there are more.
    pub(super) fn list(&mut self, skip: u64, limit: u64) -> Result<Page, ViewError> {
        self.settle()?;
        let (mut rows, end) = (Vec::new(), self.meta.rows);
        let last_looked_at = skip.saturating_add(limit).saturating_add(HIDDEN_ROWS);
        let mut at = skip;
        while at < end.min(last_looked_at) && (rows.len() as u64) < limit {
            let row = self.view.at(at)?.ok_or(ViewError::Row)?;
            if !row.hidden {
                rows.push(row);
            }
            at += 1;
        }
        Ok((rows, (at < end).then_some(at)))
    }

    /// The rows in conflict that are not hidden, paged as in [`Self::list`].
    pub(super) fn conflicts(&mut self, skip: u64, limit: u64) -> Result<Page, ViewError> {
        self.settle()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut ordinals = self.view.conflicts(skip, limit.saturating_add(1));
        let next = if ordinals.len() > limit { ordinals.pop() } else { None };
        let row = |ordinal| self.view.at(ordinal)?.ok_or(ViewError::Row);
        Ok((ordinals.into_iter().map(row).collect::<Result<_, _>>()?, next))
    }

    /// Puts a row in, which counted for so much before; a new one takes the next ordinal.
    pub(super) fn put(&mut self, row: Row, before: Counted) {
        let (meta, after) = (&mut self.meta, Counted::of(&row));
        if row.ordinal == meta.rows {
            meta.rows += 1;
        }
        meta.records += u64::from(after.listed);
        meta.records -= u64::from(before.listed);
        meta.conflicts += u64::from(after.conflict);
        meta.conflicts -= u64::from(before.conflict);
        self.fresh.insert(row.record(), row);
    }

    pub(super) fn journal_folded(&mut self, at: Position) {
        self.meta.journal = at;
    }

    pub(super) fn inbox_folded(&mut self, at: Position) {
        self.meta.inbox = at;
    }

    pub(super) fn cursor(&mut self, cursor: Cursor) {
        self.meta.cursor = Some(cursor);
    }

    /// Hands what waits to the second thread, if that has nothing to do. Waits for it only where
    /// too much has piled up.
    pub(super) fn advance(&mut self) -> Result<(), ViewError> {
        if self.waiting() >= WAITING_ROWS {
            self.arrive()?;
        }
        if let (Some(_), Some(folder)) = (&self.folding, &self.folder) {
            match folder.done.try_recv() {
                Ok(done) => {
                    self.folding = None;
                    done?;
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(ViewError::Panicked),
            }
        }
        if self.waiting() == 0 {
            return Ok(());
        }
        let batch = Arc::new(self.take());
        self.folding = Some(batch.clone());
        let folder = self.folder.get_or_insert_with(|| Folder::start(self.view.clone()));
        folder
            .work
            .as_ref()
            .and_then(|work| work.send((batch, self.meta)).ok())
            .ok_or(ViewError::Panicked)
    }

    /// Puts what waits into the view, now.
    pub(super) fn settle(&mut self) -> Result<(), ViewError> {
        self.arrive()?;
        let batch = self.take();
        if self.meta != self.view.meta() || !batch.is_empty() {
            self.view.apply(&batch, self.meta)?;
        }
        Ok(())
    }

    /// What waits.
    fn take(&mut self) -> Batch {
        Batch { rows: std::mem::take(&mut self.fresh), notes: self.notes.take_changes() }
    }

    pub(super) fn close(mut self) -> Result<(), ViewError> {
        self.settle()?;
        self.folder = None;
        if self.lacks_something() {
            return Ok(()); // not marked as clean: the next start folds all again
        }
        let view = Arc::into_inner(self.view).expect("the second thread has ended");
        view.close()
    }

    /// Are there entries in the logs that are not in it?
    pub(super) fn lacks_something(&self) -> bool {
        !self.lacks_after.is_empty() || self.inbox_lacks || !self.held.is_empty()
    }

    /// Waits until what is on its way is in the view.
    fn arrive(&mut self) -> Result<(), ViewError> {
        if let (Some(_), Some(folder)) = (self.folding.take(), &self.folder) {
            folder.done.recv().unwrap_or(Err(ViewError::Panicked))?;
        }
        Ok(())
    }
}

/// By how much the second thread stands back.
const FOLDER_NICE: i32 = 15;

/// The second thread: puts one batch after another into the view.
#[derive(Debug)]
struct Folder {
    work: Option<SyncSender<(Arc<Batch>, Meta)>>,
    done: Receiver<Result<(), ViewError>>,
    thread: Option<JoinHandle<()>>,
}

impl Folder {
    fn start(view: Arc<Box<dyn View>>) -> Self {
        let (work, batches) = sync_channel::<(Arc<Batch>, Meta)>(1);
        let (tell, done) = sync_channel(1);
        let fold = move || {
            // Whoever waits for an answer goes first. Without the right to ask, all are equal.
            let _ = rustix::process::nice(FOLDER_NICE);
            for (batch, meta) in batches {
                if tell.send(view.apply(&batch, meta)).is_err() {
                    return;
                }
            }
        };
        // Without a thread the channel is closed, and the caller is told that folding failed.
        let thread = thread::Builder::new().name("fold".to_owned()).spawn(fold).ok();
        Self { work: Some(work), done, thread }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic in it has been told as a failed fold
        }
    }
}
