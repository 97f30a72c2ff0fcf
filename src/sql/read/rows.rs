//! Queries and what changes rows, on MySQL, MariaDB and SQLite, by sqlparser.

mod bound;

use sqlparser::ast::{
    AssignmentTarget, Delete, FromTable, Insert, LimitClause, ObjectName, Query, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, Update,
};
use sqlparser::dialect::{Dialect, MySqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use super::cursor::Cursor;
use super::functions;
use crate::dialect::reads;
use crate::document::Engine;
use crate::schema::TableName;
use crate::sql::act::Act;
use crate::sql::effect::Bound;
use crate::sql::unknown::Unknown;

/// Tokens of a statement that is parsed: each may be a level of the tree, and trees that deep are
/// let go of by functions that call themselves.
const LONGEST: usize = 4_000;

/// Levels of nesting that the parser goes down.
const DEEPEST: usize = 60;

/// A statement that reads or changes rows.
pub(super) fn act(c: Cursor<'_, '_>) -> Act {
    if let Some(insert) = values(c) {
        return insert;
    }
    if c.tokens.len() > LONGEST {
        return Act::Unknown(Unknown::TooLong);
    }
    let mut read = c;
    // MySQL's older spelling of FOR SHARE, which the parser does not know.
    if let Some(head) = c.tokens.len().checked_sub(4)
        && let Some(rest) = c.tokens.get(head..)
        && ["lock", "in", "share", "mode"]
            .iter()
            .zip(rest)
            .all(|(word, token)| token.is(word))
    {
        read.tokens = c.tokens.get(..head).unwrap_or_default();
    }
    let text = comparable(read);
    let dialect: &dyn Dialect = match c.engine {
        Engine::Sqlite => &SQLiteDialect {},
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => &MySqlDialect {},
    };
    let parsed = Parser::new(dialect)
        .with_recursion_limit(DEEPEST)
        .try_with_sql(&text)
        .and_then(|mut parser| parser.parse_statements());
    let reader = Reader { c, text: &text };
    match parsed.as_deref() {
        Ok([statement]) => reader.statement(statement),
        Ok(_) | Err(_) => reader.by_words(),
    }
}

/// The statement's text. SQLite compares any two values by IS, which the parser knows for NULL and
/// the truths alone: these become signs of the same length.
fn comparable(c: Cursor<'_, '_>) -> String {
    let mut text = c.words();
    let Some(base) = c.tokens.first().map(|t| t.start) else {
        return text;
    };
    if c.engine != Engine::Sqlite {
        return text;
    }
    for (at, token) in c.tokens.iter().enumerate().filter(|(_, t)| t.is("is")) {
        let not = c.tokens.get(at + 1).filter(|t| t.is("not"));
        let value = c.tokens.get(at + 1 + usize::from(not.is_some()));
        let known = ["null", "true", "false", "distinct", "unknown"];
        if value.is_none_or(|t| known.iter().any(|word| t.is(word))) {
            continue;
        }
        let sign = if not.is_some() { "<>" } else { "= " };
        text.replace_range(token.start - base..token.end() - base, sign);
        if let Some(not) = not {
            text.replace_range(not.start - base..not.end() - base, "   ");
        }
    }
    text
}

/// INSERT ... VALUES, which dumps make of any length, and which nothing but its head matters of.
fn values(mut c: Cursor<'_, '_>) -> Option<Act> {
    let whole = c;
    c.any(&["insert", "replace"])?;
    while c
        .any(&["low_priority", "delayed", "high_priority", "ignore"])
        .is_some()
    {}
    if c.take(&["or"]) {
        c.skip(1);
    }
    c.take(&["into"]);
    let table = c.table()?;
    if c.take(&["partition"]) {
        c.group();
    }
    let columns = c.columns();
    if c.any(&["values", "value"]).is_none() && !c.sees(&["default", "values"]) {
        return None;
    }
    if c.has(&["select"]) {
        return None;
    }
    Some(Act::Insert {
        table,
        columns,
        reads: Vec::new(),
        from_query: false,
        calls: functions::called(whole),
    })
}

struct Reader<'c, 't, 's> {
    c: Cursor<'c, 't>,
    text: &'s str,
}

