//! The command line: one file a command.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `wasl` with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let _ = args;
    ExitCode::FAILURE
}
