//! What others claim of statements without a parser, beside what the tree says: operations of
//! theirs, and the lexer's reading of SQL that people wrote.

use std::fmt::Write as _;

use super::{own, parse, script};
use crate::dialect::classify;
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::operation::{EnableDualWrite, Operation, samples, tests};
use crate::plan::{Lock, Statement};
use crate::schema::{TableName, World, sample};
use crate::sql::script::Context;
use crate::sql::state::State;
use crate::sql::{Act, Breakage, Effect, ObjectLock, Role, TransactionRule, WorkKind, effect_of};

/// Statements with a program in them say nothing, and what an operation claims of its own it knows.
fn differs(statement: &Statement, effect: &Effect) -> Option<String> {
    if effect.unknown.is_some() {
        return None;
    }
    let strictest = effect.strictest();
    let mut out = String::new();
    if statement.lock < strictest.min(effect.main_lock()) {
        let _ = write!(
            out,
            " lock {:?}, the tree {:?};",
            statement.lock,
            effect.main_lock()
        );
    }
    if !statement.blocks_reads && effect.blocks.reads {
        out.push_str(" readers wait;");
    }
    if !statement.blocks_writes && effect.blocks.writes {
        out.push_str(" writers wait;");
    }
    if !statement.rewrites_table && effect.does(WorkKind::Rewrite) {
        out.push_str(" it rewrites;");
    }
    if !statement.scans_table && effect.blocks.lastingly() {
        out.push_str(" it takes long;");
    }
    if statement.in_transaction && effect.transaction == TransactionRule::Refused {
        out.push_str(" no transaction takes it;");
    }
    (!out.is_empty()).then(|| format!("{}\n   {out}\n", statement.sql))
}

#[test]
fn operations_claim_nothing_milder_than_their_statements() {
    let schema = sample::schema(Engine::PostgreSql);
    let touched = [TableName::parse("users"), TableName::parse("teams")];
    let mut wrong = String::new();
    let mut count = 0;
    for operation in samples() {
        let mut before = World::new(Engine::PostgreSql, Some(&schema), &touched);
        if matches!(operation, Operation::DisableDualWrite(_)) {
            let write: Operation = EnableDualWrite::pair("users", "login", "handle").into();
            write.apply(&mut before).unwrap();
        }
        let mut after = before.clone();
        if operation.apply(&mut after).is_err() {
            continue;
        }
        let (Ok(drafts), Ok(undo)) = (operation.compile(&before), operation.undo(&before)) else {
            continue;
        };
        let mut told = String::new();
        for draft in drafts.iter().chain(&undo.drafts) {
            for statement in draft.action.statements() {
                count += 1;
                let context = Context {
                    schema: Some(&schema),
                    before: Some(&told),
                    ..Context::default()
                };
                let read = script(Engine::PostgreSql, &statement.sql, &context);
                assert_eq!(read.errors, [], "{}", statement.sql);
                for reading in &read.statements {
                    wrong.extend(differs(statement, &reading.effect));
                }
                let _ = writeln!(told, "{};", statement.sql);
            }
        }
    }
    assert!(count > 20 && wrong.is_empty(), "{count}\n{wrong}");
}

/// The page reads SQL by its leading words: whatever it says must not be milder than the tree.
#[test]
fn the_lexers_reading_is_never_milder_than_the_trees() {
    let list: Vec<serde_json::Value> =
        serde_norway::from_str(include_str!("../../../tests/locks/postgresql.yaml")).unwrap();
    let mut wrong = String::new();
    for row in list {
        let sql = row["sql"].as_str().unwrap();
        // What the newest can do and what older ones did otherwise is not told to it.
        if sql.starts_with("BEGIN") || row["fails"] == true || row.get("until").is_some() {
            continue;
        }
        let read = script(Engine::PostgreSql, sql, &Context::default());
        let Some(effect) = read.statements.first().map(|s| &s.effect) else {
            panic!("{sql}");
        };
        if effect.unknown.is_some() {
            continue;
        }
        let facts = classify::statement(Engine::PostgreSql, sql);
        if facts.lock == Lock::Unknown {
            continue;
        }
        let milder = (effect.blocks.reads && !facts.lock.blocks_reads())
            || (effect.blocks.writes && !facts.lock.blocks_writes())
            || (effect.lock_on(&TableName::parse("t")).unwrap_or(Lock::None) > facts.lock)
            || (effect.blocks.lastingly() && facts.work == Work::Brief)
            || (effect.transaction == TransactionRule::Refused && facts.transactional);
        if milder {
            let _ = write!(
                wrong,
                "{sql}\n   the lexer {:?} {:?} {}; the tree {:?} {:?} {:?}\n",
                facts.lock,
                facts.work,
                facts.transactional,
                effect.main_lock(),
                effect.blocks,
                effect.transaction
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What a statement locks beside its table, and what it breaks.
fn beside(effect: &Effect) -> (Vec<String>, &[Breakage]) {
    let others = effect.locks.iter().filter(|l| l.role != Role::Itself);
    let others = others.map(|l| format!("{} {:?} {}", l.object, l.role, l.lock.word()));
    (others.collect(), &effect.breaks)
}

/// What operations send is read without the parsers, in the page too: it must be read as they do.
#[test]
fn what_operations_send_is_read_as_the_parsers_read_it() {
    let mut wrong = String::new();
    let mut count = 0;
    for engine in Engine::ALL {
        let schema = sample::schema(engine);
        for operation in samples() {
            let in_step = matches!(operation, Operation::DisableDualWrite(_));
            let mut before = tests::world(engine, true, in_step);
            tests::stage(&operation, &mut before);
            let mut after = before.clone();
            if operation.apply(&mut after).is_err() {
                continue;
            }
            let (Ok(drafts), Ok(undo)) = (operation.compile(&before), operation.undo(&before))
            else {
                continue;
            };
            let context = Context {
                schema: Some(&schema),
                ..Context::default()
            };
            let mut state = State::new(engine, &context);
            for draft in drafts.iter().chain(&undo.drafts) {
                for statement in draft.action.statements() {
                    let acts: Vec<Act> = parse(engine, &statement.sql)
                        .statements
                        .into_iter()
                        .map(|(_, act)| act)
                        .collect();
                    let [tree] = acts.as_slice() else {
                        assert_eq!(own(engine, &statement.sql), None, "{}", statement.sql);
                        continue;
                    };
                    let said = effect_of(tree, &state);
                    if said.unknown.is_none() {
                        count += 1;
                        let read = own(engine, &statement.sql).map(|act| effect_of(&act, &state));
                        let known = match &read {
                            Some(effect) => beside(effect) == beside(&said),
                            None => {
                                let quiet = |l: &ObjectLock| {
                                    l.role == Role::Itself
                                        || l.lock <= Lock::RowExclusive
                                        || l.lock == Lock::MetadataRead
                                };
                                said.breaks.is_empty() && said.locks.iter().all(quiet)
                            }
                        };
                        if !known {
                            let _ = writeln!(
                                wrong,
                                "{engine:?} {}\n   read {:?}\n   tree {:?}",
                                statement.sql,
                                read.as_ref().map(beside),
                                beside(&said)
                            );
                        }
                    }
                    state.apply(tree, 0);
                }
            }
        }
    }
    assert!(count > 200 && wrong.is_empty(), "{count}\n{wrong}");
}
