//! Who may ask for what: every server function, route and page, as nobody and in each role.

use std::collections::BTreeSet;

use bellows_server::http::{Who, endpoints};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::app::{Body, Browser, TestApp};

/// The people of a test's server; the last two have no role and no account.
const PEOPLE: [&str; 6] = [
    "engineer",
    "approver",
    "auditor",
    "admin",
    "nobody-yet",
    "nobody",
];

/// Who gets past the permission table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permitted {
    /// With or without an account.
    Everybody,
    /// Whoever has any role.
    AnyRole,
    /// These alone.
    Only(&'static [&'static str]),
    /// Nobody, once someone is registered.
    Over,
}

/// The table: each server function, a well-formed request to it, and who gets past it.
fn table() -> Vec<(&'static str, Body, Permitted)> {
    use Permitted::{AnyRole, Everybody, Only, Over};
    let form = |text: &str| Body::Form(text.to_owned());
    let none = || form("");
    vec![
        ("/api/session/me", none(), Everybody),
        ("/api/session/needs-setup", none(), Everybody),
        ("/api/session/sign-out", none(), Everybody),
        (
            "/api/session/sign-in",
            form("login=somebody&password=wrong"),
            Everybody,
        ),
        (
            "/api/session/set-up",
            form("token=x&login=eve&name=Eve&password=tidal+wax+orbit+seven"),
            Over,
        ),
        ("/api/session/dashboard", none(), AnyRole),
        ("/api/migrations/list", none(), AnyRole),
        ("/api/migrations/get", form("id=none"), AnyRole),
        ("/api/migrations/forecast", form("id=none"), AnyRole),
        (
            "/api/migrations/save",
            Body::Json(
                json!({"request": {"id": null, "targetId": "none", "text": "", "baseVersion": 0}}),
            ),
            Only(&["engineer"]),
        ),
        (
            "/api/migrations/request-review",
            Body::Json(json!({"id": "none", "version": 1})),
            Only(&["engineer"]),
        ),
        (
            "/api/approvals/decide",
            Body::Json(json!({
                "id": "none", "plan_hash": "", "phases": [1], "decision": "approved", "comment": ""
            })),
            Only(&["approver"]),
        ),
        (
            "/api/plans/preview",
            Body::Json(json!({"request": {"targetId": "none", "text": ""}})),
            Only(&["engineer"]),
        ),
        (
            "/api/findings/waive",
            Body::Json(json!({"request": {
                "migrationId": "none", "planHash": "", "rule": "unknown-sql", "phase": 1,
                "operation": 0, "reason": "it was tried on a copy"
            }})),
            Only(&["approver"]),
        ),
        ("/api/executions/list", none(), AnyRole),
        ("/api/executions/get", form("id=none"), AnyRole),
        ("/api/executions/evidence", form("id=none"), AnyRole),
        ("/api/executions/events", form("id=none&after=0"), AnyRole),
        (
            "/api/executions/start",
            Body::Json(json!({"request": {
                "migrationId": "none", "planHash": "", "phase": 1, "withoutBackup": false
            }})),
            Only(&["engineer"]),
        ),
        (
            "/api/executions/confirm-gate",
            Body::Json(json!({"migration_id": "none", "phase": 1, "version": "1"})),
            Only(&["engineer"]),
        ),
        (
            "/api/executions/end-blocker",
            Body::Json(json!({"id": "none", "pid": 1})),
            Only(&["engineer"]),
        ),
        (
            "/api/executions/control",
            Body::Json(json!({"id": "none", "control": "pause"})),
            Only(&["engineer"]),
        ),
        ("/api/targets/list", none(), AnyRole),
        ("/api/targets/environments", none(), AnyRole),
        ("/api/targets/schema", form("id=none"), AnyRole),
        ("/api/targets/facts", form("id=none"), AnyRole),
        ("/api/targets/left-behind", form("target_id=none"), AnyRole),
        (
            "/api/targets/add",
            Body::Json(json!({"target": {"name": "", "environment": "dev", "url": ""}})),
            Only(&["admin"]),
        ),
        (
            "/api/targets/set-policy",
            Body::Json(json!({"environment": "none", "policy": {
                "approvals": 1, "approverMayExecute": false, "blocking": "error"
            }})),
            Only(&["admin"]),
        ),
        (
            "/api/audit/page",
            Body::Json(json!({"filter": {"text": "", "refused": false, "before": null}})),
            Only(&["auditor", "admin"]),
        ),
        ("/api/audit/verify", none(), Only(&["auditor", "admin"])),
        ("/api/backups/list", form("target_id=none"), AnyRole),
        (
            "/api/backups/take",
            Body::Json(json!({"target_id": "none"})),
            Only(&["engineer"]),
        ),
        (
            "/api/backups/preview",
            form("target_id=none&id=none"),
            Only(&["admin"]),
        ),
        (
            "/api/backups/restore",
            Body::Json(json!({"target_id": "none", "id": "none"})),
            Only(&["admin"]),
        ),
        ("/api/saved-copies/list", form("target_id=none"), AnyRole),
        (
            "/api/saved-copies/remove",
            Body::Json(json!({"target_id": "none", "place": "none"})),
            Only(&["admin"]),
        ),
        ("/api/people/list", none(), Only(&["admin"])),
        (
            "/api/people/add",
            Body::Json(json!({"person": {"login": "", "name": "", "password": "", "grants": []}})),
            Only(&["admin"]),
        ),
        (
            "/api/people/set-grants",
            Body::Json(json!({"id": "none", "grants": []})),
            Only(&["admin"]),
        ),
    ]
}

