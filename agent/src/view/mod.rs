//! The view: one small row for each record and some notes, a fold of inbox and journal. Never the only copy of
//! anything: on any doubt it is moved aside and folded again.
//!
//! Knows nothing of logs, of what a value says, or of who asks. Only `sled.rs` knows the store.

mod finder; // from a record's id to its row
mod guard; // may the store on disk be believed?
mod memory; // a view that lives as long as the process
mod note; // what is remembered beside the rows
mod row; // a row and its bytes
mod sled; // the store

use std::collections::BTreeMap;
use std::path::PathBuf;

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{JournalId, Position, RecordId};
use wasl_protocol::units::Seq;

pub use guard::{Doubt, Opened, discard, open, set_aside};
pub use memory::MemoryView;
pub use note::Note;
pub use row::{Place, Row};
pub use sled::SledView;

/// How far a view has been folded, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Up to where the journal is folded.
    pub journal: Position,
    /// Up to where the inbox is folded.
    pub inbox: Position,
    /// How far HQ's feed has been taken.
    pub cursor: Option<Cursor>,
    /// How many rows there are; also the ordinal of the next one.
    pub rows: u64,
    /// How many of them are not hidden.
    pub records: u64,
    /// How many of these are in conflict.
    pub conflicts: u64,
}

impl Meta {
    /// Of a view into which nothing is folded yet.
    pub fn empty(journal: JournalId, inbox: JournalId) -> Self {
        let (journal, inbox) = (Position::start(journal), Position::start(inbox));
        Self { journal, inbox, cursor: None, rows: 0, records: 0, conflicts: 0 }
    }
}

/// What changes in a view at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// Rows, new or in place of what they were.
    pub rows: BTreeMap<RecordId, Row>,
    /// Notes by their names; none: it is taken away.
    pub notes: BTreeMap<Seq, Option<Note>>,
}

impl Batch {
    /// How many things change.
    pub fn len(&self) -> usize {
        self.rows.len() + self.notes.len()
    }

    /// Does nothing change?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A view that cannot be believed any more: it has to be folded again.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// The store panicked.
    #[error("the store panicked")]
    Panicked,
    /// A row does not open, or is not the row it should be.
    #[error("a row is damaged")]
    Row,
    /// A file of the view.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The rows of all records.
pub trait View: Send + Sync {
    /// How far it is folded.
    fn meta(&self) -> Meta;

    /// The row of a record.
    fn get(&self, record: RecordId) -> Result<Option<Row>, ViewError>;

    /// The row with this ordinal.
    fn at(&self, ordinal: u64) -> Result<Option<Row>, ViewError>;

    /// The first places in the order of arrival, from `from` on, of rows that are in conflict and
    /// not hidden: at most `limit`.
    fn conflicts(&self, from: u64, limit: usize) -> Vec<u64>;

    /// All notes.
    fn notes(&self) -> Result<BTreeMap<Seq, Note>, ViewError>;

    /// Puts a batch in, together with how far the view is folded then: all of it or nothing. One
    /// thread at a time; others may read meanwhile.
    fn apply(&self, batch: &Batch, meta: Meta) -> Result<(), ViewError>;

    /// Makes all of it durable and says so on disk, for the next start.
    fn close(self: Box<Self>) -> Result<(), ViewError>;
}
