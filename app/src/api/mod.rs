//! Server functions: one file a resource, each function a single call to the backend.
//!
//! In the browser they are requests to `/api/<endpoint>`; while the server renders a page they are
//! plain calls. What goes wrong arrives as an [`ApiError`] either way, and sets the HTTP status.

// The macro writes a public struct with public fields for every function; what the fields mean
// stands with the backend's traits.
#![allow(missing_docs)]

mod audit;
mod backups;
mod executions;
mod left;
mod migrations;
mod people;
mod saved;
mod session;
mod targets;

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};

pub use audit::*;
pub use backups::*;
pub use executions::*;
pub use left::*;
pub use migrations::*;
pub use people::*;
pub use saved::*;
pub use session::*;
pub use targets::*;

use crate::backend::{ApiError, ErrorCode};

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => ApiError::new(
                ErrorCode::Internal,
                "The server cannot be reached. Is it running, and is the network there?",
            ),
            ServerFnErrorErr::Args(reason) | ServerFnErrorErr::MissingArg(reason) => ApiError::new(
                ErrorCode::Invalid,
                format!("What was sent is wrong: {reason}"),
            ),
            other @ (ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::Deserialization(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::Response(_)) => {
                ApiError::new(ErrorCode::Internal, other.to_string())
            }
        }
    }
}

/// The backend of this request.
#[cfg(feature = "ssr")]
fn backend() -> crate::backend::Answer<crate::backend::SharedBackend> {
    leptos::prelude::use_context().ok_or_else(|| {
        ApiError::new(
            ErrorCode::Internal,
            "The server gave this request no backend.",
        )
    })
}

/// Gives the answer on, with the HTTP status of its error.
#[cfg(feature = "ssr")]
fn told<T>(answer: crate::backend::Answer<T>) -> crate::backend::Answer<T> {
    if let Err(error) = &answer {
        set_status(error.code.status());
    }
    answer
}

/// Sets the response's status. A form that was sent without scripts is answered by a redirect to
/// where it came from, which a status of ours would undo.
#[cfg(feature = "ssr")]
pub(crate) fn set_status(status: u16) {
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    if is_plain_form() {
        return;
    }
    if let Some(options) = use_context::<ResponseOptions>()
        && let Ok(status) = http::StatusCode::from_u16(status)
    {
        options.set_status(status);
    }
}

/// Whether the request is a form that the browser sent by itself.
#[cfg(feature = "ssr")]
fn is_plain_form() -> bool {
    leptos::prelude::use_context::<http::request::Parts>().is_some_and(|parts| {
        parts.method == http::Method::POST
            && parts
                .headers
                .get(http::header::ACCEPT)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|accepts| accepts.contains("text/html"))
    })
}
