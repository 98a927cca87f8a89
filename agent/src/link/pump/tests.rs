//! Sessions of a real engine with a hand-made HQ, over real QUIC on loopback.

use std::time::Duration;

use quinn::{Connection, RecvStream, SendStream};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasl_protocol::edition::Serial;
use wasl_protocol::entry::Cursor;
use wasl_protocol::id::{EpochId, Position, RecordId};
use wasl_protocol::join::ALPN;
use wasl_protocol::keys::SignKey;
use wasl_protocol::news::{News, Says, SignedNews};
use wasl_protocol::units::{FeedNo, Seq, UnixMs};
use wasl_protocol::wire::{
    Abort, Ack, Assembler, Bye, ByeCode, Entries, Hello, Level, Message, Offer, Standing, States,
    Welcome,
};

use crate::config::{Config, sample};
use crate::engine::{self, EngineConfig, Facts, Handle};
use crate::facts::{LinkFacts, LinkPhase};
use crate::keystore::{Identity, KeyFile};
use crate::link::dial::close;
use crate::link::tests::{Hq, PATIENCE, joined};
use crate::link::{Credentials, LinkConfig, reach, run};
use crate::pause::Pauses;
use crate::seam::World;

const EPOCH: EpochId = EpochId(9);

fn hq_key() -> SignKey {
    SignKey::from_secret(&[4; 32])
}

/// An office with its link running.
struct Office {
    _top: TempDir,
    handle: Handle,
    facts: watch::Receiver<LinkFacts>,
    kicks: watch::Sender<u64>,
    pauses: Pauses,
    stop: watch::Sender<bool>,
    linking: JoinHandle<()>,
    config: Config,
    _config_runs: watch::Sender<bool>,
}

impl Office {
    async fn new(hq: &Hq) -> Self {
        let top = tempfile::tempdir().unwrap();
        let (world, dir) = (World::real(), top.path().join("nasr"));
        let key = KeyFile::locate(&dir, Some(&top.path().join("key"))).unwrap();
        let identity = Identity::create(&world, &dir, &key).unwrap();
        engine::birth(&world, &identity, &joined("nasr")).unwrap();
        let config = EngineConfig { hq: hq_key().verify_key(), view_cache_bytes: 16 * 1024 * 1024 };
        let handle = engine::start(&world, &identity, config, &mut |_| {}).unwrap().handle;
        let credentials = Credentials::new(&identity.transport_secret(), hq.key()).unwrap();
        let configured = sample::start(&world, &dir, &handle, reach(&credentials)).await;
        let pauses = Pauses::open(&world, &dir);
        let config = LinkConfig {
            pauses: pauses.clone(),
            world,
            handle: handle.clone(),
            office: "nasr".parse().unwrap(),
            credentials,
            sign_key: identity.sign_key(),
            hq_sign_key: hq_key().verify_key(),
            joined: vec![hq.address().to_string()],
            config: configured.0.clone(),
        };
        let (publish, facts) = watch::channel(LinkFacts::default());
        let (kicks, kicked) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let linking = tokio::spawn(run(config, publish, kicked, stopped));
        let (config, _, config_runs) = configured;
        Self {
            _top: top,
            handle,
            facts,
            kicks,
            pauses,
            stop,
            linking,
            config,
            _config_runs: config_runs,
        }
    }

    async fn link(&mut self, so: impl Fn(&LinkFacts) -> bool) -> LinkFacts {
        timeout(PATIENCE, self.facts.wait_for(|f| so(f))).await.expect("in time").unwrap().clone()
    }

    async fn engine(&self, so: impl Fn(&Facts) -> bool) -> Facts {
        let mut facts = self.handle.facts();
        let facts = timeout(PATIENCE, facts.wait_for(|f| so(f))).await.expect("in time").unwrap();
        Facts::clone(&facts)
    }
}

/// HQ's end of one session, greeted.
struct Session {
    connection: Connection,
    control: SendStream,
    heard: RecvStream,
    assembler: Assembler,
    hello: Hello,
}

