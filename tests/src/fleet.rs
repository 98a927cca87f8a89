//! HQ and offices in one folder, each a real process, each office behind its own link.
//!
//! ```text
//! ROOT/hq  ROOT/hq.config-key  ROOT/ID  ROOT/ID.key  ROOT/ID.log
//! ```

use crate::http::{Http, HttpError};
use crate::process::{Binary, Daemon, ProcessError, finish, run};
use crate::programs::Program;
use crate::sample;
use crate::wire::Link;
use hyper::body::Bytes;
use rustix::process::Pid;
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use wasl_protocol::join::{JoinToken, NotAJoinToken};

/// By how many seconds a program's wall clock is off, in tests.
const CLOCK_OFFSET: &str = "WASL_CLOCK_OFFSET_S";

/// Something of the fleet that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A daemon's HTTP.
    #[error("{0}: {1}")]
    Http(String, HttpError),
    /// A file or socket.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What `office add` printed.
    #[error("`wasl-hq office add` printed something else: {0}")]
    Token(#[from] NotAJoinToken),
}

/// One installation of one of our programs, running or not.
#[derive(Debug)]
pub struct Installation {
    binary: Binary,
    program: Program,
    name: String,
    root: PathBuf,
    dir: PathBuf,
    clock_offset_s: i64,
    overheard: bool,
    daemon: Option<Daemon>,
}

impl Installation {
    fn new(binary: &Binary, program: Program, name: &str, root: &Path) -> Self {
        Self {
            binary: binary.clone(),
            program,
            name: name.to_string(),
            root: root.to_path_buf(),
            dir: root.join(name),
            clock_offset_s: 0,
            overheard: false,
            daemon: None,
        }
    }

    /// Which program it is of.
    pub fn program(&self) -> Program {
        self.program
    }

    /// Its data dir.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The stderr of its daemon, of all its lives.
    pub fn log(&self) -> PathBuf {
        self.root.join(format!("{}.log", self.name))
    }

    /// From now on keeps what it says of itself, where [`Self::said`] lie: what its commands say on
    /// stderr, and, when this is dropped, what its daemon tells monitoring systems.
    pub fn overhear(&mut self) {
        self.overheard = true;
    }

    /// The files with what was overheard of it: some may not be there.
    pub fn said(&self) -> [PathBuf; 3] {
        ["stderr", "metrics", "status"].map(|what| self.root.join(format!("{}.{what}", self.name)))
    }

    /// Writes down what its daemon tells monitoring systems, if it runs and answers.
    pub fn listen(&self) -> Result<(), FleetError> {
        if self.daemon.is_none() {
            return Ok(());
        }
        let [_, metrics, status] = self.said();
        let told = self.http()?.send("GET", "/metrics", Bytes::new());
        let (_, told) = told.map_err(|e| FleetError::Http(self.name.clone(), e))?;
        fs::write(metrics, told)?;
        fs::write(status, self.status()?.to_string())?;
        Ok(())
    }

    fn keep_stderr(&self, said: &[u8]) -> Result<(), FleetError> {
        if self.overheard {
            let [stderr, ..] = self.said();
            let mut file = OpenOptions::new().create(true).append(true).open(stderr)?;
            file.write_all(said)?;
        }
        Ok(())
    }

    /// A command on it: `words`, then the data dir.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.binary.command(self.program, &self.args(words));
        if self.clock_offset_s != 0 {
            command.env(CLOCK_OFFSET, self.clock_offset_s.to_string());
        }
        command
    }

    /// Sets the wall clock of whatever is started from now on off by so many seconds.
    pub fn set_clock_off(&mut self, seconds: i64) {
        self.clock_offset_s = seconds;
    }

    fn args(&self, words: &[&str]) -> Vec<OsString> {
        let mut args: Vec<OsString> = words.iter().map(OsString::from).collect();
        args.extend(["--data-dir".into(), self.dir.clone().into_os_string()]);
        args
    }

    /// Runs a command on it to its end, with `input` on its stdin.
    pub fn output(&self, words: &[&str], input: &[u8]) -> Result<Output, FleetError> {
        let out = finish(self.command(words), input)?;
        self.keep_stderr(&out.stderr)?;
        Ok(out)
    }

    /// Runs a command on it; an exit code other than 0 is an error.
    pub fn call(&self, words: &[&str]) -> Result<String, FleetError> {
        let done = run(self.command(words));
        if let Err(ProcessError::Failed { said, .. }) = &done {
            self.keep_stderr(said.as_bytes())?;
        }
        Ok(done?)
    }

    /// Starts its daemon, without waiting for it.
    pub fn start(&mut self) -> Result<(), FleetError> {
        self.daemon = Some(Daemon::start(self.command(&["run"]), &self.log())?);
        Ok(())
    }

    /// Waits until its daemon is ready.
    ///
    /// # Panics
    /// If it was not started.
    pub fn ready(&self) -> Result<Value, FleetError> {
        let daemon = self.daemon.as_ref().expect("started before it is waited for");
        Ok(daemon.ready()?)
    }

    /// Starts its daemon and waits until it is ready.
    pub fn run(&mut self) -> Result<Value, FleetError> {
        self.start()?;
        self.ready()
    }

    /// Asks its daemon to stop, without waiting.
    pub fn ask_to_stop(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.ask_to_stop();
        }
    }

    /// Stops its daemon; true if it ended by itself with exit code 0.
    pub fn stop(&mut self) -> bool {
        self.daemon.take().and_then(Daemon::stop).is_some_and(|status| status.success())
    }

    /// How its daemon ended by itself, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.daemon.as_mut()?.ended()
    }

    /// The process id of its daemon, if one was started.
    pub fn pid(&self) -> Option<Pid> {
        self.daemon.as_ref()?.pid()
    }

    /// `kill -9` of its daemon.
    pub fn kill(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.kill();
        }
    }

    /// A connection to its daemon.
    pub fn http(&self) -> Result<Http, FleetError> {
        let socket = match self.program {
            Program::Wasl => "wasl.sock",
            Program::WaslHq => "hq.sock",
        };
        Http::connect(&self.dir.join(socket)).map_err(|e| FleetError::Http(self.name.clone(), e))
    }

    /// What its daemon answers to `GET path`.
    pub fn get(&self, path: &str) -> Result<Value, FleetError> {
        self.http()?.get(path).map_err(|e| FleetError::Http(self.name.clone(), e))
    }

    /// Its daemon's status.
    pub fn status(&self) -> Result<Value, FleetError> {
        self.get("/v1/status")
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if self.overheard && !std::thread::panicking() {
            // A daemon that was stopped, killed or held up says nothing any more.
            drop(self.listen());
        }
    }
}

