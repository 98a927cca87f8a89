//! Which facts go in. Lists of names, and nothing by default.

use serde_json::{Map, Value, json};

use crate::settings::Local;

/// What goes in of `wasl.status/1`. Warnings come as codes: their texts quote what people typed.
const STATUS: [&str; 51] = [
    "schema",
    "overall",
    "synced",
    "safe_to_power_off",
    "intake_open",
    "as_of",
    "office.id",
    "agent.version",
    "agent.pid",
    "agent.started_at",
    "link.state",
    "link.since",
    "link.endpoint",
    "link.rtt_ms",
    "link.last_up_at",
    "link.last_error.code",
    "link.next_attempt_at",
    "link.attempts",
    "sync.journal",
    "sync.head_seq",
    "sync.stored_seq",
    "sync.stable_seq",
    "sync.backlog_records",
    "sync.backlog_bytes",
    "sync.blobs_pending",
    "sync.oldest_unacked_at",
    "sync.last_ack_at",
    "sync.eta_s",
    "sync.held",
    "sync.refused",
    "sync.level_at",
    "sync.level_kicks",
    "records.total",
    "records.conflicts",
    "records.read_only",
    "journal.bytes",
    "journal.free_bytes",
    "journal.fill_eta_s",
    "journal.fsync_p99_ms",
    "journal.read_only",
    "journal.last_verify.at",
    "config.running",
    "config.desired",
    "config.state",
    "config.last_attempt.serial",
    "config.last_attempt.phase",
    "config.last_attempt.code",
    "config.last_attempt.at",
    "identity.key_store",
    "clock.offset_ms",
    "clock.trust",
];

/// What goes in of each warning.
const WARNING: [&str; 3] = ["code", "severity", "since"];

/// What goes in of `wasl.config/1`: numbers, switches and addresses.
const CONFIG: [&str; 18] = [
    "schema",
    "running",
    "good",
    "floor",
    "desired",
    "state",
    "news_at",
    "rolled_back",
    "tightened",
    "settings.link",
    "settings.bandwidth",
    "settings.blobs",
    "settings.status",
    "settings.log",
    "settings.day.capacity",
    "settings.intake",
    "settings.page",
    "settings.config",
];

/// Settings of which only the names go in: fields, never what is asked of their values.
const NAMES_OF: [&str; 3] =
    ["settings.fields.mandatory", "settings.fields.patterns", "settings.fields.blocked"];

/// What may leave of a status.
pub(super) fn status(status: &Value) -> Value {
    let mut out = allowed(status, &STATUS);
    let warnings = status["warnings"].as_array().into_iter().flatten();
    out["warnings"] = warnings.map(|warning| allowed(warning, &WARNING)).collect();
    out
}

/// What may leave of the config in force.
pub(super) fn config(config: &Value) -> Value {
    let mut out = allowed(config, &CONFIG);
    for path in NAMES_OF {
        if let Some(found) = at(config, path) {
            put(&mut out, path, names(found));
        }
    }
    out
}

/// What may leave of the machine's own settings.
pub(super) fn local(local: &Local) -> Value {
    let machine = &local.machine;
    json!({"view": {"cache_mib": machine.view.cache_mib}, "intake": {"http": machine.intake_http}})
}

/// The facts that are named, where they are there.
fn allowed(document: &Value, paths: &[&str]) -> Value {
    let mut out = Value::Object(Map::new());
    for path in paths {
        if let Some(found) = at(document, path) {
            put(&mut out, path, found.clone());
        }
    }
    out
}

fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |value, name| value.get(name))
}

fn put(out: &mut Value, path: &str, found: Value) {
    let place = path.split('.').fold(out, |value, name| &mut value[name]);
    *place = found;
}

/// The names in a table, or the texts in a list.
fn names(found: &Value) -> Value {
    match found {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(items) => items.iter().filter(|item| item.is_string()).cloned().collect(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_nobody_named_stays_at_home() {
        let status = status(&json!({
            "schema": "wasl.status/1",
            "summary": "Zahra called",
            "new_field": "Zahra",
            "office": {"id": "nasr", "note": "Zahra"},
            "link": {"last_error": {"code": "timeout", "text": "Zahra"}},
            "config": {"last_attempt": {"serial": 3, "message": "Zahra said so"}},
            "warnings": [{"code": "held", "severity": "warn", "since": null, "text": "Zahra"}],
        }));
        assert!(!status.to_string().contains("Zahra"), "{status}");
        assert_eq!(status["config"], json!({"last_attempt": {"serial": 3}}));
        assert_eq!(status["warnings"][0]["code"], "held");
    }

    #[test]
    fn of_field_rules_only_the_names_go_in() {
        let config = config(&json!({
            "hold": {"why": "Zahra is away"},
            "settings": {
                "link": {"heartbeat_s": 60},
                "day": {"capacity": 96, "priority": ["zahra"]},
                "fields": {
                    "mandatory": ["person.given_name"],
                    "patterns": {"contact.phone": "0780[0-9]+"},
                    "blocked": {"person.given_name": ["Zahra"]},
                },
            },
        }));
        let text = config.to_string().to_lowercase();
        assert!(!text.contains("zahra") && !text.contains("0780"), "{config}");
        let rules = json!({
            "mandatory": ["person.given_name"],
            "patterns": ["contact.phone"],
            "blocked": ["person.given_name"],
        });
        assert_eq!(config["settings"]["fields"], rules);
        assert_eq!(config["settings"]["day"], json!({"capacity": 96}));
    }
}
