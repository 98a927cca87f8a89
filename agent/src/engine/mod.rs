//! One thread, in turns: gather, append, one fsync, answer, fold.
//!
//! Nothing is answered before it is on disk; everything appended counts at once, for the next input
//! of the same turn too. Knows nothing of HTTP, of QUIC, or of how a session is talked.

mod handle; // what the edges hold
mod input; // what they ask
mod turn; // one turn
mod incoming; // what comes from HQ
mod reads; // what is only read
mod past; // who wrote what into a record
mod answers; // answers held back until the sync
mod store; // logs and view together
mod replica; // the logs, and what is read back from them
mod item; // what an entry does to the view
mod fold; // how it changes a record
mod rows; // the view, and what it lacks yet
mod notes; // what HQ said beside states
mod tally; // how many were enrolled, hour by hour
mod replay; // folding what it lacks
mod receipts; // what HQ says it has
mod gauge; // figures for status
mod birth; // where the logs lie, and their birth
mod life; // start and stop
mod mending; // holes in the journal, filled
mod scrub; // looks for them
mod rebirth; // a journal that HQ has otherwise, written again
mod archive; // the records of a stopped daemon

use std::io;
use std::path::PathBuf;

use wasl_protocol::keys::KeyError;
use wasl_protocol::units::Seq;

pub use archive::Archive;
pub use birth::{birth, inboxes, journals};
pub use gauge::{SYNC_BOUNDS_NS, SyncTimes};
pub use handle::{
    Change, Digests, Enrolled, Facts, Found, Handle, HeldEntry, Listed, Opened, Prepared, Refused,
    Run, Signed,
};
pub use input::Input;
pub use life::{
    EngineConfig, Notice, Running, VIEW_CACHE_BYTES, discard_view, open, open_in_memory, start,
    start_mirrored,
};
pub use scrub::scrub;
pub use tally::{Arrival, Hours, MS_PER_HOUR, OTHERS, Workstations};
pub use turn::Engine;

pub use crate::journal::{FULL_BELOW_BYTES, SEGMENT_BYTES};

use crate::journal::JournalError;
use crate::view::ViewError;

/// Why there is no engine, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A log.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The view, even a new one.
    #[error("view: {0}")]
    View(#[from] ViewError),
    /// HQ's wrapping key is no key.
    #[error("HQ's wrapping key: {0}")]
    WrapKey(KeyError),
    /// A write or a sync failed: nobody knows what is on disk.
    #[error("the journal's disk failed: {0}")]
    Poisoned(io::Error),
    /// An entry that the view knows cannot be read.
    #[error("entry {0} cannot be read")]
    Unfolded(Seq),
    /// The newest journal and HQ's copy of it part after this entry: the disk was restored, or
    /// cloned.
    #[error(
        "HQ's copy of the journal differs after entry {0}: the next start goes on in a new one"
    )]
    Diverged(Seq),
    /// Something of the system.
    #[error("{path}: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No thread.
    #[error("the engine's thread does not start: {0}")]
    Thread(io::Error),
}

impl EngineError {
    /// What the reader can do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Journal(e) => e.help(),
            Self::View(_) | Self::Io { .. } | Self::Thread(_) => {
                "check the disk, its free space and the data dir's owner, then start again"
            }
            Self::WrapKey(_) => "ask headquarters for a new join token",
            Self::Poisoned(_) => {
                "check the disk and its cables; a new start finds out what is stored, and sends it"
            }
            Self::Diverged(_) => {
                "start again: what HQ lacks is written into a new journal, and sent; nothing is lost"
            }
            Self::Unfolded(_) => "run `wasl journal verify`: it names the place",
        }
    }

    fn io(path: &str, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}

#[cfg(test)]
mod tests;
