use wasl_protocol::edition::{
    Edition, FleetId, OfficeSettings, Probation, Scope, Serial, SignedEdition,
};
use wasl_protocol::json::{self as canonical, Json};
use wasl_protocol::private::Private;

use super::*;

/// Far ahead of every clock, in milliseconds since 1970.
const FAR: UnixMs = UnixMs(253_402_300_799_000);

fn edition(serial: u64, settings: &Value) -> Edition {
    let settings = settings.to_string();
    Edition {
        fleet: FleetId::of(&author().verify_key()),
        serial: Serial(serial),
        scope: Scope { all: true, ..Scope::default() },
        issued_at: UnixMs(0),
        not_after: FAR,
        min_agent: AgentVersion(0, 1, 0),
        settings: Json::of(&canonical::parse(settings.as_bytes()).unwrap()),
        probation: Probation::default(),
        previous: None,
        revert_of: None,
        author: Private("noor".to_owned()),
        reason: "a test".to_owned(),
    }
}

impl Desk {
    async fn say(&self, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(format!("/v1/config{path}"));
        told(self.send(request.body(body.into()).unwrap()).await).await
    }

    async fn import(&self, edition: &Edition) -> (StatusCode, Value) {
        self.say("POST", "/import", SignedEdition::sign(edition, &author()).encode()).await
    }

