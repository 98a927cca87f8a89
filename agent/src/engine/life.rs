//! Start and stop: opens logs and view, folds what is missing, runs the thread.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::sync::oneshot;
use tokio::time;
use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::units::Seq;

use super::EngineError;
use super::answers::refuse;
use super::birth::{Ids, Renewed, damage_mark, ids, renew_inbox, view_dir};
use super::handle::{Handle, Refused};
use super::input::Input;
use super::mending::Mending;
use super::rebirth::reborn_if_asked;
use super::receipts::Receipts;
use super::replay::replay;
use super::replica::{Known, Logs};
use super::rows::Rows;
use super::store::{Store, ViewPlace};
use super::turn::Engine;
use crate::journal::Torn;
use crate::keystore::Identity;
use crate::mirror::{Mirror, Restored};
use crate::seam::{World, replace};
use crate::view::{Doubt, MemoryView, Meta, Note, Opened, View, ViewError};

/// How many inputs may wait for the engine.
const QUEUE: usize = 1024;

/// How many inputs one turn takes at most.
const TURN_INPUTS: usize = 256;

/// How many bytes of frames one turn takes, unless a single one is longer.
const TURN_BYTES: usize = 1024 * 1024;

/// How long nobody has to ask for anything before rows go into the view. Few large batches cost the
/// store a fraction of what many small ones do; what waits is found in memory all the same.
const FOLD_AFTER: Duration = Duration::from_millis(100);

/// How often an engine without work looks again before its thread sleeps: waking a thread takes as
/// long as a sync on a fast disk. Whoever else can run goes first.
const YIELDS: u32 = 50;

/// How often a full disk is looked at while nobody asks.
const FULL_TICK: Duration = Duration::from_millis(200);

/// How often it is tried to leave memory while nobody asks for anything.
const MEMORY_TICK: Duration = Duration::from_secs(1);

/// The least and default size of the view's cache, in bytes.
pub const VIEW_CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// What an engine needs besides the keys.
#[derive(Clone, Copy, Debug)]
pub struct EngineConfig {
    /// The key that HQ signs receipts with.
    pub hq: VerifyKey,
    /// The size of the view's cache, in bytes.
    pub view_cache_bytes: u64,
}

/// What happened at the start that people should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The end of a log was torn by a crash: cut, and kept aside.
    Torn(Torn),
    /// The inbox was damaged, or gone: a new one is there, which HQ fills.
    InboxRenewed {
        /// Where the old one is, if there was one.
        aside: Option<PathBuf>,
    },
    /// Entries of the journal cannot be read. They are passed over until they are filled in from
    /// the mirror or from HQ.
    Holes,
    /// What this disk had lost was taken back from the mirror: these entries of the journal, or
    /// of the inbox.
    Restored(Restored),
    /// HQ's copy of the journal differs from ours after an entry: what follows there has been
    /// written again into a new journal.
    Reborn {
        /// The new journal.
        journal: JournalId,
        /// The last entry that both have.
        common: Seq,
    },
    /// The view is folded again, and why; the old one was put there.
    ViewRebuild {
        /// Why.
        doubt: Doubt,
        /// Where the old one is.
        aside: Option<PathBuf>,
    },
    /// How many of how many entries are folded.
    Folded {
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
    },
}

/// A running engine.
#[derive(Debug)]
pub struct Running {
    /// The way to it.
    pub handle: Handle,
    /// Its thread. It ends with an error if the journal's disk failed: the process has to end then.
    pub thread: JoinHandle<Result<(), EngineError>>,
}

/// Opens the office's logs and view, and starts the engine.
pub fn start(
    world: &World,
    identity: &Identity,
    config: EngineConfig,
    notice: &mut dyn FnMut(Notice),
) -> Result<Running, EngineError> {
    start_mirrored(world, identity, config, None, notice)
}

/// The same, with a second copy of the logs in the folder `mirror` of another disk: what only that
/// one still has is taken back first.
pub fn start_mirrored(
    world: &World,
    identity: &Identity,
    config: EngineConfig,
    mirror: Option<&Path>,
    notice: &mut dyn FnMut(Notice),
) -> Result<Running, EngineError> {
    let mut engine = open_beside(world, identity, config, mirror, notice)?;
    if let Some(place) = mirror {
        let sources = engine.store.logs.sources(identity.dir());
        let mirror = Mirror::start(world, identity.dir(), place, sources);
        engine.mirror = Some(mirror.map_err(EngineError::Thread)?);
    }
    let (handle, queue) = engine.door();
    let thread = thread::Builder::new().name("engine".to_owned());
    let thread = thread.spawn(move || run(engine, queue)).map_err(EngineError::Thread)?;
    Ok(Running { handle, thread })
}

/// An engine ready for its first turn, without a thread.
pub fn open(
    world: &World,
    identity: &Identity,
    config: EngineConfig,
    notice: &mut dyn FnMut(Notice),
) -> Result<Engine, EngineError> {
    open_beside(world, identity, config, None, notice)
}

