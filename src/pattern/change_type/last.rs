//! change-type's last phases: the old column goes, the new one takes its name.

use super::{Carried, Change};
use crate::dialect::{expression, quote};
use crate::document::{Check, Engine, Gate, Phase, PhaseKind};
use crate::operation::{AddCheck, DefaultValue, DropColumn, Operation, SetDefault};
use crate::pattern::conversion;
use crate::pattern::form::{Form, custom, phase};
use crate::pattern::names::Names;
use crate::schema::{Table, TableName};

impl Change<'_> {
    pub(super) fn contract(&self, form: &Form<'_>, carried: Carried, names: &mut Names) -> Phase {
        let engine = form.engine;
        let title = if self.take_over {
            format!("Drop {0}, and call {1} {0}", self.old, self.new)
        } else {
            format!("Drop {}", self.old)
        };
        let mut out = phase(PhaseKind::Contract, title);
        let table = self.table.to_string();
        // A row that does not convert keeps its only value in the old column: from here to the
        // drop, which takes the constraint along, nobody can write one.
        if self.wrong.is_some() && engine == Engine::PostgreSql {
            out.operations.push(
                AddCheck {
                    table: table.clone(),
                    constraint_name: names
                        .free(&format!("{}_{}_converted", self.table.name, self.old)),
                    sql: self.converted.clone(),
                }
                .into(),
            );
        }
        out.operations.extend(carried.last);
        out.operations.push(
            DropColumn {
                table: table.clone(),
                column: self.old.clone(),
                saved_copy: false,
            }
            .into(),
        );
        // The default that the triggers held stands on a function that goes.
        if let Some(default) = &self.default
            && engine == Engine::PostgreSql
        {
            let sql = match form.text("using") {
                Some(using) => expression::substitute(
                    engine,
                    using,
                    self.table,
                    &self.old,
                    &format!("({default})"),
                ),
                None => format!("CAST({default} AS {})", self.new_type),
            };
            out.operations.push(
                SetDefault {
                    table: table.clone(),
                    column: self.new.clone(),
                    default_value: DefaultValue::Expression { sql },
                }
                .into(),
            );
        }
        if self.required && engine != Engine::PostgreSql {
            out.operations.push(self.require());
        }
        if self.take_over {
            out.operations
                .push(self.take_over(form.table_of_form(), &carried.names));
        }
        out.operations.extend(conversion::unmake(&self.functions()));
        let stays = if self.take_over { &self.old } else { &self.new };
        let gone = if self.take_over { &self.new } else { &self.old };
        out.validation = vec![
            self.of(Check::ColumnExists, stays),
            self.of(Check::ColumnNotExists, gone),
        ];
        out
    }

    /// The column's name, and those of what came over with it.
    fn take_over(&self, known: Option<&Table>, carried: &[(String, String, bool)]) -> Operation {
        let engine = self.engine;
        let table = quote::table(self.engine, self.table);
        // What cannot be done beside traffic is refused by the server.
        let beside = if engine.is_mysql_family() {
            ", ALGORITHM=INPLACE, LOCK=NONE"
        } else {
            ""
        };
        let column = |from: &str, to: &str| {
            format!(
                "ALTER TABLE {table} RENAME COLUMN {} TO {}{beside}",
                quote::name(self.engine, from),
                quote::name(self.engine, to)
            )
        };
        let mut there = vec![column(&self.new, &self.old)];
        let mut back = vec![column(&self.old, &self.new)];
        if engine == Engine::PostgreSql {
            let rename = |from: &str, to: &str, constraint: bool| {
                if constraint {
                    format!(
                        "ALTER TABLE {table} RENAME CONSTRAINT {} TO {}",
                        quote::name(self.engine, from),
                        quote::name(self.engine, to)
                    )
                } else {
                    format!(
                        "ALTER INDEX {} RENAME TO {}",
                        quote::within(self.engine, self.table, from),
                        quote::name(self.engine, to)
                    )
                }
            };
            for (was, is, constraint) in carried {
                there.push(rename(is, was, *constraint));
                back.push(rename(was, is, *constraint));
            }
        }
        if engine.is_mysql_family() {
            // A foreign key keeps its name for life there.
            let is_index =
                |name: &str| known.is_some_and(|t| t.indexes.iter().any(|i| i.name == name));
            for (was, is, _) in carried.iter().filter(|(was, _, _)| is_index(was)) {
                let rename = |from: &str, to: &str| {
                    format!(
                        "ALTER TABLE {table} RENAME INDEX {} TO {}{beside}",
                        quote::name(engine, from),
                        quote::name(engine, to)
                    )
                };
                there.push(rename(is, was));
                back.push(rename(was, is));
            }
        }
        custom(there.join(";\n"), back.join(";\n"))
    }

    /// A view in which the new column has the old name from the start; the server follows the
    /// renaming.
    pub(super) fn view(&self, form: &mut Form<'_>) -> Option<View> {
        let mut name = TableName::parse(form.text("viewName")?);
        name.schema = name.schema.or_else(|| self.table.schema.clone());
        let Some(known) = form.table_of_form() else {
            form.refuse(
                "viewName",
                "A view names the table's columns, and the table is not known here: look at the target.".to_owned(),
            );
            return None;
        };
        if self.take_over && self.engine.is_mysql_family() {
            form.refuse(
                "viewName",
                format!(
                    "{} does not follow a renamed column in views: from the moment in which {} takes over the name {}, the view would fail. Let the new column keep its name (takeOver: false).",
                    self.engine.title(),
                    self.new,
                    self.old
                ),
            );
            return None;
        }
        let columns: Vec<String> = known
            .columns
            .iter()
            .map(|c| {
                let column = quote::name(self.engine, &c.name);
                if c.name == self.old {
                    format!("{} AS {column}", quote::name(self.engine, &self.new))
                } else {
                    column
                }
            })
            .collect();
        let create = |columns: String| {
            format!(
                "CREATE VIEW {} AS SELECT {columns} FROM {}",
                quote::table(self.engine, &name),
                quote::table(self.engine, self.table)
            )
        };
        let drop = format!("DROP VIEW {}", quote::table(self.engine, &name));
        let mut make = phase(
            PhaseKind::Expand,
            format!(
                "Make {name}, the table with {} as {}",
                self.old, self.new_type
            ),
        );
        make.operations
            .push(custom(create(columns.join(", ")), drop.clone()));
        let after: Vec<String> = known
            .columns
            .iter()
            .map(|c| match (c.name == self.old, self.take_over) {
                (true, false) => format!(
                    "{} AS {}",
                    quote::name(self.engine, &self.new),
                    quote::name(self.engine, &c.name)
                ),
                (_, _) => quote::name(self.engine, &c.name),
            })
            .collect();
        let mut gone = phase(PhaseKind::Contract, format!("Drop {name}"));
        gone.gate = Some(Gate {
            deploy: Some(format!("No application uses {name} any more")),
            soak: None,
        });
        gone.operations.push(custom(drop, create(after.join(", "))));
        Some(View {
            name: name.to_string(),
            make,
            drop: gone,
        })
    }
}

/// The view that bears both names, and its two phases.
pub(super) struct View {
    pub name: String,
    pub make: Phase,
    pub drop: Phase,
}
