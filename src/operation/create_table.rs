//! create_table: a new table.

mod parts;

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{DefaultValue, add_constraint, mysql, sqlite};
use crate::dialect::constraint::{self, Body, Kind};
use crate::dialect::{column_definition, create_table, expression, quote};
use crate::document::{Engine, Field, FieldKind, Part, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Column, Index, Refusal, Table, TableName, World};

pub use parts::{NewColumn, NewConstraint};

/// Creates a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTable {
    /// Its name.
    pub table: String,
    /// Its columns, in order.
    pub columns: Vec<NewColumn>,
    /// Its constraints beside the primary key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<NewConstraint>,
}

impl CreateTable {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "create_table",
        title: "Create a table",
        help: "A new table with its columns and constraints.",
        fields: &[
            Field::required(
                "table",
                "Table",
                FieldKind::NewName,
                "The new table's name.",
            ),
            Field::required(
                "columns",
                "Columns",
                FieldKind::Part(Part::Columns),
                "Its columns, in order.",
            ),
            Field::optional(
                "constraints",
                "Constraints",
                FieldKind::Part(Part::Constraints),
                "Its constraints beside the primary key.",
            )
            .or("[]"),
        ],
    };

    fn key(&self) -> Vec<String> {
        self.columns
            .iter()
            .filter(|c| c.primary_key)
            .map(|c| c.name.clone())
            .collect()
    }

    fn bodies(&self, engine: Engine) -> Result<Vec<(&str, Body)>, Refusal> {
        self.constraints
            .iter()
            .map(|c| {
                let name = c.constraint_name.as_str();
                let body = constraint::read(engine, name, &c.sql)
                    .map_err(|problem| Refusal::new("constraints", format!("{name}: {problem}")))?;
                Ok((name, body))
            })
            .collect()
    }

    fn column_sql(&self, engine: Engine, column: &NewColumn, key: &[String]) -> String {
        let mut out = format!(
            "{} {}",
            quote::name(engine, &column.name),
            column.data_type.trim()
        );
        if !column.nullable {
            out.push_str(" NOT NULL");
        } else if engine.is_mysql_family()
            && column_definition::type_word(&column.data_type) == "timestamp"
        {
            // Older settings would make it NOT NULL by themselves.
            out.push_str(" NULL");
        }
        if let Some(value) = &column.default_value {
            let sql = quote::default_value(engine, value);
            match engine {
                Engine::PostgreSql => out.push_str(&format!(" DEFAULT {sql}")),
                Engine::MySql | Engine::MariaDb => {
                    let value = column_definition::default_value(engine, &column.data_type, &sql);
                    out.push_str(&format!(" DEFAULT {value}"));
                }
                Engine::Sqlite => {
                    out.push(' ');
                    out.push_str(&create_table::default_clause(&sql));
                }
            }
        }
        if key == [column.name.clone()] {
            out.push_str(" PRIMARY KEY");
        }
        out
    }

    /// The statement.
    fn sql(&self, engine: Engine) -> Result<String, Refusal> {
        let key = self.key();
        let mut items: Vec<String> = self
            .columns
            .iter()
            .map(|c| self.column_sql(engine, c, &key))
            .collect();
        if key.len() > 1 {
            items.push(format!("PRIMARY KEY ({})", quote::names(engine, &key)));
        }
        for (name, body) in self.bodies(engine)? {
            items.push(format!(
                "CONSTRAINT {} {}",
                quote::name(engine, name),
                body.sql
            ));
        }
        Ok(format!(
            "CREATE TABLE {} (\n  {}\n)",
            quote::table(engine, &TableName::parse(&self.table)),
            items.join(",\n  ")
        ))
    }

    /// The tables that its foreign keys point to.
    fn targets(&self, engine: Engine) -> Vec<TableName> {
        let own = TableName::parse(&self.table);
        self.bodies(engine)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(_, body)| body.references)
            .filter(|target| *target != own)
            .collect()
    }

    fn judge_columns(&self, world: &World) -> Result<(), Refusal> {
        if self.columns.is_empty() {
            return Err(Refusal::new("columns", "a table needs a column"));
        }
        for (at, column) in self.columns.iter().enumerate() {
            let name = &column.name;
            world.check_name("columns", name)?;
            if self.columns[..at].iter().any(|c| c.name == *name) {
                return Err(Refusal::new("columns", format!("{name} is there twice")));
            }
            let default = column
                .default_value
                .as_ref()
                .map(|value| quote::default_value(world.engine, value));
            for sql in [Some(&column.data_type), default.as_ref()]
                .into_iter()
                .flatten()
            {
                if let Some(problem) = expression::expression_problem(world.engine, sql) {
                    return Err(Refusal::new("columns", format!("{name}: {problem}")));
                }
            }
            world.check_type("columns", &column.data_type)?;
        }
        Ok(())
    }

    /// The table as the world is to know it.
    fn known(&self, world: &World, bodies: &[(&str, Body)]) -> Result<Table, Refusal> {
        let engine = world.engine;
        let mut key = self.key();
        let written = self.columns.iter().map(|c| c.name.as_str());
        for (name, body) in bodies {
            let absent = body
                .columns
                .iter()
                .find(|c| !written.clone().any(|w| w == *c));
            if let Some(absent) = absent {
                return Err(Refusal::new(
                    "constraints",
                    format!("{name}: the table has no column {absent}"),
                ));
            }
            if body.kind == Kind::PrimaryKey {
                if !key.is_empty() {
                    return Err(Refusal::new(
                        "constraints",
                        format!(
                            "{name}: the columns ({}) are the primary key already",
                            key.join(", ")
                        ),
                    ));
                }
                key.clone_from(&body.columns);
            }
            if body.kind == Kind::Exclude && engine == Engine::Sqlite {
                return Err(Refusal::new(
                    "constraints",
                    format!("{name}: SQLite has no exclusion constraints"),
                ));
            }
        }
        let in_key = |name: &String| engine != Engine::Sqlite && key.contains(name);
        let columns = self
            .columns
            .iter()
            .map(|c| Column {
                definition: engine.is_mysql_family().then(|| {
                    let whole = self.column_sql(engine, c, &[]);
                    whole[quote::name(engine, &c.name).len()..]
                        .trim()
                        .to_owned()
                }),
                name: c.name.clone(),
                data_type: c.data_type.trim().to_owned(),
                nullable: c.nullable && !in_key(&c.name),
                default: c
                    .default_value
                    .as_ref()
                    .map(|value| quote::default_value(engine, value)),
                ..Column::default()
            })
            .collect();
        let create_sql = match engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => None,
            Engine::Sqlite => Some(self.sql(engine)?),
        };
        Ok(Table {
            columns,
            primary_key: key,
            create_sql,
            ..Table::default()
        })
    }
}

