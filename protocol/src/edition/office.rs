//! An office's way through an edition: sans I/O. Each step is journalled before it is acted on.
//!
//! `handle(now, Input)`, then `poll() -> Output` until [`Output::Sleep`].

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::asks::{Input, Now, Output, Running, Who};
use super::trial::{Trial, Verdict};
use super::{
    Checks, ConfigState, Edition, EditionHash, OfficeSettings, Phase, Rejection, Serial,
    SignedEdition, Step, check,
};
use crate::units::{MonoMs, UnixMs};

/// Three starts within this time are too many, in milliseconds.
const STARTS_MS: i64 = 10 * 60 * 1000;
const STARTS: usize = 3;

/// How often a hold is looked at, in milliseconds.
const HOLD_MS: u64 = 60_000;

/// How many commands may wait while a step is under way.
const LATER: usize = 16;

/// What the office is waiting for.
#[derive(Clone, Debug)]
enum Wait {
    Nothing,
    Journalled,
    Probed,
    Staged,
    Applied,
}

#[derive(Clone, Debug)]
struct Candidate {
    bytes: Vec<u8>,
    signed: SignedEdition,
    read: Option<(Edition, OfficeSettings)>,
}

/// The office's machine.
#[derive(Clone, Debug)]
pub struct OfficeConfig {
    who: Who,
    state: ConfigState,
    candidate: Option<Candidate>,
    /// A newer offer that came while one was under way, or while none may be taken.
    next: Option<Vec<u8>>,
    /// What the operator and HQ said meanwhile.
    later: VecDeque<Input>,
    wait: Wait,
    /// What has been asked to be journalled and is not yet durable.
    step: Option<Step>,
    rejection: Option<Rejection>,
    trial: Option<Trial>,
    session: bool,
    /// Has there been a session since the daemon started?
    linked: bool,
    running: Running,
    now: MonoMs,
    out: VecDeque<Output>,
}

impl OfficeConfig {
    /// The machine of a daemon that starts with this state. What is in force is put in force first:
    /// [`Output::Apply`].
    pub fn start(now: Now, who: Who, state: ConfigState, running: Running) -> Self {
        let mut machine = Self {
            who,
            state,
            candidate: None,
            next: None,
            later: VecDeque::new(),
            wait: Wait::Nothing,
            step: None,
            rejection: None,
            trial: None,
            session: false,
            linked: false,
            running,
            now: now.mono,
            out: VecDeque::new(),
        };
        machine.started(now);
        machine
    }

    /// Where all durable steps leave the office.
    pub fn state(&self) -> &ConfigState {
        &self.state
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = now.mono;
        match input {
            Input::Offered { bytes, by_hand } => self.offered(now, bytes, by_hand),
            Input::Journalled => self.journalled(now),
            Input::Probed(missing) => self.probed(now, missing),
            Input::Staged(done) => self.staged(now, done),
            Input::Applied(done) => self.applied(now, done),
            Input::Gate(gate, ok) => {
                if let Some(trial) = &mut self.trial {
                    trial.gate(now.mono, gate, ok);
                }
            }
            Input::Session(live) => self.session(live),
            Input::OldAnswers(answers) => {
                if let Some(trial) = &mut self.trial {
                    trial.old_answers(now.mono, answers);
                }
            }
            Input::Abort(_) | Input::RollBack(_) | Input::Hold(..) | Input::Unhold => {
                if self.later.len() < LATER {
                    self.later.push_back(input);
                }
            }
            Input::Tick => {}
        }
        self.go_on(now);
    }

