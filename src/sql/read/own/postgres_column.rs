//! Columns and constraints of PostgreSQL.

use super::postgres::table;
use crate::dialect::expression;
use crate::sql::act::{
    Default, ForeignKey, Generated, NewColumn, NewConstraint, Shape, Volatility,
};
use crate::sql::read::cursor::Cursor;

/// Words that end a type or an expression and begin what else is said of the column.
const ATTRIBUTES: [&str; 9] = [
    "not",
    "default",
    "constraint",
    "primary",
    "unique",
    "check",
    "references",
    "generated",
    "collate",
];

/// Goes on to whichever of the words comes first outside of parentheses.
pub(super) fn until(c: &mut Cursor<'_, '_>, words: &[&str]) {
    while let Some(token) = c.peek() {
        if words.iter().any(|word| token.is(word)) {
            return;
        }
        if c.group().is_none() {
            c.skip(1);
        }
    }
}

/// A column's definition, name and all, up to the end of the cursor.
pub(super) fn column(c: &mut Cursor<'_, '_>) -> Option<NewColumn> {
    let mut column = NewColumn {
        name: c.name()?,
        ..NewColumn::default()
    };
    let start = *c;
    until(c, &ATTRIBUTES);
    let data_type = c.text_from(&start);
    column.data_type = (!data_type.is_empty()).then_some(data_type);
    while !c.done() {
        attribute(c, &mut column)?;
    }
    Some(column)
}

fn attribute(c: &mut Cursor<'_, '_>, column: &mut NewColumn) -> Option<()> {
    if c.take(&["not", "null"]) {
        column.not_null = true;
    } else if c.take(&["null"]) {
    } else if c.take(&["default"]) {
        let start = *c;
        // An expression may begin with NOT.
        c.skip(1);
        until(c, &ATTRIBUTES);
        let sql = c.text_from(&start);
        column.default = Some(default(c, &sql));
    } else if c.take(&["collate"]) {
        let start = *c;
        table(c)?;
        column.collation = Some(c.text_from(&start));
    } else if c.take(&["generated"]) {
        if !c.take(&["always"]) {
            c.take(&["by", "default"]);
        }
        c.take(&["as"]).then_some(())?;
        if c.take(&["identity"]) {
            c.group();
            column.identity = true;
            column.not_null = true;
        } else {
            c.group()?;
            column.generated = Some(match c.any(&["stored", "virtual"]) {
                Some("stored") => Generated::Stored,
                Some(_) => Generated::Virtual,
                None => Generated::Unsaid,
            });
        }
    } else {
        let mut own = constraint_of(c, Some(&column.name))?;
        if own.columns.is_empty() {
            own.columns.push(column.name.clone());
        }
        column.not_null |= own.shape == Shape::PrimaryKey;
        column.constraints.push(own);
    }
    Some(())
}

pub(super) fn default(c: &Cursor<'_, '_>, sql: &str) -> Default {
    let bare = sql.split("::").next().unwrap_or_default();
    Default {
        null: bare
            .trim_matches(['(', ')', ' '])
            .eq_ignore_ascii_case("null"),
        volatility: match expression::volatility(c.engine, sql) {
            expression::Volatility::Constant => Volatility::Immutable,
            expression::Volatility::Stable => Volatility::Stable,
            expression::Volatility::Volatile => Volatility::Volatile,
        },
        sql: sql.to_owned(),
    }
}

/// A constraint of a table, to the end of the cursor.
pub(super) fn constraint(c: &mut Cursor<'_, '_>) -> Option<NewConstraint> {
    let made = constraint_of(c, None)?;
    c.done().then_some(made)
}

/// A constraint; one of a column names no columns of its own.
fn constraint_of(c: &mut Cursor<'_, '_>, column: Option<&str>) -> Option<NewConstraint> {
    let name = if c.take(&["constraint"]) {
        Some(c.name()?)
    } else {
        None
    };
    let mut using_index = None;
    let (shape, columns) = if c.take(&["primary", "key"]) {
        (Shape::PrimaryKey, key(c, column, &mut using_index)?)
    } else if c.take(&["unique"]) {
        c.take(&["nulls", "not", "distinct"]);
        (Shape::Unique, key(c, column, &mut using_index)?)
    } else if c.take(&["check"]) {
        let sql = c.group()?.words();
        let columns = expression::names(c.engine, &sql);
        (Shape::Check { sql }, columns)
    } else if c.take(&["foreign", "key"]) {
        let columns = names(c)?;
        c.take(&["references"]).then_some(())?;
        (Shape::ForeignKey(references(c)?), columns)
    } else if c.take(&["references"]) {
        (Shape::ForeignKey(references(c)?), Vec::new())
    } else if c.take(&["exclude"]) {
        c.tokens = &[];
        (Shape::Exclude, Vec::new())
    } else {
        return None;
    };
    let mut made = NewConstraint {
        name,
        using_index,
        ..NewConstraint::new(shape, columns)
    };
    loop {
        if c.take(&["not", "valid"]) {
            made.not_valid = true;
        } else if c.take(&["no", "inherit"]) {
            made.no_inherit = true;
        } else if c.take(&["not", "deferrable"]) || c.take(&["deferrable"]) {
        } else if c.take(&["initially"]) {
            c.skip(1);
        } else {
            return Some(made);
        }
    }
}

/// The columns of a key, or the index that it takes over.
fn key(
    c: &mut Cursor<'_, '_>,
    column: Option<&str>,
    using_index: &mut Option<String>,
) -> Option<Vec<String>> {
    if c.take(&["using", "index"]) {
        *using_index = Some(c.name()?);
        return Some(Vec::new());
    }
    if column.is_some() {
        return Some(Vec::new());
    }
    let names = names(c)?;
    if c.take(&["include"]) {
        c.group();
    }
    Some(names)
}

fn names(c: &mut Cursor<'_, '_>) -> Option<Vec<String>> {
    c.group()?
        .items()
        .into_iter()
        .map(|mut item| item.name())
        .collect()
}

fn references(c: &mut Cursor<'_, '_>) -> Option<ForeignKey> {
    let table = table(c)?;
    let columns = if c.peek().is_some_and(|t| t.is_symbol("(")) {
        names(c)?
    } else {
        Vec::new()
    };
    loop {
        if c.take(&["match"]) {
            c.skip(1);
        } else if c.take(&["on", "delete"]) || c.take(&["on", "update"]) {
            let two = c.take(&["no", "action"])
                || c.take(&["set", "null"])
                || c.take(&["set", "default"]);
            if !two {
                c.skip(1);
            }
            // SET NULL (a, b).
            c.group().filter(|_| two);
        } else {
            return Some(ForeignKey { table, columns });
        }
    }
}
