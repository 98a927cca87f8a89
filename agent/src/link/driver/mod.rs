//! The office's end of one session, sans I/O: the machine, what waits for room, and what is to be
//! done. Whoever drives it does what [`Driver::poll`] wants and tells what came of it.
//!
//! Knows nothing of sockets, of tasks or of time but by being told: the pump drives it over QUIC,
//! the simulator over a simulated network. Everything that waits here is bounded by not asking for
//! more while it is long.

mod budget; // how much of the link may be used
mod checks; // what HQ sent: checked, then believed

use std::collections::VecDeque;

use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{EpochId, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::keys::{SignKey, VerifyKey};
use wasl_protocol::session::office::{Input, OfficeSession, Output};
use wasl_protocol::units::{MonoMs, Seq, UnixMs};
use wasl_protocol::wire::{
    Audit, Buckets, Bye, ByeCode, Differing, Entries, Fetched, Hello, Message, Report, Returned,
    Standing, States, Welcome,
};

use self::budget::Budget;
pub use self::checks::{check_abort, check_ack, check_news};
use super::failure::Failure;
use crate::engine::{Facts, Run, Signed};

/// Who talks with whom, and how fast.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Our own id: news for another office is not taken.
    pub office: OfficeId,
    /// Signs the entries that are sent.
    pub sign_key: SignKey,
    /// What HQ signs with.
    pub hq_sign_key: VerifyKey,
    /// What the config in force says of it.
    pub rates: Rates,
}

/// How fast a session goes; may change while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// How often a heartbeat is sent, in milliseconds.
    pub heartbeat_ms: u64,
    /// The most that entries may take of the link, in kbit/s; 0: there is no cap.
    pub records_kbit_s: u64,
}

/// How many messages wait for room on the streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// On the control stream.
    pub control: usize,
    /// On the stream of entries.
    pub entries: usize,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The answer to [`Effect::Read`]; none: nothing follows that position.
    Read {
        /// Which journal.
        journal: JournalId,
        /// The position behind which was read.
        after: Position,
        /// What was found.
        run: Option<Run>,
    },
    /// The answer to [`Effect::Agree`].
    Agreed {
        /// Which journal.
        journal: JournalId,
        /// The last position that both have.
        common: Option<Position>,
    },
    /// The answer to [`Effect::Compare`]: the last position that is the same, and whether what
    /// follows is not; none if the frames are no chain.
    Compared(Option<(Position, bool)>),
    /// The answer to [`Effect::Store`]: news up to here is on disk.
    Stored(Cursor),
    /// The answer to [`Effect::GiveBack`].
    Signed(Signed),
    /// The answer to [`Effect::Sum`].
    Summed(Buckets),
    /// The answer to [`Effect::List`].
    Listed {
        /// That of the audit.
        number: u64,
        /// The records in those buckets, each with its digest.
        records: Vec<(RecordId, u64)>,
    },
    /// A message of HQ's.
    Message(Message),
    /// Our journals end here now.
    Grew(Vec<(JournalId, Position)>),
    /// So many times somebody has wished to be level with HQ.
    Kicked(u64),
    /// Something else is in force.
    Rates(Rates),
    /// Time has passed.
    Tick,
}

