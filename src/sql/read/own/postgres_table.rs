//! CREATE TABLE and ALTER TABLE of PostgreSQL.

use super::postgres::table;
use super::postgres_column::{column, constraint, default, until};
use crate::schema::TableName;
use crate::sql::act::{Act, Change, NewTable, Online, Which};
use crate::sql::read::cursor::Cursor;

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
