//! The logs of one office, open, and what is read back from them. Knows nothing of who asks, of
//! turns or of receipts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use wasl_protocol::edition::Step;
use wasl_protocol::entry::{Edit, Log as Purpose};
use wasl_protocol::frame::{Frame, Kind};
use wasl_protocol::id::{Dot, GroupName, JournalId, OfficeId, Position};
use wasl_protocol::keys::DataKey;
use wasl_protocol::news::Says;
use wasl_protocol::pack::Unpacker;
use wasl_protocol::record::{RecordState, Value, VersionVector};
use wasl_protocol::units::{Seq, UnixMs};

use super::birth::{Ids, ids, inboxes, journals};
use super::item;
use crate::journal::{JournalError, Log, Stretch, Torn, Walk, log_dir};
use crate::keystore::Identity;
use crate::mirror::{self, Restored};
use crate::seam::World;
use crate::view::{Meta, Place};

/// The logs, open, and their keys.
#[derive(Debug)]
pub(super) struct Logs {
    pub(super) office: OfficeId,
    /// The journals before the newest, oldest first.
    pub(super) older: Vec<Older>,
    /// The newest journal, which is written.
    pub(super) journal: Log,
    pub(super) inbox: Log,
    pub(super) journal_key: DataKey,
    pub(super) inbox_key: DataKey,
    pub(super) ours: Ours,
}

/// A journal that another one goes on from. Nothing is written to it any more; what lies behind its
/// end is not ours.
#[derive(Debug)]
pub(super) struct Older {
    pub(super) log: Log,
    pub(super) key: DataKey,
    pub(super) end: Position,
}

impl Older {
    fn open(
        world: &World,
        identity: &Identity,
        (id, end): (JournalId, Position),
    ) -> Result<Self, JournalError> {
        let folder = journals(identity.dir());
        let mut log = Log::open_read(&world.disk, &folder, Purpose::Journal, id)?;
        let path = log_dir(&folder, id);
        match log.position(end.seq)? {
            Some(at) if at != end => {
                let why = "the log does not hold the entry that the next one goes on from";
                return Err(JournalError::Hole { path, why });
            }
            None if log.head().seq < end.seq => {
                return Err(JournalError::Lost { path, end: log.head().seq, known: end.seq });
            }
            _ => {} // in a hole nobody here knows better
        }
        let (key, _) = unlock(&mut log, &folder, identity)?;
        Ok(Self { log, key, end })
    }
}

/// Which entries are this office's own: up to here in each of its journals.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours(Vec<(JournalId, Seq)>);

impl Ours {
    pub(super) fn holds(&self, dot: Dot) -> bool {
        self.0.iter().any(|(journal, end)| dot.journal == *journal && dot.seq <= *end)
    }
}

/// What was known to be durable before the logs are opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) journal: Option<Position>,
    pub(super) inbox: Option<Position>,
}

impl Logs {
    /// Opens the newest journal and the inbox for writing, their ends mended.
    pub(super) fn open(
        world: &World,
        identity: &Identity,
        known: Known,
    ) -> Result<(Self, Vec<Torn>), JournalError> {
        let (disk, dir) = (&world.disk, identity.dir());
        let Ids { older, journal, inbox } = ids(world, dir)?;
        let (journal, torn) =
            Log::open(disk, &journals(dir), Purpose::Journal, journal, known.journal)?;
        let (inbox, torn_inbox) =
            Log::open(disk, &inboxes(dir), Purpose::Inbox, inbox, known.inbox)?;
        let torn = torn.into_iter().chain(torn_inbox).collect();
        Ok((Self::with_keys(world, identity, (&older, journal, inbox))?, torn))
    }

