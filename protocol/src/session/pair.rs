//! Both machines on a pretend wire: the drivers here do what the real ones do, in memory.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::format;
use std::vec;

use super::{hq, office};
use crate::entry::Cursor;
use crate::frame::{Frame, Kind, Sealed};
use crate::id::{EpochId, JournalId, OfficeId, Position};
use crate::keys::{DataKey, SignKey};
use crate::limits;
use crate::news::{News, Says, SignedNews};
use crate::pack::Packer;
use crate::rebirth::last_common;
use crate::record::{Origin, RecordState, VersionVector};
use crate::units::{FeedNo, MonoMs, Seq, UnixMs};
use crate::wire::{
    Ack, Bye, ByeCode, Entries, Fetch, Fetched, Hello, Level, Message, Offer, Report, Standing,
    States, Stream, Welcome,
};

const J: JournalId = JournalId(7);
const EPOCH: EpochId = EpochId(9);
const ONE_WAY_MS: u64 = 300;
const HEARTBEAT_MS: u64 = 60_000;

fn key() -> SignKey {
    SignKey::from_secret(&[1; 32])
}

/// A chain of frames, as either side has it.
#[derive(Clone, Default)]
struct Chain(Vec<(Vec<u8>, Position)>);

impl Chain {
    fn of(n: u64, salt: u8) -> Self {
        let mut chain = Self::default();
        chain.grow(n, salt);
        chain
    }

    fn grow(&mut self, n: u64, salt: u8) {
        let (data_key, mut packer) = (DataKey::new([2; 32]), Packer::new());
        for _ in 0..n {
            let at = self.end();
            let plain = [&at.seq.0.to_le_bytes()[..], &[salt]].concat();
            let s = Sealed::new(J, Kind::EDIT, &plain, &data_key, &mut packer, [salt; 32]);
            let mut bytes = vec![];
            let after = s.link(&at, &VersionVector::default(), &mut bytes);
            self.0.push((bytes, after));
        }
    }

    fn end(&self) -> Position {
        self.at(Seq(self.0.len() as u64)).expect("it has its own end")
    }

    fn at(&self, seq: Seq) -> Option<Position> {
        match usize::try_from(seq.0).ok()?.checked_sub(1) {
            None => Some(Position::start(J)),
            Some(i) => self.0.get(i).map(|(_, p)| *p),
        }
    }

    fn read(&self, after: Position, max_bytes: usize) -> (Vec<u8>, Position) {
        let (mut bytes, mut last) = (vec![], after);
        for (frame, position) in self.0.iter().skip(usize::try_from(after.seq.0).unwrap()) {
            if !bytes.is_empty() && bytes.len() + frame.len() > max_bytes {
                break;
            }
            bytes.extend_from_slice(frame);
            last = *position;
        }
        (bytes, last)
    }

    fn prefix(&self, n: usize) -> Self {
        Self(self.0[..n].to_vec())
    }
}

struct Pair {
    now: MonoMs,
    office: Chain,
    /// What the office believes HQ has.
    believed: Position,
    cursor: Option<Cursor>,
    hq: Chain,
    feed: Vec<SignedNews>,
    /// What HQ says of config, and when, once it has welcomed.
    config: Option<(MonoMs, Message)>,
    /// How many steps the office journals when it hears of config.
    steps: u64,
    welcomed: bool,
    up: VecDeque<(MonoMs, Message)>,
    down: VecDeque<(MonoMs, Message)>,
    delay_states_ms: u64,
    log: Vec<String>,
    folded: u64,
    sent: u64,
    most_under_way: usize,
    /// Cut the link after this many messages.
    cut_after: Option<u64>,
    office_end: Option<Bye>,
    forked: Option<Seq>,
    /// What the office lacks of its own journal: behind this, up to that; and what came back.
    hole: Option<(Position, Position)>,
    mended: Vec<u8>,
}

