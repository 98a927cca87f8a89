//! Drives one session over QUIC: the driver decides, the pump does.
//!
//! One task, no locks. Whatever can wait (a stream, the engine, a timer) is a future that is polled
//! beside the others; each queue between them is bounded by not asking for more while it is long.

mod audit; // what this office has of its scope
#[cfg(test)]
mod tests; // sessions with a hand-made HQ

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use quinn::Connection;
use tokio::sync::watch;
use wasl_protocol::entry::Cursor;
use wasl_protocol::units::MonoMs;
use wasl_protocol::wire::{Bye, Fetched, Message, States, Stream, Welcome};

use super::board::{Board, Traffic};
use super::driver::{
    Driver, Effect, Event, Next, Rates, Terms, Waiting, check_news, farewell, greeting, report,
};
use super::failure::Failure;
use super::silence::{LOOK_MS, Silence};
use super::stream::{Inbox, Outbox, next_of};
use super::{LinkConfig, changed};
use crate::config::InForce;
use crate::engine::{Facts, Handle, Refused};

/// How a session ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What this side says with the close.
    pub(super) bye: Bye,
    /// Why.
    pub(super) why: Failure,
    /// Did it get anything done? Then the next wait is a short one.
    pub(super) lived: bool,
}

/// One session over one connection.
pub(super) struct Pump<'a> {
    config: &'a LinkConfig,
    board: &'a Board,
    kicks: &'a mut watch::Receiver<u64>,
    connection: Connection,
    driver: Driver,
    facts: watch::Receiver<Arc<Facts>>,
    in_force: watch::Receiver<Arc<InForce>>,
    control: Outbox,
    answers: Inbox,
    entries: Outbox,
    states: Option<Inbox>,
    reading: Option<BoxFuture<'static, Result<Event, Refused>>>,
    storing: Option<BoxFuture<'static, Result<Cursor, Failure>>>,
    comparing: Option<BoxFuture<'static, Result<Event, Refused>>>,
    /// What the connection had carried when it was last told.
    carried: Traffic,
    silence: Silence,
}

impl<'a> Pump<'a> {
    /// Opens the streams of a session.
    pub(super) async fn open(
        config: &'a LinkConfig,
        board: &'a Board,
        kicks: &'a mut watch::Receiver<u64>,
        connection: Connection,
    ) -> Result<Self, Failure> {
        let (send, receive) = connection.open_bi().await?;
        let entries = connection.open_uni().await?;
        // Small messages first: an acknowledgement must not wait behind a backlog.
        let _ = send.set_priority(1);
        let in_force = config.config.in_force();
        let mut facts = config.handle.facts();
        let greeting = {
            let serial = in_force.borrow().serial.0;
            greeting(&facts.borrow_and_update(), serial, config.world.clock.unix())
        };
        let seen = *kicks.borrow_and_update();
        let driver = Driver::open(config.world.clock.mono(), terms(config), greeting, seen);
        Ok(Self {
            driver,
            facts,
            in_force,
            control: Outbox::new(send),
            answers: Inbox::new(Stream::Control, receive),
            entries: Outbox::new(entries),
            states: None,
            reading: None,
            storing: None,
            comparing: None,
            carried: Traffic::default(),
            silence: Silence::default(),
            config,
            board,
            kicks,
            connection,
        })
    }

    /// Talks until the session ends.
    pub(super) async fn run(mut self) -> Ended {
        let Err(mut failure) = self.talk().await;
        self.alive();
        let bye = farewell(&failure);
        if let (Failure::Broken(_), Some(reason)) = (&failure, self.connection.close_reason()) {
            // The connection knows better than the stream why it ended.
            failure = reason.into();
        }
        Ended { bye, why: failure, lived: self.driver.lived() }
    }

    async fn talk(&mut self) -> Result<std::convert::Infallible, Failure> {
        self.tell_lacks();
        loop {
            match self.driver.poll(self.now(), self.waiting()) {
                Next::Do(effect) => self.carry_out(effect).await?,
                Next::End(failure) => return Err(failure),
                Next::Sleep(_) if self.is_silent() => return Err(Failure::Timeout),
                Next::Sleep(until) => {
                    if let Some(event) = self.event(until).await? {
                        self.driver.take(self.now(), event)?;
                    }
                }
            }
        }
    }

    fn now(&self) -> MonoMs {
        self.config.world.clock.mono()
    }

    /// Is an answer owed, and does nothing come back at all?
    fn is_silent(&mut self) -> bool {
        if !self.driver.is_owed() {
            return false;
        }
        let stats = self.connection.stats();
        let (sent, received) = (stats.udp_tx.datagrams, stats.udp_rx.datagrams);
        self.silence.judge(self.now(), sent, received, stats.path.rtt)
    }

    fn waiting(&self) -> Waiting {
        Waiting { control: self.control.waiting(), entries: self.entries.waiting() }
    }