    /// Opens all logs for reading; nothing on disk is changed.
    pub(super) fn open_read(world: &World, identity: &Identity) -> Result<Self, JournalError> {
        let (disk, dir) = (&world.disk, identity.dir());
        let Ids { older, journal, inbox } = ids(world, dir)?;
        let journal = Log::open_read(disk, &journals(dir), Purpose::Journal, journal)?;
        let inbox = Log::open_read(disk, &inboxes(dir), Purpose::Inbox, inbox)?;
        Self::with_keys(world, identity, (&older, journal, inbox))
    }

    fn with_keys(
        world: &World,
        identity: &Identity,
        (older, mut journal, mut inbox): (&[(JournalId, Position)], Log, Log),
    ) -> Result<Self, JournalError> {
        let dir = identity.dir();
        let (journal_key, office) = unlock(&mut journal, &journals(dir), identity)?;
        let (inbox_key, _) = unlock(&mut inbox, &inboxes(dir), identity)?;
        let older = older.iter().map(|older| Older::open(world, identity, *older));
        let older: Vec<_> = older.collect::<Result<_, _>>()?;
        let ends = older.iter().map(|older| (older.log.id(), older.end.seq));
        // Nobody else writes to the newest one.
        let ours = Ours(ends.chain([(journal.id(), Seq(u64::MAX))]).collect());
        Ok(Self { office, older, journal, inbox, journal_key, inbox_key, ours })
    }

    /// Our journals, oldest first, and where each ends.
    pub(super) fn ends(&self) -> impl Iterator<Item = (JournalId, Position)> {
        let older = self.older.iter().map(|older| (older.log.id(), older.end));
        older.chain([(self.journal.id(), self.journal.head())])
    }

    /// One of our journals, its key and its end.
    fn own(&mut self, journal: JournalId) -> Option<(&mut Log, &DataKey, Position)> {
        if self.journal.id() == journal {
            let end = self.journal.head();
            return Some((&mut self.journal, &self.journal_key, end));
        }
        let older = self.older.iter_mut().find(|older| older.log.id() == journal)?;
        Some((&mut older.log, &older.key, older.end))
    }

    /// Where our journal stood with this entry; none if it has no such entry, or it is damaged.
    pub(super) fn position(&mut self, dot: Dot) -> Result<Option<Position>, JournalError> {
        let Some((log, _, end)) = self.own(dot.journal) else { return Ok(None) };
        if dot.seq <= end.seq { log.position(dot.seq) } else { Ok(None) }
    }

    /// Frames of one of our journals: see [`Log::read`].
    pub(super) fn read(
        &mut self,
        journal: JournalId,
        after: Position,
        max_bytes: usize,
    ) -> Result<Option<Stretch>, JournalError> {
        let Some((log, _, end)) = self.own(journal) else { return Ok(None) };
        if after.seq >= end.seq {
            return Ok(None);
        }
        let found = log.read(after, max_bytes)?;
        Ok(found.map(|mut found| {
            if found.last.seq > end.seq {
                let mut walk = Walk::new(&found.frames, 0, after);
                while walk.at().seq < end.seq && walk.next().is_some() {}
                let bytes = walk.offset();
                (found.last, found.frames) = (walk.at(), found.frames[..bytes].to_vec());
            }
            found
        }))
    }

    /// The newest journal and the inbox, for whoever copies them.
    pub(super) fn sources(&self, dir: &Path) -> mirror::Sources {
        let source = |log: &Log, folder, before| mirror::Source {
            purpose: log.purpose(),
            folder,
            id: log.id(),
            end: log.head(),
            before,
        };
        let older = |older: &Older| source(&older.log, journals(dir), Vec::new());
        let before = self.older.iter().map(older).collect();
        [
            source(&self.journal, journals(dir), before),
            source(&self.inbox, inboxes(dir), Vec::new()),
        ]
    }

