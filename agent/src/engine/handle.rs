//! The edges' only way to the engine: a bounded channel, and what the engine tells everyone.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use wasl_protocol::edition::{ConfigState, Step};
use wasl_protocol::entry::{Cursor, PostDigest};
use wasl_protocol::frame::Sealed;
use wasl_protocol::id::{Dot, EpochId, FormNumber, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::keys::DataKey;
use wasl_protocol::news::{SignedNews, What};
use wasl_protocol::record::{Act, Origin, RecordState, Value, VersionVector};
use wasl_protocol::units::{Seq, UnixMs};
use wasl_protocol::wire::{Ack, Fetched, Standing};

use super::gauge::SyncTimes;
use super::input::Input;
use super::tally::{Arrival, Hours};
use crate::facts::MirrorState;

/// A new enrollment, parsed, packed and sealed by an edge: the engine only links it.
#[derive(Debug)]
pub struct Prepared {
    /// The record it opens.
    pub record: RecordId,
    /// The number on the form.
    pub form_number: FormNumber,
    /// By which a retry is told from a clash.
    pub posted: PostDigest,
    /// The groups it writes.
    pub groups: Vec<wasl_protocol::id::GroupName>,
    /// When and where it was taken.
    pub arrival: Arrival,
    /// The sealed edit.
    pub sealed: Sealed,
}

/// A correction of a record that is there, checked and sealed by an edge: the engine only links it.
#[derive(Debug)]
pub struct Change {
    /// The record.
    pub record: RecordId,
    /// What its author had read.
    pub read: VersionVector,
    /// The groups it writes.
    pub groups: Vec<wasl_protocol::id::GroupName>,
    /// The sealed edit.
    pub sealed: Sealed,
}

/// What an operator is answered once the enrollment is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The record.
    pub record: RecordId,
    /// The entry that opened the record: its journal, and its place there. None for what a machine
    /// before this one enrolled: HQ has the entry, and this disk what HQ said of the record.
    pub entry: Option<(JournalId, Position)>,
    /// Was the same content enrolled before?
    pub duplicate: bool,
}

/// Why the engine did not do it. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The form number is taken by other content (409).
    #[error("form number {0} is already enrolled with other content")]
    Clash(FormNumber),
    /// There is no such record (404).
    #[error("this office has no such record")]
    Unknown,
    /// The group has been written since it was read (412).
    #[error("{0}: written since it was read: read the record again, and decide anew")]
    Stale(wasl_protocol::id::GroupName),
    /// HQ sent something of this record that this version cannot read (409).
    #[error("a newer version of Wasl wrote this record: update the agent")]
    ReadOnly,
    /// The entry is there and cannot be read now: there is a hole in the journal (503).
    #[error("not done: an entry of this record cannot be read until the journal is mended")]
    Damaged,
    /// The disk is full: it reopens by itself (503).
    #[error("not stored: the disk is full")]
    DiskFull,
    /// A write or sync failed: the process ends for the service manager to restart it (503).
    #[error("not stored: the journal's disk failed")]
    Poisoned,
    /// Too many wait already (503).
    #[error("not stored: too many requests wait")]
    Busy,
    /// The engine has stopped (503).
    #[error("not stored: the daemon is stopping")]
    Stopped,
}

/// One record, as the view has it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its state.
    pub state: RecordState<Value>,
    /// Has HQ acknowledged every edit of ours in it?
    pub stored: bool,
    /// Is every edit of ours in it in a copy declared off-site?
    pub stable: bool,
    /// May it not be written here, since HQ sent something of it that this version cannot read?
    pub read_only: bool,
}

/// The entry of our journal that opened a record: what its operator was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The record.
    pub record: RecordId,
    /// The number on the form.
    pub form_number: FormNumber,
    /// The journal that holds it.
    pub journal: JournalId,
    /// Its place there.
    pub position: Position,
    /// When it was written, by the office's clock.
    pub at: UnixMs,
    /// Has HQ acknowledged it?
    pub stored: bool,
    /// Is it in a copy declared off-site?
    pub stable: bool,
}

/// Some records, each with its digest, and the place to go on from; none after the last.
pub type Digests = (Vec<(RecordId, u64)>, Option<u64>);

/// One line of `record list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The record.
    pub record: RecordId,
    /// The number on the form.
    pub form_number: FormNumber,
    /// The office that opened it.
    pub office: OfficeId,
    /// Has HQ acknowledged every edit of ours in it?
    pub stored: bool,
    /// Does some group hold values that differ?
    pub conflict: bool,
}

/// An edit of ours that HQ holds back or has refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldEntry {
    /// The edit.
    pub dot: Dot,
    /// Of which record, where that is known.
    pub record: Option<RecordId>,
    /// The number on that record's form.
    pub form_number: Option<FormNumber>,
    /// Since when, by HQ's clock.
    pub at: UnixMs,
    /// What HQ says of it.
    pub what: What,
}

