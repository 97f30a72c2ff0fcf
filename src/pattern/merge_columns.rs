//! merge-columns: several columns become one, with a separator between them.

use super::apart::{Apart, parts};
use super::form::{Form, phase, validation};
use super::resolve::KEY;
use crate::dialect::quote;
use crate::document::{
    Check, Engine, Field, FieldKind, Migration, Phase, PhaseKind, Shape, Validation,
};
use crate::operation::AddColumn;
use crate::schema::TableName;

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "merge-columns",
    title: "Merge columns",
    help: "Several columns become one, with a separator between those that hold something; triggers \
           keep it in step until nobody uses the old ones any more. Nothing takes a merged value \
           apart again unless you say how.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "columns",
            "Columns",
            FieldKind::Columns,
            "The columns that are merged, in order, with commas between them.",
        ),
        Field::required(
            "newColumn",
            "New column",
            FieldKind::NewName,
            "The column that they become.",
        ),
        Field::optional(
            "dataType",
            "Data type",
            FieldKind::DataType,
            "Its type; one that holds all of them and the separators where absent.",
        ),
        Field::optional(
            "separator",
            "Separator",
            FieldKind::Text,
            "What stands between two that are not empty; a blank where absent.",
        )
        .or("\" \""),
        Field::optional(
            "using",
            "Conversion",
            FieldKind::Sql,
            "The merged value as an expression of your own, in place of the separator.",
        ),
        Field::optional(
            "apart",
            "Conversion back",
            FieldKind::Sql,
            "How a merged value is taken apart: column = expression over the new one, with semicolons between them. Without it, what new applications write is lost on the way back.",
        ),
        KEY,
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "How long nobody may have used the old columns before they go; 0 for none.",
        )
        .or("\"7d\""),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    form.must_be_new("newColumn");
    let table = form.table_name()?;
    let (old, new) = (form.list("columns"), form.needed("newColumn")?);
    if old.len() < 2 {
        form.refuse("columns", "At least two columns are merged.".to_owned());
    }
    let separator = form.raw("separator").unwrap_or(" ").to_owned();
    let own = form.needed("using");
    let sql = own
        .clone()
        .unwrap_or_else(|| merged(form, &old, &separator));
    let most = most(form, &old, separator.chars().count());
    let data_type = data_type(form, own.is_some(), most);
    let backward: Vec<(String, String)> = parts(form, "apart")
        .into_iter()
        .map(|(column, _, sql)| (column, sql))
        .collect();
    let each =
        backward.len() == old.len() && old.iter().all(|c| backward.iter().any(|(b, _)| b == c));
    if !each && !backward.is_empty() {
        form.refuse(
            "apart",
            format!("One expression for each of {}.", old.join(", ")),
        );
    }
    if form.is_refused() {
        return None;
    }
    let apart = Apart {
        engine: form.engine,
        table: &table,
        new: vec![(new.clone(), sql.clone())],
        backward,
        old: old.clone(),
    };
    let mut add = phase(PhaseKind::Expand, format!("Add {new}"));
    add.operations.push(
        AddColumn {
            table: table.to_string(),
            column: new.clone(),
            data_type: data_type.clone(),
            nullable: true,
            default_value: None,
        }
        .into(),
    );
    add.operations.extend(apart.loosen(form));
    add.validation.push(Validation {
        column: Some(new.clone()),
        ..validation(Check::ColumnExists, &table)
    });
    let mut phases: Vec<Phase> = fits(
        form,
        &table,
        &sql,
        &data_type,
        own.is_some() || most.is_none(),
    )
    .into_iter()
    .collect();
    phases.extend([
        add,
        apart.dual(),
        apart.fill(),
        apart.switch(form),
        apart.contract(form, "columns"),
    ]);
    let no_way_back = if apart.backward.is_empty() {
        ". A merged value is not taken apart again: what new applications write to it does not reach the old columns"
    } else {
        ""
    };
    Some(form.document(
        &format!("merge-{table}-{new}"),
        format!(
            "Merge {} of {table} into {new}{no_way_back}{}",
            old.join(", "),
            apart.goes(form)
        ),
        phases,
    ))
}

