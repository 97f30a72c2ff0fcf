//! change-type: a column of the new type beside the old one, kept in step under a conversion, until
//! it takes the old one's name.

mod last;
mod phases;

use super::carry::{Carried, Reading, carry, comment};
use super::conversion::{self, Safe};
use super::form::Form;
use super::names::Names;
use super::resolve::{FIX, KEY, LIMIT, Rows, SET_ASIDE, Wrong};
use crate::dialect::{expression, quote};
use crate::document::{Engine, Field, FieldKind, Migration, Shape, slug};
use crate::schema::{Column, Schema, TableName};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "change-type",
    title: "Change a column's type",
    help: "Values that do not convert are dealt with first. A column of the new type takes over all \
           that hangs on the old one, triggers convert in both directions, and when nobody uses \
           the old one any more, the new one takes its name.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required("column", "Column", FieldKind::Column, "The column."),
        Field::required(
            "newType",
            "New type",
            FieldKind::DataType,
            "The new type, as the engine spells it.",
        ),
        Field::optional(
            "oldType",
            "Old type",
            FieldKind::DataType,
            "The type it has now; needed where the table is not known.",
        ),
        Field::optional(
            "newColumn",
            "New column",
            FieldKind::NewName,
            "What the new column is called meanwhile; the old name with _new where absent.",
        ),
        Field::optional(
            "using",
            "Conversion",
            FieldKind::Sql,
            "The new value, as an expression over the old column; a cast where absent.",
        ),
        Field::optional(
            "backward",
            "Conversion back",
            FieldKind::Sql,
            "The old value, as an expression over the new column; a cast where both are absent. Without one, what new applications write is lost on the way back.",
        ),
        Field::optional(
            "nullWhere",
            "NULL where",
            FieldKind::Sql,
            "Rows whose value becomes NULL on purpose, as a condition: age = ''.",
        ),
        Field::optional(
            "unconvertible",
            "Values that do not convert",
            FieldKind::Choice(&["stop", "null", "fix", "delete"]),
            "What is done with rows whose value the new type cannot hold: stop and list them, or mend them.",
        )
        .or("\"stop\""),
        FIX,
        SET_ASIDE,
        KEY,
        LIMIT,
        Field::optional(
            "takeOver",
            "Take over the name",
            FieldKind::Bool,
            "Whether the new column is called as the old one in the end.",
        )
        .or("true"),
        Field::optional(
            "viewName",
            "View",
            FieldKind::NewName,
            "A view of the table that has the new type under the old name from the start, for applications that cannot bear both names.",
        ),
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "How long nobody may have used the old column before it goes; 0 for none.",
        )
        .or("\"7d\""),
    ],
};

/// What is known once the form is read.
struct Change<'a> {
    engine: Engine,
    table: &'a TableName,
    old: String,
    new: String,
    old_type: String,
    new_type: String,
    forward: Safe,
    backward: Option<Safe>,
    /// Rows that do not convert; `None` where every value does.
    wrong: Option<Wrong<'a>>,
    /// Their condition upside down, for a constraint.
    converted: String,
    required: bool,
    default: Option<String>,
    /// What stands behind the type of the column that is added.
    comment: String,
    take_over: bool,
}

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let given = form.needed("column")?;
    let known = form.column(&given).cloned();
    let old = known.as_ref().map_or(given, |c| c.name.clone());
    let new = form
        .needed("newColumn")
        .unwrap_or_else(|| quote::made_up(&format!("{old}_new")));
    if form.column(&new).is_some() {
        form.refuse(
            "newColumn",
            format!("`{table}` has a column `{new}` already."),
        );
    }
    let new_type = form.needed("newType")?;
    let old_type = old_type(form, known.as_ref())?;
    let name = slug(&format!("change-{table}-{old}-to-{new_type}"));

    let mut names = Names::of(form.schema.unwrap_or(&Schema::empty(form.engine)));
    let forward = forward(form, &table, (&old, &old_type), &new_type, &mut names)?;
    let backward = backward(form, &table, (&new, &new_type), &old_type, &mut names);
    let whole = form.engine == Engine::PostgreSql
        && form.text("using").is_none()
        && conversion::never_fails(&old_type, &new_type);
    let on_purpose = form.text("nullWhere").map(|sql| format!("({sql})"));
    let mut wrong = format!(
        "{} IS NOT NULL AND ({}) IS NULL",
        quote::name(form.engine, &old),
        forward.sql
    );
    let mut converted = format!(
        "{} IS NULL OR {} IS NOT NULL",
        quote::name(form.engine, &old),
        quote::name(form.engine, &new)
    );
    if let Some(on_purpose) = &on_purpose {
        // A condition that is NULL does not hold.
        wrong.push_str(&format!(" AND {on_purpose} IS NOT TRUE"));
        converted.push_str(&format!(" OR {on_purpose}"));
    }
    let columns = [old.clone()];
    let engine = form.engine;
    let wrong = (!whole).then(|| Wrong {
        engine,
        field: "unconvertible",
        what: format!("hold a value in {old} that is no {new_type}"),
        table: &table,
        columns: &columns,
        rows: Rows::Where(wrong),
        migration: &name,
    });
    let change = Change {
        engine: form.engine,
        table: &table,
        comment: known
            .as_ref()
            .map(|c| comment(engine, c))
            .filter(|_| !new_type.to_lowercase().contains("comment"))
            .unwrap_or_default(),
        required: known.as_ref().is_some_and(|c| !c.nullable),
        default: known.as_ref().and_then(|c| c.default.clone()),
        take_over: form.text("takeOver") != Some("false"),
        old,
        new,
        old_type,
        new_type,
        forward,
        backward,
        wrong,
        converted,
    };
    let carried = carried(form, known.as_ref(), &change);
    if form.is_refused() {
        return None;
    }
    change.document(form, carried, &name, &mut names)
}

