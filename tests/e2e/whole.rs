//! The main job, end to end.

use crate::district::{District, Enrolled, enroll, record};
use serde_json::{Map, Value};
use wasl_tests::sample;

#[test]
fn all_1344_enrollments_are_at_hq_exactly_as_they_were_given() {
    let district = District::new();
    let office = district.office("nasiriyah");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/enrollments.jsonl");
    let enrolled = Enrolled::of(&office.at.output(&["enroll", file], b"").unwrap());
    assert_eq!(enrolled.code, Some(0), "{}", enrolled.said);
    assert_eq!(enrolled.answers.len(), 1_344);
    assert_eq!(district.agree(&office), enrolled.ids());
    let mut hq = district.hq.at.http().unwrap();
    for (line, answer) in sample::lines().zip(&enrolled.answers) {
        let posted: Map<String, Value> = serde_json::from_str(line).unwrap();
        let kept = record(&mut hq, answer["id"].as_str().unwrap());
        assert_eq!(kept["form_number"], posted["form_number"]);
        let groups = kept["groups"].as_object().unwrap();
        assert_eq!(groups.len(), posted.len() - 1);
        for (group, kept) in groups {
            assert_eq!(kept["value"], posted[group]);
        }
    }
    district.no_personal_data_in_logs();
}

#[test]
fn the_command_line_prints_the_same_record_at_the_office_and_at_hq() {
    let district = District::new();
    let office = district.office("shatra");
    let id = crate::district::enroll(&office, 0..1).ids().pop_first().unwrap();
    crate::district::synced(&office);
    let get = ["record", "get", &id, "--json"];
    let sides = [office.at.call(&get).unwrap(), district.hq.at.call(&get).unwrap()];
    let [here, there] = sides.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    for field in ["schema", "id", "form_number", "office", "token", "version_vector", "groups"] {
        assert_eq!(here[field], there[field], "{field}");
        assert!(!here[field].is_null(), "{field}");
    }
    assert_eq!(here["hq"], "stored");
}

#[test]
fn an_office_sees_its_own_records_only() {
    let district = District::new();
    let (one, other) = (district.office("nasr"), district.office("fajr"));
    let here = crate::district::enroll(&one, 0..20).ids();
    let there = crate::district::enroll(&other, 0..30).ids();
    assert_eq!(district.agree(&one), here);
    assert_eq!(district.agree(&other), there);
    assert_eq!(district.hq.at.status().unwrap()["totals"]["records"], 50);
    let foreign = one.at.output(&["record", "get", there.first().unwrap()], b"").unwrap();
    assert_eq!(foreign.status.code(), Some(1));
}

#[test]
fn a_correction_reaches_hq_and_an_honest_retry_of_the_first_post_is_still_one() {
    let district = District::new();
    let mut office = district.office("shatra");
    let enrolled = enroll(&office, 0..3);
    let id = enrolled.answers[0]["id"].as_str().unwrap().to_string();
    let set = ["record", "set", &id, "contact.phone=+9647800000009", "address.house=7"];
    office.at.call(&set).unwrap();
    office.at.kill(); // the correction was answered: it is on disk
    office.at.run().unwrap();
    district.agree(&office);
    let at_hq = record(&mut district.hq.at.http().unwrap(), &id);
    assert_eq!(at_hq["groups"]["contact"]["value"]["phone"], "+9647800000009");
    assert_eq!(at_hq["groups"]["address"]["value"]["house"], 7);
    assert_eq!(at_hq["conflict"], false);
    let again = enroll(&office, 0..3);
    assert!(again.answers.iter().all(|answer| answer["duplicate"] == true));
    let hqs = office.at.output(&["record", "set", &id, "national_number.value=1"], b"").unwrap();
    assert!(!hqs.status.success());
    assert!(String::from_utf8_lossy(&hqs.stderr).contains("headquarters writes this group"));
}
