//! What lies beside the logs in a data dir, and is needed to start from a copy: small files, each
//! replaced whole. The key that opens the keys lies outside the data dir, and never comes here.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::seam::{Disk, read_whole, replace};

/// The keys, sealed; what joining taught; the newest receipt; the data dir's form.
const FILES: [&str; 4] = ["identity.sealed", "office.json", "acks", "format"];

/// The editions: which one is in force is said by the journal.
const EDITIONS: &str = "config";

/// How long a file may be to be copied, in bytes: all of ours are shorter.
const LONGEST_BYTES: u64 = 4 * 1024 * 1024;

/// Makes the copies in `place` those of `dir`.
pub(super) fn copy(disk: &dyn Disk, dir: &Path, place: &Path) -> io::Result<()> {
    for name in FILES {
        one(disk, &dir.join(name), &place.join(name))?;
    }
    let (from, to) = (dir.join(EDITIONS), place.join(EDITIONS));
    if !disk.exists(&from) {
        return Ok(());
    }
    if !disk.exists(&to) {
        disk.create_dir_all(&to)?;
        disk.sync_dir(place)?;
    }
    let names = disk.list(&from)?;
    for name in &names {
        one(disk, &from.join(name), &to.join(name))?;
    }
    for gone in disk.list(&to)?.iter().filter(|name| !names.contains(name)) {
        disk.remove(&to.join(gone))?;
    }
    Ok(())
}

/// A file that is not there, or goes while it is read, is not copied.
fn one(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    let bytes = match disk.open_read(from).and_then(|file| file.len()) {
        Ok(0..=LONGEST_BYTES) => read_whole(disk, from),
        Ok(_) => return Ok(()),
        Err(e) => Err(e),
    };
    match bytes {
        Ok(bytes) if read_whole(disk, to).is_ok_and(|there| there == bytes) => Ok(()),
        Ok(bytes) => replace(disk, to, &bytes),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}
