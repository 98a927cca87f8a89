//! The binary `wasl-demo`: the newcomer's first command.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    wasl_tests::programs::called_as(&args).unwrap_or_else(|| wasl_tests::demo::main(args))
}
