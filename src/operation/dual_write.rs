//! The triggers that keep two columns in step: what they hold, how they come and how they go.

use super::postgres as pg;
use super::sqlite;
use crate::dialect::{expression, quote};
use crate::document::Engine;
use crate::plan::{Lock, Statement};
use crate::schema::{Column, DualWrite, Table, TableName, World};

/// Types without an equality that everybody agrees on: compared by their text.
const NOT_COMPARABLE: &[&str] = &[
    "json", "xml", "point", "box", "path", "polygon", "line", "lseg", "circle",
];

/// What stands before the name on PostgreSQL, see [`crate::schema::TRIGGER_STEM`].
const LAST: &str = "zz_";

/// The dual write of two columns as the world knows them.
pub(super) fn definition(
    world: &World,
    table: &TableName,
    (old, new): (&str, &str),
    (forward, backward): (Option<&String>, Option<&String>),
) -> DualWrite {
    let held = |column: &str| match world.engine {
        Engine::PostgreSql => world.column(table, column).and_then(|c| c.default.clone()),
        Engine::Sqlite => None,
    };
    let stem = DualWrite::stem(table, old, new);
    DualWrite {
        old_column: old.to_owned(),
        new_column: new.to_owned(),
        old_default: held(old),
        new_default: held(new),
        forward: forward.cloned(),
        backward: backward.cloned(),
        trigger: match world.engine {
            Engine::PostgreSql => format!("{LAST}{stem}"),
            Engine::Sqlite => stem,
        },
    }
}

/// Whether values written to the new column reach the old one.
pub(super) fn goes_back(dual_write: &DualWrite) -> bool {
    dual_write.backward.is_some() || dual_write.forward.is_none()
}

/// The default that a column is left with once the other one is gone: its own, or the other's
/// brought over by the conversion.
pub(super) fn inherited_default(
    engine: Engine,
    table: &TableName,
    dual_write: &DualWrite,
    survivor: &str,
) -> Option<String> {
    let is_new = survivor == dual_write.new_column;
    let (own, other, other_column, conversion) = if is_new {
        (
            &dual_write.new_default,
            &dual_write.old_default,
            &dual_write.old_column,
            &dual_write.forward,
        )
    } else {
        (
            &dual_write.old_default,
            &dual_write.new_default,
            &dual_write.new_column,
            &dual_write.backward,
        )
    };
    if own.is_some() {
        return own.clone();
    }
    let other = other.as_ref()?;
    match conversion {
        Some(sql) => {
            let inner = format!("({other})");
            Some(expression::substitute(
                engine,
                sql,
                table,
                other_column,
                &inner,
            ))
        }
        None if is_new || goes_back(dual_write) => Some(other.clone()),
        None => None,
    }
}

/// What installs it. On PostgreSQL both columns lose their defaults to the trigger.
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
                Statement::brief(function_sql(world, table, dual_write), Lock::None),
                Statement::brief(
                    format!(
                        "COMMENT ON FUNCTION {function}() IS {}",
                        quote::literal(&dual_write.marker())
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
                    quote::name(&dual_write.trigger),
                    quote::table(table)
                ),
                Lock::ShareRowExclusive,
            ));
            out
        }
        Engine::Sqlite => trigger_texts(world.table(table), table, dual_write)
            .into_iter()
            .map(sqlite::write)
            .collect(),
    }
}

/// What takes the triggers away, where they are there.
pub(super) fn remove(engine: Engine, table: &TableName, dual_write: &DualWrite) -> Vec<Statement> {
    match engine {
        Engine::PostgreSql => vec![
            Statement::brief(
                format!(
                    "DROP TRIGGER IF EXISTS {} ON {}",
                    quote::name(&dual_write.trigger),
                    quote::table(table)
                ),
                Lock::AccessExclusive,
            ),
            Statement::brief(
                format!("DROP FUNCTION IF EXISTS {}()", function_name(dual_write)),
                Lock::None,
            ),
        ],
        Engine::Sqlite => sqlite_names(dual_write)
            .iter()
            .map(|name| sqlite::write(format!("DROP TRIGGER IF EXISTS {}", quote::name(name))))
            .collect(),
    }
}

