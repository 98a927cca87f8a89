//! The kernel's side of a telling disk: what programs ask for, answered from the tree and written
//! into the log, before the answer.

use super::log::{Born, Event};
use super::tree::{Ino, Kind, ROOT};
use super::{Faults, ROOM_BYTES, Shared, State};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// For how long the kernel may believe what it was told: nobody else changes anything.
const TTL: Duration = Duration::from_secs(1);

/// The unit in which space is counted.
const BLOCK_BYTES: u32 = 4096;

/// How many files there is room for, where the faults say nothing.
const ROOM_NODES: u64 = 1 << 20;

/// The longest name.
const NAME_BYTES: u32 = 255;

/// The bits of a mode that say of what type a node is, and a socket's.
const TYPE_BITS: u32 = 0o170_000;
const SOCKET_BITS: u32 = 0o140_000;
const FILE_BITS: u32 = 0o100_000;

/// A listing that is being read: what was in a folder when it was opened.
type Listing = Vec<(Ino, Kind, OsString)>;

/// Answers the kernel.
#[derive(Debug)]
pub(super) struct Door {
    state: Shared,
    listings: Mutex<BTreeMap<u64, Listing>>,
    handles: AtomicU64,
}

impl Door {
    pub(super) fn new(state: Shared) -> Self {
        Self { state, listings: Mutex::default(), handles: AtomicU64::new(1) }
    }
}

