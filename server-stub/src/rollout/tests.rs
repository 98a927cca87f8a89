//! Fourteen offices on paper, and what becomes of an edition among them.

use std::collections::BTreeSet;

use wasl_protocol::edition::{
    AgentVersion, Edition, EditionHash, FleetId, Hold, OfficeSettings, Phase, Probation, Scope,
    Serial, Step,
};
use wasl_protocol::id::OfficeId;
use wasl_protocol::private::Private;
use wasl_protocol::units::UnixMs;

use super::*;

const SERIAL: Serial = Serial(7);
const SOAK_S: u32 = 100;
const DEADLINE: UnixMs = UnixMs(10_000_000);

fn id(n: usize) -> OfficeId {
    format!("office-{n:02}").parse().unwrap()
}

fn edition(scope: Scope) -> Edition {
    Edition {
        fleet: FleetId([1; 16]),
        serial: SERIAL,
        scope,
        issued_at: UnixMs(0),
        not_after: DEADLINE,
        min_agent: AgentVersion(0, 1, 0),
        settings: OfficeSettings::default().to_json(),
        probation: Probation { soak_s: SOAK_S, ..Probation::default() },
        previous: None,
        revert_of: None,
        author: Private("author".to_owned()),
        reason: "test".to_owned(),
    }
}

fn all() -> Scope {
    Scope { all: true, ..Scope::default() }
}

fn cut_off(offices: &mut [OfficeNow], those: impl IntoIterator<Item = usize>) {
    for n in those {
        offices[n].connected = false;
    }
}

/// A fleet that has been pushed an edition.
struct Fleet {
    offices: Vec<OfficeNow>,
    rollout: Rollout,
    now: UnixMs,
}

impl Fleet {
    /// `many` offices, all connected.
    fn pushed(many: usize, plan: Plan) -> Self {
        Self::with(many, plan, all(), |_| {})
    }

    fn with(
        many: usize,
        plan: Plan,
        scope: Scope,
        before: impl FnOnce(&mut Vec<OfficeNow>),
    ) -> Self {
        let office = |n| OfficeNow {
            id: id(n),
            connected: true,
            state: ConfigState::default(),
            stepped_at: None,
        };
        let mut offices = (0..many).map(office).collect();
        before(&mut offices);
        let now = UnixMs(0);
        let rollout = Rollout::new(&edition(scope), plan, now);
        let mut fleet = Self { offices, rollout, now };
        fleet.rollout.advance(fleet.now, 0, &fleet.offices);
        fleet
    }

    fn wait_s(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.now.0 += 1000;
            self.rollout.advance(self.now, 1000, &self.offices);
        }
    }

    fn step(&mut self, n: usize, phase: Phase) {
        let step = Step { serial: SERIAL, hash: EditionHash([7; 32]), at: self.now, phase };
        self.offices[n].state.fold(&step);
        self.offices[n].stepped_at = Some(self.now);
        self.rollout.advance(self.now, 0, &self.offices);
    }

    fn try_out(&mut self, n: usize) {
        self.step(n, Phase::Fetched);
        self.step(n, Phase::Applying);
        self.step(n, Phase::Probation { linked: true });
    }

    /// The office has it for good.
    fn commit(&mut self, n: usize) {
        self.try_out(n);
        self.step(n, Phase::Committed);
    }

    fn reject(&mut self, n: usize) {
        let (code, message) = ("settings".to_owned(), "no".to_owned());
        self.step(n, Phase::Rejected { code, message });
    }

    fn roll_back(&mut self, n: usize) {
        self.try_out(n);
        let (to, code, message) = (Serial(0), "listener".to_owned(), "no".to_owned());
        self.step(n, Phase::RolledBack { to, code, message });
    }

    fn connect(&mut self, n: usize, connected: bool) {
        self.offices[n].connected = connected;
    }

    /// Who would be sent it.
    fn offered(&self) -> Vec<usize> {
        let offices = self.offices.iter().enumerate();
        let offered = offices.filter(|(_, office)| self.rollout.offers(office, self.now));
        offered.map(|(n, _)| n).collect()
    }

    fn facts(&self) -> RolloutFacts {
        self.rollout.facts(self.now, &self.offices, &[], |_| None)
    }

    fn word(&self) -> String {
        self.facts().stage
    }

    fn word_of(&self, n: usize) -> &'static str {
        self.facts().offices[n].stage
    }

    /// Everybody who is offered it commits, until the soak is over.
    fn go_through(&mut self) {
        for n in self.offered() {
            self.commit(n);
        }
        self.wait_s(SOAK_S);
    }
}

