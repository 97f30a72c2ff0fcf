//! What brings back what hung on a table of PostgreSQL beside columns, indexes and constraints.

use super::{firing, option, policy};
use crate::dialect::quote;
use crate::document::Engine;
use crate::operation::postgres;
use crate::plan::{Lock, Statement};
use crate::schema::{
    Attached, AttachedSequence, AttachedStatistics, Column, Commented, Table, TableName,
};

/// Where the numbers of sequences are kept that go with their table.
const KEPT: &str = "bellows.kept_sequence";

fn name(name: &str) -> String {
    quote::name(Engine::PostgreSql, name)
}

fn on(table: &TableName) -> String {
    quote::table(Engine::PostgreSql, table)
}

/// A statement that holds nobody up: about what nobody uses yet, or about the catalogue alone.
fn quiet(sql: String) -> Statement {
    Statement::brief(sql, Lock::None)
}

fn comment(what: &str, text: &str) -> Statement {
    let sql = format!("COMMENT ON {what} IS {}", quote::text(text));
    Statement::brief(sql, Lock::ShareUpdateExclusive)
}

/// The sequence of a column that belongs to it.
pub(in crate::operation) fn sequence<'t>(
    table: Option<&'t Table>,
    column: &str,
) -> Option<&'t AttachedSequence> {
    let sequences = table.map(|t| t.attached.sequences.as_slice());
    sequences
        .unwrap_or_default()
        .iter()
        .find(|s| s.column == column)
}

/// Keeps the numbers of sequences, in the transaction that drops them.
pub(in crate::operation) fn keep_numbers<'t>(
    sequences: impl Iterator<Item = &'t AttachedSequence>,
) -> Vec<Statement> {
    let mut out: Vec<Statement> = sequences
        .map(|s| {
            quiet(format!(
                "INSERT INTO {KEPT} SELECT {}, last_value, is_called FROM {} ON CONFLICT (sequence) DO UPDATE SET last_value = excluded.last_value, is_called = excluded.is_called",
                quote::text(&s.sequence),
                s.sequence
            ))
        })
        .collect();
    if !out.is_empty() {
        let table = quiet(format!(
            "CREATE TABLE IF NOT EXISTS {KEPT} (sequence text PRIMARY KEY, last_value bigint NOT NULL, is_called boolean NOT NULL)"
        ));
        out.insert(0, table);
    }
    out
}

/// Goes on where the sequence was when it was dropped, unless it is beyond that.
fn numbers(sequence: &AttachedSequence) -> Statement {
    let text = quote::text(&sequence.sequence);
    quiet(format!(
        "SELECT setval({text}, kept.last_value, kept.is_called) FROM {KEPT} AS kept, {} AS made WHERE kept.sequence = {text} AND sign((SELECT increment_by FROM pg_sequences WHERE format('%I.%I', schemaname, sequencename) = {text})) * (kept.last_value - made.last_value) >= 0",
        sequence.sequence
    ))
}

/// Makes the sequence that a default reads.
pub(in crate::operation) fn make_sequence(sequence: &AttachedSequence) -> Option<Statement> {
    if sequence.identity.is_some() {
        return None;
    }
    let data_type = match &sequence.data_type {
        Some(data_type) => format!(" AS {data_type}"),
        None => String::new(),
    };
    let options = match &sequence.options {
        Some(options) => format!(" {options}"),
        None => String::new(),
    };
    Some(quiet(format!(
        "CREATE SEQUENCE IF NOT EXISTS {}{data_type}{options}",
        sequence.sequence
    )))
}

/// The column with an identity that counts as it did, under the same name.
pub(in crate::operation) fn with_identity(table: Option<&Table>, column: &Column) -> Column {
    let mut column = column.clone();
    if let Some(sequence) = sequence(table, &column.name)
        && let (Some(generated), Some(_), Some(options)) =
            (&column.generated_as, &sequence.identity, &sequence.options)
    {
        column.generated_as = Some(format!(
            "{generated} (SEQUENCE NAME {} {options})",
            sequence.sequence
        ));
    }
    column
}

/// Gives a sequence to its column, with its numbers, privileges and comment.
pub(in crate::operation) fn own_sequence(
    table: &TableName,
    owner: Option<&str>,
    sequence: &AttachedSequence,
) -> Vec<Statement> {
    let mut out = Vec::new();
    if sequence.identity.is_none() {
        // It must have the owner that its table has.
        if let Some(owner) = owner {
            out.push(quiet(format!(
                "ALTER SEQUENCE {} OWNER TO {owner}",
                sequence.sequence
            )));
        }
        out.push(quiet(format!(
            "ALTER SEQUENCE {} OWNED BY {}.{}",
            sequence.sequence,
            on(table),
            name(&sequence.column)
        )));
    }
    out.push(numbers(sequence));
    for (grantee, privilege, grantable) in &sequence.grants {
        out.push(quiet(format!(
            "GRANT {privilege} ON SEQUENCE {} TO {grantee}{}",
            sequence.sequence,
            option(*grantable)
        )));
    }
    if let Some(text) = &sequence.comment {
        out.push(comment(&format!("SEQUENCE {}", sequence.sequence), text));
    }
    out
}

