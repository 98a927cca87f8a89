//! From the canary to everybody: the machine.

use std::collections::BTreeSet;

use wasl_protocol::edition::{Edition, Scope, Serial};
use wasl_protocol::id::OfficeId;
use wasl_protocol::units::UnixMs;

use super::standing::Standing;
use super::{OfficeNow, Plan};

/// How many offices follow the canary before the rest does.
const WAVE: usize = 3;

/// How many offices may fail at the canary, and later.
const FAILURES_CANARY: usize = 1;
const FAILURES_LATER: usize = 2;

/// In a rollout to more offices than this, later failures are counted as a share of the offices
/// reached, in percent.
const MANY_OFFICES: usize = 50;
const FAILURES_PERCENT: usize = 4;

/// For so long a connected office's answer is waited for, in milliseconds of a stage.
const ANSWER_MS: u64 = 15_000;

/// For so long a stage waits for offices that took the edition and were cut off since, in
/// milliseconds.
const PATIENCE_MS: u64 = 60 * 60 * 1000;

/// How many failed offices the reason of a stop names.
const NAMED: usize = 5;

/// How far a rollout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Pushed; no office was connected that could try it.
    Signed,
    /// One office tries it.
    Canary,
    /// Open to some, then to all.
    Wave(u32),
    /// It went to all; offices that come back get it still.
    Complete,
    /// Stopped: no office gets it any more, and who is still trying it goes back.
    Aborted,
    /// A newer one came before it was complete.
    Superseded,
}

/// The time that a stage has taken. Changes every second; some of it may be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Since it began, while HQ ran.
    pub age_ms: u64,
    /// Since all have it who could be reached, while one of them was connected.
    pub soaked_ms: u64,
}

/// The offices of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// These.
    These(BTreeSet<OfficeId>),
    /// All that were not in an earlier one.
    Rest,
}

/// The rollout of one edition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Of which edition.
    pub(super) serial: Serial,
    /// For whom it is.
    pub(super) scope: Scope,
    /// When it ceases to be adopted.
    pub(super) not_after: UnixMs,
    /// How long each stage is watched.
    pub(super) soak_ms: u64,
    /// How it is to be rolled out.
    pub plan: Plan,
    pub(super) stage: Stage,
    /// Since when, by HQ's clock.
    pub(super) since: UnixMs,
    /// Why it was stopped.
    pub(super) stopped: Option<String>,
    /// The offices of earlier stages.
    pub(super) earlier: BTreeSet<OfficeId>,
    pub(super) open: Open,
    /// The time that the stage has taken.
    pub spent: Spent,
}

impl Rollout {
    /// The rollout of an edition that is pushed now. Nobody has it: see [`Self::advance`].
    pub fn new(edition: &Edition, plan: Plan, now: UnixMs) -> Self {
        Self {
            serial: edition.serial,
            scope: edition.scope.clone(),
            not_after: edition.not_after,
            soak_ms: u64::from(edition.probation.soak_s) * 1000,
            plan,
            stage: Stage::Signed,
            since: now,
            stopped: None,
            earlier: BTreeSet::new(),
            open: Open::These(BTreeSet::new()),
            spent: Spent::default(),
        }
    }

