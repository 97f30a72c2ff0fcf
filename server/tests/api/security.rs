//! Headers, Origins, limits: what stands between a foreign page and ours.

use reqwest::header::{HeaderMap, HeaderValue, ORIGIN};
use reqwest::{Method, StatusCode};

use crate::app::{Body, TestApp, set_cookie};

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_page_runs_our_scripts_only() {
    let app = TestApp::start().await;
    let response = app.browser().get("/sign-in").await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = header(response.headers(), "content-security-policy").to_owned();
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("a nonce")
        .to_owned();
    assert!(nonce.len() >= 16, "{nonce}");
    for part in [
        "default-src 'none'",
        "style-src 'self';",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{part} is missing: {policy}");
    }
    assert!(!policy.contains("unsafe-inline"));
    assert!(!policy.contains("'unsafe-eval'"));
    let html = response.text().await.unwrap();
    let inline: Vec<&str> = html
        .split("<script")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap_or_default())
        .filter(|tag| !tag.contains("src="))
        .collect();
    assert!(!inline.is_empty());
    for tag in inline {
        assert!(tag.contains(&nonce), "a script without the nonce: {tag}");
    }
    assert!(!html.contains(" style="), "a style attribute");

    let again = app.browser().get("/sign-in").await;
    assert!(!header(again.headers(), "content-security-policy").contains(&nonce));
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = TestApp::start().await;
    for path in ["/sign-in", "/healthz", "/nothing-there", "/metrics"] {
        let response = app.browser().get(path).await;
        let headers = response.headers();
        assert_eq!(
            header(headers, "x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_eq!(header(headers, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(headers, "referrer-policy"), "same-origin", "{path}");
        assert!(
            header(headers, "content-security-policy").contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(header(headers, "strict-transport-security"), "", "{path}");
    }
    let missing = app.browser().get("/nothing-there").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_foreign_origin_changes_nothing() {
    let app = TestApp::start().await;
    let browser = app.signed_in("engineer").await;
    let sign_out = Body::Form(String::new());
    let ask = async |change: &dyn Fn(&mut HeaderMap)| {
        let mut headers = browser.headers();
        change(&mut headers);
        browser
            .send(
                Method::POST,
                "/api/session/sign-out",
                headers,
                Some(&sign_out),
            )
            .await
            .status()
    };
    let set = |name: &'static str, value: &'static str| {
        move |headers: &mut HeaderMap| {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    for refused in [
        ask(&set("origin", "http://evil.example")).await,
        ask(&set("origin", "null")).await,
        ask(&set("sec-fetch-site", "cross-site")).await,
        ask(&set("sec-fetch-site", "same-site")).await,
        ask(&|headers| {
            headers.remove(ORIGIN);
            headers.remove("sec-fetch-site");
        })
        .await,
    ] {
        assert_eq!(refused, StatusCode::FORBIDDEN);
    }
    let (_, me) = browser.call("/api/session/me", sign_out.clone()).await;
    assert_eq!(me["login"], "engineer", "still signed in");
    // A link followed from elsewhere may read a page.
    let mut headers = browser.headers();
    headers.insert(ORIGIN, HeaderValue::from_static("http://evil.example"));
    headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    let page = browser.send(Method::GET, "/sign-in", headers, None).await;
    assert!(!page.status().is_client_error());
}

#[tokio::test]
async fn a_request_too_large_is_refused() {
    let app = TestApp::start().await;
    let browser = app.signed_in("engineer").await;
    let huge = Body::Form(format!("id={}", "x".repeat(3 * 1024 * 1024)));
    let status = browser.post("/api/migrations/get", &huge).await.status();
    assert!(
        [
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNPROCESSABLE_ENTITY
        ]
        .contains(&status),
        "{status}"
    );
}

#[tokio::test]
async fn behind_tls_cookies_are_secure_and_browsers_stay() {
    let app = TestApp::with(tempfile::tempdir().unwrap(), |options| {
        options.public_url = Some("https://bellows.example".to_owned());
    })
    .await;
    let token = bellows_server::auth::setup::prepare(&app.state.store)
        .await
        .unwrap()
        .unwrap();
    let browser = app.browser();
    let form = Body::Form(format!(
        "token={token}&login=admin&name=Admin&password=tidal+wax+orbit+seven"
    ));
    let mut headers = browser.headers();
    headers.insert(ORIGIN, HeaderValue::from_static("https://bellows.example"));
    let response = browser
        .send(Method::POST, "/api/session/set-up", headers, Some(&form))
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookie = set_cookie(&response).unwrap();
    assert!(cookie.contains("Secure"), "{cookie}");
    assert_eq!(
        header(response.headers(), "strict-transport-security"),
        "max-age=31536000"
    );
    // The address behind the proxy is not ours to people.
    let direct = browser.post("/api/session/me", &form).await;
    assert_eq!(direct.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn health_and_metrics_answer() {
    let app = TestApp::start().await;
    let browser = app.browser();
    assert_eq!(browser.get("/healthz").await.text().await.unwrap(), "ok\n");
    assert_eq!(
        browser.get("/readyz").await.text().await.unwrap(),
        "ready\n"
    );
    let metrics = browser.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains("bellows_http_requests_total{class=\"2xx\"} 2"),
        "{metrics}"
    );
}
