//! Damage in the middle of a log: found, and filled again with the same bytes from another copy.
//!
//! The chain says what is right: whatever leads from the last good position before a hole to the
//! known one behind it is what was there. Nothing is thrown away: a damaged file is kept aside.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasl_protocol::entry;
use wasl_protocol::id::{JournalId, Position};

use super::segment::{self, HEADER_BYTES, Header, SEGMENT_BYTES};
use super::walk::{Walk, used};
use super::{JournalError, io_error, log_dir};
use crate::seam::{Disk, read_whole};

/// Entries that cannot be read: those after `after`, up to `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The first segment with damage, counted from 1.
    first: u64,
    /// The last one.
    last: u64,
    /// The last good position before it.
    pub after: Position,
    /// The known position behind it.
    pub until: Position,
}

impl Hole {
    /// Does it touch the last of `count` segments?
    pub fn reaches(&self, count: usize) -> bool {
        self.last >= count as u64
    }
}

/// Reads all of a log that ends at `end`, which may go on being written meanwhile, and names its
/// holes; calls `pause` after each segment.
///
/// # Errors
/// If a file is there and cannot be read at all.
pub fn holes(
    disk: &dyn Disk,
    folder: &Path,
    (log, id): (entry::Log, JournalId),
    end: Position,
    pause: &dyn Fn(),
) -> Result<Vec<Hole>, JournalError> {
    let dir = log_dir(folder, id);
    let names = disk.list(&dir).map_err(io_error(&dir))?;
    let count = names.iter().filter_map(|name| segment::ordinal(name)).max().unwrap_or(0);
    let mut found = Vec::new();
    let mut open: Option<Hole> = None;
    let mut at = Position::start(id);
    for ordinal in 1..=count {
        if at.seq >= end.seq && open.is_none() {
            break;
        }
        let bytes = content(disk, &segment::path(&dir, ordinal))?;
        let begin = |ordinal, after| Hole { first: ordinal, last: ordinal, after, until: end };
        let header = Header::decode(&bytes)
            .filter(|h| (h.log, h.id, h.ordinal) == (log, id, ordinal) && h.before.seq >= at.seq);
        let Some(header) = header else {
            open.get_or_insert(begin(ordinal, at)).last = ordinal;
            continue;
        };
        if header.before != at {
            // What the segment before lacks was zeros, or is gone.
            open.get_or_insert(begin(ordinal.saturating_sub(1).max(1), at));
        }
        if let Some(hole) = open.take() {
            found.push(Hole { until: header.before, ..hole });
        }
        let mut walk = Walk::new(&bytes, HEADER_BYTES, header.before);
        while walk.next().is_some() {}
        at = walk.at();
        let flawed = walk.stopped().is_some() || used(&bytes[walk.offset()..]) > 0;
        if flawed && at.seq < end.seq {
            open = Some(begin(ordinal, at));
        }
        pause();
    }
    let rest = open.or_else(|| {
        let hole = Hole { first: count.max(1), last: count.max(1), after: at, until: end };
        (at.seq < end.seq).then_some(hole)
    });
    found.extend(rest);
    Ok(found)
}

/// Frames that do not fill the hole.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// They lead elsewhere.
    #[error("the frames offered are of another history")]
    OtherHistory,
    /// The disk.
    #[error(transparent)]
    Log(#[from] JournalError),
}

/// Fills one hole. What is good in the damaged files is used; the rest has to be brought. At most
/// two segments are in memory; nothing in the log changes before it is installed.
pub struct Mender {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    hole: Hole,
    header: Header,
    /// What the damaged file holds, and what the new one will.
    local: Vec<u8>,
    built: Vec<u8>,
    at: Position,
    /// The headers of the segments that are whole, in files beside the log's.
    whole: Vec<Header>,
}

