//! The view, and what has not been put into it yet: an entry counts from the moment it is linked,
//! while a second thread puts its row into the store after the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Position, RecordId};

use crate::view::{Meta, Row, View, ViewError};

type Batch = Arc<BTreeMap<RecordId, Row>>;

/// How many rows may wait for the view, besides those on their way.
const WAITING_ROWS: usize = 4096;

/// Rows, the newest ones in memory.
#[derive(Debug)]
pub(super) struct Rows {
    view: Arc<Box<dyn View>>,
    fresh: BTreeMap<RecordId, Row>,
    /// What is on its way into the view.
    folding: Option<Batch>,
    folder: Option<Folder>,
    meta: Meta,
}

impl Rows {
    pub(super) fn new(view: Box<dyn View>) -> Self {
        let meta = view.meta();
        let (fresh, view) = (BTreeMap::new(), Arc::new(view));
        Self { view, fresh, folding: None, folder: None, meta }
    }

    /// How far everything is folded, and what there is.
    pub(super) fn meta(&self) -> Meta {
        self.meta
    }

    /// How many rows wait to be put into the view.
    pub(super) fn waiting(&self) -> usize {
        self.fresh.len()
    }

    pub(super) fn get(&self, record: RecordId) -> Result<Option<Row>, ViewError> {
        let waits = self.fresh.get(&record);
        let waits = waits.or_else(|| self.folding.as_ref()?.get(&record));
        match waits {
            Some(row) => Ok(Some(row.clone())),
            None => self.view.get(record),
        }
    }

    /// The rows in the order of arrival: at most `limit`, after the first `skip`.
    pub(super) fn list(&mut self, skip: u64, limit: u64) -> Result<Vec<Row>, ViewError> {
        self.settle()?;
        let end = skip.saturating_add(limit).min(self.meta.records);
        let row = |ordinal| self.view.at(ordinal)?.ok_or(ViewError::Row);
        (skip..end).map(row).collect()
    }

    /// Puts a row in; a new one takes the next ordinal.
    pub(super) fn put(&mut self, row: Row, was_in_conflict: bool) {
        if row.ordinal == self.meta.records {
            self.meta.records += 1;
        }
        self.meta.conflicts += u64::from(row.conflict);
        self.meta.conflicts -= u64::from(was_in_conflict);
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
        if self.fresh.len() >= WAITING_ROWS {
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
        if self.fresh.is_empty() {
            return Ok(());
        }
        let batch = Arc::new(std::mem::take(&mut self.fresh));
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
        if self.meta != self.view.meta() || !self.fresh.is_empty() {
            let rows = std::mem::take(&mut self.fresh);
            self.view.apply(&mut rows.values(), self.meta)?;
        }
        Ok(())
    }

    pub(super) fn close(mut self) -> Result<(), ViewError> {
        self.settle()?;
        self.folder = None;
        let view = Arc::into_inner(self.view).expect("the second thread has ended");
        view.close()
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
    work: Option<SyncSender<(Batch, Meta)>>,
    done: Receiver<Result<(), ViewError>>,
    thread: Option<JoinHandle<()>>,
}

impl Folder {
    fn start(view: Arc<Box<dyn View>>) -> Self {
        let (work, batches) = sync_channel::<(Batch, Meta)>(1);
        let (tell, done) = sync_channel(1);
        let fold = move || {
            // Whoever waits for an answer goes first. Without the right to ask, all are equal.
            let _ = rustix::process::nice(FOLDER_NICE);
            for (batch, meta) in batches {
                if tell.send(view.apply(&mut batch.values(), meta)).is_err() {
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
