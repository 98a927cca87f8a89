//! Drives one office's session: the machine decides, the pump does.
//!
//! One task, no locks. Whatever can wait (a stream, the store, a timer) is a future that is polled
//! beside the others; each queue between them is bounded by not taking in more while it is long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use quinn::Connection;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use wasl_protocol::edition::Serial;
use wasl_protocol::id::{JournalId, OfficeId};
use wasl_protocol::session::hq::{HqSession, Input, Output};
use wasl_protocol::units::{FeedNo, MonoMs};
use wasl_protocol::wire::{Abort, Ack, Bye, ByeCode, Message, Offer};

use super::limits::{SENDS_WAITING, SKIPPED, STATES_WAITING, WORK_WAITING};
use super::sessions::{Seat, close};
use super::stream::{Broken, Control, Inbox, Outbox, next_entries};
use super::work::{Done, Stretch, Work, do_work, look_for_config, read_feed};
use super::{GatewayConfig, limits};
use crate::store::{ForOffice, Office};

/// Talks with a known office until the session ends, and closes the connection.
pub(super) async fn serve(
    config: &GatewayConfig,
    connection: &Connection,
    office: Office,
    seat: &Seat,
) {
    // A stranger had a small window; an office has a fat one.
    connection.set_receive_window(limits::OFFICE_WINDOW_BYTES.into());
    tracing::info!(office = %office.id, address = %connection.remote_address(), "connected");
    let Ok(states) = connection.open_uni().await else { return };
    let mut pump = Pump {
        news: config.store.feed_grew(),
        config_news: config.store.config_news(),
        machine: HqSession::new(config.world.clock.mono()),
        office: Arc::new(office),
        control: None,
        entries: None,
        states: Outbox::new(states),
        work: VecDeque::new(),
        working: None,
        receipts: Vec::new(),
        wanted: None,
        reading: None,
        journals: Vec::new(),
        told: FeedNo(0),
        look: false,
        welcomed: false,
        looking: None,
        offered: None,
        aborted: None,
        config,
        connection,
        seat,
    };
    let office = pump.office.clone();
    let bye = pump.talk().await;
    // An append that is under way has the database's only writer, and nobody drives it any more.
    drop(pump);
    if let Some(at) = seat.last_seen()
        && let Err(error) = config.store.seen(&office.id, at).await
    {
        tracing::error!(office = %office.id, %error, "its last word could not be noted");
    }
    tracing::info!(office = %office.id, code = ?bye.code, "the session ended");
    close(connection, bye);
}

struct Pump<'a> {
    config: &'a GatewayConfig,
    connection: &'a Connection,
    seat: &'a Seat,
    office: Arc<Office>,
    machine: HqSession,
    news: broadcast::Receiver<OfficeId>,
    config_news: broadcast::Receiver<OfficeId>,
    control: Option<Control>,
    entries: Option<Inbox>,
    states: Outbox,
    work: VecDeque<Work>,
    working: Option<BoxFuture<'static, Done>>,
    /// What to send right behind Welcome.
    receipts: Vec<Ack>,
    /// What to read next of the feed, once there is room for it.
    wanted: Option<(FeedNo, usize)>,
    reading: Option<BoxFuture<'static, Result<Stretch, Bye>>>,
    /// The journals that Hello named.
    journals: Vec<JournalId>,
    /// How far the office has been told that the feed has come.
    told: FeedNo,
    /// Is it to be looked what there is to say of the office's config?
    look: bool,
    /// Before that the machine says nothing else.
    welcomed: bool,
    looking: Option<BoxFuture<'static, Result<ForOffice, Bye>>>,
    /// The edition that was offered last, or that the office had when it came.
    offered: Option<Serial>,
    /// The edition of which it was told last that its rollout is stopped.
    aborted: Option<Serial>,
}

/// What happened while the machine slept.
enum Event {
    Done(Done),
    Read(Result<Stretch, Bye>),
    Config(Result<ForOffice, Bye>),
    Message(Message),
    Flushed,
    FeedGrew,
    ConfigNews,
    Tick,
}

