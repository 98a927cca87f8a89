//! One daemon for each data dir.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Holds a data dir for one process; let go when dropped, or when the process ends however it does.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// A data dir that cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{0}: another process is using this data dir")]
    Taken(PathBuf),
    /// The lock file cannot be made or opened.
    #[error("{path}: cannot be locked: {source}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LockError {
    /// What the reader can do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Taken(_) => "stop the running daemon, or name another --data-dir",
            Self::Io { .. } => "check that the data dir exists and belongs to this user",
        }
    }
}

impl DirLock {
    /// Takes the lock of `data_dir`.
    pub fn take(data_dir: &Path) -> Result<Self, LockError> {
        let path = data_dir.join("lock");
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let failed = |source: io::Error| LockError::Io { path: path.clone(), source };
        let file = options.open(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken(data_dir.to_owned())),
            Err(e) => Err(failed(e.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_dir_is_held_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = DirLock::take(dir.path()).unwrap();
        assert!(matches!(DirLock::take(dir.path()), Err(LockError::Taken(_))));
        drop(held);
        DirLock::take(dir.path()).unwrap();
    }
}
