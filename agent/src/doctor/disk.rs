//! The data dir and the disk under it: is it there, whose is it, how full, of which kind, how fast.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{Finding, PATIENCE, Patient};
use crate::journal::FULL_BELOW_BYTES;
use crate::seam::World;

/// Below this much room, in bytes, somebody should make some.
const LITTLE_BELOW_BYTES: u64 = 1 << 30;

/// How often the probe is synced.
const SYNCS: usize = 12;

/// How much is written before each sync, in bytes: an entry's worth.
const SYNCED_BYTES: usize = 4096;

/// A typical sync that takes longer than this makes operators wait, in milliseconds.
const SLOW_MS: f64 = 100.0;

/// The longest time that syncs are measured, in milliseconds; one that hangs is a finding anyway.
const MEASURED_MS: u64 = 3000;

const NS_PER_MS: f64 = 1e6;

pub(super) const BYTES_PER_MIB: u64 = 1024 * 1024;

/// Everything about the disk. A disk that hangs is left behind and told.
pub(super) async fn disk(patient: &Patient<'_>) -> Vec<Finding> {
    let (world, dir) = (patient.world.clone(), patient.dir.to_owned());
    let looking = tokio::task::spawn_blocking(move || look(&world, &dir));
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(_)) | Err(_) => vec![Finding::fail(
            "data-dir",
            format!("the disk under {} does not answer", patient.dir.display()),
            "look at the kernel's log (`journalctl -k`), the disk and its cables",
        )],
    }
}

fn look(world: &World, dir: &Path) -> Vec<Finding> {
    let found = match std::fs::metadata(dir) {
        Ok(found) => found,
        Err(why) => return vec![no_dir(dir, &why)],
    };
    let mut findings = vec![data_dir(dir, &found), free_space(world, dir), filesystem(dir)];
    findings.push(fsync(world, dir));
    findings
}

fn no_dir(dir: &Path, why: &io::Error) -> Finding {
    let shown = dir.display();
    match why.kind() {
        io::ErrorKind::NotFound => Finding::fail(
            "data-dir",
            format!("{shown} is not there"),
            "make this machine an office with `wasl join TOKEN`, or name the right --data-dir",
        ),
        io::ErrorKind::PermissionDenied => Finding::fail(
            "data-dir",
            format!("{shown} cannot be entered by this user"),
            "run the doctor as root, or as the user that runs the daemon",
        ),
        _ => {
            let fix = "look at the kernel's log (`journalctl -k`) and check the disk";
            Finding::fail("data-dir", format!("{shown}: {why}"), fix)
        }
    }
}

fn data_dir(dir: &Path, found: &Metadata) -> Finding {
    let shown = dir.display();
    let mode = found.permissions().mode() & 0o7777;
    if !found.is_dir() {
        let what = format!("{shown} is no folder");
        return Finding::fail("data-dir", what, "name the right --data-dir");
    }
    let us = rustix::process::geteuid();
    if !us.is_root() && us.as_raw() != found.uid() {
        return Finding::fail(
            "data-dir",
            format!("{shown} belongs to user {}, and this is user {}", found.uid(), us.as_raw()),
            "run the doctor as root, or as the user that runs the daemon",
        );
    }
    if mode & 0o077 != 0 {
        let what = format!("{shown} is open to other users (mode {mode:04o})");
        return Finding::warn("data-dir", what, format!("chmod 700 {shown}"));
    }
    Finding::ok("data-dir", format!("{shown}, of user {}, mode {mode:04o}", found.uid()))
}

fn free_space(world: &World, dir: &Path) -> Finding {
    let free = match world.disk.free_bytes(dir) {
        Ok(free) => free,
        Err(why) => return Finding::skipped("free-space", format!("the disk does not say: {why}")),
    };
    let what = format!("{} MiB free", free / BYTES_PER_MIB);
    if free < FULL_BELOW_BYTES {
        let fix = "make room now: below this, no enrollment is taken";
        Finding::fail("free-space", what, fix)
    } else if free < LITTLE_BELOW_BYTES {
        Finding::warn("free-space", what, "make room, or move the data dir to a larger disk")
    } else {
        Finding::ok("free-space", what)
    }
}

/// How a kind of filesystem keeps its promises.
enum Kept {
    Well,
    InMemory,
    Elsewhere,
    Layered,
}

