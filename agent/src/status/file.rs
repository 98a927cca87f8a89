//! `status.json`: the document on disk, for when the daemon does not answer.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wasl_protocol::units::UnixMs;

use super::document::{Status, Verified};
use crate::seam::Disk;

/// The daemon writes it this often, in milliseconds.
pub const WRITTEN_EVERY_MS: u64 = 10_000;

/// Older than this it is stale, in milliseconds.
pub const STALE_AFTER_MS: i64 = 30_000;

const FILE: &str = "status.json";

/// What the last verification of the journals found.
const VERIFIED_FILE: &str = "verified.json";

/// Where the service manager keeps the folders of running services.
const RUNTIME_TOP: &str = "/run";

/// Where it keeps the data dirs of services.
const STATE_TOP: &str = "/var/lib";

/// No status is on disk that can be shown.
#[derive(Debug, thiserror::Error)]
pub enum StatusFileError {
    /// None was ever written.
    #[error("the daemon is stopped, and has left no status.json in {}", .0.display())]
    None(PathBuf),
    /// It may not be read by this user.
    #[error("{}: cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// Another version of Wasl wrote it.
    #[error("{}: another version wrote it: {schema:?}", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// What it says that it is.
        schema: String,
    },
    /// It does not read.
    #[error("{}: not a status of this version: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        why: serde_json::Error,
    },
}

/// A document that this version does not read.
#[derive(Debug, thiserror::Error)]
pub enum NotAStatus {
    /// Another version wrote it: what it says that it is.
    #[error("another version wrote it: {0:?}")]
    OtherVersion(String),
    /// It does not read.
    #[error("not a status of this version: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// The document in `text`, if this version wrote it or could have.
pub fn read_status(text: &[u8]) -> Result<Status, NotAStatus> {
    #[derive(Deserialize)]
    struct Header {
        schema: String,
    }
    let Header { schema } = serde_json::from_slice(text)?;
    if schema != Status::SCHEMA {
        return Err(NotAStatus::OtherVersion(schema));
    }
    Ok(serde_json::from_slice(text)?)
}

/// Where the daemon of `dir` writes it: in the runtime folder that the service manager names, else
/// in `dir` itself.
pub fn place(dir: &Path, runtime: Option<&Path>) -> PathBuf {
    runtime.unwrap_or(dir).join(FILE)
}

/// Replaces the file: at every moment the old document or the new is there, whole. Not synced:
/// after a power cut nobody needs it.
pub fn write(disk: &dyn Disk, path: &Path, status: &Status) -> io::Result<()> {
    replace_unsynced(disk, path, &serde_json::to_vec(status).map_err(io::Error::other)?)
}

/// Notes in the data dir what a verification of its journals found.
pub fn note_verified(disk: &dyn Disk, dir: &Path, verified: &Verified) -> io::Result<()> {
    let text = serde_json::to_vec(verified).map_err(io::Error::other)?;
    replace_unsynced(disk, &dir.join(VERIFIED_FILE), &text)
}

/// What the last verification found; none if there was none.
pub fn last_verified(dir: &Path) -> Option<Verified> {
    serde_json::from_slice(&std::fs::read(dir.join(VERIFIED_FILE)).ok()?).ok()
}

pub(super) fn replace_unsynced(disk: &dyn Disk, path: &Path, text: &[u8]) -> io::Result<()> {
    let aside = path.with_added_extension("new");
    disk.remove(&aside)?;
    disk.create(&aside)?.write_at(text, 0)?;
    disk.rename(&aside, path)
}

/// The newest document that the daemon of `dir` left, and how many milliseconds old it is.
pub fn newest(dir: &Path, now: UnixMs) -> Result<(Status, i64), StatusFileError> {
    let mut newest: Option<Status> = None;
    for folder in [Some(dir.to_owned()), runtime(dir)].into_iter().flatten() {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => return Err(StatusFileError::Unreadable { path, why }),
        };
        let status = read_status(&text).map_err(|why| match why {
            NotAStatus::OtherVersion(schema) => StatusFileError::OtherVersion { path, schema },
            NotAStatus::Malformed(why) => StatusFileError::Malformed { path, why },
        })?;
        if newest.as_ref().is_none_or(|n| n.as_of < status.as_of) {
            newest = Some(status);
        }
    }
    let status = newest.ok_or_else(|| StatusFileError::None(dir.to_owned()))?;
    let age_ms = now.0.saturating_sub(status.as_of.as_millisecond());
    Ok((status, age_ms))
}

/// The runtime folder that belongs to a data dir of the service manager's.
fn runtime(dir: &Path) -> Option<PathBuf> {
    let service = dir.strip_prefix(STATE_TOP).ok()?;
    Some(Path::new(RUNTIME_TOP).join(service))
}
