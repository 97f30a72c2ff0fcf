//! Signing in and out, set-up, throttling, and sessions that end.

use reqwest::StatusCode;

use bellows::access::{Grant, Role};
use bellows_app::backend::PeopleBackend;
use bellows_server::auth::setup;
use bellows_server::store::{now, people, sessions};

use crate::app::{Body, PASSWORD, TestApp, set_cookie};

fn none() -> Body {
    Body::Form(String::new())
}

#[tokio::test]
async fn the_first_admin_is_made_with_the_token_and_only_once() {
    let app = TestApp::empty().await;
    let browser = app.browser();
    let (_, needs) = browser.call("/api/session/needs-setup", none()).await;
    assert_eq!(needs, true);
    let token = setup::prepare(&app.state.store).await.unwrap().unwrap();
    let form = |token: &str, login: &str, password: &str| {
        Body::Form(format!(
            "token={token}&login={login}&name=Ada&password={}",
            password.replace(' ', "+")
        ))
    };
    let path = "/api/session/set-up";
    let (status, _) = browser.call(path, form("wrong", "ada", PASSWORD)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, answer) = browser.call(path, form(&token, "ada", "short")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let (status, me) = browser.call(path, form(&token, "ada", PASSWORD)).await;
    assert_eq!(status, StatusCode::OK, "{me}");
    assert_eq!(me["grants"][0]["role"], "admin");
    let (status, _) = browser.call(path, form(&token, "eve", PASSWORD)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(setup::prepare(&app.state.store).await.unwrap().is_none());
    let (_, needs) = browser.call("/api/session/needs-setup", none()).await;
    assert_eq!(needs, false);
}

#[tokio::test]
async fn the_cookie_is_for_the_server_alone() {
    let app = TestApp::start().await;
    let body = Body::Form(format!(
        "login=engineer&password={}",
        PASSWORD.replace(' ', "+")
    ));
    let response = app.browser().post("/api/session/sign-in", &body).await;
    let cookie = set_cookie(&response).unwrap();
    assert!(cookie.contains("HttpOnly"), "{cookie}");
    assert!(cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(cookie.contains("Path=/"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn signing_in_gives_the_session_a_new_name() {
    let app = TestApp::start().await;
    let mut browser = app.signed_in("engineer").await;
    let before = browser.clone();
    let (status, _) = browser.sign_in("approver", PASSWORD).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(browser.cookie, before.cookie);
    let (_, me) = browser.call("/api/session/me", none()).await;
    assert_eq!(me["login"], "approver");
    let (_, me) = before.call("/api/session/me", none()).await;
    assert!(me.is_null(), "the old name is worth nothing: {me}");
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let app = TestApp::start().await;
    let browser = app.signed_in("engineer").await;
    let (status, _) = browser.call("/api/session/sign-out", none()).await;
    assert_eq!(status, StatusCode::OK);
    let (_, me) = browser.call("/api/session/me", none()).await;
    assert!(me.is_null(), "{me}");
}

#[tokio::test]
async fn a_revoked_session_is_nobodys_at_once() {
    let app = TestApp::start().await;
    let browser = app.signed_in("engineer").await;
    let mut tx = app.state.store.write().await.unwrap();
    let (id, _) = people::credentials(&mut tx, "engineer")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(sessions::delete_of(&mut tx, &id).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let (status, _) = browser.call("/api/migrations/list", none()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_by_idleness_and_by_age() {
    let app = TestApp::start().await;
    for (used_ago, made_ago, stands) in [
        (11, 20, true),
        (13, 20, false),
        (1, 24 * 7 - 1, true),
        (1, 24 * 7 + 1, false),
    ] {
        let browser = app.signed_in("engineer").await;
        let ago = |hours: i64| now() - hours * 3_600_000_000;
        let sql = "UPDATE person_session SET last_seen_at = $1, created_at = $2";
        match &app.state.store {
            bellows_server::store::Store::Sqlite { writer, .. } => {
                sqlx::query(sql)
                    .bind(ago(used_ago))
                    .bind(ago(made_ago))
                    .execute(writer)
                    .await
                    .unwrap();
            }
            bellows_server::store::Store::Postgres(_) => unreachable!(),
        }
        let (_, me) = browser.call("/api/session/me", none()).await;
        assert_eq!(!me.is_null(), stands, "{used_ago} {made_ago}");
    }
}

#[tokio::test]
async fn roles_are_read_at_each_request() {
    let app = TestApp::start().await;
    let browser = app.signed_in("nobody-yet").await;
    let (status, _) = browser.call("/api/migrations/list", none()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let admin = app.backend("admin").await;
    let person = admin
        .people()
        .await
        .unwrap()
        .into_iter()
        .find(|person| person.login == "nobody-yet")
        .unwrap();
    let auditor = Grant {
        role: Role::Auditor,
        environment: None,
    };
    admin.set_grants(person.id, vec![auditor]).await.unwrap();
    let (status, _) = browser.call("/api/migrations/list", none()).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn somebody_must_stay_admin() {
    let app = TestApp::start().await;
    let admin = app.backend("admin").await;
    let me = admin
        .people()
        .await
        .unwrap()
        .into_iter()
        .find(|person| person.login == "admin")
        .unwrap();
    let error = admin.set_grants(me.id, Vec::new()).await.unwrap_err();
    assert_eq!(error.code, bellows_app::backend::ErrorCode::Conflict);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_the_right_password_too() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    for _ in 0..5 {
        let (status, _) = browser.sign_in("engineer", "wrong").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let (status, text) = browser.sign_in("engineer", PASSWORD).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{text}");
    let (status, _) = browser.sign_in("approver", PASSWORD).await;
    assert_eq!(status, StatusCode::OK, "another account is free");
}

#[tokio::test]
async fn guessing_at_many_accounts_is_slowed_down_by_address() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    for i in 0..20 {
        browser.sign_in(&format!("guess-{i}"), "wrong").await;
    }
    let (status, _) = browser.sign_in("engineer", PASSWORD).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn an_unknown_account_reads_like_a_wrong_password() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let known = browser.sign_in("engineer", "wrong").await;
    let unknown = browser.sign_in("nobody-of-that-name", "wrong").await;
    assert_eq!(known, unknown);
}
