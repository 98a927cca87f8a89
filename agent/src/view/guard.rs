//! May the store on disk be believed?
//!
//! After a clean stop: yes, a mark says so, with the length of every file. After a kill in the same
//! run of the machine: yes, the page cache has all of it. After a power cut, a reboot or any doubt:
//! no. The mark is removed, durably, before the store is opened.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use wasl_protocol::keys::Random;

use super::{Meta, SledView, View, ViewError};

/// Why the view that was there is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// There is none, or an empty one.
    #[error("there is no view yet")]
    Missing,
    /// The machine was restarted, and the view had not been closed.
    #[error("the machine went down while the view was open")]
    Reboot,
    /// It was closed, and its files have changed since.
    #[error("files of the view changed while the daemon was stopped")]
    Changed,
    /// It does not open.
    #[error("the view does not open: {0}")]
    Unreadable(String),
    /// It says that more, or other things, are folded than the logs hold.
    #[error("the view does not fit the journal")]
    AtOdds,
    /// It holds things that the version which folded it could not read.
    #[error("it holds what a newer version wrote: this one may be able to read it")]
    Newer,
}

/// What opening the view gave.
#[derive(Debug)]
pub enum Opened {
    /// A view to go on with, folded up to where its meta says.
    Trusted(Box<dyn View>),
    /// What is there is not to be believed.
    Doubted(Doubt),
}

impl std::fmt::Debug for dyn View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View({} records)", self.meta().records)
    }
}

const CLEAN: &str = "clean";
const BOOT: &str = "boot";

/// Opens the view in `dir` if it may be believed.
pub fn open(
    dir: &Path,
    boot_id: &str,
    secret: &Random,
    cache_bytes: u64,
    fresh: Meta,
) -> Result<Opened, ViewError> {
    if !dir.exists() {
        return Ok(Opened::Doubted(Doubt::Missing));
    }
    let clean = read(&dir.join(CLEAN))?;
    let boot = read(&dir.join(BOOT))?;
    match (clean, boot) {
        (Some(mark), _) if mark == marks(dir) => {}
        (Some(_), _) => return Ok(Opened::Doubted(Doubt::Changed)),
        (None, Some(boot)) if boot == boot_id => {}
        (None, Some(_)) => return Ok(Opened::Doubted(Doubt::Reboot)),
        (None, None) => return Ok(Opened::Doubted(Doubt::Missing)),
    }
    mark_open(dir, boot_id)?;
    Ok(match SledView::open(dir, secret, cache_bytes, fresh) {
        Ok((view, true)) => Opened::Trusted(Box::new(view)),
        Ok((_, false)) => Opened::Doubted(Doubt::Missing),
        Err(e) => Opened::Doubted(Doubt::Unreadable(e.to_string())),
    })
}

/// Makes an empty view in `dir`; what was there before is moved aside, and what had been moved
/// aside before that is removed. Where the old one went, if there was one.
pub fn set_aside(
    dir: &Path,
    boot_id: &str,
    secret: &Random,
    cache_bytes: u64,
    fresh: Meta,
) -> Result<(Box<dyn View>, Option<PathBuf>), ViewError> {
    let aside = move_aside(dir)?;
    fs::create_dir_all(dir).map_err(io_error(dir))?;
    mark_open(dir, boot_id)?;
    let (view, _) = SledView::open(dir, secret, cache_bytes, fresh)?;
    Ok((Box::new(view), aside))
}

/// Takes the trust from the view in `dir`, so that the next start folds it again.
pub fn discard(dir: &Path) -> Result<(), ViewError> {
    remove(&dir.join(CLEAN))?;
    remove(&dir.join(BOOT))?;
    if dir.exists() { sync(dir) } else { Ok(()) }
}

/// Makes a closed store durable, file by file, then says so.
pub(super) fn mark_clean(dir: &Path) -> Result<(), ViewError> {
    for path in files(dir) {
        sync(&path)?;
    }
    for folder in folders(dir) {
        sync(&folder)?;
    }
    sync(dir)?;
    write(&dir.join(CLEAN), &marks(dir))?;
    sync(dir)
}

fn mark_open(dir: &Path, boot_id: &str) -> Result<(), ViewError> {
    write(&dir.join(BOOT), boot_id)?;
    remove(&dir.join(CLEAN))?;
    sync(dir)
}

/// The name and length of every file of the store.
fn marks(dir: &Path) -> String {
    let mut text = String::new();
    for path in files(dir) {
        let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
        let len = fs::metadata(&path).map_or(0, |found| found.len());
        let _ = writeln!(text, "{len} {name}"); // writing to a String does not fail
    }
    text
}

/// The store's files, sorted.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders(dir) {
        found.extend(entries(&folder).filter(|path| path.is_file()));
    }
    found.sort();
    found
}

/// The store's folders.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(dir).filter(|path| path.is_dir()).collect();
    let mut i = 0;
    while i < found.len() {
        let inner: Vec<PathBuf> = entries(&found[i]).filter(|path| path.is_dir()).collect();
        found.extend(inner);
        i += 1;
    }
    found
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn move_aside(dir: &Path) -> Result<Option<PathBuf>, ViewError> {
    if !dir.exists() {
        return Ok(None);
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = dir.parent().unwrap_or(Path::new("."));
    let number = |path: &PathBuf| {
        path.file_name()?.to_str()?.strip_prefix(&format!("{name}.bad-"))?.parse::<u64>().ok()
    };
    let old: Vec<(u64, PathBuf)> =
        entries(parent).filter_map(|path| Some((number(&path)?, path))).collect();
    let next = old.iter().map(|(n, _)| n + 1).max().unwrap_or(1);
    let aside = parent.join(format!("{name}.bad-{next}"));
    fs::rename(dir, &aside).map_err(io_error(dir))?;
    for (_, path) in old {
        fs::remove_dir_all(&path).map_err(io_error(&path))?;
    }
    sync(parent)?;
    Ok(Some(aside))
}

fn read(path: &Path) -> Result<Option<String>, ViewError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io_error(path)(e)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), ViewError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(io_error(path))
}

fn remove(path: &Path) -> Result<(), ViewError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io_error(path)(e)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), ViewError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io_error(path))
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> ViewError + '_ {
    move |source| ViewError::Io { path: path.to_owned(), source }
}
