//! What is said when it cannot be done: `error: WHAT: WHY`, `help: WHAT TO DO`, and an exit code.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::console::Problem;
use crate::daemon::DaemonError;
use crate::registry::RegistryError;
use crate::settings::SettingsError;
use crate::store::{DATABASE, StoreError};

use super::table::harmless;

/// It was not done.
pub(super) const FAILED: u8 = 1;
/// The command line is wrong.
pub(super) const USAGE: u8 = 64;
/// It may go well later.
pub(super) const AGAIN: u8 = 75;
/// It is not allowed.
pub(super) const PERMISSION: u8 = 77;
/// The installation or its settings are wrong.
pub(super) const SETTINGS: u8 = 78;

/// A command that was not done.
#[derive(Debug)]
pub(super) struct Failure {
    text: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// `what` failed, and `why`.
    pub fn new(code: u8, what: &str, why: impl Display) -> Self {
        Self { text: format!("{what}: {why}"), help: None, code }
    }

    /// What to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// There is no HQ in this data dir.
    pub fn not_here(dir: &Path) -> Self {
        let database = dir.join(DATABASE);
        if fs::metadata(&database).is_ok_and(|found| found.len() > 0) {
            let why = "a database is here, and the keys or the settings of its HQ are not";
            return Self::new(SETTINGS, &database.display().to_string(), why).help(
                "put hq.keys and hq.toml back from a backup; an HQ that never served may be made \
                 again: remove its data dir first",
            );
        }
        Self::new(SETTINGS, &dir.display().to_string(), "there is no HQ here").help(format!(
            "make one with `wasl-hq --data-dir {} init --listen ADDR:PORT`",
            dir.display()
        ))
    }

    /// A file that cannot be had.
    pub fn io(path: &Path, e: &std::io::Error) -> Self {
        let denied = e.kind() == std::io::ErrorKind::PermissionDenied;
        Self::new(if denied { PERMISSION } else { FAILED }, &path.display().to_string(), e)
    }

    /// Says on stderr what it did not keep from being done.
    pub fn note(&self, what: &str) {
        eprintln!("note: {what}: {}", harmless(&self.text));
    }

    /// All of it in one line.
    pub fn line(&self) -> String {
        let help = self.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}{help}", self.text)
    }

    /// Says it on stderr.
    pub fn tell(&self) -> ExitCode {
        eprintln!("error: {}", harmless(&self.text));
        if let Some(help) = &self.help {
            eprintln!("help: {}", harmless(help));
        }
        ExitCode::from(self.code)
    }
}

impl From<Problem> for Failure {
    fn from(p: Problem) -> Self {
        Self {
            text: format!("{}: {}", p.title, p.detail),
            help: p.help.map(Into::into),
            code: FAILED,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Missing(path) => Self::not_here(&path),
            StoreError::Newer { .. } => Self {
                text: e.to_string(),
                help: Some("install that version again; nothing was changed here".to_owned()),
                code: SETTINGS,
            },
            e => {
                let help = e.is_damage().then(|| StoreError::DAMAGE_HELP.to_owned());
                Self { text: e.to_string(), help, code: FAILED }
            }
        }
    }
}

impl From<RegistryError> for Failure {
    fn from(e: RegistryError) -> Self {
        let help = match &e {
            RegistryError::Missing(dir) => return Self::not_here(dir),
            RegistryError::Io { path, source } => return Self::io(path, source),
            RegistryError::Exists(_) => "choose another data dir; keys are never overwritten",
            RegistryError::Damaged(_) => "put the key file back from a backup",
        };
        Self { text: e.to_string(), help: Some(help.to_owned()), code: SETTINGS }
    }
}

impl From<SettingsError> for Failure {
    fn from(e: SettingsError) -> Self {
        match &e {
            SettingsError::Missing(dir) => Self::not_here(dir),
            SettingsError::Io { path, source } => Self::io(path, source),
            SettingsError::Malformed { .. } => {
                let help = "mend that line, or put the file back from a backup".to_owned();
                Self { text: e.to_string().trim_end().to_owned(), help: Some(help), code: SETTINGS }
            }
        }
    }
}

impl From<DaemonError> for Failure {
    fn from(e: DaemonError) -> Self {
        let text = e.to_string();
        match e {
            DaemonError::Keys(e) => e.into(),
            DaemonError::Settings(e) => e.into(),
            DaemonError::Store(e) => e.into(),
            DaemonError::Io { path, source } => Self::io(&path, &source),
            DaemonError::SocketPath(_) => {
                let help = "choose a data dir with a shorter path".to_owned();
                Self { text, help: Some(help), code: SETTINGS }
            }
            DaemonError::Running(_) => {
                let help = "stop it first, or choose another data dir".to_owned();
                Self { text, help: Some(help), code: AGAIN }
            }
            DaemonError::Gateway(_) => {
                let help = "another program may have the port: see `listen` in hq.toml".to_owned();
                Self { text, help: Some(help), code: FAILED }
            }
        }
    }
}
