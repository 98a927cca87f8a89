//! The gateway and a real store, met by hand-made peers over real QUIC on loopback.

mod config; // editions, and the ends of rollouts

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName, UnixTime};
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasl_protocol::codec;
use wasl_protocol::entry::{Genesis, Log};
use wasl_protocol::id::{JournalId, OfficeId, Position};
use wasl_protocol::join::{
    ALPN, ALPN_JOIN, JoinAnswer, JoinRefusal, JoinRequest, JoinToken, TransportKey, decode_answer,
};
use wasl_protocol::keys::{DataKey, SignKey, WrapKey};
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::{
    Assembler, Bye, ByeCode, Entries, Hello, Message, Report, Stream, Welcome,
};

use super::{Gateway, GatewayConfig, Sessions};
use crate::registry::{HqKeys, mint};
use crate::seam::World;
use crate::store::{DATABASE, Store};

/// Everything in these tests happens on one machine: longer than this is never.
const NEVER: Duration = Duration::from_secs(20);

struct Hq {
    gateway: std::net::SocketAddr,
    config: GatewayConfig,
    /// Signs config.
    author: SignKey,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    _dir: TempDir,
}

impl Hq {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World::real();
        let (keys, secret) = HqKeys::generate(&world);
        let store = Store::open(&dir.path().join(DATABASE), &keys, world.clone()).await.unwrap();
        let config = GatewayConfig { world, store, keys, sessions: Sessions::default() };
        let gateway =
            Gateway::bind("127.0.0.1:0".parse().unwrap(), &config.keys, &config.world).unwrap();
        let address = gateway.address();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(gateway.serve(config.clone(), stopped));
        let author = secret.sign_key();
        Self { gateway: address, config, author, stop, serving, _dir: dir }
    }

    async fn token(&self, office: &str) -> JoinToken {
        let id: OfficeId = office.parse().unwrap();
        let hq = self.config.keys.transport_key();
        let minted = mint(id.clone(), hq, self.gateway.to_string(), &self.config.world);
        let token = (minted.hash, minted.expires_at);
        self.config.store.add_office(&id, ("", ""), token).await.unwrap();
        minted.token
    }

    /// An office that has joined.
    async fn office(&self, name: &str, seed: u8) -> Peer {
        let (token, peer) = (self.token(name).await, Peer::new(self, seed));
        peer.join(&token).await.unwrap();
        peer
    }
}

/// A hand-made office.
struct Peer {
    endpoint: Endpoint,
    hq: std::net::SocketAddr,
    pair: KeyPair,
    sign_key: SignKey,
    hq_wrap_key: WrapKey,
    journal: JournalId,
}

impl Peer {
    fn new(hq: &Hq, seed: u8) -> Self {
        let pkcs8 = [&super::identity::PKCS8_ED25519[..], &[seed; 32]].concat();
        Self {
            endpoint: Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap(),
            hq: hq.gateway,
            pair: KeyPair::try_from(&pkcs8[..]).unwrap(),
            sign_key: SignKey::from_secret(&[seed; 32]),
            hq_wrap_key: hq.config.keys.unwrap_key().wrap_key(),
            journal: JournalId(u64::from(seed)),
        }
    }

    fn transport_key(&self) -> TransportKey {
        TransportKey::of_spki(&rcgen::PublicKeyData::subject_public_key_info(&self.pair))
    }

