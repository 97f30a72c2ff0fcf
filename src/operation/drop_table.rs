//! drop_table: a table and its rows go.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Loss, Subject, Undo};
use super::{mysql, restore, shadow, sqlite};
use crate::dialect::quote;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Refusal, Table, TableName, World};

/// Drops a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropTable {
    /// The table.
    pub table: String,
}

impl DropTable {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_table",
        title: "Drop a table",
        help: "Drops a table with its rows; what hangs on it must be dropped first.",
        fields: &[Field::required(
            "table",
            "Table",
            FieldKind::Table,
            "The table.",
        )],
    };
}

/// The tables that its foreign keys point to: they are locked as well.
fn targets(known: Option<&Table>, name: &TableName) -> Vec<TableName> {
    let constraints = known.map(|t| t.constraints.as_slice());
    constraints
        .unwrap_or_default()
        .iter()
        .filter_map(|c| c.references.clone())
        .filter(|target| target != name)
        .collect()
}

/// What makes the table again on PostgreSQL, empty, as the catalogue knew it.
fn postgres(name: &TableName, table: &Table) -> Vec<Statement> {
    let on = quote::table(Engine::PostgreSql, name);
    let mut out = Vec::new();
    let owned: Vec<(String, &str)> = table
        .columns
        .iter()
        .filter_map(|c| Some((restore::sequence(c)?, c.name.as_str())))
        .collect();
    for (sequence, _) in &owned {
        out.push(Statement::brief(
            format!("CREATE SEQUENCE IF NOT EXISTS {sequence}"),
            Lock::None,
        ));
    }
    let mut items: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            let in_key = table.primary_key.contains(&c.name);
            restore::definition(Engine::PostgreSql, c, !c.nullable && !in_key)
        })
        .collect();
    if !table.primary_key.is_empty() {
        items.push(format!(
            "PRIMARY KEY ({})",
            quote::names(Engine::PostgreSql, &table.primary_key)
        ));
    }
    out.push(Statement::brief(
        format!("CREATE TABLE {on} (\n  {}\n)", items.join(",\n  ")),
        Lock::None,
    ));
    for (sequence, column) in &owned {
        out.push(Statement::brief(
            format!(
                "ALTER SEQUENCE {sequence} OWNED BY {on}.{}",
                quote::name(Engine::PostgreSql, column)
            ),
            Lock::None,
        ));
    }
    for constraint in &table.constraints {
        let suffix = if constraint.validated {
            ""
        } else {
            " NOT VALID"
        };
        out.push(Statement::brief(
            format!(
                "ALTER TABLE {on} ADD CONSTRAINT {} {}{suffix}",
                quote::name(Engine::PostgreSql, &constraint.name),
                constraint.definition
            ),
            Lock::AccessExclusive,
        ));
    }
    // The table is empty and nobody knows it yet: there is nobody to hold up.
    let plain = table
        .indexes
        .iter()
        .filter(|i| i.constraint.is_none() && i.valid);
    out.extend(plain.map(|i| Statement::brief(i.definition.clone(), Lock::Share)));
    for column in &table.columns {
        out.extend(restore::attributes(name, column));
    }
    out
}

impl Behave for DropTable {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (Some(TableName::parse(&self.table)), None)
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        world.drop_table(&TableName::parse(&self.table))
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let name = TableName::parse(&self.table);
        let sql = format!("DROP TABLE {}", quote::table(before.engine, &name));
        let known = before.table(&name);
        let mut statements = Vec::new();
        match before.engine {
            Engine::PostgreSql => {
                // Triggers that write a table which is not there fail every write of theirs.
                statements.extend(shadow::leave_table(before, &name));
                statements.push(Statement::brief(sql, Lock::AccessExclusive));
                statements.extend(shadow::drop_functions(before, &name));
                for dual_write in known.map(|t| t.dual_writes.as_slice()).unwrap_or_default() {
                    // The triggers go with the table, their functions do not.
                    statements.push(super::dual_write::drop_function(dual_write));
                }
            }
            Engine::MySql | Engine::MariaDb => {
                let draft = mysql::drop_whole(before, "table", &name);
                return Ok(vec![
                    targets(known, &name).iter().fold(draft, Draft::touching),
                ]);
            }
            Engine::Sqlite => {
                statements.extend(shadow::leave_table(before, &name));
                statements.push(sqlite::write(sql));
            }
        }
        let draft = Draft::transaction(format!("Drop table {name}"), &name, statements);
        let sources = before
            .copies_into(&name)
            .into_iter()
            .map(|(s, _)| s.clone());
        let others = targets(known, &name).into_iter().chain(sources);
        Ok(vec![
            others.fold(draft, |draft, other| draft.touching(&other)),
        ])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let name = TableName::parse(&self.table);
        let loss = if before.is_made(&name) {
            Loss::Nothing
        } else {
            Loss::Values
        };
        // One that was kept in step would come back empty and follow nobody, and a swap that is
        // taken back after that would put it in its table's place.
        let followed = !before.copies_into(&name).is_empty();
        let Some(table) = before.table(&name).filter(|_| !followed) else {
            return Ok(Undo {
                drafts: Vec::new(),
                loss,
            });
        };
        let statements = match before.engine {
            // A partitioned table's bounds are not known here.
            Engine::PostgreSql if table.partitioned => Vec::new(),
            Engine::PostgreSql => {
                let mut statements = postgres(&name, table);
                for dual_write in &table.dual_writes {
                    statements.extend(super::dual_write::install(before, &name, dual_write, &[]));
                }
                statements
            }
            Engine::MySql | Engine::MariaDb => {
                return Ok(Undo {
                    drafts: mysql::table_again(before, &name, table),
                    loss,
                });
            }
            Engine::Sqlite => table
                .create_sql
                .iter()
                .chain(&table.dependents)
                .map(|sql| sqlite::write(sql.clone()))
                .collect(),
        };
        if statements.is_empty() {
            return Ok(Undo {
                drafts: Vec::new(),
                loss,
            });
        }
        let draft = Draft::transaction(format!("Create table {name} again"), &name, statements);
        Ok(Undo {
            drafts: vec![
                targets(Some(table), &name)
                    .iter()
                    .fold(draft, Draft::touching),
            ],
            loss,
        })
    }

    fn sample() -> Self {
        Self {
            table: "teams".into(),
        }
    }
}
