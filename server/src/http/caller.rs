//! Finds out who asks, once a request, and hands the [`Actor`] on.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_sessions::Session;

use crate::auth::{Origin, sessions};
use crate::state::AppState;

/// Puts the actor among the request's extensions.
pub async fn resolve(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    cookie: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let trusted = state.public_origin.is_some();
    let origin = Origin::Address(address(request.headers(), peer, trusted));
    match sessions::actor(&state.store, &cookie, origin).await {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(error) => {
            tracing::error!(%error, "whose session it is could not be found out");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The store cannot be read. The server's log says more.\n",
            )
                .into_response()
        }
    }
}

/// The client's address: the peer's, or behind a proxy the last one that the proxy saw.
fn address(headers: &HeaderMap, peer: SocketAddr, behind_proxy: bool) -> IpAddr {
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|last| last.trim().parse().ok());
    match forwarded {
        Some(address) if behind_proxy => address,
        Some(_) | None => peer.ip().to_canonical(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_forwarded_address_is_believed_behind_a_proxy_only() {
        let peer: SocketAddr = "10.0.0.1:5000".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-forwarded-for",
            HeaderValue::from_static("6.6.6.6, 203.0.113.9"),
        );
        let told = |behind| address(&headers, peer, behind).to_string();
        assert_eq!(told(true), "203.0.113.9");
        assert_eq!(told(false), "10.0.0.1");
    }
}