impl Pair {
    fn new(office: Chain, hq: Chain) -> Self {
        Self {
            now: MonoMs(1_000),
            believed: hq.end(),
            office,
            cursor: None,
            hq,
            feed: vec![],
            config: None,
            steps: 0,
            welcomed: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            delay_states_ms: 0,
            log: vec![],
            folded: 0,
            sent: 0,
            most_under_way: 0,
            cut_after: None,
            office_end: None,
            forked: None,
            hole: None,
            mended: vec![],
        }
    }

    fn hello(&self) -> office::Input {
        let hello = Hello {
            journals: vec![(J, self.office.end())],
            cursor: self.cursor,
            acked: None,
            edition: 0,
            clock: UnixMs(0),
            backlog: 0,
            version: "0".to_string(),
        };
        office::Input::Opened { hello, stored: vec![self.believed] }
    }

    /// One session, until it ends, the link is cut, or `for_ms` have passed.
    fn run(&mut self, for_ms: u64) -> &mut Self {
        let until = self.now + for_ms;
        let mut office = office::OfficeSession::new(self.now, HEARTBEAT_MS);
        let mut hq = hq::HqSession::new(self.now);
        self.up.clear();
        self.down.clear();
        self.office_end = None;
        self.welcomed = false;
        office.handle(self.now, self.hello());
        office.handle(self.now, office::Input::Lacks(self.lacks()));
        loop {
            let mut wake = self.drive_office(&mut office);
            wake = wake.min(self.drive_hq(&mut hq));
            if self.office_end.is_some() || self.cut_after == Some(self.sent) || self.now >= until {
                return self;
            }
            let arrival = self.up.iter().chain(&self.down).map(|(at, _)| *at).min();
            self.now = wake.min(arrival.unwrap_or(MonoMs::NEVER)).min(until).max(self.now);
            if let Some(m) = arrived(&mut self.up, self.now) {
                hq.handle(self.now, hq::Input::Received(m));
            } else if let Some(m) = arrived(&mut self.down, self.now) {
                office.handle(self.now, office::Input::Received(m));
            } else {
                office.handle(self.now, office::Input::Tick);
                hq.handle(self.now, hq::Input::Tick);
            }
        }
    }

    fn lacks(&self) -> Option<(JournalId, Position)> {
        self.hole.map(|(after, _)| (J, after))
    }

    /// The office takes frames of its own back, and says what it still lacks.
    fn mend(&mut self, fetched: &Fetched) -> office::Input {
        let (mut at, until) = self.hole.unwrap();
        assert_eq!(fetched.after, at);
        let mut rest = &fetched.frames[..];
        while !rest.is_empty() && at.seq < until.seq {
            let frame = Frame::parse(rest).unwrap();
            at = frame.follow(&at).unwrap();
            self.mended.extend_from_slice(frame.bytes());
            rest = &rest[frame.bytes().len()..];
        }
        self.hole = (at != until).then_some((at, until));
        office::Input::Lacks(self.lacks())
    }

    fn compare(&self, Fetched { after, frames, .. }: &Fetched) -> office::Input {
        let ours = |seq| Ok::<_, ()>(self.office.at(seq));
        let (common, parted) = last_common(*after, frames, ours).unwrap().unwrap();
        office::Input::Compared { common, parted }
    }

    fn send(&mut self, message: Message) {
        self.log.push(format!("{:?} {}", self.now, name(&message)));
        let late = if message.stream() == Stream::States { self.delay_states_ms } else { 0 };
        let at = self.now + (ONE_WAY_MS + late);
        let up = matches!(
            message,
            Message::Hello(_)
                | Message::Entries(_)
                | Message::StatesAck(_)
                | Message::Report(_)
                | Message::Fetch(_)
        );
        if self.cut_after != Some(self.sent) {
            self.sent += 1;
            if up { &mut self.up } else { &mut self.down }.push_back((at, message));
        }
    }

