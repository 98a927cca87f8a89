//! Dialling and joining, against a hand-made HQ over real QUIC on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, ServerConfig};
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use wasl_protocol::codec;
use wasl_protocol::edition::Trust;
use wasl_protocol::id::EpochId;
use wasl_protocol::join::{
    ALPN, ALPN_JOIN, JoinRefusal, JoinRequest, JoinToken, Joined, TransportKey, encode_answer,
};
use wasl_protocol::keys::{SignKey, VerifyKey, WrapKey};
use wasl_protocol::units::UnixMs;
use wasl_protocol::wire::{Bye, ByeCode};

use super::dial::{Line, close, dial};
use super::identity::{Credentials, PKCS8_ED25519};
use super::{Failure, JoinError, Keys, join, reach};

/// Long enough on one machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

const OFFICE: [u8; 32] = [1; 32];

/// Somebody who answers on a UDP port with some key.
pub(super) struct Hq {
    endpoint: Endpoint,
    key: TransportKey,
}

impl Hq {
    pub(super) fn new(seed: u8, alpn: &[u8]) -> Self {
        let pair = KeyPair::try_from(&[&PKCS8_ED25519[..], &[seed; 32]].concat()[..]).unwrap();
        let mut params = CertificateParams::default();
        // Expired long ago: dates are never an error.
        params.not_before = date_time_ymd(1975, 1, 1);
        params.not_after = date_time_ymd(1980, 1, 1);
        let certificate = params.self_signed(&pair).unwrap().der().clone();
        let key = PrivatePkcs8KeyDer::from(pair.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .unwrap();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let tls = QuicServerConfig::try_from(tls).unwrap();
        let config = ServerConfig::with_crypto(Arc::new(tls));
        let endpoint = Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
        Self { endpoint, key: TransportKey::of_spki(&pair.subject_public_key_info()) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    pub(super) fn key(&self) -> TransportKey {
        self.key
    }

    pub(super) async fn accept(&self) -> Connection {
        self.endpoint.accept().await.unwrap().await.unwrap()
    }

    async fn dialled(&self, pin: TransportKey) -> Result<Line, Failure> {
        let credentials = Credentials::new(&OFFICE, pin).unwrap();
        let address = self.address().to_string();
        let accept = async {
            // Whether the handshake succeeds is for the office to say.
            let _ = self.endpoint.accept().await.unwrap().await;
        };
        let dialling = dial(&credentials, ALPN, &address, PATIENCE);
        tokio::join!(dialling, accept).0
    }

    /// Joins while HQ gives these bytes for an answer, or closes with a Bye.
    async fn joined(&self, answer: Result<Vec<u8>, Bye>) -> Result<Joined, JoinError> {
        let token = token(self.key, &[&self.address().to_string()]);
        let hq = async {
            let connection = self.accept().await;
            let (mut send, mut receive) = connection.accept_bi().await.unwrap();
            let request = receive.read_to_end(4096).await.unwrap();
            let request: JoinRequest = codec::decode(&request).unwrap();
            assert_eq!(request.secret, token.secret);
            match answer {
                Ok(bytes) => {
                    send.write_all(&bytes).await.unwrap();
                    send.finish().unwrap();
                }
                Err(bye) => close(&connection, bye),
            }
            connection.closed().await;
        };
        let sign_key = SignKey::from_secret(&[2; 32]);
        tokio::join!(join(&token, keys(&sign_key)), hq).0
    }
}

fn token(hq: TransportKey, endpoints: &[&str]) -> JoinToken {
    JoinToken {
        office: "nasr".parse().unwrap(),
        hq,
        endpoints: endpoints.iter().map(|e| (*e).to_owned()).collect(),
        secret: [7; 16],
    }
}

fn keys(sign_key: &SignKey) -> Keys<'_> {
    Keys { transport_secret: &OFFICE, sign_key, wrap_key: WrapKey([3; 32]) }
}

pub(super) fn joined(office: &str) -> Joined {
    Joined {
        office: office.parse().unwrap(),
        name_ar: "النصر".to_owned(),
        name_en: "Nasr".to_owned(),
        epoch: EpochId(1),
        hq_sign_key: VerifyKey([4; 32]),
        hq_wrap_key: WrapKey([5; 32]),
        trust: Trust::in_one(VerifyKey([6; 32])),
        clock: UnixMs(0),
    }
}

#[tokio::test]
async fn the_pinned_key_is_hq_whatever_its_certificate_says() {
    let hq = Hq::new(9, ALPN);
    hq.dialled(hq.key).await.unwrap();
}

#[tokio::test]
async fn another_key_is_not_hq() {
    let hq = Hq::new(9, ALPN);
    let failure = hq.dialled(TransportKey([0; 32])).await.unwrap_err();
    assert!(matches!(failure, Failure::WrongKey), "{failure:?}");
}

#[tokio::test]
async fn an_hq_of_another_version_is_named_so() {
    let hq = Hq::new(9, b"wasl/2");
    let failure = hq.dialled(hq.key).await.unwrap_err();
    assert!(matches!(failure, Failure::Version), "{failure:?}");
}

#[tokio::test]
async fn nobody_there_is_a_timeout_and_a_bad_name_a_bad_name() {
    let credentials = Credentials::new(&OFFICE, TransportKey([0; 32])).unwrap();
    let deaf = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    let brief = Duration::from_millis(200);
    let failure = dial(&credentials, ALPN, &address, brief).await.unwrap_err();
    assert!(matches!(failure, Failure::Timeout), "{failure:?}");
    let failure = dial(&credentials, ALPN, "no port", brief).await.unwrap_err();
    assert!(matches!(failure, Failure::Name { .. }), "{failure:?}");
}

#[tokio::test]
async fn the_key_that_hq_sees_is_the_key_that_joined() {
    let credentials = Credentials::new(&OFFICE, TransportKey([0; 32])).unwrap();
    let public = SignKey::from_secret(&OFFICE).verify_key().0;
    // RFC 8410, section 4: how an Ed25519 public key looks in a certificate.
    let spki = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &public].concat();
    assert_eq!(credentials.transport_key(), TransportKey::of_spki(&spki));
}

#[tokio::test]
async fn a_close_says_why_and_when_to_come_back() {
    let hq = Hq::new(9, ALPN);
    let credentials = Credentials::new(&OFFICE, hq.key).unwrap();
    let address = hq.address().to_string();
    let bye = Bye { code: ByeCode::Busy, retry_after_ms: 5_000 };
    let accept = async { close(&hq.accept().await, bye) };
    let (line, ()) = tokio::join!(dial(&credentials, ALPN, &address, PATIENCE), accept);
    let failure = Failure::from(line.unwrap().connection.closed().await);
    assert!(matches!(failure, Failure::Closed(said) if said == bye), "{failure:?}");
}

#[tokio::test]
async fn joining_brings_back_what_hq_says() {
    let hq = Hq::new(9, ALPN_JOIN);
    let answer = encode_answer(&Ok(joined("nasr")));
    assert_eq!(hq.joined(Ok(answer)).await.unwrap(), joined("nasr"));
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let hq = Hq::new(9, ALPN_JOIN);
    for (refusal, help) in [
        (JoinRefusal::Unknown, "new token"),
        (JoinRefusal::Expired, "new token"),
        (JoinRefusal::Used, "revoke"),
        (JoinRefusal::Revoked, "anew"),
        (JoinRefusal::Malformed, "same release"),
        (JoinRefusal::Busy, "again"),
    ] {
        let error = hq.joined(Ok(encode_answer(&Err(refusal)))).await.unwrap_err();
        assert!(matches!(&error, JoinError::Refused(r) if *r == refusal), "{error:?}");
        assert!(error.help().contains(help), "{refusal:?}: {}", error.help());
        assert_eq!(error.is_passing(), refusal == JoinRefusal::Busy);
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_lets_nobody_in() {
    let hq = Hq::new(9, ALPN_JOIN);
    for answer in [vec![], vec![200], vec![0, 1, 2], encode_answer(&Ok(joined("fajr")))] {
        let error = hq.joined(Ok(answer)).await.unwrap_err();
        assert!(matches!(error, JoinError::Answer), "{error:?}");
    }
    let error = hq.joined(Err(Bye::now(ByeCode::Busy))).await.unwrap_err();
    assert!(matches!(error, JoinError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_token_of_another_hq_is_told_from_a_link_that_is_down() {
    let hq = Hq::new(9, ALPN_JOIN);
    let sign_key = SignKey::from_secret(&[2; 32]);
    let token =
        token(TransportKey([0; 32]), &["no.such.host.invalid:1", &hq.address().to_string()]);
    let accept = async {
        let _ = hq.endpoint.accept().await.unwrap().await;
    };
    let (error, ()) = tokio::join!(join(&token, keys(&sign_key)), accept);
    assert!(matches!(error, Err(JoinError::OtherHq { .. })), "{error:?}");
}

#[tokio::test]
async fn hq_is_there_where_its_key_is_and_nowhere_else() {
    let (here, other) = (Hq::new(9, ALPN_JOIN), Hq::new(8, ALPN_JOIN));
    let look = reach(&Credentials::new(&OFFICE, here.key).unwrap());
    let accept = async |hq: &Hq| {
        let _ = hq.endpoint.accept().await.unwrap().await;
    };
    let (found, ()) = tokio::join!(look(here.address().to_string()), accept(&here));
    assert!(found);
    let (found, ()) = tokio::join!(look(other.address().to_string()), accept(&other));
    assert!(!found);
    assert!(!look("no port".to_owned()).await);
}
