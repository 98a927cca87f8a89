//! The metrics in a file, for `node_exporter`'s textfile collector: replaced whole, and readable by
//! others, since it holds nothing of persons. Knows nothing of what is in it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

/// How often the file is written: as often as Prometheus commonly asks.
pub const EVERY: Duration = Duration::from_secs(15);

/// The collector runs as another user.
const MODE: u32 = 0o644;

/// A file that is kept while this is there, and removed with it: nobody takes old figures for new
/// ones.
#[derive(Debug)]
pub struct Textfile<'a> {
    path: &'a Path,
    failed: bool,
}

impl<'a> Textfile<'a> {
    /// Nothing is written yet.
    pub fn at(path: &'a Path) -> Self {
        Self { path, failed: false }
    }

    /// Replaces the file by this text, if there is one.
    pub fn put(&mut self, text: io::Result<String>) {
        let written = text.and_then(|text| replace(self.path, &text));
        // Once is enough: it would be said every few seconds for as long as the folder is missing.
        if let (Err(why), false) = (&written, self.failed) {
            tracing::warn!(path = %self.path.display(), %why, "the metrics file cannot be written");
        }
        self.failed = written.is_err();
    }
}

impl Drop for Textfile<'_> {
    fn drop(&mut self) {
        // A file that is not there was never written, or somebody else has removed it.
        let _ = fs::remove_file(self.path);
    }
}

/// At every moment the old text or the new is there, whole. The collector reads `*.prom` only.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let aside = path.with_added_extension("new");
    let mut file = File::create(&aside)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(text.as_bytes())?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_for_others_to_read_and_goes_with_the_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wasl.prom");
        let mut file = Textfile::at(&path);
        file.put(Ok("a 1\n".to_owned()));
        file.put(Err(io::ErrorKind::Other.into()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a 1\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_missing_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none/wasl.prom");
        Textfile::at(&path).put(Ok(String::new()));
        assert!(!path.exists());
    }
}
