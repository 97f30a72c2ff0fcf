//! A table that triggers keep in step with another one, and how they leave their definition on
//! the target, so that whoever inspects it later knows what is copied where.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TableName;
use crate::dialect::{expression, quote};
use crate::document::Engine;

/// What the names of all triggers have in common that keep one table in step with another.
pub const SHADOW_STEM: &str = "bellows_sh_";

/// What stands before the JSON in the marker.
const MARK: &str = "bellows:shadow:";

/// Whether the name is that of a trigger that keeps another table in step.
pub fn is_shadow_trigger(name: &str) -> bool {
    name.starts_with(SHADOW_STEM)
}

/// The names of SQLite's triggers for what they have in common: one each for an insert, an update
/// and a delete.
pub fn sqlite_shadow_triggers(trigger: &str) -> [String; 3] {
    ["insert", "update", "delete"].map(|event| format!("{trigger}_{event}"))
}

/// A table that is kept in step with the one whose triggers these are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shadow {
    /// The table that is written by the triggers.
    pub target: TableName,
    /// Its columns, each with its value as an expression over the row that was written.
    pub columns: Vec<(String, String)>,
    /// The target's unique key.
    pub key: Vec<String>,
    /// The unique key of the table that has the triggers.
    pub source_key: Vec<String>,
    /// Which rows are copied; absent: all.
    #[serde(default)]
    pub filter: Option<String>,
    /// An item of FROM that makes several rows of one; absent: each row becomes one.
    #[serde(default)]
    pub each: Option<String>,
    /// Columns that are written when the row is, and never again: identities.
    #[serde(default)]
    pub fixed: Vec<String>,
    /// The name of the trigger, and of its function.
    pub trigger: String,
}

impl Shadow {
    /// The trigger's name: the same for the same two tables, everywhere.
    pub fn stem(source: &TableName, target: &TableName) -> String {
        let mut hasher = Sha256::new();
        for part in [source, target] {
            hasher.update(part.to_string().as_bytes());
            hasher.update([0]);
        }
        let digest = hasher.finalize();
        let hex: String = digest.iter().take(4).map(|b| format!("{b:02x}")).collect();
        format!("{SHADOW_STEM}{hex}")
    }

    /// MySQL and MariaDB have a trigger for each of these: after a delete, an update, an insert.
    pub fn row_triggers(&self) -> [String; 3] {
        ["delete", "update", "insert"].map(|event| format!("{}_{event}", self.trigger))
    }

    /// The name of the trigger that follows a TRUNCATE.
    pub fn truncate_trigger(&self) -> String {
        format!("{}_truncate", self.trigger)
    }

    /// The names of SQLite's triggers: after an insert, an update and a delete.
    pub fn sqlite_triggers(&self) -> [String; 3] {
        sqlite_shadow_triggers(&self.trigger)
    }

    /// The expression of one of the target's columns.
    pub fn expression(&self, column: &str) -> Option<&str> {
        self.columns
            .iter()
            .find(|(name, _)| name == column)
            .map(|(_, sql)| sql.as_str())
    }

    /// The column of the target that takes a column of the source as it is.
    pub fn takes(&self, engine: Engine, source: &str) -> Option<&str> {
        let sql = quote::name(engine, source);
        self.columns
            .iter()
            .find(|(_, expression)| *expression == sql)
            .map(|(name, _)| name.as_str())
    }

    /// Whether the copy depends on that column of the source.
    pub fn reads(&self, engine: Engine, column: &str) -> bool {
        let within = |sql: &String| expression::mentions(engine, sql, column);
        self.source_key.iter().any(|c| c == column)
            || self.columns.iter().any(|(_, sql)| within(sql))
            || self.filter.as_ref().is_some_and(within)
            || self.each.as_ref().is_some_and(within)
    }

    /// Whether each of those columns of the target is a column of the source as it is.
    pub fn is_plain(&self, engine: Engine, columns: &[String], source: &[String]) -> bool {
        columns.iter().all(|column| {
            self.expression(column)
                .is_some_and(|sql| source.iter().any(|s| quote::name(engine, s) == sql))
        })
    }

    /// The definition as one line: the comment on the trigger's function, or one inside of the
    /// trigger's text.
    pub fn marker(&self) -> String {
        // Lists of texts: writing them as JSON cannot fail.
        let json = serde_json::to_string(self).unwrap_or_default();
        // JSON may spell a slash as an escape, and must here: `*/` would end the comment.
        format!("{MARK}{}", json.replace('/', "\\/"))
    }

    /// Reads a definition out of a function's comment or a trigger's text; `None` where there is
    /// none to read.
    pub fn from_marker(text: &str) -> Option<Self> {
        let json = &text[text.find(MARK)? + MARK.len()..];
        serde_json::Deserializer::from_str(json)
            .into_iter::<Self>()
            .next()
            .and_then(Result::ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back() {
        let shadow = Shadow {
            target: TableName::parse("billing.\"or.ders\""),
            columns: vec![
                ("id".into(), "id".into()),
                ("Ä".into(), "a || '}*/'".into()),
            ],
            key: vec!["id".into()],
            source_key: vec!["id".into()],
            filter: Some("x > 1".into()),
            each: None,
            fixed: Vec::new(),
            trigger: "bellows_sh_00000000".into(),
        };
        assert_eq!(Shadow::from_marker(&shadow.marker()), Some(shadow.clone()));
        assert_eq!(Shadow::from_marker("bellows:{}"), None);
        let comment = format!("BEGIN /* {} */ END", shadow.marker());
        assert_eq!(comment.matches("*/").count(), 1);
        assert_eq!(Shadow::from_marker(&comment), Some(shadow.clone()));
        assert_eq!(shadow.takes(Engine::PostgreSql, "id"), Some("id"));
        assert_eq!(shadow.takes(Engine::PostgreSql, "a"), None);
    }
}
