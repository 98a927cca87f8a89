//! The same record edited at several ends while the links are cut.

use crate::district::{District, record};
use crate::hands::{counts, dot_of, get, items, one_record, patch, refusal, same, set, told, wait};
use serde_json::{Value, json};
use wasl_tests::fleet::{Installation, Office};

const AT_THE_OFFICE: &str = "+9647811111111";
const AT_HQ: &str = "+9647822222222";

/// The phone of a record, written at its office and at HQ while the link is cut; and the record,
/// the same at both ends, once it is restored.
pub fn conflict(district: &District, office: &Office) -> (String, Value) {
    let id = one_record(district, office);
    counts(district, office, 0, 0);
    office.link.cut();
    set(&office.at, &id, &format!("contact.phone={AT_THE_OFFICE}"), "op-07");
    set(&district.hq.at, &id, &format!("contact.phone={AT_HQ}"), "clerk-2");
    office.link.restore();
    let both = same(&[&office.at, &district.hq.at], &id);
    assert_eq!(both["conflict"], true);
    counts(district, office, 1, 0);
    (id, both)
}

/// Nothing is in conflict any more, and the phone is this at both ends.
fn ended(district: &District, office: &Office, id: &str, phone: &str) {
    let both = same(&[&office.at, &district.hq.at], id);
    assert_eq!(both["groups"]["contact"]["value"]["phone"], phone);
    assert_eq!(both["groups"]["contact"]["siblings"], json!([]));
    assert_eq!(both["conflict"], false);
    counts(district, office, 0, 0);
    for at in [&office.at, &district.hq.at] {
        assert_eq!(items(at, &["conflict", "list"]), Vec::<Value>::new());
    }
    district.agree(office);
    district.no_personal_data_in_logs();
}

#[test]
fn the_same_group_written_at_both_ends_of_a_cut_keeps_both_values_until_hq_takes_one() {
    let district = District::new();
    let office = district.office("shatra");
    let (id, both) = conflict(&district, &office);
    let contact = &both["groups"]["contact"];
    assert_eq!(contact["differs"], json!(["phone"]));
    for (place, who, phone) in [("shatra", "op-07", AT_THE_OFFICE), ("hq", "clerk-2", AT_HQ)] {
        let wrote = contact["siblings"].as_array().unwrap();
        let wrote = wrote.iter().find(|s| s["office"] == place).expect("both values are there");
        assert_eq!(wrote["operator"], who);
        assert_eq!(wrote["value"]["phone"], phone);
        assert!(wrote["at"].as_u64().unwrap() > 1_600_000_000_000, "{}", wrote["at"]);
    }
    for at in [&office.at, &district.hq.at] {
        let listed = items(at, &["conflict", "list"]);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["id"], id.as_str());
        let told = &listed[0]["groups"]["contact"];
        assert_eq!(told["siblings"], contact["siblings"]);
        assert_eq!(told["differs"], json!(["phone"]));
        let people = at.call(&["conflict", "list"]).unwrap();
        for word in [&id[..], "contact", "phone", AT_THE_OFFICE, AT_HQ, "op-07", "clerk-2"] {
            assert!(people.contains(word), "`{word}` is not in\n{people}");
        }
        let blind = ["record", "set", &id, "contact.phone=1"];
        assert!(refusal(at, &blind).contains("conflict"), "a field of two values has no value");
    }
    let dot = dot_of(&both, "contact", "shatra");
    let take = ["conflict", "resolve", &id, "contact", "--take", &dot, "--by", "judge-1"];
    told(&district.hq.at, &take);
    ended(&district, &office, &id, AT_THE_OFFICE);
}

#[test]
fn a_conflict_resolved_at_the_office_ends_everywhere() {
    let district = District::new();
    let office = district.office("rifai");
    let (id, both) = conflict(&district, &office);
    let dot = dot_of(&both, "contact", "hq");
    told(&office.at, &["conflict", "resolve", &id, "contact", "--take", &dot, "--by", "op-07"]);
    ended(&district, &office, &id, AT_HQ);
}

#[test]
fn a_conflict_may_end_with_a_third_value() {
    let district = District::new();
    let office = district.office("fajr");
    let (id, _) = conflict(&district, &office);
    let third = r#"{"phone": "+9647833333333"}"#;
    told(&district.hq.at, &["conflict", "resolve", &id, "contact", "--value", third]);
    ended(&district, &office, &id, "+9647833333333");
}

