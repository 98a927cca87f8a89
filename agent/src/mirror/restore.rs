//! What only the other disk still has: a first disk that lost what it had confirmed gets it back
//! before anything is folded or answered.

use std::path::Path;
use std::sync::Arc;

use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::units::Seq;

use super::Source;
use super::copy::folder;
use crate::journal::{JournalError, Log};
use crate::seam::Disk;

/// How many bytes are taken back between two syncs.
const BYTES: usize = 1024 * 1024;

/// Entries that came back from the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Of which log.
    pub log: Purpose,
    /// The first.
    pub first: Seq,
    /// The last.
    pub last: Seq,
}

/// Appends to `log` what the mirror at `place` has of it beyond its end. A mirror that is not there,
/// damaged, or of another history changes nothing: the thread that keeps it says so.
///
/// # Errors
/// If the log itself fails.
pub fn restore(
    disk: &Arc<dyn Disk>,
    place: &Path,
    source: &Source,
    log: &mut Log,
) -> Result<Option<Restored>, JournalError> {
    let folder = folder(place, source);
    let Ok(mut there) = Log::open_read(disk, &folder, source.purpose, source.id) else {
        return Ok(None);
    };
    let start = log.head();
    if !there.position(start.seq).is_ok_and(|at| at == Some(start)) {
        return Ok(None);
    }
    while let Ok(Some(run)) = there.read(log.head(), BYTES) {
        let path = log.segment_path(log.segments() - 1);
        let taken = log.extend(&run.frames, run.last.seq).map_err(std::io::Error::other);
        let taken = taken.and_then(|_| log.commit());
        taken.map_err(|source| JournalError::Io { path, source })?;
    }
    let (first, last) = (start.seq.next(), log.head().seq);
    Ok((last >= first).then_some(Restored { log: source.purpose, first, last }))
}
