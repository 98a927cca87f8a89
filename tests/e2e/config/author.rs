//! Editions as their author makes them, and as others would.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use wasl_protocol::codec;
use wasl_protocol::edition::{
    AgentVersion, Edition, FleetId, KeyId, Probation, Scope, Serial, SignedEdition,
};
use wasl_protocol::json::{self, Json};
use wasl_protocol::keys::{SignKey, Signature};
use wasl_protocol::private::Private;
use wasl_protocol::units::UnixMs;
use wasl_tests::fleet::Hq;

pub const DAY_MS: i64 = 86_400_000;

/// What an edition has to stand, where nobody wants to wait.
pub const SOON: Probation = Probation { soak_s: 1, confirm_s: 1, session_s: 5, gate_s: 2 };

/// What an edition has to stand, where something is to happen to it first.
pub const LATE: Probation = Probation { soak_s: 1, confirm_s: 600, session_s: 5, gate_s: 2 };

/// What was signed, and the signatures: a signed edition's bytes behind its first line.
type Envelope = (Vec<u8>, Vec<(KeyId, Signature)>);

/// Whoever holds the key that `wasl-hq init` wrote.
pub struct Author {
    key: SignKey,
    dir: PathBuf,
}

impl Author {
    pub fn of(hq: &Hq) -> Self {
        let text = fs::read_to_string(Self::key_file(hq)).unwrap();
        let hex = text.strip_prefix("wasl-config-key/1 ").expect("a config key").trim();
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        let key = SignKey::from_secret(&std::array::from_fn(byte));
        Self { key, dir: hq.at.dir().parent().unwrap().to_path_buf() }
    }

    /// Where that key lies.
    pub fn key_file(hq: &Hq) -> PathBuf {
        format!("{}.config-key", hq.at.dir().display()).into()
    }

    /// An edition for all offices of the fleet.
    pub fn edition(&self, serial: u64, settings: &Value) -> Edition {
        let now = now();
        let text = settings.to_string();
        Edition {
            fleet: FleetId::of(&self.key.verify_key()),
            serial: Serial(serial),
            scope: Scope { all: true, ..Scope::default() },
            issued_at: now,
            not_after: UnixMs(now.0 + DAY_MS),
            min_agent: AgentVersion(0, 1, 0),
            settings: Json::of(&json::parse(text.as_bytes()).unwrap()),
            probation: SOON,
            previous: None,
            revert_of: None,
            author: Private("author".to_string()),
            reason: "a test".to_string(),
        }
    }

    /// A file with that edition, signed.
    pub fn file(&self, edition: &Edition) -> PathBuf {
        self.keep(&format!("{}.signed", edition.serial), &self.signed(edition))
    }

    pub fn signed(&self, edition: &Edition) -> Vec<u8> {
        SignedEdition::sign(edition, &self.key).encode()
    }

    /// The same bytes, and nobody's signature.
    pub fn unsigned(&self, edition: &Edition) -> Vec<u8> {
        let signed = self.signed(edition);
        let begin = signed.iter().position(|b| *b == b'\n').unwrap() + 1;
        let (payload, signatures): Envelope = codec::decode(&signed[begin..]).unwrap();
        assert_eq!(signatures.len(), 1);
        let unsigned: Envelope = (payload, Vec::new());
        [&signed[..begin], &codec::encode(&unsigned)[..]].concat()
    }

    /// The same signature under a payload of which one byte is another.
    pub fn forged(&self, edition: &Edition) -> Vec<u8> {
        let mut signed = self.signed(edition);
        let reason = edition.reason.as_bytes();
        let at = signed.windows(reason.len()).position(|w| w == reason).unwrap();
        signed[at] ^= 1;
        signed
    }

    /// A file with these bytes.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// A path as an argument.
pub fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "deadlines are compared by real programs")]
pub fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMs(i64::try_from(since.as_millis()).unwrap())
}
