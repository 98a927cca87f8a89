//! Headquarters' side of a session.

mod audit; // whether the office has what HQ has

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use self::audit::Auditing;
use super::{GREETING_MS, PROGRESS_MS, SILENCE_MS};
use crate::entry::Cursor;
use crate::id::{EpochId, JournalId};
use crate::limits;
use crate::units::{FeedNo, MonoMs};
use crate::wire::{
    Ack, Buckets, Bye, ByeCode, Entries, Fetch, Fetched, Hello, Level, Listing, Message, Report,
    Returned, Welcome,
};

/// What happens to HQ's side.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message came.
    Received(Message),
    /// The answer to [`Output::Lookup`].
    Known {
        /// What to welcome with: a standing for each journal of Hello, in its order.
        welcome: Welcome,
    },
    /// The answer to one [`Output::Append`]: this is on disk now.
    Appended(Ack),
    /// HQ cannot or may not go on: revoked, disk full, replaced, stopping.
    Close(Bye),
    /// The answer to [`Output::Fetch`].
    Fetched(Fetched),
    /// The answer to one [`Output::Adopt`]: what of it HQ lacked is on disk.
    Adopted {
        /// Was it the last?
        last: bool,
    },
    /// What the office has of its scope is to be compared with what HQ has: before anything is sent
    /// of the feed, where the office does not know how far it has taken that; else once both are
    /// level. Said of `first` before [`Input::Known`].
    Audit {
        /// Before the feed?
        first: bool,
    },
    /// The answer to [`Output::CompareBuckets`].
    Differing {
        /// The buckets in which HQ has something else.
        buckets: Vec<u16>,
        /// Where the feed ended when they were compared.
        upto: FeedNo,
    },
    /// The answer to the last [`Output::CompareListing`]: what differs has a new place in the feed.
    Compared,
    /// The office's feed has news.
    FeedGrew,
    /// There is an edition for the office, or a rollout is stopped: [`Message::Edition`],
    /// [`Message::Abort`].
    Config(Message),
    /// The answer to [`Output::SendStates`].
    StatesSent {
        /// Up to where the feed has been read; sent or skipped.
        upto: FeedNo,
        /// How many bytes of states were sent; 0 if no message was needed.
        bytes: u64,
        /// Is there nothing after `upto`?
        drained: bool,
    },
    /// Time has passed.
    Tick,
}

/// What HQ's side wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Look up where HQ stands in these journals; then say [`Input::Known`].
    Lookup(Hello),
    /// Verify, append and apply these, in the order in which they are asked for; then say
    /// [`Input::Appended`].
    Append(Entries),
    /// Send the states behind this number of the feed, at most this many bytes but at least one
    /// state, if there is one; then say [`Input::StatesSent`].
    SendStates {
        /// The number before the first.
        after: FeedNo,
        /// At most so many bytes of states.
        max_bytes: usize,
    },
    /// The office has the feed up to here on disk.
    CursorMoved(Cursor),
    /// The office's heartbeat.
    Reported(Report),
    /// Read these frames of the office's journal back; then say [`Input::Fetched`].
    Fetch(Fetch),
    /// Verify these states, which HQ signed in an earlier life, and take in what HQ lacks of them,
    /// in the order in which they are asked for; then say [`Input::Adopted`].
    Adopt(Returned),
    /// Compare these sums with those of what HQ has in the office's scope; then say
    /// [`Input::Differing`].
    CompareBuckets(Buckets),
    /// Keep this part of the office's list. With the last one, give what differs a new place in its
    /// feed; then say [`Input::Compared`].
    CompareListing(Listing),
    /// Send this message.
    Send(Message),
    /// The session is over: close the connection with this. The last output but `Sleep`.
    End {
        /// Why.
        bye: Bye,
        /// Did the other side say so?
        by_peer: bool,
    },
    /// Nothing to do before this moment.
    Sleep(MonoMs),
}

/// How many messages of entries may come before HQ has looked up where it stands.
const EARLY_MESSAGES: usize = 16;

/// HQ's machine.
#[derive(Debug)]
pub struct HqSession {
    state: State,
    /// Entries that came before their turn: streams overtake one another.
    early: VecDeque<Entries>,
    out: VecDeque<Output>,
    heard_at: MonoMs,
}

#[derive(Debug)]
enum State {
    /// Waits for Hello.
    Expecting,
    /// Waits for the store.
    Looking(Looking),
    /// Both go on from where they were.
    Live(Live),
    /// Nothing more will happen.
    Over,
}

#[derive(Debug)]
struct Looking {
    journals: Vec<JournalId>,
    cursor: Option<Cursor>,
    /// Is an audit to come before the feed?
    audit: bool,
}

