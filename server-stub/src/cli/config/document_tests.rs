//! What authors write, and what is told of their mistakes.

use super::*;
use std::path::Path;
use wasl_protocol::edition::{SignedEdition, Trust};
use wasl_protocol::keys::SignKey;

const HEAD: &str = "[edition]\nauthor = \"zainab\"\nreason = \"exam week\"\n";

fn parse(rest: &str) -> Result<Draft, String> {
    let text = format!("{HEAD}{rest}");
    Draft::parse(&text).map_err(|flaw| format!("{:?}", flaw.failure(Path::new("f"), &text)))
}

fn signing(now: i64) -> Signing {
    let fleet = FleetId([7; 16]);
    Signing { fleet, serial: Serial(3), now: UnixMs(now), previous: None }
}

#[test]
fn what_is_not_said_is_for_every_office_and_adopted_for_thirty_days() {
    let edition = parse("").unwrap().edition(signing(1000));
    assert!(edition.scope.covers(&"nasr".parse().unwrap()));
    assert_eq!(edition.not_after, UnixMs(1000 + ADOPT_MS));
    assert_eq!(edition.probation, wasl_protocol::edition::Probation::default());
    assert_eq!(edition.settings.as_str(), "{}", "what is not written is not signed");
}

#[test]
fn an_edition_says_what_was_written_and_is_signed_as_that() {
    let draft = parse(
        "not_after = 2030-01-01T00:00:00+03:00\nscope.offices = [\"nasr\"]\n\
         probation = { soak_s = 5 }\n[settings.fields.patterns]\n\"contact.phone\" = \"[0-9]+\"\n",
    );
    let edition = draft.unwrap().edition(signing(0));
    assert_eq!(edition.not_after, UnixMs(1_893_445_200_000));
    let covers = |office: &str| edition.scope.covers(&office.parse().unwrap());
    assert!(covers("nasr") && !covers("batha"));
    assert_eq!((edition.probation.soak_s, edition.probation.confirm_s), (5, 600));
    let text = r#"{"fields":{"patterns":{"contact.phone":"[0-9]+"}}}"#;
    assert_eq!(edition.settings.as_str(), text);
    let key = SignKey::from_secret(&[1; 32]);
    let signed = SignedEdition::sign(&edition, &key);
    assert!(signed.is_signed(&Trust::in_one(key.verify_key())));
    assert_eq!(signed.edition().unwrap().unwrap(), edition);
}

#[test]
fn each_mistake_is_shown_where_it_stands() {
    for (rest, place, what) in [
        ("colour = 1\n", "f:4:1: ", "unknown field `colour`"),
        ("[settings.day]\ncapacities = 9\n", "f:5:1: ", "unknown field `capacities`"),
        ("[settings.day]\ncapacity = 0\n", "f:5:1: ", "it must be 1 to 10000"),
        ("[settings.day]\ncapacity = \"many\"\n", "f:5:12: ", "invalid type"),
        ("[settings.status]\nclock_warn_s = 400\n", "f:5:1: ", "at most 300"),
        ("[settings.fields]\npatterns = { \"a.b\" = \"(\" }\n", "f:5:14: ", "regular expression"),
        ("[settings.day]\npriority = [\"a\\u202e\"]\n", "f:5:1: ", "U+202E"),
        ("min_agent = \"new\"\n", "f:4:13: ", "three numbers"),
        ("not_after = 2030-01-01\n", "f:4:13: ", "a moment with its offset"),
        ("serial = 0\n", "f:4:1: ", "built in"),
        ("scope = { except = [\"nasr\"] }\n", "f:4:1: ", "names no office"),
        ("probation = { gate_s = 0 }\n", "f:4:15: ", "it must be 1 to"),
        ("serial = \n", "f:4:10: ", ""),
    ] {
        let told = parse(rest).unwrap_err();
        assert!(told.contains(place) && told.contains(what), "{rest}: {told}");
    }
    let missing = format!("{:?}", Draft::parse("[edition]\nauthor = \"z\"\n").unwrap_err());
    assert!(missing.contains("missing field `reason`"), "{missing}");
    let blank = Draft::parse("[edition]\nauthor = \" \"\nreason = \"x\"\n").unwrap_err();
    assert!(blank.what.contains("author: must be text"), "{blank:?}");
}

#[test]
fn a_longer_file_is_not_even_read() {
    let text = "#".repeat(limits::EDITION_BYTES + 1);
    assert!(Draft::parse(&text).unwrap_err().what.contains("longer than"));
}

#[test]
fn a_document_that_is_written_back_says_the_same() {
    let draft = parse(
        "serial = 3\nscope.except = [\"rifai\"]\nscope.all = true\n\
         [settings.fields.patterns]\n\"contact.phone\" = \"[0-9]+\"\n[settings.log]\nlevel = \"warn\"\n",
    );
    let draft = draft.unwrap();
    let settings = serde_json::json!({
        "fields": {"patterns": {"contact.phone": "[0-9]+"}},
        "log": {"level": "warn"},
        "working_hours": null,
    });
    let text = to_toml(&draft.head, &settings);
    let again = Draft::parse(&text).unwrap();
    assert_eq!(again.edition(signing(0)), draft.edition(signing(0)), "{text}");
}
