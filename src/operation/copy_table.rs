//! copy_table: another table gets this one's rows, and triggers keep it in step from then on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backfill::walk;
use super::behave::{Behave, Draft, Subject, Undo};
use super::default;
use super::mysql;
use super::shadow::{self, Texts, qualified, sqlite as links};
use super::sqlite;
use crate::dialect::{catalogue, expression, quote};
use crate::document::{Conversion, Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Refusal, Shadow, Table, TableName, World};

/// Copies a table's rows to another one and keeps that in step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyTable {
    /// The table that is read.
    pub table: String,
    /// The table that is written, which must be empty.
    pub shadow: String,
    /// Its columns, each with an expression over the old row; those that are not named take the
    /// column of their own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Conversion>,
    /// Which rows are copied.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// An item of FROM over the old row that makes several rows of one; only named columns are
    /// written then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// The unique key of the table that is written; its primary key where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Vec<String>>,
    /// Rows a batch starts with; absent: what is fastest under the latency cap is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// Milliseconds of rest after each batch.
    #[serde(default, skip_serializing_if = "default::is_zero")]
    pub pause_ms: u64,
}

impl CopyTable {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "copy_table",
        title: "Copy a table and keep the copy in step",
        help: "Triggers carry every write of the table over to another one, which gets the rows that are there in short batches, and is then compared row by row.",
        fields: &[
            Field::required(
                "table",
                "Table",
                FieldKind::Table,
                "The table that is read.",
            ),
            Field::required(
                "shadow",
                "Shadow",
                FieldKind::Table,
                "The table that is written; it is there, and empty.",
            ),
            Field::optional(
                "columns",
                "Columns",
                FieldKind::Conversion,
                "A map of the shadow's columns to expressions over the old row; a column that is not named takes the one of its own name.",
            ),
            Field::optional(
                "where",
                "Where",
                FieldKind::Sql,
                "Only rows for which this holds are copied.",
            ),
            Field::optional(
                "each",
                "Each",
                FieldKind::Sql,
                "An item of FROM that makes several rows of one: jsonb_array_elements(tags) WITH ORDINALITY AS item(value, position).",
            ),
            Field::optional(
                "key",
                "Key",
                FieldKind::Words,
                "The columns of a unique key of the shadow; its primary key where absent.",
            ),
            Field::optional(
                "batchSize",
                "Batch size",
                FieldKind::Number,
                "Rows a batch starts with; found by measuring where absent.",
            ),
            Field::optional(
                "pauseMs",
                "Pause",
                FieldKind::Number,
                "Milliseconds of rest after each batch.",
            )
            .or("0"),
        ],
    };
}

/// Whether the server computes the column.
pub(super) fn is_computed(table: &Table, column: &str) -> bool {
    let identity = table
        .attached
        .sequences
        .iter()
        .any(|s| s.identity.is_some() && s.column == column);
    !identity && table.column(column).is_some_and(|c| c.generated)
}

/// Columns whose values only the server gives.
pub(super) fn always_identity(table: &Table) -> impl Iterator<Item = &String> {
    table
        .attached
        .sequences
        .iter()
        .filter(|s| s.identity.as_deref() == Some("ALWAYS"))
        .map(|s| &s.column)
}

impl CopyTable {
    fn names(&self) -> (TableName, TableName) {
        (
            TableName::parse(&self.table),
            TableName::parse(&self.shadow),
        )
    }

    fn mapped(&self) -> BTreeMap<String, String> {
        self.columns
            .as_ref()
            .map(|c| c.by_column(None))
            .unwrap_or_default()
    }

    /// Every column that is written, with its expression.
    fn columns(&self, world: &World) -> Result<Vec<(String, String)>, Refusal> {
        let (table, shadow) = self.names();
        let mapped = self.mapped();
        let source = world.table(&table).filter(|t| !t.columns.is_empty());
        let target = world.table(&shadow).filter(|t| !t.columns.is_empty());
        let engine = world.engine;
        let identity = |column: &str| (column.to_owned(), quote::name(engine, column));
        let given = |column: &str| {
            mapped
                .get(column)
                .map(|sql| (column.to_owned(), sql.clone()))
        };
        let Some(target) = target else {
            let own = source
                .filter(|_| self.each.is_none())
                .map(|t| t.columns.as_slice())
                .unwrap_or_default()
                .iter()
                .map(|c| c.name.as_str())
                .filter(|c| source.is_some_and(|t| !is_computed(t, c)));
            let mut all: Vec<(String, String)> = own
                .map(|c| given(c).unwrap_or_else(|| identity(c)))
                .collect();
            for (column, sql) in &mapped {
                if !all.iter().any(|(c, _)| c == column) {
                    all.push((column.clone(), sql.clone()));
                }
            }
            return Ok(all);
        };
        if let Some(unknown) = mapped
            .keys()
            .find(|c| world.is_whole(&shadow) && target.column(c).is_none())
        {
            return Err(Refusal::new(
                "columns",
                format!("{shadow} has no column {unknown}"),
            ));
        }
        let mut all = Vec::new();
        for column in &target.columns {
            let name = column.name.as_str();
            let there = self.each.is_none() && source.is_none_or(|t| t.column(name).is_some());
            if let Some(pair) = given(name) {
                all.push(pair);
            } else if is_computed(target, name) {
            } else if there {
                all.push(identity(name));
            } else if !column.nullable && column.default.is_none() && !column.generated {
                return Err(Refusal::new(
                    "columns",
                    format!(
                        "{shadow}.{name} is NOT NULL without a default, and {table} has no such column: say in `columns` what it gets"
                    ),
                ));
            }
        }
        Ok(all)
    }

