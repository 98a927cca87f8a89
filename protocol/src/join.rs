//! The token and the one message of a stranger.
//!
//! Joining is the only door without a known key. It runs over its own ALPN, [`ALPN_JOIN`]; the
//! office already pins HQ's key, which the token carries, and HQ recognises the token's secret.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bincode::{Decode, Encode};
use core::fmt;
use core::str::FromStr;
use data_encoding::BASE64URL_NOPAD;

use crate::codec;
use crate::edition::Trust;
use crate::id::{EpochId, OfficeId};
use crate::keys::{KeyError, SignKey, Signature, VerifyKey, WrapKey};
use crate::units::UnixMs;

/// The ALPN of a session.
pub const ALPN: &[u8] = b"wasl/1";

/// The ALPN of joining.
pub const ALPN_JOIN: &[u8] = b"wasl-join/1";

/// A peer's transport key: BLAKE3 of its `SubjectPublicKeyInfo` (RFC 5280) in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct TransportKey(pub [u8; 32]);

/// `SubjectPublicKeyInfo` of an Ed25519 key (RFC 8410), up to the 32 bytes of the key itself.
const ED25519_SPKI: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

impl TransportKey {
    /// The key in a `SubjectPublicKeyInfo`.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(*blake3::hash(der).as_bytes())
    }

    /// The transport key of whoever proves in TLS that it holds this Ed25519 key.
    pub fn of_ed25519(key: &VerifyKey) -> Self {
        Self::of_spki(&[&ED25519_SPKI[..], &key.0].concat())
    }
}

/// What `wasl-hq office add` prints: how to find HQ, how to know it, and a secret good for once.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct JoinToken {
    /// The office that may join with it.
    pub office: OfficeId,
    /// HQ's transport key.
    pub hq: TransportKey,
    /// Where HQ listens: `host:port`.
    pub endpoints: Vec<String>,
    /// What HQ recognises; it keeps only the hash.
    pub secret: [u8; 16],
}

const PREFIX: &str = "wasl1.";

/// Text that is not a join token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a join token: it starts with {PREFIX} and is one line, as `wasl-hq office add` prints it"
)]
pub struct NotAJoinToken;

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = codec::encode(self);
        let check = blake3::hash(&body);
        write!(f, "{PREFIX}{}", BASE64URL_NOPAD.encode(&[&body, &check.as_bytes()[..4]].concat()))
    }
}

impl FromStr for JoinToken {
    type Err = NotAJoinToken;

    fn from_str(s: &str) -> Result<Self, NotAJoinToken> {
        let text = s.trim().strip_prefix(PREFIX).ok_or(NotAJoinToken)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| NotAJoinToken)?;
        let (body, check) = bytes.split_last_chunk::<4>().ok_or(NotAJoinToken)?;
        if blake3::hash(body).as_bytes()[..4] != check[..] {
            return Err(NotAJoinToken);
        }
        codec::decode(body).map_err(|_| NotAJoinToken)
    }
}

/// An office asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JoinRequest {
    /// The token's secret.
    pub secret: [u8; 16],
    /// The office it claims to be.
    pub office: OfficeId,
    /// The key that will sign its heads.
    pub sign_key: VerifyKey,
    /// The key to which what it may read is wrapped.
    pub wrap_key: WrapKey,
    /// Its version, for people.
    pub version: String,
    /// Made with the sign key over the rest and the transport key: one machine holds all three.
    proof: Signature,
}

const JOIN_DOMAIN: &str = "wasl join/1";

impl JoinRequest {
    /// The request of the machine that holds `sign_key` and whose transport key is `transport`.
    pub fn new(
        token: &JoinToken,
        transport: TransportKey,
        sign_key: &SignKey,
        wrap_key: WrapKey,
        version: &str,
    ) -> Self {
        let mut request = Self {
            secret: token.secret,
            office: token.office.clone(),
            sign_key: sign_key.verify_key(),
            wrap_key,
            version: version.to_string(),
            proof: Signature([0; 64]),
        };
        request.proof = sign_key.sign(JOIN_DOMAIN, &request.proved(transport));
        request
    }

    /// Checks that whoever holds `transport` also holds the sign key.
    pub fn verify(&self, transport: TransportKey) -> Result<(), KeyError> {
        self.sign_key.verify(JOIN_DOMAIN, &self.proved(transport), &self.proof)
    }

