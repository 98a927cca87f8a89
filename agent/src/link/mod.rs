//! QUIC to HQ: dial, join, pump, pace. Knows the engine by its handle and no other edge.

mod identity; // keys for names
mod failure; // what goes wrong, and when to try again
mod dial; // from host:port to a connection
mod join; // the one conversation of a stranger
mod stream; // messages onto and off streams
mod pump; // drives one session
mod board; // tells the others how it is
mod pace; // how long to wait

#[cfg(test)]
mod tests; // dialling and joining, against a hand-made HQ

use std::time::Duration;

use tokio::sync::watch;
use wasl_protocol::id::OfficeId;
use wasl_protocol::join::ALPN;
use wasl_protocol::keys::{SignKey, VerifyKey};
use wasl_protocol::units::Seq;
use wasl_protocol::wire::{Bye, ByeCode};

pub use failure::Failure;
pub use identity::{Credentials, IdentityError};
pub use join::{JoinError, Keys, join};

use crate::engine::Handle;
use crate::facts::LinkFacts;
use crate::seam::World;
use board::Board;
use dial::{Line, dial};
use pace::Pace;
use pump::{Ended, Pump};

/// What the link works with.
#[derive(Debug)]
pub struct LinkConfig {
    /// Clock and entropy.
    pub world: World,
    /// The engine.
    pub handle: Handle,
    /// Our own id: states for another office are not taken.
    pub office: OfficeId,
    /// Who we are to HQ, and how we know it.
    pub credentials: Credentials,
    /// Signs what is sent.
    pub sign_key: SignKey,
    /// What HQ signs with.
    pub hq_sign_key: VerifyKey,
    /// Where HQ is, each `host:port`, tried in turn.
    pub endpoints: Vec<String>,
    /// How often to say that we are there.
    pub heartbeat: Duration,
    /// The middle of the first wait after a failure.
    pub backoff_min: Duration,
    /// The longest wait after a failure, what HQ asks for apart.
    pub backoff_max: Duration,
    /// How long to wait for a connection to one address.
    pub connect_timeout: Duration,
}

/// Keeps a session with HQ for as long as `stop` is false; tries again for ever.
///
/// Each increase of `kicks` is a wish to be level with HQ now: it cuts a wait short, or asks HQ
/// over the live session. [`LinkFacts::level_kicks`] answers it.
pub async fn run(
    config: LinkConfig,
    facts: watch::Sender<LinkFacts>,
    mut kicks: watch::Receiver<u64>,
    mut stop: watch::Receiver<bool>,
) {
    let board = Board::new(facts, config.world.clone());
    let mut pace = Pace::new(config.backoff_min, config.backoff_max);
    loop {
        let Some(failure) = attempt(&config, &board, &mut kicks, &mut pace, &mut stop).await else {
            break;
        };
        if failure.is_hqs_fork() {
            // HQ saw it first: up to the newest receipt, both had the same.
            let common = config.handle.facts().borrow().stored.map_or(Seq(0), |at| at.seq);
            let _ = config.handle.forked(common).await; // a stopped engine needs no alarm
        }
        let wait = pace.failed(failure.at_least());
        tracing::warn!(code = failure.code(), %failure, ?wait, "no session with HQ");
        board.failed(&failure, pace.failures(), wait);
        tokio::select! {
            () = stopped(&mut stop) => break,
            () = tokio::time::sleep(wait) => {}
            Ok(()) = kicks.changed() => {}
        }
    }
    board.down();
}

/// One round over the endpoints, and the session with the first that answers. None: stop.
async fn attempt(
    config: &LinkConfig,
    board: &Board,
    kicks: &mut watch::Receiver<u64>,
    pace: &mut Pace,
    stop: &mut watch::Receiver<bool>,
) -> Option<Failure> {
    let mut failure = Failure::Broken("no endpoint of HQ is configured".to_owned());
    for endpoint in &config.endpoints {
        board.connecting(endpoint);
        let dialled = tokio::select! {
            () = stopped(stop) => return None,
            dialled = dial_again_when_kicked(config, endpoint, kicks) => dialled,
        };
        match dialled {
            Ok(line) => {
                let ended = session(config, board, kicks, line, stop).await?;
                if ended.lived {
                    pace.reset();
                }
                return Some(ended.why);
            }
            Err(why) => failure = why,
        }
    }
    Some(failure)
}

/// Dials; a kick makes it dial anew, since QUIC asks an HQ that does not answer ever more seldom.
async fn dial_again_when_kicked(
    config: &LinkConfig,
    endpoint: &str,
    kicks: &mut watch::Receiver<u64>,
) -> Result<Line, Failure> {
    loop {
        let kicked = async {
            tokio::time::sleep(UNDISTURBED).await;
            if kicks.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            dialled = dial(&config.credentials, ALPN, endpoint, config.connect_timeout) => {
                return dialled;
            }
            () = kicked => {}
        }
    }
}

/// One session, and the end of its connection. None: stop.
async fn session(
    config: &LinkConfig,
    board: &Board,
    kicks: &mut watch::Receiver<u64>,
    line: Line,
    stop: &mut watch::Receiver<bool>,
) -> Option<Ended> {
    let talk = async {
        match Pump::open(config, board, kicks, line.connection.clone()).await {
            Ok(pump) => pump.run().await,
            Err(why) => Ended { bye: Bye::now(ByeCode::Done), why, lived: false },
        }
    };
    let ended = tokio::select! {
        () = stopped(stop) => None,
        ended = talk => Some(ended),
    };
    let bye = ended.as_ref().map_or(Bye::now(ByeCode::Done), |ended| ended.bye);
    line.hang_up(bye).await;
    ended
}

/// Returns once `stop` is true, or nobody is left to say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// How long a dial goes on whatever happens: more than two round trips by satellite.
const UNDISTURBED: Duration = Duration::from_secs(3);
