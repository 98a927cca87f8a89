//! The document's facts, said in one language: what the template only puts in its place.

use askama::Template;
use jiff::Timestamp;
use wasl_protocol::edition::{Language, Serial};
use wasl_shown::sentence::{
    Moment, Piece, ago, bytes, day, harmless, moment, pieces, seconds, sentence, span,
};
use wasl_shown::words::{FluentValue, Words};

use super::Page;
use super::days::Days;
use super::words::words;
use crate::engine::OTHERS;
use crate::facts::{LinkPhase, timestamp};
use crate::status::{Overall, Severity, Status, Warning};

/// The page, ready for the template.
#[derive(Template)]
#[template(path = "office.html")]
pub(super) struct Html {
    words: &'static Words,
    title: String,
    name: String,
    other_name: String,
    id: String,
    as_of: Moment,
    /// `ok`, `warn`, `crit` or `unknown`.
    verdict: &'static str,
    summary: String,
    warnings: Vec<Todo>,
    facts: Vec<Fact>,
    counts: Option<Counts>,
}

/// Something that is wrong, and what to do.
struct Todo {
    /// `info`, `warn` or `crit`.
    severity: &'static str,
    code: String,
    /// In the page's language, unless `foreign`.
    title: String,
    action: Vec<Piece>,
    /// Only the document's own English is there.
    foreign: bool,
    since: Option<String>,
    depends_on: Option<String>,
    /// The document's own English.
    text: String,
}

/// One line of how the office stands.
struct Fact {
    label: String,
    /// `ok`, `warn`, `crit` or `plain`.
    state: &'static str,
    value: String,
    notes: Vec<Vec<Piece>>,
}

/// The enrollments.
struct Counts {
    today: String,
    bars: Vec<Bar>,
    chart: Option<Chart>,
}

/// One workstation.
struct Bar {
    /// None: it has no name of its own, and `label` says so.
    name: Option<String>,
    label: String,
    n: u64,
    /// Of the longest, in percent.
    width: u64,
}

/// The last days.
struct Chart {
    text: String,
    first: String,
    last: String,
    columns: Vec<Column>,
}

struct Column {
    day: String,
    n: u64,
    x: u64,
    y: u64,
    height: u64,
}

/// How far one column of the chart stands from the next, and how high the chart is; its units are
/// the picture's own.
const STEP: u64 = 10;
const HEIGHT: u64 = 100;

/// A hyphen at which no line ends.
const NOT_HERE: &str = "\u{2060}-\u{2060}";

impl Html {
    /// What this page says.
    pub(super) fn of(Page { status, hours, language, utc_offset_min }: Page<'_>) -> Self {
        let words = words(language);
        let (ar, en) = (harmless(&status.office.name_ar), harmless(&status.office.name_en));
        let (name, other_name) = match language {
            Language::Ar => (ar, en),
            Language::En => (en, ar),
        };
        let now = wasl_protocol::units::UnixMs(status.as_of.as_millisecond());
        let days = hours.map(|hours| Days::of(hours, now, utc_offset_min));
        Self {
            words,
            title: words.with("title", &[("office", name.clone().into())]),
            name,
            other_name,
            id: status.office.id.to_string(),
            as_of: moment(status.as_of, utc_offset_min),
            verdict: verdict(status.overall),
            summary: summary(words, status),
            warnings: status.warnings.iter().map(|w| todo(words, w, status.as_of)).collect(),
            facts: facts(words, status),
            counts: days.map(|days| counts(words, &days, utc_offset_min)),
        }
    }
}

fn verdict(overall: Overall) -> &'static str {
    match overall {
        Overall::Ok => "ok",
        Overall::Warn => "warn",
        Overall::Crit => "crit",
        Overall::Unknown => "unknown",
    }
}

fn summary(words: &Words, status: &Status) -> String {
    // What something else explains does not count again.
    let wrong = |w: &&Warning| w.severity > Severity::Info && w.depends_on.is_empty();
    let mut wrong = status.warnings.iter().filter(wrong);
    if let Some(worst) = wrong.next() {
        let (title, _) = title(words, worst);
        let more = wrong.count() as u64;
        let with = [("worst", FluentValue::from(title.clone()))];
        return if more == 0 { title } else { words.count_with("and-more", more, &with) };
    }
    let what = FluentValue::from(words.count("entries", status.sync.backlog_records));
    match (status.sync.backlog_records, status.link.state) {
        (0, LinkPhase::Up) => words.say("all-at-hq"),
        (0, _) => words.say("all-at-hq-no-link"),
        (_, LinkPhase::Up) => words.with("syncing", &[("what", what)]),
        _ => words.with("waiting-no-link", &[("what", what)]),
    }
}

