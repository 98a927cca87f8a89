use super::*;

const FORM: &str = r#"{"form_number":"f-1","person":{"given_name":"آيات","father_name":"حسن",
    "grandfather_name":"زيد","sex":"F","birth_date":"1945-09-20"}}"#;

async fn text(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn get(desk: &Desk, path: &str) -> Response {
    desk.send(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_receipt_names_the_entry_that_the_operator_was_answered_with() {
    let desk = desk().await;
    let post = Request::post("/v1/records").header(header::CONTENT_TYPE, "application/json");
    let answered: Value =
        serde_json::from_str(&text(desk.send(post.body(FORM.into()).unwrap()).await).await)
            .unwrap();
    let id = answered["id"].as_str().unwrap();
    let told = text(get(&desk, &format!("/v1/records/{id}/receipt?as=json")).await).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    for (said, answer) in [
        ("record", "id"),
        ("form_number", "form_number"),
        ("journal", "journal"),
        ("seq", "seq"),
        ("head", "head"),
    ] {
        assert_eq!(told[said], answered[answer], "{said}");
    }
    assert_eq!(told["hq"], "pending");
    assert_eq!(told["clock"], json!({"trust": "unknown", "offset_ms": null}));
    let page = get(&desk, &format!("/v1/records/{id}/receipt")).await;
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.ends_with("frame-ancestors 'none'"));
    assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    let page = text(page).await;
    assert!(page.contains(told["text"].as_str().unwrap()) && page.contains("f-1"));
    for name in ["آيات", "حسن", "زيد", "1945"] {
        assert!(!page.contains(name) && !told.to_string().contains(name), "a name on a receipt");
    }
}

#[tokio::test]
async fn there_is_no_receipt_for_what_is_not_here() {
    let desk = desk().await;
    let none = get(&desk, &format!("/v1/records/{}/receipt", "0".repeat(32))).await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&desk, "/v1/records/x/receipt").await.status(), StatusCode::BAD_REQUEST);
    let form = get(&desk, &format!("/v1/records/{}/receipt?as=pdf", "0".repeat(32))).await;
    assert_eq!(form.status(), StatusCode::BAD_REQUEST);
}