impl Behave for CreateTable {
    fn data_types(&self) -> Vec<&str> {
        self.columns.iter().map(|c| c.data_type.as_str()).collect()
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Expand
    }

    fn tables(&self) -> Vec<TableName> {
        let mut tables = vec![TableName::parse(&self.table)];
        // Which engine it is for is not known here: one name too many does no harm.
        tables.extend(Engine::ALL.into_iter().flat_map(|e| self.targets(e)));
        tables
    }

    fn subject(&self) -> Subject {
        (Some(TableName::parse(&self.table)), None)
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let name = TableName::parse(&self.table);
        self.judge_columns(world)?;
        let bodies = self.bodies(world.engine)?;
        let table = self.known(world, &bodies)?;
        for (_, body) in &bodies {
            let Some(target) = body.references.as_ref().filter(|t| **t != name) else {
                continue;
            };
            world.table_mut("constraints", target)?;
            for column in &body.ref_columns {
                world.need_column(target, "constraints", column)?;
            }
        }
        let postgres = world.engine == Engine::PostgreSql;
        world.create_table(&name, table)?;
        for (constraint_name, body) in &bodies {
            world.check_name("constraints", constraint_name)?;
            let index = matches!(body.kind, Kind::Unique | Kind::PrimaryKey | Kind::Exclude);
            if postgres && index {
                world.add_relation("constraints", &name, constraint_name)?;
            }
            if postgres && body.kind == Kind::Unique {
                world.table_mut("table", &name)?.indexes.push(Index {
                    name: (*constraint_name).to_owned(),
                    columns: body.columns.clone(),
                    unique: true,
                    method: "btree".to_owned(),
                    valid: true,
                    constraint: Some((*constraint_name).to_owned()),
                    ..Index::default()
                });
            }
            let Some(known) = add_constraint::known(world, &name, constraint_name, body) else {
                continue;
            };
            let entry = world.table_mut("table", &name)?;
            if entry.constraints.iter().any(|c| c.name == known.name) {
                return Err(Refusal::new(
                    "constraints",
                    format!("{} is there twice", known.name),
                ));
            }
            let target = known.references.clone();
            entry.constraints.push(known);
            if let Some(target) = target.filter(|t| *t != name) {
                world
                    .table_mut("constraints", &target)?
                    .referenced_by
                    .push((name.clone(), (*constraint_name).to_owned()));
            }
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let name = TableName::parse(&self.table);
        let sql = self.sql(before.engine)?;
        let targets = self.targets(before.engine);
        let statement = match before.engine {
            Engine::PostgreSql if targets.is_empty() => Statement::brief(sql, Lock::None),
            // On the tables that it points to.
            Engine::PostgreSql => Statement::brief(sql, Lock::ShareRowExclusive),
            Engine::MySql | Engine::MariaDb => {
                let draft = mysql::make(before, format!("Create table {name}"), &name, sql);
                return Ok(vec![targets.iter().fold(draft, Draft::touching)]);
            }
            Engine::Sqlite => sqlite::write(sql),
        };
        let draft = Draft::transaction(format!("Create table {name}"), &name, vec![statement]);
        Ok(vec![targets.iter().fold(draft, Draft::touching)])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let name = TableName::parse(&self.table);
        let sql = format!(
            "DROP TABLE IF EXISTS {}",
            quote::table(before.engine, &name)
        );
        let statement = match before.engine {
            Engine::PostgreSql => Statement::brief(sql, Lock::AccessExclusive),
            Engine::MySql | Engine::MariaDb => {
                let draft = mysql::drop_whole(before, "table", &name);
                let targets = self.targets(before.engine);
                return Ok(Undo::whole(vec![
                    targets.iter().fold(draft, Draft::touching),
                ]));
            }
            Engine::Sqlite => sqlite::write(sql),
        };
        let draft = Draft::transaction(format!("Drop table {name}"), &name, vec![statement]);
        Ok(Undo::whole(vec![
            self.targets(before.engine)
                .iter()
                .fold(draft, Draft::touching),
        ]))
    }

    fn sample() -> Self {
        let column = |name: &str, data_type: &str| NewColumn {
            name: name.into(),
            data_type: data_type.into(),
            nullable: true,
            default_value: None,
            primary_key: false,
        };
        Self {
            table: "invitations".into(),
            columns: vec![
                NewColumn {
                    primary_key: true,
                    ..column("id", "bigint")
                },
                NewColumn {
                    nullable: false,
                    ..column("team_id", "bigint")
                },
                NewColumn {
                    nullable: false,
                    default_value: Some(DefaultValue::Literal("open".into())),
                    ..column("state", "varchar(20)")
                },
            ],
            constraints: vec![
                NewConstraint {
                    constraint_name: "invitations_team_fkey".into(),
                    sql: "FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE".into(),
                },
                NewConstraint {
                    constraint_name: "invitations_state_check".into(),
                    sql: "CHECK (state <> '')".into(),
                },
            ],
        }
    }
}