/// The comment of an index, and what it is to its table.
pub(super) fn of_index(table: &TableName, attached: &Attached, index: &str) -> Vec<Statement> {
    let mut out = comments(table, attached, Commented::Index, Some(index));
    if attached.clustered.as_deref() == Some(index) {
        let sql = format!("ALTER TABLE {} CLUSTER ON {}", on(table), name(index));
        out.push(Statement::brief(sql, Lock::ShareUpdateExclusive));
    }
    if attached.replica_index.as_deref() == Some(index) {
        let action = format!("REPLICA IDENTITY USING INDEX {}", name(index));
        out.push(postgres::alter(table, &action));
    }
    out
}

/// The comments of a constraint and of its index, and what that is to its table.
pub(super) fn of_constraint(
    table: &TableName,
    attached: &Attached,
    constraint: &str,
) -> Vec<Statement> {
    let mut out = comments(table, attached, Commented::Constraint, Some(constraint));
    out.extend(of_index(table, attached, constraint));
    out
}

/// The comments on things of a kind, or on the one of that name.
fn comments(
    table: &TableName,
    attached: &Attached,
    what: Commented,
    only: Option<&str>,
) -> Vec<Statement> {
    attached
        .comments
        .iter()
        .filter(|c| c.on == what && only.is_none_or(|only| c.name == only))
        .map(|c| {
            let place = match what {
                Commented::Index => format!(
                    "INDEX {}",
                    quote::within(Engine::PostgreSql, table, &c.name)
                ),
                Commented::Constraint => format!("CONSTRAINT {} ON {}", name(&c.name), on(table)),
                Commented::Trigger => format!("TRIGGER {} ON {}", name(&c.name), on(table)),
                Commented::Policy => format!("POLICY {} ON {}", name(&c.name), on(table)),
            };
            comment(&place, &c.text)
        })
        .collect()
}

/// Extended statistics as they were.
pub(in crate::operation) fn statistics(statistics: &AttachedStatistics) -> Vec<Statement> {
    let known = &statistics.name;
    let mut out = vec![Statement::brief(
        statistics.definition.clone(),
        Lock::ShareUpdateExclusive,
    )];
    if let Some(target) = statistics.target {
        out.push(quiet(format!(
            "ALTER STATISTICS {known} SET STATISTICS {target}"
        )));
    }
    if let Some(text) = &statistics.comment {
        out.push(comment(&format!("STATISTICS {known}"), text));
    }
    if let Some(owner) = &statistics.owner {
        out.push(quiet(format!("ALTER STATISTICS {known} OWNER TO {owner}")));
    }
    out
}

/// All that hung on a table which was made again, once its indexes and constraints are there.
pub(in crate::operation) fn whole(table: &TableName, known: &Table) -> Vec<Statement> {
    let attached = &known.attached;
    let sql = on(table);
    let mut out = Vec::new();
    for (grantee, privilege, grantable) in &attached.grants {
        out.push(quiet(format!(
            "GRANT {privilege} ON {sql} TO {grantee}{}",
            option(*grantable)
        )));
    }
    if let Some(text) = &attached.comment {
        out.push(comment(&format!("TABLE {sql}"), text));
    }
    for index in [&attached.clustered].into_iter().flatten() {
        let sql = format!("ALTER TABLE {sql} CLUSTER ON {}", name(index));
        out.push(Statement::brief(sql, Lock::ShareUpdateExclusive));
    }
    let identity = match (&attached.replica_index, &attached.replica_identity) {
        (Some(index), _) => Some(format!("USING INDEX {}", name(index))),
        (None, Some(identity)) => Some(identity.clone()),
        (None, None) => None,
    };
    if let Some(identity) = identity {
        out.push(postgres::alter(
            table,
            &format!("REPLICA IDENTITY {identity}"),
        ));
    }
    for kept in &attached.statistics {
        out.extend(statistics(kept));
    }
    for trigger in &attached.triggers {
        out.push(Statement::brief(
            trigger.definition.clone(),
            Lock::ShareRowExclusive,
        ));
        if trigger.enabled != "O" {
            let how = firing(&trigger.enabled);
            out.push(postgres::alter(
                table,
                &format!("{how} TRIGGER {}", name(&trigger.name)),
            ));
        }
    }
    if attached.row_security {
        out.push(postgres::alter(table, "ENABLE ROW LEVEL SECURITY"));
    }
    if attached.force_row_security {
        out.push(postgres::alter(table, "FORCE ROW LEVEL SECURITY"));
    }
    out.extend(attached.policies.iter().map(|p| policy(&sql, p)));
    for what in [
        Commented::Constraint,
        Commented::Index,
        Commented::Trigger,
        Commented::Policy,
    ] {
        out.extend(comments(table, attached, what, None));
    }
    out
}
