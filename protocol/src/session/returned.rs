//! Both machines with an HQ whose database was put back to an earlier state.

use alloc::vec::Vec;
use std::vec;

use super::{hq, office};
use crate::entry::Cursor;
use crate::id::{EpochId, JournalId, Position};
use crate::units::{FeedNo, MonoMs, Seq, UnixMs};
use crate::wire::{Hello, Level, Message, Returned, Standing, Welcome};

pub(super) const J: JournalId = JournalId(1);
pub(super) const NOW: MonoMs = MonoMs(0);
const BEFORE: EpochId = EpochId(7);
pub(super) const NOW_LIVES: EpochId = EpochId(8);

/// The greeting of an office that has taken the feed of this life.
pub(super) fn hello(taken: Option<EpochId>) -> Hello {
    Hello {
        journals: vec![(J, Position::start(J))],
        cursor: taken.map(|epoch| Cursor { epoch, feed: FeedNo(5) }),
        acked: None,
        edition: 0,
        clock: UnixMs(0),
        backlog: 0,
        version: "0".into(),
    }
}

pub(super) fn welcome() -> Welcome {
    let top = Position::start(J);
    let standing = Standing { journal: J, top, ladder: vec![top], stable: None };
    let (journals, clock) = (vec![standing], UnixMs(0));
    Welcome { epoch: NOW_LIVES, journals, clock, credit_bytes: 8192 }
}

/// What HQ does at once when such an office comes.
fn greeted(taken: Option<EpochId>) -> (hq::HqSession, Vec<hq::Output>) {
    let mut session = hq::HqSession::new(NOW);
    session.handle(NOW, hq::Input::Received(Message::Hello(hello(taken))));
    session.handle(NOW, hq::Input::Known { welcome: welcome() });
    let outputs = at_hq(&mut session);
    (session, outputs)
}

pub(super) fn at_hq(session: &mut hq::HqSession) -> Vec<hq::Output> {
    let next = || match session.poll() {
        hq::Output::Sleep(_) => None,
        output => Some(output),
    };
    core::iter::from_fn(next).collect()
}

fn sends_states(outputs: &[hq::Output]) -> bool {
    outputs.iter().any(|output| matches!(output, hq::Output::SendStates { .. }))
}

#[test]
fn hq_sends_no_states_before_it_has_taken_in_those_of_its_earlier_lives() {
    for taken in [None, Some(NOW_LIVES)] {
        assert!(sends_states(&greeted(taken).1), "nothing comes back from {taken:?}");
    }
    let (mut session, outputs) = greeted(Some(BEFORE));
    assert!(!sends_states(&outputs));
    for last in [false, true] {
        let returned = Returned { states: vec![], last };
        session.handle(NOW, hq::Input::Received(Message::Returned(returned.clone())));
        session.handle(NOW, hq::Input::FeedGrew);
        assert_eq!(at_hq(&mut session), [hq::Output::Adopt(returned)]);
        session.handle(NOW, hq::Input::Adopted { last });
        let then = at_hq(&mut session);
        assert_eq!(sends_states(&then), last, "{then:?}");
        assert!(!then.contains(&hq::Output::Send(Message::Level(Level { report: 0 }))));
    }
    let more = Message::Returned(Returned { states: vec![], last: true });
    session.handle(NOW, hq::Input::Received(more));
    assert!(matches!(at_hq(&mut session)[..], [hq::Output::End { .. }]), "that was the last");
}

#[test]
fn an_office_gives_back_once_the_positions_are_agreed_and_only_to_another_life() {
    for (taken, gives) in [(None, false), (Some(NOW_LIVES), false), (Some(BEFORE), true)] {
        let mut session = office::OfficeSession::new(NOW, 60_000);
        let stored = vec![Position::start(J)];
        session.handle(NOW, office::Input::Opened { hello: hello(taken), stored });
        session.handle(NOW, office::Input::Received(Message::Welcome(welcome())));
        assert!(!at_office(&mut session).iter().any(is_give_back), "not agreed yet");
        let common = Some(Position::start(J));
        session.handle(NOW, office::Input::Agreed { journal: J, common });
        assert_eq!(at_office(&mut session).iter().any(is_give_back), gives, "{taken:?}");
        if gives {
            session.handle(NOW, office::Input::GivenBack(Some(Seq(9))));
            let next = office::Output::GiveBack { epoch: NOW_LIVES, after: Seq(9) };
            assert!(at_office(&mut session).contains(&next), "piece by piece");
            session.handle(NOW, office::Input::GivenBack(None));
            assert!(!at_office(&mut session).iter().any(is_give_back));
        }
    }
}

pub(super) fn at_office(session: &mut office::OfficeSession) -> Vec<office::Output> {
    let next = || match session.poll() {
        office::Output::Sleep(_) => None,
        output => Some(output),
    };
    core::iter::from_fn(next).collect()
}

fn is_give_back(output: &office::Output) -> bool {
    matches!(output, office::Output::GiveBack { .. })
}
