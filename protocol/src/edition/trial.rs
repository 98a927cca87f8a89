//! An edition on trial: in force, and watched.

use alloc::collections::BTreeMap;

use super::Probation;
use crate::units::MonoMs;

/// How often HQ's old place is looked at while there is no session, in milliseconds.
const PROBE_OLD_MS: u64 = 10_000;

/// What is watched while an edition is on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Does the daemon accept enrollments again?
    Ready,
    /// Does the journal's disk sync?
    Fsync,
    /// Are enrollments still taken, and not all refused by the field rules?
    Intake,
    /// Do all sockets listen?
    Listener,
}

impl Gate {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Fsync => "fsync",
            Self::Intake => "intake",
            Self::Listener => "listener",
        }
    }
}

/// What the watching has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has stood.
    Stays,
    /// It has failed.
    Goes { code: &'static str, message: &'static str },
    /// There is no session: does HQ answer where it was before?
    ProbeOld,
}

/// One trial. Where both the old way to HQ and the new one are down, it waits.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four facts of the link, each its own")]
pub(super) struct Trial {
    probation: Probation,
    began: MonoMs,
    /// Had there been a session before? Then there must be one again.
    linked: bool,
    session: bool,
    session_seen: bool,
    /// How long HQ has answered at its old place without a session, in milliseconds.
    answered_ms: u64,
    probed_at: MonoMs,
    probing: bool,
    /// Since when each gate has been failing.
    failing: BTreeMap<Gate, MonoMs>,
}

impl Trial {
    pub(super) fn new(now: MonoMs, probation: Probation, linked: bool, session: bool) -> Self {
        Self {
            probation,
            began: now,
            linked,
            session,
            session_seen: session,
            answered_ms: 0,
            probed_at: now,
            probing: false,
            failing: BTreeMap::new(),
        }
    }

    pub(super) fn gate(&mut self, now: MonoMs, gate: Gate, ok: bool) {
        if ok {
            self.failing.remove(&gate);
        } else {
            self.failing.entry(gate).or_insert(now);
        }
    }

    pub(super) fn session(&mut self, live: bool) {
        self.session = live;
        self.session_seen |= live;
    }

    pub(super) fn old_answers(&mut self, now: MonoMs, answers: bool) {
        let passed = now.since_ms(self.probed_at);
        (self.probing, self.probed_at) = (false, now);
        if answers && !self.session {
            self.answered_ms = self.answered_ms.saturating_add(passed);
        }
    }

    pub(super) fn verdict(&mut self, now: MonoMs) -> Option<Verdict> {
        let Probation { confirm_s, session_s, gate_s, .. } = self.probation;
        let failed = self.failing.iter().find(|(_, since)| now.since_ms(**since) >= ms(gate_s));
        if let Some((gate, _)) = failed {
            let message = "a gate failed while the edition was watched";
            return Some(Verdict::Goes { code: gate.as_str(), message });
        }
        let lacks_session = self.linked && !self.session_seen;
        if lacks_session && self.answered_ms >= ms(session_s) {
            let message = "headquarters answers where it was, and no session comes about";
            return Some(Verdict::Goes { code: "no_session", message });
        }
        if lacks_session && !self.probing && now.since_ms(self.probed_at) >= PROBE_OLD_MS {
            self.probing = true;
            return Some(Verdict::ProbeOld);
        }
        let stood = now.since_ms(self.began) >= ms(confirm_s) && self.failing.is_empty();
        (stood && !lacks_session).then_some(Verdict::Stays)
    }

    /// When to look again, if nothing happens.
    pub(super) fn deadline(&self) -> MonoMs {
        let gates = self.failing.values().map(|since| *since + ms(self.probation.gate_s));
        let confirm = self.began + ms(self.probation.confirm_s);
        gates.chain([confirm, self.probed_at + PROBE_OLD_MS]).min().unwrap_or(MonoMs::NEVER)
    }
}

fn ms(seconds: u32) -> u64 {
    u64::from(seconds) * 1000
}
