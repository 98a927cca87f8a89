//! Entries into record states: apply what can be applied, hold what cannot, release what waited.
//! No SQL: the states come in before and go out after.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::entry::Edit;
use wasl_protocol::id::{Dot, JournalId, OfficeId, RecordId, Tag};
use wasl_protocol::record::{Applied, Origin, RecordState, Value, VersionVector};

use super::held::Reason;

/// An edit whose form, record and groups are as they should be.
#[derive(Clone)]
pub(super) struct Act {
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

/// A record that was touched, and from which journals.
pub(super) struct Touched {
    /// Its state now.
    pub state: RecordState<Value>,
    /// The journals whose edits have been applied; none: it is as it was.
    pub news: BTreeSet<JournalId>,
}

/// One message's worth of folding.
#[derive(Default)]
pub(super) struct Fold {
    records: BTreeMap<RecordId, Touched>,
    waiting: BTreeMap<RecordId, Vec<Act>>,
    held: BTreeMap<Dot, (OfficeId, Option<RecordId>, Reason)>,
    released: BTreeSet<Dot>,
}

/// What has to be stored of a [`Fold`].
pub(super) struct Folded {
    /// The records that have changed.
    pub records: BTreeMap<RecordId, Touched>,
    /// The entries that are held, by whom, of which record, and why.
    pub held: BTreeMap<Dot, (OfficeId, Option<RecordId>, Reason)>,
    /// The entries that were held before and no longer are.
    pub released: BTreeSet<Dot>,
}

impl Fold {
    /// A fold over these states, for whose records these edits have been waiting.
    pub fn new(states: BTreeMap<RecordId, RecordState<Value>>, waiting: Vec<Act>) -> Self {
        let touched = |state| Touched { state, news: BTreeSet::new() };
        let mut fold = Self {
            records: states.into_iter().map(|(id, state)| (id, touched(state))).collect(),
            ..Self::default()
        };
        for act in waiting {
            fold.waiting.entry(act.edit.record).or_default().push(act);
        }
        fold
    }

    /// Holds an entry that says nothing which could be applied.
    pub fn hold(&mut self, dot: Dot, by: &OfficeId, record: Option<RecordId>, why: Reason) {
        self.held.insert(dot, (by.clone(), record, why));
    }

    /// Applies an edit, and then whatever waited for it; or holds it.
    pub fn take(&mut self, act: Act) {
        let record = act.edit.record;
        match self.apply(&act) {
            Ok(()) => self.drain(record),
            Err(why) => self.keep(act, why),
        }
    }

    /// What is to be stored.
    pub fn finish(mut self) -> Folded {
        self.records.retain(|_, touched| !touched.news.is_empty());
        Folded { records: self.records, held: self.held, released: self.released }
    }

    fn keep(&mut self, act: Act, why: Reason) {
        self.hold(act.dot, &act.by, Some(act.edit.record), why);
        if matches!(why, Reason::Waits(_)) {
            self.waiting.entry(act.edit.record).or_default().push(act);
        }
    }

    /// Tries what waits for this record again until nothing moves any more.
    fn drain(&mut self, record: RecordId) {
        loop {
            let waiting = self.waiting.remove(&record).unwrap_or_default();
            let mut moved = false;
            for act in waiting {
                match self.apply(&act) {
                    Ok(()) => {
                        moved = true;
                        self.held.remove(&act.dot);
                        self.released.insert(act.dot);
                    }
                    Err(why) => self.keep(act, why),
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn apply(&mut self, act: &Act) -> Result<(), Reason> {
        let Some(touched) = self.records.get_mut(&act.edit.record) else {
            return self.open(act);
        };
        // An office sees the records that it opened. Grants to others are edits of HQ's.
        if touched.state.origin.office != act.by {
            return Err(Reason::OutOfScope);
        }
        if apply(&mut touched.state, act)? {
            touched.news.insert(act.dot.journal);
        }
        Ok(())
    }

    /// The first edit of a record that HQ does not know.
    fn open(&mut self, act: &Act) -> Result<(), Reason> {
        let Some(opening) = &act.edit.opening else {
            return Err(act.context.dots().next().map_or(Reason::Unopened, Reason::Waits));
        };
        let form_number = opening.form_number.clone();
        let mut state = RecordState::new(Origin { office: act.by.clone(), form_number });
        apply(&mut state, act)?;
        let news = BTreeSet::from([act.dot.journal]);
        self.records.insert(act.edit.record, Touched { state, news });
        Ok(())
    }
}

/// True if the state has changed; false if it had the edit already.
fn apply(state: &mut RecordState<Value>, act: &Act) -> Result<bool, Reason> {
    let value = |json: &wasl_protocol::json::Json| Value {
        json: json.clone(),
        by: act.by.clone(),
        at: act.edit.at,
        operator: act.edit.operator.clone(),
        tag: act.tag,
    };
    let groups = act.edit.groups.iter().map(|(name, json)| (name.clone(), value(json)));
    let posted = act.edit.opening.as_ref().map(|o| o.posted);
    match state.apply(act.dot, &act.context, posted, groups) {
        Applied::Yes => Ok(true),
        Applied::Covered => Ok(false),
        Applied::WaitsFor(dot) => Err(Reason::Waits(dot)),
    }
}
