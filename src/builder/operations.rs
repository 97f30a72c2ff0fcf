//! One method for each operation.

use serde_json::{Map, Value, json};

use super::{MigrationBuilder, PhaseDraft};
use crate::document::{Conversion, Phase};
use crate::operation::DefaultValue;

/// An operation's keys, `type` first.
macro_rules! keys {
    ($word:literal $(, $key:literal: $value:expr)* $(,)?) => {{
        let mut map = Map::new();
        map.insert("type".to_owned(), json!($word));
        $(map.insert($key.to_owned(), json!($value));)*
        map
    }};
}

fn words<T: Into<String>>(list: impl IntoIterator<Item = T>) -> Vec<String> {
    list.into_iter().map(Into::into).collect()
}

/// # Columns
impl MigrationBuilder {
    /// Adds a column, nullable unless [`not_nullable`](Self::not_nullable) follows.
    pub fn add_column(self, table: &str, column: &str, data_type: &str) -> Self {
        self.push(keys!("add_column", "table": table, "column": column, "dataType": data_type))
    }

    /// Drops a column.
    pub fn drop_column(self, table: &str, column: &str) -> Self {
        self.push(keys!("drop_column", "table": table, "column": column))
    }

    /// Renames a column at once, which breaks applications that use the old name; the pattern
    /// [`safe_rename_column`](super::MigrationPatterns::safe_rename_column) does not.
    pub fn rename_column(
        self,
        table: &str,
        old_column: &str,
        new_column: &str,
        data_type: &str,
    ) -> Self {
        self.push(keys!(
            "rename_column", "table": table, "oldColumn": old_column, "newColumn": new_column,
            "dataType": data_type,
        ))
    }

    /// Changes a column's type, where the engine does it without writing the table anew; the
    /// pattern [`change_column_type`](super::MigrationPatterns::change_column_type) does the
    /// others. [`using`](Self::using) modifies it.
    pub fn change_column_type(
        self,
        table: &str,
        column: &str,
        old_type: &str,
        new_type: &str,
    ) -> Self {
        self.push(keys!(
            "change_column_type", "table": table, "column": column, "oldType": old_type,
            "newType": new_type,
        ))
    }

    /// Makes the column last added NOT NULL, in whatever phase it was added.
    pub fn make_non_nullable(self) -> Self {
        match self.last_column.clone() {
            Some((table, column)) => {
                self.push(keys!("set_not_null", "table": table, "column": column))
            }
            None => self.no_column("make_non_nullable", "set_not_null"),
        }
    }

    /// Lets the column last added hold NULL, in whatever phase it was added.
    pub fn make_nullable(self) -> Self {
        match self.last_column.clone() {
            Some((table, column)) => {
                self.push(keys!("drop_not_null", "table": table, "column": column))
            }
            None => self.no_column("make_nullable", "drop_not_null"),
        }
    }

    fn no_column(self, method: &str, instead: &str) -> Self {
        self.mistaken(
            method,
            &format!(
                "it means the column last added, and none was; use `.{instead}(table, column)`"
            ),
        )
    }

    /// Makes a column NOT NULL.
    pub fn set_not_null(self, table: &str, column: &str) -> Self {
        self.push(keys!("set_not_null", "table": table, "column": column))
    }

    /// Lets a column hold NULL.
    pub fn drop_not_null(self, table: &str, column: &str) -> Self {
        self.push(keys!("drop_not_null", "table": table, "column": column))
    }

    /// Gives a column a default; see [`with_default`](Self::with_default) for what a text means.
    pub fn set_default(self, table: &str, column: &str, value: impl Into<DefaultValue>) -> Self {
        self.push(keys!(
            "set_default", "table": table, "column": column, "defaultValue": value.into(),
        ))
    }

    /// Takes a column's default away.
    pub fn drop_default(self, table: &str, column: &str) -> Self {
        self.push(keys!("drop_default", "table": table, "column": column))
    }
}

