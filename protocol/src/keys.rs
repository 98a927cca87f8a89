//! Signing, wrapping and data keys. The only room that knows the ciphers.
//!
//! Signatures are Ed25519 (RFC 8032) over a domain, a zero byte and the message. Data keys are
//! wrapped by HPKE (RFC 9180, base mode: X25519, HKDF-SHA256, ChaCha20-Poly1305). Bodies are sealed
//! with XChaCha20-Poly1305. Whoever calls brings the randomness.

use alloc::vec::Vec;
use bincode::{Decode, Encode};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use core::convert::Infallible;
use core::fmt;
use ed25519_dalek::{Signer as _, VerifyingKey};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

/// 32 fresh random bytes, brought in by the caller.
pub type Random = [u8; 32];

/// The length of a nonce of [`DataKey::seal`], in bytes.
pub const NONCE_BYTES: usize = 24;

/// Bytes that do not open, or a signature that does not hold.
///
/// Whose fault: whoever made or damaged the bytes. What now: refuse them; trying again is no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The seal does not open: damaged, another key, or bound to something else.
    #[error("the seal does not open: damaged bytes, or sealed with another key")]
    Seal,
    /// The signature was not made by this key over these bytes.
    #[error("the signature does not hold")]
    Signature,
    /// The bytes are not a key.
    #[error("not a key")]
    NotAKey,
}

/// A public key that checks signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct VerifyKey(pub [u8; 32]);

/// A signature: 64 bytes, as RFC 8032 has them.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(signature)")
    }
}

/// A private signing key.
#[derive(Clone)]
pub struct SignKey(ed25519_dalek::SigningKey);

