//! The records of a stopped daemon: its logs, folded in memory. Nothing on disk is changed.

use wasl_protocol::edition::ConfigState;
use wasl_protocol::id::RecordId;
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::record::{Act, Origin, RecordState, Value};

use super::EngineError;
use super::handle::{Found, HeldEntry, Listed, Opened};
use super::receipts::Receipts;
use super::replay::replay;
use super::replica::Logs;
use super::rows::Rows;
use super::store::Store;
use crate::keystore::{Identity, Office};
use crate::seam::World;
use crate::view::MemoryView;

/// An office's records, to be read.
#[derive(Debug)]
pub struct Archive {
    store: Store,
    receipts: Receipts,
}

impl Archive {
    /// Folds the logs of the office whose keys these are.
    pub fn open(world: &World, identity: &Identity) -> Result<Self, EngineError> {
        let mut logs = Logs::open_read(world, identity)?;
        let hq = Office::load(world, identity).map_or(VerifyKey([0; 32]), |o| o.hq.verify_key);
        let receipts = Receipts::load(world, identity.dir(), logs.journal.id(), &hq);
        let mut rows = Rows::new(Box::new(MemoryView::new(logs.empty_meta())))?;
        replay(&mut logs, &mut rows, &mut |_, _| {})?;
        Ok(Self { store: Store { logs, rows, place: None, in_memory: false }, receipts })
    }

    /// How many entries of the journal are not known to be in a copy declared off-site.
    pub fn unstable(&self) -> u64 {
        let logs = &self.store.logs;
        match self.receipts.stable() {
            Some(stable) => logs.journal.head().seq - stable.seq,
            None => logs.ends().map(|(_, end)| end.seq.0).sum(),
        }
    }

    /// Where the config steps in the journal leave the office.
    pub fn config(&self) -> &ConfigState {
        self.store.rows.notes.config()
    }

    /// One record.
    pub fn record(&mut self, record: RecordId) -> Result<Option<Found>, EngineError> {
        self.store.found(record, &self.receipts)
    }

    /// Records in the order of their arrival: see [`super::Handle::list`].
    pub fn list(
        &mut self,
        skip: u64,
        limit: u64,
    ) -> Result<(Vec<Listed>, Option<u64>), EngineError> {
        self.store.listed((skip, limit), &self.receipts)
    }

    /// Records in conflict, paged in the same way.
    pub fn conflicts(
        &mut self,
        skip: u64,
        limit: u64,
    ) -> Result<(Vec<RecordState<Value>>, Option<u64>), EngineError> {
        self.store.conflicts(skip, limit)
    }

    /// Where a record comes from and who wrote what into it, by time and dot.
    pub fn history(&mut self, record: RecordId) -> Result<Option<(Origin, Vec<Act>)>, EngineError> {
        self.store.history(record)
    }

    /// The entry of ours that opened a record: see [`super::Handle::opened`].
    pub fn opened(&mut self, record: RecordId) -> Result<Option<Opened>, EngineError> {
        self.store.opened(record, &self.receipts)
    }

    /// Our edits that HQ holds back or has refused, oldest first.
    pub fn held(&mut self) -> Result<Vec<HeldEntry>, EngineError> {
        self.store.held()
    }
}
