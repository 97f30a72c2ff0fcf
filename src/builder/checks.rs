//! What must hold once a phase's operations are done.

use serde_json::{Map, Value, json};

use super::MigrationBuilder;
use crate::dialect::expression;
use crate::document::{Check, Engine, Expect};
use crate::operation::Operation;

/// What a check says beside its table and column.
///
/// ```
/// # use bellows::builder::{CheckOptions, migration};
/// # use bellows::document::Check;
/// let migration = migration("check")
///     .phase("Look")
///     .add_validation(
///         Check::IndexExists,
///         "orders",
///         None,
///         CheckOptions::default()
///             .columns(["user_id"])
///             .error_message("Index was not created successfully"),
///     )
///     .build()?;
/// # Ok::<(), bellows::builder::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckOptions(Map<String, Value>);

impl CheckOptions {
    /// Any key, as the document spells it: `errorMessage`. What the check does not know is a
    /// mistake that [`build`](MigrationBuilder::build) tells.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// What a person reads when it fails.
    #[must_use]
    pub fn error_message(self, text: &str) -> Self {
        self.with("errorMessage", text)
    }

    /// The index of `index_exists`.
    #[must_use]
    pub fn index_name(self, name: &str) -> Self {
        self.with("indexName", name)
    }

    /// The columns of the index of `index_exists`, in place of its name.
    #[must_use]
    pub fn columns<T: Into<String>>(self, columns: impl IntoIterator<Item = T>) -> Self {
        let columns: Vec<Value> = columns
            .into_iter()
            .map(|column| Value::String(column.into()))
            .collect();
        self.with("columns", columns)
    }

    /// The query of `custom`.
    #[must_use]
    pub fn sql(self, sql: &str) -> Self {
        self.with("sql", sql.trim())
    }

    /// How the value of `custom` is judged.
    #[must_use]
    pub fn expect(self, expect: Expect) -> Self {
        self.with("expect", json!(expect))
    }
}

/// # Checks
impl MigrationBuilder {
    /// Any check. What it does not need is `None`.
    pub fn add_validation<'a>(
        mut self,
        check: Check,
        table: impl Into<Option<&'a str>>,
        column: impl Into<Option<&'a str>>,
        options: CheckOptions,
    ) -> Self {
        let mut map = options.0;
        map.insert("check".into(), check.word().into());
        for (key, value) in [("table", table.into()), ("column", column.into())] {
            if let Some(value) = value {
                map.insert(key.into(), value.into());
            }
        }
        self.open().validation.push(map);
        self
    }

    /// The column is there.
    pub fn validate_column_exists(self, table: &str, column: &str) -> Self {
        self.add_validation(Check::ColumnExists, table, column, CheckOptions::default())
    }

    /// The column is gone.
    pub fn validate_column_not_exists(self, table: &str, column: &str) -> Self {
        self.add_validation(
            Check::ColumnNotExists,
            table,
            column,
            CheckOptions::default(),
        )
    }

    /// No row has NULL in the column.
    pub fn validate_backfill(self, table: &str, column: &str) -> Self {
        self.add_validation(
            Check::BackfillComplete,
            table,
            column,
            CheckOptions::default(),
        )
    }

    /// The index is there and valid.
    pub fn validate_index_exists(self, table: &str, index_name: &str) -> Self {
        let options = CheckOptions::default().index_name(index_name);
        self.add_validation(Check::IndexExists, table, None, options)
    }

    /// Two columns agree on every row.
    pub fn validate_columns_match(self, table: &str, old_column: &str, new_column: &str) -> Self {
        let options = CheckOptions::default()
            .with("oldColumn", old_column)
            .with("newColumn", new_column);
        self.add_validation(Check::ColumnsMatch, table, None, options)
    }

    /// The constraint is there and validated.
    pub fn validate_constraint(self, table: &str, constraint_name: &str) -> Self {
        let options = CheckOptions::default().with("constraintName", constraint_name);
        self.add_validation(Check::ConstraintValid, table, None, options)
    }

    /// Two tables have as many rows.
    pub fn validate_row_count(self, table: &str, other_table: &str) -> Self {
        let options = CheckOptions::default().with("otherTable", other_table);
        self.add_validation(Check::RowCountMatch, table, None, options)
    }

    /// A query of one value passes: a boolean must be true, a number must be 0.
    pub fn validate_data_integrity(self, sql: &str, error_message: &str) -> Self {
        let options = CheckOptions::default()
            .sql(sql)
            .error_message(error_message);
        self.add_validation(Check::Custom, None, None, options)
    }

    /// What a person reads when the check just added fails.
    pub fn error_message(self, text: &str) -> Self {
        self.modify_check("error_message", "errorMessage", text.into())
    }

    /// How the value of the check just added is judged, where its type leaves it open.
    pub fn expect(self, expect: Expect) -> Self {
        self.modify_check("expect", "expect", json!(expect))
    }

    fn modify_check(mut self, modifier: &str, key: &str, value: Value) -> Self {
        match self.phases.last_mut().and_then(|p| p.validation.last_mut()) {
            Some(check) => {
                check.insert(key.to_owned(), value);
                self
            }
            None => self.mistaken(
                modifier,
                "it modifies the last check of its phase, and there is none",
            ),
        }
    }

    /// Checks the operation just added: the column is there or gone, the index is there, the
    /// backfill left nothing, the constraint holds.
    pub fn validate(mut self) -> Self {
        let Some(last) = self.phases.last().and_then(|p| p.operations.last()) else {
            return self.mistaken(
                "validate",
                "it checks the operation just added, and the phase has none",
            );
        };
        // What cannot be read is told by `build`, once.
        let Ok(operation) = serde_json::from_value::<Operation>(Value::Object(last.clone())) else {
            return self;
        };
        let checks = checks_of(&operation, self.engine);
        if checks.is_empty() {
            return self.mistaken(
                "validate",
                &format!(
                    "nothing to look for follows from {}; say it with `.add_validation(..)`",
                    operation.word()
                ),
            );
        }
        self.open().validation.extend(checks);
        self
    }
}

