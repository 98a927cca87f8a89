//! Append and commit: frames gather in memory, then one write and one sync make them durable.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasl_protocol::entry::{self, Genesis};
use wasl_protocol::frame::Sealed;
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::Seq;

use super::hole::{Hole, Mender};
use super::index::{Indexes, Marks};
use super::reader::Stretch;
use super::recover::{self, Torn};
use super::segment::{self, HEADER_BYTES, Header, SEGMENT_BYTES};
use super::walk::Walk;
use super::{JournalError, io_error, log_dir, refuse_lost};
use crate::seam::{Disk, DiskFile, lacks_descriptors};

/// One log, open for appending. Whoever holds it is its only writer.
///
/// Invariant: what [`Self::head`] says is on disk. After a failed write or sync the log is poisoned
/// for good: nobody knows what is on disk then, and only a new start finds out.
pub struct Log {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) purpose: entry::Log,
    pub(super) id: JournalId,
    /// Where the log stands before each segment.
    pub(super) before: Vec<Position>,
    pub(super) indexes: Indexes,
    pub(super) tail: Tail,
    poisoned: bool,
}

/// The end of the last segment.
pub(super) struct Tail {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) marks: Marks,
    /// Up to where the file's frames are durable.
    pub(super) offset: usize,
    /// Where the log stands there.
    pub(super) at: Position,
    /// Frames that wait for the commit.
    pending: Vec<u8>,
    /// Where the log will stand after them.
    next: Position,
}

/// An entry that was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// There is no room for another segment. Nothing is lost; it may be tried again.
    #[error("the disk is full")]
    Full,
    /// The process may open no more files now. Nothing is lost; it may be tried again.
    #[error("no file can be opened now: {0}")]
    NoDescriptor(io::Error),
    /// The disk failed: the log is poisoned.
    #[error("the log's disk failed: {0}")]
    Failed(io::Error),
}

