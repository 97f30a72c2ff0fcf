//! What split and merge share: columns that are kept in step under several expressions, and old
//! ones that go without anything taking over what hangs on them.

use super::carry::{Reading, stays};
use super::form::{Form, phase, validation};
use super::views;
use crate::dialect::expression;
use crate::dialect::lexer;
use crate::dialect::{quote, split};
use crate::document::{Check, Engine, Gate, Phase, PhaseKind, Validation};
use crate::operation::{Backfill, DropColumn, DropNotNull, EnableDualWrite, Operation};
use crate::schema::TableName;

/// Old columns, new ones, and the expressions between them.
pub(super) struct Apart<'a> {
    pub engine: Engine,
    pub table: &'a TableName,
    pub old: Vec<String>,
    /// Each with its value over the old ones.
    pub new: Vec<(String, String)>,
    /// Each old column with its value over the new ones; empty where nothing leads back.
    pub backward: Vec<(String, String)>,
}

/// `first_name VARCHAR(100) = expression; last_name ...`: name, type and expression of each; the
/// type may be absent.
pub(super) fn parts(form: &mut Form<'_>, key: &str) -> Vec<(String, String, String)> {
    let engine = form.engine;
    let Some(text) = form.text(key) else {
        return Vec::new();
    };
    let pieces = match split::split(engine, text) {
        Ok(pieces) => pieces,
        Err(problem) => {
            form.refuse(key, format!("{problem}."));
            return Vec::new();
        }
    };
    let mut out = Vec::new();
    for piece in pieces {
        let tokens = lexer::significant(engine, &piece.sql).unwrap_or_default();
        let equals = tokens.iter().position(|t| t.is_symbol("="));
        let name = tokens.first().and_then(|t| t.name(engine));
        match (name, equals) {
            (Some(name), Some(at)) if at > 0 && at + 1 < tokens.len() => {
                let data_type = expression::span(&piece.sql, &tokens[1..at]).to_owned();
                let sql = piece.sql[tokens[at].end()..].trim().to_owned();
                if let Some(problem) = expression::expression_problem(engine, &sql) {
                    form.refuse(key, format!("{name}: {problem}."));
                }
                out.push((name, data_type, sql));
            }
            (_, _) => form.refuse(
                key,
                format!(
                    "`{}` is not of the form `name TYPE = expression`.",
                    piece.sql.trim()
                ),
            ),
        }
    }
    out
}

