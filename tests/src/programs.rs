//! This binary as `wasl` and as `wasl-hq`.
//!
//! `cargo run --bin wasl-demo` builds only its own package, so the demo starts *itself*:
//! `wasl-demo __as wasl ARGS` is `wasl ARGS`.

use rustix::process::{Signal, set_parent_process_death_signal};
use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

/// The argument by which this binary is told to be another program.
pub const AS: &str = "__as";

/// One of our programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The office daemon and its command line.
    Wasl,
    /// The reference central server and its command line.
    WaslHq,
}

impl Program {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wasl => "wasl",
            Self::WaslHq => "wasl-hq",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Runs the program that the arguments ask for, if they ask for one.
///
/// Whoever is started so dies with the thread that started it: nothing survives a demo or a test
/// that is killed.
pub fn called_as(args: &[OsString]) -> Option<ExitCode> {
    let name = args.get(2).filter(|_| args.get(1).is_some_and(|a| a == AS))?;
    set_parent_process_death_signal(Some(Signal::KILL)).ok()?;
    let args = args[2..].iter().cloned();
    match name.to_str()? {
        "wasl" => Some(wasl_agent::main(args)),
        "wasl-hq" => Some(wasl_server_stub::main(args)),
        _ => None,
    }
}
