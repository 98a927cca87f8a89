//! Root works on HQ's data dir for the user that owns it: what root made there, the daemon could
//! not open.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::failure::Failure;

/// This program, whatever its file is called by now.
const OURSELVES: &str = "/proc/self/exe";

/// Becomes the owner of the data dir, if we are root and the owner is somebody else: starts the
/// same command again as that user.
pub(super) fn become_owner(dir: &Path) -> Result<(), Failure> {
    let Some((user, group)) = other_owner(dir) else { return Ok(()) };
    let args = std::env::args_os().skip(1);
    let why = Command::new(OURSELVES).args(args).uid(user).gid(group).exec();
    Err(Failure::io(dir, &why))
}

/// Gives the files in the data dir to its owner, if we are root and the owner is somebody else.
pub(super) fn give_to_owner(dir: &Path) -> Result<(), Failure> {
    let Some((user, group)) = other_owner(dir) else { return Ok(()) };
    for entry in fs::read_dir(dir).map_err(|e| Failure::io(dir, &e))? {
        let path = entry.map_err(|e| Failure::io(dir, &e))?.path();
        chown(&path, Some(user), Some(group)).map_err(|e| Failure::io(&path, &e))?;
    }
    Ok(())
}

/// Who owns the data dir, if we are root and it is there and somebody else's.
fn other_owner(dir: &Path) -> Option<(u32, u32)> {
    let root = rustix::process::geteuid().is_root();
    let found = fs::metadata(dir).ok().filter(|found| root && found.uid() != 0)?;
    Some((found.uid(), found.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_root_made_in_somebodys_data_dir_is_given_to_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("hq.db"), "").unwrap();
        give_to_owner(dir.path()).unwrap();
        let owner = fs::metadata(dir.path().join("hq.db")).unwrap().uid();
        assert_eq!(owner, rustix::process::geteuid().as_raw(), "our own stays our own");
        if !rustix::process::geteuid().is_root() {
            eprintln!("only root can give files away: the rest was not looked at");
            return;
        }
        chown(dir.path(), Some(1234), Some(1235)).unwrap();
        give_to_owner(dir.path()).unwrap();
        let found = fs::metadata(dir.path().join("hq.db")).unwrap();
        assert_eq!((found.uid(), found.gid()), (1234, 1235));
    }
}
