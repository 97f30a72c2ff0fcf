//! The same on MySQL and MariaDB, where JSON_TABLE takes values out of JSON, and a row that has
//! several columns is read once for each.

use super::{Source, Target, read_fields};
use crate::dialect::{column_definition, quote};
use crate::document::Engine;
use crate::pattern::form::Form;
use crate::schema::TableName;

/// Types that a key of a JSON object may become, each with what its column is.
const FIELD_TYPES: &[(&str, &str)] = &[
    ("text", "text"),
    ("numeric", "double"),
    ("boolean", "boolean"),
    ("json", "json"),
];

/// The JSON types whose values a type takes; a text takes all.
fn json_kinds(data_type: &str) -> Option<&'static str> {
    match data_type {
        "numeric" => Some("'INTEGER', 'UNSIGNED INTEGER', 'DECIMAL', 'DOUBLE'"),
        "boolean" => Some("'BOOLEAN'"),
        _ => None,
    }
}

/// The value of a key, as JSON.
fn of_key(engine: Engine, key: &str) -> String {
    let path = key.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "json_extract(item.value, {})",
        quote::literal(engine, &format!("$.\"{path}\""))
    )
}

pub(super) fn source(form: &mut Form<'_>, table: &TableName, columns: &[String]) -> Option<Source> {
    let engine = form.engine;
    let name = |n: &str| quote::name(engine, n);
    let column = |c: &str| format!("{}.{}", name(&table.name), name(c));
    let known = form.table_of_form();
    let of = |c: &str| known.and_then(|t| t.column(c)).map(|k| k.data_type.clone());
    let fields = !form.list("fields").is_empty();
    let first = columns.first()?;
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
        let places: Vec<String> = (1..=columns.len())
            .map(|n| match n {
                1 => "SELECT 1 AS position".to_owned(),
                n => format!("SELECT {n}"),
            })
            .collect();
        let cases: Vec<String> = columns
            .iter()
            .zip(1..)
            .map(|(c, n)| format!(" WHEN {n} THEN {}", column(c)))
            .collect();
        let value = format!("CASE item.position{} END", cases.concat());
        return Some(Source {
            each: format!("({}) AS item", places.join(" UNION ALL ")),
            filter: format!("({value}) IS NOT NULL"),
            json: false,
            data_type: types
                .into_iter()
                .next()
                .unwrap_or_else(|| "text".to_owned()),
            misfits: None,
            value,
        });
    }
    // On MariaDB JSON is a text with a check.
    let data_type = of(first);
    let kind = data_type.as_deref().map(column_definition::type_word);
    if let (Some(other), Some(kind)) = (&data_type, &kind)
        && kind != "json"
        && kind != "longtext"
    {
        form.refuse(
            "columns",
            format!("`{first}` is {other}: values come out of JSON, or several columns."),
        );
        return None;
    }
    let json = column(first);
    let each = format!(
        "JSON_TABLE(CASE WHEN {json} IS NULL OR json_type({json}) = 'NULL' THEN '[]' WHEN json_type({json}) = 'ARRAY' THEN {json} ELSE json_array(json_extract({json}, '$')) END, '$[*]' COLUMNS (position FOR ORDINALITY, value JSON PATH '$')) AS item"
    );
    let mut filter = "json_type(item.value) <> 'NULL'".to_owned();
    let mut wrong: Vec<String> = Vec::new();
    if fields {
        filter = "json_type(item.value) = 'OBJECT'".to_owned();
        wrong.push("json_type(item.value) NOT IN ('OBJECT', 'NULL')".to_owned());
        for (key, data_type) in read_fields(form) {
            if let Some(kinds) = json_kinds(&data_type) {
                let value = of_key(engine, &key);
                wrong.push(format!("json_type({value}) NOT IN ({kinds}, 'NULL')"));
            }
        }
    }
    let stop = form.text("misfits").unwrap_or("stop") == "stop";
    let misfits = (stop && !wrong.is_empty()).then(|| {
        format!(
            "SELECT count(*) FROM {} AS {}, {each} WHERE {}",
            quote::table(engine, table),
            name(&table.name),
            wrong.join(" OR ")
        )
    });
    Some(Source {
        each,
        filter,
        json: true,
        data_type: "json".to_owned(),
        misfits,
        value: "item.value".to_owned(),
    })
}

/// The columns that the values become.
pub(super) fn targets(form: &mut Form<'_>, source: &Source) -> Vec<Target> {
    let engine = form.engine;
    let fields = read_fields(form);
    let mut out = Vec::new();
    for (key, word) in fields.into_iter().filter(|_| source.json) {
        let Some((_, data_type)) = FIELD_TYPES.iter().find(|(w, _)| *w == word) else {
            let words: Vec<&str> = FIELD_TYPES.iter().map(|(w, _)| *w).collect();
            form.refuse(
                "fields",
                format!(
                    "`{word}`: a key becomes one of {}, which take every value of its kind, so that no write of an application fails; change the type afterwards.",
                    words.join(", ")
                ),
            );
            continue;
        };
        let value = of_key(engine, &key);
        let sql = match (json_kinds(&word), word.as_str()) {
            (Some(kinds), "boolean") => format!(
                "CASE WHEN json_type({value}) IN ({kinds}) THEN json_unquote({value}) = 'true' END"
            ),
            (Some(kinds), _) => format!(
                "CASE WHEN json_type({value}) IN ({kinds}) THEN json_unquote({value}) + 0e0 END"
            ),
            (None, "json") => value,
            (None, _) => {
                format!("CASE WHEN json_type({value}) <> 'NULL' THEN json_unquote({value}) END")
            }
        };
        out.push(Target {
            column: key,
            data_type: (*data_type).to_owned(),
            sql,
        });
    }
    if !out.is_empty() || form.is_refused() {
        return out;
    }
    let data_type = form
        .needed("dataType")
        .unwrap_or_else(|| source.data_type.clone());
    let sql = if source.json && !data_type.eq_ignore_ascii_case(&source.data_type) {
        // A text without its quotes.
        format!("json_unquote({})", source.value)
    } else {
        source.value.clone()
    };
    vec![Target {
        column: form.text("valueColumn").unwrap_or("value").to_owned(),
        data_type,
        sql,
    }]
}
