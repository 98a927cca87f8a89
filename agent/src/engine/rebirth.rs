//! The newest journal, born again where HQ's copy of it differs (`wasl_protocol::rebirth`): built
//! aside, then renamed, before the engine opens it. The old one stays as it is.

use std::path::{Path, PathBuf};

use wasl_protocol::codec;
use wasl_protocol::entry::{Cursor, Genesis, Log as Purpose};
use wasl_protocol::frame::{Frame, Kind, Sealed};
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::pack::{Packer, Unpacker};
use wasl_protocol::rebirth::{Born, Old, RebirthError};
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{FeedNo, Seq};

use super::EngineError;
use super::birth::{inboxes, journals, newest, view_dir};
use super::item::{self, Item};
use super::life::Notice;
use super::replica::unlock;
use crate::journal::{ExtendError, JournalError, Log, Walk, log_dir, only_log_in};
use crate::keystore::Identity;
use crate::seam::{World, read_whole, replace};

/// Where the new journal is built, in the folder of the journals. Not a journal's name.
const CRADLE: &str = "born";

/// How many bytes of entries are written again at a time.
const STRETCH_BYTES: usize = 1024 * 1024;

/// The file in a journal's folder that says where it is to be sealed.
fn mark(dir: &Path, journal: JournalId) -> PathBuf {
    log_dir(&journals(dir), journal).join("diverged")
}

/// Asks the next start to seal this journal, the newest one, at this position.
pub(super) fn ask_for(
    world: &World,
    dir: &Path,
    (journal, common): (JournalId, Position),
) -> Result<(), EngineError> {
    let path = mark(dir, journal);
    let written = replace(&*world.disk, &path, &codec::encode(&common));
    written.map_err(|source| EngineError::Io { path, source })
}

/// Has it been asked that the newest journal be sealed? Then this start could not do it.
pub(super) fn is_asked_for(world: &World, dir: &Path) -> Result<bool, EngineError> {
    Ok(asked_for(world, dir)?.is_some())
}

/// Seals the newest journal, if that has been asked for, and goes on in a new one. Where that cannot
/// be done all stays as it was, and the last entry that HQ has too is answered: an alarm.
pub(super) fn reborn_if_asked(
    world: &World,
    identity: &Identity,
    notice: &mut dyn FnMut(Notice),
) -> Result<Option<Seq>, JournalError> {
    let Some(parted) = asked_for(world, identity.dir())? else { return Ok(None) };
    let common = parted.seq;
    Ok(match be_reborn(world, identity, parted) {
        Ok(journal) => {
            notice(Notice::Reborn { journal, common });
            None
        }
        Err(error) => {
            tracing::error!(%error, %common, "the journal that differs from HQ's stays as it is");
            Some(common)
        }
    })
}

/// Where the newest journal is to be sealed, if that has been asked for.
fn asked_for(world: &World, dir: &Path) -> Result<Option<Position>, JournalError> {
    let path = mark(dir, newest(world, dir)?);
    let bytes = if world.disk.exists(&path) { read_whole(&*world.disk, &path).ok() } else { None };
    Ok(bytes.and_then(|bytes| codec::decode(&bytes).ok()))
}

/// Has HQ send all of the scope again: what this disk had of it, or HQ's copy of the old journal has
/// beyond the common entry, is not known to the new one.
fn forget_cursor(world: &World, identity: &Identity) -> Result<(), Stillborn> {
    let (disk, folder) = (&world.disk, inboxes(identity.dir()));
    let Ok(id) = only_log_in(&**disk, &folder) else { return Ok(()) }; // there is a new one then
    let (mut inbox, _) = Log::open(disk, &folder, Purpose::Inbox, id, None)?;
    let (key, _) = unlock(&mut inbox, &folder, identity)?;
    let mut known = None;
    for segment in (0..inbox.segments()).rev() {
        let loaded = inbox.load(segment)?;
        let mut unpacker = Unpacker::new();
        let cursors =
            loaded.walk().filter_map(|step| match item::open(&step, id, &key, &mut unpacker) {
                Item::Cursor(cursor) => Some(cursor),
                _ => None,
            });
        known = cursors.last();
        if known.is_some() {
            break;
        }
    }
    let Some(known) = known.filter(|cursor| cursor.feed > FeedNo(0)) else { return Ok(()) };
    let plain = codec::encode(&Cursor { epoch: known.epoch, feed: FeedNo(0) });
    let random = world.entropy.random();
    let sealed = Sealed::new(id, Kind::CURSOR, &plain, &key, &mut Packer::new(), random);
    inbox.append(&sealed, &VersionVector::default()).map_err(ExtendError::from)?;
    inbox.commit().map_err(|source| EngineError::Io { path: folder, source })?;
    Ok(())
}

