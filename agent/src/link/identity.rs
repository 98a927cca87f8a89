//! Who we are to HQ, and how we know HQ: keys, never dates or names.
//!
//! X.509 is only the envelope that TLS asks for. Our certificate is made anew at every start from
//! the transport secret; of HQ's only the public key counts, pinned since joining. Knows nothing of
//! sockets or sessions.

use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, DigitallySignedStruct, PeerMisbehaved, SignatureScheme};
use wasl_protocol::join::TransportKey;
use webpki::EndEntityCert;
use zeroize::Zeroizing;

/// Keys from which no TLS identity can be made, or a TLS library that lacks what QUIC needs.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate could not be made.
    #[error("no certificate could be made from the transport key: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS does not take the certificate.
    #[error("the transport key cannot be used for TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No cipher that QUIC can start with.
    #[error("the TLS library has no cipher suite for QUIC: {0}")]
    Quic(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// Our certificate with its key, and the pin of HQ's: one object for the whole process.
#[derive(Clone, Debug)]
pub struct Credentials {
    certificate: CertificateDer<'static>,
    key: Arc<Zeroizing<Vec<u8>>>,
    verifier: Arc<PinnedHq>,
    transport: TransportKey,
}

impl Credentials {
    /// The identity of the office whose transport secret (an Ed25519 seed) this is, talking to the
    /// HQ whose transport key is `hq`, and to no other.
    pub fn new(secret: &[u8; 32], hq: TransportKey) -> Result<Self, IdentityError> {
        let key = Zeroizing::new([&PKCS8_ED25519[..], secret].concat());
        let pair = KeyPair::try_from(&key[..])?;
        // rcgen's own dates, 1975 to 4096: nobody looks at them.
        let certificate = CertificateParams::default().self_signed(&pair)?.der().clone();
        let transport = transport_key(&certificate)?;
        let verifier = Arc::new(PinnedHq { hq, provider: provider() });
        Ok(Self { certificate, key: Arc::new(key), verifier, transport })
    }

    /// Our own transport key, as HQ will know it.
    pub fn transport_key(&self) -> TransportKey {
        self.transport
    }

    /// TLS for QUIC under one ALPN.
    pub(super) fn client_config(&self, alpn: &[u8]) -> Result<QuicClientConfig, IdentityError> {
        let key = PrivatePkcs8KeyDer::from(self.key.to_vec());
        let mut tls = rustls::ClientConfig::builder_with_details(provider(), Arc::new(NoDates))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier) as _)
            .with_client_auth_cert(vec![self.certificate.clone()], key.into())?;
        tls.alpn_protocols = vec![alpn.to_vec()];
        tls.enable_sni = false;
        // HQ gives out no tickets yet (its gateway says why), so there is nothing to keep.
        tls.resumption = Resumption::disabled();
        Ok(QuicClientConfig::try_from(tls)?)
    }
}

/// Accepts HQ's key and no other; proves by the handshake's signature that HQ holds it.
#[derive(Debug)]
struct PinnedHq {
    hq: TransportKey,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedHq {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if transport_key(end_entity)? == self.hq {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
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
