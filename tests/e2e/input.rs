//! What operators, and what feeds them, may get wrong: a clear error, and nothing else harmed.

use crate::district::{District, enroll, try_enroll};
use crate::forms::{self, form};
use serde_json::{Value, json};

/// Form `n` with one change, as a line.
fn changed(n: usize, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut form = form("nasr", n);
    change(&mut form);
    form.to_string().into_bytes()
}

#[test]
fn a_broken_line_500_of_1000_is_named_and_the_other_999_are_stored() {
    let district = District::new();
    let office = district.office("nasr");
    let mut lines: Vec<String> = forms::lines("nasr", 0..1_000).lines().map(String::from).collect();
    let half = lines[499].floor_char_boundary(lines[499].len() / 2);
    lines[499].truncate(half);
    let enrolled = try_enroll(&office, lines.join("\n"));
    assert_eq!(enrolled.code, Some(1));
    assert!(enrolled.said.contains("line 500: "), "{}", enrolled.said);
    let told = enrolled.said.lines().filter(|said| said.starts_with("line "));
    assert_eq!(told.count(), 1, "{}", enrolled.said);
    let wanted: Vec<_> =
        (0..1_000).filter(|n| *n != 499).map(|n| forms::number("nasr", n)).collect();
    assert_eq!(enrolled.numbers(), wanted);
    assert_eq!(district.agree(&office), enrolled.ids());
    district.no_personal_data_in_logs();
}

#[test]
fn each_bad_line_is_refused_for_its_reason_and_no_other_is() {
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"\xff\xfe{}".to_vec(), "not UTF-8"),
        ([&changed(1, |_| {})[..40], b"\xc3\x28\"}}"].concat(), "not UTF-8"),
        (changed(2, |f| f["person"]["given_name"] = json!("آيات\0")), "NUL"),
        (b"{\"form_number\": \"nasr-1\0\"}".to_vec(), "control character"),
        (changed(3, |f| f["person"]["given_name"] = json!("آ\u{202e}يات")), "bidi"),
        (changed(4, |f| f["contact"]["phone"] = json!("\u{2066}1\u{2069}")), "bidi isolate"),
        (changed(5, |f| f["contact"]["note"] = json!("x".repeat(2 * 1024 * 1024))), "262144"),
        (changed(6, |f| drop(f["person"].as_object_mut().unwrap().remove("sex"))), "person.sex"),
        (changed(7, |f| drop(f.as_object_mut().unwrap().remove("person"))), "person"),
        (changed(8, |f| drop(f.as_object_mut().unwrap().remove("form_number"))), "form_number"),
        (changed(9, |f| f["passport"] = json!({})), "passport: unknown field"),
        (changed(10, |f| f["national_number"] = json!({})), "national_number: unknown field"),
        (changed(11, |f| f["form_number"] = json!("nasr 1")), "form_number"),
        (b"[]".to_vec(), "object"),
        (b"null".to_vec(), "object"),
        ([b"[".repeat(100_000), b"]".repeat(100_000)].concat(), "deep"),
    ];
    let district = District::new();
    let office = district.office("nasr");
    let mut text = Vec::new();
    for (n, (bad, _)) in cases.iter().enumerate() {
        text.extend([&changed(1_000 + n, |_| {})[..], b"\n", bad, b"\n"].concat());
    }
    let enrolled = try_enroll(&office, text);
    assert_eq!(enrolled.code, Some(1));
    let said: Vec<&str> = enrolled.said.lines().filter(|l| l.starts_with("line ")).collect();
    assert_eq!(said.len(), cases.len(), "{}", enrolled.said);
    for (n, ((_, reason), said)) in cases.iter().zip(&said).enumerate() {
        assert!(said.starts_with(&format!("line {}: ", 2 * n + 2)), "{said}");
        assert!(said.contains(reason), "`{said}` does not say `{reason}`");
    }
    assert!(!enrolled.said.contains("آيات"), "an error quotes a name");
    let good: Vec<_> = (0..cases.len()).map(|n| forms::number("nasr", 1_000 + n)).collect();
    assert_eq!(enrolled.numbers(), good);
    assert_eq!(district.agree(&office), enrolled.ids());
    district.no_personal_data_in_logs();
}

#[test]
fn marks_and_joiners_are_arabic_text_and_come_back_untouched() {
    let district = District::new();
    let office = district.office("nasr");
    // Zero-width non-joiner and joiner, the marks, a hamza in two code points, kashida, harakat.
    let name = "مي\u{200c}خوا\u{200d}هم\u{200e}\u{200f}\u{061c} ا\u{0654} أ عـلـي مُحَمَّد";
    let line = changed(1, |f| f["person"]["given_name"] = json!(name));
    let enrolled = try_enroll(&office, line);
    assert_eq!(enrolled.code, Some(0), "{}", enrolled.said);
    let id = district.agree(&office).pop_first().unwrap();
    let kept = district.hq.at.get(&format!("/v1/records/{id}")).unwrap();
    assert_eq!(kept["groups"]["person"]["value"]["given_name"], name);
}

#[test]
fn a_form_number_again_is_a_duplicate_with_the_same_content_and_refused_with_other() {
    let district = District::new();
    let office = district.office("nasr");
    let first = enroll(&office, 0..3);
    let again = enroll(&office, 0..3);
    for (first, again) in first.answers.iter().zip(&again.answers) {
        assert_eq!(first["duplicate"], false);
        assert_eq!(again["duplicate"], true);
        for field in ["id", "journal", "seq", "head"] {
            assert_eq!(first[field], again[field], "{field}");
        }
    }
    let other = changed(1, |f| f["contact"]["phone"] = json!("+9647000"));
    let refused = try_enroll(&office, &other);
    assert_eq!(refused.code, Some(1));
    assert!(refused.answers.is_empty());
    assert!(refused.said.contains("already enrolled with other content"), "{}", refused.said);
    let mut http = office.at.http().unwrap();
    let (status, problem) = http.send("POST", "/v1/records", other.into()).unwrap();
    assert_eq!(status, 409, "{}", String::from_utf8_lossy(&problem));
    assert_eq!(district.agree(&office), first.ids());
}

#[test]
fn http_answers_each_bad_request_with_its_code() {
    let district = District::new();
    let office = district.office("nasr");
    let mut http = office.at.http().unwrap();
    let mut post = |body: Vec<u8>| http.send("POST", "/v1/records", body.into()).unwrap().0;
    assert_eq!(post(changed(1, |_| {})), 201);
    assert_eq!(post(changed(1, |_| {})), 200);
    assert_eq!(post(b"{".to_vec()), 400);
    assert_eq!(http.send("GET", "/v1/records/none", "".into()).unwrap().0, 400);
    assert_eq!(http.send("GET", "/v2", "".into()).unwrap().0, 404);
    assert_eq!(district.agree(&office).len(), 1);
}
