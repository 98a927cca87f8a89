//! A view that lives as long as the process: for a stopped daemon's records, and for tests.

use std::collections::BTreeMap;

use wasl_protocol::id::RecordId;

use super::{Meta, Row, View, ViewError};

/// Rows in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryView {
    rows: BTreeMap<u64, Row>,
    ordinals: BTreeMap<RecordId, u64>,
    meta: Meta,
}

impl MemoryView {
    /// A view with nothing in it.
    pub fn new(meta: Meta) -> Self {
        Self { rows: BTreeMap::new(), ordinals: BTreeMap::new(), meta }
    }
}

impl View for MemoryView {
    fn meta(&self) -> Meta {
        self.meta
    }

    fn get(&self, record: RecordId) -> Result<Option<Row>, ViewError> {
        Ok(self.ordinals.get(&record).and_then(|ordinal| self.rows.get(ordinal)).cloned())
    }

    fn at(&self, ordinal: u64) -> Result<Option<Row>, ViewError> {
        Ok(self.rows.get(&ordinal).cloned())
    }

    fn apply(&mut self, rows: &[Row], meta: Meta) -> Result<(), ViewError> {
        for row in rows {
            self.ordinals.insert(row.record(), row.ordinal);
            self.rows.insert(row.ordinal, row.clone());
        }
        self.meta = meta;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), ViewError> {
        Ok(())
    }
}
