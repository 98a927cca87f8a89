//! What is still somewhere after a disk was put back: on an office's disk, at HQ, or in what HQ once
//! said to another office. Nothing else is asked for from then on.

use std::collections::BTreeSet;

use wasl_protocol::id::{JournalId, Position};

use super::checks::shown;
use super::oracle::uids;
use super::world::World;

impl World<'_> {
    /// Finds out what has survived. While HQ is down nobody knows; its start asks again.
    pub(super) fn survey(&mut self) {
        if !self.plan.restores || self.hq.store.is_none() {
            return;
        }
        let visible = self.visible();
        let mut lost = 0;
        for (uid, made) in self.oracle.made.clone() {
            let visible = visible.contains(&uid);
            let stored = made.office.zip(made.answered).is_some_and(|(nth, (dot, at))| {
                made.here || visible || self.hq_has(nth, dot.journal, at)
            });
            let now = self.oracle.made.get_mut(&uid).expect("it was made");
            now.seen = visible;
            if made.answered.is_some() && !stored {
                now.answered = None;
                // It may be posted again.
                self.oracle.doubled.insert(uid);
                lost += 1;
            }
        }
        *self.counted.entry("answered edit that only a lost disk had").or_default() += lost;
    }

    /// The edits whose values stand in some state, at HQ or at an office that takes part.
    fn visible(&mut self) -> BTreeSet<u64> {
        let mut visible: BTreeSet<u64> = self.shown_at_hq().values().flat_map(uids).collect();
        for nth in 0..self.offices.len() {
            if !self.offices[nth].counts() {
                continue;
            }
            let states = match &mut self.offices[nth].engine {
                Some(engine) => Some(shown(engine)),
                None => self.folded(nth).map(|mut folded| shown(&mut folded)),
            };
            visible.extend(states.unwrap_or_default().values().flat_map(uids));
        }
        visible
    }

    /// Has HQ this very entry?
    fn hq_has(&self, nth: usize, journal: JournalId, at: Position) -> bool {
        let Some(store) = self.store() else { return false };
        let asked = [(journal, at)];
        let standings = store.standings(&self.offices[nth].id, &asked);
        let standings = self.runtime.block_on(standings).unwrap_or_default();
        standings.iter().any(|standing| standing.top == at || standing.ladder.contains(&at))
    }
}
