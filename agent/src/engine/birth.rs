//! Where the two logs of a data dir lie, and their birth.

use std::path::{Path, PathBuf};

use wasl_protocol::entry::{Genesis, Log as Purpose};
use wasl_protocol::id::JournalId;
use wasl_protocol::join::Joined;
use wasl_protocol::keys::DataKey;

use super::EngineError;
use crate::journal::{self, JournalError, Log};
use crate::keystore::Identity;
use crate::seam::World;

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

/// Both logs' ids, journal first.
pub(super) fn ids(world: &World, dir: &Path) -> Result<(JournalId, JournalId), JournalError> {
    let journal = journal::only_log_in(&*world.disk, &journals(dir))?;
    Ok((journal, journal::only_log_in(&*world.disk, &inboxes(dir))?))
}
