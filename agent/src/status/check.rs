//! The monitoring plugin's one line and exit code, from what could be heard. Pure.
//!
//! `WORD - OFFICE: what is so | label=value;warn;crit` as the Monitoring Plugins guidelines want it.

use std::fmt::{self, Write as _};

use super::document::{Overall, Severity, Status, Thresholds};
use super::file::STALE_AFTER_MS;
use super::table::{ago, harmless};

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

/// Why the daemon itself does not say how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nobody listens on its socket.
    Gone,
    /// Somebody listens and does not answer.
    Hung,
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
    /// Of what a live daemon says.
    pub fn live(status: &Status) -> Self {
        let state = match status.overall {
            Overall::Ok => State::Ok,
            Overall::Warn => State::Warning,
            Overall::Crit => State::Critical,
            Overall::Unknown => State::Unknown,
        };
        let (text, figures) = (format!("{}: {}", status.office.id, what(status)), figures(status));
        Self { state, text, figures }
    }

    /// Of the last word of a daemon that does not answer. A daemon that died, or had closed its
    /// door, takes no enrollment: that is known. How one is that was stopped or hangs is not.
    pub fn left(status: &Status, age_ms: i64, silence: Silence) -> Self {
        let died = silence == Silence::Gone && status.died();
        let state = if died { State::Critical } else { State::Unknown };
        let text = format!("{}: {}", status.office.id, last_word(status, age_ms, silence));
        Self { state, text, figures: String::new() }
    }

    /// Of nothing.
    pub fn unknown(why: &str) -> Self {
        Self { state: State::Unknown, text: why.to_owned(), figures: String::new() }
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
        // A bar would begin the figures.
        write!(f, "{word} - {}", harmless(&self.text).replace('|', "/"))?;
        if self.figures.is_empty() { Ok(()) } else { write!(f, " | {}", self.figures) }
    }
}

/// What there is to say of a daemon that does not answer: why, and what it said last.
pub fn last_word(status: &Status, age_ms: i64, silence: Silence) -> String {
    let why = match silence {
        Silence::Hung => format!("the daemon (process {}) does not answer", status.agent.pid),
        Silence::Gone if !status.intake_open => "the daemon has ended: it took no more".to_owned(),
        Silence::Gone if status.died() => "the daemon died: no enrollment is taken".to_owned(),
        Silence::Gone => "the daemon was stopped: no enrollment is taken".to_owned(),
    };
    let stale = if age_ms > STALE_AFTER_MS { "STALE, " } else { "" };
    format!(
        "{why}; {stale}last known {} ago: {}",
        ago(age_ms.max(0).unsigned_abs() / 1000),
        status.summary
    )
}

/// What is wrong, or the summary where nothing is. What something else explains is left out.
fn what(status: &Status) -> String {
    let wrong = status.warnings.iter();
    let wrong = wrong.filter(|w| w.severity > Severity::Info && w.depends_on.is_empty());
    let wrong: Vec<_> = wrong.map(|w| format!("{} ({})", w.title, w.text)).collect();
    match wrong.len() {
        0 => status.summary.clone(),
        n @ 1..=NAMED => wrong[..n].join("; "),
        n => format!("{}; and {} more", wrong[..NAMED].join("; "), n - NAMED),
    }
}

/// The figures, with the thresholds in force: what HQ has not, for how long (working time), the
/// disk, how long syncs take, the clock, what people have to look at.
fn figures(status: &Status) -> String {
    let (sync, journal) = (&status.sync, &status.journal);
    let mut text = format!("backlog={};;;0", sync.backlog_records);
    let limit = |of: fn(&Thresholds) -> String| status.thresholds.as_ref().map_or(";".into(), of);
    let mut add = |figure: String| {
        let _ = write!(text, " {figure}");
    };
    let waited_s = sync.oldest_unacked_work_s.unwrap_or(0);
    let limits = limit(|t| format!("{};{}", t.unacked_warn_s, t.unacked_crit_s));
    add(format!("oldest_unacked={waited_s}s;{limits};0"));
    add(format!("free={}B;;;0", journal.free_bytes));
    if let Some(s) = journal.fill_eta_s {
        let limits = limit(|t| format!("{}:;{}:", t.disk_warn_s, t.disk_crit_s));
        add(format!("disk_runway={s}s;{limits};0"));
    }
    add(format!("fsync_p99={:.3}ms;;;0", journal.fsync_p99_ms));
    if let Some(ms) = status.clock.offset_ms {
        let limits = limit(|t| format!("-{0}:{0};-{1}:{1}", t.clock_warn_s, t.clock_crit_s));
        let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
        add(format!("clock_offset={sign}{}.{:03}s;{limits}", ms / 1000, ms % 1000));
    }
    add(format!("held={};0;;0", sync.held));
    add(format!("conflicts={};;;0", status.records.conflicts));
    text
}