    /// The unique key of the table that is written.
    fn key(&self, world: &World) -> Result<Vec<String>, Refusal> {
        let (table, shadow) = self.names();
        let target = world.table(&shadow).filter(|_| world.is_whole(&shadow));
        let own = |name: &TableName| {
            world
                .table(name)
                .map(|t| t.row_key(world.engine).to_vec())
                .unwrap_or_default()
        };
        let key = match &self.key {
            Some(key) => key.clone(),
            None if target.is_some() => own(&shadow),
            None => match own(&shadow) {
                key if key.is_empty() => own(&table),
                key => key,
            },
        };
        if key.is_empty() && world.is_whole(&table) {
            return Err(Refusal::new(
                "key",
                format!(
                    "{shadow} has no primary key: without a unique key a batch that is begun again after a crash would copy its rows twice; give it one, or name another in `key`"
                ),
            ));
        }
        if let Some(target) = target {
            let is = |columns: &[String]| {
                columns.len() == key.len() && key.iter().all(|c| columns.contains(c))
            };
            let unique = is(&target.primary_key)
                || target.indexes.iter().any(|i| {
                    i.unique && i.valid && !i.expressions && i.predicate.is_none() && is(&i.columns)
                });
            // SQLite calls its rowid nullable, and it never is NULL.
            let nullable = key
                .iter()
                .filter(|_| world.engine != Engine::Sqlite || !sqlite::never_null(target, &key))
                .find(|c| target.column(c).is_some_and(|c| c.nullable));
            if !unique {
                return Err(Refusal::new(
                    "key",
                    format!(
                        "{shadow} has no unique key on ({}): a batch that is begun again after a crash would copy its rows twice",
                        key.join(", ")
                    ),
                ));
            }
            if let Some(column) = nullable {
                return Err(Refusal::new(
                    "key",
                    format!(
                        "{shadow}.{column} is in the key and may be NULL, of which a unique key allows any number; make it NOT NULL"
                    ),
                ));
            }
        }
        Ok(key)
    }

    /// What the triggers hold.
    fn definition(&self, world: &World) -> Result<Shadow, Refusal> {
        let (table, target) = self.names();
        let columns = self.columns(world)?;
        let key = self.key(world)?;
        if let Some(missing) = key
            .iter()
            .find(|k| !columns.is_empty() && !columns.iter().any(|(c, _)| c == *k))
        {
            return Err(Refusal::new(
                "key",
                format!("{missing} is in the key of {target}, and nothing is copied to it"),
            ));
        }
        let fixed = world
            .table(&target)
            .filter(|_| world.is_whole(&target))
            .or_else(|| world.table(&table))
            .map(|t| always_identity(t).cloned().collect())
            .unwrap_or_default();
        let source_key = world
            .table(&table)
            .map(|t| t.row_key(world.engine).to_vec())
            .unwrap_or_default();
        Ok(Shadow {
            trigger: Shadow::stem(&table, &target),
            target,
            columns,
            key,
            source_key,
            filter: self.filter.clone(),
            each: self.each.clone(),
            fixed,
        })
    }
}

impl Behave for CopyTable {
    fn form(&self) -> Result<(), Refusal> {
        if let Some(Conversion::Expression(_)) = self.columns {
            return Err(Refusal::new(
                "columns",
                "`columns` is a map of the shadow's columns to expressions: {total: price * amount}",
            ));
        }
        if TableName::parse(&self.table) == TableName::parse(&self.shadow) {
            return Err(Refusal::new("shadow", "a table cannot be copied to itself"));
        }
        if self.each.is_some() && (self.columns.is_none() || self.key.is_none()) {
            return Err(Refusal::new(
                "each",
                "where one row becomes several, `columns` must say what they hold and `key` what tells them apart",
            ));
        }
        if self.batch_size == Some(0) {
            return Err(Refusal::new("batchSize", "a batch needs at least one row"));
        }
        Ok(())
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Migrate
    }

