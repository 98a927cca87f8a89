//! Both machines of a session, each with a peer that says anything in any order, and a driver that
//! does what it is told: in its time, and sometimes with an answer that does not fit.
//!
//! What must hold: every queue stays bounded (I7), a timeout is pending in every state but the last
//! (I6) and moves on when it is due, and after the end nothing happens any more.

use std::collections::VecDeque;
use std::sync::OnceLock;

use wasl_protocol::edition::Serial;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{EpochId, Head, JournalId, Position};
use wasl_protocol::keys::SignKey;
use wasl_protocol::limits;
use wasl_protocol::news::{News, Says, SignedNews};
use wasl_protocol::session::{HEARTBEAT_MAX_MS, SILENCE_MS, hq, office};
use wasl_protocol::units::{FeedNo, MonoMs, Seq, UnixMs};
use wasl_protocol::wire::{
    Abort, Ack, Assembler, Bye, ByeCode, Entries, Hello, Level, Message, Offer, Report, Standing,
    States, StatesAck, Welcome,
};

use super::Choices;

/// How many pieces of work may wait before the driver takes no more messages in; as at HQ's gateway.
const WORK_WAITING: usize = 16;

/// The most outputs that one input may cause: an agreement for each journal, then every state that
/// came before its time, and a few more.
const MOST_OUTPUTS: usize = 1_024;

/// The most inputs of one run.
const MOST_INPUTS: usize = 2_000;

/// A choice of the machine, then what happens to it.
pub(super) fn session(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    if choices.byte() % 2 == 0 { office(&mut choices) } else { headquarters(&mut choices) }
}

/// The time, and what a machine may say of it.
struct Watch {
    now: MonoMs,
    over: bool,
}

impl Watch {
    fn new() -> Self {
        Self { now: MonoMs(1_000), over: false }
    }

    /// Lets time pass.
    fn pass(&mut self, choices: &mut Choices<'_>) {
        let steps = [0, 1, 999, 30_000, 60_000, 300_000, 660_000, 86_400_000];
        self.now = self.now + choices.one_of(&steps);
    }

    /// Checks when the machine wants to be woken.
    fn sleeps(&self, until: MonoMs) {
        if self.over {
            assert_eq!(until, MonoMs::NEVER, "nothing is due after the end");
        } else {
            assert!(until != MonoMs::NEVER, "no timeout is pending");
            let longest = SILENCE_MS.max(HEARTBEAT_MAX_MS);
            assert!(until.since_ms(self.now) <= longest, "it sleeps for too long");
        }
    }
}

fn office(choices: &mut Choices<'_>) {
    let mut watch = Watch::new();
    let heartbeat_ms = choices.one_of(&[60_000, 0, 1, u64::MAX]);
    let mut machine = office::OfficeSession::new(watch.now, heartbeat_ms);
    let mut asked: VecDeque<office::Input> = VecDeque::new();
    for _ in 0..MOST_INPUTS {
        if !choices.are_left() {
            break;
        }
        let due = matches!(machine.poll(), office::Output::Sleep(until) if until <= watch.now);
        let input = match choices.byte() % 8 {
            _ if due => office::Input::Tick,
            0 => office::Input::Opened { hello: hello(choices), stored: positions(choices) },
            1 => asked.pop_front().unwrap_or(office::Input::Ask),
            2 => office::Input::Ask,
            3 => office::Input::Grew { journal: journal(choices), head: position(choices) },
            4 => {
                watch.pass(choices);
                office::Input::Tick
            }
            5 => odd_answer(choices),
            _ if asked.len() >= WORK_WAITING => office::Input::Tick,
            _ => office::Input::Received(any_message(choices)),
        };
        let was_over = watch.over;
        machine.handle(watch.now, input);
        let said = drain_office(&mut machine, &mut watch, &mut asked, choices);
        assert!(!was_over || said == 0, "after the end it says nothing");
        let limit = WORK_WAITING + MOST_OUTPUTS;
        assert!(asked.len() <= limit, "what waits for the driver is not bounded");
        if due {
            let still =
                matches!(machine.poll(), office::Output::Sleep(until) if until <= watch.now);
            assert!(!still, "what was due stays due: it spins");
        }
    }
}

