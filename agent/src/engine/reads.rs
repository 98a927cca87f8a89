//! What is only read: after the turn's sync, so that nothing is told that could still be lost.

use wasl_protocol::id::{Dot, JournalId, Position, RecordId};
use wasl_protocol::rebirth::last_common;
use wasl_protocol::record::{RecordState, Value, VersionVector};
use wasl_protocol::units::Seq;
use wasl_protocol::wire::Standing;

use super::EngineError;
use super::handle::{Digests, Found, HeldEntry, Listed, Opened, Run};
use super::input::Input;
use super::receipts::Receipts;
use super::rows::{Page, Rows};
use super::store::Store;
use super::turn::Engine;
use crate::journal::JournalError;
use crate::view::{Row, ViewError};

impl Engine {
    /// Answers one read. What the journal's disk cannot give is logged, and the answer dropped.
    pub(super) fn read(&mut self, input: Input) -> Result<(), EngineError> {
        match input {
            Input::Record { record, answer } => {
                let found = self.store.found(record, &self.receipts);
                give(answer, unless_damaged(found)?);
            }
            Input::List { skip, limit, answer } => {
                let listed = self.store.listed((skip, limit), &self.receipts);
                give(answer, unless_damaged(listed)?);
            }
            Input::Digests { skip, limit, answer } => {
                let digests = self.store.digests(skip, limit);
                give(answer, unless_damaged(digests)?);
            }
            Input::Conflicts { skip, limit, answer } => {
                let conflicts = self.store.conflicts(skip, limit);
                give(answer, unless_damaged(conflicts)?);
            }
            Input::History { record, answer } => {
                let history = self.store.history(record);
                give(answer, unless_damaged(history)?);
            }
            Input::Opened { record, answer } => {
                let opened = self.store.opened(record, &self.receipts);
                give(answer, unless_damaged(opened)?);
            }
            Input::Held { answer } => {
                let held = self.store.held();
                give(answer, unless_damaged(held)?);
            }
            Input::Hours { answer } => give(answer, Some(self.store.rows.notes.hours().clone())),
            Input::Read { journal, after, max_bytes, answer } => {
                let run = self.run(journal, after, max_bytes);
                give(answer, unless_damaged(run.map_err(EngineError::from))?);
            }
            Input::Agree { standing, answer } => {
                let agreed = self.agree(&standing);
                give(answer, unless_damaged(agreed.map_err(EngineError::from))?);
            }
            Input::Compare { fetched, answer } => {
                let (journal, logs) = (fetched.journal, &mut self.store.logs);
                let ours = |seq| logs.position(Dot { journal, seq });
                let compared = last_common(fetched.after, &fetched.frames, ours);
                give(answer, unless_damaged(compared.map_err(EngineError::from))?);
            }
            Input::Signed { besides, after, answer } => {
                let signed = self.store.signed(besides, after);
                give(answer, unless_damaged(signed)?);
            }
            Input::Enroll { .. }
            | Input::Change { .. }
            | Input::ConfigStep { .. }
            | Input::News { .. }
            | Input::Acked { .. }
            | Input::Diverged { .. }
            | Input::Forked { .. }
            | Input::Holes { .. }
            | Input::Mend { .. }
            | Input::Stop { .. } => {}
        }
        Ok(())
    }

    fn run(
        &mut self,
        journal: JournalId,
        after: Position,
        max_bytes: usize,
    ) -> Result<Option<Run>, JournalError> {
        let found = self.store.logs.read(journal, after, max_bytes)?;
        Ok(found.map(|found| Run { after: found.after, frames: found.frames, last: found.last }))
    }