impl SignKey {
    /// The key that this secret is.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// Its public half.
    pub fn verify_key(&self) -> VerifyKey {
        VerifyKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` in `domain`: the same bytes in another domain are another message.
    pub fn sign(&self, domain: &str, message: &[u8]) -> Signature {
        Signature(self.0.sign(&in_domain(domain, message)).to_bytes())
    }
}

impl fmt::Debug for SignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret key)")
    }
}

impl VerifyKey {
    /// Checks that this key signed `message` in `domain`.
    pub fn verify(
        &self,
        domain: &str,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), KeyError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::NotAKey)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&in_domain(domain, message), &signature).map_err(|_| KeyError::Signature)
    }
}

fn in_domain(domain: &str, message: &[u8]) -> Vec<u8> {
    [domain.as_bytes(), &[0], message].concat()
}

/// A public key to which data keys are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct WrapKey(pub [u8; 32]);

/// The private key that opens what was wrapped to its public half.
#[derive(Clone)]
pub struct UnwrapKey(Zeroizing<[u8; 32]>);

impl UnwrapKey {
    /// The key that this secret is.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*secret))
    }

    /// Its public half.
    pub fn wrap_key(&self) -> WrapKey {
        let public = X25519HkdfSha256::sk_to_pk(&self.private()).to_bytes();
        WrapKey(public.into())
    }

    fn private(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        Deserializable::from_bytes(&*self.0).expect("any 32 bytes are an X25519 private key")
    }
}

impl fmt::Debug for UnwrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret key)")
    }
}

/// A data key, wrapped for one reader.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Wrapped {
    /// Who can open it.
    pub to: WrapKey,
    /// HPKE's encapsulated key.
    pub encapped: [u8; 32],
    /// The sealed data key: 32 bytes and 16 of authenticator.
    pub sealed: [u8; 48],
}

/// The symmetric key of one log's bodies.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// The key that these random bytes are.
    pub fn new(random: Random) -> Self {
        Self(Zeroizing::new(random))
    }

    /// Wraps this key for `to`; `info` binds the wrap to its purpose.
    pub fn wrap(&self, to: WrapKey, info: &[u8], random: Random) -> Result<Wrapped, KeyError> {
        let public = Deserializable::from_bytes(&to.0).map_err(|_| KeyError::NotAKey)?;
        let (encapped, sealed) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &public,
                info,
                &*self.0,
                b"",
                &mut Brought(blake3::Hasher::new_keyed(&random).finalize_xof()),
            )
            .map_err(|_| KeyError::NotAKey)?;
        let sealed = sealed.try_into().map_err(|_| KeyError::Seal)?;
        Ok(Wrapped { to, encapped: encapped.to_bytes().into(), sealed })
    }

    /// Opens a wrap with the private key it was made for.
    pub fn unwrap(wrapped: &Wrapped, with: &UnwrapKey, info: &[u8]) -> Result<Self, KeyError> {
        let encapped = Deserializable::from_bytes(&wrapped.encapped).map_err(|_| KeyError::Seal)?;
        let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &with.private(),
            &encapped,
            info,
            &wrapped.sealed,
            b"",
        );
        let key = Zeroizing::new(key.map_err(|_| KeyError::Seal)?);
        Ok(Self::new(key.as_slice().try_into().map_err(|_| KeyError::Seal)?))
    }

    /// 32 bytes that follow from this key, a purpose and a subject, and tell nothing of the key.
    pub fn derive(&self, purpose: &str, subject: &[u8]) -> Random {
        let mut h = blake3::Hasher::new_keyed(&self.0);
        h.update(purpose.as_bytes()).update(&[0]).update(subject);
        *h.finalize().as_bytes()
    }

    /// Seals `plain`, bound to `ad`: nonce, then ciphertext and authenticator.
    ///
    /// The nonce is a keyed hash of the randomness and the plaintext: a machine resumed from a
    /// snapshot, which draws the same randomness again, still does not seal two plaintexts under
    /// one nonce.
    ///
    /// # Panics
    /// Never: no body is as long as the cipher's bound of 256 GiB.
    pub fn seal(&self, ad: &[u8], plain: &[u8], random: Random) -> Vec<u8> {
        let mut h = blake3::Hasher::new_keyed(&self.0);
        h.update(b"wasl nonce\0").update(&random).update(plain);
        let mut nonce = [0; NONCE_BYTES];
        h.finalize_xof().fill(&mut nonce);
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: ad });
        let sealed = sealed.expect("a body is shorter than the cipher's 256 GiB");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what [`Self::seal`] made with the same `ad`.
    pub fn open(&self, ad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(KeyError::Seal)?;
        let payload = Payload { msg: sealed, aad: ad };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| KeyError::Seal)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret key)")
    }
}

/// The caller's randomness, stretched, in the form that HPKE asks for.
struct Brought(blake3::OutputReader);

impl TryRng for Brought {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut b = [0; 4];
        self.0.fill(&mut b);
        Ok(u32::from_le_bytes(b))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut b = [0; 8];
        self.0.fill(&mut b);
        Ok(u64::from_le_bytes(b))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Brought {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn a_data_key_reaches_its_reader_and_nobody_else() {
        let key = DataKey::new([1; 32]);
        let (office, other) = (UnwrapKey::from_secret(&[2; 32]), UnwrapKey::from_secret(&[3; 32]));
        let wrapped = key.wrap(office.wrap_key(), b"journal", [4; 32]).unwrap();
        assert!(DataKey::unwrap(&wrapped, &office, b"journal").unwrap() == key);
        assert!(DataKey::unwrap(&wrapped, &office, b"another").is_err());
        assert!(DataKey::unwrap(&wrapped, &other, b"journal").is_err());
    }

    #[test]
    fn a_body_opens_only_whole_and_where_it_belongs() {
        let key = DataKey::new([1; 32]);
        let mut sealed = key.seal(b"here", b"enrollment", [9; 32]);
        assert_eq!(key.open(b"here", &sealed).unwrap(), b"enrollment");
        assert_eq!(key.open(b"there", &sealed), Err(KeyError::Seal));
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(key.open(b"here", &sealed), Err(KeyError::Seal));
        assert_eq!(key.open(b"here", &[0; 3]), Err(KeyError::Seal));
    }

    #[test]
    fn the_same_randomness_twice_does_not_repeat_a_nonce() {
        let key = DataKey::new([1; 32]);
        let (a, b) = (key.seal(b"", b"one", [9; 32]), key.seal(b"", b"two", [9; 32]));
        assert_ne!(a[..NONCE_BYTES], b[..NONCE_BYTES]);
    }

    #[test]
    fn a_signature_holds_in_its_domain_only() {
        let key = SignKey::from_secret(&[5; 32]);
        let s = key.sign("wasl ack/1", b"position");
        key.verify_key().verify("wasl ack/1", b"position", &s).unwrap();
        assert!(key.verify_key().verify("wasl state/1", b"position", &s).is_err());
        assert!(key.verify_key().verify("wasl ack/1", b"positions", &s).is_err());
    }

    #[test]
    fn secret_keys_do_not_print() {
        assert_eq!(format!("{:?}", DataKey::new([1; 32])), "(secret key)");
        assert_eq!(format!("{:?}", SignKey::from_secret(&[1; 32])), "(secret key)");
    }
}
