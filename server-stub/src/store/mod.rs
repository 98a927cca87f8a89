//! What HQ has: journals, records, feeds, offices, editions, in one SQL schema. The only room that knows SQL.
//!
//! It knows nothing of sessions, sockets or people: callers bring entries and ask for states. One
//! connection writes, a few read; a write is answered after the commit, which SQLite fsyncs.

mod columns; // values in and out of columns
mod open; // the database file, its checks, its epoch
mod offices; // who may come: tokens, keys, revocation, reports
mod journals; // where HQ stands in each journal
mod read; // opening the entries of one message: no SQL
mod touched; // an edit at its place, a record while it is folded: no SQL
mod fold; // entries into record states: no SQL
mod rows; // what a fold needs and what it changed
mod own; // HQ's own journal
mod counts; // what is counted
mod append; // compare-and-append, all in one transaction
mod branch; // entries that do not fit: written again
mod records; // record states
mod feed; // what each office has yet to be sent
mod audit; // whether an office has what HQ has
mod held; // entries that are not applied
mod edits; // HQ's own edits and grants
mod decide; // what staff decide about held entries
mod trace; // what a citizen's receipt names
mod history; // a record's edits
mod editions; // editions that HQ takes
mod rollouts; // driven, and what each office is to be sent
mod steps; // where its config steps leave each office
mod ids; // which ids there are
mod beside; // what outlives a database that is put back
mod lives; // of the database: a new one where it was put back
mod adopt; // what HQ signed and lost
mod backup; // copies of the database, and what is stable
mod disk; // how large the database is, and how much room it has
mod heard; // in which hours HQ heard each office
#[cfg(test)]
mod tests; // the store's promises

pub use append::{AppendError, Appended};
pub use audit::When;
pub use backup::{CopyFacts, CopyMade, check_copy};
pub use branch::Branch;
pub use counts::{COMMIT_BOUNDS_NS, StoreCounts};
pub use decide::DecideError;
pub use disk::DiskFacts;
pub use editions::{EditionFacts, PushError};
pub use edits::EditError;
pub use feed::FeedRun;
pub use heard::Heard;
pub use held::{HeldEntry, HeldTotals};
pub use journals::{Flaw, Verified};
pub use lives::StandingNews;
pub use offices::{Added, Office, OfficeFacts};
pub use open::{DATABASE, Store, StoreError};
pub use records::{Line, Totals};
pub use rollouts::{AbortError, ForOffice};
pub use trace::{StoredEntry, Traced};
