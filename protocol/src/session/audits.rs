//! Both machines while what they have of the scope is compared.

use alloc::vec::Vec;
use std::vec;

use super::{hq, office};
use crate::entry::Cursor;
use crate::id::{EpochId, JournalId, Position, RecordId};
use crate::limits;
use crate::units::{FeedNo, MonoMs, UnixMs};
use crate::wire::{
    Audit, Buckets, Bye, ByeCode, Differing, Hello, Listing, Message, Report, Standing, Welcome,
};

const J: JournalId = JournalId(1);
const NOW: MonoMs = MonoMs(0);
const LIFE: EpochId = EpochId(8);

fn hello() -> Hello {
    Hello {
        journals: vec![(J, Position::start(J))],
        cursor: Some(Cursor { epoch: LIFE, feed: FeedNo(0) }),
        acked: None,
        edition: 0,
        clock: UnixMs(0),
        backlog: 0,
        version: "0".into(),
    }
}

fn welcome() -> Welcome {
    let top = Position::start(J);
    let standing = Standing { journal: J, top, ladder: vec![top], stable: None };
    let (journals, clock) = (vec![standing], UnixMs(0));
    Welcome { epoch: LIFE, journals, clock, credit_bytes: 8192 }
}

/// HQ's machine, greeted, with an audit wanted; what it does at once.
fn greeted(first: bool) -> (hq::HqSession, Vec<hq::Output>) {
    let mut session = hq::HqSession::new(NOW);
    session.handle(NOW, hq::Input::Received(Message::Hello(hello())));
    let _lookup = at_hq(&mut session);
    session.handle(NOW, hq::Input::Audit { first });
    session.handle(NOW, hq::Input::Known { welcome: welcome() });
    session.handle(NOW, hq::Input::Audit { first: false });
    let outputs = at_hq(&mut session);
    (session, outputs)
}

fn at_hq(session: &mut hq::HqSession) -> Vec<hq::Output> {
    let next = || match session.poll() {
        hq::Output::Sleep(_) => None,
        output => Some(output),
    };
    core::iter::from_fn(next).collect()
}

fn at_office(session: &mut office::OfficeSession) -> Vec<office::Output> {
    let next = || match session.poll() {
        office::Output::Sleep(_) => None,
        output => Some(output),
    };
    core::iter::from_fn(next).collect()
}

/// Behind which number of the feed states are sent.
fn sends(outputs: &[hq::Output]) -> Option<FeedNo> {
    outputs.iter().find_map(|output| match output {
        hq::Output::SendStates { after, .. } => Some(*after),
        _ => None,
    })
}

fn asks(outputs: &[hq::Output]) -> bool {
    outputs.contains(&hq::Output::Send(Message::Audit(Audit { number: 1 })))
}

fn buckets(number: u64) -> Message {
    Message::Buckets(Buckets { number, sums: vec![0; limits::BUCKETS] })
}

fn listing(records: Vec<(RecordId, u64)>, last: bool) -> Message {
    Message::Listing(Listing { number: 1, records, last })
}

#[test]
fn an_office_that_does_not_know_its_place_in_the_feed_gets_only_what_it_lacks() {
    let (mut session, outputs) = greeted(true);
    assert!(asks(&outputs) && sends(&outputs).is_none(), "{outputs:?}");
    session.handle(NOW, hq::Input::FeedGrew);
    session.handle(NOW, hq::Input::Received(buckets(1)));
    assert!(matches!(at_hq(&mut session)[..], [hq::Output::CompareBuckets(_)]));
    let (differing, upto) = (vec![3, 9], FeedNo(70));
    session.handle(NOW, hq::Input::Differing { buckets: differing.clone(), upto });
    let told = Message::Differing(Differing { number: 1, buckets: differing });
    assert_eq!(at_hq(&mut session), [hq::Output::Send(told)]);
    for last in [false, true] {
        session.handle(NOW, hq::Input::Received(listing(vec![], last)));
        assert!(matches!(at_hq(&mut session)[..], [hq::Output::CompareListing(_)]));
    }
    session.handle(NOW, hq::Input::Compared);
    assert_eq!(sends(&at_hq(&mut session)), Some(upto), "what stood before is not sent");
}

