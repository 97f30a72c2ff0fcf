//! The query behind every check.

mod sqlite;

use super::PlannedCheck;
use crate::dialect::{catalogue, column_definition, expression, quote, split};
use crate::document::{Check, Engine, Expect, Phase, Validation};
use crate::operation::Operation;
use crate::schema::{Refusal, TableName, World};

/// What is asked after the phase, in the world that it leaves.
pub(super) fn planned(
    world: &mut World,
    phase: &Phase,
    validation: &Validation,
) -> Result<PlannedCheck, Refusal> {
    let table = validation.table.as_deref().map(TableName::parse);
    let need_table = || {
        table.clone().ok_or_else(|| {
            Refusal::new(
                "table",
                format!("{} needs a table", validation.check.word()),
            )
        })
    };
    let engine = world.engine;
    let (sql, expect, message) = match validation.check {
        Check::ColumnExists | Check::ColumnNotExists => {
            let table = need_table()?;
            let column = given("column", validation.column.as_deref())?;
            let there = column_there(engine, &table, column);
            if validation.check == Check::ColumnExists {
                (
                    format!("SELECT {there}"),
                    Some(Expect::True),
                    format!("{table}.{column} is not there"),
                )
            } else {
                (
                    format!("SELECT NOT {there}"),
                    Some(Expect::True),
                    format!("{table}.{column} is still there"),
                )
            }
        }
        Check::IndexExists => {
            let table = need_table()?;
            let (sql, what) = index_there(engine, &table, phase, validation)?;
            (
                format!("SELECT {sql}"),
                Some(Expect::True),
                format!("{what} of {table} is not there, or not valid"),
            )
        }
        Check::BackfillComplete => {
            let table = need_table()?;
            let column = given("column", validation.column.as_deref())?;
            world.need_column(&table, "column", column)?;
            (
                format!(
                    "SELECT count(*) FROM {} WHERE {} IS NULL",
                    quote::table(engine, &table),
                    quote::name(engine, column)
                ),
                Some(Expect::Zero),
                format!("rows of {table} still have NULL in {column}"),
            )
        }
        Check::ColumnsMatch => columns_match(world, &need_table()?, validation)?,
        Check::ConstraintValid => constraint_valid(world, &need_table()?, validation)?,
        Check::RowCountMatch => row_count_match(world, &need_table()?, validation)?,
        Check::Custom => custom(engine, validation)?,
    };
    let list = match validation.list.as_deref() {
        Some(list) => Some(listed(engine, list)?),
        None => table.and_then(|table| keys_of(world, &table, &sql)),
    };
    Ok(PlannedCheck {
        check: validation.check,
        sql,
        list,
        expect,
        error_message: validation.error_message.clone().unwrap_or(message),
    })
}

/// Rows that are listed where a check fails.
const LISTED: u32 = 5;

/// The keys of the first rows that a check of ours counts, where the table's key is known.
fn keys_of(world: &World, table: &TableName, sql: &str) -> Option<String> {
    let counted = sql.strip_prefix("SELECT count(*) ")?;
    let key = &world.table(table)?.primary_key;
    let keys = quote::names(world.engine, key);
    (!key.is_empty()).then(|| format!("SELECT {keys} {counted} ORDER BY {keys} LIMIT {LISTED}"))
}

/// A list of the document's own: one statement that reads.
fn listed(engine: Engine, sql: &str) -> Result<String, Refusal> {
    let pieces = split::split(engine, sql).map_err(|e| Refusal::new("list", e.to_string()))?;
    let reads = |sql: &str| {
        split::leading(engine, sql, 1)
            .iter()
            .any(|w| w == "SELECT" || w == "WITH")
    };
    match pieces.as_slice() {
        [piece] if reads(&piece.sql) => Ok(piece.sql.clone()),
        _ => Err(Refusal::new(
            "list",
            "a list is one SELECT, for the rows that are wrong",
        )),
    }
}

fn given<'v>(field: &'static str, value: Option<&'v str>) -> Result<&'v str, Refusal> {
    value.ok_or_else(|| Refusal::new(field, format!("{field} is missing")))
}

fn column_there(engine: Engine, table: &TableName, column: &str) -> String {
    match engine {
        Engine::PostgreSql => format!(
            "EXISTS (SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass({}) AND attname = {} AND attnum > 0 AND NOT attisdropped)",
            quote::literal(engine, &quote::table(engine, table)),
            quote::literal(engine, column)
        ),
        Engine::MySql | Engine::MariaDb => catalogue::column(engine, table, column),
        Engine::Sqlite => format!(
            "EXISTS (SELECT 1 FROM pragma_table_xinfo({}) WHERE name = {} COLLATE NOCASE)",
            quote::literal(engine, &table.name),
            quote::literal(engine, column)
        ),
    }
}

