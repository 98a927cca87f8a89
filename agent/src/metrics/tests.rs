//! Every metric keeps to the conventions of the field, with all facts there.

use std::collections::BTreeMap;

use super::office::{Told, families};
use crate::engine::{Facts, Refused, SyncTimes};
use crate::facts::{IntakeFacts, LinkFacts};
use crate::status::{Severity, Status, Warning};
use wasl_shown::exposition::{Format, text};
use wasl_shown::process::Usage;

/// A status as a daemon writes it, in trouble.
const STATUS: &str = r#"{
  "schema": "wasl.status/1", "overall": "crit", "summary": "the disk is full", "synced": false,
  "safe_to_power_off": true, "intake_open": false, "as_of": "2026-01-02T03:04:05Z",
  "office": {"id": "nasr", "name_ar": "النصر", "name_en": "An-Nasr"},
  "agent": {"version": "0.1.0", "pid": 7, "started_at": "2026-01-02T03:00:00Z"},
  "link": {"state": "up", "since": null, "endpoint": "hq:1", "rtt_ms": 600,
    "last_up_at": "2026-01-02T03:04:00Z", "last_error": null, "next_attempt_at": null,
    "attempts": 0},
  "sync": {"journal": null, "head_seq": 9, "stored_seq": 5, "stable_seq": 2, "backlog_records": 4,
    "backlog_bytes": 2048, "blobs_pending": 0, "oldest_unacked_at": "2026-01-01T00:00:00Z",
    "last_ack_at": "2026-01-01T00:00:00Z", "eta_s": null, "held": 1, "refused": 1,
    "level_at": null, "level_kicks": 0},
  "records": {"total": 8, "conflicts": 1, "read_only": 1},
  "journal": {"bytes": 4194304, "free_bytes": 1000, "fill_eta_s": 3600, "fsync_p99_ms": 1.5,
    "last_verify": {"at": "2026-01-01T00:00:00Z", "result": "ok"}, "read_only": false,
    "mirror": {"place": "/media/stick/wasl", "level": false, "behind": 3,
      "level_at": "2026-01-01T00:00:00Z", "trouble": "its disk is full"}},
  "config": {"running": 3, "desired": 4, "state": "rolled_back", "last_attempt":
    {"serial": 4, "phase": "rolled_back", "code": "gate", "message": "m",
     "at": "2026-01-01T00:00:00Z"}},
  "identity": {"key": "00", "key_store": "file"}, "clock": {"offset_ms": -1500, "trust": "ok"},
  "warnings": []
}"#;

/// What is exposed when there is something to say of everything.
pub(super) fn exposed(format: Format) -> String {
    let mut status: Status = serde_json::from_str(STATUS).unwrap();
    status.warnings.push(Warning {
        code: "disk-full".to_owned(),
        severity: Severity::Crit,
        since: None,
        title: String::new(),
        text: String::new(),
        action: String::new(),
        depends_on: Vec::new(),
    });
    let mut syncs = SyncTimes { sum_ns: 3_000_000, ..SyncTimes::default() };
    syncs.counts[2] = 3;
    let engine = Facts { turns: 7, syncs, closed: Some(Refused::DiskFull), ..Facts::default() };
    let link = LinkFacts {
        attempts_by_outcome: BTreeMap::from([("up", 2), ("timeout", 1)]),
        ends_by_reason: BTreeMap::from([("broken", 1)]),
        sent_bytes: 10,
        received_bytes: 20,
        ..LinkFacts::default()
    };
    let intake = IntakeFacts {
        enrolled: 5,
        repeated: 1,
        corrected: 2,
        refused: BTreeMap::from([("field-rule".to_owned(), 3)]),
        waiting: 0,
    };
    let usage = Some(Usage { cpu_s: 0.25, resident_bytes: 20 << 20, open_files: 30 });
    let told = Told { status: &status, engine: &engine, link: &link, intake: &intake, usage };
    text(families(&told), format)
}

