//! `run`: the daemon. Also the runtimes under all commands.

use std::future::Future;
use std::io;
use std::path::Path;

use tokio::runtime::Builder;

use crate::daemon;
use crate::seam::World;

use super::args::Run;
use super::failure::{FAILED, Failure, SETTINGS};
use super::owner::become_owner;

/// The database in the data dir.
pub(super) const SQLITE: &str = "sqlite:";

/// Runs HQ until it is told to stop.
pub(super) fn run(dir: &Path, options: &Run, world: World) -> Result<(), Failure> {
    if options.store != SQLITE {
        let why = "this version keeps its database in the data dir only";
        return Err(Failure::new(SETTINGS, "--store", why)
            .help(format!("leave --store out, or say `--store {SQLITE}`")));
    }
    become_owner(dir)?;
    if let Some(http) = options.http.filter(|http| !http.ip().is_loopback()) {
        let why = format!("{http}: HTTP without TLS is served on loopback only");
        return Err(Failure::new(SETTINGS, "--http", why)
            .help("say `--http 127.0.0.1:8781`, and reach it through an ssh tunnel"));
    }
    daemon::start_log();
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(FAILED, "threads", e))?;
    Ok(runtime.block_on(daemon::run(dir, options.http, (world, io::stdout())))?)
}

/// Runs a command that asks and ends.
pub(super) fn short(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Failure::new(FAILED, "threads", e))?.block_on(command)
}
