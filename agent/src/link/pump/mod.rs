//! Drives one session: the machine decides, the pump does.
//!
//! One task, no locks. Whatever can wait (a stream, the engine, a timer) is a future that is polled
//! beside the others; each queue between them is bounded by not asking for more while it is long.

mod budget; // how much of the link may be used
mod deeds; // what the machine wants done
mod keep; // what HQ sent: checked, then kept

#[cfg(test)]
mod tests; // sessions with a hand-made HQ

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use quinn::Connection;
use tokio::sync::watch;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{JournalId, Position};
use wasl_protocol::session::office::{Input, OfficeSession};
use wasl_protocol::units::MonoMs;
use wasl_protocol::wire::{Bye, ByeCode, Entries, Message, States, Stream};

use self::budget::Budget;

use super::board::{Board, Traffic};
use super::failure::Failure;
use super::stream::{Inbox, Outbox, next_of};
use super::{LinkConfig, changed};
use crate::config::InForce;
use crate::engine::{Facts, Refused, Run};

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
    machine: OfficeSession,
    facts: watch::Receiver<Arc<Facts>>,
    in_force: watch::Receiver<Arc<InForce>>,
    budget: Budget,
    control: Outbox,
    answers: Inbox,
    entries: Outbox,
    states: Option<Inbox>,
    /// What to read next from the journal, once there is room for it.
    wanted: Option<(JournalId, Position, usize)>,
    reading: Option<BoxFuture<'static, Result<Read, Refused>>>,
    to_store: VecDeque<States>,
    storing: Option<BoxFuture<'static, Result<Cursor, Failure>>>,
    /// Reports without a Level: their numbers, and how many kicks there had been.
    asked: VecDeque<(u64, u64)>,
    /// How many kicks there had been at the newest of them.
    asked_kicks: u64,
    /// What the connection had carried when it was last told.
    carried: Traffic,
    lived: bool,
}

/// Frames read for the machine's `SendEntries`, if there were any.
struct Read {
    journal: JournalId,
    after: Position,
    run: Option<Run>,
}

