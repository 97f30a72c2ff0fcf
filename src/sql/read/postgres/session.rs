//! Transactions, settings, LOCK and EXPLAIN.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, Stmt};

use super::{rows, table, tree};
use crate::plan::Lock;
use crate::sql::act::{Act, Control};
use crate::sql::unknown::Unknown;

/// BEGIN and the like.
pub(super) fn control(statement: &Stmt) -> Act {
    let node = statement.syntax();
    let words = tree::words(node);
    let word = |at: usize| words.get(at).map(String::as_str);
    let chain = tree::inside::<ast::AndChain>(node).next().is_some();
    // COMMIT PREPARED and ROLLBACK PREPARED end a transaction of another session.
    if word(1) == Some("PREPARED") {
        return Act::Session { word: "prepared" };
    }
    Act::Transaction(match word(0) {
        Some("BEGIN" | "START") => Control::Begin,
        Some("COMMIT" | "END") => Control::Commit { chain },
        Some("SAVEPOINT") => Control::Savepoint {
            name: tree::kid_word::<ast::Savepoint>(node).unwrap_or_default(),
        },
        Some("RELEASE") => Control::Release { name: saved(node) },
        Some("ROLLBACK" | "ABORT") => match tree::inside::<ast::SavepointRef>(node).next() {
            Some(name) => Control::RollbackTo {
                name: tree::name(name.syntax()),
            },
            None => Control::Rollback { chain },
        },
        Some("PREPARE") => Control::Prepare,
        Some(_) | None => Control::Mode,
    })
}

fn saved(node: &SyntaxNode) -> String {
    tree::inside::<ast::SavepointRef>(node)
        .next()
        .map(|name| tree::name(name.syntax()))
        .unwrap_or_default()
}

/// SET.
pub(super) fn set(node: &SyntaxNode) -> Act {
    let local = matches!(
        tree::kid::<ast::SetScope>(node),
        Some(ast::SetScope::LocalScope(_))
    );
    if let Some(zone) = tree::kid::<ast::SetTimeZone>(node) {
        let value = tree::kid::<ast::ConfigValue>(zone.syntax());
        return Act::Set {
            name: "timezone".into(),
            value: value.map(|v| tree::value(v.syntax())),
            local,
        };
    }
    let Some(config) = tree::kid::<ast::SetConfig>(node) else {
        return Act::Session { word: "set" };
    };
    let name = tree::kid::<ast::ConfigParameterRef>(config.syntax())
        .map(|name| tree::text(name.syntax()).to_lowercase())
        .unwrap_or_default();
    let values: Vec<String> = tree::inside::<ast::ConfigValue>(config.syntax())
        .map(|v| tree::value(v.syntax()))
        .collect();
    Act::Set {
        name,
        value: (!values.is_empty()).then(|| values.join(", ")),
        local,
    }
}

/// RESET.
pub(super) fn reset(node: &SyntaxNode) -> Act {
    let Some(target) = tree::kid::<ast::ResetTarget>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let inner = target.syntax();
    let name = match target {
        ast::ResetTarget::All(_) => None,
        ast::ResetTarget::ConfigParameterRef(_) => Some(tree::text(inner).to_lowercase()),
        ast::ResetTarget::ResetTimeZone(_) => Some("timezone".to_owned()),
        ast::ResetTarget::ResetTransactionIsolation(_) => Some("transaction_isolation".to_owned()),
    };
    Act::Reset { name }
}

/// LOCK TABLE.
pub(super) fn lock(node: &SyntaxNode) -> Act {
    let mode = tree::kid::<ast::LockModeClause>(node)
        .and_then(|clause| tree::kid::<ast::LockMode>(clause.syntax()));
    let lock = match mode {
        Some(ast::LockMode::AccessShare(_)) => Lock::AccessShare,
        Some(ast::LockMode::RowShare(_)) => Lock::RowShare,
        Some(ast::LockMode::RowExclusive(_)) => Lock::RowExclusive,
        Some(ast::LockMode::ShareUpdateExclusive(_)) => Lock::ShareUpdateExclusive,
        Some(ast::LockMode::Share(_)) => Lock::Share,
        Some(ast::LockMode::ShareRowExclusive(_)) => Lock::ShareRowExclusive,
        Some(ast::LockMode::Exclusive(_)) => Lock::Exclusive,
        Some(ast::LockMode::AccessExclusive(_)) | None => Lock::AccessExclusive,
    };
    Act::LockTables {
        tables: tree::inside::<ast::RelationNameRef>(node)
            .map(|t| (tree::qualified(t.syntax()), lock))
            .collect(),
    }
}

/// EXPLAIN.
pub(super) fn explain(node: &SyntaxNode) -> Act {
    let analyze = match tree::kid::<ast::ExplainMode>(node) {
        Some(ast::ExplainMode::ExplainAnalyze(_)) => true,
        Some(ast::ExplainMode::ExplainOptionList(list)) => {
            tree::kids::<ast::ExplainOption>(list.syntax()).any(|option| {
                let words = tree::words(option.syntax());
                words
                    .first()
                    .is_some_and(|w| w == "ANALYZE" || w == "ANALYSE")
                    && !words
                        .get(1)
                        .is_some_and(|w| ["FALSE", "OFF", "0"].contains(&w.as_str()))
            })
        }
        Some(ast::ExplainMode::ExplainVerbose(_)) | None => false,
    };
    let Some(inner) = tree::kid::<ast::ExplainStmt>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let within = inner.syntax();
    let act = match inner {
        ast::ExplainStmt::CreateTableAs(_) => table::create_as(within),
        ast::ExplainStmt::SelectInto(_) => table::select_into(within),
        ast::ExplainStmt::CreateMaterializedView(_) => super::object::create_view(within, true),
        ast::ExplainStmt::Declare(_) => rows::select(within),
        ast::ExplainStmt::Execute(_) => Act::Unknown(Unknown::DynamicSql),
        ast::ExplainStmt::CompoundSelect(_)
        | ast::ExplainStmt::Delete(_)
        | ast::ExplainStmt::Insert(_)
        | ast::ExplainStmt::Merge(_)
        | ast::ExplainStmt::ParenSelect(_)
        | ast::ExplainStmt::Select(_)
        | ast::ExplainStmt::Table(_)
        | ast::ExplainStmt::Update(_)
        | ast::ExplainStmt::Values(_) => {
            rows::statement(within).unwrap_or(Act::Unknown(Unknown::Syntax))
        }
    };
    Act::Explain {
        analyze,
        inner: Box::new(act),
    }
}
