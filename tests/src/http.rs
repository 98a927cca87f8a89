//! The daemons' own HTTP, over their unix sockets. One connection, kept.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::request::Builder;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::runtime::{self, Runtime};

/// How long a daemon may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A request that was not answered with JSON.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The socket.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The connection.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// No answer in time.
    #[error("no answer to {0} in {ANSWER_TIMEOUT:?}")]
    Timeout(String),
    /// An answer that is not JSON.
    #[error("the answer to {0} is not JSON")]
    NotJson(String),
    /// An answer other than 2xx.
    #[error("{0} was answered with {1}")]
    Status(String, StatusCode),
}

/// A connection to one daemon.
#[derive(Debug)]
pub struct Http {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
}

impl Http {
    /// Connects to the socket at `path`.
    pub fn connect(path: &Path) -> Result<Self, HttpError> {
        let io = |source| HttpError::Io { path: path.to_path_buf(), source };
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
        let sender = runtime.block_on(async {
            let stream = UnixStream::connect(path).await.map_err(io)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            Ok::<_, HttpError>(sender)
        })?;
        Ok(Self { runtime, sender })
    }

    /// The JSON at `path`; anything but 2xx is an error.
    pub fn get(&mut self, path: &str) -> Result<Value, HttpError> {
        let (status, body) = self.send("GET", path, Bytes::new())?;
        if !status.is_success() {
            return Err(HttpError::Status(path.to_string(), status));
        }
        serde_json::from_slice(&body).map_err(|_| HttpError::NotJson(path.to_string()))
    }

    /// Sends `body`; answers status and body, whatever they are.
    ///
    /// # Panics
    /// If `method` or `path` cannot stand in a request.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), HttpError> {
        self.ask(Request::builder().method(method).uri(path), body)
    }

    /// Sends `body` with PATCH, as somebody who read what has this token; answers status and body,
    /// whatever they are.
    ///
    /// # Panics
    /// If `path` or `token` cannot stand in a request.
    pub fn patch(
        &mut self,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Result<(StatusCode, Bytes), HttpError> {
        let request = Request::builder().method("PATCH").uri(path).header("if-match", token);
        self.ask(request, body.to_string().into())
    }

    fn ask(&mut self, request: Builder, body: Bytes) -> Result<(StatusCode, Bytes), HttpError> {
        let path = request.uri_ref().map(ToString::to_string).unwrap_or_default();
        let request =
            request.header("host", "localhost").header("content-type", "application/json");
        let request = request.body(Full::new(body)).expect("the caller says what can be asked");
        let sender = &mut self.sender;
        self.runtime.block_on(async {
            let answer = async {
                sender.ready().await?;
                let answer = sender.send_request(request).await?;
                let status = answer.status();
                Ok((status, answer.into_body().collect().await?.to_bytes()))
            };
            let answer = tokio::time::timeout(ANSWER_TIMEOUT, answer).await;
            answer.unwrap_or_else(|_| Err(HttpError::Timeout(path)))
        })
    }
}
