//! The append-only logs, journal and inbox: segments of frames in a folder named by the log's id.
//!
//! A log only links, writes and syncs frames that others have sealed, and reads them back. It knows
//! nothing of records, of keys, or of who asks.

mod hole; // damage in the middle: found, and filled again
mod index; // from a sequence number to a place
mod reader; // read back
mod recover; // what a crash left behind
mod segment; // one file: its header, its making
mod verify;
mod walk; // frame after frame
mod writer; // append and commit // every byte

use std::io;
use std::path::{Path, PathBuf};

use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::units::Seq;

pub use hole::{Hole, MendError, Mender, holes};
pub use reader::{Loaded, Stretch};
pub use recover::Torn;
pub use segment::SEGMENT_BYTES;
pub use verify::{Damage, Verified, verify};
pub use walk::{Step, Walk};
pub use writer::{AppendError, ExtendError, FULL_BELOW_BYTES, Log, RESERVE_BYTES};

use crate::seam::Disk;

/// Why a log cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is missing or damaged that was whole once: a hole, not a torn end.
    #[error("{path}: {why}")]
    Hole {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Less is there than was durable before.
    #[error("{path}: the log ends at entry {end}, but entry {known} was durable before")]
    Lost {
        /// The log's folder.
        path: PathBuf,
        /// Where it ends.
        end: Seq,
        /// What was durable.
        known: Seq,
    },
    /// There is no log in the folder, or one too many: none that goes on from another.
    #[error("{path}: {found} logs where there should be one, or each go on from another")]
    Count {
        /// The folder.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
}

impl JournalError {
    /// What the reader can do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check the disk, its cables and its mount, then start again",
            Self::Hole { .. } | Self::Lost { .. } => {
                "nothing was changed: copy the data dir aside as it is, then put the file back \
                 from the mirror or a backup; `wasl journal verify` names every place"
            }
            Self::Count { .. } => "put the folder back as it was, or join again in a new data dir",
        }
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> JournalError + '_ {
    move |source| JournalError::Io { path: path.to_owned(), source }
}

/// The ids of the logs in `folder`, sorted.
pub fn logs_in(disk: &dyn Disk, folder: &Path) -> Result<Vec<JournalId>, JournalError> {
    if !disk.exists(folder) {
        return Ok(Vec::new());
    }
    let names = disk.list(folder).map_err(io_error(folder))?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// The one log in `folder`.
pub fn only_log_in(disk: &dyn Disk, folder: &Path) -> Result<JournalId, JournalError> {
    match logs_in(disk, folder)?[..] {
        [id] => Ok(id),
        ref ids => Err(JournalError::Count { path: folder.to_owned(), found: ids.len() }),
    }
}

/// The log's own folder in `folder`.
pub fn log_dir(folder: &Path, id: JournalId) -> PathBuf {
    folder.join(id.to_string())
}

/// Refuses a log that ends before what was known to be durable.
fn refuse_lost(dir: &Path, end: Position, known: Option<Position>) -> Result<(), JournalError> {
    match known {
        Some(known) if known.seq > end.seq => {
            Err(JournalError::Lost { path: dir.to_owned(), end: end.seq, known: known.seq })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