fn expected(permitted: Permitted, who: &str) -> Result<(), StatusCode> {
    let passes = match permitted {
        Permitted::Everybody => true,
        Permitted::AnyRole => who != "nobody" && who != "nobody-yet",
        Permitted::Only(people) => people.contains(&who),
        Permitted::Over => return Err(StatusCode::FORBIDDEN),
    };
    match (passes, who) {
        (true, _) => Ok(()),
        (false, "nobody") => Err(StatusCode::UNAUTHORIZED),
        (false, _) => Err(StatusCode::FORBIDDEN),
    }
}

async fn browser_of(app: &TestApp, who: &str) -> Browser {
    if who == "nobody" {
        app.browser()
    } else {
        app.signed_in(who).await
    }
}

#[tokio::test]
async fn every_server_function_is_in_the_table() {
    let _app = TestApp::empty().await;
    let there: BTreeSet<String> = leptos::server_fn::axum::server_fn_paths()
        .map(|(path, method)| format!("{method} {path}"))
        .collect();
    let known: BTreeSet<String> = table()
        .into_iter()
        .map(|(path, _, _)| format!("POST {path}"))
        .collect();
    assert_eq!(
        there.symmetric_difference(&known).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "say in the table who may call it"
    );
}

#[tokio::test]
async fn every_server_function_as_everybody() {
    let app = TestApp::start().await;
    let mut wrong = Vec::new();
    for who in PEOPLE {
        for (path, body, permitted) in table() {
            // Anew each time: one of them signs out.
            let browser = browser_of(&app, who).await;
            let response = browser.post(path, &body).await;
            let status = response.status();
            let met = match expected(permitted, who) {
                Ok(()) => ![StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status),
                Err(refusal) => status == refusal,
            };
            if !met || status.is_server_error() {
                let text = response.text().await.unwrap();
                wrong.push(format!("{who} {path}: {status} {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn every_refused_change_is_recorded() {
    let app = TestApp::start().await;
    let refused = |who: &'static str| {
        let app = &app;
        async move {
            let browser = browser_of(app, who).await;
            for (path, body, permitted) in table() {
                if matches!(permitted, Permitted::Only(_)) {
                    browser.post(path, &body).await;
                }
            }
        }
    };
    let count = || async {
        let filter = bellows_app::backend::AuditFilter {
            refused: true,
            ..Default::default()
        };
        bellows_server::audit::page(&app.state.store, &filter)
            .await
            .unwrap()
            .entries
            .len()
    };
    let only = table()
        .iter()
        .filter(|(_, _, permitted)| matches!(permitted, Permitted::Only(_)))
        .count();
    refused("nobody").await;
    assert_eq!(count().await, only);
    refused("nobody-yet").await;
    assert_eq!(count().await, 2 * only);
}

#[tokio::test]
async fn every_route_as_everybody() {
    let app = TestApp::start().await;
    for (endpoint, _) in endpoints() {
        let path = endpoint.path.replace("{id}", "none");
        for who in PEOPLE {
            let browser = browser_of(&app, who).await;
            let mut headers = browser.headers();
            if path.starts_with("/ws/") {
                for (name, value) in [
                    ("connection", "upgrade"),
                    ("upgrade", "websocket"),
                    ("sec-websocket-version", "13"),
                    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ] {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let response = browser
                .send(reqwest::Method::GET, &path, headers, None)
                .await;
            let status = response.status();
            match endpoint.who {
                Who::Everybody => assert_eq!(status, StatusCode::OK, "{who} {path}"),
                Who::SignedIn => match who {
                    "nobody" => assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}"),
                    "nobody-yet" => assert_eq!(status, StatusCode::FORBIDDEN, "{path}"),
                    _ => assert!(
                        [StatusCode::SWITCHING_PROTOCOLS, StatusCode::NOT_FOUND].contains(&status),
                        "{who} {path}: {status}"
                    ),
                },
            }
        }
    }
}

#[tokio::test]
async fn pages_show_nobody_anything() {
    let app = TestApp::start().await;
    let nobody = app.browser();
    let paths: Vec<String> = leptos_axum::generate_route_list(bellows_app::App)
        .iter()
        .map(|route| route.path().to_owned())
        .collect();
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        let path = path.replace("{id}", "none");
        let response = nobody.get(&path).await;
        let status = response.status();
        assert!(!status.is_server_error(), "{path}: {status}");
        let text = response.text().await.unwrap();
        for word in ["ENGINEER", "AUDITOR", "nobody-yet"] {
            assert!(!text.contains(word), "{path} shows {word}");
        }
    }
}
