//! `wasl run`.

use std::net::SocketAddr;

use super::owner::become_owner;
use super::{Failure, Place};
use crate::daemon::{self, Options};
use crate::intake::socket_path;
use crate::seam::keep_little;
use crate::settings::{Local, loopback};

/// How to run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Serve HTTP on this address too; loopback only
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<SocketAddr>,
}

/// Runs the daemon until it is told to stop.
pub fn run(place: &Place, args: &Args) -> Result<(), Failure> {
    keep_little();
    // Before anything else: nothing works without the socket.
    socket_path(&place.data_dir)?;
    become_owner(place, false)?;
    let mut local = Local::load(&place.data_dir)?;
    if let Some(http) = args.http {
        loopback("--http", http)?;
        local.machine.intake_http = Some(http);
    }
    let (dir, key_file) = (place.data_dir.clone(), place.key_file.clone());
    Ok(daemon::run(Options { dir, key_file, local })?)
}
