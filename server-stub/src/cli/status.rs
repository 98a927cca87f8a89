//! `status`: a verdict, seven lines, the offices, and then only what is wrong and what to do.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use wasl_shown::screen::Screen;

use crate::status::{
    BackupItem, Freshness, OfficeState, OfficeStatus, Overall, Severity, Status, Warning,
};

use super::args::StatusOptions;
use super::ask::{Asker, print};
use super::failure::{FAILED, Failure, USAGE};
use super::table::{ago, bytes, harmless, or_dash, paint, since, table, thousands};

/// How often `--watch` looks.
const WATCH: Duration = Duration::from_secs(2);

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const MAGENTA: &str = "35";

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Style {
    coloured: bool,
    full: bool,
}

/// Shows how HQ and its offices are.
pub(super) async fn status(asker: &Asker, options: &StatusOptions) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    let coloured = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let style = Style { coloured, full: options.full };
    if !options.watch {
        let status = asker.status().await?;
        return asker.show(&status, |s| people(s, style).trim_end().to_owned());
    }
    if !terminal {
        return Err(Failure::new(USAGE, "--watch", "this is not a terminal")
            .help("call `wasl-hq status --json` as often as you like"));
    }
    watch(asker, style).await
}

/// Draws until a signal comes; the last table stays.
async fn watch(asker: &Asker, style: Style) -> Result<(), Failure> {
    let unwritten = |e| Failure::new(FAILED, "the terminal", e);
    let catch = |kind| signal(kind).map_err(|e| Failure::new(FAILED, "signals", e));
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    let mut last = String::new();
    let drawing = async {
        let screen = Screen::enter().map_err(unwritten)?;
        loop {
            last = people(&asker.status().await?, style);
            screen.draw(&last).map_err(unwritten)?;
            tokio::time::sleep(WATCH).await;
        }
    };
    let ended: Result<(), Failure> = tokio::select! {
        ended = drawing => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    print(last.trim_end())?;
    ended
}

fn people(s: &Status, style: Style) -> String {
    let (word, colour) = match s.overall {
        Overall::Ok => ("OK", GREEN),
        Overall::Warn => ("WARNING", YELLOW),
        Overall::Crit => ("CRITICAL", RED),
        Overall::Unknown => ("UNKNOWN", MAGENTA),
    };
    let word = paint(word, colour, style.coloured);
    let mut out = format!("{word}  headquarters: {}\n", harmless(&s.summary));
    for (name, text) in [
        ("Offices", offices(s)),
        ("Records", records(s)),
        ("Held", held(s)),
        ("Rollout", rollout(s)),
        ("Database", database(s)),
        ("Off-site", offsite(s)),
        ("Server", server(s)),
    ] {
        let _ = writeln!(out, "  {name:<10}{}", harmless(&text));
    }
    if s.offices.is_empty() {
        out.push_str("\nNo offices yet: `wasl-hq office add ID` adds one.\n");
    } else {
        let rows = if style.full { every_column(s) } else { columns(s) };
        out.push('\n');
        for row in rows.lines() {
            out.push_str(&fresh(row, style));
            out.push('\n');
        }
    }
    for warning in &s.warnings {
        out.push_str(&wrong(warning, s.as_of, style));
    }
    out
}

fn offices(s: &Status) -> String {
    let t = &s.totals;
    let words = Freshness::ALL.into_iter().filter_map(|word| {
        let number = t.freshness.get(&word).copied().unwrap_or(0);
        (number > 0).then(|| format!("{number} {}", word.as_str()))
    });
    let words: Vec<_> = words.collect();
    let words = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    format!("{}{words}; {} connected", t.offices, t.connected)
}

fn records(s: &Status) -> String {
    let t = &s.totals;
    let text = format!("{}, {} in conflict", thousands(t.records), thousands(t.conflicts));
    if t.conflicts > 0 { text + " (see them: `wasl-hq conflict list`)" } else { text }
}

fn held(s: &Status) -> String {
    let reasons: Vec<_> = s.held.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    match s.totals.held {
        0 => "nothing".to_owned(),
        n => format!("{}: {} (`wasl-hq held list`)", thousands(n), reasons.join(", ")),
    }
}

fn rollout(s: &Status) -> String {
    let Some(r) = &s.rollout else { return "no edition was pushed".to_owned() };
    let text = format!("edition {}, {}, {}", r.serial, r.stage, ago(Some(r.since), s.as_of));
    format!("{text}; in force at {} of {} offices", r.in_force, s.totals.offices)
}

fn database(s: &Status) -> String {
    let database = &s.database;
    let (size, free) = (bytes(database.bytes), bytes(database.free_bytes));
    format!("{size}, {free} free; epoch {}", s.epoch)
}

fn offsite(s: &Status) -> String {
    let told = |copy: &BackupItem| format!("{}, {}", ago(Some(copy.at), s.as_of), copy.place);
    match (&s.backup.offsite, &s.backup.newest) {
        (Some(offsite), _) => format!("copied {}", told(offsite)),
        (None, Some(newest)) => format!("no copy; the newest one here: {}", told(newest)),
        (None, None) => "no copy (`wasl-hq backup TO_DIR --offsite` makes one)".to_owned(),
    }
}

fn server(s: &Status) -> String {
    let version = format!("wasl-hq {}", s.version);
    match (&s.endpoint, s.pid) {
        (Some(endpoint), Some(pid)) => {
            let started = ago(s.started_at, s.as_of);
            format!("{version}, process {pid}, started {started}, offices come to {endpoint}")
        }
        _ => format!("{version}, not running"),
    }
}

/// How old what is known of an office is.
fn word(o: &OfficeStatus) -> String {
    match (o.state, o.freshness) {
        (OfficeState::Revoked, _) | (_, None) => "revoked".to_owned(),
        (_, Some(word)) => word.as_str().to_owned(),
    }
}

/// A row of the table, coloured if it is fresh: once it is laid out, as colour has no width. Before
/// that word stands only the office's id, in small letters.
fn fresh(row: &str, style: Style) -> String {
    let word = Freshness::Fresh.as_str();
    row.replacen(word, &paint(word, GREEN, style.coloured), 1)
}

fn age(o: &OfficeStatus, now: Timestamp) -> String {
    match (o.connected, o.freshness, o.last_seen) {
        (true, ..) => "connected".to_owned(),
        (_, _, None) => "never heard".to_owned(),
        (_, Some(Freshness::Fresh), at) => format!("heard {}", ago(at, now)),
        (_, _, at) => format!("last known, {}", ago(at, now)),
    }
}

/// What fits into 80 columns.
fn columns(s: &Status) -> String {
    let row = |o: &OfficeStatus| {
        [
            o.id.to_string(),
            word(o),
            age(o, s.as_of),
            or_dash(o.backlog.map(thousands)),
            thousands(o.records),
            o.name_ar.clone(),
        ]
    };
    let headings = ["office", "is", "heard", "backlog", "records", "name"];
    table(headings, s.offices.iter().map(row).collect())
}

/// All there is.
fn every_column(s: &Status) -> String {
    let row = |o: &OfficeStatus| {
        [
            o.id.to_string(),
            word(o),
            age(o, s.as_of),
            o.habit.as_ref().map_or("-".to_owned(), |habit| {
                if habit.learnt { habit.usual.clone() } else { "not known yet".to_owned() }
            }),
            thousands(o.stored_seq.0),
            or_dash(o.backlog.map(thousands)),
            thousands(o.held),
            thousands(o.conflicts),
            thousands(o.records),
            or_dash(o.rtt_ms.map(|ms| format!("{ms} ms"))),
            or_dash(o.clock_offset_ms.map(|ms| format!("{:+} s", ms / 1000))),
            or_dash(o.agent_version.as_ref()),
            o.name_ar.clone(),
        ]
    };
    let headings = [
        "office",
        "is",
        "heard",
        "usually heard",
        "stored",
        "backlog",
        "held",
        "conflicts",
        "records",
        "rtt",
        "clock",
        "agent",
        "name",
    ];
    table(headings, s.offices.iter().map(row).collect())
}

/// What is wrong, and what to do.
fn wrong(w: &Warning, now: Timestamp, style: Style) -> String {
    let (word, colour) = match w.severity {
        Severity::Info => ("INFO", GREEN),
        Severity::Warn => ("WARN", YELLOW),
        Severity::Crit => ("CRIT", RED),
    };
    let word = paint(word, colour, style.coloured);
    let (title, text) = (harmless(&w.title), harmless(&w.text));
    let mut out = format!("\n{word}  {title} [{}]: {text}{}\n", w.code, since(w.since, now));
    let _ = match &w.depends_on[..] {
        [] => writeln!(out, "      -> {}", harmless(&w.action)),
        causes => writeln!(out, "      it may follow from {}", causes.join(", ")),
    };
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_office_is_green_its_columns_stay_in_line_and_no_escape_is_shown_as_text() {
        let row = |id: &str, word: &str| [id.to_owned(), word.to_owned(), "7".to_owned()];
        let rows = vec![row("nasr", "FRESH"), row("suq-al-shuyukh", "LATE")];
        let laid_out = table(["office", "is", "backlog"], rows);
        let style = Style { coloured: true, full: false };
        let shown: Vec<_> = laid_out.lines().map(|line| fresh(line, style)).collect();
        assert!(shown[1].contains("\u{1b}[1;32mFRESH\u{1b}[0m"), "{shown:?}");
        assert!(!shown.concat().contains('\u{fffd}') && !shown[2].contains('\u{1b}'), "{shown:?}");
        let plain = |line: &str| line.replace("\u{1b}[1;32m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain(&shown[1]).find('7'), shown[2].find('7'));
    }
}
