//! Websockets: who gets one, what it replays, and when it ends.

use std::time::Duration;

use bellows::run::{EventKind, ExecutionState, RunEvent};
use bellows_server::store::executions::{self, ExecutionRecord};
use bellows_server::store::{new_id, now};
use futures::StreamExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::app::{Browser, TestApp};
use crate::flow::a_target;

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn open(browser: &Browser, path: &str, origin: Option<&str>) -> Result<Socket, u16> {
    let url = format!("{}{path}", browser.base.replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
    }
    if let Some(cookie) = &browser.cookie {
        request
            .headers_mut()
            .insert("cookie", cookie.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// An execution of which events can be told.
async fn an_execution(app: &TestApp) -> String {
    let target = a_target(app, "dev").await;
    let id = new_id();
    let plan = bellows::plan::plan(
        &bellows::document::parse(crate::flow::DOCUMENT).unwrap(),
        None,
    )
    .unwrap();
    let record = ExecutionRecord {
        id: id.clone(),
        migration_id: None,
        name: "m".to_owned(),
        version: 1,
        target_id: Some(target.id),
        address: None,
        plan,
        state: ExecutionState::Waiting,
        phases: Vec::new(),
        phase: 1,
        started_by: "X".to_owned(),
        started_at: now(),
        completed_at: None,
        error: None,
        snapshot: None,
        intent: None,
        wanted: false,
    };
    let mut tx = app.state.store.write().await.unwrap();
    executions::put(&mut tx, &record).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn tell(app: &TestApp, id: &str, count: usize) {
    for i in 0..count {
        let message = format!("{i}");
        app.state
            .events
            .append(id, EventKind::Notice { message })
            .await
            .unwrap();
    }
}

/// The numbers of the next events.
async fn read(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        let message = timeout(Duration::from_secs(20), socket.next())
            .await
            .expect("an event comes")
            .expect("the socket stays")
            .unwrap();
        if let Message::Text(text) = message
            && let Ok(event) = serde_json::from_str::<RunEvent>(&text)
        {
            seqs.push(event.seq);
        }
    }
    seqs
}

#[tokio::test]
async fn foreign_origins_and_nobody_get_no_socket() {
    let app = TestApp::start().await;
    let id = an_execution(&app).await;
    let engineer = app.signed_in("engineer").await;
    let roleless = app.signed_in("nobody-yet").await;
    let nobody = app.browser();
    let own = engineer.base.clone();
    let own = Some(own.as_str());
    for path in [format!("/ws/executions/{id}"), "/ws/activity".to_owned()] {
        let status = async |browser: &Browser, origin: Option<&str>| {
            open(browser, &path, origin).await.err()
        };
        assert_eq!(status(&engineer, own).await, None, "{path}");
        assert_eq!(
            status(&engineer, Some("http://evil.example")).await,
            Some(403)
        );
        assert_eq!(status(&engineer, Some("null")).await, Some(403));
        assert_eq!(status(&engineer, None).await, Some(403));
        assert_eq!(status(&nobody, own).await, Some(401));
        assert_eq!(status(&roleless, own).await, Some(403));
    }
}

#[tokio::test]
async fn events_are_replayed_after_a_number_and_then_follow() {
    let app = TestApp::start().await;
    let id = an_execution(&app).await;
    let browser = app.signed_in("auditor").await;
    let own = Some(browser.base.as_str());
    tell(&app, &id, 5).await;
    let mut all = open(&browser, &format!("/ws/executions/{id}"), own)
        .await
        .unwrap();
    assert_eq!(read(&mut all, 5).await, [1, 2, 3, 4, 5]);
    let path = format!("/ws/executions/{id}?after=3");
    let mut later = open(&browser, &path, own).await.unwrap();
    assert_eq!(read(&mut later, 2).await, [4, 5]);
    tell(&app, &id, 2).await;
    assert_eq!(read(&mut all, 2).await, [6, 7]);
    assert_eq!(read(&mut later, 2).await, [6, 7]);
}

#[tokio::test]
async fn a_reader_who_does_not_read_holds_nobody_up_and_loses_nothing() {
    let app = TestApp::start().await;
    let id = an_execution(&app).await;
    let browser = app.signed_in("auditor").await;
    let own = Some(browser.base.as_str());
    let mut slow = open(&browser, &format!("/ws/executions/{id}"), own)
        .await
        .unwrap();
    let count = 1_200;
    timeout(Duration::from_secs(60), tell(&app, &id, count))
        .await
        .expect("telling does not wait for the reader");
    let expected: Vec<u64> = (1..=count as u64).collect();
    assert_eq!(read(&mut slow, count).await, expected);
}

#[tokio::test]
async fn activity_says_which_execution_has_something_new() {
    let app = TestApp::start().await;
    let id = an_execution(&app).await;
    let browser = app.signed_in("auditor").await;
    let own = Some(browser.base.as_str());
    let mut socket = open(&browser, "/ws/activity", own).await.unwrap();
    // The socket listens from the moment that it is open.
    tokio::time::sleep(Duration::from_millis(100)).await;
    tell(&app, &id, 1).await;
    let message = timeout(Duration::from_secs(20), socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let value: serde_json::Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
    assert_eq!(value["kind"], "activity");
    assert_eq!(value["data"]["execution"], id);
}

#[tokio::test]
async fn sockets_end_when_the_server_stops() {
    let app = TestApp::start().await;
    let id = an_execution(&app).await;
    let browser = app.signed_in("auditor").await;
    let own = Some(browser.base.as_str());
    let mut socket = open(&browser, &format!("/ws/executions/{id}"), own)
        .await
        .unwrap();
    app.stop().await;
    let last = timeout(Duration::from_secs(20), socket.next())
        .await
        .unwrap();
    assert!(matches!(last, Some(Ok(Message::Close(_)))), "{last:?}");
}
