//! The schema against what really parses.

use std::collections::BTreeSet;

use super::*;
use crate::cli::config::document::Draft;

const HOURS: &str = "days = [\"sun\"]\nfrom = \"08:00\"\nto = \"14:00\"\n";

const EDITION: &str = r#"
serial = 7
author = "zainab"
reason = "exam week"
not_after = 2030-01-01T00:00:00Z
min_agent = "0.1.0"
revert_of = 6

[scope]
all = false
groups = { south = ["nasr"] }
offices = ["batha"]
except = ["rifai"]

[probation]
soak_s = 1
"#;

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_schema_names_exactly_the_settings_that_there_are() {
    let whole = format!("[working_hours]\n{HOURS}");
    let whole: OfficeSettings = toml::from_str(&whole).unwrap();
    let there = serde_json::to_value(whole).unwrap();
    let schema = schema();
    let tables = &schema["properties"]["settings"]["properties"];
    assert_eq!(names(&there), names(tables));
    for (table, fields) in there.as_object().unwrap() {
        assert_eq!(names(fields), names(&tables[table]["properties"]), "{table}");
    }
    assert_eq!(tables["day"]["properties"]["capacity"]["default"], 96);
}

#[test]
fn the_schema_names_exactly_what_an_edition_says_of_itself() {
    let whole: toml::Table = toml::from_str(EDITION).unwrap();
    let parse = |edition: toml::Table| {
        let text =
            toml::to_string(&toml::Table::from_iter([("edition".to_owned(), edition.into())]));
        Draft::parse(&text.unwrap())
    };
    let head = serde_json::to_value(parse(whole.clone()).unwrap().head).unwrap();
    let schema = &schema()["properties"]["edition"];
    assert_eq!(names(&head), names(&schema["properties"]));
    for table in ["scope", "probation"] {
        assert_eq!(names(&head[table]), names(&schema["properties"][table]["properties"]));
    }
    for name in names(&head) {
        let mut without = whole.clone();
        without.remove(name);
        let needed = schema["required"].as_array().unwrap().contains(&json!(name));
        assert_eq!(parse(without).is_err(), needed, "{name}");
    }
}

/// Is this value allowed?
fn set(key: &str, value: &str) -> Result<(), String> {
    let (table, name) = key.split_once('.').unwrap();
    let mut beside = if table == "working_hours" { HOURS } else { "" }.to_owned();
    if key == "config.stale_warn_days" {
        // The limit beside it leaves it room.
        beside = "stale_crit_days = 1000\n".to_owned();
    }
    let beside = beside.lines().filter(|line| !line.starts_with(&format!("{name} ")));
    let lines: Vec<_> = beside.map(|line| format!("{line}\n")).collect();
    let text = format!("[{table}]\n{}{name} = {value}\n", lines.concat());
    let settings: OfficeSettings = toml::from_str(&text).map_err(|e| e.message().to_owned())?;
    settings.check().map_err(|e| e.to_string())
}

#[test]
fn the_bounds_of_the_schema_are_those_that_are_checked() {
    for (key, kind, _) in KEYS {
        match kind {
            Kind::Whole(least, most) => {
                for (value, good) in
                    [(*least, true), (*most, true), (least - 1, false), (most + 1, false)]
                {
                    let told = set(key, &value.to_string());
                    assert_eq!(told.is_ok(), good, "{key} = {value}: {told:?}");
                }
            }
            Kind::Texts(most) => {
                for (many, good) in [(*most, true), (most + 1, false)] {
                    let texts = format!("[{}]", "\"h:1\",".repeat(usize::try_from(many).unwrap()));
                    assert_eq!(set(key, &texts).is_ok(), good, "{key}: {many}");
                }
            }
            Kind::Text => {
                for (text, good) in [("127.0.0.1:80", true), ("", true), ("0.0.0.0:80", false)] {
                    assert_eq!(set(key, &format!("{text:?}")).is_ok(), good, "{key}: {text}");
                }
            }
            Kind::Count => assert!(set(key, "-1").is_err(), "{key}"),
            _ => {}
        }
    }
}

#[test]
fn the_words_of_the_schema_are_those_that_are_known() {
    for (key, kind, _) in KEYS {
        let (words, wrong) = match kind {
            Kind::Word(words) => (*words, "\"nonsense\""),
            Kind::Days => (DAYS, "[\"nonsense\"]"),
            _ => continue,
        };
        let told = set(key, wrong).unwrap_err();
        let known: Vec<_> =
            told.split('`').skip(1).step_by(2).filter(|w| *w != "nonsense").collect();
        assert_eq!(known, words, "{key}: {told}");
    }
}