/// What is to be done, in this order. What is answered with an [`Event`] may take its time.
#[derive(Debug)]
pub enum Effect {
    /// Put this message on [its stream](Message::stream).
    Put(Message),
    /// Put a [`report`] of how things stand now on the control stream.
    Report(u64),
    /// After so many milliseconds, read frames of the journal; then say [`Event::Read`].
    Read {
        /// Which journal.
        journal: JournalId,
        /// The position the first frame continues.
        after: Position,
        /// At most so many bytes of frames, but at least one.
        max_bytes: usize,
        /// How long the link is still paying for what was sent before, in milliseconds.
        pause_ms: u64,
    },
    /// Have the engine find the last common position; then say [`Event::Agreed`]. Nothing else of
    /// this session is done before.
    Agree(Standing),
    /// [Check](check_news) this news, have it journalled and folded; then say [`Event::Stored`].
    Store(States),
    /// Read states that HQ signed in other lives than `epoch`; then say [`Event::Signed`]. Nothing
    /// else of this session is done before.
    GiveBack {
        /// HQ's life now.
        epoch: EpochId,
        /// Behind which entry of the inbox.
        after: Seq,
    },
    /// Hand HQ's receipt to the engine; its signature holds.
    Acked(wasl_protocol::wire::Ack),
    /// HQ greeted.
    Welcomed(Welcome),
    /// Hand this to the config: [`Message::Edition`], which carries its own signatures, or
    /// [`Message::Abort`], whose signature holds.
    Config(Message),
    /// Hand these frames of our own journal to the engine, which asked for them. Nothing else of
    /// this session is done before. If they are not what was there, the session is over.
    Mend(Fetched),
    /// Have the engine compare these frames of HQ's with our own; then say [`Event::Compared`].
    /// Nothing else of this session is done before.
    Compare(Fetched),
    /// Have the digests of all records summed; then say [`Event::Summed`].
    Sum(Audit),
    /// Have the records in these buckets listed; then say [`Event::Listed`].
    List(Differing),
    /// Tell the engine that the newest journal and HQ's copy of it part here.
    Diverged {
        /// The last position that both have.
        common: Position,
    },
    /// Tell the engine that HQ's journal and ours differ, after this at the latest.
    Forked {
        /// Which journal.
        journal: JournalId,
        /// The last common number.
        common: Seq,
    },
    /// Tell whoever waits for it that both were level after so many kicks.
    Level {
        /// So many.
        kicks: u64,
    },
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Do this, and ask again.
    Do(Effect),
    /// Nothing before this moment, unless something happens.
    Sleep(MonoMs),
    /// The session is over: nothing is done any more.
    End(Failure),
}

/// One session, from its opening to its end.
#[derive(Debug)]
pub struct Driver {
    machine: OfficeSession,
    terms: Terms,
    budget: Budget,
    /// What to read next from the journal, once there is room for it.
    wanted: Option<(JournalId, Position, usize)>,
    /// What to give back next to an HQ that was put back, once there is room for it.
    give_back: Option<(EpochId, Seq)>,
    reading: bool,
    to_store: VecDeque<States>,
    storing: bool,
    /// What is to be done before the machine is asked again.
    effects: VecDeque<Effect>,
    /// How many kicks there have been.
    kicks: u64,
    /// Reports without a Level: their numbers, and how many kicks there had been.
    asked: VecDeque<(u64, u64)>,
    /// How many kicks there had been at the newest of them.
    asked_kicks: u64,
    lived: bool,
}

impl Driver {
    /// A session that greets with this as soon as it is polled; so many kicks there were before.
    pub fn open(now: MonoMs, terms: Terms, greeting: Input, kicks: u64) -> Self {
        let mut driver = Self {
            machine: OfficeSession::new(now, terms.rates.heartbeat_ms),
            terms,
            budget: Budget::new(now),
            wanted: None,
            give_back: None,
            reading: false,
            to_store: VecDeque::new(),
            storing: false,
            effects: VecDeque::new(),
            kicks,
            asked: VecDeque::new(),
            asked_kicks: 0,
            lived: false,
        };
        driver.note_asked(0);
        driver.machine.handle(now, greeting);
        driver
    }

    /// Frames of our own journal are lacking behind this position, to fill a hole; none: nothing
    /// is.
    pub fn lacks(&mut self, now: MonoMs, lacks: Option<(JournalId, Position)>) {
        self.machine.handle(now, Input::Lacks(lacks));
    }

    /// Did the session get anything done? Then the next wait is a short one.
    pub fn lived(&self) -> bool {
        self.lived
    }

    /// Does HQ owe an answer?
    pub fn is_owed(&self) -> bool {
        self.machine.is_owed()
    }

    /// Is there room for one more message of HQ's? Level is told after what it tells of: while
    /// states wait, the answers may.
    pub fn has_room(&self, waiting: Waiting) -> bool {
        self.to_store.len() < STATES_WAITING && waiting.control < SENDS_WAITING
    }

    /// How many messages of states wait to be stored.
    pub fn states_waiting(&self) -> usize {
        self.to_store.len()
    }

