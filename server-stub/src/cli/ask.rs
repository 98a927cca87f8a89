//! The console: over its socket, or, while HQ is stopped, the same routes over its database.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;
use wasl_protocol::units::UnixMs;

use crate::console::{Console, Problem};
use crate::daemon::socket_path;
use crate::registry::HqKeys;
use crate::seam::World;
use crate::settings;
use crate::status::Status;
use crate::store::{DATABASE, Store};

use super::failure::{AGAIN, FAILED, Failure, PERMISSION};
use super::owner::become_owner;

/// Asks the console of one installation.
pub(super) struct Asker {
    dir: PathBuf,
    world: World,
    json: bool,
}

/// How long HQ may take to say how it is. `check` has 5 s for everything.
const STATUS_PATIENCE: Duration = Duration::from_secs(4);

enum Door {
    Running(UnixStream),
    Stopped(Console),
}

impl Asker {
    /// Asks the console of the HQ in `dir`.
    pub fn new(dir: PathBuf, world: World, json: bool) -> Self {
        Self { dir, world, json }
    }

    /// The data dir.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What time it is here.
    pub fn now(&self) -> UnixMs {
        self.world.clock.unix()
    }

    /// Shows a document: as JSON where that was asked for, else as `people` read it.
    pub fn show<T: Serialize>(
        &self,
        document: &T,
        people: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            print(&serde_json::json!(document).to_string())
        } else {
            print(&people(document))
        }
    }

    /// Reads a document. Of a stopped HQ it comes from the database.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Request::get(path), Full::default()).await
    }

    /// Changes something; only a running HQ can.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(Request::post(path), body).await
    }

    /// Replaces what `token` says was read; only a running HQ can.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        token: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(Request::patch(path).header(header::IF_MATCH, token), body).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: Builder,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).expect("our documents are JSON");
        self.call(request, Full::from(body)).await
    }

    /// How HQ is; a stopped one says so in the document. One that hangs is given up soon.
    pub async fn status(&self) -> Result<Status, Failure> {
        let asked =
            timeout(STATUS_PATIENCE, self.exchange(Request::get("/v1/status"), Full::default()));
        let answer = asked.await.map_err(|_| {
            let why = format!("it hangs: no answer within {} s", STATUS_PATIENCE.as_secs());
            Failure::new(AGAIN, "HQ", why).help("`journalctl -u wasl-hq` may say why")
        })?;
        understood(&answer?)
    }

    /// Is nobody there on the socket of an installation?
    pub async fn is_down(&self) -> bool {
        let Ok(path) = socket_path(&self.dir) else { return false };
        let nobody = |e: io::Error| {
            matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
        };
        self.dir.join(settings::FILE).exists()
            && UnixStream::connect(&path).await.is_err_and(nobody)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        request: Builder,
        body: Full<Bytes>,
    ) -> Result<T, Failure> {
        let answer = self.exchange(request, body).await?;
        if answer.of_the_database {
            eprintln!("note: HQ is not running; this is what its database holds");
        }
        understood(&answer)
    }

    async fn exchange(&self, request: Builder, body: Full<Bytes>) -> Result<Answer, Failure> {
        let request = request
            .header(header::HOST, "wasl-hq")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .expect("a path of ours is a URI, and a token a header");
        let reading = request.method() == Method::GET;
        let (running, (status, bytes)) = match self.door().await? {
            Door::Running(stream) => (true, over(stream, request).await?),
            Door::Stopped(console) => (false, read(console.answer(request).await).await?),
        };
        Ok(Answer { status, bytes, of_the_database: reading && !running })
    }

    async fn door(&self) -> Result<Door, Failure> {
        let path = socket_path(&self.dir)?;
        match UnixStream::connect(&path).await {
            Ok(stream) => Ok(Door::Running(stream)),
            Err(e) => match e.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    Ok(Door::Stopped(self.stopped().await?))
                }
                io::ErrorKind::PermissionDenied => {
                    let what = path.display().to_string();
                    Err(Failure::new(PERMISSION, &what, e).help("be the user that runs HQ"))
                }
                _ => Err(Failure::new(AGAIN, &path.display().to_string(), e)),
            },
        }
    }

    async fn stopped(&self) -> Result<Console, Failure> {
        let store = self.database().await?;
        Ok(Console { store, world: self.world.clone(), live: None })
    }

    /// The database itself, for reading, whether HQ runs or not; as the user that owns it.
    pub async fn database(&self) -> Result<Store, Failure> {
        become_owner(&self.dir)?;
        let keys = HqKeys::load(&self.dir)?;
        let path = self.dir.join(DATABASE);
        Ok(Store::read_only(&path, &keys, self.world.clone()).await?)
    }
}

/// What the console said.
struct Answer {
    status: hyper::StatusCode,
    bytes: Vec<u8>,
    /// Was it read from the database of a stopped HQ?
    of_the_database: bool,
}

fn understood<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    let garbled = |e| Failure::new(FAILED, "HQ's answer", e).help("versions may not fit");
    if answer.status.is_success() {
        serde_json::from_slice(&answer.bytes).map_err(garbled)
    } else {
        Err(serde_json::from_slice::<Problem>(&answer.bytes).map_err(garbled)?.into())
    }
}

/// Prints a result. A reader that has read enough, such as `head`, is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(FAILED, "stdout", e)),
        _ => Ok(()),
    }
}

async fn over(
    stream: UnixStream,
    request: Request<Full<Bytes>>,
) -> Result<(hyper::StatusCode, Vec<u8>), Failure> {
    let lost = |e| Failure::new(AGAIN, "HQ did not answer", e).help("is it stopping? try again");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    // The connection is driven until all of the answer is there.
    let answer = async { read(sender.send_request(request).await.map_err(lost)?).await };
    tokio::select! {
        biased;
        answer = answer => answer,
        ended = connection => Err(match ended {
            Ok(()) => Failure::new(AGAIN, "HQ did not answer", "the connection ended"),
            Err(e) => lost(e),
        }),
    }
}

async fn read<B>(response: Response<B>) -> Result<(hyper::StatusCode, Vec<u8>), Failure>
where
    B: hyper::body::Body,
    B::Error: std::fmt::Display,
{
    let status = response.status();
    let body = response.into_body().collect().await;
    let body = body.map_err(|e| Failure::new(AGAIN, "HQ's answer was cut short", e))?;
    Ok((status, body.to_bytes().to_vec()))
}