impl Mender {
    /// Begins to fill a hole of a log in `folder`.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn new(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        (log, id): (entry::Log, JournalId),
        hole: Hole,
    ) -> Result<Self, JournalError> {
        let dir = log_dir(folder, id);
        let header = Header { log, id, ordinal: hole.first, before: hole.after };
        let mut mender = Self {
            disk: disk.clone(),
            dir,
            hole,
            header,
            local: Vec::new(),
            built: Vec::new(),
            at: hole.after,
            whole: Vec::new(),
        };
        mender.local = content(&**disk, &mender.path(hole.first))?;
        let known = Header::decode(&mender.local)
            .filter(|h| (h.log, h.id, h.ordinal) == (log, id, hole.first));
        mender.begin(known.filter(|h| h.before.seq <= hole.after.seq).unwrap_or(header));
        mender.use_local()?;
        if mender.at.seq == hole.until.seq && mender.at != hole.until {
            // A chain that is whole, and leads elsewhere: somebody wrote it.
            mender.local.clear();
            mender.begin(Header { before: hole.after, ..header });
        }
        Ok(mender)
    }

    /// After which position frames are lacking; none if the hole can be filled.
    pub fn lacks(&self) -> Option<Position> {
        (self.at.seq < self.hole.until.seq).then_some(self.at)
    }

    /// Takes frames that follow the position that [`Self::lacks`] named.
    ///
    /// # Errors
    /// If they are not what was there, or the disk fails. What was taken before does not count then.
    pub fn take(&mut self, frames: &[u8]) -> Result<(), MendError> {
        let mut walk = Walk::new(frames, 0, self.at);
        while self.at.seq < self.hole.until.seq
            && let Some(step) = walk.next()
        {
            self.push(step.frame.bytes(), step.after)?;
        }
        let beyond = walk.stopped().is_some() && self.at.seq < self.hole.until.seq;
        self.use_local()?;
        let ends = self.at.seq == self.hole.until.seq && self.at != self.hole.until;
        if beyond || ends { Err(MendError::OtherHistory) } else { Ok(()) }
    }

    fn push(&mut self, frame: &[u8], after: Position) -> Result<(), JournalError> {
        if self.built.len() + frame.len() > SEGMENT_BYTES && self.header.ordinal < self.hole.last {
            self.next_segment()?;
        }
        self.built.extend_from_slice(frame);
        self.at = after;
        Ok(())
    }

    /// What lies where the next frame belongs, and continues the chain, was never damaged.
    fn use_local(&mut self) -> Result<(), JournalError> {
        let local = std::mem::take(&mut self.local);
        let mut walk = Walk::new(&local, self.built.len(), self.at);
        while self.at.seq < self.hole.until.seq
            && let Some(step) = walk.next()
        {
            self.push(step.frame.bytes(), step.after)?;
        }
        if self.local.is_empty() {
            self.local = local;
        }
        Ok(())
    }

    fn begin(&mut self, header: Header) {
        self.header = header;
        self.at = header.before;
        self.built = header.encode().to_vec();
    }

    /// Puts the segment that is whole into a file beside the log's, and begins the next.
    fn next_segment(&mut self) -> Result<(), JournalError> {
        self.keep()?;
        let next = Header { ordinal: self.header.ordinal + 1, before: self.at, ..self.header };
        self.local = content(&*self.disk, &self.path(next.ordinal))?;
        self.begin(next);
        Ok(())
    }

    fn keep(&mut self) -> Result<(), JournalError> {
        let path = mended(&self.path(self.header.ordinal));
        self.built.resize(SEGMENT_BYTES.max(self.built.len()), 0);
        let write = || {
            self.disk.remove(&path)?;
            let file = self.disk.create(&path)?;
            file.write_at(&self.built, 0)?;
            file.sync_data()
        };
        write().map_err(io_error(&path))?;
        self.whole.push(self.header);
        Ok(())
    }

    /// Puts the whole files in the damaged ones' place, durably, and keeps those aside. Answers
    /// where the log stands before each of them.
    ///
    /// # Errors
    /// If the disk fails: the hole is still there then, or filled in part.
    ///
    /// # Panics
    /// If something is still lacking.
    pub(super) fn install(mut self) -> Result<Vec<(u64, Position)>, JournalError> {
        assert_eq!(self.at, self.hole.until, "asked for when nothing is lacking");
        while self.header.ordinal < self.hole.last {
            self.next_segment()?; // segments that held less than they could leave some over
        }
        self.keep()?;
        for header in &self.whole {
            let path = self.path(header.ordinal);
            let install = || {
                if self.disk.exists(&path) {
                    self.disk.rename(&path, &self.aside(&path))?;
                }
                self.disk.rename(&mended(&path), &path)
            };
            install().map_err(io_error(&path))?;
        }
        self.disk.sync_dir(&self.dir).map_err(io_error(&self.dir))?;
        Ok(self.whole.iter().map(|header| (header.ordinal, header.before)).collect())
    }

    fn aside(&self, path: &Path) -> PathBuf {
        let aside = |n: u32| path.with_added_extension(format!("damaged-{n}"));
        let free = (1..u32::MAX).map(aside).find(|path| !self.disk.exists(path));
        free.expect("a disk is replaced before that")
    }

    fn path(&self, ordinal: u64) -> PathBuf {
        segment::path(&self.dir, ordinal)
    }
}

fn mended(path: &Path) -> PathBuf {
    path.with_added_extension("mended")
}

/// Is what was to be read gone? A disk that cannot read a place has lost what was there.
pub(super) fn is_lost(e: &io::Error) -> bool {
    e.kind() == ErrorKind::NotFound || e.raw_os_error() == Some(EIO)
}

/// A file's content; nothing if it is not there.
fn content(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, JournalError> {
    match read_whole(disk, path) {
        Err(e) if is_lost(&e) => Ok(Vec::new()),
        read => read.map_err(io_error(path)),
    }
}

/// `EIO` of errno(3).
const EIO: i32 = 5;
