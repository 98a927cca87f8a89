//! One turn: gather, link, append, one sync, answer, fold.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use wasl_protocol::edition::Step;
use wasl_protocol::entry::Opening;
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::id::{Dot, GroupName, Position, RecordId};
use wasl_protocol::keys::DataKey;
use wasl_protocol::pack::Packer;
use wasl_protocol::record::VersionVector;
use wasl_protocol::units::{Seq, UnixMs};

use super::EngineError;
use super::answers::{Answers, refuse};
use super::fold::{decide, fold};
use super::gauge::Gauge;
use super::handle::{Change, Enrolled, Facts, Prepared, Refused};
use super::input::Input;
use super::item::{Item, OwnEdit};
use super::mending::Mending;
use super::rebirth::ask_for;
use super::receipts::Receipts;
use super::store::Store;
use super::tally::Arrival;
use crate::journal::AppendError;
use crate::mirror::Mirror;
use crate::seam::World;
use crate::view::Row;

/// How long a full disk is left alone before it is asked again, in nanoseconds.
const ASK_DISK_EVERY_NS: u64 = 1_000_000_000;

/// How often it is tried to keep records on disk again, in nanoseconds: each try folds every entry.
const LEAVE_MEMORY_EVERY_NS: u64 = 10_000_000_000;

/// How many changed rows go into the view even while there is other work.
const MANY_ROWS: usize = 32;

/// The engine, without the thread that runs it.
pub struct Engine {
    pub(super) world: World,
    pub(super) store: Store,
    pub(super) receipts: Receipts,
    pub(super) facts: Facts,
    pub(super) tell: watch::Sender<Arc<Facts>>,
    pub(super) packer: Packer,
    pub(super) mirror: Option<Mirror>,
    pub(super) mending: Mending,
    gauge: Gauge,
    disk_asked_ns: u64,
    /// When it was tried last to leave memory.
    left_memory_ns: u64,
    /// Of which receipt's position the oldest unacknowledged entry and the backlog's bytes are known.
    measured: Option<Measured>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({:?})", self.store.logs.journal)
    }
}

/// What has to be read from the journal when a receipt has moved on.
#[derive(Clone, Copy, Debug)]
struct Measured {
    from: Position,
    bytes: u64,
    head_bytes: u64,
    oldest: Option<UnixMs>,
}

impl Engine {
    pub(super) fn new(world: World, store: Store, receipts: Receipts) -> Self {
        let (tell, _) = watch::channel(Arc::default());
        let facts = Facts { config: store.rows.notes.config().clone(), ..Facts::default() };
        let mut engine = Self {
            world,
            store,
            receipts,
            facts,
            tell,
            packer: Packer::new(),
            mirror: None,
            mending: Mending::default(),
            gauge: Gauge::default(),
            disk_asked_ns: 0,
            left_memory_ns: 0,
            measured: None,
        };
        engine.publish();
        engine
    }

    /// The key that new entries are sealed with.
    pub fn data_key(&self) -> &DataKey {
        &self.store.logs.journal_key
    }

    /// Does all that the inputs ask: writes in their order, one sync, then the answers. If one asks
    /// to stop, who waits for that.
    ///
    /// # Errors
    /// After a failed write or sync. Everyone has been answered "not stored" then, and the engine
    /// is of no more use.
    pub fn turn(&mut self, inputs: Vec<Input>) -> Result<Option<oneshot::Sender<()>>, EngineError> {
        let _span = tracing::debug_span!("engine.turn", inputs = inputs.len()).entered();
        let mut answers = Answers::default();
        let mut later = Vec::new();
        let mut inputs = inputs.into_iter();
        let mut written = Ok(());
        for input in inputs.by_ref() {
            written = self.write(input, &mut answers, &mut later);
            if written.is_err() {
                break;
            }
        }
        if let Err(e @ EngineError::Diverged(_)) = written {
            answers.send(); // on disk, and written again by the next start
            inputs.for_each(|input| refuse(input, &Refused::Stopped));
            return Err(e);
        }
        if let Err(e) = written.and_then(|()| self.commit()) {
            answers.refuse();
            inputs.for_each(|input| refuse(input, &Refused::Poisoned));
            self.facts.closed = Some(Refused::Poisoned);
            let _ = self.tell.send_replace(Arc::new(self.facts.clone()));
            return Err(e);
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.wait();
        }
        answers.send();
        self.facts.turns += 1;
        self.publish();
        let mut stop = None;
        for input in later {
            match input {
                Input::Stop { answer } => stop = Some(answer),
                read => self.read(read)?,
            }
        }
        Ok(stop)
    }

