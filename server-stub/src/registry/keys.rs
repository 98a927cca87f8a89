//! HQ's keys, in one file that only HQ reads.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use wasl_protocol::join::TransportKey;
use wasl_protocol::keys::{SignKey, UnwrapKey, VerifyKey};
use zeroize::Zeroizing;

use crate::seam::{World, write_new};

/// The name of the key file in the data dir.
pub const KEYS_FILE: &str = "hq.keys";

/// With what the file of a config-signing key begins.
const CONFIG_KEY: &str = "wasl-config-key/1";

/// Keys that cannot be had. Whose fault: the installation's. What now: stop and say so.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No keys: not initialised.
    #[error("{}: there is no HQ here", .0.display())]
    Missing(PathBuf),
    /// Keys are there already.
    #[error("{}: there is an HQ here already", .0.display())]
    Exists(PathBuf),
    /// The file is not a key file.
    #[error("{}: not a key file of HQ", .0.display())]
    Damaged(PathBuf),
    /// The disk.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The secret half of the config-signing key: leaves HQ when it is made.
pub struct ConfigSecret(Zeroizing<[u8; 32]>);

impl ConfigSecret {
    /// Writes it to a new file that only its owner reads.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = Zeroizing::new(format!("{CONFIG_KEY} {}\n", HEXLOWER.encode(&*self.0)));
        write_new(path, text.as_bytes())
    }

    /// The key in such a file. None: it is no such file.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        let hex = text.trim().strip_prefix(CONFIG_KEY);
        let secret = hex.and_then(|hex| HEXLOWER.decode(hex.trim().as_bytes()).ok());
        let secret = secret.map(Zeroizing::new).and_then(|secret| secret[..].try_into().ok());
        Ok(secret.map(|secret| Self(Zeroizing::new(secret))))
    }

    /// The key that signs config.
    pub fn sign_key(&self) -> SignKey {
        SignKey::from_secret(&self.0)
    }
}

impl fmt::Debug for ConfigSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret key)")
    }
}

/// HQ's own keys. Cheap to clone.
#[derive(Clone)]
pub struct HqKeys(Arc<Keys>);

struct Keys {
    transport: Zeroizing<[u8; 32]>,
    sign: SignKey,
    sign_secret: Zeroizing<[u8; 32]>,
    unwrap: UnwrapKey,
    unwrap_secret: Zeroizing<[u8; 32]>,
    config: VerifyKey,
}

/// The key file: hex text, so that it can be compared and copied by hand.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    transport_secret: Zeroizing<String>,
    signing_secret: Zeroizing<String>,
    wrapping_secret: Zeroizing<String>,
    config_public: String,
    /// A checksum over all of the above, so that a changed digit of a key is not taken for a key.
    /// Empty where an older version wrote the file.
    #[serde(default)]
    check: String,
}

/// The size of the file's checksum: the start of a BLAKE3.
const CHECKSUM_BYTES: usize = 16;

impl KeyFile {
    fn checksum(&self) -> String {
        let keys = [&self.transport_secret, &self.signing_secret, &self.wrapping_secret];
        let mut hash = blake3::Hasher::new();
        for key in keys {
            hash.update(key.as_bytes());
        }
        hash.update(self.config_public.as_bytes());
        HEXLOWER.encode(&hash.finalize().as_bytes()[..CHECKSUM_BYTES])
    }
}

impl HqKeys {
    /// Fresh keys, on no disk yet, and the config-signing key of which only the public half stays.
    pub fn generate(world: &World) -> (Self, ConfigSecret) {
        let fresh = || Zeroizing::new(world.entropy.random());
        let config = ConfigSecret(fresh());
        let public = SignKey::from_secret(&config.0).verify_key();
        (Self::from_secrets(fresh(), fresh(), fresh(), public), config)
    }

