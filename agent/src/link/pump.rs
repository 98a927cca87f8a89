//! Drives one session: the machine decides, the pump does.
//!
//! One task, no locks. Whatever can wait (a stream, the engine, a timer) is a future that is polled
//! beside the others; each queue between them is bounded by not asking for more while it is long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use quinn::Connection;
use tokio::sync::watch;
use wasl_protocol::entry::{Cursor, StateError};
use wasl_protocol::id::{JournalId, OfficeId, Position};
use wasl_protocol::keys::VerifyKey;
use wasl_protocol::session::office::{Input, OfficeSession, Output};
use wasl_protocol::units::MonoMs;
use wasl_protocol::wire::{Bye, ByeCode, Entries, Hello, Message, Report, States, Stream, Welcome};

use super::LinkConfig;
use super::board::Board;
use super::failure::Failure;
use super::stream::{Inbox, Outbox, next_of};
use crate::engine::{Facts, Handle, Refused, Run};

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
    lived: bool,
}

/// Frames read for [`Output::SendEntries`], if there were any.
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
        let heartbeat_ms = u64::try_from(config.heartbeat.as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            machine: OfficeSession::new(config.world.clock.mono(), heartbeat_ms),
            facts: config.handle.facts(),
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
        let opened = greeting(&facts, self.config);
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
                self.board.alive(self.connection.rtt());
                if let Message::Ack(ack) = &message {
                    ack.verify(&self.config.hq_sign_key).map_err(|_| bad_signature("a receipt"))?;
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
            Event::Tick => self.tell(Input::Tick),
        }
        self.ask_if_kicked();
        self.start_waiting();
        Ok(())
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

    /// Does all that the machine wants done; returns until when it wants to sleep.
    async fn drain(&mut self) -> Result<MonoMs, Failure> {
        loop {
            match self.machine.poll() {
                Output::Sleep(until) => {
                    self.start_waiting();
                    return Ok(until);
                }
                Output::Send(message) => self.control.push(&message),
                Output::SendReport(number) => self.report(number),
                Output::SendEntries { journal, after, max_bytes } => {
                    self.wanted = Some((journal, after, max_bytes));
                }
                Output::Agree(standing) => {
                    let journal = standing.journal;
                    let common = self.config.handle.agree(standing).await?;
                    self.tell(Input::Agreed { journal, common });
                }
                Output::Acked(ack) => {
                    self.lived = true;
                    self.config.handle.acked(ack, self.config.world.clock.unix()).await?;
                }
                Output::Welcomed(welcome) => self.welcomed(&welcome),
                Output::Store(states) => self.to_store.push_back(states),
                Output::Forked { journal, common } => {
                    tracing::error!(%journal, %common, "HQ's journal and ours differ");
                    self.config.handle.forked(common).await?;
                }
                Output::Level { report } => self.level(report),
                Output::End { bye, by_peer } => return Err(ended(bye, by_peer)),
            }
        }
    }

    fn welcomed(&self, welcome: &Welcome) {
        tracing::info!(epoch = %welcome.epoch, "HQ has welcomed us");
        self.board.up(self.connection.rtt(), welcome.clock);
    }

    fn report(&mut self, number: u64) {
        let facts = self.facts.borrow().clone();
        let Some((_, head)) = facts.journals.last() else { return };
        self.note_asked(number);
        let clock = self.config.world.clock.unix();
        let (head, backlog, records) = (*head, facts.backlog, facts.records);
        self.control.push(&Message::Report(Report { number, clock, head, backlog, records }));
    }

    fn level(&mut self, report: u64) {
        self.lived = true;
        while self.asked.front().is_some_and(|(number, _)| *number <= report) {
            if let Some((_, kicks)) = self.asked.pop_front() {
                self.board.level(kicks);
            }
        }
    }

    /// Starts what has room now: one read of the journal, one write of the inbox.
    fn start_waiting(&mut self) {
        if self.reading.is_none()
            && self.entries.waiting() < ENTRIES_WAITING
            && let Some((journal, after, max_bytes)) = self.wanted.take()
        {
            let handle = self.config.handle.clone();
            self.reading = Some(Box::pin(async move {
                let run = handle.read(journal, after, max_bytes).await?;
                Ok(Read { journal, after, run })
            }));
        }
        if self.storing.is_none()
            && let Some(states) = self.to_store.pop_front()
        {
            let LinkConfig { handle, office, hq_sign_key, .. } = self.config;
            let stored = store(handle.clone(), states, office.clone(), *hq_sign_key);
            self.storing = Some(Box::pin(stored));
        }
    }
}

/// What to open a session with.
fn greeting(facts: &Facts, config: &LinkConfig) -> Input {
    let newest = facts.journals.last().map(|(journal, _)| *journal);
    let stored = facts.journals.iter().map(|(journal, head)| {
        // Only of the newest journal is it known; the older ones are complete but for an accident,
        // which Welcome shows.
        let known = facts.stored.unwrap_or(Position::start(*journal));
        if Some(*journal) == newest { known } else { *head }
    });
    Input::Opened {
        stored: stored.collect(),
        hello: Hello {
            journals: facts.journals.clone(),
            cursor: facts.cursor,
            hq_seen: None,
            edition: 0,
            clock: config.world.clock.unix(),
            backlog: facts.backlog,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    }
}

/// Checks that HQ signed each of these states, for us; then has them journalled and folded.
async fn store(
    handle: Handle,
    states: States,
    office: OfficeId,
    hq: VerifyKey,
) -> Result<Cursor, Failure> {
    let checked = tokio::task::spawn_blocking(move || -> Result<States, Failure> {
        states.states.iter().try_for_each(|state| match state.verify(&hq) {
            Ok(state) if state.office != office => {
                Err(Failure::Fault("a record state that is for another office".to_owned()))
            }
            // What HQ signed and this version cannot read is kept for the next one.
            Ok(_) | Err(StateError::Decode(_)) => Ok(()),
            Err(StateError::Key(_)) => Err(bad_signature("a record state")),
        })?;
        Ok(states)
    });
    let States { states, upto } = checked.await.map_err(|e| Failure::Broken(e.to_string()))??;
    handle.store_states(states, upto).await?;
    Ok(upto)
}

fn bad_signature(of: &str) -> Failure {
    Failure::Fault(format!("the signature of {of} does not hold"))
}

fn ended(bye: Bye, by_peer: bool) -> Failure {
    match bye.code {
        _ if by_peer => Failure::Closed(bye),
        ByeCode::Timeout => Failure::Timeout,
        ByeCode::Fork => Failure::Fork,
        _ => Failure::Fault("a message out of turn".to_owned()),
    }
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
