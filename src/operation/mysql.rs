//! MySQL's and MariaDB's statements that several operations share.
//!
//! Every ALTER says its algorithm and its lock, so that the server refuses what it cannot do
//! online, where it would else copy the table while writers wait.

mod constraint;

pub(super) use constraint::{
    add_foreign_key, constraint_again, drop_constraint, gave_way, name_key_index,
};

use super::behave::Draft;
use crate::dialect::statement::Work;
use crate::dialect::{catalogue, column_definition, expression, lexer, quote, trigger};
use crate::document::Engine;
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Constraint, ConstraintKind, Refusal, Table, TableName, World};

/// How the server is told to go about a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// In the catalogue alone.
    Instant,
    /// In place, with that much work, while everybody reads and writes.
    Online(Work),
    /// By a copy of the table, while writers wait: only where a rollback has no other way.
    Copy,
}

impl How {
    fn clause(self, engine: Engine, between: &str) -> String {
        match (self, engine) {
            // MySQL takes no LOCK beside INSTANT.
            (How::Instant, Engine::MySql) => "ALGORITHM=INSTANT".to_owned(),
            (How::Instant, Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite) => {
                format!("ALGORITHM=INSTANT{between}LOCK=NONE")
            }
            (How::Online(_), _) => format!("ALGORITHM=INPLACE{between}LOCK=NONE"),
            (How::Copy, _) => format!("ALGORITHM=COPY{between}LOCK=SHARED"),
        }
    }

    /// An ALTER of a table that is empty and in nobody's use.
    pub(super) fn unused(self, engine: Engine, table: &TableName, action: &str) -> Statement {
        let sql = format!(
            "ALTER TABLE {} {action}, {}",
            quote::table(engine, table),
            self.clause(engine, ", ")
        );
        Statement::brief(sql, Lock::MetadataExclusive).outside()
    }

    fn statement(self, world: &World, table: &TableName, sql: String) -> Statement {
        let (lock, work) = match self {
            How::Instant => (Lock::MetadataExclusive, Work::Brief),
            How::Online(work) => (Lock::MetadataUpgradable, work),
            How::Copy => (Lock::MetadataNoWrite, Work::Rewrite),
        };
        Statement::new(sql, lock, work, world.rows(table)).outside()
    }
}

/// The way for what ALTER TABLE does only by a copy.
pub(super) const BY_COPY: &str = "use gh-ost or pt-online-schema-change for it, or, where writers may wait as long as the copy takes, custom_sql with ALGORITHM=COPY, LOCK=SHARED";

/// A step of one statement that commits by itself.
pub(super) fn ddl(
    title: impl Into<String>,
    table: &TableName,
    statement: Statement,
    done: &str,
) -> Draft {
    Draft {
        undoes: None,
        title: title.into(),
        tables: vec![table.clone()],
        action: Action::Ddl {
            statement,
            done_sql: format!("SELECT {done}"),
        },
    }
}

/// What stands for the effect of a statement that may as well be sent twice.
pub(super) const REPEATABLE: &str = "0";

/// `ALTER TABLE t <action>, ALGORITHM=..., LOCK=...`.
pub(super) fn alter(world: &World, table: &TableName, action: &str, how: How) -> Statement {
    let engine = world.engine;
    let sql = format!(
        "ALTER TABLE {} {action}, {}",
        quote::table(engine, table),
        how.clause(engine, ", ")
    );
    how.statement(world, table, sql)
}

/// How a column goes. A name that fills its place in the dictionary is one that MySQL fails to
/// mark as dropped, where its letters are longer than a byte.
fn drop_how(world: &World, column: &str) -> How {
    let marked = column.len() + LONGEST_MARK > 64;
    if world.engine == Engine::MySql && marked && !column.is_ascii() {
        How::Online(Work::Rewrite)
    } else {
        column_how(world)
    }
}

/// The bytes of `!hidden!_dropped_v255_p1023_`, which MySQL puts before a dropped column's name.
const LONGEST_MARK: usize = 27;

/// How a column comes at any place but the last, or goes.
pub(super) fn column_how(world: &World) -> How {
    if world.engine == Engine::MySql && world.version < 80_029 {
        How::Online(Work::Rewrite)
    } else {
        How::Instant
    }
}

