//! A whole server in the test's own process, with a data directory and a store of its own.

// Each test program uses the part of this room that it needs.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::path::Path;

use bellows::access::{Grant, Role};
use bellows_app::backend::{NewPerson, PeopleBackend, SessionBackend};
use bellows_server::auth::{Actor, Origin, setup};
use bellows_server::http::{ServeOptions, Server};
use bellows_server::state::AppState;
use bellows_server::usecase::RequestBackend;
use reqwest::header::{HeaderMap, HeaderValue, ORIGIN, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;

/// Every person's password.
pub const PASSWORD: &str = "tidal wax orbit seven";

/// A server on a port of its own.
pub struct TestApp {
    /// Where it listens.
    pub addr: SocketAddr,
    /// What it shares.
    pub state: AppState,
    task: Option<JoinHandle<()>>,
    dir: Option<tempfile::TempDir>,
}

impl TestApp {
    /// On SQLite, with nobody registered.
    pub async fn empty() -> Self {
        Self::with(tempfile::tempdir().unwrap(), |_| {}).await
    }

    /// On SQLite, with one person a role: `engineer`, `approver`, `auditor`, `admin`; and
    /// `nobody-yet`, who has none.
    pub async fn start() -> Self {
        let app = Self::empty().await;
        app.people().await;
        app
    }

    /// In that data directory, with other options.
    pub async fn with(dir: tempfile::TempDir, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let mut options = ServeOptions {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: dir.path().join("data"),
            store: None,
            demo: false,
            public_url: None,
        };
        change(&mut options);
        let server = Server::bind(&options).await.unwrap();
        let (addr, state) = (server.addr, server.state.clone());
        let task = tokio::spawn(async move { server.run().await.unwrap() });
        Self {
            addr,
            state,
            task: Some(task),
            dir: Some(dir),
        }
    }

    /// The folder around the data directory, for files of the test's own.
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().unwrap().path()
    }

    /// Stops as on SIGTERM, and gives the folder for another start.
    pub async fn stop(mut self) -> tempfile::TempDir {
        self.state.stopping.cancel();
        self.task.take().unwrap().await.unwrap();
        self.dir.take().unwrap()
    }

    /// Registers one person a role.
    pub async fn people(&self) {
        let nobody = RequestBackend::new(self.state.clone(), Actor::nobody(Origin::Server));
        let token = setup::prepare(&self.state.store).await.unwrap().unwrap();
        nobody
            .set_up(
                token,
                "admin".to_owned(),
                "Admin".to_owned(),
                PASSWORD.to_owned(),
            )
            .await
            .unwrap();
        for role in [Role::Engineer, Role::Approver, Role::Auditor] {
            self.register(role.word(), &[role]).await;
        }
        self.register("nobody-yet", &[]).await;
    }

    /// Registers a person with roles for all environments.
    pub async fn register(&self, login: &str, roles: &[Role]) {
        let person = NewPerson {
            login: login.to_owned(),
            name: login.to_uppercase(),
            password: PASSWORD.to_owned(),
            grants: roles
                .iter()
                .map(|role| Grant {
                    role: *role,
                    environment: None,
                })
                .collect(),
        };
        self.backend("admin")
            .await
            .add_person(person)
            .await
            .unwrap();
    }

    /// The use cases as that person, without HTTP.
    pub async fn backend(&self, login: &str) -> RequestBackend {
        let actor = bellows_server::usecase::actor_by_login(&self.state, login)
            .await
            .unwrap();
        RequestBackend::new(self.state.clone(), actor)
    }

    /// A browser in which nobody is signed in.
    pub fn browser(&self) -> Browser {
        Browser::at(format!("http://{}", self.addr))
    }

    /// A browser in which that person is signed in.
    pub async fn signed_in(&self, login: &str) -> Browser {
        let mut browser = self.browser();
        let (status, answer) = browser.sign_in(login, PASSWORD).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        browser
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.state.stopping.cancel();
    }
}

/// What a request carries.
#[derive(Clone, Debug)]
pub enum Body {
    /// As a form sends it.
    Form(String),
    /// As our page sends it.
    Json(Value),
}

/// A browser that keeps one cookie and says truly where its requests come from.
#[derive(Clone)]
pub struct Browser {
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    /// The session's cookie, `name=value`.
    pub cookie: Option<String>,
    http: reqwest::Client,
}

impl Browser {
    /// A browser for the server at that address, in which nobody is signed in.
    pub fn at(base: String) -> Self {
        Self {
            base,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            cookie: None,
        }
    }

    /// The headers of a request from our own page.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(&self.base).unwrap());
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        if let Some(cookie) = &self.cookie {
            headers.insert("cookie", HeaderValue::from_str(cookie).unwrap());
        }
        headers
    }

    /// Opens a page, as by its address.
    pub async fn get(&self, path: &str) -> Response {
        let mut headers = self.headers();
        headers.remove(ORIGIN);
        headers.insert("sec-fetch-site", HeaderValue::from_static("none"));
        self.send(Method::GET, path, headers, None).await
    }

    /// Calls a server function, as our page does.
    pub async fn post(&self, path: &str, body: &Body) -> Response {
        self.send(Method::POST, path, self.headers(), Some(body))
            .await
    }

    /// Sends just that.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<&Body>,
    ) -> Response {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .headers(headers);
        let request = match body {
            None => request,
            Some(Body::Form(text)) => request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(text.clone()),
            Some(Body::Json(value)) => request.json(value),
        };
        request.send().await.unwrap()
    }

    /// Calls a server function and reads its answer.
    pub async fn call(&self, path: &str, body: Body) -> (StatusCode, Value) {
        let response = self.post(path, &body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Signs in and keeps the cookie.
    pub async fn sign_in(&mut self, login: &str, password: &str) -> (StatusCode, String) {
        let body = Body::Form(format!(
            "login={login}&password={}",
            password.replace(' ', "+")
        ));
        let response = self.post("/api/session/sign-in", &body).await;
        let status = response.status();
        if let Some(cookie) = set_cookie(&response) {
            let value = cookie.split(';').next().unwrap_or_default().to_owned();
            self.cookie = Some(value);
        }
        (status, response.text().await.unwrap())
    }
}

/// The session's cookie as the server sets it.
pub fn set_cookie(response: &Response) -> Option<String> {
    response
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.starts_with(bellows_server::http::COOKIE))
        .map(str::to_owned)
}