/// What gives a column a default, or none.
pub(super) fn put_default(table: &TableName, column: &str, default: Option<&str>) -> Statement {
    let action = match default {
        Some(default) => format!("SET DEFAULT {default}"),
        None => "DROP DEFAULT".to_owned(),
    };
    pg::alter_column(table, column, &action)
}

/// The names of SQLite's two triggers.
pub(super) fn sqlite_names(dual_write: &DualWrite) -> [String; 2] {
    [
        format!("{}_insert", dual_write.trigger),
        format!("{}_update", dual_write.trigger),
    ]
}

fn function_name(dual_write: &DualWrite) -> String {
    let stem = dual_write
        .trigger
        .strip_prefix(LAST)
        .unwrap_or(&dual_write.trigger);
    format!("bellows.{}", quote::name(stem))
}

/// An expression in parentheses.
fn enclosed(sql: &str) -> String {
    format!("({})", sql.trim())
}

/// `NEW.c := ...`: the conversion over the row's values under their own names.
fn assignment(
    world: &World,
    table: &TableName,
    target: &str,
    source: &str,
    conversion: Option<&String>,
) -> String {
    let target = quote::name(target);
    let Some(sql) = conversion else {
        return format!("NEW.{target} := NEW.{};", quote::name(source));
    };
    let mut columns = vec![source.to_owned()];
    if let Some(known) = world.table(table) {
        columns.extend(
            known
                .columns
                .iter()
                .map(|c| c.name.clone())
                .filter(|c| c != source && expression::mentions(world.engine, sql, c)),
        );
    }
    let row: Vec<String> = columns
        .iter()
        .map(|c| format!("NEW.{0} AS {0}", quote::name(c)))
        .collect();
    format!(
        "NEW.{target} := (SELECT {} FROM (SELECT {}) AS {});",
        enclosed(sql),
        row.join(", "),
        quote::name(&table.name)
    )
}

/// Whether a column changed, as a condition.
fn changed(column: Option<&Column>, name: &str) -> String {
    let name = quote::name(name);
    let by_text = column.is_some_and(|c| NOT_COMPARABLE.contains(&c.data_type.as_str()));
    if by_text {
        format!("NEW.{name}::text IS DISTINCT FROM OLD.{name}::text")
    } else {
        format!("NEW.{name} IS DISTINCT FROM OLD.{name}")
    }
}

fn function_sql(world: &World, table: &TableName, dual_write: &DualWrite) -> String {
    let (old, new) = (&dual_write.old_column, &dual_write.new_column);
    let (old_sql, new_sql) = (quote::name(old), quote::name(new));
    let forward = assignment(world, table, new, old, dual_write.forward.as_ref());
    let backward = if goes_back(dual_write) {
        assignment(world, table, old, new, dual_write.backward.as_ref())
    } else {
        "NULL;".to_owned()
    };
    let both_absent = match (&dual_write.old_default, &dual_write.new_default) {
        (Some(default), _) => format!("NEW.{old_sql} := {default};\n      {forward}"),
        (None, Some(default)) => format!("NEW.{new_sql} := {default};\n      {backward}"),
        (None, None) => forward.clone(),
    };
    let old_changed = changed(world.column(table, old), old);
    let new_changed = changed(world.column(table, new), new);
    let body = format!(
        "
#variable_conflict use_column
BEGIN
  IF current_setting('bellows.backfill', true) = 'on' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.{old_sql} IS NULL AND NEW.{new_sql} IS NULL THEN
      {both_absent}
    ELSIF NEW.{new_sql} IS NULL THEN
      {forward}
    ELSIF NEW.{old_sql} IS NULL THEN
      {backward}
    END IF;
  ELSIF {old_changed} THEN
    IF NOT ({new_changed}) THEN
      {forward}
    END IF;
  ELSIF {new_changed} THEN
    {backward}
  END IF;
  RETURN NEW;
END
"
    );
    let fence = (0..)
        .map(|n| match n {
            0 => "$bellows$".to_owned(),
            n => format!("$bellows{n}$"),
        })
        .find(|fence| !body.contains(fence.as_str()))
        .unwrap_or_default();
    let own_schema = match &table.schema {
        Some(schema) => format!("{}, ", quote::name(schema)),
        None => String::new(),
    };
    format!(
        "CREATE OR REPLACE FUNCTION {}() RETURNS trigger\nLANGUAGE plpgsql\nSET search_path = pg_catalog, {own_schema}public, pg_temp\nAS {fence}{body}{fence}",
        function_name(dual_write)
    )
}

