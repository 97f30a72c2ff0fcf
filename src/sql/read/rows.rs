//! Queries and what changes rows, on MySQL, MariaDB and SQLite, by sqlparser.

use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Delete, Expr, FromTable, Insert, LimitClause, ObjectName,
    Query, SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update,
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
    let text = read.words();
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
        let limited = limit(query.limit_clause.as_ref())
            || query.body.as_select().is_some_and(|s| {
                s.selection
                    .as_ref()
                    .is_some_and(|e| bound(e) == Bound::Batch)
            });
        Act::Select {
            bounded: reads.is_empty() || limited,
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
            .is_some_and(|q| !matches!(*q.body, SetExpr::Values(_)));
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
            bound: of_change(update.selection.as_ref(), update.limit.is_some()),
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
            bound: of_change(delete.selection.as_ref(), delete.limit.is_some()),
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

fn of_change(condition: Option<&Expr>, limited: bool) -> Bound {
    match condition {
        _ if limited => Bound::Batch,
        Some(condition) => bound(condition),
        None => Bound::Everything,
    }
}

/// How many rows a condition may hold for: few where it gives a key's values, or both ends of a
/// range of them.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums, of which new kinds say nothing of a key"
)]
fn bound(condition: &Expr) -> Bound {
    let mut rest = vec![condition];
    let (mut lower, mut upper, mut always) = (false, false, true);
    while let Some(expr) = rest.pop() {
        if let Expr::Nested(inner) = expr {
            rest.push(inner);
            continue;
        }
        if let Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } = expr
        {
            rest.extend([left.as_ref(), right.as_ref()]);
            continue;
        }
        let text = expr.to_string().to_lowercase();
        match text.as_str() {
            "true" | "1" | "1 = 1" => continue,
            "false" | "0" | "1 = 0" | "0 = 1" => return Bound::Batch,
            _ => always = false,
        }
        match expr {
            Expr::BinaryOp { left, op, right } if is_key(left) && is_value(right) => match op {
                BinaryOperator::Eq => return Bound::Batch,
                BinaryOperator::Gt | BinaryOperator::GtEq => lower = true,
                BinaryOperator::Lt | BinaryOperator::LtEq => upper = true,
                _ => {}
            },
            Expr::Between {
                expr,
                negated: false,
                ..
            } if is_key(expr) => return Bound::Batch,
            Expr::InList {
                expr,
                negated: false,
                ..
            } if is_key(expr) => return Bound::Batch,
            Expr::InSubquery {
                subquery,
                negated: false,
                ..
            } if limited(subquery) => return Bound::Batch,
            _ => {}
        }
    }
    if lower && upper {
        Bound::Batch
    } else if always {
        Bound::Everything
    } else {
        Bound::Condition
    }
}

/// Whether it gives no more rows than it says: MySQL wants such a query within another one.
fn limited(query: &Query) -> bool {
    limit(query.limit_clause.as_ref())
        || query.body.as_select().is_some_and(|select| {
            let [only] = select.from.as_slice() else {
                return false;
            };
            matches!(&only.relation, TableFactor::Derived { subquery, .. }
                if only.joins.is_empty() && limited(subquery))
        })
}

/// A column that by its name is a key.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums, of which new kinds say nothing of a key"
)]
fn is_key(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Nested(inner) => return is_key(inner),
        Expr::Identifier(ident) => &ident.value,
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(last) => &last.value,
            None => return false,
        },
        _ => return false,
    };
    ["id", "rowid", "_rowid_", "uuid", "guid", "pk"]
        .iter()
        .any(|key| name.eq_ignore_ascii_case(key))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums, of which new kinds say nothing of a key"
)]
fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::UnaryOp { expr, .. } => is_value(expr),
        Expr::Nested(inner) => is_value(inner),
        // `@last`, and what a client fills in.
        Expr::Identifier(ident) => ident.value.starts_with(['@', ':', '?', '$']),
        _ => false,
    }
}
