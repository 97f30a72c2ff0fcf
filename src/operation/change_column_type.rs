//! change_column_type: another type for a column, where the engine does it for free.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{postgres, sqlite};
use crate::dialect::statement::Work;
use crate::dialect::types::{self, change};
use crate::dialect::{expression, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Column, Constraint, ConstraintKind, Refusal, Table, TableName, World};

mod mysql;

/// Changes a column's type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeColumnType {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The type that it has; needed where no target says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_type: Option<String>,
    /// The type that it gets.
    pub new_type: String,
    /// PostgreSQL: the new value as an expression, for tables that are still empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
}

impl ChangeColumnType {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "change_column_type",
        title: "Change a column's type",
        help: "Where the engine does it without touching a row; for everything else there is the pattern change-type.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required("column", "Column", FieldKind::Column, "The column."),
            Field::optional(
                "oldType",
                "Old type",
                FieldKind::DataType,
                "The type that it has; needed where no target says it.",
            ),
            Field::required(
                "newType",
                "New type",
                FieldKind::DataType,
                "The type that it gets.",
            ),
            Field::optional(
                "using",
                "Using",
                FieldKind::Sql,
                "The new value as an expression, for a table that is still empty (PostgreSQL).",
            ),
        ],
    };

    /// The type that the column has: as the target says, else as written.
    fn old_type(&self, world: &World, table: &TableName) -> Result<String, Refusal> {
        let known = world.column(table, &self.column).map(|c| &c.data_type);
        match (known, &self.old_type) {
            (Some(known), Some(written)) => {
                let engine = world.engine;
                if types::read(engine, known) == types::read(engine, written) {
                    Ok(known.clone())
                } else {
                    Err(Refusal::new(
                        "oldType",
                        format!("{table}.{} is {known}, not {written}", self.column),
                    ))
                }
            }
            (Some(known), None) => Ok(known.clone()),
            (None, Some(written)) => Ok(written.clone()),
            (None, None) => Err(Refusal::new(
                "oldType",
                "needed, since the table is not known here: whether the change is free depends on it",
            )),
        }
    }

    fn pattern(&self, old: &str, why: &str) -> Refusal {
        Refusal::new(
            "newType",
            format!(
                "{}.{} cannot become {} at once: {why}. The pattern change-type does it beside the running applications: bellows migrate generate change-type --table {} --column {} --old-type '{old}' --new-type '{}'",
                self.table, self.column, self.new_type, self.table, self.column, self.new_type
            ),
        )
    }

    /// Refused where rows would be written anew, or something of the column stands in the way.
    fn judge(&self, world: &World, table: &TableName) -> Result<(), Refusal> {
        let old = self.old_type(world, table)?;
        let engine = world.engine;
        let (Some(from), Some(to)) = (
            types::read(engine, &old),
            types::read(engine, &self.new_type),
        ) else {
            return Err(Refusal::new("newType", "the type cannot be read"));
        };
        if from == to {
            return Err(Refusal::new(
                "newType",
                format!("{table}.{} is {old} already", self.column),
            ));
        }
        if world.is_made(table) {
            // Its applications do not know it yet, and it has no rows.
            return Ok(());
        }
        if self.using.is_some() {
            return Err(Refusal {
                field: "using",
                ..self.pattern(&old, "an expression writes every row anew")
            });
        }
        if let Err(why) = change::is_free(engine, &from, &to) {
            return if engine.is_mysql_family() {
                self.mysql_refuses(world, table, &old)
            } else {
                Err(self.pattern(&old, &why))
            };
        }
        match (engine, world.table(table)) {
            (Engine::PostgreSql, Some(known)) => self.postgres_refuses(&old, table, known),
            (Engine::PostgreSql, None) | (Engine::Sqlite | Engine::MySql | Engine::MariaDb, _) => {
                Ok(())
            }
        }
    }

    fn postgres_refuses(&self, old: &str, name: &TableName, table: &Table) -> Result<(), Refusal> {
        let views: Vec<String> = table
            .views
            .iter()
            .filter(|v| v.columns.contains(&self.column))
            .map(|v| v.view.to_string())
            .collect();
        if !views.is_empty() {
            return Err(Refusal::new(
                "column",
                format!(
                    "PostgreSQL changes no type under a view, and {} reads {name}.{}; use drop_view before and create_view after it, in this phase",
                    views.join(", "),
                    self.column
                ),
            ));
        }
        let partial: Vec<&str> = table
            .indexes
            .iter()
            .filter(|i| i.expressions || i.predicate.is_some())
            .filter(|i| expression::mentions(Engine::PostgreSql, &i.definition, &self.column))
            .map(|i| i.name.as_str())
            .collect();
        if !partial.is_empty() {
            return Err(Refusal::new(
                "column",
                format!(
                    "PostgreSQL builds an index with an expression or a condition anew under the lock, and {} names {}; use drop_index before and add_index after it",
                    partial.join(", "),
                    self.column
                ),
            ));
        }
        let key = table
            .constraints
            .iter()
            .find(|c| c.kind == ConstraintKind::ForeignKey && c.columns.contains(&self.column))
            .map(|c| c.name.clone())
            .or_else(|| {
                let own_key = table.primary_key.contains(&self.column)
                    || table.constraints.iter().any(|c| {
                        c.kind == ConstraintKind::Unique && c.columns.contains(&self.column)
                    });
                let (from, key) = table.referenced_by.first().filter(|_| own_key)?;
                Some(format!("{key} of {from}"))
            });
        match key {
            Some(key) => Err(self.pattern(
                old,
                &format!("the foreign key {key} is checked again under the lock, row by row"),
            )),
            None => Ok(()),
        }
    }

    /// The checks that name the column: PostgreSQL would check every row again under the lock.
    fn checks<'w>(&self, world: &'w World, table: &TableName) -> Vec<&'w Constraint> {
        let known = world.table(table).map(|t| t.constraints.as_slice());
        known
            .unwrap_or_default()
            .iter()
            .filter(|c| c.kind == ConstraintKind::Check && c.columns.contains(&self.column))
            .collect()
    }

    /// One ALTER; checks that name the column step aside for it, and their rows are checked
    /// afterwards.
    fn postgres(
        &self,
        world: &World,
        table: &TableName,
        to: &str,
        work: Work,
        default: Option<&str>,
    ) -> Vec<Draft> {
        let checks = self.checks(world, table);
        let column = quote::name(Engine::PostgreSql, &self.column);
        let mut statements = Vec::new();
        for check in &checks {
            let name = quote::name(Engine::PostgreSql, &check.name);
            statements.push(postgres::alter(
                table,
                &format!("DROP CONSTRAINT IF EXISTS {name}"),
            ));
        }
        let using = match &self.using {
            Some(sql) if to == self.new_type => format!(" USING {}", sql.trim()),
            Some(_) | None => String::new(),
        };
        statements.push(Statement::new(
            format!(
                "ALTER TABLE {} ALTER COLUMN {column} TYPE {}{using}",
                quote::table(Engine::PostgreSql, table),
                to.trim()
            ),
            Lock::AccessExclusive,
            work,
            world.rows(table),
        ));
        if let Some(default) = default {
            statements.push(postgres::alter_column(
                table,
                &self.column,
                &format!("SET DEFAULT {default}"),
            ));
        }
        for check in &checks {
            statements.push(postgres::alter(
                table,
                &format!(
                    "ADD CONSTRAINT {} {} NOT VALID",
                    quote::name(Engine::PostgreSql, &check.name),
                    check.definition
                ),
            ));
        }
        let title = format!(
            "Change the type of {table}.{} to {}",
            self.column,
            to.trim()
        );
        let mut drafts = vec![Draft::transaction(title, table, statements)];
        drafts.extend(
            checks
                .iter()
                .filter(|c| c.validated)
                .map(|c| postgres::validate(world, table, &c.name)),
        );
        drafts
    }
}

