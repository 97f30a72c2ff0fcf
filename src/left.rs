//! What migrations leave behind: halves of changes that nobody goes on with, found in a schema, and the
//! document that takes them away. It is a document like any other: planned, judged, approved and run.

use serde::{Deserialize, Serialize};

use crate::builder::{BuildError, MigrationBuilder, migration};
use crate::dialect::quote;
use crate::document::{Conversion, Engine, Migration};
use crate::operation::{DisableDualWrite, clean_up_saved};
use crate::schema::{DualWrite, Schema, TableName};

/// What kind of thing was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftKind {
    /// An index whose concurrent build failed: it takes writes and serves nobody.
    InvalidIndex,
    /// A constraint that holds for new rows alone.
    NotValid,
    /// Triggers that keep columns in step.
    DualWrite,
    /// Triggers that keep a table in step with another one.
    Copy,
}

impl LeftKind {
    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            LeftKind::InvalidIndex => "invalid index",
            LeftKind::NotValid => "constraint that is not validated",
            LeftKind::DualWrite => "columns kept in step",
            LeftKind::Copy => "table kept in step with another one",
        }
    }
}

/// One thing that was left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// What it is.
    pub kind: LeftKind,
    /// The table that it is on.
    pub table: TableName,
    /// Its name: of the index, the constraint, the trigger.
    pub name: String,
    /// What it does, and what cleaning up does, for people.
    pub what: String,
}

impl Schema {
    /// What is in the schema that a migration makes on its way and takes away at its end.
    /// `building`: indexes that are being built at this moment, by their names.
    pub fn left_behind(&self, building: &[String]) -> Vec<Left> {
        let mut all = Vec::new();
        for (name, table) in &self.tables {
            let mut push = |kind, own: &str, what: String| {
                all.push(Left {
                    kind,
                    table: name.clone(),
                    name: own.to_owned(),
                    what,
                });
            };
            for index in table.indexes.iter().filter(|index| !index.valid) {
                if !building.contains(&index.name) {
                    let what = "it takes writes and serves nobody; cleaning up drops it";
                    push(LeftKind::InvalidIndex, &index.name, what.to_owned());
                }
            }
            for constraint in table.constraints.iter().filter(|c| !c.validated) {
                let what = "it holds for new rows alone; cleaning up has the others checked";
                push(LeftKind::NotValid, &constraint.name, what.to_owned());
            }
            for dual_write in &table.dual_writes {
                let list = |columns: &[crate::schema::HeldColumn]| {
                    let names: Vec<&str> = columns.iter().map(|c| c.column.as_str()).collect();
                    names.join(", ")
                };
                let what = format!(
                    "triggers keep {} and {} in step; cleaning up lets them go their own ways",
                    list(&dual_write.old),
                    list(&dual_write.new)
                );
                push(LeftKind::DualWrite, &dual_write.trigger, what);
            }
            for shadow in &table.shadows {
                let what = match clean_up_saved(self, name, shadow) {
                    Some(_) => format!(
                        "triggers save what a column holds in {}, which was not dropped after all; cleaning up drops them and it",
                        shadow.target
                    ),
                    None => format!(
                        "triggers write every change to {} too; cleaning up drops that table",
                        shadow.target
                    ),
                };
                push(LeftKind::Copy, &shadow.trigger, what);
            }
        }
        all
    }

    /// The document that takes these away, a phase each; nothing where there is nothing.
    ///
    /// # Errors
    /// What the document's reader says.
    pub fn clean_up(&self, name: &str, left: &[Left]) -> Result<Option<Migration>, BuildError> {
        if left.is_empty() {
            return Ok(None);
        }
        let mut document = migration(name)
            .database(self.engine)
            .set_description("Takes away what migrations left behind");
        for item in left {
            document = self.taking_away(document, item);
        }
        document.build().map(Some)
    }

