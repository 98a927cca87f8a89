//! The logs on the other disk.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasl_protocol::entry::Log as Purpose;
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::units::Seq;

use super::{Source, Sources};
use crate::journal::{self, AppendError, ExtendError, JournalError, Log, Stretch};
use crate::seam::Disk;

/// How many bytes are copied between two syncs while catching up.
const CATCH_UP_BYTES: usize = 1024 * 1024;

/// Why the mirror takes nothing. One sentence each, for people; none names a citizen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nothing is at the place.
    #[error("{} is not there: its disk is not plugged in, or not mounted", .0.display())]
    Missing(PathBuf),
    /// The place is on the data dir's own disk.
    #[error("{} is on the same disk as the data dir: the other one is not mounted", .0.display())]
    SameDisk(PathBuf),
    /// Somebody else's logs are there.
    #[error("{} holds the log {found}, which is not this office's; it is left as it is", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Which log.
        found: JournalId,
    },
    /// The log there is ours, and goes another way.
    #[error("{} holds another history of this log; it is left as it is", .0.display())]
    OtherHistory(PathBuf),
    /// The log there is ours, and longer.
    #[error("{} holds entries up to {there}, and this disk up to {here}: restart the daemon, and it takes them back", path.display())]
    Ahead {
        /// The folder.
        path: PathBuf,
        /// Up to where the mirror goes.
        there: Seq,
        /// Up to where this disk goes.
        here: Seq,
    },
    /// Neither copy has an entry.
    #[error("{} is damaged in the middle where this disk is too", .0.display())]
    Damaged(PathBuf),
    /// No room.
    #[error("its disk is full")]
    Full,
    /// The disk.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// One of the two copies.
    #[error("{0}")]
    Log(#[from] JournalError),
}

impl From<ExtendError> for Trouble {
    fn from(e: ExtendError) -> Self {
        match e {
            ExtendError::Append(AppendError::Full) => Self::Full,
            ExtendError::Append(AppendError::Failed(e) | AppendError::NoDescriptor(e)) => e.into(),
            ExtendError::Chain(_) => {
                Self::Io(io::Error::new(ErrorKind::InvalidData, e.to_string()))
            }
        }
    }
}

/// Both logs on the other disk, open.
pub(super) struct Copy {
    disk: Arc<dyn Disk>,
    place: PathBuf,
    logs: [Log; 2],
}

impl Copy {
    /// Opens the logs at `place`, or begins them; refuses what is not ours.
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        place: &Path,
        sources: &Sources,
        durable: &[Position; 2],
    ) -> Result<Self, Trouble> {
        refuse_place(&**disk, dir, place)?;
        let [journal, inbox] = sources;
        refuse_foreign(disk, place, journal)?;
        refuse_foreign(disk, place, inbox)?;
        for before in &journal.before {
            let mut log = open_one(disk, place, before, before.end)?;
            catch_up(disk, &mut log, before, before.end)?;
        }
        let journal = open_one(disk, place, journal, durable[0])?;
        let inbox = open_one(disk, place, inbox, durable[1])?;
        Ok(Self { disk: disk.clone(), place: place.to_owned(), logs: [journal, inbox] })
    }

    /// Takes what one turn made durable, and whatever else it lacks up to `durable`.
    pub(super) fn take(
        &mut self,
        sources: &Sources,
        durable: &[Position; 2],
        offered: [Option<Stretch>; 2],
    ) -> Result<(), Trouble> {
        self.refuse_gone()?;
        for (nth, offer) in offered.into_iter().enumerate() {
            let log = &mut self.logs[nth];
            if let Some(turn) = offer.filter(|turn| turn.after == log.head()) {
                log.extend(&turn.frames, turn.last.seq)?;
                log.commit()?;
            }
            if log.head() != durable[nth] {
                catch_up(&self.disk, log, &sources[nth], durable[nth])?;
            }
        }
        Ok(())
    }

    /// Where both end.
    pub(super) fn held(&self) -> [Position; 2] {
        self.logs.each_ref().map(Log::head)
    }

    /// A disk that was unmounted under us: what we write does not come to the place any more.
    pub(super) fn refuse_gone(&self) -> Result<(), Trouble> {
        let last = |log: &Log| log.segment_path(log.segments() - 1);
        if self.logs.iter().all(|log| self.disk.exists(&last(log))) {
            return Ok(());
        }
        Err(Trouble::Missing(self.place.clone()))
    }
}

/// The place has to be there already: a folder made where no disk is mounted would fill the first
/// disk, and be no second copy.
fn refuse_place(disk: &dyn Disk, dir: &Path, place: &Path) -> Result<(), Trouble> {
    if !disk.exists(place) {
        return Err(Trouble::Missing(place.to_owned()));
    }
    match (disk.device(dir), disk.device(place)) {
        (Ok(here), Ok(there)) if here == there => Err(Trouble::SameDisk(place.to_owned())),
        (_, Err(e)) if e.kind() != ErrorKind::Unsupported => Err(e.into()),
        _ => Ok(()),
    }
}

