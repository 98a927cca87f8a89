//! Record states: what a record is, how an edit changes it, how two replicas agree.
//!
//! A record is a version vector and, for each group, the values that no other value has replaced.
//! Design: dotted version vector sets (Preguiça et al., "Dotted Version Vectors", 2010), one set for
//! each group. No clock decides anything.

mod digest; // whether two replicas have the same
mod conflict; // siblings, and which value is shown
mod draft; // a posted record, and a correction, parsed once at the door
mod groups; // who may write what, and whose scope a record is in
mod history; // who wrote what, when, and what that changed
mod report; // the record as JSON for people and scripts
mod state; // apply and merge
mod token; // the version that a caller read
mod version; // version vectors

#[cfg(test)]
mod laws; // of apply and merge

pub use conflict::{ConflictReport, Sibling, conflict_report, differs, siblings};
pub use digest::{add, bucket, sums};
pub use draft::{Correction, Draft, DraftError};
pub use groups::{GRANTS, Owner, VOID, granting, grants, in_scope, may_put, may_write, owner};
pub use history::{Act, ActReport, Counts, HistoryReport, history};
pub use report::{Blobs, HqState, RecordReport, SiblingReport, report};
pub use state::{Applied, Origin, RecordState, Value};
pub use token::Token;
pub use version::VersionVector;
