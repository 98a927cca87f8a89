//! A disk that tells: a file system in memory that programs use unchanged, and that remembers in
//! which order they wrote, renamed and synced. From that it can show what a power cut at any moment
//! would have left.
//!
//! It knows nothing of what is in the files. What it promises of an fsync is in [`image`].

mod door; // the kernel's side: FUSE
mod image; // the disk as of a moment, after a power cut
mod log; // what happened, in order
mod tree; // files and folders as programs see them

use std::ffi::CString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fuser::{BackgroundSession, Config, MountOption};
use rustix::mount::UnmountFlags;
use tempfile::TempDir;

pub use image::{Cut, image};
pub use log::{Event, Log, Moment, Tally};
use tree::Tree;

/// How many requests are worked on at once: a slow sync must not hold up the others.
const DOORKEEPERS: usize = 4;

/// What the disk does wrong from now on. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Every fsync fails with an I/O error, and what it was to make durable is not.
    pub sync_fails: bool,
    /// Every write fails with an I/O error.
    pub write_fails: bool,
    /// Nothing can be changed any more, as after the kernel has met errors.
    pub read_only: bool,
    /// How many bytes all files together may have. Without it there is room for [`ROOM_BYTES`].
    pub room_bytes: Option<u64>,
    /// How many files and folders there may be.
    pub room_nodes: Option<u64>,
    /// How much longer each sync takes.
    pub sync_takes: Duration,
    /// One bit that is read wrong, in files opened from now on.
    pub flipped: Option<Flipped>,
}

/// A bit that comes back other than it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flipped {
    /// The file, from the disk's root.
    pub path: PathBuf,
    /// Which bit of it, counted from its start.
    pub bit: u64,
}

/// How much fits on a disk whose faults say nothing of it.
pub const ROOM_BYTES: u64 = 8 << 30;

/// A disk that programs can use. It is unmounted when dropped: end who uses it first.
#[derive(Debug)]
pub struct TellingDisk {
    state: Shared,
    _session: BackgroundSession,
    dir: TempDir,
}

/// The state behind the lock that all requests take.
#[derive(Debug, Default)]
struct State {
    tree: Tree,
    log: Log,
    faults: Faults,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TellingDisk {
    /// An empty disk, mounted in a folder of its own. Needs `/dev/fuse` and the right to mount.
    pub fn mount() -> io::Result<Self> {
        let dir = TempDir::with_prefix("wasl-disk-")?;
        let state = Shared::default();
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("wasl-disk".to_owned()),
            MountOption::NoAtime,
            MountOption::DefaultPermissions,
        ];
        config.n_threads = Some(DOORKEEPERS);
        let session = fuser::spawn_mount2(door::Door::new(state.clone()), dir.path(), &config)?;
        Ok(Self { state, _session: session, dir })
    }

    /// Its root.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The moment after everything that has happened so far. Whatever a program has been told
    /// before this call, it was told before this moment.
    pub fn now(&self) -> Moment {
        self.state.lock().log.now()
    }

    /// Tells what moment it is, wherever it is taken.
    pub fn watch(&self) -> impl Fn() -> Moment + Send + Sync + use<> {
        let state = self.state.clone();
        move || state.lock().log.now()
    }

    /// What it does wrong from now on, instead of what it did wrong so far.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Everything that happened so far.
    pub fn log(&self) -> Log {
        self.state.lock().log.clone()
    }
}

impl Drop for TellingDisk {
    fn drop(&mut self) {
        // Lazily: a process that still holds a file must not leave a mount behind for ever.
        if let Ok(path) = CString::new(self.dir.path().as_os_str().as_encoded_bytes()) {
            let _ = rustix::mount::unmount(path, UnmountFlags::DETACH);
        }
    }
}

/// An empty disk, or none with the reason said aloud, past the capture of a test's output: a test
/// that needs one is skipped then, never in silence.
///
/// # Panics
/// If `WASL_NEEDS_FUSE` is set: whoever sets it wants nothing skipped.
pub fn mount_or_say(test: &str) -> Option<TellingDisk> {
    let why = match TellingDisk::mount() {
        Ok(disk) => return Some(disk),
        Err(e) => format!("no FUSE file system can be mounted here: {e}"),
    };
    assert!(std::env::var_os("WASL_NEEDS_FUSE").is_none(), "{test}: {why}");
    let said = format!("!! SKIPPED: {test}: {why}. Nothing was checked.\n");
    drop(io::stderr().write_all(said.as_bytes()));
    None
}

#[cfg(test)]
mod tests;
