//! Editions: pushed, refused, shown and stopped.

use data_encoding::BASE64;
use wasl_protocol::edition::{
    AgentVersion, Edition, FleetId, Probation, Scope, Serial, SignedEdition,
};
use wasl_protocol::json::{Json, parse};
use wasl_protocol::limits::EDITION_BYTES;
use wasl_protocol::private::Private;

use super::*;

/// An HQ with two offices that have not joined, and whoever signs config for it.
struct Fleet {
    console: Console,
    author: SignKey,
    _dir: TempDir,
}

impl Fleet {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World::real();
        let (keys, secret) = HqKeys::generate(&world);
        let store = Store::open(&dir.path().join(DATABASE), &keys, world.clone()).await.unwrap();
        let live = Some(live(&store, &world, &keys));
        let console = Console { store, world, live };
        for id in ["nasr", "rifai"] {
            post(&console, "/v1/offices", json!({"id": id})).await;
        }
        Self { console, author: secret.sign_key(), _dir: dir }
    }

    fn edition(&self, serial: u64) -> Edition {
        let now = self.console.world.clock.unix();
        Edition {
            fleet: FleetId::of(&self.author.verify_key()),
            serial: Serial(serial),
            scope: Scope { all: true, ..Scope::default() },
            issued_at: now,
            not_after: UnixMs(now.0 + 60_000),
            min_agent: AgentVersion(0, 1, 0),
            settings: Json::of(&parse(br#"{"day":{"capacity":120}}"#).unwrap()),
            probation: Probation::default(),
            previous: None,
            revert_of: None,
            author: Private("zainab".to_owned()),
            reason: "exam week".to_owned(),
        }
    }

    fn body(&self, edition: &Edition) -> Value {
        json!({"edition": BASE64.encode(&SignedEdition::sign(edition, &self.author).encode())})
    }

    async fn push(&self, body: Value) -> (StatusCode, Value) {
        post(&self.console, "/v1/config/editions", body).await
    }

    async fn push_good(&self, serial: u64) -> Value {
        let (status, rollout) = self.push(self.body(&self.edition(serial))).await;
        assert_eq!(status, StatusCode::CREATED, "{rollout}");
        rollout
    }

    async fn refused(&self, body: Value, code: &str) {
        let (status, problem) = self.push(body).await;
        assert!(status.is_client_error(), "{code}: {status}");
        assert_eq!(problem["code"], code, "{problem}");
        let told = format!("{} {}", problem["title"], problem["detail"]);
        assert!(code == "bad-request" || code == "too-long" || told.contains(code), "{told}");
    }
}

#[tokio::test]
async fn what_was_pushed_is_shown_and_comes_back_as_it_was_signed() {
    let fleet = Fleet::new().await;
    let (_, none) = get(&fleet.console, "/v1/config/rollout").await;
    assert_eq!((&none["stage"], &none["serial"]), (&json!("NONE"), &Value::Null));
    let mut body = fleet.body(&fleet.edition(3));
    let sent = body["edition"].clone();
    body["canary"] = json!("rifai");
    body["operator"] = json!("Abbas");
    let (status, rollout) = fleet.push(body).await;
    assert_eq!((status, &rollout["serial"]), (StatusCode::CREATED, &json!(3)));
    let offices = rollout["offices"].as_array().unwrap();
    let rifai = offices.iter().find(|o| o["office"] == "rifai").unwrap();
    let facts = ["running", "desired", "last_attempt", "floor"].map(|fact| &rifai[fact]);
    assert_eq!(facts, [&json!(0), &json!(3), &Value::Null, &json!(0)]);
    let (_, list) = get(&fleet.console, "/v1/config/editions").await;
    let item = &list["items"][0];
    let told = ["serial", "operator", "author", "reason", "canary"].map(|fact| &item[fact]);
    assert_eq!(
        told,
        [&json!(3), &json!("Abbas"), &json!("zainab"), &json!("exam week"), &json!("rifai")]
    );
    let (_, shown) = get(&fleet.console, "/v1/config/editions/3").await;
    assert_eq!((&shown["edition"], &shown["settings"]["day"]["capacity"]), (&sent, &json!(120)));
    assert_eq!(get(&fleet.console, "/v1/config/editions/4").await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&fleet.console, "/v1/config/rollout?serial=4").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_no_office_would_take_is_refused_with_the_same_code_and_changes_nothing() {
    let fleet = Fleet::new().await;
    fleet.push_good(5).await;
    let changed = |change: &dyn Fn(&mut Edition)| {
        let mut edition = fleet.edition(9);
        change(&mut edition);
        fleet.body(&edition)
    };
    let stranger = SignKey::from_secret(&[9; 32]);
    let forged = SignedEdition::sign(&fleet.edition(9), &stranger).encode();
    let bad = Json::of(&parse(br#"{"day":{"capacity":0}}"#).unwrap());
    let unknown = Json::of(&parse(br#"{"day":{"colour":0}}"#).unwrap());
    let nowhere = Scope { offices: ["atlantis".parse().unwrap()].into(), ..Scope::default() };
    for (code, body) in [
        ("signature", json!({"edition": BASE64.encode(&forged)})),
        ("malformed", json!({"edition": BASE64.encode(b"capacity = 9\n")})),
        ("fleet", changed(&|e| e.fleet = FleetId([7; 16]))),
        ("old_serial", changed(&|e| e.serial = Serial(5))),
        ("expired", changed(&|e| e.not_after = UnixMs(1))),
        ("settings", changed(&|e| e.settings = bad.clone())),
        ("schema", changed(&|e| e.settings = unknown.clone())),
        ("unknown_office", changed(&|e| e.scope = nowhere.clone())),
        ("bad-request", json!({"edition": "not base64"})),
        ("bad-request", json!({"edition": "", "colour": 1})),
        ("too-long", json!({"edition": BASE64.encode(&vec![0; EDITION_BYTES + 1])})),
        ("too-long", json!({"edition": "A".repeat(10 * 1024 * 1024)})),
    ] {
        fleet.refused(body, code).await;
    }
    let mut planned = fleet.body(&fleet.edition(9));
    planned["only"] = json!(["atlantis"]);
    fleet.refused(planned, "unknown_office").await;
    let (_, list) = get(&fleet.console, "/v1/config/editions").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_rollout_is_stopped_once_and_status_warns_of_it() {
    let fleet = Fleet::new().await;
    fleet.push_good(1).await;
    let abort = "/v1/config/editions/1/abort";
    let (status, rollout) = post(&fleet.console, abort, json!({"operator": "Abbas"})).await;
    assert_eq!((status, &rollout["stage"]), (StatusCode::OK, &json!("ABORTED")));
    assert!(rollout["stopped"].is_string(), "{rollout}");
    let (_, status) = get(&fleet.console, "/v1/status").await;
    assert_eq!(status["warnings"][0]["code"], "rollout-stopped", "{status}");
    let (status, problem) = post(&fleet.console, abort, json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("over")));
    let none = "/v1/config/editions/2/abort";
    assert_eq!(post(&fleet.console, none, json!({})).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stopped_hq_shows_editions_and_takes_none() {
    let mut fleet = Fleet::new().await;
    fleet.push_good(1).await;
    fleet.console.live = None;
    for (path, body) in [
        ("/v1/config/editions", fleet.body(&fleet.edition(2))),
        ("/v1/config/editions/1/abort", json!({})),
    ] {
        let (status, problem) = post(&fleet.console, path, body).await;
        let told = (status, &problem["code"]);
        assert_eq!(told, (StatusCode::SERVICE_UNAVAILABLE, &json!("stopped")));
    }
    assert_eq!(get(&fleet.console, "/v1/config/rollout").await.1["serial"], 1);
}
