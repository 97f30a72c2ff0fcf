//! Columns, constraints and keys as MySQL, MariaDB and SQLite spell them.

use super::cursor::Cursor;
use crate::dialect::expression;
use crate::sql::act::{
    Default, ForeignKey, Generated, NewColumn, NewConstraint, NewIndex, Position, Shape, Volatility,
};

/// Words that end a type and begin what is said of the column.
const ATTRIBUTES: &[&str] = &[
    "as",
    "auto_increment",
    "autoincrement",
    "check",
    "collate",
    "column_format",
    "comment",
    "compressed",
    "constraint",
    "default",
    "first",
    "after",
    "generated",
    "invisible",
    "key",
    "not",
    "null",
    "on",
    "primary",
    "ref_system_id",
    "references",
    "srid",
    "storage",
    "unique",
    "visible",
    "with",
    "without",
];

/// A column's definition, name and all, up to the end of the cursor. Words that are not known are
/// given beside it.
pub(super) fn column(c: &mut Cursor<'_, '_>) -> Option<(NewColumn, Option<String>)> {
    let mut column = NewColumn {
        name: c.name()?,
        ..NewColumn::default()
    };
    let start = *c;
    while let Some(token) = c.peek() {
        if ATTRIBUTES.iter().any(|word| token.is(word)) {
            break;
        }
        if c.group().is_none() {
            c.skip(1);
        }
    }
    let data_type = c.text_from(&start);
    column.data_type = (!data_type.is_empty()).then_some(data_type);
    let mut name = None;
    while !c.done() {
        if !attribute(c, &mut column, &mut name) {
            return Some((column, Some(c.words())));
        }
    }
    Some((column, None))
}

/// Takes one attribute off; false where it is not known.
fn attribute(c: &mut Cursor<'_, '_>, column: &mut NewColumn, name: &mut Option<String>) -> bool {
    let mut constrain = |name: &mut Option<String>, shape| {
        let mut constraint = NewConstraint::new(shape, vec![column.name.clone()]);
        constraint.name = name.take();
        column.constraints.push(constraint);
    };
    if c.take(&["constraint"]) {
        *name = c.name();
    } else if c.take(&["not", "null"]) {
        column.not_null = true;
    } else if c.take(&["not", "enforced"]) {
        if let Some(last) = column.constraints.last_mut() {
            last.not_enforced = true;
        }
    } else if c.take(&["primary", "key"]) || c.take(&["key"]) {
        let _ = c.any(&["asc", "desc"]);
        constrain(name, Shape::PrimaryKey);
        column.not_null = true;
    } else if c.take(&["unique"]) {
        c.take(&["key"]);
        constrain(name, Shape::Unique);
    } else if c.take(&["check"]) {
        let Some(condition) = c.group() else {
            return false;
        };
        constrain(
            name,
            Shape::Check {
                sql: condition.words(),
            },
        );
    } else if c.take(&["references"]) {
        let Some(key) = references(c) else {
            return false;
        };
        constrain(name, Shape::ForeignKey(key));
    } else if c.take(&["auto_increment"]) || c.take(&["autoincrement"]) {
        column.identity = true;
    } else if c.take(&["default"]) {
        column.default = Some(default(c));
    } else if c.take(&["collate"]) {
        column.collation = c.name();
    } else if c.take(&["on", "update"]) {
        let before = *c;
        c.skip(1);
        c.group();
        column.on_update = Some(c.text_from(&before));
    } else if c.take(&["generated", "always", "as"]) || c.take(&["as"]) {
        if c.group().is_none() {
            return false;
        }
        column.generated = Some(match c.any(&["stored", "persistent", "virtual"]) {
            Some("virtual") => Generated::Virtual,
            Some(_) => Generated::Stored,
            None => Generated::Unsaid,
        });
    } else if c.take(&["first"]) {
        column.position = Some(Position::First);
    } else if c.take(&["after"]) {
        column.position = c.name().map(Position::After);
    } else {
        return trifle(c);
    }
    true
}

/// What changes nothing about how long anything takes.
fn trifle(c: &mut Cursor<'_, '_>) -> bool {
    if c.take(&["with", "system", "versioning"]) || c.take(&["without", "system", "versioning"]) {
        return true;
    }
    if c.take(&["on", "conflict"])
        || c.any(&["comment", "column_format", "storage", "srid"])
            .is_some()
    {
        c.skip(1);
        return true;
    }
    if c.take(&["ref_system_id"]) {
        c.symbol("=");
        c.skip(1);
        return true;
    }
    c.any(&["null", "invisible", "visible", "compressed", "enforced"])
        .is_some()
}

