//! The office's side of a session.

mod audit; // what it has of its scope
mod ports; // what happens to it, and what it wants done

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{GREETING_MS, HEARTBEAT_MAX_MS, PROGRESS_MS};
use crate::entry::Cursor;
use crate::id::{EpochId, JournalId, Position};
use crate::limits;
use crate::news::SignedNews;
use crate::units::{MonoMs, Seq};
use crate::wire::{
    Ack, Audit, Bye, ByeCode, Fetch, Fetched, Hello, Message, States, StatesAck, Welcome,
};

pub use ports::{Input, Output};

/// One journal on its way to HQ.
#[derive(Debug)]
struct Lane {
    journal: JournalId,
    /// Is there a newer one? Then it grows no more, and what HQ has behind its end is not ours: the
    /// office was restored or cloned, and went on elsewhere.
    sealed: bool,
    /// Where it ends here.
    head: Position,
    /// Where sending began, on trust.
    assumed: Position,
    /// How far it has been sent.
    sent: Position,
    /// Where HQ says it ends there.
    top: Position,
    /// Up to where HQ has acknowledged it in this session.
    acked: Seq,
    agreed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not connected yet.
    Idle,
    /// Hello is out.
    Greeting,
    /// Welcome is in; this many journals are still to be agreed.
    Agreeing(usize),
    /// HQ's copy of the newest journal and ours part somewhere behind a position: HQ is asked for
    /// its own, stretch by stretch.
    Parting,
    /// Both go on from agreed positions.
    Live,
    /// Nothing more will happen.
    Over,
}

/// The office's machine.
#[derive(Debug)]
pub struct OfficeSession {
    state: State,
    heartbeat_ms: u64,
    lanes: Vec<Lane>,
    /// In which life of HQ's the feed was taken so far.
    taken: Option<EpochId>,
    /// The life to which states of earlier ones are to be given back.
    returning: Option<EpochId>,
    credit_bytes: u64,
    /// Sent and not acknowledged: journal, last number, bytes.
    under_way: VecDeque<(JournalId, Seq, u64)>,
    /// States that came before the positions were agreed: nothing is folded until then.
    early: VecDeque<States>,
    early_bytes: usize,
    reading: bool,
    storing: u64,
    /// What is lacking, what HQ has been asked for, and what HQ has not got either.
    lacks: Option<(JournalId, Position)>,
    fetching: Option<(JournalId, Position)>,
    barren: Option<(JournalId, Position)>,
    /// What HQ wants to compare, once the positions are agreed.
    audit: Option<Audit>,
    report: u64,
    /// The newest Level that has not been told yet.
    level: Option<u64>,
    /// Has HQ answered our newest report?
    levelled: bool,
    /// Since when an answer is owed, with no word from HQ.
    owed_since: Option<MonoMs>,
    /// When something was sent last.
    beat_at: MonoMs,
    out: VecDeque<Output>,
}

impl OfficeSession {
    /// A machine that sends a heartbeat this often, at most [`HEARTBEAT_MAX_MS`].
    pub fn new(now: MonoMs, heartbeat_ms: u64) -> Self {
        Self {
            state: State::Idle,
            heartbeat_ms: heartbeat_ms.clamp(1, HEARTBEAT_MAX_MS),
            lanes: Vec::new(),
            taken: None,
            returning: None,
            credit_bytes: limits::ENTRIES_BYTES as u64,
            under_way: VecDeque::new(),
            early: VecDeque::new(),
            early_bytes: 0,
            reading: false,
            storing: 0,
            lacks: None,
            fetching: None,
            barren: None,
            audit: None,
            report: 0,
            level: None,
            levelled: false,
            owed_since: Some(now),
            beat_at: now,
            out: VecDeque::new(),
        }
    }

    /// Does HQ owe an answer?
    pub fn is_owed(&self) -> bool {
        self.owed_since.is_some()
    }

    /// Sends a heartbeat this often from now on.
    pub fn beat_every(&mut self, heartbeat_ms: u64) {
        self.heartbeat_ms = heartbeat_ms.clamp(1, HEARTBEAT_MAX_MS);
    }