    /// The last of HQ's positions that is ours too.
    fn agree(&mut self, standing: &Standing) -> Result<Option<Position>, JournalError> {
        let (logs, journal) = (&mut self.store.logs, standing.journal);
        let Some((_, end)) = logs.ends().find(|(ours, _)| *ours == journal) else {
            return Ok(None);
        };
        let mut quoted = [&[standing.top], &standing.ladder[..]].concat();
        quoted.sort();
        for position in quoted.into_iter().rev() {
            match logs.position(Dot { journal, seq: position.seq })? {
                Some(ours) if ours == position => return Ok(Some(position)),
                // In a hole nobody here knows better; what fills it has to fit the chain.
                None if position.seq <= end.seq => return Ok(Some(position)),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Sends an answer, if there is one and somebody still waits for it.
fn give<T>(answer: tokio::sync::oneshot::Sender<T>, found: Option<T>) {
    if let Some(found) = found {
        let _ = answer.send(found);
    }
}

/// A log that cannot be read is told, and ends nothing: enrolling goes on.
fn unless_damaged<T>(read: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(e @ (EngineError::Journal(_) | EngineError::Unfolded(_))) => {
            tracing::error!(error = %e, "the journal could not be read");
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

impl Store {
    /// The row of a record that this office may see.
    pub(super) fn seen_row(&mut self, record: RecordId) -> Result<Option<Row>, EngineError> {
        Ok(self.row(record)?.filter(|row| !row.hidden))
    }

    /// One record, with its values.
    pub(super) fn found(
        &mut self,
        record: RecordId,
        receipts: &Receipts,
    ) -> Result<Option<Found>, EngineError> {
        let Some(row) = self.seen_row(record)? else { return Ok(None) };
        let damaged = || EngineError::Unfolded(row.opened.map_or(Seq(0), |dot| dot.seq));
        let state = self.logs.values(&row.state)?.ok_or_else(damaged)?;
        let stored = self.covered(&state, receipts.stored());
        let stable = self.covered(&state, receipts.stable()) && self.older_are(&state, receipts);
        let read_only = self.rows.notes.is_newer(record);
        Ok(Some(Found { state, stored, stable, read_only }))
    }

    /// The entry of ours that opened a record.
    pub(super) fn opened(
        &mut self,
        record: RecordId,
        receipts: &Receipts,
    ) -> Result<Option<Opened>, EngineError> {
        let Some(row) = self.seen_row(record)? else { return Ok(None) };
        let Some(dot) = row.opened else { return Ok(None) };
        let damaged = EngineError::Unfolded(dot.seq);
        let position = self.logs.position(dot)?;
        let at = self.logs.written_at(dot)?;
        let (Some(position), Some(at)) = (position, at) else { return Err(damaged) };
        let newest = dot.journal == self.logs.journal.id();
        let covers =
            |upto: Option<Position>| upto.is_some_and(|upto| !newest || upto.seq >= dot.seq);
        Ok(Some(Opened {
            record,
            form_number: row.state.origin.form_number,
            journal: dot.journal,
            position,
            at,
            // An older journal ends where HQ had it.
            stored: !newest || covers(receipts.stored()),
            stable: covers(receipts.stable()),
        }))
    }

    /// Records in the order of their arrival.
    pub(super) fn listed(
        &mut self,
        (skip, limit): (u64, u64),
        receipts: &Receipts,
    ) -> Result<(Vec<Listed>, Option<u64>), EngineError> {
        let (rows, next) = self.page(|rows| rows.list(skip, limit))?;
        let upto = receipts.stored();
        let listed = rows.into_iter().map(|row| Listed {
            record: row.record(),
            stored: self.covers(&row.state.seen, upto),
            conflict: row.conflict,
            form_number: row.state.origin.form_number,
            office: row.state.origin.office,
        });
        Ok((listed.collect(), next))
    }

    /// The digests of records in the order of their arrival.
    pub(super) fn digests(&mut self, skip: u64, limit: u64) -> Result<Digests, EngineError> {
        let (rows, next) = self.page(|rows| rows.list(skip, limit))?;
        let digests = rows.iter().map(|row| (row.record(), row.state.digest(|place| place.tag)));
        Ok((digests.collect(), next))
    }

    /// Records in conflict, with their values. One that cannot be read is told, and left out.
    pub(super) fn conflicts(
        &mut self,
        skip: u64,
        limit: u64,
    ) -> Result<(Vec<RecordState<Value>>, Option<u64>), EngineError> {
        let (rows, next) = self.page(|rows| rows.conflicts(skip, limit))?;
        let mut states = Vec::with_capacity(rows.len());
        for row in rows {
            match self.logs.values(&row.state)? {
                Some(state) => states.push(state),
                None => {
                    tracing::error!(record = %row.record(), "a value in conflict cannot be read");
                }
            }
        }
        Ok((states, next))
    }

    /// Our edits that HQ holds back or has refused, oldest first.
    pub(super) fn held(&mut self) -> Result<Vec<HeldEntry>, EngineError> {
        let fates: Vec<_> = self.rows.notes.fates().cloned().collect();
        let mut held = Vec::with_capacity(fates.len());
        for (fate, record) in fates {
            let row = match record {
                Some(record) => self.row(record)?,
                None => None,
            };
            let form_number = row.map(|row| row.state.origin.form_number);
            held.push(HeldEntry {
                dot: fate.dot,
                record,
                form_number,
                at: fate.at,
                what: fate.what,
            });
        }
        held.sort_by_key(|entry| (entry.at, entry.dot));
        Ok(held)
    }

    /// Some rows; a view that fails is folded again first.
    fn page(
        &mut self,
        read: impl Fn(&mut Rows) -> Result<Page, ViewError>,
    ) -> Result<Page, EngineError> {
        match read(&mut self.rows) {
            Ok(page) => Ok(page),
            Err(e) => {
                self.heal(&e)?;
                Ok(read(&mut self.rows)?)
            }
        }
    }

    /// Is what an older journal wrote into it stable? HQ takes no entry of a journal before it has
    /// all of those before: a copy with one of the newest has them too.
    fn older_are<V>(&self, state: &RecordState<V>, receipts: &Receipts) -> bool {
        let mut older = self.logs.older.iter();
        receipts.stable().is_some() || older.all(|older| state.seen.up_to(older.log.id()).0 == 0)
    }

    fn covered<V>(&self, state: &RecordState<V>, upto: Option<Position>) -> bool {
        self.covers(&state.seen, upto)
    }

    /// Does a receipt up to here cover every edit of ours in `seen`?
    fn covers(&self, seen: &VersionVector, upto: Option<Position>) -> bool {
        let ours = seen.up_to(self.logs.journal.id());
        upto.map_or(ours.0 == 0, |upto| upto.seq >= ours)
    }
}
