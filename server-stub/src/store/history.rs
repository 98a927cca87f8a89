//! What was written into a record, edit by edit.

use wasl_protocol::id::RecordId;
use wasl_protocol::record::{Act, Origin};

use super::open::{Store, StoreError};

impl Store {
    /// Where a record comes from, and its edits: those that count and those that were refused in
    /// the order in which HQ took them in, then those that are held.
    pub async fn history(
        &self,
        record: RecordId,
    ) -> Result<Option<(Origin, Vec<Act>)>, StoreError> {
        let _ = record;
        todo!()
    }
}