/// Why a journal is not born again. The data dir is as it was.
#[derive(Debug, thiserror::Error)]
enum Stillborn {
    /// The logs, or their disk.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its entries.
    #[error(transparent)]
    Rebirth(#[from] RebirthError),
    /// The new log.
    #[error(transparent)]
    Extend(#[from] ExtendError),
    /// The journal was never there.
    #[error("the journal has no such entry {}", .0.seq)]
    Elsewhere(Position),
}

impl From<JournalError> for Stillborn {
    fn from(error: JournalError) -> Self {
        Self::Engine(error.into())
    }
}

/// Seals the newest journal at `common` and writes what follows there again into a new one. A crash
/// at any moment leaves the one or the other.
fn be_reborn(world: &World, identity: &Identity, common: Position) -> Result<JournalId, Stillborn> {
    let (disk, folder) = (&world.disk, journals(identity.dir()));
    let id = newest(world, identity.dir())?;
    let mut old = Log::open_read(disk, &folder, Purpose::Journal, id)?;
    let (key, _) = unlock(&mut old, &folder, identity)?;
    if old.position(common.seq)? != Some(common) {
        return Err(Stillborn::Elsewhere(common));
    }
    let hole = || JournalError::Hole {
        path: log_dir(&folder, id),
        why: "what has to be written again has a hole",
    };
    let first = match old.position(common.seq.next())? {
        Some(first) => Some(first.head),
        None if old.head() == common => None,
        None => return Err(hole().into()),
    };
    let genesis = old.genesis()?;
    let sealed = Old { id, key: &key, genesis: &genesis, common };
    let (fresh, mut frames) = (JournalId(world.entropy.random_u64()), Vec::new());
    let mut born = Born::begin(sealed, first, fresh, &mut frames)?;
    let cradle = folder.join(CRADLE);
    let io = |source| EngineError::Io { path: cradle.clone(), source };
    disk.remove(&cradle).map_err(io)?;
    let genesis = Frame::parse(&frames).ok().and_then(|frame| Genesis::read(&frame).ok());
    Log::create(disk, &cradle, born.id(), &genesis.expect("it has just been written"))?;
    let (mut new, _) = Log::open(disk, &cradle, Purpose::Journal, born.id(), None)?;
    let mut at = common;
    while let Some(stretch) = old.read(at, STRETCH_BYTES)? {
        let mut end = new.head();
        frames.clear();
        for step in Walk::new(&stretch.frames, 0, at) {
            end = born.again(&step.frame, &mut frames)?;
        }
        new.extend(&frames, end.seq)?;
        new.commit().map_err(io)?;
        at = stretch.last;
    }
    if at != old.head() {
        return Err(hole().into());
    }
    drop(new);
    forget_cursor(world, identity)?;
    // Folded anew: its rows know the entries by their old dots.
    crate::view::discard(&view_dir(identity.dir())).map_err(EngineError::from)?;
    let renamed = disk.rename(&log_dir(&cradle, born.id()), &log_dir(&folder, born.id()));
    renamed.and_then(|()| disk.sync_dir(&folder)).map_err(io)?;
    disk.remove(&cradle).map_err(io)?;
    Ok(born.id())
}
