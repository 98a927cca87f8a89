//! What happened to an office's config, as entries of its journal, and where that leaves it.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::{EditionHash, Serial};
use crate::codec::{self, DecodeError};
use crate::private::Private;
use crate::units::UnixMs;

/// One step of an edition's way through an office: on disk before it is acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which edition.
    pub serial: Serial,
    /// Its hash.
    pub hash: EditionHash,
    /// When, by the office's clock.
    pub at: UnixMs,
    /// What happened.
    pub phase: Phase,
}

/// See [`Step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its bytes are here.
    Fetched,
    /// It may be taken.
    Verified,
    /// It lies in its slot, fsynced.
    Staged,
    /// It is being put in force.
    Applying,
    /// It is in force, and watched. Said once more at each start of the daemon.
    Probation {
        /// Had there been a session with HQ before? Then there must be one again.
        linked: bool,
    },
    /// It stays.
    Committed,
    /// It is not taken; nothing has changed.
    Rejected {
        /// The constant word for why.
        code: String,
        /// The same for people.
        message: String,
    },
    /// It was taken, and the office went back.
    RolledBack {
        /// To what.
        to: Serial,
        /// The constant word for why.
        code: String,
        /// The same for people.
        message: String,
    },
    /// A newer one came before it was in force.
    Superseded {
        /// Which.
        by: Serial,
    },
    /// The operator takes no edition until then.
    Held {
        /// Until when, by the office's clock.
        until: UnixMs,
        /// Why.
        why: Private<String>,
    },
    /// The operator takes editions again.
    Unheld,
}

impl Phase {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Verified => "verified",
            Self::Staged => "staged",
            Self::Applying => "applying",
            Self::Probation { .. } => "probation",
            Self::Committed => "committed",
            Self::Rejected { .. } => "rejected",
            Self::RolledBack { .. } => "rolled_back",
            Self::Superseded { .. } => "superseded",
            Self::Held { .. } => "held",
            Self::Unheld => "unheld",
        }
    }

    /// Is an edition in this phase in force and not yet kept?
    pub fn is_on_trial(&self) -> bool {
        matches!(self, Self::Applying | Self::Probation { .. })
    }

    /// Why it ended, if it ended badly: the constant word, and the same for people.
    pub fn why(&self) -> Option<(&str, &str)> {
        match self {
            Self::Rejected { code, message } | Self::RolledBack { code, message, .. } => {
                Some((code, message))
            }
            _ => None,
        }
    }
}

type Bytes = (Serial, EditionHash, UnixMs, u8, u64, String, String);

impl Step {
    /// Its plaintext.
    pub fn encode(&self) -> Vec<u8> {
        let none = String::new;
        let (tag, number, code, message) = match &self.phase {
            Phase::Fetched => (1, 0, none(), none()),
            Phase::Verified => (2, 0, none(), none()),
            Phase::Staged => (3, 0, none(), none()),
            Phase::Applying => (4, 0, none(), none()),
            Phase::Probation { linked } => (5, u64::from(*linked), none(), none()),
            Phase::Committed => (6, 0, none(), none()),
            Phase::Rejected { code, message } => (7, 0, code.clone(), message.clone()),
            Phase::RolledBack { to, code, message } => (8, to.0, code.clone(), message.clone()),
            Phase::Superseded { by } => (9, by.0, none(), none()),
            Phase::Held { until, why } => (10, until.0.cast_unsigned(), none(), why.0.clone()),
            Phase::Unheld => (11, 0, none(), none()),
        };
        let bytes: Bytes = (self.serial, self.hash, self.at, tag, number, code, message);
        codec::encode(&bytes)
    }

    /// The step in a plaintext.
    pub fn decode(plain: &[u8]) -> Result<Self, DecodeError> {
        let (serial, hash, at, tag, number, code, message): Bytes = codec::decode(plain)?;
        let phase = match tag {
            1 => Phase::Fetched,
            2 => Phase::Verified,
            3 => Phase::Staged,
            4 => Phase::Applying,
            5 => Phase::Probation { linked: number != 0 },
            6 => Phase::Committed,
            7 => Phase::Rejected { code, message },
            8 => Phase::RolledBack { to: Serial(number), code, message },
            9 => Phase::Superseded { by: Serial(number) },
            10 => Phase::Held { until: UnixMs(number.cast_signed()), why: Private(message) },
            11 => Phase::Unheld,
            _ => return Err(DecodeError::Malformed),
        };
        Ok(Self { serial, hash, at, phase })
    }
}

