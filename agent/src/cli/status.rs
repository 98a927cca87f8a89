//! `wasl status`.

use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use wasl_shown::screen::{self, Screen};

use super::hear::{hear, now};
use super::{Failure, Place, block_on, print, print_json};
use crate::status::{Look, Style, table};

/// How often it is drawn again with `--watch`.
const DRAWN_EVERY: Duration = Duration::from_secs(2);

/// How many columns a table has where no terminal says otherwise, and at most.
const COLUMNS: usize = 100;

/// Fewer columns than this are not kept to.
const LEAST_COLUMNS: usize = 40;

/// How the status is shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Draw it again every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Show every fact and every moment too
    #[arg(long)]
    full: bool,
}

/// Says how the office is; what no live daemon tells is shown as last known.
pub fn status(place: &Place, args: &Args) -> Result<(), Failure> {
    if args.watch {
        return block_on(watch(place, args));
    }
    let heard = block_on(hear(&place.data_dir))?;
    if place.json {
        return print_json(&heard.document());
    }
    print(&table(&heard.document(), look(args)))
}

/// Draws until a signal comes; on a terminal always in the same place, and the last table stays.
async fn watch(place: &Place, args: &Args) -> Result<(), Failure> {
    let drawn_over = std::io::stdout().is_terminal() && !place.json;
    let catch = |kind| signal(kind).map_err(|e| Failure::io("signals", &e));
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    let mut last = String::new();
    let drawing = async {
        let unwritten = |e| Failure::io("the terminal", &e);
        let screen = drawn_over.then(Screen::enter).transpose().map_err(unwritten)?;
        loop {
            last = told(place, args).await?;
            match &screen {
                Some(screen) => screen.draw(&last).map_err(unwritten)?,
                None => print(&last)?,
            }
            tokio::time::sleep(DRAWN_EVERY).await;
        }
    };
    let ended: Result<(), Failure> = tokio::select! {
        ended = drawing => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if drawn_over {
        print(&last)?;
    }
    ended
}

/// One answer; a daemon that says nothing and left nothing is no reason to stop watching.
async fn told(place: &Place, args: &Args) -> Result<String, Failure> {
    let heard = hear(&place.data_dir).await;
    match heard {
        Ok(heard) if place.json => {
            let text = serde_json::to_string(&heard.document());
            let failed = |e| Failure::new(super::Exit::Failed, format!("no JSON: {e}"));
            Ok(text.map_err(failed)? + "\n")
        }
        Ok(heard) => Ok(table(&heard.document(), look(args))),
        Err(failure) if place.json => Err(failure),
        Err(failure) => Ok(format!("UNKNOWN  {}\n", failure.message)),
    }
}

fn look(args: &Args) -> Look {
    let columns =
        screen::size().map_or(COLUMNS, |(columns, _)| columns).clamp(LEAST_COLUMNS, COLUMNS);
    Look { now: now(), style: style(), columns, full: args.full }
}

/// Colour only on a terminal, and only if nobody objects (no-color.org).
fn style() -> Style {
    let objects = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if std::io::stdout().is_terminal() && !objects { Style::Coloured } else { Style::Plain }
}
