//! Rows that break a rule which is about to be made: listed, mended, set aside or removed, as
//! chosen.

mod kept;

use super::foreign_key::foreign_key;
use super::form::{Form, phase, validation};
use crate::dialect::expression::{self, Assignment};
use crate::dialect::quote;
use crate::document::{Check, Engine, Field, FieldKind, Phase, PhaseKind, Validation};
use crate::operation::{Backfill, CustomSql, Operation, ReferentialAction};
use crate::schema::TableName;
use kept::{aside, kept};

/// What `fix` assigns.
pub(super) const FIX: Field = Field::optional(
    "fix",
    "Fix",
    FieldKind::Sql,
    "What is assigned to such rows where they are fixed, as in UPDATE ... SET: email = email || '-' || id.",
);

/// Where such rows are kept.
pub(super) const SET_ASIDE: Field = Field::optional(
    "setAside",
    "Set aside in",
    FieldKind::NewName,
    "A new table that keeps those rows whole, with the time and the migration's name, before they are changed; the way back restores them from it.",
);

/// What tells rows apart.
pub(super) const KEY: Field = Field::optional(
    "key",
    "Key",
    FieldKind::Columns,
    "The columns that tell rows apart; the primary key where the table is known.",
);

/// How many rows one transaction may change.
pub(super) const LIMIT: Field = Field::optional(
    "limit",
    "Limit",
    FieldKind::Number,
    "Rows that are set aside or removed at most, in one transaction; where there are more, the phase is taken back.",
)
.or("10000");

/// See [`LIMIT`].
const LIMIT_OR: u32 = 10_000;

/// Rows of a table that break a rule.
pub(super) struct Wrong<'a> {
    pub engine: Engine,
    /// The field that says what is done with them: `orphans`.
    pub field: &'static str,
    /// What they are: `point to no row of customers`.
    pub what: String,
    pub table: &'a TableName,
    /// What NULL cures.
    pub columns: &'a [String],
    pub rows: Rows,
    /// The document's name, for the rows that are set aside.
    pub migration: &'a str,
}

/// Which rows those are.
pub(super) enum Rows {
    /// All for which the condition holds.
    Where(String),
    /// All but the first one of those with the same values; NULL equals nothing.
    Surplus {
        columns: Vec<String>,
        /// Whether the one with the highest key stays.
        highest: bool,
    },
}

impl Rows {
    fn surplus(
        engine: Engine,
        columns: &[String],
        selected: &str,
        order: &str,
        table: &str,
    ) -> String {
        let filled: Vec<String> = columns
            .iter()
            .map(|c| format!("{} IS NOT NULL", quote::name(engine, c)))
            .collect();
        format!(
            "(SELECT {selected}row_number() OVER (PARTITION BY {}{order}) AS bellows_place FROM {table} WHERE {}) AS ranked WHERE bellows_place > 1",
            quote::names(engine, columns),
            filled.join(" AND ")
        )
    }

    /// How many there are.
    fn count(&self, engine: Engine, table: &str) -> String {
        match self {
            Rows::Where(condition) => format!("SELECT count(*) FROM {table} WHERE {condition}"),
            Rows::Surplus { columns, .. } => {
                format!(
                    "SELECT count(*) FROM {}",
                    Self::surplus(engine, columns, "", "", table)
                )
            }
        }
    }

    /// The keys of the first ones.
    fn keys(&self, engine: Engine, table: &str, key: &[String], limit: u32) -> String {
        let keys = quote::names(engine, key);
        let from = match self {
            Rows::Where(condition) => format!("{table} WHERE {condition}"),
            Rows::Surplus { columns, highest } => {
                let order: Vec<String> = key
                    .iter()
                    .map(|k| {
                        format!(
                            "{}{}",
                            quote::name(engine, k),
                            if *highest { " DESC" } else { "" }
                        )
                    })
                    .collect();
                let order = format!(" ORDER BY {}", order.join(", "));
                Self::surplus(engine, columns, &format!("{keys}, "), &order, table)
            }
        };
        format!("SELECT {keys} FROM {from} ORDER BY {keys} LIMIT {limit}")
    }
}

/// What is done with them.
enum Remedy {
    Stop,
    Delete,
    /// What is assigned.
    Change(Vec<Assignment>),
}

