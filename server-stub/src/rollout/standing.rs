//! How one office stands to one edition, by the steps in its journal.

use wasl_protocol::edition::{Phase, Serial};
use wasl_protocol::units::UnixMs;

use super::OfficeNow;

/// See [`OfficeNow::standing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing was heard of it.
    Silent,
    /// The same, and the operator there takes none.
    Held,
    /// It is there and not in force yet.
    Arrived,
    /// It is in force and watched.
    OnTrial,
    /// It stays.
    Committed,
    /// It was not taken.
    Rejected,
    /// It was taken, and the office went back.
    RolledBack,
    /// The office has had a newer one.
    Past,
}

impl Standing {
    /// Has the office given its answer?
    pub fn is_over(self) -> bool {
        matches!(self, Self::Committed | Self::Past) || self.has_failed()
    }

    /// Did it end badly?
    pub fn has_failed(self) -> bool {
        matches!(self, Self::Rejected | Self::RolledBack)
    }

    /// Is it on its way there?
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Arrived | Self::OnTrial)
    }
}

impl OfficeNow {
    pub(super) fn standing(&self, serial: Serial, now: UnixMs) -> Standing {
        let state = &self.state;
        let attempt = state.attempt.as_ref().filter(|attempt| attempt.serial == serial);
        match attempt.map(|attempt| &attempt.phase) {
            _ if state.good == serial => Standing::Committed,
            Some(Phase::Applying | Phase::Probation { .. }) => Standing::OnTrial,
            Some(Phase::Fetched | Phase::Verified | Phase::Staged) => Standing::Arrived,
            Some(Phase::Rejected { .. }) => Standing::Rejected,
            _ if state.back.contains(&serial) => Standing::RolledBack,
            _ if state.floor >= serial => Standing::Past,
            _ if state.hold.as_ref().is_some_and(|hold| now < hold.until) => Standing::Held,
            _ => Standing::Silent,
        }
    }
}
