//! The office's private keys, the key that opens them, and what joining taught.
//!
//! Two files in the data dir: `identity.sealed` holds the secrets, `office.json` the public facts.
//! The key that opens the secrets is a file outside the data dir, so that a copy of the data dir
//! alone is of no use. Knows nothing of TLS, journals or how joining is talked.

mod key_file; // the key that opens the secrets
mod office; // what joining taught

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use wasl_protocol::codec;
use wasl_protocol::id::OfficeId;
use wasl_protocol::join::{Joined, TransportKey};
use wasl_protocol::keys::{DataKey, Random, SignKey, UnwrapKey};
use zeroize::{Zeroize, Zeroizing};

use crate::seam::{World, read_whole, replace};

pub use key_file::{KeyFile, KeySource, Seal};
pub use office::{Hq, Office};

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The key file lies where a copy of the data dir would carry it along.
    #[error("{0}: the key file lies inside the data dir")]
    KeyInside(PathBuf),
    /// No key file.
    #[error("{0}: there is no key file")]
    NoKey(PathBuf),
    /// The key file is not 64 hex digits.
    #[error("{0}: not a key file: it holds 64 hex digits")]
    NotAKey(PathBuf),
    /// Others can read the key file.
    #[error("{0}: the key file can be read by others")]
    KeyExposed(PathBuf),
    /// The data dir has no name beside which a key file could lie.
    #[error("{0}: no key file can lie beside this data dir")]
    NoPlaceBeside(PathBuf),
    /// The data dir is not an office's.
    #[error("{0}: not joined yet")]
    NotJoined(PathBuf),
    /// The data dir is an office's already.
    #[error("{dir}: already joined as {office}")]
    AlreadyJoined {
        /// The data dir.
        dir: PathBuf,
        /// Which office it is.
        office: OfficeId,
    },
    /// Another key file sealed the secrets.
    #[error("{sealed}: sealed with another key than {key}")]
    OtherKey {
        /// The file with the secrets.
        sealed: PathBuf,
        /// The key file that was tried.
        key: PathBuf,
    },
    /// The secrets and the facts are of two installations.
    #[error("{0}: the keys beside it are those of another installation")]
    OtherInstallation(PathBuf),
    /// A file of ours does not read.
    #[error("{0}: damaged")]
    Damaged(PathBuf),
    /// The disk.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl KeystoreError {
    /// What the reader can do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::KeyInside(_) | Self::NoPlaceBeside(_) => {
                "name a file outside the data dir with --key-file"
            }
            Self::NoKey(_) | Self::OtherKey { .. } => {
                "name the key file that this installation was joined with (--key-file), or put it \
                 back; without it the office has to join again"
            }
            Self::NotAKey(_) => "name the right file with --key-file",
            Self::KeyExposed(_) => "chmod 600 the key file",
            Self::NotJoined(_) => {
                "run `wasl join TOKEN` first; `wasl-hq office add` prints a token"
            }
            Self::AlreadyJoined { .. } => "run it with `wasl run`, or name another --data-dir",
            Self::OtherInstallation(_) => {
                "put back identity.sealed and office.json of one and the same installation"
            }
            Self::Damaged(_) => "put the file back from a backup, or join again",
            Self::Io { .. } => "check the path, its owner and the disk",
        }
    }
}

pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeystoreError + '_ {
    move |source| KeystoreError::Io { path: path.to_owned(), source }
}

/// The office's secrets, opened.
#[derive(Clone)]
pub struct Identity {
    dir: PathBuf,
    secrets: Zeroizing<[u8; SECRETS_BYTES]>,
}

const SEALED: &str = "identity.sealed";
const MAGIC: &[u8] = b"wasl identity/1\n";
const SECRETS_BYTES: usize = 4 * 32;

