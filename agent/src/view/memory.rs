//! A view that lives as long as the process: for a stopped daemon's records, and for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use wasl_protocol::id::RecordId;
use wasl_protocol::units::Seq;

use super::{Batch, Meta, Note, Row, View, ViewError};

/// Rows in memory.
#[derive(Debug)]
pub struct MemoryView(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    rows: BTreeMap<u64, Row>,
    ordinals: BTreeMap<RecordId, u64>,
    conflicts: BTreeSet<u64>,
    notes: BTreeMap<Seq, Note>,
    meta: Meta,
}

impl MemoryView {
    /// A view with nothing in it.
    pub fn new(meta: Meta) -> Self {
        let (rows, ordinals) = (BTreeMap::new(), BTreeMap::new());
        let (conflicts, notes) = (BTreeSet::new(), BTreeMap::new());
        Self(Mutex::new(Inner { rows, ordinals, conflicts, notes, meta }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}

impl View for MemoryView {
    fn meta(&self) -> Meta {
        self.inner().meta
    }

    fn get(&self, record: RecordId) -> Result<Option<Row>, ViewError> {
        let inner = self.inner();
        Ok(inner.ordinals.get(&record).and_then(|ordinal| inner.rows.get(ordinal)).cloned())
    }

    fn at(&self, ordinal: u64) -> Result<Option<Row>, ViewError> {
        Ok(self.inner().rows.get(&ordinal).cloned())
    }

    fn conflicts(&self, from: u64, limit: usize) -> Vec<u64> {
        self.inner().conflicts.range(from..).take(limit).copied().collect()
    }

    fn notes(&self) -> Result<BTreeMap<Seq, Note>, ViewError> {
        Ok(self.inner().notes.clone())
    }

    fn apply(&self, batch: &Batch, meta: Meta) -> Result<(), ViewError> {
        let mut inner = self.inner();
        for row in batch.rows.values() {
            inner.ordinals.insert(row.record(), row.ordinal);
            if row.shows_conflict() {
                inner.conflicts.insert(row.ordinal);
            } else {
                inner.conflicts.remove(&row.ordinal);
            }
            inner.rows.insert(row.ordinal, row.clone());
        }
        for (seq, note) in &batch.notes {
            match note {
                Some(note) => inner.notes.insert(*seq, note.clone()),
                None => inner.notes.remove(seq),
            };
        }
        inner.meta = meta;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), ViewError> {
        Ok(())
    }
}
