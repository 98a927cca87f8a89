//! What is only looked at, over loopback.

use super::*;

/// What is answered to this request over loopback.
async fn answered(console: &Console, method: Method, (host, path): (&str, &str)) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).header("host", host);
    let request = request.body(Body::empty()).unwrap();
    console.clone().shown().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn over_loopback_everything_is_shown_and_nothing_is_changed() {
    let (console, _dir) = console(true).await;
    for path in ["/", "/page.css", "/metrics", "/livez", "/readyz", "/v1/status"] {
        let response = answered(&console, Method::GET, ("127.0.0.1:8781", path)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    let hidden = ["/v1/offices", "/v1/records", "/v1/held", "/v1/conflicts", "/v1/config/editions"];
    for path in hidden {
        for method in [Method::GET, Method::POST] {
            let response = answered(&console, method, ("localhost", path)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
    let response = answered(&console, Method::POST, ("localhost", "/v1/status")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_name_that_was_bent_to_this_machine_is_not_answered() {
    let (console, _dir) = console(true).await;
    for host in ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", ""] {
        let response = answered(&console, Method::GET, (host, "/")).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{host:?}");
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]:8781", "127.8.8.8"] {
        let response = answered(&console, Method::GET, (host, "/")).await;
        assert_eq!(response.status(), StatusCode::OK, "{host:?}");
    }
}

#[tokio::test]
async fn the_page_is_arabic_unless_asked_and_runs_nothing() {
    let (console, _dir) = console(true).await;
    for (path, language) in [("/", "ar"), ("/?lang=en", "en"), ("/?lang=xx", "ar")] {
        let response = answered(&console, Method::GET, ("localhost", path)).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; "), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let page = text(response).await;
        assert!(page.contains(&format!(r#"<html lang="{language}""#)), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_stopped_hq_is_not_ready_and_still_shows_itself() {
    let (console, _dir) = console(false).await;
    let response = answered(&console, Method::GET, ("localhost", "/readyz")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let response = answered(&console, Method::GET, ("localhost", "/")).await;
    assert_eq!(response.status(), StatusCode::OK);
}