#[test]
fn fourteen_offices_get_it_one_then_three_then_the_rest() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("CANARY", vec![0]));
    fleet.go_through();
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("WAVE 1", vec![1, 2, 3]));
    fleet.go_through();
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("WAVE 2", (4..14).collect()));
    fleet.go_through();
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("COMPLETE", vec![]));
    assert!(fleet.facts().offices.iter().all(|office| office.stage == "COMMITTED"));
}

#[test]
fn the_canary_is_the_one_that_was_named_else_the_first_that_is_connected_and_takes_editions() {
    let named = Plan { canary: Some(id(5)), ..Plan::default() };
    assert_eq!(Fleet::pushed(14, named).offered(), [5]);
    let fleet = Fleet::with(14, Plan::default(), all(), |offices| {
        offices[0].connected = false;
        let why = Private("exam day".to_owned());
        offices[1].state.hold = Some(Hold { until: UnixMs(1), why });
        offices[2].state.floor = Serial(9);
    });
    assert_eq!(fleet.offered(), [3]);
}

#[test]
fn with_nobody_connected_it_waits_for_the_first_who_comes() {
    let mut fleet = Fleet::with(4, Plan::default(), all(), |offices| cut_off(offices, 0..4));
    fleet.wait_s(1000);
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("SIGNED", vec![]));
    fleet.connect(2, true);
    fleet.wait_s(1);
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("CANARY", vec![2]));
}

#[test]
fn the_soak_begins_when_the_canary_has_committed_and_counts_only_while_it_is_connected() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.try_out(0);
    fleet.wait_s(10 * SOAK_S);
    assert_eq!(fleet.word(), "CANARY");
    fleet.step(0, Phase::Committed);
    assert_eq!(fleet.word(), "SOAK");
    fleet.wait_s(SOAK_S - 1);
    fleet.connect(0, false);
    fleet.wait_s(10 * SOAK_S);
    let facts = fleet.facts();
    assert_eq!(facts.stage, "PAUSED");
    assert_eq!(facts.stopped.as_deref(), Some("not connected: office-00"));
    fleet.connect(0, true);
    assert_eq!(fleet.word(), "SOAK");
    fleet.wait_s(1);
    assert_eq!(fleet.word(), "WAVE 1");
}

#[test]
fn one_failure_at_the_canary_stops_it_and_no_other_office_is_touched() {
    for fail in [Fleet::reject, Fleet::roll_back] {
        let mut fleet = Fleet::pushed(14, Plan::default());
        fail(&mut fleet, 0);
        fleet.wait_s(10 * SOAK_S);
        let facts = fleet.facts();
        assert_eq!((facts.stage.as_str(), fleet.offered()), ("ABORTED", vec![]));
        assert!(facts.stopped.unwrap().contains("office-00 ("));
        assert!(["REJECTED", "ROLLED_BACK"].contains(&fleet.word_of(0)));
        assert!(facts.offices[1..].iter().all(|office| office.stage == "NOT_TARGETED"));
    }
}

