//! What the logs say beside states, in memory. Of the inbox: what HQ holds of ours, and what we
//! cannot read. Of the journal: where its config steps leave the office, and how many were enrolled.

use std::collections::BTreeMap;

use wasl_protocol::edition::{ConfigState, Step};
use wasl_protocol::id::{Dot, RecordId};
use wasl_protocol::news::{Fate, What};
use wasl_protocol::units::Seq;

use super::tally::{Arrival, Hours, Tally};
use crate::view::Note;

/// How many fates of our entries are remembered, the newest ones.
const FATES: usize = 10_000;

/// The notes of a view, and which of them it lacks yet.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// By the inbox entry that brought it.
    fates: BTreeMap<Seq, (Fate, Option<RecordId>)>,
    by_dot: BTreeMap<Dot, Seq>,
    refused: u64,
    /// The newest entry of the inbox that cannot be read, by the record that it is about.
    newer: BTreeMap<Option<RecordId>, Seq>,
    config: ConfigState,
    tally: Tally,
    changed: BTreeMap<Seq, Option<Note>>,
}

impl Notes {
    /// The notes that a view has.
    pub(super) fn of(stored: BTreeMap<Seq, Note>) -> Self {
        let mut notes = Self::default();
        for (seq, note) in stored {
            match note {
                Note::Newer(record) => notes.newer(seq, record),
                Note::Fate(fate, record) => notes.fate(seq, fate, record),
                Note::Config(state) => notes.config = state,
                Note::Hour(hour, workstations) => notes.tally.stored(hour, workstations),
            }
        }
        notes.changed.clear();
        notes
    }

    /// The inbox holds something of this record that cannot be read.
    pub(super) fn newer(&mut self, seq: Seq, record: Option<RecordId>) {
        self.read(record);
        self.newer.insert(record, seq);
        self.changed.insert(seq, Some(Note::Newer(record)));
    }

    /// What could not be read of this record has been overtaken by what can.
    pub(super) fn read(&mut self, record: Option<RecordId>) {
        if let Some(seq) = self.newer.remove(&record) {
            self.changed.insert(seq, None);
        }
    }

    /// HQ said what became of an entry; of which record it is, where that is known.
    pub(super) fn fate(&mut self, seq: Seq, fate: Fate, record: Option<RecordId>) {
        if let Some(before) = self.by_dot.get(&fate.dot).copied() {
            self.forget(before);
        }
        if fate.what == What::Released {
            return;
        }
        if self.fates.len() >= FATES
            && let Some(oldest) = self.fates.keys().next().copied()
        {
            self.forget(oldest);
        }
        self.refused += u64::from(is_refused(&fate));
        self.by_dot.insert(fate.dot, seq);
        self.changed.insert(seq, Some(Note::Fate(fate.clone(), record)));
        self.fates.insert(seq, (fate, record));
    }

    /// Of which record the entry with this fate is.
    pub(super) fn belongs(&mut self, dot: Dot, record: RecordId) {
        let Some(seq) = self.by_dot.get(&dot) else { return };
        if let Some((fate, of)) = self.fates.get_mut(seq) {
            *of = Some(record);
            self.changed.insert(*seq, Some(Note::Fate(fate.clone(), *of)));
        }
    }

    /// The next config step of the journal.
    pub(super) fn step(&mut self, step: &Step) {
        self.config.fold(step);
        self.changed.insert(Note::OF_JOURNAL, Some(Note::Config(self.config.clone())));
    }

    /// Where the config steps so far leave the office.
    pub(super) fn config(&self) -> &ConfigState {
        &self.config
    }

