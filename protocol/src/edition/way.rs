//! Editions on their way through an office with a pretend disk, link and clock.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::id::OfficeId;
use crate::keys::SignKey;
use crate::private::Private;
use crate::units::{MonoMs, UnixMs};

const DAY_MS: i64 = 86_400_000;

fn key() -> SignKey {
    SignKey::from_secret(&[1; 32])
}

fn edition(serial: u64) -> Edition {
    let settings = OfficeSettings {
        link: LinkSettings { heartbeat_s: serial.clamp(1, 3600), ..LinkSettings::default() },
        ..OfficeSettings::default()
    };
    Edition {
        fleet: FleetId::of(&key().verify_key()),
        serial: Serial(serial),
        scope: Scope { all: true, ..Scope::default() },
        issued_at: UnixMs(0),
        not_after: UnixMs(DAY_MS),
        min_agent: AgentVersion(0, 1, 0),
        settings: settings.to_json(),
        probation: Probation { soak_s: 1, confirm_s: 60, session_s: 600, gate_s: 60 },
        previous: None,
        revert_of: None,
        author: Private("author".to_string()),
        reason: "test".to_string(),
    }
}

fn signed(edition: &Edition) -> Vec<u8> {
    SignedEdition::sign(edition, &key()).encode()
}

/// An office: what survives a power cut, and what does not.
struct Office {
    journal: Vec<Step>,
    slots: BTreeMap<Serial, Vec<u8>>,
    /// What has been put in force since the start.
    in_force: Option<Serial>,
    machine: OfficeConfig,
    now: Now,
    answers: Vec<(Serial, Result<(), Rejection>)>,
    /// Endpoints that answer; editions that cannot be put in force.
    reachable: BTreeSet<String>,
    broken: BTreeSet<Serial>,
    probed_old: usize,
}

impl Office {
    fn new() -> Self {
        let now = Now { mono: MonoMs(0), at: UnixMs(0), trusted: Some(UnixMs(0)) };
        let mut office = Self {
            journal: Vec::new(),
            slots: BTreeMap::new(),
            in_force: None,
            machine: machine(now, ConfigState::default(), Running::default()),
            now,
            answers: Vec::new(),
            reachable: BTreeSet::new(),
            broken: BTreeSet::new(),
            probed_old: 0,
        };
        office.settle();
        office.say(Input::Session(true));
        office
    }

    fn state(&self) -> ConfigState {
        let mut state = ConfigState::default();
        self.journal.iter().for_each(|step| state.fold(step));
        state
    }

    fn settings(&self, serial: Serial) -> OfficeSettings {
        let Some(bytes) = self.slots.get(&serial) else { return OfficeSettings::default() };
        let edition = SignedEdition::decode(bytes).unwrap().edition().unwrap().unwrap();
        OfficeSettings::read(&edition.settings).unwrap()
    }

    fn say(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        self.settle();
    }

    fn offer(&mut self, bytes: Vec<u8>) {
        self.say(Input::Offered { bytes, by_hand: false });
    }