    /// The keys in a data dir.
    pub fn load(dir: &Path) -> Result<Self, RegistryError> {
        let path = dir.join(KEYS_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(RegistryError::Missing(dir.to_owned()));
            }
            Err(source) => return Err(RegistryError::Io { path, source }),
        };
        Self::parse(&text).ok_or(RegistryError::Damaged(path))
    }

    /// Puts the keys into a data dir that has none, fsynced.
    ///
    /// # Panics
    /// Never: strings are TOML.
    pub fn save(&self, dir: &Path) -> Result<(), RegistryError> {
        let path = dir.join(KEYS_FILE);
        let hex = |secret: &[u8; 32]| Zeroizing::new(HEXLOWER.encode(secret));
        let mut file = KeyFile {
            transport_secret: hex(&self.0.transport),
            signing_secret: hex(&self.0.sign_secret),
            wrapping_secret: hex(&self.0.unwrap_secret),
            config_public: HEXLOWER.encode(&self.0.config.0),
            check: String::new(),
        };
        file.check = file.checksum();
        let text = Zeroizing::new(toml::to_string(&file).expect("strings are TOML"));
        write_new(&path, text.as_bytes()).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => RegistryError::Exists(dir.to_owned()),
            _ => RegistryError::Io { path, source },
        })
    }

    /// The Ed25519 secret of HQ's end of the transport.
    pub fn transport_secret(&self) -> [u8; 32] {
        *self.0.transport
    }

    /// By what offices know HQ: what join tokens carry.
    pub fn transport_key(&self) -> TransportKey {
        TransportKey::of_ed25519(&SignKey::from_secret(&self.0.transport).verify_key())
    }

    /// Signs Acks and states.
    pub fn sign_key(&self) -> &SignKey {
        &self.0.sign
    }

    /// Opens the data keys of the offices' journals.
    pub fn unwrap_key(&self) -> &UnwrapKey {
        &self.0.unwrap
    }

    /// Checks config editions.
    pub fn config_key(&self) -> VerifyKey {
        self.0.config
    }

    fn from_secrets(
        transport: Zeroizing<[u8; 32]>,
        sign_secret: Zeroizing<[u8; 32]>,
        unwrap_secret: Zeroizing<[u8; 32]>,
        config: VerifyKey,
    ) -> Self {
        let sign = SignKey::from_secret(&sign_secret);
        let unwrap = UnwrapKey::from_secret(&unwrap_secret);
        Self(Arc::new(Keys { transport, sign, sign_secret, unwrap, unwrap_secret, config }))
    }

    fn parse(text: &str) -> Option<Self> {
        let file: KeyFile = toml::from_str(text).ok()?;
        if !file.check.is_empty() && file.check != file.checksum() {
            return None;
        }
        let key = |hex: &str| -> Option<[u8; 32]> {
            HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
        };
        Some(Self::from_secrets(
            Zeroizing::new(key(&file.transport_secret)?),
            Zeroizing::new(key(&file.signing_secret)?),
            Zeroizing::new(key(&file.wrapping_secret)?),
            VerifyKey(key(&file.config_public)?),
        ))
    }
}

impl fmt::Debug for HqKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret keys)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_are_never_made_twice_in_one_place() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(HqKeys::load(dir.path()), Err(RegistryError::Missing(_))));
        let (keys, _) = HqKeys::generate(&World::real());
        keys.save(dir.path()).unwrap();
        let again = HqKeys::load(dir.path()).unwrap();
        assert_eq!(again.transport_key(), keys.transport_key());
        assert_eq!(again.sign_key().verify_key(), keys.sign_key().verify_key());
        assert_eq!(again.unwrap_key().wrap_key(), keys.unwrap_key().wrap_key());
        assert_eq!(again.config_key(), keys.config_key());
        let (other, _) = HqKeys::generate(&World::real());
        assert!(matches!(other.save(dir.path()), Err(RegistryError::Exists(_))));
    }

    #[test]
    fn no_flipped_bit_in_a_key_is_taken_for_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, _) = HqKeys::generate(&World::real());
        keys.save(dir.path()).unwrap();
        let text = std::fs::read(dir.path().join(KEYS_FILE)).unwrap();
        for bit in 0..text.len() * 8 {
            let mut bad = text.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let read = String::from_utf8(bad).ok().and_then(|bad| HqKeys::parse(&bad));
            if let Some(read) = read {
                assert_eq!(read.transport_secret(), keys.transport_secret(), "bit {bit}");
                assert_eq!(read.sign_key().verify_key(), keys.sign_key().verify_key());
                assert_eq!(read.unwrap_key().wrap_key(), keys.unwrap_key().wrap_key());
                assert_eq!(read.config_key(), keys.config_key(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_key_file_from_before_there_were_checksums_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, _) = HqKeys::generate(&World::real());
        keys.save(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(KEYS_FILE)).unwrap();
        let before: String =
            text.lines().filter(|l| !l.starts_with("check")).collect::<Vec<_>>().join("\n");
        assert_eq!(HqKeys::parse(&before).unwrap().config_key(), keys.config_key());
    }

    #[test]
    fn a_damaged_key_file_is_named_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(KEYS_FILE), "transport_secret = \"5ec4e7\"\n").unwrap();
        let error = HqKeys::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains(KEYS_FILE) && !error.contains("5ec4e7"), "{error}");
    }

    #[test]
    fn the_config_key_of_which_the_public_half_stays_is_the_one_that_was_given_out() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, config) = HqKeys::generate(&World::real());
        let path = dir.path().join("config-key");
        config.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("wasl-config-key/1 ") && text.len() == 18 + 64 + 1, "{text}");
        let read = ConfigSecret::read(&path).unwrap().unwrap();
        assert_eq!(read.sign_key().verify_key(), keys.config_key());
        std::fs::write(&path, &text[..40]).unwrap();
        assert!(ConfigSecret::read(&path).unwrap().is_none(), "cut short");
    }
}
