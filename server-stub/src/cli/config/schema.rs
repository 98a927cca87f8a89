//! The JSON Schema of an edition's TOML. Its defaults are read from the settings themselves; tests
//! hold its names, bounds and words against what really parses.

use serde_json::{Map, Value, json};
use wasl_protocol::edition::{OfficeSettings, Probation};
use wasl_protocol::limits;

use super::document::{PROBATION_S, REASON_BYTES};

/// What a setting may be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A whole number in these bounds.
    Whole(i64, i64),
    /// A whole number from 0.
    Count,
    Flag,
    Word(&'static [&'static str]),
    Text,
    /// A list of texts, of at most so many.
    Texts(u64),
    /// A list of groups or fields, in no order.
    Names,
    Days,
    Time,
    /// A text for each field.
    TextByField,
    /// Texts for each field.
    TextsByField,
}

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
const LANGUAGES: &[&str] = &["ar", "en"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A regular expression for a time of the day.
const TIME: &str = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";

/// What a table needs if it is there at all.
const WORKING_HOURS: &[&str] = &["days", "from", "to"];

/// Every setting.
const KEYS: &[(&str, Kind, &str)] = &[
    ("link.heartbeat_s", Kind::Whole(1, 3600), "how long a live link may be silent, in seconds"),
    ("link.backoff_min_ms", Kind::Whole(10, 60_000), "the first wait after a failed attempt"),
    ("link.backoff_max_s", Kind::Whole(1, 3600), "the longest wait between attempts, in seconds"),
    ("link.connect_timeout_s", Kind::Whole(1, 600), "how long one attempt may take, in seconds"),
    ("link.endpoints", Kind::Texts(8), "where HQ is, host:port, tried in order; empty: as joined"),
    ("bandwidth.records_kbit_s", Kind::Whole(0, 10_000_000), "for records; 0: the whole link"),
    ("bandwidth.blobs_kbit_s", Kind::Whole(0, 10_000_000), "for biometric blobs; 0: as above"),
    ("bandwidth.blobs_after_hours", Kind::Flag, "are blobs sent outside working hours only?"),
    ("blobs.retention_days", Kind::Whole(1, 3650), "how long a blob stays once it is stable"),
    ("status.unacked_warn_s", Kind::Count, "warn when HQ lacks an entry so long, working time"),
    ("status.unacked_crit_s", Kind::Count, "critical when HQ lacks an entry so long"),
    ("status.disk_warn_days", Kind::Count, "warn when the disk is full in so many days"),
    ("status.disk_crit_days", Kind::Count, "critical when the disk is full in so many days"),
    ("status.clock_warn_s", Kind::Count, "warn when the clock is off HQ's by more"),
    ("status.clock_crit_s", Kind::Count, "critical when the clock is off HQ's by more"),
    ("working_hours.days", Kind::Days, "the working days"),
    ("working_hours.from", Kind::Time, "when work begins, by local time"),
    ("working_hours.to", Kind::Time, "when work ends, by local time"),
    ("working_hours.utc_offset_min", Kind::Whole(-32_768, 32_767), "local time ahead of UTC; 180"),
    ("log.level", Kind::Word(LEVELS), "the least severe level that is logged"),
    ("day.capacity", Kind::Whole(1, 10_000), "how many appointments a day has"),
    ("day.priority", Kind::Texts(32), "the priority classes, the one that goes first at the top"),
    ("conflicts.hq_only", Kind::Names, "groups whose conflicts offices leave to headquarters"),
    ("intake.max_waiting", Kind::Whole(1, 65_536), "how many posted records may wait for the disk"),
    ("intake.record_kib", Kind::Whole(4, 256), "the longest posted record, in KiB"),
    (
        "intake.http",
        Kind::Text,
        "where HTTP is served too, on loopback; empty: as the machine says",
    ),
    ("fields.mandatory", Kind::Names, "fields, as group.field, that must not be empty"),
    ("fields.patterns", Kind::TextByField, "what a field's whole text must match"),
    ("fields.blocked", Kind::TextsByField, "texts that a field must not have"),
    ("page.language", Kind::Word(LANGUAGES), "the language of the pages"),
    ("config.stale_warn_days", Kind::Whole(1, 365), "warn when HQ said nothing new so long"),
    ("config.stale_crit_days", Kind::Count, "critical when HQ said nothing new so long"),
];

impl Kind {
    fn schema(self) -> Value {
        let texts = json!({"type": "array", "items": {"type": "string"}});
        let by_field = |each: Value| {
            let name = json!({"pattern": "^[a-z_]+\\..+$"});
            json!({"type": "object", "propertyNames": name, "additionalProperties": each})
        };
        match self {
            Self::Whole(least, most) => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Self::Count => json!({"type": "integer", "minimum": 0}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Text => json!({"type": "string"}),
            Self::Word(words) => json!({"enum": words}),
            Self::Texts(most) => {
                json!({"type": "array", "items": {"type": "string"}, "maxItems": most})
            }
            Self::Names => texts,
            Self::Days => json!({"type": "array", "items": {"enum": DAYS}, "minItems": 1}),
            Self::Time => json!({"type": "string", "pattern": TIME}),
            Self::TextByField => by_field(json!({"type": "string"})),
            Self::TextsByField => by_field(texts),
        }
    }
}

/// The schema of the whole document.
pub(super) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An edition: how offices run",
        "type": "object",
        "additionalProperties": false,
        "required": ["edition"],
        "properties": {"edition": edition(), "settings": settings()},
    })
}

