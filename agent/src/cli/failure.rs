//! How a command fails: what, why, what to do, and the exit code.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::daemon::DaemonError;
use crate::engine::EngineError;
use crate::format::FormatError;
use crate::intake::{IntakeError, Problem};
use crate::keystore::KeystoreError;
use crate::seam::LockError;
use crate::settings::SettingsError;

/// The exit codes, beside 0 for done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did not work.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 64,
    /// Try again: a timeout, or something is busy or stopped.
    Again = 75,
    /// No permission.
    NoPermission = 77,
    /// The settings or the keys have to be mended first.
    BadSettings = 78,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// `WHAT: WHY`.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// How the process exits.
    pub exit: Exit,
}

impl Failure {
    /// A failure with no advice.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, exit }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// What the system refused.
    pub fn io(what: impl Display, why: &io::Error) -> Self {
        let exit = match why.kind() {
            io::ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::Failed,
        };
        Self::new(exit, format!("{what}: {why}"))
    }

    /// The daemon of `dir` does not answer.
    pub fn stopped(dir: &Path) -> Self {
        Self::new(Exit::Again, format!("{}: the daemon is stopped", dir.display()))
            .help(format!("start it: wasl run --data-dir {}", dir.display()))
    }

    /// What the daemon refused.
    pub fn problem(what: &str, problem: &Problem) -> Self {
        let exit = if problem.passes() { Exit::Again } else { Exit::Failed };
        let failure = Self::new(exit, format!("{what}: {} [{}]", problem.detail, problem.code));
        match problem.code.as_str() {
            "stale" => failure.help("somebody wrote meanwhile: look again, then decide anew"),
            "not-your-group" => failure.help("ask headquarters to write it"),
            "left-to-hq" => failure.help("ask headquarters to end it: `wasl-hq conflict resolve`"),
            "field-rule" => failure.help("mend that field; the rule is in `wasl config show`"),
            "signature" | "fleet" => {
                failure.help("bring a file that was signed with this fleet's config key")
            }
            "scope" => failure.help("ask its author whether it is for this office"),
            "old_serial" => failure.help("ask for the same content under a higher serial"),
            "old_agent" | "schema" => failure.help("update the agent, or ask for an older format"),
            "expired" => failure.help("ask its author to sign it anew, with a later deadline"),
            "settings" | "malformed" => failure.help("ask its author: `wasl-hq config check FILE`"),
            "endpoint" => failure.help("ask headquarters to serve there first"),
            "no-trial" => {
                failure.help("an edition that stood is replaced by one with a higher serial")
            }
            "stale-reply" => {
                failure.help("export a bundle now, and bring headquarters' reply to it")
            }
            "foreign" | "not-a-bundle" => failure.help("bring the reply that is for this office"),
            "not-a-reply" => {
                failure.help("at headquarters: wasl-hq bundle import FILE --reply REPLY")
            }
            "cut-short" | "damaged-bundle" => {
                failure.help("copy the file again, or have headquarters write the reply again")
            }
            "newer-bundle" => failure.help("update the agent"),
            "read-only" => failure.help("update the agent: a newer version wrote to this record"),
            _ => failure,
        }
    }

    /// Says it on stderr; the exit code.
    pub fn tell(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        if let Some(help) = &self.help {
            eprintln!("help: {help}");
        }
        ExitCode::from(self.exit as u8)
    }
}

impl From<SettingsError> for Failure {
    fn from(e: SettingsError) -> Self {
        let message = e.to_string();
        match e {
            SettingsError::Unreadable { why, .. } if denied(&why) => {
                Self::new(Exit::NoPermission, message)
            }
            _ => Self::new(Exit::BadSettings, message).help(
                "mend that line, or remove it: every setting has a default. How an office runs \
                    is decided in editions; a machine may be stricter, in conf.d of its data dir",
            ),
        }
    }
}

impl From<KeystoreError> for Failure {
    fn from(e: KeystoreError) -> Self {
        let exit = match &e {
            KeystoreError::Io { source, .. } if denied(source) => Exit::NoPermission,
            KeystoreError::NotJoined(_)
            | KeystoreError::AlreadyJoined { .. }
            | KeystoreError::Io { .. }
            | KeystoreError::Damaged(_) => Exit::Failed,
            _ => Exit::BadSettings,
        };
        Self::new(exit, e.to_string()).help(e.help())
    }
}

impl From<FormatError> for Failure {
    fn from(e: FormatError) -> Self {
        let exit = match &e {
            FormatError::Io { source, .. } if denied(source) => Exit::NoPermission,
            FormatError::Io { .. } => Exit::Failed,
            FormatError::Newer { .. } | FormatError::Malformed(_) => Exit::BadSettings,
        };
        Self::new(exit, e.to_string()).help(e.help())
    }
}

impl From<LockError> for Failure {
    fn from(e: LockError) -> Self {
        let exit = match &e {
            LockError::Taken(_) => Exit::Again,
            LockError::Io { source, .. } if denied(source) => Exit::NoPermission,
            LockError::Io { .. } => Exit::Failed,
        };
        Self::new(exit, e.to_string()).help(e.help())
    }
}

impl From<IntakeError> for Failure {
    fn from(e: IntakeError) -> Self {
        let exit = match &e {
            IntakeError::PathTooLong(_) => Exit::BadSettings,
            IntakeError::Listen { why, .. } if denied(why) => Exit::NoPermission,
            IntakeError::Listen { .. } => Exit::Failed,
        };
        Self::new(exit, e.to_string()).help(e.help())
    }
}

impl From<EngineError> for Failure {
    fn from(e: EngineError) -> Self {
        Self::new(Exit::Failed, e.to_string()).help(e.help())
    }
}

impl From<DaemonError> for Failure {
    fn from(e: DaemonError) -> Self {
        match e {
            DaemonError::Keystore(e) => e.into(),
            DaemonError::Lock(e) => e.into(),
            DaemonError::Format(e) => e.into(),
            DaemonError::Intake(e) => e.into(),
            DaemonError::Engine(e) => e.into(),
            DaemonError::Given(e) => Self::new(Exit::BadSettings, e.to_string())
                .help("ListenStream= in wasl.socket and --data-dir in wasl.service must agree"),
            DaemonError::Identity(_) | DaemonError::Runtime(_) => {
                Self::new(Exit::Failed, e.to_string())
            }
            DaemonError::EngineGone => Self::new(Exit::Failed, e.to_string())
                .help("check the disk, then start again: what was answered is stored"),
        }
    }
}

fn denied(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::PermissionDenied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Refused;

    #[test]
    fn what_the_daemon_refuses_says_why_and_what_to_do() {
        let stale = Problem::from(Refused::Stale("contact".parse().expect("a group")));
        let failure = Failure::problem("record set", &stale);
        assert!(failure.message.starts_with("record set: contact: written since it was read"));
        assert!(failure.help.is_some_and(|help| help.starts_with("somebody wrote meanwhile")));
        assert_eq!(failure.exit, Exit::Failed);
        let newer = Failure::problem("record set", &Refused::ReadOnly.into());
        assert!(newer.help.is_some_and(|help| help.contains("update the agent")));
        let busy = Failure::problem("record set", &Refused::Busy.into());
        assert_eq!((busy.exit, busy.help), (Exit::Again, None));
    }
}
