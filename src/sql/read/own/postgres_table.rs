//! CREATE TABLE and ALTER TABLE of PostgreSQL.

use super::postgres::table;
use crate::dialect::expression;
use crate::schema::TableName;
use crate::sql::act::{
    Act, Change, Default, ForeignKey, Generated, NewColumn, NewConstraint, NewTable, Online, Shape,
    Volatility, Which,
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

/// Behind CREATE TABLE.
pub(super) fn create_table(c: &mut Cursor<'_, '_>, unlogged: bool) -> Option<NewTable> {
    let if_not_exists = c.take(&["if", "not", "exists"]);
    let mut new = NewTable {
        if_not_exists,
        unlogged,
        ..NewTable::named(table(c)?)
    };
    if c.take(&["partition", "of"]) {
        new.partition_of = Some(table(c)?);
        new.default_partition = c.has(&["default"]);
    }
    if let Some(group) = c.group().filter(|_| new.partition_of.is_none()) {
        for item in group.items() {
            part(item, &mut new)?;
        }
    }
    new.partitioned = c.has(&["partition", "by"]);
    // A query's columns are its own.
    (!c.sees(&["as"])).then_some(new)
}

fn part(mut item: Cursor<'_, '_>, new: &mut NewTable) -> Option<()> {
    if item.take(&["like"]) {
        new.like.push(table(&mut item)?);
        return Some(());
    }
    let begins = [
        "constraint",
        "primary",
        "unique",
        "check",
        "foreign",
        "exclude",
    ];
    if begins.iter().any(|word| item.sees(&[word])) {
        new.constraints.push(constraint(&mut item)?);
    } else {
        new.columns.push(column(&mut item)?);
    }
    Some(())
}

/// Behind ALTER TABLE.
pub(super) fn alter_table(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let if_exists = c.take(&["if", "exists"]);
    let only = c.take(&["only"]);
    let name = table(c)?;
    let changes: Option<Vec<Change>> = c
        .items()
        .into_iter()
        .map(|mut item| change(&mut item, &name))
        .collect();
    Some(Act::AlterTable {
        table: name,
        only,
        if_exists,
        changes: changes?,
        online: Online::default(),
    })
}

fn change(c: &mut Cursor<'_, '_>, name: &TableName) -> Option<Change> {
    if c.take(&["add"]) {
        return add(c);
    }
    if c.take(&["drop", "constraint"]) {
        return Some(Change::DropConstraint {
            if_exists: c.take(&["if", "exists"]),
            name: c.name()?,
            cascade: c.has(&["cascade"]),
        });
    }
    if c.take(&["drop"]) {
        c.take(&["column"]);
        return Some(Change::DropColumn {
            if_exists: c.take(&["if", "exists"]),
            column: c.name()?,
            cascade: c.has(&["cascade"]),
        });
    }
    if c.take(&["validate", "constraint"]) {
        return Some(Change::ValidateConstraint { name: c.name()? });
    }
    if c.take(&["alter", "constraint"]) {
        return Some(Change::AlterConstraint {
            name: c.name()?,
            enforces: false,
        });
    }
    if c.take(&["alter"]) {
        c.take(&["column"]);
        let column = c.name()?;
        return alter_column(c, column);
    }
    if c.take(&["rename"]) {
        return rename(c, name);
    }
    if c.take(&["attach", "partition"]) {
        return Some(Change::AttachPartition {
            partition: table(c)?,
            default: c.has(&["default"]),
            bounds: c.words(),
        });
    }
    if c.take(&["detach", "partition"]) {
        return Some(Change::DetachPartition {
            partition: table(c)?,
            concurrently: c.has(&["concurrently"]),
            finalize: c.has(&["finalize"]),
        });
    }
    if c.take(&["cluster", "on"]) {
        return Some(Change::ClusterOn { index: c.name()? });
    }
    if c.take(&["replica", "identity"]) {
        let index = if c.take(&["using", "index"]) {
            c.name()
        } else {
            None
        };
        return Some(Change::ReplicaIdentity { index });
    }
    if c.take(&["owner", "to"]) {
        return Some(Change::Owner);
    }
    if c.take(&["set", "schema"]) {
        return Some(Change::Rename {
            to: TableName {
                schema: c.name().filter(|schema| schema != "public"),
                name: name.name.clone(),
            },
        });
    }
    if c.take(&["set"]) || c.take(&["reset"]) {
        let names = c.group()?.items().into_iter().map(|item| {
            let first = item.tokens.first().map(|t| t.text.to_lowercase());
            first.unwrap_or_default()
        });
        return Some(Change::Options {
            names: names.collect(),
        });
    }
    switch(c)
}

/// ENABLE, DISABLE, FORCE.
fn switch(c: &mut Cursor<'_, '_>) -> Option<Change> {
    let level = ["row", "level", "security"];
    if c.take(&["no", "force"]) {
        return Some(Change::ForceRowSecurity { force: false });
    }
    if c.take(&["force"]) {
        return Some(Change::ForceRowSecurity { force: true });
    }
    let enable = c.any(&["enable", "disable"])? == "enable";
    if c.sees(&level) {
        return Some(Change::RowSecurity { enable });
    }
    let _ = c.any(&["always", "replica"]);
    let rules = c.any(&["trigger", "rule"])? == "rule";
    let which = Which::Named(c.name()?);
    Some(if rules {
        Change::Rules { which, enable }
    } else {
        Change::Triggers { which, enable }
    })
}

fn rename(c: &mut Cursor<'_, '_>, name: &TableName) -> Option<Change> {
    if c.take(&["to"]) {
        return Some(Change::Rename {
            to: TableName {
                schema: name.schema.clone(),
                name: c.name()?,
            },
        });
    }
    let constraint = c.take(&["constraint"]);
    c.take(&["column"]);
    let from = c.name()?;
    c.take(&["to"]).then_some(())?;
    let to = c.name()?;
    Some(if constraint {
        Change::RenameConstraint { from, to }
    } else {
        Change::RenameColumn { from, to }
    })
}

fn add(c: &mut Cursor<'_, '_>) -> Option<Change> {
    let begins = [
        "constraint",
        "primary",
        "unique",
        "check",
        "foreign",
        "exclude",
    ];
    if begins.iter().any(|word| c.sees(&[word])) {
        return constraint(c).map(Change::AddConstraint);
    }
    c.take(&["column"]);
    let if_not_exists = c.take(&["if", "not", "exists"]);
    Some(Change::AddColumn {
        column: column(c)?,
        if_not_exists,
    })
}

fn alter_column(c: &mut Cursor<'_, '_>, column: String) -> Option<Change> {
    c.take(&["set", "data"]);
    if c.take(&["type"]) {
        let start = *c;
        until(c, &["collate", "using"]);
        let to = c.text_from(&start);
        let collation = if c.take(&["collate"]) {
            let start = *c;
            until(c, &["using"]);
            Some(c.text_from(&start))
        } else {
            None
        };
        let using = c.take(&["using"]).then(|| c.words());
        return Some(Change::SetType {
            column,
            to,
            collation,
            using,
        });
    }
    if c.take(&["set", "default"]) {
        return Some(Change::SetDefault {
            column,
            default: default(c, &c.words()),
        });
    }
    let set = c.take(&["set"]);
    if !set && !c.take(&["drop"]) && !c.sees(&["add"]) && !c.sees(&["restart"]) {
        return c
            .take(&["reset"])
            .then_some(Change::ColumnOptions { column });
    }
    Some(if c.take(&["not", "null"]) {
        if set {
            Change::SetNotNull { column }
        } else {
            Change::DropNotNull { column }
        }
    } else if c.take(&["default"]) {
        Change::DropDefault { column }
    } else if c.take(&["identity"]) {
        Change::DropIdentity { column }
    } else if c.take(&["expression"]) {
        if set {
            Change::SetExpression { column }
        } else {
            Change::DropExpression { column }
        }
    } else if c.take(&["add"]) {
        Change::AddIdentity { column }
    } else if c.any(&["storage", "compression"]).is_some() {
        Change::SetStorage { column }
    } else if c.take(&["statistics"]) || c.peek().is_some_and(|t| t.is_symbol("(")) {
        Change::ColumnOptions { column }
    } else if c.any(&["generated", "restart"]).is_some() {
        Change::SetIdentity { column }
    } else {
        return None;
    })
}

/// Goes on to whichever of the words comes first outside of parentheses.
fn until(c: &mut Cursor<'_, '_>, words: &[&str]) {
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
fn column(c: &mut Cursor<'_, '_>) -> Option<NewColumn> {
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

fn default(c: &Cursor<'_, '_>, sql: &str) -> Default {
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
fn constraint(c: &mut Cursor<'_, '_>) -> Option<NewConstraint> {
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
