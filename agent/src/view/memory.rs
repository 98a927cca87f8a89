//! A view that lives as long as the process: for a stopped daemon's records, and for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use wasl_protocol::id::RecordId;

use super::{Meta, Row, View, ViewError};

/// Rows in memory.
#[derive(Debug)]
pub struct MemoryView(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    rows: BTreeMap<u64, Row>,
    ordinals: BTreeMap<RecordId, u64>,
    meta: Meta,
}

impl MemoryView {
    /// A view with nothing in it.
    pub fn new(meta: Meta) -> Self {
        let (rows, ordinals) = (BTreeMap::new(), BTreeMap::new());
        Self(Mutex::new(Inner { rows, ordinals, meta }))
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

    fn apply(&self, rows: &mut dyn Iterator<Item = &Row>, meta: Meta) -> Result<(), ViewError> {
        let mut inner = self.inner();
        for row in rows {
            inner.ordinals.insert(row.record(), row.ordinal);
            inner.rows.insert(row.ordinal, row.clone());
        }
        inner.meta = meta;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), ViewError> {
        Ok(())
    }
}
