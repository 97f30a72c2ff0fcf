//! Who is asking, and what waits for them.

use leptos::prelude::*;

use crate::backend::{ApiError, Dashboard, Me};
#[cfg(feature = "ssr")]
use {
    super::{backend, is_plain_form, told},
    crate::backend::SignIn as Credentials,
};

/// Who is signed in; `None` for nobody. On the server, while it renders a page.
#[cfg(feature = "ssr")]
pub(crate) fn who() -> crate::backend::Answer<Option<Me>> {
    backend().map(|backend| backend.me())
}

/// Who is signed in; `None` for nobody.
#[server(name = WhoAmI, endpoint = "session/me")]
pub async fn me() -> Result<Option<Me>, ApiError> {
    told(who())
}

/// Signs in. A form that the browser sent by itself is led on to `next`, a path of this site.
#[server(endpoint = "session/sign-in")]
pub async fn sign_in(
    login: String,
    password: String,
    next: Option<String>,
) -> Result<Me, ApiError> {
    let me = told(backend()?.sign_in(Credentials { login, password }).await)?;
    if is_plain_form() {
        leptos_axum::redirect(crate::text::own_path(next.as_deref()));
    }
    Ok(me)
}

/// Signs out.
#[server(endpoint = "session/sign-out")]
pub async fn sign_out() -> Result<(), ApiError> {
    told(backend()?.sign_out().await)?;
    if is_plain_form() {
        leptos_axum::redirect("/sign-in");
    }
    Ok(())
}

/// Whether no person is registered yet.
#[server(endpoint = "session/needs-setup")]
pub async fn needs_setup() -> Result<bool, ApiError> {
    told(backend()?.needs_setup().await)
}

/// Makes the first admin, with the one-time token from the server's log.
#[server(endpoint = "session/set-up")]
pub async fn set_up(
    token: String,
    login: String,
    name: String,
    password: String,
) -> Result<Me, ApiError> {
    let me = told(backend()?.set_up(token, login, name, password).await)?;
    if is_plain_form() {
        leptos_axum::redirect("/");
    }
    Ok(me)
}

/// The first page.
#[server(name = FirstPage, endpoint = "session/dashboard")]
pub async fn dashboard() -> Result<Dashboard, ApiError> {
    told(backend()?.dashboard().await)
}
