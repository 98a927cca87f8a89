//! One record at some offices and HQ: what can happen to it, on the real `RecordState`, beside an
//! oracle that knows every edit's true history.

use std::collections::{BTreeMap, BTreeSet};

use wasl_protocol::id::{Dot, GroupName, JournalId};
use wasl_protocol::record::{Applied, Origin, RecordState, VersionVector};
use wasl_protocol::units::Seq;

use crate::lives::{Life, Written, agreed};

const HQ: JournalId = JournalId(100);
pub const GROUPS: [&str; 2] = ["person", "address"];

pub type Uid = u32;
pub type State = RecordState<Uid>;

/// A rule of the design that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    None,
    EntriesMergedAsStates,
    ContextJoinedIntoSeen,
    NoGate,
    JournalFoldedBeforeInbox,
    ClockAsTieBreak,
    ReplacedValuesNotGivenBack,
    LateEditsNotOvertaken,
    LaterEntryDecidedFirst,
    OvertakenEditsNotTold,
    OriginalContexts,
    ContextCutAtTheCommonPosition,
    RandomRebirthId,
    OnlyTheNewestJournalOffered,
    StatesFoldedBeforeAgreeing,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub dot: Dot,
    pub context: VersionVector,
    pub groups: Vec<(GroupName, Uid)>,
}

impl Entry {
    fn names(&self) -> impl Iterator<Item = &GroupName> {
        self.groups.iter().map(|(name, _)| name)
    }
}

/// A state that HQ sent, and what it truly knew then.
#[derive(Clone, Debug)]
pub struct Sent {
    state: State,
    history: BTreeSet<Uid>,
}

#[derive(Clone, Debug)]
pub struct Office {
    /// Its journals, oldest first: the last is written.
    pub lives: Vec<Life>,
    pub inbox: Vec<Sent>,
    pub state: State,
    pub history: BTreeSet<Uid>,
    pub granted: bool,
}

#[derive(Clone, Debug)]
pub struct Hq {
    pub journals: BTreeMap<JournalId, Vec<Written>>,
    pub state: State,
    pub history: BTreeSet<Uid>,
    pub written: u64,
    /// Entries that wait for a dot, and entries that staff hold back.
    pub waiting: Vec<Entry>,
    pub held: Vec<Entry>,
    /// Entries that were released as they are.
    pub as_is: Vec<Entry>,
    pub decisions: u32,
    pub sent: Vec<Vec<Sent>>,
    /// Which journal each office writes, and whether it has news coming that is not of that alone.
    pub news: Vec<(JournalId, bool)>,
}

#[derive(Clone, Debug)]
pub struct World {
    pub mistake: Mistake,
    /// Do offices run twice? Then HQ is not rolled back.
    pub clones: bool,
    pub random: fastrand::Rng,
    pub offices: Vec<Office>,
    pub hq: Hq,
    /// For each edit: its groups, and every edit its author had truly seen.
    pub edits: BTreeMap<Uid, (Vec<GroupName>, BTreeSet<Uid>)>,
    /// Edits that staff refused, and edits whose values were given back for that.
    pub refused: BTreeSet<Uid>,
    pub given_back: BTreeSet<Uid>,
    pub backup: Option<Box<Hq>>,
    pub office_backup: Option<(usize, Office)>,
}

fn origin() -> Origin {
    Origin { office: "nasr".parse().unwrap(), form_number: "1".parse().unwrap() }
}

fn empty() -> State {
    RecordState::new(origin())
}

/// Applies an entry as the design says, or with the mistake.
fn apply(state: &mut State, entry: &Entry, mistake: Mistake) -> Applied {
    let groups = entry.groups.iter().cloned();
    if state.seen.covers(entry.dot) {
        return Applied::Covered;
    }
    match mistake {
        Mistake::EntriesMergedAsStates => {
            let mut alone = empty();
            alone.seen = entry.context.clone();
            alone.seen.add(entry.dot);
            alone.groups = groups.map(|(g, uid)| (g, [(entry.dot, uid)].into())).collect();
            state.merge(&alone);
            Applied::Yes
        }
        Mistake::ContextJoinedIntoSeen | Mistake::NoGate => {
            for (group, uid) in groups {
                let values = state.groups.entry(group).or_default();
                values.retain(|dot, _| !entry.context.covers(*dot));
                values.insert(entry.dot, uid);
            }
            state.seen.add(entry.dot);
            if mistake == Mistake::ContextJoinedIntoSeen {
                state.seen.join(&entry.context);
            }
            Applied::Yes
        }
        _ => state.apply(entry.dot, &entry.context, None, groups),
    }
}

