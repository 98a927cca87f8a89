//! The binary `wasl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasl_agent::main(std::env::args_os())
}