    /// Takes in what happened. After the end, nothing does anything.
    pub fn handle(&mut self, now: MonoMs, input: Input) {
        if self.state == State::Over {
            return;
        }
        match input {
            Input::Opened { hello, stored } => self.opened(now, hello, &stored),
            Input::Received(message) => self.received(now, message),
            Input::Agreed { journal, common } => self.agreed(now, journal, common),
            Input::Compared { common, parted } => self.compared(now, common, parted),
            Input::EntriesSent { journal, last, bytes } => self.sent(now, journal, last, bytes),
            Input::StatesStored(upto) => self.stored_states(now, upto),
            Input::GivenBack(upto) => self.given_back(now, upto),
            Input::Lacks(lacks) => self.lacks = lacks,
            Input::Grew { journal, head } => self.grew(journal, head),
            Input::Summed(buckets) => self.send(now, Message::Buckets(buckets)),
            Input::Listed { number, records } => self.listed(now, number, records),
            Input::Ask => self.ask(now),
            Input::Tick => self.tick(now),
        }
        self.fetch(now);
        self.fill();
        self.sum();
    }

    /// The next thing to do; [`Output::Sleep`] when there is nothing until then.
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Sleep(self.deadline()))
    }

    /// Is there a session whose positions are agreed?
    pub fn is_live(&self) -> bool {
        self.state == State::Live
    }

    fn opened(&mut self, now: MonoMs, hello: Hello, stored: &[Position]) {
        if self.state != State::Idle {
            return;
        }
        let newest = hello.journals.last().map(|(journal, _)| *journal);
        let lanes = hello.journals.iter().zip(stored).map(|((journal, head), stored)| Lane {
            journal: *journal,
            sealed: Some(*journal) != newest,
            head: *head,
            assumed: *stored,
            sent: *stored,
            top: Position::start(*journal),
            acked: Seq(0),
            agreed: false,
        });
        self.lanes = lanes.collect();
        self.taken = hello.cursor.map(|cursor| cursor.epoch);
        self.state = State::Greeting;
        self.owed_since = Some(now);
        self.beat_at = now;
        self.out.push_back(Output::Send(Message::Hello(hello)));
    }

    fn received(&mut self, now: MonoMs, message: Message) {
        match (message, self.state) {
            (Message::Bye(bye), _) => self.end(bye, true),
            (Message::Welcome(welcome), State::Greeting) => self.welcomed(welcome),
            (Message::Ack(ack), State::Agreeing(_) | State::Live) => self.acked(ack),
            (Message::States(states), State::Live) => self.store(states),
            // Streams overtake one another: states may come before Welcome has.
            (Message::States(states), _) => self.early(states),
            (Message::Level(level), State::Agreeing(_) | State::Live) => {
                self.level = self.level.max(Some(level.report));
                self.levelled = level.report >= self.report;
                self.tell_level();
            }
            (
                message @ (Message::Edition(_) | Message::Abort(_)),
                State::Agreeing(_) | State::Parting | State::Live,
            ) => self.out.push_back(Output::Config(message)),
            (Message::Fetched(fetched), State::Live | State::Parting) => self.fetched(fetched),
            (Message::Audit(audit), State::Agreeing(_) | State::Live) => self.audit = Some(audit),
            (Message::Differing(differing), State::Live) => {
                if !differing.buckets.is_empty() {
                    self.out.push_back(Output::List(differing));
                }
            }
            // Receipts for what is not ours, maybe.
            (Message::Ack(_) | Message::Level(_) | Message::Audit(_), State::Parting) => {}
            _ => self.end(Bye::now(ByeCode::Fault), false),
        }
        let owed = self.state != State::Live
            || !self.under_way.is_empty()
            || !self.levelled
            || self.fetching.is_some();
        self.owed_since = owed.then_some(now);
    }

    fn welcomed(&mut self, welcome: Welcome) {
        let same = welcome.journals.len() == self.lanes.len()
            && welcome.journals.iter().zip(&self.lanes).all(|(s, lane)| s.journal == lane.journal);
        if !same {
            return self.end(Bye::now(ByeCode::Fault), false);
        }
        self.returning = Some(welcome.epoch).filter(|now| self.taken.is_some_and(|e| e != *now));
        self.credit_bytes = welcome.credit_bytes.min(limits::ENTRIES_CREDIT_BYTES);
        self.state = State::Agreeing(self.lanes.len());
        for standing in &welcome.journals {
            self.out.push_back(Output::Agree(standing.clone()));
        }
        for (lane, standing) in self.lanes.iter_mut().zip(&welcome.journals) {
            lane.top = standing.top;
        }
        self.out.push_back(Output::Welcomed(welcome));
        self.live_if_agreed();
    }

    fn agreed(&mut self, now: MonoMs, journal: JournalId, common: Option<Position>) {
        let State::Agreeing(left) = self.state else { return };
        let Some(lane) = self.lanes.iter_mut().find(|l| l.journal == journal && !l.agreed) else {
            return;
        };
        let common = common.unwrap_or(Position::start(journal));
        let has_all = lane.sealed && common == lane.head;
        if lane.top != common && !has_all {
            if lane.sealed {
                self.out.push_back(Output::Forked { journal, common: common.seq });
                return self.end(Bye::now(ByeCode::Fork), false);
            }
            self.state = State::Parting;
            return self.ask_for(now, (journal, common));
        }
        lane.agreed = true;
        let on_its_way = if common.seq < lane.assumed.seq {
            // What was sent on trust did not continue HQ's chain: it goes out again.
            lane.sent = common;
            Seq(u64::MAX)
        } else {
            lane.sent = lane.sent.max(common);
            common.seq
        };
        self.under_way.retain(|(j, last, _)| *j != journal || *last > on_its_way);
        self.state = State::Agreeing(left - 1);
        self.live_if_agreed();
    }

    fn live_if_agreed(&mut self) {
        if self.state == State::Agreeing(0) {
            self.state = State::Live;
            if let Some(epoch) = self.returning {
                self.out.push_back(Output::GiveBack { epoch, after: Seq(0) });
            }
            while let Some(states) = self.early.pop_front() {
                self.store(states);
            }
            self.tell_level();
        }
    }

    fn given_back(&mut self, now: MonoMs, upto: Option<Seq>) {
        self.beat_at = now;
        self.owed_since = Some(now);
        match (self.returning, upto) {
            (Some(epoch), Some(after)) => self.out.push_back(Output::GiveBack { epoch, after }),
            _ => self.returning = None,
        }
    }

    fn acked(&mut self, ack: Ack) {
        let Some(lane) = self.lanes.iter_mut().find(|l| l.journal == ack.journal) else {
            return self.end(Bye::now(ByeCode::Fault), false);
        };
        if ack.stored.seq > lane.head.seq && !lane.sealed {
            self.out.push_back(Output::Forked { journal: ack.journal, common: lane.head.seq });
            return self.end(Bye::now(ByeCode::Fork), false);
        }
        let stored = ack.stored.seq;
        lane.acked = lane.acked.max(stored);
        self.under_way.retain(|(journal, last, _)| *journal != ack.journal || *last > stored);
        self.out.push_back(Output::Acked(ack));
    }

    fn early(&mut self, states: States) {
        self.early_bytes += states.states.iter().map(SignedNews::size_bytes).sum::<usize>();
        self.early.push_back(states);
        let messages = limits::STATES_CREDIT_BYTES / limits::STATES_BYTES as u64;
        if self.early_bytes as u64 > 2 * limits::STATES_CREDIT_BYTES
            || self.early.len() as u64 > 64 * messages
        {
            self.end(Bye::now(ByeCode::Fault), false);
        }
    }

    fn store(&mut self, states: States) {
        self.storing += 1;
        self.out.push_back(Output::Store(states));
    }

    fn stored_states(&mut self, now: MonoMs, upto: Cursor) {
        self.storing = self.storing.saturating_sub(1);
        self.beat_at = now;
        self.out.push_back(Output::Send(Message::StatesAck(StatesAck { upto })));
        self.tell_level();
    }

    /// Level is told once the positions are agreed and every state that came before is on disk.
    fn tell_level(&mut self) {
        if self.state == State::Live
            && self.storing == 0
            && let Some(report) = self.level.take()
        {
            self.out.push_back(Output::Level { report });
        }
    }

    /// Asks for what is lacking, one stretch at a time; not twice for what HQ has not got.
    fn fetch(&mut self, now: MonoMs) {
        let wanted = self.lacks.filter(|lacks| Some(*lacks) != self.barren);
        if let (State::Live, None, Some(wanted)) = (self.state, self.fetching, wanted) {
            self.ask_for(now, wanted);
        }
    }

    fn ask_for(&mut self, now: MonoMs, wanted: (JournalId, Position)) {
        let (journal, after) = wanted;
        self.fetching = Some(wanted);
        self.beat_at = now;
        self.owed_since.get_or_insert(now);
        self.out.push_back(Output::Send(Message::Fetch(Fetch { journal, after })));
    }

    /// HQ's copy and ours are the same up to `common`.
    fn compared(&mut self, now: MonoMs, common: Position, parted: bool) {
        let (State::Parting, Some(lane)) = (self.state, self.lanes.last()) else { return };
        let journal = lane.journal;
        if parted {
            self.parted(journal, common);
        } else {
            self.ask_for(now, (journal, common));
        }
    }

    fn parted(&mut self, journal: JournalId, common: Position) {
        self.out.push_back(Output::Diverged { journal, common });
        self.end(Bye::now(ByeCode::Fork), false);
    }

    fn fetched(&mut self, fetched: Fetched) {
        let asked = self.fetching.take();
        if asked != Some((fetched.journal, fetched.after)) {
            return self.end(Bye::now(ByeCode::Fault), false);
        }
        if self.state == State::Parting {
            if fetched.frames.is_empty() {
                return self.parted(fetched.journal, fetched.after); // HQ has no more by now
            }
            return self.out.push_back(Output::Compare(fetched));
        }
        self.lacks = None; // until it is said what is lacking then
        if fetched.frames.is_empty() {
            self.barren = asked;
        } else {
            self.out.push_back(Output::Mend(fetched));
        }
    }

    fn sent(&mut self, now: MonoMs, journal: JournalId, last: Position, bytes: u64) {
        self.reading = false;
        self.beat_at = now;
        let Some(lane) = self.lanes.iter_mut().find(|l| l.journal == journal) else { return };
        if bytes == 0 {
            lane.head = lane.sent;
            return;
        }
        self.owed_since.get_or_insert(now);
        lane.sent = last;
        lane.head = lane.head.max(last);
        if last.seq > lane.acked {
            self.under_way.push_back((journal, last.seq, bytes));
        }
    }

    fn grew(&mut self, journal: JournalId, head: Position) {
        if let Some(lane) = self.lanes.iter_mut().find(|l| l.journal == journal) {
            lane.head = lane.head.max(head);
        }
    }

    fn ask(&mut self, now: MonoMs) {
        if self.state == State::Live {
            self.report += 1;
            self.levelled = false;
            self.beat_at = now;
            self.owed_since.get_or_insert(now);
            self.out.push_back(Output::SendReport(self.report));
        }
    }

    fn tick(&mut self, now: MonoMs) {
        if now >= self.patience() {
            self.end(Bye::now(ByeCode::Timeout), false);
        } else if self.state == State::Live && now >= self.beat_at + self.heartbeat_ms {
            self.ask(now);
        }
    }

    /// Asks for more entries to be sent, oldest journal first, while there is credit.
    fn fill(&mut self) {
        // Before Welcome one message goes out on trust; while positions are being agreed, none.
        let greeting = self.state == State::Greeting;
        let may_send = match self.state {
            State::Greeting => self.under_way.is_empty(),
            State::Live => true,
            State::Idle | State::Agreeing(_) | State::Parting | State::Over => false,
        };
        let used: u64 = self.under_way.iter().map(|(_, _, bytes)| bytes).sum();
        if !may_send || self.reading || used >= self.credit_bytes {
            return;
        }
        let Some(lane) = self.lanes.iter().find(|l| l.sent.seq < l.head.seq) else { return };
        // A Genesis names where it goes on from: HQ must be known to have that.
        if greeting && self.lanes.len() > 1 && lane.assumed.seq == Seq(0) {
            return;
        }
        let left = usize::try_from(self.credit_bytes - used).unwrap_or(usize::MAX);
        self.reading = true;
        self.out.push_back(Output::SendEntries {
            journal: lane.journal,
            after: lane.sent,
            max_bytes: left.min(limits::ENTRIES_BYTES),
        });
    }

    /// When patience with the other side ends.
    fn patience(&self) -> MonoMs {
        let since = self.owed_since.unwrap_or(MonoMs::NEVER);
        match self.state {
            State::Live => since + PROGRESS_MS,
            State::Idle | State::Greeting | State::Agreeing(_) | State::Parting => {
                since + GREETING_MS
            }
            State::Over => MonoMs::NEVER,
        }
    }

    fn deadline(&self) -> MonoMs {
        match self.state {
            State::Live => self.patience().min(self.beat_at + self.heartbeat_ms),
            _ => self.patience(),
        }
    }

    fn end(&mut self, bye: Bye, by_peer: bool) {
        self.state = State::Over;
        self.out.push_back(Output::End { bye, by_peer });
    }
}
