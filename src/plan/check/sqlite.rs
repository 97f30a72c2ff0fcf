//! Constraints of SQLite, whose catalogue keeps the text of a table and no list of what is in it.

use crate::dialect::create_table::CreateTable;
use crate::dialect::quote;
use crate::document::Engine;
use crate::schema::{Constraint, ConstraintKind, TableName, World};

/// Whether the catalogue has the constraint, as a condition over `sql`, the text of the table.
pub(super) fn constraint(world: &World, table: &TableName, name: &str) -> String {
    match unnamed(world, table, name) {
        Some(constraint) => by_what_it_is(table, &constraint),
        None => by_name(name),
    }
}

/// The constraint, where SQLite's text of the table has no name for it.
fn unnamed(world: &World, table: &TableName, name: &str) -> Option<Constraint> {
    let text = CreateTable::parse(world.table(table)?.create_sql.as_deref()?).ok()?;
    let found = text
        .constraints()
        .into_iter()
        .find(|c| !c.named && c.constraint.name.eq_ignore_ascii_case(name))?;
    Some(found.constraint)
}

/// Whether the catalogue has such a constraint, whatever it is called.
fn by_what_it_is(table: &TableName, constraint: &Constraint) -> String {
    let text = |text: &str| quote::literal(Engine::Sqlite, text);
    let columns = text(&constraint.columns.join(","));
    let own = text(&table.name);
    match (constraint.kind, &constraint.references) {
        (ConstraintKind::ForeignKey, Some(target)) => format!(
            "EXISTS (SELECT 1 FROM pragma_foreign_key_list({own}) WHERE \"table\" = {} COLLATE NOCASE GROUP BY id HAVING group_concat(\"from\") = {columns} COLLATE NOCASE)",
            text(&target.name)
        ),
        (ConstraintKind::Unique, _) => format!(
            "EXISTS (SELECT 1 FROM pragma_index_list({own}) AS l WHERE l.origin = 'u' AND (SELECT group_concat(name) FROM pragma_index_info(l.name)) = {columns} COLLATE NOCASE)"
        ),
        (ConstraintKind::Check | ConstraintKind::ForeignKey | ConstraintKind::Exclude, _) => {
            let words = constraint.definition.split_whitespace();
            format!(
                "instr(replace(replace(replace(replace(lower(sql), char(10), ''), char(13), ''), char(9), ''), ' ', ''), {}) > 0",
                text(&words.collect::<String>().to_lowercase())
            )
        }
    }
}

/// Whether the text of the table, in `sql`, names the constraint: bare or in any of the quotes.
fn by_name(name: &str) -> String {
    let engine = Engine::Sqlite;
    let flat = "replace(replace(replace(lower(sql), char(10), ' '), char(13), ' '), char(9), ' ')";
    let lower = name.to_lowercase();
    let mut forms: Vec<String> = [
        format!("\"{}\"", lower.replace('"', "\"\"")),
        format!("[{lower}]"),
        format!("`{}`", lower.replace('`', "``")),
    ]
    .iter()
    .map(|quoted| {
        let wanted = quote::literal(engine, &format!("constraint {quoted}"));
        format!("instr({flat}, {wanted}) > 0")
    })
    .collect();
    let bare = lower.chars().all(|c| c == '_' || c.is_alphanumeric());
    if bare {
        let wanted = quote::literal(engine, &format!("*constraint {lower}[^a-z0-9_$]*"));
        forms.push(format!("{flat} GLOB {wanted}"));
    }
    forms.join(" OR ")
}
