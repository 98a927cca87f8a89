//! Reading back: by position, by number, and segment by segment.

use std::path::PathBuf;

use wasl_protocol::entry::Genesis;
use wasl_protocol::frame::Frame;
use wasl_protocol::id::Position;
use wasl_protocol::units::Seq;

use super::hole::is_lost;
use super::index::{Mark, Marks};
use super::segment::{self, HEADER_BYTES, SEGMENT_BYTES};
use super::walk::{Step, Walk};
use super::writer::Log;
use super::{JournalError, io_error};

/// Frames that follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The position that the first frame continues.
    pub after: Position,
    /// The frames, one behind the other.
    pub frames: Vec<u8>,
    /// The position after the last.
    pub last: Position,
}

/// The frames of one segment, in memory.
#[derive(Clone, Debug)]
pub struct Loaded {
    before: Position,
    bytes: Vec<u8>,
}

impl Loaded {
    /// Walks its frames.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(&self.bytes, HEADER_BYTES, self.before)
    }
}

/// How much more than asked for is read at once: what lies between a mark and the place itself.
const SLACK_BYTES: usize = 32 * 1024;

impl Log {
    /// Frames after `after`: at most `max_bytes` of them, but at least one. None if `after` is not
    /// a position of this log, or nothing durable follows it.
    pub fn read(
        &mut self,
        after: Position,
        max_bytes: usize,
    ) -> Result<Option<Stretch>, JournalError> {
        if after.seq >= self.head().seq {
            return Ok(None);
        }
        let segment = self.segment_of(after.seq);
        let mark = self.mark(segment, after.seq)?;
        let near = self.bytes(segment, mark.offset, max_bytes.saturating_add(SLACK_BYTES))?;
        match stretch(&near, mark, after, max_bytes) {
            Some(found) => Ok(Some(found)),
            None => Ok(stretch(
                &self.bytes(segment, mark.offset, SEGMENT_BYTES)?,
                mark,
                after,
                max_bytes,
            )),
        }
    }

    /// Where the log stood after `seq` entries; none if it has fewer.
    pub fn position(&mut self, seq: Seq) -> Result<Option<Position>, JournalError> {
        if seq > self.head().seq {
            return Ok(None);
        }
        let segment = self.segment_of(seq);
        let mark = self.mark(segment, seq)?;
        if mark.at.seq == seq {
            return Ok(Some(mark.at));
        }
        self.near(segment, mark, |bytes| Some(find(bytes, mark, seq)?.after))
    }

    /// The frame of the entry `seq`, and the position after it; none if there is no such entry, or
    /// it is damaged.
    pub fn entry(&mut self, seq: Seq) -> Result<Option<(Vec<u8>, Position)>, JournalError> {
        if seq == Seq(0) || seq > self.head().seq {
            return Ok(None);
        }
        let before = Seq(seq.0 - 1);
        let segment = self.segment_of(before);
        let mark = self.mark(segment, before)?;
        self.near(segment, mark, |bytes| {
            let step = find(bytes, mark, seq)?;
            Some((step.frame.bytes().to_vec(), step.after))
        })
    }

    /// Which entry this log starts with.
    pub fn genesis(&mut self) -> Result<Genesis, JournalError> {
        let first = self.entry(Seq(1))?;
        let genesis = first.and_then(|(bytes, _)| Genesis::read(&Frame::parse(&bytes).ok()?).ok());
        let damaged = || JournalError::Hole {
            path: segment::path(&self.dir, 1),
            why: "the log's first entry is damaged",
        };
        genesis.ok_or_else(damaged)
    }

    /// How many bytes of the log lie after `at`, nearly: what is unused at the ends of segments
    /// counts too.
    pub fn bytes_after(&mut self, at: Position) -> Result<u64, JournalError> {
        if at.seq >= self.head().seq {
            return Ok(0);
        }
        let segment = self.segment_of(at.seq);
        let mark = self.mark(segment, at.seq)?;
        let bytes = self.bytes(segment, mark.offset, SEGMENT_BYTES)?;
        let mut walk = Walk::new(&bytes, 0, mark.at);
        while walk.at().seq < at.seq && walk.next().is_some() {}
        let place = segment * SEGMENT_BYTES + mark.offset + walk.offset();
        Ok(self.end_bytes().saturating_sub(place as u64))
    }

