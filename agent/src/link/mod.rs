//! QUIC to HQ: dial, join, pump, pace. Knows the engine and the config by their handles and no other
//! edge.

mod identity; // keys for names
mod failure; // what goes wrong, and when to try again
mod dial; // from host:port to a connection
mod reach; // is HQ there?
mod probe; // how well it can be reached
mod join; // the one conversation of a stranger
mod stream; // messages onto and off streams
pub mod driver; // one session, sans I/O
mod pump; // drives it over QUIC
mod silence; // when a connection is given up
mod board; // tells the others how it is
mod pace; // how long to wait

#[cfg(test)]
mod tests; // dialling and joining, against a hand-made HQ

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;
use wasl_protocol::edition::LinkSettings;
use wasl_protocol::id::OfficeId;
use wasl_protocol::join::ALPN;
use wasl_protocol::keys::{SignKey, VerifyKey};
use wasl_protocol::wire::{Bye, ByeCode};

pub use failure::Failure;
pub use identity::{Credentials, IdentityError};
pub use join::{JoinError, Keys, join};
pub use pace::Pace;
pub use probe::{LARGEST_BYTES, LEAST_BYTES, Probed, probe};
pub use reach::reach;

use crate::config::{Config, InForce};
use crate::engine::Handle;
use crate::facts::LinkFacts;
use crate::pause::Pauses;
use crate::seam::World;
use board::Board;
use dial::{Line, dial};
use pump::{Ended, Pump};

/// What the link works with. How it works is read from the config in force, live.
#[derive(Debug)]
pub struct LinkConfig {
    /// Clock and entropy.
    pub world: World,
    /// The engine.
    pub handle: Handle,
    /// What is in force, and where editions go that HQ offers.
    pub config: Config,
    /// Whether an operator holds the link back.
    pub pauses: Pauses,
    /// Our own id: states for another office are not taken.
    pub office: OfficeId,
    /// Who we are to HQ, and how we know it.
    pub credentials: Credentials,
    /// Signs what is sent.
    pub sign_key: SignKey,
    /// What HQ signs with.
    pub hq_sign_key: VerifyKey,
    /// Where HQ is, each `host:port`, if no edition says otherwise.
    pub joined: Vec<String>,
}

impl LinkConfig {
    fn settings(&self) -> LinkSettings {
        self.config.in_force().borrow().settings.link.clone()
    }

    /// Where HQ is, tried in turn.
    fn endpoints(&self) -> Vec<String> {
        let LinkSettings { endpoints, .. } = self.settings();
        if endpoints.is_empty() { self.joined.clone() } else { endpoints }
    }

    fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.settings().connect_timeout_s)
    }

    fn pace(&self) -> (Duration, Duration) {
        let LinkSettings { backoff_min_ms, backoff_max_s, .. } = self.settings();
        (Duration::from_millis(backoff_min_ms), Duration::from_secs(backoff_max_s))
    }
}

/// Keeps a session with HQ for as long as `stop` is false; tries again for ever.
///
/// Each increase of `kicks` is a wish to be level with HQ now: it cuts a wait short, or asks HQ
/// over the live session. [`LinkFacts::level_kicks`] answers it.
pub async fn run(
    config: LinkConfig,
    facts: watch::Sender<LinkFacts>,
    kicks: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
) {
    let board = Board::new(facts, config.world.clone());
    let pace = Pace::new(config.pace(), config.world.entropy.clone());
    Link { config, board, kicks, stop, pace }.keep().await;
}

struct Link {
    config: LinkConfig,
    board: Board,
    kicks: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    pace: Pace,
}

/// How a session was left.
enum Left {
    Ended(Ended),
    Moved(Moved),
}

/// A connection to where HQ is to be looked for from now on.
struct Moved {
    line: Line,
    endpoint: String,
    endpoints: Vec<String>,
}

impl Link {
    async fn keep(mut self) {
        while self.goes_on().await {
            let endpoints = self.config.endpoints();
            let Some(failure) = self.attempt(&endpoints).await else { continue };
            let handle = &self.config.handle;
            let fork = failure.hqs_fork(&handle.facts().borrow());
            if let Some(common) = fork {
                let _ = handle.forked(common).await; // a stopped engine needs no alarm
            }
            self.pace.adapt(self.config.pace());
            let wait = self.pace.failed(failure.at_least());
            tracing::warn!(code = failure.code(), %failure, ?wait, "no session with HQ");
            self.board.failed(&failure, self.pace.failures(), wait);
            tokio::select! {
                () = held_back(&mut self.stop, &self.config.pauses) => {}
                () = sleep(wait) => {}
                Ok(()) = self.kicks.changed() => {}
                () = moved(&self.config, &endpoints) => {}
            }
        }
        self.board.down();
    }

    /// Waits while an operator holds the link back; false once it is to stop.
    async fn goes_on(&mut self) -> bool {
        let mut said = self.config.pauses.watch();
        loop {
            said.mark_unchanged();
            if *self.stop.borrow() || self.stop.has_changed().is_err() {
                return false;
            }
            let Some((pause, left_ms)) = self.config.pauses.current() else { return true };
            self.board.paused(pause.until);
            tokio::select! {
                () = stopped(&mut self.stop) => {}
                () = sleep(Duration::from_millis(left_ms)) => {}
                _ = said.changed() => {}
            }
        }
    }

