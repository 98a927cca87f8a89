//! `wasl wait` and `wasl sync`: until something is so, or the time is over.

use std::time::Duration;

use axum::http::Method;
use wasl_protocol::edition::Serial;

use super::client::{Client, NoDaemon, talk};
use super::{Exit, Failure, Place, block_on};
use crate::facts::{AttemptFacts, LinkPhase};
use crate::intake::Kicked;
use crate::status::{ConfigStatus, Status};

/// How often the daemon is asked.
const ASKED_EVERY: Duration = Duration::from_millis(200);

/// How long `sync` waits unless told otherwise, in seconds.
const SYNC_TIMEOUT_S: u64 = 60;

/// A year: longer than anyone waits, and short enough to add to any clock.
const FOREVER_S: u64 = 365 * 86_400;

/// What to wait for.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub struct WaitArgs {
    /// Until headquarters has everything that was written here
    #[arg(long, group = "what")]
    synced: bool,
    /// Until the link is up
    #[arg(long, group = "what")]
    link: bool,
    /// Until this edition is in force; 0: what is built in
    #[arg(long, group = "what", value_name = "SERIAL")]
    config: Option<Serial>,
    /// Give up after this many seconds (exit 75)
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// How long to wait.
#[derive(Debug, clap::Args)]
pub struct SyncArgs {
    /// Give up after this many seconds (exit 75)
    #[arg(long, value_name = "SECONDS", default_value_t = SYNC_TIMEOUT_S)]
    timeout: u64,
}

/// Waits for what the arguments name; a stopped daemon is waited for too.
pub fn wait(place: &Place, args: &WaitArgs) -> Result<(), Failure> {
    let what = match args.config {
        Some(serial) => format!("config {serial}"),
        None if args.synced => "synced".to_owned(),
        None => "link".to_owned(),
    };
    let so = |status: &Status| match args.config {
        Some(serial) => runs(&status.config, serial),
        None if args.synced => status.synced,
        None => status.link.state == LinkPhase::Up,
    };
    let timeout_s = args.timeout.unwrap_or(FOREVER_S);
    block_on(until(place, &format!("wait --{what}"), timeout_s, so))
}

/// Is this edition in force, on trial or committed?
fn runs(config: &ConfigStatus, serial: Serial) -> bool {
    let coming = |attempt: &AttemptFacts| attempt.serial == serial && attempt.phase == "applying";
    config.running == Some(serial) && !config.last_attempt.as_ref().is_some_and(coming)
}

/// Wakes the link, then waits until both sides have everything that the other had.
pub fn sync(place: &Place, args: &SyncArgs) -> Result<(), Failure> {
    block_on(async {
        let kick = async |mut client: Client| {
            let response = client.send(Method::POST, "/v1/sync", None).await?;
            let answer = client.answer("sync", response).await?;
            let kicked: Result<Kicked, _> = serde_json::from_slice(&answer);
            kicked.map_err(|e| Failure::new(Exit::Failed, format!("sync: a strange answer: {e}")))
        };
        let Kicked { kick } = talk(&place.data_dir, kick).await??;
        let so = move |s: &Status| s.synced && s.sync.level_kicks >= kick;
        until(place, "sync", args.timeout, so).await
    })
}

pub(super) async fn until(
    place: &Place,
    what: &str,
    timeout_s: u64,
    so: impl Fn(&Status) -> bool,
) -> Result<(), Failure> {
    let mut last = None;
    let asking = async {
        loop {
            match ask(place).await {
                Ok(status) if so(&status) => return Ok(()),
                Ok(status) => last = Some(status.summary),
                Err(NoDaemon::Stopped(_)) => last = Some("the daemon is stopped".to_owned()),
                Err(NoDaemon::Failed(failure)) => return Err(failure),
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
    };
    let timeout_s = timeout_s.min(FOREVER_S);
    if let Ok(done) = tokio::time::timeout(Duration::from_secs(timeout_s), asking).await {
        return done;
    }
    let last = last.unwrap_or_else(|| "the daemon did not answer".to_owned());
    Err(Failure::new(Exit::Again, format!("{what}: not so after {timeout_s} s: {last}"))
        .help("wasl status says more"))
}

async fn ask(place: &Place) -> Result<Status, NoDaemon> {
    let work = async |mut client: Client| client.document("status", "/v1/status").await;
    match talk(&place.data_dir, work).await? {
        Ok(status) => Ok(status),
        // It went away while it was asked: it may be back the next time.
        Err(failure) if failure.exit == Exit::Again => {
            Err(NoDaemon::Stopped(place.data_dir.clone()))
        }
        Err(failure) => Err(NoDaemon::Failed(failure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_waited_for_until_it_is_on_trial_or_committed() {
        let attempt = |serial, phase: &str| {
            let (phase, at) = (phase.to_owned(), jiff::Timestamp::UNIX_EPOCH);
            AttemptFacts { serial: Serial(serial), phase, code: None, message: None, at }
        };
        for (running, last_attempt, so) in [
            (7, attempt(7, "applying"), false),
            (7, attempt(7, "probation"), true),
            (7, attempt(7, "committed"), true),
            (7, attempt(8, "staged"), true),
            (7, attempt(8, "rolled_back"), true),
            (5, attempt(7, "staged"), false),
            (8, attempt(8, "committed"), false),
        ] {
            let (running, last_attempt) = (Some(Serial(running)), Some(last_attempt));
            let config = ConfigStatus { running, last_attempt, ..ConfigStatus::default() };
            assert_eq!(runs(&config, Serial(7)), so, "{config:?}");
        }
        let built_in = ConfigStatus { running: Some(Serial::BUILT_IN), ..ConfigStatus::default() };
        assert!(runs(&built_in, Serial::BUILT_IN) && !runs(&built_in, Serial(7)));
        assert!(!runs(&ConfigStatus::default(), Serial::BUILT_IN));
    }
}