/// Headquarters.
#[derive(Debug)]
pub struct Hq {
    /// Its installation.
    pub at: Installation,
    address: SocketAddr,
}

impl Hq {
    /// Makes a headquarters called `name` in `root`, on a free port of this machine.
    pub fn init(binary: &Binary, root: &Path, name: &str) -> Result<Self, FleetError> {
        let at = Installation::new(binary, Program::WaslHq, name, root);
        let address = free_port()?;
        at.call(&["init", "--listen", &address.to_string(), "--public", &address.to_string()])?;
        Ok(Self { at, address })
    }

    /// The headquarters called `name` that lies in `root` already, moved to a free port.
    pub fn moved(binary: &Binary, root: &Path, name: &str) -> Result<Self, FleetError> {
        let at = Installation::new(binary, Program::WaslHq, name, root);
        let (address, path) = (free_port()?, at.dir().join("hq.toml"));
        let moved = |line: &str| match line.split_once(" = ") {
            Some((key @ ("listen" | "public"), _)) => format!("{key} = \"{address}\"\n"),
            _ => format!("{line}\n"),
        };
        let settings: String = fs::read_to_string(&path)?.lines().map(moved).collect();
        fs::write(&path, settings)?;
        Ok(Self { at, address })
    }

    /// A headquarters called `name` that lies in `root` already and listens at `address`.
    pub fn again(binary: &Binary, root: &Path, name: &str, address: SocketAddr) -> Self {
        Self { at: Installation::new(binary, Program::WaslHq, name, root), address }
    }

    /// Where it listens for offices.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds an office and answers its join token.
    pub fn add(&self, office: &sample::Office) -> Result<JoinToken, FleetError> {
        let (ar, en) = (&office.name_ar, &office.name_en);
        let words = ["office", "add", &office.id, "--name-ar", ar, "--name-en", en];
        Ok(self.at.call(&words)?.parse()?)
    }
}

/// One office, behind its link.
#[derive(Debug)]
pub struct Office {
    /// Its id.
    pub id: String,
    /// Its installation.
    pub at: Installation,
    /// The link between it and HQ.
    pub link: Link,
}

impl Office {
    /// Joins an office through its link: the token leads to the link instead of to HQ.
    pub fn join(
        binary: &Binary,
        root: &Path,
        token: JoinToken,
        link: Link,
    ) -> Result<Self, FleetError> {
        let id = token.office.to_string();
        let at = Installation::new(binary, Program::Wasl, &id, root);
        at.call(&["join", &through(token, &link)])?;
        Ok(Self { id, at, link })
    }

    /// The office `id` that lies in `root` already, behind this link.
    pub fn moved(binary: &Binary, root: &Path, id: &str, link: Link) -> Result<Self, FleetError> {
        let at = Installation::new(binary, Program::Wasl, id, root);
        let path = at.dir().join("office.json");
        let mut joined: Value =
            serde_json::from_slice(&fs::read(&path)?).map_err(io::Error::from)?;
        joined["hq_endpoints"] = serde_json::json!([link.address().to_string()]);
        fs::write(&path, joined.to_string())?;
        Ok(Self { id: id.to_string(), at, link })
    }

    /// An installation in `root`, whether it has joined or not.
    pub fn stranger(binary: &Binary, root: &Path, name: &str, link: Link) -> Self {
        let at = Installation::new(binary, Program::Wasl, name, root);
        Self { id: name.to_string(), at, link }
    }
}

/// The token with its endpoint replaced by the near end of the link.
pub fn through(token: JoinToken, link: &Link) -> String {
    JoinToken { endpoints: vec![link.address().to_string()], ..token }.to_string()
}

/// A UDP port that is free now.
fn free_port() -> io::Result<SocketAddr> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
