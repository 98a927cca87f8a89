//! A rollout: how one edition comes to the offices that it is for, stage by stage.
//!
//! Pure: it is told the time, who is connected and what each office's journal says of the edition,
//! and answers to whom the edition is open. Knows nothing of SQL, sessions or signatures.

mod machine; // from the canary to everybody
mod standing; // how one office stands to one edition
mod facts; // the same in words, for people
mod bytes; // as it is stored
#[cfg(test)]
mod tests; // fourteen offices on paper

use std::collections::BTreeSet;

use wasl_protocol::edition::ConfigState;
use wasl_protocol::id::OfficeId;
use wasl_protocol::units::UnixMs;

pub use facts::{AttemptFacts, OfficeRollout, RolloutFacts};
pub use machine::{Rollout, Spent, Stage};

/// How an edition is to be rolled out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Only these of the offices that it is for; none: all of them.
    pub only: BTreeSet<OfficeId>,
    /// The office that tries it first; none: the first one that is connected.
    pub canary: Option<OfficeId>,
    /// To all at once, without canary and soak.
    pub now: bool,
}

/// One office, as HQ knows it by now.
#[derive(Clone, Debug)]
pub struct OfficeNow {
    /// Which.
    pub id: OfficeId,
    /// Is it connected?
    pub connected: bool,
    /// Where the steps in its journal leave it.
    pub state: ConfigState,
    /// When it made the last of them, by its own clock.
    pub stepped_at: Option<UnixMs>,
}
