//! What ops see: one document, `wasl.status/1`, and the same as a table for people.
//!
//! Built by a pure function from what the engine and the link tell of themselves. It knows nothing
//! of sockets, journals or sessions.

mod build; // facts in, document out
pub mod check; // the monitoring plugin's one line
pub mod codes; // what each constant word means, and what to do
mod config; // what is wrong with the config
mod document; // the document
mod facts; // every fact, one a line
mod file; // status.json, for when the daemon does not answer
mod heard; // when HQ was last heard, over restarts
mod reporter; // the same for whoever asks, and when
mod since; // since when each warning has been told
mod table; // the same for people
mod trend; // how fast the disk fills, and how fast the backlog shrinks
mod warnings; // what is wrong, and what to do

pub use build::{Clocks, Known, Told, build};
pub use codes::{Code, Kind};
pub use document::{
    AgentStatus, ClockStatus, ConfigStatus, IdentityStatus, JournalStatus, LinkStatus,
    OfficeStatus, Overall, RecordsStatus, Severity, Status, SyncStatus, Thresholds, Verified,
    Warning, timestamp,
};
pub use file::{
    NotAStatus, STALE_AFTER_MS, StatusFileError, WRITTEN_EVERY_MS, last_verified, newest,
    note_verified, place, read_status, write,
};
pub use reporter::{Reporter, Sources};
pub use table::{Look, Style, apart, harmless, table};
pub use trend::Trend;
pub use warnings::WARMUP_MS;

#[cfg(test)]
mod tests;
