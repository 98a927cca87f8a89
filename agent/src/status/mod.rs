//! What ops see: one document, `wasl.status/1`, and the same as a table for people.
//!
//! Built by a pure function from what the engine and the link tell of themselves. It knows nothing
//! of sockets, journals or sessions.

mod build; // facts in, document out
mod config; // what is wrong with the config
mod document; // the document
mod file; // status.json, for when the daemon does not answer
mod reporter; // the same for whoever asks, and when
mod table; // the same for people
mod trend; // how fast the disk fills, and how fast the backlog shrinks
mod warnings; // what is wrong, and what to do

pub use build::{Clocks, Known, Told, build};
pub use document::{
    AgentStatus, ClockStatus, ConfigStatus, IdentityStatus, JournalStatus, LinkStatus,
    OfficeStatus, Overall, RecordsStatus, Severity, Status, SyncStatus, Verified, Warning,
    timestamp,
};
pub use file::{
    STALE_AFTER_MS, StatusFileError, WRITTEN_EVERY_MS, last_verified, newest, note_verified, place,
    write,
};
pub use reporter::{Reporter, Sources};
pub use table::{Style, harmless, table};
pub use trend::Trend;

#[cfg(test)]
mod tests;
