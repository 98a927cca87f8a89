//! What people were answered, and what each of them truly had read: kept outside of the product, by
//! the number that stands in every value.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{Dot, EpochId, Head, JournalId, Position, RecordId};
use wasl_protocol::record::{RecordState, Value};
use wasl_protocol::units::Seq;
use wasl_protocol::wire::Ack;

/// An edit that somebody made, or tried to.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// At which office; none: at HQ.
    pub(super) office: Option<usize>,
    pub(super) record: RecordId,
    pub(super) groups: BTreeSet<String>,
    /// The edits that its author had seen, and all that their authors had.
    pub(super) saw: BTreeSet<u64>,
    /// Was its author answered?
    pub(super) answered: Option<(Dot, Position)>,
    /// Does the disk of its office still hold what was answered?
    pub(super) here: bool,
    /// Has it been seen in some state?
    pub(super) seen: bool,
    /// Has HQ's staff refused it?
    pub(super) refused: bool,
}

/// A record that somebody opened, or tried to.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) record: RecordId,
    pub(super) office: usize,
    pub(super) form: String,
    /// What was posted.
    pub(super) text: String,
    pub(super) uid: u64,
}

/// Everything that is known of the truth.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) made: BTreeMap<u64, Made>,
    pub(super) opened: Vec<Opened>,
    /// The head after each entry, wherever it was learnt first.
    pub(super) heads: BTreeMap<(JournalId, Seq), Head>,
    /// The same of what HQ has acknowledged.
    pub(super) taken: BTreeMap<(JournalId, Seq), Head>,
    /// Journals of a disk that was put back: there, and only there, HQ may have other entries.
    pub(super) parted: BTreeSet<JournalId>,
    /// How far HQ has acknowledged each journal.
    pub(super) acked: BTreeMap<JournalId, Position>,
    /// The same, but for what it lost when its database was put back.
    pub(super) kept: BTreeMap<JournalId, Position>,
    /// The edit behind each dot that was answered.
    pub(super) dots: BTreeMap<Dot, u64>,
    /// Records of which HQ said what offices cannot read.
    pub(super) unread: BTreeSet<RecordId>,
    /// Records of which staff refused an edit.
    pub(super) refused_in: BTreeSet<RecordId>,
    /// Enrollments that were journalled a second time, since the first lay in a hole.
    pub(super) doubled: BTreeSet<u64>,
    /// The lives of HQ's database, in their order.
    pub(super) lives: Vec<EpochId>,
    next_uid: u64,
}

impl Oracle {
    pub(super) fn next_uid(&mut self) -> u64 {
        self.next_uid += 1;
        self.next_uid
    }

    /// Is one cursor the other, or before it?
    pub(super) fn is_behind(&self, before: Cursor, cursor: Cursor) -> bool {
        let life = |cursor: Cursor| self.lives.iter().position(|epoch| *epoch == cursor.epoch);
        (life(before), before.feed) <= (life(cursor), cursor.feed)
    }

    /// Somebody makes an edit of a record that he has read as this.
    pub(super) fn makes(
        &mut self,
        office: Option<usize>,
        record: RecordId,
        groups: &[&str],
        read: Option<&RecordState<Value>>,
    ) -> u64 {
        let uid = self.next_uid();
        let mut saw = BTreeSet::new();
        for visible in read.into_iter().flat_map(uids) {
            saw.insert(visible);
            if let Some(made) = self.made.get_mut(&visible) {
                made.seen = true;
                saw.extend(&made.saw);
            }
        }
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let made = Made {
            office,
            record,
            groups,
            saw,
            answered: None,
            here: true,
            seen: false,
            refused: false,
        };
        self.made.insert(uid, made);
        uid
    }

    /// The head after an entry; the one known before, if it is another.
    pub(super) fn learn(&mut self, journal: JournalId, at: Position) -> Option<Head> {
        let known = *self.heads.entry((journal, at.seq)).or_insert(at.head);
        (known != at.head).then_some(known)
    }

    /// HQ has acknowledged this entry; says whether that is at odds with what it, or its office,
    /// had there before.
    pub(super) fn took(&mut self, journal: JournalId, at: Position) -> bool {
        let taken = *self.taken.entry((journal, at.seq)).or_insert(at.head) != at.head;
        taken || (!self.parted.contains(&journal) && self.learn(journal, at).is_some())
    }

    pub(super) fn acked(&mut self, ack: &Ack) {
        for positions in [&mut self.acked, &mut self.kept] {
            let newest = positions.entry(ack.journal).or_insert(ack.stored);
            if ack.stored.seq > newest.seq {
                *newest = ack.stored;
            }
        }
    }

    /// All answered edits of an office.
    pub(super) fn answered_at(&self, office: usize) -> impl Iterator<Item = (u64, Dot, Position)> {
        self.made.iter().filter_map(move |(uid, made)| {
            let (dot, at) = made.answered.filter(|_| made.office == Some(office))?;
            Some((*uid, dot, at))
        })
    }
}

/// The edits whose values stand in a state.
pub(super) fn uids(state: &RecordState<Value>) -> BTreeSet<u64> {
    state.groups.values().flat_map(|values| values.values()).filter_map(uid).collect()
}

/// The edit that wrote a value.
pub(super) fn uid(value: &Value) -> Option<u64> {
    let (_, rest) = value.json.as_str().split_once("\"uid\":\"")?;
    rest.split_once('"')?.0.parse().ok()
}

/// The edits whose values stand in one group.
pub(super) fn uids_in(state: &RecordState<Value>, group: &str) -> BTreeSet<u64> {
    let values = state.groups.iter().find(|(name, _)| name.as_str() == group);
    values.into_iter().flat_map(|(_, values)| values.values()).filter_map(uid).collect()
}
