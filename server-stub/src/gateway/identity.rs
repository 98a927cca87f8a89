//! Who HQ is to offices, and by what it knows an office: keys, never dates or names.
//!
//! X.509 is only the envelope that TLS asks for. Every client must show a certificate and prove by
//! the handshake's signature that it holds the key; *whose* key it is, the registry says afterwards
//! (`admit`). Knows nothing of sockets or of the store.

use std::sync::Arc;

use quinn::Connection;
use quinn::crypto::rustls::QuicServerConfig;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, PeerMisbehaved, SignatureScheme,
    client::danger::HandshakeSignatureValid,
};
use wasl_protocol::join::{ALPN, ALPN_JOIN, TransportKey};
use webpki::EndEntityCert;

use super::GatewayError;

/// TLS for QUIC with HQ's transport secret (an Ed25519 seed), for sessions and for joining.
///
/// Sessions are not resumed, and so there is no early data either: both need a store of tickets
/// that gives out each one once, durably, before a replayed Hello can be told from a first one.
pub(super) fn server_config(secret: &[u8; 32]) -> Result<QuicServerConfig, GatewayError> {
    let key = [&PKCS8_ED25519[..], secret].concat();
    let pair = KeyPair::try_from(&key[..])?;
    // rcgen's own dates, 1975 to 4096: nobody looks at them.
    let certificate = CertificateParams::default().self_signed(&pair)?.der().clone();
    let verifier = Arc::new(AnyKey { provider: provider() });
    let mut tls = rustls::ServerConfig::builder_with_details(provider(), Arc::new(NoDates))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key).into())?;
    tls.alpn_protocols = vec![ALPN.to_vec(), ALPN_JOIN.to_vec()];
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    Ok(QuicServerConfig::try_from(tls)?)
}

/// The transport key of the peer, proved by the handshake, which is over.
pub(super) fn peer_key(connection: &Connection) -> Option<TransportKey> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    transport_key(chain.first()?).ok()
}

/// Accepts every well-formed key: the registry is the authority, and it is asked next.
#[derive(Debug)]
struct AnyKey {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        transport_key(end_entity).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// The clock that TLS is given: it stands still, so that no wrong clock can lock an office out.
#[derive(Debug)]
struct NoDates;

impl TimeProvider for NoDates {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
    }
}

fn transport_key(certificate: &CertificateDer<'_>) -> Result<TransportKey, rustls::Error> {
    let parsed = EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(TransportKey::of_spki(&parsed.subject_public_key_info()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What comes before the 32 bytes of an Ed25519 seed in PKCS#8, version 1 (RFC 8410, section 7).
pub(super) const PKCS8_ED25519: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
