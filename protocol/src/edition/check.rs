//! May this office take this edition? In a fixed order, each refusal with its own code.

use alloc::string::{String, ToString};

use super::{AgentVersion, Edition, OfficeSettings, Serial, SignedEdition, Trust};
use crate::id::OfficeId;
use crate::units::UnixMs;

/// Against what an edition is checked.
#[derive(Clone, Debug)]
pub struct Checks<'a> {
    /// Who may sign.
    pub trust: &'a Trust,
    /// Which office this is.
    pub office: &'a OfficeId,
    /// Editions up to here are old.
    pub floor: Serial,
    /// The agent's version.
    pub agent: AgentVersion,
    /// The time, where there is a clock that can be trusted.
    pub now: Option<UnixMs>,
}

/// An edition that this office does not take. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not signed by those who may.
    #[error("not signed by a key that may sign config for this fleet")]
    Signature,
    /// For another fleet.
    #[error("signed for another fleet")]
    Fleet,
    /// For other offices.
    #[error("not for this office")]
    Scope,
    /// Not newer than what was here before.
    #[error("serial {serial} is not above {floor}, which was in force here")]
    OldSerial {
        /// Its number.
        serial: Serial,
        /// What it must be above.
        floor: Serial,
    },
    /// For a newer agent.
    #[error("needs agent {0} or newer")]
    OldAgent(AgentVersion),
    /// In a format, or with a setting, that this agent does not know.
    #[error("written for a newer agent: {0}")]
    Schema(String),
    /// Past its deadline.
    #[error("its deadline to be adopted has passed")]
    Expired,
    /// Its bytes do not decode.
    #[error("its bytes cannot be read")]
    Malformed,
    /// A setting is not allowed.
    #[error("{0}")]
    Settings(String),
    /// HQ cannot be reached where it would have the office look.
    #[error("{0} does not answer as headquarters")]
    Endpoint(String),
    /// It could not be put in its slot.
    #[error("it could not be stored: the disk is full, or fails")]
    Storage,
}

impl Rejection {
    /// The constant word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Fleet => "fleet",
            Self::Scope => "scope",
            Self::OldSerial { .. } => "old_serial",
            Self::OldAgent(_) => "old_agent",
            Self::Schema(_) => "schema",
            Self::Expired => "expired",
            Self::Malformed => "malformed",
            Self::Settings(_) => "settings",
            Self::Endpoint(_) => "endpoint",
            Self::Storage => "storage",
        }
    }
}

/// Checks everything but whether HQ answers at new endpoints.
///
/// # Errors
/// The first check that fails, in the order of [`Rejection`].
pub fn check(
    signed: &SignedEdition,
    checks: &Checks<'_>,
) -> Result<(Edition, OfficeSettings), Rejection> {
    if !signed.is_signed(checks.trust) {
        return Err(Rejection::Signature);
    }
    let edition = signed.edition().map_err(|_| Rejection::Malformed)?;
    let edition = edition.ok_or_else(|| Rejection::Schema("an unknown format".to_string()))?;
    if edition.fleet != checks.trust.fleet {
        return Err(Rejection::Fleet);
    }
    if !edition.scope.covers(checks.office) {
        return Err(Rejection::Scope);
    }
    if edition.serial <= checks.floor {
        let (serial, floor) = (edition.serial, checks.floor);
        return Err(Rejection::OldSerial { serial, floor });
    }
    if edition.min_agent > checks.agent {
        return Err(Rejection::OldAgent(edition.min_agent));
    }
    if checks.now.is_some_and(|now| now > edition.not_after) {
        return Err(Rejection::Expired);
    }
    edition.settings.check().map_err(|e| Rejection::Settings(e.to_string()))?;
    let settings = OfficeSettings::read(&edition.settings)?;
    settings.check().map_err(|e| Rejection::Settings(e.to_string()))?;
    Ok((edition, settings))
}
