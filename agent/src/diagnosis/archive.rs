//! The file: `tar.gz`, with a manifest of everything in it.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tar::{Builder, EntryType, Header};

use super::{Diagnosis, LeftOut};

/// The folder that the archive unpacks to.
const FOLDER: &str = "wasl-diagnosis";

/// The name of the manifest in it.
const MANIFEST: &str = "manifest.json";

const MODE: u32 = 0o600;

/// `diagnose --json`, and `manifest.json` in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `wasl.diagnosis/1`.
    pub schema: String,
    /// When it was made, by this machine's clock.
    pub made_at: Timestamp,
    /// Which office; null before joining.
    pub office: Option<String>,
    /// The program that made it.
    pub version: String,
    /// What is in it, the manifest apart.
    pub files: Vec<Entry>,
    /// What is not.
    pub left_out: Vec<LeftOut>,
}

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// The hash of it, in hex.
    pub blake3: String,
    /// Why it is there.
    pub why: String,
}

impl Manifest {
    /// The name of this document.
    pub const SCHEMA: &str = "wasl.diagnosis/1";

    /// What the archive of a diagnosis holds.
    pub fn of(diagnosis: &Diagnosis) -> Self {
        let files = diagnosis.files.iter().map(|file| Entry {
            name: file.name.to_owned(),
            bytes: file.bytes.len() as u64,
            blake3: blake3::hash(&file.bytes).to_hex().to_string(),
            why: file.why.to_owned(),
        });
        Self {
            schema: Self::SCHEMA.to_owned(),
            made_at: diagnosis.made_at,
            office: diagnosis.office.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            files: files.collect(),
            left_out: diagnosis.left_out.clone(),
        }
    }
}

/// Writes the archive.
///
/// # Errors
/// If `to` cannot be written.
pub fn pack(diagnosis: &Diagnosis, to: impl io::Write) -> io::Result<()> {
    let at_s = u64::try_from(diagnosis.made_at.as_second()).unwrap_or(0);
    let mut tar = Builder::new(GzEncoder::new(to, Compression::default()));
    let manifest = serde_json::to_vec_pretty(&Manifest::of(diagnosis)).map_err(io::Error::other)?;
    let files = diagnosis.files.iter().map(|file| (file.name, &file.bytes));
    for (name, bytes) in [(MANIFEST, &manifest)].into_iter().chain(files) {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(MODE);
        header.set_mtime(at_s);
        tar.append_data(&mut header, format!("{FOLDER}/{name}"), &bytes[..])?;
    }
    let mut to = tar.into_inner()?.finish()?;
    to.flush()
}
