//! `wasl join`: this machine becomes an office.

use schemars::JsonSchema;
use serde::Serialize;
use wasl_protocol::id::OfficeId;
use wasl_protocol::join::{JoinToken, Joined, NotAJoinToken};

use super::owner::become_owner;
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::engine;
use crate::format;
use crate::intake::socket_path;
use crate::keystore::{Identity, KeyFile, KeystoreError, Office};
use crate::link::{self, JoinError, Keys};
use crate::seam::{DirLock, World};

/// With what to join.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The token that `wasl-hq office add` printed
    token: String,
}

/// Joins. Each step can be done again: a command that was cut short is given once more.
pub fn join(place: &Place, args: &Args) -> Result<(), Failure> {
    let token = args.token.parse().map_err(|e: NotAJoinToken| {
        Failure::new(Exit::Usage, format!("join: {e}"))
            .help("copy the whole token, without line breaks")
    })?;
    let (world, dir) = (World::real(), &place.data_dir);
    socket_path(dir)?;
    become_owner(place, true)?;
    format::check(&world, dir)?;
    let key = KeyFile::locate(dir, place.key_file.as_deref())?;
    world.disk.create_dir_all(dir).map_err(|e| Failure::io(dir.display(), &e))?;
    let _lock = DirLock::take(dir)?;
    format::enter(&world, dir)?;
    let identity = Identity::create(&world, dir, &key)?;
    refuse_joined(&world, &identity)?;
    let joined = ask(&token, &identity)?;
    engine::birth(&world, &identity, &joined)?;
    // Last: from here on the data dir is an office's.
    let office = identity.joined(&world, &joined, token.hq, &token.endpoints)?;
    tell(place, &office)
}

fn refuse_joined(world: &World, identity: &Identity) -> Result<(), Failure> {
    match Office::load(world, identity) {
        Ok(office) => {
            let dir = identity.dir().to_owned();
            Err(KeystoreError::AlreadyJoined { dir, office: office.id }.into())
        }
        Err(KeystoreError::NotJoined(_)) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn ask(token: &JoinToken, identity: &Identity) -> Result<Joined, Failure> {
    let (transport, sign_key) = (identity.transport_secret(), identity.sign_key());
    let wrap_key = identity.unwrap_key().wrap_key();
    let keys = Keys { transport_secret: &transport, sign_key: &sign_key, wrap_key };
    let refused = |e: JoinError| {
        let exit = if e.is_passing() { Exit::Again } else { Exit::Failed };
        Failure::new(exit, format!("join: {e}")).help(e.help())
    };
    block_on(async { link::join(token, keys).await.map_err(refused) })
}

/// `join --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Joining {
    schema: &'static str,
    office: OfficeId,
    name_ar: String,
    name_en: String,
}

fn tell(place: &Place, office: &Office) -> Result<(), Failure> {
    if place.json {
        let Office { id, name_ar, name_en, .. } = office.clone();
        return print_json(&Joining { schema: "wasl.joined/1", office: id, name_ar, name_en });
    }
    print(&format!(
        "joined as {}; next: wasl run --data-dir {}\n",
        office.id,
        place.data_dir.display()
    ))
}