/// The phase that deals with such rows and leaves none, or finds none.
pub(super) fn resolve(form: &mut Form<'_>, wrong: &Wrong<'_>) -> Option<Phase> {
    let key = key(form);
    let aside = aside(form, wrong);
    let remedy = remedy(form, wrong)?;
    let limit = form
        .text("limit")
        .and_then(|n| n.parse().ok())
        .unwrap_or(LIMIT_OR);
    if limit == 0 {
        form.refuse("limit", "At least one row.".to_owned());
    }
    let surplus = matches!(wrong.rows, Rows::Surplus { .. });
    let needs_key = match &remedy {
        Remedy::Stop => false,
        Remedy::Delete => true,
        Remedy::Change(..) => surplus || aside.is_some(),
    };
    if needs_key && key.is_empty() {
        form.refuse(
            "key",
            format!(
                "Needed, since the primary key of {} is not known here, or there is none.",
                wrong.table
            ),
        );
        return None;
    }
    if matches!(remedy, Remedy::Delete) {
        refuse_cascades(form, wrong);
    }
    let (title, operation) = match (remedy, aside) {
        (Remedy::Stop, _) => (
            format!("Look for rows of {} that {}", wrong.table, wrong.what),
            None,
        ),
        (remedy, Some(aside)) => (
            format!(
                "Keep the rows of {} that {} in {aside}, and {} them (at most {limit}, in one transaction)",
                wrong.table,
                wrong.what,
                remedy.verb()
            ),
            Some(kept(form, wrong, &remedy, &aside, &key, limit)),
        ),
        (Remedy::Delete, None) => (
            format!(
                "Delete rows of {} that {} (at most {limit}, in one transaction)",
                wrong.table, wrong.what
            ),
            Some(bounded(wrong, &Remedy::Delete, &key, limit)),
        ),
        (change @ Remedy::Change(..), None) if surplus => (
            format!(
                "Change rows of {} that {} (at most {limit}, in one transaction)",
                wrong.table, wrong.what
            ),
            Some(bounded(wrong, &change, &key, limit)),
        ),
        (Remedy::Change(assigned), None) => (
            format!("Change rows of {} that {}", wrong.table, wrong.what),
            Some(batched(wrong, set_list(wrong.engine, &assigned))),
        ),
    };
    let mut out = phase(PhaseKind::Migrate, title);
    out.operations.extend(operation);
    out.validation.push(none_left(wrong, &key));
    Some(out)
}

/// Passes where there is no such row; else names their number and the first few.
pub(super) fn none_left(wrong: &Wrong<'_>, key: &[String]) -> Validation {
    let table = quote::table(wrong.engine, wrong.table);
    Validation {
        table: None,
        sql: Some(wrong.rows.count(wrong.engine, &table)),
        list: (!key.is_empty()).then(|| wrong.rows.keys(wrong.engine, &table, key, LISTED)),
        error_message: Some(format!(
            "rows of {} {}; mend them, or choose what becomes of them ({})",
            wrong.table, wrong.what, wrong.field
        )),
        ..validation(Check::Custom, wrong.table)
    }
}

/// Rows that a failed check lists.
const LISTED: u32 = 5;

/// What tells the rows of the form's table apart, as far as it is known.
pub(super) fn key(form: &Form<'_>) -> Vec<String> {
    let given = form.list("key");
    match form.table_of_form() {
        Some(table) if given.is_empty() => table.primary_key.clone(),
        Some(_) | None => given,
    }
}

/// What the fields say is done.
fn remedy(form: &mut Form<'_>, wrong: &Wrong<'_>) -> Option<Remedy> {
    let chosen = form.text(wrong.field).unwrap_or("stop");
    let fix = form.needed("fix");
    if fix.is_some() && chosen != "fix" {
        form.refuse("fix", format!("Goes with `{}` being `fix`.", wrong.field));
    }
    match (chosen, fix) {
        ("delete", _) => Some(Remedy::Delete),
        ("null", _) => {
            let nullable: Vec<String> = wrong
                .columns
                .iter()
                .filter(|c| form.column(c).is_none_or(|c| c.nullable))
                .cloned()
                .collect();
            if nullable.is_empty() {
                let columns = wrong.columns.join(", ");
                form.refuse(
                    wrong.field,
                    format!("{columns} of {} cannot be NULL.", wrong.table),
                );
                return None;
            }
            let to_null = |column| Assignment {
                column,
                expression: "NULL".to_owned(),
            };
            Some(Remedy::Change(nullable.into_iter().map(to_null).collect()))
        }
        ("fix", Some(sql)) => match expression::assignments(form.engine, &sql) {
            Ok(assigned) => {
                for a in &assigned {
                    if form.table_of_form().is_some() && form.column(&a.column).is_none() {
                        let message = format!("`{}` has no column `{}`.", wrong.table, a.column);
                        form.refuse("fix", message);
                    }
                }
                Some(Remedy::Change(assigned))
            }
            Err(problem) => {
                form.refuse(
                    "fix",
                    format!("{problem}: it is written as in UPDATE ... SET."),
                );
                None
            }
        },
        ("fix", None) => {
            form.refuse("fix", format!("Needed: {}", FIX.help));
            None
        }
        (_, _) => Some(Remedy::Stop),
    }
}