/// News from this journal concerns every office but the one that writes it.
fn tell(news: &mut [(JournalId, bool)], from: JournalId) {
    for (writes, has) in news {
        *has |= *writes != from;
    }
}

fn merge(state: &mut State, other: &State, mistake: Mistake) {
    state.merge(other);
    if mistake == Mistake::ClockAsTieBreak {
        // The newer of two concurrent values wins: uids grow with the clock.
        for values in state.groups.values_mut() {
            let newest = values.values().max().copied();
            values.retain(|_, uid| Some(*uid) == newest);
        }
    }
}

impl World {
    /// The record, opened at the first office and known at HQ.
    pub fn new(offices: usize, seed: u64, mistake: Mistake) -> Self {
        let journal = |n: usize| JournalId(n as u64 + 1);
        let office = |n: usize| Office {
            lives: vec![Life::new(journal(n))],
            inbox: Vec::new(),
            state: empty(),
            history: BTreeSet::new(),
            granted: n == 0,
        };
        let hq = Hq {
            journals: BTreeMap::new(),
            state: empty(),
            history: BTreeSet::new(),
            written: 0,
            waiting: Vec::new(),
            held: Vec::new(),
            as_is: Vec::new(),
            decisions: 0,
            sent: vec![Vec::new(); offices],
            news: (0..offices).map(|n| (journal(n), false)).collect(),
        };
        let count = offices;
        let offices = (0..offices).map(office).collect();
        let random = fastrand::Rng::with_seed(seed);
        let mut world = Self {
            mistake,
            clones: seed % 2 == 1,
            random,
            offices,
            hq,
            edits: BTreeMap::new(),
            refused: BTreeSet::new(),
            given_back: BTreeSet::new(),
            backup: None,
            office_backup: None,
        };
        world.edit_at_office(0, &GROUPS);
        (0..count).for_each(|n| world.give(n, false));
        world.give(0, false);
        world
    }

    /// The record comes into the scope of an office: news, if it was not.
    pub fn grant(&mut self, n: usize) {
        self.hq.news[n].1 |= !self.offices[n].granted;
        self.offices[n].granted = true;
    }

    pub fn step(&mut self) {
        let office = self.random.usize(..self.offices.len());
        let groups: &[&str] = match self.random.u8(..5) {
            0 | 1 => &GROUPS[..1],
            2 | 3 => &GROUPS[1..],
            _ => &GROUPS,
        };
        match self.random.u8(..31) {
            0..=4 if self.offices[office].granted => self.edit_at_office(office, groups),
            5 | 6 => self.edit_at_hq(groups),
            7..=9 => self.give(office, false),
            10 => self.give(office, true),
            11 => self.give_again(office),
            12 => self.release(),
            13..=15 => self.send(office),
            16 => self.send_again(office),
            17 => self.rebuild(office),
            18 => self.grant(office),
            // The office that opened the record always sees it.
            19 if office > 0 => self.offices[office].granted = false,
            20 | 21 => self.refuse(),
            22 => self.release_as_is(),
            23 => self.backup = Some(Box::new(self.hq.clone())),
            24 if !self.clones => self.roll_back(),
            25 => self.write_elsewhere(office),
            26 | 27 => self.office_backup = Some((office, self.offices[office].clone())),
            28 | 29 => self.restore(),
            30 if self.clones => self.clone_office(),
            _ => {}
        }
    }

    fn new_edit(&mut self, groups: &[&str], history: &BTreeSet<Uid>) -> (Uid, Vec<GroupName>) {
        let uid = Uid::try_from(self.edits.len()).unwrap();
        let groups: Vec<GroupName> = groups.iter().map(|g| g.parse().unwrap()).collect();
        self.edits.insert(uid, (groups.clone(), history.clone()));
        (uid, groups)
    }

    pub fn edit_at_office(&mut self, n: usize, groups: &[&str]) {
        let history = self.offices[n].history.clone();
        if n > 0 && self.offices[n].inbox.is_empty() {
            return; // nobody edits a record that has not come yet
        }
        let (uid, groups) = self.new_edit(groups, &history);
        let office = &mut self.offices[n];
        let dot = office.newest().next();
        let groups = groups.into_iter().map(|group| (group, uid)).collect();
        let entry = Entry { dot, context: office.state.seen.clone(), groups };
        apply(&mut office.state, &entry, self.mistake);
        office.history.insert(uid);
        office.newest_mut().push(u64::from(uid), Some(entry));
    }