/// The last edition that an office tried, and how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which.
    pub serial: Serial,
    /// Its hash.
    pub hash: EditionHash,
    /// Since when, by the office's clock.
    pub since: UnixMs,
    /// How far.
    pub phase: Phase,
    /// When the daemon started while it was in probation, by the office's clock.
    pub starts: Vec<UnixMs>,
}

/// The operator's word that no edition is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Until when, by the office's clock.
    pub until: UnixMs,
    /// Why.
    pub why: Private<String>,
}

/// How many editions that were rolled back are remembered.
const REMEMBERED: usize = 64;

type StateBytes = (
    (Serial, EditionHash, Serial),
    Option<(Vec<u8>, Vec<UnixMs>)>,
    BTreeSet<Serial>,
    Option<(UnixMs, String)>,
);

/// Where all steps so far leave an office: the fold of the steps in its journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigState {
    /// The last edition that was committed and not given up since.
    pub good: Serial,
    /// Its hash.
    pub good_hash: EditionHash,
    /// The highest serial ever committed: no edition up to here is taken.
    pub floor: Serial,
    /// The newest attempt.
    pub attempt: Option<Attempt>,
    /// Editions that were rolled back: not tried again by themselves.
    pub back: BTreeSet<Serial>,
    /// The operator's hold.
    pub hold: Option<Hold>,
}

impl ConfigState {
    /// What is in force: exactly one edition, or what is built in.
    pub fn running(&self) -> Serial {
        let trial = self.attempt.as_ref().filter(|attempt| attempt.phase.is_on_trial());
        trial.map_or(self.good, |attempt| attempt.serial)
    }

    /// Its bytes, for whoever keeps it beside the journal that it follows from.
    pub fn encode(&self) -> Vec<u8> {
        let attempt = self.attempt.as_ref().map(|attempt| {
            let Attempt { serial, hash, since, phase, starts } = attempt.clone();
            (Step { serial, hash, at: since, phase }.encode(), starts)
        });
        let hold = self.hold.as_ref().map(|hold| (hold.until, hold.why.0.clone()));
        let known = (self.good, self.good_hash, self.floor);
        let bytes: StateBytes = (known, attempt, self.back.clone(), hold);
        codec::encode(&bytes)
    }

    /// The state in these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let ((good, good_hash, floor), attempt, back, hold): StateBytes = codec::decode(bytes)?;
        let attempt = attempt.map(|(step, starts)| {
            let Step { serial, hash, at: since, phase } = Step::decode(&step)?;
            Ok(Attempt { serial, hash, since, phase, starts })
        });
        let hold = hold.map(|(until, why)| Hold { until, why: Private(why) });
        Ok(Self { good, good_hash, floor, attempt: attempt.transpose()?, back, hold })
    }

    /// Takes in the next step.
    pub fn fold(&mut self, step: &Step) {
        match &step.phase {
            Phase::Held { until, why } => {
                self.hold = Some(Hold { until: *until, why: why.clone() });
                return;
            }
            Phase::Unheld => {
                self.hold = None;
                return;
            }
            Phase::Committed => {
                (self.good, self.good_hash) = (step.serial, step.hash);
                self.floor = self.floor.max(step.serial);
            }
            Phase::RolledBack { to, .. } => {
                if step.serial == self.good {
                    (self.good, self.good_hash) = (*to, EditionHash::default());
                }
                if self.back.len() >= REMEMBERED {
                    self.back.pop_first();
                }
                self.back.insert(step.serial);
            }
            _ => {}
        }
        let same = |attempt: &&mut Attempt| {
            attempt.hash == step.hash
                && attempt.serial == step.serial
                && step.phase != Phase::Fetched
        };
        if let Some(attempt) = self.attempt.as_mut().filter(same) {
            attempt.phase = step.phase.clone();
        } else {
            self.attempt = Some(Attempt {
                serial: step.serial,
                hash: step.hash,
                since: step.at,
                phase: step.phase.clone(),
                starts: Vec::new(),
            });
        }
        if let (Phase::Probation { .. }, Some(attempt)) = (&step.phase, &mut self.attempt) {
            if attempt.starts.len() >= REMEMBERED {
                attempt.starts.remove(0);
            }
            attempt.starts.push(step.at);
        }
    }
}
