//! A disk with two images: what a reader sees, and what a power cut leaves.
//!
//! Content is durable once its file is synced, a name once its folder is. Of everything else a
//! power cut keeps what the dice say, whole, torn or not at all, in any order. Pages that hold only
//! zeros are not stored, so that a preallocated segment costs nothing.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use wasl_agent::seam::{Disk, DiskFile};

/// The size of a page, in bytes: what a torn write is torn at is a byte, not a page.
const PAGE: usize = 4096;

/// What a disk of an office has free, in bytes.
const FREE_BYTES: u64 = 1 << 34;

type Page = Arc<[u8; PAGE]>;

/// A file's bytes; pages that are not there are zeros.
#[derive(Clone, Debug, Default)]
struct Content {
    len: u64,
    pages: BTreeMap<u64, Page>,
}

/// A write that no sync has covered.
#[derive(Clone, Debug)]
struct Unsynced {
    offset: u64,
    /// The bytes up to the last that is not zero.
    bytes: Vec<u8>,
    /// How long it is with the zeros behind them.
    len: u64,
}

#[derive(Clone, Debug)]
enum Node {
    Dir { live: BTreeMap<String, u64>, durable: BTreeMap<String, u64> },
    File { live: Content, durable: Content, unsynced: Vec<Unsynced> },
}

/// What a disk does at one of its next operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trap {
    /// The process is killed before this write or sync.
    Kill,
    /// The machine loses its power there: a write that was under way may be torn.
    Cut,
    /// The sync says EIO, and what it should have written is lost though readers see it.
    FailSync,
}

#[derive(Clone, Debug)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    free: u64,
    boot: u64,
    /// After how many more writes and syncs the trap closes.
    trap: Option<(u64, Trap)>,
    /// Nothing works any more: the machine is off, or the process is gone.
    dead: bool,
    /// It is off because its power was cut.
    cut: bool,
    /// A planted bug: syncs do nothing, and say they did.
    lies: bool,
}

/// One machine's disk. Cheap to clone: all clones are the same disk.
#[derive(Clone, Debug)]
pub(super) struct SimDisk(Arc<Mutex<State>>);

const ROOT: u64 = 1;

impl Content {
    fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let len = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(buf.len());
        let buf = &mut buf[..len];
        if buf.iter().any(|byte| *byte != 0) {
            buf.fill(0);
        }
        let end = offset + len as u64;
        let first = offset / PAGE as u64;
        for (number, page) in self.pages.range(first..) {
            let start = number * PAGE as u64;
            if start >= end {
                break;
            }
            let (from, to) = (start.max(offset), (start + PAGE as u64).min(end));
            let (from_page, to_page) = (place(from - start), place(to - start));
            buf[place(from - offset)..place(to - offset)]
                .copy_from_slice(&page[from_page..to_page]);
        }
        len
    }

    fn write(&mut self, bytes: &[u8], offset: u64) {
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, within) = (at / PAGE as u64, place(at % PAGE as u64));
            let take = rest.len().min(PAGE - within);
            let (piece, more) = rest.split_at(take);
            if self.pages.contains_key(&number) || piece.iter().any(|byte| *byte != 0) {
                let page = self.pages.entry(number).or_insert_with(|| Arc::new([0; PAGE]));
                Arc::make_mut(page)[within..within + take].copy_from_slice(piece);
            }
            at += take as u64;
            rest = more;
        }
        self.len = self.len.max(at);
    }

    fn zeros(&mut self, from: u64, to: u64) {
        let pages: Vec<u64> =
            self.pages.range(from / PAGE as u64..=to / PAGE as u64).map(|(n, _)| *n).collect();
        for number in pages {
            let start = number * PAGE as u64;
            let page = self.pages.get_mut(&number).expect("it is in the range");
            let (a, b) = (from.max(start), to.min(start + PAGE as u64));
            if a < b {
                Arc::make_mut(page)[place(a - start)..place(b - start)].fill(0);
            }
        }
        self.len = self.len.max(to);
    }

    fn apply(&mut self, write: &Unsynced, torn_at: Option<u64>) {
        let keep = torn_at.unwrap_or(write.len).min(write.len);
        let some = write.bytes.len().min(place(keep));
        self.write(&write.bytes[..some], write.offset);
        self.zeros(write.offset + some as u64, write.offset + keep);
    }
}