/// # Indexes and constraints
impl MigrationBuilder {
    /// Adds an index, concurrently where the engine can. Its keys are columns, or expressions in
    /// parentheses. [`unique`](Self::unique), [`method`](Self::method),
    /// [`only_where`](Self::only_where) and [`concurrent`](Self::concurrent) modify it.
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// let migration = migration("add-orders-index")
    ///     .phase("Create composite index concurrently")
    ///     .add_index("orders", "idx_orders_open", ["user_id", "created_at"])
    ///     .only_where("closed_at IS NULL")
    ///     .validate()
    ///     .error_message("Index was not created successfully")
    ///     .build()?;
    /// assert_eq!(migration.phases[0].validation.len(), 1);
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn add_index<T: Into<String>>(
        self,
        table: &str,
        index_name: &str,
        columns: impl IntoIterator<Item = T>,
    ) -> Self {
        self.push(keys!(
            "add_index", "table": table, "indexName": index_name, "columns": words(columns),
        ))
    }

    /// Drops an index, concurrently where the engine can.
    pub fn drop_index(self, index_name: &str, table: &str) -> Self {
        self.push(keys!("drop_index", "indexName": index_name, "table": table))
    }

    /// Adds a constraint from its SQL: `CHECK (...)`, `UNIQUE (...)`, `FOREIGN KEY ...`. It is put
    /// in the way that the engine does it without holding writers up.
    pub fn add_constraint(self, table: &str, constraint_name: &str, sql: &str) -> Self {
        self.push(keys!(
            "add_constraint", "table": table, "constraintName": constraint_name,
            "sql": sql.trim(),
        ))
    }

    /// Drops a constraint.
    pub fn drop_constraint(self, table: &str, constraint_name: &str) -> Self {
        self.push(keys!(
            "drop_constraint", "table": table, "constraintName": constraint_name,
        ))
    }

    /// Adds a foreign key to the primary key of another table.
    /// [`ref_columns`](Self::ref_columns), [`on_delete`](Self::on_delete) and
    /// [`on_update`](Self::on_update) modify it.
    pub fn add_foreign_key<T: Into<String>>(
        self,
        table: &str,
        constraint_name: &str,
        columns: impl IntoIterator<Item = T>,
        ref_table: &str,
    ) -> Self {
        self.push(keys!(
            "add_foreign_key", "table": table, "constraintName": constraint_name,
            "columns": words(columns), "refTable": ref_table,
        ))
    }

    /// Adds a UNIQUE constraint.
    pub fn add_unique<T: Into<String>>(
        self,
        table: &str,
        constraint_name: &str,
        columns: impl IntoIterator<Item = T>,
    ) -> Self {
        self.push(keys!(
            "add_unique", "table": table, "constraintName": constraint_name,
            "columns": words(columns),
        ))
    }

    /// Adds a CHECK constraint; the condition may have `CHECK (...)` around it.
    pub fn add_check(self, table: &str, constraint_name: &str, sql: &str) -> Self {
        self.push(keys!(
            "add_check", "table": table, "constraintName": constraint_name, "sql": sql,
        ))
    }
}

/// # Tables and views
impl MigrationBuilder {
    /// Makes a table. [`table_constraint`](Self::table_constraint) adds constraints to it.
    ///
    /// ```
    /// # use bellows::builder::{TableColumn, migration};
    /// let migration = migration("order-items")
    ///     .phase("Create order_items table")
    ///     .create_table("order_items", [
    ///         TableColumn::new("id", "BIGINT").primary_key(),
    ///         TableColumn::new("order_id", "BIGINT").not_nullable(),
    ///         TableColumn::new("quantity", "INTEGER").with_default(1),
    ///     ])
    ///     .table_constraint("order_items_quantity", "CHECK (quantity > 0)")
    ///     .build()?;
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn create_table(self, table: &str, columns: impl IntoIterator<Item = TableColumn>) -> Self {
        let columns: Vec<Value> = columns.into_iter().map(|c| Value::Object(c.0)).collect();
        self.push(keys!("create_table", "table": table, "columns": columns))
    }

