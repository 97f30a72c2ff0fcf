//! The real server as a process that can be killed, and people who talk to it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

const PASSWORD: &str = "kiln-otter-gravel-58-mast";

/// A server process on a port of its own, over a data directory that outlives it.
pub struct Server {
    child: Option<Child>,
    data_dir: PathBuf,
    port: u16,
}

impl Server {
    /// Starts a server over an empty data directory; gives the set-up token too.
    pub fn first(data_dir: &Path) -> (Self, String) {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a free port")
            .port();
        let mut server = Self {
            child: None,
            data_dir: data_dir.to_owned(),
            port,
        };
        let said = server.start();
        let token = said
            .iter()
            .find(|line| line.contains("one-time token"))
            .and_then(|line| line.split_whitespace().last())
            .unwrap_or_else(|| panic!("no one-time token in {said:?}"))
            .to_owned();
        (server, token)
    }

    /// Starts it (again); gives the lines up to the one that says it listens.
    pub fn start(&mut self) -> Vec<String> {
        assert!(self.child.is_none(), "it runs already");
        let mut child = Command::new(env!("CARGO_BIN_EXE_bellows"))
            .arg("serve")
            .arg("--addr")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--data-dir")
            .arg(&self.data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the server starts");
        let out = child.stdout.take().expect("its output is piped");
        let (send, lines) = mpsc::channel();
        // Reads to the end, or the server would stop at a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        self.child = Some(child);
        let mut said = Vec::new();
        loop {
            let line = lines
                .recv_timeout(Duration::from_secs(60))
                .unwrap_or_else(|_| panic!("the server does not listen: {said:?}"));
            let listens = line.contains("listening on http://");
            said.push(line);
            if listens {
                return said;
            }
        }
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a process that runs can be killed");
            child.wait().expect("and is gone");
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Someone with a session.
pub struct Person {
    http: reqwest::Client,
    url: String,
}

impl Person {
    fn new(server: &Server) -> Self {
        Self {
            http: reqwest::Client::builder()
                .cookie_store(true)
                .build()
                .expect("a client"),
            url: server.url(),
        }
    }

    /// The first person, an admin.
    pub async fn set_up(server: &Server, token: &str) -> Self {
        let person = Self::new(server);
        person
            .form(
                "session/set-up",
                &[
                    ("token", token),
                    ("login", "ada"),
                    ("name", "Ada Admin"),
                    ("password", PASSWORD),
                ],
            )
            .await;
        person
    }

    /// Registers somebody with a role, and signs them in.
    pub async fn register(&self, server: &Server, login: &str, role: &str) -> Self {
        self.json(
            "people/add",
            json!({"person": {"login": login, "name": login, "password": PASSWORD,
                   "grants": [{"role": role, "environment": null}]}}),
        )
        .await;
        let person = Self::new(server);
        person
            .form(
                "session/sign-in",
                &[("login", login), ("password", PASSWORD)],
            )
            .await;
        person
    }

    /// Calls a server function that takes JSON.
    pub async fn json(&self, endpoint: &str, body: Value) -> Value {
        let request = self.request(endpoint).json(&body);
        Self::answer(endpoint, request).await
    }

    /// Calls a server function that takes a form.
    pub async fn form(&self, endpoint: &str, fields: &[(&str, &str)]) -> Value {
        let request = self.request(endpoint).form(fields);
        Self::answer(endpoint, request).await
    }

    fn request(&self, endpoint: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}/api/{endpoint}", self.url))
            .header("Origin", &self.url)
            .header("Accept", "application/json")
    }

    async fn answer(endpoint: &str, request: reqwest::RequestBuilder) -> Value {
        let response = request
            .send()
            .await
            .unwrap_or_else(|e| panic!("{endpoint}: {e}"));
        let status = response.status();
        let text = response
            .text()
            .await
            .unwrap_or_else(|e| panic!("{endpoint}: {e}"));
        assert!(status.is_success(), "{endpoint}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{endpoint}: {e}: {text}"))
    }
}
