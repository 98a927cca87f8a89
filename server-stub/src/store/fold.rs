//! Entries into record states: apply what can be applied, hold what cannot, release what waited.
//! No SQL: the states come in before and go out after.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::id::{Dot, GroupName, JournalId, OfficeId, RecordId};
use wasl_protocol::json::Json;
use wasl_protocol::news::Held;
use wasl_protocol::record::{RecordState, Value, VersionVector, in_scope};
use wasl_protocol::units::Seq;

use super::touched::{Placed, Touched};

/// An entry of a touched record that was held before, as it is stored.
pub(super) enum Before {
    /// It is held still; what waits for a dot comes with its edit.
    Held(Dot, RecordId, Held, Option<Placed>),
    /// Staff released it without what it saw.
    AsIs(Placed),
}

/// An entry that a fold holds.
pub(super) struct Kept {
    /// Who wrote it.
    pub office: OfficeId,
    /// Of which record, where that can be read.
    pub record: Option<RecordId>,
    /// Why.
    pub why: Held,
    /// Is it news that it is held? Else only the reason is.
    pub first: bool,
}

/// One transaction's worth of folding.
#[derive(Default)]
pub(super) struct Fold {
    records: BTreeMap<RecordId, Touched>,
    /// What waits for a dot.
    waiting: BTreeMap<RecordId, Vec<Placed>>,
    /// All that is held of a record, for whatever reason.
    undecided: BTreeMap<RecordId, BTreeSet<Dot>>,
    as_is: BTreeMap<RecordId, Vec<Placed>>,
    /// What was held before, and why.
    stored: BTreeMap<Dot, Held>,
    held: BTreeMap<Dot, Kept>,
    released: BTreeMap<Dot, OfficeId>,
}

/// What has to be stored of a [`Fold`].
pub(super) struct Folded {
    /// The records that have changed.
    pub records: BTreeMap<RecordId, Touched>,
    /// The entries that are held, or held for another reason than before.
    pub held: BTreeMap<Dot, Kept>,
    /// The entries that were held before and for which what they waited for has come, and who
    /// wrote them.
    pub released: BTreeMap<Dot, OfficeId>,
}

impl Fold {
    /// A fold over these records, of which these entries were held.
    pub fn new(records: BTreeMap<RecordId, Touched>, before: Vec<Before>) -> Self {
        let mut fold = Self { records, ..Self::default() };
        for entry in before {
            match entry {
                Before::Held(dot, record, why, edit) => {
                    fold.stored.insert(dot, why);
                    fold.undecided.entry(record).or_default().insert(dot);
                    if let Some(edit) = edit {
                        fold.waiting.entry(record).or_default().push(edit);
                    }
                }
                Before::AsIs(edit) => fold.as_is.entry(edit.edit.record).or_default().push(edit),
            }
        }
        fold
    }

    /// The state of a record, if there is one.
    pub fn state(&self, record: RecordId) -> Option<&RecordState<Value>> {
        self.records.get(&record).map(|touched| &touched.state)
    }

    /// Holds an entry that says nothing which could be applied.
    pub fn hold(&mut self, dot: Dot, by: &OfficeId, record: Option<RecordId>, why: Held) {
        let first = !self.stored.contains_key(&dot);
        self.held.insert(dot, Kept { office: by.clone(), record, why, first });
        if let Some(record) = record {
            self.undecided.entry(record).or_default().insert(dot);
        }
    }

    /// Applies an edit, and then whatever waited for it; or holds it.
    pub fn take(&mut self, edit: Placed) {
        let record = edit.edit.record;
        match self.may_go(&edit).and_then(|()| self.apply(&edit)) {
            Ok(()) => self.drain(record),
            Err(why) => self.keep(edit, why),
        }
    }

    /// Takes in a state of a record that HQ had and lost, on the word of its journal `from`, and then
    /// whatever waited for it; false if nothing in it is new.
    pub fn adopt(&mut self, state: &RecordState<Value>, from: JournalId) -> bool {
        let record = state.origin.id();
        let empty = || Touched::new(RecordState::new(state.origin.clone()), Vec::new());
        if !self.records.entry(record).or_insert_with(empty).adopt(state, from) {
            return false;
        }
        self.drain(record);
        true
    }