    /// Waits for whatever comes first; none if it is nothing that the driver has to know. What was
    /// read goes first: an Ack of it must come later.
    async fn event(&mut self, until: MonoMs) -> Result<Option<Event>, Failure> {
        let longest = if self.driver.is_owed() { LOOK_MS } else { LONGEST_NAP_MS };
        let nap = Duration::from_millis(until.since_ms(self.now()).min(longest));
        let room = self.driver.has_room(self.waiting());
        let event = tokio::select! {
            biased;
            read = maybe(&mut self.reading) => {
                self.reading = None;
                read?
            }
            cursor = maybe(&mut self.storing) => {
                self.storing = None;
                Event::Stored(cursor?)
            }
            compared = maybe(&mut self.comparing) => {
                self.comparing = None;
                compared?
            }
            flushed = self.control.flush() => return flushed.map(|()| None),
            message = self.answers.next(), if room => Event::Message(message?),
            message = next_of(&mut self.states, &self.connection), if room => {
                Event::Message(message?)
            }
            flushed = self.entries.flush() => return flushed.map(|()| None),
            changed = self.facts.changed() => match changed {
                Ok(()) => {
                    self.tell_lacks();
                    Event::Grew(self.facts.borrow_and_update().journals.clone())
                }
                Err(_) => return Err(Refused::Stopped.into()),
            },
            Ok(()) = self.kicks.changed() => Event::Kicked(*self.kicks.borrow_and_update()),
            () = changed(&mut self.in_force) => Event::Rates(rates(self.config)),
            () = tokio::time::sleep(nap) => Event::Tick,
        };
        if let Event::Message(_) = event {
            self.alive();
        }
        Ok(Some(event))
    }

    async fn carry_out(&mut self, effect: Effect) -> Result<(), Failure> {
        let LinkConfig { handle, config, world, .. } = self.config;
        match effect {
            Effect::Put(message @ Message::Entries(_)) => self.entries.push(&message),
            Effect::Put(message) => self.control.push(&message),
            Effect::Report(number) => {
                let message = report(number, &self.facts.borrow(), world.clock.unix());
                if let Some(message) = message {
                    self.control.push(&message);
                }
            }
            Effect::Read { journal, after, max_bytes, pause_ms } => {
                let handle = handle.clone();
                self.reading = Some(Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                    let run = handle.read(journal, after, max_bytes).await?;
                    Ok(Event::Read { journal, after, run })
                }));
            }
            Effect::Agree(standing) => {
                let journal = standing.journal;
                let common = handle.agree(standing).await?;
                self.driver.take(self.now(), Event::Agreed { journal, common })?;
            }
            Effect::GiveBack { epoch, after } => {
                let signed = handle.signed(epoch, after).await?;
                self.driver.take(self.now(), Event::Signed(signed))?;
            }
            Effect::Store(states) => {
                self.storing = Some(Box::pin(keep(handle.clone(), states, terms(self.config))));
            }
            Effect::Acked(ack) => handle.acked(ack, world.clock.unix()).await?,
            Effect::Welcomed(welcome) => self.welcomed(&welcome).await,
            Effect::Config(Message::Edition(offer)) => config.offer(offer.bytes).await,
            Effect::Config(Message::Abort(abort)) => config.aborted(abort.serial).await,
            Effect::Config(_) => {} // the driver hands on nothing else
            Effect::Mend(Fetched { journal, after, frames }) => {
                if !handle.mend(journal, after, frames).await? {
                    let why = "frames that are not of our own journal".to_owned();
                    return Err(Failure::Fault(why));
                }
                self.tell_lacks();
            }
            Effect::Compare(fetched) => {
                let compared = handle.compare(fetched).await?;
                self.driver.take(self.now(), Event::Compared(compared))?;
            }
            Effect::Diverged { common } => handle.diverged(common).await?,
            Effect::Forked { journal, common } => {
                tracing::error!(%journal, %common, "HQ's journal and ours differ");
                handle.forked(common).await?;
            }
            Effect::Sum(audit) => {
                self.comparing = Some(Box::pin(audit::summed(handle.clone(), audit)));
            }
            Effect::List(differing) => {
                self.comparing = Some(Box::pin(audit::listed(handle.clone(), differing)));
            }
            Effect::Level { kicks } => self.board.level(kicks),
        }
        Ok(())
    }

    fn tell_lacks(&mut self) {
        let lacks = self.facts.borrow().lacks;
        self.driver.lacks(self.now(), lacks);
    }

    async fn welcomed(&mut self, welcome: &Welcome) {
        tracing::info!(epoch = %welcome.epoch, "HQ has welcomed us");
        self.config.config.clock(welcome.clock).await;
        self.config.config.session(true).await;
        self.board.up(self.connection.rtt(), welcome.clock);
    }

    fn alive(&mut self) {
        let stats = self.connection.stats();
        let (sent_bytes, received_bytes) = (stats.udp_tx.bytes, stats.udp_rx.bytes);
        let carried = Traffic { sent_bytes, received_bytes };
        self.board.alive(self.connection.rtt(), carried.since(self.carried));
        self.carried = carried;
    }
}

/// Checks news, then has it journalled and folded.
async fn keep(handle: Handle, states: States, terms: Terms) -> Result<Cursor, Failure> {
    let checked = tokio::task::spawn_blocking(move || {
        check_news(&states, &terms.office, &terms.hq_sign_key).map(|()| states)
    });
    let States { states, upto } = checked.await.map_err(|e| Failure::Broken(e.to_string()))??;
    handle.store_news(states, upto).await?;
    Ok(upto)
}

fn terms(config: &LinkConfig) -> Terms {
    Terms {
        office: config.office.clone(),
        sign_key: config.sign_key.clone(),
        hq_sign_key: config.hq_sign_key,
        rates: rates(config),
    }
}

fn rates(config: &LinkConfig) -> Rates {
    let in_force = config.config.in_force();
    let settings = &in_force.borrow().settings;
    Rates {
        heartbeat_ms: settings.link.heartbeat_s.saturating_mul(1000),
        records_kbit_s: settings.bandwidth.records_kbit_s,
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