    /// Takes in what happened.
    ///
    /// # Errors
    /// HQ, or who pretends to be it, broke the protocol: the session is over.
    pub fn take(&mut self, now: MonoMs, event: Event) -> Result<(), Failure> {
        match event {
            Event::Read { journal, after, run } => self.send(now, journal, after, run),
            Event::Agreed { journal, common } => {
                self.machine.handle(now, Input::Agreed { journal, common });
            }
            Event::Compared(Some((common, parted))) => {
                self.machine.handle(now, Input::Compared { common, parted });
            }
            Event::Compared(None) => {
                return Err(Failure::Fault("frames that do not follow one another".to_owned()));
            }
            Event::Stored(cursor) => {
                self.storing = false;
                self.machine.handle(now, Input::StatesStored(cursor));
            }
            Event::Signed(Signed { states, upto }) => {
                let returned = Returned { states, last: upto.is_none() };
                self.effects.push_back(Effect::Put(Message::Returned(returned)));
                self.machine.handle(now, Input::GivenBack(upto));
            }
            Event::Summed(buckets) => self.machine.handle(now, Input::Summed(buckets)),
            Event::Listed { number, records } => {
                self.machine.handle(now, Input::Listed { number, records });
            }
            Event::Message(message) => {
                if let Message::Ack(ack) = &message {
                    checks::check_ack(ack, &self.terms.hq_sign_key)?;
                }
                self.machine.handle(now, Input::Received(message));
            }
            Event::Grew(journals) => {
                for (journal, head) in journals {
                    self.machine.handle(now, Input::Grew { journal, head });
                }
            }
            Event::Kicked(kicks) => self.kicks = kicks,
            Event::Rates(rates) => {
                self.terms.rates = rates;
                self.machine.beat_every(rates.heartbeat_ms);
                self.machine.handle(now, Input::Tick);
            }
            Event::Tick => self.machine.handle(now, Input::Tick),
        }
        if self.kicks > self.asked_kicks && self.machine.is_live() {
            self.asked_kicks = self.kicks;
            self.machine.handle(now, Input::Ask);
        }
        Ok(())
    }

    /// What comes next, with so much waiting on the streams.
    pub fn poll(&mut self, now: MonoMs, waiting: Waiting) -> Next {
        loop {
            if let Some(effect) = self.effects.pop_front() {
                return Next::Do(effect);
            }
            let effect = match self.machine.poll() {
                Output::Sleep(until) => match self.start_waiting(now, waiting) {
                    Some(effect) => effect,
                    None => return Next::Sleep(until),
                },
                Output::Send(message) => Effect::Put(message),
                Output::SendReport(number) => {
                    self.note_asked(number);
                    Effect::Report(number)
                }
                Output::SendEntries { journal, after, max_bytes } => {
                    self.wanted = Some((journal, after, max_bytes));
                    continue;
                }
                Output::Agree(standing) => Effect::Agree(standing),
                Output::GiveBack { epoch, after } => {
                    self.give_back = Some((epoch, after));
                    continue;
                }
                Output::Acked(ack) => {
                    self.lived = true;
                    Effect::Acked(ack)
                }
                Output::Welcomed(welcome) => Effect::Welcomed(welcome),
                Output::Config(message) => {
                    if let Message::Abort(abort) = &message
                        && let Err(failure) = checks::check_abort(abort, &self.terms.hq_sign_key)
                    {
                        return Next::End(failure);
                    }
                    Effect::Config(message)
                }
                Output::Store(states) => {
                    self.to_store.push_back(states);
                    continue;
                }
                Output::Sum(audit) => Effect::Sum(audit),
                Output::List(differing) => Effect::List(differing),
                Output::Compare(fetched) => Effect::Compare(fetched),
                Output::Diverged { common, .. } => Effect::Diverged { common },
                Output::Forked { journal, common } => Effect::Forked { journal, common },
                Output::Mend(fetched) => Effect::Mend(fetched),
                Output::Level { report } => {
                    self.level(report);
                    continue;
                }
                Output::End { bye, by_peer } => return Next::End(ended(bye, by_peer)),
            };
            return Next::Do(effect);
        }
    }

