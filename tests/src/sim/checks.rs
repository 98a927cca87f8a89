//! What must hold, each checker named by its invariant (design, section 10): I1 to I3, I6, I7 and
//! I13 at every step that touches them, the rest once nothing breaks any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::oneshot;
use wasl_agent::engine::{self, Engine, Facts, Input};
use wasl_agent::journal::Walk;
use wasl_agent::seam;
use wasl_protocol::id::{Position, RecordId};
use wasl_protocol::record::{RecordState, Value, grants};
use wasl_protocol::units::Seq;
use wasl_protocol::wire::Ack;

use super::net::Conn;
use super::oracle::{Made, uids, uids_in};
use super::restores::Heads;
use super::world::{Happens, World};

/// By when both sides must be level once nothing breaks any more, in milliseconds.
const CALM_MS: u64 = 600_000;

/// For how long HQ's staff let held entries lie in the calm, to see that they stop nothing.
const UNDECIDED_MS: u64 = 120_000;

/// By when each connection that broke before the calm is known to be gone, and there is another: the
/// longest silence, and twice the time of a new one. In milliseconds.
pub(super) const GONE_MS: u64 = 2 * super::net::IDLE_MS;

/// By when news must have come over a live session, in milliseconds: long before a heartbeat.
const BELL_MS: u64 = 6_000;

/// More than any journal of these worlds, in bytes.
const ALL_BYTES: usize = 64 * 1024 * 1024;

/// The states of the records that somebody shows.
pub(super) type Shown = BTreeMap<RecordId, RecordState<Value>>;