    /// One round over the endpoints, and the sessions from the first that answers. None: held back.
    async fn attempt(&mut self, endpoints: &[String]) -> Option<Failure> {
        let mut failure = Failure::Broken("no endpoint of HQ is configured".to_owned());
        for endpoint in endpoints {
            self.board.connecting(endpoint);
            let dialled = tokio::select! {
                () = held_back(&mut self.stop, &self.config.pauses) => return None,
                dialled = dial_again_when_kicked(&self.config, endpoint, &mut self.kicks) => dialled,
            };
            match dialled {
                Ok(line) => return self.sessions(line, endpoints.to_vec()).await,
                Err(why) => failure = why,
            }
        }
        Some(failure)
    }

    /// A session, and one more after each move of HQ's. None: held back.
    async fn sessions(&mut self, mut line: Line, mut endpoints: Vec<String>) -> Option<Failure> {
        loop {
            let span = tracing::debug_span!("link.session");
            match self.session(line, &endpoints).instrument(span).await? {
                Left::Ended(ended) => {
                    if ended.lived {
                        self.pace.reset();
                    }
                    return Some(ended.why);
                }
                Left::Moved(moved) => {
                    tracing::info!(endpoint = moved.endpoint, "HQ has moved, and answers there");
                    self.board.connecting(&moved.endpoint);
                    (line, endpoints) = (moved.line, moved.endpoints);
                }
            }
        }
    }

    /// One session, and the end of its connection. None: held back.
    async fn session(&mut self, line: Line, endpoints: &[String]) -> Option<Left> {
        let Self { config, board, kicks, stop, .. } = self;
        let connection = line.connection.clone();
        let left = {
            let talk = async {
                match Pump::open(config, board, kicks, connection).await {
                    Ok(pump) => pump.run().await,
                    Err(why) => Ended { bye: Bye::now(ByeCode::Done), why, lived: false },
                }
            };
            let mut elsewhere = pin!(elsewhere(config, endpoints));
            tokio::select! {
                () = held_back(stop, &config.pauses) => None,
                moved = &mut elsewhere => Some(Left::Moved(moved)),
                ended = talk => {
                    // HQ ends a session for a newer connection, which may be this very one.
                    let newer = config.endpoints() != endpoints;
                    let patience = if newer { REPLACED } else { Duration::ZERO };
                    let moved = timeout(patience, &mut elsewhere).await;
                    Some(moved.map_or(Left::Ended(ended), Left::Moved))
                }
            }
        };
        let bye = match &left {
            Some(Left::Ended(ended)) => ended.bye,
            Some(Left::Moved(_)) | None => Bye::now(ByeCode::Done),
        };
        line.hang_up(bye).await;
        config.config.session(false).await;
        left
    }
}

/// Returns once HQ is to be looked for at other endpoints than these.
async fn moved(config: &LinkConfig, endpoints: &[String]) {
    let mut in_force = config.config.in_force();
    while config.endpoints() == endpoints {
        changed(&mut in_force).await;
    }
}

/// A connection to HQ's new place, once there is one: made before the old one is broken.
async fn elsewhere(config: &LinkConfig, endpoints: &[String]) -> Moved {
    loop {
        moved(config, endpoints).await;
        let to = config.endpoints();
        for endpoint in &to {
            let patience = config.connect_timeout();
            let dialled = dial(&config.credentials, ALPN, endpoint, patience).await;
            if let Ok(line) = dialled {
                return Moved { line, endpoint: endpoint.clone(), endpoints: to };
            }
        }
        sleep(AGAIN).await;
    }
}

/// Dials; a kick makes it dial anew, since QUIC asks an HQ that does not answer ever more seldom.
async fn dial_again_when_kicked(
    config: &LinkConfig,
    endpoint: &str,
    kicks: &mut watch::Receiver<u64>,
) -> Result<Line, Failure> {
    let patience = config.connect_timeout();
    loop {
        let kicked = async {
            tokio::time::sleep(UNDISTURBED).await;
            if kicks.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            dialled = dial(&config.credentials, ALPN, endpoint, patience) => return dialled,
            () = kicked => {}
        }
    }
}

/// Returns once `stop` is true, or nobody is left to say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Returns once the link may not go on: it is to stop, or an operator pauses it.
async fn held_back(stop: &mut watch::Receiver<bool>, pauses: &Pauses) {
    let mut said = pauses.watch();
    let pause_comes = async {
        while pauses.current().is_none() {
            if said.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = stopped(stop) => {}
        () = pause_comes => {}
    }
}

/// Returns when something else is in force. With nobody left to say so, never.
async fn changed(in_force: &mut watch::Receiver<Arc<InForce>>) {
    if in_force.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How long a dial goes on whatever happens: more than two round trips by satellite.
const UNDISTURBED: Duration = Duration::from_secs(3);

/// How long after a failed look at HQ's new place it is looked at again.
const AGAIN: Duration = Duration::from_secs(5);

/// How long a new connection may take to show itself after HQ has ended the old session for it.
const REPLACED: Duration = Duration::from_secs(2);