fn old_type(form: &mut Form<'_>, known: Option<&Column>) -> Option<String> {
    let found = known
        .map(|c| c.data_type.clone())
        .or_else(|| form.needed("oldType"));
    if found.is_none() && form.table_of_form().is_none() {
        form.refuse(
            "oldType",
            "Needed, since the table is not known here.".to_owned(),
        );
    }
    found
}

/// The columns that an expression reads besides its own, with their types.
fn read_by(
    form: &Form<'_>,
    sql: Option<&str>,
    (own, data_type): (&str, &str),
) -> Vec<(String, String)> {
    let mut out = vec![(own.to_owned(), data_type.to_owned())];
    if let (Some(sql), Some(table)) = (sql, form.table_of_form()) {
        let more = table
            .columns
            .iter()
            .filter(|c| c.name != own && expression::mentions(form.engine, sql, &c.name));
        out.extend(more.map(|c| (c.name.clone(), c.data_type.clone())));
    }
    out
}

fn forward(
    form: &mut Form<'_>,
    table: &TableName,
    (old, old_type): (&str, &str),
    new_type: &str,
    names: &mut Names,
) -> Option<Safe> {
    let using = form.needed("using");
    if let Some(problem) = using
        .as_deref()
        .and_then(|sql| expression::expression_problem(form.engine, sql))
    {
        form.refuse("using", format!("{problem}."));
        return None;
    }
    match (form.engine, using) {
        (Engine::PostgreSql, None) if conversion::never_fails(old_type, new_type) => {
            conversion::cast(form.engine, old, new_type).map(Safe::plain)
        }
        (Engine::PostgreSql, using) => {
            let name = names.free(&format!("{}_{old}_forward", table.name));
            let columns = read_by(form, using.as_deref(), (old, old_type));
            Some(conversion::function(
                table,
                &name,
                &columns,
                using.as_deref(),
                new_type,
            ))
        }
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, Some(using)) => Some(Safe::plain(using)),
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, None) => {
            let cast = conversion::cast(form.engine, old, new_type);
            if cast.is_none() {
                let why = match form.engine {
                    Engine::Sqlite => format!(
                        "SQLite's cast to {new_type} makes a number of what it gets, 2024 of '2024-05-01'"
                    ),
                    Engine::PostgreSql | Engine::MySql | Engine::MariaDb => format!(
                        "a cast to {new_type} fails on what does not convert, in the applications' own statements"
                    ),
                };
                form.refuse(
                    "using",
                    format!("Needed: {why}. Say how values become {new_type}, and NULL what does not convert."),
                );
            }
            cast.map(Safe::plain)
        }
    }
}

fn backward(
    form: &mut Form<'_>,
    table: &TableName,
    (new, new_type): (&str, &str),
    old_type: &str,
    names: &mut Names,
) -> Option<Safe> {
    let backward = form.needed("backward");
    if let Some(problem) = backward
        .as_deref()
        .and_then(|sql| expression::expression_problem(form.engine, sql))
    {
        form.refuse("backward", format!("{problem}."));
        return None;
    }
    // Nobody can tell what undoes an expression.
    if backward.is_none() && form.text("using").is_some() {
        return None;
    }
    match (form.engine, backward) {
        (Engine::PostgreSql, None) if conversion::never_fails(new_type, old_type) => {
            conversion::cast(form.engine, new, old_type).map(Safe::plain)
        }
        (Engine::PostgreSql, backward) => {
            let name = names.free(&format!("{}_{new}_backward", table.name));
            let columns = read_by(form, backward.as_deref(), (new, new_type));
            Some(conversion::function(
                table,
                &name,
                &columns,
                backward.as_deref(),
                old_type,
            ))
        }
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, Some(backward)) => {
            Some(Safe::plain(backward))
        }
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, None) => {
            conversion::cast(form.engine, new, old_type).map(Safe::plain)
        }
    }
}

/// What hangs on the old column; views go on showing the type that they show.
fn carried(form: &mut Form<'_>, known: Option<&Column>, change: &Change<'_>) -> Carried {
    let (Some(schema), Some(table), Some(column)) = (form.schema, form.table_of_form(), known)
    else {
        return Carried::default();
    };
    let cast = || match (&change.backward, form.engine) {
        // Not every type of a column is one of a CAST there.
        (Some(back), Engine::MySql | Engine::MariaDb) => back.sql.clone(),
        (None, Engine::MySql | Engine::MariaDb) => quote::name(form.engine, &change.new),
        (_, Engine::PostgreSql | Engine::Sqlite) => format!(
            "CAST({} AS {})",
            quote::name(form.engine, &change.new),
            change.old_type
        ),
    };
    let back = form.needed("backward").unwrap_or_else(cast);
    let reading = Reading {
        new: &change.new,
        columns: std::slice::from_ref(&change.new),
        expression: Some(&back),
    };
    let carried = carry(schema, change.table, table, column, &reading);
    for reason in &carried.refusals {
        form.refuse("column", reason.clone());
    }
    carried
}
