//! What a crash left behind: finds the segments, and where the last one really ends.
//!
//! Looking changes nothing; [`Found::mend`] then saves what is torn, and writes the last segment
//! again as it should be. It is written even where nothing is torn: after a failed fsync the page
//! cache may show bytes that are not on the disk, and only writing them again puts them there.

use std::path::{Path, PathBuf};

use wasl_protocol::entry;
use wasl_protocol::frame::Frame;
use wasl_protocol::id::{JournalId, Position};

use super::hole::is_lost;
use super::index::Marks;
use super::segment::{self, HEADER_BYTES, Header, SEGMENT_BYTES};
use super::walk::{Walk, used};
use super::{JournalError, io_error};
use crate::seam::{Disk, DiskFile, read_whole};

/// The torn end of a write that a crash cut short, kept aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Of which log.
    pub log: entry::Log,
    /// Where the bytes are kept.
    pub kept: PathBuf,
    /// How many there are.
    pub bytes: usize,
    /// The last whole entry before them.
    pub after: Position,
}

/// What lies behind damage in the last segment, where a known position makes it certain.
pub(super) struct Beyond {
    known: Position,
    frames: Vec<u8>,
}

/// A log's segments as they lie on disk.
pub(super) struct Found {
    log: entry::Log,
    id: JournalId,
    /// Where the log stands before each segment.
    pub(super) before: Vec<Position>,
    /// The last segment's content, up to where it ends.
    bytes: Vec<u8>,
    /// What lies behind its end and is not zeros.
    torn: Vec<u8>,
    /// Where the log ends.
    pub(super) end: Position,
    /// Marks in the last segment.
    pub(super) marks: Marks,
    /// A file that was to become the next segment.
    unborn: Option<PathBuf>,
}

/// Looks at the log in `dir`. Reads the headers of all segments, and the last segment whole.
pub(super) fn look(
    disk: &dyn Disk,
    dir: &Path,
    log: entry::Log,
    id: JournalId,
) -> Result<Found, JournalError> {
    let mut before = Vec::new();
    let mut unborn = None;
    let names = disk.list(dir).map_err(io_error(dir))?;
    let ordinals: Vec<u64> = names.iter().filter_map(|name| segment::ordinal(name)).collect();
    let count = ordinals.iter().max().copied().unwrap_or(0);
    for i in 1..=count {
        let path = segment::path(dir, i);
        let header = read_header(disk, &path)?.filter(|header| {
            let at = before.last().map_or(Position::start(id), |last: &Position| *last);
            let grows = if i == 1 { header.before == at } else { header.before.seq >= at.seq };
            (header.log, header.id, header.ordinal, grows) == (log, id, i, true)
        });
        match header {
            Some(header) => before.push(header.before),
            None if i > 1 && i == count && is_unborn(disk, &path)? => unborn = Some(path),
            // A hole: found by a look through everything, and filled from another copy.
            None => before.push(end_of(disk, dir, id, &before)?),
        }
    }
    let Some(last) = before.last().copied() else {
        return Err(hole(&segment::path(dir, 1), "the segment is missing"));
    };
    let path = segment::path(dir, before.len() as u64);
    let mut bytes = read_whole(disk, &path).map_err(io_error(&path))?;
    let header = Header { log, id, ordinal: before.len() as u64, before: last };
    let written = Header::decode(&bytes) == Some(header);
    bytes.resize(bytes.len().max(HEADER_BYTES), 0);
    let mut walk = Walk::new(&bytes, HEADER_BYTES, last);
    let mut marks = Marks::new(HEADER_BYTES, last);
    marks.walk(&mut walk);
    let (offset, end) = (walk.offset(), walk.at());
    if !written && offset == HEADER_BYTES {
        return Err(hole(&path, "the segment's header is damaged"));
    }
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    let torn = bytes[offset..][..used(&bytes[offset..])].to_vec();
    bytes.truncate(offset);
    Ok(Found { log, id, before, bytes, torn, end, marks, unborn })
}

/// Where the log stands behind the segments so far, as far as the last of them can be read.
fn end_of(
    disk: &dyn Disk,
    dir: &Path,
    id: JournalId,
    before: &[Position],
) -> Result<Position, JournalError> {
    let Some(last) = before.last() else { return Ok(Position::start(id)) };
    let path = segment::path(dir, before.len() as u64);
    let bytes = match read_whole(disk, &path) {
        Err(e) if is_lost(&e) => return Ok(*last),
        read => read.map_err(io_error(&path))?,
    };
    let mut walk = Walk::new(&bytes, HEADER_BYTES, *last);
    while walk.next().is_some() {}
    Ok(walk.at())
}

impl Found {
    /// Where the last segment's frames end.
    pub(super) fn offset(&self) -> usize {
        self.bytes.len()
    }

