//! What staff decide about entries that are held.

use wasl_protocol::entry::Verdict;
use wasl_protocol::id::Dot;
use wasl_protocol::private::Private;

use super::held::HeldEntry;
use super::open::{Store, StoreError};

/// A decision that cannot be made. Nothing is written then.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// No such entry was ever held.
    #[error("no such entry was held")]
    Unknown,
    /// It has been decided on, or what it waited for has come.
    #[error("it has been decided on")]
    Decided,
    /// It saw an edit that HQ does not have.
    #[error("it waits for {0}")]
    WaitsFor(Dot),
    /// An earlier entry of the same journal and record is held too.
    #[error("{0} is earlier in the same journal")]
    Earlier(Dot),
    /// This version cannot read it.
    #[error("this version cannot read it")]
    Unreadable,
    /// Nobody opened its record, and it does not open it.
    #[error("nobody opened its record")]
    Unopened,
    /// HQ could not store the decision: it is not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Releases a held entry, or refuses it; what it is then.
    pub async fn decide(
        &self,
        dot: Dot,
        verdict: Verdict,
        operator: Option<Private<String>>,
    ) -> Result<HeldEntry, DecideError> {
        let _ = (dot, verdict, operator);
        todo!()
    }
}
