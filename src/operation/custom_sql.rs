//! custom_sql: statements as a person wrote them.

mod effect;

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Loss, Subject, Undo};
use crate::dialect::classify::{self, Facts};
use crate::dialect::lexer;
use crate::dialect::split::{self, Piece};
use crate::dialect::statement::Work;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::estimate::ASSUMED_ROWS;
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Refusal, TableName, World};
use crate::sql::state::State;
use crate::sql::{self, Act, Context, Effect, TransactionRule};

/// Runs statements as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomSql {
    /// One or more statements.
    pub sql: String,
    /// What takes them back; without it the phase cannot be rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_sql: Option<String>,
}

impl CustomSql {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "custom_sql",
        title: "Custom SQL",
        help: "Statements of your own, each run in the mode that it needs.",
        fields: &[
            Field::required("sql", "SQL", FieldKind::Sql, "One or more statements."),
            Field::optional(
                "rollbackSql",
                "Rollback SQL",
                FieldKind::Sql,
                "What takes them back; without it the phase cannot be rolled back.",
            ),
        ],
    };
}

/// A statement of a text, and what is known of it.
pub type Read = (Piece, Facts);

/// Splits a text and reads each of its statements.
fn read(engine: Engine, field: &'static str, sql: &str) -> Result<Vec<Read>, Refusal> {
    let pieces = split::split(engine, sql).map_err(|e| Refusal::new(field, e.to_string()))?;
    if pieces.is_empty() {
        return Err(Refusal::new(field, "there is no statement in it"));
    }
    let delimiter = |piece: &Piece| {
        split::leading(engine, &piece.sql, 1)
            .first()
            .is_some_and(|w| w == "DELIMITER")
    };
    if engine.is_mysql_family() && pieces.iter().any(delimiter) {
        return Err(Refusal::new(
            field,
            "DELIMITER is a word of the mysql client, which the server does not know; leave it out: a body from BEGIN to END stays together without it",
        ));
    }
    let mut made: Vec<TableName> = Vec::new();
    Ok(pieces
        .into_iter()
        .map(|piece| {
            let mut facts = classify::piece(engine, &piece);
            // Nobody has anything to do yet with a table that this very text makes.
            if facts.table.as_ref().is_some_and(|t| made.contains(t)) {
                facts.work = Work::Brief;
            }
            made.extend(facts.creates.clone());
            (piece, facts)
        })
        .collect())
}

/// The same, with what the parsers say of each statement in place of what its first words say,
/// where they are at hand and can tell; and the tables that it locks beside its own.
fn read_in(
    world: &World,
    field: &'static str,
    sql: &str,
) -> Result<Vec<(Piece, Facts, Vec<TableName>)>, Refusal> {
    let reads = read(world.engine, field, sql)?;
    let context = Context {
        version: Some(world.version),
        ..Context::default()
    };
    let state = State::new(world.engine, &context);
    Ok(reads
        .into_iter()
        .map(|(piece, facts)| {
            let parsed = if world.by_words {
                None
            } else {
                sql::raw(world.engine, &piece.sql)
            };
            let statements = parsed.iter().flat_map(|parsed| &parsed.statements);
            let effects: Vec<(&Act, Effect)> = statements
                .map(|(_, act)| (act, sql::effect_of(act, &state)))
                .collect();
            let (facts, others) = judged(&piece, facts, &effects);
            (piece, facts, others)
        })
        .collect())
}

/// What the first words say of a piece, corrected by what its statements do; and the tables that
/// these lock beside its own.
fn judged(
    piece: &Piece,
    mut facts: Facts,
    statements: &[(&Act, Effect)],
) -> (Facts, Vec<TableName>) {
    let effects = || statements.iter().map(|(_, effect)| effect);
    let alone = effects().any(|effect| effect.transaction != TransactionRule::Allowed);
    if statements.is_empty() || effects().any(|effect| effect.unknown.is_some()) {
        if !statements.is_empty() {
            facts.lock = Lock::Unknown;
            facts.changes_schema = true;
        }
        facts.transactional &= !alone;
        return (facts, Vec::new());
    }
    facts.lock = effects().map(Effect::strictest).max().unwrap_or(facts.lock);
    facts.transactional = piece.inside.is_none() && !alone;
    facts.changes_schema = effects().any(|effect| effect.changes_schema);
    let made: Vec<&TableName> = effects().flat_map(|effect| &effect.creates).collect();
    let mut tables: Vec<TableName> = facts.table.iter().cloned().collect();
    for (_, effect) in statements.iter().filter(|(act, _)| !is_about_view(act)) {
        for lock in effect.locks.iter().filter(|l| !l.lock.only_reads()) {
            if let Some(table) = lock.object.table()
                && !made.contains(&table)
                && !tables.contains(table)
            {
                tables.push(table.clone());
            }
        }
    }
    if facts.table.is_none() && !tables.is_empty() {
        facts.table = Some(tables.remove(0));
    } else if !tables.is_empty() {
        tables.remove(0);
    }
    (facts, tables)
}

