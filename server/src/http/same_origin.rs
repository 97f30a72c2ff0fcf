//! Holds every request that could change something to its Origin: one that a foreign page made
//! the browser send gets nowhere, whatever cookies came with it.

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::state::AppState;

/// Refuses what comes from elsewhere.
pub async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    // Server functions are asked by our own page only, whatever their method.
    let ours_alone = request.uri().path().starts_with("/api/");
    let socket = headers.contains_key(UPGRADE) || request.uri().path().starts_with("/ws/");
    let passes = if socket {
        names_us(headers, state.public_origin.as_deref()) == Some(true)
    } else if !reads || ours_alone {
        comes_from_us(headers, state.public_origin.as_deref())
    } else {
        true
    };
    if passes {
        next.run(request).await
    } else {
        tracing::warn!(
            path = request.uri().path(),
            "a request of foreign origin was refused"
        );
        (
            StatusCode::FORBIDDEN,
            "This request did not come from a page of this server, and was refused.\n",
        )
            .into_response()
    }
}

/// Whether the browser says that one of our pages sent it. A client that says nothing at all is
/// no browser, and has no business with the cookie's endpoints.
fn comes_from_us(headers: &HeaderMap, public: Option<&str>) -> bool {
    let site = headers
        .get("sec-fetch-site")
        .map(|site| site.as_bytes() == b"same-origin");
    match (names_us(headers, public), site) {
        (Some(origin), Some(site)) => origin && site,
        (Some(origin), None) => origin,
        (None, Some(site)) => site,
        (None, None) => false,
    }
}

/// Whether the Origin is our own address; `None` where there is no Origin.
fn names_us(headers: &HeaderMap, public: Option<&str>) -> Option<bool> {
    let origin = headers.get(ORIGIN)?;
    let Ok(origin) = origin.to_str() else {
        return Some(false);
    };
    if let Some(public) = public {
        return Some(origin.eq_ignore_ascii_case(public));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    Some(match (authority, host) {
        (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
        (Some(_), None) | (None, Some(_) | None) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    axum::http::HeaderName::from_static(name),
                    axum::http::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn only_our_own_pages_pass() {
        let host = ("host", "127.0.0.1:3000");
        for (passes, sent) in [
            (true, vec![host, ("origin", "http://127.0.0.1:3000")]),
            (true, vec![host, ("sec-fetch-site", "same-origin")]),
            (false, vec![host]),
            (false, vec![host, ("origin", "null")]),
            (false, vec![host, ("origin", "http://evil.example")]),
            (false, vec![host, ("origin", "http://127.0.0.1:3001")]),
            (false, vec![host, ("sec-fetch-site", "same-site")]),
            (false, vec![host, ("sec-fetch-site", "none")]),
            (
                false,
                vec![
                    host,
                    ("origin", "http://127.0.0.1:3000"),
                    ("sec-fetch-site", "cross-site"),
                ],
            ),
            (false, vec![("origin", "http://127.0.0.1:3000")]),
        ] {
            assert_eq!(comes_from_us(&headers(&sent), None), passes, "{sent:?}");
        }
    }

    #[test]
    fn behind_a_proxy_the_public_address_counts() {
        let public = Some("https://bellows.example");
        let sent = |origin| headers(&[("host", "10.0.0.7:3000"), ("origin", origin)]);
        assert!(comes_from_us(&sent("https://bellows.example"), public));
        assert!(!comes_from_us(&sent("http://bellows.example"), public));
        assert!(!comes_from_us(&sent("http://10.0.0.7:3000"), public));
    }
}
