//! `restore`: HQ's database put back from a copy, as a new life of it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::EpochId;

use crate::daemon;
use crate::registry::{HqKeys, KEYS_FILE, RegistryError};
use crate::seam::{World, sync_folder, write_new};
use crate::settings;
use crate::store::{DATABASE, Store, check_copy};

use super::args::RestoreOptions;
use super::ask::print;
use super::failure::{Failure, SETTINGS};
use super::owner::{become_owner, give_to_owner};
use super::table::facts;

/// What the copy is called until it has the database's place.
const INCOMING: &str = "hq.db.incoming";

/// `restore --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RestoreDocument {
    /// `wasl-hq.restore/1`.
    pub schema: String,
    /// The folder of the copy.
    pub from: PathBuf,
    /// The new life of the database.
    pub epoch: EpochId,
    /// How many entries of journals it has.
    pub entries: u64,
    /// How many records.
    pub records: u64,
    /// Where the database is that was there before, if there was one.
    pub aside: Option<PathBuf>,
}

/// Puts a copy into the place of the database of a stopped HQ, or makes its HQ on a new machine.
pub(super) async fn restore(
    dir: &Path,
    options: &RestoreOptions,
    (world, json): (&World, bool),
) -> Result<(), Failure> {
    become_owner(dir)?;
    let from = &options.from;
    let keys = keys(dir, from)?;
    fs::create_dir_all(dir).map_err(|e| Failure::io(dir, &e))?;
    let _lock = daemon::lock(dir)?;
    let copy = check_copy(&from.join(DATABASE)).await?;
    let database = dir.join(DATABASE);
    let aside = put(&from.join(DATABASE), &database, world).map_err(|e| Failure::io(dir, &e))?;
    for name in [settings::FILE, KEYS_FILE] {
        bring(&from.join(name), &dir.join(name))?;
    }
    let store = Store::open(&database, &keys, world.clone()).await?;
    // The file beside the database may have shown already that it was put back.
    store.begin_anew(copy.epoch).await?;
    let epoch = store.epoch();
    store.close().await;
    give_to_owner(dir)?;
    let done = RestoreDocument {
        schema: "wasl-hq.restore/1".to_owned(),
        from: from.clone(),
        epoch,
        entries: copy.entries,
        records: copy.records,
        aside,
    };
    print(&if json { serde_json::json!(done).to_string() } else { people(&done) })
}

/// The keys of the copy, which must be those of the HQ in `dir`, if there is one.
fn keys(dir: &Path, from: &Path) -> Result<HqKeys, Failure> {
    let refused = |why| {
        Failure::new(SETTINGS, &from.display().to_string(), why)
            .help("name a folder that `wasl-hq backup` made")
    };
    let theirs = match HqKeys::load(from) {
        Err(RegistryError::Missing(_)) => return Err(refused("there is no copy of an HQ here")),
        keys => keys?,
    };
    match HqKeys::load(dir) {
        Ok(ours) if ours.transport_key() != theirs.transport_key() => {
            Err(refused("it is a copy of another HQ"))
        }
        Ok(_) | Err(RegistryError::Missing(_)) => Ok(theirs),
        Err(e) => Err(e.into()),
    }
}

/// Puts a copy of `from` into the place of the database, durable; where what was there is now.
/// Cut short, it can be done again.
fn put(from: &Path, database: &Path, world: &World) -> io::Result<Option<PathBuf>> {
    let incoming = database.with_file_name(INCOMING);
    fs::copy(from, &incoming)?;
    File::open(&incoming)?.sync_all()?;
    let aside = database.with_added_extension(format!("before-{}", world.clock.unix().0));
    let with = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut moved = None;
    for ending in ["-wal", "-shm", ""] {
        match fs::rename(with(database, ending), with(&aside, ending)) {
            Ok(()) => moved = Some(aside.clone()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    fs::rename(&incoming, database)?;
    sync_folder(database)?;
    Ok(moved)
}

/// Copies a file that is not there yet.
fn bring(from: &Path, to: &Path) -> Result<(), Failure> {
    if to.exists() {
        return Ok(());
    }
    let bytes = fs::read(from).map_err(|e| Failure::io(from, &e))?;
    write_new(to, &bytes).map_err(|e| Failure::io(to, &e))
}

fn people(d: &RestoreDocument) -> String {
    let mut rows = vec![
        ("restored", d.from.display().to_string()),
        ("holds", format!("{} entries, {} records, whole", d.entries, d.records)),
        ("life", format!("{}, a new one", d.epoch)),
    ];
    if let Some(aside) = &d.aside {
        rows.push(("before", aside.display().to_string()));
    }
    rows.push(("next", "start HQ: the offices send again what it lacks".to_owned()));
    facts(rows)
}
