//! The chained record of every change and every refusal: append, read, verify, export.
//!
//! An entry is appended in the transaction of the change that it tells of. Its `chain` is the
//! SHA-256, in hex, of the JSON array `[chain of the entry before, seq, at, actor, origin, action,
//! subject, hash, refused, detail]` without blanks, where `detail` is a string: its JSON text. The
//! first entry's predecessor is the empty string.

use bellows_app::backend::{AuditEntry, AuditFilter, AuditPage, ChainVerdict};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::auth::Actor;
use crate::store::audit::{self as rows, AuditRow};
use crate::store::{Store, StoreError, Stored, Tx, now};

/// Entries that a page holds.
const PAGE: i64 = 100;
/// Entries that are read in one go while walking the chain.
const STRIDE: i64 = 1_000;

/// What is to be recorded; who, when and from where come from the actor.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `approval.given`, `phase.started`, ...
    pub action: &'static str,
    /// `migration rename-user-name`, `person ada`.
    pub subject: String,
    /// Of the document or plan that it is about.
    pub hash: Option<String>,
    /// Whether it was refused.
    pub refused: bool,
    /// Before, after, comment.
    pub detail: Value,
}

/// The subject of what was done to an execution: found by its own id and by the migration's name.
pub fn execution_subject(id: &str, migration: &str) -> String {
    format!("execution {id} of {migration}")
}

impl Entry {
    /// A change.
    pub fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self {
            action,
            subject: subject.into(),
            hash: None,
            refused: false,
            detail: Value::Object(serde_json::Map::new()),
        }
    }

    /// A refusal, and its reason.
    pub fn refusal(action: &'static str, subject: impl Into<String>, reason: &str) -> Self {
        Self {
            refused: true,
            detail: serde_json::json!({ "reason": reason }),
            ..Self::new(action, subject)
        }
    }

    /// With the hash of the document or plan.
    pub fn hash(mut self, hash: impl Into<String>) -> Self {
        self.hash = Some(hash.into());
        self
    }

    /// With before, after, comment.
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}

/// Appends within the caller's transaction; nobody else appends until that ends.
pub async fn append(tx: &mut Tx, actor: &Actor, entry: Entry) -> Stored<()> {
    let (seq, chain) = rows::lock_head(tx).await?;
    let mut row = AuditRow {
        seq: seq + 1,
        at: now(),
        actor: actor.login().map(str::to_owned),
        origin: actor.origin.to_string(),
        action: entry.action.to_owned(),
        subject: entry.subject,
        hash: entry.hash,
        refused: entry.refused,
        detail: entry.detail.to_string(),
        chain: String::new(),
    };
    row.chain = link(&chain, &row);
    rows::append(tx, &row).await
}

/// Records one entry in a transaction of its own: a refusal, or something that has no other
/// change.
pub async fn record(store: &Store, actor: &Actor, entry: Entry) -> Stored<()> {
    let mut tx = store.write().await?;
    append(&mut tx, actor, entry).await?;
    tx.commit().await
}

/// The chain's hash at the row, after the one before.
fn link(before: &str, row: &AuditRow) -> String {
    let text = serde_json::json!([
        before,
        row.seq,
        row.at,
        row.actor,
        row.origin,
        row.action,
        row.subject,
        row.hash,
        row.refused,
        row.detail
    ])
    .to_string();
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A page of entries, newest first.
pub async fn page(store: &Store, filter: &AuditFilter) -> Stored<AuditPage> {
    let before = filter
        .before
        .map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let escaped: String = filter
        .text
        .trim()
        .to_lowercase()
        .chars()
        .flat_map(|c| match c {
            '%' | '_' | '\\' => vec!['\\', c],
            c => vec![c],
        })
        .collect();
    let mut tx = store.read().await?;
    let mut found = rows::before(
        &mut tx,
        before,
        &format!("%{escaped}%"),
        filter.refused,
        PAGE + 1,
    )
    .await?;
    let more = found.len() as i64 > PAGE;
    found.truncate(PAGE as usize);
    Ok(AuditPage {
        entries: found.into_iter().map(entry).collect::<Stored<_>>()?,
        more,
    })
}

/// Entries after a number, in order, at most a thousand: for an export.
pub async fn after(store: &Store, seq: u64) -> Stored<Vec<AuditEntry>> {
    let mut tx = store.read().await?;
    rows::after(&mut tx, i64::try_from(seq).unwrap_or(i64::MAX), STRIDE)
        .await?
        .into_iter()
        .map(entry)
        .collect()
}

/// Walks the whole chain and names the first entry that is broken. An entry cut off at the end
/// shows against the head.
pub async fn verify(store: &Store) -> Stored<ChainVerdict> {
    let mut tx = store.read().await?;
    let head = rows::head(&mut tx).await?;
    let mut at = 0_i64;
    let mut chain = String::new();
    loop {
        let stride = rows::after(&mut tx, at, STRIDE).await?;
        if stride.is_empty() {
            break;
        }
        for row in stride {
            let fault = if row.seq != at + 1 {
                Some((at + 1, "it is missing".to_owned()))
            } else if link(&chain, &row) != row.chain {
                Some((row.seq, "it is not what was recorded".to_owned()))
            } else {
                None
            };
            if let Some(broken) = fault {
                return verdict(at, Some(broken));
            }
            at = row.seq;
            chain = row.chain;
            // Appended after the head was read: PostgreSQL shows it, and it is sound so far.
            if at == head.0 && chain != head.1 {
                return verdict(at, Some((at, "it is not the head of the chain".to_owned())));
            }
        }
    }
    if at < head.0 {
        return verdict(at, Some((at + 1, "it is missing at the end".to_owned())));
    }
    verdict(at, None)
}

fn verdict(entries: i64, broken: Option<(i64, String)>) -> Stored<ChainVerdict> {
    let number = |value: i64| {
        u64::try_from(value).map_err(|error| StoreError::unreadable("audit number", error))
    };
    Ok(ChainVerdict {
        entries: number(entries)?,
        broken: broken
            .map(|(seq, why)| Ok::<_, StoreError>((number(seq)?, why)))
            .transpose()?,
    })
}

fn entry(row: AuditRow) -> Stored<AuditEntry> {
    Ok(AuditEntry {
        seq: u64::try_from(row.seq).map_err(|error| StoreError::unreadable("audit", error))?,
        at: row.at,
        actor: row.actor,
        origin: row.origin,
        action: row.action,
        subject: row.subject,
        hash: row.hash,
        refused: row.refused,
        detail: serde_json::from_str(&row.detail)
            .map_err(|error| StoreError::unreadable(format!("audit entry {}", row.seq), error))?,
        chain: row.chain,
    })
}
