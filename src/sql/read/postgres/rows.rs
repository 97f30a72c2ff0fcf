//! SELECT, INSERT, UPDATE, DELETE, MERGE and COPY.

use squawk_syntax::SyntaxKind::{PROGRAM_KW, VALUES_KW};
use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::{bound, expression, tree};
use crate::schema::TableName;
use crate::sql::act::Act;
use crate::sql::unknown::Unknown;

/// The tables and views that a statement reads: what stands after FROM, USING and TABLE, and is no
/// part of its WITH.
pub(super) fn reads(node: &SyntaxNode) -> Vec<TableName> {
    let own: Vec<String> = tree::inside::<ast::CteName>(node)
        .map(|name| tree::name(name.syntax()))
        .collect();
    let from = tree::inside::<ast::RelationFromItem>(node)
        .filter_map(|item| tree::kid_name::<ast::RelationNameRef>(item.syntax()));
    let tables = tree::inside::<ast::Table>(node)
        .filter_map(|table| tree::kid_name::<ast::RelationName>(table.syntax()));
    let mut out: Vec<TableName> = from
        .chain(tables)
        .filter(|name| !(name.schema.is_none() && own.contains(&name.name)))
        .filter(|name| !catalogue(name))
        .collect();
    out.sort();
    out.dedup();
    out
}

/// The server's own catalogue, which everybody reads all the time.
fn catalogue(name: &TableName) -> bool {
    match &name.schema {
        Some(schema) => schema == "pg_catalog" || schema == "information_schema",
        None => name.name.starts_with("pg_"),
    }
}

/// A query, with all that its WITH does.
pub(super) fn select(node: &SyntaxNode) -> Act {
    let inner: Vec<Act> = tree::inside::<ast::WithTable>(node)
        .flat_map(|table| tree::kids::<ast::WithQuery>(table.syntax()).collect::<Vec<_>>())
        .filter_map(|query| change(&query))
        .collect();
    let reads = reads(node);
    let locking = tree::inside::<ast::LockingClause>(node).next();
    let locks_rows = match &locking {
        Some(clause) => locked(clause.syntax(), node, &reads),
        None => Vec::new(),
    };
    Act::Select {
        bounded: reads.is_empty() || bound::of_query(node),
        locks_rows,
        inner,
        calls: expression::unknown_calls(node),
        reads,
    }
}

/// The tables of FOR UPDATE: those of OF, found by their aliases, or all.
fn locked(clause: &SyntaxNode, query: &SyntaxNode, reads: &[TableName]) -> Vec<TableName> {
    let Some(of) = tree::kid::<ast::LockingOf>(clause) else {
        return reads.to_vec();
    };
    let names: Vec<String> = tree::inside::<ast::NameRef>(of.syntax())
        .map(|name| tree::name(name.syntax()))
        .collect();
    tree::inside::<ast::RelationFromItem>(query)
        .filter_map(|item| {
            let table = tree::kid_name::<ast::RelationNameRef>(item.syntax())?;
            let alias = tree::kid::<ast::FromAlias>(item.syntax())
                .and_then(|alias| tree::kid_word::<ast::TableAlias>(alias.syntax()));
            let known_as = alias.unwrap_or_else(|| table.name.clone());
            names.contains(&known_as).then_some(table)
        })
        .collect()
}

fn change(query: &ast::WithQuery) -> Option<Act> {
    let node = query.syntax();
    match query {
        ast::WithQuery::Insert(_) => Some(insert(node)),
        ast::WithQuery::Update(_) => Some(update(node)),
        ast::WithQuery::Delete(_) => Some(delete(node)),
        ast::WithQuery::Merge(_) => Some(merge(node)),
        ast::WithQuery::CompoundSelect(_)
        | ast::WithQuery::ParenSelect(_)
        | ast::WithQuery::Select(_)
        | ast::WithQuery::Table(_)
        | ast::WithQuery::Values(_) => None,
    }
}

