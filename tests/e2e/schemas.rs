//! What `--json` prints fits the JSON Schemas that the packages ship.

use serde_json::Value;

use crate::district::{District, enroll, synced};

/// Does `text` fit the schema of this name, and does the schema know every field in it?
fn check<S: serde::Serialize>(schemas: &[(&str, S)], name: &str, text: &str) {
    let document: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let schema = schema(schemas, name);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
    let known = schema["properties"].as_object().unwrap();
    for field in document.as_object().unwrap().keys() {
        assert!(known.contains_key(field), "{name}: the schema does not know `{field}`");
    }
    let required = schema["required"].as_array().unwrap().first().unwrap().as_str().unwrap();
    let mut lacking = document.clone();
    lacking.as_object_mut().unwrap().remove(required);
    assert!(!validator.is_valid(&lacking), "{name}: valid without `{required}`");
}

fn schema<S: serde::Serialize>(schemas: &[(&str, S)], name: &str) -> Value {
    let found = schemas.iter().find(|(of, _)| *of == name);
    serde_json::to_value(&found.unwrap_or_else(|| panic!("no schema {name}")).1).unwrap()
}

#[test]
fn what_the_programs_print_as_json_fits_the_schemas_in_their_packages() {
    let district = District::new();
    let office = district.office("nasr");
    let enrolled = enroll(&office, 0..3);
    synced(&office);
    let schemas = wasl_agent::cli::schemas();
    let id = enrolled.ids().pop_first().unwrap();
    for (name, words) in [
        ("wasl.status-1", vec!["status", "--json"]),
        ("wasl.records-1", vec!["record", "list", "--json"]),
        ("wasl.held-1", vec!["held", "list", "--json"]),
        ("wasl.config-1", vec!["config", "show", "--json"]),
        ("wasl.setting-1", vec!["config", "explain", "link.heartbeat_s", "--json"]),
        ("wasl.receipt-1", vec!["record", "receipt", &id, "--json"]),
    ] {
        check(&schemas, name, &office.at.call(&words).unwrap());
    }
    // It exits with what it found; what it prints is the document all the same.
    let doctor = office.at.output(&["doctor", "--json"], b"").unwrap();
    check(&schemas, "wasl.doctor-1", &String::from_utf8(doctor.stdout).unwrap());
    let line = crate::forms::lines("nasr", 7..8);
    let answer = office.at.output(&["enroll", "-"], line.as_bytes()).unwrap();
    check(&schemas, "wasl.enrolled-1", &String::from_utf8(answer.stdout).unwrap());

    let at_hq = district.hq.at.call(&["status", "--json"]).unwrap();
    check(&wasl_server_stub::cli::schemas(), "wasl-hq.status-1", &at_hq);
}
