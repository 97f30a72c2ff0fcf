//! The same on SQLite, where json_each makes rows of a value. It fails where the value is no JSON,
//! and a trigger that fails fails the application's write: what is no JSON holds no values there,
//! and is a misfit.

use super::{Source, Target, json_kind, read_fields};
use crate::dialect::quote;
use crate::document::Engine;
use crate::pattern::form::Form;
use crate::schema::TableName;

const ENGINE: Engine = Engine::Sqlite;

pub(in crate::pattern) fn source(
    form: &mut Form<'_>,
    table: &TableName,
    columns: &[String],
) -> Option<Source> {
    let name = |n: &str| quote::name(ENGINE, n);
    let column = |c: &str| format!("{}.{}", name(&table.name), name(c));
    let rows = format!("{0} AS {0}", name(&table.name));
    let fields = read_fields(form);
    let stop = form.text("misfits").unwrap_or("stop") == "stop";
    let first = columns.first()?;
    if columns.len() > 1 {
        if !fields.is_empty() {
            form.refuse(
                "fields",
                "Keys become columns of one JSON column, not of several.".to_owned(),
            );
        }
        // JSON holds no BLOB.
        let values: Vec<String> = columns
            .iter()
            .map(|c| format!("CASE WHEN typeof({0}) <> 'blob' THEN {0} END", column(c)))
            .collect();
        let blobs: Vec<String> = columns
            .iter()
            .map(|c| format!("typeof({}) = 'blob'", column(c)))
            .collect();
        let data_type = form
            .table_of_form()
            .and_then(|t| t.column(first))
            .map(|c| c.data_type.clone());
        return Some(Source {
            each: format!("json_each(json_array({})) AS item", values.join(", ")),
            filter: "item.type <> 'null'".to_owned(),
            json: false,
            data_type: data_type
                .filter(|t| !t.is_empty())
                .unwrap_or_else(|| "TEXT".to_owned()),
            value: "item.value".to_owned(),
            misfits: stop
                .then(|| format!("SELECT count(*) FROM {rows} WHERE {}", blobs.join(" OR "))),
        });
    }
    let json = column(first);
    let each = format!(
        "json_each(CASE WHEN NOT json_valid({json}) THEN '[]' WHEN json_type({json}) = 'array' THEN {json} ELSE json_array(json({json})) END) AS item"
    );
    let mut filter = "item.type <> 'null'".to_owned();
    let mut wrong: Vec<String> = Vec::new();
    if !fields.is_empty() {
        filter = "item.type = 'object'".to_owned();
        wrong.push("item.type NOT IN ('object', 'null')".to_owned());
        for (key, data_type) in &fields {
            if key.contains(['"', '\\']) {
                form.refuse(
                    "fields",
                    format!("`{key}`: SQLite finds no key with such a character."),
                );
            }
            if let Some(kinds) = kinds(data_type) {
                // Where it is no object, there is nothing to look into.
                wrong.push(format!(
                    "(item.type = 'object' AND json_type(item.value, {}) NOT IN ({kinds}, 'null'))",
                    path(key)
                ));
            }
        }
    }
    let misfits = stop.then(|| {
        let none = format!(
            "(SELECT count(*) FROM {rows} WHERE {json} IS NOT NULL AND NOT json_valid({json}))"
        );
        if wrong.is_empty() {
            return format!("SELECT {none}");
        }
        format!(
            "SELECT {none} + (SELECT count(*) FROM {rows}, {each} WHERE {})",
            wrong.join(" OR ")
        )
    });
    Some(Source {
        each,
        filter,
        json: true,
        data_type: "TEXT".to_owned(),
        value: "item.value".to_owned(),
        misfits,
    })
}

/// `$."street"` as a literal.
fn path(key: &str) -> String {
    quote::literal(ENGINE, &format!("$.\"{key}\""))
}

/// The names that SQLite has for the JSON types whose values a type takes.
fn kinds(data_type: &str) -> Option<&'static str> {
    match json_kind(data_type)? {
        "number" => Some("'integer', 'real'"),
        _ => Some("'true', 'false'"),
    }
}

/// A JSON value as a text, truths by their words.
fn text(kind: &str, value: &str) -> String {
    format!("CASE WHEN {kind} IN ('true', 'false') THEN {kind} ELSE CAST({value} AS TEXT) END")
}

/// The columns that the values become.
pub(in crate::pattern) fn targets(form: &mut Form<'_>, source: &Source) -> Vec<Target> {
    let fields = read_fields(form);
    if source.json && !fields.is_empty() {
        return fields
            .into_iter()
            .map(|(key, data_type)| {
                let value = format!("json_extract(item.value, {})", path(&key));
                let kind = format!("json_type(item.value, {})", path(&key));
                let (sql, data_type) = match (kinds(&data_type), data_type.as_str()) {
                    (Some(kinds), own) => (
                        format!("CASE WHEN {kind} IN ({kinds}) THEN {value} END"),
                        own.to_uppercase(),
                    ),
                    (None, "jsonb") => (format!("item.value -> {}", path(&key)), "TEXT".to_owned()),
                    (None, _) => (text(&kind, &value), "TEXT".to_owned()),
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
    let sql = if data_type.eq_ignore_ascii_case(&source.data_type) && !source.json {
        // As the old columns hold it.
        "item.value".to_owned()
    } else if data_type.eq_ignore_ascii_case("text") {
        text("item.type", "item.value")
    } else {
        format!("CAST(item.value AS {data_type})")
    };
    vec![Target {
        column: form.text("valueColumn").unwrap_or("value").to_owned(),
        data_type,
        sql,
    }]
}
