//! The routes, without a socket.

mod config; // editions: pushed, refused, shown and stopped
mod shown; // what is only looked at
mod hands; // records: edits, conflicts, held entries
mod named; // ids by their beginning

use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use wasl_protocol::join::{JoinRequest, JoinToken};
use wasl_protocol::keys::{SignKey, UnwrapKey};
use wasl_protocol::units::UnixMs;

use super::*;
use crate::gateway::{GatewayConfig, Sessions};
use crate::registry::HqKeys;
use crate::settings::StatusSettings;
use crate::store::DATABASE;

const HQ: TransportKey = TransportKey([8; 32]);

async fn console(live: bool) -> (Console, TempDir) {
    let (console, _, dir) = console_and_keys(live).await;
    (console, dir)
}

async fn console_and_keys(live: bool) -> (Console, HqKeys, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let world = World::real();
    let (keys, _) = HqKeys::generate(&world);
    let store = Store::open(&dir.path().join(DATABASE), &keys, world.clone()).await.unwrap();
    let live = live.then(|| self::live(&store, &world, &keys));
    (Console { store, world, live }, keys, dir)
}

/// What only a running daemon has.
fn live(store: &Store, world: &World, keys: &HqKeys) -> Live {
    let endpoint = "hq.example:4433".to_owned();
    let (sessions, limits) = (Sessions::default(), StatusSettings::default());
    let (store, world, keys) = (store.clone(), world.clone(), keys.clone());
    let config = GatewayConfig { world, store, keys, sessions: sessions.clone() };
    let running = Running { started_at: UnixMs(0), endpoint, sessions, limits };
    Live { running, hq: HQ, bundles: Bundles { config } }
}

async fn call(console: &Console, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    ask(console, Request::builder().method(method).uri(path), body).await
}

async fn ask(console: &Console, request: Builder, body: &Value) -> (StatusCode, Value) {
    let request = request.header("content-type", "application/json");
    let request = request.body(Full::from(body.to_string())).unwrap();
    let response = console.clone().answer(request).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

async fn get(console: &Console, path: &str) -> (StatusCode, Value) {
    call(console, Method::GET, path, &Value::Null).await
}

async fn post(console: &Console, path: &str, body: Value) -> (StatusCode, Value) {
    call(console, Method::POST, path, &body).await
}

#[tokio::test]
async fn an_added_office_joins_with_its_token_and_is_shown() {
    let (console, _dir) = console(true).await;
    let new = json!({"id": "nasr", "name_ar": "النصر"});
    let (status, added) = post(&console, "/v1/offices", new).await;
    assert_eq!(status, StatusCode::CREATED);
    let token: JoinToken = added["token"].as_str().unwrap().parse().unwrap();
    assert_eq!((token.hq, &token.endpoints[..]), (HQ, &["hq.example:4433".to_owned()][..]));
    let (_, shown) = get(&console, "/v1/offices/nasr").await;
    assert_eq!((&shown["state"], &shown["name_ar"]), (&json!("added"), &json!("النصر")));
    assert_eq!(shown["name_en"], "nasr", "without a name it goes by its id");

    let (sign, transport) = (SignKey::from_secret(&[1; 32]), TransportKey([1; 32]));
    let wrap = UnwrapKey::from_secret(&[1; 32]).wrap_key();
    let request = JoinRequest::new(&token, transport, &sign, wrap, "0.1.0");
    let now = console.world.clock.unix();
    console.store.join(&request, transport, now).await.unwrap().unwrap();
    let (_, status) = get(&console, "/v1/status").await;
    assert_eq!(status["schema"], "wasl-hq.status/1");
    assert_eq!(status["offices"][0]["state"], "joined");
    assert_eq!(status["offices"][0]["token_expires_at"], Value::Null);

    let (status, revoked) = post(&console, "/v1/offices/nasr/revoke", json!({})).await;
    assert_eq!((status, &revoked["state"]), (StatusCode::OK, &json!("revoked")));
    let known = console.store.office_by_key(transport).await.unwrap().unwrap();
    assert!(known.revoked);
}

#[tokio::test]
async fn a_stopped_hq_can_be_read_and_not_changed() {
    let (console, _dir) = console(false).await;
    assert_eq!(get(&console, "/v1/offices").await.0, StatusCode::OK);
    assert_eq!(get(&console, "/v1/status").await.1["running"], false);
    for path in ["", "/nasr/token", "/nasr/revoke", "/nasr/replace"] {
        let path = format!("/v1/offices{path}");
        let (status, problem) = post(&console, &path, json!({"id": "nasr"})).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("stopped"))
        );
    }
    assert!(console.store.offices().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_there_or_not_sense_is_a_problem_document() {
    let (console, _dir) = console(true).await;
    for path in ["/nowhere", "/v1/offices/batha", "/v1/offices/batha/verify"] {
        let (status, problem) = get(&console, path).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::NOT_FOUND, &json!("not-found")),
            "{path}"
        );
    }
    let none = format!("/v1/records/{}", "0".repeat(32));
    assert_eq!(get(&console, &none).await.0, StatusCode::NOT_FOUND);
    for path in ["/v1/offices/A%20b", "/v1/records/xyz", "/v1/records?page=2"] {
        assert_eq!(get(&console, path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    for new in [
        json!({"id": "hq"}),
        json!({"id": "../x"}),
        json!({"id": "nasr", "name_ar": "a\u{202e}b"}),
        json!({"id": "nasr", "name_en": "two\nlines"}),
        json!({"id": "nasr", "name_en": " "}),
        json!({"id": "nasr", "colour": "blue"}),
    ] {
        let (status, _) = post(&console, "/v1/offices", new.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{new}");
    }
    assert!(console.store.offices().await.unwrap().is_empty());
}