impl Session {
    /// Accepts a session and its Hello, and welcomes it as one who has nothing yet.
    async fn welcomed(hq: &Hq) -> Self {
        let connection = hq.accept().await;
        let (control, mut heard) = connection.accept_bi().await.unwrap();
        let mut assembler = Assembler::default();
        let Message::Hello(hello) = next(&mut heard, &mut assembler).await else {
            panic!("Hello comes first")
        };
        let mut session = Self { connection, control, heard, assembler, hello };
        let standing = |(journal, _): &(_, _)| {
            let top = Position::start(*journal);
            Standing { journal: *journal, top, ladder: vec![top], stable: None }
        };
        let journals = session.hello.journals.iter().map(standing).collect();
        let (clock, credit_bytes) = (UnixMs(0), 1 << 20);
        let welcome = Welcome { epoch: EPOCH, journals, clock, credit_bytes };
        session.send(&Message::Welcome(welcome)).await;
        session
    }

    async fn send(&mut self, message: &Message) {
        self.control.write_all(&message.encode()).await.unwrap();
    }

    async fn entries(&self) -> Entries {
        let mut stream = self.connection.accept_uni().await.unwrap();
        match next(&mut stream, &mut Assembler::default()).await {
            Message::Entries(entries) => entries,
            other => panic!("not entries: {other:?}"),
        }
    }

    fn receipt(&self, key: &SignKey) -> Message {
        let (journal, head) = self.hello.journals[0];
        Message::Ack(Ack::new(EPOCH, journal, head, None, 0, key))
    }

    async fn closed(&self) -> u64 {
        match timeout(PATIENCE, self.connection.closed()).await.expect("in time") {
            quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("{other:?}"),
        }
    }
}

async fn next(stream: &mut RecvStream, assembler: &mut Assembler) -> Message {
    loop {
        if let Some(message) = assembler.next_message().unwrap() {
            return message;
        }
        let chunk = timeout(PATIENCE, stream.read_chunk(4096, true)).await.expect("in time");
        assembler.feed(&chunk.unwrap().expect("the office goes on").bytes);
    }
}

#[tokio::test]
async fn entries_go_up_the_receipt_comes_back_and_a_kick_is_answered() {
    let hq = Hq::new(9, ALPN);
    let mut office = Office::new(&hq).await;
    let mut session = Session::welcomed(&hq).await;
    assert_eq!(session.entries().await.last, session.hello.journals[0].1);
    session.send(&session.receipt(&hq_key())).await;
    session.send(&Message::Level(Level { report: 0 })).await;
    office.engine(|facts| facts.backlog == 0 && facts.stored.is_some()).await;
    let facts = office.link(|facts| facts.level_at.is_some()).await;
    assert_eq!((facts.state, facts.level_kicks), (LinkPhase::Up, 0));

    office.kicks.send_replace(3);
    let report = next(&mut session.heard, &mut session.assembler).await;
    assert!(matches!(report, Message::Report(report) if report.number == 1), "{report:?}");
    session.send(&Message::Level(Level { report: 1 })).await;
    office.link(|facts| facts.level_kicks == 3).await;

    office.stop.send(true).unwrap();
    assert_eq!(session.closed().await, ByeCode::Done as u64);
    timeout(PATIENCE, office.linking).await.expect("it ends").unwrap();
    assert_eq!(office.facts.borrow().state, LinkPhase::Down);
}

#[tokio::test]
async fn a_receipt_that_hq_did_not_sign_is_not_believed() {
    let hq = Hq::new(9, ALPN);
    let mut office = Office::new(&hq).await;
    let mut session = Session::welcomed(&hq).await;
    session.entries().await;
    session.send(&session.receipt(&SignKey::from_secret(&[5; 32]))).await;
    assert_eq!(session.closed().await, ByeCode::Fault as u64);
    let facts = office.link(|facts| facts.state == LinkPhase::Backoff).await;
    assert_eq!(facts.last_error.unwrap().code, "hq-fault");
    assert_eq!(office.engine(|_| true).await.backlog, 1);
}

/// News that this version reads, or does not.
fn news(office: &str, says: Says) -> News {
    let (office, feed) = (office.parse().unwrap(), FeedNo(1));
    News { epoch: EPOCH, office, feed, record: Some(RecordId([1; 16])), says }
}

