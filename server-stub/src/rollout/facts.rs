//! A rollout in words, for people.

use wasl_protocol::edition::{Attempt, Serial};
use wasl_protocol::id::OfficeId;
use wasl_protocol::units::UnixMs;

use super::OfficeNow;
use super::machine::{Open, Rollout, Stage};
use super::standing::Standing;

/// What there is to say of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutFacts {
    /// Of which edition.
    pub serial: Serial,
    /// `SIGNED`, `CANARY`, `SOAK`, `WAVE 1`, .. `COMPLETE`, `PAUSED`, `ABORTED` or `SUPERSEDED`.
    pub stage: String,
    /// Since when, by HQ's clock.
    pub since: UnixMs,
    /// Why it does not go on, if it does not.
    pub stopped: Option<String>,
    /// Was it to go to all at once?
    pub now: bool,
    /// Every office of the fleet.
    pub offices: Vec<OfficeRollout>,
}

/// What there is to say of one office in a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeRollout {
    /// Which.
    pub office: OfficeId,
    /// `NOT_TARGETED` (yet), `PENDING_OFFLINE` (it waits for the office), `OFFERED` (it is there, or
    /// on its way to an office that is connected),
    /// `PROBATION`, `COMMITTED`, `REJECTED`, `ROLLED_BACK`, `HELD` or `STRAGGLER` (it took the
    /// edition, was cut off, and the rollout went on without it).
    pub stage: &'static str,
    /// The edition in force there; 0: what is built in.
    pub running: Serial,
    /// The edition that HQ wants there.
    pub desired: Option<Serial>,
    /// The last edition that it tried.
    pub last_attempt: Option<AttemptFacts>,
    /// Editions up to here are old there.
    pub floor: Serial,
    /// Is it connected?
    pub connected: bool,
}

/// What there is to say of the last edition that an office tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFacts {
    /// Which.
    pub serial: Serial,
    /// How far it came.
    pub phase: &'static str,
    /// The constant word for why it ended, if it ended badly.
    pub code: Option<String>,
    /// The same for people.
    pub message: Option<String>,
    /// When it last said something, by its own clock.
    pub at: UnixMs,
}

impl Rollout {
    /// The rollout in words. `newer`: those pushed after it, the newest first; `desired`: what HQ
    /// wants at an office.
    pub fn facts(
        &self,
        now: UnixMs,
        offices: &[OfficeNow],
        newer: &[Self],
        desired: impl Fn(&OfficeNow) -> Option<Serial>,
    ) -> RolloutFacts {
        let (stage, stopped) = self.word(now, offices, newer);
        let rows = offices.iter().map(|office| OfficeRollout {
            office: office.id.clone(),
            stage: self.word_of(office, now),
            running: office.state.running(),
            desired: desired(office),
            last_attempt: office.state.attempt.as_ref().map(|attempt| told(attempt, office)),
            floor: office.state.floor,
            connected: office.connected,
        });
        let offices = rows.collect();
        RolloutFacts {
            serial: self.serial,
            stage,
            since: self.since,
            stopped,
            now: self.plan.now,
            offices,
        }
    }

    /// The word for its stage, and why it does not go on.
    pub fn word(
        &self,
        now: UnixMs,
        offices: &[OfficeNow],
        newer: &[Self],
    ) -> (String, Option<String>) {
        if let Some(why) = self.paused(now, offices) {
            return ("PAUSED".to_owned(), Some(why));
        }
        let word = match self.stage {
            Stage::Signed => "SIGNED".to_owned(),
            Stage::Canary if self.is_settled(&self.seen(now, offices)) => "SOAK".to_owned(),
            Stage::Canary => "CANARY".to_owned(),
            Stage::Wave(number) => format!("WAVE {number}"),
            Stage::Complete => return self.word_when_complete(now, offices, newer),
            Stage::Aborted => "ABORTED".to_owned(),
            Stage::Superseded => "SUPERSEDED".to_owned(),
        };
        (word, self.stopped.clone())
    }

