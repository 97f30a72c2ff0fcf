//! Three steps where one would do.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::dialect::expression::{Volatility, volatility};
use crate::document::Engine;
use crate::operation::Operation;
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "constant-default-one-step",
    severity: Severity::Info,
    help: "A NOT NULL column with a constant default is added at once, whatever the table holds.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }
  - { type: set_default, table: users, column: age, defaultValue: 0 }

- phase: 2
  operations:
  - { type: backfill, table: users, sql: "age = 0" }

- phase: 3
  operations:
  - { type: set_not_null, table: users, column: age }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer, nullable: false, defaultValue: 0 }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut constants: Vec<(TableName, String)> = Vec::new();
    let mut out = Vec::new();
    for site in subject.sites() {
        let engine = site.before.engine;

        if let Operation::Backfill(backfill) = site.operation {
            let table = TableName::parse(&backfill.table);
            for a in backfill.assignments(engine) {
                let constant = volatility(engine, &a.expression) == Volatility::Constant
                    && is_literal(engine, &a.expression);
                let own = site.before.added(&table, &a.column) == Some(None);
                if constant && own && backfill.filter.is_none() {
                    constants.push((table.clone(), a.column));
                }
            }
        }
        if let Operation::SetNotNull(set) = site.operation {
            let key = (TableName::parse(&set.table), set.column.clone());
            let has_default = site
                .before
                .column(&key.0, &key.1)
                .is_some_and(|c| c.default.is_some());
            if constants.contains(&key) && has_default {
                out.push(RULE.about(
                        Some(&site),
                        format!(
                            "{}.{} gets the same constant in every row: one add_column with nullable: false and that default does it at once",
                            set.table, set.column
                        ),
                        "consider a single add_column with the default",
                    ));
            }
        }
    }
    out
}

/// Whether no column can be meant: no bare word but the constants of SQL.
fn is_literal(engine: Engine, sql: &str) -> bool {
    use crate::dialect::lexer::{Kind, significant};
    significant(engine, sql).is_ok_and(|tokens| {
        tokens.iter().enumerate().all(|(i, t)| match t.kind {
            Kind::Word => {
                ["true", "false", "null"].iter().any(|w| t.is(w))
                    || (i >= 2 && tokens[i - 1].is_symbol(":"))
            }
            Kind::QuotedName | Kind::Parameter => false,
            Kind::Space | Kind::Comment | Kind::Text | Kind::Number | Kind::Symbol => true,
        })
    })
}