/// Drops a column.
pub(super) fn drop_column(world: &World, table: &TableName, column: &str) -> Draft {
    let engine = world.engine;
    let action = format!("DROP COLUMN {}", quote::name(engine, column));
    ddl(
        format!("Drop column {table}.{column}"),
        table,
        alter(world, table, &action, drop_how(world, column)),
        &format!("NOT {}", catalogue::column(engine, table, column)),
    )
}

/// Says a column's whole definition anew, with NULL allowed or forbidden.
pub(super) fn modify_null(
    world: &World,
    table: &TableName,
    column: &str,
    allowed: bool,
    title: String,
) -> Result<Draft, Refusal> {
    let engine = world.engine;
    let word = if allowed { "NULL" } else { "NOT NULL" };
    let definition = match world.column(table, column).map(|c| &c.definition) {
        Some(Some(definition)) => column_definition::with_null(engine, definition, allowed),
        Some(None) | None if !world.live => format!("/* all of its definition, with */ {word}"),
        Some(None) | None => {
            return Err(Refusal::new(
                "column",
                format!(
                    "the definition of {table}.{column} is not known before this runs, and MODIFY COLUMN must repeat all of it; put this into a document of its own"
                ),
            ));
        }
    };
    // MariaDB does without making the table anew where it can: not under an index or a check.
    let how = How::Online(Work::Rewrite);
    let action = format!("MODIFY COLUMN {} {definition}", quote::name(engine, column));
    Ok(ddl(
        title,
        table,
        alter(world, table, &action, how),
        &catalogue::nullable(engine, table, column, allowed),
    ))
}

/// What gives a column a default, or none.
pub(super) fn put_default(
    world: &World,
    table: &TableName,
    column: &str,
    default: Option<&str>,
) -> Draft {
    let engine = world.engine;
    let known = world.column(table, column);
    let name = quote::name(engine, column);
    let (title, action) = match default {
        Some(default) => (
            format!("Set the default of {table}.{column}"),
            format!(
                "ALTER COLUMN {name} SET DEFAULT {}",
                settable(engine, known.map_or("", |c| &c.data_type), default)
            ),
        ),
        None => (
            format!("Drop the default of {table}.{column}"),
            // Where NULL is allowed, it is what the column then gets.
            if known.is_some_and(|c| c.nullable) {
                format!("ALTER COLUMN {name} SET DEFAULT NULL")
            } else {
                format!("ALTER COLUMN {name} DROP DEFAULT")
            },
        ),
    };
    ddl(
        title,
        table,
        alter(world, table, &action, How::Instant),
        REPEATABLE,
    )
}

/// A default behind SET DEFAULT, where MySQL takes a value of the moment in parentheses only.
fn settable(engine: Engine, data_type: &str, default: &str) -> String {
    let value = column_definition::default_value(engine, data_type, default);
    let begins_with_word = value
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic())
        && !["null", "true", "false"].contains(&value.to_lowercase().as_str());
    let prefixed = lexer::significant(engine, &value)
        .is_ok_and(|tokens| matches!(tokens.as_slice(), [one] if one.kind == lexer::Kind::Text));
    // Behind SET DEFAULT, MySQL takes a literal of these types for one even in parentheses.
    if engine == Engine::MySql
        && column_definition::is_long(data_type)
        && expression::is_plain_literal(engine, value.trim_matches(['(', ')']))
        && !value.eq_ignore_ascii_case("null")
    {
        let literal = default.trim().trim_matches(['(', ')']);
        return match column_definition::type_word(data_type).as_str() {
            "json" => format!("(CAST({literal} AS json))"),
            _ => format!("(concat({literal}))"),
        };
    }
    if engine == Engine::MySql && begins_with_word && !prefixed {
        format!("({value})")
    } else {
        value
    }
}

/// Makes a table or a view, which nobody has in use.
pub(super) fn make(world: &World, title: String, name: &TableName, sql: String) -> Draft {
    ddl(
        title,
        name,
        Statement::brief(sql, Lock::None).outside(),
        &catalogue::table(world.engine, name),
    )
}

/// Drops a table or a view: `kind` is its word.
pub(super) fn drop_whole(world: &World, kind: &str, name: &TableName) -> Draft {
    let engine = world.engine;
    let sql = format!(
        "DROP {} {}",
        kind.to_uppercase(),
        quote::table(engine, name)
    );
    ddl(
        format!("Drop {kind} {name}"),
        name,
        Statement::brief(sql, Lock::MetadataExclusive).outside(),
        &format!("NOT {}", catalogue::table(engine, name)),
    )
}