#[test]
fn later_one_failure_is_borne_and_the_second_stops_it() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.go_through();
    fleet.roll_back(1);
    fleet.commit(2);
    fleet.commit(3);
    assert_eq!(fleet.word(), "WAVE 1");
    fleet.wait_s(SOAK_S);
    assert_eq!(fleet.word(), "WAVE 2");
    fleet.reject(9);
    let facts = fleet.facts();
    assert_eq!(facts.stage, "ABORTED");
    let why = "it failed at 2 of the offices: office-01 (listener), office-09 (settings)";
    assert_eq!(facts.stopped.as_deref(), Some(why));
}

#[test]
fn above_fifty_offices_later_failures_are_a_share_of_those_reached() {
    let mut fleet = Fleet::pushed(200, Plan { now: true, ..Plan::default() });
    for n in 0..100 {
        fleet.try_out(n);
    }
    for n in 100..103 {
        fleet.roll_back(n);
    }
    assert_eq!(fleet.word(), "WAVE 1", "3 of 103: 4 % are 5");
    fleet.roll_back(103);
    assert_eq!(fleet.word(), "WAVE 1");
    fleet.roll_back(104);
    assert_eq!(fleet.word(), "ABORTED");
}

#[test]
fn a_fleet_of_one_is_all_of_it_when_it_fails() {
    let mut fleet = Fleet::pushed(1, Plan { now: true, ..Plan::default() });
    fleet.roll_back(0);
    assert_eq!(fleet.word(), "ABORTED");
}

#[test]
fn now_skips_canary_soak_and_waves() {
    let mut fleet = Fleet::pushed(14, Plan { now: true, ..Plan::default() });
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("WAVE 1", (0..14).collect()));
    for n in 0..13 {
        fleet.commit(n);
    }
    assert_eq!(fleet.word(), "WAVE 1", "one is connected and may answer yet");
    fleet.commit(13);
    assert_eq!(fleet.word(), "COMPLETE");
    assert!(fleet.facts().now);
}

#[test]
fn now_is_not_complete_before_anybody_has_it() {
    let mut fleet = Fleet::with(3, Plan { now: true, ..Plan::default() }, all(), |offices| {
        cut_off(offices, 0..3);
    });
    fleet.wait_s(10_000);
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("PAUSED", vec![0, 1, 2]));
}

#[test]
fn offline_offices_block_nothing_are_listed_and_get_it_when_they_come_back() {
    let mut fleet = Fleet::with(14, Plan::default(), all(), |offices| cut_off(offices, [2, 13]));
    fleet.go_through();
    assert_eq!(fleet.offered(), [1, 3, 4], "a wave is of offices that are there");
    fleet.go_through();
    for n in 5..13 {
        fleet.commit(n);
    }
    fleet.wait_s(SOAK_S);
    assert_eq!(fleet.word(), "COMPLETE");
    assert_eq!([2, 13].map(|n| fleet.word_of(n)), ["PENDING_OFFLINE"; 2]);
    assert_eq!(fleet.offered(), [2, 13]);
    fleet.connect(13, true);
    assert_eq!([2, 13].map(|n| fleet.word_of(n)), ["PENDING_OFFLINE", "OFFERED"]);
    fleet.commit(13);
    assert_eq!(fleet.word_of(13), "COMMITTED");
}

#[test]
fn an_office_that_is_cut_off_while_it_tries_is_waited_for_and_then_left_behind() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.go_through();
    fleet.commit(1);
    fleet.commit(2);
    fleet.try_out(3);
    fleet.connect(3, false);
    fleet.wait_s(3_500);
    assert_eq!((fleet.word().as_str(), fleet.word_of(3)), ("WAVE 1", "PROBATION"));
    fleet.wait_s(100 + SOAK_S);
    assert_eq!((fleet.word().as_str(), fleet.word_of(3)), ("WAVE 2", "STRAGGLER"));
    fleet.step(3, Phase::Committed);
    assert_eq!(fleet.word_of(3), "COMMITTED");
}

