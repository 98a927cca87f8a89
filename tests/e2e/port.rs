//! Strangers on the QUIC port: garbage, half messages, a protocol from the future.

use crate::district::{District, enroll};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use wasl_protocol::join::{ALPN, ALPN_JOIN};

/// How long a stranger waits for HQ's reaction.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn garbage_on_the_quic_port_disturbs_nobody() {
    let district = District::new();
    let office = district.office("nasr");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut dice = fastrand::Rng::with_seed(13);
    let mut enrolled = std::collections::BTreeSet::new();
    for part in 0..10 {
        for _ in 0..200 {
            let mut datagram = vec![0; dice.usize(1..1_400)];
            dice.fill(&mut datagram);
            if dice.bool() {
                // The beginning of a QUIC Initial: version 1, an 8-byte connection id.
                let header = [0xc3, 0, 0, 0, 1, 8];
                let n = header.len().min(datagram.len());
                datagram[..n].copy_from_slice(&header[..n]);
            }
            socket.send_to(&datagram, district.hq.address()).unwrap();
        }
        enrolled.extend(enroll(&office, part * 10..(part + 1) * 10).ids());
    }
    assert_eq!(district.agree(&office), enrolled);
}

#[test]
fn a_protocol_from_the_future_is_refused_by_name() {
    let district = District::new();
    let why = meet(district.hq.address(), b"wasl/9", async |c| c.closed().await);
    assert!(matches!(&why, Err(ConnectionError::ConnectionClosed(_))), "{why:?}");
    let text = why.unwrap_err().to_string();
    assert!(text.contains("no_application_protocol") || text.contains("protocol"), "{text}");
    assert_eq!(district.agree(&district.office("nasr")).len(), 0);
}

#[test]
fn a_key_that_nobody_knows_gets_no_session() {
    let district = District::new();
    let why = meet(district.hq.address(), ALPN, async |c| c.closed().await);
    assert!(matches!(why, Ok(ConnectionError::ApplicationClosed(_))), "{why:?}");
    assert_eq!(district.agree(&district.office("nasr")).len(), 0);
}

#[test]
fn half_a_message_is_no_message() {
    let district = District::new();
    for half in [&b""[..], b"\x00", &[0xff; 8], &[0x00, 0x00, 0x10, 0x00, 1, 2, 3], &[7; 5_000]] {
        let met = meet(district.hq.address(), ALPN_JOIN, async |connection| {
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            // HQ may close while we still write: that is an answer too.
            let _ = send.write_all(half).await;
            let _ = send.finish();
            let answer = receive.read_to_end(1_024).await.unwrap_or_default();
            assert_ne!(answer.first(), Some(&0), "HQ let a stranger in");
        });
        met.expect("the door of joining is open to strangers");
    }
    // The same, broken off.
    let met = meet(district.hq.address(), ALPN_JOIN, async |connection| {
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        let _ = send.write_all(&[0, 0]).await;
        connection.close(1u32.into(), b"gone");
    });
    met.expect("the door of joining is open to strangers");
    let office = district.office("nasr");
    let enrolled = enroll(&office, 0..10).ids();
    assert_eq!(district.agree(&office), enrolled);
}

/// Connects to HQ as a stranger with a fresh key, speaking `alpn`.
fn meet<T>(
    hq: SocketAddr,
    alpn: &[u8],
    act: impl AsyncFnOnce(&Connection) -> T,
) -> Result<T, ConnectionError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        endpoint.set_default_client_config(stranger(alpn));
        let connection = endpoint.connect(hq, "hq.wasl").unwrap().await?;
        let done = tokio::time::timeout(PATIENCE, act(&connection)).await;
        Ok(done.expect("HQ reacts"))
    })
}

fn stranger(alpn: &[u8]) -> ClientConfig {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let names = rcgen::CertificateParams::new(["office.wasl".to_string()]).unwrap();
    let certificate = names.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        .with_client_auth_cert(vec![certificate.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![alpn.to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// A stranger does not care whom it disturbs.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC is TLS 1.3".to_string()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
