//! The document for people: the verdict, six lines, and then only what is wrong and what to do.

use std::fmt::Write as _;

use jiff::Timestamp;
use wasl_protocol::edition::Serial;

use super::document::{ClockStatus, ConfigStatus, LinkStatus, Overall, Severity, Status, Warning};
use super::facts::facts;
use crate::facts::LinkPhase;

/// How a terminal wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// The verdict and the warnings in colour.
    Coloured,
}

/// How the document is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When it is shown: ages count from here.
    pub now: Timestamp,
    /// In colour? What no live daemon tells never is.
    pub style: Style,
    /// How many columns a line may have.
    pub columns: usize,
    /// Every fact too?
    pub full: bool,
}

/// The document as text.
pub fn table(status: &Status, look: Look) -> String {
    let live = status.overall != Overall::Unknown;
    // What was left behind is shown as it was then.
    let (now, style) = if live { (look.now, look.style) } else { (status.as_of, Style::Plain) };
    let look = Look { now, style, ..look };
    let (word, colour) = verdict(status.overall);
    let office = &status.office;
    let names = format!("{} ({}, {})", office.name_en, office.id, office.name_ar);
    let sentence = format!("{}: {}", apart(&harmless(&names)), harmless(&status.summary));
    let mut out = String::new();
    let lead = format!("{word}  ");
    lay(&mut out, &lead, &sentence, look);
    out = out.replacen(word, &paint(word, style, colour), 1);
    for (name, text) in [
        ("Link", link(&status.link, now)),
        ("Sync", sync(status, now)),
        ("Records", records(status)),
        ("Journal", journal(status, now)),
        ("Config", config(&status.config, now)),
        ("Clock", clock(&status.clock, &status.link, now)),
    ] {
        lay(&mut out, &format!("  {name:<9}"), &harmless(&text), look);
    }
    wrong(&mut out, &status.warnings, look);
    if look.full {
        out += &facts(status, now);
    }
    out
}

/// What is wrong, each with what follows from it, and what to do.
fn wrong(out: &mut String, warnings: &[Warning], look: Look) {
    const INDENT: &str = "      ";
    for w in warnings {
        let (word, colour) = match w.severity {
            Severity::Crit => ("CRIT", RED),
            Severity::Warn => ("WARN", YELLOW),
            Severity::Info => ("NOTE", GREEN),
        };
        let since = w.since.map_or(String::new(), |at| format!(", for {}", age(at, look.now)));
        let what = format!("{} [{}]{since}: {}", w.title, w.code, harmless(&w.text));
        let painted = paint(word, look.style, colour);
        if w.depends_on.is_empty() {
            out.push('\n');
            let mut told = String::new();
            lay(&mut told, &format!("{word}  "), &what, look);
            *out += &told.replacen(word, &painted, 1);
            lay(out, &format!("{INDENT}-> "), &w.action, look);
        } else {
            let mut told = String::new();
            lay(&mut told, &format!("{INDENT}so {word}  "), &what, look);
            *out += &told.replacen(word, &painted, 1);
        }
    }
}

/// One paragraph behind `lead`, broken between words, its further lines as far in.
fn lay(out: &mut String, lead: &str, text: &str, look: Look) {
    let indent = lead.chars().count();
    let mut column = indent;
    out.push_str(lead);
    for (i, word) in text.split(' ').enumerate() {
        let long = word.chars().filter(|c| *c != MARK).count();
        if i > 0 && column + 1 + long > look.columns {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += long;
    }
    out.push('\n');
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
    if let Some(last) = link.last_up_at.filter(|_| link.state != LinkPhase::Up) {
        add(format!(", last up {} ago", age(last, now)));
    }
    if let Some(rtt_ms) = link.rtt_ms.filter(|_| link.state == LinkPhase::Up) {
        add(format!(", round trip {rtt_ms} ms"));
    }
    match link.next_attempt_at.filter(|_| link.state != LinkPhase::Up) {
        Some(end) if link.state == LinkPhase::Paused => add(format!(" until {}", minute(end))),
        Some(next) => add(format!(", next attempt in {}", age(now, next))),
        None => {}
    }
    if let Some(error) = link.last_error.as_ref().filter(|_| link.state != LinkPhase::Up) {
        add(format!(" ({}: {})", error.code, error.text));
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
    if let Some(eta_s) = s.eta_s.filter(|_| s.backlog_records > 0 && status.link.rtt_ms.is_some()) {
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
    format!("{}, {} in conflict", thousands(r.total), thousands(r.conflicts))
}

fn journal(status: &Status, now: Timestamp) -> String {
    let j = &status.journal;
    let fill = j.fill_eta_s.map_or(String::new(), |s| format!(" (full in {})", ago(s)));
    let mirror = match &j.mirror {
        None => String::new(),
        Some(mirror) if mirror.level => "; mirror level".to_owned(),
        Some(mirror) => {
            let since =
                mirror.level_at.map_or(String::new(), |at| format!(" for {}", age(at, now)));
            format!("; mirror behind by {}{since}", thousands(mirror.behind))
        }
    };
    format!(
        "{}, {} free{fill}, slowest syncs {:.1} ms{mirror}",
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

/// Clocks are compared when a session begins.
fn clock(clock: &ClockStatus, link: &LinkStatus, now: Timestamp) -> String {
    let Some(ms) = clock.offset_ms else { return "not compared with HQ's yet".to_owned() };
    let off = match ms.unsigned_abs() {
        ms @ 0..1000 => format!("{ms} ms from HQ's"),
        off => {
            let way = if ms > 0 { "ahead of" } else { "behind" };
            format!("{} {way} HQ's", ago(off / 1000))
        }
    };
    match (link.state, link.since, link.last_up_at) {
        (LinkPhase::Up, Some(since), _) => format!("{off}, compared {} ago", age(since, now)),
        (_, _, Some(last)) => format!("{off} when HQ was last heard, {} ago", age(last, now)),
        _ => off,
    }
}

pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
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

/// A moment to the minute, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// LEFT-TO-RIGHT MARK: no text turns the direction of what stands beyond it.
const MARK: char = '\u{200e}';

/// Text that may be Arabic, to stand beside other text that may be: a terminal that turns the
/// direction of one would else turn both as a whole, and they would change places.
pub fn apart(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { format!("{MARK}{text}{MARK}") }
}

/// Takes out what could steer a terminal or turn the text round.
pub fn harmless(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}
