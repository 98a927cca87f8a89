use std::collections::BTreeMap;

use wasl_protocol::id::{FormNumber, OfficeId, RecordId};
use wasl_protocol::named::LEAST_DIGITS;

use super::*;

/// Two form numbers whose records' ids begin alike.
fn alike() -> [String; 2] {
    let office: OfficeId = "nasr".parse().unwrap();
    let mut seen = BTreeMap::new();
    for n in 0.. {
        let form = format!("f-{n:04}");
        let number: FormNumber = form.parse().unwrap();
        let id = RecordId::of(&office, &number).to_string();
        if let Some(other) = seen.insert(id[..LEAST_DIGITS].to_owned(), form.clone()) {
            return [other, form];
        }
    }
    unreachable!("ids are not infinitely many")
}

#[tokio::test]
async fn a_record_is_named_by_the_beginning_of_its_id_where_no_other_begins_so() {
    let desk = desk().await;
    let [first, second] = alike();
    let (a, address) = desk.enrolled(&first).await;
    let begin = &a.to_string()[..LEAST_DIGITS];
    for path in [format!("/v1/records/{begin}"), format!("/v1/records/{}", begin.to_uppercase())] {
        let (status, read) = desk.get(&path).await;
        assert_eq!((status, &read["id"]), (StatusCode::OK, &json!(a)), "{path}");
    }
    let (status, _) = desk.get(&format!("/v1/records/{begin}/history")).await;
    assert_eq!(status, StatusCode::OK);
    let (b, _) = desk.enrolled(&second).await;
    let (status, problem) = desk.get(&format!("/v1/records/{begin}")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("ambiguous-id")));
    let detail = problem["detail"].as_str().unwrap();
    assert!([a, b].iter().all(|id| detail.contains(&id.to_string())), "{detail}");
    let more = b.to_string().chars().zip(a.to_string().chars()).take_while(|(x, y)| x == y).count();
    let (status, read) = desk.get(&format!("/v1/records/{}", &b.to_string()[..=more])).await;
    assert_eq!((status, &read["id"]), (StatusCode::OK, &json!(b)));
    assert_eq!(desk.get(&address).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_begins_no_id_is_not_found_and_what_is_too_short_is_no_id() {
    let desk = desk().await;
    let (id, _) = desk.enrolled("f-0001").await;
    let begin = &id.to_string()[..LEAST_DIGITS];
    let other = if begin == "ffff" { "0000" } else { "ffff" };
    assert_eq!(desk.get(&format!("/v1/records/{other}")).await.0, StatusCode::NOT_FOUND);
    for text in [&begin[..3], "zzzz", &format!("{id}0")] {
        let (status, problem) = desk.get(&format!("/v1/records/{text}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    }
}

#[tokio::test]
async fn a_correction_by_the_beginning_of_an_id_writes_that_record() {
    let desk = desk().await;
    let (id, _) = desk.enrolled("f-0001").await;
    let address = format!("/v1/records/{}", &id.to_string()[..8]);
    let body = json!({"groups": {"contact": {"phone": "+9647800000001"}}});
    let (status, read) = desk.correct(&address, body).await;
    assert_eq!((status, &read["id"]), (StatusCode::OK, &json!(id)));
}

#[tokio::test]
async fn a_pause_is_told_with_its_reason_to_who_asks_and_ends_by_word() {
    let desk = desk().await;
    let ask = async |method: &str, body: Value| {
        let request = Request::builder().method(method).uri("/v1/pause");
        told(desk.send(request.body(Body::from(body.to_string())).unwrap()).await).await
    };
    assert_eq!(desk.get("/v1/pause").await.1["paused"], false);
    let (status, said) = ask("POST", json!({"why": "antenna", "for_s": 60})).await;
    assert_eq!((status, &said["paused"]), (StatusCode::OK, &json!(true)));
    let (_, shown) = desk.get("/v1/pause").await;
    assert_eq!([&shown["until"], &shown["why"]], [&said["until"], &json!("antenna")]);
    for bad in [
        json!({"why": " "}),
        json!({"for_s": 60}),
        json!({"why": "a", "for_s": 0}),
        json!({"why": "a", "for_s": crate::pause::LONGEST_S + 1}),
    ] {
        assert_eq!(ask("POST", bad).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(ask("DELETE", Value::Null).await.1["until"], said["until"]);
    assert_eq!(desk.get("/v1/pause").await.1["paused"], false);
}
