//! The disk as of a moment, after a power cut.
//!
//! What it promises, and nothing else:
//! - What was in a file when an fsync or fdatasync of it ended is there, its length included.
//! - The names in a folder are as they were when an fsync of that folder ended.
//! - A rename changes both names or neither.
//! - A sector of 512 bytes is as it was at one moment between the file's last fsync and the cut.
//!
//! Everything else is dice: each sector of a file, its length and each name may be older than
//! another one, whatever was written first. A file may be long and empty, or its bytes may lie
//! behind an end that did not move; a new file that was fsynced may have no name, or have one. That
//! is stricter than ext4 or XFS, which keep the order of names and give a file that was fsynced its
//! name. It is kinder than a broken disk: a sync is never a lie, what is durable stays as it is, and
//! bytes beside those that were written do not change.

use super::log::{Event, Log, Moment, Place};
use super::tree::{Ino, Kind, ROOT};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// A power cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// When.
    pub at: Moment,
    /// What decides about everything that was not durable.
    pub seed: u64,
    /// Whose power stays on: what lies beneath such a name in the disk's root is all there.
    pub spared: fn(&OsStr) -> bool,
    /// The disk lied: an fsync of a file promised nothing. Whoever believes a disk cannot hold then
    /// what was promised; a check that finds nothing to complain of finds nothing at all.
    pub lies: bool,
}

impl Cut {
    /// A cut that spares nobody.
    pub fn of_all(at: Moment, seed: u64) -> Self {
        Self { at, seed, spared: |_| false, lies: false }
    }
}

/// How much of what was not durable came to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Luck {
    Nothing,
    Everything,
    /// The first so many bytes, in the order in which they were written.
    Front,
    /// Each sector, each name by itself.
    Scattered,
}

const LUCKS: [Luck; 4] = [Luck::Nothing, Luck::Everything, Luck::Front, Luck::Scattered];

/// Writes what a cut leaves into the folder `into`, which must be empty.
pub fn image(log: &Log, cut: &Cut, into: &Path) -> io::Result<()> {
    let past = Past::of(log, cut);
    let folders = past.folders();
    write_folder(&past, &folders, ROOT, into)
}

type Folders = BTreeMap<Ino, BTreeMap<OsString, Ino>>;

fn write_folder(past: &Past<'_>, folders: &Folders, dir: Ino, into: &Path) -> io::Result<()> {
    for (name, ino) in folders.get(&dir).into_iter().flatten() {
        let (path, born) = (into.join(name), &past.log.born[ino]);
        let mode = u32::from(born.mode);
        match born.kind {
            Kind::Dir => {
                DirBuilder::new().mode(mode).create(&path)?;
                write_folder(past, folders, *ino, &path)?;
            }
            Kind::File => {
                let mut file =
                    OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
                file.write_all(&past.content(*ino))?;
            }
            // Nobody listens after a power cut.
            Kind::Socket => {}
        }
    }
    fs::metadata(into).map(drop)
}

