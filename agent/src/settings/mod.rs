//! What belongs to one machine: its settings file `DIR/wasl.toml`, and `DIR/conf.d`, where it may
//! be stricter than headquarters asks for. Both are read once, at start.
//!
//! A missing file, or a missing line in it, means the default; an unknown line is refused, so that
//! a mistyped name is noticed. It knows nothing of editions: how an office runs is decided there.

mod tighten; // conf.d

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use tighten::{CONF_D, Tighten};

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
        why: io::Error,
    },
    /// Not TOML, an unknown name, or a value that is not allowed; the message names the line.
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

/// Everything that is set on one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// What concerns the machine alone.
    pub machine: MachineSettings,
    /// Where it is stricter than headquarters asks for.
    pub tighten: Tighten,
}

/// What concerns one machine alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineSettings {
    /// The view of the records.
    pub view: ViewSettings,
    /// Serve HTTP on this address too; loopback only.
    pub intake_http: Option<SocketAddr>,
    /// Keep the metrics in this file, for `node_exporter`'s textfile collector; absolute, and its
    /// name ends in `.prom`.
    pub metrics_textfile: Option<PathBuf>,
    /// Keep a second copy of the logs in this folder of another disk; absolute.
    pub mirror: Option<PathBuf>,
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

/// The sections of the settings file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MachineFile {
    mirror: Option<PathBuf>,
    view: ViewSettings,
    intake: MachineIntake,
    metrics: MachineMetrics,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MachineMetrics {
    textfile: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MachineIntake {
    http: Option<SocketAddr>,
}

impl Local {
    /// The settings of the installation at `dir`.
    ///
    /// # Errors
    /// If a file cannot be read, or holds what is not allowed in it.
    pub fn load(dir: &Path) -> Result<Self, SettingsError> {
        let path = dir.join(FILE);
        let machine = match std::fs::read_to_string(&path) {
            Ok(text) => MachineSettings::parse(&path, &text)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => MachineSettings::default(),
            Err(why) => return Err(SettingsError::Unreadable { path, why }),
        };
        Ok(Self { machine, tighten: Tighten::load(&dir.join(CONF_D))? })
    }
}

impl MachineSettings {
    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let file: MachineFile = toml::from_str(text).map_err(|e| malformed(path, &e))?;
        let machine = Self {
            view: file.view,
            intake_http: file.intake.http,
            metrics_textfile: file.metrics.textfile,
            mirror: file.mirror,
        };
        within("view.cache_mib", machine.view.cache_mib, 16, 1024)?;
        machine.intake_http.map_or(Ok(()), |addr| loopback("intake.http", addr))?;
        machine.metrics_textfile.as_deref().map_or(Ok(()), textfile)?;
        machine.mirror.as_deref().map_or(Ok(()), mirror)?;
        Ok(machine)
    }
}

/// Refuses an address that other machines can reach: until there is TLS on it, anyone on the
/// network could read records.
///
/// # Errors
/// If it is not this machine's own.
pub fn loopback(key: &'static str, addr: SocketAddr) -> Result<(), SettingsError> {
    if addr.ip().is_loopback() {
        return Ok(());
    }
    let want = "HTTP without TLS is served on loopback only, such as 127.0.0.1:8780".to_owned();
    Err(SettingsError::NotAllowed { key, value: addr.to_string(), want })
}

/// The collector reads what ends in `.prom` and nothing else.
fn textfile(path: &Path) -> Result<(), SettingsError> {
    if path.is_absolute() && path.extension().is_some_and(|extension| extension == "prom") {
        return Ok(());
    }
    let want = "it must be an absolute path that ends in .prom".to_owned();
    let value = path.display().to_string();
    Err(SettingsError::NotAllowed { key: "metrics.textfile", value, want })
}

