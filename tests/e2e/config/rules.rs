//! What an enrollment must hold at this office, live.

use super::author::Author;
use super::{committed, push};
use crate::district::{District, enroll};
use crate::forms::{GIVEN_NAME, form};
use serde_json::{Value, json};
use wasl_tests::fleet::Office;

/// Posts form `n` with a phone number and a note; answers the status and the problem.
fn post(office: &Office, n: usize, phone: &str, note: &str) -> (u16, Value) {
    let mut form = form(&office.id, n);
    form["contact"] = json!({"phone": phone, "note": note});
    let mut http = office.at.http().unwrap();
    let (status, body) = http.send("POST", "/v1/records", form.to_string().into()).unwrap();
    (status.as_u16(), serde_json::from_slice(&body).unwrap())
}

#[test]
fn mandatory_fields_patterns_and_the_block_list_hold_at_once_and_until_the_next_edition() {
    let district = District::new();
    let office = district.office("nasr");
    let author = Author::of(&district.hq);
    assert_eq!(post(&office, 1, "x", "").0, 201);
    let rules = json!({"fields": {
        "mandatory": ["contact.note"],
        "patterns": {"contact.phone": "\\+9647[0-9]{9}"},
        "blocked": {"contact.phone": ["+964700000000", "+9647000000000"]},
    }});
    push(&district, &author.edition(1, &rules), &["--now"]);
    committed(&office, 1);
    assert_eq!(post(&office, 2, "+9647801234567", "n").0, 201);
    for (n, phone, note, field) in [
        (3, "+9647801234567", " ", "contact.note"),
        (4, "07801234567", "n", "contact.phone"),
        (5, "+9647000000000", "n", "contact.phone"),
    ] {
        let (status, problem) = post(&office, n, phone, note);
        assert_eq!(status, 400, "{problem}");
        let said = problem.to_string();
        assert!(said.contains("field-rule") && said.contains(field), "{said}");
        assert!(!said.contains(phone) && !said.contains(GIVEN_NAME), "a value is quoted: {said}");
    }
    // What was enrolled before the rules is there as it was; a retry of it is a duplicate.
    assert_eq!(post(&office, 1, "x", "").0, 200);
    push(&district, &author.edition(2, &json!({})), &["--now"]);
    committed(&office, 2);
    assert_eq!(post(&office, 4, "07801234567", "").0, 201);
    enroll(&office, 10..20);
    assert_eq!(district.agree(&office).len(), 13);
    district.no_personal_data_in_logs();
}

#[test]
fn a_correction_obeys_the_rules_of_the_groups_it_replaces() {
    let district = District::new();
    let office = district.office("nasr");
    let id = enroll(&office, 0..1).ids().pop_first().unwrap();
    let rules = json!({"fields": {
        "mandatory": ["address.street"],
        "patterns": {"contact.phone": "\\+9647[0-9]{9}"},
    }});
    push(&district, &Author::of(&district.hq).edition(1, &rules), &["--now"]);
    committed(&office, 1);
    let mut http = office.at.http().unwrap();
    let path = format!("/v1/records/{id}");
    let token = http.get(&path).unwrap()["token"].as_str().unwrap().to_string();
    let mut correct = |phone: &str| {
        let body = json!({"groups": {"contact": {"phone": phone}}});
        http.patch(&path, &token, &body).unwrap()
    };
    let (status, problem) = correct("123");
    assert_eq!(status, 400);
    assert!(String::from_utf8_lossy(&problem).contains("field-rule"));
    assert_eq!(correct("+9647801234567").0, 200);
    district.agree(&office);
}