    pub fn edit_at_hq(&mut self, groups: &[&str]) {
        let history = self.hq.history.clone();
        let (uid, groups) = self.new_edit(groups, &history);
        let groups = groups.into_iter().map(|group| (group, uid)).collect();
        self.write_at_hq(self.hq.state.seen.clone(), groups);
    }

    fn write_at_hq(&mut self, context: VersionVector, groups: Vec<(GroupName, Uid)>) {
        self.hq.written += 1;
        let dot = Dot { journal: HQ, seq: Seq(self.hq.written) };
        self.take(Entry { dot, context, groups });
    }

    /// HQ gets the office's next entry; staff may hold it back.
    pub fn give(&mut self, n: usize, hold: bool) {
        self.agree(n);
        let Some((journal, written)) = self.offices[n].lacking(&self.hq.journals, self.mistake)
        else {
            return;
        };
        self.hq.journals.entry(journal).or_default().push(written.clone());
        let Some(entry) = written.entry else { return };
        if self.hq.held.iter().any(|held| held.dot == entry.dot) {
            return;
        }
        if hold && !self.hq.state.seen.covers(entry.dot) {
            self.hq.waiting.retain(|waiting| waiting.dot != entry.dot);
            self.hq.held.push(entry);
        } else {
            self.take(entry);
        }
    }

    /// HQ gets an entry that it had before.
    fn give_again(&mut self, n: usize) {
        let life = self.offices[n].newest();
        let known = self.hq.journals.get(&life.id).map_or(&[][..], Vec::as_slice);
        let both = agreed(known, &life.written);
        let Some(written) = self.random.choice(&known[..both]) else { return };
        let Some(entry) = written.entry.clone() else { return };
        if self.hq.held.iter().all(|held| held.dot != entry.dot) {
            self.take(entry);
        }
    }

    fn take(&mut self, entry: Entry) {
        let hq = &mut self.hq;
        if hq.waiting.iter().any(|waiting| waiting.dot == entry.dot) {
            return;
        }
        hq.waiting.push(entry);
        self.drain();
    }

    fn drain(&mut self) {
        let (hq, mistake) = (&mut self.hq, self.mistake);
        loop {
            let before = hq.waiting.len();
            hq.waiting.retain(|entry| match apply(&mut hq.state, entry, mistake) {
                Applied::WaitsFor(_) => true,
                Applied::Covered => false,
                Applied::Yes => {
                    hq.history.extend(entry.groups.iter().map(|(_, uid)| uid));
                    tell(&mut hq.news, entry.dot.journal);
                    for released in &hq.as_is {
                        if mistake != Mistake::LateEditsNotOvertaken {
                            hq.state.overtake(entry.dot, &released.context, released.names());
                        }
                        if mistake != Mistake::OvertakenEditsNotTold
                            && released.context.covers(entry.dot)
                        {
                            tell(&mut hq.news, released.dot.journal);
                        }
                    }
                    false
                }
            });
            if hq.waiting.len() == before {
                return;
            }
        }
    }

    /// May staff decide on this entry? Not while an earlier one of its journal is not decided.
    fn is_first(&self, entry: &Entry) -> bool {
        let (hq, dot) = (&self.hq, entry.dot);
        let mut pending = hq.held.iter().chain(&hq.waiting);
        self.mistake == Mistake::LaterEntryDecidedFirst
            || pending.all(|e| e.dot.journal != dot.journal || e.dot.seq >= dot.seq)
    }

    /// Staff refuse one of the entries that they hold, if it waits for nothing.
    fn refuse(&mut self) {
        let may = |e: &Entry| self.is_first(e) && self.hq.state.seen.lacks(&e.context).is_none();
        let Some(n) = self.hq.held.iter().position(may) else { return };
        let entry = self.hq.held.remove(n);
        self.hq.decisions += 1;
        self.refused.insert(entry.groups[0].1);
        tell(&mut self.hq.news, HQ);
        let mut context = entry.context.clone();
        let again = self.hq.state.refuse(entry.dot, &entry.context, entry.names());
        context.add(entry.dot);
        if self.mistake != Mistake::ReplacedValuesNotGivenBack {
            for groups in again {
                self.given_back.extend(groups.values());
                self.write_at_hq(context.clone(), groups.into_iter().collect());
            }
        }
        self.drain();
    }

