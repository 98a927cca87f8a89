//! What the edges ask of the engine.

use tokio::sync::oneshot;
use wasl_protocol::edition::Step;
use wasl_protocol::entry::{Cursor, Log};
use wasl_protocol::id::{EpochId, JournalId, Position, RecordId};
use wasl_protocol::news::SignedNews;
use wasl_protocol::record::{Act, Origin, RecordState, Value};
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::{Ack, Fetched, Standing};

use super::handle::{
    Change, Digests, Enrolled, Found, HeldEntry, Listed, Opened, Prepared, Refused, Run, Signed,
};
use super::tally::Hours;
use crate::journal::Hole;

/// One thing to do in a turn. The answer goes out after the turn's fsync.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is the method of the same name on Handle")]
pub enum Input {
    Enroll {
        prepared: Box<Prepared>,
        answer: oneshot::Sender<Result<Enrolled, Refused>>,
    },
    Change {
        change: Box<Change>,
        answer: oneshot::Sender<Result<Position, Refused>>,
    },
    ConfigStep {
        step: Box<Step>,
        answer: oneshot::Sender<Result<Position, Refused>>,
    },
    News {
        news: Vec<SignedNews>,
        upto: Cursor,
        answer: oneshot::Sender<()>,
    },
    Acked {
        ack: Ack,
        at: UnixMs,
    },
    Compare {
        fetched: Fetched,
        answer: oneshot::Sender<Option<(Position, bool)>>,
    },
    Diverged {
        common: Position,
    },
    Forked {
        common: Seq,
    },
    Record {
        record: RecordId,
        answer: oneshot::Sender<Option<Found>>,
    },
    List {
        skip: u64,
        limit: u64,
        answer: oneshot::Sender<(Vec<Listed>, Option<u64>)>,
    },
    Digests {
        skip: u64,
        limit: u64,
        answer: oneshot::Sender<Digests>,
    },
    Conflicts {
        skip: u64,
        limit: u64,
        answer: oneshot::Sender<(Vec<RecordState<Value>>, Option<u64>)>,
    },
    History {
        record: RecordId,
        answer: oneshot::Sender<Option<(Origin, Vec<Act>)>>,
    },
    Opened {
        record: RecordId,
        answer: oneshot::Sender<Option<Opened>>,
    },
    Held {
        answer: oneshot::Sender<Vec<HeldEntry>>,
    },
    Hours {
        answer: oneshot::Sender<Hours>,
    },
    Read {
        journal: JournalId,
        after: Position,
        max_bytes: usize,
        answer: oneshot::Sender<Option<Run>>,
    },
    Agree {
        standing: Standing,
        answer: oneshot::Sender<Option<Position>>,
    },
    Signed {
        besides: EpochId,
        after: Seq,
        answer: oneshot::Sender<Signed>,
    },
    /// A look through a whole log has found these, or that there are none.
    Holes {
        log: Log,
        holes: Vec<Hole>,
        answer: oneshot::Sender<()>,
    },
    Mend {
        journal: JournalId,
        after: Position,
        frames: Vec<u8>,
        answer: oneshot::Sender<bool>,
    },
    Stop {
        answer: oneshot::Sender<()>,
    },
}

impl Input {
    /// How many bytes of frames it brings, nearly.
    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::Enroll { prepared, .. } => prepared.sealed.frame_bytes(),
            Self::Change { change, .. } => change.sealed.frame_bytes(),
            Self::Mend { frames, .. } => frames.len(),
            Self::News { news, .. } => news.iter().map(SignedNews::size_bytes).sum(),
            _ => 0,
        }
    }
}
