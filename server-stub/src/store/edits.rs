//! HQ's own edits, and which offices see a record.

use wasl_protocol::id::{GroupName, OfficeId, RecordId};
use wasl_protocol::private::Private;
use wasl_protocol::record::{Correction, RecordState, Value, VersionVector};

use super::open::{Store, StoreError};

/// An edit of HQ's that is not made. Nothing is written then.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// HQ has no such record.
    #[error("no such record")]
    Unknown,
    /// The group holds a value that the caller has not read: read again, then decide again.
    #[error("{0}: changed since it was read")]
    Stale(GroupName),
    /// An office's group: HQ may only choose among the values that stand in it.
    #[error("{0}: offices write this group; headquarters may only choose among its siblings")]
    NotYours(GroupName),
    /// There is no such office.
    #[error("{0}: no such office")]
    NoOffice(OfficeId),
    /// HQ could not store it: it is not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes an edit of HQ's, for a caller that has read `read` of the record; the state after it.
    pub async fn edit(
        &self,
        record: RecordId,
        read: &VersionVector,
        correction: Correction,
    ) -> Result<RecordState<Value>, EditError> {
        let _ = (record, read, correction);
        todo!()
    }

    /// Puts a record into the scope of `office`, or, if the grant `ends`, takes it out; the state
    /// after it. Nothing is written if nothing changes.
    pub async fn grant(
        &self,
        record: RecordId,
        office: &OfficeId,
        ends: bool,
        operator: Option<Private<String>>,
    ) -> Result<RecordState<Value>, EditError> {
        let _ = (record, office, ends, operator);
        todo!()
    }
}
