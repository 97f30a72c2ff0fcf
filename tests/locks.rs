//! The list of what PostgreSQL was seen to do, beside what the reader says of each statement. That
//! the list is true is what `server/tests/lock_table` shows on a real server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bellows::document::Engine;
use bellows::plan::Lock;
use bellows::sql::{Context, Lasts, Object, Reading, Role, Script, WorkKind, script};
use serde::Deserialize;

const SETUP: &str = include_str!("locks/postgresql.sql");
const ROWS: &str = include_str!("locks/postgresql.yaml");

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Does {
    Rewrite,
    Scan,
    Reindex,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Who {
    Reads,
    Writes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Long {
    #[default]
    Moment,
    Grows,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    sql: String,
    #[serde(default)]
    before: Vec<String>,
    #[serde(default)]
    locks: BTreeMap<String, Lock>,
    #[serde(default)]
    does: Vec<Does>,
    #[serde(default)]
    blocks: Vec<Who>,
    #[serde(default)]
    lasts: Long,
    #[serde(default)]
    outside: bool,
    #[serde(default)]
    fails: bool,
    #[serde(default)]
    unknown: bool,
    #[serde(default)]
    unsaid: bool,
    #[serde(default)]
    live: bool,
    since: Option<u32>,
    until: Option<u32>,
}

impl Row {
    /// The first and the last version that it tells of, and those between at which anything else
    /// of the list changes.
    fn versions(&self) -> impl Iterator<Item = u32> {
        let since = self.since.unwrap_or(120_000);
        let until = self.until.unwrap_or(u32::MAX);
        [
            100_000, 110_000, 120_000, 140_000, 150_000, 180_000, 190_000,
        ]
        .into_iter()
        .chain([since])
        .collect::<BTreeSet<u32>>()
        .into_iter()
        .filter(move |version| (since..until).contains(version))
    }

    fn read(&self, version: u32) -> Script {
        let mut settings = String::new();
        let mut before = SETUP.to_owned();
        for statement in &self.before {
            let into = if statement.starts_with("SET ") {
                &mut settings
            } else {
                &mut before
            };
            let _ = writeln!(into, "{statement};");
        }
        let context = Context {
            before: Some(&before),
            version: Some(version),
            ..Context::default()
        };
        let mut read = script(
            Engine::PostgreSql,
            &format!("{settings}{}", self.sql),
            &context,
        );
        let set = self.before.iter().filter(|b| b.starts_with("SET ")).count();
        read.statements.drain(..set);
        read
    }
}

/// The locks of all statements together, each object once, in the words of the list: an index that
/// is locked no more strictly than its table is not told.
fn locks(read: &Script) -> (BTreeMap<String, Lock>, bool) {
    let mut out: BTreeMap<String, Lock> = BTreeMap::new();
    let mut all_named = true;
    let all = || read.statements.iter().flat_map(|s| &s.effect.locks);
    let tables = all()
        .filter(|l| matches!(l.object, Object::Table(_)) && l.role == Role::Itself)
        .map(|l| l.lock)
        .max()
        .unwrap_or(Lock::None);
    for lock in all().filter(|l| !l.made_here) {
        let name = match &lock.object {
            Object::Index(_) if lock.lock <= tables => continue,
            Object::Table(name)
            | Object::Index(name)
            | Object::View(name)
            | Object::Sequence(name)
            | Object::CompositeType(name) => name.to_string(),
            Object::Database
            | Object::TableOfIndex(_)
            | Object::TableOf(_)
            | Object::IndexesOf(_)
            | Object::ReferencedBy(_)
            | Object::Referencing(_)
            | Object::PartitionsOf(_)
            | Object::DefaultPartitionOf(_)
            | Object::ParentOf(_)
            | Object::UsersOf(_)
            | Object::DependentsOf(_)
            | Object::Every(_) => {
                all_named = false;
                continue;
            }
        };
        let known = out.entry(name).or_insert(lock.lock);
        *known = (*known).max(lock.lock);
    }
    (out, all_named)
}

fn does(read: &Script) -> Vec<Does> {
    let any = |kind| read.statements.iter().any(|s| s.effect.does(kind));
    [
        (Does::Rewrite, WorkKind::Rewrite),
        (Does::Scan, WorkKind::Scan),
        (Does::Reindex, WorkKind::RebuildIndex),
    ]
    .into_iter()
    .filter(|(_, kind)| any(*kind))
    .map(|(does, _)| does)
    .collect()
}

fn blocks(statements: &[Reading]) -> Vec<Who> {
    let mut out = Vec::new();
    if statements.iter().any(|s| s.blocks.reads) {
        out.push(Who::Reads);
    }
    if statements.iter().any(|s| s.blocks.writes) {
        out.push(Who::Writes);
    }
    out
}

#[test]
fn the_reader_says_what_was_seen() {
    let rows: Vec<Row> = serde_norway::from_str(ROWS).unwrap();
    assert!(rows.len() >= 290);
    let mut wrong = String::new();
    let rows = rows.iter().filter(|row| !row.live && !row.unsaid);
    for (row, version) in rows.flat_map(|row| row.versions().map(move |version| (row, version))) {
        let read = row.read(version);
        let mut differ = |what: &str, said: String, seen: String| {
            if said != seen {
                let _ = write!(
                    wrong,
                    "\n{} (PostgreSQL {})\n  {what}: said {said}\n  {what}: seen {seen}\n",
                    row.sql,
                    version / 10_000
                );
            }
        };
        let unknown = read.statements.iter().any(|s| s.effect.unknown.is_some());
        differ("unknown", unknown.to_string(), row.unknown.to_string());
        if row.unknown {
            continue;
        }
        let fails = read.statements.iter().any(|s| !s.effect.fails.is_empty());
        differ("fails", fails.to_string(), row.fails.to_string());
        if row.fails {
            continue;
        }
        // What a text without a schema cannot name stands there as what it is: then what is named
        // must be right, and may be less.
        let (named, all_named) = locks(&read);
        let mut seen = row.locks.clone();
        if !all_named {
            seen.retain(|name, _| named.contains_key(name));
        }
        differ("locks", format!("{named:?}"), format!("{seen:?}"));
        differ(
            "does",
            format!("{:?}", does(&read)),
            format!("{:?}", row.does),
        );
        differ(
            "blocks",
            format!("{:?}", blocks(&read.statements)),
            format!("{:?}", row.blocks),
        );
        let grows = read
            .statements
            .iter()
            .any(|s| s.effect.lasts != Lasts::Moment);
        differ(
            "grows",
            grows.to_string(),
            matches!(row.lasts, Long::Grows).to_string(),
        );
        let outside = read
            .statements
            .iter()
            .any(|s| s.effect.transaction == bellows::sql::TransactionRule::Refused);
        differ("outside", outside.to_string(), row.outside.to_string());
    }
    assert!(wrong.is_empty(), "{wrong}");
}
