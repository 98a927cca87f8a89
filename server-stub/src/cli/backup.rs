//! `backup`: a copy of everything that this HQ needs to be made again.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasl_protocol::id::{JournalId, Position};

use crate::console::{End, NewBackup};
use crate::registry::KEYS_FILE;
use crate::seam::{sync_folder, write_new};
use crate::settings;
use crate::store::{CopyFacts, DATABASE};

use super::args::BackupOptions;
use super::ask::Asker;
use super::failure::{AGAIN, Failure};
use super::table::facts;

/// The name of a folder that is not finished ends so.
const UNFINISHED: &str = "part";

/// `backup --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BackupDocument {
    /// `wasl-hq.backup/1`.
    pub schema: String,
    /// The folder of this copy.
    pub place: PathBuf,
    /// When it was made.
    pub made_at: Timestamp,
    /// Was it declared to be in another building?
    pub offsite: bool,
    /// How many entries of journals are in it.
    pub entries: u64,
    /// How many records.
    pub records: u64,
    /// How many bytes its database has.
    pub bytes: u64,
}

/// Copies the database, the keys and the settings into a new folder below `to`, and walks the copy.
pub(super) async fn backup(asker: &Asker, options: &BackupOptions) -> Result<(), Failure> {
    if options.offsite && asker.is_down().await {
        let why = "it is not running, and has to tell the offices what is stable";
        return Err(Failure::new(AGAIN, "HQ", why)
            .help("start it, or leave `--offsite` out: the copy is made all the same"));
    }
    let store = asker.database().await?;
    let made_at = Timestamp::from_millisecond(asker.now().0).unwrap_or_default();
    let place = options.to.join(made_at.strftime("wasl-hq-%Y%m%dT%H%M%S%.3fZ").to_string());
    let part = place.with_added_extension(UNFINISHED);
    let failed = |path: &Path, e: &std::io::Error| {
        Failure::io(path, e).help("the user that runs HQ has to be able to write there")
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&options.to)
        .and_then(|()| DirBuilder::new().mode(0o700).create(&part))
        .map_err(|e| failed(&part, &e))?;
    let copied = store.copy(&part.join(DATABASE)).await?;
    for name in [KEYS_FILE, settings::FILE] {
        let from = asker.dir().join(name);
        let bytes = fs::read(&from).map_err(|e| Failure::io(&from, &e))?;
        write_new(&part.join(name), &bytes).map_err(|e| failed(&part, &e))?;
    }
    fs::rename(&part, &place).and_then(|()| sync_folder(&place)).map_err(|e| failed(&place, &e))?;
    tell(asker, &place, options.offsite, &copied).await?;
    let document = BackupDocument {
        schema: "wasl-hq.backup/1".to_owned(),
        place,
        made_at,
        offsite: options.offsite,
        entries: copied.entries,
        records: copied.records,
        bytes: copied.bytes,
    };
    asker.show(&document, people)
}

/// Tells the running HQ.
async fn tell(
    asker: &Asker,
    place: &Path,
    offsite: bool,
    copied: &CopyFacts,
) -> Result<(), Failure> {
    if asker.is_down().await {
        return Ok(());
    }
    let end = |(journal, at): &(JournalId, Position)| {
        let (journal, seq, head) = (*journal, at.seq, at.head);
        End { journal, seq, head }
    };
    let ends = copied.ends.iter().map(end).collect();
    let new = NewBackup { place: place.display().to_string(), offsite, ends };
    asker.post::<serde_json::Value>("/v1/backups", &new).await.map(drop)
}

fn people(b: &BackupDocument) -> String {
    let stable = if b.offsite {
        "what is in it is stable from now on"
    } else {
        "no: nothing is called stable for it"
    };
    facts(vec![
        ("copy", b.place.display().to_string()),
        ("made", b.made_at.to_string()),
        ("walked", format!("{} entries, {} records, whole", b.entries, b.records)),
        ("size", format!("{} bytes", b.bytes)),
        ("off-site", stable.to_owned()),
    ])
}
