//! What `--json` prints fits the JSON Schemas that the packages ship, and none is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Serialize;
use serde_json::{Value, json};
use wasl_tests::fleet::{Installation, through};

use crate::config::author::{Author, word};
use crate::config::push;
use crate::district::{District, enroll, synced};
use crate::hands::told;
use crate::held::hostile;
use crate::two_hands::conflict;

/// The schemas of one package, and which of them a document was held against.
struct Shelf {
    schemas: BTreeMap<String, Value>,
    seen: BTreeSet<String>,
}

impl Shelf {
    fn new<S: Serialize>(schemas: Vec<(&str, S)>) -> Self {
        let entry = |(name, schema): (&str, S)| (name.to_owned(), json!(schema));
        Self { schemas: schemas.into_iter().map(entry).collect(), seen: BTreeSet::new() }
    }

    /// Runs a command and holds what it prints against the schema that it names. Its exit code is
    /// not looked at: `doctor` exits with what it found, and prints the document all the same.
    fn holds(&mut self, at: &Installation, words: &[&str], input: &str) {
        let out = at.output(&[words, &["--json"]].concat(), input.as_bytes()).unwrap();
        let document: Value = serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|e| panic!("{words:?}: {e}: {}", String::from_utf8_lossy(&out.stderr)));
        // The line that answers an enrollment is the one document that does not name its schema.
        let name = document["schema"].as_str().unwrap_or("wasl.enrolled/1").replace('/', "-");
        let schema = self.schemas.get(&name).unwrap_or_else(|| panic!("no schema {name}"));
        let validator = jsonschema::validator_for(schema).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        for field in document.as_object().unwrap().keys() {
            let known = schema["properties"].get(field).is_some();
            assert!(known, "{name}: the schema does not know `{field}`");
        }
        for required in schema["required"].as_array().unwrap() {
            let mut lacking = document.clone();
            lacking.as_object_mut().unwrap().remove(required.as_str().unwrap());
            assert!(!validator.is_valid(&lacking), "{name}: valid without {required}");
        }
        self.seen.insert(name);
    }

    /// None was left out, but for these.
    fn all_but(&self, these: &[&str]) {
        let left = self.schemas.keys().filter(|name| !self.seen.contains(*name));
        assert_eq!(left.collect::<Vec<_>>(), these);
    }
}

#[test]
fn every_document_that_an_office_prints_fits_its_schema() {
    let district = District::new();
    let mut shelf = Shelf::new(wasl_agent::cli::schemas());
    let mut joins = district.stranger("shatra");
    let token = through(district.token("shatra"), &joins.link);
    let asks = district.root().join("asks");
    shelf.holds(&joins.at, &["join", &token, "--request", word(&asks)], "");
    shelf.holds(&joins.at, &["join", &token], "");
    joins.at.run().unwrap();
    let edition = district.root().join("pushed");
    let author = Author::of(&district.hq);
    fs::write(&edition, author.signed(&author.edition(1, &json!({})))).unwrap();
    shelf.holds(&joins.at, &["config", "import", word(&edition)], "");

    let (office, ..) = hostile(&district);
    shelf.holds(&office.at, &["held", "list"], "");
    let quiet = District::new();
    let office = quiet.office("nasr");
    let (conflicted, _) = conflict(&quiet, &office);
    shelf.holds(&office.at, &["record", "get", &conflicted], "");
    shelf.holds(&office.at, &["record", "history", &conflicted], "");
    shelf.holds(&office.at, &["record", "receipt", &conflicted], "");
    shelf.holds(&office.at, &["enroll", "-"], &crate::forms::lines("nasr", 7..8));
    for words in [
        &["status"][..],
        &["doctor"],
        &["explain"],
        &["pause", "--why", "antenna"],
        &["record", "list"],
        &["conflict", "list"],
        &["journal", "verify"],
        &["config", "show"],
        &["config", "explain", "link.heartbeat_s"],
    ] {
        shelf.holds(&office.at, words, "");
    }
    let at = |name: &str| quiet.root().join(name);
    shelf.holds(&office.at, &["bundle", "export", word(&at("up"))], "");
    told(&quiet.hq.at, &["bundle", "import", word(&at("up")), "--reply", word(&at("down"))]);
    shelf.holds(&office.at, &["bundle", "import", word(&at("down"))], "");
    // Nothing is in a copy declared off-site, so nothing may be retired yet.
    shelf.all_but(&["wasl.retired-1"]);
}

#[test]
fn every_document_that_headquarters_prints_fits_its_schema() {
    let mut shelf = Shelf::new(wasl_server_stub::cli::schemas());
    let alarmed = District::new();
    let (_, _, held) = hostile(&alarmed);
    shelf.holds(&alarmed.hq.at, &["held", "show", &held], "");
    shelf.holds(&alarmed.hq.at, &["held", "list"], "");
    let district = District::new();
    let hq = &district.hq.at;
    let office = district.office("nasr");
    let (id, _) = conflict(&district, &office);
    shelf.holds(hq, &["record", "get", &id], "");
    shelf.holds(hq, &["record", "history", &id], "");
    enroll(&office, 3..4);
    synced(&office);
    let text = told(&office.at, &["record", "receipt", &id])["text"].clone();
    shelf.holds(hq, &["receipt", "verify", "-"], text.as_str().unwrap());
    shelf.holds(hq, &["office", "add", "rifai"], "");
    let asks = district.root().join("asks");
    let stranger = district.stranger("shatra");
    let token = through(district.token("shatra"), &stranger.link);
    told(&stranger.at, &["join", &token, "--request", word(&asks)]);
    let answer = district.root().join("answer");
    shelf.holds(hq, &["office", "admit", word(&asks), "--answer", word(&answer)], "");
    for words in [
        &["status"][..],
        &["explain"],
        &["conflict", "list"],
        &["record", "list"],
        &["journal", "verify", "nasr"],
        &["office", "list"],
        &["office", "show", "nasr"],
    ] {
        shelf.holds(hq, words, "");
    }

    let at = |name: &str| district.root().join(name);
    let (draft, signed, back) = (at("draft.toml"), at("signed"), at("back.toml"));
    fs::write(&draft, DRAFT).unwrap();
    shelf.holds(hq, &["config", "check", word(&draft)], "");
    let key = Author::key_file(&district.hq);
    let sign = ["config", "sign", word(&draft), "--key", word(&key), "-o", word(&signed)];
    shelf.holds(hq, &sign, "");
    let author = Author::of(&district.hq);
    push(&district, &author.edition(2, &json!({"day": {"capacity": 90}})), &["--now"]);
    shelf.holds(hq, &["config", "revert", "0", "-o", word(&back)], "");
    shelf.holds(hq, &["config", "export", word(&at("exported"))], "");
    shelf.holds(hq, &["config", "history"], "");
    shelf.holds(hq, &["config", "status"], "");

    told(&office.at, &["bundle", "export", word(&at("up"))]);
    shelf.holds(hq, &["bundle", "import", word(&at("up")), "--reply", word(&at("down"))], "");

    let (vault, mut other) = (at("vault"), district.another_hq());
    shelf.holds(&other.at, &["backup", word(&vault)], "");
    assert!(other.at.stop());
    let copy = fs::read_dir(&vault).unwrap().flatten().next().unwrap().path();
    shelf.holds(&other.at, &["restore", word(&copy)], "");
    shelf.all_but(&[]);
}

const DRAFT: &str = r#"[edition]
serial = 1
scope = { all = true }
not_after = "2099-01-01T00:00:00Z"
reason = "a test"
author = "author"

[settings.day]
capacity = 80
"#;
