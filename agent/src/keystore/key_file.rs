//! The key that opens the secrets: 64 hex digits in a file outside the data dir.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use wasl_protocol::keys::DataKey;
use zeroize::{Zeroize, Zeroizing};

use super::{KeystoreError, data_key, io_error};
use crate::seam::{World, read_whole, replace};

/// Where a key file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Named with `--key-file`.
    Given,
    /// A systemd credential, whose file lies in the clear on this machine.
    Credential,
    /// A systemd credential that was sealed; to what, the unit says.
    Sealed(Seal),
    /// `DIR.key`, beside the data dir.
    Beside,
}

/// To what a systemd credential is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// A file of this machine's: a stolen disk still opens it.
    Host,
    /// This machine's TPM2: a stolen disk alone does not.
    Tpm2,
}

impl KeySource {
    /// The constant word for it: what `status` says in `identity.key_store`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Given | Self::Beside => "file",
            Self::Credential => "credential",
            Self::Sealed(Seal::Host) => "credential-encrypted",
            Self::Sealed(Seal::Tpm2) => "credential-tpm2",
        }
    }
}

/// The place of the key file of a data dir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
    source: KeySource,
}

const CREDENTIAL: &str = "wasl.key";

/// What sealed the credential; set by the drop-in that names the sealed file, since the service
/// manager hands out opened credentials only.
const SEAL: &str = "WASL_KEY_SEAL";

impl KeyFile {
    /// The key file of `data_dir`: the one given, else the systemd credential `wasl.key`, else
    /// `DIR.key` beside the data dir. It may not be there yet.
    pub fn locate(data_dir: &Path, given: Option<&Path>) -> Result<Self, KeystoreError> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
        let mut found = Self::locate_among(data_dir, given, credentials.as_deref())?;
        if found.source == KeySource::Credential {
            found.source = sealed(std::env::var_os(SEAL).as_deref());
        }
        Ok(found)
    }

    pub(super) fn locate_among(
        data_dir: &Path,
        given: Option<&Path>,
        credentials: Option<&OsStr>,
    ) -> Result<Self, KeystoreError> {
        let credential = credentials.map(|dir| Path::new(dir).join(CREDENTIAL));
        let (path, source) = if let Some(given) = given {
            (given.to_owned(), KeySource::Given)
        } else if let Some(path) = credential.filter(|path| path.exists()) {
            (path, KeySource::Credential)
        } else {
            (beside(data_dir)?, KeySource::Beside)
        };
        let file = Self { path, source };
        file.refuse_inside(data_dir)?;
        Ok(file)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it was found.
    pub fn source(&self) -> KeySource {
        self.source
    }

    /// Refuses a key that a copy of the data dir would carry along.
    pub(super) fn refuse_inside(&self, data_dir: &Path) -> Result<(), KeystoreError> {
        if resolved(&self.path).starts_with(resolved(data_dir)) {
            return Err(KeystoreError::KeyInside(self.path.clone()));
        }
        Ok(())
    }

    /// The key in the file.
    pub(super) fn read(&self, world: &World) -> Result<DataKey, KeystoreError> {
        if !world.disk.exists(&self.path) {
            return Err(KeystoreError::NoKey(self.path.clone()));
        }
        self.refuse_exposed()?;
        let read = read_whole(&*world.disk, &self.path).map_err(io_error(&self.path))?;
        let text = Zeroizing::new(read);
        let not_a_key = || KeystoreError::NotAKey(self.path.clone());
        let mut bytes = HEXLOWER_PERMISSIVE.decode(text.trim_ascii()).map_err(|_| not_a_key())?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| not_a_key());
        bytes.zeroize();
        Ok(data_key(&mut key?))
    }

    /// The key in the file; makes the file if it is not there.
    pub(super) fn make(&self, world: &World) -> Result<DataKey, KeystoreError> {
        if !world.disk.exists(&self.path) {
            let text = Zeroizing::new(HEXLOWER.encode(&world.entropy.random()) + "\n");
            replace(&*world.disk, &self.path, text.as_bytes()).map_err(io_error(&self.path))?;
        }
        self.read(world)
    }

    /// Makes the file if it is not there; was it made? Its folder may be writable by root only.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn make_if_missing(&self, world: &World) -> Result<bool, KeystoreError> {
        let missing = !world.disk.exists(&self.path);
        self.make(world).map(|_| missing)
    }

    /// A key that others can read is no key. (A systemd credential is guarded by its folder.)
    fn refuse_exposed(&self) -> Result<(), KeystoreError> {
        let found = std::fs::metadata(&self.path).map_err(io_error(&self.path))?;
        let credential = matches!(self.source, KeySource::Credential | KeySource::Sealed(_));
        if !credential && found.permissions().mode() & 0o077 != 0 {
            return Err(KeystoreError::KeyExposed(self.path.clone()));
        }
        Ok(())
    }
}

