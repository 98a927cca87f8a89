//! The monitoring plugin's one line and exit code. Pure.
//!
//! `WORD - HQ: what is so | label=value;warn;crit` as the Monitoring Plugins guidelines want it.

use std::fmt::{self, Write as _};

use super::document::{Overall, Severity, Status};
use super::{Freshness, codes};

/// How many things that are wrong one line names.
const NAMED: usize = 3;

/// What a monitoring system is told. The number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// All is well.
    Ok = 0,
    /// Something wants attention.
    Warning = 1,
    /// Something wants attention now.
    Critical = 2,
    /// It cannot be told.
    Unknown = 3,
}

/// One line for a monitoring system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The exit code.
    pub state: State,
    text: String,
    figures: String,
}

impl Verdict {
    /// Of what HQ says, or of what the database of a stopped one holds.
    pub fn of(status: &Status) -> Self {
        let state = match status.overall {
            Overall::Ok => State::Ok,
            Overall::Warn => State::Warning,
            Overall::Crit => State::Critical,
            Overall::Unknown => State::Unknown,
        };
        let text = format!("HQ: {}", what(status));
        // Figures of a stopped HQ would pass for new ones.
        let figures = if status.running { figures(status) } else { String::new() };
        Self { state, text, figures }
    }

    /// Of a HQ that is not there, and of which nothing else is known: `why`.
    pub fn down(why: &str) -> Self {
        let text = format!("HQ: {}; nor can its database be read: {why}", codes::STOPPED.title);
        Self { state: State::Critical, text, figures: String::new() }
    }

    /// Of nothing.
    pub fn unknown(why: &str) -> Self {
        Self { state: State::Unknown, text: format!("HQ: {why}"), figures: String::new() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.state {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
            State::Unknown => "UNKNOWN",
        };
        // A bar would begin the figures, and a new line the long output.
        write!(f, "{word} - {}", self.text.replace('|', "/").replace('\n', " "))?;
        if self.figures.is_empty() { Ok(()) } else { write!(f, " | {}", self.figures) }
    }
}

/// What is wrong, or the summary where nothing is. What something else explains is left out.
fn what(status: &Status) -> String {
    if !status.running {
        return format!("{}: {}", codes::STOPPED.title, codes::STOPPED.means);
    }
    let wrong = status.warnings.iter();
    let wrong = wrong.filter(|w| w.severity > Severity::Info && w.depends_on.is_empty());
    let wrong: Vec<_> = wrong.map(|w| format!("{} ({})", w.title, w.text)).collect();
    match wrong.len() {
        0 => status.summary.clone(),
        n @ 1..=NAMED => wrong[..n].join("; "),
        n => format!("{}; and {} more", wrong[..NAMED].join("; "), n - NAMED),
    }
}

/// The offices by their words, what people have to look at, and the disk.
fn figures(status: &Status) -> String {
    let totals = &status.totals;
    let mut text = format!("offices={};;;0 connected={};;;0", totals.offices, totals.connected);
    let mut add = |name: &str, figure: u64, limits: &str| {
        let _ = write!(text, " {name}={figure};{limits};0");
    };
    for word in Freshness::ALL {
        let limits = match word {
            Freshness::Late => "0;",
            Freshness::Lost => ";0",
            _ => ";",
        };
        let number = totals.freshness.get(&word).copied().unwrap_or(0);
        add(&word.as_str().to_lowercase(), number, limits);
    }
    add("records", totals.records, ";");
    add("conflicts", totals.conflicts, ";");
    add("held", totals.held, "0;");
    let database = &status.database;
    let _ = write!(text, " db={}B;;;0 free={}B;;;0", database.bytes, database.free_bytes);
    text
}
