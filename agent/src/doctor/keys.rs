//! The key file: is it there, who can read it, does it open the office's secrets, where is it?

use std::io;

use super::{Finding, Patient};
use crate::keystore::{Identity, KeyFile, KeySource, KeystoreError, Office};

const CODE: &str = "key";

/// Everything about the keys.
pub(super) fn keys(patient: &Patient<'_>) -> Vec<Finding> {
    let key = match KeyFile::locate(patient.dir, patient.key_file) {
        Ok(key) => key,
        Err(why) => return vec![Finding::fail(CODE, why.to_string(), why.help())],
    };
    let opened = Identity::load(patient.world, patient.dir, &key)
        .and_then(|identity| Office::load(patient.world, &identity));
    match opened {
        Ok(_) => {
            let what = format!("{} opens this office's secrets", key.path().display());
            vec![Finding::ok(CODE, what), kept(key.source().word())]
        }
        Err(KeystoreError::NotJoined(_)) => {
            vec![Finding::skipped(CODE, "this machine has not joined: it has no secrets yet")]
        }
        Err(why) => with_the_daemon(patient, &key, &why),
    }
}

/// A key that only the service is handed cannot be read here; the daemon says how it got it.
fn with_the_daemon(patient: &Patient<'_>, key: &KeyFile, why: &KeystoreError) -> Vec<Finding> {
    let missing = match why {
        KeystoreError::NoKey(_) => true,
        KeystoreError::Io { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
        _ => false,
    };
    if let (true, Some(status)) = (missing, patient.status()) {
        let what = "the running daemon has opened this office's secrets; this user cannot";
        return vec![Finding::ok(CODE, what), kept(&status.identity.key_store)];
    }
    if missing && key.source() == KeySource::Beside {
        let what = format!("{why}; the service may be handed one by systemd");
        return vec![Finding::warn(CODE, what, why.help())];
    }
    vec![Finding::fail(CODE, why.to_string(), why.help())]
}

/// Where it is kept, and what that guards against.
fn kept(store: &str) -> Finding {
    const CODE: &str = "key-store";
    let fix = "seal it to this machine's TPM, or encrypt the disk: docs/operating/install.md";
    match store {
        "credential-tpm2" => Finding::ok(CODE, "sealed to this machine's TPM"),
        "credential-encrypted" => Finding::warn(
            CODE,
            "a systemd credential sealed with a key on the same disk: whoever takes the disk can \
             open it",
            fix,
        ),
        _ => Finding::warn(
            CODE,
            "a file on this machine: whoever takes the disk can read it, unless the disk is \
             encrypted",
            fix,
        ),
    }
}
