//! Root works on an office's data dir as the user that owns it: what root made there, the daemon
//! could not open.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::{Failure, Place};
use crate::keystore::KeyFile;
use crate::seam::World;

/// This program, whatever its file is called by now.
const OURSELVES: &str = "/proc/self/exe";

/// Becomes the owner of the data dir, if we are root and the owner is somebody else: starts the
/// same command again as that user. Where a key file is to be made and lies where only root can
/// write, it is made first, and given to the owner.
///
/// # Errors
/// If the key file cannot be made, or the command not be started again.
pub(super) fn become_owner(place: &Place, makes_key: bool) -> Result<(), Failure> {
    let Some((user, group)) = other_owner(&place.data_dir) else { return Ok(()) };
    if makes_key {
        let key = KeyFile::locate(&place.data_dir, place.key_file.as_deref())?;
        if key.make_if_missing(&World::real())? {
            let given = std::os::unix::fs::chown(key.path(), Some(user), Some(group));
            given.map_err(|e| Failure::io(key.path().display(), &e))?;
        }
    }
    let args: Vec<OsString> = std::env::args_os().collect();
    let (name, rest) = args.split_first().map_or((None, &[][..]), |(n, rest)| (Some(n), rest));
    let mut again = Command::new(OURSELVES);
    again.args(rest).uid(user).gid(group);
    if let Some(name) = name {
        again.arg0(name);
    }
    let why: io::Error = again.exec();
    Err(Failure::io("starting again as the data dir's owner", &why))
}

/// Who owns the data dir, if we are root and it is there and somebody else's.
fn other_owner(dir: &Path) -> Option<(u32, u32)> {
    let root = rustix::process::geteuid().is_root();
    let found = std::fs::metadata(dir).ok().filter(|found| root && found.uid() != 0)?;
    Some((found.uid(), found.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_dir_of_our_own_and_none_at_all_are_no_reason_to_change() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(other_owner(dir.path()), None);
        assert_eq!(other_owner(&dir.path().join("nowhere")), None);
    }

    #[test]
    fn root_finds_out_whose_data_dir_it_is() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("only root can give a folder away: not looked at");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(dir.path(), Some(1234), Some(1235)).unwrap();
        assert_eq!(other_owner(dir.path()), Some((1234, 1235)));
    }
}
