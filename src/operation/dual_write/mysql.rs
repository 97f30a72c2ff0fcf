//! MySQL's and MariaDB's two triggers: before an insert and before an update, each in both
//! directions. A trigger is made and dropped by a statement that commits by itself, so every step
//! leaves a table that takes all writes: triggers come before defaults go, and go after defaults
//! have come back.

use std::collections::BTreeMap;

use super::super::behave::Draft;
use super::super::mysql::{ddl, put_default};
use crate::dialect::{catalogue, column_definition, expression, lexer, quote};
use crate::plan::{Lock, Statement};
use crate::schema::{ConstraintKind, DualWrite, HeldColumn, TableName, World};

/// A session that has set it writes past the triggers: a backfill.
const BYPASS: &str = "@bellows_bypass";

/// The triggers' names.
fn names(dual_write: &DualWrite) -> [String; 2] {
    [
        format!("{}_insert", dual_write.trigger),
        format!("{}_update", dual_write.trigger),
    ]
}

/// What installs it: the triggers, and then those columns lose their defaults to them.
pub(in crate::operation) fn install(
    world: &World,
    table: &TableName,
    dual_write: &DualWrite,
    defaults: &[&str],
) -> Vec<Draft> {
    let engine = world.engine;
    let [insert, update] = names(dual_write);
    let both = Sides {
        world,
        table,
        dual_write,
    };
    // A row that comes before the second one is there has nothing on its other side, like all those
    // of before, and is filled with them. One that came by the first and is changed past the second
    // would keep a value that looks like somebody's own.
    let made = [
        (update, "UPDATE", both.on_update()),
        (insert, "INSERT", both.on_insert()),
    ];
    let mut out: Vec<Draft> = made
        .into_iter()
        .map(|(name, event, body)| {
            let sql = format!(
                "CREATE TRIGGER {} BEFORE {event} ON {} FOR EACH ROW\nBEGIN\n  /* {} */\n  IF {BYPASS} IS NULL THEN\n{body}\n  END IF;\nEND",
                quote::within(engine, table, &name),
                quote::table(engine, table),
                dual_write.marker()
            );
            ddl(
                format!("Make the trigger {name} on {table}"),
                table,
                Statement::brief(sql, Lock::MetadataExclusive).outside(),
                &catalogue::trigger(engine, table, &name),
            )
        })
        .collect();
    out.extend(
        defaults
            .iter()
            .map(|column| put_default(world, table, column, None)),
    );
    out
}

/// What takes the triggers away.
pub(in crate::operation) fn remove(
    world: &World,
    table: &TableName,
    dual_write: &DualWrite,
) -> Vec<Draft> {
    let engine = world.engine;
    names(dual_write)
        .iter()
        .map(|name| {
            let sql = format!(
                "DROP TRIGGER IF EXISTS {}",
                quote::within(engine, table, name)
            );
            ddl(
                format!("Drop the trigger {name} of {table}"),
                table,
                Statement::brief(sql, Lock::MetadataExclusive).outside(),
                &format!("NOT {}", catalogue::trigger(engine, table, name)),
            )
        })
        .collect()
}

/// Why triggers cannot keep that column in step truthfully.
pub(in crate::operation) fn problem(
    world: &World,
    table: &TableName,
    column: &str,
) -> Option<String> {
    let title = world.engine.title();
    let known = world.column(table, column)?;
    if !known.nullable {
        return Some(format!(
            "{table}.{column} is NOT NULL: {title} refuses INSERT ... SELECT without such a column before a trigger could fill it; use drop_not_null on it in a phase before this one"
        ));
    }
    let moves = known.definition.as_deref().is_some_and(|definition| {
        lexer::significant(world.engine, definition).is_ok_and(|tokens| {
            tokens
                .windows(2)
                .any(|pair| pair[0].is("on") && pair[1].is("update"))
        })
    });
    if moves {
        return Some(format!(
            "{table}.{column} changes by itself (ON UPDATE), which a trigger cannot tell from a value that was written"
        ));
    }
    let cascade = world.table(table)?.constraints.iter().find(|c| {
        c.kind == ConstraintKind::ForeignKey
            && c.columns.iter().any(|c| c == column)
            && writes_by_itself(world, &c.definition)
    })?;
    Some(format!(
        "the foreign key {} changes {table}.{column} by itself (CASCADE or SET NULL), and that fires no triggers on {title}; make it ON UPDATE RESTRICT ON DELETE RESTRICT or ON DELETE CASCADE in a phase before this one",
        cascade.name
    ))
}

/// Whether a foreign key changes its own columns: not where it deletes the row.
fn writes_by_itself(world: &World, definition: &str) -> bool {
    let tokens = lexer::significant(world.engine, definition).unwrap_or_default();
    tokens.windows(3).any(|w| {
        let set = w[2].is("set");
        w[0].is("on")
            && ((w[1].is("update") && (set || w[2].is("cascade"))) || (w[1].is("delete") && set))
    })
}

