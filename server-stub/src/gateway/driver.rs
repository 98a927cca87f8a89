//! HQ's end of one office's session, sans I/O: the machine, what waits for room, and what is to be
//! done. Whoever drives it does what [`Driver::poll`] wants and tells what came of it.
//!
//! Knows nothing of sockets, of tasks or of the store but by being told: the pump drives it over
//! QUIC, the simulator over a simulated network. Everything that waits here is bounded by not
//! taking in more while it is long.

use std::collections::VecDeque;
use std::mem::take;

use wasl_protocol::edition::Serial;
use wasl_protocol::id::{EpochId, JournalId, OfficeId, Position, RecordId};
use wasl_protocol::keys::SignKey;
use wasl_protocol::session::hq::{HqSession, Input, Output};
use wasl_protocol::units::{FeedNo, MonoMs};
use wasl_protocol::wire::{Abort, Ack, Bye, ByeCode, Listing, Message, Offer};

use super::limits::{LISTED, SENDS_WAITING, SKIPPED, STATES_WAITING, WORK_WAITING};
use super::work::{Done, Stretch, Work};
use crate::store::{ForOffice, StandingNews};

/// How many messages wait for room on the streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// On the control stream.
    pub control: usize,
    /// On the stream of states.
    pub states: usize,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The answer to [`Effect::Work`].
    Done(Done),
    /// The answer to [`Effect::ReadFeed`].
    Read(Result<Stretch, Bye>),
    /// The answer to [`Effect::LookForConfig`].
    Config(Result<ForOffice, Bye>),
    /// A message of the office's.
    Message(Message),
    /// The office's feed may have grown.
    FeedGrew,
    /// There may be something to say of the office's config.
    ConfigNews,
    /// More of the office's journals may be stable, or the database lives another life.
    Standing(StandingNews),
    /// Time has passed.
    Tick,
}

/// What is to be done. Each kind is done one at a time, in this order, and answered with its event.
#[derive(Debug)]
pub enum Effect {
    /// Put this message on [its stream](Message::stream).
    Put(Message),
    /// Do this; then say [`Event::Done`].
    Work(Work),
    /// Read the office's feed; then say [`Event::Read`].
    ReadFeed {
        /// The journals that the office has as far as HQ: what came by them is not sent back.
        journals: Vec<JournalId>,
        /// The number before the first.
        after: FeedNo,
        /// At most so many bytes of states, but at least one state.
        max_bytes: usize,
    },
    /// Look what there is to say of the office's config; then say [`Event::Config`].
    LookForConfig,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Do this, and ask again.
    Do(Effect),
    /// Nothing before this moment, unless something happens.
    Sleep(MonoMs),
    /// The session is over: close the connection with this.
    End(Bye),
}

/// One session, from its connection to its end.
#[derive(Debug)]
pub struct Driver {
    machine: HqSession,
    office: OfficeId,
    epoch: EpochId,
    sign_key: SignKey,
    work: VecDeque<Work>,
    under_way: UnderWay,
    /// What to send right behind Welcome.
    receipts: Vec<Ack>,
    /// What to read next of the feed, once there is room for it.
    wanted: Option<(FeedNo, usize)>,
    /// The journals that Hello named, and where each ends at the office.
    journals: Vec<(JournalId, Position)>,
    /// Those of which the office has all that HQ has: what came by them is not sent back.
    whole: Vec<JournalId>,
    /// How far the office has been told that the feed has come.
    told: FeedNo,
    /// Is it to be looked what there is to say of the office's config?
    look: bool,
    /// Before that the machine says nothing else.
    welcomed: bool,
    /// The edition that was offered last, or that the office had when it came.
    offered: Option<Serial>,
    /// The edition of which it was told last that its rollout is stopped.
    aborted: Option<Serial>,
    /// The buckets that differ, and what the office has in them, as far as its list has come.
    differing: Vec<u16>,
    listed: Vec<(RecordId, u64)>,
    /// What is to be done before the machine is asked again.
    effects: VecDeque<Effect>,
}