    fn tables(&self) -> Vec<TableName> {
        let (table, shadow) = self.names();
        vec![table, shadow]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.shadow.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        self.form()?;
        let (table, shadow) = self.names();
        world.table_mut("table", &table)?;
        world.table_mut("shadow", &shadow)?;
        let mapped = self.mapped();
        let expressions = mapped
            .values()
            .map(|sql| ("columns", sql.as_str()))
            .chain(self.filter.iter().map(|sql| ("where", sql.as_str())))
            .chain(self.each.iter().map(|sql| ("each", sql.as_str())));
        for (field, sql) in expressions {
            if let Some(problem) = expression::expression_problem(world.engine, sql) {
                return Err(Refusal::new(field, problem));
            }
        }
        let known = world.table(&table).filter(|_| world.is_whole(&table));
        if known.is_some_and(|t| t.row_key(world.engine).is_empty()) {
            let or = match world.engine {
                Engine::MySql | Engine::MariaDb => {
                    ", nor a unique index of columns that are NOT NULL"
                }
                Engine::PostgreSql | Engine::Sqlite => "",
            };
            return Err(Refusal::new(
                "table",
                format!(
                    "{table} has no primary key{or}: neither could a batch be begun again without copying its rows twice, nor could the triggers find the copy of a row; give it one first"
                ),
            ));
        }
        let definition = self.definition(world)?;
        let mut triggers = Vec::new();
        if world.engine == Engine::Sqlite {
            links::refuse(world, &table, &definition)?;
            triggers = links::Link::new(world, &table, &definition).triggers();
        }
        if world.engine.is_mysql_family() {
            shadow::mysql::problem(world, &table, &definition)?;
        }
        let entry = world.table_mut("table", &table)?;
        entry.dependents.extend(triggers);
        if entry.shadows.iter().any(|s| s.target == shadow) {
            return Err(Refusal::new(
                "shadow",
                format!("{shadow} is kept in step with {table} already"),
            ));
        }
        entry.shadows.push(definition);
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let (table, shadow) = self.names();
        let definition = self.definition(before)?;
        let key = walk(before, &table);
        let together = |install| {
            let title = format!("Keep {shadow} in step with {table}");
            Draft::transaction(title, &table, install).touching(&shadow)
        };
        let (mut drafts, copy, compare) = if before.engine == Engine::Sqlite {
            let link = links::Link::new(before, &table, &definition);
            let mut install = vec![link.must_be_empty(), link.tried()];
            install.extend(link.install());
            (
                vec![together(install)],
                link.copy(key.clone()),
                link.compare(key),
            )
        } else if before.engine.is_mysql_family() {
            let texts = shadow::mysql::Texts::new(before, &table, &definition);
            let mut drafts = vec![texts.try_out()];
            drafts.extend(texts.install(&table));
            (drafts, texts.copy(key.clone()), texts.compare(key))
        } else {
            let texts = Texts::new(before, &table, &definition);
            let mut install = vec![texts.must_be_empty()];
            install.extend(texts.install());
            (
                vec![together(install)],
                texts.copy(key.clone()),
                texts.compare(key),
            )
        };
        let paced = |mut copy: crate::plan::TableCopy| {
            copy.batch_size = self.batch_size;
            copy.pause_ms = self.pause_ms;
            copy
        };
        let step = |title: String, action| Draft {
            undoes: None,
            title,
            tables: vec![table.clone(), shadow.clone()],
            action,
        };
        drafts.push(step(
            format!("Copy {table} to {shadow}"),
            Action::Copy(paced(copy)),
        ));
        drafts.push(step(
            format!("Compare {shadow} with {table}"),
            Action::Compare(paced(compare)),
        ));
        Ok(drafts)
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let (table, shadow) = self.names();
        let definition = self.definition(before)?;
        // It was empty before: what is in it are copies, and old ones would stay beside new ones.
        if before.engine.is_mysql_family() {
            let sql = format!("TRUNCATE TABLE {}", quote::table(before.engine, &shadow));
            let mut drafts = shadow::mysql::Texts::new(before, &table, &definition).remove();
            drafts.push(mysql::ddl(
                format!("Empty {shadow}"),
                &shadow,
                Statement::brief(sql, Lock::MetadataExclusive).outside(),
                &format!("NOT {}", catalogue::table(before.engine, &shadow)),
            ));
            return Ok(Undo::whole(drafts));
        }
        let statements = if before.engine == Engine::Sqlite {
            let link = links::Link::new(before, &table, &definition);
            let mut statements = link.remove();
            statements.push(link.empty());
            statements
        } else {
            let mut statements = Texts::new(before, &table, &definition).remove();
            statements.push(Statement::brief(
                format!("TRUNCATE {}", qualified(&shadow)),
                Lock::AccessExclusive,
            ));
            statements
        };
        Ok(Undo::whole(vec![
            Draft::transaction(
                format!("Stop keeping {shadow} in step with {table}"),
                &table,
                statements,
            )
            .touching(&shadow),
        ]))
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            shadow: "users_new".into(),
            columns: Some(Conversion::Columns(
                [("name".to_owned(), "upper(name)".to_owned())].into(),
            )),
            filter: None,
            each: None,
            key: None,
            batch_size: None,
            pause_ms: 0,
        }
    }
}