    /// Adds a constraint to the table just made.
    pub fn table_constraint(mut self, constraint_name: &str, sql: &str) -> Self {
        let table = self.phases.last_mut().and_then(|phase| {
            let mut operations = phase.operations.iter_mut().rev();
            operations.find(|o| o.get("type").and_then(Value::as_str) == Some("create_table"))
        });
        let Some(table) = table else {
            let why = "it modifies the last create_table of its phase, and there is none";
            return self.mistaken("table_constraint", why);
        };
        let all = table.entry("constraints").or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(json!({ "constraintName": constraint_name, "sql": sql.trim() }));
        }
        self
    }

    /// Drops a table.
    pub fn drop_table(self, table: &str) -> Self {
        self.push(keys!("drop_table", "table": table))
    }

    /// Renames a table at once, which breaks applications that use the old name.
    pub fn rename_table(self, table: &str, new_table: &str) -> Self {
        self.push(keys!("rename_table", "table": table, "newTable": new_table))
    }

    /// Makes a view.
    pub fn create_view(self, name: &str, sql: &str) -> Self {
        self.push(keys!("create_view", "name": name, "sql": sql.trim()))
    }

    /// Drops a view.
    pub fn drop_view(self, name: &str) -> Self {
        self.push(keys!("drop_view", "name": name))
    }
}

/// A column of a table that is made.
#[derive(Clone, Debug, PartialEq)]
pub struct TableColumn(Map<String, Value>);

impl TableColumn {
    /// A column that may hold NULL.
    pub fn new(name: &str, data_type: &str) -> Self {
        let mut map = Map::new();
        map.insert("name".to_owned(), name.into());
        map.insert("dataType".to_owned(), data_type.into());
        Self(map)
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }

    /// It is NOT NULL.
    #[must_use]
    pub fn not_nullable(self) -> Self {
        self.with("nullable", false.into())
    }

    /// It has a default; see [`MigrationBuilder::with_default`].
    #[must_use]
    pub fn with_default(self, value: impl Into<DefaultValue>) -> Self {
        self.with("defaultValue", json!(value.into()))
    }

    /// It is the primary key, or part of it, and so NOT NULL.
    #[must_use]
    pub fn primary_key(self) -> Self {
        self.not_nullable().with("primaryKey", true.into())
    }
}

/// # Rows
impl MigrationBuilder {
    /// Fills rows in batches; the SQL is a SET list. [`only_where`](Self::only_where),
    /// [`batch_size`](Self::batch_size) and [`pause_ms`](Self::pause_ms) modify it.
    pub fn backfill(self, table: &str, sql: &str) -> Self {
        self.push(keys!("backfill", "table": table, "sql": sql.trim()))
    }

    /// Keeps two columns in step, whoever writes which. [`forward`](Self::forward) and
    /// [`backward`](Self::backward) say how a value is converted.
    pub fn enable_dual_write(self, table: &str, old_column: &str, new_column: &str) -> Self {
        self.push(keys!(
            "enable_dual_write", "table": table, "oldColumn": old_column, "newColumn": new_column,
        ))
    }

    /// Stops keeping two columns in step.
    pub fn disable_dual_write(self, table: &str, old_column: &str, new_column: &str) -> Self {
        self.push(keys!(
            "disable_dual_write", "table": table, "oldColumn": old_column, "newColumn": new_column,
        ))
    }

