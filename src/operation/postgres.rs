//! PostgreSQL's statements that several operations share.

use super::behave::Draft;
use crate::dialect::quote;
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::plan::{Action, Lock, Statement};
use crate::schema::{TableName, World};

/// `ALTER TABLE t <action>` that blocks everybody for a moment.
pub(super) fn alter(table: &TableName, action: &str) -> Statement {
    Statement::brief(
        format!(
            "ALTER TABLE {} {action}",
            quote::table(Engine::PostgreSql, table)
        ),
        Lock::AccessExclusive,
    )
}

/// `ALTER TABLE t ALTER COLUMN c <action>`.
pub(super) fn alter_column(table: &TableName, column: &str, action: &str) -> Statement {
    alter(
        table,
        &format!(
            "ALTER COLUMN {} {action}",
            quote::name(Engine::PostgreSql, column)
        ),
    )
}

/// Checks every row against a constraint that was added NOT VALID: blocks nobody.
pub(super) fn validate(world: &World, table: &TableName, constraint: &str) -> Draft {
    let statement = Statement::new(
        format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT {}",
            quote::table(Engine::PostgreSql, table),
            quote::name(Engine::PostgreSql, constraint)
        ),
        Lock::ShareUpdateExclusive,
        Work::Scan,
        world.rows(table),
    );
    Draft::transaction(
        format!("Check every row of {table} against {constraint}"),
        table,
        vec![statement],
    )
}

/// Builds an index while writers go on.
pub(super) fn build_index(world: &World, table: &TableName, index: &str, sql: String) -> Draft {
    Draft {
        undoes: None,
        title: format!("Build index {index} on {table}"),
        tables: vec![table.clone()],
        action: Action::BuildIndex {
            statement: Statement::new(
                sql,
                Lock::ShareUpdateExclusive,
                Work::Index,
                world.rows(table),
            )
            .outside(),
            table: table.clone(),
            index: index.to_owned(),
        },
    }
}

/// Drops an index while everybody goes on.
pub(super) fn drop_index(table: &TableName, index: &str) -> Draft {
    Draft {
        undoes: None,
        title: format!("Drop index {index} of {table}"),
        tables: vec![table.clone()],
        action: Action::DropIndex {
            statement: Statement::brief(
                format!(
                    "DROP INDEX CONCURRENTLY IF EXISTS {}",
                    quote::within(Engine::PostgreSql, table, index)
                ),
                Lock::ShareUpdateExclusive,
            )
            .outside(),
            table: table.clone(),
            index: index.to_owned(),
        },
    }
}

/// Drops a constraint where it is there.
pub(super) fn drop_constraint(table: &TableName, constraint: &str) -> Draft {
    Draft::transaction(
        format!("Drop constraint {constraint} of {table}"),
        table,
        vec![alter(
            table,
            &format!(
                "DROP CONSTRAINT IF EXISTS {}",
                quote::name(Engine::PostgreSql, constraint)
            ),
        )],
    )
}