    fn drive_office(&mut self, session: &mut office::OfficeSession) -> MonoMs {
        use office::{Input, Output};
        loop {
            let answer = match session.poll() {
                Output::Sleep(until) => {
                    assert!(until < MonoMs::NEVER || self.office_end.is_some(), "I6");
                    return until;
                }
                Output::End { bye, .. } => {
                    self.office_end = Some(bye);
                    continue;
                }
                Output::Send(message) => {
                    self.send(message);
                    continue;
                }
                Output::SendReport(number) => {
                    let head = self.office.end();
                    let clock = UnixMs(0);
                    let report = Report { number, clock, head, backlog: 0, records: 0 };
                    self.send(Message::Report(report));
                    continue;
                }
                Output::SendEntries { journal, after, max_bytes } => {
                    let (frames, last) = self.office.read(after, max_bytes);
                    let bytes = frames.len() as u64;
                    if bytes > 0 {
                        self.send(Message::Entries(Entries::new(J, after, frames, last, &key())));
                    }
                    if session.is_live() {
                        let under_way = self.up.iter().map(|(_, m)| weight(m)).sum();
                        self.most_under_way = self.most_under_way.max(under_way);
                    }
                    Input::EntriesSent { journal, last, bytes }
                }
                Output::Agree(standing) => {
                    let ours = |p: &&Position| self.office.at(p.seq) == Some(**p);
                    let known = [standing.top].iter().chain(&standing.ladder).find(ours).copied();
                    Input::Agreed { journal: standing.journal, common: known }
                }
                Output::Store(states) => {
                    assert!(session.is_live(), "nothing is folded before the positions are agreed");
                    self.folded += states.states.len() as u64;
                    self.cursor = Some(states.upto);
                    Input::StatesStored(states.upto)
                }
                Output::Mend(fetched) => self.mend(&fetched),
                Output::Compare(fetched) => self.compare(&fetched),
                Output::Config(message) => {
                    self.log.push(format!("{:?} config {}", self.now, name(&message)));
                    self.office.grow(self.steps, 0);
                    Input::Grew { journal: J, head: self.office.end() }
                }
                Output::Acked(ack) => {
                    self.believed = ack.stored;
                    continue;
                }
                Output::Forked { common, .. }
                | Output::Diverged { common: Position { seq: common, .. }, .. } => {
                    self.forked = Some(common);
                    continue;
                }
                Output::Level { report } => {
                    self.log.push(format!("level {report}"));
                    continue;
                }
                Output::GiveBack { .. } => Input::GivenBack(None),
                // HQ asks for no audit here.
                Output::Welcomed(_) | Output::Sum(_) | Output::List(_) => continue,
            };
            session.handle(self.now, answer);
        }
    }

    fn drive_hq(&mut self, session: &mut hq::HqSession) -> MonoMs {
        use hq::{Input, Output};
        loop {
            let answer = match session.poll() {
                Output::Sleep(until) => match self.config.take() {
                    Some((at, config)) if self.welcomed && at <= self.now => Input::Config(config),
                    waits => {
                        let at = waits.as_ref().filter(|_| self.welcomed);
                        let due = at.map_or(MonoMs::NEVER, |(at, _)| *at);
                        self.config = waits;
                        return until.min(due);
                    }
                },
                Output::Send(message) => {
                    self.welcomed |= matches!(message, Message::Welcome(_));
                    self.send(message);
                    continue;
                }
                Output::Lookup(hello) => Input::Known { welcome: self.welcome(&hello) },
                Output::Append(entries) => {
                    entries.verify(&key().verify_key()).unwrap();
                    for (frame, position) in entries.walk().unwrap() {
                        if position.seq == self.hq.end().seq.next() {
                            let after = frame.follow(&self.hq.end());
                            let Ok(after) = after else { break };
                            self.hq.0.push((frame.bytes().to_vec(), after));
                        }
                    }
                    Input::Appended(Ack::new(EPOCH, J, self.hq.end(), None, 0, &key()))
                }
                Output::SendStates { after, max_bytes } => self.send_states(after, max_bytes),
                Output::Fetch(Fetch { journal, after }) => {
                    let (frames, _) = self.hq.read(after, limits::FETCHED_BYTES);
                    Input::Fetched(Fetched { journal, after, frames })
                }
                Output::Adopt(returned) => Input::Adopted { last: returned.last },
                Output::CompareBuckets(_) | Output::CompareListing(_) => panic!("nobody asked"),
                Output::End { bye, by_peer: false } => {
                    self.send(Message::Bye(bye));
                    continue;
                }
                Output::End { .. } | Output::CursorMoved(_) | Output::Reported(_) => continue,
            };
            session.handle(self.now, answer);
        }
    }

