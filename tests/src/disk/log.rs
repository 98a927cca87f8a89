//! What happened to a disk, in order.

use super::tree::{Ino, Kind};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

/// A place in a log: everything before it has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub usize);

/// A name in a folder.
pub(super) type Place = (Ino, OsString);

/// One change, or one promise.
#[derive(Clone, Debug)]
pub enum Event {
    /// Bytes were written to a file.
    Write {
        /// Which file.
        file: Ino,
        /// From which byte on.
        at: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// A file was cut or extended.
    SetLen {
        /// Which file.
        file: Ino,
        /// To how many bytes.
        len: u64,
    },
    /// A name came to stand for something else, or for nothing.
    Name {
        /// The name.
        place: (Ino, OsString),
        /// For what it stands now.
        is: Option<Ino>,
    },
    /// Something was renamed: both names change at once, or neither.
    Rename {
        /// What.
        what: Ino,
        /// Its name before.
        from: (Ino, OsString),
        /// Its name now.
        to: (Ino, OsString),
    },
    /// A file was fsynced.
    Sync {
        /// Which file.
        file: Ino,
    },
    /// A folder was fsynced.
    SyncDir {
        /// Which folder.
        dir: Ino,
    },
}

/// What a node is, for as long as it is remembered: that is, for ever.
#[derive(Clone, Debug)]
pub(super) struct Born {
    pub(super) kind: Kind,
    pub(super) mode: u16,
    /// The name in the disk's root beneath which it was made.
    pub(super) top: OsString,
}

/// All events of a disk.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(super) events: Vec<Event>,
    pub(super) born: BTreeMap<Ino, Born>,
}

/// How many events of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes.
    pub writes: usize,
    /// Files cut or extended.
    pub lengths: usize,
    /// Names made, linked, removed or changed.
    pub names: usize,
    /// Syncs of files.
    pub syncs: usize,
    /// Syncs of folders.
    pub dir_syncs: usize,
}

impl Log {
    /// The moment after the last event.
    pub fn now(&self) -> Moment {
        Moment(self.events.len())
    }

    /// Its events, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many events of each kind there are.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for event in &self.events {
            match event {
                Event::Write { .. } => tally.writes += 1,
                Event::SetLen { .. } => tally.lengths += 1,
                Event::Name { .. } | Event::Rename { .. } => tally.names += 1,
                Event::Sync { .. } => tally.syncs += 1,
                Event::SyncDir { .. } => tally.dir_syncs += 1,
            }
        }
        tally
    }
}