    /// What it has not reached by now a newer one replaces.
    fn word_when_complete(
        &self,
        now: UnixMs,
        offices: &[OfficeNow],
        newer: &[Self],
    ) -> (String, Option<String>) {
        let lacks = |office: &&OfficeNow| {
            self.targets(&office.id)
                && !matches!(office.standing(self.serial, now), Standing::Committed)
        };
        let by = newer.iter().find(|newer| {
            newer.counts() && offices.iter().filter(lacks).any(|office| newer.targets(&office.id))
        });
        match by {
            Some(by) => {
                ("SUPERSEDED".to_owned(), Some(format!("edition {} was pushed", by.serial)))
            }
            None => ("COMPLETE".to_owned(), None),
        }
    }

    /// Why it waits, if nothing that it watches can make it go on.
    fn paused(&self, now: UnixMs, offices: &[OfficeNow]) -> Option<String> {
        if !matches!(self.stage, Stage::Canary | Stage::Wave(_)) {
            return None;
        }
        let seen = self.seen(now, offices);
        let settled = self.is_settled(&seen);
        let over = settled && self.is_soaked(&seen);
        let under_way = seen.iter().any(|(_, standing)| standing.is_under_way());
        match self.open {
            Open::These(_) if now > self.not_after && !under_way && (over || !settled) => {
                return Some("its deadline to be adopted has passed".to_owned());
            }
            Open::These(_) if over => {
                return Some("none of the other offices is connected".to_owned());
            }
            Open::Rest if over => return None,
            _ => {}
        }
        let named = || {
            let ids = seen.iter().take(NAMED).map(|(office, _)| office.id.as_str());
            ids.collect::<Vec<_>>().join(", ")
        };
        if !seen.iter().any(|(office, _)| office.connected) {
            return Some(match seen.len() {
                0 => "there is no office that it is for".to_owned(),
                1..=NAMED => format!("not connected: {}", named()),
                many => format!("not connected: {many} offices, {} among them", named()),
            });
        }
        let held = |(_, standing): &(&OfficeNow, Standing)| *standing == Standing::Held;
        let waiting = |(_, standing): &(&OfficeNow, Standing)| !standing.is_over();
        let only_held = !settled && seen.iter().all(|s| held(s) || !waiting(s));
        let first = seen.iter().find(|s| held(s)).filter(|_| only_held);
        first.map(|(office, _)| format!("the operator at {} takes no editions now", office.id))
    }

    /// The word for one office.
    fn word_of(&self, office: &OfficeNow, now: UnixMs) -> &'static str {
        if !self.is_open_to(&office.id) {
            return "NOT_TARGETED";
        }
        let standing = office.standing(self.serial, now);
        let left_behind = self.stage == Stage::Complete || !self.is_current(&office.id);
        match standing {
            Standing::Committed => "COMMITTED",
            Standing::Rejected => "REJECTED",
            Standing::RolledBack => "ROLLED_BACK",
            Standing::Past => "NOT_TARGETED",
            _ if standing.is_under_way() && left_behind && !office.connected => "STRAGGLER",
            Standing::OnTrial => "PROBATION",
            Standing::Arrived => "OFFERED",
            _ if !self.counts() => "NOT_TARGETED",
            Standing::Held => "HELD",
            // It is connected: its session has sent the edition, or is about to.
            Standing::Silent if office.connected && self.offers(office, now) => "OFFERED",
            Standing::Silent => "PENDING_OFFLINE",
        }
    }
}

/// How many offices a reason names.
const NAMED: usize = 5;

fn told(attempt: &Attempt, office: &OfficeNow) -> AttemptFacts {
    let why = attempt.phase.why();
    AttemptFacts {
        serial: attempt.serial,
        phase: attempt.phase.as_str(),
        code: why.map(|(code, _)| code.to_owned()),
        message: why.map(|(_, message)| message.to_owned()),
        at: office.stepped_at.unwrap_or(attempt.since),
    }
}