    /// The next thing to do; [`Output::Sleep`] when there is nothing until then.
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Sleep(self.deadline()))
    }

    fn started(&mut self, now: Now) {
        let Some(attempt) = self.state.attempt.clone() else {
            return self.apply(self.state.good);
        };
        match attempt.phase {
            Phase::Staged => self.journal(now, (attempt.serial, attempt.hash), Phase::Applying),
            Phase::Applying => self.apply(attempt.serial),
            Phase::Probation { linked } => {
                let recent = |at: &&UnixMs| now.at.0.saturating_sub(at.0) <= STARTS_MS;
                if attempt.starts.iter().filter(recent).count() >= STARTS {
                    let message = "the daemon started three times within ten minutes";
                    self.roll_back(now, "starts", message);
                } else {
                    let of = (attempt.serial, attempt.hash);
                    self.journal(now, of, Phase::Probation { linked });
                }
            }
            _ => self.apply(self.state.good),
        }
    }

    fn offered(&mut self, now: Now, bytes: Vec<u8>, by_hand: bool) {
        let refuse = |serial, why| Output::Answer(serial, Err(why));
        let Ok(signed) = SignedEdition::decode(&bytes) else {
            return self.out.push_back(refuse(Serial::BUILT_IN, Rejection::Malformed));
        };
        let serial = signed.edition().ok().flatten().map_or(Serial::BUILT_IN, |e| e.serial);
        if !signed.is_signed(&self.who.trust) {
            return self.out.push_back(refuse(serial, Rejection::Signature));
        }
        let hash = signed.hash();
        if hash == self.state.good_hash && self.state.running() == self.state.good {
            return self.out.push_back(Output::Answer(serial, Ok(())));
        }
        if self.is_busy() {
            let under_way = self.under_way();
            if under_way.is_some_and(|(at_work, its_hash)| serial > at_work && hash != its_hash) {
                // What would be refused anyhow ends no trial.
                if let (true, Err(why)) = (by_hand, check(&signed, &self.checks(now))) {
                    return self.out.push_back(refuse(serial, why));
                }
                self.next = Some(bytes);
                if let (true, Some((old, its_hash)), Wait::Nothing) =
                    (by_hand, under_way, &self.wait)
                {
                    self.journal(now, (old, its_hash), Phase::Superseded { by: serial });
                }
            }
            return;
        }
        if !by_hand {
            if self.is_on_hold(now) {
                self.next = Some(bytes);
                return;
            }
            let before = self.state.attempt.as_ref().filter(|attempt| attempt.hash == hash);
            let rejected =
                before.is_some_and(|attempt| matches!(attempt.phase, Phase::Rejected { .. }));
            let still = rejected && check(&signed, &self.checks(now)).is_err();
            if still || self.state.back.contains(&serial) {
                return;
            }
        }
        self.candidate = Some(Candidate { bytes, signed, read: None });
        self.journal(now, (serial, hash), Phase::Fetched);
    }

    fn checks(&self, now: Now) -> Checks<'_> {
        let Who { trust, office, agent } = &self.who;
        Checks { trust, office, floor: self.state.floor, agent: *agent, now: now.trusted }
    }

    /// A step is durable: it counts from now on, and is acted on.
    fn journalled(&mut self, now: Now) {
        let Some(step) = self.step.take() else { return };
        self.wait = Wait::Nothing;
        self.state.fold(&step);
        let of = (step.serial, step.hash);
        match step.phase {
            Phase::Fetched => self.verify(now, of),
            Phase::Verified => self.verified(),
            Phase::Staged => self.journal(now, of, Phase::Applying),
            Phase::Applying => self.apply(step.serial),
            Phase::Probation { linked } => {
                if self.trial.is_none() {
                    // After a start: it has to be put in force first.
                    self.trial = Some(self.new_trial(now, linked));
                    self.apply(step.serial);
                }
            }
            Phase::Committed => {
                self.trial = None;
                let read = self.candidate.take().and_then(|candidate| candidate.read);
                if let Some((edition, settings)) = read {
                    let endpoints = settings.link.endpoints;
                    self.running = Running { endpoints, probation: edition.probation };
                }
                self.out.push_back(Output::Keep(alloc::vec![step.serial]));
                self.out.push_back(Output::Answer(step.serial, Ok(())));
            }
            Phase::Rejected { .. } => {
                self.candidate = None;
                if let Some(why) = self.rejection.take() {
                    self.out.push_back(Output::Answer(step.serial, Err(why)));
                }
            }
            Phase::RolledBack { to, .. } => {
                self.trial = None;
                self.candidate = None;
                self.apply(to);
            }
            Phase::Superseded { .. } => {
                self.trial = None;
                self.candidate = None;
                self.apply(self.state.good);
            }
            Phase::Held { .. } | Phase::Unheld => {}
        }
    }

    fn verify(&mut self, now: Now, of: (Serial, EditionHash)) {
        let Some(candidate) = &self.candidate else { return };
        match check(&candidate.signed, &self.checks(now)) {
            Ok(read) => {
                if let Some(candidate) = &mut self.candidate {
                    candidate.read = Some(read);
                }
                self.journal(now, of, Phase::Verified);
            }
            Err(why) => self.reject(now, of, why),
        }
    }

    /// Where HQ would be looked for is tried first, while there is a session to say that the link
    /// is good. Without one, probation will tell.
    fn verified(&mut self) {
        let Some(candidate) = &self.candidate else { return };
        let settings = candidate.read.as_ref().map(|(_, settings)| settings);
        let endpoints = settings.map(|s| s.link.endpoints.clone()).unwrap_or_default();
        if self.session && !endpoints.is_empty() && endpoints != self.running.endpoints {
            self.out.push_back(Output::Probe(endpoints));
            self.wait = Wait::Probed;
        } else {
            self.stage();
        }
    }

    fn probed(&mut self, now: Now, missing: Option<String>) {
        if !matches!(self.wait, Wait::Probed) {
            return;
        }
        self.wait = Wait::Nothing;
        match (missing, self.under_way()) {
            (Some(endpoint), Some(of)) => self.reject(now, of, Rejection::Endpoint(endpoint)),
            _ => self.stage(),
        }
    }

    fn stage(&mut self) {
        let (Some(candidate), Some((serial, _))) = (&self.candidate, self.under_way()) else {
            return;
        };
        self.out.push_back(Output::Stage(serial, candidate.bytes.clone()));
        self.wait = Wait::Staged;
    }

    fn staged(&mut self, now: Now, done: bool) {
        let (Wait::Staged, Some(of)) = (&self.wait, self.under_way()) else { return };
        self.wait = Wait::Nothing;
        if done {
            self.journal(now, of, Phase::Staged);
        } else {
            self.reject(now, of, Rejection::Storage);
        }
    }

    fn applied(&mut self, now: Now, done: Result<Running, String>) {
        if !matches!(self.wait, Wait::Applied) {
            return;
        }
        self.wait = Wait::Nothing;
        let trouble = match done {
            Ok(running) => {
                // One on trial is measured against the one before it until it is committed.
                if self.trial.is_none() && self.candidate.is_none() {
                    self.running = running;
                }
                None
            }
            Err(why) => Some(why),
        };
        let trial = self.state.attempt.clone().filter(|attempt| attempt.phase.is_on_trial());
        match (trial, trouble) {
            (Some(_), Some(why)) => self.roll_back(now, "apply", &why),
            (Some(attempt), None) if attempt.phase == Phase::Applying => {
                self.trial = Some(self.new_trial(now, self.linked));
                let phase = Phase::Probation { linked: self.linked };
                self.journal(now, (attempt.serial, attempt.hash), phase);
            }
            (None, Some(message)) if self.state.good != Serial::BUILT_IN => {
                // The last good one cannot be put in force either.
                let (of, to) = ((self.state.good, self.state.good_hash), Serial::BUILT_IN);
                let code = "lost".to_string();
                self.journal(now, of, Phase::RolledBack { to, code, message });
            }
            _ => {}
        }
    }

    /// Does the candidate have HQ looked for elsewhere?
    fn moves(&self) -> bool {
        let read = self.candidate.as_ref().and_then(|candidate| candidate.read.as_ref());
        read.is_some_and(|(_, settings)| settings.link.endpoints != self.running.endpoints)
    }

    /// Does what can be done now that nothing is waited for.
    fn go_on(&mut self, now: Now) {
        while matches!(self.wait, Wait::Nothing) {
            if let Some(said) = self.later.pop_front() {
                self.obey(now, said);
            } else if self.trial.is_some() {
                return self.watch(now);
            } else if self.next.is_some() && !self.is_on_hold(now) {
                let next = self.next.take().unwrap_or_default();
                self.offered(now, next, false);
            } else {
                return;
            }
        }
    }

    fn obey(&mut self, now: Now, said: Input) {
        let on_trial = self.under_way().filter(|_| self.trial.is_some());
        match said {
            Input::Abort(serial) if on_trial.is_some_and(|(s, _)| s == serial) => {
                self.roll_back(now, "aborted", "headquarters stopped the rollout");
            }
            Input::RollBack(why) if on_trial.is_some() => self.roll_back(now, "operator", &why),
            Input::Hold(until, why) => {
                let of = (self.state.running(), EditionHash::default());
                self.journal(now, of, Phase::Held { until, why });
            }
            Input::Unhold if self.state.hold.is_some() => {
                let of = (self.state.running(), EditionHash::default());
                self.journal(now, of, Phase::Unheld);
            }
            _ => {}
        }
    }

    fn new_trial(&self, now: Now, linked: bool) -> Trial {
        let read = self.candidate.as_ref().and_then(|candidate| candidate.read.as_ref());
        let probation = read.map_or(self.running.probation, |(edition, _)| edition.probation);
        // A session from before says nothing of new endpoints.
        Trial::new(now.mono, probation, linked, self.session && !self.moves())
    }

    fn session(&mut self, live: bool) {
        self.session = live;
        self.linked |= live;
        if let Some(trial) = &mut self.trial {
            trial.session(live);
        }
    }

    /// Looks whether the edition on trial stays, or goes.
    fn watch(&mut self, now: Now) {
        let Some(of) = self.under_way() else { return };
        match self.trial.as_mut().and_then(|trial| trial.verdict(now.mono)) {
            Some(Verdict::Stays) => self.journal(now, of, Phase::Committed),
            Some(Verdict::Goes { code, message }) => self.roll_back(now, code, message),
            Some(Verdict::ProbeOld) => self.out.push_back(Output::ProbeOld),
            None => {}
        }
    }

    fn reject(&mut self, now: Now, of: (Serial, EditionHash), why: Rejection) {
        let (code, message) = (why.code().to_string(), why.to_string());
        self.rejection = Some(why);
        self.journal(now, of, Phase::Rejected { code, message });
    }

    fn roll_back(&mut self, now: Now, code: &str, message: &str) {
        let Some(of) = self.under_way() else { return };
        let (code, message) = (code.to_string(), message.to_string());
        self.journal(now, of, Phase::RolledBack { to: self.state.good, code, message });
    }

    fn journal(&mut self, now: Now, (serial, hash): (Serial, EditionHash), phase: Phase) {
        let step = Step { serial, hash, at: now.at, phase };
        self.step = Some(step.clone());
        self.wait = Wait::Journalled;
        self.out.push_back(Output::Journal(step));
    }

    fn apply(&mut self, serial: Serial) {
        self.wait = Wait::Applied;
        self.out.push_back(Output::Apply(serial));
    }

    /// The edition on its way in, or on trial.
    fn under_way(&self) -> Option<(Serial, EditionHash)> {
        let pending = self.step.as_ref().map(|step| (step.serial, step.hash));
        let coming = |phase: &Phase| {
            matches!(phase, Phase::Fetched | Phase::Verified | Phase::Staged)
                && self.candidate.is_some()
        };
        let goes_on = |phase: &Phase| phase.is_on_trial() || coming(phase);
        let attempt = self.state.attempt.as_ref().filter(|attempt| goes_on(&attempt.phase));
        attempt.map(|attempt| (attempt.serial, attempt.hash)).or(pending)
    }

    fn is_busy(&self) -> bool {
        !matches!(self.wait, Wait::Nothing) || self.trial.is_some()
    }

    fn is_on_hold(&self, now: Now) -> bool {
        self.state.hold.as_ref().is_some_and(|hold| now.at < hold.until)
    }

    fn deadline(&self) -> MonoMs {
        match &self.trial {
            Some(trial) => trial.deadline(),
            None if self.next.is_some() => self.now + HOLD_MS,
            None => MonoMs::NEVER,
        }
    }
}
