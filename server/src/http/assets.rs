//! The files that the browser loads, carried inside the binary.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../target/site"]
struct Site;

/// Answers with the file where there is one; hands everything else on.
pub async fn serve(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path().trim_start_matches('/');
    match Site::get(path) {
        Some(file) if reads && !path.is_empty() => answer(path, &request, file),
        Some(_) | None => next.run(request).await,
    }
}

/// The names carry no hash, so the browser asks each time whether its copy is still the one.
fn answer(path: &str, request: &Request, file: EmbeddedFile) -> Response {
    let hash: String = file.metadata.sha256_hash()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Weak, since the same file goes out compressed and not.
    let tag = format!("W/\"{hash}\"");
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|other| other.trim() == tag));
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let headers = [
        (CACHE_CONTROL, "no-cache".to_owned()),
        (ETAG, tag),
        (CONTENT_TYPE, kind.to_string()),
    ];
    if known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, Body::from(file.data)).into_response()
    }
}
