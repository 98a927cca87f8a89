//! Editions on disk: at most the good one and the one on its way, each in its own file.
//!
//! Knows nothing of what an edition says: whoever reads a slot checks it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasl_protocol::edition::Serial;
use wasl_protocol::limits;

use crate::seam::{Disk, read_whole, replace};

const FOLDER: &str = "config";
const EXTENSION: &str = ".edition";

/// The slots of one installation. Cheap to clone.
#[derive(Clone)]
pub(super) struct Slots {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Slots {
    pub(super) fn new(disk: Arc<dyn Disk>, data_dir: &Path) -> Self {
        Self { disk, dir: data_dir.join(FOLDER) }
    }

    /// The folder, made durably if it was not there.
    pub(super) fn folder(&self) -> io::Result<&Path> {
        if !self.disk.exists(&self.dir) {
            self.disk.create_dir_all(&self.dir)?;
            self.disk.sync_dir(self.dir.parent().unwrap_or(Path::new(".")))?;
        }
        Ok(&self.dir)
    }

    /// Puts an edition into its slot, fsynced; besides it only `good` is kept.
    pub(super) fn stage(&self, serial: Serial, bytes: &[u8], good: Serial) -> io::Result<()> {
        self.folder()?;
        self.keep(&[serial, good])?;
        replace(&*self.disk, &self.path(serial), bytes)
    }

    /// What lies in a slot.
    pub(super) fn read(&self, serial: Serial) -> io::Result<Vec<u8>> {
        let path = self.path(serial);
        if self.disk.open_read(&path)?.len()? > limits::EDITION_BYTES as u64 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        read_whole(&*self.disk, &path)
    }

    /// Removes all but these.
    pub(super) fn keep(&self, serials: &[Serial]) -> io::Result<()> {
        let keep: Vec<String> = serials.iter().map(|serial| name(*serial)).collect();
        if !self.disk.exists(&self.dir) {
            return Ok(());
        }
        for found in self.disk.list(&self.dir)? {
            if found.contains(EXTENSION) && !keep.contains(&found) {
                self.disk.remove(&self.dir.join(found))?;
            }
        }
        self.disk.sync_dir(&self.dir)
    }

    fn path(&self, serial: Serial) -> PathBuf {
        self.dir.join(name(serial))
    }
}

fn name(serial: Serial) -> String {
    format!("{serial}{EXTENSION}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::RealDisk;

    #[test]
    fn there_are_never_more_than_two_slots_and_what_was_torn_goes_with_the_rest() {
        let top = tempfile::tempdir().unwrap();
        let slots = Slots::new(Arc::new(RealDisk), top.path());
        assert!(slots.read(Serial(1)).is_err());
        slots.keep(&[]).unwrap();
        slots.stage(Serial(1), b"one", Serial(0)).unwrap();
        slots.stage(Serial(2), b"two", Serial(1)).unwrap();
        std::fs::write(top.path().join("config/3.edition.new"), b"torn").unwrap();
        slots.stage(Serial(4), b"four", Serial(2)).unwrap();
        assert_eq!(RealDisk.list(&slots.dir).unwrap(), ["2.edition", "4.edition"]);
        assert_eq!(slots.read(Serial(4)).unwrap(), b"four");
        slots.keep(&[Serial(4)]).unwrap();
        assert!(slots.read(Serial(2)).is_err());
    }
}
