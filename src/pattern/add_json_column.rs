//! add-json-column: a column of JSON, filled, and indexed by what it holds.

use super::form::{Form, phase, validation};
use super::names::Names;
use super::values::default_value;
use crate::dialect::quote;
use crate::document::{Check, Engine, Field, FieldKind, Migration, PhaseKind, Shape, Validation};
use crate::operation::{AddColumn, AddIndex, Backfill};
use crate::schema::{Schema, TableName};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "add-json-column",
    title: "Add a JSON column",
    help: "Adds a column of JSON, fills it for the rows that are there, and indexes what it holds.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "column",
            "Column",
            FieldKind::NewName,
            "The new column's name.",
        ),
        Field::optional(
            "dataType",
            "Data type",
            FieldKind::DataType,
            "The type; jsonb on PostgreSQL and TEXT on SQLite where absent.",
        ),
        Field::optional(
            "default",
            "Default",
            FieldKind::Default,
            "What rows get where they give no value, such as {}; NULL where absent.",
        ),
        Field::optional(
            "backfill",
            "Value of existing rows",
            FieldKind::Sql,
            "An SQL expression over the row; the default where absent.",
        ),
        Field::optional(
            "inverted",
            "Inverted index",
            FieldKind::Choice(&["none", "all", "paths"]),
            "PostgreSQL: a GIN index that finds any key or value (all), or is smaller and finds what @> asks for (paths).",
        )
        .or("\"none\""),
        Field::optional(
            "paths",
            "Indexed paths",
            FieldKind::Words,
            "Keys inside the JSON that get an index of their own, with commas between them: theme, address.city.",
        ),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    form.must_be_new("column");
    let table = form.table_name()?;
    let column = form.needed("column")?;
    let data_type = form.needed("dataType").unwrap_or_else(|| {
        match form.engine {
            Engine::PostgreSql => "jsonb",
            Engine::MySql | Engine::MariaDb => "json",
            Engine::Sqlite => "TEXT",
        }
        .to_owned()
    });
    let default = form
        .text("default")
        .map(|text| default_value(form.engine, &data_type, text));
    let mut add = phase(PhaseKind::Expand, format!("Add {column}"));
    add.operations.push(
        AddColumn {
            table: table.to_string(),
            column: column.clone(),
            data_type: data_type.clone(),
            nullable: true,
            default_value: default,
        }
        .into(),
    );
    add.validation.push(Validation {
        column: Some(column.clone()),
        ..validation(Check::ColumnExists, &table)
    });
    let mut phases = vec![add];
    // A default fills the rows that are there by itself.
    if let Some(expression) = form.needed("backfill") {
        let mut fill = phase(
            PhaseKind::Migrate,
            format!("Fill {column} for the rows that are there"),
        );
        fill.operations.push(
            Backfill {
                table: table.to_string(),
                sql: format!("{} = {expression}", quote::name(form.engine, &column)),
                filter: None,
                batch_size: None,
                pause_ms: 0,
            }
            .into(),
        );
        // Without a default, rows that come meanwhile have nothing in it.
        if form.text("default").is_some() {
            fill.validation.push(Validation {
                column: Some(column.clone()),
                ..validation(Check::BackfillComplete, &table)
            });
        }
        phases.push(fill);
    }
    let indexes = indexes(form, &table, &column, &data_type);
    if !indexes.is_empty() {
        let mut build = phase(PhaseKind::Expand, format!("Index what {column} holds"));
        build.operations.extend(indexes.into_iter().map(Into::into));
        build
            .validation
            .push(validation(Check::IndexExists, &table));
        phases.push(build);
    }
    Some(form.document(
        &format!("add-json-{table}-{column}"),
        format!("Add the JSON column {table}.{column}"),
        phases,
    ))
}

fn indexes(form: &mut Form<'_>, table: &TableName, column: &str, data_type: &str) -> Vec<AddIndex> {
    let mut names = Names::of(form.schema.unwrap_or(&Schema::empty(form.engine)));
    let mut out = Vec::new();
    let quoted = quote::name(form.engine, column);
    let index =
        |name: String, key: String, method: Option<String>, predicate: Option<String>| AddIndex {
            table: table.to_string(),
            index_name: Some(name),
            columns: vec![key],
            concurrent: true,
            unique: false,
            method,
            predicate,
        };
    let inverted = form.text("inverted").unwrap_or("none");
    if inverted != "none" {
        let classes = match form.engine {
            Engine::PostgreSql if data_type.eq_ignore_ascii_case("jsonb") => Some(match inverted {
                "paths" => format!("{quoted} jsonb_path_ops"),
                _ => column.to_owned(),
            }),
            Engine::PostgreSql => {
                form.refuse(
                    "inverted",
                    format!("GIN indexes jsonb, and {column} is {data_type}: choose jsonb, or index paths."),
                );
                None
            }
            Engine::MySql | Engine::MariaDb => {
                form.refuse(
                    "inverted",
                    format!(
                        "{} has no index over all of a document: name the paths that are searched.",
                        form.engine.title()
                    ),
                );
                None
            }
            Engine::Sqlite => {
                form.refuse(
                    "inverted",
                    "SQLite has no inverted index: name the paths that are searched, and each gets an index.".to_owned(),
                );
                None
            }
        };
        if let Some(key) = classes {
            let name = names.free(&format!("idx_{}_{column}_gin", table.name));
            out.push(index(name, key, Some("gin".to_owned()), None));
        }
    }
    for path in form.list("paths") {
        let steps: Vec<&str> = path.split('.').map(str::trim).collect();
        if steps
            .iter()
            .any(|s| s.is_empty() || s.contains(['"', '\\']))
        {
            form.refuse(
                "paths",
                format!("`{path}` is no path: keys with dots between them."),
            );
            continue;
        }
        let value = match (form.engine, steps.as_slice()) {
            (Engine::MySql | Engine::MariaDb, keys) => {
                let keys: String = keys.iter().map(|k| format!(".\"{k}\"")).collect();
                form.refuse(
                    "paths",
                    format!(
                        "{} searches a path by an index on a generated column: add one AS (json_unquote(json_extract({quoted}, '${keys}'))) VIRTUAL with custom_sql, and an index on it.",
                        form.engine.title()
                    ),
                );
                continue;
            }
            (Engine::PostgreSql, [key]) => {
                format!("({quoted} ->> {})", quote::literal(form.engine, key))
            }
            (Engine::PostgreSql, keys) => {
                let keys: Vec<String> = keys.iter().map(|k| format!("\"{k}\"")).collect();
                format!(
                    "({quoted} #>> {})",
                    quote::literal(form.engine, &format!("{{{}}}", keys.join(",")))
                )
            }
            (Engine::Sqlite, keys) => {
                let keys: String = keys.iter().map(|k| format!(".\"{k}\"")).collect();
                format!(
                    "json_extract({quoted}, {})",
                    quote::literal(form.engine, &format!("${keys}"))
                )
            }
        };
        let name = names.free(&format!("idx_{}_{column}_{}", table.name, steps.join("_")));
        let predicate = format!("{value} IS NOT NULL");
        out.push(index(name, value, None, Some(predicate)));
    }
    out
}
