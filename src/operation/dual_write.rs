//! The triggers that keep columns in step: what they hold, how they come and how they go.

pub(super) mod mysql;
mod postgres;
mod sides;
mod sqlite;
mod uses;

use super::postgres as pg;
use super::sqlite::write;
use crate::dialect::{expression, quote};
use crate::document::Engine;
use crate::plan::{Lock, Statement};
use crate::schema::{DualWrite, HeldColumn, Table, TableName, World};

pub(super) use sides::{Sides, Written};
pub(super) use sqlite::{names as sqlite_names, trigger_texts};

/// What stands before the name on PostgreSQL, see [`crate::schema::TRIGGER_STEM`].
const LAST: &str = "zz_";

/// The dual write of those columns as the world knows them.
pub(super) fn definition(world: &World, table: &TableName, sides: Sides) -> DualWrite {
    let held = |column: String, moved: bool| {
        let default = world
            .column(table, &column)
            .and_then(|c| c.default.clone())
            .filter(|_| moved);
        HeldColumn { column, default }
    };
    let moved = world.engine != Engine::Sqlite;
    // Where nothing leads back, an old column that is left out gets its default either way, and
    // may as well keep it.
    let moved_old = moved && (world.engine == Engine::PostgreSql || !sides.backward.is_empty());
    let stem = DualWrite::stem(table, &sides.old, &sides.new);
    DualWrite {
        old: sides.old.into_iter().map(|c| held(c, moved_old)).collect(),
        new: sides.new.into_iter().map(|c| held(c, moved)).collect(),
        forward: sides.forward,
        backward: sides.backward,
        trigger: match world.engine {
            Engine::PostgreSql => format!("{LAST}{stem}"),
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => stem,
        },
    }
}

/// The default that a column is left with once the other side is gone: its own, or the other
/// side's brought over by the conversion.
pub(super) fn inherited_default(
    world: &World,
    table: &TableName,
    dual_write: &DualWrite,
    survivor: &str,
) -> Option<String> {
    let own = dual_write.columns().find(|c| c.column == survivor)?;
    if own.default.is_some() {
        return own.default.clone();
    }
    let (others, conversion) = if dual_write.new.contains(own) {
        (&dual_write.old, dual_write.forward.get(survivor)?)
    } else {
        (&dual_write.new, dual_write.backward.get(survivor)?)
    };
    let engine = world.engine;
    let default_of = |c: &HeldColumn| {
        c.default.clone().or_else(|| {
            let known = world.column(table, &c.column)?;
            known.default.clone().filter(|_| engine.is_mysql_family())
        })
    };
    if let [other] = others.as_slice()
        && *conversion == quote::name(engine, &other.column)
    {
        return default_of(other);
    }
    let meant = |c: &HeldColumn| expression::mentions(engine, conversion, &c.column);
    if !others.iter().any(|c| default_of(c).is_some() && meant(c)) {
        return None;
    }
    // A default stands by itself: what also reads other columns of the row can be none.
    let reads_more = world.table(table).is_some_and(|known| {
        known.columns.iter().any(|c| {
            !others.iter().any(|o| o.column == c.name)
                && expression::mentions(engine, conversion, &c.name)
        })
    });
    (!reads_more).then(|| {
        others.iter().fold(conversion.clone(), |sql, other| {
            let inner = match default_of(other) {
                Some(default) => format!("({default})"),
                None => "NULL".to_owned(),
            };
            expression::substitute(engine, &sql, table, &other.column, &inner)
        })
    })
}

/// The columns whose defaults the triggers hold.
pub(super) fn held(dual_write: &DualWrite) -> Vec<&str> {
    dual_write
        .columns()
        .filter(|c| c.default.is_some())
        .map(|c| c.column.as_str())
        .collect()
}

