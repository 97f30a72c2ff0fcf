//! The values that a JSON column, an array or several columns hold, as an item of FROM. NULL, the
//! JSON null and an empty array hold none; a JSON value that stands alone is one.

pub(super) mod sqlite;

use super::form::Form;
use crate::dialect::quote;
use crate::document::Engine;
use crate::schema::TableName;

mod mysql;

/// Where values come from.
pub(super) struct Source {
    /// The item of FROM, with `item.position` and `item.value`.
    pub(super) each: String,
    /// Which of them become rows.
    pub(super) filter: String,
    /// Whether they are JSON.
    json: bool,
    /// The type of a value.
    data_type: String,
    /// A value, as an expression over `item`.
    value: String,
    /// How many do not fit, as a query; absent where all do, or none is asked for.
    pub(super) misfits: Option<String>,
}

/// A column of the new table.
pub(super) struct Target {
    pub(super) column: String,
    pub(super) data_type: String,
    /// Its value, as an expression over `item`.
    pub(super) sql: String,
}

/// Types that a key of a JSON object may become: each takes every value of its own JSON type.
const FIELD_TYPES: &[&str] = &["text", "numeric", "boolean", "jsonb"];

pub(super) fn source(form: &mut Form<'_>, table: &TableName, columns: &[String]) -> Option<Source> {
    if form.engine.is_mysql_family() {
        return mysql::source(form, table, columns);
    }
    let value = "item.value".to_owned();
    let name = |n: &str| quote::name(Engine::PostgreSql, n);
    let column = |c: &str| format!("{}.{}", name(&table.name), name(c));
    let known = form.table_of_form();
    let of = |c: &str| known.and_then(|t| t.column(c)).map(|k| k.data_type.clone());
    let fields = !form.list("fields").is_empty();
    let first = columns.first()?;
    let data_type = of(first);
    if columns.len() > 1 {
        if fields {
            form.refuse(
                "fields",
                "Keys become columns of one JSON column, not of several.".to_owned(),
            );
        }
        let mut types: Vec<String> = columns.iter().filter_map(|c| of(c)).collect();
        types.dedup();
        if types.len() > 1 && form.text("dataType").is_none() {
            form.refuse(
                "dataType",
                format!(
                    "The columns are of several types ({}): say which one the values get.",
                    types.join(", ")
                ),
            );
        }
        let rows: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(n, c)| format!("({}, {})", n + 1, column(c)))
            .collect();
        return Some(Source {
            each: format!("(VALUES {}) AS item(position, value)", rows.join(", ")),
            filter: "item.value IS NOT NULL".to_owned(),
            json: false,
            data_type: types
                .into_iter()
                .next()
                .unwrap_or_else(|| "text".to_owned()),
            misfits: None,
            value,
        });
    }
    if let Some(element) = data_type.as_deref().and_then(|t| t.strip_suffix("[]")) {
        return Some(Source {
            each: format!(
                "unnest({}) WITH ORDINALITY AS item(value, position)",
                column(first)
            ),
            filter: "item.value IS NOT NULL".to_owned(),
            json: false,
            data_type: element.to_owned(),
            misfits: None,
            value,
        });
    }
    match data_type.as_deref() {
        Some("json" | "jsonb") | None => {}
        Some(other) => {
            form.refuse(
                "columns",
                format!(
                    "`{first}` is {other}: values come out of JSON, an array or several columns."
                ),
            );
            return None;
        }
    }
    let json = match data_type.as_deref() {
        Some("json") => format!("{}::jsonb", column(first)),
        Some(_) | None => column(first),
    };
    let each = format!(
        "jsonb_array_elements(CASE WHEN {json} IS NULL OR jsonb_typeof({json}) = 'null' THEN '[]'::jsonb WHEN jsonb_typeof({json}) = 'array' THEN {json} ELSE jsonb_build_array({json}) END) WITH ORDINALITY AS item(value, position)"
    );
    let mut filter = "jsonb_typeof(item.value) <> 'null'".to_owned();
    let mut wrong: Vec<String> = Vec::new();
    if fields {
        filter = "jsonb_typeof(item.value) = 'object'".to_owned();
        wrong.push("jsonb_typeof(item.value) NOT IN ('object', 'null')".to_owned());
        for (key, data_type) in read_fields(form) {
            if let Some(kind) = json_kind(&data_type) {
                let value = format!("item.value -> {}", quote::literal(Engine::PostgreSql, &key));
                wrong.push(format!("jsonb_typeof({value}) NOT IN ('{kind}', 'null')"));
            }
        }
    }
    let stop = form.text("misfits").unwrap_or("stop") == "stop";
    let misfits = (stop && !wrong.is_empty()).then(|| {
        format!(
            "SELECT count(*) FROM {} AS {}, LATERAL {each} WHERE {}",
            quote::table(Engine::PostgreSql, table),
            name(&table.name),
            wrong.join(" OR ")
        )
    });
    Some(Source {
        each,
        filter,
        json: true,
        data_type: "jsonb".to_owned(),
        misfits,
        value,
    })
}

/// The JSON type whose values a type takes; a text takes all.
fn json_kind(data_type: &str) -> Option<&'static str> {
    match data_type {
        "numeric" => Some("number"),
        "boolean" => Some("boolean"),
        _ => None,
    }
}

/// `street text, lines jsonb`.
fn read_fields(form: &Form<'_>) -> Vec<(String, String)> {
    form.list("fields")
        .into_iter()
        .map(|field| match field.rsplit_once(char::is_whitespace) {
            Some((key, data_type)) => (key.trim().to_owned(), data_type.to_lowercase()),
            None => (field, "text".to_owned()),
        })
        .collect()
}

/// The columns that the values become.
pub(super) fn targets(form: &mut Form<'_>, source: &Source) -> Vec<Target> {
    if form.engine.is_mysql_family() {
        return mysql::targets(form, source);
    }
    let fields = read_fields(form);
    for (_, data_type) in &fields {
        if !FIELD_TYPES.contains(&data_type.as_str()) {
            form.refuse(
                "fields",
                format!(
                    "`{data_type}`: a key becomes one of {}, which take every value of its kind, so that no write of an application fails; change the type afterwards.",
                    FIELD_TYPES.join(", ")
                ),
            );
        }
    }
    if source.json && !fields.is_empty() {
        return fields
            .into_iter()
            .map(|(key, data_type)| {
                let key_sql = quote::literal(Engine::PostgreSql, &key);
                let sql = match json_kind(&data_type) {
                    Some(kind) => format!(
                        "CASE WHEN jsonb_typeof(item.value -> {key_sql}) = '{kind}' THEN (item.value ->> {key_sql})::{data_type} END"
                    ),
                    None if data_type == "jsonb" => format!("item.value -> {key_sql}"),
                    None => format!("item.value ->> {key_sql}"),
                };
                Target {
                    column: key,
                    data_type,
                    sql,
                }
            })
            .collect();
    }
    let data_type = form
        .needed("dataType")
        .unwrap_or_else(|| source.data_type.clone());
    let sql = if data_type == source.data_type {
        source.value.clone()
    } else if source.json && data_type.eq_ignore_ascii_case("text") {
        // A text without its quotes.
        "item.value #>> '{}'".to_owned()
    } else {
        format!("item.value::{data_type}")
    };
    vec![Target {
        column: form.text("valueColumn").unwrap_or("value").to_owned(),
        data_type,
        sql,
    }]
}