/// The act, with what the statement's WITH changes.
fn with(node: &SyntaxNode, act: Act) -> Act {
    let changes: Vec<Act> = tree::kid::<ast::WithClause>(node)
        .into_iter()
        .flat_map(|clause| tree::kids::<ast::WithTable>(clause.syntax()).collect::<Vec<_>>())
        .flat_map(|table| tree::kids::<ast::WithQuery>(table.syntax()).collect::<Vec<_>>())
        .filter_map(|query| change(&query))
        .collect();
    if changes.is_empty() {
        return act;
    }
    Act::Select {
        reads: Vec::new(),
        locks_rows: Vec::new(),
        inner: changes.into_iter().chain([act]).collect(),
        bounded: false,
        calls: Vec::new(),
    }
}

/// INSERT.
pub(super) fn insert(node: &SyntaxNode) -> Act {
    let Some(table) = tree::kid_name::<ast::RelationNameRef>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let source = tree::kid::<ast::InsertSource>(node);
    let from_query = source.is_some_and(|source| {
        !ast::DefaultValues::can_cast(source.syntax().kind())
            && !tree::says(source.syntax(), VALUES_KW)
            && !bound::of_query(source.syntax())
    });
    let act = Act::Insert {
        columns: tree::kid::<ast::ColumnTargetList>(node).map(|list| tree::columns(list.syntax())),
        reads: reads(node),
        from_query,
        calls: expression::unknown_calls(node),
        table,
    };
    with(node, act)
}

/// UPDATE.
pub(super) fn update(node: &SyntaxNode) -> Act {
    let Some(table) = tree::kid_name::<ast::RelationName>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let columns = tree::kid::<ast::SetClause>(node)
        .into_iter()
        .flat_map(|set| tree::inside::<ast::ColumnTarget>(set.syntax()).collect::<Vec<_>>())
        .filter_map(|target| tree::kid_word::<ast::ColumnNameRef>(target.syntax()))
        .collect();
    let act = Act::Update {
        columns,
        reads: reads(node),
        bound: bound::of_change(node, &table),
        given: bound::given(node),
        calls: expression::unknown_calls(node),
        table,
    };
    with(node, act)
}

/// DELETE.
pub(super) fn delete(node: &SyntaxNode) -> Act {
    let Some(table) = tree::kid_name::<ast::RelationName>(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let act = Act::Delete {
        reads: reads(node),
        bound: bound::of_change(node, &table),
        given: bound::given(node),
        calls: expression::unknown_calls(node),
        table,
    };
    with(node, act)
}

/// MERGE.
pub(super) fn merge(node: &SyntaxNode) -> Act {
    let Some((table, _)) = super::table::target(node) else {
        return Act::Unknown(Unknown::Syntax);
    };
    let act = Act::Merge {
        reads: reads(node),
        calls: expression::unknown_calls(node),
        table,
    };
    with(node, act)
}

/// COPY.
pub(super) fn copy(node: &SyntaxNode) -> Act {
    let program = tree::inside::<ast::CopyProgram>(node)
        .any(|program| tree::says(program.syntax(), PROGRAM_KW));
    let query = tree::kid::<ast::CopyQuery>(node);
    if let Some(query) = &query
        && let Some(inner) = tree::kid::<ast::PreparableStmt>(query.syntax())
    {
        let inner = statement(inner.syntax()).unwrap_or(Act::Unknown(Unknown::Syntax));
        let reads_only = matches!(&inner, Act::Select { inner, calls, .. }
            if inner.is_empty() && calls.is_empty());
        if !reads_only {
            return inner;
        }
    }
    Act::Copy {
        table: tree::kid::<ast::CopyTable>(node)
            .and_then(|table| tree::kid_name::<ast::TableNameRef>(table.syntax())),
        reads: query.map(|query| reads(query.syntax())).unwrap_or_default(),
        writes: tree::has::<ast::CopyFrom>(node),
        program,
    }
}

/// One of the statements that read or change rows.
pub(super) fn statement(node: &SyntaxNode) -> Option<Act> {
    let query = ast::WithQuery::cast(node.clone())?;
    Some(match query {
        ast::WithQuery::Insert(_) => insert(node),
        ast::WithQuery::Update(_) => update(node),
        ast::WithQuery::Delete(_) => delete(node),
        ast::WithQuery::Merge(_) => merge(node),
        ast::WithQuery::CompoundSelect(_)
        | ast::WithQuery::ParenSelect(_)
        | ast::WithQuery::Select(_)
        | ast::WithQuery::Table(_)
        | ast::WithQuery::Values(_) => select(node),
    })
}