#[derive(Debug)]
struct Live {
    epoch: EpochId,
    journals: Vec<JournalId>,
    /// Bytes of each `Entries` that is being appended.
    appending: VecDeque<u64>,
    /// Is the office owed frames of its own?
    fetching: bool,
    returning: Returning,
    feed: Feed,
    /// How many audits there have been in this session.
    audits: u64,
    auditing: Auditing,
}

/// What the office has of earlier lives of HQ's. Nothing goes down before it is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Returning {
    /// Pieces of it come.
    Comes,
    /// The last piece has come.
    Came,
    /// All of it is taken in, or there was none.
    Done,
}

/// The way down: states from the office's feed.
#[derive(Debug)]
struct Feed {
    /// Up to where the feed has been read.
    read: FeedNo,
    /// Sent and not acknowledged: number, bytes.
    under_way: VecDeque<(FeedNo, u64)>,
    reading: bool,
    grew: bool,
    /// Is nothing of it sent before an audit has shown what the office lacks?
    withheld: bool,
    /// The newest report that has not been answered.
    level_owed: Option<u64>,
    progress_at: MonoMs,
}

impl HqSession {
    /// A machine for a connection whose key HQ knows.
    pub fn new(now: MonoMs) -> Self {
        Self {
            state: State::Expecting,
            early: VecDeque::new(),
            out: VecDeque::new(),
            heard_at: now,
        }
    }

    /// Takes in what happened. After the end, nothing does anything.
    pub fn handle(&mut self, now: MonoMs, input: Input) {
        if matches!(self.state, State::Over) {
            return;
        }
        match input {
            Input::Received(message) => {
                self.heard_at = now;
                self.received(now, message);
            }
            Input::Known { welcome } => self.known(now, welcome),
            Input::Appended(ack) => self.appended(ack),
            Input::Close(bye) => self.end(bye, false),
            Input::FeedGrew => {
                if let State::Live(live) = &mut self.state {
                    live.feed.grew = true;
                }
            }
            Input::Fetched(fetched) => {
                if let State::Live(live) = &mut self.state {
                    live.fetching = false;
                    self.out.push_back(Output::Send(Message::Fetched(fetched)));
                }
            }
            Input::Adopted { last } => {
                if let State::Live(live) = &mut self.state
                    && last
                {
                    live.returning = Returning::Done;
                }
            }
            Input::Audit { first } => self.audit(first),
            Input::Differing { buckets, upto } => self.differing(buckets, upto),
            Input::Compared => self.compared(),
            Input::Config(message) => {
                if let State::Live(_) = &self.state {
                    self.out.push_back(Output::Send(message));
                }
            }
            Input::StatesSent { upto, bytes, drained } => {
                if let State::Live(live) = &mut self.state {
                    live.feed.sent(now, upto, bytes, drained);
                }
            }
            Input::Tick => {
                if now >= self.deadline() {
                    self.end(Bye::now(ByeCode::Timeout), false);
                }
            }
        }
        if let State::Live(live) = &mut self.state
            && live.returning == Returning::Done
            && !live.feed.withheld
        {
            let level = live.feed.fill(&mut self.out);
            if level && live.auditing == Auditing::Wanted {
                self.ask();
            }
        }
    }

