//! SQLite's table rebuild: what its ALTER TABLE cannot do, by the procedure of its manual.

use super::behave::Draft;
use crate::dialect::create_table::{CreateTable, EditError};
use crate::dialect::lexer;
use crate::dialect::quote;
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Refusal, Table, TableName, World};

/// A statement that writes the file for a moment.
pub(super) fn write(sql: impl Into<String>) -> Statement {
    Statement::brief(sql, Lock::DatabaseWrite)
}

/// Makes the table anew with its definition edited.
pub(super) fn rebuild(
    before: &World,
    name: &TableName,
    field: &'static str,
    title: String,
    edit: impl FnOnce(&mut CreateTable) -> Result<(), EditError>,
) -> Result<Draft, Refusal> {
    let known = before
        .table(name)
        .and_then(|table| Some((table, table.create_sql.as_ref()?)));
    let (table, sql) = match known {
        Some(known) => known,
        None if before.live => {
            return Err(Refusal::new(
                "table",
                format!(
                    "{name} must be made anew for this, and what SQLite makes of the texts of its triggers and indexes when a table or a column gets another name is not to be told beforehand here; put this into a document of its own, after the renaming"
                ),
            ));
        }
        None => return Ok(draft(name, title, elided(name))),
    };
    let refuse = |e: EditError| Refusal::new(field, format!("{name}: {e}"));
    let mut text = CreateTable::parse(sql).map_err(refuse)?;
    edit(&mut text).map_err(refuse)?;
    let mut statements = statements(before, name, table, &text);
    statements.splice(0..0, as_reworded(before, name));
    Ok(draft(name, title, statements))
}

/// A statement that fails with the message where the condition does not hold. SQLite can raise an
/// error of one's own in triggers only; the path of a JSON function is the way around that.
pub(super) fn must(condition: &str, message: &str) -> Statement {
    Statement::brief(
        format!(
            "SELECT CASE WHEN {condition} THEN 'as it should be' ELSE json_extract('{{}}', {}) END",
            quote::literal(Engine::Sqlite, message)
        ),
        Lock::None,
    )
}

/// What was reworded by a renaming before this is made again in those words: they must be the
/// engine's.
fn as_reworded(before: &World, name: &TableName) -> Option<Statement> {
    let texts = before.reworded(name);
    if texts.is_empty() {
        return None;
    }
    let list: Vec<String> = texts
        .iter()
        .map(|sql| quote::literal(Engine::Sqlite, sql))
        .collect();
    let condition = format!(
        "(SELECT count(*) FROM sqlite_schema WHERE sql IN ({})) = {}",
        list.join(", "),
        list.len()
    );
    let message = format!(
        "the triggers and indexes of {name} have not the texts that the renaming was to give them; put this into a document of its own"
    );
    Some(must(&condition, &message))
}

/// Makes the table anew with the definition that it has in that world.
pub(super) fn restore(world: &World, name: &TableName, title: String) -> Result<Draft, Refusal> {
    rebuild(world, name, "table", title, |_| Ok(()))
}

fn draft(name: &TableName, title: String, statements: Vec<Statement>) -> Draft {
    Draft {
        undoes: None,
        title,
        tables: vec![name.clone()],
        action: Action::Rebuild {
            table: name.clone(),
            statements,
        },
    }
}

fn new_name(name: &TableName) -> String {
    format!("_bellows_new_{}", name.name)
}

fn statements(
    world: &World,
    name: &TableName,
    table: &Table,
    text: &CreateTable,
) -> Vec<Statement> {
    let new = new_name(name);
    let (old_sql, new_sql) = (
        quote::table(Engine::Sqlite, name),
        quote::name(Engine::Sqlite, &new),
    );
    let mut columns: Vec<String> = table
        .columns
        .iter()
        .filter(|c| !c.generated)
        .map(|c| quote::name(Engine::Sqlite, &c.name))
        .collect();
    // Rows keep their rowid: a full-text index beside the table may go by it.
    if !text.without_rowid() && !has_integer_key(table) {
        columns.extend(rowid(table));
    }
    let columns = columns.join(", ");
    let mut out = vec![
        write(text.text(&new)),
        Statement::new(
            format!("INSERT INTO {new_sql} ({columns}) SELECT {columns} FROM {old_sql}"),
            Lock::DatabaseWrite,
            Work::Rewrite,
            world.rows(name),
        ),
    ];
    if text.autoincrement() {
        // The counter may be past the greatest key that is left.
        out.push(write(format!(
            "DELETE FROM sqlite_sequence WHERE name = {}",
            quote::literal(Engine::Sqlite, &new)
        )));
        out.push(write(format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT {}, seq FROM sqlite_sequence WHERE name = {}",
            quote::literal(Engine::Sqlite, &new),
            quote::literal(Engine::Sqlite, &name.name)
        )));
    }
    out.push(write(format!("DROP TABLE {old_sql}")));
    // Without it the renaming would trip over views and triggers that name the table, which is not
    // there for this moment.
    out.push(write("PRAGMA legacy_alter_table = ON"));
    out.push(write(format!(
        "ALTER TABLE {new_sql} RENAME TO {}",
        quote::name(Engine::Sqlite, &name.name)
    )));
    out.push(write("PRAGMA legacy_alter_table = OFF"));
    for sql in &table.dependents {
        // Views were never dropped: they read the new table under the old name.
        if begins_with(sql, "view") {
            continue;
        }
        let work = if begins_with(sql, "trigger") {
            Work::Brief
        } else {
            Work::Index
        };
        out.push(Statement::new(
            sql.clone(),
            Lock::DatabaseWrite,
            work,
            world.rows(name),
        ));
    }
    out
}

/// The sequence for reading: with what nobody knows left out, so that none of it would run.
fn elided(name: &TableName) -> Vec<Statement> {
    let new = quote::name(Engine::Sqlite, &new_name(name));
    let old = quote::table(Engine::Sqlite, name);
    vec![
        write(format!(
            "CREATE TABLE {new} (/* the definition of {old}, changed */)"
        )),
        write(format!(
            "INSERT INTO {new} SELECT /* its columns */ FROM {old}"
        )),
        write(format!("DROP TABLE {old}")),
        write(format!("ALTER TABLE {new} RENAME TO {old}")),
    ]
}

/// Whether the text creates that kind of thing: `CREATE TEMP VIEW`.
fn begins_with(sql: &str, kind: &str) -> bool {
    lexer::significant(Engine::Sqlite, sql)
        .unwrap_or_default()
        .iter()
        .take(3)
        .any(|t| t.is(kind))
}

/// Whether the key's columns are never NULL, whatever they are declared as: the rowid, or the key
/// of a table without one.
pub(super) fn never_null(table: &Table, key: &[String]) -> bool {
    key == table.primary_key && (has_integer_key(table) || without_rowid(table))
}

/// Whether a column is the rowid itself.
fn has_integer_key(table: &Table) -> bool {
    match table.primary_key.as_slice() {
        [key] => table
            .column(key)
            .is_some_and(|c| c.data_type.eq_ignore_ascii_case("integer")),
        _ => false,
    }
}

/// A name of the rowid that no column hides.
pub(super) fn rowid(table: &Table) -> Option<String> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| {
            !table
                .columns
                .iter()
                .any(|c| c.name.eq_ignore_ascii_case(name))
        })
        .map(str::to_owned)
}

/// Whether the table has no rowid, as far as its text says.
pub(super) fn without_rowid(table: &Table) -> bool {
    table
        .create_sql
        .as_deref()
        .and_then(|sql| CreateTable::parse(sql).ok())
        .is_some_and(|text| text.without_rowid())
}