/// What happened while the machine slept.
enum Event {
    Read(Read),
    Stored(Cursor),
    Message(Message),
    Flushed,
    Grew,
    Kicked,
    Configured,
    Tick,
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
        Ok(Self {
            machine: OfficeSession::new(config.world.clock.mono(), heartbeat_ms(config)),
            facts: config.handle.facts(),
            in_force,
            budget: Budget::new(config.world.clock.mono()),
            control: Outbox::new(send),
            answers: Inbox::new(Stream::Control, receive),
            entries: Outbox::new(entries),
            states: None,
            wanted: None,
            reading: None,
            to_store: VecDeque::new(),
            storing: None,
            asked: VecDeque::new(),
            asked_kicks: 0,
            carried: Traffic::default(),
            lived: false,
            config,
            board,
            kicks,
            connection,
        })
    }

    /// Talks until the session ends.
    pub(super) async fn run(mut self) -> Ended {
        let mut failure = self.talk().await;
        self.alive();
        let bye = match &failure {
            Failure::Fault(_) => Bye::now(ByeCode::Fault),
            Failure::Fork => Bye::now(ByeCode::Fork),
            Failure::Timeout => Bye::now(ByeCode::Timeout),
            Failure::Engine(_) => Bye::now(ByeCode::CannotStore),
            _ => Bye::now(ByeCode::Done),
        };
        if let (Failure::Broken(_), Some(reason)) = (&failure, self.connection.close_reason()) {
            // The connection knows better than the stream why it ended.
            failure = reason.into();
        }
        Ended { bye, why: failure, lived: self.lived }
    }

    async fn talk(&mut self) -> Failure {
        let facts = Arc::clone(&self.facts.borrow_and_update());
        self.note_asked(0);
        let opened = deeds::greeting(&facts, self.config);
        self.tell(opened);
        loop {
            let until = match self.drain().await {
                Ok(until) => until,
                Err(failure) => return failure,
            };
            match self.event(until).await {
                Ok(event) => {
                    if let Err(failure) = self.take(event) {
                        return failure;
                    }
                }
                Err(failure) => return failure,
            }
        }
    }

    fn tell(&mut self, input: Input) {
        self.machine.handle(self.config.world.clock.mono(), input);
    }

    /// Waits for whatever comes first. What was read goes first: an Ack of it must come later.
    async fn event(&mut self, until: MonoMs) -> Result<Event, Failure> {
        let now = self.config.world.clock.mono();
        let nap = Duration::from_millis(until.since_ms(now).min(LONGEST_NAP_MS));
        // Level is told after what it tells of: while states wait, the answers may.
        let room = self.to_store.len() < STATES_WAITING && self.control.waiting() < SENDS_WAITING;
        tokio::select! {
            biased;
            read = maybe(&mut self.reading) => Ok(Event::Read(read?)),
            cursor = maybe(&mut self.storing) => Ok(Event::Stored(cursor?)),
            flushed = self.control.flush() => flushed.map(|()| Event::Flushed),
            message = self.answers.next(), if room => message.map(Event::Message),
            message = next_of(&mut self.states, &self.connection), if room => {
                message.map(Event::Message)
            }
            flushed = self.entries.flush() => flushed.map(|()| Event::Flushed),
            changed = self.facts.changed() => match changed {
                Ok(()) => Ok(Event::Grew),
                Err(_) => Err(Refused::Stopped.into()),
            },
            Ok(()) = self.kicks.changed() => Ok(Event::Kicked),
            () = changed(&mut self.in_force) => Ok(Event::Configured),
            () = tokio::time::sleep(nap) => Ok(Event::Tick),
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Read(read) => self.send(read),
            Event::Stored(cursor) => {
                self.storing = None;
                self.tell(Input::StatesStored(cursor));
            }
            Event::Message(message) => {
                self.alive();
                if let Message::Ack(ack) = &message {
                    keep::check(ack, &self.config.hq_sign_key)?;
                }
                self.tell(Input::Received(message));
            }
            Event::Grew => {
                let facts = Arc::clone(&self.facts.borrow_and_update());
                for (journal, head) in &facts.journals {
                    self.tell(Input::Grew { journal: *journal, head: *head });
                }
            }
            Event::Flushed | Event::Kicked => {}
            Event::Configured => {
                self.machine.beat_every(heartbeat_ms(self.config));
                self.tell(Input::Tick);
            }
            Event::Tick => self.tell(Input::Tick),
        }
        self.ask_if_kicked();
        Ok(())
    }

    fn alive(&mut self) {
        let stats = self.connection.stats();
        let (sent_bytes, received_bytes) = (stats.udp_tx.bytes, stats.udp_rx.bytes);
        let carried = Traffic { sent_bytes, received_bytes };
        self.board.alive(self.connection.rtt(), carried.since(self.carried));
        self.carried = carried;
    }

    /// Puts what was read on the stream, and only then says so.
    fn send(&mut self, read: Read) {
        self.reading = None;
        let Read { journal, after, run } = read;
        let (last, bytes) = match run {
            None => (after, 0),
            Some(run) => {
                let bytes = run.frames.len() as u64;
                let key = &self.config.sign_key;
                let entries = Entries::new(journal, run.after, run.frames, run.last, key);
                self.entries.push(&Message::Entries(entries));
                let cap_kbit_s = self.in_force.borrow().settings.bandwidth.records_kbit_s;
                self.budget.spend(self.config.world.clock.mono(), bytes, cap_kbit_s);
                (run.last, bytes)
            }
        };
        self.tell(Input::EntriesSent { journal, last, bytes });
    }

    fn ask_if_kicked(&mut self) {
        if *self.kicks.borrow() > self.asked_kicks && self.machine.is_live() {
            self.tell(Input::Ask);
        }
    }

    fn note_asked(&mut self, report: u64) {
        self.asked_kicks = *self.kicks.borrow_and_update();
        self.asked.push_back((report, self.asked_kicks));
    }
}

fn heartbeat_ms(config: &LinkConfig) -> u64 {
    config.settings().heartbeat_s.saturating_mul(1000)
}

/// The future, if there is one; else never.
async fn maybe<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// How many messages of entries may wait for room in QUIC before no more are read.
const ENTRIES_WAITING: usize = 2;

/// How many small messages may wait for room in QUIC before no more are taken in.
const SENDS_WAITING: usize = 64;

/// How many messages of states may wait for the engine before no more are taken in.
const STATES_WAITING: usize = 8;

/// The longest sleep at a time, in milliseconds.
const LONGEST_NAP_MS: u64 = 3_600_000;