/// Makes a table again out of what the catalogue knew.
pub(super) fn table_again(world: &World, name: &TableName, table: &Table) -> Vec<Draft> {
    let engine = world.engine;
    let mut items: Vec<String> = Vec::new();
    for column in &table.columns {
        let Some(definition) = &column.definition else {
            return Vec::new();
        };
        items.push(format!(
            "{} {definition}",
            quote::name(engine, &column.name)
        ));
    }
    if !table.primary_key.is_empty() {
        let key = quote::names(engine, &table.primary_key);
        items.push(format!("PRIMARY KEY ({key})"));
    }
    for constraint in &table.constraints {
        // The other kinds need their indexes first.
        if constraint.kind == ConstraintKind::Check {
            let own = quote::name(engine, &constraint.name);
            items.push(format!("CONSTRAINT {own} {}", constraint.definition));
        }
    }
    let counter = match table.auto_increment {
        Some(next) => format!(" AUTO_INCREMENT={next}"),
        None => String::new(),
    };
    let options = match table.options.as_str() {
        "" => String::new(),
        options => format!(" {options}"),
    };
    let sql = format!(
        "CREATE TABLE {} (\n  {}\n){counter}{options}",
        quote::table(engine, name),
        items.join(",\n  ")
    );
    let mut drafts = vec![make(world, format!("Create table {name} again"), name, sql)];
    drafts.extend(
        table
            .indexes
            .iter()
            .filter(|i| !i.definition.is_empty())
            .map(|i| build_index(world, name, &i.name, &i.definition)),
    );
    for key in &table.constraints {
        if key.kind == ConstraintKind::ForeignKey {
            let again = constraint_again(world, name, key, None);
            drafts.extend(
                again
                    .into_iter()
                    .map(|draft| key.references.iter().fold(draft, Draft::touching)),
            );
        }
    }
    for dual_write in &table.dual_writes {
        drafts.extend(super::dual_write::mysql::install(
            world,
            name,
            dual_write,
            &[],
        ));
    }
    for sql in &table.dependents {
        let Some(own) = trigger::stands_on(engine, sql, &name.name) else {
            continue;
        };
        drafts.push(ddl(
            format!("Make the trigger {own} on {name} again"),
            name,
            Statement::brief(sql.clone(), Lock::MetadataExclusive).outside(),
            &catalogue::trigger(engine, name, &own),
        ));
    }
    drafts
}

/// Puts a default, or none, to a column of the world.
pub(super) fn note_default(
    world: &mut World,
    table: &TableName,
    column: &str,
    default: Option<&str>,
) -> Result<(), Refusal> {
    let engine = world.engine;
    let Some(column) = world.column_mut(table, "column", column)? else {
        return Ok(());
    };
    column.default = default.map(str::to_owned);
    if let Some(definition) = &column.definition {
        let value = default.map(|d| column_definition::default_value(engine, &column.data_type, d));
        column.definition = Some(column_definition::with_default(
            engine,
            definition,
            value.as_deref(),
        ));
    }
    Ok(())
}

/// Builds an index out of its definition, as CREATE INDEX.
pub(super) fn build_index(world: &World, table: &TableName, name: &str, definition: &str) -> Draft {
    let engine = world.engine;
    let words = lexer::significant(engine, definition).unwrap_or_default();
    // A key that is an expression is a hidden column, which MySQL adds to an index by a copy alone.
    let by_expression = words
        .windows(2)
        .any(|pair| (pair[0].is_symbol("(") || pair[0].is_symbol(",")) && pair[1].is_symbol("("));
    // Only these keep writers out while they are built.
    let blocks = words
        .get(1)
        .is_some_and(|t| t.is("fulltext") || t.is("spatial"));
    let statement = if blocks {
        let sql = format!("{definition} ALGORITHM=INPLACE LOCK=SHARED");
        Statement::new(sql, Lock::MetadataNoWrite, Work::Index, world.rows(table)).outside()
    } else if by_expression {
        How::Copy.statement(
            world,
            table,
            format!("{definition} {}", How::Copy.clause(engine, " ")),
        )
    } else {
        let how = How::Online(Work::Index);
        how.statement(
            world,
            table,
            format!("{definition} {}", how.clause(engine, " ")),
        )
    };
    ddl(
        format!("Build index {name} on {table}"),
        table,
        statement,
        &catalogue::index(engine, table, name),
    )
}