fn is_about_view(act: &Act) -> bool {
    matches!(
        act,
        Act::CreateView { .. }
            | Act::DropViews { .. }
            | Act::AlterView { .. }
            | Act::RefreshView { .. }
    )
}

/// The drafts of a text: statements that may share a transaction share one, the others run alone.
fn drafts(world: &World, field: &'static str, sql: &str) -> Result<Vec<Draft>, Refusal> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut open = false;
    for (piece, facts, others) in read_in(world, field, sql)? {
        let rows = facts.table.as_ref().map_or(ASSUMED_ROWS, |t| world.rows(t));
        let statement = Statement::new(piece.sql.clone(), facts.lock, facts.work, rows).written();
        let tables: Vec<TableName> = facts.table.iter().cloned().chain(others).collect();
        let title = title(&piece.sql);
        if !facts.transactional {
            open = false;
            let statement = statement.outside();
            let index = built_index(world.engine, &piece.sql).zip(tables.first());
            let action = match (index, effect::of(world.engine, &piece.sql)) {
                (Some((index, table)), _) => Action::BuildIndex {
                    statement,
                    table: table.clone(),
                    index,
                },
                (None, Some(done)) => Action::Ddl {
                    statement,
                    done_sql: format!("SELECT {done}"),
                },
                (None, None) => Action::Outside { statement },
            };
            drafts.push(Draft {
                undoes: None,
                title,
                tables,
                action,
            });
            continue;
        }
        // What ADD VALUE adds to a type can be used only once its transaction is over.
        let alone = adds_value(world.engine, &piece.sql);
        match drafts.last_mut() {
            Some(Draft {
                tables: known,
                action: Action::Transaction { statements },
                ..
            }) if open && !alone => {
                statements.push(statement);
                known.extend(
                    tables
                        .into_iter()
                        .filter(|t| !known.contains(t))
                        .collect::<Vec<_>>(),
                );
            }
            Some(_) | None => drafts.push(Draft {
                undoes: None,
                title,
                tables,
                action: Action::Transaction {
                    statements: vec![statement],
                },
            }),
        }
        open = !alone;
    }
    Ok(drafts)
}

/// The bare name of the index that the statement builds concurrently: such a build can be told
/// apart from what a crash left of it, which other statements outside a transaction cannot.
fn built_index(engine: Engine, sql: &str) -> Option<String> {
    if engine != Engine::PostgreSql {
        return None;
    }
    let tokens = lexer::significant(engine, sql).ok()?;
    let mut rest = tokens.iter();
    let mut take = |words: &[&str]| {
        let mut ahead = rest.clone();
        let found = words.iter().all(|w| ahead.next().is_some_and(|t| t.is(w)));
        if found {
            rest = ahead;
        }
        found
    };
    if !take(&["CREATE"]) {
        return None;
    }
    take(&["UNIQUE"]);
    if !take(&["INDEX", "CONCURRENTLY"]) {
        return None;
    }
    take(&["IF", "NOT", "EXISTS"]);
    // Without a name the server makes one up, and nothing could be looked for.
    rest.next().filter(|t| !t.is("ON"))?.name(engine)
}

fn adds_value(engine: Engine, sql: &str) -> bool {
    let words = split::leading(engine, sql, 8);
    words.first().is_some_and(|w| w == "ALTER")
        && words.get(1).is_some_and(|w| w == "TYPE")
        && words.windows(2).any(|w| w[0] == "ADD" && w[1] == "VALUE")
}