impl Identity {
    /// The keys of an installation that is about to join: made and fsynced, or, if it was about to
    /// join before, the same ones again, so that a lost reply can be asked for once more. Makes the
    /// data dir and the key file where they are not there.
    pub fn create(world: &World, dir: &Path, key: &KeyFile) -> Result<Self, KeystoreError> {
        make_durably(world, dir).map_err(io_error(dir))?;
        key.refuse_inside(dir)?;
        if world.disk.exists(&dir.join(SEALED)) {
            return Self::load(world, dir, key);
        }
        let key = key.make(world)?;
        let mut secrets = Zeroizing::new([0; SECRETS_BYTES]);
        for secret in secrets.chunks_exact_mut(32) {
            secret.copy_from_slice(&world.entropy.random());
        }
        let sealed = key.seal(MAGIC, &secrets[..], world.entropy.random());
        let path = dir.join(SEALED);
        replace(&*world.disk, &path, &[MAGIC, &sealed].concat()).map_err(io_error(&path))?;
        Ok(Self { dir: dir.to_owned(), secrets })
    }

    /// The keys of an installation.
    pub fn load(world: &World, dir: &Path, key: &KeyFile) -> Result<Self, KeystoreError> {
        let path = dir.join(SEALED);
        if !world.disk.exists(&path) {
            return Err(KeystoreError::NotJoined(dir.to_owned()));
        }
        let data_key = key.read(world)?;
        let bytes = read_whole(&*world.disk, &path).map_err(io_error(&path))?;
        let damaged = || KeystoreError::Damaged(path.clone());
        let sealed = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let mut plain = data_key.open(MAGIC, sealed).map_err(|_| KeystoreError::OtherKey {
            sealed: path.clone(),
            key: key.path().to_owned(),
        })?;
        let secrets = plain.as_slice().try_into().map_err(|_| damaged());
        plain.zeroize();
        Ok(Self { dir: dir.to_owned(), secrets: Zeroizing::new(secrets?) })
    }

    /// Writes down what joining taught: from here on the data dir is an office's. Refuses a data
    /// dir that is an office's already. Call it last, once the journals are born.
    pub fn joined(
        &self,
        world: &World,
        joined: &Joined,
        hq: TransportKey,
        endpoints: &[String],
    ) -> Result<Office, KeystoreError> {
        Office::create(world, self, joined, (hq, endpoints))
    }

    /// The data dir.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The secret of the transport key (Ed25519).
    pub fn transport_secret(&self) -> Zeroizing<[u8; 32]> {
        self.secret(0)
    }

    /// The key that signs heads.
    pub fn sign_key(&self) -> SignKey {
        SignKey::from_secret(&self.secret(1))
    }

    /// The key that opens what is wrapped for this office.
    pub fn unwrap_key(&self) -> UnwrapKey {
        UnwrapKey::from_secret(&self.secret(2))
    }

    /// The secret of a store that never leaves this machine, such as the view; `purpose` tells one
    /// from another.
    pub fn local_secret(&self, purpose: &str) -> Random {
        let context = format!("wasl 2026 local secret/1: {purpose}");
        blake3::derive_key(&context, &self.secret(3)[..])
    }

    fn secret(&self, index: usize) -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&self.secrets[index * 32..][..32]);
        secret
    }

    /// A public mark of these keys, by which the facts beside them are known to be theirs.
    fn mark(&self) -> String {
        let keys = (self.sign_key().verify_key(), self.unwrap_key().wrap_key());
        data_encoding::HEXLOWER.encode(&blake3::hash(&codec::encode(&keys)).as_bytes()[..16])
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret keys)")
    }
}

/// Makes the data dir, if it is not there, and has its name outlast a power cut.
fn make_durably(world: &World, dir: &Path) -> io::Result<()> {
    if world.disk.exists(dir) {
        return Ok(());
    }
    world.disk.create_dir_all(dir)?;
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
    world.disk.sync_dir(above.unwrap_or(Path::new(".")))
}

