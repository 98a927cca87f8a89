//! What the service manager hands over, and what it is told. Knows nothing of units: without a
//! service manager nothing is given, and nobody is told.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Handle;

/// How often within the watchdog's period a turn is asked for: two may be late before it bites.
const FEEDS_IN_A_PERIOD: u32 = 3;

/// A socket that was handed over and cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// It is none that could be listened on.
    #[error("the socket that the service manager hands over: {0}")]
    NoSocket(#[from] io::Error),
    /// It is not the one on which callers look for this office.
    #[error("the service manager hands over the socket {}, not {}", found.display(), want.display())]
    Elsewhere {
        /// Where it listens.
        found: PathBuf,
        /// Where callers look.
        want: PathBuf,
    },
}

/// The listening socket that the service manager keeps open while daemons come and go, if it does:
/// callers wait in it during an upgrade. Call it once, before there are threads.
///
/// # Errors
/// If what is handed over is no socket, or listens elsewhere than on `want`.
pub(super) fn socket(want: &Path) -> Result<Option<UnixListener>, GivenError> {
    let Some(socket) = ListenFd::from_env().take_unix_listener(0)? else { return Ok(None) };
    let address = socket.local_addr()?;
    let found = address.as_pathname().unwrap_or(Path::new("(no path)"));
    // The same folder may be reached by another path.
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if whole(found) != whole(want) {
        return Err(GivenError::Elsewhere { found: found.to_owned(), want: want.to_owned() });
    }
    socket.set_nonblocking(true)?;
    Ok(Some(socket))
}

/// Tells the service manager, if there is one.
pub(super) fn notify(state: NotifyState<'_>) {
    if let Err(why) = sd_notify::notify(&[state]) {
        tracing::warn!(%why, "the service manager cannot be told");
    }
}

/// How soon the service manager wants to hear of progress each time, if it watches.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|period| !period.is_zero())
}

/// Calls `fed` after each turn of the engine that was asked for, until `stop` says true: an engine
/// that does not turn is not said to live.
pub(super) async fn feed(
    period: Duration,
    engine: Handle,
    mut stop: watch::Receiver<bool>,
    fed: impl Fn(),
) {
    let mut ticks = interval(period / FEEDS_IN_A_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feeding = async {
        loop {
            ticks.tick().await;
            // It goes the whole way through the queue, behind every write that waits.
            if engine.list(0, 0).await.is_err() {
                return;
            }
            fed();
        }
    };
    tokio::select! {
        () = feeding => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

#[cfg(test)]
mod tests;
