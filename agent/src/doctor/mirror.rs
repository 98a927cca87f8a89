//! The second copy of the logs: is its place there, on another disk, with room, and level?

use std::path::Path;

use super::disk::{BYTES_PER_MIB, Probe, times_ms};
use super::{Finding, PATIENCE, Patient};
use crate::journal::{RESERVE_BYTES, SEGMENT_BYTES};
use crate::seam::World;
use crate::settings::Local;

const CODE: &str = "mirror";

/// Below this much room, in bytes, the mirror takes nothing soon.
const FULL_BELOW_BYTES: u64 = SEGMENT_BYTES as u64 + RESERVE_BYTES;

/// What is to be said of it. A disk that hangs is left behind and told.
pub(super) async fn mirror(patient: &Patient<'_>) -> Finding {
    let place = match Local::load(patient.dir) {
        Ok(local) => local.machine.mirror,
        Err(_) => return Finding::skipped(CODE, "the settings of this machine cannot be read"),
    };
    let Some(place) = place else {
        return Finding::skipped(CODE, "no second copy is kept: `mirror = PATH` in wasl.toml");
    };
    let (world, dir, at) = (patient.world.clone(), patient.dir.to_owned(), place.clone());
    let looking = tokio::task::spawn_blocking(move || look(&world, &dir, &at));
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    let Ok(Ok(found)) = looked else {
        let fix = "look at the kernel's log (`journalctl -k`), the disk and its cable";
        return Finding::fail(CODE, format!("{} does not answer", place.display()), fix);
    };
    found.unwrap_or_else(|what| level(patient, &place, &what))
}

/// What is wrong with the place; else what is so there.
fn look(world: &World, dir: &Path, place: &Path) -> Result<Finding, String> {
    let shown = place.display();
    let fail = |what: String, fix: &str| Ok(Finding::fail(CODE, what, fix));
    if !world.disk.exists(place) {
        let fix = "plug the disk in and mount it; the first time, make the folder on it";
        return fail(format!("{shown} is not there"), fix);
    }
    let devices = (world.disk.device(dir), world.disk.device(place));
    if matches!(devices, (Ok(here), Ok(there)) if here == there) {
        let fix = "mount the other disk, or name a folder on another one";
        return fail(format!("{shown} is on the same disk as the data dir"), fix);
    }
    let free = world.disk.free_bytes(place).unwrap_or(0);
    if free < FULL_BELOW_BYTES {
        return fail(format!("{shown} has {} MiB free", free / BYTES_PER_MIB), "make room there");
    }
    let path = place.join(format!("doctor-{}.probe", std::process::id()));
    match times_ms(&Probe { world, path }) {
        Ok(times) => Err(format!(
            "{shown}: another disk, {} MiB free, syncs in {:.1} ms typically",
            free / BYTES_PER_MIB,
            times[times.len() / 2]
        )),
        Err(why) => fail(
            format!("nothing can be stored in {shown}: {why}"),
            "let the daemon's user own the folder, and see the kernel's log (`journalctl -k`)",
        ),
    }
}

/// The place is well: does the mirror keep up?
fn level(patient: &Patient<'_>, place: &Path, what: &str) -> Finding {
    let Some(status) = patient.status() else {
        return Finding::ok(
            CODE,
            format!("{what}; the daemon that would say if it is level is stopped"),
        );
    };
    match &status.journal.mirror {
        None => {
            let what = format!("{} is set, and the daemon keeps no mirror", place.display());
            Finding::warn(CODE, what, "restart the daemon: the setting is read at start")
        }
        Some(mirror) if mirror.level => Finding::ok(CODE, format!("{what}; level")),
        Some(mirror) => {
            let why = mirror.trouble.as_deref().unwrap_or("it is catching up");
            let what = format!("{what}; behind by {} entries: {why}", mirror.behind);
            Finding::warn(CODE, what, "`wasl explain mirror`")
        }
    }
}