impl Reader<'_, '_, '_> {
    fn statement(&self, statement: &Statement) -> Act {
        if let Statement::Query(query) = statement {
            return self.query(query);
        }
        if let Statement::Insert(insert) = statement {
            return self.insert(insert);
        }
        if let Statement::Update(update) = statement {
            return self.update(update);
        }
        if let Statement::Delete(delete) = statement {
            return self.delete(delete);
        }
        self.by_words()
    }

    fn calls(&self) -> Vec<String> {
        functions::called(self.c)
    }

    /// Everything that it reads but that table.
    fn reads(&self, but: Option<&TableName>) -> Vec<TableName> {
        let mut reads = reads::tables(self.c.engine, self.text);
        reads.retain(|table| Some(table) != but);
        reads
    }

    fn query(&self, query: &Query) -> Act {
        let mut inner = Vec::new();
        self.within(&query.body, &mut inner);
        let reads = self.reads(None);
        let locks = !query.locks.is_empty() || self.c.has(&["lock", "in", "share", "mode"]);
        Act::Select {
            bounded: reads.is_empty() || is_bounded(query),
            locks_rows: if locks { reads.clone() } else { Vec::new() },
            reads,
            inner,
            calls: self.calls(),
        }
    }

    /// INSERT, UPDATE and DELETE behind WITH.
    fn within(&self, body: &SetExpr, out: &mut Vec<Act>) {
        if let SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement) = body
        {
            out.push(self.statement(statement));
        }
    }

    fn insert(&self, insert: &Insert) -> Act {
        let TableObject::TableName(name) = &insert.table else {
            return self.by_words();
        };
        let Some(table) = table(self.c.engine, name) else {
            return self.by_words();
        };
        let from_query = insert
            .source
            .as_ref()
            .is_some_and(|q| !matches!(*q.body, SetExpr::Values(_)) && !is_bounded(q));
        let columns: Vec<String> = insert
            .columns
            .iter()
            .filter_map(|name| name.0.last()?.as_ident().map(|i| i.value.clone()))
            .collect();
        Act::Insert {
            reads: self.reads(None),
            table,
            columns: (!columns.is_empty()).then_some(columns),
            from_query,
            calls: self.calls(),
        }
    }

    fn update(&self, update: &Update) -> Act {
        if self.c.engine == Engine::Sqlite && update.limit.is_some() {
            return Act::Unknown(Unknown::Syntax);
        }
        let Some(table) = first(self.c.engine, &update.table) else {
            return self.by_words();
        };
        let columns = update
            .assignments
            .iter()
            .flat_map(|a| match &a.target {
                AssignmentTarget::ColumnName(name) => vec![name],
                AssignmentTarget::Tuple(names) => names.iter().collect(),
            })
            .filter_map(|name| name.0.last()?.as_ident().map(|i| i.value.clone()))
            .collect();
        Act::Update {
            columns,
            reads: self.reads(Some(&table)),
            bound: bound::of_change(update.selection.as_ref(), update.limit.is_some(), &table),
            given: bound::given(update.selection.as_ref()),
            calls: self.calls(),
            table,
        }
    }

    fn delete(&self, delete: &Delete) -> Act {
        // SQLite knows LIMIT there only where it was built to.
        if self.c.engine == Engine::Sqlite && delete.limit.is_some() {
            return Act::Unknown(Unknown::Syntax);
        }
        let from = match &delete.from {
            FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from) => from,
        };
        let named = delete
            .tables
            .first()
            .and_then(|name| table(self.c.engine, name));
        let main = from.first().and_then(|f| first(self.c.engine, f));
        // `DELETE a FROM t AS a ...` names an alias.
        let found = named
            .filter(|name| self.reads(None).contains(name))
            .or(main);
        let Some(table) = found else {
            return self.by_words();
        };
        Act::Delete {
            reads: self.reads(Some(&table)),
            bound: bound::of_change(delete.selection.as_ref(), delete.limit.is_some(), &table),
            given: bound::given(delete.selection.as_ref()),
            calls: self.calls(),
            table,
        }
    }

    /// What the parser does not know: as much as the words alone tell, and no more.
    fn by_words(&self) -> Act {
        Act::Unknown(Unknown::Statement {
            words: self.c.first_words(),
        })
    }
}

/// Whether a query looks at a handful of rows.
fn is_bounded(query: &Query) -> bool {
    limit(query.limit_clause.as_ref())
        || query.body.as_select().is_some_and(|s| {
            let condition = s.selection.as_ref();
            condition.is_some_and(|e| bound::of(e, None) == Bound::Batch)
        })
}

fn limit(clause: Option<&LimitClause>) -> bool {
    match clause {
        Some(LimitClause::LimitOffset { limit, .. }) => limit.is_some(),
        Some(LimitClause::OffsetCommaLimit { .. }) => true,
        None => false,
    }
}

fn table(engine: Engine, name: &ObjectName) -> Option<TableName> {
    let mut parts: Vec<String> = name
        .0
        .iter()
        .map(|part| part.as_ident().map(|i| i.value.clone()))
        .collect::<Option<_>>()?;
    let name = parts.pop()?;
    let schema = parts
        .pop()
        .filter(|schema| engine != Engine::Sqlite || schema != "main");
    Some(TableName { schema, name })
}

fn first(engine: Engine, from: &TableWithJoins) -> Option<TableName> {
    if let TableFactor::Table { name, .. } = &from.relation {
        table(engine, name)
    } else {
        None
    }
}
