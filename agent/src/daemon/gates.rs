//! Looks at the gates while an edition is on trial: would this office still enroll?

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use wasl_protocol::edition::{Attempt, Gate};
use wasl_protocol::units::UnixMs;

use crate::config::{Config, ConfigFacts};
use crate::engine::{Facts, Refused};
use crate::facts::HttpFacts;
use crate::intake::Counts;

/// How often the gates are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How long a socket of ours may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many enrollments have to be refused by the field rules, and none taken, before the rules are
/// believed to refuse everybody.
const REFUSED: u64 = 5;

/// What the gates are read from.
pub(super) struct Gates {
    pub(super) config: Config,
    pub(super) engine: watch::Receiver<Arc<Facts>>,
    pub(super) counts: Arc<Counts>,
    pub(super) socket: PathBuf,
    /// The address that this machine serves in any case.
    pub(super) own_http: Option<SocketAddr>,
    /// The one that the edition in force wants served.
    pub(super) http: watch::Receiver<HttpFacts>,
}

impl Gates {
    /// Tells config how the gates stand, until `stop` says true.
    pub(super) async fn watch(self, mut stop: watch::Receiver<bool>) {
        let mut facts = self.config.facts();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = async {
                while let Some(trial) = next_trial(&mut facts).await {
                    self.attend(trial, &mut facts).await;
                }
            } => {}
        }
    }

    /// Stays with one trial to its end.
    async fn attend(&self, trial: Trial, facts: &mut watch::Receiver<Arc<ConfigFacts>>) {
        let before = (self.counts.refused_by_rule(), self.counts.accepted());
        while on_trial(&facts.borrow()) == Some(trial) {
            let full = self.engine.borrow().closed == Some(Refused::DiskFull);
            let poisoned = self.engine.borrow().closed == Some(Refused::Poisoned);
            let code = readyz(&self.socket).await;
            let listens = code.is_some() && self.http_listens().await;
            let refused = self.counts.refused_by_rule() - before.0;
            let taken = self.counts.accepted() - before.1;
            self.config.gate(Gate::Listener, listens).await;
            // A full disk closes intake under every edition.
            self.config.gate(Gate::Ready, code == Some(200) || full).await;
            self.config.gate(Gate::Fsync, !poisoned).await;
            self.config.gate(Gate::Intake, refused < REFUSED || taken > 0).await;
            tokio::select! {
                () = sleep(EVERY) => {}
                // The next trial may begin at once, and counts from its own beginning.
                Ok(()) = facts.changed() => {}
            }
        }
    }

    async fn http_listens(&self) -> bool {
        let wanted = self.config.in_force().borrow().settings.intake.http();
        let served = self.http.borrow().served;
        if wanted.is_some() && wanted != served && wanted != self.own_http {
            return false;
        }
        for http in self.own_http.iter().chain(&served) {
            if !matches!(timeout(PATIENCE, TcpStream::connect(http)).await, Ok(Ok(_))) {
                return false;
            }
        }
        true
    }
}

/// Which edition is on trial, and since when.
type Trial = (u64, UnixMs);

fn on_trial(facts: &ConfigFacts) -> Option<Trial> {
    let trial = |attempt: &&Attempt| attempt.phase.is_on_trial();
    let attempt = facts.state.attempt.as_ref().filter(trial)?;
    Some((attempt.serial.0, attempt.since))
}

/// None: config has ended.
async fn next_trial(facts: &mut watch::Receiver<Arc<ConfigFacts>>) -> Option<Trial> {
    let found = facts.wait_for(|facts| on_trial(facts).is_some()).await;
    found.ok().and_then(|facts| on_trial(&facts))
}

/// What our own socket says to `GET /readyz`; none if it says nothing in time.
async fn readyz(socket: &Path) -> Option<u16> {
    let exchange = async {
        let mut stream = UnixStream::connect(socket).await?;
        let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut line = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut line).await?;
        Ok::<_, std::io::Error>(line)
    };
    let line = timeout(PATIENCE, exchange).await.ok()?.ok()?;
    std::str::from_utf8(line.get("HTTP/1.1 ".len()..)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn a_socket_that_answers_is_told_from_one_that_does_not() {
        let top = tempfile::tempdir().unwrap();
        let socket = top.path().join("s");
        assert_eq!(readyz(&socket).await, None);
        let listener = UnixListener::bind(&socket).unwrap();
        let answer = async |text: &'static [u8]| {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 11];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(&head, b"GET /readyz");
            stream.write_all(text).await.unwrap();
        };
        let full = b"HTTP/1.1 503 Service Unavailable\r\n\r\n";
        let (code, ()) = tokio::join!(readyz(&socket), answer(full));
        assert_eq!(code, Some(503));
        let (code, ()) = tokio::join!(readyz(&socket), answer(b"nonsense"));
        assert_eq!(code, None);
    }
}