    /// Staff release an entry without waiting for what it saw.
    pub fn release_as_is(&mut self) {
        let pending = self.hq.held.iter().chain(&self.hq.waiting);
        let may: Vec<Entry> = pending.filter(|e| self.is_first(e)).cloned().collect();
        let Some(entry) = self.random.choice(may) else { return };
        let hq = &mut self.hq;
        hq.held.retain(|e| e.dot != entry.dot);
        hq.waiting.retain(|e| e.dot != entry.dot);
        hq.decisions += 1;
        hq.state.apply_as_is(entry.dot, &entry.context, None, entry.groups.iter().cloned());
        hq.history.extend(entry.groups.iter().map(|(_, uid)| uid));
        tell(&mut hq.news, entry.dot.journal);
        hq.as_is.push(entry);
        self.drain();
    }

    fn release(&mut self) {
        for entry in std::mem::take(&mut self.hq.held) {
            self.take(entry);
        }
    }

    pub fn send(&mut self, n: usize) {
        if self.mistake != Mistake::StatesFoldedBeforeAgreeing {
            self.agree(n);
        }
        if self.offices[n].granted && std::mem::take(&mut self.hq.news[n].1) {
            let (state, history) = (self.hq.state.clone(), self.hq.history.clone());
            self.hq.sent[n].push(Sent { state, history });
            let newest = self.hq.sent[n].len() - 1;
            self.receive(n, newest);
        }
    }

    /// An older state comes once more, after newer ones.
    fn send_again(&mut self, n: usize) {
        if !self.hq.sent[n].is_empty() {
            if self.mistake != Mistake::StatesFoldedBeforeAgreeing {
                self.agree(n);
            }
            let which = self.random.usize(..self.hq.sent[n].len());
            self.receive(n, which);
        }
    }

    fn receive(&mut self, n: usize, which: usize) {
        let sent = self.hq.sent[n][which].clone();
        let office = &mut self.offices[n];
        merge(&mut office.state, &sent.state, self.mistake);
        office.history.extend(&sent.history);
        office.inbox.push(sent);
    }

    /// The office's view is folded again from its logs.
    fn rebuild(&mut self, n: usize) {
        self.offices[n].state = self.folded(n);
    }

    pub fn folded(&self, n: usize) -> State {
        let (office, mut state) = (&self.offices[n], empty());
        let journal_first = self.mistake == Mistake::JournalFoldedBeforeInbox;
        let entries = |state: &mut State| {
            for entry in office.lives.iter().flat_map(Life::entries) {
                apply(state, entry, self.mistake);
            }
        };
        if journal_first {
            entries(&mut state);
        }
        for sent in &office.inbox {
            merge(&mut state, &sent.state, self.mistake);
        }
        if !journal_first {
            entries(&mut state);
        }
        state
    }

    /// Calm: everything is released, delivered and sent.
    pub fn settle(&mut self) {
        self.release();
        (0..self.offices.len()).for_each(|n| self.grant(n));
        for _ in 0..2 {
            for n in 0..self.offices.len() {
                self.give_all(n);
            }
        }
        (0..self.offices.len()).for_each(|n| self.send(n));
    }

    /// What must hold when all is quiet, or which invariant does not.
    pub fn check(&self) -> Result<(), String> {
        if !self.hq.waiting.is_empty() {
            return Err("an entry waits for ever".to_string());
        }
        for (n, office) in self.offices.iter().enumerate() {
            if self.folded(n) != office.state {
                return Err(format!("I11: office {n}: the fold is not the view"));
            }
            if office.state != self.hq.state {
                return Err(format!("I4: office {n} and HQ differ"));
            }
        }
        for group in GROUPS {
            let group: GroupName = group.parse().unwrap();
            let counts = |uid: &Uid| !self.refused.contains(uid);
            let wrote = |uid: &Uid| self.edits[uid].0.contains(&group) && counts(uid);
            let all: BTreeSet<Uid> = self.edits.keys().copied().filter(wrote).collect();
            let seen = all.iter().flat_map(|uid| &self.edits[uid].1);
            let replaced: BTreeSet<Uid> = seen.copied().collect();
            let want: BTreeSet<Uid> = all.difference(&replaced).copied().collect();
            let values = self.hq.state.groups.get(&group);
            let got: BTreeSet<Uid> = values.into_iter().flat_map(|v| v.values().copied()).collect();
            // Where a refusal gave a value back, it may stand beside the one that had replaced it.
            let given_back = |uid: &Uid| self.given_back.contains(uid);
            if !got.is_superset(&want) || !got.difference(&want).all(given_back) {
                return Err(format!("I5: {group} has {got:?} and must have {want:?}"));
            }
        }
        Ok(())
    }
}