    fn welcome(&self, hello: &Hello) -> Welcome {
        let claimed = hello.journals[0].1.seq.min(self.hq.end().seq);
        let steps = core::iter::once(0).chain((0..63).map(|k| 1u64 << k));
        let ladder =
            steps.map_while(|d| claimed.0.checked_sub(d)).filter_map(|n| self.hq.at(Seq(n)));
        let standing =
            Standing { journal: J, top: self.hq.end(), ladder: ladder.collect(), stable: None };
        Welcome { epoch: EPOCH, journals: vec![standing], clock: UnixMs(0), credit_bytes: 8192 }
    }

    fn send_states(&mut self, after: FeedNo, max_bytes: usize) -> hq::Input {
        let (mut states, mut bytes) = (vec![], 0);
        for state in self.feed.iter().skip(usize::try_from(after.0).unwrap()) {
            if bytes > 0 && bytes + state.size_bytes() > max_bytes {
                break;
            }
            bytes += state.size_bytes();
            states.push(state.clone());
        }
        let upto = FeedNo(after.0 + states.len() as u64);
        if bytes > 0 {
            let upto = Cursor { epoch: EPOCH, feed: upto };
            self.send(Message::States(States { states, upto }));
        }
        let drained = upto.0 == self.feed.len() as u64;
        hq::Input::StatesSent { upto, bytes: bytes as u64, drained }
    }
}

fn arrived(wire: &mut VecDeque<(MonoMs, Message)>, now: MonoMs) -> Option<Message> {
    let i = wire.iter().position(|(at, _)| *at <= now)?;
    wire.remove(i).map(|(_, m)| m)
}

fn weight(message: &Message) -> usize {
    if let Message::Entries(e) = message { e.frames.len() } else { 0 }
}

fn name(message: &Message) -> &'static str {
    match message {
        Message::Hello(_) => "Hello",
        Message::Welcome(_) => "Welcome",
        Message::Entries(_) => "Entries",
        Message::Ack(_) => "Ack",
        Message::States(_) => "States",
        Message::StatesAck(_) => "StatesAck",
        Message::Report(_) => "Report",
        Message::Bye(_) => "Bye",
        Message::Level(_) => "Level",
        Message::Edition(_) => "Edition",
        Message::Abort(_) => "Abort",
        Message::Fetch(_) => "Fetch",
        Message::Fetched(_) => "Fetched",
        Message::Returned(_) => "Returned",
        Message::Audit(_) => "Audit",
        Message::Buckets(_) => "Buckets",
        Message::Differing(_) => "Differing",
        Message::Listing(_) => "Listing",
    }
}

fn states(n: u64) -> Vec<SignedNews> {
    let office: OfficeId = "nasr".parse().unwrap();
    let state = |feed| {
        let form_number = format!("f-{feed}").parse().unwrap();
        let origin = Origin { office: office.clone(), form_number };
        let (record, state) = (origin.id(), RecordState::new(origin));
        let feed = FeedNo(feed);
        let office = office.clone();
        let (record, says) = (Some(record), Says::State(state));
        SignedNews::sign(&News { epoch: EPOCH, office, feed, record, says }, &key())
    };
    (1..=n).map(state).collect()
}

#[test]
fn entries_reach_hq_and_receipts_come_back() {
    let mut p = Pair::new(Chain::of(100, 0), Chain::default());
    p.run(10_000);
    assert_eq!(p.hq.end(), p.office.end());
    assert_eq!(p.believed, p.office.end());
}

#[test]
fn when_nothing_changed_three_messages_say_so() {
    let chain = Chain::of(5, 0);
    let mut p = Pair::new(chain.clone(), chain);
    p.run(HEARTBEAT_MS - 1);
    assert_eq!(
        p.log,
        ["MonoMs(1000) Hello", "MonoMs(1300) Welcome", "MonoMs(1300) Level", "level 0"]
    );
}