/// What has been asked for and not been answered yet, one of each kind at most.
#[derive(Clone, Copy, Debug, Default)]
struct UnderWay {
    work: bool,
    feed: bool,
    config: bool,
}

impl Driver {
    /// A session with this office, which HQ knows by its key, in this life of HQ's database.
    pub fn open(now: MonoMs, office: OfficeId, epoch: EpochId, sign_key: SignKey) -> Self {
        Self {
            machine: HqSession::new(now),
            office,
            epoch,
            sign_key,
            work: VecDeque::new(),
            under_way: UnderWay::default(),
            receipts: Vec::new(),
            wanted: None,
            journals: Vec::new(),
            whole: Vec::new(),
            told: FeedNo(0),
            look: false,
            welcomed: false,
            offered: None,
            aborted: None,
            differing: Vec::new(),
            listed: Vec::new(),
            effects: VecDeque::new(),
        }
    }

    /// Is there room for one more message of the office's?
    pub fn has_room(&self, waiting: Waiting) -> bool {
        self.work.len() < WORK_WAITING && waiting.control < SENDS_WAITING
    }

    /// How many requests to the store wait.
    pub fn work_waiting(&self) -> usize {
        self.work.len()
    }

    /// Takes in what happened.
    pub fn take(&mut self, now: MonoMs, event: Event) {
        match event {
            Event::Done(Done { input, receipts, audit }) => {
                self.under_way.work = false;
                if self.welcomed {
                    let receipts = receipts.into_iter().map(|ack| Effect::Put(Message::Ack(ack)));
                    self.effects.extend(receipts);
                } else {
                    self.receipts.extend(receipts);
                }
                if let Some(Input::Differing { buckets, .. }) = &input {
                    self.differing.clone_from(buckets);
                }
                if audit == Some(true) {
                    self.machine.handle(now, Input::Audit { first: true });
                }
                if let Some(Input::Known { welcome }) = &input {
                    let ends = welcome.journals.iter().zip(&self.journals);
                    let whole = ends.filter(|(hqs, (_, end))| hqs.top.seq <= end.seq);
                    self.whole = whole.map(|(hqs, _)| hqs.journal).collect();
                }
                if let Some(input) = input {
                    self.machine.handle(now, input);
                }
                if audit == Some(false) {
                    self.machine.handle(now, Input::Audit { first: false });
                }
            }
            Event::Read(stretch) => {
                self.under_way.feed = false;
                match stretch {
                    Ok(stretch) => self.send_states(now, stretch),
                    Err(bye) => self.machine.handle(now, Input::Close(bye)),
                }
            }
            Event::Config(found) => {
                self.under_way.config = false;
                match found {
                    Ok(found) => self.say_config(now, found),
                    Err(bye) => self.machine.handle(now, Input::Close(bye)),
                }
            }
            Event::Message(message) => self.machine.handle(now, Input::Received(message)),
            Event::FeedGrew => self.machine.handle(now, Input::FeedGrew),
            Event::ConfigNews => self.look = true,
            Event::Standing(StandingNews::Life) => {
                self.machine.handle(now, Input::Close(Bye::now(ByeCode::Busy)));
            }
            Event::Standing(StandingNews::Stable) if self.welcomed => {
                let journals = self.journals.iter().map(|(journal, _)| *journal);
                self.work.push_back(Work::Receipts(journals.collect()));
            }
            Event::Standing(StandingNews::Stable) => {} // Welcome will say it
            Event::Tick => self.machine.handle(now, Input::Tick),
        }
    }