    /// Takes back what only the mirror at `place` still has.
    pub(super) fn take_back(
        &mut self,
        world: &World,
        dir: &Path,
        place: &Path,
    ) -> Result<Vec<Restored>, JournalError> {
        let [journal, inbox] = self.sources(dir);
        let journal = mirror::restore(&world.disk, place, &journal, &mut self.journal)?;
        let inbox = mirror::restore(&world.disk, place, &inbox, &mut self.inbox)?;
        Ok(journal.into_iter().chain(inbox).collect())
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
            let source = (place.inbox, *dot);
            if let Entry::Vacant(entry) = read.entry(source) {
                entry.insert(self.source(*dot, place)?);
            }
        }
        let mut whole = true;
        let groups = state.groups.iter().map(|(group, values)| {
            let values = values.iter().filter_map(|(dot, place)| {
                let value = read[&(place.inbox, *dot)].as_ref().and_then(|s| s.value(group, *dot));
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
        Ok(match place.inbox {
            Some(seq) => self.told(seq)?.map(Source::State),
            None => self.own_edit(dot)?.map(|own| Source::Edit(own, self.office.clone())),
        })
    }

    /// The edit that this entry of ours is.
    pub(super) fn own_edit(&mut self, dot: Dot) -> Result<Option<Own>, JournalError> {
        let Some((log, key, end)) = self.own(dot.journal) else { return Ok(None) };
        if dot.seq > end.seq {
            return Ok(None);
        }
        let Some((bytes, after)) = log.entry(dot.seq)? else { return Ok(None) };
        let Some(frame) = Frame::parse(&bytes).ok().filter(|f| f.kind == Kind::EDIT) else {
            return Ok(None);
        };
        let plain = item::plain(&frame, dot.journal, key, &mut Unpacker::new());
        let edit = plain.and_then(|plain| Edit::decode(&plain).ok());
        Ok(edit.map(|edit| Own { edit, context: frame.context.clone(), after }))
    }

    /// The state that our inbox's entry `seq` brought.
    pub(super) fn told(&mut self, seq: Seq) -> Result<Option<RecordState<Value>>, JournalError> {
        let Some((bytes, _)) = self.inbox.entry(seq)? else { return Ok(None) };
        let (id, key) = (self.inbox.id(), &self.inbox_key);
        let frame = Frame::parse(&bytes).ok();
        let signed = frame.and_then(|f| item::news(&f, id, key, &mut Unpacker::new()));
        let says = signed.and_then(|signed| signed.trusted().ok()).map(|news| news.says);
        Ok(if let Some(Says::State(state)) = says { Some(state) } else { None })
    }

    /// When this entry of ours was written, by its own word.
    pub(super) fn written_at(&mut self, dot: Dot) -> Result<Option<UnixMs>, JournalError> {
        let Some((log, key, _)) = self.own(dot.journal) else { return Ok(None) };
        if dot.seq == Seq(1) {
            return Ok(Some(log.genesis()?.born_at));
        }
        let Some((bytes, _)) = log.entry(dot.seq)? else { return Ok(None) };
        let Ok(frame) = Frame::parse(&bytes) else { return Ok(None) };
        let plain = item::plain(&frame, dot.journal, key, &mut Unpacker::new());
        Ok(plain.and_then(|plain| match frame.kind {
            Kind::CONFIG => Step::decode(&plain).ok().map(|step| step.at),
            _ => Edit::decode(&plain).ok().map(|edit| edit.at),
        }))
    }
}

/// The data key of a log, and whose log it is.
pub(super) fn unlock(
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

/// An edit of ours, read back.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) edit: Edit,
    pub(super) context: VersionVector,
    after: Position,
}

/// An entry that holds values.
enum Source {
    Edit(Own, OfficeId),
    State(RecordState<Value>),
}

impl Source {
    fn value(&self, group: &GroupName, dot: Dot) -> Option<Value> {
        match self {
            Self::State(state) => state.groups.get(group)?.get(&dot).cloned(),
            Self::Edit(Own { edit, after, .. }, by) => Some(Value {
                json: edit.groups.get(group)?.clone(),
                by: by.clone(),
                at: edit.at,
                operator: edit.operator.clone(),
                tag: after.head.tag(),
            }),
        }
    }
}