/// Behind DEFAULT.
pub(super) fn default(c: &mut Cursor<'_, '_>) -> Default {
    let before = *c;
    let grouped = c.group().is_some();
    if !grouped {
        while c.symbol("-") || c.symbol("+") {}
        if !c.take(&["next", "value", "for"]) {
            c.skip(1);
        } else {
            c.table();
        }
        if let Some(inner) = c.peek()
            && inner.is_symbol("(")
        {
            c.group();
        }
    }
    let sql = c.text_from(&before);
    let mentions = !expression::names(c.engine, &sql).is_empty();
    let volatility = match expression::volatility(c.engine, &sql) {
        // A column's name in it: another value for each row.
        expression::Volatility::Constant if grouped && mentions => Volatility::Volatile,
        expression::Volatility::Constant => Volatility::Immutable,
        expression::Volatility::Stable if grouped && mentions => Volatility::Volatile,
        expression::Volatility::Stable => Volatility::Stable,
        expression::Volatility::Volatile => Volatility::Volatile,
    };
    Default {
        null: sql.eq_ignore_ascii_case("null"),
        sql,
        volatility,
    }
}

/// Behind REFERENCES.
pub(super) fn references(c: &mut Cursor<'_, '_>) -> Option<ForeignKey> {
    let table = c.table()?;
    let columns = c.columns().unwrap_or_default();
    loop {
        if c.take(&["match"]) {
            c.skip(1);
        } else if c.take(&["on", "delete"]) || c.take(&["on", "update"]) {
            if !(c.take(&["set", "null"])
                || c.take(&["set", "default"])
                || c.take(&["no", "action"]))
            {
                c.skip(1);
            }
        } else if c.take(&["not", "deferrable"]) || c.take(&["deferrable"]) {
            if c.take(&["initially"]) {
                c.skip(1);
            }
        } else {
            return Some(ForeignKey { table, columns });
        }
    }
}

/// What ADD and CREATE TABLE may name beside columns.
pub(super) enum Item {
    /// A constraint.
    Constraint(NewConstraint),
    /// An index.
    Index(NewIndex),
}

/// A constraint or an index of a table, where it is one and no column.
pub(super) fn table_item(c: &mut Cursor<'_, '_>) -> Option<Item> {
    let mut name = None;
    if c.take(&["constraint"]) {
        let unnamed = ["primary", "unique", "check", "foreign"]
            .iter()
            .any(|w| c.sees(&[w]));
        if !unnamed {
            c.take(&["if", "not", "exists"]);
            name = c.name();
        }
    }
    let constraint = |shape, columns: Vec<String>, name: Option<String>| {
        let mut constraint = NewConstraint::new(shape, columns);
        constraint.name = name;
        Some(Item::Constraint(constraint))
    };
    if c.take(&["primary", "key"]) {
        using(c);
        let columns = c.columns()?;
        options(c);
        return constraint(Shape::PrimaryKey, columns, name);
    }
    if c.take(&["foreign", "key"]) {
        c.take(&["if", "not", "exists"]);
        let index = if c.peek().is_some_and(|t| t.is_symbol("(")) {
            None
        } else {
            c.name()
        };
        let columns = c.columns()?;
        if !c.take(&["references"]) {
            return None;
        }
        let key = references(c)?;
        return constraint(Shape::ForeignKey(key), columns, name.or(index));
    }
    if c.take(&["check"]) {
        let sql = c.group()?.words();
        let columns = expression::names(c.engine, &sql);
        let mut item = NewConstraint::new(Shape::Check { sql }, columns);
        item.name = name;
        item.not_enforced = c.take(&["not", "enforced"]);
        c.take(&["enforced"]);
        return Some(Item::Constraint(item));
    }
    let unique = c.take(&["unique"]);
    let method = c.any(&["fulltext", "spatial"]).map(str::to_owned);
    let word = c.any(&["index", "key"]).is_some();
    if !unique && !word && method.is_none() {
        return None;
    }
    let mut index = NewIndex {
        unique,
        method,
        if_not_exists: c.take(&["if", "not", "exists"]),
        ..NewIndex::default()
    };
    index.name = match c.peek() {
        Some(token) if !token.is_symbol("(") && !token.is("using") => c.name(),
        _ => None,
    };
    if let Some(method) = using(c) {
        index.method.get_or_insert(method);
    }
    index.columns = c.columns()?;
    options(c);
    // `CONSTRAINT u UNIQUE (a)` is an index of that name.
    index.name = index.name.or(name);
    Some(Item::Index(index))
}

/// USING BTREE and the like.
pub(super) fn using(c: &mut Cursor<'_, '_>) -> Option<String> {
    if !c.take(&["using"]) {
        return None;
    }
    let method = c.name()?.to_lowercase();
    // The only kinds of index that InnoDB has for it.
    (method != "btree" && method != "hash").then_some(method)
}

/// What may stand behind an index's columns and changes nothing about its making.
pub(super) fn options(c: &mut Cursor<'_, '_>) {
    loop {
        if c.any(&["key_block_size", "comment", "clustering"])
            .is_some()
        {
            c.symbol("=");
            c.skip(1);
        } else if c.take(&["with", "parser"]) || c.take(&["using"]) || c.take(&["on", "conflict"]) {
            c.skip(1);
        } else if c.take(&["not", "ignored"])
            || c.any(&["visible", "invisible", "ignored"]).is_some()
        {
        } else {
            return;
        }
    }
}