/// What installs it. On PostgreSQL the columns named lose their defaults to the trigger.
pub(super) fn install(
    world: &World,
    table: &TableName,
    dual_write: &DualWrite,
    defaults: &[&str],
) -> Vec<Statement> {
    match world.engine {
        Engine::PostgreSql => {
            let function = function_name(dual_write);
            let mut out = vec![
                Statement::brief(postgres::function_sql(world, table, dual_write), Lock::None),
                Statement::brief(
                    format!(
                        "COMMENT ON FUNCTION {function}() IS {}",
                        quote::literal(Engine::PostgreSql, &dual_write.marker())
                    ),
                    Lock::None,
                ),
            ];
            out.extend(
                defaults
                    .iter()
                    .map(|column| pg::alter_column(table, column, "DROP DEFAULT")),
            );
            out.push(Statement::brief(
                format!(
                    "CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {function}()",
                    quote::name(Engine::PostgreSql, &dual_write.trigger),
                    quote::table(Engine::PostgreSql, table)
                ),
                Lock::ShareRowExclusive,
            ));
            out.extend(uses::install(table, dual_write));
            out
        }
        // Each is a step of its own there.
        Engine::MySql | Engine::MariaDb => Vec::new(),
        Engine::Sqlite => trigger_texts(world.table(table), table, dual_write)
            .into_iter()
            .map(write)
            .collect(),
    }
}

/// What takes the triggers away, where they are there.
pub(super) fn remove(engine: Engine, table: &TableName, dual_write: &DualWrite) -> Vec<Statement> {
    match engine {
        Engine::PostgreSql => {
            let mut out = uses::remove(table, dual_write);
            out.push(drop_trigger(table, &dual_write.trigger));
            out.push(drop_function(dual_write));
            out
        }
        // Each is a step of its own there.
        Engine::MySql | Engine::MariaDb => Vec::new(),
        Engine::Sqlite => sqlite_names(dual_write)
            .iter()
            .map(|name| {
                write(format!(
                    "DROP TRIGGER IF EXISTS {}",
                    quote::name(Engine::Sqlite, name)
                ))
            })
            .collect(),
    }
}

/// What takes a trigger away, where it is there (PostgreSQL).
fn drop_trigger(table: &TableName, name: &str) -> Statement {
    Statement::brief(
        format!(
            "DROP TRIGGER IF EXISTS {} ON {}",
            quote::name(Engine::PostgreSql, name),
            quote::table(Engine::PostgreSql, table)
        ),
        Lock::AccessExclusive,
    )
}

/// What is left of it where its table went, triggers and all (PostgreSQL).
pub(super) fn leave_table(dual_write: &DualWrite) -> Vec<Statement> {
    let mut out = uses::leave_table(dual_write);
    out.push(drop_function(dual_write));
    out
}

/// What takes the function behind the trigger away (PostgreSQL).
fn drop_function(dual_write: &DualWrite) -> Statement {
    Statement::brief(
        format!("DROP FUNCTION IF EXISTS {}()", function_name(dual_write)),
        Lock::None,
    )
}

/// What gives a column a default, or none.
pub(super) fn put_default(table: &TableName, column: &str, default: Option<&str>) -> Statement {
    let action = match default {
        Some(default) => format!("SET DEFAULT {default}"),
        None => "DROP DEFAULT".to_owned(),
    };
    pg::alter_column(table, column, &action)
}

/// Takes the triggers out of the table as it is known.
pub(super) fn forget(table: &mut Table, dual_write: &DualWrite) {
    let names = sqlite_names(dual_write);
    table
        .dual_writes
        .retain(|d| d.trigger != dual_write.trigger);
    table
        .dependents
        .retain(|sql| !names.iter().any(|name| sql.contains(name.as_str())));
}

fn function_name(dual_write: &DualWrite) -> String {
    format!(
        "bellows.{}",
        quote::name(Engine::PostgreSql, stem(dual_write))
    )
}

/// What the names of everything that belongs to it begin with.
fn stem(dual_write: &DualWrite) -> &str {
    let trigger = &dual_write.trigger;
    trigger.strip_prefix(LAST).unwrap_or(trigger)
}

/// An expression in parentheses.
fn enclosed(sql: &str) -> String {
    format!("({})", sql.trim())
}
