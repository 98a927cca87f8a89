//! Files and folders as programs see them: what they wrote is there, durable or not.

use crate::clock;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::SystemTime;

/// The number of a file or folder.
pub(super) type Ino = u64;

/// The disk's root.
pub(super) const ROOT: Ino = 1;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Dir,
    Socket,
}

/// A file, a folder or a socket. It is kept after its last name is gone: an image may need it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) mode: u16,
    pub(super) names: u32,
    pub(super) changed: SystemTime,
    pub(super) content: Vec<u8>,
    pub(super) entries: BTreeMap<OsString, Ino>,
}

impl Node {
    pub(super) fn new(kind: Kind, mode: u16) -> Self {
        let changed = clock::wall();
        Self { kind, mode, names: 0, changed, content: Vec::new(), entries: BTreeMap::new() }
    }
}

/// All nodes. Numbers are never used twice.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<Ino, Node>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: BTreeMap::from([(ROOT, Node::new(Kind::Dir, 0o700))]) }
    }
}

impl Tree {
    pub(super) fn node(&self, ino: Ino) -> Option<&Node> {
        self.nodes.get(&ino)
    }

    pub(super) fn node_mut(&mut self, ino: Ino) -> Option<&mut Node> {
        self.nodes.get_mut(&ino)
    }

    /// What a name stands for.
    pub(super) fn find(&self, dir: Ino, name: &OsStr) -> Option<Ino> {
        self.node(dir)?.entries.get(name).copied()
    }

    /// What lies at a path from the root.
    pub(super) fn at(&self, path: &Path) -> Option<Ino> {
        path.iter().try_fold(ROOT, |dir, name| self.find(dir, name))
    }

    /// A new node without a name.
    pub(super) fn make(&mut self, kind: Kind, mode: u16) -> Ino {
        let ino = self.nodes.last_key_value().map_or(ROOT, |(last, _)| *last) + 1;
        self.nodes.insert(ino, Node::new(kind, mode));
        ino
    }

    /// Makes a name stand for a node, or for nothing; what it stood for has a name less.
    pub(super) fn name(&mut self, dir: Ino, name: &OsStr, is: Option<Ino>) {
        let Some(folder) = self.nodes.get_mut(&dir) else { return };
        folder.changed = clock::wall();
        let was = match is {
            Some(ino) => folder.entries.insert(name.to_owned(), ino),
            None => folder.entries.remove(name),
        };
        if let Some(node) = was.and_then(|ino| self.nodes.get_mut(&ino)) {
            node.names -= 1;
        }
        if let Some(node) = is.and_then(|ino| self.nodes.get_mut(&ino)) {
            node.names += 1;
        }
    }

    /// How many bytes all files have that have a name, and how many nodes there are.
    pub(super) fn used(&self) -> (u64, u64) {
        let named = self.nodes.values().filter(|node| node.names > 0);
        named.fold((0, 0), |(bytes, nodes), n| (bytes + n.content.len() as u64, nodes + 1))
    }
}
