//! The world: one queue of what happens next, one seed, fourteen offices and HQ.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fmt;

use fastrand::Rng;
use wasl_protocol::keys::VerifyKey;

use super::bugs::Bug;
use super::dials::Dials;
use super::district::{District, runtime};
use super::hq::Hq;
use super::machine::Time;
use super::net::{Conn, Lane, Way};
use super::office::Office;
use super::oracle::Oracle;
use super::{Outcome, Plan, Violation};

/// Something that happens at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happens {
    /// Somebody does something.
    Act,
    /// Something breaks.
    Strike,
    /// Somebody copies an office's disk.
    Imaged { office: usize },
    /// An office's disk is put back to the copy.
    PutBack { office: usize },
    /// Somebody copies HQ's database.
    HqImaged,
    /// HQ's database is put back to the copy; with the file beside it?
    HqPutBack { beside: bool },
    /// Somebody does something at this office.
    Busy { office: usize },
    /// From here on nothing breaks any more.
    Calm,
    /// Have both sides come level?
    Look,
    /// The bell's news must have arrived.
    BellHeard,
    /// An office's engine does what waits.
    Turn { office: usize, life: u32 },
    /// An office starts again.
    Start { office: usize },
    /// An office looks for HQ.
    Dial { office: usize, life: u32 },
    /// It has got through, or not.
    Connect { office: usize, life: u32 },
    /// An office reads its journal for a session, once it may.
    Read { conn: u32 },
    /// An office's config looks at the time.
    Config { office: usize, life: u32 },
    /// A piece of a stream arrives.
    Arrives { conn: u32, way: Way, lane: Lane },
    /// One end of a connection learns that it is over.
    Gone { conn: u32, way: Way },
    /// A machine of a session slept until now.
    Wake { conn: u32, way: Way },
    /// HQ's store does something for a session.
    Work { conn: u32, what: u8 },
    /// HQ is back.
    HqStart,
}

/// The lines of a trace that are kept for a report.
const KEPT_LINES: usize = 60;

/// No world needs more steps than this: one that does never comes to rest.
const MOST_STEPS: u64 = 300_000;

/// The world.
pub(super) struct World<'a> {
    pub(super) district: &'a District,
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) plan: Plan,
    pub(super) dials: Dials,
    pub(super) dice: Rng,
    pub(super) time: Time,
    queue: BinaryHeap<Reverse<(u64, u64, Happens)>>,
    order: u64,
    pub(super) steps: u64,
    pub(super) hq_key: VerifyKey,
    pub(super) offices: Vec<Office>,
    pub(super) hq: Hq,
    pub(super) conns: BTreeMap<u32, Conn>,
    pub(super) next_conn: u32,
    pub(super) oracle: Oracle,
    pub(super) calm: bool,
    pub(super) over: bool,
    pub(super) counted: BTreeMap<&'static str, u64>,
    pub(super) violations: Vec<Violation>,
    trace: blake3::Hasher,
    tail: VecDeque<String>,
}

