//! Reads both logs from end to end, after a start and once a day, for what a disk has lost in
//! silence; and fills holes from the mirror, where there is one. Knows nothing of the link.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::id::{JournalId, Position};

use super::birth::{inboxes, journals};
use super::handle::{Facts, Handle};
use super::input::Input;
use crate::journal::{self, Log};
use crate::seam::{Disk, World, give_back};

/// How often everything is read while nothing is wrong.
const EVERY: Duration = Duration::from_hours(24);

/// How soon again after a hole was found.
const AGAIN: Duration = Duration::from_mins(1);

/// How long it rests after each segment: 4 MiB are read within a few milliseconds, and nobody is to
/// wait for the disk because of it.
const PAUSE: Duration = Duration::from_millis(50);

/// How often a rest looks whether the engine is still there.
const NAP: Duration = Duration::from_secs(1);

/// How many bytes are taken from the mirror at a time.
const STRETCH_BYTES: usize = 256 * 1024;

/// Starts to read the logs of the data dir `dir`, for as long as the engine lives.
///
/// # Errors
/// If there is no thread to be had.
pub fn scrub(
    world: &World,
    dir: &Path,
    handle: &Handle,
    mirror: Option<PathBuf>,
) -> io::Result<()> {
    let scrubber = Scrubber {
        disk: world.disk.clone(),
        dir: dir.to_owned(),
        inputs: handle.inputs.downgrade(),
        facts: handle.facts(),
        mirror,
    };
    thread::Builder::new().name("scrub".to_owned()).spawn(move || scrubber.run())?;
    Ok(())
}

struct Scrubber {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    inputs: mpsc::WeakSender<Input>,
    facts: watch::Receiver<Arc<Facts>>,
    mirror: Option<PathBuf>,
}

impl Scrubber {
    fn run(self) {
        while let Some(holes) = self.look() {
            give_back();
            let mut rest = if holes { AGAIN } else { EVERY };
            while !rest.is_zero() {
                thread::sleep(NAP);
                rest = rest.saturating_sub(NAP);
                if self.inputs.strong_count() == 0 {
                    return;
                }
            }
        }
    }

    /// Looks once; was something wrong? None: the engine has gone.
    fn look(&self) -> Option<bool> {
        let facts = self.facts.borrow().clone();
        let (journal, head) = *facts.journals.last()?;
        let of_journal = self.holes(Purpose::Journal, journal, head);
        let mut wrong = of_journal.as_ref().is_none_or(|holes| !holes.is_empty());
        if let Some(holes) = of_journal
            && (!holes.is_empty() || !facts.holes.is_empty())
        {
            self.tell(Purpose::Journal, holes)?;
            self.mend(journal)?;
        }
        let (inbox, head) = facts.inbox?;
        if let Some(holes) = self.holes(Purpose::Inbox, inbox, head)
            && (!holes.is_empty() || facts.inbox_damaged)
        {
            wrong |= !holes.is_empty();
            self.tell(Purpose::Inbox, holes)?;
        }
        Some(wrong)
    }

    /// The holes of a log up to its end; none if it cannot be read at all.
    fn holes(&self, log: Purpose, id: JournalId, end: Position) -> Option<Vec<journal::Hole>> {
        let folder = match log {
            Purpose::Journal => journals(&self.dir),
            Purpose::Inbox => inboxes(&self.dir),
        };
        let pause = || thread::sleep(PAUSE);
        let found = journal::holes(&*self.disk, &folder, (log, id), end, &pause);
        found.inspect_err(|error| tracing::error!(%error, "a log could not be read")).ok()
    }

    fn tell(&self, log: Purpose, holes: Vec<journal::Hole>) -> Option<()> {
        for hole in &holes {
            let (seq, until) = (hole.after.seq.next(), hole.until.seq);
            tracing::error!(%seq, %until, "entries of a log cannot be read");
        }
        self.ask(|answer| Input::Holes { log, holes, answer })
    }

    /// Fills what the mirror can fill.
    fn mend(&self, journal: JournalId) -> Option<()> {
        let Some(place) = &self.mirror else { return Some(()) };
        let folder = journals(place);
        let Ok(mut copy) = Log::open_read(&self.disk, &folder, Purpose::Journal, journal) else {
            return Some(());
        };
        loop {
            let lacks = self.facts.borrow().lacks;
            let Some((journal, after)) = lacks else { return Some(()) };
            let Ok(Some(run)) = copy.read(after, STRETCH_BYTES) else { return Some(()) };
            let frames = run.frames;
            if !self.ask(|answer| Input::Mend { journal, after, frames, answer })? {
                return Some(());
            }
        }
    }

    fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Option<T> {
        let (answer, waits) = oneshot::channel();
        self.inputs.upgrade()?.blocking_send(input(answer)).ok()?;
        waits.blocking_recv().ok()
    }
}
