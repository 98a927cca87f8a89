//! Both logs and the view of one office: what there is, and how entries change it. Knows nothing
//! of who asks, of turns or of receipts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use wasl_protocol::codec;
use wasl_protocol::entry::{Edit, Log as Purpose, SignedState, StateFor};
use wasl_protocol::frame::Frame;
use wasl_protocol::id::{Dot, GroupName, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::keys::DataKey;
use wasl_protocol::pack::Unpacker;
use wasl_protocol::record::{Applied, Origin, RecordState, Value, siblings};
use wasl_protocol::units::{Seq, UnixMs};

use super::birth::{ids, inboxes, journals};
use super::item::{self, Act, Item};
use super::rows::Rows;
use crate::journal::{JournalError, Log, Torn, log_dir};
use crate::keystore::Identity;
use crate::seam::World;
use crate::view::{Meta, Place, Row, ViewError};

/// Both logs, open, and their keys.
#[derive(Debug)]
pub(super) struct Logs {
    pub(super) office: OfficeId,
    pub(super) journal: Log,
    pub(super) inbox: Log,
    pub(super) journal_key: DataKey,
    pub(super) inbox_key: DataKey,
}

/// What was known to be durable before the logs are opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) journal: Option<Position>,
    pub(super) inbox: Option<Position>,
}

impl Logs {
    /// Opens both logs for writing, their ends mended.
    pub(super) fn open(
        world: &World,
        identity: &Identity,
        known: Known,
    ) -> Result<(Self, Vec<Torn>), JournalError> {
        let (disk, dir) = (&world.disk, identity.dir());
        let (journal, inbox) = ids(world, dir)?;
        let (journal, torn) =
            Log::open(disk, &journals(dir), Purpose::Journal, journal, known.journal)?;
        let (inbox, torn_inbox) =
            Log::open(disk, &inboxes(dir), Purpose::Inbox, inbox, known.inbox)?;
        let torn = torn.into_iter().chain(torn_inbox).collect();
        Ok((Self::with_keys(identity, journal, inbox)?, torn))
    }

    /// Opens both logs for reading; nothing on disk is changed.
    pub(super) fn open_read(world: &World, identity: &Identity) -> Result<Self, JournalError> {
        let (disk, dir) = (&world.disk, identity.dir());
        let (journal, inbox) = ids(world, dir)?;
        let journal = Log::open_read(disk, &journals(dir), Purpose::Journal, journal)?;
        let inbox = Log::open_read(disk, &inboxes(dir), Purpose::Inbox, inbox)?;
        Self::with_keys(identity, journal, inbox)
    }

    fn with_keys(
        identity: &Identity,
        mut journal: Log,
        mut inbox: Log,
    ) -> Result<Self, JournalError> {
        let dir = identity.dir();
        let (journal_key, office) = unlock(&mut journal, &journals(dir), identity)?;
        let (inbox_key, _) = unlock(&mut inbox, &inboxes(dir), identity)?;
        Ok(Self { office, journal, inbox, journal_key, inbox_key })
    }

    /// What an empty view of these logs says of itself.
    pub(super) fn empty_meta(&self) -> Meta {
        Meta::empty(self.journal.id(), self.inbox.id())
    }

    /// Does `meta` say only what these logs hold?
    pub(super) fn hold(&mut self, meta: &Meta) -> Result<bool, JournalError> {
        Ok(self.journal.position(meta.journal.seq)? == Some(meta.journal)
            && self.inbox.position(meta.inbox.seq)? == Some(meta.inbox))
    }

    /// A state with its values, read back from the logs; none if one cannot be read.
    pub(super) fn values(
        &mut self,
        state: &RecordState<Place>,
    ) -> Result<Option<RecordState<Value>>, JournalError> {
        let mut read = BTreeMap::new();
        let places = state.groups.values().flatten();
        for (dot, place) in places {
            let source = (place.inbox, dot.seq);
            if let Entry::Vacant(entry) = read.entry(source) {
                entry.insert(self.source(*dot, place)?);
            }
        }
        let mut whole = true;
        let groups = state.groups.iter().map(|(group, values)| {
            let values = values.iter().filter_map(|(dot, place)| {
                let value =
                    read[&(place.inbox, dot.seq)].as_ref().and_then(|s| s.value(group, *dot));
                let value = value.filter(|value| value.tag == place.tag);
                whole &= value.is_some();
                Some((*dot, value?))
            });
            (group.clone(), values.collect())
        });
        let groups = groups.collect();
        let (origin, posted, seen) =
            (state.origin.clone(), state.posted.clone(), state.seen.clone());
        Ok(whole.then_some(RecordState { origin, posted, seen, groups }))
    }

    /// The entry that holds a value.
    fn source(&mut self, dot: Dot, place: &Place) -> Result<Option<Source>, JournalError> {
        let (log, key, seq) = match place.inbox {
            Some(seq) => (&mut self.inbox, &self.inbox_key, seq),
            None => (&mut self.journal, &self.journal_key, dot.seq),
        };
        let Some((bytes, after)) = log.entry(seq)? else { return Ok(None) };
        let frame = Frame::parse(&bytes).ok();
        let plain = frame.and_then(|f| item::plain(&f, log.id(), key, &mut Unpacker::new()));
        let Some(plain) = plain else { return Ok(None) };
        if place.inbox.is_some() {
            let signed: Option<SignedState> = codec::decode(&plain).ok();
            return Ok(signed.and_then(|s| s.trusted().ok()).map(Source::State));
        }
        let by = self.office.clone();
        Ok(Edit::decode(&plain).ok().map(|edit| Source::Edit { edit, by, after }))
    }