#[test]
fn two_resolutions_that_differ_are_a_conflict_again_and_not_a_loss() {
    let district = District::new();
    let office = district.office("batha");
    let (id, both) = conflict(&district, &office);
    office.link.cut();
    let [ours, theirs] = ["batha", "hq"].map(|place| dot_of(&both, "contact", place));
    told(&office.at, &["conflict", "resolve", &id, "contact", "--take", &ours]);
    told(&district.hq.at, &["conflict", "resolve", &id, "contact", "--take", &theirs]);
    office.link.restore();
    let again = same(&[&office.at, &district.hq.at], &id);
    assert_eq!(again["groups"]["contact"]["siblings"].as_array().unwrap().len(), 2);
    let dot = dot_of(&again, "contact", "hq");
    told(&district.hq.at, &["conflict", "resolve", &id, "contact", "--take", &dot]);
    ended(&district, &office, &id, AT_HQ);
}

#[test]
fn edits_of_other_groups_merge_by_themselves() {
    let district = District::new();
    let office = district.office("nasr");
    let id = one_record(&district, &office);
    office.link.cut();
    set(&office.at, &id, "contact.phone=+9647811111111", "op-07");
    set(&district.hq.at, &id, "address.house=12", "clerk-2");
    set(&district.hq.at, &id, "national_number.value=198012345678", "clerk-2");
    office.link.restore();
    let both = same(&[&office.at, &district.hq.at], &id);
    assert_eq!(both["conflict"], false);
    assert_eq!(both["groups"]["contact"]["value"]["phone"], AT_THE_OFFICE);
    assert_eq!(both["groups"]["address"]["value"]["house"], 12);
    assert_eq!(both["groups"]["national_number"]["value"]["value"], 198_012_345_678_u64);
    counts(&district, &office, 0, 0);
    district.agree(&office);
}

#[test]
fn three_writers_cut_from_one_another_keep_three_values_and_one_choice_ends_it() {
    let district = District::new();
    let (first, second) = (district.office("islah"), district.office("fuhud"));
    let id = one_record(&district, &first);
    told(&district.hq.at, &["record", "grant", &id, "fuhud"]);
    let ends = [&first.at, &second.at, &district.hq.at];
    same(&ends, &id);
    first.link.cut();
    second.link.cut();
    for (n, at) in ends.into_iter().enumerate() {
        set(at, &id, &format!("contact.phone=+964783000000{n}"), &format!("op-{n}"));
    }
    first.link.restore();
    second.link.restore();
    let all = wait_for_siblings(&ends, &id, 3);
    let told_of: Vec<_> = all["groups"]["contact"]["siblings"].as_array().unwrap().clone();
    for office in ["islah", "fuhud", "hq"] {
        assert!(told_of.iter().any(|s| s["office"] == office), "{office} is lost");
    }
    let dot = dot_of(&all, "contact", "fuhud");
    told(&district.hq.at, &["conflict", "resolve", &id, "contact", "--take", &dot]);
    let end = wait_for_siblings(&ends, &id, 0);
    assert_eq!(end["groups"]["contact"]["value"]["phone"], "+9647830000001");
    assert_eq!(end["conflict"], false);
    district.agree(&first);
}

#[test]
fn two_offices_recapture_a_face_and_hq_chooses_but_writes_none() {
    let district = District::new();
    let (first, second) = (district.office("gharraf"), district.office("dawaya"));
    let id = one_record(&district, &first);
    told(&district.hq.at, &["record", "grant", &id, "dawaya"]);
    let ends = [&first.at, &second.at, &district.hq.at];
    same(&ends, &id);
    first.link.cut();
    second.link.cut();
    let face = |quality: u8| json!({"face": {"quality": quality}});
    assert_eq!(patch(&first.at, &id, &face(61)), 200);
    assert_eq!(patch(&second.at, &id, &face(88)), 200);
    first.link.restore();
    second.link.restore();
    let all = wait_for_siblings_of(&ends, &id, "face", 2);
    let hq = &district.hq.at;
    assert_eq!(patch(hq, &id, &face(99)), 403);
    let third = ["conflict", "resolve", &id, "face", "--value", r#"{"quality":99}"#];
    refusal(hq, &third);
    assert_eq!(record(&mut hq.http().unwrap(), &id)["groups"], all["groups"]);
    let dot = dot_of(&all, "face", "dawaya");
    told(hq, &["conflict", "resolve", &id, "face", "--take", &dot]);
    let end = wait_for_siblings_of(&ends, &id, "face", 0);
    assert_eq!(end["groups"]["face"]["value"]["quality"], 88);
    assert_eq!(patch(hq, &id, &face(99)), 403, "one value leaves nothing to choose");
    district.agree(&first);
}

fn wait_for_siblings(ends: &[&Installation], id: &str, n: usize) -> Value {
    wait_for_siblings_of(ends, id, "contact", n)
}

/// Waits until all ends show so many values of a group, and the same state.
fn wait_for_siblings_of(ends: &[&Installation], id: &str, group: &str, n: usize) -> Value {
    for at in ends {
        wait("so many values", || {
            let siblings = get(at, id)?["groups"][group]["siblings"].as_array()?.len();
            (siblings == n).then_some(())
        });
    }
    same(ends, id)
}
