//! Who wrote what into a record, as far as this office can know: its own edits from the journal,
//! and what HQ's states told of others'.

use std::collections::BTreeMap;

use wasl_protocol::frame::Kind;
use wasl_protocol::id::{Dot, EpochId, JournalId, RecordId};
use wasl_protocol::limits;
use wasl_protocol::news::{News, Says, What};
use wasl_protocol::pack::Unpacker;
use wasl_protocol::record::{Act, Counts, Origin, RecordState, Value, VersionVector};
use wasl_protocol::units::Seq;

use super::EngineError;
use super::handle::Signed;
use super::item;
use super::store::Store;
use crate::view::Row;

/// How many edits of our own a history goes back.
const OWN_EDITS: usize = 1000;

impl Store {
    /// Where a record comes from and its edits, by time and dot; none if it is not there, or hidden.
    pub(super) fn history(
        &mut self,
        record: RecordId,
    ) -> Result<Option<(Origin, Vec<Act>)>, EngineError> {
        let Some(row) = self.seen_row(record)? else { return Ok(None) };
        let mut acts = self.own_acts(&row)?;
        acts.extend(self.others_acts(&row)?);
        acts.sort_by_key(|act| (act.at, act.dot));
        Ok(Some((row.state.origin, acts)))
    }

    /// Our own edits, from the newest journal to the oldest.
    fn own_acts(&mut self, row: &Row) -> Result<Vec<Act>, EngineError> {
        let mut seen = row.state.seen.clone();
        let mut acts = Vec::new();
        let journals: Vec<_> = self.logs.ends().collect();
        for (journal, end) in journals.into_iter().rev() {
            self.acts_of(row, (journal, end.seq), &mut seen, &mut acts)?;
        }
        Ok(acts)
    }

    /// Our edits in one journal: what each has `seen` names the one before it.
    fn acts_of(
        &mut self,
        row: &Row,
        (journal, end): (JournalId, Seq),
        seen: &mut VersionVector,
        acts: &mut Vec<Act>,
    ) -> Result<(), EngineError> {
        let mut seq = seen.up_to(journal);
        if seq > end && journal != self.logs.journal.id() {
            // Another machine has gone on with this journal: ours ended before.
            seq = self.last_own_edit(row, Dot { journal, seq: end })?;
        }
        while seq > Seq(0) && acts.len() < OWN_EDITS {
            let dot = Dot { journal, seq };
            let own = self.logs.own_edit(dot)?.filter(|own| own.edit.record == row.record());
            let own = own.ok_or(EngineError::Unfolded(seq))?;
            let counts = match self.rows.notes.fate_of(dot).map(|fate| &fate.what) {
                Some(What::Held(_)) => Counts::Held,
                Some(What::Refused { .. }) => Counts::Refused,
                Some(What::Released) | None => Counts::Applied,
            };
            acts.push(Act {
                dot,
                by: self.logs.office.clone(),
                at: own.edit.at,
                operator: own.edit.operator,
                counts,
                groups: own.edit.groups,
            });
            seq = own.context.up_to(journal).min(Seq(seq.0 - 1)); // down, whatever it claims
            *seen = own.context;
        }
        Ok(())
    }

    /// Our last edit of a record at or before `dot`, looked for one by one; 0 if it is not near.
    fn last_own_edit(&mut self, row: &Row, dot: Dot) -> Result<Seq, EngineError> {
        let journal = dot.journal;
        for seq in (1..=dot.seq.0).rev().take(OWN_EDITS).map(Seq) {
            let own = self.logs.own_edit(Dot { journal, seq })?;
            if own.is_some_and(|own| own.edit.record == row.record()) {
                return Ok(seq);
            }
        }
        Ok(Seq(0))
    }

    /// What others wrote, each edit as the first state that brought it had it.
    fn others_acts(&mut self, row: &Row) -> Result<Vec<Act>, EngineError> {
        let ours = self.logs.ours.clone();
        let mut acts: BTreeMap<Dot, Act> = BTreeMap::new();
        for seq in &row.told {
            let state = self.logs.told(*seq)?.ok_or(EngineError::Unfolded(*seq))?;
            for act in acts_in(state) {
                if !ours.holds(act.dot) {
                    acts.entry(act.dot).or_insert(act);
                }
            }
        }
        Ok(acts.into_values().collect())
    }

    /// States behind the entry `after` of the inbox that HQ signed in other lives than `besides`:
    /// some [`limits::STATES_BYTES`].
    pub(super) fn signed(&self, besides: EpochId, after: Seq) -> Result<Signed, EngineError> {
        let (log, key) = (&self.logs.inbox, &self.logs.inbox_key);
        let (mut unpacker, mut states, mut bytes) = (Unpacker::new(), Vec::new(), 0);
        for segment in log.segment_of(after)..log.segments() {
            let loaded = log.load(segment)?;
            for step in loaded.walk().filter(|step| step.after.seq > after) {
                if step.frame.kind != Kind::NEWS {
                    continue;
                }
                let signed = item::news(&step.frame, log.id(), key, &mut unpacker);
                let theirs =
                    |news: News| matches!(news.says, Says::State(_)) && news.epoch != besides;
                let Some(signed) = signed.filter(|s| s.trusted().is_ok_and(theirs)) else {
                    continue;
                };
                bytes += signed.size_bytes();
                states.push(signed);
                if bytes >= limits::STATES_BYTES {
                    return Ok(Signed { states, upto: Some(step.after.seq) });
                }
            }
        }
        Ok(Signed { states, upto: None })
    }
}

/// The edits whose values a state holds.
fn acts_in(state: RecordState<Value>) -> impl Iterator<Item = Act> {
    let mut acts: BTreeMap<Dot, Act> = BTreeMap::new();
    for (group, values) in state.groups {
        for (dot, value) in values {
            let Value { json, by, at, operator, .. } = value;
            let (counts, groups) = (Counts::Applied, BTreeMap::new());
            let act = acts.entry(dot).or_insert(Act { dot, by, at, operator, counts, groups });
            act.groups.insert(group.clone(), json);
        }
    }
    acts.into_values()
}