impl World<'_> {
    /// I1, I2, I3: what an office has answered or acknowledged is there when it starts.
    pub(super) fn check_start(&mut self, nth: usize) {
        if !self.offices[nth].counts() {
            return;
        }
        let facts = self.offices[nth].facts.borrow().clone();
        let Some(heads) = self.heads(nth) else { return };
        self.move_answers(nth, &heads);
        for ((journal, seq), head) in &heads {
            let at = Position { seq: *seq, head: *head };
            if self.oracle.learn(*journal, at).is_some() {
                self.violated("I2", format!("office {nth} has another entry at {seq} than before"));
            }
        }
        let missing: Vec<(u64, Position)> = self
            .oracle
            .answered_at(nth)
            .filter(|(uid, dot, at)| {
                self.oracle.made[uid].here && heads.get(&(dot.journal, dot.seq)) != Some(&at.head)
            })
            .map(|(uid, _, at)| (uid, at))
            .collect();
        for (uid, at) in missing {
            self.violated(
                "I1",
                format!("office {nth} answered edit {uid} at {}: it is gone", at.seq),
            );
        }
        if let Some(told) = self.offices[nth].told
            && !facts.cursor.is_some_and(|has| self.oracle.is_behind(told, has))
        {
            let has = facts.cursor;
            let what = format!("office {nth} acknowledged {told:?} of HQ's news, and has {has:?}");
            self.violated("I3", what);
        }
    }

    /// The head after each entry of an office's journals.
    pub(super) fn heads(&mut self, nth: usize) -> Option<Heads> {
        let journals = self.offices[nth].facts.borrow().journals.clone();
        let mut heads = Heads::new();
        for (journal, _) in journals {
            let mut after = Position::start(journal);
            loop {
                let (answer, mut waits) = oneshot::channel();
                let input = Input::Read { journal, after, max_bytes: ALL_BYTES, answer };
                self.offices[nth].engine.as_mut()?.turn(vec![input]).ok()?;
                // Segment by segment: one answer does not reach into the next.
                let Some(run) = waits.try_recv().ok()? else { break };
                let steps = Walk::new(&run.frames, 0, after);
                heads.extend(steps.map(|step| ((journal, step.after.seq), step.after.head)));
                after = run.last;
            }
        }
        Some(heads)
    }

    /// I3: an office believes to be at HQ only what HQ has acknowledged. I2: no fork.
    pub(super) fn check_facts(&mut self, nth: usize, facts: &Facts) {
        let Some((journal, _)) = facts.journals.last() else { return };
        let acked = self.oracle.acked.get(journal).map_or(Seq(0), |at| at.seq);
        if facts.stored.is_some_and(|at| at.seq > acked) {
            self.violated("I3", format!("office {nth} believes a receipt that HQ never gave"));
        }
        if facts.fork.is_some() && !self.offices[nth].woe.put_back {
            self.saw_fork(nth);
        }
    }

    /// An office or HQ found that their journals differ: only rot may do that.
    pub(super) fn saw_fork(&mut self, nth: usize) {
        if self.offices[nth].woe.alarmed {
            return;
        }
        self.offices[nth].woe.alarmed = true;
        if self.offices[nth].woe.rotten() {
            self.count("rotten log, said by a fork");
        } else {
            self.violated("I2", format!("office {nth}: its journal and HQ's differ"));
        }
    }

    /// I2: what HQ acknowledges is what the office wrote.
    pub(super) fn hq_acked(&mut self, ack: &Ack) {
        self.oracle.acked(ack);
        let of_rotten = self.offices.iter().any(|office| {
            office.woe.rotten()
                && office.facts.borrow().journals.iter().any(|(id, _)| *id == ack.journal)
        });
        if ack.stored.seq.0 > 0 && self.oracle.took(ack.journal, ack.stored) && !of_rotten {
            self.violated(
                "I2",
                format!("HQ has another entry at {} than its office", ack.stored.seq),
            );
        }
    }

    /// I3: what HQ has acknowledged is there when it starts.
    pub(super) fn check_hq_start(&mut self) {
        let Some(store) = self.store() else { return };
        let Ok(offices) = self.runtime.block_on(store.offices()) else { return };
        let has: BTreeMap<_, _> = offices.into_iter().flat_map(|office| office.journals).collect();
        for (journal, acked) in self.oracle.kept.clone() {
            if has.get(&journal).is_none_or(|at| at.seq < acked.seq) {
                self.violated("I3", format!("HQ acknowledged entry {}: it is gone", acked.seq));
            }
        }
    }

    /// Have both sides come level? Then the bell is rung; if not in time, that is a violation.
    pub(super) fn look(&mut self) {
        let calm_ms = self.time.now_ms() - self.dials.faults_ms;
        if self.staff().is_some() {
            for record in std::mem::take(&mut self.oracle.unread) {
                self.hq_edits(Some(record));
            }
        }
        if calm_ms < GONE_MS {
            return self.look_again();
        }
        let held = self.hq_held();
        if held > 0 && calm_ms >= UNDECIDED_MS {
            self.check_poison();
            while self.hq_decides() && self.violations.is_empty() {}
        }
        let behind = if held > 0 { vec!["entries are held".to_owned()] } else { self.behind() };
        if behind.is_empty() {
            return self.ring();
        }
        if calm_ms < CALM_MS && self.violations.is_empty() {
            return self.look_again();
        }
        for what in behind {
            self.violated("I4", what);
        }
        self.finish();
    }

    fn hq_held(&self) -> u64 {
        let held = self.store().map(|store| self.runtime.block_on(store.totals()));
        held.and_then(Result::ok).map_or(0, |totals| totals.held)
    }

    /// I10: an entry that is held delays no other.
    fn check_poison(&mut self) {
        let Some(store) = self.store() else { return };
        for nth in 0..self.offices.len() {
            let held = self.runtime.block_on(store.held_of(&self.offices[nth].id)).unwrap_or(0);
            let ends = self.offices[nth].facts.borrow().journals.last().map(|(_, at)| at.seq);
            let has = self.hq_stands(nth).map(|(_, at)| at.seq);
            if self.offices[nth].counts() && held > 0 && has < ends {
                self.violated(
                    "I10",
                    format!("HQ holds an entry of office {nth}, and takes no more"),
                );
            }
        }
    }

    /// I4: who is not level with HQ, and why.
    fn behind(&mut self) -> Vec<String> {
        let mut behind = Vec::new();
        let at_hq = self.shown_at_hq();
        for nth in 0..self.offices.len() {
            if !self.offices[nth].counts() {
                continue;
            }
            let facts = self.offices[nth].facts.borrow().clone();
            let head = facts.journals.last().map(|(_, head)| *head);
            if self.offices[nth].engine.is_none() || facts.stored != head {
                behind.push(format!("office {nth} has entries that HQ has not acknowledged"));
                continue;
            }
            let conn = self.offices[nth].conn.and_then(|conn| self.conns.get(&conn));
            if !conn.is_some_and(Conn::is_whole) {
                behind.push(format!("office {nth} has no session"));
                continue;
            }
            let id = self.offices[nth].id.clone();
            for (record, theirs) in &at_hq {
                let mine = theirs.origin.office == id;
                if !mine && !grants(theirs).contains(&id) {
                    continue;
                }
                let ours = self.office_reads(nth, *record);
                if ours.as_ref() != Some(theirs) {
                    let of = &theirs.origin.form_number;
                    behind.push(format!("office {nth} and HQ show other states of form {of}"));
                }
            }
        }
        behind
    }

    pub(super) fn shown_at_hq(&self) -> Shown {
        let records: BTreeSet<RecordId> = self.oracle.opened.iter().map(|o| o.record).collect();
        records.into_iter().filter_map(|id| Some((id, self.hq_reads(id)?))).collect()
    }

    /// HQ writes into a record of each office: over live sessions that must come at once.
    fn ring(&mut self) {
        self.log(format_args!("level; the bell is rung"));
        for nth in 0..self.offices.len() {
            let opened = self.oracle.opened.iter().find(|opened| opened.office == nth);
            let record = opened.map(|opened| opened.record);
            if let (Some(record), true) = (record, self.offices[nth].counts()) {
                self.hq_edits(Some(record));
            }
        }
        self.at(BELL_MS, Happens::BellHeard);
    }

    pub(super) fn bell_heard(&mut self) {
        for what in self.behind() {
            self.violated("I4", format!("over a live session: {what}"));
        }
        self.finish();
    }

    /// The checks of the end: I1, I5 and I11.
    fn finish(&mut self) {
        self.over = true;
        let at_hq = self.shown_at_hq();
        for state in at_hq.values() {
            for seen in uids(state) {
                if let Some(made) = self.oracle.made.get_mut(&seen) {
                    made.seen = true;
                }
            }
        }
        self.check_answered(&at_hq);
        self.check_maximal(&at_hq);
        for nth in 0..self.offices.len() {
            if self.offices[nth].life > 1 || nth.is_multiple_of(7) {
                self.check_fold(nth);
            }
        }
    }

    /// I1: the record of every answered enrollment is at HQ.
    fn check_answered(&mut self, at_hq: &Shown) {
        let opened = self.oracle.opened.clone();
        for opened in opened {
            let answered = self.oracle.made[&opened.uid].answered.is_some();
            let counts = self.offices[opened.office].counts();
            if answered && counts && !at_hq.contains_key(&opened.record) {
                self.violated("I1", format!("form {} was answered, and HQ lacks it", opened.form));
            }
        }
    }

    /// I5: of every group exactly those values stand that nobody who wrote it had seen.
    fn check_maximal(&mut self, at_hq: &Shown) {
        let mut wrong = Vec::new();
        for (record, state) in at_hq {
            let made = self.oracle.made.iter().filter(|(_, m)| {
                let taken = m.office.is_none_or(|nth| self.offices[nth].counts());
                m.record == *record && !m.refused && (m.seen || (taken && m.answered.is_some()))
            });
            let made: Vec<_> = made.collect();
            let groups: BTreeSet<&String> = made.iter().flat_map(|(_, m)| &m.groups).collect();
            for group in groups {
                let of_group = || made.iter().filter(|(_, m)| m.groups.contains(group));
                let newest = of_group()
                    .filter(|(uid, _)| !of_group().any(|(_, other)| other.saw.contains(uid)))
                    .map(|(uid, _)| **uid);
                let newest: BTreeSet<u64> = newest.collect();
                let stands = uids_in(state, group);
                let lost = newest.difference(&stands).count();
                // Who posts again has read nothing: what he posts stands beside what came after it.
                let back =
                    stands.difference(&newest).filter(|uid| !self.oracle.doubled.contains(uid));
                let back = back.count();
                // What an office wrote that takes part no more may be at HQ or not.
                let gone = |m: &Made| m.office.is_some_and(|nth| !self.offices[nth].counts());
                let unsure = self.oracle.refused_in.contains(record)
                    || self.oracle.made.values().any(|m| m.record == *record && gone(m));
                if lost + back > 0 && !unsure {
                    let form = &state.origin.form_number;
                    wrong.push(format!(
                        "form {form}, {group}: {newest:?} should stand, {stands:?} do"
                    ));
                }
            }
        }
        for what in wrong {
            self.violated("I5", what);
        }
    }

    /// I11: what an office shows is what its logs fold to.
    fn check_fold(&mut self, nth: usize) {
        let office = &self.offices[nth];
        if !office.counts() || office.engine.is_none() {
            return;
        }
        let Some(mut folded) = self.folded(nth) else {
            return self.violated("I11", format!("the logs of office {nth} cannot be folded"));
        };
        let Some(live) = &mut self.offices[nth].engine else { return };
        if shown(live) != shown(&mut folded) {
            self.violated("I11", format!("office {nth} shows other records than its logs hold"));
        }
    }
}

impl World<'_> {
    /// An engine that folds a copy of what lies on an office's disk.
    pub(super) fn folded(&self, nth: usize) -> Option<Engine> {
        let office = &self.offices[nth];
        let disk = Arc::new(office.disk.copy());
        let world = seam::World { disk, ..office.world.clone() };
        let identity = &self.district.members[nth].identity;
        engine::open_in_memory(&world, identity, &self.hq_key, &mut |_| {}).ok()
    }
}

/// What an engine shows.
pub(super) fn shown(engine: &mut Engine) -> Shown {
    let (answer, mut waits) = oneshot::channel();
    let listed = engine.turn(vec![Input::List { skip: 0, limit: 10_000, answer }]);
    let Ok((listed, _)) = listed.map_err(drop).and_then(|_| waits.try_recv().map_err(drop)) else {
        return Shown::new();
    };
    let mut shown = Shown::new();
    for record in listed.iter().map(|listed| listed.record) {
        let (answer, mut waits) = oneshot::channel();
        if engine.turn(vec![Input::Record { record, answer }]).is_ok()
            && let Ok(Some(found)) = waits.try_recv()
        {
            shown.insert(record, found.state);
        }
    }
    shown
}
