//! Entries into record states: apply what can be applied, hold what cannot, release what waited.
//! No SQL: the states come in before and go out after.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::entry::{Edit, PostDigest};
use wasl_protocol::id::{Dot, GroupName, JournalId, OfficeId, RecordId, Tag};
use wasl_protocol::json::Json;
use wasl_protocol::limits;
use wasl_protocol::news::Held;
use wasl_protocol::record::{Applied, Origin, RecordState, Value, VersionVector, grants, in_scope};
use wasl_protocol::units::Seq;

/// An edit at its place in a journal.
#[derive(Clone)]
pub(super) struct Placed {
    /// Its name.
    pub dot: Dot,
    /// The tag of its entry.
    pub tag: Tag,
    /// Who wrote it.
    pub by: OfficeId,
    /// What it saw.
    pub context: VersionVector,
    /// What it says.
    pub edit: Edit,
}

impl Placed {
    fn values(&self) -> impl Iterator<Item = (GroupName, Value)> {
        self.edit.groups.iter().map(|(name, json)| {
            let Edit { at, operator, .. } = &self.edit;
            let (json, by, operator) = (json.clone(), self.by.clone(), operator.clone());
            (name.clone(), Value { json, by, at: *at, operator, tag: self.tag })
        })
    }

    /// Can each of its groups be read?
    pub fn is_whole(&self) -> bool {
        let groups = &self.edit.groups;
        !groups.is_empty()
            && groups.len() <= limits::GROUPS
            && groups.values().all(|json| json.check().is_ok())
    }

    fn posted(&self) -> Option<PostDigest> {
        self.edit.opening.as_ref().map(|opening| opening.posted)
    }

    /// Where the record comes from that this edit opens; or what must come before it.
    fn opens(&self) -> Result<Origin, Held> {
        let Some(opening) = &self.edit.opening else {
            return Err(self.context.dots().next().map_or(Held::Unopened, Held::WaitsFor));
        };
        Ok(Origin { office: self.by.clone(), form_number: opening.form_number.clone() })
    }
}

/// A record that was touched, and from which journals.
pub(super) struct Touched {
    /// Its state now.
    pub state: RecordState<Value>,
    /// Its edits, in the order in which they were taken in; those that were refused too.
    pub dots: Vec<Dot>,
    /// The journals whose entries changed it; none: it is as it was.
    pub news: BTreeSet<JournalId>,
    /// The offices that it was granted to before.
    granted: BTreeSet<OfficeId>,
}

impl Touched {
    /// A record as it is stored.
    pub fn new(state: RecordState<Value>, dots: Vec<Dot>) -> Self {
        let granted = grants(&state);
        Self { state, dots, news: BTreeSet::new(), granted }
    }

    /// Whom its news concern: every office in whose scope it is, or was before.
    pub fn audience(&self) -> BTreeSet<OfficeId> {
        let mut offices = grants(&self.state);
        offices.extend(self.granted.iter().cloned());
        offices.insert(self.state.origin.office.clone());
        offices
    }

    /// The journal from which alone its news came.
    pub fn sole(&self) -> Option<JournalId> {
        self.news.first().filter(|_| self.news.len() == 1).copied()
    }

    fn apply(&mut self, edit: &Placed, as_is: &[Placed]) -> Result<(), Held> {
        let Placed { dot, context, .. } = edit;
        match self.state.apply(*dot, context, edit.posted(), edit.values()) {
            Applied::Yes => {}
            Applied::Covered => return Ok(()),
            Applied::WaitsFor(dot) => return Err(Held::WaitsFor(dot)),
        }
        for released in as_is {
            self.state.overtake(*dot, &released.context, released.edit.groups.keys());
        }
        self.took(*dot, dot.journal);
        Ok(())
    }

    fn apply_as_is(&mut self, edit: &Placed) {
        let Placed { dot, context, .. } = edit;
        if !self.state.seen.covers(*dot) {
            self.state.apply_as_is(*dot, context, edit.posted(), edit.values());
            self.took(*dot, dot.journal);
        }
    }

    fn took(&mut self, dot: Dot, from: JournalId) {
        self.dots.push(dot);
        self.news.insert(from);
    }
}

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
                None => Touched::new(RecordState::new(edit.opens()?), Vec::new()),
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
        if !self.records.contains_key(&record) {
            // Nobody opened it: there is no state in which to account for anything.
            let Ok(origin) = edit.opens() else { return Ok(Vec::new()) };
            self.records.insert(record, Touched::new(RecordState::new(origin), Vec::new()));
        }
        let Some(touched) = self.records.get_mut(&record).filter(|_| !covered) else {
            return Ok(Vec::new());
        };
        let again = touched.state.refuse(dot, &edit.context, edit.edit.groups.keys());
        // The author's replica has it, and a retry of the post must stay one.
        touched.state.posted.extend(edit.posted());
        touched.took(dot, from);
        let json = |(name, value): (_, Value)| (name, value.json);
        Ok(again.into_iter().map(|groups| groups.into_iter().map(json).collect()).collect())
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
        let mut touched = Touched::new(RecordState::new(edit.opens()?), Vec::new());
        touched.apply(edit, as_is)?;
        self.records.insert(record, touched);
        Ok(())
    }
}
