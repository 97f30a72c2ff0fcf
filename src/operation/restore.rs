//! What brings back what the catalogue knew: a column's definition, and what hung on it.

pub(super) mod attached;

use super::behave::Draft;
use super::{mysql, postgres};
use crate::dialect::statement::Work;
use crate::dialect::{create_table, lexer, quote};
use crate::document::Engine;
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Column, Constraint, ConstraintKind, Index, Policy, TableName, World};

/// `name type COLLATE c NOT NULL DEFAULT d`, as the catalogue knew the column.
pub(super) fn definition(engine: Engine, column: &Column, not_null: bool) -> String {
    let mut out = format!("{} {}", quote::name(engine, &column.name), column.data_type);
    if let Some(collation) = &column.collation {
        out.push_str(&format!(" COLLATE {collation}"));
    }
    if not_null {
        out.push_str(" NOT NULL");
    }
    if let Some(generated) = &column.generated_as {
        out.push_str(&format!(" {generated}"));
    } else if let Some(default) = &column.default {
        match engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => {
                out.push_str(&format!(" DEFAULT {default}"));
            }
            Engine::Sqlite => {
                out.push(' ');
                out.push_str(&create_table::default_clause(default));
            }
        }
    }
    out
}

/// Comment, privileges and statistics target of a column (PostgreSQL).
pub(super) fn attributes(table: &TableName, column: &Column) -> Vec<Statement> {
    let (on, name) = (
        quote::table(Engine::PostgreSql, table),
        quote::name(Engine::PostgreSql, &column.name),
    );
    let mut out = Vec::new();
    if let Some(comment) = &column.comment {
        out.push(Statement::brief(
            format!(
                "COMMENT ON COLUMN {on}.{name} IS {}",
                quote::literal(Engine::PostgreSql, comment)
            ),
            Lock::ShareUpdateExclusive,
        ));
    }
    for (grantee, privilege, grantable) in &column.grants {
        let option = option(*grantable);
        out.push(Statement::brief(
            format!("GRANT {privilege} ({name}) ON {on} TO {grantee}{option}"),
            Lock::None,
        ));
    }
    if let Some(target) = column.statistics {
        out.push(Statement::brief(
            format!("ALTER TABLE {on} ALTER COLUMN {name} SET STATISTICS {target}"),
            Lock::ShareUpdateExclusive,
        ));
    }
    out.extend(
        column
            .settings
            .iter()
            .map(|setting| postgres::alter_column(table, &column.name, setting)),
    );
    out
}

/// When a trigger fires, as ALTER TABLE says it.
pub(super) fn firing(enabled: &str) -> &'static str {
    match enabled {
        "A" => "ENABLE ALWAYS",
        "R" => "ENABLE REPLICA",
        "D" => "DISABLE",
        _ => "ENABLE",
    }
}

/// CREATE POLICY on a table, whose name is SQL.
pub(super) fn policy(on: &str, policy: &Policy) -> Statement {
    let kind = if policy.permissive {
        "PERMISSIVE"
    } else {
        "RESTRICTIVE"
    };
    let clause = |word: &str, sql: &Option<String>| match sql {
        Some(sql) => format!(" {word} ({sql})"),
        None => String::new(),
    };
    Statement::brief(
        format!(
            "CREATE POLICY {} ON {on} AS {kind} FOR {} TO {}{}{}",
            quote::name(Engine::PostgreSql, &policy.name),
            policy.command,
            policy.roles.join(", "),
            clause("USING", &policy.using),
            clause("WITH CHECK", &policy.check)
        ),
        Lock::AccessExclusive,
    )
}

/// ` WITH GRANT OPTION`, or nothing.
pub(super) fn option(grantable: bool) -> &'static str {
    if grantable { " WITH GRANT OPTION" } else { "" }
}

/// `CREATE INDEX CONCURRENTLY ...` out of a definition as the catalogue prints it.
pub(super) fn concurrently(definition: &str) -> String {
    let tokens = lexer::significant(Engine::PostgreSql, definition).unwrap_or_default();
    match tokens.iter().take(3).find(|t| t.is("index")) {
        Some(index) => format!(
            "{} CONCURRENTLY{}",
            &definition[..index.end()],
            &definition[index.end()..]
        ),
        None => definition.to_owned(),
    }
}

/// Builds an index again, without holding up writers where the engine can.
pub(super) fn index(world: &World, table: &TableName, index: &Index) -> Vec<Draft> {
    match world.engine {
        Engine::PostgreSql => {
            let sql = concurrently(&index.definition);
            let mut drafts = vec![postgres::build_index(world, table, &index.name, sql)];
            let known = world.table(table).map(|t| &t.attached);
            let statements = known
                .map(|a| attached::of_index(table, a, &index.name))
                .unwrap_or_default();
            if !statements.is_empty() {
                let title = format!("Make index {} what it was to {table}", index.name);
                drafts.push(Draft::transaction(title, table, statements));
            }
            drafts
        }
        Engine::MySql | Engine::MariaDb => {
            vec![mysql::build_index(
                world,
                table,
                &index.name,
                &index.definition,
            )]
        }
        Engine::Sqlite => vec![Draft::transaction(
            format!("Build index {} on {table} again", index.name),
            table,
            vec![Statement::new(
                index.definition.clone(),
                Lock::DatabaseWrite,
                Work::Index,
                world.rows(table),
            )],
        )],
    }
}

/// What the rows that are there are to a constraint that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// It holds for them.
    Hold,
    /// It held for them when they were saved; what was written since may not fit them.
    MayHold,
    /// It needs values which do not come back.
    Gone,
}

