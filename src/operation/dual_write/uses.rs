//! PostgreSQL: what counts that applications still write the old side.
//!
//! A sequence is what everybody can count with at the same time: nobody waits for the end of
//! another's transaction, no row is written, and of 32 numbers one writes to the log. After a crash
//! of the server it may have gone on by up to 32, never back. What counts runs with the rights of
//! its owner, since applications have none on what is Bellows' own, and does nothing else.

use super::{drop_trigger, stem};
use crate::dialect::quote;
use crate::document::Engine;
use crate::plan::{Lock, Statement};
use crate::schema::{DualWrite, TableName};

/// The sequence, and the function that counts with it: they share a name.
fn counter(dual_write: &DualWrite) -> String {
    let name = format!("{}_used", stem(dual_write));
    format!("bellows.{}", quote::name(Engine::PostgreSql, &name))
}

/// The triggers' names: they come before the one that keeps the columns in step, and see what was
/// written by the application itself.
fn triggers(dual_write: &DualWrite) -> [String; 2] {
    let stem = stem(dual_write);
    [format!("{stem}_insert"), format!("{stem}_update")]
}

/// What begins to count. An UPDATE counts once, by the columns that it names, even where it changes
/// no value; an INSERT for each row that has a value for them.
pub(super) fn install(table: &TableName, dual_write: &DualWrite) -> Vec<Statement> {
    let engine = Engine::PostgreSql;
    let on = quote::table(engine, table);
    let counter = counter(dual_write);
    let [insert, update] = triggers(dual_write).map(|name| quote::name(engine, &name));
    let old: Vec<String> = dual_write
        .old
        .iter()
        .map(|c| quote::name(engine, &c.column))
        .collect();
    let given: Vec<String> = old.iter().map(|c| format!("NEW.{c} IS NOT NULL")).collect();
    let body = format!(
        " DECLARE counted bigint := pg_catalog.nextval({}::pg_catalog.regclass); BEGIN RETURN NEW; END ",
        quote::literal(engine, &counter)
    );
    let fence = quote::fence(&body);
    let trigger = |sql: String| Statement::brief(sql, Lock::ShareRowExclusive);
    vec![
        Statement::brief(
            format!("CREATE SEQUENCE IF NOT EXISTS {counter}"),
            Lock::None,
        ),
        Statement::brief(
            format!(
                "CREATE OR REPLACE FUNCTION {counter}() RETURNS trigger\nLANGUAGE plpgsql SECURITY DEFINER\nAS {fence}{body}{fence}"
            ),
            Lock::None,
        ),
        Statement::brief(
            format!(
                "COMMENT ON FUNCTION {counter}() IS {}",
                quote::literal(engine, &dual_write.marker())
            ),
            Lock::None,
        ),
        trigger(format!(
            "CREATE TRIGGER {insert} BEFORE INSERT ON {on} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {counter}()",
            given.join(" OR ")
        )),
        trigger(format!(
            "CREATE TRIGGER {update} BEFORE UPDATE OF {} ON {on} FOR EACH STATEMENT EXECUTE FUNCTION {counter}()",
            old.join(", ")
        )),
    ]
}

/// What ends it, where it is there.
pub(super) fn remove(table: &TableName, dual_write: &DualWrite) -> Vec<Statement> {
    let mut out: Vec<Statement> = triggers(dual_write)
        .iter()
        .map(|name| drop_trigger(table, name))
        .collect();
    out.extend(leave_table(dual_write));
    out
}

/// What is left of it where its table went.
pub(super) fn leave_table(dual_write: &DualWrite) -> Vec<Statement> {
    let counter = counter(dual_write);
    vec![
        Statement::brief(format!("DROP FUNCTION IF EXISTS {counter}()"), Lock::None),
        Statement::brief(
            format!("DROP SEQUENCE IF EXISTS {counter}"),
            Lock::AccessExclusive,
        ),
    ]
}