#[test]
fn an_edition_comes_right_behind_welcome_and_the_session_goes_on() {
    let chain = Chain::of(5, 0);
    let mut p = Pair::new(chain.clone(), chain);
    p.config = Some((p.now, Message::Edition(Offer { bytes: vec![1, 2, 3] })));
    p.run(HEARTBEAT_MS * 2);
    assert_eq!(p.office_end, None);
    assert!(p.log[1..4].contains(&"MonoMs(1300) Edition".to_string()), "{:?}", p.log);
    assert!(p.log.contains(&"MonoMs(1600) config Edition".to_string()), "{:?}", p.log);
}

#[test]
fn an_edition_on_a_live_session_takes_half_a_round_trip_and_its_steps_the_other_half() {
    let chain = Chain::of(5, 0);
    let mut p = Pair::new(chain.clone(), chain);
    p.steps = 6;
    p.config = Some((MonoMs(20_000), Message::Edition(Offer { bytes: vec![1, 2, 3] })));
    p.run(HEARTBEAT_MS / 2);
    let since: Vec<_> = p.log.iter().skip_while(|line| !line.ends_with(" Edition")).collect();
    let (sent, here, back) = (20_000, 20_000 + ONE_WAY_MS, 20_000 + 2 * ONE_WAY_MS);
    let want = [
        format!("MonoMs({sent}) Edition"),
        format!("MonoMs({here}) config Edition"),
        format!("MonoMs({here}) Entries"),
        format!("MonoMs({back}) Ack"),
    ];
    assert_eq!(since[..4], want.iter().collect::<Vec<_>>());
    assert_eq!(p.hq.end().seq, Seq(11), "HQ has all steps of it");
}

#[test]
fn an_idle_session_lives_on_by_heartbeats() {
    let chain = Chain::of(5, 0);
    let mut p = Pair::new(chain.clone(), chain);
    p.run(3_600_000);
    assert_eq!(p.office_end, None);
    let beats = p.log.iter().filter(|l| l.ends_with("Report")).count();
    assert!((59..=60).contains(&beats), "{beats}");
}

#[test]
fn cut_after_any_message_the_next_session_goes_on_and_nothing_arrives_twice() {
    let whole = Chain::of(60, 0);
    for cut in 1..40 {
        let mut p = Pair::new(whole.clone(), Chain::default());
        p.feed = states(20);
        p.cut_after = Some(cut);
        p.run(30_000);
        p.cut_after = None;
        p.run(30_000);
        assert_eq!(p.hq.end(), whole.end(), "cut after {cut}");
        assert_eq!(p.hq.0.len(), 60);
        assert_eq!(p.cursor, Some(Cursor { epoch: EPOCH, feed: FeedNo(20) }));
        assert_eq!(p.folded, 20, "no state that was stored is sent again");
    }
}

#[test]
fn entries_sent_on_trust_to_an_hq_that_lost_them_go_out_again() {
    let office = Chain::of(50, 0);
    let mut p = Pair::new(office.clone(), office.prefix(10));
    p.believed = office.at(Seq(40)).unwrap();
    p.run(10_000);
    assert_eq!(p.hq.end(), office.end());
}

#[test]
fn an_hq_that_knows_more_than_the_office_believed_is_sent_no_more_than_it_lacks() {
    let office = Chain::of(50, 0);
    let mut p = Pair::new(office.clone(), office.prefix(50));
    p.believed = office.at(Seq(40)).unwrap();
    p.run(10_000);
    assert_eq!(p.log.iter().filter(|l| l.ends_with("Entries")).count(), 1, "only that on trust");
    assert_eq!(p.office_end, None);
}

#[test]
fn an_office_behind_hq_or_beside_it_is_a_fork_at_the_last_common_entry() {
    let old = Chain::of(20, 0);
    let mut newer = old.clone();
    newer.grow(5, 0);
    let mut p = Pair::new(old.clone(), newer.clone());
    p.run(10_000);
    assert_eq!((p.forked, p.office_end), (Some(Seq(20)), Some(Bye::now(ByeCode::Fork))));

    let mut beside = old.clone();
    beside.grow(9, 1);
    let mut p = Pair::new(beside, newer.clone());
    p.believed = old.end();
    p.run(10_000);
    assert_eq!((p.forked, p.office_end), (Some(Seq(20)), Some(Bye::now(ByeCode::Fork))));
    assert_eq!(p.hq.end(), newer.end(), "HQ took nothing that does not continue its chain");
}

