//! The view, and what has not been put into it yet: an entry counts from the moment it is linked,
//! while the store takes it after the answer.

use std::collections::BTreeMap;

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Position, RecordId};

use crate::view::{Meta, Row, View, ViewError};

/// Rows, the newest ones in memory.
#[derive(Debug)]
pub(super) struct Rows {
    view: Box<dyn View>,
    fresh: BTreeMap<RecordId, Row>,
    meta: Meta,
}

impl Rows {
    pub(super) fn new(view: Box<dyn View>) -> Self {
        let meta = view.meta();
        Self { view, fresh: BTreeMap::new(), meta }
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
        match self.fresh.get(&record) {
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

    /// Puts what waits into the view.
    pub(super) fn settle(&mut self) -> Result<(), ViewError> {
        if self.meta != self.view.meta() || !self.fresh.is_empty() {
            let rows: Vec<Row> = std::mem::take(&mut self.fresh).into_values().collect();
            self.view.apply(&rows, self.meta)?;
        }
        Ok(())
    }

    pub(super) fn close(mut self) -> Result<(), ViewError> {
        self.settle()?;
        self.view.close()
    }
}
