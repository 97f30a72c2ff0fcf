//! The page: rendered by Leptos, its server functions, and what is not there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, FromRef, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bellows_app::backend::SharedBackend;
use bellows_app::{App, shell};
use leptos::prelude::*;
use leptos_axum::{AxumRouteListing, ResponseOptions, generate_route_list};
use tower_sessions::Session;

use super::headers::content_security_policy;
use crate::auth::Actor;
use crate::state::AppState;
use crate::usecase::RequestBackend;

/// Every page's path.
pub fn routes() -> Vec<AxumRouteListing> {
    generate_route_list(App)
}

/// What a page or server function finds in its context: the backend, bound to whoever asks.
fn context(
    state: &AppState,
    actor: Actor,
    cookie: Session,
) -> impl Fn() + Clone + Send + Sync + 'static {
    let backend: SharedBackend =
        Arc::new(RequestBackend::new(state.clone(), actor).with_cookie(cookie));
    move || {
        provide_context(backend.clone());
        if let (Some(nonce), Some(response)) =
            (leptos::nonce::use_nonce(), use_context::<ResponseOptions>())
            && let Ok(policy) = HeaderValue::from_str(&content_security_policy(&nonce))
        {
            response.insert_header(CONTENT_SECURITY_POLICY, policy);
        }
    }
}

/// Renders a page.
pub async fn render(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    cookie: Session,
    request: Request,
) -> Response {
    let options = LeptosOptions::from_ref(&state);
    let handler = leptos_axum::render_route_with_context(
        routes(),
        context(&state, actor, cookie),
        move || shell(options.clone()),
    );
    private(handler(State(state), request).await)
}

/// Renders the page for what is not there.
pub async fn not_found(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    cookie: Session,
    request: Request,
) -> Response {
    let options = LeptosOptions::from_ref(&state);
    let handler =
        leptos_axum::render_app_async_with_context(context(&state, actor, cookie), move || {
            shell(options.clone())
        });
    let mut response = handler(request).await;
    *response.status_mut() = StatusCode::NOT_FOUND;
    private(response)
}

/// Answers a server function.
pub async fn server_function(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    cookie: Session,
    request: Request<Body>,
) -> Response {
    let known = leptos::server_fn::axum::get_server_fn_service(
        request.uri().path(),
        request.method().clone(),
    )
    .is_some();
    if !known {
        return (StatusCode::NOT_FOUND, "There is no such endpoint.\n").into_response();
    }
    let context = context(&state, actor, cookie);
    private(
        leptos_axum::handle_server_fns_with_context(context, request)
            .await
            .into_response(),
    )
}

/// What was made for one person stays out of every cache.
fn private(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