    /// The first entry of the same journal and record that is held and comes before this one.
    pub fn earlier(&self, dot: Dot, record: RecordId) -> Option<Dot> {
        let first = Dot { journal: dot.journal, seq: Seq(0) };
        self.undecided.get(&record)?.range(first..dot).next().copied()
    }

    /// Applies an edit that was held, whoever wrote it, and then whatever waited for it. `as_is`:
    /// even though what it saw is not there.
    pub fn release(&mut self, edit: &Placed, as_is: bool) -> Result<(), Held> {
        let record = edit.edit.record;
        if as_is {
            let mut touched = match self.records.remove(&record) {
                Some(touched) => touched,
                None => Touched::opened_by(edit)?,
            };
            touched.apply_as_is(edit);
            self.records.insert(record, touched);
            self.as_is.entry(record).or_default().push(edit.clone());
        } else {
            self.apply(edit)?;
        }
        self.decided(edit.dot, record);
        self.drain(record);
        Ok(())
    }

    /// Accounts for an edit that staff refused; `from` is the journal that says so. What has to be
    /// written again, each with the refused edit in its context; then the fold is to be drained.
    pub fn refuse(
        &mut self,
        edit: &Placed,
        from: JournalId,
    ) -> Result<Vec<BTreeMap<GroupName, Json>>, Held> {
        let (dot, record) = (edit.dot, edit.edit.record);
        let nothing = VersionVector::default();
        let seen = self.state(record).map_or(&nothing, |state| &state.seen);
        if let Some(missing) = seen.lacks(&edit.context) {
            return Err(Held::WaitsFor(missing));
        }
        let covered = seen.covers(dot);
        self.decided(dot, record);
        let touched = match self.records.entry(record) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(empty) => match Touched::opened_by(edit) {
                Ok(touched) => empty.insert(touched),
                // Nobody opened it: there is no state in which to account for anything.
                Err(_) => return Ok(Vec::new()),
            },
        };
        Ok(if covered { Vec::new() } else { touched.refuse(edit, from) })
    }

    /// Tries what waits for this record again until nothing moves any more.
    pub fn drain(&mut self, record: RecordId) {
        loop {
            let waiting = self.waiting.remove(&record).unwrap_or_default();
            let mut moved = false;
            for edit in waiting {
                match self.may_go(&edit).and_then(|()| self.apply(&edit)) {
                    Ok(()) => {
                        moved = true;
                        self.decided(edit.dot, record);
                        if self.stored.contains_key(&edit.dot) {
                            self.released.insert(edit.dot, edit.by);
                        }
                    }
                    Err(why) => self.keep(edit, why),
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// What is to be stored.
    pub fn finish(mut self) -> Folded {
        self.records.retain(|_, touched| !touched.news.is_empty());
        self.held.retain(|dot, kept| self.stored.get(dot) != Some(&kept.why));
        Folded { records: self.records, held: self.held, released: self.released }
    }

    fn keep(&mut self, edit: Placed, why: Held) {
        self.hold(edit.dot, &edit.by, Some(edit.edit.record), why);
        if matches!(why, Held::WaitsFor(_)) {
            self.waiting.entry(edit.edit.record).or_default().push(edit);
        }
    }

    /// The entry is held no longer.
    fn decided(&mut self, dot: Dot, record: RecordId) {
        self.held.remove(&dot);
        if let Some(held) = self.undecided.get_mut(&record) {
            held.remove(&dot);
        }
        if let Some(waiting) = self.waiting.get_mut(&record) {
            waiting.retain(|edit| edit.dot != dot);
        }
    }

    /// An office edits what is in its scope, and nothing of its own before what is held.
    fn may_go(&self, edit: &Placed) -> Result<(), Held> {
        let record = edit.edit.record;
        let foreign = |state| !edit.by.is_hq() && !in_scope(state, &edit.by);
        if self.state(record).is_some_and(foreign) {
            return Err(Held::OutOfScope);
        }
        self.earlier(edit.dot, record).map_or(Ok(()), |dot| Err(Held::WaitsFor(dot)))
    }

    fn apply(&mut self, edit: &Placed) -> Result<(), Held> {
        let record = edit.edit.record;
        let as_is = self.as_is.get(&record).map_or(&[][..], Vec::as_slice);
        if let Some(touched) = self.records.get_mut(&record) {
            return touched.apply(edit, as_is);
        }
        let mut touched = Touched::opened_by(edit)?;
        touched.apply(edit, as_is)?;
        self.records.insert(record, touched);
        Ok(())
    }
}
