//! Who brought an edition by hand, and waits to hear what came of it.

use tokio::sync::oneshot;
use wasl_protocol::edition::{ConfigState, EditionHash, Phase, Rejection, Serial, SignedEdition};
use wasl_protocol::units::MonoMs;

use super::handle::ImportError;

/// How long an answer is worth waiting for, in milliseconds. The edition goes its way all the same.
const PATIENCE_MS: u64 = 60_000;

/// How many may wait at once.
const WAITING: usize = 8;

type Answer = oneshot::Sender<Result<Serial, ImportError>>;

struct Import {
    serial: Serial,
    hash: Option<EditionHash>,
    since: MonoMs,
    /// What the machine has answered.
    said: Option<Result<(), Rejection>>,
    answer: Answer,
}

/// Those who wait.
#[derive(Default)]
pub(super) struct Imports {
    waiting: Vec<Import>,
}

impl Imports {
    /// Notes who waits for the edition in `bytes`; false if too many wait already.
    pub(super) fn wait(&mut self, now: MonoMs, bytes: &[u8], answer: Answer) -> bool {
        if self.waiting.len() >= WAITING {
            let _ = answer.send(Err(ImportError::Waits));
            return false;
        }
        let signed = SignedEdition::decode(bytes).ok();
        let edition = signed.as_ref().and_then(|signed| signed.edition().ok().flatten());
        let serial = edition.map_or(Serial::BUILT_IN, |edition| edition.serial);
        let hash = signed.map(|signed| signed.hash());
        self.waiting.push(Import { serial, hash, since: now, said: None, answer });
        true
    }

    /// The machine has answered an offer of this serial. They hear it once everybody can see it.
    pub(super) fn answered(&mut self, serial: Serial, answer: &Result<(), Rejection>) {
        for import in self.waiting.iter_mut().filter(|import| import.serial == serial) {
            import.said.get_or_insert_with(|| answer.clone());
        }
    }

    /// Answers those whose edition is in force, has ended, or takes too long.
    pub(super) fn settle(&mut self, now: MonoMs, state: &ConfigState) {
        let settled = |import: &mut Import| {
            come(import, state).is_some() || now.since_ms(import.since) >= PATIENCE_MS
        };
        for import in self.waiting.extract_if(.., settled) {
            let answer = come(&import, state).unwrap_or(Err(ImportError::Waits));
            let _ = import.answer.send(answer);
        }
    }

    /// Does anybody wait?
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// What has come of it by now, if that is known.
fn come(import: &Import, state: &ConfigState) -> Option<Result<Serial, ImportError>> {
    if let Some(said) = &import.said {
        return Some(said.clone().map(|()| import.serial).map_err(ImportError::Refused));
    }
    let hash = import.hash?;
    if state.running() == state.good && state.good_hash == hash {
        return Some(Ok(import.serial));
    }
    let attempt = state.attempt.as_ref().filter(|attempt| attempt.hash == hash)?;
    match &attempt.phase {
        Phase::Probation { .. } => Some(Ok(import.serial)),
        Phase::RolledBack { code, message, .. } => {
            let (code, message) = (code.clone(), message.clone());
            Some(Err(ImportError::RolledBack { code, message }))
        }
        Phase::Superseded { by } => Some(Err(ImportError::Superseded { by: *by })),
        _ => None,
    }
}