/// Frames read back from a journal for the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The position that the first frame continues.
    pub after: Position,
    /// The frames, one behind the other.
    pub frames: Vec<u8>,
    /// The position after the last.
    pub last: Position,
}

/// States that HQ signed, as they lie in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The states, in the order in which they came.
    pub states: Vec<SignedNews>,
    /// Up to which entry was looked; none: up to the end.
    pub upto: Option<Seq>,
}

/// What the engine tells everyone, after each turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// All journals of this office, oldest first, and where each ends.
    pub journals: Vec<(JournalId, Position)>,
    /// Up to where HQ has fsynced the newest journal.
    pub stored: Option<Position>,
    /// Up to where it is in a copy declared off-site.
    pub stable: Option<Position>,
    /// HQ's newest receipt.
    pub acked: Option<Ack>,
    /// When the last receipt came.
    pub last_ack_at: Option<UnixMs>,
    /// When the oldest entry without a receipt was written.
    pub oldest_unacked_at: Option<UnixMs>,
    /// How many entries, and bytes of frames, HQ has not acknowledged.
    pub backlog: u64,
    /// The same in bytes.
    pub backlog_bytes: u64,
    /// How many of our entries HQ holds back.
    pub held: u64,
    /// How far HQ's feed has been taken.
    pub cursor: Option<Cursor>,
    /// How many records the view has; those withdrawn from this office do not count.
    pub records: u64,
    /// How many of them are in conflict.
    pub conflicts: u64,
    /// How many of our entries HQ has refused.
    pub refused: u64,
    /// Of how many records HQ sent something that only a newer version of Wasl can read.
    pub read_only: u64,
    /// Bytes of journal files, and free bytes on their disk.
    pub journal_bytes: u64,
    /// Free bytes on the journal's disk.
    pub free_bytes: u64,
    /// The 99th percentile of the last 1,000 fsyncs, in milliseconds.
    pub fsync_p99_ms: f64,
    /// How many turns there were since the start.
    pub turns: u64,
    /// How long all syncs took since the start.
    pub syncs: SyncTimes,
    /// Is intake open? If not, why.
    pub closed: Option<Refused>,
    /// Set when HQ's chain and ours differ where they should agree.
    pub fork: Option<Seq>,
    /// The inbox, and where it ends.
    pub inbox: Option<(JournalId, Position)>,
    /// Entries of the newest journal that cannot be read: those after the first position of each
    /// pair, up to the second.
    pub holes: Vec<(Position, Position)>,
    /// After which position of which journal frames are lacking, to fill the oldest hole.
    pub lacks: Option<(JournalId, Position)>,
    /// Does the inbox hold news that cannot be read? The next start takes it anew.
    pub inbox_damaged: bool,
    /// Did the start find that news was lost with the inbox or its end? HQ sends it again.
    pub news_lost: bool,
    /// Where the config steps in our journal leave this office.
    pub config: ConfigState,
}

/// The edges' handle. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) facts: watch::Receiver<Arc<Facts>>,
    pub(super) mirror: Option<MirrorState>,
    pub(super) journal: JournalId,
    pub(super) data_key: DataKey,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.journal)
    }
}

impl Handle {
    /// The journal that new entries go to; edges seal for it.
    pub fn journal(&self) -> JournalId {
        self.journal
    }

    /// The key that edges seal with.
    pub fn data_key(&self) -> &DataKey {
        &self.data_key
    }

    /// The newest facts; `changed()` waits for the next turn.
    pub fn facts(&self) -> watch::Receiver<Arc<Facts>> {
        self.facts.clone()
    }

    /// How the second copy of the logs is, where one is kept.
    pub fn mirror(&self) -> Option<MirrorState> {
        self.mirror.clone()
    }

    /// Hands an enrollment over, in order, and returns what will hold its answer: `await` it for
    /// the fsync. Waits while the engine's queue is full.
    pub async fn enroll(
        &self,
        prepared: Prepared,
    ) -> Result<oneshot::Receiver<Result<Enrolled, Refused>>, Refused> {
        let (answer, waits) = oneshot::channel();
        self.inputs
            .send(Input::Enroll { prepared: Box::new(prepared), answer })
            .await
            .map_err(|_| Refused::Stopped)?;
        Ok(waits)
    }

    /// Corrects a record; answers where the edit is, after the fsync.
    pub async fn change(&self, change: Change) -> Result<Position, Refused> {
        self.ask(|answer| Input::Change { change: Box::new(change), answer }).await?
    }

    /// Journals a step of an edition's way; answers after the fsync.
    pub async fn config_step(&self, step: &Step) -> Result<Position, Refused> {
        let step = Box::new(step.clone());
        self.ask(|answer| Input::ConfigStep { step, answer }).await?
    }

    /// One record.
    pub async fn record(&self, record: RecordId) -> Result<Option<Found>, Refused> {
        self.ask(|answer| Input::Record { record, answer }).await
    }