    /// Our journal opened a record.
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        self.tally.count(arrival);
    }

    /// How many records our journal opened, by hour and workstation.
    pub(super) fn hours(&self) -> &Hours {
        self.tally.hours()
    }

    fn forget(&mut self, seq: Seq) {
        if let Some((fate, _)) = self.fates.remove(&seq) {
            self.by_dot.remove(&fate.dot);
            self.refused -= u64::from(is_refused(&fate));
            self.changed.insert(seq, None);
        }
    }

    /// What HQ said last of an entry that it did not simply apply.
    pub(super) fn fate_of(&self, dot: Dot) -> Option<&Fate> {
        Some(&self.fates.get(self.by_dot.get(&dot)?)?.0)
    }

    /// All fates, in the order in which HQ told them.
    pub(super) fn fates(&self) -> impl Iterator<Item = &(Fate, Option<RecordId>)> {
        self.fates.values()
    }

    /// Is there something of this record that cannot be read?
    pub(super) fn is_newer(&self, record: RecordId) -> bool {
        !self.newer.is_empty() && self.newer.contains_key(&Some(record))
    }

    /// Of how many records there is something that cannot be read; what is of no record counts as
    /// one.
    pub(super) fn unread(&self) -> u64 {
        self.newer.len() as u64
    }

    /// How many entries HQ has refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// How many entries HQ holds.
    pub(super) fn held(&self) -> u64 {
        self.fates.len() as u64 - self.refused
    }

    /// How many changes the view lacks.
    pub(super) fn waiting(&self) -> usize {
        self.changed.len() + self.tally.waiting()
    }

    /// The changes that the view lacks; it has them from now on.
    pub(super) fn take_changes(&mut self) -> BTreeMap<Seq, Option<Note>> {
        let mut changes = std::mem::take(&mut self.changed);
        changes.extend(self.tally.take_changes());
        changes
    }
}

fn is_refused(fate: &Fate) -> bool {
    matches!(fate.what, What::Refused { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::id::JournalId;
    use wasl_protocol::news::Held;
    use wasl_protocol::private::Private;
    use wasl_protocol::units::UnixMs;

    fn fate(seq: u64, what: What) -> Fate {
        let dot = Dot { journal: JournalId(1), seq: Seq(seq) };
        Fate { dot, at: UnixMs(0), what }
    }

    fn held() -> What {
        What::Held(Held::Unopened)
    }

    /// A view's notes after these changes.
    fn kept(stored: &mut BTreeMap<Seq, Note>, notes: &mut Notes) {
        for (seq, note) in notes.take_changes() {
            match note {
                Some(note) => stored.insert(seq, note),
                None => stored.remove(&seq),
            };
        }
    }

    #[test]
    fn the_last_word_of_an_entry_counts_and_a_release_leaves_nothing() {
        let (mut notes, mut stored) = (Notes::default(), BTreeMap::new());
        notes.fate(Seq(1), fate(7, held()), None);
        notes.fate(Seq(2), fate(8, held()), None);
        kept(&mut stored, &mut notes);
        let refused = What::Refused { reason: Private("no".to_owned()) };
        notes.fate(Seq(3), fate(7, refused), None);
        notes.fate(Seq(4), fate(8, What::Released), None);
        kept(&mut stored, &mut notes);
        assert_eq!((notes.fates().count(), notes.refused()), (1, 1));
        assert!(notes.fate_of(fate(7, held()).dot).is_some_and(is_refused));
        let again = Notes::of(stored.clone());
        assert_eq!((again.fates().count(), again.refused(), again.waiting()), (1, 1, 0));
        assert_eq!(stored.keys().collect::<Vec<_>>(), [&Seq(3)]);
    }

    #[test]
    fn only_the_newest_fates_are_kept_here_and_in_the_view() {
        let (mut notes, mut stored) = (Notes::default(), BTreeMap::new());
        for seq in 1..=FATES as u64 + 5 {
            notes.fate(Seq(seq), fate(seq, held()), None);
        }
        kept(&mut stored, &mut notes);
        assert_eq!((notes.fates().count(), stored.len()), (FATES, FATES));
        assert!(notes.fate_of(fate(5, held()).dot).is_none());
        assert!(notes.fate_of(fate(6, held()).dot).is_some());
    }
}