/// An index with an expression among its keys, where the table has one (MySQL).
pub(super) fn index_by_expression<'w>(world: &'w World, table: &TableName) -> Option<&'w str> {
    let known = world.table(table)?;
    known
        .indexes
        .iter()
        .filter(|_| world.engine == Engine::MySql)
        .find(|i| {
            i.expressions
                && i.columns
                    .iter()
                    .any(|c| c.contains('(') && known.column(c).is_none())
        })
        .map(|i| i.name.as_str())
}

/// Drops an index.
pub(super) fn drop_index(world: &World, table: &TableName, name: &str) -> Draft {
    let engine = world.engine;
    let action = format!("DROP INDEX {}", quote::name(engine, name));
    ddl(
        format!("Drop index {name} of {table}"),
        table,
        alter(world, table, &action, How::Online(Work::Brief)),
        &format!("NOT {}", catalogue::index(engine, table, name)),
    )
}

/// The text of an index as it is kept: `CREATE UNIQUE INDEX i ON t (a, b(10))`.
pub(super) fn index_definition(
    engine: Engine,
    table: &TableName,
    name: &str,
    unique: bool,
    keys: &[String],
) -> String {
    format!(
        "CREATE {}INDEX {} ON {} ({})",
        if unique { "UNIQUE " } else { "" },
        quote::name(engine, name),
        quote::table(engine, table),
        keys.join(", ")
    )
}

/// A unique index is a constraint there as well, and the other way round.
pub(super) fn note_unique(
    world: &mut World,
    table: &TableName,
    name: &str,
    columns: &[String],
) -> Result<(), Refusal> {
    let engine = world.engine;
    let entry = world.table_mut("table", table)?;
    for index in entry.indexes.iter_mut().filter(|i| i.name == name) {
        index.constraint = Some(name.to_owned());
    }
    entry.constraints.push(Constraint {
        name: name.to_owned(),
        kind: ConstraintKind::Unique,
        columns: columns.to_vec(),
        definition: format!("UNIQUE ({})", quote::names(engine, columns)),
        validated: true,
        references: None,
    });
    Ok(())
}

/// `email(10)`: the beginning of a column as a key, perhaps with its order. `None` for what is
/// something else.
pub(super) fn prefix_key(world: &World, table: &TableName, key: &str) -> Option<String> {
    let engine = world.engine;
    let tokens = lexer::significant(engine, key).ok()?;
    let [name, open, length, close, order @ ..] = tokens.as_slice() else {
        return None;
    };
    let plain = open.is_symbol("(")
        && length.kind == lexer::Kind::Number
        && close.is_symbol(")")
        && order.len() <= 1
        && order.iter().all(|t| t.is("asc") || t.is("desc"));
    let column = name.name(engine).filter(|_| plain)?;
    if world.is_whole(table) && world.column(table, &column).is_none() {
        return None;
    }
    let order: String = order.iter().map(|t| format!(" {}", t.text)).collect();
    Some(format!(
        "{}({}){order}",
        quote::name(engine, &column),
        length.text
    ))
}

/// Refuses a column as a key whose values are too long to be one.
pub(super) fn refuse_long_key(
    world: &World,
    table: &TableName,
    field: &'static str,
    column: &str,
) -> Result<(), Refusal> {
    match world.column(table, column) {
        Some(known) if column_definition::is_long(&known.data_type) => Err(Refusal::new(
            field,
            format!(
                "{table}.{column} is {}, of which {} indexes only the beginning; say how many characters of it in add_index: {column}(50), or index a generated column",
                known.data_type,
                world.engine.title()
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// An index whose first columns are those: what a foreign key needs at both of its ends.
pub(super) fn leads(world: &World, table: &TableName, columns: &[String]) -> bool {
    let begins = |of: &[String]| {
        of.len() >= columns.len()
            && columns
                .iter()
                .zip(of)
                .all(|(a, b)| a.to_lowercase() == b.to_lowercase())
    };
    world.table(table).is_some_and(|t| {
        begins(&t.primary_key)
            || t.indexes
                .iter()
                .any(|i| !i.expressions && begins(&i.columns))
    })
}
