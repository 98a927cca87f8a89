//! The settings file of one installation, `DIR/wasl.toml`: read once, at start.
//!
//! A missing file, or a missing line in it, means the default; an unknown line is refused, so that
//! a mistyped name is noticed. It knows nothing of the config that HQ pushes.

mod working_hours; // how much working time lies between two moments

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use working_hours::{Day, TimeOfDay, WorkingHours};

/// The name of the settings file in the data dir.
pub const FILE: &str = "wasl.toml";

/// Settings that cannot be used. The operator's fault; nothing runs until they are mended.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there and cannot be read.
    #[error("{}: cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// Not TOML, an unknown name, or a value of the wrong type; the message names the line.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, what is wrong in it and what is allowed.
        message: String,
    },
    /// A value outside what is allowed.
    #[error("{key}: {value} is not allowed: {want}")]
    NotAllowed {
        /// Which setting.
        key: &'static str,
        /// What it is set to.
        value: String,
        /// What it may be.
        want: String,
    },
}

/// Everything an operator can set on one machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The link to HQ.
    pub link: LinkSettings,
    /// The view of the records.
    pub view: ViewSettings,
    /// What workstations send.
    pub intake: IntakeSettings,
    /// When `status` warns.
    pub status: StatusSettings,
    /// What is logged.
    pub log: LogSettings,
    /// When the office works; without it every hour counts as working time.
    pub working_hours: Option<WorkingHours>,
}

/// `[link]`: the link to HQ.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self { heartbeat_s: 60, backoff_min_ms: 500, backoff_max_s: 60, connect_timeout_s: 30 }
    }
}

/// `[view]`: the view of the records.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ViewSettings {
    /// How much memory the view may use as cache, in MiB.
    pub cache_mib: u64,
}

impl Default for ViewSettings {
    fn default() -> Self {
        Self { cache_mib: 16 }
    }
}

/// `[intake]`: what workstations send.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeSettings {
    /// How many posted records may wait for the disk; one more is asked to come again.
    pub max_waiting: usize,
    /// Serve HTTP on this address too; loopback only.
    pub http: Option<SocketAddr>,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self { max_waiting: 1024, http: None }
    }
}

/// `[status]`: when `status` warns.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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

/// `[log]`: what is logged, on stderr.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// The least severe level that is logged.
    pub level: LogLevel,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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

impl Settings {
    /// The settings of the installation at `dir`.
    pub fn load(dir: &Path) -> Result<Self, SettingsError> {
        let path = dir.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(why) => Err(SettingsError::Unreadable { path, why }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|e| SettingsError::Malformed {
            path: path.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        })?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), SettingsError> {
        let (link, status) = (&self.link, &self.status);
        within("link.heartbeat_s", link.heartbeat_s, 1, 3600)?;
        within("link.backoff_min_ms", link.backoff_min_ms, 10, 60_000)?;
        within("link.backoff_max_s", link.backoff_max_s, 1, 3600)?;
        within("link.connect_timeout_s", link.connect_timeout_s, 1, 600)?;
        at_most("link.backoff_min_ms", link.backoff_min_ms, link.backoff_max_s * 1000)?;
        within("view.cache_mib", self.view.cache_mib, 16, 1024)?;
        within("intake.max_waiting", self.intake.max_waiting as u64, 1, 65_536)?;
        at_most("status.unacked_warn_s", status.unacked_warn_s, status.unacked_crit_s)?;
        at_most("status.disk_crit_days", status.disk_crit_days, status.disk_warn_days)?;
        at_most("status.clock_warn_s", status.clock_warn_s, status.clock_crit_s)?;
        if let Some(hours) = &self.working_hours {
            hours.check()?;
        }
        self.intake.http.map_or(Ok(()), |addr| loopback("intake.http", addr))
    }
}

/// Refuses an address that other machines can reach: until there is TLS on it, anyone on the
/// network could read records.
pub fn loopback(key: &'static str, addr: SocketAddr) -> Result<(), SettingsError> {
    if addr.ip().is_loopback() {
        return Ok(());
    }
    let want = "HTTP without TLS is served on loopback only, such as 127.0.0.1:8780".to_owned();
    Err(SettingsError::NotAllowed { key, value: addr.to_string(), want })
}

fn within(key: &'static str, value: u64, least: u64, most: u64) -> Result<(), SettingsError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let want = format!("it must be {least} to {most}");
    Err(SettingsError::NotAllowed { key, value: value.to_string(), want })
}

fn at_most(key: &'static str, value: u64, most: u64) -> Result<(), SettingsError> {
    if value <= most {
        return Ok(());
    }
    let want = format!("it must be at most {most}, the limit beside it");
    Err(SettingsError::NotAllowed { key, value: value.to_string(), want })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(Path::new("wasl.toml"), text).map_err(|e| e.to_string())
    }

    #[test]
    fn no_file_and_an_empty_file_mean_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), Settings::default());
        std::fs::write(dir.path().join(FILE), "").unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), Settings::default());
        Settings::default().check().unwrap();
    }

    #[test]
    fn one_line_changes_one_setting() {
        let settings = parse("[link]\nheartbeat_s = 5\n").unwrap();
        assert_eq!(settings.link.heartbeat_s, 5);
        assert_eq!(settings.link.backoff_max_s, LinkSettings::default().backoff_max_s);
    }

    #[test]
    fn a_mistyped_name_is_refused_with_its_line_and_what_is_allowed() {
        let e = parse("[link]\nheartbeat_s = 5\nheartbeats = 6\n").unwrap_err();
        assert!(e.contains("line 3") && e.contains("`heartbeats`"), "{e}");
        assert!(e.contains("`connect_timeout_s`"), "{e}");
        assert!(parse("[links]\n").unwrap_err().contains("`working_hours`"));
    }

    #[test]
    fn a_wrong_type_and_a_value_out_of_range_are_refused() {
        assert!(parse("[view]\ncache_mib = \"much\"\n").unwrap_err().contains("line 2"));
        let e = parse("[view]\ncache_mib = 0\n").unwrap_err();
        assert_eq!(e, "view.cache_mib: 0 is not allowed: it must be 16 to 1024");
        assert!(parse("[status]\nclock_warn_s = 301\n").unwrap_err().contains("at most 300"));
        assert!(parse("[log]\nlevel = \"loud\"\n").unwrap_err().contains("`trace`"));
    }

    #[test]
    fn http_is_for_loopback_only() {
        parse("[intake]\nhttp = \"127.0.0.1:8780\"\n").unwrap();
        parse("[intake]\nhttp = \"[::1]:8780\"\n").unwrap();
        let e = parse("[intake]\nhttp = \"0.0.0.0:8780\"\n").unwrap_err();
        assert!(e.starts_with("intake.http: 0.0.0.0:8780 is not allowed: HTTP without TLS"), "{e}");
    }
}