impl<'a> World<'a> {
    /// The world of this seed, with everybody started.
    pub(super) fn new(district: &'a District, plan: &Plan) -> Self {
        let runtime = runtime();
        let mut dice = Rng::with_seed(plan.seed);
        let dials = Dials::draw(&mut dice, plan.bug);
        let time = Time::default();
        let hq = Hq::new(district, &runtime, &time, &mut dice);
        let offices = (0..district.members.len())
            .map(|nth| Office::new(district, nth, &time, &mut dice, &dials))
            .collect();
        let mut world = Self {
            district,
            runtime,
            plan: plan.clone(),
            dials,
            dice,
            time,
            queue: BinaryHeap::new(),
            order: 0,
            steps: 0,
            hq_key: district.keys.sign_key().verify_key(),
            offices,
            hq,
            conns: BTreeMap::new(),
            next_conn: 1,
            oracle: Oracle::default(),
            calm: false,
            over: false,
            counted: BTreeMap::new(),
            violations: Vec::new(),
            trace: blake3::Hasher::new(),
            tail: VecDeque::new(),
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for office in 0..self.offices.len() {
            self.start(office);
        }
        for _ in 0..self.dials.acts {
            let at = self.dice.u64(..self.dials.faults_ms);
            self.at(at, Happens::Act);
        }
        for _ in 0..self.dials.strikes {
            let at = self.dice.u64(..self.dials.faults_ms);
            self.at(at, Happens::Strike);
        }
        self.plan_restores();
        self.plan_rollbacks();
        self.at(self.dials.faults_ms, Happens::Calm);
    }

    /// Has something happen so many milliseconds from now.
    pub(super) fn at(&mut self, delay_ms: u64, happens: Happens) {
        self.order += 1;
        self.queue.push(Reverse((self.time.now_ms() + delay_ms, self.order, happens)));
    }

    /// Lets everything happen; what came of it.
    pub(super) fn run(mut self) -> Outcome {
        while !self.over
            && let Some(Reverse((at, _, happens))) = self.queue.pop()
        {
            self.time.set(at);
            self.steps += 1;
            if self.steps > MOST_STEPS {
                self.violated("I6", "the world does not come to rest".to_owned());
                break;
            }
            self.happens(happens);
        }
        let counts = self.hq_totals();
        self.log(format_args!("the end: {counts}"));
        self.hq.close(&self.runtime);
        Outcome {
            seed: self.plan.seed,
            violations: self.violations,
            trace: *self.trace.finalize().as_bytes(),
            tail: self.tail.into(),
            counted: self.counted,
            steps: self.steps,
            simulated_ms: self.time.now_ms(),
        }
    }

    fn happens(&mut self, happens: Happens) {
        match happens {
            Happens::Act => self.act(),
            Happens::Strike => self.strike(),
            Happens::Imaged { office } => self.take_image(office),
            Happens::PutBack { office } => self.put_back(office),
            Happens::HqImaged => self.take_hq_image(),
            Happens::HqPutBack { beside } => self.put_back_hq(beside),
            Happens::Busy { office } => self.busy(office),
            Happens::Calm => self.calm_down(),
            Happens::Look => self.look(),
            Happens::BellHeard => self.bell_heard(),
            Happens::Turn { office, life } if self.lives(office, life) => self.turn(office),
            Happens::Start { office } => self.start(office),
            Happens::Dial { office, life } if self.lives(office, life) => self.dial(office),
            Happens::Connect { office, life } if self.lives(office, life) => self.connect(office),
            Happens::Config { office, life } if self.lives(office, life) => {
                self.config_tick(office);
            }
            Happens::Read { conn } => self.read_for(conn),
            Happens::Arrives { conn, way, lane } => self.arrives(conn, way, lane),
            Happens::Gone { conn, way } => self.gone(conn, way),
            Happens::Wake { conn, way } => self.wake(conn, way),
            Happens::Work { conn, what } => self.hq_work(conn, what),
            Happens::HqStart => self.hq_start(),
            Happens::Turn { .. }
            | Happens::Dial { .. }
            | Happens::Connect { .. }
            | Happens::Config { .. } => {}
        }
    }

    /// Is this still the run of the office for which something was to happen?
    fn lives(&self, office: usize, life: u32) -> bool {
        let office = &self.offices[office];
        office.life == life && office.engine.is_some()
    }

    /// One line of the trace. Times and outcomes only: no folder of this machine.
    pub(super) fn log(&mut self, line: fmt::Arguments<'_>) {
        let line = format!("{:>8} {line}", self.time.now_ms());
        self.trace.update(line.as_bytes());
        self.trace.update(b"\n");
        if self.plan.trace {
            eprintln!("{line}");
        }
        if self.tail.len() == KEPT_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    /// Something of this kind was done to the world.
    pub(super) fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    /// An invariant does not hold.
    pub(super) fn violated(&mut self, invariant: &'static str, what: String) {
        self.log(format_args!("VIOLATED {invariant}: {what}"));
        self.violations.push(Violation { invariant, what });
    }

    /// Is this bug planted?
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.plan.bug == Some(bug)
    }
}
