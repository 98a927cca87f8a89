//! The document's facts, said in one language: what the template only puts in its place.

use askama::Template;
use jiff::Timestamp;
use wasl_protocol::edition::{Language, Serial, WorkingHours};
use wasl_shown::sentence::{Moment, Piece, ago, bytes, harmless, moment, pieces, sentence};
use wasl_shown::words::{FluentValue, Words};

use super::Page;
use super::words::words;
use crate::rollout::{OfficeRollout, RolloutFacts};
use crate::status::{Freshness, OfficeState, OfficeStatus, Overall, Severity, Status, Warning};

/// The page, ready for the template.
#[derive(Template)]
#[template(path = "fleet.html")]
pub(super) struct Html {
    words: &'static Words,
    as_of: Moment,
    /// `ok`, `warn`, `crit` or `unknown`.
    verdict: &'static str,
    summary: String,
    warnings: Vec<Todo>,
    facts: Vec<Fact>,
    rollout: Vec<String>,
    offices: Vec<Office>,
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

/// One line of how HQ stands.
struct Fact {
    label: String,
    /// `ok`, `warn`, `crit` or `plain`.
    state: &'static str,
    value: String,
    notes: Vec<Vec<Piece>>,
}

/// One office.
struct Office {
    id: String,
    name: String,
    other_name: String,
    /// `ok`, `warn`, `crit`, `plain` or `unknown`: the sign before its word.
    state: &'static str,
    word: String,
    notes: Vec<String>,
    /// `fresh` or `old`: only fresh facts have colour. `never`: there are none.
    facts: &'static str,
    records: u64,
    /// None: it has not said.
    waiting: Option<u64>,
    conflicts: u64,
    held: u64,
    config: Vec<String>,
}

impl Html {
    /// What this page says.
    pub(super) fn of(Page { status, rollout, language }: Page<'_>) -> Self {
        let words = words(language);
        let office = |office: &OfficeStatus| {
            let config = rollout.and_then(|r| r.offices.iter().find(|o| o.office == office.id));
            tell(words, (office, config), (language, status.as_of))
        };
        Self {
            words,
            as_of: moment(status.as_of, WorkingHours::BAGHDAD_MIN),
            verdict: match status.overall {
                Overall::Ok => "ok",
                Overall::Warn => "warn",
                Overall::Crit => "crit",
                Overall::Unknown => "unknown",
            },
            summary: summary(words, status),
            warnings: status.warnings.iter().map(|w| todo(words, w, status.as_of)).collect(),
            facts: facts(words, status),
            rollout: rollout.map_or(Vec::new(), |facts| tell_rollout(words, facts, status)),
            offices: status.offices.iter().map(office).collect(),
        }
    }
}

fn summary(words: &Words, status: &Status) -> String {
    // What something else explains does not count again.
    let wrong = |w: &&Warning| w.severity > Severity::Info && w.depends_on.is_empty();
    let mut wrong = status.warnings.iter().filter(wrong);
    let Some(worst) = wrong.next() else {
        return words.say(if status.warming_up { "warming-up" } else { "all-well" });
    };
    let (title, _) = title(words, worst);
    let more = wrong.count() as u64;
    let with = [("worst", FluentValue::from(title.clone()))];
    if more == 0 { title } else { words.count_with("and-more", more, &with) }
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
        since: warning.since.map(|since| ago(words, since, now)),
        depends_on: depends_on(words, warning),
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
    let totals = &status.totals;
    let connected = [("n", totals.connected.into()), ("all", totals.offices.into())];
    let connected = words.with("connected-of", &connected);
    let freshness = Freshness::ALL.into_iter().filter_map(|freshness| {
        let n = totals.freshness.get(&freshness).filter(|n| **n > 0)?;
        Some(format!("{}: {n}", words.say(&word(freshness))))
    });
    let started = status
        .started_at
        .map(|at| words.with("started", &[("ago", ago_text(words, at, status.as_of))]));
    let free = bytes(status.database.free_bytes);
    let records = words.count("records", totals.records);
    let version: Vec<_> = [format!("{} {}", words.say("version"), status.version)]
        .into_iter()
        .chain(started)
        .collect();
    vec![
        fact(words, "offices-connected", "plain", connected, &freshness.collect::<Vec<_>>()),
        conflicts(words, totals.conflicts),
        held(words, status),
        fact(words, "records-total", "plain", records, &version),
        fact(
            words,
            "database",
            worst(status, &["disk-low"]),
            bytes(status.database.bytes),
            &[words.with("database-free", &[("size", free.into())])],
        ),
    ]
}

fn fact(words: &Words, label: &str, state: &'static str, value: String, notes: &[String]) -> Fact {
    let notes = notes.iter().map(|note| pieces(note)).collect();
    Fact { label: words.say(label), state, value, notes }
}

fn ago_text(words: &Words, at: Timestamp, now: Timestamp) -> FluentValue<'static> {
    FluentValue::from(ago(words, at, now))
}

fn conflicts(words: &Words, n: u64) -> Fact {
    if n == 0 {
        return fact(words, "conflicts", "ok", words.say("conflicts-none"), &[]);
    }
    let notes = [words.say("conflicts-see")];
    fact(words, "conflicts", "warn", words.count("conflict-records", n), &notes)
}

