//! What an entry does to the view, without the values it carries.

use wasl_protocol::codec;
use wasl_protocol::entry::{Cursor, Edit, Opening, SignedState};
use wasl_protocol::frame::{Frame, Kind};
use wasl_protocol::id::{Dot, GroupName, JournalId, RecordId, Tag};
use wasl_protocol::keys::DataKey;
use wasl_protocol::pack::Unpacker;
use wasl_protocol::record::{RecordState, VersionVector};
use wasl_protocol::units::Seq;

use crate::journal::Step;

/// One entry, as the fold sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// An edit in our journal.
    Edit(Act),
    /// A state in our inbox.
    State { seq: Seq, state: Box<RecordState<Tag>> },
    /// How far HQ's feed has been taken.
    Cursor(Cursor),
    /// Nothing for the view.
    Nothing,
    /// It does not open or decode: kept, and not folded.
    Unreadable(Seq),
}

/// An edit, without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) dot: Dot,
    pub(super) tag: Tag,
    pub(super) context: VersionVector,
    pub(super) record: RecordId,
    pub(super) opening: Option<Opening>,
    pub(super) groups: Vec<GroupName>,
}

/// The plaintext of a frame; none if it does not open.
pub(super) fn plain(
    frame: &Frame<'_>,
    log: JournalId,
    key: &DataKey,
    unpacker: &mut Unpacker,
) -> Option<Vec<u8>> {
    frame.open(log, key, unpacker).ok()
}

/// Opens the entry at one step of a walk through `log`.
pub(super) fn open(
    step: &Step<'_>,
    log: JournalId,
    key: &DataKey,
    unpacker: &mut Unpacker,
) -> Item {
    let seq = step.after.seq;
    let opened = match step.frame.kind {
        Kind::GENESIS => Some(Item::Nothing),
        Kind::EDIT => plain(&step.frame, log, key, unpacker)
            .and_then(|plain| Edit::decode(&plain).ok())
            .map(|edit| {
                Item::Edit(Act {
                    dot: Dot { journal: log, seq },
                    tag: step.after.head.tag(),
                    context: step.frame.context.clone(),
                    record: edit.record,
                    opening: edit.opening,
                    groups: edit.groups.into_keys().collect(),
                })
            }),
        Kind::STATE => plain(&step.frame, log, key, unpacker)
            .and_then(|plain| codec::decode::<SignedState>(&plain).ok()?.trusted().ok())
            .map(|state| Item::State { seq, state: Box::new(state.state.map(|_, _, v| v.tag)) }),
        Kind::CURSOR => plain(&step.frame, log, key, unpacker)
            .and_then(|plain| codec::decode(&plain).ok())
            .map(Item::Cursor),
        _ => None,
    };
    opened.unwrap_or(Item::Unreadable(seq))
}