    async fn connect(&self, alpn: &[u8]) -> Result<Connection, ConnectionError> {
        let mut params = CertificateParams::default();
        // Expired long ago: dates are never an error.
        params.not_before = date_time_ymd(1975, 1, 1);
        params.not_after = date_time_ymd(1980, 1, 1);
        let certificate = params.self_signed(&self.pair).unwrap().der().clone();
        let key = PrivatePkcs8KeyDer::from(self.pair.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
            .with_client_auth_cert(vec![certificate], key.into())
            .unwrap();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let tls = QuicClientConfig::try_from(tls).unwrap();
        let config = ClientConfig::new(Arc::new(tls));
        self.endpoint.connect_with(config, self.hq, "hq").unwrap().await
    }

    async fn join(&self, token: &JoinToken) -> JoinAnswer {
        let key = self.transport_key();
        let request = JoinRequest::new(token, key, &self.sign_key, WrapKey([7; 32]), "test");
        self.ask(&codec::encode(&request)).await
    }

    async fn ask(&self, request: &[u8]) -> JoinAnswer {
        let connection = self.connect(ALPN_JOIN).await.unwrap();
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(request).await.unwrap();
        send.finish().unwrap();
        let answer = timeout(NEVER, receive.read_to_end(4096)).await.unwrap().unwrap();
        connection.close(0u8.into(), b"");
        decode_answer(&answer).unwrap()
    }

    async fn session(&self) -> Session {
        let connection = self.connect(ALPN).await.unwrap();
        let (control, answers) = connection.open_bi().await.unwrap();
        let entries = connection.open_uni().await.unwrap();
        Session { connection, control, answers, entries, assembler: Assembler::default() }
    }

    fn birth(&self, office: &str) -> Entries {
        let data_key = (&DataKey::new([3; 32]), self.journal);
        let (office, born_at) = (office.parse().unwrap(), UnixMs(0));
        let (key, readers) = (self.sign_key.verify_key(), [(self.hq_wrap_key, [4; 32])]);
        let genesis = Genesis::new(Log::Journal, office, born_at, key, data_key, &readers).unwrap();
        let mut frames = vec![];
        let last = genesis.link(self.journal, &mut frames);
        Entries::new(self.journal, Position::start(self.journal), frames, last, &self.sign_key)
    }

    fn hello(&self, at: Position) -> Message {
        Message::Hello(Hello {
            journals: vec![(self.journal, at)],
            cursor: None,
            acked: None,
            edition: 0,
            clock: UnixMs(0),
            backlog: 0,
            version: "test".to_owned(),
        })
    }
}

struct Session {
    connection: Connection,
    control: SendStream,
    answers: RecvStream,
    entries: SendStream,
    assembler: Assembler,
}

impl Session {
    async fn send(&mut self, message: &Message) {
        let stream = match message.stream() {
            Stream::Entries => &mut self.entries,
            _ => &mut self.control,
        };
        stream.write_all(&message.encode()).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        loop {
            if let Some(message) = self.assembler.next_message().unwrap() {
                return message;
            }
            let chunk = timeout(NEVER, self.answers.read_chunk(4096, true)).await.unwrap();
            self.assembler.feed(&chunk.unwrap().expect("HQ goes on").bytes);
        }
    }

    async fn greet(&mut self, hello: &Message) -> Welcome {
        self.send(hello).await;
        match self.next().await {
            Message::Welcome(welcome) => welcome,
            other => panic!("no welcome: {other:?}"),
        }
    }

