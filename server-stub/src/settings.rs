//! The settings of one installation: `hq.toml` in the data dir, written by `init`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::seam::write_new;

/// The name of the settings file in the data dir.
pub const FILE: &str = "hq.toml";

/// What an operator has set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The UDP address to listen on; port 0 takes any.
    pub listen: SocketAddr,
    /// Where offices find HQ, `host:port`; none: where it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<String>,
    /// From where on something is wrong.
    #[serde(default, skip_serializing_if = "is_default")]
    pub status: StatusSettings,
    /// Where the metrics are kept for a monitoring system.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metrics: MetricsSettings,
}

/// `[metrics]`: where they are kept for a monitoring system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSettings {
    /// A file for `node_exporter`'s textfile collector, which reads what ends in `.prom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub textfile: Option<PathBuf>,
}

fn is_default<T: Default + PartialEq>(section: &T) -> bool {
    *section == T::default()
}

/// `[status]`: from where on something is wrong, and how bad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusSettings {
    /// How long after its start HQ tells nothing that only time can tell, in seconds.
    pub warm_up_s: u32,
    /// From how many records in conflict on that is a warning.
    pub conflicts_warn: u64,
    /// Below how many MiB free on the database's disk that is a warning.
    pub disk_warn_mib: u64,
    /// Below how many it is critical.
    pub disk_crit_mib: u64,
    /// From how many seconds on an office's clock is off.
    pub clock_warn_s: u64,
    /// From how many on that is a warning.
    pub clock_crit_s: u64,
    /// After how many days without a copy off-site that is a warning.
    pub backup_warn_days: u32,
}

impl Default for StatusSettings {
    fn default() -> Self {
        Self {
            warm_up_s: 60,
            conflicts_warn: 50,
            disk_warn_mib: 2048,
            disk_crit_mib: 256,
            clock_warn_s: 30,
            clock_crit_s: 300,
            backup_warn_days: 8,
        }
    }
}

/// Settings that cannot be used. Whose fault: the operator's. What now: stop until mended.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is not there: not initialised.
    #[error("{}: there is no HQ here", .0.display())]
    Missing(PathBuf),
    /// The disk.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, an unknown name, or a value of the wrong form; the message names the line.
    #[error("{}: {message}", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
}

impl Settings {
    /// What an installation that listens there has if nobody sets anything else.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            public: None,
            status: StatusSettings::default(),
            metrics: MetricsSettings::default(),
        }
    }

    /// The settings in a data dir.
    pub fn load(dir: &Path) -> Result<Self, SettingsError> {
        let path = dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(SettingsError::Missing(dir.to_owned()));
            }
            Err(source) => return Err(SettingsError::Io { path, source }),
        };
        toml::from_str(&text).map_err(|e| SettingsError::Malformed { path, message: e.to_string() })
    }

    /// Writes them into a data dir that has none.
    ///
    /// # Panics
    /// Never: an address and a name are TOML.
    pub fn save(&self, dir: &Path) -> Result<(), SettingsError> {
        let path = dir.join(FILE);
        let text = toml::to_string(self).expect("an address and a name are TOML");
        write_new(&path, text.as_bytes()).map_err(|source| SettingsError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_and_a_mistyped_name_is_refused_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:4433".parse().unwrap();
        let public = Some("hq.example:4433".to_owned());
        let status = StatusSettings { warm_up_s: 5, ..StatusSettings::default() };
        let settings = Settings { public, status, ..Settings::at(listen) };
        settings.save(dir.path()).unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), settings);
        std::fs::write(dir.path().join(FILE), "listen = \"127.0.0.1:1\"\npublik = \"x:1\"\n")
            .unwrap();
        let error = Settings::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("publik") && error.contains("line 2"), "{error}");
    }
}