    /// Does the view, or the receipts' file, lack something?
    pub(super) fn has_news(&self) -> bool {
        self.store.rows.waiting() > 0 || self.receipts.have_news()
    }

    /// Has the view take in what the last turns changed, if that is much.
    pub fn keep_up_if_many(&mut self) -> Result<(), EngineError> {
        if self.store.rows.waiting() >= MANY_ROWS { self.store.advance() } else { Ok(()) }
    }

    /// Has the view take in what the last turns changed, and keeps the receipts.
    pub fn keep_up(&mut self) -> Result<(), EngineError> {
        self.receipts.keep(&self.world, false);
        self.store.advance()?;
        self.leave_memory()
    }

    /// Are records kept in memory, because the view cannot be written?
    pub(super) fn is_in_memory(&self) -> bool {
        self.store.in_memory
    }

    /// Tries now and then to keep records on disk again.
    fn leave_memory(&mut self) -> Result<(), EngineError> {
        let now_ns = self.world.clock.mono_ns();
        let due = now_ns.saturating_sub(self.left_memory_ns) >= LEAVE_MEMORY_EVERY_NS;
        if self.store.in_memory && due {
            self.left_memory_ns = now_ns;
            self.store.leave_memory()?;
        }
        Ok(())
    }

    /// Is intake closed for want of room? Then somebody has to ask [`Self::reopen`] now and then.
    pub fn is_full(&self) -> bool {
        self.facts.closed == Some(Refused::DiskFull)
    }

    /// Opens intake again if there is room on the disk.
    pub fn reopen(&mut self) {
        if self.is_full() && self.disk_is_due() && self.store.logs.journal.has_room() {
            self.facts.closed = None;
            self.publish();
        }
    }

    fn write(
        &mut self,
        input: Input,
        answers: &mut Answers,
        later: &mut Vec<Input>,
    ) -> Result<(), EngineError> {
        match input {
            Input::Enroll { prepared, answer } => {
                let enrolled = match self.enroll(*prepared) {
                    Ok(enrolled) => enrolled,
                    Err(e) => {
                        answers.enrolled(answer, Err(Refused::Poisoned));
                        return Err(e);
                    }
                };
                answers.enrolled(answer, enrolled);
            }
            Input::Change { change, answer } => {
                let changed = match self.change(*change) {
                    Ok(changed) => changed,
                    Err(e) => {
                        answers.changed(answer, Err(Refused::Poisoned));
                        return Err(e);
                    }
                };
                answers.changed(answer, changed);
            }
            Input::ConfigStep { step, answer } => {
                let written = match self.config_step(*step) {
                    Ok(written) => written,
                    Err(e) => {
                        answers.changed(answer, Err(Refused::Poisoned));
                        return Err(e);
                    }
                };
                answers.changed(answer, written);
            }
            Input::News { news, upto, answer } => {
                if self.news(&news, upto)? {
                    answers.stored(answer);
                }
            }
            Input::Acked { ack, at } => self.acked(ack, at)?,
            Input::Forked { common } => self.forked(common),
            Input::Diverged { common } => {
                self.commit()?;
                ask_for(&self.world, &self.mending.dir, (self.store.logs.journal.id(), common))?;
                return Err(EngineError::Diverged(common.seq));
            }
            Input::Holes { log, holes, answer } => {
                self.holed(log, holes)?;
                let _ = answer.send(());
            }
            Input::Mend { journal, after, frames, answer } => {
                let _ = answer.send(self.mend(journal, after, &frames)?);
            }
            Input::Agree { standing, answer } => {
                // Before anything is said of it: nobody calls this office synced in between.
                self.stands(&standing);
                later.push(Input::Agree { standing, answer });
            }
            later_on => later.push(later_on),
        }
        Ok(())
    }

    fn enroll(&mut self, new: Prepared) -> Result<Result<Enrolled, Refused>, EngineError> {
        let journal = self.store.logs.journal.id();
        if let Some(row) = self.store.row(new.record)? {
            return self.enrolled_before(&row, &new);
        }
        let position = match self.append(&new.sealed, &VersionVector::default())? {
            Ok(position) => position,
            Err(refused) => return Ok(Err(refused)),
        };
        let opening = Opening { form_number: new.form_number, posted: new.posted };
        let context = VersionVector::default();
        let opening = Some((opening, new.arrival));
        self.fold_ours(position, context, new.record, (opening, new.groups))?;
        let entry = Some((journal, position));
        Ok(Ok(Enrolled { record: new.record, entry, duplicate: false }))
    }