#[test]
fn a_canary_that_is_cut_off_while_it_tries_is_never_left_behind() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.try_out(0);
    fleet.connect(0, false);
    fleet.wait_s(9_000);
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("PAUSED", vec![]));
    assert_eq!(fleet.word_of(0), "PROBATION");
}

#[test]
fn a_wave_waits_for_somebody_to_be_there() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.commit(0);
    for n in 1..14 {
        fleet.connect(n, false);
    }
    fleet.wait_s(10 * SOAK_S);
    let facts = fleet.facts();
    assert_eq!(facts.stage, "PAUSED");
    assert_eq!(facts.stopped.as_deref(), Some("none of the other offices is connected"));
    fleet.connect(9, true);
    fleet.wait_s(1);
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("WAVE 1", vec![9]));
}

#[test]
fn a_wave_whose_offices_vanish_before_they_have_it_does_not_let_the_rest_go_first() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.go_through();
    for n in 0..14 {
        fleet.connect(n, false);
    }
    fleet.wait_s(3_000);
    assert_eq!((fleet.word().as_str(), fleet.offered()), ("PAUSED", vec![1, 2, 3]));
}

#[test]
fn an_office_on_hold_blocks_nothing_and_is_told_apart() {
    let until = UnixMs(i64::MAX);
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.go_through();
    fleet.step(2, Phase::Held { until, why: Private("exam day".to_owned()) });
    fleet.commit(1);
    fleet.commit(3);
    assert_eq!(fleet.word_of(2), "HELD");
    fleet.wait_s(SOAK_S);
    assert_eq!(fleet.word(), "WAVE 2");
    assert!(fleet.offered().contains(&2), "it keeps it until the hold is over");
}

#[test]
fn a_canary_on_hold_pauses_and_says_why() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    let until = UnixMs(5_000);
    fleet.step(0, Phase::Held { until, why: Private("exam day".to_owned()) });
    fleet.wait_s(1);
    let facts = fleet.facts();
    assert_eq!(facts.stage, "PAUSED");
    assert_eq!(
        facts.stopped.as_deref(),
        Some("the operator at office-00 takes no editions now"),
        "and not the operator's words"
    );
    fleet.wait_s(5);
    assert_eq!(fleet.word(), "CANARY");
}

#[test]
fn scope_and_plan_say_who_gets_it() {
    let scope = Scope { except: [id(3)].into(), ..all() };
    let plan = Plan { only: [id(2), id(3), id(4)].into(), now: true, ..Plan::default() };
    let mut fleet = Fleet::with(14, plan, scope, |_| {});
    assert_eq!(fleet.offered(), [2, 4]);
    fleet.commit(2);
    fleet.commit(4);
    assert_eq!(fleet.word(), "COMPLETE");
    assert_eq!([0, 3].map(|n| fleet.word_of(n)), ["NOT_TARGETED"; 2]);
}

#[test]
fn past_its_deadline_nobody_new_gets_it_and_it_says_so() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    fleet.now = UnixMs(DEADLINE.0 + 1);
    assert_eq!(fleet.offered(), [] as [usize; 0]);
    let facts = fleet.facts();
    assert_eq!(facts.stage, "PAUSED");
    assert_eq!(facts.stopped.as_deref(), Some("its deadline to be adopted has passed"));
    let mut late = Fleet::pushed(14, Plan::default());
    late.commit(0);
    late.now = UnixMs(DEADLINE.0);
    late.wait_s(10 * SOAK_S);
    assert_eq!((late.word().as_str(), late.word_of(1)), ("PAUSED", "NOT_TARGETED"));
}

#[test]
fn what_an_office_brought_by_hand_counts_as_if_it_had_been_offered() {
    let mut fleet = Fleet::pushed(2, Plan { canary: Some(id(0)), ..Plan::default() });
    fleet.commit(1);
    assert_eq!(fleet.word(), "CANARY");
    fleet.commit(0);
    fleet.wait_s(SOAK_S);
    assert_eq!(fleet.word(), "COMPLETE", "nobody is left");
}