/// What a warning is called; and is that the document's own English?
fn title(words: &Words, warning: &Warning) -> (String, bool) {
    let id = format!("w-{}", warning.code);
    if words.has(&id) { (words.say(&id), false) } else { (sentence(&warning.title), true) }
}

fn todo(words: &Words, warning: &Warning, now: Timestamp) -> Todo {
    let (title, foreign) = title(words, warning);
    let id = format!("do-{}", warning.code);
    let action = if words.has(&id) { words.say(&id) } else { sentence(&warning.action) };
    Todo {
        severity: match warning.severity {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Crit => "crit",
        },
        code: harmless(&warning.code),
        title,
        action: pieces(&action),
        foreign: foreign && words.code() != "en",
        depends_on: depends_on(words, warning),
        since: warning.since.map(|since| ago(words, since, now)),
        text: harmless(&warning.text),
    }
}

fn depends_on(words: &Words, warning: &Warning) -> Option<String> {
    let title = |code: &String| {
        let id = format!("w-{code}");
        if words.has(&id) { words.say(&id) } else { harmless(code) }
    };
    let causes: Vec<_> = warning.depends_on.iter().map(title).collect();
    let codes = FluentValue::from(causes.join(", "));
    (!causes.is_empty()).then(|| words.with("depends", &[("codes", codes)]))
}

fn facts(words: &Words, status: &Status) -> Vec<Fact> {
    vec![
        link(words, status),
        backlog(words, status),
        power(words, status),
        conflicts(words, status),
        config(words, status),
        disk(words, status),
        clock(words, status),
        records(words, status),
    ]
}

fn fact(label: String, state: &'static str, value: String, notes: &[String]) -> Fact {
    Fact { label, state, value, notes: notes.iter().map(|note| pieces(note)).collect() }
}

fn link(words: &Words, status: &Status) -> Fact {
    let (link, now) = (&status.link, status.as_of);
    let (word, state) = match link.state {
        LinkPhase::Up => ("link-up", "ok"),
        LinkPhase::Connecting => ("link-connecting", "plain"),
        LinkPhase::Backoff => ("link-backoff", "warn"),
        LinkPhase::Down => ("link-down", "warn"),
        LinkPhase::Refused => ("link-refused", "crit"),
        LinkPhase::Paused => ("link-paused", "warn"),
    };
    let mut notes = Vec::new();
    let mut with = |id, name: &'static str, value: String| {
        notes.push(words.with(id, &[(name, value.into())]));
    };
    if let Some(since) = link.since {
        with("since", "span", span(words, seconds(since, now)));
    }
    if link.state == LinkPhase::Up {
        if let Some(ms) = link.rtt_ms {
            with("round-trip", "ms", ms.to_string());
        }
    } else {
        if let Some(next) = link.next_attempt_at {
            with("next-attempt", "span", span(words, seconds(now, next)));
        }
        if let Some(at) = link.last_up_at {
            with("last-up", "ago", ago(words, at, now));
        }
    }
    fact(words.say("link"), state, words.say(word), &notes)
}

fn backlog(words: &Words, status: &Status) -> Fact {
    let sync = &status.sync;
    let mut notes = Vec::new();
    let mut with = |id, name: &'static str, value: String| {
        notes.push(words.with(id, &[(name, value.into())]));
    };
    let waits = sync.backlog_records > 0;
    if waits {
        if let Some(oldest) = sync.oldest_unacked_at {
            with("backlog-age", "ago", ago(words, oldest, status.as_of));
        }
        with("backlog-size", "size", bytes(sync.backlog_bytes));
        if let Some(eta_s) = sync.eta_s.filter(|_| status.link.state == LinkPhase::Up) {
            with("backlog-done", "span", span(words, eta_s));
        }
    }
    for (id, n) in [("held", sync.held), ("refused-entries", sync.refused)] {
        if n > 0 {
            notes.push(words.count(id, n));
        }
    }
    let (state, value) = match sync.backlog_records {
        0 => ("ok", words.say("backlog-none")),
        n => ("plain", words.count("entries", n)),
    };
    let state = if sync.held + sync.refused > 0 { "warn" } else { state };
    fact(words.say("backlog"), state, value, &notes)
}

fn power(words: &Words, status: &Status) -> Fact {
    let safe = status.safe_to_power_off;
    let (state, word) = if safe { ("ok", "power-safe") } else { ("crit", "power-unsafe") };
    let intake = if status.intake_open { "intake-open" } else { "intake-closed" };
    fact(words.say("power"), state, words.say(word), &[words.say(intake)])
}

