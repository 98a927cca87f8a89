//! From a sequence number to a place in a segment: a mark every few entries, in memory only.

use std::collections::BTreeMap;

use wasl_protocol::id::Position;
use wasl_protocol::units::Seq;

use super::walk::Walk;

/// How many entries lie between two marks.
const STRIDE: u64 = 64;

/// How many segments have their marks in memory, besides the last one: those of a million
/// enrollments, at 12 KB each. One that has none is read whole before anything in it is found.
const INDEXED_SEGMENTS: usize = 96;

/// A place between two entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: usize,
    pub(super) at: Position,
}

/// The marks of one segment. Never empty: the first is where its frames start.
#[derive(Clone, Debug)]
pub(super) struct Marks(Vec<Mark>);

impl Marks {
    pub(super) fn new(offset: usize, before: Position) -> Self {
        Self(vec![Mark { offset, at: before }])
    }

    /// Walks on to the end of what there is, leaving marks.
    pub(super) fn walk(&mut self, walk: &mut Walk<'_>) {
        for step in walk {
            self.passed(step.offset + step.frame.bytes().len(), step.after);
        }
    }

    /// Notes that an entry ends at `offset`, where the log stands at `after`.
    pub(super) fn passed(&mut self, offset: usize, after: Position) {
        let last = self.0[self.0.len() - 1];
        if after.seq - last.at.seq >= STRIDE {
            self.0.push(Mark { offset, at: after });
        }
    }

    /// The last mark at or before the place after `seq`.
    pub(super) fn before(&self, seq: Seq) -> Mark {
        let beyond = self.0.partition_point(|mark| mark.at.seq <= seq);
        self.0[beyond.saturating_sub(1)]
    }
}

/// The marks of segments that were read lately, by their place in the log.
#[derive(Debug, Default)]
pub(super) struct Indexes(BTreeMap<usize, Marks>);

impl Indexes {
    pub(super) fn get(&self, segment: usize) -> Option<&Marks> {
        self.0.get(&segment)
    }

    pub(super) fn put(&mut self, segment: usize, marks: Marks) {
        if self.0.len() >= INDEXED_SEGMENTS {
            self.0.pop_first();
        }
        self.0.insert(segment, marks);
    }
}