    /// Records in the order of their arrival, from place `skip` on: at most `limit`. And the place
    /// to go on from; none after the last record. A page may be shorter than `limit`, or empty.
    pub async fn list(&self, skip: u64, limit: u64) -> Result<(Vec<Listed>, Option<u64>), Refused> {
        self.ask(|answer| Input::List { skip, limit, answer }).await
    }

    /// The digest of each record, paged as in [`Self::list`].
    pub async fn digests(&self, skip: u64, limit: u64) -> Result<Digests, Refused> {
        self.ask(|answer| Input::Digests { skip, limit, answer }).await
    }

    /// Records in conflict, paged as in [`Self::list`].
    pub async fn conflicts(
        &self,
        skip: u64,
        limit: u64,
    ) -> Result<(Vec<RecordState<Value>>, Option<u64>), Refused> {
        self.ask(|answer| Input::Conflicts { skip, limit, answer }).await
    }

    /// Where a record comes from and who wrote what into it, by time and dot.
    pub async fn history(&self, record: RecordId) -> Result<Option<(Origin, Vec<Act>)>, Refused> {
        self.ask(|answer| Input::History { record, answer }).await
    }

    /// The entry of ours that opened a record; none if the record is not there, or another office
    /// opened it.
    pub async fn opened(&self, record: RecordId) -> Result<Option<Opened>, Refused> {
        self.ask(|answer| Input::Opened { record, answer }).await
    }

    /// Our edits that HQ holds back or has refused, oldest first.
    pub async fn held(&self) -> Result<Vec<HeldEntry>, Refused> {
        self.ask(|answer| Input::Held { answer }).await
    }

    /// How many records our journal opened, by hour and workstation.
    pub async fn hours(&self) -> Result<Hours, Refused> {
        self.ask(|answer| Input::Hours { answer }).await
    }

    /// Frames of `journal` after `after` (which must be a position of ours), at most `max_bytes`
    /// but at least one; none if there is nothing after it.
    pub async fn read(
        &self,
        journal: JournalId,
        after: Position,
        max_bytes: usize,
    ) -> Result<Option<Run>, Refused> {
        self.ask(|answer| Input::Read { journal, after, max_bytes, answer }).await
    }

    /// The last position of `standing` that our own journal has too; none if not even its start.
    pub async fn agree(&self, standing: Standing) -> Result<Option<Position>, Refused> {
        self.ask(|answer| Input::Agree { standing, answer }).await
    }

    /// States behind the entry `after` of the inbox that HQ signed in other lives than `besides`.
    pub async fn signed(&self, besides: EpochId, after: Seq) -> Result<Signed, Refused> {
        self.ask(|answer| Input::Signed { besides, after, answer }).await
    }

    /// Journals verified news in the inbox and folds it; answers after the fsync.
    pub async fn store_news(&self, news: Vec<SignedNews>, upto: Cursor) -> Result<(), Refused> {
        self.ask(|answer| Input::News { news, upto, answer }).await
    }

    /// Takes in HQ's verified receipt.
    pub async fn acked(&self, ack: Ack, at: UnixMs) -> Result<(), Refused> {
        self.inputs.send(Input::Acked { ack, at }).await.map_err(|_| Refused::Stopped)
    }

    /// Hands over frames of our own journal that fill a hole in it, from another copy; false if
    /// they are not what was there.
    pub async fn mend(
        &self,
        journal: JournalId,
        after: Position,
        frames: Vec<u8>,
    ) -> Result<bool, Refused> {
        self.ask(|answer| Input::Mend { journal, after, frames, answer }).await
    }

    /// Compares HQ's frames of our newest journal with it: see
    /// [`last_common`](wasl_protocol::rebirth::last_common).
    pub async fn compare(&self, fetched: Fetched) -> Result<Option<(Position, bool)>, Refused> {
        self.ask(|answer| Input::Compare { fetched, answer }).await
    }

    /// Notes that the newest journal and HQ's copy of it part at `common`, and ends the engine: the
    /// next start seals the journal there, and writes what follows again into a new one.
    pub async fn diverged(&self, common: Position) -> Result<(), Refused> {
        self.inputs.send(Input::Diverged { common }).await.map_err(|_| Refused::Stopped)
    }

    /// Notes that HQ's journal and ours differ, after `common` at the latest: an alarm, and nothing
    /// of HQ's is folded any more.
    pub async fn forked(&self, common: Seq) -> Result<(), Refused> {
        self.inputs.send(Input::Forked { common }).await.map_err(|_| Refused::Stopped)
    }

    /// Finishes the turn under way, closes the view cleanly and ends the engine.
    pub async fn stop(&self) {
        let _ = self.ask(|answer| Input::Stop { answer }).await;
    }

    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Result<T, Refused> {
        let (answer, waits) = oneshot::channel();
        self.inputs.send(input(answer)).await.map_err(|_| Refused::Stopped)?;
        waits.await.map_err(|_| Refused::Stopped)
    }
}