/// The definition with another type at its beginning.
fn retyped(definition: &str, old: &str, new: &str) -> Option<String> {
    let rest = definition.get(old.len()..)?;
    definition
        .to_lowercase()
        .starts_with(&old.to_lowercase())
        .then(|| format!("{new}{rest}"))
}

impl Behave for ChangeColumnType {
    fn data_types(&self) -> Vec<&str> {
        vec![&self.new_type]
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Expand
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.column.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        for (field, sql) in [
            ("newType", Some(&self.new_type)),
            ("using", self.using.as_ref()),
        ] {
            let problem = sql.and_then(|sql| expression::expression_problem(world.engine, sql));
            if let Some(problem) = problem {
                return Err(Refusal::new(field, problem));
            }
        }
        world.check_type("newType", &self.new_type)?;
        world.need_column(&table, "column", &self.column)?;
        self.judge(world, &table)?;
        if world.engine.is_mysql_family() && self.needs_copy(world, &table)? {
            let before = world.clone();
            return self.by_copy(&before, &table, |anew| anew.apply(world));
        }
        self.retype(world, &table)?;
        world.edit_text(&table, "column", |text| {
            text.set_type(&self.column, self.new_type.trim())
        })
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        match before.engine {
            Engine::PostgreSql => {
                Ok(self.postgres(before, &table, &self.new_type, Work::Brief, None))
            }
            Engine::MySql | Engine::MariaDb if self.needs_copy(before, &table)? => {
                self.by_copy(before, &table, |anew| anew.compile(before))
            }
            Engine::MySql | Engine::MariaDb => Ok(vec![self.mysql(before, &table, true)?]),
            Engine::Sqlite => {
                let title = format!(
                    "Change the type of {table}.{} to {}",
                    self.column,
                    self.new_type.trim()
                );
                Ok(vec![sqlite::rebuild(
                    before,
                    &table,
                    "column",
                    title,
                    |text| text.set_type(&self.column, self.new_type.trim()),
                )?])
            }
        }
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let old = self.old_type(before, &table)?;
        match before.engine {
            Engine::PostgreSql => {
                let was = before.column(&table, &self.column);
                let collated = |c: &Column| match &c.collation {
                    Some(collation) => format!("{old} COLLATE {collation}"),
                    None => old.clone(),
                };
                let full = was.map_or_else(|| old.clone(), collated);
                // Narrower again, it reads and writes every row.
                let work = if before.is_made(&table) {
                    Work::Brief
                } else {
                    Work::Rewrite
                };
                let default = was.and_then(|c| c.default.as_deref());
                Ok(Undo::whole(
                    self.postgres(before, &table, &full, work, default),
                ))
            }
            Engine::MySql | Engine::MariaDb if self.needs_copy(before, &table)? => {
                self.by_copy(before, &table, |anew| anew.undo(before))
            }
            Engine::MySql | Engine::MariaDb => {
                Ok(Undo::whole(vec![self.mysql(before, &table, false)?]))
            }
            Engine::Sqlite => Ok(Undo::whole(vec![sqlite::restore(
                before,
                &table,
                format!("Change the type of {table}.{} back to {old}", self.column),
            )?])),
        }
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            column: "name".into(),
            old_type: Some("varchar(255)".into()),
            new_type: "text".into(),
            using: None,
        }
    }
}
