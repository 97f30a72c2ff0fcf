//! One call for each pattern.

use std::collections::BTreeMap;

use super::{BuildError, MigrationBuilder, problem};
use crate::dialect::quote;
use crate::document::{Engine, Migration, emit};
use crate::operation::DefaultValue;
use crate::pattern::{default_text, expand};
use crate::schema::Schema;

/// Fills in the form of any pattern of [`pattern::shapes`](crate::pattern::shapes), by the keys of
/// its fields. A list has commas, a flag is `true` or `false`.
///
/// ```
/// use bellows::builder::pattern;
///
/// let migration = pattern("add-index", [("table", "users"), ("columns", "email,tenant_id")])
///     .build()?;
/// assert_eq!(migration.phases[0].operations[0].word(), "add_index");
/// # Ok::<(), bellows::builder::BuildError>(())
/// ```
pub fn pattern<'a>(
    word: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> PatternBuilder<'static> {
    let fields = fields.into_iter();
    PatternBuilder {
        word: word.to_owned(),
        fields: fields.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        default: None,
        engine: Engine::PostgreSql,
        schema: None,
    }
}

/// A pattern's form under construction. What it expands to is an ordinary document.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`, `to_yaml` or `commit`"]
pub struct PatternBuilder<'s> {
    word: String,
    fields: BTreeMap<String, String>,
    /// A default is text in the form, and what the text means goes by the engine.
    default: Option<DefaultValue>,
    engine: Engine,
    schema: Option<&'s Schema>,
}

impl<'s> PatternBuilder<'s> {
    /// Says the engine; PostgreSQL where nothing is said.
    pub fn database(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Fills in one more field, by its key in the pattern's shape.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.fields.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Looks at a live schema, for its engine: what hangs on a column is carried over, and what
    /// cannot be is told.
    pub fn on(self, schema: &Schema) -> PatternBuilder<'_> {
        PatternBuilder {
            engine: schema.engine,
            schema: Some(schema),
            ..self
        }
    }

    /// The document.
    ///
    /// # Errors
    /// Every field that cannot be used, by its key, or why the pattern cannot be applied.
    pub fn build(&self) -> Result<Migration, BuildError> {
        let mut fields = self.fields.clone();
        if let Some(value) = &self.default {
            fields.insert("default".to_owned(), default_text(self.engine, value));
        }
        expand(&self.word, &fields, self.engine, self.schema).map_err(|errors| BuildError {
            problems: errors
                .into_iter()
                .map(|error| problem(error.field, error.message))
                .collect(),
        })
    }

    /// The document as YAML.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn to_yaml(&self) -> Result<String, BuildError> {
        self.build().map(|migration| emit(&migration))
    }

    /// A builder that goes on from the pattern's document.
    ///
    /// # Errors
    /// As [`Self::build`].
    ///
    /// ```
    /// # use bellows::builder::MigrationPatterns;
    /// let migration = MigrationPatterns::add_nullable_column("users", "bio", "TEXT")
    ///     .edit()?
    ///     .set_author("team@company.com")
    ///     .build()?;
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn edit(&self) -> Result<MigrationBuilder, BuildError> {
        self.build().map(MigrationBuilder::from)
    }

    /// See [`MigrationBuilder::commit`].
    ///
    /// # Errors
    /// As [`Self::build`], and what the file system says.
    #[cfg(feature = "commit")]
    pub fn commit(
        &self,
        dir: impl AsRef<std::path::Path>,
        day: super::Day,
    ) -> Result<std::path::PathBuf, super::CommitError> {
        super::commit(&self.build()?, dir.as_ref(), day)
    }
}

/// The patterns, one function each. What else a pattern has is given by
/// [`with`](PatternBuilder::with); all of them can be had by [`pattern`].
///
/// ```
/// use bellows::builder::MigrationPatterns;
///
/// let migration = MigrationPatterns::add_required_column(
///     "users", "email_verified", "BOOLEAN", false,
/// )
/// .build()?;
/// assert_eq!(migration.phases.len(), 3);
///
/// let migration = MigrationPatterns::safe_rename_column(
///     "users", "name", "full_name", "VARCHAR(255)",
/// )
/// .with("soak", "2d")
/// .build()?;
/// assert_eq!(migration.name, "rename-users-name-to-full-name");
/// # Ok::<(), bellows::builder::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MigrationPatterns;

/// A part that a column is split into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPart {
    /// The new column.
    pub name: String,
    /// Its type.
    pub data_type: String,
    /// Its value, as an expression over the old column.
    pub extract: String,
}

impl ColumnPart {
    /// A part, by its name, type and value.
    pub fn new(name: &str, data_type: &str, extract: &str) -> Self {
        Self {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            extract: extract.to_owned(),
        }
    }
}

