//! How large the database is, and how much room its disk has.

use std::path::PathBuf;

use super::open::{Store, StoreError};

/// The database's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFacts {
    /// How many bytes the database takes, what is not in its place yet included.
    pub bytes: u64,
    /// How many bytes its disk has free for it.
    pub free_bytes: u64,
}

impl Store {
    /// The database's size, and the room on its disk.
    pub async fn disk(&self) -> Result<DiskFacts, StoreError> {
        let file = sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'");
        let file: String = file.fetch_one(self.readers()).await?;
        let bytes = ["", "-wal"].into_iter().filter_map(|end| {
            let path = PathBuf::from(format!("{file}{end}"));
            Some(std::fs::metadata(path).ok()?.len())
        });
        let disk = rustix::fs::statvfs(&*file).map_err(|e| sqlx::Error::Io(e.into()))?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        Ok(DiskFacts { bytes: bytes.sum(), free_bytes })
    }
}
