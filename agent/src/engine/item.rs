//! What an entry does to the view, without the values it carries.

use wasl_protocol::codec;
use wasl_protocol::edition::Step as ConfigStep;
use wasl_protocol::entry::{Cursor, Edit, Opening};
use wasl_protocol::frame::{Frame, Kind};
use wasl_protocol::id::{Dot, GroupName, JournalId, RecordId, Tag};
use wasl_protocol::keys::DataKey;
use wasl_protocol::news::{Fate, News, Says, SignedNews};
use wasl_protocol::pack::Unpacker;
use wasl_protocol::record::{RecordState, VersionVector};
use wasl_protocol::units::Seq;

use super::tally::Arrival;
use crate::journal::Step;

/// One entry, as the fold sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// An edit in our journal.
    Edit(OwnEdit),
    /// A state in our inbox.
    State { seq: Seq, state: Box<RecordState<Tag>> },
    /// A record has left our scope.
    Withdrawn(RecordId),
    /// What became of an entry that HQ held.
    Fate { seq: Seq, fate: Box<Fate> },
    /// News that only a newer version can read.
    Newer { seq: Seq, record: Option<RecordId> },
    /// How far HQ's feed has been taken.
    Cursor(Cursor),
    /// A step of an edition's way, in our journal.
    Config(Box<ConfigStep>),
    /// Nothing for the view.
    Nothing,
    /// It does not open or decode: kept, and not folded.
    Unreadable(Seq),
}

impl Item {
    /// What the entry `seq` of our inbox says, if it says this.
    pub(super) fn of_news(seq: Seq, news: News) -> Self {
        match (news.says, news.record) {
            (Says::State(state), _) => {
                Self::State { seq, state: Box::new(state.map(|_, _, value| value.tag)) }
            }
            (Says::Withdrawn, Some(record)) => Self::Withdrawn(record),
            (Says::Withdrawn, None) => Self::Unreadable(seq),
            (Says::Fate(fate), _) => Self::Fate { seq, fate: Box::new(fate) },
            (Says::Newer(_), record) => Self::Newer { seq, record },
        }
    }
}

/// An edit, without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnEdit {
    pub(super) dot: Dot,
    pub(super) tag: Tag,
    pub(super) context: VersionVector,
    pub(super) record: RecordId,
    pub(super) opening: Option<Opening>,
    /// As is `opening`: in the edit that opens the record.
    pub(super) arrival: Option<Arrival>,
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

/// The news in a frame of an inbox, as it was signed; none if it does not open.
pub(super) fn news(
    frame: &Frame<'_>,
    log: JournalId,
    key: &DataKey,
    unpacker: &mut Unpacker,
) -> Option<SignedNews> {
    codec::decode(&plain(frame, log, key, unpacker)?).ok()
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
                Item::Edit(OwnEdit {
                    dot: Dot { journal: log, seq },
                    tag: step.after.head.tag(),
                    context: step.frame.context.clone(),
                    record: edit.record,
                    arrival: Arrival::of(&edit),
                    opening: edit.opening,
                    groups: edit.groups.into_keys().collect(),
                })
            }),
        Kind::NEWS => news(&step.frame, log, key, unpacker)
            .and_then(|signed| signed.trusted().ok())
            .map(|news| Item::of_news(seq, news)),
        Kind::CURSOR => plain(&step.frame, log, key, unpacker)
            .and_then(|plain| codec::decode(&plain).ok())
            .map(Item::Cursor),
        Kind::CONFIG => plain(&step.frame, log, key, unpacker)
            .and_then(|plain| ConfigStep::decode(&plain).ok())
            .map(|step| Item::Config(Box::new(step))),
        _ => None,
    };
    opened.unwrap_or(Item::Unreadable(seq))
}