/// Both sides, as the triggers' bodies see them.
struct Sides<'d> {
    world: &'d World,
    table: &'d TableName,
    dual_write: &'d DualWrite,
}

type Lines = Vec<String>;

impl Sides<'_> {
    fn name(&self, column: &str) -> String {
        quote::name(self.world.engine, column)
    }

    fn absent(&self, columns: &[HeldColumn]) -> String {
        columns
            .iter()
            .map(|c| format!("NEW.{} IS NULL", self.name(&c.column)))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    fn unchanged(&self, columns: &[HeldColumn]) -> String {
        columns
            .iter()
            .map(|c| {
                let name = self.name(&c.column);
                let known = self.world.column(self.table, &c.column);
                column_definition::unchanged(known.map(|c| c.data_type.as_str()), &name)
            })
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    /// `SET NEW.c = ...`: the conversion over the row's values.
    fn fill(&self, columns: &[HeldColumn], conversions: &BTreeMap<String, String>) -> Lines {
        columns
            .iter()
            .filter_map(|c| {
                let sql = conversions.get(&c.column)?;
                Some(format!(
                    "SET NEW.{} = {};",
                    self.name(&c.column),
                    self.of_row(sql)
                ))
            })
            .collect()
    }

    /// The expression with every column of the table read from the row.
    fn of_row(&self, sql: &str) -> String {
        let engine = self.world.engine;
        let mut columns: Vec<String> = self
            .dual_write
            .columns()
            .map(|c| c.column.clone())
            .collect();
        if let Some(known) = self.world.table(self.table) {
            columns.extend(known.columns.iter().map(|c| c.name.clone()));
        }
        columns.sort();
        columns.dedup();
        columns.iter().fold(sql.trim().to_owned(), |sql, column| {
            if expression::mentions(engine, &sql, column) {
                let value = format!("NEW.{}", self.name(column));
                expression::substitute(engine, &sql, self.table, column, &value)
            } else {
                sql
            }
        })
    }

    fn defaults(&self, columns: &[HeldColumn]) -> Lines {
        columns
            .iter()
            .filter_map(|c| {
                let default = c.default.as_ref()?;
                Some(format!("SET NEW.{} = {default};", self.name(&c.column)))
            })
            .collect()
    }

    /// Where only some of its columns were given, the others get their defaults.
    fn complete(&self, columns: &[HeldColumn]) -> Lines {
        if columns.len() < 2 {
            return Vec::new();
        }
        columns
            .iter()
            .filter_map(|c| {
                let (name, default) = (self.name(&c.column), c.default.as_ref()?);
                Some(format!(
                    "IF NEW.{name} IS NULL THEN SET NEW.{name} = {default}; END IF;"
                ))
            })
            .collect()
    }

    fn on_insert(&self) -> String {
        let DualWrite {
            old,
            new,
            forward,
            backward,
            ..
        } = self.dual_write;
        let (old_defaults, new_defaults) = (self.defaults(old), self.defaults(new));
        let both_absent = if old_defaults.is_empty() && !new_defaults.is_empty() {
            [new_defaults, self.fill(old, backward)].concat()
        } else {
            [old_defaults.clone(), self.fill(new, forward)].concat()
        };
        let back = if self.dual_write.goes_back() {
            self.fill(old, backward)
        } else {
            old_defaults
        };
        let (old_absent, new_absent) = (self.absent(old), self.absent(new));
        format!(
            "    IF {old_absent} AND {new_absent} THEN\n{}\n    ELSEIF {new_absent} THEN\n{}\n    ELSEIF {old_absent} THEN\n{}\n    END IF;",
            lines(both_absent),
            lines([self.complete(old), self.fill(new, forward)].concat()),
            lines([self.complete(new), back].concat())
        )
    }

    fn on_update(&self) -> String {
        let DualWrite {
            old,
            new,
            forward,
            backward,
            ..
        } = self.dual_write;
        let (old_same, new_same) = (self.unchanged(old), self.unchanged(new));
        format!(
            "    IF {new_same} AND NOT ({old_same}) THEN\n{}\n    ELSEIF {old_same} AND NOT ({new_same}) THEN\n{}\n    END IF;",
            lines(self.fill(new, forward)),
            lines(self.fill(old, backward))
        )
    }
}

/// Statements of a branch, which may not be empty.
fn lines(lines: Lines) -> String {
    let lines = if lines.is_empty() {
        vec!["DO 0;".to_owned()]
    } else {
        lines
    };
    let indented: Vec<String> = lines.iter().map(|line| format!("      {line}")).collect();
    indented.join("\n")
}
