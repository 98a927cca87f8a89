//! Every byte of a log, checked: nothing is trusted and nothing is changed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wasl_protocol::frame::FrameError;
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::units::Seq;

use super::segment::{self, HEADER_BYTES, Header};
use super::walk::{Walk, used};
use super::{JournalError, io_error, log_dir};
use crate::seam::{Disk, read_whole};

/// A log in which every byte is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Which log.
    pub id: JournalId,
    /// Where it ends.
    pub end: Position,
    /// How many segments it has.
    pub segments: usize,
}

/// The first place where a log is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which file.
    pub file: PathBuf,
    /// Where in it the entry (or header) starts that is wrong.
    pub offset: usize,
    /// Which entry.
    pub entry: Seq,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, entry, reason } = self;
        write!(f, "{}: byte {offset}, entry {entry}: {reason}", file.display())
    }
}

/// Checks the log `id` in `folder`: all of it, or, while its daemon appends, the entries up to
/// `upto`.
pub fn verify(
    disk: &dyn Disk,
    folder: &Path,
    id: JournalId,
    upto: Option<Seq>,
) -> Result<Result<Verified, Damage>, JournalError> {
    let dir = log_dir(folder, id);
    let names = disk.list(&dir).map_err(io_error(&dir))?;
    let count = names.iter().filter_map(|name| segment::ordinal(name)).max().unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(usize::MAX).max(1);
    let checks = check_all(disk, &dir, count);
    let mut at = Position::start(id);
    for (i, check) in checks.into_iter().enumerate() {
        let file = segment::path(&dir, i as u64 + 1);
        let check = check?;
        let damage = |offset: usize, entry: Seq, reason: &str| {
            Ok(Err(Damage { file: file.clone(), offset, entry, reason: reason.to_owned() }))
        };
        if upto.is_some_and(|upto| at.seq >= upto) {
            break;
        }
        let Some(header) = check.header else {
            return damage(0, at.seq.next(), check.missing());
        };
        if (header.id, header.ordinal, header.before) != (id, i as u64 + 1, at) {
            return damage(0, at.seq.next(), "the segment does not continue the one before");
        }
        at = check.end;
        let done = upto.is_some_and(|upto| at.seq >= upto);
        if let (Some((offset, reason)), false) = (check.bad, done) {
            return damage(offset, at.seq.next(), &reason);
        }
    }
    match upto.filter(|upto| at.seq < *upto) {
        None => Ok(Ok(Verified { id, end: at, segments: count })),
        Some(_) => Ok(Err(Damage {
            file: segment::path(&dir, count as u64),
            offset: 0,
            entry: at.seq.next(),
            reason: "the entry is missing".to_owned(),
        })),
    }
}

/// What one segment holds, by itself.
struct Check {
    there: bool,
    header: Option<Header>,
    end: Position,
    bad: Option<(usize, String)>,
}

impl Check {
    fn missing(&self) -> &'static str {
        if self.there { "the segment's header is damaged" } else { "the segment is missing" }
    }
}

/// Checks the segments on all cores: each header says where its chain goes on from.
fn check_all(disk: &dyn Disk, dir: &Path, count: usize) -> Vec<Result<Check, JournalError>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return done;
            }
            done.push((i, check(disk, &segment::path(dir, i as u64 + 1))));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(count);
    let mut all = thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let joined = started.into_iter().map(|w| w.join().expect("checking does not panic"));
        joined.flatten().collect::<Vec<_>>()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, check)| check).collect()
}

fn check(disk: &dyn Disk, path: &Path) -> Result<Check, JournalError> {
    let none = Position::start(JournalId(0));
    if !disk.exists(path) {
        return Ok(Check { there: false, header: None, end: none, bad: None });
    }
    let bytes = read_whole(disk, path).map_err(io_error(path))?;
    let Some(header) = Header::decode(&bytes) else {
        return Ok(Check { there: true, header: None, end: none, bad: None });
    };
    let mut walk = Walk::new(&bytes, HEADER_BYTES, header.before);
    while walk.next().is_some() {}
    let offset = walk.offset();
    let bad = match walk.stopped() {
        Some(FrameError::Short) => Some((offset, FrameError::Short.to_string())),
        Some(e) => Some((offset, e.to_string())),
        None if used(&bytes[offset..]) > 0 => {
            Some((offset, "bytes that are no entry follow the last one".to_owned()))
        }
        None => None,
    };
    Ok(Check { there: true, header: Some(header), end: walk.at(), bad })
}
