//! The newcomer's first command: HQ and the fourteen offices as real processes on this machine.
//!
//! It joins them, enrolls the sample while some links are cut, waits until all is synced, and proves
//! that HQ and every office hold the same records. Then two people write the same field of a record
//! at both ends of a cut link, headquarters decides, and the proof holds again. It leaves nothing
//! behind.

mod board; // what the demo shows while it goes on
mod day; // everybody enrolls, some links are cut and restored
mod hands; // two hands on one record, a conflict and its end
mod interrupt; // Ctrl-C
mod proof; // HQ and every office hold equal states
mod stages; // the acts, one behind the other
mod summary; // what it says at its end

use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Wasl on one machine: headquarters and the fourteen offices of Dhi Qar, as real processes.
#[derive(Debug, Parser)]
#[command(name = "wasl-demo", version)]
pub struct Options {
    /// Go on running when all is shown, and print what to try next.
    #[arg(long)]
    keep: bool,
    /// Decides which links are cut and when.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
}

/// The exit code of usage errors (`sysexits.h`).
const USAGE: u8 = 64;

/// Exit code of a program ended by Ctrl-C: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Runs the demo with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(asked) => {
            drop(asked.print());
            return ExitCode::from(if asked.use_stderr() { USAGE } else { 0 });
        }
    };
    match stages::play(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stages::DemoError::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(why) => {
            eprintln!("error: the demo failed: {why}");
            ExitCode::FAILURE
        }
    }
}