/// The condition that the asked indexes are there, and a word for them.
fn index_there(
    engine: Engine,
    table: &TableName,
    phase: &Phase,
    validation: &Validation,
) -> Result<(String, String), Refusal> {
    if let Some(name) = &validation.index_name {
        return Ok((
            named_index(engine, table, name),
            format!("the index {name}"),
        ));
    }
    if let Some(columns) = &validation.columns {
        let what = format!("an index on {}", columns.join(", "));
        return Ok((index_on(engine, table, columns), what));
    }
    let made: Vec<String> = phase
        .operations
        .iter()
        .filter_map(|operation| made_index(engine, operation, table))
        .collect();
    if made.is_empty() {
        return Err(Refusal::new(
            "indexName",
            format!(
                "this phase makes no index on {table}: say which one is meant, by indexName or columns"
            ),
        ));
    }
    let conditions: Vec<String> = made.iter().map(|n| named_index(engine, table, n)).collect();
    Ok((
        conditions.join(" AND "),
        format!("the index {}", made.join(" or ")),
    ))
}

/// The index that an operation makes on the table.
fn made_index(engine: Engine, operation: &Operation, table: &TableName) -> Option<String> {
    let (on, name) = match operation {
        Operation::AddIndex(o) => (&o.table, o.name()),
        Operation::AddUnique(o) => match engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => {
                (&o.table, o.constraint_name.clone())
            }
            // SQLite gives such an index a name of its own.
            Engine::Sqlite => return None,
        },
        Operation::AddConstraint(o) => match engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb if o.makes_index(engine) => {
                (&o.table, o.constraint_name.clone())
            }
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb | Engine::Sqlite => return None,
        },
        Operation::AddColumn(_)
        | Operation::DropColumn(_)
        | Operation::RenameColumn(_)
        | Operation::ChangeColumnType(_)
        | Operation::CreateTable(_)
        | Operation::DropTable(_)
        | Operation::RenameTable(_)
        | Operation::CreateView(_)
        | Operation::DropView(_)
        | Operation::SetNotNull(_)
        | Operation::DropNotNull(_)
        | Operation::SetDefault(_)
        | Operation::DropDefault(_)
        | Operation::DropIndex(_)
        | Operation::AddCheck(_)
        | Operation::AddForeignKey(_)
        | Operation::DropConstraint(_)
        | Operation::Backfill(_)
        | Operation::EnableDualWrite(_)
        | Operation::DisableDualWrite(_)
        | Operation::CopyTable(_)
        | Operation::SwapTables(_)
        | Operation::CustomSql(_) => return None,
    };
    (TableName::parse(on) == *table).then_some(name)
}

fn named_index(engine: Engine, table: &TableName, bare: &str) -> String {
    let name = quote::literal(engine, bare);
    match engine {
        // A constraint that takes an index over renames it to its own name.
        Engine::PostgreSql => format!(
            "EXISTS (SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = pg_catalog.to_regclass({}) AND i.indisvalid AND (c.relname = {name} OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.conname = {name})))",
            quote::literal(engine, &quote::table(engine, table))
        ),
        Engine::MySql | Engine::MariaDb => catalogue::index(engine, table, bare),
        Engine::Sqlite => format!(
            "EXISTS (SELECT 1 FROM pragma_index_list({}) WHERE name = {name} COLLATE NOCASE)",
            quote::literal(engine, &table.name)
        ),
    }
}

fn index_on(engine: Engine, table: &TableName, columns: &[String]) -> String {
    let list: Vec<String> = columns.iter().map(|c| quote::literal(engine, c)).collect();
    match engine {
        Engine::PostgreSql => format!(
            "EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = pg_catalog.to_regclass({}) AND i.indisvalid AND (SELECT array_agg(a.attname ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place) JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts) = ARRAY[{}]::name[])",
            quote::literal(engine, &quote::table(engine, table)),
            list.join(", ")
        ),
        Engine::MySql | Engine::MariaDb => catalogue::index_on(engine, table, columns),
        Engine::Sqlite => format!(
            "EXISTS (SELECT 1 FROM pragma_index_list({}) AS i WHERE (SELECT group_concat(name, char(10)) FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) = {})",
            quote::literal(engine, &table.name),
            list.join(" || char(10) || ")
        ),
    }
}