    /// Compare-and-set: earlier acts of the same turn count.
    fn change(&mut self, change: Change) -> Result<Result<Position, Refused>, EngineError> {
        let row = self.store.seen_row(change.record)?;
        let Some(row) = row else { return Ok(Err(Refused::Unknown)) };
        if self.store.rows.notes.is_newer(change.record) {
            return Ok(Err(Refused::ReadOnly));
        }
        // What it wrote would pass for having seen what lies in the hole, and overwrite that.
        let lacks = &self.store.rows.lacks_after;
        if self.store.rows.held.contains_key(&change.record)
            || lacks.iter().any(|(ours, before)| row.state.seen.up_to(*ours) > *before)
        {
            return Ok(Err(Refused::Damaged));
        }
        if let Some(group) = row.state.unread(&change.read, &change.groups) {
            return Ok(Err(Refused::Stale(group.clone())));
        }
        let context = row.state.seen;
        let appended = self.append(&change.sealed, &context)?;
        if let Ok(position) = appended {
            self.fold_ours(position, context, change.record, (None, change.groups))?;
        }
        Ok(appended)
    }

    fn config_step(&mut self, step: Step) -> Result<Result<Position, Refused>, EngineError> {
        let (id, random) = (self.store.logs.journal.id(), self.world.entropy.random());
        let (plain, key) = (step.encode(), &self.store.logs.journal_key);
        let sealed = Sealed::new(id, Kind::CONFIG, &plain, key, &mut self.packer, random);
        let appended = self.append(&sealed, &VersionVector::default())?;
        if let Ok(position) = appended {
            self.fold(Item::Config(Box::new(step)))?;
            self.store.rows.journal_folded(position);
            self.facts.config = self.store.rows.notes.config().clone();
        }
        Ok(appended)
    }

    /// Links an entry behind the journal's last one; durable after the commit.
    fn append(
        &mut self,
        sealed: &Sealed,
        context: &VersionVector,
    ) -> Result<Result<Position, Refused>, EngineError> {
        if self.is_full() && !self.disk_is_due() {
            return Ok(Err(Refused::DiskFull));
        }
        match self.store.logs.journal.append(sealed, context) {
            Ok(position) => {
                self.facts.closed = None;
                Ok(Ok(position))
            }
            Err(AppendError::Full) => {
                self.facts.closed = Some(Refused::DiskFull);
                self.disk_asked_ns = self.world.clock.mono_ns();
                Ok(Err(Refused::DiskFull))
            }
            Err(AppendError::NoDescriptor(error)) => {
                tracing::warn!(%error, "nothing is taken: no file can be opened now");
                Ok(Err(Refused::Busy))
            }
            Err(AppendError::Failed(e)) => Err(EngineError::Poisoned(e)),
        }
    }

    fn fold_ours(
        &mut self,
        position: Position,
        context: VersionVector,
        record: RecordId,
        (opening, groups): (Option<(Opening, Arrival)>, Vec<GroupName>),
    ) -> Result<(), EngineError> {
        let dot = Dot { journal: self.store.logs.journal.id(), seq: position.seq };
        let tag = position.head.tag();
        let (opening, arrival) = opening.unzip();
        self.fold(Item::Edit(OwnEdit { dot, tag, context, record, opening, arrival, groups }))?;
        self.store.rows.journal_folded(position);
        Ok(())
    }

    /// The answer for a form number that is taken.
    fn enrolled_before(
        &mut self,
        row: &Row,
        new: &Prepared,
    ) -> Result<Result<Enrolled, Refused>, EngineError> {
        if !row.state.posted.contains(&new.posted) {
            return Ok(Err(Refused::Clash(new.form_number.clone())));
        }
        let record = new.record;
        let Some(opened) = row.opened else {
            return Ok(Ok(Enrolled { record, entry: None, duplicate: true }));
        };
        let journal = &self.store.logs.journal;
        if opened.journal == journal.id() && opened.seq > journal.head().seq {
            self.commit()?; // opened in this very turn: its head can be read once it is on disk
        }
        let position = self.store.logs.position(opened)?;
        let Some(position) = position else { return Ok(Err(Refused::Damaged)) };
        Ok(Ok(Enrolled { record, entry: Some((opened.journal, position)), duplicate: true }))
    }