    fn wait_s(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now.mono = self.now.mono + 1000;
            self.now.at = UnixMs(self.now.at.0 + 1000);
            self.say(Input::Tick);
        }
    }

    /// Does one thing; false if there is nothing to do.
    fn step(&mut self) -> bool {
        let answer = match self.machine.poll() {
            Output::Sleep(_) => return false,
            Output::Journal(step) => {
                self.journal.push(step);
                Input::Journalled
            }
            Output::Probe(endpoints) => {
                Input::Probed(endpoints.into_iter().find(|e| !self.reachable.contains(e)))
            }
            Output::Stage(serial, bytes) => {
                self.slots.insert(serial, bytes);
                Input::Staged(true)
            }
            Output::Apply(serial) => {
                let here = serial == Serial::BUILT_IN || self.slots.contains_key(&serial);
                assert!(here, "what is put in force lies in its slot");
                let broken = self.broken.contains(&serial);
                if !broken {
                    self.in_force = Some(serial);
                }
                let done =
                    if broken { Err("broken".to_string()) } else { Ok(self.running(serial)) };
                Input::Applied(done)
            }
            Output::ProbeOld => {
                self.probed_old += 1;
                Input::OldAnswers(true)
            }
            Output::Keep(serials) => {
                self.slots.retain(|serial, _| serials.contains(serial));
                return true;
            }
            Output::Answer(serial, answer) => {
                self.answers.push((serial, answer));
                return true;
            }
        };
        self.machine.handle(self.now, answer);
        true
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            if !self.step() {
                return;
            }
        }
        panic!("it never sleeps");
    }

    /// The power fails, and comes back.
    fn power_cut(&mut self) {
        let state = self.state();
        let running = self.running(state.running());
        self.in_force = None;
        self.machine = machine(self.now, state, running);
    }

    fn running(&self, serial: Serial) -> Running {
        let endpoints = self.settings(serial).link.endpoints;
        Running { endpoints, probation: edition(1).probation }
    }

    fn last(&self) -> &'static str {
        self.journal.last().map_or("nothing", |step| step.phase.as_str())
    }
}

fn machine(now: Now, state: ConfigState, running: Running) -> OfficeConfig {
    let office: OfficeId = "nasr".parse().unwrap();
    let trust = Trust::in_one(key().verify_key());
    let who = Who { trust, office, agent: AgentVersion(0, 1, 0) };
    OfficeConfig::start(now, who, state, running)
}

#[test]
fn an_edition_is_put_in_force_at_once_and_stays_once_it_has_stood() {
    let mut office = Office::new();
    office.offer(signed(&edition(7)));
    assert_eq!((office.in_force, office.last()), (Some(Serial(7)), "probation"));
    office.wait_s(59);
    assert_eq!(office.last(), "probation");
    office.wait_s(2);
    assert_eq!((office.last(), office.state().floor), ("committed", Serial(7)));
    let phases: Vec<_> = office.journal.iter().map(|step| step.phase.as_str()).collect();
    assert_eq!(phases, ["fetched", "verified", "staged", "applying", "probation", "committed"]);
    office.offer(signed(&edition(7)));
    assert_eq!(office.journal.len(), 6, "the same once more is nothing new");
}

