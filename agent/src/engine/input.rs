//! What the edges ask of the engine.

use tokio::sync::oneshot;
use wasl_protocol::entry::{Cursor, SignedState};
use wasl_protocol::id::{JournalId, Position, RecordId};
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::{Ack, Standing};

use super::handle::{Change, Enrolled, Found, Listed, Prepared, Refused, Run};

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
    States {
        states: Vec<SignedState>,
        upto: Cursor,
        answer: oneshot::Sender<()>,
    },
    Acked {
        ack: Ack,
        at: UnixMs,
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
        answer: oneshot::Sender<Vec<Listed>>,
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
            Self::States { states, .. } => states.iter().map(SignedState::size_bytes).sum(),
            _ => 0,
        }
    }
}