impl State {
    fn attr(&self, ino: Ino) -> Result<FileAttr, Errno> {
        let node = self.tree.node(ino).ok_or(Errno::ENOENT)?;
        let size = node.content.len() as u64;
        Ok(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: node.changed,
            mtime: node.changed,
            ctime: node.changed,
            crtime: node.changed,
            kind: file_type(node.kind),
            perm: node.mode,
            nlink: node.names.max(1),
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            rdev: 0,
            blksize: BLOCK_BYTES,
            flags: 0,
        })
    }

    fn entry(&self, dir: INodeNo, name: &OsStr) -> Result<FileAttr, Errno> {
        self.attr(self.tree.find(dir.0, name).ok_or(Errno::ENOENT)?)
    }

    fn change(&self) -> Result<(), Errno> {
        if self.faults.read_only { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// A new node with a name.
    fn make(
        &mut self,
        dir: INodeNo,
        name: &OsStr,
        kind: Kind,
        mode: u32,
    ) -> Result<FileAttr, Errno> {
        self.change()?;
        if self.tree.find(dir.0, name).is_some() {
            return Err(Errno::EEXIST);
        }
        if self.faults.room_nodes.is_some_and(|room| self.tree.used().1 >= room) {
            return Err(Errno::ENOSPC);
        }
        let mode = u16::try_from(mode & 0o7777).unwrap_or_default();
        let ino = self.tree.make(kind, mode);
        let top = match dir.0 {
            ROOT => name.to_owned(),
            dir => self.log.born.get(&dir).ok_or(Errno::ENOENT)?.top.clone(),
        };
        self.log.born.insert(ino, Born { kind, mode, top });
        self.name(dir, name, Some(ino));
        self.attr(ino)
    }

    fn name(&mut self, dir: INodeNo, name: &OsStr, is: Option<Ino>) {
        self.tree.name(dir.0, name, is);
        self.log.events.push(Event::Name { place: (dir.0, name.to_owned()), is });
    }

    fn link(&mut self, ino: Ino, dir: INodeNo, name: &OsStr) -> Result<FileAttr, Errno> {
        self.change()?;
        if self.tree.find(dir.0, name).is_some() {
            return Err(Errno::EEXIST);
        }
        self.name(dir, name, Some(ino));
        self.attr(ino)
    }

    fn remove(&mut self, dir: INodeNo, name: &OsStr) -> Result<(), Errno> {
        self.change()?;
        let ino = self.tree.find(dir.0, name).ok_or(Errno::ENOENT)?;
        if self.tree.node(ino).is_some_and(|node| !node.entries.is_empty()) {
            return Err(Errno::ENOTEMPTY);
        }
        self.name(dir, name, None);
        Ok(())
    }

    fn rename(&mut self, from: (INodeNo, &OsStr), to: (INodeNo, &OsStr)) -> Result<(), Errno> {
        self.change()?;
        let what = self.tree.find(from.0.0, from.1).ok_or(Errno::ENOENT)?;
        let there = self.tree.find(to.0.0, to.1).and_then(|ino| self.tree.node(ino));
        if there.is_some_and(|node| !node.entries.is_empty()) {
            return Err(Errno::ENOTEMPTY);
        }
        self.tree.name(to.0.0, to.1, Some(what));
        self.tree.name(from.0.0, from.1, None);
        let (from, to) = ((from.0.0, from.1.to_owned()), (to.0.0, to.1.to_owned()));
        self.log.events.push(Event::Rename { what, from, to });
        Ok(())
    }

    fn refuse_growth(&self, ino: Ino, len: u64) -> Result<(), Errno> {
        let Some(room) = self.faults.room_bytes else { return Ok(()) };
        let has = self.tree.node(ino).map_or(0, |node| node.content.len() as u64);
        let grows = len.saturating_sub(has);
        if grows > 0 && self.tree.used().0 + grows > room { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    fn write(&mut self, file: Ino, at: u64, bytes: &[u8]) -> Result<u32, Errno> {
        self.change()?;
        if self.faults.write_fails {
            return Err(Errno::EIO);
        }
        let end = at + bytes.len() as u64;
        self.refuse_growth(file, end)?;
        let node = self.tree.node_mut(file).ok_or(Errno::ENOENT)?;
        let range = index(at)?..index(end)?;
        if node.content.len() < range.end {
            node.content.resize(range.end, 0);
        }
        node.content[range].copy_from_slice(bytes);
        node.changed = crate::clock::wall();
        self.log.events.push(Event::Write { file, at, bytes: bytes.into() });
        u32::try_from(bytes.len()).map_err(|_| Errno::EINVAL)
    }

    fn set_len(&mut self, file: Ino, len: u64) -> Result<(), Errno> {
        self.change()?;
        self.refuse_growth(file, len)?;
        let node = self.tree.node_mut(file).ok_or(Errno::ENOENT)?;
        node.content.resize(index(len)?, 0);
        self.log.events.push(Event::SetLen { file, len });
        Ok(())
    }

    fn read(&self, ino: Ino, at: u64, len: u32) -> Result<Vec<u8>, Errno> {
        let node = self.tree.node(ino).ok_or(Errno::ENOENT)?;
        let start = index(at)?.min(node.content.len());
        let end = (start + len as usize).min(node.content.len());
        let mut bytes = node.content[start..end].to_vec();
        if let Some(flipped) = &self.faults.flipped
            && self.tree.at(&flipped.path) == Some(ino)
            && let Some(byte) = (flipped.bit / 8).checked_sub(at)
            && let Some(byte) = bytes.get_mut(index(byte)?)
        {
            *byte ^= 1 << (flipped.bit % 8);
        }
        Ok(bytes)
    }
}

impl Door {
    /// A sync that has ended when it is answered; the lock is not held while it takes its time.
    fn sync(&self, event: Event) -> Result<(), Errno> {
        let Faults { sync_takes, sync_fails, .. } = self.state.lock().faults.clone();
        if !sync_takes.is_zero() {
            std::thread::sleep(sync_takes);
        }
        if sync_fails {
            return Err(Errno::EIO);
        }
        self.state.lock().log.events.push(event);
        Ok(())
    }

    fn list(&self, dir: Ino) -> Result<u64, Errno> {
        let state = self.state.lock();
        let node = state.tree.node(dir).ok_or(Errno::ENOENT)?;
        let kind = |ino: Ino| state.tree.node(ino).map_or(Kind::File, |node| node.kind);
        let entries = node.entries.iter().map(|(name, ino)| (*ino, kind(*ino), name.clone()));
        let mut listing =
            vec![(dir, Kind::Dir, OsString::from(".")), (dir, Kind::Dir, OsString::from(".."))];
        listing.extend(entries);
        let handle = self.handles.fetch_add(1, Ordering::Relaxed);
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).insert(handle, listing);
        Ok(handle)
    }
}

fn index(bytes: u64) -> Result<usize, Errno> {
    usize::try_from(bytes).map_err(|_| Errno::EFBIG)
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Dir => FileType::Directory,
        Kind::Socket => FileType::Socket,
    }
}

fn done(reply: ReplyEmpty, how: Result<(), Errno>) {
    match how {
        Ok(()) => reply.ok(),
        Err(e) => reply.error(e),
    }
}

fn entered(reply: ReplyEntry, how: Result<FileAttr, Errno>) {
    match how {
        Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
        Err(e) => reply.error(e),
    }
}

impl Filesystem for Door {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entered(reply, self.state.lock().entry(parent, name));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.state.lock().attr(ino.0) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(e) => reply.error(e),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut state = self.state.lock();
        let cut = size.map_or(Ok(()), |len| state.set_len(ino.0, len));
        if let (Some(mode), Some(node)) = (mode, state.tree.node_mut(ino.0)) {
            node.mode = u16::try_from(mode & 0o7777).unwrap_or_default();
        }
        match cut.and_then(|()| state.attr(ino.0)) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(e) => reply.error(e),
        }
    }

    fn mknod(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let kind = match mode & TYPE_BITS {
            SOCKET_BITS => Kind::Socket,
            FILE_BITS => Kind::File,
            _ => return reply.error(Errno::EPERM),
        };
        entered(reply, self.state.lock().make(parent, name, kind, mode));
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        entered(reply, self.state.lock().make(parent, name, Kind::Dir, mode));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.state.lock().make(parent, name, Kind::File, mode) {
            Ok(attr) => {
                let (generation, flags) = (Generation(0), FopenFlags::empty());
                reply.created(&TTL, &attr, generation, FileHandle(0), flags);
            }
            Err(e) => reply.error(e),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.state.lock().remove(parent, name));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.state.lock().remove(parent, name));
    }

    fn link(
        &self,
        _: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        entered(reply, self.state.lock().link(ino.0, newparent, newname));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        done(reply, self.state.lock().rename((parent, name), (newparent, newname)));
    }

    fn open(&self, _: &Request, _: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let writes = flags.acc_mode() != fuser::OpenAccMode::O_RDONLY;
        if writes && self.state.lock().faults.read_only {
            return reply.error(Errno::EROFS);
        }
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.state.lock().read(ino.0, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(e) => reply.error(e),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.state.lock().write(ino.0, offset, data) {
            Ok(bytes) => reply.written(bytes),
            Err(e) => reply.error(e),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.sync(Event::Sync { file: ino.0 }));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.sync(Event::SyncDir { dir: ino.0 }));
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.list(ino.0) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(e) => reply.error(e),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = listings.get(&fh.0).into_iter().flatten().zip(1..);
        for ((ino, kind, name), next) in entries.skip(index(offset).unwrap_or(usize::MAX)) {
            if reply.add(INodeNo(*ino), next, file_type(*kind), name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).remove(&fh.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let state = self.state.lock();
        let (used, nodes) = state.tree.used();
        let room = state.faults.room_bytes.unwrap_or(ROOM_BYTES);
        let files = state.faults.room_nodes.unwrap_or(ROOM_NODES);
        let block = u64::from(BLOCK_BYTES);
        let free = room.saturating_sub(used) / block;
        let left = files.saturating_sub(nodes);
        reply.statfs(room / block, free, free, files, left, BLOCK_BYTES, NAME_BYTES, BLOCK_BYTES);
    }
}
