//! The chained record: append-only, and whole or found out.

use bellows_app::backend::AuditFilter;
use bellows_server::audit::{Entry, page, record, verify};
use bellows_server::auth::{Actor, Origin};
use bellows_server::store::Store;
use serde_json::json;

use crate::store::each_store;

async fn with_entries(store: &Store) {
    let actor = Actor::nobody(Origin::Address("203.0.113.9".parse().unwrap()));
    for i in 1..=5 {
        let entry = Entry::new("test.done", format!("thing {i}"))
            .hash("sha256:00")
            .detail(json!({ "before": i, "after": i + 1 }));
        record(store, &actor, entry).await.unwrap();
    }
}

async fn run(store: &Store, sql: &str) -> Result<u64, sqlx::Error> {
    match store {
        Store::Sqlite { writer, .. } => sqlx::raw_sql(sql)
            .execute(writer)
            .await
            .map(|done| done.rows_affected()),
        Store::Postgres(pool) => sqlx::raw_sql(sql)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()),
    }
}

/// As somebody with the database's own rights would.
async fn tamper(store: &Store, sql: &str) {
    let guards = match store {
        Store::Sqlite { .. } => {
            "DROP TRIGGER IF EXISTS audit_no_update; DROP TRIGGER IF EXISTS audit_no_delete"
        }
        Store::Postgres(_) => "DROP TRIGGER IF EXISTS audit_append_only ON audit",
    };
    run(store, guards).await.unwrap();
    assert_eq!(run(store, sql).await.unwrap(), 1, "{sql}");
}

#[tokio::test]
async fn a_whole_chain_is_whole() {
    each_store(async |store| {
        with_entries(&store).await;
        let verdict = verify(&store).await.unwrap();
        assert_eq!((verdict.entries, verdict.broken), (5, None));
        let entries = page(&store, &AuditFilter::default()).await.unwrap().entries;
        assert_eq!(entries[0].subject, "thing 5");
        assert_eq!(entries[0].origin, "203.0.113.9");
        assert_eq!(entries[0].detail, json!({ "before": 5, "after": 6 }));
    })
    .await;
}

#[tokio::test]
async fn entries_can_be_neither_changed_nor_deleted() {
    each_store(async |store| {
        with_entries(&store).await;
        for sql in [
            "UPDATE audit SET actor = 'eve' WHERE seq = 3",
            "DELETE FROM audit WHERE seq = 5",
            "DELETE FROM audit",
        ] {
            let error = run(&store, sql).await.expect_err(sql).to_string();
            assert!(error.contains("append-only"), "{error}");
        }
        assert_eq!(verify(&store).await.unwrap().broken, None);
    })
    .await;
}

#[tokio::test]
async fn the_first_broken_entry_is_named() {
    for (sql, broken) in [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 3", 3),
        ("UPDATE audit SET at = at + 1 WHERE seq = 2", 2),
        ("UPDATE audit SET refused = NOT refused WHERE seq = 4", 4),
        ("UPDATE audit SET detail = '{}' WHERE seq = 1", 1),
        ("UPDATE audit SET hash = NULL WHERE seq = 4", 4),
        ("UPDATE audit SET chain = 'x' WHERE seq = 5", 5),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("UPDATE audit_head SET chain = 'x'", 5),
    ] {
        each_store(async |store| {
            with_entries(&store).await;
            tamper(&store, sql).await;
            let found = verify(&store).await.unwrap().broken.map(|(seq, _)| seq);
            assert_eq!(found, Some(broken), "{sql}");
        })
        .await;
    }
}

#[tokio::test]
async fn appending_at_the_same_time_leaves_no_gap() {
    each_store(async |store| {
        let tasks: Vec<_> = (0..20)
            .map(|i| {
                let store = store.clone();
                tokio::spawn(async move {
                    let entry = Entry::new("test.done", format!("thing {i}"));
                    record(&store, &Actor::server(), entry).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let verdict = verify(&store).await.unwrap();
        assert_eq!((verdict.entries, verdict.broken), (20, None));
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_back_leaves_no_entry() {
    each_store(async |store| {
        with_entries(&store).await;
        let mut tx = store.write().await.unwrap();
        let entry = Entry::new("test.done", "thing");
        bellows_server::audit::append(&mut tx, &Actor::server(), entry)
            .await
            .unwrap();
        drop(tx);
        assert_eq!(verify(&store).await.unwrap().entries, 5);
    })
    .await;
}

#[tokio::test]
async fn the_log_is_filtered_and_paged() {
    each_store(async |store| {
        let person = Actor::command_line("ada");
        for i in 0..230 {
            let entry = if i % 2 == 0 {
                Entry::new("test.done", "100% of it")
            } else {
                Entry::refusal("test.refused", "other_thing", "no")
            };
            record(&store, &person, entry).await.unwrap();
        }
        let ask = async |text: &str, refused: bool, before: Option<u64>| {
            let filter = AuditFilter {
                text: text.to_owned(),
                refused,
                before,
            };
            let found = page(&store, &filter).await.unwrap();
            (found.entries.len(), found.more)
        };
        assert_eq!(ask("", false, None).await, (100, true));
        assert_eq!(ask("", false, Some(31)).await, (30, false));
        assert_eq!(ask("", true, None).await, (100, true));
        assert_eq!(ask("ADA", true, Some(200)).await, (99, false));
        assert_eq!(ask("0% of", false, Some(21)).await, (10, false));
        assert_eq!(ask("otherXthing", false, None).await, (0, false));
    })
    .await;
}
