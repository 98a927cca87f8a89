//! The settings document: everything that headquarters decides of how an office runs.
//!
//! What is not here is never set from afar: the data dir, fsync, the retention of what is not
//! stable, the keys that are trusted.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

use super::fields::FieldRules;
use super::{Rejection, WorkingHours};
use crate::id::GroupName;
use crate::json::Json;

/// A value that is not allowed. Whose fault: the author's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A value outside what is allowed.
    #[error("{key}: {value} is not allowed: {want}")]
    NotAllowed {
        /// Which setting.
        key: String,
        /// What it is set to.
        value: String,
        /// What it may be.
        want: String,
    },
}

/// Everything that an edition sets. What it leaves out is as built in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfficeSettings {
    /// The link to HQ.
    pub link: LinkSettings,
    /// How much of the link may be used, and when.
    pub bandwidth: BandwidthSettings,
    /// How long blobs are kept.
    pub blobs: BlobSettings,
    /// When `status` warns.
    pub status: StatusSettings,
    /// When the office works; without it every hour counts as working time.
    pub working_hours: Option<WorkingHours>,
    /// What is logged.
    pub log: LogSettings,
    /// A day's appointments.
    pub day: DaySettings,
    /// Who may resolve which conflicts.
    pub conflicts: ConflictSettings,
    /// What workstations send.
    pub intake: IntakeSettings,
    /// What an enrollment must hold.
    pub fields: FieldSettings,
    /// The pages.
    pub page: PageSettings,
    /// Config itself.
    pub config: ConfigSettings,
}

/// `[link]`: the link to HQ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkSettings {
    /// How long a live link may be silent before a heartbeat, in seconds.
    pub heartbeat_s: u64,
    /// The first wait after a failed attempt is at most this many milliseconds.
    pub backoff_min_ms: u64,
    /// No wait between attempts is longer than this many seconds, unless HQ asks for it.
    pub backoff_max_s: u64,
    /// How long one attempt may take, in seconds.
    pub connect_timeout_s: u64,
    /// Where HQ is, `host:port`, tried in order; empty: where the join token said.
    pub endpoints: Vec<String>,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            heartbeat_s: 60,
            backoff_min_ms: 500,
            backoff_max_s: 60,
            connect_timeout_s: 30,
            endpoints: Vec::new(),
        }
    }
}

/// `[bandwidth]`: how much of the link each class may use, in kbit/s; 0: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BandwidthSettings {
    /// Records.
    pub records_kbit_s: u64,
    /// Biometric blobs.
    pub blobs_kbit_s: u64,
    /// Are blobs sent outside working hours only?
    pub blobs_after_hours: bool,
}

/// `[blobs]`: how long blobs are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlobSettings {
    /// For how many days a blob stays at the office once it is stable.
    pub retention_days: u64,
}

impl Default for BlobSettings {
    fn default() -> Self {
        Self { retention_days: 90 }
    }
}

/// `[status]`: when `status` warns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusSettings {
    /// Warn once HQ has not had an entry, or a link, for this many seconds of working time.
    pub unacked_warn_s: u64,
    /// Critical once HQ has not had an entry for this many seconds of working time.
    pub unacked_crit_s: u64,
    /// Warn when the disk will be full within this many days.
    pub disk_warn_days: u64,
    /// Critical when the disk will be full within this many days.
    pub disk_crit_days: u64,
    /// Warn when our clock is off HQ's by more than this many seconds.
    pub clock_warn_s: u64,
    /// Critical when our clock is off HQ's by more than this many seconds.
    pub clock_crit_s: u64,
}

impl Default for StatusSettings {
    fn default() -> Self {
        Self {
            unacked_warn_s: 4 * 3600,
            unacked_crit_s: 24 * 3600,
            disk_warn_days: 14,
            disk_crit_days: 3,
            clock_warn_s: 30,
            clock_crit_s: 300,
        }
    }
}

/// `[log]`: what is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// The least severe level that is logged.
    pub level: LogLevel,
}

/// How much is logged, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the usual levels")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// `[day]`: a day's appointments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaySettings {
    /// How many appointments a day has.
    pub capacity: u64,
    /// The priority classes, the one that goes first at the top.
    pub priority: Vec<String>,
}

impl Default for DaySettings {
    fn default() -> Self {
        let classes = ["martyr_family", "wounded", "elderly", "general"];
        Self { capacity: 96, priority: classes.map(ToString::to_string).to_vec() }
    }
}

/// `[conflicts]`: who may resolve which conflicts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConflictSettings {
    /// The groups whose conflicts offices leave to headquarters.
    pub hq_only: BTreeSet<GroupName>,
}

/// `[intake]`: what workstations send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeSettings {
    /// How many posted records may wait for the disk; one more is asked to come again.
    pub max_waiting: u64,
    /// The longest posted record, in KiB.
    pub record_kib: u64,
    /// Where HTTP is served beside the socket, such as `127.0.0.1:8780`: an address that only this
    /// machine reaches. Empty: only where the machine's own settings say.
    pub http: String,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self { max_waiting: 1024, record_kib: 256, http: String::new() }
    }
}

