//! drop_column: a column and its values go.

mod again;

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Loss, Subject, Undo};
use super::saved::{self, column::ColumnCopy};
use super::{default, dual_write, mysql, postgres, restore, shadow, sqlite};
use crate::dialect::create_table::CreateTable;
use crate::dialect::quote;
use crate::dialect::statement::Work;
use crate::dialect::{catalogue, column_definition};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Constraint, ConstraintKind, DualWrite, Index, Refusal, TableName, World};

/// Drop a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Whether its values are kept beside the database, for the way back.
    #[serde(default, skip_serializing_if = "default::is_no")]
    pub saved_copy: bool,
}

impl DropColumn {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_column",
        title: "Drop a column",
        help: "Drops a column with its values, and the dual-write triggers that name it.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required("column", "Column", FieldKind::Column, "The column."),
            saved::FIELD,
        ],
    };
}

/// A dual write that goes, and the defaults that the columns which it leaves behind get.
type Parted<'w> = (&'w DualWrite, Vec<(String, String)>);

impl DropColumn {
    /// The dual writes that go with it, each with the defaults that its other columns are left
    /// with.
    fn parted<'w>(&self, world: &'w World, table: &TableName) -> Vec<Parted<'w>> {
        world
            .dual_writes(table, &self.column)
            .into_iter()
            .map(|d| {
                let defaults = d
                    .columns()
                    .filter(|c| c.column != self.column)
                    .filter_map(|c| {
                        let default = dual_write::inherited_default(world, table, d, &c.column)?;
                        Some((c.column.clone(), default))
                    })
                    .collect();
                (d, defaults)
            })
            .collect()
    }

    /// Other tables that are locked as well: those at the other end of its foreign keys.
    fn others(&self, world: &World, table: &TableName) -> Vec<TableName> {
        world
            .table(table)
            .map(|t| {
                t.constraints
                    .iter()
                    .filter(|c| c.columns.contains(&self.column))
                    .filter_map(|c| c.references.clone())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// SQLite drops a column by itself unless something stands on it: its indexes go first, a
    /// constraint of its own goes by a rebuild, one of the table is for the author to drop.
    fn sqlite(&self, before: &World, table: &TableName) -> Result<Vec<Draft>, Refusal> {
        let title = format!("Drop column {table}.{}", self.column);
        let known = before.table(table);
        let text = known
            .and_then(|t| t.create_sql.as_deref())
            .and_then(|sql| CreateTable::parse(sql).ok());
        if text
            .as_ref()
            .is_some_and(|t| t.is_named_elsewhere(&self.column))
        {
            return Err(Refusal::new(
                "column",
                format!(
                    "a constraint or another column of {table} names {}; drop that first (drop_constraint)",
                    self.column
                ),
            ));
        }
        let by_itself = text
            .as_ref()
            .is_some_and(|t| t.is_key_by_itself(&self.column));
        let saved = saved::column::of(self, before, table);
        let title = saved.title(title);
        let mut first = saved.kept().map(ColumnCopy::at_last).unwrap_or_default();
        first.extend(shadow::leave_column(before, table, &self.column));
        for dual_write in before.dual_writes(table, &self.column) {
            first.extend(dual_write::remove(before.engine, table, dual_write));
        }
        let indexes = known.map(|t| t.indexes.as_slice()).unwrap_or_default();
        for index in indexes {
            if index.reads(Engine::Sqlite, &self.column) && !index.definition.is_empty() {
                let name = quote::within(Engine::Sqlite, table, &index.name);
                first.push(sqlite::write(format!("DROP INDEX IF EXISTS {name}")));
            }
        }
        if by_itself {
            let mut between = before.clone();
            between.drop_column(table, &self.column)?;
            let kept: Vec<String> = between
                .table(table)
                .map(|t| t.dependents.clone())
                .unwrap_or_default();
            let names: Vec<String> = before
                .dual_writes(table, &self.column)
                .iter()
                .flat_map(|d| dual_write::sqlite_names(d))
                .collect();
            between.table_mut("table", table)?.dependents = kept
                .into_iter()
                .filter(|sql| !names.iter().any(|n| sql.contains(n.as_str())))
                .collect();
            let mut draft = sqlite::rebuild(&between, table, "column", title, |text| {
                text.drop_column(&self.column)
            })?;
            if let Action::Rebuild { statements, .. } = &mut draft.action {
                first.append(statements);
                *statements = first;
            }
            return Ok(vec![draft]);
        }
        first.push(Statement::new(
            format!(
                "ALTER TABLE {} DROP COLUMN {}",
                quote::table(Engine::Sqlite, table),
                quote::name(Engine::Sqlite, &self.column)
            ),
            Lock::DatabaseWrite,
            Work::Rewrite,
            before.rows(table),
        ));
        Ok(vec![Draft::transaction(title, table, first)])
    }
}

impl DropColumn {
    /// The constraints of the table that name it, but those that are indexes.
    fn constraints<'w>(&self, before: &'w World, table: &TableName) -> Vec<&'w Constraint> {
        before
            .table(table)
            .map(|t| {
                t.constraints
                    .iter()
                    .filter(|c| {
                        c.kind != ConstraintKind::Unique && c.columns.contains(&self.column)
                    })
                    .collect()
            })
            .unwrap_or_default()
    }

    fn indexes<'w>(&self, before: &'w World, table: &TableName) -> Vec<&'w Index> {
        before
            .table(table)
            .map(|t| {
                t.indexes
                    .iter()
                    .filter(|i| i.columns.contains(&self.column))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// MySQL and MariaDB: whatever stands on the column goes first, each by a statement of its
    /// own; an index would else silently become one on its other columns.
    fn mysql(&self, before: &World, table: &TableName) -> Vec<Draft> {
        let saved = saved::column::of(self, before, table);
        let mut drafts: Vec<Draft> = saved
            .kept()
            .into_iter()
            .flat_map(ColumnCopy::keep)
            .collect();
        drafts.extend(shadow::mysql::leave_column(before, table, &self.column));
        for (dual_write, defaults) in self.parted(before, table) {
            for (column, default) in defaults {
                drafts.push(mysql::put_default(before, table, &column, Some(&default)));
            }
            drafts.extend(dual_write::mysql::remove(before, table, dual_write));
        }
        for constraint in self.constraints(before, table) {
            let draft =
                mysql::drop_constraint(before, table, &constraint.name, Some(constraint.kind));
            drafts.push(match &constraint.references {
                Some(other) => draft.touching(other),
                None => draft,
            });
        }
        for index in self.indexes(before, table) {
            drafts.push(mysql::drop_index(before, table, &index.name));
        }
        let mut drop = mysql::drop_column(before, table, &self.column);
        drop.title = saved.title(drop.title);
        drafts.push(drop);
        drafts.extend(saved.kept().into_iter().flat_map(ColumnCopy::afterwards));
        drafts
    }

    /// MySQL and MariaDB: the column again, where it was, and what stood on it.
    fn mysql_again(&self, before: &World, table: &TableName) -> Result<Vec<Draft>, Refusal> {
        let engine = before.engine;
        let Some(column) = before.column(table, &self.column) else {
            return Ok(Vec::new());
        };
        let Some(definition) = &column.definition else {
            return Ok(Vec::new());
        };
        let name = quote::name(engine, &self.column);
        // Without its values a column that was NOT NULL can only come back nullable.
        let bare = !column.nullable && column.default.is_none() && !column.generated;
        let saved = saved::column::of(self, before, table);
        let whole = definition;
        let definition = if saved.kept().is_some() {
            // What is empty is what has no value yet.
            let nullable = column_definition::with_null(engine, definition, true);
            column_definition::with_default(engine, &nullable, None)
        } else if bare {
            column_definition::with_null(engine, definition, true)
        } else {
            definition.clone()
        };
        let how = mysql::column_how(before);
        let place = match before.table(table).map(|t| t.columns.as_slice()) {
            // At another place than the last it would make the table anew.
            Some(_) if how != mysql::How::Instant => String::new(),
            Some(columns) => match columns.iter().position(|c| c.name == self.column) {
                Some(0) => " FIRST".to_owned(),
                Some(at) => format!(" AFTER {}", quote::name(engine, &columns[at - 1].name)),
                None => String::new(),
            },
            None => String::new(),
        };
        let action = format!("ADD COLUMN {name} {definition}{place}");
        let mut drafts = vec![mysql::ddl(
            format!("Add column {table}.{} again", self.column),
            table,
            mysql::alter(before, table, &action, mysql::How::Instant),
            &catalogue::column(engine, table, &self.column),
        )];
        let parted = self.parted(before, table);
        for (dual_write, defaults) in &parted {
            let held: Vec<&str> = defaults.iter().map(|(column, _)| column.as_str()).collect();
            drafts.extend(dual_write::mysql::install(before, table, dual_write, &held));
        }
        match saved.kept() {
            Some(kept) => {
                drafts.push(kept.fill());
                if !column.nullable || column.default.is_some() {
                    let action = format!("MODIFY COLUMN {name} {whole}");
                    drafts.push(mysql::ddl(
                        format!("Make {table}.{} what it was", self.column),
                        table,
                        mysql::alter(before, table, &action, mysql::How::Online(Work::Rewrite)),
                        mysql::REPEATABLE,
                    ));
                }
            }
            None => drafts.extend(self.values_again(before, table, &parted)),
        }
        for index in self.indexes(before, table) {
            drafts.push(mysql::build_index(
                before,
                table,
                &index.name,
                &index.definition,
            ));
        }
        for constraint in self.constraints(before, table) {
            drafts.extend(mysql::constraint_again(before, table, constraint, None));
        }
        let Some(kept) = saved.kept() else {
            return Ok(drafts);
        };
        let mut drafts = kept.undoing_drop(drafts);
        drafts.extend(kept.forget());
        Ok(drafts)
    }
}

impl Behave for DropColumn {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
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
        let is_key = world
            .table(&table)
            .is_some_and(|t| t.primary_key.contains(&self.column));
        if world.engine.is_mysql_family() && is_key {
            return Err(Refusal::new(
                "column",
                format!(
                    "{table}.{} belongs to the primary key, along which InnoDB keeps the rows; {}",
                    self.column,
                    mysql::BY_COPY
                ),
            ));
        }
        world.need_no_copied_column("column", &table, &self.column, false)?;
        world.need_no_trigger_on("column", &table, &self.column)?;
        let mut given: Vec<(String, String)> = Vec::new();
        for (_, defaults) in self.parted(world, &table) {
            given.extend(defaults);
        }
        let triggers: Vec<String> = world
            .dual_writes(&table, &self.column)
            .iter()
            .flat_map(|d| dual_write::sqlite_names(d))
            .collect();
        world.drop_column(&table, &self.column)?;
        if world.engine.is_mysql_family() {
            for (name, default) in given {
                mysql::note_default(world, &table, &name, Some(&default))?;
            }
            return Ok(());
        }
        let postgres = world.engine == Engine::PostgreSql;
        let entry = world.table_mut("table", &table)?;
        entry
            .dependents
            .retain(|sql| !triggers.iter().any(|name| sql.contains(name.as_str())));
        if postgres {
            for (name, default) in given {
                if let Some(column) = entry.columns.iter_mut().find(|c| c.name == name) {
                    column.default = Some(default);
                }
            }
        }
        world.edit_text(&table, "column", |text| text.drop_column(&self.column))
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        match before.engine {
            Engine::PostgreSql => {
                let saved = saved::column::of(self, before, &table);
                // These triggers go first: from then on nobody writes until the column is gone.
                let mut statements: Vec<Statement> =
                    saved.kept().map(ColumnCopy::at_last).unwrap_or_default();
                statements.extend(shadow::leave_column(before, &table, &self.column));
                // In the transaction of the drop: a trigger that writes a column which is not
                // there fails every insert.
                for (dual_write, defaults) in self.parted(before, &table) {
                    statements.extend(dual_write::remove(before.engine, &table, dual_write));
                    for (other, default) in defaults {
                        statements.push(dual_write::put_default(&table, &other, Some(&default)));
                    }
                }
                let known = before.table(&table);
                let sequence = restore::attached::sequence(known, &self.column);
                statements.extend(restore::attached::keep_numbers(sequence.into_iter()));
                statements.push(postgres::alter(
                    &table,
                    &format!(
                        "DROP COLUMN {}",
                        quote::name(Engine::PostgreSql, &self.column)
                    ),
                ));
                let draft = Draft::transaction(
                    saved.title(format!("Drop column {table}.{}", self.column)),
                    &table,
                    statements,
                );
                let mut drafts: Vec<Draft> = saved
                    .kept()
                    .into_iter()
                    .flat_map(ColumnCopy::keep)
                    .collect();
                let others = self.others(before, &table);
                drafts.push(others.iter().fold(draft, |d, other| d.touching(other)));
                Ok(drafts)
            }
            Engine::MySql | Engine::MariaDb => Ok(self.mysql(before, &table)),
            Engine::Sqlite => self.sqlite(before, &table),
        }
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let own = before.added(&table, &self.column).is_some();
        let saved = saved::column::of(self, before, &table);
        let whole = own || saved.kept().is_some();
        Ok(Undo {
            drafts: self.again(before, &table)?,
            loss: if whole { Loss::Nothing } else { Loss::Values },
            saved: saved.kept().map(ColumnCopy::record).into_iter().collect(),
        })
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            column: "email".into(),
            saved_copy: false,
        }
    }
}
