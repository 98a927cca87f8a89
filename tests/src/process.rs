//! Programs as processes: start, wait for the ready line, stop, kill. Knows nothing of offices.

use crate::clock;
use crate::programs::{AS, Program};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a daemon may take to say that it is ready.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a daemon may take to stop when it is asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The most lines of a daemon's stdout that wait to be read: it prints one.
const LINES_WAITING: usize = 16;

/// How many bytes of a daemon's log an error quotes.
const QUOTED_BYTES: usize = 2_000;

/// A process that did not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started, or spoken to.
    #[error("cannot run {what}: {source}")]
    Io {
        /// The command line.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with another exit code than 0.
    #[error("`{what}` ended with {status}: {said}")]
    Failed {
        /// The command line.
        what: String,
        /// How.
        status: ExitStatus,
        /// What it said on stderr.
        said: String,
    },
    /// A daemon that did not say it was ready.
    #[error("`{what}` did not become ready: {said}")]
    NotReady {
        /// The command line.
        what: String,
        /// The end of its log.
        said: String,
    },
}

/// How to start our programs: the binary that can be both.
#[derive(Clone, Debug)]
pub struct Binary(PathBuf);

impl Binary {
    /// The binary at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// A command that runs `program`. Its data dirs come from arguments only.
    pub fn command<A: AsRef<OsStr>>(&self, program: Program, args: &[A]) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(AS).arg(program.name()).args(args).stdin(Stdio::null());
        command.env_remove("WASL_DATA_DIR").env_remove("WASL_HQ_DATA_DIR");
        command
    }
}

/// Runs a command to its end and answers what it printed; an exit code other than 0 is an error.
pub fn run(command: Command) -> Result<String, ProcessError> {
    let what = line(&command);
    let out = finish(command, b"")?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&out.stderr).trim().to_string();
    Err(ProcessError::Failed { what, status: out.status, said })
}

/// Runs a command to its end with `input` on its stdin.
///
/// # Panics
/// Never: the pipes that it takes are those it asked for.
pub fn finish(mut command: Command, input: &[u8]) -> Result<Output, ProcessError> {
    let what = line(&command);
    let io = |source| ProcessError::Io { what: what.clone(), source };
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(io)?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    std::thread::scope(|scope| {
        // A program that ends before it has read everything is judged by how it ended.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().map_err(io)
    })
}

/// What a person would type: the program and its arguments.
fn line(command: &Command) -> String {
    let args: Vec<_> = command.get_args().skip(1).map(OsStr::to_string_lossy).collect();
    args.join(" ")
}

/// A program that goes on running. It is killed when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    what: String,
    log: PathBuf,
    lines: Mutex<Receiver<String>>,
}

impl Daemon {
    /// Starts it; its stderr goes to the end of the file `log`. Ctrl-C in a terminal does not reach
    /// it: whoever started it stops it.
    ///
    /// # Panics
    /// Never: the pipe that it takes is the one it asked for.
    pub fn start(mut command: Command, log: &Path) -> Result<Self, ProcessError> {
        let what = line(&command);
        let io = |source| ProcessError::Io { what: what.clone(), source };
        let stderr = OpenOptions::new().create(true).append(true).open(log).map_err(io)?;
        let command = command.process_group(0).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().map_err(io)?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, lines) = sync_channel(LINES_WAITING);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody waits for lines behind the first: they are read so that the pipe stays open.
                drop(sender.try_send(line));
            }
        });
        Ok(Self { child, what, log: log.to_path_buf(), lines: Mutex::new(lines) })
    }

    /// Waits for the line of JSON with `"ready": true` and answers it.
    pub fn ready(&self) -> Result<Value, ProcessError> {
        let end = clock::now() + READY_TIMEOUT;
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = end.saturating_duration_since(clock::now());
            match lines.recv_timeout(left) {
                Ok(line) => match serde_json::from_str::<Value>(&line) {
                    Ok(value) if value["ready"] == true => return Ok(value),
                    _ => {}
                },
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let (what, said) = (self.what.clone(), self.said());
                    return Err(ProcessError::NotReady { what, said });
                }
            }
        }
    }

    /// The end of its log.
    pub fn said(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = &log[log.len().saturating_sub(QUOTED_BYTES)..];
        String::from_utf8_lossy(tail).trim().to_string()
    }

    /// Its process id.
    pub fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Has it ended?
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to stop and waits; kills it if it does not.
    pub fn stop(mut self) -> Option<ExitStatus> {
        self.ask_to_stop();
        clock::until(STOP_TIMEOUT, || self.ended())
    }

    /// `kill -9`, now.
    pub fn kill(mut self) {
        self.end();
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // It may have ended by itself.
            let _ = kill_process(pid, signal);
        }
    }

    fn end(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
    }
}
