//! The partitions of a range: their names and bounds.

use super::calendar::{Day, Interval};
use super::form::Form;
use super::names::Names;
use crate::dialect::{column_definition, quote};
use crate::document::Engine;

/// More than that many, and planning a query takes longer than reading its rows.
const PARTITIONS_MAX: usize = 1000;

/// One partition.
pub(super) struct Partition {
    /// Its bare name.
    pub(super) name: String,
    /// `FOR VALUES FROM (...) TO (...)`, or `DEFAULT`.
    pub(super) bounds: String,
    /// Where it begins, as SQL; absent for the one that holds all other rows.
    pub(super) from: Option<String>,
    /// Where the next one begins.
    pub(super) to: Option<String>,
}

/// The partitions that the form asks for, the one for all other rows last; empty where something
/// is wrong with the fields.
pub(super) fn partitions(form: &mut Form<'_>, column: &str, names: &mut Names) -> Vec<Partition> {
    let (Some(from), Some(to)) = (form.text("from"), form.text("to")) else {
        return Vec::new();
    };
    let data_type = form.column(column).map(|c| c.data_type.clone());
    let kind = data_type.as_deref().map(column_definition::type_word);
    let whole = match kind.as_deref() {
        Some("tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint") => true,
        Some("timestamp" | "datetime" | "date") => false,
        Some(_) => {
            let other = data_type.unwrap_or_default();
            form.refuse(
                "column",
                format!(
                    "`{column}` is {other}: partitions are ranges of days, or of whole numbers."
                ),
            );
            return Vec::new();
        }
        None => from.parse::<i64>().is_ok(),
    };
    let cuts = if whole {
        numbers(form, from, to)
    } else {
        days(form, from, to, data_type.as_deref())
    };
    let Some(cuts) = cuts else {
        return Vec::new();
    };
    let table = form.table_name().map(|t| t.name).unwrap_or_default();
    let mut out: Vec<Partition> = cuts
        .into_iter()
        .map(|(name, from, to)| Partition {
            // Where a partition is no table, its name is its table's alone.
            name: if form.engine.is_mysql_family() {
                format!("p{name}")
            } else {
                names.free(&format!("{table}_p{name}"))
            },
            bounds: format!("FOR VALUES FROM ({from}) TO ({to})"),
            from: Some(from),
            to: Some(to),
        })
        .collect();
    out.push(Partition {
        name: names.free(&format!("{table}_default")),
        bounds: "DEFAULT".to_owned(),
        from: None,
        to: None,
    });
    out
}

/// The end of a partition's name, where it begins and where it ends.
type Cut = (String, String, String);

fn too_many(form: &mut Form<'_>) {
    form.refuse(
        "interval",
        format!("That is more than {PARTITIONS_MAX} partitions: take a longer interval, or a shorter range."),
    );
}

fn numbers(form: &mut Form<'_>, from: &str, to: &str) -> Option<Vec<Cut>> {
    let mut read = |key: &str, text: &str| -> Option<i64> {
        let number = text.parse().ok();
        if number.is_none() {
            form.refuse(
                key,
                format!("`{text}` is no whole number, as the column's are."),
            );
        }
        number
    };
    let (from, to) = (read("from", from)?, read("to", to)?);
    let size = form.text("size").and_then(|s| s.parse::<i64>().ok());
    let Some(size) = size.filter(|size| *size > 0) else {
        form.refuse(
            "size",
            "How many numbers does a partition hold? The column holds whole numbers.".to_owned(),
        );
        return None;
    };
    if to <= from {
        form.refuse("to", "It must come after `from`.".to_owned());
        return None;
    }
    let mut cuts = Vec::new();
    let mut at = from;
    while at < to {
        if cuts.len() >= PARTITIONS_MAX {
            too_many(form);
            return None;
        }
        let Some(next) = at.checked_add(size) else {
            too_many(form);
            return None;
        };
        let name = at.to_string().replace('-', "m");
        cuts.push((name, format!("{at}"), format!("{next}")));
        at = next;
    }
    Some(cuts)
}

fn days(form: &mut Form<'_>, from: &str, to: &str, data_type: Option<&str>) -> Option<Vec<Cut>> {
    let mut read = |key: &str, text: &str| -> Option<Day> {
        let day = Day::parse(text);
        if day.is_none() {
            form.refuse(key, format!("`{text}` is no day: write 2024-01-01."));
        }
        day
    };
    let (from, to) = (read("from", from)?, read("to", to)?);
    let interval = Interval::from_word(form.text("interval").unwrap_or("month"))?;
    if !interval.begins(from) {
        form.refuse(
            "from",
            format!("`{from}` is no first day of the interval, by which partitions are named."),
        );
        return None;
    }
    if to <= from {
        form.refuse("to", "It must come after `from`.".to_owned());
        return None;
    }
    let with_zone = data_type.is_some_and(|t| t.contains("with time zone"));
    let literal = |day: Day| {
        let text = if with_zone {
            format!("{day} 00:00:00+00")
        } else {
            day.to_string()
        };
        quote::literal(Engine::PostgreSql, &text)
    };
    let mut cuts = Vec::new();
    let mut at = from;
    while at < to {
        if cuts.len() >= PARTITIONS_MAX {
            too_many(form);
            return None;
        }
        let next = interval.next(at);
        cuts.push((interval.name(at), literal(at), literal(next)));
        at = next;
    }
    Some(cuts)
}
