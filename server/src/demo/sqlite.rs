//! The demo's SQLite database.

use std::path::{Path, PathBuf};

use bellows::document::Engine;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor};

use super::{DemoError, sample};

/// The sample database of `data_dir`, made if it is not there.
pub async fn prepare(data_dir: &Path) -> Result<PathBuf, DemoError> {
    let path = data_dir.join("demo-shop.sqlite");
    if path.try_exists().map_err(DemoError::at(&path))? {
        return Ok(path);
    }
    // Made under another name: a start that is killed meanwhile leaves nothing that looks done.
    let draft = data_dir.join("demo-shop.sqlite.new");
    for leftover in [draft.clone(), draft.with_extension("new-journal")] {
        match std::fs::remove_file(&leftover) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(DemoError::File {
                    path: leftover,
                    source,
                });
            }
        }
    }
    fill(&draft).await?;
    std::fs::rename(&draft, &path).map_err(DemoError::at(&path))?;
    Ok(path)
}

async fn fill(path: &Path) -> Result<(), DemoError> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Off)
        .connect()
        .await?;
    let mut transaction = connection.begin().await?;
    for statement in sample::statements(Engine::Sqlite) {
        transaction.execute(statement.as_str()).await?;
    }
    transaction.commit().await?;
    // So that readers go on while a migration writes, as an application would have it.
    connection.execute("PRAGMA journal_mode = WAL").await?;
    connection.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sample_is_made_once_and_holds_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = prepare(dir.path()).await.unwrap();
        let mut connection = SqliteConnectOptions::new()
            .filename(&path)
            .connect()
            .await
            .unwrap();
        let (customers, emails): (i64, i64) =
            sqlx::query_as("SELECT count(*), count(DISTINCT email) FROM customers")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!((customers, emails), (200_000, 200_000));
        let strays: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM orders WHERE customer_id NOT IN (SELECT id FROM customers)",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(strays, 0);
        let bad: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM customers WHERE first_name = '' OR last_name = '' \
             OR length(country) <> 2 OR orders_count NOT BETWEEN 0 AND 13 OR created_at IS NULL",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(bad, 0);
        sqlx::query("DELETE FROM orders")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();

        prepare(dir.path()).await.unwrap();
        let mut connection = SqliteConnectOptions::new()
            .filename(&path)
            .connect()
            .await
            .unwrap();
        let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(orders, 0, "a second start leaves the data alone");
    }
}