/// Does what the machine wants done; answers how much that was.
fn drain_office(
    machine: &mut office::OfficeSession,
    watch: &mut Watch,
    asked: &mut VecDeque<office::Input>,
    choices: &mut Choices<'_>,
) -> usize {
    for said in 0..MOST_OUTPUTS {
        match machine.poll() {
            office::Output::Sleep(until) => {
                watch.sleeps(until);
                return said;
            }
            office::Output::Agree(standing) => {
                let common = choices.one_of(&[Some(standing.top), None, Some(position_of(1, 1))]);
                asked.push_back(office::Input::Agreed { journal: standing.journal, common });
            }
            office::Output::SendEntries { journal, after, max_bytes } => {
                assert!((1..=limits::ENTRIES_BYTES).contains(&max_bytes));
                let entries = choices.one_of(&[0, 1, 3]);
                let last = position_of(after.seq.0.saturating_add(entries), choices.byte());
                let bytes = if entries == 0 { 0 } else { max_bytes as u64 };
                asked.push_back(office::Input::EntriesSent { journal, last, bytes });
            }
            office::Output::Store(states) => {
                assert!(machine.is_live(), "states are folded before the positions are agreed");
                asked.push_back(office::Input::StatesStored(states.upto));
            }
            office::Output::Level { .. } => assert!(machine.is_live()),
            office::Output::End { .. } => watch.over = true,
            _ => assert!(!watch.over, "the end is the last that it says"),
        }
    }
    panic!("one input is answered without end");
}

/// An answer to something that was not asked.
fn odd_answer(choices: &mut Choices<'_>) -> office::Input {
    match choices.byte() % 3 {
        0 => office::Input::Agreed { journal: journal(choices), common: Some(position(choices)) },
        1 => office::Input::EntriesSent {
            journal: journal(choices),
            last: position(choices),
            // The driver counts what it sent: no more than it was asked for.
            bytes: choices.one_of(&[0, 1, limits::ENTRIES_BYTES as u64]),
        },
        _ => office::Input::StatesStored(cursor(choices)),
    }
}

fn headquarters(choices: &mut Choices<'_>) {
    let mut watch = Watch::new();
    let mut machine = hq::HqSession::new(watch.now);
    let mut work: VecDeque<hq::Input> = VecDeque::new();
    for _ in 0..MOST_INPUTS {
        if !choices.are_left() {
            break;
        }
        let due = matches!(machine.poll(), hq::Output::Sleep(until) if until <= watch.now);
        let input = match choices.byte() % 8 {
            _ if due => hq::Input::Tick,
            0 => hq::Input::Received(Message::Hello(hello(choices))),
            1 => work.pop_front().unwrap_or(hq::Input::FeedGrew),
            2 => hq::Input::FeedGrew,
            3 => hq::Input::Config(any_message(choices)),
            4 => {
                watch.pass(choices);
                hq::Input::Tick
            }
            5 if choices.byte() == 0 => hq::Input::Close(Bye::now(ByeCode::Revoked)),
            _ if work.len() >= WORK_WAITING => hq::Input::Tick,
            _ => hq::Input::Received(any_message(choices)),
        };
        let was_over = watch.over;
        machine.handle(watch.now, input);
        let said = drain_hq(&mut machine, &mut watch, &mut work, choices);
        assert!(!was_over || said == 0, "after the end it says nothing");
        assert!(work.len() <= 3 * WORK_WAITING, "what waits for the driver is not bounded");
        if due {
            let still = matches!(machine.poll(), hq::Output::Sleep(until) if until <= watch.now);
            assert!(!still, "what was due stays due: it spins");
        }
    }
}

fn drain_hq(
    machine: &mut hq::HqSession,
    watch: &mut Watch,
    work: &mut VecDeque<hq::Input>,
    choices: &mut Choices<'_>,
) -> usize {
    for said in 0..MOST_OUTPUTS {
        match machine.poll() {
            hq::Output::Sleep(until) => {
                watch.sleeps(until);
                return said;
            }
            hq::Output::Lookup(hello) => {
                let journals =
                    hello.journals.iter().map(|(journal, head)| standing(*journal, *head));
                let welcome = welcome(journals.collect(), choices);
                work.push_back(hq::Input::Known { welcome });
            }
            hq::Output::Append(entries) => {
                assert!(entries.frames.len() <= limits::MESSAGE_BYTES);
                work.push_back(hq::Input::Appended(ack(entries.journal, entries.last)));
            }
            hq::Output::SendStates { after, max_bytes } => {
                assert!((1..=limits::STATES_BYTES).contains(&max_bytes));
                let upto = FeedNo(after.0.saturating_add(choices.one_of(&[0, 1, 5])));
                let (bytes, drained) =
                    (choices.one_of(&[0, 1, 1 << 18]), choices.byte().is_multiple_of(2));
                work.push_back(hq::Input::StatesSent { upto, bytes, drained });
            }
            hq::Output::End { .. } => watch.over = true,
            _ => assert!(!watch.over, "the end is the last that it says"),
        }
    }
    panic!("one input is answered without end");
}