/// SQLite's two triggers. While one of them writes, a row in `_bellows_bypass` keeps both from
/// firing, so that they never answer each other.
pub(super) fn trigger_texts(
    known: Option<&Table>,
    table: &TableName,
    dual_write: &DualWrite,
) -> Vec<String> {
    let (old, new) = (
        quote::name(&dual_write.old_column),
        quote::name(&dual_write.new_column),
    );
    let on = quote::name(&table.name);
    let row = this_row(known);
    let forward = match &dual_write.forward {
        Some(sql) => enclosed(sql),
        None => old.clone(),
    };
    let backward = goes_back(dual_write).then(|| match &dual_write.backward {
        Some(sql) => enclosed(sql),
        None => new.clone(),
    });
    let back = |condition: &str| match &backward {
        Some(sql) => format!("  UPDATE {on} SET {old} = {sql} WHERE {row} AND {condition};\n"),
        None => String::new(),
    };
    let quiet = "NOT EXISTS (SELECT 1 FROM _bellows_bypass)";
    let body = |forward_condition: &str, back_condition: &str| {
        format!(
            "BEGIN\n  /* {} */\n  INSERT INTO _bellows_bypass (id) VALUES (1);\n  UPDATE {on} SET {new} = {forward} WHERE {row} AND {forward_condition};\n{}  DELETE FROM _bellows_bypass;\nEND",
            dual_write.marker(),
            back(back_condition)
        )
    };
    let [insert, update] = sqlite_names(dual_write);
    vec![
        format!(
            "CREATE TRIGGER {} AFTER INSERT ON {on}\nWHEN (NEW.{old} IS NULL OR NEW.{new} IS NULL) AND {quiet}\n{}",
            quote::name(&insert),
            body(
                &format!("NEW.{new} IS NULL"),
                &format!("NEW.{old} IS NULL AND NEW.{new} IS NOT NULL")
            )
        ),
        format!(
            "CREATE TRIGGER {} AFTER UPDATE OF {old}, {new} ON {on}\nWHEN (NEW.{old} IS NOT OLD.{old}) <> (NEW.{new} IS NOT OLD.{new}) AND {quiet}\n{}",
            quote::name(&update),
            body(
                &format!("NEW.{old} IS NOT OLD.{old}"),
                &format!("NEW.{new} IS NOT OLD.{new}")
            )
        ),
    ]
}

/// The condition that finds the row which fired the trigger.
fn this_row(known: Option<&Table>) -> String {
    let by_key = |table: &Table| {
        table
            .primary_key
            .iter()
            .map(|c| format!("{0} = NEW.{0}", quote::name(c)))
            .collect::<Vec<_>>()
            .join(" AND ")
    };
    match known {
        Some(table) if sqlite::without_rowid(table) => by_key(table),
        Some(table) => match sqlite::rowid(table) {
            Some(rowid) => format!("{rowid} = NEW.{rowid}"),
            None => by_key(table),
        },
        None => "rowid = NEW.rowid".to_owned(),
    }
}
