//! An edit at its place, and a record while it is folded. No SQL.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::entry::{Edit, PostDigest};
use wasl_protocol::id::{Dot, GroupName, JournalId, OfficeId, Tag};
use wasl_protocol::json::Json;
use wasl_protocol::limits;
use wasl_protocol::news::Held;
use wasl_protocol::record::{Applied, Origin, RecordState, Value, VersionVector, grants};

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

    /// The record that this edit opens, empty; or what must come before it.
    pub fn opened_by(edit: &Placed) -> Result<Self, Held> {
        let Some(opening) = &edit.edit.opening else {
            return Err(edit.context.dots().next().map_or(Held::Unopened, Held::WaitsFor));
        };
        let (office, form_number) = (edit.by.clone(), opening.form_number.clone());
        Ok(Self::new(RecordState::new(Origin { office, form_number }), Vec::new()))
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

    /// Applies an edit, or says why not. What of it was replaced by what staff released `as_is`
    /// does not come back.
    pub fn apply(&mut self, edit: &Placed, as_is: &[Placed]) -> Result<(), Held> {
        let Placed { dot, context, .. } = edit;
        match self.state.apply(*dot, context, edit.posted(), edit.values()) {
            Applied::Yes => {}
            Applied::Covered => return Ok(()),
            Applied::WaitsFor(dot) => return Err(Held::WaitsFor(dot)),
        }
        for released in as_is {
            if released.context.covers(*dot) {
                self.state.overtake(*dot, &released.context, released.edit.groups.keys());
                // Its author has not dropped it: the author has to be told too.
                self.news.insert(released.dot.journal);
            }
        }
        self.took(*dot, dot.journal);
        Ok(())
    }

    /// Takes in a state that HQ had and lost, on the word of its journal `from`; false if nothing in
    /// it is new.
    pub fn adopt(&mut self, state: &RecordState<Value>, from: JournalId) -> bool {
        if self.state.seen.lacks(&state.seen).is_none() {
            return false;
        }
        self.state.merge(state);
        self.news.insert(from);
        true
    }

    /// Applies an edit without waiting for what it saw.
    pub fn apply_as_is(&mut self, edit: &Placed) {
        let Placed { dot, context, .. } = edit;
        if !self.state.seen.covers(*dot) {
            self.state.apply_as_is(*dot, context, edit.posted(), edit.values());
            self.took(*dot, dot.journal);
        }
    }

    /// Accounts for an edit that staff refused; `from` is the journal that says so. What has to be
    /// written again.
    pub fn refuse(&mut self, edit: &Placed, from: JournalId) -> Vec<BTreeMap<GroupName, Json>> {
        let again = self.state.refuse(edit.dot, &edit.context, edit.edit.groups.keys());
        // The author's replica has it, and a retry of the post must stay one.
        self.state.posted.extend(edit.posted());
        self.took(edit.dot, from);
        let json = |(name, value): (_, Value)| (name, value.json);
        again.into_iter().map(|groups| groups.into_iter().map(json).collect()).collect()
    }

    fn took(&mut self, dot: Dot, from: JournalId) {
        self.dots.push(dot);
        self.news.insert(from);
    }
}
