//! add-json-column: a column of JSON, filled, and indexed by what it holds.

use super::apart::Apart;
use super::form::{Form, phase, validation};
use super::names::{Names, free_column};
use super::values::default_value;
use crate::dialect::quote;
use crate::document::{Check, Engine, Field, FieldKind, Migration, PhaseKind, Shape, Validation};
use crate::operation::{AddColumn, AddIndex, Backfill, Operation, SetDefault};
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
            "The type; jsonb on PostgreSQL, json on MySQL and MariaDB and TEXT on SQLite where absent.",
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
            "Keys inside the JSON that get an index of their own, with commas between them: theme, address.city. MariaDB indexes no expression: there each gets a column beside, which triggers keep.",
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
    // MySQL would copy the table to give every row a default that is an expression, as JSON's is.
    let late = form.engine == Engine::MySql;
    let mut add = phase(PhaseKind::Expand, format!("Add {column}"));
    add.operations.push(
        AddColumn {
            table: table.to_string(),
            column: column.clone(),
            data_type: data_type.clone(),
            nullable: true,
            default_value: default.clone().filter(|_| !late),
        }
        .into(),
    );
    if let Some(default_value) = default.clone().filter(|_| late) {
        add.operations.push(
            SetDefault {
                table: table.to_string(),
                column: column.clone(),
                default_value,
            }
            .into(),
        );
    }
    add.validation.push(Validation {
        column: Some(column.clone()),
        ..validation(Check::ColumnExists, &table)
    });
    let paths = paths(form);
    let beside = (form.engine.is_mysql_family() && !paths.is_empty())
        .then(|| beside(form, &table, &column, &paths));
    if let Some(kept) = &beside {
        add.operations.extend(kept.columns(&table));
    }
    let kept_by_triggers = beside
        .as_ref()
        .filter(|_| form.engine == Engine::MariaDb)
        .map(|kept| &kept.apart);
    let mut phases = vec![add];
    phases.extend(kept_by_triggers.map(Apart::dual));
    // A default fills the rows that are there by itself.
    let given = form.needed("backfill").or_else(|| {
        let default = default.as_ref().filter(|_| late)?;
        Some(quote::default_value(form.engine, default))
    });
    if let Some(expression) = given {
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
    phases.extend(kept_by_triggers.map(Apart::fill));
    let indexes = indexes(form, &table, (&column, &data_type), &paths, beside.as_ref());
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

/// The keys of each path.
fn paths(form: &mut Form<'_>) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    for path in form.list("paths") {
        let steps: Vec<String> = path.split('.').map(|s| s.trim().to_owned()).collect();
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
        out.push(steps);
    }
    out
}

/// `$."address"."city"` as a literal.
fn path_literal(engine: Engine, keys: &[String]) -> String {
    let keys: String = keys.iter().map(|k| format!(".\"{k}\"")).collect();
    quote::literal(engine, &format!("${keys}"))
}

/// The characters of a value that are indexed on MySQL and MariaDB: a longer one must not fail the
/// application's write.
const INDEXED: usize = 255;

/// MySQL and MariaDB: the columns that hold what stands at the paths. They are virtual on MySQL; on
/// MariaDB triggers keep them, since a virtual column under an index would keep every later ADD
/// COLUMN of the table from being online.
struct Beside<'a> {
    apart: Apart<'a>,
}

fn beside<'a>(
    form: &Form<'_>,
    table: &'a TableName,
    column: &str,
    paths: &[Vec<String>],
) -> Beside<'a> {
    let engine = form.engine;
    let mut new: Vec<(String, String)> = Vec::new();
    for keys in paths {
        let name = free_column(form, &format!("{column}_{}", keys.join("_")));
        let (from, path) = (quote::name(engine, column), path_literal(engine, keys));
        let sql = match engine {
            // JSON_VALUE came with 8.0.21, and gives NULL for what is longer than its result.
            Engine::MySql => format!(
                "left(if(json_type(json_extract({from}, {path})) IN ('OBJECT', 'ARRAY', 'NULL'), NULL, json_unquote(json_extract({from}, {path}))), {INDEXED})"
            ),
            Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => {
                format!("left(json_value({from}, {path}), {INDEXED})")
            }
        };
        new.push((name, sql));
    }
    Beside {
        apart: Apart {
            engine,
            table,
            old: vec![column.to_owned()],
            new,
            backward: Vec::new(),
        },
    }
}

impl Beside<'_> {
    fn columns(&self, table: &TableName) -> Vec<Operation> {
        let add = |(column, sql): &(String, String)| {
            let generated = match self.apart.engine {
                Engine::MySql => format!(" AS ({sql}) VIRTUAL"),
                Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => String::new(),
            };
            AddColumn {
                table: table.to_string(),
                column: column.clone(),
                data_type: format!("varchar({INDEXED}) COLLATE utf8mb4_bin{generated}"),
                nullable: true,
                default_value: None,
            }
            .into()
        };
        self.apart.new.iter().map(add).collect()
    }
}

fn indexes(
    form: &mut Form<'_>,
    table: &TableName,
    (column, data_type): (&str, &str),
    paths: &[Vec<String>],
    beside: Option<&Beside<'_>>,
) -> Vec<AddIndex> {
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
                        "{} has no inverted index but FULLTEXT, which knows words alone and keeps writers out while it is built: name the paths that are searched.",
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
    for (at, steps) in paths.iter().enumerate() {
        let value = match (form.engine, steps.as_slice()) {
            (Engine::MySql | Engine::MariaDb, _) => {
                match beside.and_then(|kept| kept.apart.new.get(at)) {
                    Some((kept, _)) => kept.clone(),
                    None => continue,
                }
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
                format!(
                    "json_extract({quoted}, {})",
                    path_literal(form.engine, keys)
                )
            }
        };
        let name = names.free(&format!("idx_{}_{column}_{}", table.name, steps.join("_")));
        let predicate = (!form.engine.is_mysql_family()).then(|| format!("{value} IS NOT NULL"));
        out.push(index(name, value, None, predicate));
    }
    out
}
