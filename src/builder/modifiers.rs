//! Modifiers: each changes the last operation of the phase that has its key.

use serde_json::{Value, json};

use super::MigrationBuilder;
use crate::document::Conversion;
use crate::operation::{DefaultValue, ReferentialAction};

/// Modifiers, the operations that each can modify, and the key that it writes there.
pub(super) const MODIFIERS: &[(&str, &[&str], &str)] = &[
    ("nullable", &["add_column"], "nullable"),
    ("not_nullable", &["add_column"], "nullable"),
    ("with_default", &["add_column"], "defaultValue"),
    ("using", &["change_column_type"], "using"),
    ("concurrent", &["add_index", "drop_index"], "concurrent"),
    ("unique", &["add_index"], "unique"),
    ("method", &["add_index"], "method"),
    (
        "only_where",
        &["add_index", "backfill", "copy_table"],
        "where",
    ),
    ("column_values", &["copy_table"], "columns"),
    ("keyed_by", &["copy_table"], "key"),
    ("each_of", &["copy_table"], "each"),
    ("backward_values", &["swap_tables"], "backward"),
    ("ref_columns", &["add_foreign_key"], "refColumns"),
    ("on_delete", &["add_foreign_key"], "onDelete"),
    ("on_update", &["add_foreign_key"], "onUpdate"),
    ("batch_size", &["backfill", "copy_table"], "batchSize"),
    ("pause_ms", &["backfill", "copy_table"], "pauseMs"),
    (
        "forward",
        &["enable_dual_write", "disable_dual_write"],
        "forward",
    ),
    (
        "backward",
        &["enable_dual_write", "disable_dual_write"],
        "backward",
    ),
    ("rollback_sql", &["custom_sql"], "rollbackSql"),
    ("saved_copy", &["drop_column", "drop_table"], "savedCopy"),
];

/// # Modifiers
///
/// Each modifies the last operation of the phase that it can modify; without one it is a mistake
/// that [`build`](Self::build) tells.
impl MigrationBuilder {
    /// Whether what is dropped is kept beside the database, so that a rollback brings it back.
    pub fn saved_copy(self, yes: bool) -> Self {
        self.modify("saved_copy", json!(yes))
    }

    /// The column last added may hold NULL, which it may anyway.
    pub fn nullable(self) -> Self {
        self.modify("nullable", json!(true))
    }

    /// The column last added is NOT NULL from the beginning.
    pub fn not_nullable(self) -> Self {
        self.modify("not_nullable", json!(false))
    }

    /// The column last added has a default. Numbers and truths are typed; a string that is wholly
    /// a quoted literal, with or without a cast, is SQL, and any other string is the text itself.
    /// An expression is [`DefaultValue::sql`].
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// # use bellows::operation::DefaultValue;
    /// let yaml = migration("defaults")
    ///     .phase("Columns")
    ///     .add_column("users", "state", "TEXT").with_default("active")
    ///     .add_column("users", "settings", "JSONB").with_default("'{}'::jsonb")
    ///     .add_column("users", "visits", "INTEGER").with_default(0)
    ///     .add_column("users", "seen_at", "TIMESTAMPTZ").with_default(DefaultValue::sql("now()"))
    ///     .to_yaml()?;
    /// assert!(yaml.contains("defaultValue: active"));
    /// assert!(yaml.contains("sql: now()"));
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn with_default(self, value: impl Into<DefaultValue>) -> Self {
        self.modify("with_default", json!(value.into()))
    }

    /// How a value is converted to the column's new type.
    pub fn using(self, sql: &str) -> Self {
        self.modify("using", json!(sql.trim()))
    }

    /// Whether the index is built, or dropped, beside the traffic. It is unless said otherwise.
    pub fn concurrent(self, yes: bool) -> Self {
        self.modify("concurrent", json!(yes))
    }

    /// No two rows may have the same keys in the index.
    pub fn unique(self) -> Self {
        self.modify("unique", json!(true))
    }

    /// The index's access method: `gin`, `brin`, ...
    pub fn method(self, word: &str) -> Self {
        self.modify("method", json!(word))
    }

    /// The rows that the index holds, or that the backfill fills.
    pub fn only_where(self, condition: &str) -> Self {
        self.modify("only_where", json!(condition))
    }

    /// The columns that the foreign key points to, where they are not the primary key.
    pub fn ref_columns<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        self.modify("ref_columns", json!(columns))
    }

    /// What happens to rows when the row that they point to goes.
    pub fn on_delete(self, action: ReferentialAction) -> Self {
        self.modify("on_delete", json!(action))
    }

    /// What happens to rows when the key that they point to changes.
    pub fn on_update(self, action: ReferentialAction) -> Self {
        self.modify("on_update", json!(action))
    }

    /// How many rows a batch of the backfill begins with.
    pub fn batch_size(self, rows: u32) -> Self {
        self.modify("batch_size", json!(rows))
    }

    /// How long the backfill rests after each batch, in milliseconds.
    pub fn pause_ms(self, ms: u32) -> Self {
        self.modify("pause_ms", json!(ms))
    }

    /// The dual write's new value, as an expression over the old column.
    pub fn forward(self, sql: &str) -> Self {
        self.modify("forward", json!(sql.trim()))
    }

    /// The dual write's old value, as an expression over the new column.
    pub fn backward(self, sql: &str) -> Self {
        self.modify("backward", json!(sql.trim()))
    }

    /// What columns of the copy hold, as expressions over the row that is copied; the others take
    /// the column of their own name.
    pub fn column_values<'a>(self, values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.modify(
            "column_values",
            json!(values.into_iter().collect::<Conversion>()),
        )
    }

    /// The columns of a unique key of the copy, where it is not the primary key.
    pub fn keyed_by<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        self.modify("keyed_by", json!(columns))
    }

    /// An item of FROM over the row that is copied, which makes several rows of it.
    pub fn each_of(self, item: &str) -> Self {
        self.modify("each_of", json!(item.trim()))
    }

    /// What columns of the old table hold for rows that are written after the swap, as expressions
    /// over the new row.
    pub fn backward_values<'a>(self, values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.modify(
            "backward_values",
            json!(values.into_iter().collect::<Conversion>()),
        )
    }

    /// What takes the custom SQL back.
    pub fn rollback_sql(self, sql: &str) -> Self {
        self.modify("rollback_sql", json!(sql.trim()))
    }

    fn modify(mut self, modifier: &str, value: Value) -> Self {
        let Some((_, words, key)) = MODIFIERS.iter().find(|(name, ..)| *name == modifier) else {
            return self.mistaken(modifier, "no operation has such a key");
        };
        let found = self.phases.last_mut().and_then(|phase| {
            let mut operations = phase.operations.iter_mut().rev();
            operations.find(|operation| {
                let word = operation.get("type").and_then(Value::as_str);
                word.is_some_and(|word| words.contains(&word))
            })
        });
        match found {
            Some(operation) => {
                operation.insert((*key).to_owned(), value);
                self
            }
            None => self.mistaken(
                modifier,
                &format!(
                    "it modifies the last {} of its phase, and there is none",
                    words.join(" or ")
                ),
            ),
        }
    }
}