#[test]
fn each_refusal_has_its_own_code_and_changes_nothing() {
    let change = |f: &dyn Fn(&mut Edition)| {
        let mut edition = edition(9);
        f(&mut edition);
        signed(&edition)
    };
    let mut unsigned = SignedEdition::sign(&edition(9), &SignKey::from_secret(&[2; 32])).encode();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("signature", core::mem::take(&mut unsigned)),
        ("malformed", b"wasl-edition/1\nnonsense".to_vec()),
        ("malformed", vec![b'x'; 10 * 1024 * 1024]),
        ("fleet", change(&|e| e.fleet = FleetId([9; 16]))),
        ("scope", change(&|e| e.scope.except = ["nasr".parse().unwrap()].into())),
        ("old_serial", change(&|e| e.serial = Serial(5))),
        ("old_agent", change(&|e| e.min_agent = AgentVersion(9, 0, 0))),
        ("expired", change(&|e| e.not_after = UnixMs(-1))),
        ("schema", change(&|e| e.settings = json(r#"{"link":{"heartbeats":1}}"#))),
        ("settings", change(&|e| e.settings = json(r#"{"link":{"heartbeat_s":0}}"#))),
        ("settings", change(&|e| e.settings = json(r#"{"fields":{"patterns":{"a.b":"("}}}"#))),
        ("endpoint", change(&|e| e.settings = json(r#"{"link":{"endpoints":["gone:1"]}}"#))),
    ];
    for (code, bytes) in cases {
        let mut office = Office::new();
        office.offer(signed(&edition(5)));
        office.wait_s(61);
        office.answers.clear();
        office.offer(bytes);
        let (_, answer) = office.answers.pop().unwrap_or_else(|| panic!("{code}: no answer"));
        assert_eq!(answer.unwrap_err().code(), code);
        assert_eq!((office.in_force, office.state().floor), (Some(Serial(5)), Serial(5)), "{code}");
    }
}

fn json(text: &str) -> crate::json::Json {
    crate::json::Json::of(&crate::json::parse(text.as_bytes()).unwrap())
}

#[test]
fn an_expired_edition_is_taken_where_no_clock_can_be_trusted() {
    let mut office = Office::new();
    (office.now.trusted, office.now.at) = (None, UnixMs(100 * DAY_MS));
    office.offer(signed(&edition(3)));
    assert_eq!(office.last(), "probation");
}

#[test]
fn after_a_power_cut_anywhere_exactly_one_edition_is_in_force_and_the_way_goes_on() {
    for cut in 0..20 {
        let mut office = Office::new();
        office.offer(signed(&edition(5)));
        office.wait_s(61);
        office
            .machine
            .handle(office.now, Input::Offered { bytes: signed(&edition(8)), by_hand: false });
        let mut done = 0;
        while done < cut && office.step() {
            done += 1;
        }
        office.power_cut();
        office.settle();
        let running = office.state().running();
        assert_eq!(office.in_force, Some(running), "cut after {cut}");
        office.say(Input::Session(true));
        office.offer(signed(&edition(8)));
        office.wait_s(61);
        assert_eq!((office.in_force, office.last()), (Some(Serial(8)), "committed"), "{cut}");
    }
}

#[test]
fn three_starts_within_ten_minutes_go_back_and_it_is_not_tried_again_by_itself() {
    let mut office = Office::new();
    office.offer(signed(&edition(5)));
    for _ in 0..3 {
        office.power_cut();
        office.settle();
        office.wait_s(5);
    }
    assert_eq!((office.last(), office.in_force), ("rolled_back", Some(Serial(0))));
    office.offer(signed(&edition(5)));
    assert_eq!(office.last(), "rolled_back");
    office.say(Input::Offered { bytes: signed(&edition(5)), by_hand: true });
    assert_eq!(office.last(), "probation");
}

#[test]
fn a_gate_that_fails_for_a_minute_goes_back_and_one_that_recovers_does_not() {
    for (failing_s, last) in [(59, "committed"), (61, "rolled_back")] {
        let mut office = Office::new();
        office.offer(signed(&edition(5)));
        office.say(Input::Gate(Gate::Listener, false));
        office.wait_s(failing_s);
        office.say(Input::Gate(Gate::Listener, true));
        office.wait_s(61);
        assert_eq!(office.last(), last);
    }
}

#[test]
fn without_a_session_it_goes_back_only_while_hq_answers_where_it_was() {
    let mut office = Office::new();
    office.offer(signed(&edition(5)));
    office.wait_s(61);
    let mut moved = edition(6);
    moved.settings = json(r#"{"link":{"endpoints":["new.example:1"]}}"#);
    office.reachable.insert("new.example:1".to_string());
    office.offer(signed(&moved));
    office.say(Input::Session(false));
    office.wait_s(500);
    assert_eq!(office.last(), "probation");
    office.wait_s(200);
    assert!(office.probed_old >= 60, "{}", office.probed_old);
    assert_eq!((office.last(), office.in_force), ("rolled_back", Some(Serial(5))));
}

#[test]
fn endpoints_that_went_back_after_a_restart_are_tried_first_when_they_come_again() {
    let mut office = Office::new();
    office.offer(signed(&edition(5)));
    office.wait_s(61);
    let mut moved = edition(6);
    moved.settings = json(r#"{"link":{"endpoints":["new.example:1"]}}"#);
    office.reachable.insert("new.example:1".to_string());
    office.offer(signed(&moved));
    office.power_cut();
    office.settle();
    office.say(Input::RollBack("slow".to_string()));
    assert_eq!((office.last(), office.in_force), ("rolled_back", Some(Serial(5))));
    office.say(Input::Session(true));
    office.reachable.clear();
    moved.serial = Serial(7);
    office.offer(signed(&moved));
    let last = office.journal.last().and_then(|step| step.phase.why());
    assert_eq!(last.map(|(code, _)| code), Some("endpoint"));
}

#[test]
fn what_cannot_be_put_in_force_goes_back_and_if_the_good_one_is_lost_too_what_is_built_in_runs() {
    let mut office = Office::new();
    office.offer(signed(&edition(5)));
    office.wait_s(61);
    office.broken = [Serial(5), Serial(6)].into();
    office.offer(signed(&edition(6)));
    assert_eq!((office.last(), office.in_force), ("rolled_back", Some(Serial(0))));
    let state = office.state();
    assert_eq!((state.running(), state.floor), (Serial(0), Serial(5)));
}

#[test]
fn the_newest_offer_waits_for_the_trial_and_a_hold_takes_none() {
    let mut office = Office::new();
    office.offer(signed(&edition(5)));
    office.offer(signed(&edition(6)));
    office.offer(signed(&edition(7)));
    office.wait_s(61);
    assert_eq!((office.in_force, office.last()), (Some(Serial(7)), "probation"));
    office.wait_s(61);
    let until = UnixMs(office.now.at.0 + 60_000);
    office.say(Input::Hold(until, Private("exam day".to_string())));
    office.offer(signed(&edition(8)));
    assert_eq!(office.in_force, Some(Serial(7)));
    office.wait_s(61);
    assert_eq!((office.in_force, office.last()), (Some(Serial(8)), "probation"));
}

#[test]
fn hq_and_the_operator_stop_a_trial_and_nothing_else() {
    let stops = [Input::Abort(Serial(5)), Input::RollBack("slow".to_string())];
    for stop in stops {
        let mut office = Office::new();
        office.say(stop.clone());
        assert_eq!(office.last(), "nothing");
        office.offer(signed(&edition(5)));
        office.say(Input::Abort(Serial(4)));
        assert_eq!(office.last(), "probation");
        office.say(stop);
        assert_eq!((office.last(), office.in_force), ("rolled_back", Some(Serial(0))));
    }
}

#[test]
fn a_file_brought_by_hand_ends_a_trial_only_if_it_may_be_taken_itself() {
    let mut office = Office::new();
    office.offer(signed(&edition(5)));
    let mut foreign = edition(6);
    foreign.scope.except = ["nasr".parse().unwrap()].into();
    office.say(Input::Offered { bytes: signed(&foreign), by_hand: true });
    let (_, answer) = office.answers.pop().unwrap();
    assert_eq!(answer.unwrap_err().code(), "scope");
    assert_eq!((office.in_force, office.last()), (Some(Serial(5)), "probation"));
    office.say(Input::Offered { bytes: signed(&edition(7)), by_hand: true });
    assert_eq!((office.in_force, office.last()), (Some(Serial(7)), "probation"));
}

#[test]
fn every_step_comes_back_from_its_bytes() {
    let mut office = Office::new();
    office.offer(signed(&edition(5)));
    office.say(Input::RollBack("slow".to_string()));
    office.say(Input::Hold(UnixMs(-5), Private("why".to_string())));
    office.say(Input::Unhold);
    for step in &office.journal {
        assert_eq!(Step::decode(&step.encode()).unwrap(), *step);
    }
    assert_eq!(office.journal.len(), 8);
}

#[test]
fn where_the_steps_leave_an_office_comes_back_from_its_bytes() {
    let mut office = Office::new();
    let comes_back = |office: &Office| {
        assert_eq!(ConfigState::decode(&office.state().encode()).unwrap(), office.state());
    };
    comes_back(&office);
    office.offer(signed(&edition(5)));
    comes_back(&office);
    office.say(Input::RollBack("slow".to_string()));
    office.say(Input::Hold(UnixMs(-5), Private("why".to_string())));
    comes_back(&office);
    assert!(ConfigState::decode(&office.state().encode()[1..]).is_err());
}
