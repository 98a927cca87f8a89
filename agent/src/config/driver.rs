//! Does what the machine wants: the journal, the slots, the watch, the look at HQ's endpoints.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use wasl_protocol::edition::{
    ConfigState, EditionHash, Input, Now, OfficeConfig, Output, Running, Serial, SignedEdition,
    Step, Who,
};
use wasl_protocol::entry::Cursor;
use wasl_protocol::units::{MonoMs, UnixMs};

use super::handle::{Ask, Config, ConfigError, ConfigFacts};
use super::imports::Imports;
use super::in_force::InForce;
use super::silence::Silence;
use super::slots::Slots;
use crate::engine::{Facts, Handle, Refused};
use crate::seam::World;
use crate::settings::Tighten;

/// Does HQ answer at this endpoint (`host:port`)? Handed in by whoever knows how to ask.
pub type Reach = Arc<dyn Fn(String) -> BoxFuture<'static, bool> + Send + Sync>;

/// With what the config of an office starts.
pub struct Start {
    /// Clock and disk.
    pub world: World,
    /// The data dir: the slots lie in it.
    pub dir: PathBuf,
    /// The journal, and what its steps have led to.
    pub engine: Handle,
    /// Which office this is, and whom it trusts.
    pub who: Who,
    /// Where HQ is if no edition says otherwise.
    pub joined: Vec<String>,
    /// What this machine is stricter in.
    pub tighten: Tighten,
    /// Looks for HQ.
    pub reach: Reach,
}

/// How many asks may wait.
const QUEUE: usize = 16;

/// How often a step that the full disk did not take is tried again, in milliseconds.
const FULL_MS: u64 = 1_000;

/// The longest sleep at a time, in milliseconds.
const LONGEST_NAP_MS: u64 = 60_000;

/// The shortest, in milliseconds: a trial whose time is over may still wait for HQ.
const SHORTEST_NAP_MS: u64 = 200;

/// The engine takes nothing any more: the daemon is about to end.
struct Gone;

impl Config {
    /// Puts in force what this office runs, and goes on with what was under way. Once this returns,
    /// [`Config::in_force`] is what intake may open with. Ends when `stop` says true.
    pub async fn start(start: Start, stop: watch::Receiver<bool>) -> (Self, JoinHandle<()>) {
        let (mut driver, config, asks) = Driver::new(start);
        let settled = driver.settle().await;
        let task = tokio::spawn(async move {
            if settled.is_ok() {
                driver.run(asks, stop).await;
            }
        });
        (config, task)
    }
}

struct Driver {
    start: Start,
    slots: Slots,
    machine: OfficeConfig,
    in_force: watch::Sender<Arc<InForce>>,
    facts: watch::Sender<Arc<ConfigFacts>>,
    engine: watch::Receiver<Arc<Facts>>,
    /// A step that a full disk did not take.
    unwritten: Option<Step>,
    /// A look for HQ that is under way.
    looking: Option<BoxFuture<'static, Input>>,
    imports: Imports,
    silence: Silence,
    /// The last receipt and piece of news that counted as heard.
    heard: (Option<UnixMs>, Option<Cursor>),
    /// HQ's clock, and when it showed that.
    hq_clock: Option<(UnixMs, MonoMs)>,
    desired: Option<Serial>,
    until: MonoMs,
}

impl Driver {
    fn new(start: Start) -> (Self, Config, mpsc::Receiver<Ask>) {
        let slots = Slots::new(start.world.disk.clone(), &start.dir);
        let engine = start.engine.facts();
        let (state, heard) = {
            let facts = engine.borrow();
            (facts.config.clone(), (facts.last_ack_at, facts.cursor))
        };
        let (first, running) = first(&start, &slots, &state);
        let now = start.world.clock.mono();
        let at = Now { mono: now, at: start.world.clock.unix(), trusted: None };
        let silence = Silence::load(start.world.disk.clone(), slots.clone(), now);
        let desired = state.attempt.as_ref().map(|attempt| attempt.serial.max(state.good));
        let machine = OfficeConfig::start(at, start.who.clone(), state, running);
        let (asks, queue) = mpsc::channel(QUEUE);
        let (in_force, seen) = watch::channel(Arc::new(first));
        let (facts, told) = watch::channel(Arc::default());
        let config = Config { asks, in_force: seen, facts: told };
        let driver = Self {
            start,
            slots,
            machine,
            in_force,
            facts,
            engine,
            unwritten: None,
            looking: None,
            imports: Imports::default(),
            silence,
            heard,
            hq_clock: None,
            desired,
            until: now,
        };
        (driver, config, queue)
    }

    async fn run(mut self, mut asks: mpsc::Receiver<Ask>, mut stop: watch::Receiver<bool>) {
        loop {
            let nap = self.nap();
            tokio::select! {
                () = stopped(&mut stop) => break,
                ask = asks.recv() => match ask {
                    Some(ask) => self.take(ask).await,
                    None => break,
                },
                input = maybe(&mut self.looking) => {
                    self.looking = None;
                    self.machine.handle(self.now(), input);
                }
                () = tokio::time::sleep(nap) => self.machine.handle(self.now(), Input::Tick),
            }
            if self.settle().await.is_err() {
                return;
            }
        }
        self.silence.keep(self.mono());
    }