    fn taking_away(&self, document: MigrationBuilder, left: &Left) -> MigrationBuilder {
        let table = left.table.to_string();
        let known = self.table(&left.table);
        let begun = |title: String| document.clone().phase(&title);
        match left.kind {
            LeftKind::InvalidIndex => begun(format!("Drop the invalid index {}", left.name))
                .drop_index(&left.name, &table)
                .concurrent(self.engine == Engine::PostgreSql),
            LeftKind::NotValid => {
                let sql = format!(
                    "ALTER TABLE {} VALIDATE CONSTRAINT {}",
                    quote::table(self.engine, &left.table),
                    quote::name(self.engine, &left.name)
                );
                // Validated is what it was meant to be: there is nothing to take back.
                begun(format!("Check the rows of {table} against {}", left.name))
                    .custom_sql(&sql)
                    .rollback_sql("SELECT 1")
            }
            LeftKind::DualWrite => {
                let own = known.and_then(|t| t.dual_writes.iter().find(|d| d.trigger == left.name));
                match own {
                    Some(own) => begun(format!("Let columns of {table} go their own ways"))
                        .operation(parting(&table, own)),
                    None => document,
                }
            }
            LeftKind::Copy => {
                let own = known.and_then(|t| t.shadows.iter().find(|s| s.trigger == left.name));
                let Some(own) = own else {
                    return document;
                };
                let phase = begun(format!("Drop {}, kept in step with {table}", own.target));
                match clean_up_saved(self, &left.table, own) {
                    // The column is there with all that it holds: there is nothing to take back.
                    Some(sql) => phase.custom_sql(&sql).rollback_sql("SELECT 1"),
                    None => phase.drop_table(&own.target.to_string()),
                }
            }
        }
    }
}

/// What disables the dual write: it names the columns as enabling it did.
fn parting(table: &str, own: &DualWrite) -> DisableDualWrite {
    if let ([old], [new]) = (own.old.as_slice(), own.new.as_slice()) {
        return DisableDualWrite::pair(table, &old.column, &new.column);
    }
    let by_column = |of: &std::collections::BTreeMap<String, String>| {
        (!of.is_empty()).then(|| Conversion::Columns(of.clone().into_iter().collect()))
    };
    DisableDualWrite {
        table: table.to_owned(),
        old_column: single(&own.old),
        new_column: single(&own.new),
        forward: by_column(&own.forward),
        backward: by_column(&own.backward),
    }
}

fn single(columns: &[crate::schema::HeldColumn]) -> Option<String> {
    match columns {
        [one] => Some(one.column.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, Constraint, ConstraintKind, Index, Table};

    #[test]
    fn halves_are_found_and_a_document_takes_them_away() {
        let mut schema = Schema::empty(Engine::PostgreSql);
        let index = |name: &str, valid| Index {
            name: name.into(),
            columns: vec!["a".into()],
            valid,
            ..Index::default()
        };
        let table = Table {
            columns: vec![Column {
                name: "a".into(),
                data_type: "integer".into(),
                ..Column::default()
            }],
            indexes: vec![
                index("good", true),
                index("half", false),
                index("now", false),
            ],
            constraints: vec![Constraint {
                name: "odd name".into(),
                kind: ConstraintKind::Check,
                columns: vec!["a".into()],
                definition: "CHECK ((a > 0))".into(),
                validated: false,
                references: None,
            }],
            ..Table::default()
        };
        schema.tables.insert(TableName::parse("t"), table);
        let left = schema.left_behind(&["now".to_owned()]);
        let names: Vec<&str> = left.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names, ["half", "odd name"]);
        let document = schema.clean_up("clean-up", &left).unwrap().unwrap();
        let plan = crate::plan::plan(&document, Some(&schema)).unwrap();
        let sql: Vec<String> = plan
            .phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .flat_map(|step| step.action.statements().into_iter().map(|s| s.sql.clone()))
            .collect();
        assert_eq!(
            sql,
            [
                "DROP INDEX CONCURRENTLY IF EXISTS half",
                "ALTER TABLE t VALIDATE CONSTRAINT \"odd name\""
            ]
        );
        assert!(schema.clean_up("clean-up", &[]).unwrap().is_none());
    }
}
