//! Sessions: the cookie's side is kept by tower-sessions, whose session it is by the store.
//!
//! The cookie's session holds one thing, the id of a row that names the person. Without that row,
//! or when it is too old, the session is nobody's, whatever the cookie says: ending a session is
//! deleting the row.

use async_trait::async_trait;
use tower_sessions::Session;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, ExpiredDeletion, SessionStore};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

use super::{Actor, Origin};
use crate::store::sessions::{self as rows, SignedIn};
use crate::store::{Store, StoreError, Stored, new_id, now, people};

/// The key in the cookie's session.
const KEY: &str = "session";
/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// A session that is not used for so long is over.
pub const IDLE: i64 = 12 * HOUR;
/// A session that is so old is over, used or not.
pub const LONGEST: i64 = 7 * 24 * HOUR;
/// The use of a session is noted at most once in so long.
const NOTED_EVERY: i64 = HOUR / 60;

/// What can go wrong with a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cookie's side.
    #[error("the session: {0}")]
    Cookie(#[from] tower_sessions::session::Error),
}

/// tower-sessions' own records, beside ours.
#[derive(Clone, Debug)]
pub enum CookieStore {
    /// In the file.
    Sqlite(SqliteStore),
    /// On the server.
    Postgres(PostgresStore),
}

impl CookieStore {
    /// Made where it is missing.
    pub async fn open(store: &Store) -> Stored<Self> {
        Ok(match store {
            Store::Sqlite { writer, .. } => {
                let cookies = SqliteStore::new(writer.clone());
                cookies.migrate().await?;
                CookieStore::Sqlite(cookies)
            }
            Store::Postgres(pool) => {
                let cookies = PostgresStore::new(pool.clone());
                cookies.migrate().await?;
                CookieStore::Postgres(cookies)
            }
        })
    }
}

#[async_trait]
impl SessionStore for CookieStore {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        match self {
            CookieStore::Sqlite(store) => store.create(record).await,
            CookieStore::Postgres(store) => store.create(record).await,
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        match self {
            CookieStore::Sqlite(store) => store.save(record).await,
            CookieStore::Postgres(store) => store.save(record).await,
        }
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        match self {
            CookieStore::Sqlite(store) => store.load(id).await,
            CookieStore::Postgres(store) => store.load(id).await,
        }
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        match self {
            CookieStore::Sqlite(store) => store.delete(id).await,
            CookieStore::Postgres(store) => store.delete(id).await,
        }
    }
}

#[async_trait]
impl ExpiredDeletion for CookieStore {
    async fn delete_expired(&self) -> session_store::Result<()> {
        match self {
            CookieStore::Sqlite(store) => store.delete_expired().await,
            CookieStore::Postgres(store) => store.delete_expired().await,
        }
    }
}

/// Whoever the cookie's session belongs to, with the grants that they hold now.
pub async fn actor(store: &Store, cookie: &Session, origin: Origin) -> Result<Actor, SessionError> {
    let Some(id) = cookie.get::<String>(KEY).await? else {
        return Ok(Actor::nobody(origin));
    };
    Ok(of_session(store, &id, origin).await?)
}

/// Whoever the session belongs to; nobody where it ended. A websocket asks again and again.
pub async fn of_session(store: &Store, id: &str, origin: Origin) -> Stored<Actor> {
    let mut tx = store.read().await?;
    let at = now();
    let Some(session) = rows::by_id(&mut tx, id).await? else {
        return Ok(Actor::nobody(origin));
    };
    if at - session.last_seen_at > IDLE || at - session.created_at > LONGEST {
        return Ok(Actor::nobody(origin));
    }
    let Some(person) = people::by_id(&mut tx, &session.person_id).await? else {
        return Ok(Actor::nobody(origin));
    };
    drop(tx);
    if at - session.last_seen_at > NOTED_EVERY {
        let mut tx = store.write().await?;
        rows::touch(&mut tx, id, at).await?;
        tx.commit().await?;
    }
    Ok(Actor::person(person, origin, Some(id.to_owned())))
}

/// A row for a person who signs in now; [`bind`] gives it to the cookie once it is committed.
pub fn begin(person_id: &str, origin: Origin) -> SignedIn {
    let at = now();
    SignedIn {
        id: new_id(),
        person_id: person_id.to_owned(),
        origin: origin.to_string(),
        created_at: at,
        last_seen_at: at,
    }
}

/// Gives the cookie the session, under a new value: one that was known before the sign-in is
/// worth nothing after it.
pub async fn bind(cookie: &Session, session: &SignedIn) -> Result<(), SessionError> {
    cookie.clear().await;
    cookie.cycle_id().await?;
    cookie.insert(KEY, &session.id).await?;
    Ok(())
}

/// Forgets what is over, on both sides.
pub async fn sweep(store: &Store, cookies: &CookieStore) -> Stored<()> {
    let at = now();
    let mut tx = store.write().await?;
    rows::delete_expired(&mut tx, at - IDLE, at - LONGEST).await?;
    super::throttle::forget(&mut tx, at).await?;
    tx.commit().await?;
    cookies
        .delete_expired()
        .await
        .map_err(|error| StoreError::unreadable("session", error))
}
