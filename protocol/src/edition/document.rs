//! An edition: one signed config document.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use bincode::{Decode, Encode};
use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codec::{self, DecodeError};
use crate::id::OfficeId;
use crate::json::Json;
use crate::keys::{SignKey, Signature, VerifyKey};
use crate::limits;
use crate::private::Private;
use crate::units::UnixMs;

/// Which fleet of offices: follows from the first key that may sign its config.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct FleetId(pub [u8; 16]);

impl FleetId {
    /// The fleet whose first config key is this.
    pub fn of(key: &VerifyKey) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"wasl fleet\0").update(&key.0);
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

impl fmt::Display for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of an edition: one sequence for the whole fleet. 0 is what is built in.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Serial(pub u64);

impl Serial {
    /// The settings that the program carries.
    pub const BUILT_IN: Self = Self(0);
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Serial {
    type Err = core::num::ParseIntError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

/// The BLAKE3 of an edition's payload.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct EditionHash(pub [u8; 32]);

impl fmt::Display for EditionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EditionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A version of the agent: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct AgentVersion(pub u16, pub u16, pub u16);

impl FromStr for AgentVersion {
    type Err = NotAVersion;

    fn from_str(s: &str) -> Result<Self, NotAVersion> {
        let mut parts = s.split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Ok(Self(major, minor, patch))
            }
            _ => Err(NotAVersion),
        }
    }
}

impl fmt::Display for AgentVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Text that is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is three numbers, such as 0.1.0")]
pub struct NotAVersion;

/// For which offices an edition is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Scope {
    /// Every office of the fleet?
    pub all: bool,
    /// Groups of offices, by name, with who is in them: an office need not know its groups.
    pub groups: BTreeMap<String, BTreeSet<OfficeId>>,
    /// Single offices.
    pub offices: BTreeSet<OfficeId>,
    /// Offices for which it is not, whatever the above says.
    pub except: BTreeSet<OfficeId>,
}

impl Scope {
    /// Is it for this office?
    pub fn covers(&self, office: &OfficeId) -> bool {
        let named = self.offices.contains(office)
            || self.groups.values().any(|members| members.contains(office));
        (self.all || named) && !self.except.contains(office)
    }
}

/// What an edition has to stand before it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Probation {
    /// How long one stage of a rollout watches the offices that have it, in seconds during which
    /// they were connected.
    pub soak_s: u32,
    /// How long an office watches it before it stays, in seconds.
    pub confirm_s: u32,
    /// How long there may be a link and no session before an office goes back, in seconds.
    pub session_s: u32,
    /// How long a gate may fail before an office goes back, in seconds.
    pub gate_s: u32,
}

impl Default for Probation {
    fn default() -> Self {
        Self { soak_s: 3_600, confirm_s: 600, session_s: 600, gate_s: 60 }
    }
}

/// One config document for a fleet, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Edition {
    /// Whose.
    pub fleet: FleetId,
    /// Its number; a revert has a higher one than what it reverts.
    pub serial: Serial,
    /// For which offices.
    pub scope: Scope,
    /// When it was signed, by its author's clock.
    pub issued_at: UnixMs,
    /// After this it is not adopted any more. What is in force stays in force.
    pub not_after: UnixMs,
    /// The oldest agent that understands it.
    pub min_agent: AgentVersion,
    /// The whole settings document: see [`super::OfficeSettings`].
    pub settings: Json,
    /// What it has to stand.
    pub probation: Probation,
    /// The edition that it follows.
    pub previous: Option<EditionHash>,
    /// The edition that it takes back.
    pub revert_of: Option<Serial>,
    /// Who wrote it.
    pub author: Private<String>,
    /// Why.
    pub reason: String,
}

/// The layout of an edition's payload: its first byte.
const FORMAT: u8 = 1;

/// Which key: the start of its BLAKE3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The id of a key.
    pub fn of(key: &VerifyKey) -> Self {
        let hash = blake3::hash(&key.0);
        let mut id = [0; 8];
        id.copy_from_slice(&hash.as_bytes()[..8]);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who may sign config for a fleet. Told when an office joins; never set from afar.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Trust {
    /// The fleet.
    pub fleet: FleetId,
    /// The keys that may sign.
    pub keys: Vec<VerifyKey>,
    /// How many of them must.
    pub threshold: u8,
}

impl Trust {
    /// One key that signs alone.
    pub fn in_one(key: VerifyKey) -> Self {
        Self { fleet: FleetId::of(&key), keys: alloc::vec![key], threshold: 1 }
    }
}

/// An edition as it travels: the bytes that were signed, never encoded again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedEdition {
    payload: Vec<u8>,
    signatures: Vec<(KeyId, Signature)>,
}

const EDITION_DOMAIN: &str = "wasl edition/1";

/// The first line of a file that holds a signed edition.
const MAGIC: &[u8] = b"wasl-edition/1\n";

impl SignedEdition {
    /// Signs an edition with one key.
    pub fn sign(edition: &Edition, key: &SignKey) -> Self {
        let payload = [&[FORMAT], &codec::encode(edition)[..]].concat();
        let signature = key.sign(EDITION_DOMAIN, &payload);
        Self { payload, signatures: alloc::vec![(KeyId::of(&key.verify_key()), signature)] }
    }

    /// Its bytes, as a file has them.
    pub fn encode(&self) -> Vec<u8> {
        [MAGIC, &codec::encode(self)].concat()
    }

    /// The signed edition in a file.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > limits::EDITION_BYTES {
            return Err(DecodeError::Malformed);
        }
        codec::decode(bytes.strip_prefix(MAGIC).ok_or(DecodeError::Malformed)?)
    }

    /// The hash of what was signed.
    pub fn hash(&self) -> EditionHash {
        EditionHash(*blake3::hash(&self.payload).as_bytes())
    }

    /// Who signed, as far as `trust` knows them; each key once.
    pub fn signers(&self, trust: &Trust) -> BTreeSet<KeyId> {
        let signed = |key: &&VerifyKey| {
            let of_key = self.signatures.iter().filter(|(id, _)| *id == KeyId::of(key));
            let mut of_key = of_key.map(|(_, signature)| signature);
            of_key.any(|s| key.verify(EDITION_DOMAIN, &self.payload, s).is_ok())
        };
        trust.keys.iter().filter(signed).map(KeyId::of).collect()
    }

    /// Is it signed by as many as must?
    pub fn is_signed(&self, trust: &Trust) -> bool {
        trust.threshold > 0 && self.signers(trust).len() >= usize::from(trust.threshold)
    }

    /// What it says, whoever signed it. None: a format that this version does not know.
    ///
    /// # Errors
    /// If it is of a known format and does not decode.
    pub fn edition(&self) -> Result<Option<Edition>, DecodeError> {
        match self.payload.split_first() {
            Some((&FORMAT, body)) => codec::decode(body).map(Some),
            Some(_) => Ok(None),
            None => Err(DecodeError::Malformed),
        }
    }
}
