//! What a browser is shown.

use super::*;

async fn shown(desk: &Desk, path: &str) -> (HeaderMap, String) {
    let response = desk.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let headers = response.headers().clone();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_page_speaks_the_language_that_was_asked_for_and_else_the_usual_one() {
    let desk = desk().await;
    let paths = [("/", "Ar"), ("/?lang=en", "En"), ("/?lang=ar", "Ar"), ("/?lang=xx", "Ar")];
    for (path, language) in paths {
        let (headers, page) = shown(&desk, path).await;
        assert_eq!(page, format!("{language} true"), "{path}");
        let said = headers[header::CONTENT_LANGUAGE].to_str().unwrap();
        assert!(said.eq_ignore_ascii_case(language), "{said}");
    }
}

#[tokio::test]
async fn a_browser_is_told_to_run_nothing_and_to_keep_nothing() {
    let desk = desk().await;
    let (headers, _) = shown(&desk, "/").await;
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    let parts: Vec<&str> = policy.split("; ").collect();
    let strict = [
        "default-src 'none'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ];
    assert_eq!(parts, strict);
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(headers[header::REFRESH], "30");
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    let (headers, css) = shown(&desk, "/page.css").await;
    assert_eq!(
        (&headers[header::CONTENT_TYPE], &*css),
        (&"text/css; charset=utf-8".parse().unwrap(), "p {}")
    );
}
