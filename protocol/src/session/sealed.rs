//! The office's machine with a sealed journal and one that goes on from it.

use alloc::string::ToString;
use alloc::vec::Vec;
use std::vec;

use super::office::{Input, OfficeSession, Output};
use crate::id::{EpochId, JournalId, Position};
use crate::keys::SignKey;
use crate::units::{MonoMs, Seq, UnixMs};
use crate::wire::{Ack, Bye, ByeCode, Fetch, Fetched, Hello, Message, Standing, Welcome};

const OLD: JournalId = JournalId(1);
const NEW: JournalId = JournalId(2);
const NOW: MonoMs = MonoMs(0);

/// The position behind so many entries of a journal.
fn at(journal: JournalId, seq: u64) -> Position {
    (0..seq).fold(Position::start(journal), |at, n| at.after(&n.to_le_bytes()))
}

/// An office whose old journal was sealed at 10, and whose new one has 4 entries, of which HQ is
/// known to have so many.
fn opened(stored: u64) -> OfficeSession {
    let mut session = OfficeSession::new(NOW, 60_000);
    let hello = Hello {
        journals: vec![(OLD, at(OLD, 10)), (NEW, at(NEW, 4))],
        cursor: None,
        acked: None,
        edition: 0,
        clock: UnixMs(0),
        backlog: 0,
        version: "0".to_string(),
    };
    session.handle(NOW, Input::Opened { hello, stored: vec![at(OLD, 10), at(NEW, stored)] });
    session
}

fn outputs(session: &mut OfficeSession) -> Vec<Output> {
    let mut outputs = vec![];
    loop {
        match session.poll() {
            Output::Sleep(_) => return outputs,
            output => outputs.push(output),
        }
    }
}

/// What the office does once HQ has said how far it has both, and where they agree.
fn agreed(
    mut session: OfficeSession,
    old: (u64, u64),
    new: (u64, u64),
) -> (OfficeSession, Vec<Output>) {
    let standing = |journal, (top, common)| Standing {
        journal,
        top: at(journal, top),
        ladder: vec![at(journal, common)],
        stable: None,
    };
    let journals = vec![standing(OLD, old), standing(NEW, new)];
    let (epoch, credit_bytes) = (EpochId(9), 8192);
    let welcome = Welcome { epoch, journals, clock: UnixMs(0), credit_bytes };
    session.handle(NOW, Input::Received(Message::Welcome(welcome)));
    for (journal, (_, common)) in [(OLD, old), (NEW, new)] {
        let common = Some(at(journal, common));
        session.handle(NOW, Input::Agreed { journal, common });
    }
    let outputs = outputs(&mut session);
    (session, outputs)
}

/// Behind which positions entries are sent.
fn sends(outputs: &[Output]) -> Vec<(JournalId, Seq)> {
    let send = |output: &Output| match output {
        Output::SendEntries { journal, after, .. } => Some((*journal, after.seq)),
        _ => None,
    };
    outputs.iter().filter_map(send).collect()
}

#[test]
fn what_hq_has_behind_the_end_of_a_sealed_journal_is_no_fork() {
    let (mut session, outputs) = agreed(opened(0), (20, 10), (0, 0));
    assert!(session.is_live());
    assert_eq!(sends(&outputs), [(NEW, Seq(0))]);
    let ack = Ack::new(EpochId(9), OLD, at(OLD, 20), None, 0, &SignKey::from_secret(&[1; 32]));
    session.handle(NOW, Input::Received(Message::Ack(ack)));
    assert!(session.is_live());
}

#[test]
fn what_hq_lost_of_a_sealed_journal_goes_out_before_the_newest() {
    let (mut session, outputs) = agreed(opened(0), (5, 5), (0, 0));
    assert_eq!(sends(&outputs), [(OLD, Seq(5))]);
    session.handle(NOW, Input::EntriesSent { journal: OLD, last: at(OLD, 10), bytes: 100 });
    assert_eq!(sends(&self::outputs(&mut session)), [(NEW, Seq(0))]);
}

#[test]
fn a_sealed_journal_that_differs_before_its_end_is_a_fork() {
    let (session, outputs) = agreed(opened(0), (20, 8), (0, 0));
    assert!(!session.is_live());
    assert!(outputs.contains(&Output::Forked { journal: OLD, common: Seq(8) }));
    let bye = Bye::now(ByeCode::Fork);
    assert!(outputs.contains(&Output::End { bye, by_peer: false }));
}

#[test]
fn of_the_newest_journal_hq_has_nothing_that_is_not_ours() {
    let (mut session, outputs) = agreed(opened(4), (10, 10), (6, 4));
    let (journal, after) = (NEW, at(NEW, 4));
    assert!(outputs.contains(&Output::Send(Message::Fetch(Fetch { journal, after }))));
    let empty = Fetched { journal, after, frames: vec![] };
    session.handle(NOW, Input::Received(Message::Fetched(empty)));
    assert!(self::outputs(&mut session).contains(&Output::Diverged { journal, common: after }));
}

#[test]
fn an_office_that_looks_where_the_histories_part_waits_no_longer_than_for_a_greeting() {
    let (mut session, _) = agreed(opened(4), (10, 10), (6, 4));
    let Output::Sleep(until) = session.poll() else { panic!("it waits") };
    session.handle(until, Input::Tick);
    let bye = Bye::now(ByeCode::Timeout);
    assert!(self::outputs(&mut session).contains(&Output::End { bye, by_peer: false }));
}

#[test]
fn a_journal_that_goes_on_from_another_is_not_sent_on_trust_before_hq_has_its_genesis() {
    assert_eq!(sends(&outputs(&mut opened(0))), []);
    assert_eq!(sends(&outputs(&mut opened(1))), [(NEW, Seq(1))]);
}