    /// HQ answers a report once it has nothing left to send.
    async fn is_level(&mut self, head: Position) {
        let report = Report { number: 1, clock: UnixMs(0), head, backlog: 0, records: 0 };
        self.send(&Message::Report(report)).await;
        loop {
            if matches!(self.next().await, Message::Level(level) if level.report == 1) {
                return;
            }
        }
    }
}

/// What HQ said when it closed.
async fn said(connection: &Connection) -> Bye {
    let reason = timeout(NEVER, connection.closed()).await.expect("HQ closes");
    let ConnectionError::ApplicationClosed(close) = reason else { panic!("{reason:?}") };
    let mut assembler = Assembler::default();
    assembler.feed(&close.reason);
    let Ok(Some(Message::Bye(bye))) = assembler.next_message() else { panic!("{close:?}") };
    assert_eq!(u64::from(close.error_code), bye.code as u64);
    bye
}

#[tokio::test]
async fn a_key_that_hq_does_not_know_is_turned_away() {
    let hq = Hq::new().await;
    let connection = Peer::new(&hq, 9).connect(ALPN).await.unwrap();
    assert_eq!(said(&connection).await.code, ByeCode::UnknownKey);
    assert!(hq.config.sessions.list().is_empty());
}

#[tokio::test]
async fn a_version_of_the_protocol_that_hq_does_not_speak_is_refused_in_the_handshake() {
    let hq = Hq::new().await;
    let error = Peer::new(&hq, 1).connect(b"wasl/2").await.unwrap_err();
    let ConnectionError::ConnectionClosed(close) = error else { panic!("{error:?}") };
    // no_application_protocol
    assert_eq!(u64::from(close.error_code), 0x100 + 120);
}

#[tokio::test]
async fn a_token_lets_one_machine_in_however_often_it_asks() {
    let hq = Hq::new().await;
    let (token, first) = (hq.token("nasr").await, Peer::new(&hq, 1));
    let joined = first.join(&token).await.unwrap();
    assert_eq!(joined.office, token.office);
    assert_eq!(first.join(&token).await.unwrap().office, joined.office);
    assert_eq!(Peer::new(&hq, 2).join(&token).await.unwrap_err(), JoinRefusal::Used);
    let unknown = JoinToken { secret: [0; 16], ..token };
    assert_eq!(Peer::new(&hq, 3).join(&unknown).await.unwrap_err(), JoinRefusal::Unknown);
}

#[tokio::test]
async fn a_request_to_join_is_of_no_use_over_another_key() {
    let hq = Hq::new().await;
    let (token, owner, thief) = (hq.token("nasr").await, Peer::new(&hq, 1), Peer::new(&hq, 2));
    let key = owner.transport_key();
    let request = JoinRequest::new(&token, key, &owner.sign_key, WrapKey([7; 32]), "test");
    let answer = thief.ask(&codec::encode(&request)).await;
    assert_eq!(answer.unwrap_err(), JoinRefusal::Malformed);
    owner.join(&token).await.unwrap();
}

#[tokio::test]
async fn a_request_to_join_that_is_garbage_too_long_or_half_harms_nobody() {
    let hq = Hq::new().await;
    let peer = Peer::new(&hq, 1);
    for garbage in [vec![], vec![0xff; 300], vec![0; 5_000]] {
        assert_eq!(peer.ask(&garbage).await.unwrap_err(), JoinRefusal::Malformed);
    }
    let half = peer.connect(ALPN_JOIN).await.unwrap();
    let (mut send, _receive) = half.open_bi().await.unwrap();
    send.write_all(&[1; 10]).await.unwrap();
    hq.office("nasr", 2).await;
    assert!(half.close_reason().is_none(), "it may still finish");
}

#[tokio::test]
async fn entries_are_acknowledged_and_the_receipt_is_repeated_at_the_next_welcome() {
    let hq = Hq::new().await;
    let office = hq.office("nasr", 1).await;
    let start = Position::start(office.journal);
    let birth = office.birth("nasr");
    let mut session = office.session().await;
    // Right behind Hello, on trust.
    session.send(&Message::Entries(birth.clone())).await;
    let welcome = session.greet(&office.hello(birth.last)).await;
    assert_eq!(welcome.journals[0].top, start);
    let ack = loop {
        if let Message::Ack(ack) = session.next().await {
            break ack;
        }
    };
    ack.verify(&hq.config.keys.sign_key().verify_key()).unwrap();
    assert_eq!(ack.stored, birth.last);
    session.connection.close(0u8.into(), b"");

    let mut session = office.session().await;
    let welcome = session.greet(&office.hello(birth.last)).await;
    assert_eq!(welcome.journals[0].top, birth.last);
    let Message::Ack(ack) = session.next().await else { panic!("the receipt comes first") };
    assert_eq!(ack.stored, birth.last);
    session.is_level(birth.last).await;
}

#[tokio::test]
async fn a_revoked_office_loses_its_session_at_once_and_is_not_let_in_again() {
    let hq = Hq::new().await;
    let office = hq.office("nasr", 1).await;
    let mut session = office.session().await;
    session.greet(&office.hello(Position::start(office.journal))).await;
    let id: OfficeId = "nasr".parse().unwrap();
    assert_eq!(hq.config.sessions.list()[0].office, id);
    hq.config.store.revoke(&id).await.unwrap();
    assert!(hq.config.sessions.end(&id, ByeCode::Revoked));
    assert_eq!(said(&session.connection).await.code, ByeCode::Revoked);
    let again = office.connect(ALPN).await.unwrap();
    assert_eq!(said(&again).await.code, ByeCode::Revoked);
    assert!(hq.config.sessions.list().is_empty());
}

#[tokio::test]
async fn the_newer_connection_of_an_office_stays() {
    let hq = Hq::new().await;
    let office = hq.office("nasr", 1).await;
    let start = Position::start(office.journal);
    let mut older = office.session().await;
    older.greet(&office.hello(start)).await;
    let mut newer = office.session().await;
    newer.greet(&office.hello(start)).await;
    assert_eq!(said(&older.connection).await.code, ByeCode::Replaced);
    newer.is_level(start).await;
    assert_eq!(hq.config.sessions.list().len(), 1);
}

#[tokio::test]
async fn an_office_that_breaks_the_protocol_ends_its_own_session_and_no_other() {
    let hq = Hq::new().await;
    let (good, bad) = (hq.office("nasr", 1).await, hq.office("fajr", 2).await);
    let start = Position::start(good.journal);
    let mut session = good.session().await;
    session.greet(&good.hello(start)).await;

    let hello = bad.hello(Position::start(bad.journal)).encode();
    let stolen = Message::Entries(good.birth("nasr")).encode();
    let twice = [&hello[..], &hello].concat();
    for (control, entries) in [
        (&[0xff; 64][..], &[][..]), // a length beyond every limit
        (&hello[..], &hello[..]),   // a message on another's stream
        (&twice, &[]),              // out of turn
        (&hello, &[8, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (&hello, &stolen), // another office's journal
    ] {
        let mut bad = bad.session().await;
        let _ = bad.control.write_all(control).await;
        let _ = bad.entries.write_all(entries).await;
        assert_eq!(said(&bad.connection).await.code, ByeCode::Fault);
    }
    session.is_level(start).await;
}

#[tokio::test]
async fn packets_that_are_not_quic_and_messages_cut_in_half_harm_nobody() {
    let hq = Hq::new().await;
    let (good, half) = (hq.office("nasr", 1).await, hq.office("fajr", 2).await);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..200u16 {
        let garbage: Vec<u8> = (0..n * 6).map(|i| (i ^ n).to_le_bytes()[0]).collect();
        socket.send_to(&garbage, hq.gateway).await.unwrap();
    }
    let mut cut = half.session().await;
    let hello = half.hello(Position::start(half.journal)).encode();
    cut.control.write_all(&hello[..hello.len() / 2]).await.unwrap();
    let start = Position::start(good.journal);
    let mut session = good.session().await;
    session.greet(&good.hello(start)).await;
    session.is_level(start).await;
    assert!(cut.connection.close_reason().is_none(), "it may still finish");
}

#[test]
fn an_hq_that_was_killed_and_is_back_says_that_it_knows_no_old_connection() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (killed, ours) = (runtime(), runtime());
    let hq = killed.block_on(Hq::new());
    let office = ours.block_on(hq.office("nasr", 1));
    let connection = ours.block_on(office.connect(ALPN)).unwrap();
    // No last word: its tasks are gone, and its socket with them.
    killed.shutdown_timeout(NEVER);
    let _entered = ours.enter();
    let handle = tokio::runtime::Handle::current();
    let _back = Gateway::bind(hq.gateway, &hq.config.keys, &hq.config.world).unwrap();
    let reason = handle.block_on(async {
        connection.open_uni().await.unwrap().write_all(&[0; 100]).await.unwrap();
        timeout(NEVER, connection.closed()).await
    });
    assert_eq!(reason, Ok(ConnectionError::Reset));
}

#[tokio::test]
async fn a_stopping_hq_says_so() {
    let hq = Hq::new().await;
    let office = hq.office("nasr", 1).await;
    let mut session = office.session().await;
    session.greet(&office.hello(Position::start(office.journal))).await;
    hq.stop.send(true).unwrap();
    assert_eq!(said(&session.connection).await.code, ByeCode::Done);
    timeout(NEVER, hq.serving).await.expect("it ends").unwrap();
}

/// Takes any key for HQ's: that the office pins it is tested where the office is.
#[derive(Debug)]
struct Trusting(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls::pki_types::CertificateDer<'_>,
        _intermediates: &[rustls::pki_types::CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &rustls::pki_types::CertificateDer<'_>,
        _dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        unreachable!("TLS 1.3 only")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ED25519]
    }
}
