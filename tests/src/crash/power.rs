//! A short day of HQ and an office on one disk that tells, and its end at any moment: the machine
//! that loses its power keeps what its disk promised, the other one goes on.

use super::check::{Promised, Scene, another_boot, hurry};
use super::load::{Clients, Heard};
use super::{CrashError, must};
use crate::disk::{Cut, Event, Log, Moment, TellingDisk, image};
use crate::fleet::{Hq, Office};
use crate::process::Binary;
use crate::sample;
use crate::wire::{Link, Wires};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// How many enroll at once.
const CLIENTS: u64 = 3;

/// How long the daemons run between two of their ends, at most.
const LIFE_MS: u64 = 700;

/// Whose power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The office's.
    Office,
    /// HQ's.
    Hq,
    /// Both, at once.
    Both,
    /// The office's, whose disk lied about its syncs: this must not go well.
    OfficeLiedTo,
}

impl Victim {
    /// Whose power stays on, by the name in the disk's root.
    fn spared(self) -> fn(&OsStr) -> bool {
        match self {
            Self::Office | Self::OfficeLiedTo => is_hqs,
            Self::Hq => |name| !is_hqs(name),
            Self::Both => |_| false,
        }
    }
}

const HQ: &str = "hq";

fn is_hqs(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(HQ.as_bytes())
}

/// A day that was recorded.
pub(super) struct Recording {
    pub(super) log: Log,
    heard: Heard,
    /// Since when the office has joined.
    joined: Moment,
    binary: Binary,
    address: SocketAddr,
    id: String,
    link: Link,
    _wires: Wires,
}

impl Recording {
    /// Records a day: an office joins, clients enroll, HQ edits, both are stopped and killed.
    pub(super) fn make(binary: &Binary, seed: u64) -> Result<Self, CrashError> {
        let no_disk = |e| CrashError::Impossible(format!("no FUSE file system here: {e}"));
        let disk = TellingDisk::mount().map_err(no_disk)?;
        let (root, wires) = (disk.dir(), Wires::new()?);
        let mut hq = Hq::init(binary, root, HQ)?;
        hq.at.run()?;
        let sample = sample::offices().into_iter().next();
        let sample = sample.ok_or(CrashError::Impossible("there are no offices".into()))?;
        let link = wires.link(hq.address(), seed)?;
        let mut office = Office::join(binary, root, hq.add(&sample)?, link.clone())?;
        let joined = disk.now();
        hurry(&office.at)?;
        let now = disk.watch();
        let clients = Clients::start(CLIENTS, office.at.dir(), &office.id, Arc::new(now));
        let lived = live(&mut hq, &mut office, &clients, seed);
        let heard = clients.end();
        office.at.kill();
        hq.at.kill();
        lived?;
        let (binary, address, id) = (binary.clone(), hq.address(), office.id.clone());
        let log = disk.log();
        Ok(Self { log, heard, joined, binary, address, id, link, _wires: wires })
    }

    /// How many enrollments were answered.
    pub(super) fn answered(&self) -> usize {
        self.heard.answered.len()
    }

    /// Moments at which a cut is worth looking at: any, those of answers, and those of syncs.
    pub(super) fn moment(&self, dice: &mut fastrand::Rng) -> Moment {
        let any = Moment(dice.usize(self.joined.0..=self.log.now().0));
        let picked = match dice.u8(0..3) {
            0 => None,
            1 => dice.choice(&self.heard.answered).map(|answered| answered.at),
            _ => self.near_a_sync(any).map(|at| Moment(at.0 + dice.usize(0..3))),
        };
        picked.map_or(any, |at| at.clamp(self.joined, self.log.now()))
    }

    fn near_a_sync(&self, from: Moment) -> Option<Moment> {
        let is_sync = |event: &Event| matches!(event, Event::Sync { .. } | Event::SyncDir { .. });
        self.log.events()[from.0..].iter().position(is_sync).map(|n| Moment(from.0 + n))
    }

    /// Cuts the power at `at`, and checks what must hold. A folder that shows a fault is kept.
    pub(super) fn cut(&self, victim: Victim, at: Moment, seed: u64) -> Result<(), CrashError> {
        let into = TempDir::with_prefix("wasl-cut-")?;
        let lies = victim == Victim::OfficeLiedTo;
        let cut = Cut { at, seed, spared: victim.spared(), lies };
        let checked = self.after(victim, cut, into.path());
        checked.map_err(|e| {
            if lies {
                return e;
            }
            let kept = into.keep();
            let story = format!(
                "{e} ({victim:?} cut at {} of {}, seed {seed}; {})",
                at.0,
                self.log.now().0,
                keep(self, &kept, cut)
            );
            CrashError::Broken { claim: "a power cut", seen: story }
        })
    }

    fn after(&self, victim: Victim, cut: Cut, into: &Path) -> Result<(), CrashError> {
        image(&self.log, &cut, into)?;
        another_boot(into)?;
        let hq = Hq::again(&self.binary, into, HQ, self.address);
        let office = Office::stranger(&self.binary, into, &self.id, self.link.clone());
        let promised = self.promised(cut.at);
        let mut scene = Scene { hq, office };
        must(scene.office.at.dir().exists(), "an office that has joined is there", || {
            format!("no data dir after a cut of {victim:?}")
        })?;
        scene.check(&promised)
    }

    fn promised(&self, at: Moment) -> Promised {
        let answered = self.heard.answered.iter().filter(|answered| answered.at <= at);
        let stored = self.heard.stored.iter().filter(|(when, _)| *when <= at);
        Promised {
            answered: answered.map(|answered| answered.id.clone()).collect(),
            stored: stored.map(|(_, stored)| *stored).max().unwrap_or(0),
        }
    }
}

/// Lays the untouched image beside the folder in which the programs ran.
fn keep(recording: &Recording, ran: &Path, cut: Cut) -> String {
    let fresh: PathBuf = ran.with_added_extension("as-found");
    let made = std::fs::create_dir(&fresh).and_then(|()| image(&recording.log, &cut, &fresh));
    match made {
        Ok(()) => format!("kept in {} and {}", fresh.display(), ran.display()),
        Err(e) => format!("kept in {} only: {e}", ran.display()),
    }
}

/// The day itself: each daemon is stopped once and killed once, and HQ edits some records.
fn live(hq: &mut Hq, office: &mut Office, clients: &Clients, seed: u64) -> Result<(), CrashError> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut wait = || sleep(Duration::from_millis(dice.u64(LIFE_MS / 3..=LIFE_MS)));
    office.at.run()?;
    wait();
    for n in 0..2 {
        for id in clients.answered().iter().rev().skip(n).step_by(7).take(3) {
            // HQ may not have it yet.
            drop(hq.at.call(&["record", "set", id, "contact.phone=\"+9647800000000\""]));
        }
        wait();
        if n == 0 {
            office.at.kill();
        } else {
            must(office.at.stop(), "the office stops when it is asked to", String::new)?;
        }
        office.at.run()?;
        wait();
        if n == 0 {
            hq.at.kill();
        } else {
            must(hq.at.stop(), "HQ stops when it is asked to", String::new)?;
        }
        hq.at.run()?;
        wait();
    }
    Ok(())
}
