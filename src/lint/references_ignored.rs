//! MySQL before 9 reads an inline REFERENCES and forgets it.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;
use crate::sql::act::{Change, NewColumn, Shape};

/// See the module. MySQL's manual, 15.1.20.5: "MySQL parses but ignores inline REFERENCES
/// specifications"; MySQL 9.0 and MariaDB 10.5 keep them.
pub const RULE: Rule = Rule {
    id: "references-ignored",
    severity: Severity::Error,
    help: "MySQL before 9 reads REFERENCES behind a column and makes no foreign key of it: rows go in that point to nothing.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
CREATE TABLE shipments (id bigint PRIMARY KEY, order_id bigint REFERENCES orders (id));
"#,
        good: r#"
CREATE TABLE shipments (id bigint PRIMARY KEY, order_id bigint, FOREIGN KEY (order_id) REFERENCES orders (id));
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    if text.script.engine != Engine::MySql || text.script.version >= 90_000 {
        return Vec::new();
    }
    let mut out = Vec::new();
    let points = |column: &NewColumn| {
        column.constraints.iter().find_map(|c| {
            if let Shape::ForeignKey(key) = &c.shape {
                Some(key.table.clone())
            } else {
                None
            }
        })
    };
    for spot in text.spots() {
        let columns: Vec<&NewColumn> = if let Act::CreateTable(new) = &spot.reading.act {
            new.columns.iter().collect()
        } else {
            let changes = spot.reading.act.changes().iter();
            let columns = changes.filter_map(|change| {
                if let Change::AddColumn { column, .. } | Change::Redefine { to: column, .. } =
                    change
                {
                    Some(column)
                } else {
                    None
                }
            });
            columns.collect()
        };
        for column in columns {
            if let Some(table) = points(column) {
                out.push(RULE.on(
                    spot,
                    format!(
                        "{} gets no foreign key to {table}: MySQL before 9 reads REFERENCES behind a column and forgets it",
                        column.name
                    ),
                    "write it as a constraint of the table: CONSTRAINT name FOREIGN KEY (column) REFERENCES table (column)",
                ));
            }
        }
    }
    out
}