/// Filesystems by the number with which `statfs` names them (statfs(2), linux/magic.h).
const KINDS: [(i64, &str, Kept); 14] = [
    (0xef53, "ext4", Kept::Well),
    (0x5846_5342, "xfs", Kept::Well),
    (0x9123_683e, "btrfs", Kept::Well),
    (0xf2f5_2010, "f2fs", Kept::Well),
    (0x2fc1_2fc1, "zfs", Kept::Well),
    (0xca45_1a4e, "bcachefs", Kept::Well),
    (0x0102_1994, "tmpfs", Kept::InMemory),
    (0x8584_58f6, "ramfs", Kept::InMemory),
    (0x6969, "nfs", Kept::Elsewhere),
    (0xff53_4d42, "cifs", Kept::Elsewhere),
    (0xfe53_4d42, "smb2", Kept::Elsewhere),
    (0x0102_1997, "9p", Kept::Elsewhere),
    (0x6573_5546, "fuse", Kept::Elsewhere),
    (0x794c_7630, "overlay", Kept::Layered),
];

fn filesystem(dir: &Path) -> Finding {
    const CODE: &str = "filesystem";
    let number = match rustix::fs::statfs(dir) {
        Ok(found) => found.f_type,
        Err(why) => return Finding::skipped(CODE, format!("the disk does not say: {why}")),
    };
    let Some((_, name, kept)) = KINDS.iter().find(|(magic, ..)| *magic == number) else {
        let what = format!("a filesystem of the kind {number:#x}, of which nothing is known");
        return Finding::warn(CODE, what, "keep the data dir on ext4, xfs or btrfs");
    };
    let fix = "keep the data dir on a local disk with ext4, xfs or btrfs";
    match kept {
        Kept::Well => Finding::ok(CODE, *name),
        Kept::InMemory => Finding::warn(CODE, format!("{name}: gone after a power cut"), fix),
        Kept::Elsewhere => {
            Finding::warn(CODE, format!("{name}: it may say that it stored what it did not"), fix)
        }
        Kept::Layered => {
            Finding::warn(CODE, format!("{name}: a container's, gone together with it"), fix)
        }
    }
}

/// A file that is removed however the check ends.
pub(super) struct Probe<'a> {
    pub(super) world: &'a World,
    pub(super) path: PathBuf,
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let _ = self.world.disk.remove(&self.path); // the check has said what it could
    }
}

fn fsync(world: &World, dir: &Path) -> Finding {
    const CODE: &str = "fsync";
    let path = dir.join(format!("doctor-{}.probe", std::process::id()));
    let probe = Probe { world, path };
    match times_ms(&probe) {
        Ok(times) => {
            let (typical, worst) = (times[times.len() / 2], times[times.len() - 1]);
            let what = format!("{typical:.1} ms typically, {worst:.1} ms at worst");
            let fix = "every enrollment waits for this: use a faster disk";
            if typical > SLOW_MS { Finding::warn(CODE, what, fix) } else { Finding::ok(CODE, what) }
        }
        Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
            Finding::skipped(CODE, "this user cannot write to the data dir")
        }
        Err(why) => Finding::fail(
            CODE,
            format!("nothing can be stored in {}: {why}", dir.display()),
            "look at the kernel's log (`journalctl -k`), the room on the disk and its cables",
        ),
    }
}

/// What each sync took in milliseconds, the shortest first; at least one.
pub(super) fn times_ms(probe: &Probe<'_>) -> io::Result<Vec<f64>> {
    let Probe { world, path } = probe;
    let file = world.disk.create(path)?;
    let (started, bytes) = (world.clock.mono(), [0x77; SYNCED_BYTES]);
    let mut times = Vec::with_capacity(SYNCS);
    for n in 0..SYNCS {
        let before_ns = world.clock.mono_ns();
        file.write_at(&bytes, (n * SYNCED_BYTES) as u64)?;
        file.sync_data()?;
        let took_ns = world.clock.mono_ns().saturating_sub(before_ns);
        #[expect(clippy::cast_precision_loss, reason = "a time that is shown to a tenth")]
        times.push(took_ns as f64 / NS_PER_MS);
        if world.clock.mono().0.saturating_sub(started.0) > MEASURED_MS {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