/// All that is neither NULL nor empty, with the separator between: NULL only where all of it is.
fn merged(form: &Form<'_>, columns: &[String], separator: &str) -> String {
    let nulls: Vec<String> = columns
        .iter()
        .map(|c| format!("{} IS NULL", quote::name(form.engine, c)))
        .collect();
    let between = quote::literal(form.engine, separator);
    let text = match form.engine {
        Engine::PostgreSql => {
            let parts: Vec<String> = columns
                .iter()
                .map(|c| format!("NULLIF({}::text, '')", quote::name(form.engine, c)))
                .collect();
            format!("concat_ws({between}, {})", parts.join(", "))
        }
        Engine::MySql | Engine::MariaDb => {
            let parts: Vec<String> = columns
                .iter()
                .map(|c| format!("NULLIF(CAST({} AS CHAR), '')", quote::name(form.engine, c)))
                .collect();
            format!("concat_ws({between}, {})", parts.join(", "))
        }
        // concat_ws is there from 3.44 only.
        Engine::Sqlite => {
            let parts: Vec<String> = columns
                .iter()
                .map(|c| {
                    let c = quote::name(form.engine, c);
                    format!("CASE WHEN coalesce({c}, '') = '' THEN '' ELSE {between} || {c} END")
                })
                .collect();
            format!(
                "substr({}, {})",
                parts.join(" || "),
                separator.chars().count() + 1
            )
        }
    };
    format!(
        "CASE WHEN {} THEN NULL ELSE {text} END",
        nulls.join(" AND ")
    )
}

/// The characters that a value of the type takes at most; `None` where there is no bound.
fn length(data_type: &str) -> Option<usize> {
    let lower = data_type.to_lowercase();
    if lower.contains("char") {
        let (_, rest) = lower.split_once('(')?;
        return rest.split(')').next()?.trim().parse().ok();
    }
    match lower.as_str() {
        "smallint" => Some(6),
        "integer" | "int" => Some(11),
        "bigint" => Some(20),
        "uuid" => Some(36),
        _ => None,
    }
}

/// The characters that all of them and the separators take at most.
fn most(form: &Form<'_>, columns: &[String], separator: usize) -> Option<usize> {
    let lengths: Option<Vec<usize>> = columns
        .iter()
        .map(|c| form.column(c).and_then(|c| length(&c.data_type)))
        .collect();
    Some(lengths?.iter().sum::<usize>() + separator * columns.len().saturating_sub(1))
}

/// The type as typed, where it holds them all; else one that does.
fn data_type(form: &mut Form<'_>, own: bool, most: Option<usize>) -> String {
    let Some(given) = form.needed("dataType") else {
        return match (form.engine, most) {
            (Engine::PostgreSql | Engine::MySql | Engine::MariaDb, Some(most)) if !own => {
                format!("VARCHAR({most})")
            }
            (_, _) => "TEXT".to_owned(),
        };
    };
    let room = match form.engine {
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => length(&given),
        // SQLite does not enforce lengths.
        Engine::Sqlite => None,
    };
    match (room, most) {
        (Some(room), Some(most)) if room < most && !own => form.refuse(
            "dataType",
            format!("{given} has room for {room} characters, and the columns with their separators take up to {most}."),
        ),
        (Some(_), None) if form.table_of_form().is_some() && !own => form.refuse(
            "dataType",
            format!("{given} has a limit, and one of the columns has none: choose TEXT, or every write that does not fit fails."),
        ),
        (_, _) => {}
    }
    given
}

/// Where nobody knows how long merged values get, the ones that are there are measured first.
fn fits(
    form: &Form<'_>,
    table: &TableName,
    sql: &str,
    data_type: &str,
    unknown: bool,
) -> Option<Phase> {
    let room = length(data_type).filter(|_| unknown && form.engine != Engine::Sqlite)?;
    let condition = format!(
        "{}({sql}) > {room}",
        if form.engine.is_mysql_family() {
            "char_length"
        } else {
            "length"
        }
    );
    let (from, keys) = (
        quote::table(form.engine, table),
        quote::names(form.engine, &super::resolve::key(form)),
    );
    let mut look = phase(
        PhaseKind::Migrate,
        format!("Look for rows whose merged value is longer than {room}"),
    );
    look.validation.push(Validation {
        table: None,
        sql: Some(format!("SELECT count(*) FROM {from} WHERE {condition}")),
        list: (!keys.is_empty()).then(|| {
            format!("SELECT {keys} FROM {from} WHERE {condition} ORDER BY {keys} LIMIT 5")
        }),
        error_message: Some(format!(
            "merged values of {table} are longer than {data_type} holds; choose a longer type"
        )),
        ..validation(Check::Custom, table)
    });
    Some(look)
}
