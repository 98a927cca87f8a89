//! Which form the data dir has: one number in `DIR/format`. A program that meets a higher number
//! than it knows goes away before it touches anything. And the mark of a data dir that may be
//! deleted. Knows nothing of what the files hold.

use std::io;
use std::path::{Path, PathBuf};

use crate::seam::{Disk, World, read_whole, replace};

/// The form that this version writes, and the highest that it reads. Raise it with every change on
/// disk that an older version would misread.
pub const FORMAT: u32 = 1;

const FILE: &str = "format";

/// The mark that nothing in the data dir is needed any more; a purge of the package looks for it.
const RETIRED: &str = "retired";

/// A data dir that this version must leave alone.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A newer version wrote it.
    #[error("{}: a newer version of Wasl wrote this data dir (format {found}, this one knows {FORMAT})", dir.display())]
    Newer {
        /// The data dir.
        dir: PathBuf,
        /// Its number.
        found: u32,
    },
    /// The file is there and holds no number.
    #[error("{}: not a number", .0.display())]
    Malformed(PathBuf),
    /// The disk.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FormatError {
    /// What the reader can do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "install that version again; nothing was changed here",
            Self::Malformed(_) => "put the file back from a backup; a lone `1` was the first form",
            Self::Io { .. } => "check the path, its owner and the disk",
        }
    }
}

/// Refuses a data dir that a newer version wrote. Changes nothing; no data dir is no error.
///
/// # Errors
/// If its number is higher than [`FORMAT`], or cannot be read.
pub fn check(world: &World, dir: &Path) -> Result<(), FormatError> {
    read(&*world.disk, dir).map(|_| ())
}

/// Refuses as [`check`] does; then writes down that this version writes here, and that the data dir
/// is needed. The caller holds the data dir.
///
/// # Errors
/// As [`check`], or if it cannot be written down.
pub fn enter(world: &World, dir: &Path) -> Result<(), FormatError> {
    let found = read(&*world.disk, dir)?;
    let mark = dir.join(RETIRED);
    world.disk.remove(&mark).map_err(|source| FormatError::Io { path: mark, source })?;
    if found == Some(FORMAT) {
        return Ok(());
    }
    let path = dir.join(FILE);
    let written = replace(&*world.disk, &path, format!("{FORMAT}\n").as_bytes());
    written.map_err(|source| FormatError::Io { path, source })
}

/// Marks the data dir as one that may be deleted. The caller holds it, and knows.
///
/// # Errors
/// If it cannot be written down.
pub fn retire(world: &World, dir: &Path) -> Result<(), FormatError> {
    let path = dir.join(RETIRED);
    replace(&*world.disk, &path, b"").map_err(|source| FormatError::Io { path, source })
}

/// The number; none where there is no file, as in data dirs from before there was one.
fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<u32>, FormatError> {
    let path = dir.join(FILE);
    if !disk.exists(&path) {
        return Ok(None);
    }
    let bytes = read_whole(disk, &path);
    let bytes = bytes.map_err(|source| FormatError::Io { path: path.clone(), source })?;
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
    match number.ok_or(FormatError::Malformed(path))? {
        found if found > FORMAT => Err(FormatError::Newer { dir: dir.to_owned(), found }),
        known => Ok(Some(known)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_dir_of_a_newer_version_is_refused_and_left_as_it_is() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::real());
        std::fs::write(dir.path().join(FILE), "2\n").unwrap();
        for refused in [check(&world, dir.path()), enter(&world, dir.path())] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, FormatError::Newer { found: 2, .. }), "{refused}");
        }
        assert_eq!(std::fs::read_to_string(dir.path().join(FILE)).unwrap(), "2\n");
        assert_eq!(world.disk.list(dir.path()).unwrap(), [FILE]);
    }

    #[test]
    fn a_daemon_that_starts_takes_the_mark_of_the_retired_away() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::real());
        retire(&world, dir.path()).unwrap();
        assert_eq!(world.disk.list(dir.path()).unwrap(), [RETIRED]);
        enter(&world, dir.path()).unwrap();
        assert_eq!(world.disk.list(dir.path()).unwrap(), [FILE]);
    }

    #[test]
    fn a_data_dir_without_a_number_gets_ours_and_garbage_is_no_number() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::real());
        check(&world, &dir.path().join("nowhere")).unwrap();
        enter(&world, dir.path()).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join(FILE)).unwrap(), "1\n");
        enter(&world, dir.path()).unwrap();
        std::fs::write(dir.path().join(FILE), "one").unwrap();
        assert!(matches!(check(&world, dir.path()), Err(FormatError::Malformed(_))));
    }
}