/// The beginning of a statement, on one line.
fn title(sql: &str) -> String {
    let flat: Vec<&str> = sql.split_whitespace().collect();
    let flat = flat.join(" ");
    if flat.chars().count() <= 60 {
        format!("Run {flat}")
    } else {
        format!("Run {}...", flat.chars().take(57).collect::<String>())
    }
}

impl CustomSql {
    /// Its statements as either kind of quotes reads them, where its engine is not known.
    fn in_any_quotes(&self) -> Vec<Read> {
        let mut reads = self.statements(Engine::PostgreSql);
        // Double quotes make names on the one side, and backticks on the other.
        if self.sql.contains('`') {
            reads.extend(self.statements(Engine::MySql));
        }
        reads
    }

    /// Its statements and what is known of each; empty where they cannot be read, which is
    /// refused elsewhere.
    pub fn statements(&self, engine: Engine) -> Vec<Read> {
        read(engine, "sql", &self.sql).unwrap_or_default()
    }

    /// The same of what takes them back.
    pub fn statements_back(&self, engine: Engine) -> Vec<Read> {
        let back = self.rollback_sql.as_deref();
        back.and_then(|sql| read(engine, "rollbackSql", sql).ok())
            .unwrap_or_default()
    }
}

impl Behave for CustomSql {
    fn phase_kind(&self) -> PhaseKind {
        let reads = self.in_any_quotes();
        if reads.iter().any(|(_, facts)| facts.unbatched) {
            PhaseKind::Migrate
        } else if reads.iter().any(|(piece, _)| drops(&piece.sql)) {
            PhaseKind::Contract
        } else {
            PhaseKind::Expand
        }
    }

    fn tables(&self) -> Vec<TableName> {
        let mut tables: Vec<TableName> = self
            .in_any_quotes()
            .into_iter()
            .filter_map(|(_, facts)| facts.table)
            .collect();
        tables.sort();
        tables.dedup();
        tables
    }

    fn subject(&self) -> Subject {
        (None, None)
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let reads = read_in(world, "sql", &self.sql)?;
        if let Some(sql) = &self.rollback_sql {
            read(world.engine, "rollbackSql", sql)?;
        }
        if reads.iter().any(|(_, facts, _)| facts.changes_schema) {
            world.loosen();
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        drafts(before, "sql", &self.sql)
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        if let Some(sql) = &self.rollback_sql {
            return Ok(Undo::whole(drafts(before, "rollbackSql", sql)?));
        }
        let only_reads = read_in(before, "sql", &self.sql)?
            .iter()
            .all(|(_, facts, _)| facts.lock.only_reads() && !facts.changes_schema);
        Ok(Undo {
            drafts: Vec::new(),
            loss: if only_reads {
                Loss::Nothing
            } else {
                Loss::NotSaid
            },
            saved: Vec::new(),
        })
    }

    fn sample() -> Self {
        Self {
            sql: "CREATE VIEW people AS SELECT id, name FROM users; ANALYZE users".into(),
            rollback_sql: Some("DROP VIEW people".into()),
        }
    }
}

fn drops(sql: &str) -> bool {
    split::leading(Engine::PostgreSql, sql, 12)
        .iter()
        .any(|w| w == "DROP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_the_text_makes_holds_nobody_up() {
        let sql = "CREATE TABLE a (id int); CREATE INDEX ON a (id); CREATE INDEX ON b (id);
                   CREATE TABLE IF NOT EXISTS c (id int); CREATE INDEX ON c (id)";
        let work: Vec<Work> = read(Engine::PostgreSql, "sql", sql)
            .unwrap()
            .into_iter()
            .map(|(_, facts)| facts.work)
            .collect();
        let index = Work::Index;
        assert_eq!(work, [Work::Brief, Work::Brief, index, Work::Brief, index]);
    }

    #[test]
    fn a_concurrent_build_is_known_by_its_name() {
        let name = |sql| built_index(Engine::PostgreSql, sql);
        assert_eq!(
            name("create unique index concurrently if not exists \"By Mail\" on users (email)")
                .as_deref(),
            Some("By Mail")
        );
        assert_eq!(
            name("CREATE INDEX CONCURRENTLY by_mail ON users (email)").as_deref(),
            Some("by_mail")
        );
        assert_eq!(name("CREATE INDEX CONCURRENTLY ON users (email)"), None);
        assert_eq!(name("REINDEX INDEX CONCURRENTLY by_mail"), None);
    }
}
