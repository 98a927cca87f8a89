//! `wasl-hq`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasl_server_stub::main(std::env::args_os())
}
