//! What a crash left behind: finds the segments, and where the last one really ends.
//!
//! Looking changes nothing; [`Found::mend`] then saves what is torn, and writes the last segment
//! again as it should be. It is written even where nothing is torn: after a failed fsync the page
//! cache may show bytes that are not on the disk, and only writing them again puts them there.

use std::path::{Path, PathBuf};

use wasl_protocol::entry;
use wasl_protocol::id::{JournalId, Position};

use super::index::Marks;
use super::segment::{self, HEADER_BYTES, Header, SEGMENT_BYTES};
use super::walk::{Walk, used};
use super::{JournalError, io_error};
use crate::seam::{Disk, DiskFile, read_whole};

/// The torn end of a write that a crash cut short, kept aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where the bytes are kept.
    pub kept: PathBuf,
    /// How many there are.
    pub bytes: usize,
    /// The last whole entry before them.
    pub after: Position,
}

/// A log's segments as they lie on disk.
pub(super) struct Found {
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
    for (i, ordinal) in (1..).zip(&ordinals) {
        let path = segment::path(dir, i);
        if *ordinal != i {
            return Err(hole(&path, "the segment is missing"));
        }
        let header = read_header(disk, &path)?.filter(|header| {
            let at = before.last().map_or(Position::start(id), |last: &Position| *last);
            let grows = if i == 1 { header.before == at } else { header.before.seq > at.seq };
            (header.log, header.id, header.ordinal, grows) == (log, id, i, true)
        });
        match header {
            Some(header) => before.push(header.before),
            None if i > 1 && i == ordinals.len() as u64 && is_unborn(disk, &path)? => {
                unborn = Some(path);
            }
            None => return Err(hole(&path, "the segment's header is damaged")),
        }
    }
    let Some(last) = before.last().copied() else {
        return Err(hole(&segment::path(dir, 1), "the segment is missing"));
    };
    let path = segment::path(dir, before.len() as u64);
    let mut bytes = read_whole(disk, &path).map_err(io_error(&path))?;
    let mut walk = Walk::new(&bytes, HEADER_BYTES, last);
    let mut marks = Marks::new(HEADER_BYTES, last);
    marks.walk(&mut walk);
    let (offset, end) = (walk.offset(), walk.at());
    let torn = bytes[offset..][..used(&bytes[offset..])].to_vec();
    bytes.truncate(offset);
    Ok(Found { before, bytes, torn, end, marks, unborn })
}

impl Found {
    /// Where the last segment's frames end.
    pub(super) fn offset(&self) -> usize {
        self.bytes.len()
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
        Ok(Torn { kept, bytes: self.torn.len(), after: self.end })
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
    let file = disk.open_read(path).map_err(io_error(path))?;
    let mut bytes = [0; HEADER_BYTES];
    let read = file.read_at(&mut bytes, 0).map_err(io_error(path))?;
    Ok(Header::decode(&bytes[..read]))
}

/// Is this a segment whose making was cut short? No frame can be in it yet.
fn is_unborn(disk: &dyn Disk, path: &Path) -> Result<bool, JournalError> {
    let bytes = read_whole(disk, path).map_err(io_error(path))?;
    Ok(bytes.get(HEADER_BYTES..).is_none_or(|frames| used(frames) == 0))
}

fn hole(path: &Path, why: &'static str) -> JournalError {
    JournalError::Hole { path: path.to_owned(), why }
}