    /// The next thing to do; [`Output::Sleep`] when there is nothing until then.
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Sleep(self.deadline()))
    }

    fn received(&mut self, now: MonoMs, message: Message) {
        match (message, &mut self.state) {
            (Message::Bye(bye), _) => self.end(bye, true),
            (Message::Hello(hello), State::Expecting) => self.greeted(hello),
            (Message::Entries(entries), State::Live(_)) => self.append(entries),
            (Message::Entries(entries), _) => self.early(entries),
            (Message::StatesAck(ack), State::Live(live)) => {
                if ack.upto.epoch == live.epoch && live.feed.acked(now, ack.upto.feed) {
                    self.out.push_back(Output::CursorMoved(ack.upto));
                } else {
                    self.end(Bye::now(ByeCode::Fault), false);
                }
            }
            (Message::Report(report), State::Live(live)) => {
                live.feed.level_owed = Some(report.number);
                live.feed.grew = true;
                live.feed.withheld &= audit::is_waited_for(&report);
                self.out.push_back(Output::Reported(report));
            }
            (Message::Fetch(fetch), State::Live(live))
                if !live.fetching && live.journals.contains(&fetch.journal) =>
            {
                live.fetching = true;
                self.out.push_back(Output::Fetch(fetch));
            }
            (Message::Buckets(buckets), State::Live(live)) if live.owes(&buckets) => {
                live.auditing = Auditing::Sums;
                self.out.push_back(Output::CompareBuckets(buckets));
            }
            (Message::Listing(listing), State::Live(live)) if live.lists(&listing) => {
                live.listed(&listing);
                self.out.push_back(Output::CompareListing(listing));
            }
            (Message::Returned(returned), State::Live(live))
                if live.returning == Returning::Comes =>
            {
                if returned.last {
                    live.returning = Returning::Came;
                }
                self.out.push_back(Output::Adopt(returned));
            }
            _ => self.end(Bye::now(ByeCode::Fault), false),
        }
    }

    fn greeted(&mut self, hello: Hello) {
        if hello.journals.is_empty() || hello.journals.len() > limits::JOURNALS {
            return self.end(Bye::now(ByeCode::Fault), false);
        }
        self.state = State::Looking(Looking {
            journals: hello.journals.iter().map(|(journal, _)| *journal).collect(),
            cursor: hello.cursor,
            audit: false,
        });
        self.out.push_back(Output::Lookup(hello));
    }

    fn known(&mut self, now: MonoMs, welcome: Welcome) {
        let State::Looking(looking) = core::mem::replace(&mut self.state, State::Over) else {
            return self.end(Bye::now(ByeCode::Fault), false);
        };
        let cursor = looking.cursor.filter(|c| c.epoch == welcome.epoch);
        let returns = looking.cursor.is_some() && cursor.is_none();
        self.state = State::Live(Live {
            epoch: welcome.epoch,
            journals: looking.journals,
            appending: VecDeque::new(),
            fetching: false,
            returning: if returns { Returning::Comes } else { Returning::Done },
            feed: Feed {
                read: cursor.map_or(FeedNo(0), |c| c.feed),
                under_way: VecDeque::new(),
                reading: false,
                grew: true,
                withheld: looking.audit,
                level_owed: Some(0),
                progress_at: now,
            },
            audits: 0,
            auditing: Auditing::No,
        });
        self.out.push_back(Output::Send(Message::Welcome(welcome)));
        if looking.audit {
            self.ask();
        }
        while let Some(entries) = self.early.pop_front() {
            self.append(entries);
        }
    }

    fn early(&mut self, entries: Entries) {
        self.early.push_back(entries);
        let bytes: usize = self.early.iter().map(|e| e.frames.len()).sum();
        if bytes > limits::MESSAGE_BYTES || self.early.len() > EARLY_MESSAGES {
            self.end(Bye::now(ByeCode::Fault), false);
        }
    }

    fn append(&mut self, entries: Entries) {
        let State::Live(live) = &mut self.state else { return };
        live.appending.push_back(entries.frames.len() as u64);
        // One message more than the credit: an office without a Welcome sends one on trust.
        let most = limits::ENTRIES_CREDIT_BYTES + limits::MESSAGE_BYTES as u64;
        if live.appending.iter().sum::<u64>() > most || !live.journals.contains(&entries.journal) {
            return self.end(Bye::now(ByeCode::Fault), false);
        }
        self.out.push_back(Output::Append(entries));
    }

    fn appended(&mut self, ack: Ack) {
        let State::Live(live) = &mut self.state else { return };
        live.appending.pop_front();
        self.out.push_back(Output::Send(Message::Ack(ack)));
    }

    fn deadline(&self) -> MonoMs {
        match &self.state {
            State::Expecting => self.heard_at + GREETING_MS,
            State::Looking(_) => self.heard_at + SILENCE_MS,
            State::Live(live) => (self.heard_at + SILENCE_MS).min(live.feed.patience()),
            State::Over => MonoMs::NEVER,
        }
    }

    fn end(&mut self, bye: Bye, by_peer: bool) {
        self.state = State::Over;
        self.out.push_back(Output::End { bye, by_peer });
    }
}

impl Feed {
    fn sent(&mut self, now: MonoMs, upto: FeedNo, bytes: u64, drained: bool) {
        self.reading = false;
        self.read = self.read.max(upto);
        self.grew |= !drained;
        if bytes > 0 {
            if self.under_way.is_empty() {
                self.progress_at = now;
            }
            self.under_way.push_back((upto, bytes));
        }
    }

    /// Is this acknowledgement of something that was sent?
    fn acked(&mut self, now: MonoMs, upto: FeedNo) -> bool {
        let known = self.under_way.iter().any(|(n, _)| *n == upto);
        self.under_way.retain(|(n, _)| *n > upto);
        self.progress_at = now;
        known
    }

    /// Says whether both are level.
    fn fill(&mut self, out: &mut VecDeque<Output>) -> bool {
        let used: u64 = self.under_way.iter().map(|(_, bytes)| bytes).sum();
        if self.grew && !self.reading && used < limits::STATES_CREDIT_BYTES {
            self.grew = false;
            self.reading = true;
            let max_bytes = limits::STATES_BYTES;
            out.push_back(Output::SendStates { after: self.read, max_bytes });
        } else if !self.grew
            && !self.reading
            && self.under_way.is_empty()
            && let Some(report) = self.level_owed.take()
        {
            out.push_back(Output::Send(Message::Level(Level { report })));
            return true;
        }
        false
    }

    fn patience(&self) -> MonoMs {
        if self.under_way.is_empty() { MonoMs::NEVER } else { self.progress_at + PROGRESS_MS }
    }
}