fn columns_match(
    world: &mut World,
    table: &TableName,
    validation: &Validation,
) -> Result<(String, Option<Expect>, String), Refusal> {
    validation.form()?;
    let (old, new) = (
        validation.old_column.as_deref(),
        validation.new_column.as_deref(),
    );
    for (field, column) in [("oldColumn", old), ("newColumn", new)] {
        if let Some(column) = column {
            world.need_column(table, field, column)?;
        }
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    match (&validation.forward, old, new) {
        (Some(conversion), _, new) => {
            for (column, sql) in conversion.by_column(new) {
                world.need_column(table, "forward", &column)?;
                if let Some(problem) = expression::expression_problem(world.engine, &sql) {
                    return Err(Refusal::new("forward", problem));
                }
                pairs.push((format!("({sql})"), column));
            }
        }
        // Where the check says nothing, the conversion is that of the dual write it checks.
        (None, old, new) => {
            let (old, new) = (given("oldColumn", old)?, given("newColumn", new)?);
            let identity = quote::name(world.engine, old);
            let by_trigger = world
                .dual_writes(table, new)
                .into_iter()
                .find(|d| d.old.iter().any(|c| c.column == old))
                .and_then(|d| d.forward.get(new).cloned())
                .filter(|sql| *sql != identity)
                .map(|sql| format!("({sql})"));
            pairs.push((by_trigger.unwrap_or(identity), new.to_owned()));
        }
    }
    let conditions: Vec<String> = pairs
        .iter()
        .map(|(left, column)| {
            let right = quote::name(world.engine, column);
            match world.engine {
                Engine::PostgreSql => format!("{left} IS DISTINCT FROM {right}"),
                Engine::MySql | Engine::MariaDb => {
                    let data_type = world.column(table, column).map(|c| c.data_type.as_str());
                    column_definition::differ(data_type, left, &right)
                }
                Engine::Sqlite => format!("{left} IS NOT {right}"),
            }
        })
        .collect();
    let message = match old {
        Some(old) => format!(
            "rows of {table} differ between {old} and {}",
            pairs
                .iter()
                .map(|(_, column)| column.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
        None => format!("rows of {table} differ from what their conversion gives"),
    };
    Ok((
        format!(
            "SELECT count(*) FROM {} WHERE {}",
            quote::table(world.engine, table),
            conditions.join(" OR ")
        ),
        Some(Expect::Zero),
        message,
    ))
}

/// A check's query, how its value is judged, and what is said where it fails.
type Asked = (String, Option<Expect>, String);

fn constraint_valid(
    world: &mut World,
    table: &TableName,
    validation: &Validation,
) -> Result<Asked, Refusal> {
    let name = given("constraintName", validation.constraint_name.as_deref())?;
    world.table_mut("table", table)?;
    let engine = world.engine;
    let text = |text: &str| quote::literal(engine, text);
    let there = match engine {
        Engine::PostgreSql => format!(
            "EXISTS (SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = pg_catalog.to_regclass({}) AND conname = {} AND convalidated)",
            text(&quote::table(engine, table)),
            text(name)
        ),
        Engine::MySql | Engine::MariaDb => format!(
            "EXISTS (SELECT 1 FROM information_schema.table_constraints WHERE table_schema = {} AND table_name = {} AND constraint_name = {})",
            table
                .schema
                .as_deref()
                .map_or("DATABASE()".to_owned(), text),
            text(&table.name),
            text(name)
        ),
        // Its catalogue keeps the text of the table, and no list of constraints.
        Engine::Sqlite => format!(
            "(EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = {own} COLLATE NOCASE AND ({found})) AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_check({own})))",
            own = text(&table.name),
            found = sqlite::constraint(world, table, name)
        ),
    };
    Ok((
        format!("SELECT {there}"),
        Some(Expect::True),
        format!("the constraint {name} of {table} is not there, or rows of it were never checked"),
    ))
}

/// Both counts in one statement: one snapshot sees both.
fn row_count_match(
    world: &mut World,
    table: &TableName,
    validation: &Validation,
) -> Result<Asked, Refusal> {
    let other = TableName::parse(given("otherTable", validation.other_table.as_deref())?);
    world.table_mut("table", table)?;
    world.table_mut("otherTable", &other)?;
    let count = |name: &TableName| {
        format!(
            "(SELECT count(*) FROM {})",
            quote::table(world.engine, name)
        )
    };
    Ok((
        format!("SELECT {} - {}", count(table), count(&other)),
        Some(Expect::Zero),
        format!("{table} and {other} do not have the same number of rows; found is the difference"),
    ))
}

fn custom(
    engine: Engine,
    validation: &Validation,
) -> Result<(String, Option<Expect>, String), Refusal> {
    let sql = given("sql", validation.sql.as_deref())?;
    let pieces = split::split(engine, sql).map_err(|e| Refusal::new("sql", e.to_string()))?;
    let [piece] = pieces.as_slice() else {
        return Err(Refusal::new(
            "sql",
            "a check is one statement that gives one value",
        ));
    };
    let expect = match (validation.expect, engine) {
        (Some(expect), _) => Some(expect),
        // The type of the value decides.
        (None, Engine::PostgreSql) => None,
        (None, Engine::MySql | Engine::MariaDb | Engine::Sqlite) => {
            Some(expression::outer_form(engine, &piece.sql).ok_or_else(|| {
                Refusal::new(
                    "expect",
                    format!(
                        "{} has no boolean type, and the form of this query leaves it open whether its value is a truth or a count: say `expect: true` or `expect: zero`",
                        engine.title()
                    ),
                )
            })?)
        }
    };
    Ok((
        piece.sql.clone(),
        expect,
        "the check did not pass".to_owned(),
    ))
}