/// Where the copy of a log lies: in a folder of the same name.
pub(super) fn folder(place: &Path, source: &Source) -> PathBuf {
    place.join(source.folder.file_name().expect("a log lies in a named folder"))
}

/// Refuses a place with a log that is neither this one nor one that it goes on from. An inbox that
/// this office has given up is moved aside there: HQ has all that is in it.
fn refuse_foreign(disk: &Arc<dyn Disk>, place: &Path, source: &Source) -> Result<(), Trouble> {
    let folder = folder(place, source);
    for found in journal::logs_in(&**disk, &folder)? {
        if source.chain().any(|log| log.id == found) {
            continue;
        }
        if source.purpose == Purpose::Journal || !is_same_office(disk, &folder, source, found)? {
            return Err(Trouble::Foreign { path: folder, found });
        }
        let old = journal::log_dir(&folder, found);
        disk.rename(&old, &old.with_added_extension("given-up"))?;
        disk.sync_dir(&folder)?;
    }
    Ok(())
}

/// Did the office of `source` write the log `found` as well?
fn is_same_office(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    source: &Source,
    found: JournalId,
) -> Result<bool, Trouble> {
    let ours = own(disk, source)?.genesis()?;
    let theirs = Log::open_read(disk, folder, source.purpose, found);
    let theirs = theirs.and_then(|mut log| log.genesis());
    Ok(theirs.is_ok_and(|theirs| theirs.office == ours.office && theirs.sign_key == ours.sign_key))
}

fn open_one(
    disk: &Arc<dyn Disk>,
    place: &Path,
    source: &Source,
    durable: Position,
) -> Result<Log, Trouble> {
    let folder = folder(place, source);
    if !journal::logs_in(&**disk, &folder)?.contains(&source.id) {
        begin(disk, &folder, source)?;
    }
    let (mut log, torn) = Log::open(disk, &folder, source.purpose, source.id, None)?;
    if let Some(torn) = torn {
        disk.remove(&torn.kept)?; // whole here, or never answered
    }
    let (there, here) = (log.head(), durable.seq);
    if there.seq > here {
        if log.position(here)? == Some(durable) {
            return Err(Trouble::Ahead { path: folder, there: there.seq, here });
        }
        return Err(Trouble::OtherHistory(folder));
    }
    let mut ours = own(disk, source)?;
    match ours.position(there.seq)? {
        Some(at) if at == there => {}
        _ => return Err(Trouble::OtherHistory(folder)),
    }
    mend(&**disk, &folder, &mut log, &mut ours)?;
    Ok(log)
}

/// What the other disk has lost in the middle is brought again.
fn mend(disk: &dyn Disk, folder: &Path, log: &mut Log, ours: &mut Log) -> Result<(), Trouble> {
    let which = (log.purpose(), log.id());
    for mut hole in journal::holes(disk, folder, which, log.head(), &|| {})? {
        if hole.reaches(log.segments()) {
            log.next_segment().map_err(ExtendError::from)?;
            hole.until = log.head();
        }
        let mut mender = log.mender(hole)?;
        while let Some(after) = mender.lacks() {
            let Some(run) = ours.read(after, CATCH_UP_BYTES)? else {
                return Err(Trouble::Damaged(folder.to_owned()));
            };
            mender.take(&run.frames).map_err(|_| Trouble::OtherHistory(folder.to_owned()))?;
        }
        log.install(mender)?;
    }
    Ok(())
}

fn begin(disk: &Arc<dyn Disk>, folder: &Path, source: &Source) -> Result<(), Trouble> {
    let genesis = own(disk, source)?.genesis()?;
    Ok(Log::create(disk, folder, source.id, &genesis)?)
}

fn own(disk: &Arc<dyn Disk>, source: &Source) -> Result<Log, JournalError> {
    Log::open_read(disk, &source.folder, source.purpose, source.id)
}

/// Copies what the mirror lacks, and nothing that is not durable here.
fn catch_up(
    disk: &Arc<dyn Disk>,
    log: &mut Log,
    source: &Source,
    durable: Position,
) -> Result<(), Trouble> {
    let mut ours = own(disk, source)?;
    while log.head().seq < durable.seq {
        let Some(run) = ours.read(log.head(), CATCH_UP_BYTES)? else {
            let path = ours.segment_path(ours.segment_of(log.head().seq));
            let why = "an entry in the middle of the log is damaged";
            return Err(JournalError::Hole { path, why }.into());
        };
        log.extend(&run.frames, durable.seq)?;
        log.commit()?;
    }
    Ok(())
}
