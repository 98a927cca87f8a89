//! Apply and merge: the two ways in which a record's state changes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

use crate::entry::PostDigest;
use crate::id::{Dot, FormNumber, GroupName, OfficeId, RecordId, Tag};
use crate::json::Json;
use crate::private::Private;
use crate::record::VersionVector;
use crate::units::UnixMs;

/// Where a record comes from. It never changes, and the record's id follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Origin {
    /// The office that opened it.
    pub office: OfficeId,
    /// The number on the citizen's form.
    pub form_number: FormNumber,
}

impl Origin {
    /// The id of the record.
    pub fn id(&self) -> RecordId {
        RecordId::of(&self.office, &self.form_number)
    }
}

/// One value of one group, and the edit that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Value {
    /// What was written.
    pub json: Json,
    /// By which office, or HQ.
    pub by: OfficeId,
    /// When, by that office's clock.
    pub at: UnixMs,
    /// By whom, where that is known.
    pub operator: Option<Private<String>>,
    /// The tag of the edit's entry: a dot with another tag is a fork.
    pub tag: Tag,
}

/// The state of one record at one replica.
///
/// `V` is what stands for a value: [`Value`] itself at HQ and on the wire, a place in a log in the
/// office's view. Neither apply nor merge looks into it.
///
/// Invariant: `seen` covers every dot in `groups`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RecordState<V> {
    /// Where the record comes from.
    pub origin: Origin,
    /// The digests of what was first posted under its form number (more than one after a restored
    /// office took the form again).
    pub posted: BTreeSet<PostDigest>,
    /// Every edit that is accounted for.
    pub seen: VersionVector,
    /// For each group, the values that no other value has replaced, by the dot that wrote them.
    pub groups: BTreeMap<GroupName, BTreeMap<Dot, V>>,
}

/// What became of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in the state now.
    Yes,
    /// It was accounted for already: dropped by its dot.
    Covered,
    /// It saw something that this state has not: it is held until this dot has come.
    WaitsFor(Dot),
}

impl<V: Clone> RecordState<V> {
    /// A record of which nothing is known but where it comes from.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            posted: BTreeSet::new(),
            seen: VersionVector::default(),
            groups: BTreeMap::new(),
        }
    }

    /// Applies one edit, in the groups that it names and in no other: values that its context
    /// covers are replaced, values that it did not see stay beside the new one.
    pub fn apply(
        &mut self,
        dot: Dot,
        context: &VersionVector,
        posted: Option<PostDigest>,
        groups: impl IntoIterator<Item = (GroupName, V)>,
    ) -> Applied {
        if self.seen.covers(dot) {
            return Applied::Covered;
        }
        if let Some(missing) = self.seen.lacks(context) {
            return Applied::WaitsFor(missing);
        }
        self.apply_as_is(dot, context, posted, groups);
        Applied::Yes
    }

    /// The same, but without waiting for what the edit saw: what staff release as it is.
    ///
    /// Of that journal, every earlier edit of this record must be accounted for: this covers them.
    /// What the edit saw and this replica did not may still come: see [`Self::overtake`].
    pub fn apply_as_is(
        &mut self,
        dot: Dot,
        context: &VersionVector,
        posted: Option<PostDigest>,
        groups: impl IntoIterator<Item = (GroupName, V)>,
    ) {
        for (group, value) in groups {
            let values = self.groups.entry(group).or_default();
            values.retain(|d, _| !context.covers(*d));
            values.insert(dot, value);
        }
        self.posted.extend(posted);
        self.seen.add(dot);
    }

    /// Drops the value that `late` wrote in the `named` groups, if `context` covers it: an edit
    /// with that context, released as it is before `late` came, had replaced it.
    pub fn overtake<'a>(
        &mut self,
        late: Dot,
        context: &VersionVector,
        named: impl IntoIterator<Item = &'a GroupName>,
    ) {
        if context.covers(late) {
            for group in named {
                if let Some(values) = self.groups.get_mut(group) {
                    values.remove(&late);
                }
            }
            self.groups.retain(|_, values| !values.is_empty());
        }
    }

    /// Accounts for an edit that staff refused, which has been held and saw nothing but what is
    /// here; says what has to be written again. Its author's replica has dropped what the edit
    /// replaced, and must get it under new dots: one edit for each of these, the first with
    /// everything that the refused edit covers, and itself, in its context; so have the others.
    ///
    /// Of that journal, every earlier edit of this record must be accounted for.
    pub fn refuse<'a>(
        &mut self,
        dot: Dot,
        context: &VersionVector,
        named: impl IntoIterator<Item = &'a GroupName>,
    ) -> Vec<BTreeMap<GroupName, V>> {
        let mut again: Vec<BTreeMap<GroupName, V>> = Vec::new();
        for group in named {
            let values = self.groups.get(group).into_iter().flatten();
            let replaced = values.filter(|(d, _)| context.covers(**d)).map(|(_, v)| v);
            for (n, value) in replaced.enumerate() {
                if again.len() == n {
                    again.push(BTreeMap::new());
                }
                again[n].insert(group.clone(), value.clone());
            }
        }
        self.seen.add(dot);
        again
    }

    /// The first of the `named` groups that holds a value which `read` does not cover. Whoever read
    /// only that may not replace it: compare-and-set, group by group.
    pub fn unread<'a>(
        &self,
        read: &VersionVector,
        named: impl IntoIterator<Item = &'a GroupName>,
    ) -> Option<&'a GroupName> {
        let unread = |group: &&GroupName| {
            let values = self.groups.get(*group).into_iter().flat_map(BTreeMap::keys);
            values.into_iter().any(|dot| !read.covers(*dot))
        };
        named.into_iter().find(unread)
    }

    /// Merges another replica's whole state: a value stays if both have its dot, or if the side
    /// that lacks it has not seen it. Total, commutative, associative, idempotent, monotone.
    pub fn merge(&mut self, other: &Self) {
        for group in other.groups.keys() {
            self.groups.entry(group.clone()).or_default();
        }
        let none = BTreeMap::new();
        for (group, ours) in &mut self.groups {
            let theirs = other.groups.get(group).unwrap_or(&none);
            ours.retain(|d, _| theirs.contains_key(d) || !other.seen.covers(*d));
            for (dot, value) in theirs {
                if !self.seen.covers(*dot) {
                    ours.insert(*dot, value.clone());
                }
            }
        }
        self.groups.retain(|_, values| !values.is_empty());
        self.posted.extend(&other.posted);
        self.seen.join(&other.seen);
    }

    /// The same state with each value replaced by what stands for it elsewhere.
    pub fn map<W>(&self, mut f: impl FnMut(&GroupName, Dot, &V) -> W) -> RecordState<W> {
        let groups = self.groups.iter().map(|(group, values)| {
            (group.clone(), values.iter().map(|(dot, v)| (*dot, f(group, *dot, v))).collect())
        });
        RecordState {
            origin: self.origin.clone(),
            posted: self.posted.clone(),
            seen: self.seen.clone(),
            groups: groups.collect(),
        }
    }
}