#[test]
fn where_two_long_histories_part_is_found_whatever_lies_between_the_rungs_of_the_ladder() {
    for common in [1, 2, 99, 100, 101, 255, 256] {
        let (mut ours, mut theirs) = (Chain::of(common, 0), Chain::of(common, 0));
        ours.grow(300, 1);
        theirs.grow(299, 2);
        let mut p = Pair::new(ours, theirs);
        p.believed = Position::start(J);
        p.run(60_000);
        assert_eq!(p.forked, Some(Seq(common)));
    }
}

#[test]
fn ack_beyond_our_head_is_a_fork_not_an_ack() {
    let (office, longer) = (Chain::of(3, 0), Chain::of(4, 0));
    let mut session = live(&office);
    let ack = Ack::new(EPOCH, J, longer.end(), None, 0, &key());
    session.handle(MonoMs(0), office::Input::Received(Message::Ack(ack)));
    assert_eq!(session.poll(), office::Output::Forked { journal: J, common: Seq(3) });
}

#[test]
fn an_ack_that_comes_before_its_entries_are_said_to_be_sent_leaves_nothing_under_way() {
    let chain = Chain::of(5, 0);
    let mut session = live(&chain.prefix(4));
    let head = chain.end();
    session.handle(MonoMs(0), office::Input::Grew { journal: J, head });
    assert!(matches!(session.poll(), office::Output::SendEntries { .. }));
    let ack = Ack::new(EPOCH, J, head, None, 0, &key());
    session.handle(MonoMs(0), office::Input::Received(Message::Ack(ack)));
    let sent = office::Input::EntriesSent { journal: J, last: head, bytes: 100 };
    session.handle(MonoMs(0), sent);
    assert!(matches!(session.poll(), office::Output::Acked(_)));
    let level = Message::Level(Level { report: 0 });
    session.handle(MonoMs(1), office::Input::Received(level));
    assert!(matches!(session.poll(), office::Output::Level { report: 0 }));
    let office::Output::Sleep(until) = session.poll() else { panic!("nothing is left to do") };
    assert!(until >= MonoMs(HEARTBEAT_MS), "no answer is owed: the next thing is a heartbeat");
}

/// An office's machine in Live, with nothing to send.
fn live(chain: &Chain) -> office::OfficeSession {
    let mut session = office::OfficeSession::new(MonoMs(0), HEARTBEAT_MS);
    let p = Pair::new(chain.clone(), chain.clone());
    session.handle(MonoMs(0), p.hello());
    let office::Input::Opened { hello, .. } = p.hello() else { unreachable!() };
    let welcome = Message::Welcome(p.welcome(&hello));
    session.handle(MonoMs(0), office::Input::Received(welcome));
    let common = Some(chain.end());
    session.handle(MonoMs(0), office::Input::Agreed { journal: J, common });
    while !matches!(session.poll(), office::Output::Sleep(_)) {}
    assert!(session.is_live());
    session
}

#[test]
fn states_that_overtake_welcome_wait_until_the_positions_are_agreed() {
    let chain = Chain::of(5, 0);
    let mut p = Pair::new(chain.clone(), chain.clone());
    let upto = Cursor { epoch: EPOCH, feed: FeedNo(2) };
    let mut session = office::OfficeSession::new(p.now, HEARTBEAT_MS);
    session.handle(p.now, p.hello());
    let early = Message::States(States { states: states(2), upto });
    session.handle(p.now, office::Input::Received(early));
    p.drive_office(&mut session);
    assert_eq!(p.folded, 0);
    let office::Input::Opened { hello, .. } = p.hello() else { unreachable!() };
    session.handle(p.now, office::Input::Received(Message::Welcome(p.welcome(&hello))));
    p.drive_office(&mut session);
    assert_eq!(p.folded, 2);
}