/// What shows that an operation did what it is there for.
fn checks_of(operation: &Operation, engine: Engine) -> Vec<Map<String, Value>> {
    let of_column = |check: Check, table: &String, column: &String| {
        let json = json!({ "check": check.word(), "table": table, "column": column });
        vec![json]
    };
    let constraint = |table: &String, name: &String| {
        let word = Check::ConstraintValid.word();
        vec![json!({ "check": word, "table": table, "constraintName": name })]
    };
    let checks = match operation {
        Operation::AddColumn(o) => of_column(Check::ColumnExists, &o.table, &o.column),
        Operation::DropColumn(o) => of_column(Check::ColumnNotExists, &o.table, &o.column),
        Operation::SetNotNull(o) => of_column(Check::BackfillComplete, &o.table, &o.column),
        Operation::AddIndex(o) => vec![json!({
            "check": Check::IndexExists.word(), "table": o.table, "indexName": o.name(),
        })],
        // SQLite gives the index of a constraint a name of its own.
        Operation::AddUnique(o) => vec![json!({
            "check": Check::IndexExists.word(), "table": o.table, "columns": o.columns,
        })],
        Operation::AddConstraint(o) => constraint(&o.table, &o.constraint_name),
        Operation::AddCheck(o) => constraint(&o.table, &o.constraint_name),
        Operation::AddForeignKey(o) => constraint(&o.table, &o.constraint_name),
        Operation::Backfill(o) => expression::assignments(engine, &o.sql)
            .unwrap_or_default()
            .iter()
            .flat_map(|set| of_column(Check::BackfillComplete, &o.table, &set.column))
            .collect(),
        Operation::RenameColumn(o) => of_column(Check::ColumnExists, &o.table, &o.new_column),
        Operation::DropNotNull(_)
        | Operation::ChangeColumnType(_)
        | Operation::CreateTable(_)
        | Operation::DropTable(_)
        | Operation::RenameTable(_)
        | Operation::CreateView(_)
        | Operation::DropView(_)
        | Operation::SetDefault(_)
        | Operation::DropDefault(_)
        | Operation::DropIndex(_)
        | Operation::DropConstraint(_)
        | Operation::EnableDualWrite(_)
        | Operation::DisableDualWrite(_)
        | Operation::CopyTable(_)
        | Operation::SwapTables(_)
        | Operation::CustomSql(_) => Vec::new(),
    };
    checks
        .into_iter()
        .filter_map(|check| check.as_object().cloned())
        .collect()
}