fn held(words: &Words, status: &Status) -> Fact {
    if status.totals.held == 0 {
        return fact(words, "held", "ok", words.say("held-none"), &[]);
    }
    let reason = |(reason, n): (&String, &u64)| {
        let with = [("n", FluentValue::from(*n)), ("reason", harmless(reason).into())];
        words.with("held-reason", &with)
    };
    let reasons = status.held.iter().filter(|(_, n)| **n > 0).map(reason);
    let notes: Vec<_> = reasons.chain([words.say("held-see")]).collect();
    let state = worst(status, &["held", "held-unauthorised"]);
    fact(words, "held", state, words.count("entries", status.totals.held), &notes)
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

/// How far the newest rollout is.
fn tell_rollout(words: &Words, rollout: &RolloutFacts, status: &Status) -> Vec<String> {
    let serial = rollout.serial.to_string();
    let edition = words.with("rollout-edition", &[("serial", serial.into())]);
    let stage = if let Some((_, wave)) = rollout.stage.split_once(' ') {
        words.with("stage-wave", &[("n", wave.into())])
    } else {
        let id = format!("stage-{}", rollout.stage.to_ascii_lowercase());
        if words.has(&id) { words.say(&id) } else { harmless(&rollout.stage) }
    };
    let in_force = rollout.offices.iter().filter(|o| o.running == rollout.serial).count() as u64;
    let with = [("n", in_force.into()), ("all", (rollout.offices.len() as u64).into())];
    let in_force = words.with("rollout-in-force", &with);
    let since = crate::status::timestamp(rollout.since);
    let since = words.with("rollout-since", &[("ago", ago_text(words, since, status.as_of))]);
    vec![format!("{edition}: {stage}"), in_force, since]
}

/// The message of a word.
fn word(freshness: Freshness) -> String {
    freshness.as_str().to_ascii_lowercase()
}

fn tell(
    words: &Words,
    (office, rollout): (&OfficeStatus, Option<&OfficeRollout>),
    (language, now): (Language, Timestamp),
) -> Office {
    let (ar, en) = (harmless(&office.name_ar), harmless(&office.name_en));
    let (name, other_name) = match language {
        Language::Ar => (ar, en),
        Language::En => (en, ar),
    };
    let revoked = office.state == OfficeState::Revoked;
    let freshness = office.freshness.filter(|_| !revoked);
    let facts = match freshness {
        Some(Freshness::Fresh) => "fresh",
        Some(Freshness::Never) => "never",
        _ => "old",
    };
    Office {
        id: office.id.to_string(),
        name,
        other_name,
        state: match freshness {
            Some(Freshness::Fresh) => "ok",
            Some(Freshness::Late) => "warn",
            Some(Freshness::Lost) => "crit",
            Some(Freshness::Quiet | Freshness::Never) | None => "plain",
        },
        word: words.say(&freshness.map_or("revoked".to_owned(), word)),
        notes: silence(words, office, (freshness, now)),
        facts,
        records: office.records,
        waiting: office.backlog,
        conflicts: office.conflicts,
        held: office.held,
        config: rollout.map_or(Vec::new(), |rollout| config(words, rollout)),
    }
}

/// When the office was heard, and what its habit says of that.
fn silence(
    words: &Words,
    office: &OfficeStatus,
    (freshness, now): (Option<Freshness>, Timestamp),
) -> Vec<String> {
    let mut notes = Vec::new();
    if office.connected {
        notes.push(match office.rtt_ms.filter(|ms| *ms > 0) {
            Some(ms) => words.with("connected", &[("ms", ms.to_string().into())]),
            None => words.say("connected-plain"),
        });
        return notes;
    }
    if let Some(at) = office.last_seen {
        let id = if freshness == Some(Freshness::Fresh) { "seen" } else { "last-known" };
        notes.push(words.with(id, &[("ago", ago_text(words, at, now))]));
    }
    let counts = matches!(freshness, Some(Freshness::Late | Freshness::Lost));
    if let Some(habit) = office.habit.as_ref().filter(|_| counts) {
        let hours = format!("{:.1}", habit.missed_hours);
        let late = format!("{:.1}", habit.late_after_hours);
        notes.push(words.with("missed", &[("hours", hours.into()), ("late", late.into())]));
        notes.push(format!("{} {}", words.say("usually"), harmless(&habit.usual)));
    }
    notes
}

/// What runs at an office, and how it is with the newest edition.
fn config(words: &Words, office: &OfficeRollout) -> Vec<String> {
    let serial = |id, serial: Serial| words.with(id, &[("serial", serial.to_string().into())]);
    let mut told = vec![match office.running {
        Serial::BUILT_IN => words.say("config-built-in"),
        running => serial("config-edition", running),
    }];
    if let Some(desired) = office.desired.filter(|desired| *desired != office.running) {
        told.push(serial("config-desired", desired));
    }
    let id = format!("office-{}", office.stage.to_ascii_lowercase().replace('_', "-"));
    told.push(if words.has(&id) { words.say(&id) } else { office.stage.to_owned() });
    told
}