/// A relative path would be another folder for each way of starting the daemon.
fn mirror(path: &Path) -> Result<(), SettingsError> {
    if path.is_absolute() {
        return Ok(());
    }
    let want = "it must be an absolute path, such as /media/stick/wasl".to_owned();
    Err(SettingsError::NotAllowed { key: "mirror", value: path.display().to_string(), want })
}

fn within(key: &'static str, value: u64, least: u64, most: u64) -> Result<(), SettingsError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let want = format!("it must be {least} to {most}");
    Err(SettingsError::NotAllowed { key, value: value.to_string(), want })
}

fn malformed(path: &Path, why: &toml::de::Error) -> SettingsError {
    let message = why.to_string().trim_end().to_owned();
    SettingsError::Malformed { path: path.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MachineSettings, String> {
        MachineSettings::parse(Path::new("wasl.toml"), text).map_err(|e| e.to_string())
    }

    #[test]
    fn no_file_and_an_empty_file_mean_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Local::load(dir.path()).unwrap(), Local::default());
        std::fs::write(dir.path().join(FILE), "").unwrap();
        std::fs::create_dir(dir.path().join(CONF_D)).unwrap();
        assert_eq!(Local::load(dir.path()).unwrap(), Local::default());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_taken_for_a_missing_one() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(FILE)).unwrap();
        let e = Local::load(dir.path()).unwrap_err();
        assert!(matches!(e, SettingsError::Unreadable { .. }), "{e}");
    }

    #[test]
    fn one_line_changes_one_setting() {
        let machine = parse("[view]\ncache_mib = 64\n").unwrap();
        assert_eq!((machine.view.cache_mib, machine.intake_http), (64, None));
    }

    #[test]
    fn what_headquarters_decides_is_refused_with_its_line_and_what_is_allowed() {
        let e = parse("[view]\ncache_mib = 64\n[link]\nheartbeat_s = 5\n").unwrap_err();
        assert!(e.contains("line 3") && e.contains("`link`"), "{e}");
        assert!(e.contains("`view`") && e.contains("`intake`"), "{e}");
        assert!(parse("[intake]\nmax_waiting = 5\n").unwrap_err().contains("`http`"));
    }

    #[test]
    fn a_wrong_type_and_a_value_out_of_range_are_refused() {
        assert!(parse("[view]\ncache_mib = \"much\"\n").unwrap_err().contains("line 2"));
        let e = parse("[view]\ncache_mib = 0\n").unwrap_err();
        assert_eq!(e, "view.cache_mib: 0 is not allowed: it must be 16 to 1024");
    }

    #[test]
    fn a_metrics_file_that_no_collector_would_read_is_refused() {
        parse("[metrics]\ntextfile = \"/var/lib/prometheus/node-exporter/wasl.prom\"\n").unwrap();
        for path in ["wasl.prom", "/var/lib/wasl.txt"] {
            let e = parse(&format!("[metrics]\ntextfile = \"{path}\"\n")).unwrap_err();
            assert!(e.starts_with("metrics.textfile: ") && e.contains(".prom"), "{e}");
        }
    }

    #[test]
    fn a_mirror_is_named_by_an_absolute_path() {
        let machine = parse("mirror = \"/media/stick/wasl\"\n[view]\ncache_mib = 64\n").unwrap();
        assert_eq!(machine.mirror.as_deref(), Some(Path::new("/media/stick/wasl")));
        let e = parse("mirror = \"stick\"\n").unwrap_err();
        assert!(e.starts_with("mirror: stick is not allowed"), "{e}");
    }

    #[test]
    fn http_is_for_loopback_only() {
        parse("[intake]\nhttp = \"127.0.0.1:8780\"\n").unwrap();
        parse("[intake]\nhttp = \"[::1]:8780\"\n").unwrap();
        let e = parse("[intake]\nhttp = \"0.0.0.0:8780\"\n").unwrap_err();
        assert!(e.starts_with("intake.http: 0.0.0.0:8780 is not allowed: HTTP without TLS"), "{e}");
    }
}
