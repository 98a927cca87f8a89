//! `wasl status`.

use std::io::IsTerminal as _;

use super::client::{NoDaemon, talk};
use super::{Exit, Failure, Place, block_on, print, print_json};
use crate::seam::World;
use crate::status::{STALE_AFTER_MS, Status, Style, newest, table};

/// Says how the office is; what a stopped daemon left is shown as unknown.
pub fn status(place: &Place) -> Result<(), Failure> {
    let dir = &place.data_dir;
    let asked = block_on(async {
        let work = async |mut client: super::client::Client| {
            client.document::<Status>("status", "/v1/status").await
        };
        Ok(talk(dir, work).await)
    })?;
    let status = match asked {
        Ok(answer) => answer?,
        Err(NoDaemon::Stopped(_)) => left_behind(place)?,
        Err(NoDaemon::Failed(failure)) => return Err(failure),
    };
    if place.json {
        return print_json(&status);
    }
    let now = jiff::Timestamp::from_millisecond(World::real().clock.unix().0);
    print(&table(&status, now.unwrap_or(status.as_of), style()))
}

/// What the daemon last wrote before it stopped.
fn left_behind(place: &Place) -> Result<Status, Failure> {
    let dir = &place.data_dir;
    let nothing = |e: crate::status::StatusFileError| {
        Failure::new(Exit::Failed, format!("status: {e}"))
            .help(format!("start the daemon: wasl run --data-dir {}", dir.display()))
    };
    let (status, age_ms) = newest(dir, World::real().clock.unix()).map_err(nothing)?;
    let stale = if age_ms > STALE_AFTER_MS { "STALE: " } else { "" };
    let since = status.as_of;
    eprintln!("{}: the daemon is stopped; this was so at {since}", dir.display());
    Ok(status.no_longer(format!("{stale}the daemon is stopped; this was so at {since}")))
}

/// Colour only on a terminal, and only if nobody objects (no-color.org).
fn style() -> Style {
    let objects = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if std::io::stdout().is_terminal() && !objects { Style::Coloured } else { Style::Plain }
}
