//! Drives one office's session over QUIC: the driver decides, the pump does.
//!
//! One task, no locks. Whatever can wait (a stream, the store, a timer) is a future that is polled
//! beside the others; each queue between them is bounded by not taking in more while it is long.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use quinn::Connection;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use wasl_protocol::id::OfficeId;
use wasl_protocol::units::MonoMs;
use wasl_protocol::wire::{Bye, ByeCode, Message};

use super::driver::{Driver, Effect, Event, Next, Waiting};
use super::sessions::{Seat, close};
use super::stream::{Broken, Control, Inbox, Outbox, next_entries};
use super::work::{Done, Stretch, do_work, look_for_config, read_feed};
use super::{GatewayConfig, limits};
use crate::store::{ForOffice, Office, StandingNews};

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
    let (now, key) = (config.world.clock.mono(), config.keys.sign_key().clone());
    let mut pump = Pump {
        news: config.store.feed_grew(),
        config_news: config.store.config_news(),
        standing: config.store.standing_news(),
        driver: Driver::open(now, office.id.clone(), config.store.epoch(), key),
        office: Arc::new(office),
        control: None,
        entries: None,
        states: Outbox::new(states),
        working: None,
        reading: None,
        looking: None,
        config,
        connection,
        seat,
    };
    let office = pump.office.clone();
    let bye = tokio::select! {
        bye = pump.talk() => bye,
        code = seat.told_to_end() => Bye::now(code),
    };
    // Before the streams end: the office is to hear why, and not that a stream broke.
    close(connection, bye);
    // An append that is under way has the database's only writer, and nobody drives it any more.
    drop(pump);
    if let Some(at) = seat.last_seen()
        && let Err(error) = config.store.seen(&office.id, at).await
    {
        tracing::error!(office = %office.id, %error, "its last word could not be noted");
    }
    tracing::info!(office = %office.id, code = ?bye.code, "the session ended");
}

struct Pump<'a> {
    config: &'a GatewayConfig,
    connection: &'a Connection,
    seat: &'a Seat,
    office: Arc<Office>,
    driver: Driver,
    news: broadcast::Receiver<OfficeId>,
    config_news: broadcast::Receiver<OfficeId>,
    standing: broadcast::Receiver<StandingNews>,
    control: Option<Control>,
    entries: Option<Inbox>,
    states: Outbox,
    working: Option<BoxFuture<'static, Done>>,
    reading: Option<BoxFuture<'static, Result<Stretch, Bye>>>,
    looking: Option<BoxFuture<'static, Result<ForOffice, Bye>>>,
}

impl Pump<'_> {
    /// Returns what to say with the close.
    async fn talk(&mut self) -> Bye {
        loop {
            let until = match self.driver.poll(self.waiting()) {
                Next::Do(effect) => {
                    self.carry_out(effect);
                    continue;
                }
                Next::End(bye) => return bye,
                Next::Sleep(until) => until,
            };
            match self.event(until).await {
                Ok(Some(event)) => self.driver.take(self.config.world.clock.mono(), event),
                Ok(None) => {}
                Err(Broken::Gone) => return Bye::now(ByeCode::Done),
                Err(Broken::Fault) => return Bye::now(ByeCode::Fault),
            }
        }
    }

    fn waiting(&self) -> Waiting {
        let control = self.control.as_ref().map_or(0, |control| control.outbox.waiting());
        Waiting { control, states: self.states.waiting() }
    }

    /// Waits for whatever comes first; none if it is nothing that the driver has to know.
    async fn event(&mut self, until: MonoMs) -> Result<Option<Event>, Broken> {
        let now = self.config.world.clock.mono();
        let nap = Duration::from_millis(until.since_ms(now).min(LONGEST_NAP_MS));
        let room = self.driver.has_room(self.waiting());
        let event = tokio::select! {
            biased;
            done = maybe(&mut self.working) => {
                self.working = None;
                Event::Done(done)
            }
            read = maybe(&mut self.reading) => {
                self.reading = None;
                Event::Read(read)
            }
            found = maybe(&mut self.looking) => {
                self.looking = None;
                Event::Config(found)
            }
            step = Control::step(&mut self.control, self.connection, room) => match step? {
                Some(message) => Event::Message(message),
                None => return Ok(None),
            },
            message = next_entries(&mut self.entries, self.connection), if room => {
                Event::Message(message?)
            }
            flushed = self.states.flush() => return flushed.map(|()| None),
            () = grew(&mut self.news, &self.office.id) => Event::FeedGrew,
            () = grew(&mut self.config_news, &self.office.id) => Event::ConfigNews,
            news = standing(&mut self.standing) => Event::Standing(news),
            () = tokio::time::sleep(nap) => Event::Tick,
        };
        if let Event::Message(_) = event {
            let Self { config, connection, seat, .. } = self;
            seat.seen(config.world.clock.unix(), connection.remote_address(), connection.rtt());
        }
        Ok(Some(event))
    }

    fn carry_out(&mut self, effect: Effect) {
        let (config, office) = (self.config.clone(), Arc::clone(&self.office));
        match effect {
            Effect::Put(message @ Message::States(_)) => self.states.push(&message),
            Effect::Put(message) => {
                if let Some(control) = &mut self.control {
                    control.outbox.push(&message);
                }
            }
            Effect::Work(work) => self.working = Some(Box::pin(do_work(config, office, work))),
            Effect::ReadFeed { journals, after, max_bytes } => {
                let read = read_feed(config, office, journals, after, max_bytes);
                self.reading = Some(Box::pin(read));
            }
            Effect::LookForConfig => {
                self.looking = Some(Box::pin(look_for_config(config, office)));
            }
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

/// Returns when there is something that concerns all sessions.
async fn standing(news: &mut broadcast::Receiver<StandingNews>) -> StandingNews {
    loop {
        match news.recv().await {
            Ok(news) => return news,
            Err(RecvError::Lagged(_)) => {}
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