    /// What is shown once this edition stays.
    async fn committed(&self, serial: u64) -> Value {
        for _ in 0..500 {
            let (_, shown) = self.get("/v1/config").await;
            if shown["good"] == serial {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("edition {serial} does not stay");
    }

    /// Puts these settings in force.
    async fn adopt(&self, serial: u64, settings: Value) {
        let (status, imported) = self.import(&edition(serial, &settings)).await;
        assert_eq!((status, &imported["serial"]), (StatusCode::OK, &json!(serial)), "{imported}");
    }
}

fn with_phone(form_number: &str, phone: &str) -> String {
    let mut posted = enrollment(form_number, "آيات");
    posted["contact"] = json!({ "phone": phone });
    posted.to_string()
}

#[tokio::test]
async fn field_rules_hold_from_the_next_post_on_and_name_the_field_but_no_value() {
    let desk = desk().await;
    assert_eq!(desk.post(JSON, with_phone("f-1", "x")).await.0, StatusCode::CREATED);
    let rules = json!({"fields": {
        "mandatory": ["contact.phone"],
        "patterns": {"contact.phone": "\\+9647[0-9]{9}"},
        "blocked": {"person.given_name": ["فاطمة"]},
    }});
    desk.adopt(1, rules).await;
    let (missing, bad) = (enrollment("f-2", "آيات").to_string(), with_phone("f-3", "07801234"));
    for (posted, field) in [(missing, "contact.phone"), (bad.clone(), "contact.phone")] {
        let (status, problem) = desk.post(JSON, posted).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("field-rule")));
        assert!(problem["detail"].as_str().unwrap().starts_with(field), "{problem}");
        assert!(!problem.to_string().contains("07801234"), "{problem}");
    }
    assert_eq!((desk.counts.accepted(), desk.counts.refused_by_rule()), (1, 2));
    // Line by line it is the same; a retry of what was taken before is answered as one.
    let good = with_phone("f-4", "+9647801234567");
    let answers = desk.enroll(format!("{}\n{bad}\n{good}\n", with_phone("f-1", "x"))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].clone()).collect();
    assert_eq!(statuses, [200, 400, 201]);
    assert_eq!((desk.counts.accepted(), desk.counts.refused_by_rule()), (2, 3));
    desk.adopt(2, json!({})).await;
    assert_eq!(desk.post(JSON, bad).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_correction_obeys_the_rules_of_the_groups_that_it_replaces() {
    let desk = desk().await;
    let (_, address) = desk.enrolled("f-1").await;
    desk.adopt(1, json!({"fields": {"mandatory": ["address.street", "contact.phone"]}})).await;
    let contact = |contact: Value| json!({ "groups": { "contact": contact } });
    let (status, problem) = desk.correct(&address, contact(json!({"phone": " "}))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("field-rule")));
    let (status, _) = desk.correct(&address, contact(json!({"phone": "+9647801234567"}))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn how_long_a_record_may_be_and_how_many_may_wait_follows_the_edition_in_force() {
    let desk = desk().await;
    let long = || {
        let mut posted = enrollment("f-1", "آيات");
        posted["contact"] = json!({ "note": "x".repeat(5000) });
        posted.to_string()
    };
    desk.adopt(1, json!({"intake": {"record_kib": 4, "max_waiting": 1}})).await;
    let (status, problem) = desk.post(JSON, long()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(problem["detail"].as_str().unwrap().contains("4096"), "{problem}");
    assert_eq!(desk.enroll(long()).await[0]["status"], 413);
    let waits = desk.counts.wait(1).unwrap();
    let (status, problem) = desk.post(JSON, enrollment("f-2", "آيات").to_string()).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("too-many-waiting"))
    );
    drop(waits);
    let (status, _) = desk.post(JSON, enrollment("f-2", "آيات").to_string()).await;
    assert_eq!(status, StatusCode::CREATED);
    desk.adopt(2, json!({})).await;
    assert_eq!(desk.post(JSON, long()).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn the_conflicts_of_a_group_can_be_left_to_headquarters() {
    let desk = desk().await;
    let (_, disputed) = desk.disputed("f-1", 1).await;
    let (_, calm) = desk.enrolled("f-2").await;
    desk.adopt(1, json!({"conflicts": {"hq_only": ["contact"]}})).await;
    let phone = json!({"groups": {"contact": {"phone": "+9647800000009"}}});
    let (status, problem) = desk.correct(&disputed, phone.clone()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("left-to-hq")));
    assert!(problem["detail"].as_str().unwrap().starts_with("contact: headquarters"));
    let address = json!({"groups": {"address": {"street": "7"}}});
    assert_eq!(desk.correct(&disputed, address).await.0, StatusCode::OK, "another group");
    assert_eq!(desk.correct(&calm, phone.clone()).await.0, StatusCode::OK, "no conflict");
    desk.adopt(2, json!({})).await;
    assert_eq!(desk.correct(&disputed, phone).await.0, StatusCode::OK);
}

#[tokio::test]
async fn each_refused_import_is_a_problem_with_its_own_code_and_changes_nothing() {
    let desk = desk().await;
    let mut stands = edition(5, &json!({"day": {"capacity": 50}}));
    stands.probation.confirm_s = 0;
    assert_eq!(desk.import(&stands).await.0, StatusCode::OK);
    let before = desk.committed(5).await;
    let change = |f: &dyn Fn(&mut Edition)| {
        let mut edition = edition(9, &json!({}));
        f(&mut edition);
        SignedEdition::sign(&edition, &author()).encode()
    };
    let forged = SignedEdition::sign(&edition(9, &json!({})), &SignKey::from_secret(&[5; 32]));
    let set = |settings: Value| SignedEdition::sign(&edition(9, &settings), &author()).encode();
    for (bytes, status, code) in [
        (b"[day]\ncapacity = 9\n".to_vec(), 400, "malformed"),
        (forged.encode(), 422, "signature"),
        (change(&|e| e.fleet = FleetId([9; 16])), 422, "fleet"),
        (change(&|e| e.scope.all = false), 422, "scope"),
        (change(&|e| e.min_agent = AgentVersion(9, 0, 0)), 422, "old_agent"),
        (change(&|e| e.serial = Serial(4)), 422, "old_serial"),
        (set(json!({"day": {"capacities": 9}})), 422, "schema"),
        (set(json!({"day": {"capacity": 0}})), 422, "settings"),
        (vec![b'x'; limits::EDITION_BYTES + 1], 413, "too-long"),
    ] {
        let (got, problem) = desk.say("POST", "/import", bytes).await;
        assert_eq!((got.as_u16(), &problem["code"]), (status, &json!(code)), "{problem}");
        let after = desk.get("/v1/config").await.1;
        for what in ["running", "settings", "floor", "good"] {
            assert_eq!(after[what], before[what], "{code}");
        }
    }
}

#[tokio::test]
async fn what_is_in_force_is_shown_and_explained_with_the_layer_that_won() {
    let desk = desk().await;
    let (_, built_in) = desk.get("/v1/config").await;
    assert_eq!((&built_in["running"], &built_in["state"]), (&json!(0), &json!("idle")));
    assert_eq!(built_in["settings"]["day"]["capacity"], 96);
    desk.adopt(3, json!({"day": {"capacity": 50}})).await;
    let (status, shown) = desk.get("/v1/config").await;
    assert_eq!((status, &shown["schema"]), (StatusCode::OK, &json!("wasl.config/1")));
    assert_eq!((&shown["running"], &shown["state"]), (&json!(3), &json!("probation")));
    let attempt = &shown["last_attempt"];
    assert_eq!((&attempt["serial"], &attempt["phase"]), (&json!(3), &json!("probation")));
    let report: ConfigReport = serde_json::from_value(shown).unwrap();
    let mut settings = OfficeSettings::default();
    settings.day.capacity = 50;
    assert_eq!(report.settings, settings);

    let (status, told) = desk.get("/v1/config/explain?key=day.capacity").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&told["value"], &told["layer"]), (&json!(50), &json!("edition")));
    assert_eq!([&told["author"], &told["reason"]], ["noor", "a test"]);
    assert_eq!(told["signed_by"].as_array().unwrap().len(), 1);
    let (_, told) = desk.get("/v1/config/explain?key=link.heartbeat_s").await;
    assert_eq!(told["layer"], "built-in");
    let (status, problem) = desk.get("/v1/config/explain?key=day.capacities").await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("not-found")));
    assert_eq!(desk.get("/v1/config/explain").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_operator_takes_back_only_what_is_on_trial_and_says_why() {
    let desk = desk().await;
    let why = json!({"why": "the queue stands still"}).to_string();
    let (status, problem) = desk.say("POST", "/rollback", why.clone()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("no-trial")));
    desk.adopt(1, json!({"day": {"capacity": 50}})).await;
    for bad in ["{\"why\": \" \"}", "{}", "", "{\"why\": \"x\", \"serial\": 1}"] {
        assert_eq!(desk.say("POST", "/rollback", bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(desk.say("POST", "/rollback", why).await.0, StatusCode::NO_CONTENT);
    let (_, shown) = desk.get("/v1/config").await;
    assert_eq!((&shown["running"], &shown["state"]), (&json!(0), &json!("rolled_back")));
    assert_eq!(shown["settings"]["day"]["capacity"], 96);
    let attempt = &shown["last_attempt"];
    assert_eq!([&attempt["code"], &attempt["message"]], ["operator", "the queue stands still"]);
    assert_eq!(shown["rolled_back"], json!([1]));
}

#[tokio::test]
async fn a_hold_is_shown_with_its_reason_until_it_ends_and_lies_in_the_future() {
    let desk = desk().await;
    let hold = |until: &str| json!({"until": until, "why": "exam day"}).to_string();
    let (status, problem) = desk.say("POST", "/hold", hold("2001-01-01T00:00:00Z")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    assert_eq!(desk.say("POST", "/hold", hold("tomorrow")).await.0, StatusCode::BAD_REQUEST);
    let taken = desk.say("POST", "/hold", hold("2099-01-01T03:00:00+03:00")).await;
    assert_eq!(taken.0, StatusCode::NO_CONTENT);
    let (_, shown) = desk.get("/v1/config").await;
    assert_eq!(shown["state"], "held");
    assert_eq!(shown["hold"], json!({"until": "2099-01-01T00:00:00Z", "why": "exam day"}));
    desk.adopt(1, json!({})).await;
    assert_eq!(desk.say("DELETE", "/hold", "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(desk.get("/v1/config").await.1["hold"], Value::Null);
}