    /// Keeps the parts of a column in step with the whole: `forward` has an expression for each
    /// part. [`backward`](Self::backward) puts the whole together again.
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// let migration = migration("split-names")
    ///     .phase("Keep them in step")
    ///     .enable_split_write("users", "full_name", [
    ///         ("first_name", "split_part(full_name, ' ', 1)"),
    ///         ("last_name", "split_part(full_name, ' ', 2)"),
    ///     ])
    ///     .backward("concat_ws(' ', first_name, last_name)")
    ///     .build()?;
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn enable_split_write<'a>(
        self,
        table: &str,
        old_column: &str,
        forward: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        self.push(keys!(
            "enable_dual_write", "table": table, "oldColumn": old_column,
            "forward": by_column(forward),
        ))
    }

    /// Keeps several columns in step with the one that they are merged to: `backward` has an
    /// expression for each of the several.
    pub fn enable_merge_write<'a>(
        self,
        table: &str,
        new_column: &str,
        forward: &str,
        backward: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut keys = keys!(
            "enable_dual_write", "table": table, "newColumn": new_column, "forward": forward,
        );
        let backward = by_column(backward);
        if backward.as_object().is_some_and(|map| !map.is_empty()) {
            keys.insert("backward".to_owned(), backward);
        }
        self.push(keys)
    }

    /// Copies a table to another one, which is there and empty, and keeps that in step from then
    /// on. [`column_values`](Self::column_values), [`only_where`](Self::only_where),
    /// [`keyed_by`](Self::keyed_by), [`each_of`](Self::each_of),
    /// [`batch_size`](Self::batch_size) and [`pause_ms`](Self::pause_ms) modify it.
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// let migration = migration("wider-orders")
    ///     .phase("A table of the new form")
    ///     .custom_sql("CREATE TABLE orders_new (id bigint PRIMARY KEY, total numeric(14,2))")
    ///     .rollback_sql("DROP TABLE orders_new")
    ///     .phase("Copy the rows and keep them in step")
    ///     .copy_table("orders", "orders_new")
    ///     .column_values([("total", "cents / 100.0")])
    ///     .phase("Put it in place")
    ///     .swap_tables("orders", "orders_new", "orders_old")
    ///     .backward_values([("cents", "(total * 100)::bigint")])
    ///     .build()?;
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn copy_table(self, table: &str, shadow: &str) -> Self {
        self.push(keys!("copy_table", "table": table, "shadow": shadow))
    }

    /// Puts a copy in the place of its table, which keeps the old one in step from then on.
    /// [`backward_values`](Self::backward_values) modifies it.
    pub fn swap_tables(self, table: &str, shadow: &str, old_name: &str) -> Self {
        self.push(keys!(
            "swap_tables", "table": table, "shadow": shadow, "oldName": old_name,
        ))
    }

    /// Runs SQL of your own. [`rollback_sql`](Self::rollback_sql) says what takes it back.
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// let migration = migration("live-users")
    ///     .phase("Create view for active users")
    ///     .custom_sql("CREATE VIEW users_live AS SELECT id FROM users WHERE deleted_at IS NULL")
    ///     .rollback_sql("DROP VIEW users_live")
    ///     .build()?;
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn custom_sql(self, sql: &str) -> Self {
        self.push(keys!("custom_sql", "sql": sql.trim()))
    }
}

fn by_column<'a>(list: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let trimmed = list.into_iter().map(|(column, sql)| (column, sql.trim()));
    json!(trimmed.collect::<Conversion>())
}

impl MigrationBuilder {
    /// A phase of an existing document.
    pub(super) fn whole_phase(mut self, phase: Phase) -> Self {
        let Ok(Value::Object(mut head)) = serde_json::to_value(&phase) else {
            return self.mistaken("from", "the phase cannot be written as a document");
        };
        let mut list = |key: &str| match head.remove(key) {
            Some(Value::Array(items)) => Some(
                items
                    .into_iter()
                    .filter_map(|item| match item {
                        Value::Object(map) => Some(map),
                        Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::String(_)
                        | Value::Array(_) => None,
                    })
                    .collect::<Vec<_>>(),
            ),
            Some(_) | None => None,
        };
        let operations = list("operations").unwrap_or_default();
        let validation = list("validation").unwrap_or_default();
        let rollback = list("rollbackOperations");
        head.remove("phase");
        self.phases.push(PhaseDraft {
            head,
            validation,
            rollback,
            ..PhaseDraft::default()
        });
        operations.into_iter().fold(self, Self::push)
    }
}