#[test]
fn where_nothing_differs_the_feed_goes_on_behind_what_was_compared() {
    let (mut session, _) = greeted(true);
    session.handle(NOW, hq::Input::Received(buckets(1)));
    let upto = FeedNo(70);
    session.handle(NOW, hq::Input::Differing { buckets: vec![], upto });
    assert_eq!(sends(&at_hq(&mut session)), Some(upto));
    session.handle(NOW, hq::Input::Received(listing(vec![], true)));
    assert!(matches!(at_hq(&mut session)[..], [hq::Output::End { .. }]), "nobody asked for it");
}

#[test]
fn the_weekly_audit_begins_once_both_are_level_and_holds_nothing_up() {
    let (mut session, outputs) = greeted(false);
    assert!(!asks(&outputs) && sends(&outputs) == Some(FeedNo(0)), "{outputs:?}");
    session.handle(NOW, hq::Input::StatesSent { upto: FeedNo(0), bytes: 0, drained: true });
    assert!(asks(&at_hq(&mut session)), "level");
    session.handle(NOW, hq::Input::FeedGrew);
    assert_eq!(sends(&at_hq(&mut session)), Some(FeedNo(0)), "the feed goes on beside it");
}

#[test]
fn an_office_that_does_not_know_of_audits_is_not_waited_for_for_ever() {
    let (mut session, _) = greeted(true);
    let report = |number| {
        let (clock, head) = (UnixMs(0), Position::start(J));
        hq::Input::Received(Message::Report(Report { number, clock, head, backlog: 0, records: 0 }))
    };
    session.handle(NOW, report(1));
    assert_eq!(sends(&at_hq(&mut session)), None);
    session.handle(NOW, report(2));
    assert_eq!(sends(&at_hq(&mut session)), Some(FeedNo(0)));
}

#[test]
fn sums_of_another_number_or_size_are_a_fault() {
    let short = Message::Buckets(Buckets { number: 1, sums: vec![0; 3] });
    for wrong in [buckets(2), short] {
        let (mut session, _) = greeted(true);
        session.handle(NOW, hq::Input::Received(wrong));
        let bye = Bye::now(ByeCode::Fault);
        assert_eq!(at_hq(&mut session), [hq::Output::End { bye, by_peer: false }]);
    }
}

#[test]
fn an_office_answers_once_the_positions_are_agreed_and_lists_in_pieces() {
    let mut session = office::OfficeSession::new(NOW, 60_000);
    session.handle(NOW, office::Input::Opened { hello: hello(), stored: vec![Position::start(J)] });
    session.handle(NOW, office::Input::Received(Message::Welcome(welcome())));
    let audit = Audit { number: 1 };
    session.handle(NOW, office::Input::Received(Message::Audit(audit)));
    assert!(!at_office(&mut session).contains(&office::Output::Sum(audit)), "not agreed yet");
    let common = Some(Position::start(J));
    session.handle(NOW, office::Input::Agreed { journal: J, common });
    assert!(at_office(&mut session).contains(&office::Output::Sum(audit)));
    let differing = Differing { number: 1, buckets: vec![7] };
    session.handle(NOW, office::Input::Received(Message::Differing(differing.clone())));
    assert_eq!(at_office(&mut session), [office::Output::List(differing)]);
    let records = vec![(RecordId([1; 16]), 5); limits::LISTED + 1];
    session.handle(NOW, office::Input::Listed { number: 1, records });
    let pieces: Vec<(usize, bool)> = at_office(&mut session)
        .into_iter()
        .filter_map(|output| match output {
            office::Output::Send(Message::Listing(l)) => Some((l.records.len(), l.last)),
            _ => None,
        })
        .collect();
    assert_eq!(pieces, [(limits::LISTED, false), (1, true)]);
    let none = Differing { number: 2, buckets: vec![] };
    session.handle(NOW, office::Input::Received(Message::Differing(none)));
    assert_eq!(at_office(&mut session), [], "the audit is over");
}
