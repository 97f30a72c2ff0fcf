//! Answers that are not the ones hoped for.

use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_location;

use crate::backend::{ApiError, ErrorCode};

/// Why a page could not be loaded. Whose session is over is led to the sign-in.
#[component]
pub fn Failure(
    /// What went wrong.
    error: ApiError,
) -> impl IntoView {
    if error.code == ErrorCode::SignedOut {
        return Either::Left(view! { <ToSignIn /> });
    }
    let title = match error.code {
        ErrorCode::SignedOut => "Signed out",
        ErrorCode::Forbidden => "Not permitted",
        ErrorCode::NotFound => "Not found",
        ErrorCode::Invalid => "Not valid",
        ErrorCode::Conflict | ErrorCode::Blocked => "Not now",
        ErrorCode::Throttled => "Too many tries",
        ErrorCode::Target => "The target cannot be reached",
        ErrorCode::Internal => "Something went wrong",
    };
    Either::Right(view! {
        <section class="notice error" role="alert">
            <h2>{title}</h2>
            <ErrorText error />
        </section>
    })
}

/// To the sign-in, and from there back to here.
#[component]
pub fn ToSignIn() -> impl IntoView {
    let location = use_location();
    let path = location.pathname.get_untracked();
    let search = location.search.get_untracked();
    let here = if search.is_empty() {
        path
    } else {
        format!("{path}?{search}")
    };
    view! { <Redirect path=format!("/sign-in?next={}", escaped(&here)) /> }
}

/// The error that a button or a form got, near it; read out by screen readers.
#[component]
pub fn ActionFailure(
    /// What went wrong last, if anything did.
    #[prop(into)]
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    view! {
        <div class="action-failure" role="alert" aria-live="assertive">
            {move || {
                error
                    .get()
                    .map(|error| view! { <div class="notice error"><ErrorText error /></div> })
            }}
        </div>
    }
    .into_any()
}

/// Message and details.
#[component]
fn ErrorText(error: ApiError) -> impl IntoView {
    view! {
        <p>{error.message}</p>
        {(!error.details.is_empty())
            .then(|| {
                view! {
                    <ul>
                        {error
                            .details
                            .into_iter()
                            .map(|line| view! { <li>{line}</li> })
                            .collect_view()}
                    </ul>
                }
            })}
    }
    .into_any()
}

/// A path as the value of a query's field.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