fn settings() -> Value {
    let built_in = serde_json::to_value(OfficeSettings::default()).expect("settings are JSON");
    let mut tables: Map<String, Value> = Map::new();
    for (key, kind, says) in KEYS {
        let (table, name) = key.split_once('.').expect("a setting is in a table");
        let mut schema = kind.schema();
        schema["description"] = json!(says);
        if let Some(default) = built_in[table].get(name) {
            schema["default"] = default.clone();
        }
        let entry = tables.entry(table).or_insert_with(|| {
            let mut entry = json!({"type": "object", "additionalProperties": false});
            if table == "working_hours" {
                entry["required"] = json!(WORKING_HOURS);
                entry["description"] = json!("without it every hour counts as working time");
            }
            entry
        });
        entry["properties"][name] = schema;
    }
    json!({"type": "object", "additionalProperties": false, "properties": tables})
}

fn edition() -> Value {
    let text = |bytes: usize| json!({"type": "string", "minLength": 1, "maxLength": bytes});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["author", "reason"],
        "properties": {
            "serial": {"type": "integer", "minimum": 1,
                "description": "one sequence for the whole fleet"},
            "author": text(limits::OPERATOR_BYTES),
            "reason": text(REASON_BYTES),
            "not_after": {"type": "string", "format": "date-time",
                "description": "not adopted any more after this; 30 days if not given"},
            "min_agent": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$",
                "description": "the oldest agent that understands it"},
            "revert_of": {"type": "integer", "minimum": 1,
                "description": "the edition that it takes back"},
            "scope": scope(),
            "probation": probation(),
        },
    })
}

fn scope() -> Value {
    let offices = json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true});
    json!({
        "type": "object",
        "additionalProperties": false,
        "description": "for which offices it is; every one if not given",
        "properties": {
            "all": {"type": "boolean", "default": false},
            "groups": {"type": "object", "additionalProperties": offices},
            "offices": offices,
            "except": offices,
        },
    })
}

fn probation() -> Value {
    let seconds = |least: u32, default: u32, says: &str| {
        json!({"type": "integer", "minimum": least, "maximum": PROBATION_S, "default": default,
            "description": says})
    };
    let Probation { soak_s, confirm_s, session_s, gate_s } = Probation::default();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "soak_s": seconds(0, soak_s, "how long HQ watches one stage, in connected seconds"),
            "confirm_s": seconds(0, confirm_s, "how long an office watches it before it stays"),
            "session_s": seconds(1, session_s, "how long a link may be without a session"),
            "gate_s": seconds(1, gate_s, "how long disk, intake or sockets may fail"),
        },
    })
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
