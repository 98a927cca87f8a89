//! The records of a stopped daemon: its logs, folded in memory. Nothing on disk is changed.

use wasl_protocol::id::RecordId;
use wasl_protocol::keys::VerifyKey;

use super::EngineError;
use super::handle::{Found, Listed};
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
        let mut rows = Rows::new(Box::new(MemoryView::new(logs.empty_meta())));
        replay(&mut logs, &mut rows, &mut |_, _| {})?;
        Ok(Self { store: Store { logs, rows, place: None }, receipts })
    }

    /// One record.
    pub fn record(&mut self, record: RecordId) -> Result<Option<Found>, EngineError> {
        self.store.found(record, &self.receipts)
    }

    /// Records in the order of their arrival: at most `limit`, after the first `skip`.
    pub fn list(&mut self, skip: u64, limit: u64) -> Result<Vec<Listed>, EngineError> {
        self.store.listed((skip, limit), &self.receipts)
    }
}