/// The events before a cut, by what they concern.
struct Past<'a> {
    log: &'a Log,
    cut: &'a Cut,
    /// Of each file: its events, and how many of them are durable.
    files: BTreeMap<Ino, (Vec<&'a Event>, usize)>,
    /// Each change of names, with what made it durable, if anything did.
    names: Vec<(&'a Event, bool)>,
}

impl<'a> Past<'a> {
    fn of(log: &'a Log, cut: &'a Cut) -> Self {
        let mut past = Self { log, cut, files: BTreeMap::new(), names: Vec::new() };
        // Some file systems give a file that is fsynced its name, others do not.
        let names_files = past.dice(0, 1).bool();
        for event in &log.events[..cut.at.0] {
            match event {
                Event::Write { file, .. } | Event::SetLen { file, .. } => {
                    past.files.entry(*file).or_default().0.push(event);
                }
                Event::Name { .. } | Event::Rename { .. } => past.names.push((event, false)),
                Event::Sync { .. } if cut.lies => {}
                Event::Sync { file } => {
                    if let Some((events, durable)) = past.files.get_mut(file) {
                        *durable = events.len();
                    }
                    if names_files {
                        past.settle(|event| concerns(event, *file));
                    }
                }
                Event::SyncDir { dir } => past.settle(|event| touches(event, *dir)),
            }
        }
        past
    }

    fn settle(&mut self, which: impl Fn(&Event) -> bool) {
        for (event, durable) in &mut self.names {
            *durable |= which(event);
        }
    }

    fn dice(&self, ino: Ino, what: u64) -> fastrand::Rng {
        let mut mixed = fastrand::Rng::with_seed(self.cut.seed);
        let salt = mixed.u64(..);
        let mut mixed = fastrand::Rng::with_seed(salt ^ ino.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let salt = mixed.u64(..);
        fastrand::Rng::with_seed(salt ^ what.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    /// One luck for all in some cuts, each file its own in the others.
    fn luck(&self, ino: Ino) -> Luck {
        let of_all = self.dice(0, 2).usize(0..LUCKS.len() * 2);
        let of_one = self.dice(ino, 3).usize(0..LUCKS.len());
        LUCKS[if of_all < LUCKS.len() { of_all } else { of_one }]
    }

    /// Which names there are, and what they stand for.
    fn folders(&self) -> Folders {
        let (luck, mut dice) = (self.luck(0), self.dice(0, 4));
        let pending = self.names.iter().filter(|(_, durable)| !durable).count();
        let front = dice.usize(0..=pending);
        let mut folders = Folders::new();
        let mut nth = 0;
        for (event, durable) in &self.names {
            let lucky = match luck {
                Luck::Nothing => false,
                Luck::Everything => true,
                Luck::Front => nth < front,
                Luck::Scattered => dice.bool(),
            };
            nth += usize::from(!durable);
            if *durable || lucky || self.spares(event) {
                apply(event, &mut folders);
            }
        }
        folders
    }

    fn spares(&self, event: &Event) -> bool {
        let spared = |(dir, name): &Place| match *dir {
            ROOT => (self.cut.spared)(name),
            dir => (self.cut.spared)(&self.log.born[&dir].top),
        };
        match event {
            Event::Name { place, .. } => spared(place),
            Event::Rename { to, .. } => spared(to),
            _ => false,
        }
    }

    /// What a file holds.
    fn content(&self, ino: Ino) -> Vec<u8> {
        let Some((events, durable)) = self.files.get(&ino) else { return Vec::new() };
        let (durable, pending) = events.split_at(*durable);
        let mut dice = self.dice(ino, 5);
        let luck = if (self.cut.spared)(&self.log.born[&ino].top) {
            Luck::Everything
        } else {
            self.luck(ino)
        };
        let front = dice.usize(0..=pending.len());
        let landed = match luck {
            Luck::Nothing => 0,
            Luck::Everything => pending.len(),
            Luck::Front | Luck::Scattered => front,
        };
        let torn = dice.f64();
        let of_sector = |sector: u64| match luck {
            Luck::Scattered => self.dice(ino, 8 + sector).usize(0..=pending.len()),
            _ => landed,
        };
        let mut file = Image::default();
        for event in durable {
            file.take(event);
        }
        let mut len = file.bytes.len();
        for (nth, event) in pending.iter().enumerate() {
            match event {
                Event::Write { at, bytes, .. } if luck == Luck::Front && nth == landed => {
                    let part = part_of(bytes.len(), torn);
                    file.write(*at, &bytes[..part]);
                }
                Event::Write { at, bytes, .. } => {
                    for piece in sectors(*at, bytes.len()) {
                        if nth < of_sector((*at + piece.start as u64) / SECTOR_BYTES) {
                            file.write(*at + piece.start as u64, &bytes[piece]);
                        }
                    }
                }
                Event::SetLen { .. } if nth < landed => file.take(event),
                _ => {}
            }
            if nth < landed || (luck == Luck::Front && nth == landed) {
                len = match event {
                    Event::SetLen { len: to, .. } if nth < landed => size(*to),
                    Event::Write { at, bytes, .. } => {
                        let whole = if nth < landed { 1.0 } else { torn };
                        len.max(size(*at) + part_of(bytes.len(), whole))
                    }
                    _ => len,
                };
            }
        }
        file.bytes.resize(len, 0);
        file.bytes
    }
}

/// A file's bytes as they come together.
#[derive(Default)]
struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Write { at, bytes, .. } => self.write(*at, bytes),
            Event::SetLen { len, .. } => self.bytes.resize(size(*len), 0),
            _ => {}
        }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        let range = size(at)..size(at) + bytes.len();
        if self.bytes.len() < range.end {
            self.bytes.resize(range.end, 0);
        }
        self.bytes[range].copy_from_slice(bytes);
    }
}

/// The pieces of a write that lie in one sector each.
fn sectors(at: u64, len: usize) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let left = size(SECTOR_BYTES - (at + start as u64) % SECTOR_BYTES);
        let piece = start..(start + left).min(len);
        start = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a write, which is some MiB at most"
)]
fn part_of(len: usize, share: f64) -> usize {
    ((len as f64 * share) as usize).min(len)
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).expect("files in memory are small")
}

/// Does a change of names give this file a name?
fn concerns(event: &Event, file: Ino) -> bool {
    match event {
        Event::Name { is, .. } => *is == Some(file),
        Event::Rename { what, .. } => *what == file,
        _ => false,
    }
}

/// Does a change of names happen in this folder?
fn touches(event: &Event, dir: Ino) -> bool {
    match event {
        Event::Name { place, .. } => place.0 == dir,
        Event::Rename { from, to, .. } => from.0 == dir || to.0 == dir,
        _ => false,
    }
}

fn apply(event: &Event, folders: &mut Folders) {
    match event {
        Event::Name { place: (dir, name), is: Some(ino) } => {
            folders.entry(*dir).or_default().insert(name.clone(), *ino);
        }
        Event::Name { place: (dir, name), is: None } => {
            folders.entry(*dir).or_default().remove(name);
        }
        Event::Rename { what, from, to } => {
            folders.entry(from.0).or_default().remove(&from.1);
            folders.entry(to.0).or_default().insert(to.1.clone(), *what);
        }
        _ => {}
    }
}
