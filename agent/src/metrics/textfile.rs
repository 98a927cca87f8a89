//! The metrics in a file, for `node_exporter`'s textfile collector: replaced whole, and readable by
//! others, since it holds nothing of persons. Knows nothing of what is in it.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

/// How often the file is written: as often as Prometheus commonly asks.
const EVERY: Duration = Duration::from_secs(15);

/// The collector runs as another user.
const MODE: u32 = 0o644;

/// Writes `text` to `path` every few seconds until `stop` says true; then removes the file.
pub(super) async fn keep(path: &Path, text: impl Fn() -> String, mut stop: watch::Receiver<bool>) {
    let mut failed = false;
    loop {
        let written = replace(path, &text());
        // Once is enough: it would be said every few seconds for as long as the folder is missing.
        if let (Err(why), false) = (&written, failed) {
            tracing::warn!(path = %path.display(), %why, "the metrics file cannot be written");
        }
        failed = written.is_err();
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    // A file that is not there was never written, or somebody else has removed it.
    let _ = fs::remove_file(path);
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

    #[tokio::test]
    async fn the_file_is_there_for_others_to_read_while_the_daemon_runs_and_gone_after() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wasl.prom");
        let (stop, stops) = watch::channel(false);
        let keeping = keep(&path, || "a 1\n".to_owned(), stops);
        let looking = async {
            tokio::task::yield_now().await;
            assert_eq!(fs::read_to_string(&path).unwrap(), "a 1\n");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
            stop.send_replace(true);
        };
        tokio::join!(keeping, looking);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_missing_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (stop, stops) = watch::channel(true);
        keep(&dir.path().join("none/wasl.prom"), String::new, stops).await;
        drop(stop);
    }
}
