//! Where the two logs of a data dir lie, and their birth.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use wasl_protocol::entry::{Genesis, Log as Purpose};
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::join::Joined;
use wasl_protocol::keys::DataKey;

use super::EngineError;
use crate::journal::{self, JournalError, Log};
use crate::keystore::Identity;
use crate::seam::{Disk, World};

/// The folder of the journals of a data dir.
pub fn journals(dir: &Path) -> PathBuf {
    dir.join("journal")
}

/// The folder of the inboxes of a data dir.
pub fn inboxes(dir: &Path) -> PathBuf {
    dir.join("inbox")
}

/// The folder of the view of a data dir.
pub(super) fn view_dir(dir: &Path) -> PathBuf {
    dir.join("view")
}

/// Makes the office's inbox and journal, durable, for the office and for HQ to read. Those that are
/// there already stay: joining may be tried again.
pub fn birth(
    world: &World,
    identity: &Identity,
    joined: &Joined,
) -> Result<JournalId, EngineError> {
    one(world, identity, joined, Purpose::Inbox)?;
    one(world, identity, joined, Purpose::Journal)
}

fn one(
    world: &World,
    identity: &Identity,
    joined: &Joined,
    purpose: Purpose,
) -> Result<JournalId, EngineError> {
    let folder = match purpose {
        Purpose::Journal => journals(identity.dir()),
        Purpose::Inbox => inboxes(identity.dir()),
    };
    if let Some(id) = journal::logs_in(&*world.disk, &folder)?.first() {
        return Ok(*id);
    }
    let id = JournalId(world.entropy.random_u64());
    let data_key = DataKey::new(world.entropy.random());
    let readers = [identity.unwrap_key().wrap_key(), joined.hq_wrap_key];
    let readers = readers.map(|reader| (reader, world.entropy.random()));
    let (office, sign_key) = (joined.office.clone(), identity.sign_key().verify_key());
    let born_at = world.clock.unix();
    let genesis = Genesis::new(purpose, office, born_at, sign_key, (&data_key, id), &readers)
        .map_err(EngineError::WrapKey)?;
    Log::create(&world.disk, &folder, id, &genesis)?;
    Ok(id)
}

/// The mark in the folder of an inbox that is damaged.
const DAMAGED: &str = "damaged";

/// The file that says that an inbox is damaged.
pub(super) fn damage_mark(dir: &Path, inbox: JournalId) -> PathBuf {
    journal::log_dir(&inboxes(dir), inbox).join(DAMAGED)
}

/// There is a new inbox. The old one, if there was any, is kept aside.
pub(super) struct Renewed {
    pub(super) aside: Option<PathBuf>,
}

/// Makes a new, empty inbox where there is none, or only a damaged one, which is kept aside: all
/// that was in it is HQ's, who sends it again. Answers whether there is a new one.
pub(super) fn renew_inbox(world: &World, dir: &Path) -> Result<Option<Renewed>, JournalError> {
    let (disk, folder) = (&world.disk, inboxes(dir));
    let old = match journal::logs_in(&**disk, &folder)?[..] {
        [id] if !disk.exists(&damage_mark(dir, id)) => {
            let opened = Log::open_read(disk, &folder, Purpose::Inbox, id);
            match opened.and_then(|mut log| log.genesis()) {
                Err(JournalError::Hole { .. }) => Some(id),
                _ => return Ok(None),
            }
        }
        [id] => Some(id),
        [] => None,
        _ => return Ok(None),
    };
    let id = newest(world, dir)?;
    let mut journal = Log::open_read(disk, &journals(dir), Purpose::Journal, id)?;
    let readers = journal.genesis()?;
    let aside = old.map(|old| set_aside(&**disk, &folder, old)).transpose();
    let aside = aside.map_err(|source| JournalError::Io { path: folder.clone(), source })?;
    let id = JournalId(world.entropy.random_u64());
    let data_key = DataKey::new(world.entropy.random());
    let keys: Vec<_> = readers.keys.iter().map(|key| (key.to, world.entropy.random())).collect();
    let (office, sign_key) = (readers.office, readers.sign_key);
    let born_at = world.clock.unix();
    let genesis = Genesis::new(Purpose::Inbox, office, born_at, sign_key, (&data_key, id), &keys);
    let genesis = genesis.map_err(|_| JournalError::Hole {
        path: journals(dir),
        why: "the journal's first entry names keys that are none",
    })?;
    Log::create(disk, &folder, id, &genesis)?;
    Ok(Some(Renewed { aside }))
}

/// A start that is cut short behind this finds no inbox, and makes one.
fn set_aside(disk: &dyn Disk, folder: &Path, old: JournalId) -> io::Result<PathBuf> {
    let damaged = journal::log_dir(folder, old);
    let aside = |n: u32| damaged.with_added_extension(format!("damaged-{n}"));
    let aside = (1..u32::MAX).map(aside).find(|path| !disk.exists(path));
    let aside = aside.expect("a disk is replaced before that");
    disk.rename(&damaged, &aside)?;
    disk.sync_dir(folder)?;
    Ok(aside)
}

/// Which logs an office has.
pub(super) struct Ids {
    /// The journals before the newest, oldest first, each with where the next goes on from it.
    pub(super) older: Vec<(JournalId, Position)>,
    /// The newest journal, which is written.
    pub(super) journal: JournalId,
    pub(super) inbox: JournalId,
}

/// The logs of a data dir.
pub(super) fn ids(world: &World, dir: &Path) -> Result<Ids, JournalError> {
    let (older, journal) = chain(world, dir)?;
    Ok(Ids { older, journal, inbox: journal::only_log_in(&*world.disk, &inboxes(dir))? })
}

/// The newest journal of a data dir.
pub(super) fn newest(world: &World, dir: &Path) -> Result<JournalId, JournalError> {
    Ok(chain(world, dir)?.1)
}

/// The journals of a data dir: each but the first goes on from the one before it.
fn chain(
    world: &World,
    dir: &Path,
) -> Result<(Vec<(JournalId, Position)>, JournalId), JournalError> {
    let (disk, folder) = (&world.disk, journals(dir));
    let found = journal::logs_in(&**disk, &folder)?;
    if let [only] = found[..] {
        return Ok((Vec::new(), only));
    }
    let odd = JournalError::Count { path: folder.clone(), found: found.len() };
    let mut after = BTreeMap::new();
    for id in found {
        let mut log = Log::open_read(disk, &folder, Purpose::Journal, id)?;
        after.insert(id, log.genesis()?.after);
    }
    let followed: BTreeSet<_> = after.values().flatten().map(|(before, _)| *before).collect();
    let mut ends = after.keys().copied().filter(|id| !followed.contains(id));
    let (Some(newest), None) = (ends.next(), ends.next()) else { return Err(odd) };
    let (mut older, mut at) = (Vec::new(), newest);
    // The first may itself go on from one that another machine had.
    while let Some((before, end)) = after.remove(&at).flatten().filter(|b| after.contains_key(&b.0))
    {
        older.push((before, end));
        at = before;
    }
    older.reverse();
    if after.is_empty() { Ok((older, newest)) } else { Err(odd) }
}