    pub(super) fn fold(&mut self, item: Item) -> Result<(), EngineError> {
        let Store { logs, rows, .. } = &mut self.store;
        match fold(rows, &logs.office, &logs.ours, item) {
            Ok(None) => Ok(()),
            Ok(Some(undecided)) => {
                self.commit()?;
                decide(&mut self.store.logs, &mut self.store.rows, undecided)
            }
            Err(e) => {
                // Folding all logs again, this entry with them, is the cure.
                self.commit()?;
                self.store.heal(&e)
            }
        }
    }

    pub(super) fn commit(&mut self) -> Result<(), EngineError> {
        for log in [&mut self.store.logs.journal, &mut self.store.logs.inbox] {
            if log.pending_bytes() == 0 {
                continue;
            }
            let turn = self.mirror.is_some().then(|| log.pending());
            let before_ns = self.world.clock.mono_ns();
            log.commit().map_err(EngineError::Poisoned)?;
            self.gauge.synced(self.world.clock.mono_ns().saturating_sub(before_ns));
            if let (Some(mirror), Some(turn)) = (&self.mirror, turn) {
                mirror.offer(log.purpose(), turn);
            }
        }
        Ok(())
    }

    fn disk_is_due(&mut self) -> bool {
        let now_ns = self.world.clock.mono_ns();
        let due = now_ns.saturating_sub(self.disk_asked_ns) >= ASK_DISK_EVERY_NS;
        if due {
            self.disk_asked_ns = now_ns;
        }
        due
    }

    /// Tells everyone how things stand.
    pub(super) fn publish(&mut self) {
        let head = self.store.logs.journal.head();
        let meta = self.store.rows.meta();
        let measured = self.measure(head);
        let stored = self.receipts.stored();
        let facts = &mut self.facts;
        facts.journals.clear();
        facts.journals.extend(self.store.logs.ends());
        facts.inbox = Some((self.store.logs.inbox.id(), self.store.logs.inbox.head()));
        facts.stored = stored;
        facts.stable = self.receipts.stable();
        facts.acked = self.receipts.newest();
        // A receipt counts them too, but a decision of HQ's staff brings no receipt.
        facts.held = self.store.rows.notes.held();
        facts.last_ack_at = self.receipts.last_at();
        facts.backlog = head.seq - stored.map_or(Seq(0), |at| at.seq);
        facts.backlog_bytes = measured.map_or(0, |m| m.bytes);
        facts.oldest_unacked_at = measured.and_then(|m| m.oldest);
        facts.cursor = meta.cursor;
        facts.records = meta.records;
        facts.conflicts = meta.conflicts;
        facts.refused = self.store.rows.notes.refused();
        facts.read_only = self.store.rows.notes.unread();
        facts.syncs = self.gauge.times();
        if self.gauge.due(self.world.clock.mono_ns()) {
            let logs = &self.store.logs;
            facts.journal_bytes = logs.journal.file_bytes() + logs.inbox.file_bytes();
            facts.free_bytes = logs.journal.free_bytes();
            facts.fsync_p99_ms = self.gauge.sync_p99_ms();
        }
        let _ = self.tell.send_replace(Arc::new(facts.clone()));
    }

    /// What lies between the newest receipt and the head. The journal is read only when the
    /// receipt has moved, or there was nothing before.
    fn measure(&mut self, head: Position) -> Option<Measured> {
        let journal = &self.store.logs.journal;
        let from = self.receipts.stored().unwrap_or(Position::start(journal.id()));
        if head.seq <= from.seq {
            self.measured = None;
            return None;
        }
        let end_bytes = journal.end_bytes();
        match &mut self.measured {
            Some(known) if known.from == from => {
                known.bytes += end_bytes - known.head_bytes;
                known.head_bytes = end_bytes;
            }
            _ => {
                let bytes = self.store.logs.journal.bytes_after(from).unwrap_or(0);
                let first = Dot { journal: self.store.logs.journal.id(), seq: from.seq.next() };
                let oldest = self.store.logs.written_at(first).ok().flatten();
                let head_bytes = end_bytes;
                self.measured = Some(Measured { from, bytes, head_bytes, oldest });
            }
        }
        self.measured
    }
}
