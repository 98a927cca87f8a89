//! Files that a person carries: read up to a bound, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use crate::seam::{sync_folder, write_new};

use super::failure::{FAILED, Failure};

/// The file, or as much of it as shows that it is too long.
pub(super) fn read(file: &Path, most_bytes: usize) -> Result<Vec<u8>, Failure> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(file)?.take(most_bytes as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|e| Failure::io(file, &e))
}

/// Nothing that is there is overwritten: said before anything is done.
pub(super) fn refuse_existing(file: &Path) -> Result<(), Failure> {
    if !file.exists() {
        return Ok(());
    }
    let failure = Failure::new(FAILED, &file.display().to_string(), "there is a file already");
    Err(failure.help("name another, or remove it first"))
}

/// Writes a new file, durable and whole, or none.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let partial = path.with_added_extension("partial");
    let written = || -> io::Result<()> {
        match fs::remove_file(&partial) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        write_new(&partial, bytes)?;
        fs::rename(&partial, path)?;
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
    };
    written().map_err(|e| Failure::io(path, &e))
}
