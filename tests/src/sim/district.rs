//! Fourteen offices that have joined an HQ: made once, copied for each world.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasl_agent::engine;
use wasl_agent::keystore::{Identity, KeyFile};
use wasl_agent::seam::RealDisk;
use wasl_protocol::edition::Trust;
use wasl_protocol::id::OfficeId;
use wasl_protocol::join::{JoinRequest, Joined, TransportKey};
use wasl_protocol::keys::SignKey;
use wasl_server_stub::registry::{HqKeys, mint};
use wasl_server_stub::store::{DATABASE, Office, Store};

use super::disk::SimDisk;
use super::machine::{Dice, SimClock, Time};
use crate::sample;

/// What every world begins with.
pub struct District {
    /// The folder with HQ's database and the offices' identities; gone with the district.
    _folder: tempfile::TempDir,
    /// Where each world's database lies: in memory, where the system has such a place.
    pub(super) place: PathBuf,
    pub(super) database: PathBuf,
    pub(super) keys: HqKeys,
    /// Signs editions.
    pub(super) author: SignKey,
    pub(super) members: Vec<Member>,
}

/// One office as it has joined.
pub(super) struct Member {
    pub(super) office: Office,
    pub(super) key: TransportKey,
    pub(super) identity: Identity,
    pub(super) disk: SimDisk,
}

/// A folder that lies in memory on Linux.
const MEMORY: &str = "/dev/shm";

/// The seed of the district's own keys: every world has the same ones.
const SEED: u64 = 14;

impl District {
    /// Makes HQ's keys and database, and has fourteen offices join.
    ///
    /// # Panics
    /// If there is no folder to write to: nothing can be simulated then.
    pub fn new() -> Self {
        let runtime = runtime();
        let memory = Path::new(MEMORY);
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder can be made");
        let place = folder.path().to_owned();
        let (clock, dice) = (SimClock::new(&Time::default(), 0), Dice::new(SEED));
        let world = wasl_server_stub::seam::World {
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(dice.clone()),
        };
        let (keys, author) = HqKeys::generate(&world);
        let author = author.sign_key();
        let database = place.join(DATABASE);
        let members = runtime.block_on(async {
            let store = Store::open(&database, &keys, world.clone()).await.expect("HQ opens");
            let mut members = Vec::new();
            for sample in sample::offices() {
                members.push(join(&store, &keys, &place, &sample, (&clock, &dice)).await);
            }
            store.close().await;
            members
        });
        Self { _folder: folder, place, database, keys, author, members }
    }
}

impl Default for District {
    fn default() -> Self {
        Self::new()
    }
}

/// A runtime for HQ's store: what is asked of it is awaited at once, so it decides nothing.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    let builder = tokio::runtime::Builder::new_current_thread().enable_time().build();
    builder.expect("a runtime on this thread")
}

/// One office joins as the gateway would have it; its logs are born on its simulated disk.
async fn join(
    store: &Store,
    keys: &HqKeys,
    place: &Path,
    sample: &sample::Office,
    (clock, dice): (&SimClock, &Dice),
) -> Member {
    let id: OfficeId = sample.id.parse().expect("a sample office has an id");
    let entropy = Arc::new(dice.clone());
    let hq =
        wasl_server_stub::seam::World { clock: Arc::new(clock.clone()), entropy: entropy.clone() };
    let minted = mint(id.clone(), keys.transport_key(), "hq:1".to_owned(), &hq);
    let names = (sample.name_ar.as_str(), sample.name_en.as_str());
    let added = store.add_office(&id, names, (minted.hash, minted.expires_at)).await;
    added.expect("HQ stores");
    let dir = place.join(id.as_str());
    let real = wasl_agent::seam::World {
        clock: Arc::new(clock.clone()),
        entropy: entropy.clone(),
        disk: Arc::new(RealDisk),
    };
    let key_file = KeyFile::locate(&dir, Some(&place.join(format!("{id}.key"))));
    let key_file = key_file.expect("a key file beside the data dir");
    let identity = Identity::create(&real, &dir, &key_file).expect("keys");
    let transport = SignKey::from_secret(&identity.transport_secret()).verify_key();
    let key = TransportKey(transport.0);
    let wrap_key = identity.unwrap_key().wrap_key();
    let request = JoinRequest::new(&minted.token, key, &identity.sign_key(), wrap_key, "0.1.0");
    let office = store.join(&request, key, clock.unix()).await.expect("HQ stores");
    let office = office.expect("the token is good");
    let joined = Joined {
        office: office.id.clone(),
        name_ar: office.name_ar.clone(),
        name_en: office.name_en.clone(),
        epoch: store.epoch(),
        hq_sign_key: keys.sign_key().verify_key(),
        hq_wrap_key: keys.unwrap_key().wrap_key(),
        trust: Trust::in_one(keys.config_key()),
        clock: clock.unix(),
    };
    let disk = SimDisk::new();
    let world = wasl_agent::seam::World { disk: Arc::new(disk.clone()), ..real };
    engine::birth(&world, &identity, &joined).expect("the logs are born");
    disk.settle();
    Member { office, key, identity, disk }
}