    fn proved(&self, transport: TransportKey) -> Vec<u8> {
        codec::encode(&(self.secret, &self.office, self.sign_key, self.wrap_key, transport))
    }
}

/// What an office learns when it is let in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Joined {
    /// Its id.
    pub office: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
    /// HQ's epoch.
    pub epoch: EpochId,
    /// The key that signs Acks and states.
    pub hq_sign_key: VerifyKey,
    /// The key to which journals are wrapped for HQ.
    pub hq_wrap_key: WrapKey,
    /// Who may sign config. Never set from afar.
    pub trust: Trust,
    /// HQ's clock.
    pub clock: UnixMs,
}

/// Why an office is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum JoinRefusal {
    /// No such token was given out.
    #[error("HQ does not know this token")]
    Unknown = 1,
    /// The token's life is over, by HQ's clock.
    #[error("the token has expired")]
    Expired = 2,
    /// Another machine joined with it.
    #[error("the token has been used by another machine")]
    Used = 3,
    /// The office is revoked.
    #[error("the office has been revoked")]
    Revoked = 4,
    /// The request does not hold together.
    #[error("HQ could not read the request: the versions may not fit")]
    Malformed = 5,
    /// HQ failed.
    #[error("HQ could not do it now")]
    Busy = 6,
}

/// HQ's answer to a [`JoinRequest`].
pub type JoinAnswer = Result<Joined, JoinRefusal>;

/// The bytes of an answer.
pub fn encode_answer(answer: &JoinAnswer) -> Vec<u8> {
    match answer {
        Ok(joined) => [&[0], &codec::encode(joined)[..]].concat(),
        Err(refusal) => [*refusal as u8].to_vec(),
    }
}

/// The answer in these bytes.
pub fn decode_answer(bytes: &[u8]) -> Result<JoinAnswer, codec::DecodeError> {
    let (tag, rest) = bytes.split_first().ok_or(codec::DecodeError::Malformed)?;
    Ok(Err(match tag {
        0 => return codec::decode(rest).map(Ok),
        1 => JoinRefusal::Unknown,
        2 => JoinRefusal::Expired,
        3 => JoinRefusal::Used,
        4 => JoinRefusal::Revoked,
        5 => JoinRefusal::Malformed,
        6 => JoinRefusal::Busy,
        _ => return Err(codec::DecodeError::Malformed),
    }))
}

const REQUEST_MAGIC: &[u8] = b"wasl join request\x01";
const ANSWER_MAGIC: &[u8] = b"wasl join answer\x01";
const ANSWER_DOMAIN: &str = "wasl join answer/1";

/// A file that does not let a machine join. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinFileError {
    /// Something else, damaged, or of a newer version.
    #[error("not a file of this kind, or damaged, or of a newer version")]
    Malformed,
    /// It was made for other keys.
    #[error("it is for another machine, or another headquarters made it")]
    OtherKeys,
}

/// A request to join as a file, of a machine without a link. As secret as the token: its secret is
/// in it, good for whoever shows it first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JoinFile {
    /// The transport key of the machine.
    pub transport: TransportKey,
    /// That of the HQ which it wants to join.
    pub hq: TransportKey,
    /// What it asks.
    pub request: JoinRequest,
}

impl JoinFile {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        [REQUEST_MAGIC, &codec::encode(self)].concat()
    }

    /// The request in a file.
    ///
    /// # Errors
    /// It is none, or its keys do not belong together.
    pub fn decode(file: &[u8]) -> Result<Self, JoinFileError> {
        let body = file.strip_prefix(REQUEST_MAGIC).ok_or(JoinFileError::Malformed)?;
        let read: Self = codec::decode(body).map_err(|_| JoinFileError::Malformed)?;
        read.request.verify(read.transport).map_err(|_| JoinFileError::Malformed)?;
        Ok(read)
    }
}

/// HQ's answer as a file, to the machine with the transport key `to`; `hq` is HQ's own.
pub fn answer_file(joined: &Joined, to: TransportKey, hq: &SignKey) -> Vec<u8> {
    let answer = codec::encode(&(to, joined));
    let signature = hq.sign(ANSWER_DOMAIN, &answer);
    [ANSWER_MAGIC, &codec::encode(&(hq.verify_key(), signature, answer))].concat()
}

