//! People and their grants.

use bellows::access::Grant;

use super::words::{from_word, word};
use super::{Stored, Tx};

/// A person, without the password's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// UUIDv7.
    pub id: String,
    /// What they sign in with.
    pub login: String,
    /// As others see them.
    pub name: String,
    /// Their roles.
    pub grants: Vec<Grant>,
    /// Microseconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    id: String,
    login: String,
    name: String,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct GrantRow {
    person_id: String,
    role: String,
    environment: Option<String>,
}

impl GrantRow {
    fn read(self) -> Stored<Grant> {
        Ok(Grant {
            role: from_word(&self.role)?,
            environment: self.environment,
        })
    }
}

/// Registers a person.
pub async fn insert(tx: &mut Tx, person: &Person, password_hash: &str) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO person (id, login, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        &person.id,
        &person.login,
        &person.name,
        password_hash,
        person.created_at
    )?;
    insert_grants(tx, &person.id, &person.grants).await
}

async fn insert_grants(tx: &mut Tx, person_id: &str, grants: &[Grant]) -> Stored<()> {
    for grant in grants {
        execute!(
            tx,
            "INSERT INTO person_grant (person_id, role, environment) VALUES ($1, $2, $3)",
            person_id,
            word(&grant.role)?,
            grant.environment.as_deref()
        )?;
    }
    Ok(())
}

/// Replaces someone's grants.
pub async fn set_grants(tx: &mut Tx, person_id: &str, grants: &[Grant]) -> Stored<()> {
    execute!(
        tx,
        "DELETE FROM person_grant WHERE person_id = $1",
        person_id
    )?;
    insert_grants(tx, person_id, grants).await
}

/// Everybody, by login.
pub async fn all(tx: &mut Tx) -> Stored<Vec<Person>> {
    let rows = fetch_all!(
        tx,
        PersonRow,
        "SELECT id, login, name, created_at FROM person ORDER BY login"
    )?;
    let grants = fetch_all!(
        tx,
        GrantRow,
        "SELECT person_id, role, environment FROM person_grant ORDER BY role, environment"
    )?;
    let mut people: Vec<Person> = rows
        .into_iter()
        .map(|row| with_grants(row, Vec::new()))
        .collect();
    for row in grants {
        let of = row.person_id.clone();
        let grant = row.read()?;
        if let Some(person) = people.iter_mut().find(|person| person.id == of) {
            person.grants.push(grant);
        }
    }
    Ok(people)
}

/// One of them.
pub async fn by_id(tx: &mut Tx, id: &str) -> Stored<Option<Person>> {
    let row = fetch_optional!(
        tx,
        PersonRow,
        "SELECT id, login, name, created_at FROM person WHERE id = $1",
        id
    )?;
    let Some(row) = row else {
        return Ok(None);
    };
    let grants = fetch_all!(
        tx,
        GrantRow,
        "SELECT person_id, role, environment FROM person_grant WHERE person_id = $1 ORDER BY role, environment",
        id
    )?;
    let grants = grants
        .into_iter()
        .map(GrantRow::read)
        .collect::<Stored<_>>()?;
    Ok(Some(with_grants(row, grants)))
}

/// The id and the password's hash of whoever signs in with that name.
pub async fn credentials(tx: &mut Tx, login: &str) -> Stored<Option<(String, String)>> {
    Ok(fetch_optional!(
        tx,
        (String, String),
        "SELECT id, password_hash FROM person WHERE login = $1",
        login
    )?)
}

/// How many there are.
pub async fn count(tx: &mut Tx) -> Stored<i64> {
    let row = fetch_optional!(tx, (i64,), "SELECT COUNT(*) FROM person")?;
    Ok(row.map_or(0, |(count,)| count))
}

fn with_grants(row: PersonRow, grants: Vec<Grant>) -> Person {
    Person {
        id: row.id,
        login: row.login,
        name: row.name,
        grants,
        created_at: row.created_at,
    }
}