/// What a credential is, by what its unit says of it.
fn sealed(by: Option<&OsStr>) -> KeySource {
    match by.and_then(OsStr::to_str) {
        Some("host") => KeySource::Sealed(Seal::Host),
        Some("tpm2") => KeySource::Sealed(Seal::Tpm2),
        _ => KeySource::Credential,
    }
}

/// `DIR.key` beside `DIR`.
fn beside(data_dir: &Path) -> Result<PathBuf, KeystoreError> {
    let no_place = || KeystoreError::NoPlaceBeside(data_dir.to_owned());
    let whole = resolved(data_dir);
    let mut name = whole.file_name().ok_or_else(no_place)?.to_owned();
    name.push(".key");
    Ok(whole.with_file_name(name))
}

/// The path with every link followed, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (whole.parent(), whole.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_inside_the_data_dir_is_refused_by_whatever_path() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("nasr");
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        std::os::unix::fs::symlink(&dir, top.path().join("link")).unwrap();
        for inside in [dir.join("k"), dir.join("sub/../k"), top.path().join("link/k")] {
            let refused = KeyFile::locate_among(&dir, Some(&inside), None);
            assert!(matches!(refused, Err(KeystoreError::KeyInside(_))), "{}", inside.display());
        }
        let beside = KeyFile::locate_among(&dir, None, None).unwrap();
        assert_eq!(beside.path().file_name().unwrap(), "nasr.key");
    }

    #[test]
    fn given_comes_before_credential_and_credential_before_beside() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("nasr");
        let credentials = top.path().as_os_str();
        let given = top.path().join("given");
        let source = |given: Option<&Path>| {
            KeyFile::locate_among(&dir, given, Some(credentials)).unwrap().source()
        };
        assert_eq!(source(None), KeySource::Beside);
        std::fs::write(top.path().join(CREDENTIAL), "").unwrap();
        assert_eq!(source(None), KeySource::Credential);
        assert_eq!(source(Some(&given)), KeySource::Given);
    }

    #[test]
    fn a_credential_counts_as_sealed_only_where_its_unit_says_to_what() {
        let words = ["tpm2", "host", "vault"].map(|by| sealed(Some(OsStr::new(by))).word());
        assert_eq!(words, ["credential-tpm2", "credential-encrypted", "credential"]);
        assert_eq!((sealed(None).word(), KeySource::Beside.word()), ("credential", "file"));
    }

    #[test]
    fn a_key_file_that_others_can_read_or_that_is_no_key_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let world = World::real();
        let key = KeyFile::locate_among(&top.path().join("nasr"), None, None).unwrap();
        key.make(&world).unwrap();
        std::fs::set_permissions(key.path(), PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(key.read(&world), Err(KeystoreError::KeyExposed(_))));
        std::fs::set_permissions(key.path(), PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(key.path(), "short").unwrap();
        assert!(matches!(key.read(&world), Err(KeystoreError::NotAKey(_))));
    }
}