/// The answer in a file, for the machine with the transport key `to`, from the HQ whose transport
/// key its token names.
///
/// # Errors
/// It is none, not for this machine, or not of that HQ.
pub fn read_answer_file(
    file: &[u8],
    to: TransportKey,
    hq: TransportKey,
) -> Result<Joined, JoinFileError> {
    let body = file.strip_prefix(ANSWER_MAGIC).ok_or(JoinFileError::Malformed)?;
    let read: Result<(VerifyKey, Signature, Vec<u8>), _> = codec::decode(body);
    let (key, signature, answer) = read.map_err(|_| JoinFileError::Malformed)?;
    key.verify(ANSWER_DOMAIN, &answer, &signature).map_err(|_| JoinFileError::Malformed)?;
    let read: Result<(TransportKey, Joined), _> = codec::decode(&answer);
    let (whose, joined) = read.map_err(|_| JoinFileError::Malformed)?;
    if TransportKey::of_ed25519(&key) == hq && whose == to {
        Ok(joined)
    } else {
        Err(JoinFileError::OtherKeys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_a_file_comes_back_and_not_with_other_keys() {
        let sign_key = SignKey::from_secret(&[1; 32]);
        let (transport, wrap) = (TransportKey([4; 32]), WrapKey([5; 32]));
        let request = JoinRequest::new(&token(), transport, &sign_key, wrap, "0.1.0");
        let file = JoinFile { transport, hq: token().hq, request };
        assert_eq!(JoinFile::decode(&file.encode()), Ok(file.clone()));
        let other = JoinFile { transport: TransportKey([6; 32]), ..file };
        assert_eq!(JoinFile::decode(&other.encode()), Err(JoinFileError::Malformed));
        assert_eq!(JoinFile::decode(b"wasl bundle\x01"), Err(JoinFileError::Malformed));
    }

    #[test]
    fn an_answer_in_a_file_is_believed_for_its_machine_and_of_the_tokens_hq_only() {
        let (hq, mallory) = (SignKey::from_secret(&[1; 32]), SignKey::from_secret(&[2; 32]));
        let (to, pinned) = (TransportKey([4; 32]), TransportKey::of_ed25519(&hq.verify_key()));
        let joined = Joined {
            office: "nasr".parse().unwrap(),
            name_ar: String::new(),
            name_en: String::new(),
            epoch: EpochId(1),
            hq_sign_key: hq.verify_key(),
            hq_wrap_key: WrapKey([5; 32]),
            trust: Trust::in_one(hq.verify_key()),
            clock: UnixMs(0),
        };
        let file = answer_file(&joined, to, &hq);
        assert_eq!(read_answer_file(&file, to, pinned), Ok(joined.clone()));
        let other = Err(JoinFileError::OtherKeys);
        assert_eq!(read_answer_file(&file, TransportKey([9; 32]), pinned), other);
        assert_eq!(read_answer_file(&answer_file(&joined, to, &mallory), to, pinned), other);
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(read_answer_file(&bad, to, pinned).is_err(), "byte {at}");
        }
    }

    fn token() -> JoinToken {
        JoinToken {
            office: "nasr".parse().unwrap(),
            hq: TransportKey([1; 32]),
            endpoints: alloc::vec!["127.0.0.1:4433".to_string()],
            secret: [2; 16],
        }
    }

    #[test]
    fn a_token_survives_being_pasted_and_not_being_mistyped() {
        let text = token().to_string();
        assert!(alloc::format!(" {text}\n").parse::<JoinToken>().unwrap() == token());
        let mut wrong = text.clone();
        wrong.replace_range(10..11, if &text[10..11] == "A" { "B" } else { "A" });
        assert!(wrong.parse::<JoinToken>().is_err());
        assert!(text[..text.len() - 1].parse::<JoinToken>().is_err());
    }

    #[test]
    fn a_request_overheard_is_of_no_use_with_another_transport_key() {
        let key = SignKey::from_secret(&[3; 32]);
        let mine = TransportKey([4; 32]);
        let request = JoinRequest::new(&token(), mine, &key, WrapKey([5; 32]), "0.1.0");
        request.verify(mine).unwrap();
        assert!(request.verify(TransportKey([6; 32])).is_err());
    }
}