fn sign_key() -> &'static SignKey {
    static KEY: OnceLock<SignKey> = OnceLock::new();
    KEY.get_or_init(|| SignKey::from_secret(&[1; 32]))
}

fn number(choices: &mut Choices<'_>) -> u64 {
    choices.one_of(&[0, 1, 2, 3, 5, 8, 1 << 18, 1 << 20, u64::MAX - 1, u64::MAX])
}

fn journal(choices: &mut Choices<'_>) -> JournalId {
    JournalId(choices.one_of(&[1, 2, 3]))
}

fn position_of(seq: u64, head: u8) -> Position {
    Position { seq: Seq(seq), head: Head([head; 32]) }
}

fn position(choices: &mut Choices<'_>) -> Position {
    position_of(number(choices), choices.byte() % 2)
}

fn positions(choices: &mut Choices<'_>) -> Vec<Position> {
    let count = choices.one_of(&[1, 0, 2, 3, 64]);
    (0..count).map(|_| position(choices)).collect()
}

fn cursor(choices: &mut Choices<'_>) -> Cursor {
    Cursor { epoch: EpochId(choices.one_of(&[9, 10])), feed: FeedNo(number(choices)) }
}

fn hello(choices: &mut Choices<'_>) -> Hello {
    let count = choices.one_of(&[1u64, 0, 2, 3, 64, 65]);
    let journals = (1..=count).map(|id| (JournalId(id), position(choices))).collect();
    Hello {
        journals,
        cursor: choices.byte().is_multiple_of(2).then(|| cursor(choices)),
        acked: None,
        edition: number(choices),
        clock: UnixMs(0),
        backlog: number(choices),
        version: String::new(),
    }
}

fn standing(journal: JournalId, top: Position) -> Standing {
    Standing { journal, top, ladder: vec![top], stable: None }
}

fn welcome(journals: Vec<Standing>, choices: &mut Choices<'_>) -> Welcome {
    Welcome { epoch: EpochId(9), journals, clock: UnixMs(i64::MIN), credit_bytes: number(choices) }
}

fn ack(journal: JournalId, stored: Position) -> Ack {
    Ack::new(EpochId(9), journal, stored, None, 0, sign_key())
}

fn states(choices: &mut Choices<'_>) -> States {
    let count = choices.one_of(&[0, 1, 2]);
    let epoch = EpochId(9);
    let office = "nasr".parse().expect("an office's id");
    let bytes = choices.one_of(&[1, 100, 1 << 18]);
    let says = Says::Newer(vec![200; bytes]);
    let news = News { epoch, office, feed: FeedNo(1), record: None, says };
    let signed = SignedNews::sign(&news, sign_key());
    States { states: vec![signed; count], upto: cursor(choices) }
}

/// Any message that somebody with a key can make; or one in the input's own bytes.
fn any_message(choices: &mut Choices<'_>) -> Message {
    match choices.byte() % 13 {
        0 => Message::Hello(hello(choices)),
        1 => {
            let count = choices.one_of(&[1u64, 0, 2, 3, 64, 65]);
            let all = (1..=count).map(|id| standing(JournalId(id), position(choices)));
            let all = all.collect();
            Message::Welcome(welcome(all, choices))
        }
        2 | 3 => {
            let frames = vec![0; choices.one_of(&[0, 1, 1_000, 1 << 18])];
            let (journal, after, last) = (journal(choices), position(choices), position(choices));
            Message::Entries(Entries::new(journal, after, frames, last, sign_key()))
        }
        4 => Message::Ack(ack(journal(choices), position(choices))),
        5 | 6 => Message::States(states(choices)),
        7 => Message::StatesAck(StatesAck { upto: cursor(choices) }),
        8 => Message::Report(Report {
            number: number(choices),
            clock: UnixMs(0),
            head: position(choices),
            backlog: 0,
            records: 0,
        }),
        9 => Message::Level(Level { report: number(choices) }),
        10 => Message::Edition(Offer { bytes: choices.chunk().to_vec() }),
        11 => Message::Abort(Abort::new(Serial(number(choices)), sign_key())),
        _ => {
            let mut assembler = Assembler::default();
            assembler.feed(choices.chunk());
            let bye = Message::Bye(Bye::now(ByeCode::Done));
            assembler.next_message().ok().flatten().unwrap_or(bye)
        }
    }
}
