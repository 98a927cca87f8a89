//! How the office is: from the live daemon, or, where it does not answer, its last word.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;

use super::client::{Client, NoDaemon, talk};
use super::{Exit, Failure};
use crate::seam::World;
use crate::status::check::{Silence, Verdict, last_word};
use crate::status::{Status, StatusFileError, newest, read_status};

/// How long a daemon may take to say how it is; its disk may hang for a while.
const PATIENCE: Duration = Duration::from_secs(3);

/// What could be heard.
pub(super) enum Heard {
    /// From the live daemon.
    Live(Box<Status>),
    /// What it last wrote, so many milliseconds ago.
    Left(Box<Status>, i64, Silence),
}

impl Heard {
    /// For a monitoring system.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Live(status) => Verdict::live(status),
            Self::Left(status, age_ms, silence) => Verdict::left(status, *age_ms, *silence),
        }
    }

    /// The document; what is no longer told by a live daemon is unknown, and says so.
    pub fn document(self) -> Status {
        match self {
            Self::Live(status) => *status,
            Self::Left(status, age_ms, silence) => {
                let summary = last_word(&status, age_ms, silence);
                status.no_longer(summary)
            }
        }
    }
}

/// Asks the daemon of `dir`, or reads what it left.
pub(super) async fn hear(dir: &Path) -> Result<Heard, Failure> {
    let silence = match tokio::time::timeout(PATIENCE, talk(dir, ask)).await {
        Ok(Ok(Ok(text))) => {
            let strange = |e| {
                Failure::new(Exit::Failed, format!("status: the daemon's answer: {e}"))
                    .help("use the `wasl` of the version that runs")
            };
            return Ok(Heard::Live(Box::new(read_status(&text).map_err(strange)?)));
        }
        // It went away while it was asked.
        Ok(Err(NoDaemon::Stopped(_))) => Silence::Gone,
        Ok(Ok(Err(failure))) if failure.exit == Exit::Again => Silence::Gone,
        Ok(Err(NoDaemon::Failed(failure))) if failure.exit == Exit::NoPermission => {
            return Err(failure.help(who_may(dir)));
        }
        Ok(Ok(Err(failure)) | Err(NoDaemon::Failed(failure))) => return Err(failure),
        Err(_) => Silence::Hung,
    };
    let left = newest(dir, World::real().clock.unix());
    let (status, age_ms) = left.map_err(|e| nothing(dir, &e, silence))?;
    Ok(Heard::Left(Box::new(status), age_ms, silence))
}

async fn ask(mut client: Client) -> Result<axum::body::Bytes, Failure> {
    let response = client.send(Method::GET, "/v1/status", None).await?;
    client.answer("status", response).await
}

/// Neither the daemon nor what it left can be read.
fn nothing(dir: &Path, why: &StatusFileError, silence: Silence) -> Failure {
    let message = match silence {
        Silence::Gone => format!("status: {why}"),
        Silence::Hung => format!("status: the daemon does not answer; {why}"),
    };
    let failure = Failure::new(Exit::Failed, message);
    match why {
        StatusFileError::Unreadable { .. } => {
            Failure { exit: Exit::NoPermission, ..failure }.help(who_may(dir))
        }
        StatusFileError::OtherVersion { .. } | StatusFileError::Malformed { .. } => {
            failure.help("use the `wasl` of the version that wrote it, or start the daemon")
        }
        StatusFileError::None(_) => {
            failure.help(format!("start the daemon: wasl run --data-dir {}", dir.display()))
        }
    }
}

/// Which user may talk to the daemon: the owner of its data dir.
fn who_may(dir: &Path) -> String {
    match std::fs::metadata(dir) {
        Ok(found) => {
            let user = name_of(found.uid()).unwrap_or_else(|| format!("#{}", found.uid()));
            format!("only the user {user} and root may: sudo -u {user} wasl ..")
        }
        Err(_) => "only the owner of the data dir and root may: sudo wasl ..".to_owned(),
    }
}

/// The name of a user of this machine.
fn name_of(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = users.lines().map(|line| line.split(':'));
    fields.find_map(|mut user| {
        let name = user.next()?;
        (user.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// What time it is, for ages.
pub(super) fn now() -> Timestamp {
    crate::status::timestamp(World::real().clock.unix())
}