/// The same with a view that lives as long as the engine, and is folded from the logs each time:
/// nothing but `world` is touched, not even the view's folder.
///
/// # Errors
/// As [`open`].
pub fn open_in_memory(
    world: &World,
    identity: &Identity,
    hq: &VerifyKey,
    notice: &mut dyn FnMut(Notice),
) -> Result<Engine, EngineError> {
    open_with(world, identity, (hq, None), None, notice)
}

fn open_beside(
    world: &World,
    identity: &Identity,
    config: EngineConfig,
    mirror: Option<&Path>,
    notice: &mut dyn FnMut(Notice),
) -> Result<Engine, EngineError> {
    let place = ViewPlace {
        dir: view_dir(identity.dir()),
        boot_id: world.disk.boot_id().map_err(|e| EngineError::io("boot_id", e))?,
        // The number is that of the rows' form: a view in another one is folded again.
        secret: identity.local_secret("view/2"),
        cache_bytes: config.view_cache_bytes.max(VIEW_CACHE_BYTES),
    };
    open_with(world, identity, (&config.hq, Some(place)), mirror, notice)
}

/// With its view at `place`, or else in memory.
fn open_with(
    world: &World,
    identity: &Identity,
    (hq, place): (&VerifyKey, Option<ViewPlace>),
    mirror: Option<&Path>,
    notice: &mut dyn FnMut(Notice),
) -> Result<Engine, EngineError> {
    let dir = identity.dir();
    let fork = reborn_if_asked(world, identity, notice)?;
    let renewed = renew_inbox(world, dir)?;
    let mut news_lost = renewed.is_some();
    if let Some(Renewed { aside }) = renewed {
        notice(Notice::InboxRenewed { aside });
    }
    let Ids { journal, inbox, .. } = ids(world, dir)?;
    let receipts = Receipts::load(world, dir, journal, hq);
    let found = place.as_ref().map(|place| place.open(Meta::empty(journal, inbox))).transpose()?;
    let trusted = match &found {
        Some(Opened::Trusted(view)) => view.meta(),
        Some(Opened::Doubted(_)) | None => Meta::empty(journal, inbox),
    };
    let (mut logs, torn) = Logs::open(world, identity, known(trusted, &receipts))?;
    for torn in torn {
        news_lost |= torn.log == Purpose::Inbox;
        notice(Notice::Torn(torn));
    }
    if let Some(mirror) = mirror {
        logs.take_back(world, dir, mirror)?.into_iter().for_each(|r| notice(Notice::Restored(r)));
    }
    news_lost |= trusted.inbox.seq > logs.inbox.head().seq;
    let view = match (&place, found) {
        (Some(place), Some(found)) => believed(&mut logs, found, place, notice)?,
        _ => Box::new(MemoryView::new(logs.empty_meta())),
    };
    let rows = caught_up(&mut logs, view, notice)?;
    if rows.inbox_lacks {
        drop((logs, rows));
        give_up_inbox(world, dir, inbox)?;
        return open_with(world, identity, (hq, place), mirror, notice);
    }
    if !rows.lacks_after.is_empty() {
        notice(Notice::Holes);
    }
    if let Some(place) = place.as_ref().filter(|_| rows.lacks_something()) {
        crate::view::discard(&place.dir)?; // folded again by the next start
    }
    let store = Store { logs, rows, place, in_memory: false };
    let mut engine = Engine::new(world.clone(), store, receipts);
    engine.mending = Mending::of(dir.to_owned());
    engine.facts.news_lost = news_lost;
    engine.facts.fork = fork;
    engine.publish();
    Ok(engine)
}

/// Marks an inbox that has a hole: the next start begins another one, and HQ sends all of it again.
fn give_up_inbox(world: &World, dir: &Path, inbox: JournalId) -> Result<(), EngineError> {
    let mark = damage_mark(dir, inbox);
    replace(&*world.disk, &mark, b"").map_err(|source| EngineError::Io { path: mark, source })
}

/// The rows of this view, with what it lacks folded into it.
fn caught_up(
    logs: &mut Logs,
    view: Box<dyn View>,
    notice: &mut dyn FnMut(Notice),
) -> Result<Rows, EngineError> {
    let mut rows = Rows::new(view)?;
    let mut told = 0;
    replay(logs, &mut rows, &mut |done, total| {
        if done >= told + TELL_EVERY || done == total {
            told = done;
            notice(Notice::Folded { done, total });
        }
    })?;
    Ok(rows)
}

impl Engine {
    /// The edges' way to this engine, and the queue that whoever runs its turns takes inputs from.
    pub fn door(&self) -> (Handle, mpsc::Receiver<Input>) {
        let (inputs, queue) = mpsc::channel(QUEUE);
        let handle = Handle {
            inputs,
            facts: self.tell.subscribe(),
            mirror: self.mirror.as_ref().map(Mirror::facts),
            journal: self.store.logs.journal.id(),
            data_key: self.store.logs.journal_key.clone(),
        };
        (handle, queue)
    }
}

/// How many entries are folded between two notices.
const TELL_EVERY: u64 = 10_000;

