//! Ids by their beginning.

use super::*;

#[tokio::test]
async fn an_office_is_named_by_what_tells_it_from_the_others() {
    let (console, _dir) = console(true).await;
    for id in ["nasr", "nasr-east", "rifai"] {
        post(&console, "/v1/offices", json!({"id": id})).await;
    }
    let (_, one) = get(&console, "/v1/offices/r").await;
    assert_eq!(one["id"], "rifai");
    let (_, whole) = get(&console, "/v1/offices/nasr").await;
    assert_eq!(whole["id"], "nasr", "a whole id is not the beginning of a longer one");
    let (status, several) = get(&console, "/v1/offices/nas").await;
    assert_eq!((status, &several["code"]), (StatusCode::CONFLICT, &json!("ambiguous")));
    assert!(several["detail"].as_str().unwrap().contains("nasr, nasr-east"), "{several}");
    for path in ["/v1/offices/x", "/v1/records/abcd", "/v1/held/abcd:1"] {
        assert_eq!(get(&console, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/v1/records/abc", "/v1/records/zzzz", "/v1/held/abc:1", "/v1/held/abcd:x"] {
        assert_eq!(get(&console, path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
}
