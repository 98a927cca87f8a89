//! A disk with two images: what a reader sees, and what a power cut leaves.
//!
//! Content is durable once its file is synced, a name once its folder is. Of everything else a
//! power cut keeps what the dice say, whole, torn or not at all, in any order. Pages that hold only
//! zeros are not stored, so that a preallocated segment costs nothing.

mod content; // a file's bytes
mod state; // files and folders

#[cfg(test)]
mod tests; // what it promises

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use wasl_agent::seam::{Disk, DiskFile};

use self::content::{Content, PAGE, Unsynced, used};
pub(super) use self::state::Trap;
use self::state::{CUT, EIO, Node, ROOT, State};

/// What a disk of an office has free, in bytes.
const FREE_BYTES: u64 = 1 << 34;

/// One machine's disk. Cheap to clone: all clones are the same disk.
#[derive(Clone, Debug)]
pub(super) struct SimDisk(Arc<Mutex<State>>);

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

    /// Everything is as on another disk, at a new boot.
    pub(super) fn put_back(&self, image: &Self) {
        let image = image.state().clone();
        let mut state = self.state();
        let boot = state.boot + 1;
        *state = State { boot, trap: None, dead: false, cut: false, ..image };
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
            let used = used(bytes);
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