/// `[fields]`: what an enrollment must hold, beyond what every enrollment must. Fields are named
/// `group.field`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldSettings {
    /// Fields that must be there and not be empty.
    pub mandatory: BTreeSet<String>,
    /// Regular expressions that a field's whole text must match, where it is there.
    pub patterns: BTreeMap<String, String>,
    /// Texts that a field must not have.
    pub blocked: BTreeMap<String, BTreeSet<String>>,
}

/// `[page]`: the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageSettings {
    /// Their language.
    pub language: Language,
}

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Arabic.
    #[default]
    Ar,
    /// English.
    En,
}

/// `[config]`: config itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigSettings {
    /// Warn once HQ has said nothing new for this many days during which the link was up.
    pub stale_warn_days: u64,
    /// Critical once HQ has said nothing new for this many days during which the link was up.
    pub stale_crit_days: u64,
}

impl Default for ConfigSettings {
    fn default() -> Self {
        Self { stale_warn_days: 7, stale_crit_days: 30 }
    }
}

impl IntakeSettings {
    /// Where HTTP is served beside the socket, if anywhere.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.parse().ok()
    }
}

impl OfficeSettings {
    /// The settings in an edition; not yet checked.
    ///
    /// # Errors
    /// [`Rejection::Schema`] for a setting that this version does not know, [`Rejection::Settings`]
    /// for a value of the wrong type.
    pub fn read(json: &Json) -> Result<Self, Rejection> {
        serde_json::from_str(json.as_str()).map_err(|e| {
            let text = e.to_string();
            if text.starts_with("unknown ") {
                Rejection::Schema(text)
            } else {
                Rejection::Settings(text)
            }
        })
    }

    /// The document in canonical form.
    ///
    /// # Panics
    /// Never: settings are JSON.
    pub fn to_json(&self) -> Json {
        let text = serde_json::to_vec(self).expect("settings are JSON");
        Json::of(&crate::json::parse(&text).expect("settings are JSON"))
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first that is not allowed.
    pub fn check(&self) -> Result<(), SettingsError> {
        let (link, status) = (&self.link, &self.status);
        within("link.heartbeat_s", link.heartbeat_s, 1, 3600)?;
        within("link.backoff_min_ms", link.backoff_min_ms, 10, 60_000)?;
        within("link.backoff_max_s", link.backoff_max_s, 1, 3600)?;
        within("link.connect_timeout_s", link.connect_timeout_s, 1, 600)?;
        at_most("link.backoff_min_ms", link.backoff_min_ms, link.backoff_max_s * 1000)?;
        within("link.endpoints", link.endpoints.len() as u64, 0, 8)?;
        for endpoint in &link.endpoints {
            check_endpoint(endpoint)?;
        }
        within("bandwidth.records_kbit_s", self.bandwidth.records_kbit_s, 0, 10_000_000)?;
        within("bandwidth.blobs_kbit_s", self.bandwidth.blobs_kbit_s, 0, 10_000_000)?;
        within("blobs.retention_days", self.blobs.retention_days, 1, 3650)?;
        at_most("status.unacked_warn_s", status.unacked_warn_s, status.unacked_crit_s)?;
        at_most("status.disk_crit_days", status.disk_crit_days, status.disk_warn_days)?;
        at_most("status.clock_warn_s", status.clock_warn_s, status.clock_crit_s)?;
        within("day.capacity", self.day.capacity, 1, 10_000)?;
        within("day.priority", self.day.priority.len() as u64, 0, 32)?;
        within("intake.max_waiting", self.intake.max_waiting, 1, 65_536)?;
        within("intake.record_kib", self.intake.record_kib, 4, 256)?;
        check_http(&self.intake.http)?;
        within("config.stale_warn_days", self.config.stale_warn_days, 1, 365)?;
        at_most(
            "config.stale_warn_days",
            self.config.stale_warn_days,
            self.config.stale_crit_days,
        )?;
        if let Some(hours) = &self.working_hours {
            hours.check()?;
        }
        FieldRules::new(&self.fields).map(drop)
    }
}

fn check_endpoint(endpoint: &str) -> Result<(), SettingsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let good = endpoint.len() <= 260
        && endpoint.chars().all(plain)
        && endpoint.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
    if good {
        return Ok(());
    }
    let want = "write host:port, such as hq.example:4433".to_string();
    Err(SettingsError::NotAllowed { key: "link.endpoints".into(), value: endpoint.into(), want })
}

fn check_http(at: &str) -> Result<(), SettingsError> {
    let here = |at: SocketAddr| at.ip().is_loopback() && at.port() > 0;
    if at.is_empty() || at.parse().is_ok_and(here) {
        return Ok(());
    }
    let want = "HTTP without TLS is served on loopback only, such as 127.0.0.1:8780".to_string();
    Err(SettingsError::NotAllowed { key: "intake.http".into(), value: at.into(), want })
}

fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), SettingsError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let want = format!("it must be {least} to {most}");
    Err(SettingsError::NotAllowed { key: key.to_string(), value: value.to_string(), want })
}

fn at_most(key: &str, value: u64, most: u64) -> Result<(), SettingsError> {
    if value <= most {
        return Ok(());
    }
    let want = format!("it must be at most {most}, the limit beside it");
    Err(SettingsError::NotAllowed { key: key.to_string(), value: value.to_string(), want })
}
