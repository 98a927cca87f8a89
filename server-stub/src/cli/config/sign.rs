//! `config sign`: on the author's machine, without HQ.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use wasl_protocol::edition::{Edition, EditionHash, KeyId, Serial, SignedEdition, Trust};
use wasl_protocol::keys::SignKey;
use wasl_protocol::limits;

use crate::cli::ask::Asker;
use crate::cli::failure::{FAILED, Failure, SETTINGS, USAGE};
use crate::cli::table::{facts, moment};
use crate::registry::ConfigSecret;
use crate::seam::write_new;
use crate::status::timestamp;

use super::args::Sign;
use super::document::{Draft, Signing};

/// `config sign --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SignedReport {
    schema: &'static str,
    serial: Serial,
    fleet: String,
    key: String,
    hash: String,
    not_after: Timestamp,
    file: String,
}

/// Signs an edition.
pub(super) fn sign(asker: &Asker, options: &Sign) -> Result<(), Failure> {
    let draft = read_draft(&options.file)?;
    let key = read_key(&options.key)?;
    let trust = Trust::in_one(key.verify_key());
    let previous = options.previous.as_deref().map(|path| previous(path, &trust)).transpose()?;
    let (before, previous) = previous.unzip();
    let serial = serial(options, draft.head.serial, before)?;
    let now = asker.now();
    let edition = draft.edition(Signing { fleet: trust.fleet, serial, now, previous });
    let signed = SignedEdition::sign(&edition, &key);
    let bytes = signed.encode();
    if bytes.len() > limits::EDITION_BYTES {
        return Err(too_long(&options.file));
    }
    write(&options.out, &bytes)?;
    asker.show(&report(&options.out, &edition, &signed, &trust), |r| {
        let rows = vec![
            ("edition", format!("{} of fleet {}", r.serial, r.fleet)),
            ("signed by", format!("key {}", r.key)),
            ("adopted until", moment(r.not_after)),
            ("file", r.file.clone()),
        ];
        format!("{}\nnext: wasl-hq config push {}", facts(rows), r.file)
    })
}

/// An edition in a file, checked.
pub(super) fn read_draft(path: &Path) -> Result<Draft, Failure> {
    let bytes = read(path)?;
    let not_text = |_| Failure::new(SETTINGS, &path.display().to_string(), "not text");
    let text = String::from_utf8(bytes).map_err(not_text)?;
    Draft::parse(&text).map_err(|flaw| flaw.failure(path, &text))
}

/// What a file holds, if it is no longer than an edition may be.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = limits::EDITION_BYTES as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|e| Failure::io(path, &e))?;
    if bytes.len() > limits::EDITION_BYTES { Err(too_long(path)) } else { Ok(bytes) }
}

/// Writes a file that is not there yet.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_new(path, bytes).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(FAILED, &path.display().to_string(), "a file is there already")
                .help("name another, or remove it")
        }
        _ => Failure::io(path, &e),
    })
}

fn too_long(path: &Path) -> Failure {
    let why = format!("longer than the {} bytes of an edition", limits::EDITION_BYTES);
    Failure::new(FAILED, &path.display().to_string(), why)
}

fn read_key(path: &Path) -> Result<SignKey, Failure> {
    match ConfigSecret::read(path) {
        Ok(Some(secret)) => Ok(secret.sign_key()),
        Ok(None) => {
            let what = path.display().to_string();
            Err(Failure::new(SETTINGS, &what, "not a config-signing key")
                .help("it is the file that `wasl-hq init --config-key-out FILE` wrote"))
        }
        Err(e) => Err(Failure::io(path, &e)),
    }
}

/// The serial of the edition before, and its hash.
fn previous(path: &Path, trust: &Trust) -> Result<(Serial, EditionHash), Failure> {
    let bad = |why| Failure::new(FAILED, &path.display().to_string(), why);
    let signed = SignedEdition::decode(&read(path)?).map_err(|_| bad("not a signed edition"))?;
    if !signed.is_signed(trust) {
        return Err(bad("signed with another key"));
    }
    match signed.edition() {
        Ok(Some(edition)) => Ok((edition.serial, signed.hash())),
        Ok(None) | Err(_) => Err(bad("of a format that this version does not know")),
    }
}

fn serial(
    options: &Sign,
    in_file: Option<Serial>,
    before: Option<Serial>,
) -> Result<Serial, Failure> {
    let what = options.file.display().to_string();
    let after = before.map(|serial| Serial(serial.0.saturating_add(1)));
    let Some(serial) = options.serial.or(in_file).or(after) else {
        return Err(Failure::new(USAGE, &what, "it has no serial")
            .help("say one with --serial N; `wasl-hq config history` shows the newest"));
    };
    if options.serial.zip(in_file).is_some_and(|(said, written)| said != written) {
        let why = format!("its serial is not the {serial} of --serial");
        return Err(Failure::new(USAGE, &what, why).help("change one of them"));
    }
    if serial == Serial::BUILT_IN || before.is_some_and(|before| serial <= before) {
        let before = before.unwrap_or_default();
        let why = format!("serial {serial} is not above {before}, which is before it");
        return Err(Failure::new(USAGE, &what, why));
    }
    Ok(serial)
}

fn report(out: &Path, edition: &Edition, signed: &SignedEdition, trust: &Trust) -> SignedReport {
    let key = signed.signers(trust).iter().map(KeyId::to_string).next();
    SignedReport {
        schema: "wasl-hq.signed/1",
        serial: edition.serial,
        fleet: edition.fleet.to_string(),
        key: key.unwrap_or_default(),
        hash: signed.hash().to_string(),
        not_after: timestamp(edition.not_after),
        file: out.display().to_string(),
    }
}
