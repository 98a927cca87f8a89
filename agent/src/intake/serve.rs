//! The sockets: one in the data dir, and on loopback TCP where the machine's own settings and the
//! edition in force say.

use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header, uri::Authority};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::Problem;
use super::follow::Follow;
use crate::config::InForce;
use crate::facts::HttpFacts;

/// The name of the socket in the data dir.
pub const SOCKET: &str = "wasl.sock";

/// The longest path of a unix socket: `sun_path` holds 108 bytes, the last of them a zero.
const SOCKET_PATH_BYTES: usize = 107;

/// Only the daemon's own user may talk to it.
const SOCKET_MODE: u32 = 0o600;

/// A socket that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The data dir's path is too long for a socket in it.
    #[error(
        "{}: too long for a socket: {} bytes, at most {SOCKET_PATH_BYTES}",
        .0.display(), .0.as_os_str().len()
    )]
    PathTooLong(PathBuf),
    /// The system refuses it.
    #[error("{at}: cannot listen: {why}")]
    Listen {
        /// The path or the address.
        at: String,
        /// What the system says.
        why: io::Error,
    },
}

impl IntakeError {
    /// What the reader can do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::PathTooLong(_) => "use a data dir with a shorter path, such as /var/lib/wasl",
            Self::Listen { .. } => "name another address, or stop whatever uses this one",
        }
    }
}

/// Where the socket of the installation at `dir` is, if a socket can be there.
pub fn socket_path(dir: &Path) -> Result<PathBuf, IntakeError> {
    let path = dir.join(SOCKET);
    if path.as_os_str().len() > SOCKET_PATH_BYTES {
        return Err(IntakeError::PathTooLong(path));
    }
    Ok(path)
}

/// The open sockets: from here on callers can connect, and wait to be served.
#[derive(Debug)]
pub struct Listeners {
    unix: UnixListener,
    path: PathBuf,
    /// Is the socket ours to remove?
    ours: bool,
    tcp: Option<TcpListener>,
    facts: watch::Sender<HttpFacts>,
}

impl Listeners {
    /// Opens the socket in `dir`, and `http` if given. The caller holds the lock of `dir`, so a
    /// socket that is there belongs to a daemon that died; unless it is `given`: then whoever gave
    /// it keeps it open and in its place, before us and after us.
    pub async fn open(
        dir: &Path,
        given: Option<std::os::unix::net::UnixListener>,
        http: Option<SocketAddr>,
    ) -> Result<Self, IntakeError> {
        let path = socket_path(dir)?;
        let failed = |why| IntakeError::Listen { at: path.display().to_string(), why };
        let ours = given.is_none();
        let unix = match given {
            Some(given) => UnixListener::from_std(given),
            None => bind(&path),
        };
        let unix = unix.map_err(failed)?;
        let tcp = match http {
            None => None,
            Some(addr) => {
                let bound = TcpListener::bind(addr).await;
                Some(bound.map_err(|why| IntakeError::Listen { at: addr.to_string(), why })?)
            }
        };
        Ok(Self { unix, path, ours, tcp, facts: watch::Sender::default() })
    }

    /// The path of the socket.
    pub fn socket(&self) -> &Path {
        &self.path
    }

    /// The address of HTTP over TCP, if it is served.
    pub fn http(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }

    /// How it goes with the address that the edition in force names.
    pub fn facts(&self) -> watch::Receiver<HttpFacts> {
        self.facts.subscribe()
    }

    /// Serves until `stop` says true and the requests under way are answered; then the socket is
    /// removed, if it is ours.
    pub async fn serve(
        self,
        router: Router,
        in_force: watch::Receiver<Arc<InForce>>,
        stop: watch::Receiver<bool>,
    ) {
        let stopped = |mut stop: watch::Receiver<bool>| async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let own = self.http();
        let unix = axum::serve(self.unix, router.clone());
        let unix = unix.with_graceful_shutdown(stopped(stop.clone()));
        let router = router.layer(middleware::from_fn(loopback_host));
        let follow = Follow { router: router.clone(), own, in_force, facts: self.facts };
        let follow = follow.serve(stop.clone());
        let tcp = async {
            let Some(tcp) = self.tcp else { return Ok(()) };
            axum::serve(tcp, router).with_graceful_shutdown(stopped(stop)).await
        };
        let (unix, tcp, ()) = tokio::join!(unix.into_future(), tcp, follow);
        for ended in [unix, tcp] {
            if let Err(why) = ended {
                tracing::error!(%why, "a socket of intake failed");
            }
        }
        if self.ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Puts the socket where one may have been left behind.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let unix = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(unix)
}

/// A page of a foreign site that had its name point here (DNS rebinding) must not read records:
/// over TCP only requests that name this machine are answered.
pub(super) async fn loopback_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok());
    let authority = host.and_then(|h| h.parse::<Authority>().ok());
    let here = authority.is_some_and(|a| {
        let name = a.host().trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    if here {
        return next.run(request).await;
    }
    let (code, title) = ("wrong-host", "Wrong host");
    let detail = "the Host header must name this machine, such as localhost or 127.0.0.1";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, code, title, detail).into_response()
}