/// As in UPDATE ... SET.
fn set_list(engine: Engine, assigned: &[Assignment]) -> String {
    let list: Vec<String> = assigned
        .iter()
        .map(|a| format!("{} = {}", quote::name(engine, &a.column), a.expression))
        .collect();
    list.join(", ")
}

impl Remedy {
    fn verb(&self) -> &'static str {
        match self {
            Remedy::Stop => "leave",
            Remedy::Delete => "delete",
            Remedy::Change(..) => "change",
        }
    }

    /// What it does to the rows with the selected keys.
    fn statement(&self, engine: Engine, table: &str, keys: &str, selected: &str) -> String {
        match self {
            Remedy::Stop => String::new(),
            Remedy::Delete => format!("DELETE FROM {table} WHERE ({keys}) IN ({selected})"),
            Remedy::Change(assigned) => {
                let sql = set_list(engine, assigned);
                format!("UPDATE {table} SET {sql} WHERE ({keys}) IN ({selected})")
            }
        }
    }
}

/// A change in batches: it needs no rows to be known beforehand.
fn batched(wrong: &Wrong<'_>, sql: String) -> Operation {
    let condition = match &wrong.rows {
        Rows::Where(condition) => Some(condition.clone()),
        Rows::Surplus { .. } => None,
    };
    Backfill {
        table: wrong.table.to_string(),
        sql,
        filter: condition,
        batch_size: None,
        pause_ms: 0,
    }
    .into()
}

/// A change of the first so many rows, which nothing takes back.
fn bounded(wrong: &Wrong<'_>, remedy: &Remedy, key: &[String], limit: u32) -> Operation {
    let engine = wrong.engine;
    let table = quote::table(engine, wrong.table);
    let keys = quote::names(engine, key);
    let selected = wrong.rows.keys(engine, &table, key, limit);
    let selected = match engine {
        Engine::PostgreSql | Engine::Sqlite => selected,
        // These take no LIMIT within IN, nor the changed table, but in a table of their own.
        Engine::MySql | Engine::MariaDb => format!("SELECT {keys} FROM ({selected}) AS chosen"),
    };
    CustomSql {
        sql: remedy.statement(engine, &table, &keys, &selected),
        rollback_sql: None,
    }
    .into()
}

/// Rows that go would take others with them, which nobody keeps.
fn refuse_cascades(form: &mut Form<'_>, wrong: &Wrong<'_>) {
    let (Some(schema), Some(table)) = (form.schema, form.table_of_form()) else {
        return;
    };
    let elsewhere = table.referenced_by.iter().cloned();
    let own = table
        .constraints
        .iter()
        .filter(|c| c.references.as_ref() == Some(wrong.table))
        .map(|c| (wrong.table.clone(), c.name.clone()));
    let pointing: Vec<(TableName, String)> = elsewhere.chain(own).collect();
    for (from, name) in pointing {
        let action = schema
            .table(&from)
            .and_then(|t| t.constraints.iter().find(|c| c.name == name))
            .and_then(|c| foreign_key(form.engine, &c.definition))
            .and_then(|key| key.on_delete);
        let spreads = matches!(
            action,
            Some(
                ReferentialAction::Cascade
                    | ReferentialAction::SetNull
                    | ReferentialAction::SetDefault
            )
        );
        if spreads {
            form.refuse(
                wrong.field,
                format!(
                    "Deleting rows of {} would change rows of {from} as well ({name}), and nobody keeps those: point these elsewhere first, or choose another way.",
                    wrong.table
                ),
            );
        }
    }
}