/// The value of one series.
fn value(text: &str, series: &str) -> String {
    let line = text.lines().find(|l| l.strip_prefix(series).is_some_and(|l| l.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}"))[series.len() + 1..].to_owned()
}

#[test]
fn facts_are_told_in_base_units() {
    let text = exposed(Format::Classic);
    for (series, wanted) in [
        ("wasl_build_info{office=\"nasr\",version=\"0.1.0\"}", "1.0"),
        ("wasl_status_timestamp_seconds", "1767323045.0"),
        ("wasl_disk_full_timestamp_seconds", "1767326645.0"),
        ("wasl_oldest_unacked_timestamp_seconds", "1767225600.0"),
        ("wasl_link_rtt_seconds", "0.6"),
        ("wasl_clock_offset_seconds", "-1.5"),
        ("wasl_journal_fsync_duration_seconds_sum", "0.003"),
        ("wasl_journal_fsync_duration_seconds_count", "3"),
        ("wasl_journal_fsync_duration_seconds_bucket{le=\"0.0005\"}", "0"),
        ("wasl_journal_fsync_duration_seconds_bucket{le=\"0.001\"}", "3"),
        ("wasl_enrollments_refused_total{reason=\"field-rule\"}", "3.0"),
        ("wasl_link_attempts_total{outcome=\"timeout\"}", "1.0"),
        ("wasl_link_bytes_total{direction=\"received\"}", "20.0"),
        ("wasl_config_serial{which=\"desired\"}", "4.0"),
        ("wasl_config_rolled_back", "1.0"),
        ("wasl_warning{code=\"disk-full\",severity=\"crit\"}", "1.0"),
        ("wasl_warning{code=\"fork\",severity=\"crit\"}", "0.0"),
        ("wasl_warnings{severity=\"crit\"}", "1.0"),
        ("wasl_warnings{severity=\"warn\"}", "0.0"),
        ("wasl_intake_open", "0.0"),
        ("wasl_journal_entries{upto=\"stored\"}", "5.0"),
    ] {
        assert_eq!(value(&text, series), wanted, "{series}");
    }
}

#[test]
fn what_is_not_known_is_not_a_number_and_not_zero() {
    let mut status: Status = serde_json::from_str(STATUS).unwrap();
    status.clock.offset_ms = None;
    status.sync.oldest_unacked_at = None;
    let (engine, link, intake) = (Facts::default(), LinkFacts::default(), IntakeFacts::default());
    let told = Told { status: &status, engine: &engine, link: &link, intake: &intake, usage: None };
    let text = text(families(&told), Format::Classic);
    for series in ["wasl_clock_offset_seconds", "wasl_oldest_unacked_timestamp_seconds"] {
        assert_eq!(value(&text, series), "NaN", "{series}");
    }
}

/// What each label may say at most: more would be a series for each of something unbounded.
const LABELS: [&str; 11] = [
    "office",
    "version",
    "severity",
    "code",
    "reason",
    "upto",
    "outcome",
    "direction",
    "which",
    "le",
    "state",
];

/// How many series one scrape may have: each costs the monitoring system memory for weeks.
const MOST_SERIES: usize = 200;

/// Complaints about an exposition: what a linter of metrics would say.
fn complaints(text: &str) -> Vec<String> {
    let mut kinds = BTreeMap::new();
    let mut helped = BTreeMap::new();
    let mut series = 0;
    let mut said = Vec::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            helped.insert(name, help);
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' '))
        {
            if kinds.insert(name, kind).is_some() {
                said.push(format!("{name}: there twice"));
            }
        } else {
            series += 1;
            let labels = line.split_once('{').map_or("", |(_, l)| l.split_once('}').unwrap().0);
            for label in labels.split(',').filter_map(|l| l.split_once('=')).map(|(l, _)| l) {
                if !LABELS.contains(&label) {
                    said.push(format!("{line}: `{label}` is no label of ours"));
                }
            }
        }
    }
    for (name, kind) in kinds {
        said.extend(unconventional(name, kind).map(|why| format!("{name}: {why}")));
        if helped.get(name).is_none_or(|help| !help.ends_with(['.', '?'])) {
            said.push(format!("{name}: no sentence says what it is"));
        }
    }
    if series > MOST_SERIES {
        said.push(format!("{series} series, at most {MOST_SERIES}"));
    }
    said
}

/// What is wrong with a name, by the conventions of prometheus.io/docs/practices/naming.
fn unconventional(name: &str, kind: &str) -> Option<&'static str> {
    const NOT_BASE: [&str; 9] =
        ["_ms", "_millis", "_milliseconds", "_minutes", "_hours", "_kib", "_mb", "_percent", "_ns"];
    let counter = kind == "counter";
    let inner = name.trim_end_matches("_total");
    match () {
        () if !name.starts_with("wasl_") => Some("the name does not begin with the program's"),
        () if counter != name.ends_with("_total") => Some("`_total` is for counters, for each"),
        () if NOT_BASE.iter().any(|unit| inner.ends_with(unit)) => Some("not a base unit"),
        () if inner.contains("timestamp") && !inner.ends_with("_timestamp_seconds") => {
            Some("a moment ends in _timestamp_seconds")
        }
        () if inner.ends_with("_age_seconds") => Some("an age: tell the moment"),
        () if kind == "histogram" && !inner.ends_with("_seconds") => Some("no unit"),
        () => None,
    }
}

#[test]
fn every_metric_has_a_sentence_a_conventional_name_and_few_labels() {
    let said = complaints(&exposed(Format::Classic));
    assert!(said.is_empty(), "\n{}", said.join("\n"));
}

#[test]
fn a_metric_against_the_conventions_is_refused() {
    for (text, wanted) in [
        ("# HELP wasl_rtt_ms A.\n# TYPE wasl_rtt_ms gauge\n", "base unit"),
        ("# HELP wasl_seen A.\n# TYPE wasl_seen counter\n", "_total"),
        ("# HELP wasl_a A\n# TYPE wasl_a gauge\n", "sentence"),
        ("# TYPE wasl_a gauge\n", "sentence"),
        ("# HELP rtt_seconds A.\n# TYPE rtt_seconds gauge\n", "begin"),
        ("# HELP wasl_a A.\n# TYPE wasl_a gauge\nwasl_a{record=\"1\"} 1\n", "label"),
        ("# HELP wasl_ack_age_seconds A.\n# TYPE wasl_ack_age_seconds gauge\n", "age"),
    ] {
        let said = complaints(text);
        assert!(said.len() == 1 && said[0].contains(wanted), "{text}: {said:?}");
    }
}
