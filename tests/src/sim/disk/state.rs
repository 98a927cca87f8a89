//! Files and folders by number, as readers see them and as a power cut would leave them.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use super::content::{Content, Unsynced};

#[derive(Clone, Debug)]
pub(super) enum Node {
    Dir { live: BTreeMap<String, u64>, durable: BTreeMap<String, u64> },
    File { live: Content, durable: Content, unsynced: Vec<Unsynced> },
}

/// What a disk does at one of its next operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Trap {
    /// The process is killed before this write or sync.
    Kill,
    /// The machine loses its power there: a write that was under way may be torn.
    Cut,
    /// The sync says EIO, and what it should have written is lost though readers see it.
    FailSync,
}

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) next: u64,
    pub(super) free: u64,
    pub(super) boot: u64,
    /// After how many more writes and syncs the trap closes.
    pub(super) trap: Option<(u64, Trap)>,
    /// Nothing works any more: the machine is off, or the process is gone.
    pub(super) dead: bool,
    /// It is off because its power was cut.
    pub(super) cut: bool,
    /// A planted bug: syncs do nothing, and say they did.
    pub(super) lies: bool,
}

pub(super) const ROOT: u64 = 1;

/// What a write says that the power cut short.
pub(super) const CUT: &str = "the power is gone";

/// The system's number for a failed device.
pub(super) const EIO: i32 = 5;

impl State {
    /// The way to a place: its folder's node and its name there.
    pub(super) fn walk(&self, path: &Path) -> io::Result<(u64, String)> {
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

    pub(super) fn child(&self, dir: u64, name: &str) -> Option<u64> {
        match self.nodes.get(&dir) {
            Some(Node::Dir { live, .. }) => live.get(name).copied(),
            _ => None,
        }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        let (dir, name) = self.walk(path)?;
        self.child(dir, &name).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn names(&mut self, dir: u64) -> io::Result<&mut BTreeMap<String, u64>> {
        match self.nodes.get_mut(&dir) {
            Some(Node::Dir { live, .. }) => Ok(live),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn add(&mut self, dir: u64, name: String, node: Node) -> io::Result<u64> {
        let id = self.next;
        self.next += 1;
        self.names(dir)?.insert(name, id);
        self.nodes.insert(id, node);
        Ok(id)
    }

    /// One write, rename, removal or sync: the trap may close before it.
    pub(super) fn step(&mut self, is_sync: bool) -> io::Result<()> {
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
    pub(super) fn copy_from(&mut self, other: &Self, node: u64) -> u64 {
        let copied = match &other.nodes[&node] {
            Node::Dir { live, .. } => {
                let names =
                    live.iter().map(|(name, id)| (name.clone(), self.copy_from(other, *id)));
                let names: BTreeMap<_, _> = names.collect();
                Node::Dir { live: names.clone(), durable: names }
            }
            file @ Node::File { .. } => file.clone(),
        };
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, copied);
        id
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the machine is off")) } else { Ok(()) }
    }
}
