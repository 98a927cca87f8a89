//! The office's config: the real machine of an edition's way. Its steps go through the journal; its
//! slots are a map that outlives a crash, as fsynced files would.

use tokio::sync::oneshot;
use wasl_agent::engine::Input as EngineInput;
use wasl_protocol::edition::{
    AgentVersion, Edition, FleetId, Input, Now, OfficeConfig, OfficeSettings, Output, Probation,
    Running, Scope, Serial, SignedEdition, Trust, Who,
};
use wasl_protocol::private::Private;
use wasl_protocol::units::{MonoMs, UnixMs};
use wasl_protocol::wire::Message;

use super::office::Wanted;
use super::world::{Happens, World};

impl World<'_> {
    fn config_now(&self, nth: usize) -> Now {
        let clock = &self.offices[nth].clock;
        Now { mono: clock.mono(), at: clock.unix(), trusted: None }
    }

    /// The machine of an office that starts, from where its journal leaves it.
    pub(super) fn config_starts(&mut self, nth: usize) {
        let office = &self.offices[nth];
        let who = Who {
            trust: Trust::in_one(self.district.keys.config_key()),
            office: office.id.clone(),
            agent: AgentVersion(0, 1, 0),
        };
        let state = office.facts.borrow().config.clone();
        let running = self.running(nth, state.running());
        let machine = OfficeConfig::start(self.config_now(nth), who, state, running);
        self.offices[nth].config = Some(machine);
        self.pump_config(nth);
    }

    fn running(&self, nth: usize, serial: Serial) -> Running {
        let bytes = self.offices[nth].slots.get(&serial);
        let edition = bytes.and_then(|bytes| SignedEdition::decode(bytes).ok()?.edition().ok()?);
        let probation = edition.map_or(Probation::default(), |edition| edition.probation);
        Running { endpoints: Vec::new(), probation }
    }

    fn tell_config(&mut self, nth: usize, input: Input) {
        let now = self.config_now(nth);
        if let Some(config) = &mut self.offices[nth].config {
            config.handle(now, input);
        }
        self.pump_config(nth);
    }

    pub(super) fn config_session(&mut self, nth: usize, live: bool) {
        self.tell_config(nth, Input::Session(live));
    }

    pub(super) fn config_tick(&mut self, nth: usize) {
        if self.offices[nth].config_at == self.time.now_ms() {
            self.tell_config(nth, Input::Tick);
        }
    }

    pub(super) fn config_hears(&mut self, nth: usize, message: Message) {
        match message {
            Message::Edition(offer) => {
                self.count("edition offered");
                self.tell_config(nth, Input::Offered { bytes: offer.bytes, by_hand: false });
            }
            Message::Abort(abort) => self.tell_config(nth, Input::Abort(abort.serial)),
            _ => {}
        }
    }

    /// The step is durable, or the disk is full: then the way stands still until the next start.
    pub(super) fn step_written(&mut self, nth: usize, written: bool) {
        if written {
            self.offices[nth].waits.config = false;
            self.tell_config(nth, Input::Journalled);
        }
    }

    fn pump_config(&mut self, nth: usize) {
        while !self.offices[nth].waits.config {
            let Some(config) = &mut self.offices[nth].config else { return };
            let input = match config.poll() {
                Output::Sleep(until) => return self.config_sleeps(nth, until),
                Output::Journal(step) => {
                    self.log(format_args!(
                        "office {nth}: edition {} {}",
                        step.serial,
                        step.phase.as_str()
                    ));
                    self.offices[nth].waits.config = true;
                    let (answer, waits) = oneshot::channel();
                    let input = EngineInput::ConfigStep { step: Box::new(step), answer };
                    return self.ask(nth, input, Wanted::Step(waits));
                }
                Output::Stage(serial, bytes) => {
                    self.offices[nth].slots.insert(serial, bytes);
                    Input::Staged(true)
                }
                Output::Apply(serial) => Input::Applied(Ok(self.running(nth, serial))),
                Output::Probe(_) => Input::Probed(None),
                Output::ProbeOld => Input::OldAnswers(true),
                Output::Keep(serials) => {
                    self.offices[nth].slots.retain(|serial, _| serials.contains(serial));
                    continue;
                }
                Output::Answer(..) => continue,
            };
            let now = self.config_now(nth);
            if let Some(config) = &mut self.offices[nth].config {
                config.handle(now, input);
            }
        }
    }

    fn config_sleeps(&mut self, nth: usize, until: MonoMs) {
        let life = self.offices[nth].life;
        if until != MonoMs::NEVER {
            let delay = until.since_ms(self.offices[nth].clock.mono()) + 1;
            let at = self.time.now_ms() + delay;
            if self.offices[nth].config_at != at {
                self.offices[nth].config_at = at;
                self.at(delay, Happens::Config { office: nth, life });
            }
        }
    }

    /// The next edition of the fleet, which stands as soon as it is in force.
    pub(super) fn next_edition(
        &self,
        serial: u64,
        before: Option<&SignedEdition>,
    ) -> SignedEdition {
        let mut settings = OfficeSettings::default();
        settings.link.heartbeat_s = 30 + serial;
        let edition = Edition {
            fleet: FleetId::of(&self.district.keys.config_key()),
            serial: Serial(serial),
            scope: Scope { all: true, ..Scope::default() },
            issued_at: UnixMs(0),
            not_after: UnixMs(i64::MAX),
            min_agent: AgentVersion(0, 1, 0),
            settings: settings.to_json(),
            probation: Probation { soak_s: 1, confirm_s: 1, session_s: 600, gate_s: 60 },
            previous: before.map(SignedEdition::hash),
            revert_of: None,
            author: Private("author".to_owned()),
            reason: "a simulated edition".to_owned(),
        };
        SignedEdition::sign(&edition, &self.district.author)
    }
}