#[test]
fn level_comes_only_when_every_state_is_on_the_offices_disk() {
    let chain = Chain::of(5, 0);
    let mut p = Pair::new(chain.clone(), chain);
    p.feed = states(900);
    p.delay_states_ms = 5_000;
    p.run(59_000);
    assert_eq!(p.folded, 900);
    let place = |what: &str| p.log.iter().rposition(|l| l.ends_with(what)).unwrap();
    assert!(place("level 0") > place("StatesAck"));
}

#[test]
fn no_more_is_under_way_than_hq_gave_credit_for() {
    let mut p = Pair::new(Chain::of(2_500, 0), Chain::default());
    p.run(60_000);
    assert_eq!(p.hq.end(), p.office.end());
    let one_frame = p.office.0[0].0.len();
    assert!(p.most_under_way < 8192 + one_frame, "{}", p.most_under_way);
}

#[test]
fn silence_after_any_message_ends_the_session() {
    for cut in 1..12 {
        let mut p = Pair::new(Chain::of(60, 0), Chain::default());
        p.cut_after = Some(cut);
        p.run(30_000);
        let mut office = office::OfficeSession::new(p.now, HEARTBEAT_MS);
        office.handle(p.now, p.hello());
        for _ in 0..20 {
            p.now = p.drive_office(&mut office).min(MonoMs(u64::MAX - 1));
            office.handle(p.now, office::Input::Tick);
        }
        assert_eq!(p.office_end, Some(Bye::now(ByeCode::Timeout)));
    }
}

#[test]
fn a_message_out_of_turn_ends_the_session_as_a_fault() {
    let chain = Chain::of(2, 0);
    let ended = |message: Message, mut session: office::OfficeSession| {
        session.handle(MonoMs(0), office::Input::Received(message));
        matches!(session.poll(), office::Output::End { bye, .. } if bye.code == ByeCode::Fault)
    };
    let p = Pair::new(chain.clone(), chain.clone());
    let office::Input::Opened { hello, .. } = p.hello() else { unreachable!() };
    let entries = Message::Entries(Entries::new(J, chain.end(), vec![], chain.end(), &key()));
    for message in [Message::Hello(hello.clone()), entries, Message::Welcome(p.welcome(&hello))] {
        assert!(ended(message, live(&chain)));
    }
    let early = Message::Level(Level { report: 0 });
    assert!(ended(early, office::OfficeSession::new(MonoMs(0), HEARTBEAT_MS)));

    let mut session = hq::HqSession::new(MonoMs(0));
    session.handle(MonoMs(0), hq::Input::Received(Message::Level(Level { report: 0 })));
    assert!(matches!(session.poll(), hq::Output::End { .. }));
}

fn fetches(pair: &Pair) -> usize {
    pair.log.iter().filter(|line| line.ends_with(" Fetch")).count()
}

#[test]
fn a_hole_in_the_offices_journal_is_filled_by_hq_a_stretch_at_a_time() {
    let chain = Chain::of(600, 0);
    let (after, until) = (chain.at(Seq(3)).unwrap(), chain.at(Seq(500)).unwrap());
    let mut pair = Pair::new(chain.clone(), chain.clone());
    pair.hole = Some((after, until));
    pair.run(60_000);
    let want: Vec<u8> = chain.0[3..500].iter().flat_map(|(frame, _)| frame.clone()).collect();
    assert!(pair.mended == want && pair.hole.is_none());
    assert!((2..=6).contains(&fetches(&pair)), "{}", fetches(&pair));
    assert_eq!((pair.office_end, pair.forked), (None, None));
}

#[test]
fn what_hq_has_not_got_either_is_asked_for_once_in_a_session() {
    let chain = Chain::of(9, 0);
    let mut pair = Pair::new(chain.prefix(5), chain.prefix(5));
    pair.hole = Some((chain.at(Seq(5)).unwrap(), chain.at(Seq(7)).unwrap()));
    pair.run(120_000);
    assert_eq!((pair.office_end, pair.mended.len()), (None, 0));
    assert_eq!(fetches(&pair), 1);
}