/// A data key from the 32 bytes of a key file.
fn data_key(bytes: &mut [u8; 32]) -> DataKey {
    let key = DataKey::new(*bytes);
    bytes.zeroize();
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::edition::Trust;
    use wasl_protocol::id::EpochId;
    use wasl_protocol::keys::{VerifyKey, WrapKey};
    use wasl_protocol::units::UnixMs;

    fn joined() -> Joined {
        Joined {
            office: "nasr".parse().unwrap(),
            name_ar: "النصر".into(),
            name_en: "Al-Nasr".into(),
            epoch: EpochId(9),
            hq_sign_key: VerifyKey([1; 32]),
            hq_wrap_key: WrapKey([2; 32]),
            trust: Trust::in_one(VerifyKey([6; 32])),
            clock: UnixMs(0),
        }
    }

    fn place() -> (tempfile::TempDir, PathBuf, KeyFile) {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("nasr");
        let key = KeyFile::locate_among(&dir, None, None).unwrap();
        (top, dir, key)
    }

    #[test]
    fn a_lost_join_reply_is_asked_for_again_with_the_same_keys() {
        let (_top, dir, key) = place();
        let world = World::real();
        let first = Identity::create(&world, &dir, &key).unwrap();
        let again = Identity::create(&world, &dir, &key).unwrap();
        assert!(first.secrets == again.secrets);
        assert!(matches!(Office::load(&world, &first), Err(KeystoreError::NotJoined(_))));
    }

    #[test]
    fn what_joining_taught_comes_back_and_is_not_learnt_twice() {
        let (_top, dir, key) = place();
        let world = World::real();
        let identity = Identity::create(&world, &dir, &key).unwrap();
        let endpoints = ["hq.example:4433".to_string()];
        let hq = TransportKey([3; 32]);
        let office = identity.joined(&world, &joined(), hq, &endpoints).unwrap();
        let identity = Identity::load(&world, &dir, &key).unwrap();
        assert_eq!(Office::load(&world, &identity).unwrap(), office);
        assert_eq!((office.name_ar.as_str(), office.hq.transport), ("النصر", hq));
        assert_eq!(office.trust, joined().trust);
        let twice = identity.joined(&world, &joined(), hq, &endpoints);
        assert!(matches!(twice, Err(KeystoreError::AlreadyJoined { .. })));
    }

    #[test]
    fn an_office_that_joined_before_there_was_config_trusts_nobody_with_it() {
        let (_top, dir, key) = place();
        let world = World::real();
        let identity = Identity::create(&world, &dir, &key).unwrap();
        identity.joined(&world, &joined(), TransportKey([3; 32]), &[]).unwrap();
        let path = dir.join("office.json");
        let mut old: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for name in ["fleet", "config_keys", "config_threshold", "check"] {
            assert!(old.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
        std::fs::write(&path, old.to_string()).unwrap();
        let office = Office::load(&world, &identity).unwrap();
        assert_eq!((office.trust.keys.len(), office.trust.threshold), (0, 0));
    }

    #[test]
    fn no_flipped_bit_in_what_joining_taught_goes_unnoticed() {
        let (_top, dir, key) = place();
        let world = World::real();
        let identity = Identity::create(&world, &dir, &key).unwrap();
        let endpoints = ["hq.example:4433".to_string()];
        let office = identity.joined(&world, &joined(), TransportKey([3; 32]), &endpoints).unwrap();
        let path = dir.join("office.json");
        let good = std::fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, bad).unwrap();
            // Blanks and the checksum's own name say nothing of the office.
            if let Ok(read) = Office::load(&world, &identity) {
                assert_eq!(read, office, "bit {bit}");
            }
        }
    }

    #[test]
    fn another_key_file_is_told_from_damage() {
        let (top, dir, key) = place();
        let world = World::real();
        Identity::create(&world, &dir, &key).unwrap();
        let other = KeyFile::locate_among(&dir, Some(&top.path().join("other")), None).unwrap();
        let missing = Identity::load(&world, &dir, &other).unwrap_err();
        assert!(matches!(missing, KeystoreError::NoKey(_)));
        other.make(&world).unwrap();
        let wrong = Identity::load(&world, &dir, &other).unwrap_err();
        assert!(wrong.to_string().contains("sealed with another key"), "{wrong}");
    }

    #[test]
    fn the_secrets_of_one_installation_do_not_serve_another() {
        let (top, dir, key) = place();
        let world = World::real();
        let identity = Identity::create(&world, &dir, &key).unwrap();
        identity.joined(&world, &joined(), TransportKey([3; 32]), &[]).unwrap();
        let dir_b = top.path().join("fajr");
        let b = Identity::create(&world, &dir_b, &key).unwrap();
        b.joined(&world, &joined(), TransportKey([3; 32]), &[]).unwrap();
        std::fs::copy(dir.join(SEALED), dir_b.join(SEALED)).unwrap();
        let stolen = Identity::load(&world, &dir_b, &key).unwrap();
        let refused = Office::load(&world, &stolen).unwrap_err();
        assert!(matches!(refused, KeystoreError::OtherInstallation(_)));
    }
}