fn place(n: u64) -> usize {
    usize::try_from(n).expect("places in a file fit a usize")
}

impl State {
    /// The way to a place: its folder's node and its name there.
    fn walk(&self, path: &Path) -> io::Result<(u64, String)> {
        let mut names: Vec<String> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                _ => None,
            })
            .collect();
        let last = names.pop().ok_or(ErrorKind::InvalidInput)?;
        let mut at = ROOT;
        for name in names {
            at = self.child(at, &name).ok_or(ErrorKind::NotFound)?;
        }
        Ok((at, last))
    }

    fn child(&self, dir: u64, name: &str) -> Option<u64> {
        match self.nodes.get(&dir) {
            Some(Node::Dir { live, .. }) => live.get(name).copied(),
            _ => None,
        }
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        let (dir, name) = self.walk(path)?;
        self.child(dir, &name).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn names(&mut self, dir: u64) -> io::Result<&mut BTreeMap<String, u64>> {
        match self.nodes.get_mut(&dir) {
            Some(Node::Dir { live, .. }) => Ok(live),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn add(&mut self, dir: u64, name: String, node: Node) -> io::Result<u64> {
        let id = self.next;
        self.next += 1;
        self.names(dir)?.insert(name, id);
        self.nodes.insert(id, node);
        Ok(id)
    }

    /// One write, rename, removal or sync: the trap may close before it.
    fn step(&mut self, is_sync: bool) -> io::Result<()> {
        self.alive()?;
        let Some((left, trap)) = self.trap else { return Ok(()) };
        if left > 0 || (trap == Trap::FailSync && !is_sync) {
            self.trap = Some((left.saturating_sub(1), trap));
            return Ok(());
        }
        self.trap = None;
        if trap == Trap::FailSync {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        (self.dead, self.cut) = (true, trap == Trap::Cut);
        Err(io::Error::other(if trap == Trap::Cut { CUT } else { "killed" }))
    }

    /// A copy of a node of another disk, with all below it.
    fn copy_from(&mut self, other: &Self, node: u64) -> u64 {
        let copied = match &other.nodes[&node] {
            Node::Dir { live, .. } => {
                let names =
                    live.iter().map(|(name, id)| (name.clone(), self.copy_from(other, *id)));
                let names: BTreeMap<_, _> = names.collect();
                Node::Dir { live: names.clone(), durable: names }
            }
            file => file.clone(),
        };
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, copied);
        id
    }

    fn alive(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the machine is off")) } else { Ok(()) }
    }
}

impl SimDisk {
    /// An empty disk.
    pub(super) fn new() -> Self {
        let root = Node::Dir { live: BTreeMap::new(), durable: BTreeMap::new() };
        let nodes = BTreeMap::from([(ROOT, root)]);
        let (next, free, boot) = (ROOT + 1, FREE_BYTES, 1);
        Self(Arc::new(Mutex::new(State {
            nodes,
            next,
            free,
            boot,
            trap: None,
            dead: false,
            cut: false,
            lies: false,
        })))
    }

    /// Another disk with what this one holds.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Everything that is there is durable: where a world begins.
    pub(super) fn settle(&self) {
        for node in self.state().nodes.values_mut() {
            match node {
                Node::File { live, durable, unsynced } => {
                    unsynced.clear();
                    durable.clone_from(live);
                }
                Node::Dir { live, durable } => durable.clone_from(live),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes a trap at the write or sync after `after` more of them.
    pub(super) fn set_trap(&self, after: u64, trap: Trap) {
        self.state().trap = Some((after, trap));
    }

    /// Takes a trap away that has not closed.
    pub(super) fn disarm(&self) {
        self.state().trap = None;
    }

    /// Has a trap closed, or was the machine switched off?
    pub(super) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The process ends now, or the machine loses its power.
    pub(super) fn switch_off(&self, cut: bool) {
        let mut state = self.state();
        (state.dead, state.cut) = (true, cut);
    }

    /// Is it off because its power was cut?
    pub(super) fn was_cut(&self) -> bool {
        self.state().cut
    }

    /// Puts a folder of another disk in the place of this one's, durable: for a planted bug.
    pub(super) fn graft(&self, other: &Self, dir: &Path) {
        let other = other.state();
        let mut state = self.state();
        let (Ok((into, name)), Ok(from)) = (state.walk(dir), other.find(dir)) else { return };
        let copied = state.copy_from(&other, from);
        for names in [true, false] {
            if let Some(Node::Dir { live, durable }) = state.nodes.get_mut(&into) {
                let names = if names { live } else { durable };
                names.insert(name.clone(), copied);
            }
        }
    }

    /// From now on syncs do nothing: a planted bug.
    pub(super) fn lie(&self) {
        self.state().lies = true;
    }

    /// Sets how many bytes are free; none: as many as a healthy disk has.
    pub(super) fn set_free(&self, bytes: Option<u64>) {
        self.state().free = bytes.unwrap_or(FREE_BYTES);
    }

    /// A new process after a kill: everything that was written is there.
    pub(super) fn restart(&self) {
        let mut state = self.state();
        (state.dead, state.cut, state.trap) = (false, false, None);
    }

    /// A new boot after a power cut: what was not synced is kept, torn or lost as the dice say.
    /// How many unsynced writes were kept whole, torn, lost.
    pub(super) fn reboot(&self, dice: &mut Rng) -> [u64; 3] {
        let mut state = self.state();
        let mut fates = [0; 3];
        for node in state.nodes.values_mut() {
            match node {
                Node::File { live, durable, unsynced } => {
                    for write in std::mem::take(unsynced) {
                        let fate = dice.usize(..3);
                        fates[fate] += 1;
                        match fate {
                            0 => durable.apply(&write, None),
                            1 => durable.apply(&write, Some(dice.u64(..write.len.max(1)))),
                            _ => {}
                        }
                    }
                    live.clone_from(durable);
                }
                Node::Dir { live, durable } => {
                    let mut names: Vec<String> =
                        live.keys().chain(durable.keys()).cloned().collect();
                    names.sort();
                    names.dedup();
                    for name in names {
                        if live.get(&name) != durable.get(&name) && dice.bool() {
                            match live.get(&name) {
                                Some(id) => durable.insert(name, *id),
                                None => durable.remove(&name),
                            };
                        }
                    }
                    live.clone_from(durable);
                }
            }
        }
        (state.dead, state.cut, state.trap) = (false, false, None);
        state.boot += 1;
        fates
    }

    /// Flips a bit of a byte that is not zero in a file below `dir` whose name ends like this; says
    /// whether there was one.
    pub(super) fn rot(&self, dir: &Path, ending: &str, dice: &mut Rng) -> bool {
        let mut state = self.state();
        let Ok(top) = state.find(dir) else { return false };
        let (mut dirs, mut files) = (vec![top], Vec::new());
        while let Some(id) = dirs.pop() {
            let Some(Node::Dir { live, .. }) = state.nodes.get(&id) else { continue };
            for (name, child) in live {
                match state.nodes.get(child) {
                    Some(Node::Dir { .. }) => dirs.push(*child),
                    Some(Node::File { .. }) if name.ends_with(ending) => files.push(*child),
                    _ => {}
                }
            }
        }
        if files.is_empty() {
            return false;
        }
        let file = files[dice.usize(..files.len())];
        let Some(Node::File { live, durable, .. }) = state.nodes.get_mut(&file) else {
            return false;
        };
        let some: Vec<(u64, usize)> = live
            .pages
            .iter()
            .flat_map(|(n, page)| {
                page.iter().enumerate().filter(|(_, b)| **b != 0).map(|(i, _)| (*n, i))
            })
            .collect();
        if some.is_empty() {
            return false;
        }
        let (number, byte) = some[dice.usize(..some.len())];
        let bit = 1 << dice.u8(..8);
        for content in [live, durable] {
            if let Some(page) = content.pages.get_mut(&number) {
                Arc::make_mut(page)[byte] ^= bit;
            }
        }
        true
    }

    fn file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.alive()?;
        let id = state.find(path)?;
        match state.nodes.get(&id) {
            Some(Node::File { .. }) => Ok(Box::new(SimFile { disk: self.clone(), id })),
            _ => Err(ErrorKind::IsADirectory.into()),
        }
    }
}

fn empty_dir() -> Node {
    Node::Dir { live: BTreeMap::new(), durable: BTreeMap::new() }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.step(false)?;
        let (dir, name) = state.walk(path)?;
        if state.child(dir, &name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let (live, durable) = (Content::default(), Content::default());
        let id = state.add(dir, name, Node::File { live, durable, unsynced: Vec::new() })?;
        Ok(Box::new(SimFile { disk: self.clone(), id }))
    }

    fn exists(&self, path: &Path) -> bool {
        self.state().find(path).is_ok()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.alive()?;
        let id = state.find(dir)?;
        Ok(state.names(id)?.keys().cloned().collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step(false)?;
        let mut at = ROOT;
        for part in dir.components() {
            let Component::Normal(name) = part else { continue };
            let name = name.to_string_lossy().into_owned();
            at = match state.child(at, &name) {
                Some(id) => id,
                None => state.add(at, name, empty_dir())?,
            };
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step(false)?;
        let (from_dir, from_name) = state.walk(from)?;
        let (to_dir, to_name) = state.walk(to)?;
        let moved = state.names(from_dir)?.remove(&from_name).ok_or(ErrorKind::NotFound)?;
        state.names(to_dir)?.insert(to_name, moved);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step(false)?;
        let Ok((dir, name)) = state.walk(path) else { return Ok(()) };
        state.names(dir)?.remove(&name);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step(true)?;
        let id = state.find(dir)?;
        if state.lies {
            return Ok(());
        }
        if let Some(Node::Dir { live, durable }) = state.nodes.get_mut(&id) {
            durable.clone_from(live);
        }
        Ok(())
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.state().free)
    }

    fn boot_id(&self) -> io::Result<String> {
        Ok(self.state().boot.to_string())
    }
}

/// What a write says that the power cut short.
const CUT: &str = "the power is gone";

/// The system's number for a failed device.
const EIO: i32 = 5;

struct SimFile {
    disk: SimDisk,
    id: u64,
}

impl SimFile {
    fn with<T>(&self, f: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        f(&mut self.disk.state(), self.id)
    }
}

fn file(state: &mut State, id: u64) -> (&mut Content, &mut Content, &mut Vec<Unsynced>) {
    match state.nodes.get_mut(&id) {
        Some(Node::File { live, durable, unsynced }) => (live, durable, unsynced),
        _ => unreachable!("a file stays one, and its node is never taken away"),
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state, id| {
            state.alive()?;
            Ok(file(state, id).0.read(buf, offset))
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.with(|state, id| {
            let died = state.step(false);
            // A write that the power cut short may still be on its way to the disk.
            if died.as_ref().is_err_and(|e| e.to_string() != CUT) {
                return died;
            }
            let full = state.free < bytes.len() as u64;
            let (live, _, unsynced) = file(state, id);
            if full && offset + bytes.len() as u64 > live.len {
                return Err(ErrorKind::StorageFull.into());
            }
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let write = Unsynced { offset, bytes: bytes[..used].to_vec(), len: bytes.len() as u64 };
            if died.is_ok() {
                live.apply(&write, None);
            }
            unsynced.push(write);
            died
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state, id| {
            let stepped = state.step(true);
            let lies = state.lies;
            let (live, durable, unsynced) = file(state, id);
            if let Err(e) = stepped {
                if e.raw_os_error() == Some(EIO) {
                    unsynced.clear();
                }
                return Err(e);
            }
            if !lies {
                unsynced.clear();
                durable.clone_from(live);
            }
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state, id| Ok(file(state, id).0.len))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state, id| {
            state.step(false)?;
            let (live, _, _) = file(state, id);
            live.pages.retain(|number, _| number * (PAGE as u64) < len);
            live.len = len;
            Ok(())
        })
    }
}
