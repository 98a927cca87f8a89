//! What joining taught: which office this is, and how to know and find HQ.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use wasl_protocol::edition::{FleetId, Trust};
use wasl_protocol::id::{EpochId, OfficeId};
use wasl_protocol::join::{Joined, TransportKey};
use wasl_protocol::keys::{VerifyKey, WrapKey};

use super::{Identity, KeystoreError, io_error};
use crate::seam::{World, read_whole, replace};

/// The public facts of an installation that has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    /// Which office.
    pub id: OfficeId,
    /// Its name in Arabic.
    pub name_ar: String,
    /// Its name in English.
    pub name_en: String,
    /// Headquarters.
    pub hq: Hq,
    /// Who may sign config. An office that joined before there was config trusts nobody with it.
    pub trust: Trust,
}

/// Headquarters, as joining showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hq {
    /// Its transport key.
    pub transport: TransportKey,
    /// The key that signs Acks and states.
    pub verify_key: VerifyKey,
    /// The key to which journals are wrapped for it.
    pub wrap_key: WrapKey,
    /// Where it listens: `host:port`.
    pub endpoints: Vec<String>,
    /// The life of its database in which this office joined.
    pub epoch: EpochId,
}

const FILE: &str = "office.json";
const SCHEMA: &str = "wasl.office/1";

/// The size of the file's checksum: the start of a BLAKE3.
const CHECKSUM_BYTES: usize = 16;

/// The file's form: keys and ids as text.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    schema: String,
    id: String,
    name_ar: String,
    name_en: String,
    keys: String,
    hq_transport_key: String,
    hq_sign_key: String,
    hq_wrap_key: String,
    hq_endpoints: Vec<String>,
    hq_epoch: String,
    #[serde(default)]
    fleet: String,
    #[serde(default)]
    config_keys: Vec<String>,
    #[serde(default)]
    config_threshold: u8,
    /// A checksum over all of the above, so that a changed digit of a key is not taken for a key.
    /// Empty where an older version wrote the file.
    #[serde(default)]
    check: String,
}

impl Office {
    /// The facts of the installation whose keys these are.
    pub fn load(world: &World, identity: &Identity) -> Result<Self, KeystoreError> {
        let (path, written) = Written::load(world, identity.dir())?;
        if written.keys != identity.mark() {
            return Err(KeystoreError::OtherInstallation(path));
        }
        written.read().ok_or(KeystoreError::Damaged(path))
    }

    /// The facts as they lie in the data dir, whoever's keys are beside them: for people who look
    /// for what is wrong, not for anything that is believed.
    pub fn as_written(world: &World, dir: &Path) -> Result<Self, KeystoreError> {
        let (path, written) = Written::load(world, dir)?;
        written.read().ok_or(KeystoreError::Damaged(path))
    }

    pub(super) fn create(
        world: &World,
        identity: &Identity,
        joined: &Joined,
        (hq, endpoints): (TransportKey, &[String]),
    ) -> Result<Self, KeystoreError> {
        let dir = PathBuf::from(identity.dir());
        match Self::load(world, identity) {
            Ok(office) => return Err(KeystoreError::AlreadyJoined { dir, office: office.id }),
            Err(KeystoreError::NotJoined(_)) => {}
            Err(e) => return Err(e),
        }
        let mut written = Written {
            schema: SCHEMA.to_owned(),
            id: joined.office.to_string(),
            name_ar: joined.name_ar.clone(),
            name_en: joined.name_en.clone(),
            keys: identity.mark(),
            hq_transport_key: HEXLOWER.encode(&hq.0),
            hq_sign_key: HEXLOWER.encode(&joined.hq_sign_key.0),
            hq_wrap_key: HEXLOWER.encode(&joined.hq_wrap_key.0),
            hq_endpoints: endpoints.to_vec(),
            hq_epoch: joined.epoch.to_string(),
            fleet: joined.trust.fleet.to_string(),
            config_keys: joined.trust.keys.iter().map(|key| HEXLOWER.encode(&key.0)).collect(),
            config_threshold: joined.trust.threshold,
            check: String::new(),
        };
        written.check = written.checksum();
        let path = dir.join(FILE);
        let mut text = serde_json::to_vec_pretty(&written).expect("text fields always serialise");
        text.push(b'\n');
        replace(&*world.disk, &path, &text).map_err(io_error(&path))?;
        Self::load(world, identity)
    }
}

impl Written {
    fn load(world: &World, dir: &Path) -> Result<(PathBuf, Self), KeystoreError> {
        let path = dir.join(FILE);
        if !world.disk.exists(&path) {
            return Err(KeystoreError::NotJoined(dir.to_owned()));
        }
        let bytes = read_whole(&*world.disk, &path).map_err(io_error(&path))?;
        let written: Option<Self> = serde_json::from_slice(&bytes).ok();
        let intact = |w: &Self| w.check.is_empty() || w.check == w.checksum();
        let written = written.filter(|w| w.schema == SCHEMA && intact(w));
        let written = written.ok_or_else(|| KeystoreError::Damaged(path.clone()))?;
        Ok((path, written))
    }

    /// The checksum of everything but itself.
    fn checksum(&self) -> String {
        let bare = Self { check: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&bare).expect("text fields always serialise");
        HEXLOWER.encode(&blake3::hash(&text).as_bytes()[..CHECKSUM_BYTES])
    }

    fn read(self) -> Option<Office> {
        let key = |hex: &str| <[u8; 32]>::try_from(HEXLOWER.decode(hex.as_bytes()).ok()?).ok();
        let hq = Hq {
            transport: TransportKey(key(&self.hq_transport_key)?),
            verify_key: VerifyKey(key(&self.hq_sign_key)?),
            wrap_key: WrapKey(key(&self.hq_wrap_key)?),
            endpoints: self.hq_endpoints,
            epoch: self.hq_epoch.parse().ok()?,
        };
        let keys = self.config_keys.iter().map(|hex| key(hex).map(VerifyKey));
        let trust = Trust {
            fleet: fleet(&self.fleet)?,
            keys: keys.collect::<Option<_>>()?,
            threshold: self.config_threshold,
        };
        let id = self.id.parse().ok()?;
        Some(Office { id, name_ar: self.name_ar, name_en: self.name_en, hq, trust })
    }
}

fn fleet(hex: &str) -> Option<FleetId> {
    if hex.is_empty() {
        return Some(FleetId([0; 16]));
    }
    Some(FleetId(HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()?))
}
