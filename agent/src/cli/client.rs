//! Talks to the running daemon over its socket.

use std::io;
use std::path::{Path, PathBuf};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;

use super::{Exit, Failure};
use crate::intake::{Problem, socket_path};

/// A connection that failed to come about.
#[derive(Debug)]
pub enum NoDaemon {
    /// Nobody listens there.
    Stopped(PathBuf),
    /// Anything else.
    Failed(Failure),
}

impl From<NoDaemon> for Failure {
    fn from(e: NoDaemon) -> Self {
        match e {
            NoDaemon::Stopped(dir) => Self::stopped(&dir),
            NoDaemon::Failed(failure) => failure,
        }
    }
}

/// One connection to the daemon.
#[derive(Debug)]
pub struct Client {
    sender: http1::SendRequest<Body>,
    dir: PathBuf,
}

/// Connects to the daemon of `dir` and does `work` over the connection.
pub async fn talk<T>(
    dir: &Path,
    work: impl AsyncFnOnce(Client) -> Result<T, Failure>,
) -> Result<Result<T, Failure>, NoDaemon> {
    let path = socket_path(dir).map_err(|e| NoDaemon::Failed(e.into()))?;
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(e)
            if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
        {
            return Err(NoDaemon::Stopped(dir.to_owned()));
        }
        Err(e) => return Err(NoDaemon::Failed(Failure::io(path.display(), &e))),
    };
    let broken = |_| NoDaemon::Stopped(dir.to_owned());
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let work = work(Client { sender, dir: dir.to_owned() });
    let (mut work, mut connection) = (std::pin::pin!(work), std::pin::pin!(connection));
    tokio::select! {
        done = &mut work => return Ok(done),
        // Whatever ended it, the work hears of it through its own request.
        _ = &mut connection => {}
    }
    Ok(work.await)
}

impl Client {
    /// Sends a request; its answer may still be a refusal.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Body)>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, "localhost");
        let (kind, body) = body.map_or((None, Body::empty()), |(kind, body)| (Some(kind), body));
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(body);
        let request = request.map_err(|e| Failure::new(Exit::Usage, format!("{path}: {e}")))?;
        self.sender.send_request(request).await.map_err(|_| self.gone())
    }

    /// The document in the answer to a GET, or what the daemon refused.
    pub async fn document<T: DeserializeOwned>(
        &mut self,
        what: &str,
        path: &str,
    ) -> Result<T, Failure> {
        let response = self.send(Method::GET, path, None).await?;
        self.read(what, response).await
    }

    /// The document in an answer, or what the daemon refused.
    pub async fn read<T: DeserializeOwned>(
        &self,
        what: &str,
        response: Response<Incoming>,
    ) -> Result<T, Failure> {
        let text = self.answer(what, response).await?;
        let strange = |e| Failure::new(Exit::Failed, format!("{what}: a strange answer: {e}"));
        serde_json::from_slice(&text).map_err(strange)
    }

    /// Replaces what `token` says was read; the record as it is then.
    pub async fn patch(
        &mut self,
        what: &str,
        path: &str,
        token: &str,
        body: String,
    ) -> Result<Value, Failure> {
        let request = Request::patch(path).header(header::HOST, "localhost");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = request.header(header::IF_MATCH, token).body(Body::from(body));
        let request = request.map_err(|e| Failure::new(Exit::Usage, format!("{path}: {e}")))?;
        let response = self.sender.send_request(request).await.map_err(|_| self.gone())?;
        self.read(what, response).await
    }

    /// The whole body of an answer, or what the daemon refused.
    pub async fn answer(&self, what: &str, response: Response<Incoming>) -> Result<Bytes, Failure> {
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|_| self.gone())?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal(what, status, &body))
    }

    /// The daemon went away in the middle.
    pub fn gone(&self) -> Failure {
        let what = self.dir.display();
        Failure::new(Exit::Again, format!("{what}: the daemon went away before it answered"))
    }
}

fn refusal(what: &str, status: StatusCode, body: &[u8]) -> Failure {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Failure::problem(what, &problem),
        Err(_) => Failure::new(Exit::Failed, format!("{what}: the daemon answered {status}")),
    }
}