/// Has the rows that are there checked, and leaves the constraint to new rows where one of them
/// does not fit.
fn try_validate(world: &World, table: &TableName, name: &str) -> Statement {
    let body = format!(
        " BEGIN ALTER TABLE {} VALIDATE CONSTRAINT {name}; EXCEPTION WHEN check_violation OR foreign_key_violation THEN RAISE WARNING 'constraint % holds for new rows alone: %', {}, SQLERRM; END ",
        quote::table(Engine::PostgreSql, table),
        quote::literal(Engine::PostgreSql, name)
    );
    let fence = quote::fence(&body);
    Statement::new(
        format!("DO {fence}{body}{fence}"),
        Lock::ShareUpdateExclusive,
        Work::Scan,
        world.rows(table),
    )
}

/// Adds a constraint again (PostgreSQL), without holding up anybody where that can be. One that
/// needs values which do not come back is not held against the rows that are there.
pub(super) fn constraint(
    world: &World,
    table: &TableName,
    known: &Constraint,
    rows: Rows,
) -> Vec<Draft> {
    let name = quote::name(Engine::PostgreSql, &known.name);
    let title = format!("Add constraint {} to {table} again", known.name);
    let add = |lock, work, suffix: &str| {
        Statement::new(
            format!(
                "ALTER TABLE {} ADD CONSTRAINT {name} {}{suffix}",
                quote::table(Engine::PostgreSql, table),
                known.definition
            ),
            lock,
            work,
            world.rows(table),
        )
    };
    let mut drafts = match known.kind {
        ConstraintKind::Check | ConstraintKind::ForeignKey => {
            let lock = match known.kind {
                ConstraintKind::ForeignKey => Lock::ShareRowExclusive,
                ConstraintKind::Check | ConstraintKind::Unique | ConstraintKind::Exclude => {
                    Lock::AccessExclusive
                }
            };
            let holds = !world.is_doomed(known) && rows != Rows::Gone;
            let title = match holds {
                true => title,
                false => format!("{title}, for new rows alone: the values of old ones are gone"),
            };
            let mut drafts = vec![Draft::transaction(
                title,
                table,
                vec![add(lock, Work::Brief, " NOT VALID")],
            )];
            if known.validated && holds {
                let mut check = postgres::validate(world, table, &known.name);
                if rows == Rows::MayHold {
                    check.action = Action::Transaction {
                        statements: vec![try_validate(world, table, &name)],
                    };
                }
                drafts.push(match known.kind {
                    ConstraintKind::ForeignKey => check.looking_up(),
                    ConstraintKind::Check | ConstraintKind::Unique | ConstraintKind::Exclude => {
                        check
                    }
                });
            }
            drafts
        }
        ConstraintKind::Unique if is_plain_unique(known) => {
            let index = format!(
                "CREATE UNIQUE INDEX CONCURRENTLY {name} ON {} ({})",
                quote::table(Engine::PostgreSql, table),
                quote::names(Engine::PostgreSql, &known.columns)
            );
            let using = format!("ADD CONSTRAINT {name} UNIQUE USING INDEX {name}");
            vec![
                postgres::build_index(world, table, &known.name, index),
                Draft::transaction(title, table, vec![postgres::alter(table, &using)]),
            ]
        }
        ConstraintKind::Unique | ConstraintKind::Exclude => {
            vec![Draft::transaction(
                title,
                table,
                vec![add(Lock::AccessExclusive, Work::Index, "")],
            )]
        }
    };
    let said = world
        .table(table)
        .map(|t| attached::of_constraint(table, &t.attached, &known.name))
        .unwrap_or_default();
    // With the statement that adds it, which is the first one that is none of an index.
    let adds = drafts.iter_mut().find_map(|d| match &mut d.action {
        Action::Transaction { statements } => Some(statements),
        Action::BuildIndex { .. }
        | Action::DropIndex { .. }
        | Action::Outside { .. }
        | Action::Ddl { .. }
        | Action::Backfill(_)
        | Action::Copy(_)
        | Action::Compare(_)
        | Action::Rebuild { .. } => None,
    });
    if let Some(statements) = adds {
        statements.extend(said);
    }
    drafts
        .into_iter()
        .map(|draft| known.references.iter().fold(draft, Draft::touching))
        .collect()
}

/// Whether a check may be false of NULL, by its text: all but these words give NULL of NULL.
pub(super) fn may_refuse_null(check: &Constraint) -> bool {
    let words = [
        "is",
        "coalesce",
        "num_nulls",
        "num_nonnulls",
        "concat",
        "concat_ws",
        "case",
    ];
    let tokens = lexer::significant(Engine::PostgreSql, &check.definition).unwrap_or_default();
    tokens.iter().any(|t| words.iter().any(|w| t.is(w)))
}

/// `UNIQUE (a, b)` and no more: no INCLUDE, no DEFERRABLE, no NULLS NOT DISTINCT.
fn is_plain_unique(constraint: &Constraint) -> bool {
    let tokens = lexer::significant(Engine::PostgreSql, &constraint.definition).unwrap_or_default();
    matches!(tokens.as_slice(), [unique, open, .., close]
        if unique.is("unique") && open.is_symbol("(") && close.is_symbol(")"))
        && !tokens.iter().any(|t| t.is("include"))
}

/// The indexes of the table that name the column and back no constraint.
pub(super) fn indexes_on<'w>(world: &'w World, table: &TableName, column: &str) -> Vec<&'w Index> {
    let engine = world.engine;
    let known = world.table(table).map(|t| t.indexes.as_slice());
    known
        .unwrap_or_default()
        .iter()
        .filter(|i| i.constraint.is_none() && i.valid && !i.definition.is_empty())
        .filter(|i| i.reads(engine, column))
        .collect()
}