    /// When the entry `seq` of our journal was written, by its own word.
    pub(super) fn written_at(&mut self, seq: Seq) -> Result<Option<UnixMs>, JournalError> {
        if seq == Seq(1) {
            return Ok(Some(self.journal.genesis()?.born_at));
        }
        let Some((bytes, _)) = self.journal.entry(seq)? else { return Ok(None) };
        let (id, key) = (self.journal.id(), &self.journal_key);
        let frame = Frame::parse(&bytes).ok();
        let plain = frame.and_then(|f| item::plain(&f, id, key, &mut Unpacker::new()));
        Ok(plain.and_then(|plain| Edit::decode(&plain).ok()).map(|edit| edit.at))
    }
}

/// The data key of a log, and whose log it is.
fn unlock(
    log: &mut Log,
    folder: &Path,
    identity: &Identity,
) -> Result<(DataKey, OfficeId), JournalError> {
    let genesis = log.genesis()?;
    let key = genesis.data_key(log.id(), &identity.unwrap_key());
    let foreign = |_| JournalError::Hole {
        path: log_dir(folder, log.id()),
        why: "the log belongs to another installation: it does not open with these keys",
    };
    Ok((key.map_err(foreign)?, genesis.office))
}

/// An entry that holds values.
enum Source {
    Edit { edit: Edit, by: OfficeId, after: Position },
    State(StateFor),
}

impl Source {
    fn value(&self, group: &GroupName, dot: Dot) -> Option<Value> {
        match self {
            Self::State(state) => state.state.groups.get(group)?.get(&dot).cloned(),
            Self::Edit { edit, by, after } => Some(Value {
                json: edit.groups.get(group)?.clone(),
                by: by.clone(),
                at: edit.at,
                operator: edit.operator.clone(),
                tag: after.head.tag(),
            }),
        }
    }
}

/// Folds one entry into the rows. The row that it left in an undecided conflict, if any: several
/// values of one group, of which the caller has to say whether they differ.
pub(super) fn fold(
    rows: &mut Rows,
    office: &OfficeId,
    ours: JournalId,
    item: Item,
) -> Result<Option<RecordId>, ViewError> {
    match item {
        Item::Edit(act) => edit(rows, office, act),
        Item::State { seq, state } => merge(rows, ours, seq, &state),
        Item::Cursor(cursor) => {
            rows.cursor(cursor);
            Ok(None)
        }
        Item::Nothing => Ok(None),
        Item::Unreadable(seq) => {
            tracing::error!(%seq, "an entry does not open: it is kept and not folded");
            Ok(None)
        }
    }
}

fn edit(rows: &mut Rows, office: &OfficeId, act: Act) -> Result<Option<RecordId>, ViewError> {
    let mut row = match (rows.get(act.record)?, &act.opening) {
        (Some(row), _) => row,
        (None, Some(opening)) => {
            let form_number = opening.form_number.clone();
            let origin = Origin { office: office.clone(), form_number };
            let (ordinal, state) = (rows.meta().records, RecordState::new(origin));
            Row { ordinal, opened: None, conflict: false, state }
        }
        (None, None) => {
            tracing::error!(dot = %act.dot, "an edit of a record that is not there: not folded");
            return Ok(None);
        }
    };
    let was = row.conflict;
    if act.opening.is_some() && row.opened.is_none() {
        row.opened = Some(act.dot.seq);
    }
    let place = Place { tag: act.tag, inbox: None };
    let groups = act.groups.into_iter().map(|group| (group, place));
    let posted = act.opening.map(|opening| opening.posted);
    if let Applied::WaitsFor(dot) = row.state.apply(act.dot, &act.context, posted, groups) {
        tracing::error!(entry = %act.dot, waits_for = %dot, "an edit is held");
    }
    Ok(put(rows, row, was))
}

fn merge(
    rows: &mut Rows,
    ours: JournalId,
    seq: Seq,
    state: &RecordState<wasl_protocol::id::Tag>,
) -> Result<Option<RecordId>, ViewError> {
    let theirs =
        state.map(|_, dot, tag| Place { tag: *tag, inbox: (dot.journal != ours).then_some(seq) });
    if let Some(mut row) = rows.get(state.origin.id())? {
        let was = row.conflict;
        row.state.merge(&theirs);
        return Ok(put(rows, row, was));
    }
    let ordinal = rows.meta().records;
    Ok(put(rows, Row { ordinal, opened: None, conflict: false, state: theirs }, false))
}

/// Puts a row in whose conflict is settled where it can be without reading values.
fn put(rows: &mut Rows, mut row: Row, was: bool) -> Option<RecordId> {
    let several = row.state.groups.values().any(|values| values.len() > 1);
    row.conflict = several;
    let undecided = several.then(|| row.record());
    rows.put(row, was);
    undecided
}

/// Looks at the values of a record that has several in one group, and notes whether they differ.
pub(super) fn decide(
    logs: &mut Logs,
    rows: &mut Rows,
    record: RecordId,
) -> Result<(), super::EngineError> {
    let Some(mut row) = rows.get(record)? else { return Ok(()) };
    if let Some(state) = logs.values(&row.state)? {
        let was = row.conflict;
        row.conflict = state.groups.values().any(|values| siblings(values).len() > 1);
        rows.put(row, was);
    }
    Ok(())
}