impl Pump<'_> {
    /// Returns what to say with the close.
    async fn talk(&mut self) -> Bye {
        loop {
            let until = match self.drain() {
                Ok(until) => until,
                Err(bye) => return bye,
            };
            match self.event(until).await {
                Ok(event) => self.take(event),
                Err(Broken::Gone) => return Bye::now(ByeCode::Done),
                Err(Broken::Fault) => return Bye::now(ByeCode::Fault),
            }
        }
    }

    fn tell(&mut self, input: Input) {
        self.machine.handle(self.config.world.clock.mono(), input);
    }

    async fn event(&mut self, until: MonoMs) -> Result<Event, Broken> {
        let now = self.config.world.clock.mono();
        let nap = Duration::from_millis(until.since_ms(now).min(LONGEST_NAP_MS));
        let answers = self.control.as_ref().map_or(0, |control| control.outbox.waiting());
        let room = self.work.len() < WORK_WAITING && answers < SENDS_WAITING;
        tokio::select! {
            biased;
            done = maybe(&mut self.working) => Ok(Event::Done(done)),
            read = maybe(&mut self.reading) => Ok(Event::Read(read)),
            found = maybe(&mut self.looking) => Ok(Event::Config(found)),
            step = Control::step(&mut self.control, self.connection, room) => {
                step.map(|message| message.map_or(Event::Flushed, Event::Message))
            }
            message = next_entries(&mut self.entries, self.connection), if room => {
                message.map(Event::Message)
            }
            flushed = self.states.flush() => flushed.map(|()| Event::Flushed),
            () = grew(&mut self.news, &self.office.id) => Ok(Event::FeedGrew),
            () = grew(&mut self.config_news, &self.office.id) => Ok(Event::ConfigNews),
            () = tokio::time::sleep(nap) => Ok(Event::Tick),
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Done(Done { input, receipts }) => {
                self.working = None;
                self.receipts.extend(receipts);
                if let Some(input) = input {
                    self.tell(input);
                }
            }
            Event::Read(stretch) => {
                self.reading = None;
                match stretch {
                    Ok(stretch) => self.send_states(stretch),
                    Err(bye) => self.tell(Input::Close(bye)),
                }
            }
            Event::Config(found) => {
                self.looking = None;
                match found {
                    Ok(found) => self.say_config(found),
                    Err(bye) => self.tell(Input::Close(bye)),
                }
            }
            Event::Message(message) => {
                self.seat.seen(self.config.world.clock.unix());
                self.tell(Input::Received(message));
            }
            Event::FeedGrew => self.tell(Input::FeedGrew),
            Event::ConfigNews => self.look = true,
            Event::Tick => self.tell(Input::Tick),
            Event::Flushed => {}
        }
    }

    /// Does all that the machine wants done; returns until when it wants to sleep.
    fn drain(&mut self) -> Result<MonoMs, Bye> {
        loop {
            match self.machine.poll() {
                Output::Sleep(until) => {
                    self.start_waiting();
                    return Ok(until);
                }
                Output::Lookup(hello) => {
                    self.journals = hello.journals.iter().map(|(journal, _)| *journal).collect();
                    let cursor = hello.cursor.filter(|c| c.epoch == self.config.store.epoch());
                    self.told = cursor.map_or(FeedNo(0), |cursor| cursor.feed);
                    self.offered = Some(Serial(hello.edition));
                    self.work.push_back(Work::Lookup(hello));
                }
                Output::Append(entries) => self.work.push_back(Work::Append(entries)),
                Output::CursorMoved(cursor) => self.work.push_back(Work::Cursor(cursor)),
                Output::Reported(report) => self.work.push_back(Work::Report(report)),
                Output::SendStates { after, max_bytes } => self.wanted = Some((after, max_bytes)),
                Output::Send(message) => self.send(&message),
                Output::End { by_peer: true, .. } => return Err(Bye::now(ByeCode::Done)),
                Output::End { bye, .. } => return Err(bye),
            }
        }
    }

    fn send(&mut self, message: &Message) {
        let Some(Control { outbox, .. }) = &mut self.control else { return };
        outbox.push(message);
        if matches!(message, Message::Welcome(_)) {
            self.receipts.drain(..).for_each(|ack| outbox.push(&Message::Ack(ack)));
            (self.welcomed, self.look) = (true, true);
        }
    }

    /// Sends a stretch of the feed. An empty one is not worth a message and the office's fsync,
    /// unless it is so long that going over it again at each connection would cost more.
    fn send_states(&mut self, stretch: Stretch) {
        let Stretch { states, bytes, drained } = stretch;
        let upto = states.upto.feed;
        let worth = !states.states.is_empty() || upto.0.saturating_sub(self.told.0) > SKIPPED;
        if worth {
            self.told = upto;
            self.states.push(&Message::States(states));
        }
        let bytes = if worth { bytes.max(1) } else { 0 };
        self.tell(Input::StatesSent { upto, bytes, drained });
    }

    /// Says of the office's config what it has not been told in this session.
    fn say_config(&mut self, found: ForOffice) {
        if let Some((serial, bytes)) = found.offer
            && self.offered != Some(serial)
        {
            tracing::info!(office = %self.office.id, %serial, "an edition is offered");
            self.offered = Some(serial);
            self.tell(Input::Config(Message::Edition(Offer { bytes })));
        }
        if let Some(serial) = found.abort
            && self.aborted != Some(serial)
        {
            self.aborted = Some(serial);
            let abort = Abort::new(serial, self.config.keys.sign_key());
            self.tell(Input::Config(Message::Abort(abort)));
        }
    }

    /// Starts what has room now: one piece of work, one read of the feed, one look for config.
    fn start_waiting(&mut self) {
        if self.working.is_none()
            && let Some(work) = self.work.pop_front()
        {
            let (config, office) = (self.config.clone(), Arc::clone(&self.office));
            self.working = Some(Box::pin(do_work(config, office, work)));
        }
        if self.reading.is_none()
            && self.states.waiting() < STATES_WAITING
            && let Some((after, max_bytes)) = self.wanted.take()
        {
            let (config, office) = (self.config.clone(), Arc::clone(&self.office));
            let journals = self.journals.clone();
            self.reading = Some(Box::pin(read_feed(config, office, journals, after, max_bytes)));
        }
        if self.welcomed && self.looking.is_none() && std::mem::take(&mut self.look) {
            let (config, office) = (self.config.clone(), Arc::clone(&self.office));
            self.looking = Some(Box::pin(look_for_config(config, office)));
        }
    }
}

/// Returns when there may be news for the office.
async fn grew(news: &mut broadcast::Receiver<OfficeId>, office: &OfficeId) {
    loop {
        match news.recv().await {
            Ok(whose) if whose != *office => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The future, if there is one; else never.
async fn maybe<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// The longest sleep at a time, in milliseconds.
const LONGEST_NAP_MS: u64 = 3_600_000;