/// Frames of another copy that were not appended.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// They do not continue this log.
    #[error("what follows entry {0} is of another history")]
    Chain(Seq),
    /// The disk.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Log {
    /// Makes a new log in `folder` with its Genesis, all of it durable.
    ///
    /// # Panics
    /// If the Genesis does not say what its log is for: one that was made here does.
    pub fn create(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        id: JournalId,
        genesis: &Genesis,
    ) -> Result<(), JournalError> {
        let log = genesis.log().expect("a Genesis of ours names its log");
        let born = log_dir(folder, id);
        let cradle = born.with_added_extension("new");
        let header = Header { log, id, ordinal: 1, before: Position::start(id) };
        let mut frames = Vec::new();
        genesis.link(id, &mut frames);
        let make = || {
            disk.create_dir_all(folder)?;
            disk.remove(&cradle)?;
            disk.create_dir_all(&cradle)?;
            segment::create(&**disk, &cradle, &header, &frames)?;
            disk.rename(&cradle, &born)?;
            disk.sync_dir(folder)?;
            disk.sync_dir(folder.parent().unwrap_or(Path::new(".")))
        };
        make().map_err(io_error(&born))
    }

    /// Opens the log `id` in `folder`, its end mended after a crash. `known` is a position that is
    /// known to have been durable: a log that ends before it is damaged, and is left as it is.
    pub fn open(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        log: entry::Log,
        id: JournalId,
        known: Option<Position>,
    ) -> Result<(Self, Option<Torn>), JournalError> {
        let dir = log_dir(folder, id);
        let found = recover::look(&**disk, &dir, log, id)?;
        let beyond = found.beyond(known);
        if beyond.is_none() {
            refuse_lost(&dir, found.end, known)?;
        }
        let (mended, torn) = match beyond {
            Some(beyond) => (found.go_on(&**disk, &dir, &beyond)?, None),
            None => found.mend(&**disk, &dir)?,
        };
        let tail = Tail {
            file: mended.file,
            marks: mended.marks,
            offset: mended.offset,
            at: mended.end,
            pending: Vec::new(),
            next: mended.end,
        };
        let indexes = Indexes::default();
        let (disk, before) = (disk.clone(), mended.before);
        Ok((Self { disk, dir, purpose: log, id, before, indexes, tail, poisoned: false }, torn))
    }

    /// Opens the log for reading only, as far as it is whole; nothing on disk is changed.
    pub fn open_read(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        log: entry::Log,
        id: JournalId,
    ) -> Result<Self, JournalError> {
        let dir = log_dir(folder, id);
        let found = recover::look(&**disk, &dir, log, id)?;
        let last = segment::path(&dir, found.before.len() as u64);
        let file = disk.open_read(&last).map_err(io_error(&last))?;
        let (before, offset) = (found.before.clone(), found.offset());
        let (at, marks) = (found.end, found.marks);
        let tail = Tail { file, marks, offset, at, pending: Vec::new(), next: at };
        let indexes = Indexes::default();
        Ok(Self {
            disk: disk.clone(),
            dir,
            purpose: log,
            id,
            before,
            indexes,
            tail,
            poisoned: true,
        })
    }

    /// The log's id.
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// What the log is for.
    pub fn purpose(&self) -> entry::Log {
        self.purpose
    }

    /// Where the log ends on disk.
    pub fn head(&self) -> Position {
        self.tail.at
    }

    /// Where the log will end once what is appended is committed.
    pub fn next(&self) -> Position {
        self.tail.next
    }

    /// How many bytes of frames wait for the commit.
    pub fn pending_bytes(&self) -> usize {
        self.tail.pending.len()
    }

    /// How many bytes the log takes on disk.
    pub fn file_bytes(&self) -> u64 {
        (self.before.len() * SEGMENT_BYTES) as u64
    }

    /// Links one entry behind the last; it is durable after the next [`Self::commit`].
    pub fn append(
        &mut self,
        sealed: &Sealed,
        context: &VersionVector,
    ) -> Result<Position, AppendError> {
        self.refuse_poisoned().map_err(AppendError::Failed)?;
        let start = self.tail.pending.len();
        let after = sealed.link(&self.tail.next, context, &mut self.tail.pending);
        if self.tail.offset + self.tail.pending.len() > SEGMENT_BYTES {
            let frame = self.tail.pending.split_off(start);
            self.next_segment()?;
            self.tail.pending = frame;
        }
        self.linked(after);
        Ok(after)
    }

    /// Appends frames of this same log that another copy of it holds, up to the entry `upto`; they
    /// are durable after the next [`Self::commit`]. Answers where the log will end then.
    ///
    /// # Errors
    /// If a frame does not continue the chain: those before it are appended.
    pub fn extend(&mut self, frames: &[u8], upto: Seq) -> Result<Position, ExtendError> {
        self.refuse_poisoned().map_err(AppendError::Failed)?;
        let mut walk = Walk::new(frames, 0, self.tail.next);
        while self.tail.next.seq < upto
            && let Some(step) = walk.next()
        {
            let bytes = step.frame.bytes();
            if self.tail.offset + self.tail.pending.len() + bytes.len() > SEGMENT_BYTES {
                self.next_segment()?;
            }
            self.tail.pending.extend_from_slice(bytes);
            self.linked(step.after);
        }
        let at = self.tail.next;
        if at.seq < upto && walk.offset() < frames.len() {
            return Err(ExtendError::Chain(at.seq));
        }
        Ok(at)
    }

    fn linked(&mut self, after: Position) {
        self.tail.next = after;
        let end = self.tail.offset + self.tail.pending.len();
        self.tail.marks.passed(end, after);
    }

    /// What the next [`Self::commit`] will make durable, for another copy of this log.
    pub fn pending(&self) -> Stretch {
        let Tail { at: after, next: last, .. } = self.tail;
        Stretch { after, frames: self.tail.pending.clone(), last }
    }

    /// Makes everything that was appended durable: one write and one sync.
    pub fn commit(&mut self) -> io::Result<()> {
        self.refuse_poisoned()?;
        let tail = &mut self.tail;
        if tail.pending.is_empty() {
            return Ok(());
        }
        let written = tail.file.write_at(&tail.pending, tail.offset as u64);
        if let Err(e) = written.and_then(|()| tail.file.sync_data()) {
            self.poisoned = true;
            return Err(e);
        }
        tail.offset += tail.pending.len();
        tail.at = tail.next;
        tail.pending.clear();
        tail.pending.shrink_to(PENDING_KEPT_BYTES);
        Ok(())
    }

    /// Begins to fill a hole of this log.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn mender(&self, hole: Hole) -> Result<Mender, JournalError> {
        let folder = self.dir.parent().unwrap_or(Path::new("."));
        Mender::new(&self.disk, folder, (self.purpose, self.id), hole)
    }

    /// Puts what a mender has made whole in the place of what is damaged.
    ///
    /// # Errors
    /// If the disk fails: the hole may be there still.
    pub fn install(&mut self, mender: Mender) -> Result<(), JournalError> {
        self.indexes = Indexes::default();
        for (ordinal, before) in mender.install()? {
            let nth = usize::try_from(ordinal - 1).unwrap_or(usize::MAX);
            if let Some(known) = self.before.get_mut(nth) {
                *known = before;
            }
        }
        Ok(())
    }

    /// Closes the last segment and goes on in a new one.
    ///
    /// # Errors
    /// If there is no room, or the disk fails.
    pub fn next_segment(&mut self) -> Result<(), AppendError> {
        self.commit().map_err(AppendError::Failed)?;
        let before = self.tail.at;
        let ordinal = self.before.len() as u64 + 1;
        let header = Header { log: self.purpose, id: self.id, ordinal, before };
        if !self.has_room() {
            return Err(AppendError::Full);
        }
        let made = segment::create(&*self.disk, &self.dir, &header, &[]);
        let file = made.map_err(|e| match e.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => AppendError::Full,
            // The segment that is open is whole, and the new one never was.
            _ if lacks_descriptors(&e) => AppendError::NoDescriptor(e),
            _ => {
                self.poisoned = true;
                AppendError::Failed(e)
            }
        })?;
        let marks = Marks::new(HEADER_BYTES, before);
        let full = std::mem::replace(&mut self.tail.marks, marks);
        self.indexes.put(self.before.len() - 1, full);
        self.before.push(before);
        self.tail.file = file;
        self.tail.offset = HEADER_BYTES;
        Ok(())
    }

    /// Has the disk room for another segment, with some left for everything else?
    pub fn has_room(&self) -> bool {
        self.free_bytes() >= FULL_BELOW_BYTES
    }

    /// How many bytes can still be written on the log's disk; 0 if it does not say.
    pub fn free_bytes(&self) -> u64 {
        self.disk.free_bytes(&self.dir).unwrap_or(0)
    }

    fn refuse_poisoned(&self) -> io::Result<()> {
        if self.poisoned { Err(io::Error::other("the log is closed for writing")) } else { Ok(()) }
    }
}

/// What a log leaves free on its disk, so that the view, receipts and reads go on.
pub const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// With less free than this a log takes no new segment: the disk counts as full.
pub const FULL_BELOW_BYTES: u64 = SEGMENT_BYTES as u64 + RESERVE_BYTES;

/// How much of the buffer is kept from turn to turn.
const PENDING_KEPT_BYTES: usize = 256 * 1024;

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({} at {})", self.id, self.tail.at.seq)
    }
}