fn conflicts(words: &Words, status: &Status) -> Fact {
    let (state, value, notes) = match status.records.conflicts {
        0 => ("ok", words.say("conflicts-none"), vec![]),
        n => ("warn", words.count("conflict-records", n), vec![words.say("conflicts-see")]),
    };
    fact(words.say("conflicts"), state, value, &notes)
}

fn config(words: &Words, status: &Status) -> Fact {
    let config = &status.config;
    let value = match config.running {
        None => words.say("config-unknown"),
        Some(Serial::BUILT_IN) => words.say("config-built-in"),
        Some(serial) => words.with("config-edition", &[("serial", serial.to_string().into())]),
    };
    let mut notes = Vec::new();
    let word = config.state.as_deref().unwrap_or("idle");
    let id = format!("config-{word}");
    notes.push(if words.has(&id) { words.say(&id) } else { harmless(word) });
    if let Some(desired) = config.desired.filter(|desired| Some(*desired) > config.running) {
        notes.push(words.with("config-desired", &[("serial", desired.to_string().into())]));
    }
    let state = match word {
        "rejected" | "rolled_back" | "held" => "warn",
        "committed" => "ok",
        _ => "plain",
    };
    fact(words.say("config"), state, value, &notes)
}

fn disk(words: &Words, status: &Status) -> Fact {
    let journal = &status.journal;
    let free = words.with("disk-free", &[("size", bytes(journal.free_bytes).into())]);
    let note = match journal.fill_eta_s {
        Some(s) => words.with("disk-full-in", &[("span", span(words, s).into())]),
        None => words.say("disk-steady"),
    };
    let state = worst(status, &["disk-full", "disk-runway", "journal-failed", "verify-failed"]);
    fact(words.say("disk"), state, free, &[note])
}

fn clock(words: &Words, status: &Status) -> Fact {
    let (word, state) = match &*status.clock.trust {
        "ok" => ("clock-ok", "ok"),
        "off" => ("clock-off", "warn"),
        _ => ("clock-unknown", "plain"),
    };
    let mut notes = Vec::new();
    if let Some(ms) = status.clock.offset_ms.filter(|ms| ms.unsigned_abs() >= 1000) {
        let id = if ms > 0 { "clock-ahead" } else { "clock-behind" };
        let span = span(words, ms.unsigned_abs() / 1000);
        notes.push(words.with(id, &[("span", span.into())]));
    }
    fact(words.say("clock"), state, words.say(word), &notes)
}

fn records(words: &Words, status: &Status) -> Fact {
    let total = words.count("records", status.records.total);
    let version = format!("{} {}", words.say("version"), status.agent.version);
    fact(words.say("records-total"), "plain", total, &[version])
}

/// The worst that is said under one of these codes.
fn worst(status: &Status, codes: &[&str]) -> &'static str {
    let said = status.warnings.iter().filter(|w| codes.contains(&&*w.code));
    match said.map(|w| w.severity).max() {
        None | Some(Severity::Info) => "ok",
        Some(Severity::Warn) => "warn",
        Some(Severity::Crit) => "crit",
    }
}

fn counts(words: &Words, days: &Days, utc_offset_min: i16) -> Counts {
    let longest = days.today.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let bar = |(name, n): &(String, u64)| {
        let (name, label) = match name.as_str() {
            "" => (None, words.say("workstation-none")),
            OTHERS => (None, words.say("workstation-others")),
            name => (Some(harmless(name)), String::new()),
        };
        Bar { name, label, n: *n, width: n * 100 / longest }
    };
    Counts {
        today: words.count("enrollments", days.total_today()),
        bars: days.today.iter().map(bar).collect(),
        chart: chart(words, days, utc_offset_min),
    }
}

fn chart(words: &Words, days: &Days, utc_offset_min: i16) -> Option<Chart> {
    let day = |at| day(timestamp(at), utc_offset_min);
    let (at, most) = days.most()?;
    let with = [
        ("total", FluentValue::from(words.count("enrollments", days.total()))),
        ("day", day(at).replace('-', NOT_HERE).into()),
        ("most", most.into()),
    ];
    let column = |(i, (at, n)): (usize, &(_, u64))| {
        // What was not nothing is seen.
        let height = (n * HEIGHT).div_ceil(most);
        Column { day: day(*at), n: *n, x: i as u64 * STEP + 1, y: HEIGHT - height, height }
    };
    let columns: Vec<_> = days.days.iter().enumerate().map(column).collect();
    Some(Chart {
        text: words.with("days-text", &with),
        first: columns.first()?.day.clone(),
        last: columns.last()?.day.clone(),
        columns,
    })
}