impl Session {
    /// The stream, which has to stay open.
    async fn send_news(&self, news: SignedNews) -> SendStream {
        let (states, upto) = (vec![news], Cursor { epoch: EPOCH, feed: FeedNo(1) });
        let mut stream = self.connection.open_uni().await.unwrap();
        let message = Message::States(States { states, upto });
        stream.write_all(&message.encode()).await.unwrap();
        stream
    }
}

#[tokio::test]
async fn news_that_is_for_another_office_or_not_signed_is_not_kept() {
    let hq = Hq::new(9, ALPN);
    for (whose, key) in [("fajr", hq_key()), ("nasr", SignKey::from_secret(&[5; 32]))] {
        let office = Office::new(&hq).await;
        let session = Session::welcomed(&hq).await;
        let _stream =
            session.send_news(SignedNews::sign(&news(whose, Says::Withdrawn), &key)).await;
        assert_eq!(session.closed().await, ByeCode::Fault as u64);
        assert_eq!(office.engine(|_| true).await.cursor, None);
    }
}

#[tokio::test]
async fn news_of_a_newer_version_is_kept_the_cursor_moves_and_the_session_lives() {
    let hq = Hq::new(9, ALPN);
    let mut office = Office::new(&hq).await;
    let mut session = Session::welcomed(&hq).await;
    let newer = news("nasr", Says::Newer(vec![200, 1, 2, 3]));
    let _stream = session.send_news(SignedNews::sign(&newer, &hq_key())).await;
    let facts = office.engine(|facts| facts.cursor.is_some()).await;
    assert_eq!((facts.cursor.unwrap().feed, facts.read_only), (FeedNo(1), 1));
    session.entries().await;
    session.send(&session.receipt(&hq_key())).await;
    office.engine(|facts| facts.backlog == 0).await;
    assert_eq!(office.link(|_| true).await.state, LinkPhase::Up);
}

#[tokio::test]
async fn a_kick_cuts_short_the_wait_that_hq_asked_for() {
    let hq = Hq::new(9, ALPN);
    let mut office = Office::new(&hq).await;
    close(&hq.accept().await, Bye { code: ByeCode::Busy, retry_after_ms: 3_600_000 });
    let facts = office.link(|facts| facts.state == LinkPhase::Backoff).await;
    assert_eq!(facts.last_error.unwrap().code, "busy");
    office.kicks.send_replace(1);
    let _session = Session::welcomed(&hq).await;
    office.link(|facts| facts.state == LinkPhase::Up && facts.attempts == 0).await;
}

#[tokio::test]
async fn an_office_that_is_not_let_in_says_so() {
    let hq = Hq::new(9, ALPN);
    let mut office = Office::new(&hq).await;
    close(&hq.accept().await, Bye::now(ByeCode::Revoked));
    let facts = office.link(|facts| facts.state == LinkPhase::Refused).await;
    assert_eq!(facts.last_error.unwrap().code, "revoked");
    assert!(facts.next_attempt_at.is_some());
}

impl Office {
    async fn serial(&self, serial: u64) {
        let mut in_force = self.config.in_force();
        let so = in_force.wait_for(|in_force| in_force.serial == Serial(serial));
        timeout(PATIENCE, so).await.expect("in time").unwrap();
    }
}

/// An edition on trial with a heartbeat of one second.
fn quick(serial: u64) -> Vec<u8> {
    sample::tried(sample::edition(serial, |s| s.link.heartbeat_s = 1))
}

#[tokio::test]
async fn an_edition_changes_a_live_session_and_an_abort_takes_it_back() {
    let hq = Hq::new(9, ALPN);
    let office = Office::new(&hq).await;
    let mut session = Session::welcomed(&hq).await;
    assert_eq!(session.hello.edition, 0);
    session.send(&session.receipt(&hq_key())).await;
    session.send(&Message::Level(Level { report: 0 })).await;
    session.send(&Message::Edition(Offer { bytes: quick(7) })).await;
    office.serial(7).await;
    let report = next(&mut session.heard, &mut session.assembler).await;
    assert!(matches!(report, Message::Report(_)), "the heartbeat is a second now: {report:?}");
    session.send(&Message::Abort(Abort::new(Serial(7), &hq_key()))).await;
    office.serial(0).await;
}

