//! Both machines while what they have of the scope is compared.

use alloc::vec::Vec;
use std::vec;

use super::returned::{self, J, NOW, NOW_LIVES, at_hq, at_office, welcome};
use super::{hq, office};
use crate::id::{Position, RecordId};
use crate::limits;
use crate::units::{FeedNo, UnixMs};
use crate::wire::{Audit, Buckets, Bye, ByeCode, Differing, Hello, Listing, Message, Report};

/// How far that office has taken the feed.
const TAKEN: FeedNo = FeedNo(5);

/// An office that has taken a little of the feed.
fn hello() -> Hello {
    returned::hello(Some(NOW_LIVES))
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
    assert!(!asks(&outputs) && sends(&outputs) == Some(TAKEN), "{outputs:?}");
    session.handle(NOW, hq::Input::StatesSent { upto: TAKEN, bytes: 0, drained: true });
    assert!(asks(&at_hq(&mut session)), "level");
    session.handle(NOW, hq::Input::FeedGrew);
    assert_eq!(sends(&at_hq(&mut session)), Some(TAKEN), "the feed goes on beside it");
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
    assert_eq!(sends(&at_hq(&mut session)), Some(TAKEN));
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
