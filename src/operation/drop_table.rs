//! drop_table: a table and its rows go.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Loss, Subject, Undo};
use super::saved;
use super::{default, mysql, postgres, restore, shadow, sqlite};
use crate::dialect::quote;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Constraint, Refusal, Table, TableName, World};

/// Drops a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropTable {
    /// The table.
    pub table: String,
    /// Whether it is kept beside the database, for the way back.
    #[serde(default, skip_serializing_if = "default::is_no")]
    pub saved_copy: bool,
}

impl DropTable {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_table",
        title: "Drop a table",
        help: "Drops a table with its rows; what hangs on it must be dropped first.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            saved::FIELD,
        ],
    };
}

/// Whether the way back makes it again. One that was kept in step would come back empty and follow
/// nobody, and a swap that is taken back after that would put it in its table's place; a partitioned
/// table's bounds are not known here.
pub(crate) fn comes_back(before: &World, name: &TableName, table: &Table) -> bool {
    before.copies_into(name).is_empty() && !table.partitioned
}

/// Whether it is kept beside the database, with all that is its own.
pub(crate) fn is_kept(drop: &DropTable, before: &World) -> bool {
    let name = TableName::parse(&drop.table);
    saved::table::of(drop, before, &name).kept().is_some()
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
fn again(name: &TableName, table: &Table) -> Vec<Statement> {
    let on = quote::table(Engine::PostgreSql, name);
    let attached = &table.attached;
    let owner = attached.owner.as_deref();
    let sequences = &attached.sequences;
    let mut out: Vec<Statement> = sequences
        .iter()
        .filter_map(restore::attached::make_sequence)
        .collect();
    let mut items: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            let in_key = table.primary_key.contains(&c.name);
            let column = restore::attached::with_identity(Some(table), c);
            restore::definition(Engine::PostgreSql, &column, !c.nullable && !in_key)
        })
        .collect();
    match &attached.primary_key {
        Some(key) => items.push(format!(
            "CONSTRAINT {} {}",
            quote::name(Engine::PostgreSql, &key.name),
            key.definition
        )),
        None if table.primary_key.is_empty() => {}
        None => items.push(format!(
            "PRIMARY KEY ({})",
            quote::names(Engine::PostgreSql, &table.primary_key)
        )),
    }
    let unlogged = if attached.unlogged { "UNLOGGED " } else { "" };
    let options = match attached.options.as_slice() {
        [] => String::new(),
        options => format!(" WITH ({})", options.join(", ")),
    };
    out.push(Statement::brief(
        format!(
            "CREATE {unlogged}TABLE {on} (\n  {}\n){options}",
            items.join(",\n  ")
        ),
        Lock::None,
    ));
    if let Some(owner) = owner {
        out.push(postgres::alter(name, &format!("OWNER TO {owner}")));
    }
    for sequence in sequences {
        out.extend(restore::attached::own_sequence(name, owner, sequence));
    }
    // Those that it points to itself with need their keys first.
    let points_home = |c: &&Constraint| c.references.as_ref() == Some(name);
    let (own, others): (Vec<&Constraint>, Vec<&Constraint>) =
        table.constraints.iter().partition(points_home);
    for constraint in others {
        out.push(add_again(&on, constraint));
    }
    // The table is empty and nobody knows it yet: there is nobody to hold up.
    let plain = table
        .indexes
        .iter()
        .filter(|i| i.constraint.is_none() && i.valid);
    out.extend(plain.map(|i| Statement::brief(i.definition.clone(), Lock::Share)));
    for constraint in own {
        out.push(add_again(&on, constraint));
    }
    for column in &table.columns {
        out.extend(restore::attributes(name, column));
    }
    out.extend(restore::attached::whole(name, table));
    out
}

fn add_again(on: &str, constraint: &Constraint) -> Statement {
    let suffix = if constraint.validated {
        ""
    } else {
        " NOT VALID"
    };
    Statement::brief(
        format!(
            "ALTER TABLE {on} ADD CONSTRAINT {} {}{suffix}",
            quote::name(Engine::PostgreSql, &constraint.name),
            constraint.definition
        ),
        Lock::AccessExclusive,
    )
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
        let name = TableName::parse(&self.table);
        world.need_no_trigger_beside("table", &name)?;
        world.drop_table(&name)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let name = TableName::parse(&self.table);
        let sql = format!("DROP TABLE {}", quote::table(before.engine, &name));
        let known = before.table(&name);
        let mut statements = Vec::new();
        let saved = saved::table::of(self, before, &name);
        if let Some(kept) = saved.kept() {
            let touch = |draft: Draft| targets(known, &name).iter().fold(draft, Draft::touching);
            return Ok(kept.keep().into_iter().map(touch).collect());
        }
        match before.engine {
            Engine::PostgreSql => {
                // Triggers that write a table which is not there fail every write of theirs.
                statements.extend(shadow::leave_table(before, &name));
                if let Some(table) = known.filter(|t| comes_back(before, &name, t)) {
                    let sequences = table.attached.sequences.iter();
                    statements.extend(restore::attached::keep_numbers(sequences));
                }
                statements.push(Statement::brief(sql, Lock::AccessExclusive));
                statements.extend(shadow::drop_functions(before, &name));
                for dual_write in known.map(|t| t.dual_writes.as_slice()).unwrap_or_default() {
                    // The triggers go with the table, their functions do not.
                    statements.extend(super::dual_write::leave_table(dual_write));
                }
            }
            Engine::MySql | Engine::MariaDb => {
                // As above; and what was dropped stays so.
                let mut drafts = shadow::mysql::leave_table(before, &name);
                let mut draft = mysql::drop_whole(before, "table", &name);
                draft.title = saved.title(draft.title);
                drafts.push(targets(known, &name).iter().fold(draft, Draft::touching));
                return Ok(drafts);
            }
            Engine::Sqlite => {
                statements.extend(shadow::leave_table(before, &name));
                statements.push(sqlite::write(sql));
            }
        }
        let title = saved.title(format!("Drop table {name}"));
        let draft = Draft::transaction(title, &name, statements);
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
        if let Some(kept) = saved::table::of(self, before, &name).kept() {
            return Ok(Undo {
                drafts: kept.back(),
                loss: Loss::Nothing,
                saved: vec![kept.record()],
            });
        }
        let loss = if before.is_made(&name) {
            Loss::Nothing
        } else {
            Loss::Values
        };
        let known = before.table(&name);
        let Some(table) = known.filter(|t| comes_back(before, &name, t)) else {
            return Ok(Undo {
                drafts: Vec::new(),
                loss,
                saved: Vec::new(),
            });
        };
        let statements = match before.engine {
            Engine::PostgreSql => {
                let mut statements = again(&name, table);
                for dual_write in &table.dual_writes {
                    statements.extend(super::dual_write::install(before, &name, dual_write, &[]));
                }
                statements
            }
            Engine::MySql | Engine::MariaDb => {
                return Ok(Undo {
                    drafts: mysql::table_again(before, &name, table),
                    loss,
                    saved: Vec::new(),
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
                saved: Vec::new(),
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
            saved: Vec::new(),
        })
    }

    fn sample() -> Self {
        Self {
            table: "teams".into(),
            saved_copy: false,
        }
    }
}