    async fn take(&mut self, ask: Ask) {
        let input = match ask {
            Ask::Offer(bytes) => {
                self.offered(&bytes);
                Input::Offered { bytes, by_hand: false }
            }
            Ask::Import { bytes, answer } => {
                if !self.imports.wait(self.mono(), &bytes, answer) {
                    return;
                }
                self.offered(&bytes);
                Input::Offered { bytes, by_hand: true }
            }
            Ask::Aborted(serial) => Input::Abort(serial),
            Ask::Clock(hq) => {
                self.hq_clock = Some((hq, self.mono()));
                return;
            }
            Ask::Session(live) => {
                self.silence.session(self.mono(), live);
                Input::Session(live)
            }
            Ask::Gate(gate, ok) => Input::Gate(gate, ok),
            Ask::RollBack { why, answer } => {
                let attempt = self.machine.state().attempt.as_ref();
                if !attempt.is_some_and(|attempt| attempt.phase.is_on_trial()) {
                    let _ = answer.send(Err(ConfigError::NoTrial));
                    return;
                }
                return self.obey(Input::RollBack(why), answer).await;
            }
            Ask::Hold { until, why, answer } => {
                return self.obey(Input::Hold(until, why), answer).await;
            }
            Ask::Unhold { answer } => return self.obey(Input::Unhold, answer).await,
        };
        self.machine.handle(self.now(), input);
    }

    /// Does what the operator wants, and answers then.
    async fn obey(
        &mut self,
        input: Input,
        answer: tokio::sync::oneshot::Sender<Result<(), ConfigError>>,
    ) {
        self.machine.handle(self.now(), input);
        let done = self.settle().await.map_err(|Gone| ConfigError::Stopped);
        let _ = answer.send(done);
    }

    /// Takes note of an edition that came, if those signed it who may.
    fn offered(&mut self, bytes: &[u8]) {
        let Ok(signed) = SignedEdition::decode(bytes) else { return };
        let edition = signed.edition().ok().flatten();
        if let Some(edition) = edition.filter(|_| signed.is_signed(&self.start.who.trust)) {
            self.desired = self.desired.max(Some(edition.serial));
            self.silence.heard(self.mono(), self.start.world.clock.unix());
        }
    }

    /// Does all that the machine wants done, then tells how it stands.
    async fn settle(&mut self) -> Result<(), Gone> {
        if let Some(step) = self.unwritten.take() {
            self.journal(step).await?;
        }
        loop {
            let input = match self.machine.poll() {
                Output::Sleep(until) => {
                    self.until = until;
                    break;
                }
                Output::Journal(step) => {
                    self.journal(step).await?;
                    continue;
                }
                Output::Stage(serial, bytes) => Input::Staged(self.stage(serial, bytes).await),
                Output::Apply(serial) => Input::Applied(self.apply(serial)),
                Output::Probe(endpoints) => {
                    self.looking = Some(Box::pin(look(self.start.reach.clone(), endpoints)));
                    continue;
                }
                Output::ProbeOld => {
                    let before = self.endpoints_before();
                    let reach = self.start.reach.clone();
                    self.looking = Some(Box::pin(look_back(reach, before)));
                    continue;
                }
                Output::Keep(serials) => {
                    if let Err(e) = self.slots.keep(&serials) {
                        tracing::warn!(error = %e, "an old edition could not be removed");
                    }
                    continue;
                }
                Output::Answer(serial, answer) => {
                    if let Err(why) = &answer {
                        tracing::warn!(%serial, code = why.code(), "an edition is not taken");
                    }
                    self.imports.answered(serial, &answer);
                    continue;
                }
            };
            self.machine.handle(self.now(), input);
        }
        self.tell();
        Ok(())
    }

    /// Appends a step; one that a full disk does not take is tried again, and the way waits for it.
    async fn journal(&mut self, step: Step) -> Result<(), Gone> {
        match self.start.engine.config_step(&step).await {
            Ok(_) => {
                let code = step.phase.why().map(|(code, _)| code);
                let phase = step.phase.as_str();
                tracing::info!(serial = %step.serial, phase, code, "a step of an edition");
                self.machine.handle(self.now(), Input::Journalled);
                Ok(())
            }
            Err(Refused::Poisoned | Refused::Stopped) => Err(Gone),
            Err(_) => {
                self.unwritten = Some(step);
                Ok(())
            }
        }
    }

    async fn stage(&mut self, serial: Serial, bytes: Vec<u8>) -> bool {
        let (slots, good) = (self.slots.clone(), self.machine.state().good);
        let staged = tokio::task::spawn_blocking(move || slots.stage(serial, &bytes, good));
        let staged = staged.await.unwrap_or_else(|e| Err(io::Error::other(e)));
        if let Err(e) = &staged {
            tracing::error!(%serial, error = %e, "an edition could not be put in its slot");
        }
        staged.is_ok()
    }

