//! backfill: brings the rows that are there up to date, in batches.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Loss, Subject, Undo};
use super::{default, sqlite};
use crate::dialect::expression::{self, Assignment};
use crate::dialect::{column_definition, lexer, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::estimate::Kind;
use crate::plan::{self, Action, Lock, Statement, Wait, WalkKey};
use crate::schema::{Refusal, TableName, World};

/// Fills columns of the rows that are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backfill {
    /// The table.
    pub table: String,
    /// The SET list: `full_name = name`.
    pub sql: String,
    /// Which rows have work; absent: see the plan's `pending_sql`.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Rows a batch starts with; absent: what is fastest under the latency cap is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// Milliseconds of rest after each batch.
    #[serde(default, skip_serializing_if = "default::is_zero")]
    pub pause_ms: u64,
}

impl Backfill {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "backfill",
        title: "Backfill",
        help: "Fills columns of the rows that are there, in short batches that can be paused.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "sql",
                "Set",
                FieldKind::Sql,
                "What is assigned, as in UPDATE ... SET: full_name = name.",
            ),
            Field::optional(
                "where",
                "Where",
                FieldKind::Sql,
                "Only rows for which this holds are touched; where absent, rows that already have a value are left alone.",
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

/// What the table is walked along.
pub(super) fn walk(world: &World, name: &TableName) -> WalkKey {
    let Some(table) = world.table(name).filter(|_| world.is_whole(name)) else {
        return WalkKey::Unknown;
    };
    let key = || WalkKey::Key {
        columns: table
            .row_key(world.engine)
            .iter()
            .map(|column| {
                let data_type = table.column(column).map(|c| c.data_type.clone());
                (column.clone(), data_type.unwrap_or_default())
            })
            .collect(),
    };
    match world.engine {
        Engine::PostgreSql if table.primary_key.is_empty() => WalkKey::Ctid,
        Engine::PostgreSql => key(),
        Engine::MySql | Engine::MariaDb if table.row_key(world.engine).is_empty() => {
            WalkKey::Unknown
        }
        Engine::MySql | Engine::MariaDb => key(),
        Engine::Sqlite if sqlite::without_rowid(table) => key(),
        Engine::Sqlite => match sqlite::rowid(table) {
            Some(name) => WalkKey::RowId { name },
            None => key(),
        },
    }
}

/// The condition that bounds a batch, for people.
pub(super) fn bounds(engine: Engine, key: &WalkKey) -> String {
    let between = |what: String| format!("{what} > $1 AND {what} <= $2");
    match key {
        WalkKey::Key { columns } => {
            let names = quote::names(engine, columns.iter().map(|(name, _)| name));
            between(if columns.len() == 1 {
                names
            } else {
                format!("({names})")
            })
        }
        WalkKey::RowId { name } => between(name.clone()),
        WalkKey::Ctid => "ctid >= $1 AND ctid < $2".to_owned(),
        WalkKey::Unknown => "/* its key is after $1 and up to $2 */ true".to_owned(),
    }
}

/// Columns of MySQL and MariaDB that change with every update of their row (ON UPDATE) are assigned
/// to themselves: bringing old rows up is no change of theirs.
fn unmoved(world: &World, table: &TableName, set_sql: &str) -> String {
    let engine = world.engine;
    let assigned = expression::assignments(engine, set_sql).unwrap_or_default();
    let known = world.table(table).map_or(&[][..], |t| &t.columns);
    known
        .iter()
        .filter(|column| {
            let definition = column.definition.as_deref().unwrap_or_default();
            lexer::significant(engine, definition).is_ok_and(|tokens| {
                tokens
                    .windows(2)
                    .any(|pair| pair[0].is("on") && pair[1].is("update"))
            })
        })
        .filter(|column| {
            assigned
                .iter()
                .all(|a| !a.column.eq_ignore_ascii_case(&column.name))
        })
        .map(|column| {
            let name = quote::name(engine, &column.name);
            format!(", {name} = {name}")
        })
        .collect()
}

/// A backfill of the executor.
fn action(
    world: &World,
    table: &TableName,
    set_sql: String,
    pending_sql: String,
    past_triggers: bool,
) -> plan::Backfill {
    let key = walk(world, table);
    let rows = world.rows(table);
    let table_sql = quote::table(world.engine, table);
    let moved = unmoved(world, table, &set_sql);
    let set_sql = set_sql + &moved;
    let sql = format!(
        "UPDATE {table_sql} SET {set_sql} WHERE {} AND ({pending_sql})",
        bounds(world.engine, &key)
    );
    let shown = Statement {
        scans_table: true,
        // The batches of SQLite hold its writer's lock one by one, each for a moment.
        blocks_writes: false,
        wait: Wait::Patient,
        ..Statement::brief(
            sql,
            match world.engine {
                Engine::PostgreSql => Lock::RowExclusive,
                Engine::MySql | Engine::MariaDb => Lock::MetadataWrite,
                Engine::Sqlite => Lock::DatabaseWrite,
            },
        )
        .doing(Kind::Fill, rows)
    };
    plan::Backfill {
        table: table.clone(),
        table_sql,
        set_sql,
        pending_sql,
        key,
        batch_size: None,
        pause_ms: 0,
        past_triggers,
        estimated_rows: rows,
        shown,
    }
}

/// A backfill that no document wrote: a column that comes back gets its values.
pub(super) fn draft(
    world: &World,
    table: &TableName,
    set_sql: String,
    pending_sql: String,
    past_triggers: bool,
) -> Draft {
    Draft {
        undoes: None,
        title: format!("Backfill {table}"),
        tables: vec![table.clone()],
        action: Action::Backfill(action(world, table, set_sql, pending_sql, past_triggers)),
    }
}

/// Types that know no equality.
const BY_TEXT: &[&str] = &["json", "xml", "point", "box", "path", "polygon", "line"];

impl Backfill {
    /// What it assigns; empty where its SET list cannot be read, which is refused elsewhere.
    pub fn assignments(&self, engine: Engine) -> Vec<Assignment> {
        expression::assignments(engine, &self.sql).unwrap_or_default()
    }

    /// The columns that were there before the document, hold values of their own, and are not
    /// limited by a `where`: newer work may be overwritten there.
    pub fn overwrites(&self, before: &World) -> Vec<String> {
        let table = TableName::parse(&self.table);
        if self.filter.is_some() {
            return Vec::new();
        }
        self.assignments(before.engine)
            .into_iter()
            .map(|a| a.column)
            .filter(|column| is_old(before, &table, column))
            .collect()
    }

    /// Which rows have work left.
    fn pending(&self, world: &World, assignments: &[Assignment]) -> String {
        if let Some(filter) = &self.filter {
            return format!("({})", filter.trim());
        }
        let table = TableName::parse(&self.table);
        assignments
            .iter()
            .map(|a| pending_of(world, &table, a))
            .collect::<Vec<_>>()
            .join(" OR ")
    }
}

/// Whether the column holds values that the document did not put there.
fn is_old(world: &World, table: &TableName, column: &str) -> bool {
    world.added(table, column).is_none() && world.dual_writes(table, column).is_empty()
}

fn pending_of(world: &World, table: &TableName, assignment: &Assignment) -> String {
    let name = quote::name(world.engine, &assignment.column);
    let known = world.column(table, &assignment.column);
    let cast = match world.engine {
        Engine::PostgreSql
            if known.is_some_and(|c| BY_TEXT.contains(&c.data_type.to_lowercase().as_str())) =>
        {
            "::text"
        }
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb | Engine::Sqlite => "",
    };
    let differs = |from: &str| {
        let (from, data_type) = (format!("({from})"), known.map(|c| c.data_type.as_str()));
        match world.engine {
            Engine::PostgreSql => format!("{name}{cast} IS DISTINCT FROM {from}{cast}"),
            Engine::MySql | Engine::MariaDb => column_definition::differ(data_type, &name, &from),
            Engine::Sqlite => format!("{name} IS NOT {from}"),
        }
    };
    let equals = |to: &str| match world.engine {
        Engine::PostgreSql => format!("{name}{cast} IS NOT DISTINCT FROM ({to}){cast}"),
        Engine::MySql | Engine::MariaDb => {
            let data_type = known.map(|c| c.data_type.as_str());
            column_definition::same(data_type, &name, &format!("({to})"))
        }
        Engine::Sqlite => format!("{name} IS ({to})"),
    };
    if is_old(world, table, &assignment.column) {
        return format!("({})", differs(&assignment.expression));
    }
    match world.added(table, &assignment.column) {
        // The rows of then hold the default that the column was added with, not NULL.
        Some(Some(default)) if !default.eq_ignore_ascii_case("null") => {
            format!("({name} IS NULL OR {})", equals(default))
        }
        Some(_) | None => format!("({name} IS NULL)"),
    }
}

impl Behave for Backfill {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Migrate
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (Some(TableName::parse(&self.table)), None)
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        let engine = world.engine;
        let assignments = expression::assignments(engine, &self.sql)
            .map_err(|e| Refusal::new("sql", e.to_string()))?;
        if let Some(problem) = expression::expression_problem(engine, &self.sql) {
            return Err(Refusal::new("sql", problem));
        }
        for assignment in &assignments {
            let generated = world
                .column_mut(&table, "sql", &assignment.column)?
                .is_some_and(|c| c.generated);
            if generated {
                return Err(Refusal::new(
                    "sql",
                    format!(
                        "{table}.{} is generated: nobody can write it",
                        assignment.column
                    ),
                ));
            }
        }
        // These servers assign from left to right, and what comes later reads the new value.
        let read_after = assignments.iter().enumerate().find_map(|(at, later)| {
            assignments[..at]
                .iter()
                .find(|a| expression::mentions(engine, &later.expression, &a.column))
                .map(|a| (&a.column, &later.column))
        });
        if let Some((first, later)) = read_after
            && engine.is_mysql_family()
        {
            return Err(Refusal::new(
                "sql",
                format!(
                    "{} assigns from left to right: {later} would be worked out from the new {first}; put {first} behind it, or into a backfill of its own",
                    engine.title()
                ),
            ));
        }
        if let Some(problem) = self
            .filter
            .as_deref()
            .and_then(|sql| expression::expression_problem(engine, sql))
        {
            return Err(Refusal::new("where", problem));
        }
        let whole = world.is_whole(&table);
        if engine.is_mysql_family()
            && whole
            && world
                .table(&table)
                .is_some_and(|t| t.row_key(engine).is_empty())
        {
            return Err(Refusal::new(
                "table",
                format!(
                    "{table} has neither a primary key nor a unique index of columns that are NOT NULL, and a backfill walks along one; give it a key first, or, where it is small, use custom_sql with an UPDATE"
                ),
            ));
        }
        if self.batch_size == Some(0) {
            return Err(Refusal::new("batchSize", "a batch needs at least one row"));
        }
        let keyless = walk(world, &table) == WalkKey::Ctid;
        if keyless && world.version < 140_000 {
            return Err(Refusal::new(
                "table",
                format!(
                    "{table} has no primary key, and PostgreSQL walks a table without one by its pages only from version 14; add a key first"
                ),
            ));
        }
        if keyless && world.table(&table).is_some_and(|t| t.partitioned) {
            return Err(Refusal::new(
                "table",
                format!("{table} is partitioned and has no primary key; backfill each partition"),
            ));
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let assignments = self.assignments(before.engine);
        // What is brought up must not come back and rewrite what it was made from; a change of the
        // old columns is a write like any other, which the new ones follow.
        let past_triggers = assignments.iter().any(|a| {
            before
                .dual_writes(&table, &a.column)
                .iter()
                .any(|d| d.new.iter().any(|c| c.column == a.column))
        });
        let pending = self.pending(before, &assignments);
        let mut draft = draft(
            before,
            &table,
            self.sql.trim().to_owned(),
            pending,
            past_triggers,
        );
        if let Action::Backfill(backfill) = &mut draft.action {
            backfill.batch_size = self.batch_size;
            backfill.pause_ms = self.pause_ms;
        }
        Ok(vec![draft])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let overwrote = self
            .assignments(before.engine)
            .iter()
            .any(|a| before.added(&table, &a.column).is_none());
        Ok(Undo {
            drafts: Vec::new(),
            loss: if overwrote {
                Loss::Values
            } else {
                Loss::Nothing
            },
            saved: Vec::new(),
        })
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            sql: "email = lower(email)".into(),
            filter: Some("email <> lower(email)".into()),
            batch_size: None,
            pause_ms: 0,
        }
    }
}
