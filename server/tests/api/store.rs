//! The records, on both engines.

use bellows::access::{Grant, Policy, Role};
use bellows::document::Engine;
use bellows::run::{EventKind, Signal, Throttle};
use bellows_server::events::Events;
use bellows_server::store::people::Person;
use bellows_server::store::targets::TargetRecord;
use bellows_server::store::{Store, environments, events, new_id, now, people, targets};
use sqlx::{Connection, Executor, PgConnection};

/// Runs the test on a new SQLite file and in a new PostgreSQL database.
pub async fn each_store(test: impl AsyncFn(Store)) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    let store = Store::open(file.to_str().unwrap()).await.unwrap();
    test(store.clone()).await;
    store.close().await;

    let database = Database::new().await;
    let store = Store::open(&database.url).await.unwrap();
    test(store.clone()).await;
    store.close().await;
    database.drop().await;
}

/// A PostgreSQL database of a test's own.
pub struct Database {
    /// Its address.
    pub url: String,
    name: String,
    connection: PgConnection,
}

impl Database {
    /// Made on the tests' server.
    pub async fn new() -> Self {
        let server = std::env::var("BELLOWS_TEST_POSTGRES").expect(
            "BELLOWS_TEST_POSTGRES is not set: these tests need a PostgreSQL server on which they may \
             make and drop databases. Run `make test`, or `scripts/postgres-throwaway run cargo test`",
        );
        let name = format!("bellows_store_{}", uuid::Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        connection
            .execute(format!("CREATE DATABASE {name}").as_str())
            .await
            .unwrap();
        let mut url = server.clone();
        let end = url.find('?').unwrap_or(url.len());
        let start = url[..end].rfind('/').unwrap();
        url.replace_range(start + 1..end, &name);
        Self {
            url,
            name,
            connection,
        }
    }

    /// And dropped.
    pub async fn drop(mut self) {
        self.connection
            .execute(format!("DROP DATABASE {} WITH (FORCE)", self.name).as_str())
            .await
            .unwrap();
    }
}

fn person(login: &str) -> Person {
    Person {
        id: new_id(),
        login: login.to_owned(),
        name: "Ada".to_owned(),
        grants: vec![
            Grant {
                role: Role::Approver,
                environment: Some("production".to_owned()),
            },
            Grant {
                role: Role::Engineer,
                environment: None,
            },
        ],
        created_at: now(),
    }
}

#[tokio::test]
async fn people_come_back_as_they_were() {
    each_store(async |store| {
        let ada = person("ada");
        let mut tx = store.write().await.unwrap();
        people::insert(&mut tx, &ada, "hash").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.read().await.unwrap();
        assert_eq!(
            people::by_id(&mut tx, &ada.id).await.unwrap(),
            Some(ada.clone())
        );
        assert_eq!(
            people::all(&mut tx).await.unwrap(),
            std::slice::from_ref(&ada)
        );
        let known = people::credentials(&mut tx, "ada").await.unwrap();
        assert_eq!(known, Some((ada.id.clone(), "hash".to_owned())));
        drop(tx);
        let mut tx = store.write().await.unwrap();
        let twice = people::insert(&mut tx, &person("ada"), "hash")
            .await
            .unwrap_err();
        assert!(twice.is_duplicate());
    })
    .await;
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    each_store(async |store| {
        let mut tx = store.write().await.unwrap();
        people::insert(&mut tx, &person("ada"), "hash")
            .await
            .unwrap();
        drop(tx);
        let mut tx = store.read().await.unwrap();
        assert_eq!(people::count(&mut tx).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn targets_and_policies_come_back_as_they_were() {
    each_store(async |store| {
        let policy = Policy {
            approvals: 3,
            throttle: Throttle::default()
                .with(Signal::ReplicaLag, Some(2000))
                .with(Signal::Archive, None),
            ..Policy::default()
        };
        let target = TargetRecord {
            id: new_id(),
            name: "shop".to_owned(),
            environment: "dev".to_owned(),
            engine: Engine::PostgreSql,
            address: "postgres://db/shop".to_owned(),
            created_at: now(),
        };
        let mut tx = store.write().await.unwrap();
        let at = now();
        assert!(
            environments::ensure(&mut tx, "dev", &policy, at)
                .await
                .unwrap()
        );
        let other = Policy::default();
        assert!(
            !environments::ensure(&mut tx, "dev", &other, at)
                .await
                .unwrap()
        );
        targets::insert(&mut tx, &target, &[0, 1, 255])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.read().await.unwrap();
        assert_eq!(
            environments::policy(&mut tx, "dev").await.unwrap(),
            Some(policy)
        );
        assert_eq!(
            targets::all(&mut tx).await.unwrap(),
            std::slice::from_ref(&target)
        );
        let sealed = targets::credentials(&mut tx, &target.id).await.unwrap();
        assert_eq!(sealed, Some(vec![0, 1, 255]));
    })
    .await;
}

#[tokio::test]
async fn events_are_numbered_without_gaps_and_replayed_from_any() {
    each_store(async |store| {
        let told = Events::new(store.clone());
        let notice = |i: usize| EventKind::Notice {
            message: i.to_string(),
        };
        let tasks: Vec<_> = (0..30)
            .map(|i| {
                let told = told.clone();
                let execution = if i % 3 == 0 { "other" } else { "one" };
                tokio::spawn(async move { told.append(execution, notice(i)).await.unwrap().seq })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let seqs = async |execution: &str, after: u64| -> Vec<u64> {
            let events = told.all_after(execution, after).await.unwrap();
            events.iter().map(|event| event.seq).collect()
        };
        assert_eq!(seqs("one", 0).await, (1..=20).collect::<Vec<u64>>());
        assert_eq!(seqs("one", 17).await, [18, 19, 20]);
        assert_eq!(seqs("one", 20).await, [0; 0]);
        assert_eq!(seqs("other", 0).await.len(), 10);

        let mut tx = store.write().await.unwrap();
        events::append(&mut tx, "one", notice(0)).await.unwrap();
        drop(tx);
        let next = told.append("one", notice(1)).await.unwrap();
        assert_eq!(next.seq, 21, "what is taken back leaves no gap");
    })
    .await;
}

#[tokio::test]
async fn opening_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    let place = file.to_str().unwrap();
    let store = Store::open(place).await.unwrap();
    let mut tx = store.write().await.unwrap();
    people::insert(&mut tx, &person("ada"), "hash")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    let store = Store::open(place).await.unwrap();
    let mut tx = store.read().await.unwrap();
    assert_eq!(people::count(&mut tx).await.unwrap(), 1);
}

#[tokio::test]
async fn two_servers_cannot_share_a_data_directory() {
    let app = crate::app::TestApp::empty().await;
    let options = bellows_server::http::ServeOptions {
        addr: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: app.dir().join("data"),
        store: None,
        demo: false,
        public_url: None,
    };
    let refused = bellows_server::http::Server::bind(&options)
        .await
        .err()
        .unwrap();
    assert!(
        refused.to_string().contains("in use by another server"),
        "{refused}"
    );
}
