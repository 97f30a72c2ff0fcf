//! Migrations and their immutable versions.

use bellows::document::Migration;
use bellows_app::backend::ReviewState;

use super::words::{from_json, from_word, json, number, word};
use super::{Stored, Tx};

/// A migration: a name, a target, versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationRecord {
    /// UUIDv7.
    pub id: String,
    /// The document's name, unique.
    pub name: String,
    /// The target that it is meant for.
    pub target_id: String,
    /// Number of the latest version.
    pub latest: u32,
    /// Microseconds of the latest change.
    pub updated_at: i64,
}

/// One version.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRecord {
    /// 1, 2, 3, ...
    pub number: u32,
    /// Of the document, `sha256:...`.
    pub hash: String,
    /// As it was saved.
    pub text: String,
    /// As it was read.
    pub document: Migration,
    /// Who saved it: id.
    pub author_id: String,
    /// Who saved it, as others see them.
    pub author: String,
    /// Where it stands.
    pub review: ReviewState,
    /// Microseconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    target_id: String,
    latest: i64,
    updated_at: i64,
}

impl Row {
    fn read(self) -> Stored<MigrationRecord> {
        Ok(MigrationRecord {
            latest: number(self.latest)?,
            id: self.id,
            name: self.name,
            target_id: self.target_id,
            updated_at: self.updated_at,
        })
    }
}

#[derive(sqlx::FromRow)]
struct VersionRow {
    number: i64,
    hash: String,
    text: String,
    document: String,
    author_id: String,
    author: String,
    review: String,
    created_at: i64,
}

impl VersionRow {
    fn read(self) -> Stored<VersionRecord> {
        Ok(VersionRecord {
            number: number(self.number)?,
            document: from_json(&format!("document {}", self.hash), &self.document)?,
            review: from_word(&self.review)?,
            hash: self.hash,
            text: self.text,
            author_id: self.author_id,
            author: self.author,
            created_at: self.created_at,
        })
    }
}

/// All of them, newest change first.
pub async fn all(tx: &mut Tx) -> Stored<Vec<MigrationRecord>> {
    fetch_all!(
        tx,
        Row,
        "SELECT id, name, target_id, latest, updated_at FROM migration ORDER BY updated_at DESC, id DESC"
    )?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// One of them.
pub async fn by_id(tx: &mut Tx, id: &str) -> Stored<Option<MigrationRecord>> {
    fetch_optional!(
        tx,
        Row,
        "SELECT id, name, target_id, latest, updated_at FROM migration WHERE id = $1",
        id
    )?
    .map(Row::read)
    .transpose()
}

/// The one of that name.
pub async fn by_name(tx: &mut Tx, name: &str) -> Stored<Option<MigrationRecord>> {
    fetch_optional!(
        tx,
        Row,
        "SELECT id, name, target_id, latest, updated_at FROM migration WHERE name = $1",
        name
    )?
    .map(Row::read)
    .transpose()
}

/// Registers one, with no version yet.
pub async fn insert(tx: &mut Tx, migration: &MigrationRecord) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO migration (id, name, target_id, latest, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        &migration.id,
        &migration.name,
        &migration.target_id,
        i64::from(migration.latest),
        migration.updated_at
    )?;
    Ok(())
}

/// Makes the next version the latest; false where `base` is not the latest any more. Locks the
/// migration's row until the transaction ends.
pub async fn advance(
    tx: &mut Tx,
    id: &str,
    base: u32,
    name: &str,
    target_id: &str,
    at: i64,
) -> Stored<bool> {
    let changed = execute!(
        tx,
        "UPDATE migration SET latest = latest + 1, name = $3, target_id = $4, updated_at = $5
         WHERE id = $1 AND latest = $2",
        id,
        i64::from(base),
        name,
        target_id,
        at
    )?;
    Ok(changed == 1)
}

/// Notes that something about it changed; locks its row until the transaction ends.
pub async fn touch(tx: &mut Tx, id: &str, at: i64) -> Stored<()> {
    execute!(
        tx,
        "UPDATE migration SET updated_at = $2 WHERE id = $1",
        id,
        at
    )?;
    Ok(())
}

/// Keeps a version.
pub async fn insert_version(
    tx: &mut Tx,
    migration_id: &str,
    version: &VersionRecord,
) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO version (migration_id, number, hash, text, document, author_id, review, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        migration_id,
        i64::from(version.number),
        &version.hash,
        &version.text,
        json(&version.document)?,
        &version.author_id,
        word(&version.review)?,
        version.created_at
    )?;
    Ok(())
}

/// Every version, newest first.
pub async fn versions(tx: &mut Tx, migration_id: &str) -> Stored<Vec<VersionRecord>> {
    fetch_all!(
        tx,
        VersionRow,
        "SELECT v.number, v.hash, v.text, v.document, v.author_id, p.name AS author, v.review, v.created_at
         FROM version v JOIN person p ON p.id = v.author_id
         WHERE v.migration_id = $1 ORDER BY v.number DESC",
        migration_id
    )?
    .into_iter()
    .map(VersionRow::read)
    .collect()
}

/// One version.
pub async fn version(
    tx: &mut Tx,
    migration_id: &str,
    number: u32,
) -> Stored<Option<VersionRecord>> {
    fetch_optional!(
        tx,
        VersionRow,
        "SELECT v.number, v.hash, v.text, v.document, v.author_id, p.name AS author, v.review, v.created_at
         FROM version v JOIN person p ON p.id = v.author_id
         WHERE v.migration_id = $1 AND v.number = $2",
        migration_id,
        i64::from(number)
    )?
    .map(VersionRow::read)
    .transpose()
}

/// Ids of everyone who saved this version or one before it: its lineage.
pub async fn lineage(tx: &mut Tx, migration_id: &str, number: u32) -> Stored<Vec<String>> {
    let rows = fetch_all!(
        tx,
        (String,),
        "SELECT DISTINCT author_id FROM version WHERE migration_id = $1 AND number <= $2",
        migration_id,
        i64::from(number)
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Where the version stands from now on.
pub async fn set_review(
    tx: &mut Tx,
    migration_id: &str,
    number: u32,
    review: ReviewState,
) -> Stored<()> {
    execute!(
        tx,
        "UPDATE version SET review = $3 WHERE migration_id = $1 AND number = $2",
        migration_id,
        i64::from(number),
        word(&review)?
    )?;
    Ok(())
}
