//! `wasl status`.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::hear::{hear, now};
use super::{Failure, Place, block_on, print, print_json};
use crate::status::{Look, Style, table};

/// How often it is drawn again with `--watch`.
const DRAWN_EVERY: Duration = Duration::from_secs(2);

/// How many columns a table has where no terminal says otherwise, and at most.
const COLUMNS: usize = 100;

/// Fewer columns than this are not kept to.
const LEAST_COLUMNS: usize = 40;

/// Another screen, without a cursor; back to the one before it, with one.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// To the top; to the end of the line, and of the screen.
const HOME: &str = "\u{1b}[H";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

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
        let _screen = drawn_over.then(Screen::enter);
        loop {
            last = told(place, args).await?;
            if drawn_over {
                draw(&last)?;
            } else {
                print(&last)?;
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

/// Draws over what was drawn before, without a moment of nothing; what does not fit is left out.
fn draw(text: &str) -> Result<(), Failure> {
    let (_, rows) = size();
    let mut drawn = HOME.to_owned();
    for line in text.lines().take(rows.saturating_sub(1)) {
        drawn += line;
        drawn += CLEAR_LINE;
        drawn += "\r\n";
    }
    print(&(drawn + CLEAR_BELOW))
}

/// The other screen of a terminal. However drawing ends, the first one comes back.
struct Screen;

impl Screen {
    fn enter() -> Self {
        let _ = print(ENTER);
        Self
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
    }
}

fn look(args: &Args) -> Look {
    let columns = size().0.clamp(LEAST_COLUMNS, COLUMNS);
    Look { now: now(), style: style(), columns, full: args.full }
}

/// Colour only on a terminal, and only if nobody objects (no-color.org).
fn style() -> Style {
    let objects = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if std::io::stdout().is_terminal() && !objects { Style::Coloured } else { Style::Plain }
}

/// Columns and rows of the terminal; plenty where there is none.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (COLUMNS, usize::MAX),
    }
}