impl Apart<'_> {
    fn names(list: &[(String, String)]) -> String {
        let names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    /// Rows may leave the old columns out where nothing fills them; on SQLite always, whose
    /// triggers fill a column only after its row was written.
    pub(super) fn loosen(&self, form: &Form<'_>) -> Vec<Operation> {
        // And on MySQL and MariaDB, whose triggers hold the defaults: INSERT ... SELECT without such
        // a column is refused before one of them fills it.
        let family = form.engine.is_mysql_family();
        let alone = self.backward.is_empty() || form.engine == Engine::Sqlite || family;
        self.old
            .iter()
            .filter(|_| alone)
            .filter(|c| {
                form.column(c)
                    .is_some_and(|c| !c.nullable && (family || c.default.is_none()) && !c.generated)
            })
            .map(|column| {
                DropNotNull {
                    table: self.table.to_string(),
                    column: column.clone(),
                }
                .into()
            })
            .collect()
    }

    pub(super) fn dual(&self) -> Phase {
        let mut dual = phase(
            PhaseKind::Migrate,
            format!(
                "Keep {} and {} in step",
                self.old.join(", "),
                Self::names(&self.new)
            ),
        );
        let one = |list: &[&String]| match list {
            [one] => Some((*one).clone()),
            _ => None,
        };
        let old_column = one(&self.old.iter().collect::<Vec<_>>());
        let new_column = one(&self.new.iter().map(|(c, _)| c).collect::<Vec<_>>());
        let conversion = |list: &[(String, String)], alone: bool| match list {
            [] => None,
            [(_, sql)] if alone => Some(sql.clone().into()),
            several => Some(several.iter().cloned().collect()),
        };
        dual.operations.push(
            EnableDualWrite {
                table: self.table.to_string(),
                forward: conversion(&self.new, new_column.is_some()),
                backward: conversion(&self.backward, old_column.is_some()),
                old_column,
                new_column,
            }
            .into(),
        );
        dual
    }

    pub(super) fn fill(&self) -> Phase {
        let mut fill = phase(
            PhaseKind::Migrate,
            format!(
                "Fill {} for the rows that are there",
                Self::names(&self.new)
            ),
        );
        let list: Vec<String> = self
            .new
            .iter()
            .map(|(column, sql)| format!("{} = {sql}", quote::name(self.engine, column)))
            .collect();
        fill.operations.push(
            Backfill {
                table: self.table.to_string(),
                sql: list.join(", "),
                filter: None,
                batch_size: None,
                pause_ms: 0,
            }
            .into(),
        );
        fill.validation.push(Validation {
            forward: Some(self.new.iter().cloned().collect()),
            ..validation(Check::ColumnsMatch, self.table)
        });
        fill
    }

    /// Once new applications write, a row is in step where either direction says so: not every
    /// value comes back as itself. Without a way back nothing can be said any more.
    pub(super) fn in_step(&self, form: &Form<'_>) -> Option<Validation> {
        in_step(form, self.table, &self.new, &self.backward)
    }

    pub(super) fn switch(&self, form: &Form<'_>) -> Phase {
        let new = Self::names(&self.new);
        let mut switch = phase(
            PhaseKind::Migrate,
            format!("Applications read and write {new}"),
        );
        switch.gate = Some(Gate {
            deploy: Some(format!("Applications read {new} of {}", self.table)),
            soak: None,
        });
        switch.validation.extend(self.in_step(form));
        switch
    }

    pub(super) fn contract(&self, form: &mut Form<'_>, field: &str) -> Phase {
        let old = self.old.join(", ");
        let mut out = phase(PhaseKind::Contract, format!("Drop {old}"));
        out.gate = Some(Gate {
            deploy: Some(format!(
                "No application uses {old} of {} any more",
                self.table
            )),
            soak: form.soak("7d"),
        });
        out.operations.extend(self.views(form, field));
        // The triggers go with the first one; taken back in reverse, they come with the last.
        for column in &self.old {
            out.operations.push(
                DropColumn {
                    table: self.table.to_string(),
                    column: column.clone(),
                    saved_copy: false,
                }
                .into(),
            );
            out.validation.push(Validation {
                column: Some(column.clone()),
                ..validation(Check::ColumnNotExists, self.table)
            });
        }
        out
    }

    /// Refuses what keeps an old column from going; views read the new ones in its place.
    fn views(&self, form: &mut Form<'_>, field: &str) -> Vec<Operation> {
        let mut out = Vec::new();
        let (Some(schema), Some(table)) = (form.schema, form.table_of_form()) else {
            return out;
        };
        let new = Self::names(&self.new);
        let columns: Vec<String> = self.new.iter().map(|(c, _)| c.clone()).collect();
        let engine = form.engine;
        for old in &self.old {
            let Some(column) = form.column(old) else {
                continue;
            };
            for reason in stays(schema, self.table, table, column, &new) {
                form.refuse(field, reason);
            }
            let read = table
                .views
                .iter()
                .filter(|v| v.columns.iter().any(|c| super::form::same(engine, c, old)));
            for view in read {
                let back = self.backward.iter().find(|(c, _)| c == old);
                let made = match back {
                    Some((_, sql)) => {
                        let reading = Reading {
                            new: &new,
                            columns: &columns,
                            expression: Some(sql),
                        };
                        views::reread(schema, view, self.table, old, &reading)
                    }
                    None => Err(format!(
                        "the view {} reads `{old}`, and nothing gives it back from {new}: change the view by hand first",
                        view.view
                    )),
                };
                match made {
                    Ok(operation) => out.push(operation),
                    Err(reason) => form.refuse(field, reason),
                }
            }
        }
        out
    }

    /// What goes with the old columns, for the description.
    pub(super) fn goes(&self, form: &Form<'_>) -> String {
        let Some(table) = form.table_of_form() else {
            return ". Written without looking at the target: what hangs on the old columns goes with them"
                .to_owned();
        };
        let named = |columns: &[String]| columns.iter().any(|c| self.old.contains(c));
        let indexes = table
            .indexes
            .iter()
            .filter(|i| named(&i.columns) || named(&i.include));
        let constraints = table.constraints.iter().filter(|c| named(&c.columns));
        let mut names: Vec<&str> = indexes
            .map(|i| i.name.as_str())
            .chain(constraints.map(|c| c.name.as_str()))
            .filter(|n| !n.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            String::new()
        } else {
            format!(". {} goes with what is dropped", names.join(", "))
        }
    }
}

/// The check that every row agrees under the conversion there or the one back.
pub(super) fn in_step(
    form: &Form<'_>,
    table: &TableName,
    forward: &[(String, String)],
    backward: &[(String, String)],
) -> Option<Validation> {
    if backward.is_empty() {
        return None;
    }
    let any = |list: &[(String, String)]| {
        let parts: Vec<String> = list
            .iter()
            .map(|(column, sql)| {
                let column = quote::name(form.engine, column);
                match form.engine {
                    Engine::PostgreSql => format!("({sql}) IS DISTINCT FROM {column}"),
                    Engine::MySql | Engine::MariaDb => format!("NOT (({sql}) <=> {column})"),
                    Engine::Sqlite => format!("({sql}) IS NOT {column}"),
                }
            })
            .collect();
        format!("({})", parts.join(" OR "))
    };
    let condition = format!("{} AND {}", any(forward), any(backward));
    let (from, keys) = (
        quote::table(form.engine, table),
        quote::names(form.engine, &super::resolve::key(form)),
    );
    Some(Validation {
        table: None,
        sql: Some(format!("SELECT count(*) FROM {from} WHERE {condition}")),
        list: (!keys.is_empty()).then(|| {
            format!("SELECT {keys} FROM {from} WHERE {condition} ORDER BY {keys} LIMIT 5")
        }),
        error_message: Some(format!(
            "rows of {table} differ between the old columns and the new ones, in both directions"
        )),
        ..validation(Check::Custom, table)
    })
}