impl MigrationPatterns {
    /// add-nullable-column.
    pub fn add_nullable_column(
        table: &str,
        column: &str,
        data_type: &str,
    ) -> PatternBuilder<'static> {
        pattern(
            "add-nullable-column",
            [
                ("table", table),
                ("column", column),
                ("dataType", data_type),
            ],
        )
    }

    /// add-required-column. The default means what it does in
    /// [`with_default`](MigrationBuilder::with_default).
    pub fn add_required_column(
        table: &str,
        column: &str,
        data_type: &str,
        default: impl Into<DefaultValue>,
    ) -> PatternBuilder<'static> {
        PatternBuilder {
            default: Some(default.into()),
            ..pattern(
                "add-required-column",
                [
                    ("table", table),
                    ("column", column),
                    ("dataType", data_type),
                ],
            )
        }
    }

    /// remove-column.
    pub fn remove_column(table: &str, column: &str) -> PatternBuilder<'static> {
        pattern("remove-column", [("table", table), ("column", column)])
    }

    /// rename-column.
    pub fn safe_rename_column(
        table: &str,
        old_column: &str,
        new_column: &str,
        data_type: &str,
    ) -> PatternBuilder<'static> {
        pattern(
            "rename-column",
            [
                ("table", table),
                ("oldColumn", old_column),
                ("newColumn", new_column),
                ("dataType", data_type),
            ],
        )
    }

    /// add-index.
    pub fn add_concurrent_index<T: Into<String>>(
        table: &str,
        index_name: &str,
        columns: impl IntoIterator<Item = T>,
    ) -> PatternBuilder<'static> {
        pattern(
            "add-index",
            [
                ("table", table),
                ("indexName", index_name),
                ("columns", &comma(columns)),
            ],
        )
    }

    /// change-type.
    pub fn change_column_type(
        table: &str,
        column: &str,
        old_type: &str,
        new_type: &str,
    ) -> PatternBuilder<'static> {
        pattern(
            "change-type",
            [
                ("table", table),
                ("column", column),
                ("oldType", old_type),
                ("newType", new_type),
            ],
        )
    }

    /// split-column.
    pub fn split_column(
        table: &str,
        column: &str,
        parts: impl IntoIterator<Item = ColumnPart>,
    ) -> PatternBuilder<'static> {
        let told = |part: ColumnPart| {
            let name = quote::name(Engine::PostgreSql, &part.name);
            format!("{name} {} = {}", part.data_type, part.extract.trim())
        };
        let parts: Vec<String> = parts.into_iter().map(told).collect();
        pattern(
            "split-column",
            [
                ("table", table),
                ("column", column),
                ("parts", &parts.join("; ")),
            ],
        )
    }

    /// merge-columns.
    ///
    /// ```
    /// # use bellows::builder::MigrationPatterns;
    /// let migration = MigrationPatterns::merge_columns(
    ///     "users",
    ///     ["first_name", "last_name"],
    ///     "full_name",
    ///     "VARCHAR(201)",
    ///     "first_name || ' ' || last_name",
    /// )
    /// .build()?;
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn merge_columns<T: Into<String>>(
        table: &str,
        columns: impl IntoIterator<Item = T>,
        new_column: &str,
        data_type: &str,
        using: &str,
    ) -> PatternBuilder<'static> {
        pattern(
            "merge-columns",
            [
                ("table", table),
                ("columns", &comma(columns)),
                ("newColumn", new_column),
                ("dataType", data_type),
                ("using", using.trim()),
            ],
        )
    }

    /// add-foreign-key.
    pub fn add_foreign_key(table: &str, column: &str, ref_table: &str) -> PatternBuilder<'static> {
        pattern(
            "add-foreign-key",
            [
                ("table", table),
                ("column", column),
                ("refTable", ref_table),
            ],
        )
    }

    /// add-unique.
    pub fn add_unique<T: Into<String>>(
        table: &str,
        columns: impl IntoIterator<Item = T>,
    ) -> PatternBuilder<'static> {
        pattern(
            "add-unique",
            [("table", table), ("columns", &comma(columns))],
        )
    }

    /// add-json-column.
    pub fn add_json_column(table: &str, column: &str) -> PatternBuilder<'static> {
        pattern("add-json-column", [("table", table), ("column", column)])
    }

    /// soft-delete.
    pub fn soft_delete(table: &str) -> PatternBuilder<'static> {
        pattern("soft-delete", [("table", table)])
    }

    /// partition-table: by the ranges of a column, from where the first partition begins to what
    /// the last one must reach. `interval`, `size`, `unique`, `references` and `soak` are said by
    /// [`with`](PatternBuilder::with); without a target, `key` names the primary key.
    ///
    /// ```
    /// # use bellows::builder::MigrationPatterns;
    /// let migration =
    ///     MigrationPatterns::partition_table("orders", "created_at", "2024-01-01", "2025-01-01")
    ///         .with("interval", "quarter")
    ///         .with("key", "id")
    ///         .build()?;
    /// let words: Vec<&str> = migration
    ///     .phases
    ///     .iter()
    ///     .flat_map(|phase| &phase.operations)
    ///     .map(|operation| operation.word())
    ///     .collect();
    /// assert!(words.contains(&"copy_table") && words.contains(&"swap_tables"));
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn partition_table(
        table: &str,
        column: &str,
        from: &str,
        to: &str,
    ) -> PatternBuilder<'static> {
        pattern(
            "partition-table",
            [
                ("table", table),
                ("column", column),
                ("from", from),
                ("to", to),
            ],
        )
    }

    /// extract-table: a JSON or array column, or several columns that hold the same kind of thing,
    /// become rows of a table of their own. `fields`, `valueColumn`, `dataType`, `misfits` and
    /// `soak` are said by [`with`](PatternBuilder::with); without a target, so are `key` and
    /// `keyType`.
    ///
    /// ```
    /// # use bellows::builder::MigrationPatterns;
    /// let migration = MigrationPatterns::extract_table("users", ["addresses"], "addresses")
    ///     .with("fields", "street text, floor numeric")
    ///     .with("key", "id")
    ///     .build()?;
    /// let last = migration.phases.last().and_then(|phase| phase.operations.last());
    /// assert_eq!(last.map(|operation| operation.word()), Some("drop_column"));
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn extract_table<T: Into<String>>(
        table: &str,
        columns: impl IntoIterator<Item = T>,
        new_table: &str,
    ) -> PatternBuilder<'static> {
        pattern(
            "extract-table",
            [
                ("table", table),
                ("columns", &comma(columns)),
                ("newTable", new_table),
            ],
        )
    }
}

fn comma<T: Into<String>>(list: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = list.into_iter().map(Into::into).collect();
    words.join(",")
}