    /// Starts what has room now: one read of the journal, one write of the inbox.
    fn start_waiting(&mut self, now: MonoMs, waiting: Waiting) -> Option<Effect> {
        if !self.reading
            && waiting.entries < ENTRIES_WAITING
            && let Some((journal, after, max_bytes)) = self.wanted.take()
        {
            self.reading = true;
            let max_bytes = Budget::at_once(max_bytes, self.terms.rates.records_kbit_s);
            let pause_ms = self.budget.wait_ms(now);
            return Some(Effect::Read { journal, after, max_bytes, pause_ms });
        }
        if waiting.control == 0
            && let Some((epoch, after)) = self.give_back.take()
        {
            return Some(Effect::GiveBack { epoch, after });
        }
        if self.storing {
            return None;
        }
        let states = self.to_store.pop_front()?;
        self.storing = true;
        Some(Effect::Store(states))
    }

    /// Has what was read put on the stream, and only then says so.
    fn send(&mut self, now: MonoMs, journal: JournalId, after: Position, run: Option<Run>) {
        self.reading = false;
        let (last, bytes) = match run {
            None => (after, 0),
            Some(run) => {
                let bytes = run.frames.len() as u64;
                let key = &self.terms.sign_key;
                let entries = Entries::new(journal, run.after, run.frames, run.last, key);
                self.effects.push_back(Effect::Put(Message::Entries(entries)));
                self.budget.spend(now, bytes, self.terms.rates.records_kbit_s);
                (run.last, bytes)
            }
        };
        self.machine.handle(now, Input::EntriesSent { journal, last, bytes });
    }

    fn level(&mut self, report: u64) {
        self.lived = true;
        while self.asked.front().is_some_and(|(number, _)| *number <= report) {
            if let Some((_, kicks)) = self.asked.pop_front() {
                self.effects.push_back(Effect::Level { kicks });
            }
        }
    }

    fn note_asked(&mut self, report: u64) {
        self.asked_kicks = self.kicks;
        self.asked.push_back((report, self.asked_kicks));
    }
}

/// What to open a session with, as things stand at the engine; `edition` is the serial in force.
pub fn greeting(facts: &Facts, edition: u64, clock: UnixMs) -> Input {
    let newest = facts.journals.last().map(|(journal, _)| *journal);
    let stored = facts.journals.iter().map(|(journal, head)| {
        // Only of the newest journal is it known; the older ones are complete but for an accident,
        // which Welcome shows.
        let known = facts.stored.unwrap_or(Position::start(*journal));
        // Where the two are known to differ, nothing is sent on trust.
        if Some(*journal) == newest && facts.fork.is_none() { known } else { *head }
    });
    Input::Opened { stored: stored.collect(), hello: hello(facts, edition, clock) }
}

/// How this office greets, as things stand at the engine; `edition` is the serial in force.
pub fn hello(facts: &Facts, edition: u64, clock: UnixMs) -> Hello {
    Hello {
        journals: facts.journals.clone(),
        cursor: facts.cursor,
        acked: facts.acked.map(Box::new),
        edition,
        clock,
        backlog: facts.backlog,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The heartbeat with this number; none for an engine without a journal.
pub fn report(number: u64, facts: &Facts, clock: UnixMs) -> Option<Message> {
    let (_, head) = *facts.journals.last()?;
    let (backlog, records) = (facts.backlog, facts.records);
    Some(Message::Report(Report { number, clock, head, backlog, records }))
}

/// What this side says with the close after such a failure.
pub fn farewell(failure: &Failure) -> Bye {
    Bye::now(match failure {
        Failure::Fault(_) => ByeCode::Fault,
        Failure::Fork => ByeCode::Fork,
        Failure::Timeout => ByeCode::Timeout,
        Failure::Engine(_) => ByeCode::CannotStore,
        _ => ByeCode::Done,
    })
}

fn ended(bye: Bye, by_peer: bool) -> Failure {
    match bye.code {
        _ if by_peer => Failure::Closed(bye),
        ByeCode::Timeout => Failure::Timeout,
        ByeCode::Fork => Failure::Fork,
        _ => Failure::Fault("a message out of turn".to_owned()),
    }
}

/// How many messages of entries may wait for room on their stream before no more are read.
const ENTRIES_WAITING: usize = 2;

/// How many small messages may wait for room on their stream before no more are taken in.
const SENDS_WAITING: usize = 64;

/// How many messages of states may wait for the engine before no more are taken in.
const STATES_WAITING: usize = 8;
