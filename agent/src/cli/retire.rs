//! `wasl retire`: marks a stopped office's data dir as one that may be deleted.

use schemars::JsonSchema;
use serde::Serialize;

use super::owner::become_owner;
use super::{Exit, Failure, Place, print, print_json, read};
use crate::format;
use crate::seam::{DirLock, World};

/// `retire --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Retired {
    schema: &'static str,
    /// How many entries are not in a copy that headquarters declared off-site.
    unstable: u64,
}

/// Marks the data dir, once all that was written here is in a copy that headquarters declared
/// off-site. The mark goes when the daemon starts again.
pub fn retire(place: &Place) -> Result<(), Failure> {
    become_owner(place, false)?;
    let (world, dir) = (World::real(), &place.data_dir);
    format::check(&world, dir)?;
    let _lock = DirLock::take(dir)?;
    let unstable = read::open(place)?.unstable();
    if unstable > 0 {
        let message = format!("{}: {unstable} entries are not stable", dir.display());
        return Err(Failure::new(Exit::Failed, message)
            .help("wait until headquarters has a backup off-site: `stable` in `wasl status`"));
    }
    format::retire(&world, dir)?;
    if place.json {
        return print_json(&Retired { schema: "wasl.retired/1", unstable });
    }
    print(&format!("{}: all of it is stable; it may be deleted\n", dir.display()))
}