    /// How many bytes of files the log's entries take, from its start to its end.
    pub fn end_bytes(&self) -> u64 {
        ((self.before.len() - 1) * SEGMENT_BYTES + self.tail.offset) as u64
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.before.len()
    }

    /// Where the log stands behind a segment.
    pub fn end_of(&self, segment: usize) -> Position {
        self.before.get(segment + 1).copied().unwrap_or(self.tail.at)
    }

    /// The file of a segment.
    pub fn segment_path(&self, segment: usize) -> PathBuf {
        segment::path(&self.dir, segment as u64 + 1)
    }

    /// In which segment the entry after `seq` lies.
    pub fn segment_of(&self, seq: Seq) -> usize {
        self.before.partition_point(|before| before.seq <= seq).saturating_sub(1)
    }

    /// The durable frames of one segment.
    pub fn load(&self, segment: usize) -> Result<Loaded, JournalError> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend(self.bytes(segment, HEADER_BYTES, SEGMENT_BYTES)?);
        Ok(Loaded { before: self.before[segment], bytes })
    }

    /// The last mark at or before the place after `seq`.
    fn mark(&mut self, segment: usize, seq: Seq) -> Result<Mark, JournalError> {
        if segment + 1 == self.before.len() {
            return Ok(self.tail.marks.before(seq));
        }
        if let Some(marks) = self.indexes.get(segment) {
            return Ok(marks.before(seq));
        }
        let loaded = self.load(segment)?;
        let mut walk = loaded.walk();
        let mut marks = Marks::new(walk.offset(), walk.at());
        marks.walk(&mut walk);
        let mark = marks.before(seq);
        self.indexes.put(segment, marks);
        Ok(mark)
    }

    /// What is found behind a mark: mostly within a little of the segment, else in all of it.
    fn near<T>(
        &self,
        segment: usize,
        mark: Mark,
        find: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, JournalError> {
        let found = find(&self.bytes(segment, mark.offset, SLACK_BYTES)?);
        if found.is_some() {
            return Ok(found);
        }
        Ok(find(&self.bytes(segment, mark.offset, SEGMENT_BYTES)?))
    }

    /// At most `max` bytes of durable frames of a segment, from `offset`.
    fn bytes(&self, segment: usize, offset: usize, max: usize) -> Result<Vec<u8>, JournalError> {
        let last = segment + 1 == self.before.len();
        let end = if last { self.tail.offset } else { SEGMENT_BYTES };
        let mut bytes = vec![0; end.saturating_sub(offset).min(max)];
        let path = segment::path(&self.dir, segment as u64 + 1);
        let read = if last {
            self.tail.file.read_at(&mut bytes, offset as u64)
        } else {
            self.disk.open_read(&path).and_then(|file| file.read_at(&mut bytes, offset as u64))
        };
        // A file that is gone, or that the disk cannot read, is a hole, and no end of reading.
        let read = read.or_else(|e| if is_lost(&e) { Ok(0) } else { Err(e) });
        bytes.truncate(read.map_err(io_error(&path))?);
        Ok(bytes)
    }
}

/// The entry `seq` in `bytes`, which start at `mark`.
fn find(bytes: &[u8], mark: Mark, seq: Seq) -> Option<Step<'_>> {
    Walk::new(bytes, 0, mark.at).find(|step| step.after.seq == seq)
}

/// The frames after `after` in `bytes`, which start at `mark`.
fn stretch(bytes: &[u8], mark: Mark, after: Position, max_bytes: usize) -> Option<Stretch> {
    let mut walk = Walk::new(bytes, 0, mark.at);
    while walk.at().seq < after.seq {
        walk.next()?;
    }
    if walk.at() != after {
        return None;
    }
    let start = walk.offset();
    let (mut end, mut last) = (start, after);
    for step in walk {
        let reached = step.offset + step.frame.bytes().len();
        if reached - start > max_bytes && end > start {
            break;
        }
        (end, last) = (reached, step.after);
    }
    (end > start).then(|| Stretch { after, frames: bytes[start..end].to_vec(), last })
}