#[test]
fn an_office_that_went_back_is_not_offered_it_again_and_one_that_took_it_by_hand_then_has_it() {
    let mut fleet = Fleet::pushed(14, Plan { now: true, ..Plan::default() });
    fleet.roll_back(5);
    assert!(!fleet.offered().contains(&5));
    assert_eq!(fleet.word_of(5), "ROLLED_BACK");
    fleet.commit(5);
    assert_eq!(fleet.word_of(5), "COMMITTED");
}

#[test]
fn rolled_back_and_never_there_are_told_apart_even_after_another_attempt() {
    let mut fleet = Fleet::pushed(14, Plan { now: true, ..Plan::default() });
    fleet.roll_back(1);
    let other = Step {
        serial: Serial(6),
        hash: EditionHash([6; 32]),
        at: fleet.now,
        phase: Phase::Fetched,
    };
    fleet.offices[1].state.fold(&other);
    fleet.connect(2, false);
    assert_eq!([fleet.word_of(1), fleet.word_of(2)], ["ROLLED_BACK", "PENDING_OFFLINE"]);
}

#[test]
fn a_person_stops_it_once_and_a_newer_one_only_while_it_is_under_way() {
    let mut fleet = Fleet::pushed(14, Plan::default());
    let mut superseded = fleet.rollout.clone();
    assert!(fleet.rollout.abort(UnixMs(5), "stopped".to_owned()));
    assert!(!fleet.rollout.abort(UnixMs(6), "again".to_owned()));
    fleet.rollout.supersede(UnixMs(7), Serial(8));
    let facts = fleet.facts();
    assert_eq!((facts.stage.as_str(), facts.since), ("ABORTED", UnixMs(5)));
    superseded.supersede(UnixMs(7), Serial(8));
    superseded.advance(UnixMs(8), 1000, &fleet.offices);
    let facts = superseded.facts(UnixMs(8), &fleet.offices, &[], |_| None);
    assert_eq!(facts.stage, "SUPERSEDED");
    assert_eq!(facts.stopped.as_deref(), Some("edition 8 was pushed"));
    assert!(!superseded.offers(&fleet.offices[0], UnixMs(8)));
}

#[test]
fn a_complete_one_that_did_not_reach_all_is_superseded_unless_the_newer_one_is_stopped() {
    let mut fleet = Fleet::with(2, Plan { now: true, ..Plan::default() }, all(), |offices| {
        cut_off(offices, [1]);
    });
    fleet.commit(0);
    assert_eq!(fleet.word(), "COMPLETE");
    let mut newer =
        Rollout::new(&Edition { serial: Serial(8), ..edition(all()) }, Plan::default(), fleet.now);
    let word = |newer: &Rollout| {
        fleet.rollout.word(fleet.now, &fleet.offices, std::slice::from_ref(newer)).0
    };
    assert_eq!(word(&newer), "SUPERSEDED");
    newer.abort(fleet.now, "stopped".to_owned());
    assert_eq!(word(&newer), "COMPLETE");
}

#[test]
fn a_rollout_comes_back_from_its_bytes_at_every_stage() {
    let plan =
        Plan { only: (0..9).map(id).collect::<BTreeSet<_>>(), canary: Some(id(2)), now: false };
    let mut fleet = Fleet::pushed(14, plan);
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        assert_eq!(Rollout::decode(&fleet.rollout.encode()).unwrap(), fleet.rollout);
        seen.insert(fleet.word());
        fleet.go_through();
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    fleet.rollout.abort(fleet.now, "stopped".to_owned());
    assert_eq!(Rollout::decode(&fleet.rollout.encode()).unwrap(), fleet.rollout);
    assert!(Rollout::decode(&fleet.rollout.encode()[1..]).is_err());
}