    /// Puts an edition in force; what stands in the way, if something does.
    fn apply(&self, serial: Serial) -> Result<Running, String> {
        match layered(&self.start, &self.slots, self.machine.state(), serial) {
            Ok((in_force, running)) => {
                self.in_force.send_replace(Arc::new(in_force));
                Ok(running)
            }
            Err(why) => {
                tracing::error!(%serial, why, "an edition cannot be put in force");
                Err(why)
            }
        }
    }

    /// Where HQ was looked for before the edition on trial.
    fn endpoints_before(&self) -> Vec<String> {
        let state = self.machine.state();
        let good = layered(&self.start, &self.slots, state, state.good).ok();
        let endpoints = good.map(|(good, _)| good.settings.link.endpoints).unwrap_or_default();
        if endpoints.is_empty() { self.start.joined.clone() } else { endpoints }
    }

    fn tell(&mut self) {
        let now = self.mono();
        if self.silence.count(now) {
            self.silence.keep(now);
        }
        let heard = {
            let facts = self.engine.borrow();
            (facts.last_ack_at, facts.cursor)
        };
        if heard != self.heard {
            self.heard = heard;
            self.silence.heard(now, self.start.world.clock.unix());
        }
        let facts = ConfigFacts {
            state: self.machine.state().clone(),
            desired: self.desired,
            news_at: self.silence.heard_at(),
            silent_up_s: self.silence.up_s(),
        };
        self.facts.send_if_modified(|told| {
            let news = **told != facts;
            if news {
                *told = Arc::new(facts);
            }
            news
        });
        if self.unwritten.is_none() {
            self.imports.settle(now, self.machine.state());
        }
    }

    fn nap(&self) -> Duration {
        let waits = self.unwritten.is_some() || !self.imports.is_empty();
        let longest = if waits { FULL_MS } else { LONGEST_NAP_MS };
        Duration::from_millis(self.until.since_ms(self.mono()).clamp(SHORTEST_NAP_MS, longest))
    }

    fn mono(&self) -> MonoMs {
        self.start.world.clock.mono()
    }

    fn now(&self) -> Now {
        let mono = self.mono();
        let trusted = self
            .hq_clock
            .map(|(hq, shown)| UnixMs(hq.0.saturating_add_unsigned(mono.since_ms(shown))));
        Now { mono, at: self.start.world.clock.unix(), trusted }
    }
}

/// What is in force before the machine has done anything: what ran before the stop. If that is
/// lost, the last good one; if that is lost too, what is built in.
fn first(start: &Start, slots: &Slots, state: &ConfigState) -> (InForce, Running) {
    for serial in [state.running(), state.good] {
        match layered(start, slots, state, serial) {
            Ok(found) => return found,
            Err(why) => tracing::error!(%serial, why, "an edition cannot be put in force"),
        }
    }
    (InForce::built_in(&start.tighten), Running::default())
}

/// The layers with this edition in them, and what the machine has to know of it.
fn layered(
    start: &Start,
    slots: &Slots,
    state: &ConfigState,
    serial: Serial,
) -> Result<(InForce, Running), String> {
    if serial == Serial::BUILT_IN {
        return Ok((InForce::built_in(&start.tighten), Running::default()));
    }
    let bytes = slots.read(serial).map_err(|e| format!("its slot cannot be read: {e}"))?;
    let signed = SignedEdition::decode(&bytes).map_err(|_| "its slot is damaged".to_owned())?;
    if hash_of(state, serial) != Some(signed.hash()) {
        return Err("its slot holds another edition than the journal says".to_owned());
    }
    let (in_force, edition) = InForce::of(&signed, &start.who.trust, &start.tighten)?;
    // conf.d cannot move HQ: these are the edition's own.
    let endpoints = in_force.settings.link.endpoints.clone();
    Ok((in_force, Running { endpoints, probation: edition.probation }))
}

/// The hash of an edition that is in force or was the last good one, as the journal has it.
fn hash_of(state: &ConfigState, serial: Serial) -> Option<EditionHash> {
    let trial = state.attempt.as_ref();
    let trial = trial.filter(|attempt| attempt.serial == serial && attempt.phase.is_on_trial());
    let good = (state.good == serial).then_some(state.good_hash);
    trial.map(|attempt| attempt.hash).or(good)
}

/// The first of these endpoints at which HQ does not answer.
async fn look(reach: Reach, endpoints: Vec<String>) -> Input {
    for endpoint in endpoints {
        if !reach(endpoint.clone()).await {
            return Input::Probed(Some(endpoint));
        }
    }
    Input::Probed(None)
}

/// Does HQ answer at one of these?
async fn look_back(reach: Reach, endpoints: Vec<String>) -> Input {
    for endpoint in endpoints {
        if reach(endpoint).await {
            return Input::OldAnswers(true);
        }
    }
    Input::OldAnswers(false)
}

/// Returns once `stop` is true, or nobody is left to say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The future, if there is one; else never.
async fn maybe<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
