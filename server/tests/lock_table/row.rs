//! A row of the list.

use std::collections::BTreeSet;

use bellows::plan::Lock;
use serde::Deserialize;

const ROWS: &str = include_str!("../../../tests/locks/postgresql.yaml");

/// A claim. What its keys mean stands at the head of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub sql: String,
    #[serde(default)]
    before: Vec<String>,
    /// In the order of the list.
    #[serde(default)]
    locks: serde_norway::Mapping,
    #[serde(default)]
    pub does: BTreeSet<String>,
    #[serde(default)]
    pub blocks: BTreeSet<String>,
    #[serde(default)]
    pub lasts: Lasts,
    #[serde(default)]
    pub outside: bool,
    #[serde(default)]
    pub fails: bool,
    #[serde(default)]
    pub unknown: bool,
    #[serde(default)]
    pub unsaid: bool,
    /// For those who read the list without a server.
    #[serde(default)]
    #[allow(dead_code)]
    live: bool,
    since: Option<u32>,
    until: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Lasts {
    #[default]
    Moment,
    Grows,
}

/// All rows.
pub fn all() -> Vec<Row> {
    serde_norway::from_str(ROWS).unwrap()
}

impl Row {
    /// Whether it tells of that version.
    pub fn is_of(&self, version: u32) -> bool {
        self.since.is_none_or(|since| version >= since)
            && self.until.is_none_or(|until| version < until)
    }

    /// What the session is told before, and what is made.
    pub fn before(&self) -> (Vec<&str>, Vec<&str>) {
        let all = self.before.iter().map(String::as_str);
        all.partition(|sql| sql.starts_with("SET "))
    }

    /// As a text for the reader.
    pub fn with_settings(&self) -> String {
        let settings = self.before().0.into_iter().map(|sql| format!("{sql};\n"));
        settings.collect::<String>() + &self.sql
    }

    /// Without a transaction of its own around it.
    pub fn bare(&self) -> &str {
        self.sql
            .trim_start_matches("BEGIN;")
            .trim_end_matches("; COMMIT")
    }

    /// What it locks, by name.
    pub fn locks(&self) -> Vec<(&str, Lock)> {
        self.locks
            .iter()
            .map(|(name, lock)| {
                let lock = serde_norway::from_value(lock.clone()).unwrap();
                (name.as_str().unwrap(), lock)
            })
            .collect()
    }

    /// What the statement is about: the first of them.
    pub fn main(&self) -> Option<&str> {
        self.locks().first().map(|(name, _)| *name)
    }
}
