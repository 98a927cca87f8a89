//! The document for people: the verdict, seven lines, and then only what is wrong and what to do.

use std::fmt::Write as _;

use jiff::Timestamp;
use wasl_protocol::edition::Serial;

use super::document::{ConfigStatus, LinkStatus, Overall, Severity, Status};
use crate::facts::LinkPhase;

/// How a terminal wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// The verdict and the warnings in colour.
    Coloured,
}

/// The table, as of `now`.
pub fn table(status: &Status, now: Timestamp, style: Style) -> String {
    let office = &status.office;
    let (word, colour) = verdict(status.overall);
    let names = format!("{} ({}, {})", office.name_en, office.id, office.name_ar);
    let mut out = format!(
        "{}  {}: {}\n",
        paint(word, style, colour),
        harmless(&names),
        harmless(&status.summary)
    );
    for (name, text) in [
        ("Link", link(&status.link, now)),
        ("Sync", sync(status, now)),
        ("Records", records(status)),
        ("Journal", journal(status)),
        ("Config", config(&status.config, now)),
        ("Clock", clock(status)),
        ("Agent", agent(status, now)),
    ] {
        let _ = writeln!(out, "  {name:<9}{}", harmless(&text));
    }
    for w in &status.warnings {
        let (word, colour) = match w.severity {
            Severity::Crit => ("CRIT", RED),
            Severity::Warn => ("WARN", YELLOW),
        };
        let _ = writeln!(
            out,
            "\n{}  {} [{}]: {}\n      -> {}",
            paint(word, style, colour),
            w.title,
            w.code,
            harmless(&w.text),
            w.action
        );
    }
    out
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const MAGENTA: &str = "35";

fn verdict(overall: Overall) -> (&'static str, &'static str) {
    match overall {
        Overall::Ok => ("OK", GREEN),
        Overall::Warn => ("WARNING", YELLOW),
        Overall::Crit => ("CRITICAL", RED),
        Overall::Unknown => ("UNKNOWN", MAGENTA),
    }
}

fn paint(word: &str, style: Style, colour: &str) -> String {
    match style {
        Style::Plain => word.to_owned(),
        Style::Coloured => format!("\u{1b}[1;{colour}m{word}\u{1b}[0m"),
    }
}

fn link(link: &LinkStatus, now: Timestamp) -> String {
    let mut text = match link.state {
        LinkPhase::Up => "up",
        LinkPhase::Connecting => "connecting",
        LinkPhase::Backoff => "waiting to try again",
        LinkPhase::Down => "down",
        LinkPhase::Refused => "refused by HQ",
        LinkPhase::Paused => "paused",
    }
    .to_owned();
    let mut add = |part: String| text.push_str(&part);
    if let Some(since) = link.since {
        add(format!(" for {}", age(since, now)));
    }
    if let Some(endpoint) = &link.endpoint {
        add(format!(", {endpoint}"));
    }
    if let Some(rtt_ms) = link.rtt_ms.filter(|_| link.state == LinkPhase::Up) {
        add(format!(", round trip {rtt_ms} ms"));
    }
    if let Some(next) = link.next_attempt_at.filter(|_| link.state != LinkPhase::Up) {
        add(format!(", next attempt in {}", age(now, next)));
    }
    if let Some(error) = link.last_error.as_ref().filter(|_| link.state != LinkPhase::Up) {
        add(format!(" ({})", error.text));
    }
    text
}

fn sync(status: &Status, now: Timestamp) -> String {
    let s = &status.sync;
    let mut text = format!(
        "HQ has {} of {} entries",
        thousands(s.stored_seq.0.min(s.head_seq.0)),
        thousands(s.head_seq.0)
    );
    if s.backlog_records > 0 {
        let _ = write!(text, ", {} to send", bytes(s.backlog_bytes));
    }
    if let Some(eta_s) = s.eta_s.filter(|_| s.backlog_records > 0) {
        let _ = write!(text, ", done in {}", ago(eta_s));
    }
    match s.last_ack_at {
        Some(at) => {
            let _ = write!(text, "; last receipt {} ago", age(at, now));
        }
        None => text.push_str("; no receipt yet"),
    }
    text
}

fn records(status: &Status) -> String {
    let r = &status.records;
    let text = format!("{}, {} in conflict", thousands(r.total), thousands(r.conflicts));
    if r.conflicts > 0 { text + " (see them: `wasl conflict list`)" } else { text }
}

fn journal(status: &Status) -> String {
    let j = &status.journal;
    let fill = j.fill_eta_s.map_or(String::new(), |s| format!(" (full in {})", ago(s)));
    format!(
        "{}, {} free{fill}, slowest syncs {:.1} ms",
        bytes(j.bytes),
        bytes(j.free_bytes),
        j.fsync_p99_ms
    )
}

fn config(config: &ConfigStatus, now: Timestamp) -> String {
    let mut text = match config.running {
        None => "not known".to_owned(),
        Some(Serial::BUILT_IN) => "what is built in".to_owned(),
        Some(serial) => format!("edition {serial}"),
    };
    if let Some(attempt) = &config.last_attempt {
        let phase = attempt.phase.replace('_', " ");
        if config.running != Some(attempt.serial) {
            let _ = write!(text, "; edition {}", attempt.serial);
        }
        let _ = write!(text, ", {phase}");
        if let Some(code) = &attempt.code {
            let _ = write!(text, " ({code})");
        }
        let _ = write!(text, ", came {} ago", age(attempt.at, now));
    }
    if let Some(desired) = config.desired.filter(|desired| Some(*desired) > config.running) {
        let _ = write!(text, "; headquarters wants edition {desired}");
    }
    if config.state.as_deref() == Some("held") {
        text.push_str("; held");
    }
    text
}

fn clock(status: &Status) -> String {
    match status.clock.offset_ms {
        None => "not compared with HQ's yet".to_owned(),
        Some(ms) if ms.unsigned_abs() < 1000 => format!("{} ms from HQ's", ms.unsigned_abs()),
        Some(ms) => {
            let way = if ms > 0 { "ahead of" } else { "behind" };
            format!("{} {way} HQ's", ago(ms.unsigned_abs() / 1000))
        }
    }
}

fn agent(status: &Status, now: Timestamp) -> String {
    let a = &status.agent;
    format!(
        "wasl {}, process {}, started {} ago; told {} ago",
        a.version,
        a.pid,
        age(a.started_at, now),
        age(status.as_of, now)
    )
}

fn age(then: Timestamp, now: Timestamp) -> String {
    let s = now.as_second().saturating_sub(then.as_second());
    ago(s.max(0).unsigned_abs())
}

/// A span of time in its two largest units at most.
pub(super) fn ago(s: u64) -> String {
    match s {
        0..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} days", s / 86_400),
    }
}

/// An amount of bytes with three digits or so.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = n as f64;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} bytes") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Takes out what could steer a terminal or turn the text round.
pub fn harmless(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}