    /// Of which edition.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// How it was to be rolled out.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// May it go on by itself?
    pub fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Signed | Stage::Canary | Stage::Wave(_))
    }

    /// Do offices still get it?
    pub fn counts(&self) -> bool {
        !matches!(self.stage, Stage::Aborted | Stage::Superseded)
    }

    /// Is it meant for this office, sooner or later?
    pub fn targets(&self, office: &OfficeId) -> bool {
        let planned = self.plan.only.is_empty() || self.plan.only.contains(office);
        planned && self.scope.covers(office)
    }

    /// Has a stage come that has this office in it?
    pub fn is_open_to(&self, office: &OfficeId) -> bool {
        self.targets(office) && (self.earlier.contains(office) || self.is_current(office))
    }

    /// Is it to be sent to this office?
    pub fn offers(&self, office: &OfficeNow, now: UnixMs) -> bool {
        let standing = office.standing(self.serial, now);
        let wanted = !standing.is_over() || standing == Standing::Rejected;
        let on_trial = standing == Standing::OnTrial;
        let adopted = now <= self.not_after && wanted && !on_trial;
        adopted && self.counts() && self.is_open_to(&office.id)
    }

    /// Takes in that `elapsed_ms` have passed and how the offices are by now; goes on to the next
    /// stage, or stops.
    pub fn advance(&mut self, now: UnixMs, elapsed_ms: u64, offices: &[OfficeNow]) {
        if !self.is_under_way() {
            return;
        }
        if let Some(why) = self.has_failed(now, offices) {
            return self.stop(Stage::Aborted, now, why);
        }
        if self.stage == Stage::Signed {
            return self.begin(now, offices);
        }
        self.spent.age_ms += elapsed_ms;
        let seen = self.seen(now, offices);
        if !self.is_settled(&seen) {
            return;
        }
        if seen.iter().any(|(office, s)| office.connected && *s == Standing::Committed) {
            self.spent.soaked_ms += elapsed_ms;
        }
        if self.is_soaked(&seen) {
            self.go_on(now, offices);
        }
    }

    /// Stops it for good. False if it was over already.
    pub fn abort(&mut self, now: UnixMs, why: String) -> bool {
        let counts = self.counts();
        if counts {
            self.stop(Stage::Aborted, now, why);
        }
        counts
    }

    /// A newer edition was pushed.
    pub fn supersede(&mut self, now: UnixMs, by: Serial) {
        if self.is_under_way() {
            self.stop(Stage::Superseded, now, format!("edition {by} was pushed"));
        }
    }

    /// The offices of this stage, and how each stands.
    pub(super) fn seen<'a>(
        &self,
        now: UnixMs,
        offices: &'a [OfficeNow],
    ) -> Vec<(&'a OfficeNow, Standing)> {
        let of_stage =
            offices.iter().filter(|office| self.targets(&office.id) && self.is_current(&office.id));
        of_stage.map(|office| (office, office.standing(self.serial, now))).collect()
    }

    /// Have all that could be reached given their answer?
    pub(super) fn is_settled(&self, seen: &[(&OfficeNow, Standing)]) -> bool {
        let age_ms = self.spent.age_ms;
        let waits = |(office, standing): &(&OfficeNow, Standing)| match standing {
            Standing::Silent => office.connected && age_ms < ANSWER_MS,
            Standing::Arrived | Standing::OnTrial => office.connected || age_ms < PATIENCE_MS,
            _ => false,
        };
        if seen.iter().any(waits) {
            return false;
        }
        let committed = seen.iter().any(|(_, standing)| *standing == Standing::Committed);
        let over = seen.iter().all(|(_, standing)| standing.is_over());
        match (&self.open, self.stage) {
            (_, Stage::Canary) => committed,
            (Open::These(_), _) => committed || over || age_ms >= PATIENCE_MS,
            // Without a canary nobody has tried it before.
            (Open::Rest, _) if self.plan.now => committed,
            (Open::Rest, _) => committed || over || age_ms >= ANSWER_MS,
        }
    }

    /// Has it been watched for long enough?
    pub(super) fn is_soaked(&self, seen: &[(&OfficeNow, Standing)]) -> bool {
        let committed = seen.iter().any(|(_, standing)| *standing == Standing::Committed);
        self.plan.now || !committed || self.spent.soaked_ms >= self.soak_ms
    }

    /// Is it in the offices of this stage?
    pub(super) fn is_current(&self, office: &OfficeId) -> bool {
        match &self.open {
            Open::These(offices) => offices.contains(office),
            Open::Rest => !self.earlier.contains(office),
        }
    }

    /// Why it has to be stopped, if it has.
    fn has_failed(&self, now: UnixMs, offices: &[OfficeNow]) -> Option<String> {
        let targets = offices.iter().filter(|office| self.targets(&office.id)).count();
        let opened = || offices.iter().filter(|office| self.is_open_to(&office.id));
        let standing = |office: &OfficeNow| office.standing(self.serial, now);
        let failed = opened().filter(|office| standing(office).has_failed()).collect::<Vec<_>>();
        let reached = opened().filter(|o| standing(o).is_over() || standing(o).is_under_way());
        let limit = match self.stage {
            Stage::Canary => FAILURES_CANARY,
            _ if targets > MANY_OFFICES => {
                (reached.count() * FAILURES_PERCENT).div_ceil(100).max(FAILURES_LATER)
            }
            _ => FAILURES_LATER.min(targets),
        };
        if failed.is_empty() || failed.len() < limit {
            return None;
        }
        let told = |office: &&OfficeNow| {
            let attempt = office.state.attempt.as_ref().filter(|a| a.serial == self.serial);
            let why = attempt.and_then(|attempt| attempt.phase.why());
            let code = why.map_or("rolled_back", |(code, _)| code);
            format!("{} ({code})", office.id)
        };
        let named = failed.iter().take(NAMED).map(told).collect::<Vec<_>>().join(", ");
        Some(format!("it failed at {} of the offices: {named}", failed.len()))
    }

    fn begin(&mut self, now: UnixMs, offices: &[OfficeNow]) {
        if self.plan.now {
            return self.enter(Stage::Wave(1), now, Open::Rest);
        }
        let canary = self.plan.canary.clone().or_else(|| self.next(1, now, offices).pop_first());
        if let Some(canary) = canary {
            self.enter(Stage::Canary, now, Open::These([canary].into()));
        }
    }

    /// The first connected offices for which it is news.
    fn next(&self, many: usize, now: UnixMs, offices: &[OfficeNow]) -> BTreeSet<OfficeId> {
        let ready = |office: &&OfficeNow| {
            let news = office.standing(self.serial, now) == Standing::Silent;
            office.connected && news && self.targets(&office.id) && !self.is_open_to(&office.id)
        };
        let mut ready: Vec<_> = offices.iter().filter(ready).map(|o| o.id.clone()).collect();
        ready.sort_unstable();
        ready.into_iter().take(many).collect()
    }

    /// The stage is over.
    fn go_on(&mut self, now: UnixMs, offices: &[OfficeNow]) {
        let left = offices.iter().filter(|office| {
            self.targets(&office.id)
                && !self.is_open_to(&office.id)
                && !office.standing(self.serial, now).is_over()
        });
        let left = left.count();
        if self.open == Open::Rest || left == 0 {
            return self.enter(Stage::Complete, now, Open::Rest);
        }
        if now > self.not_after {
            return;
        }
        match self.stage {
            Stage::Wave(number) => self.enter(Stage::Wave(number + 1), now, Open::Rest),
            _ if left <= WAVE => self.enter(Stage::Wave(1), now, Open::Rest),
            _ => {
                let offices = self.next(WAVE, now, offices);
                if !offices.is_empty() {
                    self.enter(Stage::Wave(1), now, Open::These(offices));
                }
            }
        }
    }

    fn enter(&mut self, stage: Stage, now: UnixMs, open: Open) {
        if let Open::These(offices) = std::mem::replace(&mut self.open, open) {
            self.earlier.extend(offices);
        }
        (self.stage, self.since, self.spent) = (stage, now, Spent::default());
    }

    fn stop(&mut self, stage: Stage, now: UnixMs, why: String) {
        (self.stage, self.since, self.stopped) = (stage, now, Some(why));
    }
}