    /// If the log ends before what is `known`, and that entry is there all the same, behind damage:
    /// what follows it is certain. Each entry begins with half of its head.
    pub(super) fn beyond(&self, known: Option<Position>) -> Option<Beyond> {
        const LENGTH_BYTES: usize = 4;
        let known = known.filter(|known| known.seq > self.end.seq)?;
        let tag = known.head.tag().0;
        let at = self.torn.windows(tag.len()).position(|bytes| bytes == tag)?;
        let start = at.checked_sub(LENGTH_BYTES)?;
        let end = start + Frame::length(&self.torn[start..]).ok()?;
        let rest = self.torn.get(end..).unwrap_or_default();
        let mut walk = Walk::new(rest, 0, known);
        while walk.next().is_some() {}
        Some(Beyond { known, frames: rest[..walk.offset()].to_vec() })
    }

    /// Goes on behind damage, in a new segment: the damaged one stays as it is, with a hole.
    pub(super) fn go_on(
        mut self,
        disk: &dyn Disk,
        dir: &Path,
        beyond: &Beyond,
    ) -> Result<Mended, JournalError> {
        let Beyond { known, frames } = beyond;
        let ordinal = self.before.len() as u64 + 1;
        let path = segment::path(dir, ordinal);
        if self.unborn.is_some() {
            disk.remove(&path).map_err(io_error(&path))?;
        }
        let header = Header { log: self.log, id: self.id, ordinal, before: *known };
        let file = segment::create(disk, dir, &header, frames).map_err(io_error(&path))?;
        let mut walk = Walk::new(frames, 0, *known);
        while walk.next().is_some() {}
        let mut marks = Marks::new(HEADER_BYTES, *known);
        for step in Walk::new(frames, 0, *known) {
            marks.passed(HEADER_BYTES + step.offset + step.frame.bytes().len(), step.after);
        }
        self.before.push(*known);
        let (end, offset) = (walk.at(), HEADER_BYTES + frames.len());
        Ok(Mended { file, before: self.before, marks, end, offset })
    }

    /// Makes the end of the log whole and durable; nothing is destroyed.
    pub(super) fn mend(
        mut self,
        disk: &dyn Disk,
        dir: &Path,
    ) -> Result<(Mended, Option<Torn>), JournalError> {
        if let Some(path) = &self.unborn {
            disk.remove(path).and_then(|()| disk.sync_dir(dir)).map_err(io_error(path))?;
        }
        let path = segment::path(dir, self.before.len() as u64);
        let torn = if self.torn.is_empty() { None } else { Some(self.keep(disk, &path)?) };
        let offset = self.bytes.len();
        self.bytes.resize(SEGMENT_BYTES.max(offset + self.torn.len()), 0);
        let file = disk.open(&path).map_err(io_error(&path))?;
        let written = file.write_at(&self.bytes, 0).and_then(|()| file.sync_data());
        written.map_err(io_error(&path))?;
        let Self { before, marks, end, .. } = self;
        Ok((Mended { file, before, marks, end, offset }, torn))
    }

    /// Saves the torn bytes in a file beside the segment.
    fn keep(&self, disk: &dyn Disk, segment: &Path) -> Result<Torn, JournalError> {
        let aside = |n: u32| segment.with_added_extension(format!("torn-{n}"));
        let kept = (1..u32::MAX).map(aside).find(|path| !disk.exists(path));
        let kept = kept.expect("fewer crashes than that");
        let save = || {
            let file = disk.create(&kept)?;
            file.write_at(&self.torn, 0)?;
            file.sync_data()?;
            disk.sync_dir(segment.parent().unwrap_or(Path::new(".")))
        };
        save().map_err(io_error(&kept))?;
        Ok(Torn { log: self.log, kept, bytes: self.torn.len(), after: self.end })
    }
}

/// A log ready to be written.
pub(super) struct Mended {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) before: Vec<Position>,
    pub(super) marks: Marks,
    pub(super) end: Position,
    pub(super) offset: usize,
}

pub(super) fn read_header(disk: &dyn Disk, path: &Path) -> Result<Option<Header>, JournalError> {
    let mut bytes = [0; HEADER_BYTES];
    match disk.open_read(path).and_then(|file| file.read_at(&mut bytes, 0)) {
        Err(e) if is_lost(&e) => Ok(None),
        read => Ok(Header::decode(&bytes[..read.map_err(io_error(path))?])),
    }
}

/// Is this a segment whose making was cut short? No frame can be in it yet.
fn is_unborn(disk: &dyn Disk, path: &Path) -> Result<bool, JournalError> {
    let bytes = read_whole(disk, path).map_err(io_error(path))?;
    Ok(bytes.get(HEADER_BYTES..).is_none_or(|frames| used(frames) == 0))
}

fn hole(path: &Path, why: &'static str) -> JournalError {
    JournalError::Hole { path: path.to_owned(), why }
}
