//! What a contract phase takes away from applications: read from the document, and found in what
//! people and programs send.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dialect::lexer;
use crate::document::{Check, Engine, Migration, Phase, PhaseKind};
use crate::operation::Operation;
use crate::schema::TableName;

/// What a contract phase takes away: a column, or a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OldSide {
    /// The table.
    pub table: TableName,
    /// The column; absent where the table itself goes.
    pub column: Option<String>,
    /// Another column has its name once the phase is done: who names it may mean either.
    #[serde(default)]
    pub taken_over: bool,
}

impl fmt::Display for OldSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{}.{column}", self.table),
            None => self.table.fmt(f),
        }
    }
}

impl OldSide {
    /// Whether the statement reads or writes it by name; who keeps a database, and dumps it, uses
    /// nothing that an application would miss.
    pub fn is_used_by(&self, engine: Engine, sql: &str) -> bool {
        const USES: [&str; 8] = [
            "select", "with", "insert", "replace", "update", "delete", "merge", "declare",
        ];
        let tokens = lexer::significant(engine, sql).unwrap_or_default();
        let mut words = tokens.iter().skip_while(|token| token.is_symbol("("));
        words
            .next()
            .is_some_and(|first| USES.iter().any(|word| first.is(word)))
            && self.is_named_by(engine, sql)
    }

    /// Whether the SQL names it, as far as a text tells: the table's name, and the column's.
    pub fn is_named_by(&self, engine: Engine, sql: &str) -> bool {
        names(engine, sql, &self.table.name)
            && self.column.as_ref().is_none_or(|c| names(engine, sql, c))
    }
}

/// Whether that name stands in the SQL.
pub fn names(engine: Engine, sql: &str, name: &str) -> bool {
    lexer::significant(engine, sql)
        .is_ok_and(|tokens| tokens.iter().any(|token| token.names(engine, name)))
}

/// What that phase takes away from applications, where it is a contract phase; what the document
/// made itself on its way, and nobody but it knows, is left out.
pub fn old_sides(migration: &Migration, phase: u32) -> Vec<OldSide> {
    let Some(this) = migration.phases.iter().find(|p| p.phase == phase) else {
        return Vec::new();
    };
    if this.effective_kind() != PhaseKind::Contract {
        return Vec::new();
    }
    let made: BTreeSet<TableName> = migration
        .phases
        .iter()
        .flat_map(|p| &p.operations)
        .filter_map(made_table)
        .collect();
    let mut out: Vec<OldSide> = this
        .operations
        .iter()
        .filter_map(taken)
        .filter(|(table, _)| !made.contains(table))
        .map(|(table, column)| OldSide {
            taken_over: column
                .as_ref()
                .is_some_and(|column| comes_back(this, &table, column)),
            table,
            column,
        })
        .collect();
    out.sort();
    out.dedup();
    out
}

/// The table that an operation makes.
fn made_table(operation: &Operation) -> Option<TableName> {
    match operation {
        Operation::CreateTable(create) => Some(TableName::parse(&create.table)),
        Operation::AddColumn(_)
        | Operation::DropColumn(_)
        | Operation::RenameColumn(_)
        | Operation::ChangeColumnType(_)
        | Operation::DropTable(_)
        | Operation::RenameTable(_)
        | Operation::CreateView(_)
        | Operation::DropView(_)
        | Operation::SetNotNull(_)
        | Operation::DropNotNull(_)
        | Operation::SetDefault(_)
        | Operation::DropDefault(_)
        | Operation::AddIndex(_)
        | Operation::DropIndex(_)
        | Operation::AddConstraint(_)
        | Operation::AddCheck(_)
        | Operation::AddForeignKey(_)
        | Operation::AddUnique(_)
        | Operation::DropConstraint(_)
        | Operation::Backfill(_)
        | Operation::EnableDualWrite(_)
        | Operation::DisableDualWrite(_)
        | Operation::CopyTable(_)
        | Operation::SwapTables(_)
        | Operation::CustomSql(_) => None,
    }
}

/// The table or column whose name is gone after an operation.
fn taken(operation: &Operation) -> Option<(TableName, Option<String>)> {
    match operation {
        Operation::DropColumn(drop) => {
            Some((TableName::parse(&drop.table), Some(drop.column.clone())))
        }
        Operation::RenameColumn(rename) => Some((
            TableName::parse(&rename.table),
            Some(rename.old_column.clone()),
        )),
        Operation::DropTable(drop) => Some((TableName::parse(&drop.table), None)),
        Operation::RenameTable(rename) => Some((TableName::parse(&rename.table), None)),
        Operation::AddColumn(_)
        | Operation::ChangeColumnType(_)
        | Operation::CreateTable(_)
        | Operation::CreateView(_)
        | Operation::DropView(_)
        | Operation::SetNotNull(_)
        | Operation::DropNotNull(_)
        | Operation::SetDefault(_)
        | Operation::DropDefault(_)
        | Operation::AddIndex(_)
        | Operation::DropIndex(_)
        | Operation::AddConstraint(_)
        | Operation::AddCheck(_)
        | Operation::AddForeignKey(_)
        | Operation::AddUnique(_)
        | Operation::DropConstraint(_)
        | Operation::Backfill(_)
        | Operation::EnableDualWrite(_)
        | Operation::DisableDualWrite(_)
        | Operation::CopyTable(_)
        | Operation::SwapTables(_)
        | Operation::CustomSql(_) => None,
    }
}

/// Whether a column of that name is there again once the phase is done, as its checks say.
fn comes_back(phase: &Phase, table: &TableName, column: &str) -> bool {
    phase.validation.iter().any(|validation| {
        validation.check == Check::ColumnExists
            && validation.column.as_deref() == Some(column)
            && validation.table.as_deref().map(TableName::parse).as_ref() == Some(table)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side() -> OldSide {
        OldSide {
            table: TableName::parse("users"),
            column: Some("name".into()),
            taken_over: false,
        }
    }

    #[test]
    fn a_statement_names_a_column_beside_its_table() {
        let engine = Engine::PostgreSql;
        let named = |sql| side().is_named_by(engine, sql);
        assert!(named("INSERT INTO users(id, name) VALUES ($1, $2)"));
        assert!(named("SELECT u.\"name\" FROM public.users u"));
        assert!(!named("SELECT name FROM people"));
        assert!(!named("SELECT id FROM users WHERE x = 'name'"));
        let used = |sql| side().is_used_by(engine, sql);
        assert!(used("(SELECT name FROM users) UNION SELECT 1"));
        assert!(!used("COPY public.users (id, name) TO stdout"));
        assert!(!used("ANALYZE users (name)"));
    }

    #[test]
    fn the_old_side_is_what_a_contract_phase_takes_away() {
        let text = "\
migration:
  name: m
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: users, column: full_name, dataType: text}
    - phase: 2
      operations:
        - {type: drop_column, table: users, column: name}
        - {type: drop_column, table: users, column: age}
        - {type: drop_table, table: users_old}
      validation:
        - {check: column_exists, table: users, column: age}
";
        let document = crate::document::parse(text).unwrap();
        assert_eq!(old_sides(&document, 1), []);
        let named: Vec<String> = old_sides(&document, 2)
            .iter()
            .map(|side| format!("{side} {}", side.taken_over))
            .collect();
        assert_eq!(
            named,
            ["users.age true", "users.name false", "users_old false"]
        );
    }
}
