//! What MySQL and MariaDB cannot copy truthfully.

use super::Texts;
use crate::dialect::{column_definition, lexer};
use crate::schema::{Column, ConstraintKind, Index, Refusal, Shadow, Table, TableName, World};

/// What a foreign key does to its own table by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ByItself {
    Nothing,
    Changes,
    Deletes,
}

fn by_itself(world: &World, definition: &str) -> ByItself {
    let tokens = lexer::significant(world.engine, definition).unwrap_or_default();
    let mut found = ByItself::Nothing;
    for w in tokens.windows(3) {
        if !w[0].is("on") {
            continue;
        }
        if w[1].is("delete") && w[2].is("cascade") {
            return ByItself::Deletes;
        }
        let sets = w[2].is("set");
        if (w[1].is("update") && (sets || w[2].is("cascade"))) || (w[1].is("delete") && sets) {
            found = ByItself::Changes;
        }
    }
    found
}

/// Refuses what triggers and batches could not keep in step.
pub(in crate::operation) fn problem(
    world: &World,
    source: &TableName,
    shadow: &Shadow,
) -> Result<(), Refusal> {
    let title = world.engine.title();
    let texts = Texts::new(world, source, shadow);
    if let Some((other, _)) = world.copies_into(source).first() {
        return Err(Refusal::new(
            "table",
            format!(
                "{source} is itself kept in step with {other}: what triggers write is not carried on to a third table on {title}; drop the one that is no longer needed first"
            ),
        ));
    }
    let table = world.table(source).filter(|_| world.is_whole(source));
    let target = world.table(&shadow.target);
    let target = target.filter(|_| world.is_whole(&shadow.target));
    if let Some(table) = table {
        cascades(world, source, table, shadow)?;
        let found = texts.stays()
            || shadow.source_key.iter().all(|s| {
                shadow
                    .takes(world.engine, s)
                    .is_some_and(|c| shadow.key.iter().any(|k| k == c))
            });
        if !found {
            return Err(Refusal::new(
                "key",
                format!(
                    "the key of {} must hold the key of {source} ({}), each column as it is: the triggers find the copies of a row by it",
                    shadow.target,
                    shadow.source_key.join(", ")
                ),
            ));
        }
    }
    if let Some(target) = target {
        if target.rows > 0 && !world.is_made(&shadow.target) {
            return Err(Refusal::new(
                "shadow",
                format!(
                    "{} holds rows already; a copy begins with an empty table",
                    shadow.target
                ),
            ));
        }
        if let Some(table) = table {
            keys(world, (source, table), target, shadow)?;
        }
    }
    Ok(())
}

fn cascades(
    world: &World,
    source: &TableName,
    table: &Table,
    shadow: &Shadow,
) -> Result<(), Refusal> {
    let key = table.constraints.iter().find(|c| {
        c.kind == ConstraintKind::ForeignKey
            && match by_itself(world, &c.definition) {
                ByItself::Nothing => false,
                ByItself::Changes => c.columns.iter().any(|c| shadow.reads(world.engine, c)),
                ByItself::Deletes => true,
            }
    });
    let Some(key) = key else {
        return Ok(());
    };
    Err(Refusal::new(
        "table",
        format!(
            "the foreign key {} of {source} deletes or changes its rows by itself (CASCADE or SET NULL), and that fires no triggers on {}: the copy would not follow. Make it one that restricts, by drop_constraint and add_foreign_key without onDelete and onUpdate, before this, and what it was after the old table is gone",
            key.name,
            world.engine.title()
        ),
    ))
}

/// Whether two values that the one column tells apart are the same in no other.
fn tells_apart(from: &Column, to: &Column) -> bool {
    const WHOLE: &[&str] = &["tinyint", "smallint", "mediumint", "int", "bigint"];
    let word = |c: &Column| column_definition::type_word(&c.data_type);
    let whole = |c: &Column| WHOLE.contains(&word(c).as_str());
    let texts = column_definition::is_text(&from.data_type) && word(from) == word(to);
    (from.data_type == to.data_type || whole(from) && whole(to) || texts)
        && from.collation == to.collation
}

/// Every unique key of the copy must hold one of the source: a row could else take another one's
/// place, and the other one be lost.
fn keys(
    world: &World,
    (source, table): (&TableName, &Table),
    target: &Table,
    shadow: &Shadow,
) -> Result<(), Refusal> {
    let texts = Texts::new(world, source, shadow);
    let plain = |column: &String| {
        let from = texts.plain_source(column)?;
        let apart = tells_apart(table.column(&from)?, target.column(column)?);
        apart.then_some(from)
    };
    let unique = |t: &Table| -> Vec<Vec<String>> {
        let whole = |i: &&Index| i.unique && !i.columns.is_empty();
        let indexes = t.indexes.iter().filter(whole).map(|i| i.columns.clone());
        std::iter::once(t.primary_key.clone())
            .chain(indexes)
            .filter(|key| !key.is_empty())
            .collect()
    };
    let own = unique(table);
    for key in unique(target) {
        let from: Vec<String> = key.iter().filter_map(plain).collect();
        let held = own.iter().any(|k| k.iter().all(|c| from.contains(c)));
        // Several rows of one: what tells them apart is the document's word, and is compared.
        let said = shadow.each.is_some() && key.iter().all(|c| shadow.key.contains(c));
        if !held && !said {
            return Err(Refusal::new(
                "shadow",
                format!(
                    "{} is unique by ({}), and {source} is not by the same values: a row could take another one's place in the copy. Add that key after the swap, with add_unique, which looks at the rows first",
                    shadow.target,
                    key.join(", ")
                ),
            ));
        }
    }
    Ok(())
}
