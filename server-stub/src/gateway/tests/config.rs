//! Editions and the ends of rollouts, in live sessions and right behind Welcome.

use wasl_protocol::edition::{
    AgentVersion, Edition, EditionHash, FleetId, OfficeSettings, Phase, Probation, Scope, Serial,
    SignedEdition, Step, Trust,
};
use wasl_protocol::frame::{Kind, Sealed};
use wasl_protocol::pack::Packer;
use wasl_protocol::private::Private;
use wasl_protocol::record::VersionVector;

use super::*;
use crate::rollout::Plan;

fn edition(hq: &Hq, serial: u64) -> SignedEdition {
    let edition = Edition {
        fleet: FleetId::of(&hq.config.keys.config_key()),
        serial: Serial(serial),
        scope: Scope { all: true, ..Scope::default() },
        issued_at: UnixMs(0),
        not_after: UnixMs(i64::MAX),
        min_agent: AgentVersion(0, 1, 0),
        settings: OfficeSettings::default().to_json(),
        probation: Probation::default(),
        previous: None,
        revert_of: None,
        author: Private("author".to_owned()),
        reason: "test".to_owned(),
    };
    SignedEdition::sign(&edition, &hq.author)
}

async fn push(hq: &Hq, serial: u64) -> Vec<u8> {
    let plan = Plan { now: true, ..Plan::default() };
    let signed = edition(hq, serial);
    hq.config.store.push(signed.clone(), plan, None).await.unwrap();
    signed.encode()
}

/// The next message of the office's config; receipts and the like are passed over.
async fn config(session: &mut Session) -> Message {
    loop {
        let message = session.next().await;
        if matches!(message, Message::Edition(_) | Message::Abort(_)) {
            return message;
        }
    }
}

async fn offered(session: &mut Session) -> Vec<u8> {
    match config(session).await {
        Message::Edition(offer) => offer.bytes,
        other => panic!("no edition: {other:?}"),
    }
}

/// The office's journal with these steps behind its Genesis.
fn steps(peer: &Peer, birth: &Entries, serial: u64, phases: &[Phase]) -> Entries {
    let (mut at, mut frames, mut packer) = (birth.last, Vec::new(), Packer::new());
    for phase in phases {
        let (hash, phase) = (EditionHash([1; 32]), phase.clone());
        let step = Step { serial: Serial(serial), hash, at: UnixMs(0), phase }.encode();
        let key = DataKey::new([3; 32]);
        let sealed = Sealed::new(peer.journal, Kind::CONFIG, &step, &key, &mut packer, [5; 32]);
        at = sealed.link(&at, &VersionVector::default(), &mut frames);
    }
    Entries::new(peer.journal, birth.last, frames, at, &peer.sign_key)
}

#[tokio::test]
async fn whoever_joins_learns_who_may_sign_its_config() {
    let hq = Hq::new().await;
    let joined = Peer::new(&hq, 1).join(&hq.token("nasr").await).await.unwrap();
    assert_eq!(joined.trust, Trust::in_one(hq.author.verify_key()));
}

#[tokio::test]
async fn a_live_session_is_sent_an_edition_at_once_and_each_only_once() {
    let hq = Hq::new().await;
    let office = hq.office("nasr", 1).await;
    let mut session = office.session().await;
    session.greet(&office.hello(Position::start(office.journal))).await;
    let first = push(&hq, 1).await;
    assert_eq!(offered(&mut session).await, first);
    let second = push(&hq, 2).await;
    assert_eq!(offered(&mut session).await, second);
    let birth = office.birth("nasr");
    session.send(&Message::Entries(birth.clone())).await;
    let arrived = steps(&office, &birth, 2, &[Phase::Fetched]);
    session.send(&Message::Entries(arrived.clone())).await;
    // What the office says has HQ look again; a level session shows that nothing else was sent.
    let report = Report { number: 1, clock: UnixMs(0), head: arrived.last, backlog: 0, records: 0 };
    session.send(&Message::Report(report)).await;
    loop {
        match session.next().await {
            Message::Level(level) if level.report == 1 => break,
            Message::Edition(_) => panic!("it was sent before"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_office_that_comes_back_is_sent_the_newest_only_and_not_what_it_has() {
    let hq = Hq::new().await;
    let office = hq.office("nasr", 1).await;
    push(&hq, 1).await;
    let newest = push(&hq, 2).await;
    let start = Position::start(office.journal);
    let mut session = office.session().await;
    session.greet(&office.hello(start)).await;
    assert_eq!(offered(&mut session).await, newest);

    let Message::Hello(hello) = office.hello(start) else { panic!("a hello is one") };
    let mut session = office.session().await;
    session.greet(&Message::Hello(Hello { edition: 2, ..hello })).await;
    let third = push(&hq, 3).await;
    assert_eq!(offered(&mut session).await, third);
}

#[tokio::test]
async fn who_tries_an_edition_whose_rollout_is_stopped_is_told_in_hqs_name() {
    let hq = Hq::new().await;
    let office = hq.office("nasr", 1).await;
    push(&hq, 1).await;
    let birth = office.birth("nasr");
    let mut session = office.session().await;
    session.greet(&office.hello(birth.last)).await;
    offered(&mut session).await;
    session.send(&Message::Entries(birth.clone())).await;
    let trying = [Phase::Fetched, Phase::Applying, Phase::Probation { linked: true }];
    session.send(&Message::Entries(steps(&office, &birth, 1, &trying))).await;
    let on_trial = async {
        loop {
            let facts = hq.config.store.rollout(None).await.unwrap().unwrap();
            if facts.offices[0].stage == "PROBATION" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(NEVER, on_trial).await.expect("HQ learns of it");
    hq.config.store.abort(Serial(1), None).await.unwrap();
    let Message::Abort(abort) = config(&mut session).await else { panic!("no end of it") };
    assert_eq!(abort.serial, Serial(1));
    abort.verify(&hq.config.keys.sign_key().verify_key()).unwrap();

    // Nor does a new connection let it go on.
    let mut session = office.session().await;
    session.greet(&office.hello(birth.last)).await;
    assert!(matches!(config(&mut session).await, Message::Abort(again) if again == abort));
}