#[tokio::test]
async fn an_abort_that_hq_did_not_sign_ends_the_session_and_the_next_hello_says_what_runs() {
    let hq = Hq::new(9, ALPN);
    let office = Office::new(&hq).await;
    let mut session = Session::welcomed(&hq).await;
    session.send(&Message::Edition(Offer { bytes: quick(7) })).await;
    office.serial(7).await;
    let forged = Abort::new(Serial(7), &SignKey::from_secret(&[5; 32]));
    session.send(&Message::Abort(forged)).await;
    assert_eq!(session.closed().await, ByeCode::Fault as u64);
    office.kicks.send_replace(1);
    assert_eq!(Session::welcomed(&hq).await.hello.edition, 7);
}

#[tokio::test]
async fn when_hq_moves_the_new_connection_is_made_before_the_old_one_is_broken() {
    let (old, new) = (Hq::new(9, ALPN), Hq::new(9, ALPN));
    let mut office = Office::new(&old).await;
    let session = Session::welcomed(&old).await;
    office.link(|facts| facts.state == LinkPhase::Up).await;
    let to = vec![new.address().to_string()];
    let mut edition = sample::edition(7, |s| s.link.endpoints.clone_from(&to));
    edition.probation.confirm_s = 0;
    // HQ's new place does not serve those who join, so nobody can look there first.
    office.config.session(false).await;
    office.config.import(sample::signed(&edition)).await.unwrap();
    let facts = office.config.facts().borrow().clone();
    assert_eq!(
        facts.state.attempt.as_ref().unwrap().phase.as_str(),
        "probation",
        "it waits for HQ"
    );
    let moved = Session::welcomed(&new).await;
    assert_eq!((session.closed().await, moved.hello.edition), (ByeCode::Done as u64, 7));
    let mut facts = office.config.facts();
    let stays = facts.wait_for(|facts| facts.state.good == Serial(7));
    timeout(PATIENCE, stays).await.expect("in time").unwrap();
    let up = office.link(|facts| facts.state == LinkPhase::Up).await;
    assert_eq!(up.endpoint.as_ref(), to.first());
}

#[tokio::test]
async fn a_fork_that_hq_finds_first_is_an_alarm_here_too() {
    let hq = Hq::new(9, ALPN);
    let mut office = Office::new(&hq).await;
    close(&hq.accept().await, Bye::now(ByeCode::Fork));
    office.engine(|facts| facts.fork == Some(Seq(0))).await;
    office.link(|facts| facts.state == LinkPhase::Backoff).await;
}

#[tokio::test]
async fn a_pause_ends_the_session_dials_nobody_and_ends_by_word() {
    let hq = Hq::new(9, ALPN);
    let mut office = Office::new(&hq).await;
    let session = Session::welcomed(&hq).await;
    office.link(|link| link.state == LinkPhase::Up).await;
    let pause = office.pauses.pause(600, "antenna".to_owned()).unwrap();
    let told = office.link(|link| link.state == LinkPhase::Paused).await;
    assert_eq!((told.next_attempt_at, told.rtt_ms), (Some(pause.until), None));
    session.connection.closed().await;
    let quiet = timeout(Duration::from_millis(1500), hq.accept()).await;
    assert!(quiet.is_err(), "nobody is dialled meanwhile");
    office.pauses.resume().unwrap();
    let _session = Session::welcomed(&hq).await;
    office.link(|link| link.state == LinkPhase::Up).await;
    // A pause ends by itself, and one that comes while HQ is dialled is kept too.
    office.pauses.pause(1, "a moment".to_owned()).unwrap();
    office.link(|link| link.state == LinkPhase::Paused).await;
    let _session = Session::welcomed(&hq).await;
    office.link(|link| link.state == LinkPhase::Up).await;
    let _ = office.stop.send(true);
    timeout(PATIENCE, office.linking).await.expect("in time").unwrap();
    assert_eq!(office.facts.borrow().state, LinkPhase::Down);
}
