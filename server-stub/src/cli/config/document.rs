//! An edition as its author writes it: a TOML document.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wasl_protocol::edition::{
    AgentVersion, Edition, EditionHash, FleetId, OfficeSettings, Scope, Serial, SettingsError,
};
use wasl_protocol::json::{self, Json, JsonError};
use wasl_protocol::limits;
use wasl_protocol::private::Private;
use wasl_protocol::units::UnixMs;

use crate::console::{ProbationText, ScopeText};

use super::place::Flaw;

/// Without a deadline an edition may be adopted for so long after it was signed, in milliseconds.
const ADOPT_MS: i64 = 30 * 24 * 3600 * 1000;

/// See [`first_agent`].
const FIRST_AGENT: AgentVersion = AgentVersion(0, 1, 0);

/// The longest reason, in bytes.
pub(super) const REASON_BYTES: usize = 1024;

/// The longest time in a probation, in seconds: 30 days.
pub(super) const PROBATION_S: u32 = 30 * 24 * 3600;

/// `[edition]`: everything but the settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// Its number, if `config sign` is not told another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// Who wrote it.
    pub author: Private<String>,
    /// Why.
    pub reason: String,
    /// After this moment it is not adopted any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Moment>,
    /// The oldest agent that understands it.
    #[serde(default = "first_agent")]
    pub min_agent: Version,
    /// The edition that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_of: Option<Serial>,
    /// For which offices it is.
    #[serde(default = "all")]
    pub scope: ScopeText,
    /// What it has to stand.
    #[serde(default)]
    pub probation: ProbationText,
}

/// A moment: a date and time of TOML with its offset, or the same as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "String")]
pub(super) struct Moment(pub Timestamp);

impl TryFrom<toml::Value> for Moment {
    type Error = &'static str;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Datetime(at) => at.to_string(),
            _ => String::new(),
        };
        let want = "write a moment with its offset, such as 2026-12-31T00:00:00Z";
        text.parse().map(Self).map_err(|_| want)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.0.to_string()
    }
}

/// A version of the agent, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Version(pub AgentVersion);

impl TryFrom<String> for Version {
    type Error = <AgentVersion as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.0.to_string()
    }
}

/// The oldest agent that takes editions at all.
pub(super) fn first_agent() -> Version {
    Version(FIRST_AGENT)
}

fn all() -> ScopeText {
    ScopeText { all: true, ..ScopeText::default() }
}

/// The whole document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    edition: Head,
    #[serde(default)]
    settings: OfficeSettings,
}

/// The same, its settings as they were written.
#[derive(Serialize, Deserialize)]
struct Written {
    edition: toml::Value,
    #[serde(default)]
    settings: toml::Table,
}

/// An edition that is checked and not signed.
#[derive(Debug)]
pub(super) struct Draft {
    /// Everything but the settings.
    pub head: Head,
    /// The settings, what they leave out as built in.
    pub settings: OfficeSettings,
    /// The settings as they were written: what is signed.
    written: Json,
}

/// What the author does not write: who signs it, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signing {
    /// Whose.
    pub fleet: FleetId,
    /// Its number.
    pub serial: Serial,
    /// When, by the author's clock.
    pub now: UnixMs,
    /// The edition that it follows.
    pub previous: Option<EditionHash>,
}

impl Draft {
    /// The edition in a TOML text.
    ///
    /// # Errors
    /// The first mistake, and where it stands.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        if text.len() > limits::EDITION_BYTES {
            let what = format!("longer than the {} bytes of an edition", limits::EDITION_BYTES);
            return Err(Flaw { at: 0..0, what });
        }
        let Whole { edition: head, settings } =
            toml::from_str(text).map_err(|e| Flaw::of_toml(&e))?;
        check_head(text, &head)?;
        settings.check().map_err(|e| {
            let SettingsError::NotAllowed { key, .. } = &e;
            Flaw::of_key(text, &format!("settings.{key}"), e.to_string())
        })?;
        let Written { settings: written, .. } =
            toml::from_str(text).map_err(|e| Flaw::of_toml(&e))?;
        Ok(Self { head, settings, written: canonical(text, &written)? })
    }

    /// The edition, to be signed.
    pub fn edition(&self, signing: Signing) -> Edition {
        let Signing { fleet, serial, now, previous } = signing;
        let deadline = self.head.not_after.map(|at| UnixMs(at.0.as_millisecond()));
        Edition {
            fleet,
            serial,
            scope: self.scope(),
            issued_at: now,
            not_after: deadline.unwrap_or(UnixMs(now.0.saturating_add(ADOPT_MS))),
            min_agent: self.head.min_agent.0,
            settings: self.written.clone(),
            probation: self.head.probation.into(),
            previous,
            revert_of: self.head.revert_of,
            author: self.head.author.clone(),
            reason: self.head.reason.clone(),
        }
    }

    /// For which offices it is.
    pub fn scope(&self) -> Scope {
        self.head.scope.clone().into()
    }
}

/// The document of an edition with this head and these settings.
///
/// # Panics
/// Never: a head and settings without null are TOML.
pub(super) fn to_toml(head: &Head, settings: &serde_json::Value) -> String {
    let settings = serde_json::from_value(without_null(settings)).unwrap_or_default();
    let edition = toml::Value::try_from(head).expect("a head is TOML");
    toml::to_string(&Written { edition, settings }).expect("an edition is TOML")
}

/// TOML has no null: what is null is left out, and is then as built in.
fn without_null(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => {
            let there = fields.iter().filter(|(_, value)| !value.is_null());
            there.map(|(key, value)| (key.clone(), without_null(value))).collect()
        }
        value => value.clone(),
    }
}

fn canonical(text: &str, settings: &toml::Table) -> Result<Json, Flaw> {
    let bytes = serde_json::to_vec(settings).expect("settings are JSON");
    let node = json::parse(&bytes).map_err(|e| match &e {
        JsonError::Text { path, .. } => {
            Flaw::of_key(text, &format!("settings.{path}"), e.to_string())
        }
        JsonError::Syntax(_) => Flaw::of_key(text, "settings", e.to_string()),
    })?;
    Ok(Json::of(&node))
}

fn check_head(text: &str, head: &Head) -> Result<(), Flaw> {
    let flaw = |key: &str, what: String| Err(Flaw::of_key(text, &format!("edition.{key}"), what));
    if head.serial == Some(Serial::BUILT_IN) {
        return flaw("serial", "0 is what is built in: the first edition is 1".to_owned());
    }
    for (key, said, most) in
        [("author", &*head.author, limits::OPERATOR_BYTES), ("reason", &head.reason, REASON_BYTES)]
    {
        if said.trim().is_empty() || said.len() > most {
            return flaw(key, format!("{key}: must be text of 1 to {most} bytes"));
        }
        if let Err(e) = json::check_str(said, key) {
            return flaw(key, e.to_string());
        }
    }
    let scope = &head.scope;
    if !scope.all && scope.offices.is_empty() && scope.groups.values().all(BTreeSet::is_empty) {
        return flaw("scope", "it names no office; write `all = true` for every one".to_owned());
    }
    let ProbationText { soak_s, confirm_s, session_s, gate_s } = head.probation;
    for (key, value, least) in [
        ("soak_s", soak_s, 0),
        ("confirm_s", confirm_s, 0),
        ("session_s", session_s, 1),
        ("gate_s", gate_s, 1),
    ] {
        if !(least..=PROBATION_S).contains(&value) {
            let key = format!("probation.{key}");
            let what =
                format!("{key}: {value} is not allowed: it must be {least} to {PROBATION_S}");
            return flaw(&key, what);
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
