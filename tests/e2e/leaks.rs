//! No personal data in a log, a metric, a status or an error (I12): what each district has said of
//! itself is read when it ends, so that every test of this suite is also a test of this.
//!
//! Names are Arabic, and whatever the programs say is English: one Arabic letter is a leak, but for
//! the office's own name in its status. The rest is looked for word by word.

use crate::district::{District, try_enroll};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use wasl_tests::sample;

/// What tests give for phones, births, operators, authors and reasons, of whatever is enrolled.
const PLANTED: [&str; 13] = [
    "+9647",
    "1990-02-03",
    "op-0",
    "op-1",
    "judge-1",
    "clerk-1",
    "clerk-2",
    "nadia",
    "offices give no numbers",
    "enrolled twice",
    "given_name\":",
    "birth_date\":",
    "phone\":",
];

/// Births of the sample. Later ones are left out: a clock that a test sets ten years off may log a
/// day that somebody was born on.
static BORN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let born = sample::lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["person"]["birth_date"].as_str().unwrap().to_string()
    });
    born.filter(|day| day.as_str() < "2010").collect()
});

/// What a scan has read and found.
#[derive(Debug, Default)]
pub struct Found {
    /// How many logs of daemons it read.
    pub logs: usize,
    /// How many expositions of metrics.
    pub metrics: usize,
    /// One line for each leak: which file, and what kind of thing. Not the line itself.
    pub leaks: Vec<String>,
}

/// Reads everything that programs below `root` have said of themselves.
pub fn scan(root: &Path) -> Found {
    let mut found = Found::default();
    for path in said_below(root) {
        // One that is replaced at this moment is read at the next.
        let Ok(bytes) = fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let kind = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        found.logs += usize::from(kind == "log");
        found.metrics += usize::from(kind == "metrics");
        let text = match kind {
            "status" | "json" => without_names(&text),
            _ => text.into_owned(),
        };
        found.leaks.extend(leaks(&text).iter().map(|leak| format!("{}: {leak}", path.display())));
    }
    found
}

/// Logs, metrics, statuses and what commands said on stderr: beside the data dirs and in them.
fn said_below(root: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let dirs = list(root).into_iter().filter(|path| path.is_dir());
    let within = dirs.map(|dir| dir.join("status.json")).filter(|path| path.exists());
    let says = |path: &PathBuf| {
        let kind = path.extension().and_then(OsStr::to_str);
        kind.is_some_and(|kind| ["log", "stderr", "metrics", "status", "prom"].contains(&kind))
    };
    within.chain(list(root).into_iter().filter(says)).collect()
}

/// A status as text, without the offices' own names.
fn without_names(text: &str) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("name_ar");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let Ok(mut status) = serde_json::from_str(text) else { return text.to_string() };
    strip(&mut status);
    status.to_string()
}

fn leaks(text: &str) -> Vec<String> {
    let arabic = text.chars().any(is_arabic).then(|| "Arabic letters: a name?".to_string());
    let born = BORN.iter().map(String::as_str);
    let words = PLANTED.into_iter().chain(born).filter(|word| text.contains(word));
    arabic.into_iter().chain(words.map(|word| format!("`{word}`"))).collect()
}

fn is_arabic(c: char) -> bool {
    matches!(c, '\u{0600}'..='\u{06ff}' | '\u{0750}'..='\u{077f}' | '\u{fb50}'..='\u{fefc}')
}

#[test]
fn a_leak_is_found_wherever_it_is_and_an_offices_own_name_is_none() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("nasr")).unwrap();
    for (file, text, wanted) in [
        ("nasr.log", "enrolled \u{622}\u{64a}\u{627}\u{62a}\n", 1),
        ("nasr.log", "a call from +9647812345678\n", 1),
        ("nasr.log", "INFO welcomed epoch=1\n", 0),
        ("nasr.metrics", "wasl_enrollments_total{operator=\"op-07\"} 1\n", 1),
        ("nasr.stderr", "error: born 1945-09-20: refused\n", 1),
        ("nasr.status", r#"{"office":{"name_ar":"\u0627"},"summary":"well"}"#, 0),
        ("nasr/status.json", r#"{"office":{"name_ar":"\u0627"},"summary":"\u0627"}"#, 1),
    ] {
        let path = root.path().join(file);
        fs::write(&path, text).unwrap();
        let found = scan(root.path());
        assert_eq!(found.leaks.len(), wanted, "{file}: {text}: {found:?}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn what_daemons_and_commands_say_of_the_sample_is_read_and_names_nobody() {
    let district = District::new();
    let office = district.office("suq-al-shuyukh");
    let lines = sample::lines_of("suq-al-shuyukh").join("\n");
    // Twice with other content: refused, and said so.
    assert_eq!(try_enroll(&office, &lines).code, Some(0));
    let other = lines.replace("\"blood_group\": \"A+\"", "\"blood_group\": \"O-\"");
    assert_eq!(try_enroll(&office, other).code, Some(1));
    office.at.listen().unwrap();
    district.hq.at.listen().unwrap();
    let found = scan(district.root());
    assert!(found.leaks.is_empty(), "{:?}", found.leaks);
    assert_eq!((found.logs, found.metrics), (2, 2));
    let [stderr, metrics, _] = office.at.said();
    let said = fs::read_to_string(stderr).unwrap();
    assert!(said.contains("already enrolled with other content"), "{said}");
    let told = fs::read_to_string(metrics).unwrap();
    assert!(told.contains("\nwasl_enrollments_total 96.0\n"), "{told}");
    let refused = "wasl_enrollments_refused_total{reason=\"form-number-taken\"}";
    assert!(told.contains(refused), "{told}");
}