    /// What comes next, with so much waiting on the streams.
    pub fn poll(&mut self, waiting: Waiting) -> Next {
        loop {
            if let Some(effect) = self.effects.pop_front() {
                return Next::Do(effect);
            }
            match self.machine.poll() {
                Output::Sleep(until) => {
                    return self.start_waiting(waiting).map_or(Next::Sleep(until), Next::Do);
                }
                Output::Lookup(hello) => {
                    self.journals.clone_from(&hello.journals);
                    let cursor = hello.cursor.filter(|c| c.epoch == self.epoch);
                    self.told = cursor.map_or(FeedNo(0), |cursor| cursor.feed);
                    self.offered = Some(Serial(hello.edition));
                    self.work.push_back(Work::Lookup(hello));
                }
                Output::Adopt(returned) => self.work.push_back(Work::Adopt(returned)),
                Output::Append(entries) => self.work.push_back(Work::Append(entries)),
                Output::CursorMoved(cursor) => self.work.push_back(Work::Cursor(cursor)),
                Output::Fetch(fetch) => self.work.push_back(Work::Fetch(fetch)),
                Output::Reported(report) => self.work.push_back(Work::Report(report)),
                Output::CompareBuckets(buckets) => {
                    self.work.push_back(Work::CompareSums(buckets.sums));
                }
                Output::CompareListing(Listing { records, last, .. }) => {
                    self.listed.extend(records);
                    if self.listed.len() > LISTED {
                        return Next::End(Bye::now(ByeCode::Fault));
                    }
                    if last {
                        let (buckets, listed) = (take(&mut self.differing), take(&mut self.listed));
                        self.work.push_back(Work::SendAgain { buckets, listed });
                    }
                }
                Output::SendStates { after, max_bytes } => self.wanted = Some((after, max_bytes)),
                Output::Send(message) => self.send(message),
                Output::End { by_peer: true, .. } => return Next::End(Bye::now(ByeCode::Done)),
                Output::End { bye, .. } => return Next::End(bye),
            }
        }
    }

    fn send(&mut self, message: Message) {
        let greets = matches!(message, Message::Welcome(_));
        self.effects.push_back(Effect::Put(message));
        if greets {
            let receipts = self.receipts.drain(..).map(|ack| Effect::Put(Message::Ack(ack)));
            self.effects.extend(receipts);
            (self.welcomed, self.look) = (true, true);
        }
    }

    /// Sends a stretch of the feed. An empty one is not worth a message and the office's fsync,
    /// unless it is so long that going over it again at each connection would cost more.
    fn send_states(&mut self, now: MonoMs, stretch: Stretch) {
        let Stretch { states, bytes, drained } = stretch;
        let upto = states.upto.feed;
        let worth = !states.states.is_empty() || upto.0.saturating_sub(self.told.0) > SKIPPED;
        if worth {
            self.told = upto;
            self.effects.push_back(Effect::Put(Message::States(states)));
        }
        let bytes = if worth { bytes.max(1) } else { 0 };
        self.machine.handle(now, Input::StatesSent { upto, bytes, drained });
    }

    /// Says of the office's config what it has not been told in this session.
    fn say_config(&mut self, now: MonoMs, found: ForOffice) {
        if let Some((serial, bytes)) = found.offer
            && self.offered != Some(serial)
        {
            tracing::info!(office = %self.office, %serial, "an edition is offered");
            self.offered = Some(serial);
            self.machine.handle(now, Input::Config(Message::Edition(Offer { bytes })));
        }
        if let Some(serial) = found.abort
            && self.aborted != Some(serial)
        {
            self.aborted = Some(serial);
            let abort = Abort::new(serial, &self.sign_key);
            self.machine.handle(now, Input::Config(Message::Abort(abort)));
        }
    }

    /// Starts what has room now: one piece of work, one read of the feed, one look for config.
    fn start_waiting(&mut self, waiting: Waiting) -> Option<Effect> {
        if !self.under_way.work
            && let Some(work) = self.work.pop_front()
        {
            self.under_way.work = true;
            return Some(Effect::Work(work));
        }
        if !self.under_way.feed
            && waiting.states < STATES_WAITING
            && let Some((after, max_bytes)) = self.wanted.take()
        {
            self.under_way.feed = true;
            let journals = self.whole.clone();
            return Some(Effect::ReadFeed { journals, after, max_bytes });
        }
        if self.welcomed && !self.under_way.config && take(&mut self.look) {
            self.under_way.config = true;
            return Some(Effect::LookForConfig);
        }
        None
    }
}