/// What is known to have been durable: by the newest receipt, and by the view.
fn known(trusted: Meta, receipts: &Receipts) -> Known {
    let later = |a: Position, b: Option<Position>| b.filter(|b| b.seq > a.seq).unwrap_or(a);
    // An inbox that has lost its end is not refused: its cursor is lost with it, and HQ sends again.
    Known { journal: Some(later(trusted.journal, receipts.stored())), inbox: None }
}

/// The view, if it fits the logs; else an empty one.
fn believed(
    logs: &mut Logs,
    opened: Opened,
    place: &ViewPlace,
    notice: &mut dyn FnMut(Notice),
) -> Result<Box<dyn View>, EngineError> {
    let doubt = match opened {
        Opened::Trusted(view) if !logs.hold(&view.meta())? => Doubt::AtOdds,
        Opened::Trusted(view) => match holds_newer(&*view) {
            Ok(false) => return Ok(view),
            Ok(true) => Doubt::Newer,
            Err(e) => Doubt::Unreadable(e.to_string()),
        },
        Opened::Doubted(doubt) => doubt,
    };
    let (view, aside) = place.set_aside(logs.empty_meta())?;
    // A new installation has nothing to fold and nothing to tell.
    if doubt != Doubt::Missing || logs.journal.head().seq.0 > 1 {
        notice(Notice::ViewRebuild { doubt, aside });
    }
    Ok(view)
}

/// Is there something in it that could not be read? A newer version of this program may read it.
fn holds_newer(view: &dyn View) -> Result<bool, ViewError> {
    Ok(view.notes()?.values().any(|note| matches!(note, Note::Newer(_))))
}

/// Takes the trust from the view of a stopped daemon: the next start folds it again.
pub fn discard_view(_world: &World, dir: &Path) -> Result<(), EngineError> {
    Ok(crate::view::discard(&view_dir(dir))?)
}

/// Turn after turn, until somebody says stop, everybody has gone, or the disk fails.
fn run(mut engine: Engine, mut queue: mpsc::Receiver<Input>) -> Result<(), EngineError> {
    let ended = turns(&mut engine, &mut queue);
    queue.close();
    let why = match &ended {
        Ok(_) | Err(EngineError::Diverged(_)) => Refused::Stopped,
        Err(_) => Refused::Poisoned,
    };
    while let Ok(input) = queue.try_recv() {
        refuse(input, &why);
    }
    let stop = match ended {
        Ok(stop) => stop,
        Err(e) => {
            tracing::error!(error = %e, "the engine ends");
            return Err(e);
        }
    };
    engine.receipts.keep(&engine.world, true);
    let closed = engine.store.rows.close();
    if let Err(e) = &closed {
        tracing::warn!(error = %e, "the view was not closed cleanly: the next start folds it again");
    }
    if let Some(stop) = stop {
        let _ = stop.send(());
    }
    Ok(())
}

fn turns(
    engine: &mut Engine,
    queue: &mut mpsc::Receiver<Input>,
) -> Result<Option<oneshot::Sender<()>>, EngineError> {
    let waiting = runtime::Builder::new_current_thread().enable_time().build();
    let waiting = waiting.map_err(EngineError::Thread)?;
    loop {
        let Some(first) = next(engine, queue, &waiting)? else { return Ok(None) };
        if let Some(stop) = engine.turn(gather(first, queue))? {
            return Ok(Some(stop));
        }
        engine.keep_up_if_many()?;
        // Here too: who only reads, and often, must not keep intake closed.
        engine.reopen();
    }
}

/// The next input. Once nobody has asked for anything for a while, the view gets what it lacks.
fn next(
    engine: &mut Engine,
    queue: &mut mpsc::Receiver<Input>,
    waiting: &Runtime,
) -> Result<Option<Input>, EngineError> {
    for _ in 0..YIELDS {
        match queue.try_recv() {
            Ok(input) => return Ok(Some(input)),
            Err(TryRecvError::Disconnected) => return Ok(None),
            Err(TryRecvError::Empty) => thread::yield_now(),
        }
    }
    loop {
        let quiet = match (engine.is_full(), engine.has_news(), engine.is_in_memory()) {
            (true, _, _) => Some(FULL_TICK),
            (false, true, _) => Some(FOLD_AFTER),
            (false, false, true) => Some(MEMORY_TICK),
            (false, false, false) => None,
        };
        let Some(quiet) = quiet else { return Ok(queue.blocking_recv()) };
        let input = waiting.block_on(async { time::timeout(quiet, queue.recv()).await });
        if let Ok(input) = input {
            return Ok(input);
        }
        engine.keep_up()?;
        engine.reopen();
    }
}

/// What waits, up to a turn's bounds.
fn gather(first: Input, queue: &mut mpsc::Receiver<Input>) -> Vec<Input> {
    let mut bytes = first.size_bytes();
    let mut inputs = vec![first];
    while inputs.len() < TURN_INPUTS && bytes < TURN_BYTES {
        let Ok(input) = queue.try_recv() else { break };
        bytes += input.size_bytes();
        inputs.push(input);
    }
    inputs
}
