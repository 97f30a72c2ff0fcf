//! add_constraint: a constraint in SQL, added by the way that its kind allows.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::drop_constraint::{add_to, refuse_taken, undo_added};
use super::{AddCheck, AddUnique, SetNotNull, postgres, sqlite};
use crate::dialect::constraint::{self, Body, Kind};
use crate::dialect::statement::Work;
use crate::dialect::{expression, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Constraint, ConstraintKind, Index, Refusal, TableName, World};

/// Adds a constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddConstraint {
    /// The table.
    pub table: String,
    /// The constraint's name.
    pub constraint_name: String,
    /// Its body: `CHECK (...)`, `FOREIGN KEY (...) REFERENCES ...`.
    pub sql: String,
}

impl AddConstraint {
    /// The operation that a UNIQUE body stands for.
    fn unique(&self, body: &Body) -> AddUnique {
        AddUnique {
            table: self.table.clone(),
            constraint_name: self.constraint_name.clone(),
            columns: body.columns.clone(),
        }
    }

    /// The same check as the operation that knows how MySQL and MariaDB take one.
    fn check(&self, body: &Body) -> AddCheck {
        AddCheck {
            table: self.table.clone(),
            constraint_name: self.constraint_name.clone(),
            sql: body.sql.clone(),
        }
    }

    /// Bodies that MySQL and MariaDB take only by another operation.
    fn mysql_refuses(&self, world: &World, body: &Body) -> Result<(), Refusal> {
        let title = world.engine.title();
        let message = match body.kind {
            Kind::Unique if body.index.is_empty() => return Ok(()),
            Kind::Unique => format!(
                "{title} knows only UNIQUE (columns); leave `{}` out",
                body.index
            ),
            Kind::ForeignKey => "use add_foreign_key: it adds the key without copying the table, and asks for rows that point nowhere".to_owned(),
            Kind::Check => return Ok(()),
            Kind::PrimaryKey => "use custom_sql with ALTER TABLE ... ADD PRIMARY KEY (...), ALGORITHM=INPLACE, LOCK=NONE: the rows are put into the order of the key while everybody goes on".to_owned(),
            // Refused on both of them anyway.
            Kind::Exclude => return Ok(()),
        };
        Err(Refusal::new("sql", message))
    }

    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "add_constraint",
        title: "Add a constraint in SQL",
        help: "A check, a foreign key, a unique or a primary key; rows that are there are checked without holding up writers.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "constraintName",
                "Constraint name",
                FieldKind::NewName,
                "The constraint's name.",
            ),
            Field::required(
                "sql",
                "Constraint",
                FieldKind::Sql,
                "CHECK (...), UNIQUE (...), PRIMARY KEY (...), FOREIGN KEY (...) REFERENCES ... or EXCLUDE ...",
            ),
        ],
    };
}

/// The constraint as the world knows it; `None` for a primary key, which is no list's.
pub(super) fn known(
    world: &World,
    table: &TableName,
    name: &str,
    body: &Body,
) -> Option<Constraint> {
    let engine = world.engine;
    let (kind, columns) = match body.kind {
        Kind::PrimaryKey => return None,
        Kind::Unique => (ConstraintKind::Unique, body.columns.clone()),
        Kind::ForeignKey => (ConstraintKind::ForeignKey, body.columns.clone()),
        Kind::Check | Kind::Exclude => {
            let named = world.table(table).map(|t| {
                t.columns
                    .iter()
                    .map(|c| c.name.clone())
                    .filter(|c| expression::mentions(engine, &body.sql, c))
                    .collect()
            });
            let kind = match body.kind {
                Kind::Exclude => ConstraintKind::Exclude,
                Kind::Check | Kind::Unique | Kind::PrimaryKey | Kind::ForeignKey => {
                    ConstraintKind::Check
                }
            };
            (kind, named.unwrap_or_default())
        }
    };
    Some(Constraint {
        name: name.to_owned(),
        kind,
        columns,
        definition: body.sql.clone(),
        validated: true,
        references: body.references.clone(),
    })
}

impl AddConstraint {
    /// Whether an index of its name stands behind it.
    pub fn makes_index(&self, engine: Engine) -> bool {
        self.body(engine)
            .is_ok_and(|body| matches!(body.kind, Kind::Unique | Kind::PrimaryKey | Kind::Exclude))
    }

    fn body(&self, engine: Engine) -> Result<Body, Refusal> {
        constraint::read(engine, &self.constraint_name, &self.sql)
            .map_err(|problem| Refusal::new("sql", problem))
    }

    /// The table pointed to, where it is a foreign key, as any engine reads it.
    fn targets(&self) -> Vec<TableName> {
        let bodies = Engine::ALL.into_iter().map(|engine| self.body(engine));
        bodies.filter_map(|body| body.ok()?.references).collect()
    }

    /// Columns that the key makes NOT NULL.
    fn nullable<'b>(&self, world: &World, table: &TableName, body: &'b Body) -> Vec<&'b String> {
        if body.kind != Kind::PrimaryKey {
            return Vec::new();
        }
        body.columns
            .iter()
            .filter(|c| world.column(table, c).is_none_or(|known| known.nullable))
            .collect()
    }

    fn refuse_partitioned(
        &self,
        world: &World,
        table: &TableName,
        body: &Body,
    ) -> Result<(), Refusal> {
        if !world.table(table).is_some_and(|t| t.partitioned) {
            return Ok(());
        }
        let why = match body.kind {
            Kind::Check => return Ok(()),
            Kind::ForeignKey if world.version >= 180_000 => return Ok(()),
            Kind::ForeignKey => {
                "before version 18 PostgreSQL adds no foreign key to such a table without holding writers up; add it to each partition"
            }
            Kind::Unique | Kind::PrimaryKey | Kind::Exclude => {
                "PostgreSQL builds no index on such a table concurrently; make the constraint on each partition"
            }
        };
        Err(Refusal::new(
            "table",
            format!("{table} is partitioned, and {why}"),
        ))
    }

    fn index_sql(&self, body: &Body, concurrently: bool) -> String {
        let rest = if body.index.is_empty() {
            String::new()
        } else {
            format!(" {}", body.index)
        };
        format!(
            "CREATE UNIQUE INDEX {}{} ON {} ({}){rest}",
            if concurrently { "CONCURRENTLY " } else { "" },
            quote::name(Engine::PostgreSql, &self.constraint_name),
            quote::table(Engine::PostgreSql, &TableName::parse(&self.table)),
            quote::names(Engine::PostgreSql, &body.columns)
        )
    }

    fn postgres(
        &self,
        before: &World,
        table: &TableName,
        body: &Body,
    ) -> Result<Vec<Draft>, Refusal> {
        let name = quote::name(Engine::PostgreSql, &self.constraint_name);
        let title = format!("Add constraint {} to {table}", self.constraint_name);
        let add = format!("ADD CONSTRAINT {name} {}", body.sql);
        Ok(match body.kind {
            Kind::Check => vec![
                Draft::transaction(
                    title,
                    table,
                    vec![postgres::alter(table, &format!("{add} NOT VALID"))],
                ),
                postgres::validate(before, table, &self.constraint_name),
            ],
            Kind::ForeignKey => {
                let sql = format!(
                    "ALTER TABLE {} {add} NOT VALID",
                    quote::table(Engine::PostgreSql, table)
                );
                let drafts = vec![
                    Draft::transaction(
                        title,
                        table,
                        vec![Statement::brief(sql, Lock::ShareRowExclusive)],
                    ),
                    postgres::validate(before, table, &self.constraint_name).looking_up(),
                ];
                drafts
                    .into_iter()
                    .map(|draft| body.references.iter().fold(draft, Draft::touching))
                    .collect()
            }
            Kind::Unique | Kind::PrimaryKey => {
                let mut drafts = Vec::new();
                for column in self.nullable(before, table, body) {
                    let forbid = SetNotNull {
                        table: self.table.clone(),
                        column: column.clone(),
                    };
                    drafts.extend(forbid.compile(before)?);
                }
                let word = match body.kind {
                    Kind::PrimaryKey => "PRIMARY KEY",
                    Kind::Unique | Kind::Check | Kind::ForeignKey | Kind::Exclude => "UNIQUE",
                };
                let tail = if body.tail.is_empty() {
                    String::new()
                } else {
                    format!(" {}", body.tail)
                };
                drafts.push(postgres::build_index(
                    before,
                    table,
                    &self.constraint_name,
                    self.index_sql(body, true),
                ));
                drafts.push(Draft::transaction(
                    title,
                    table,
                    vec![postgres::alter(
                        table,
                        &format!("ADD CONSTRAINT {name} {word} USING INDEX {name}{tail}"),
                    )],
                ));
                drafts
            }
            // There is no way around its lock; the linter says so.
            Kind::Exclude => vec![Draft::transaction(
                title,
                table,
                vec![Statement::new(
                    format!(
                        "ALTER TABLE {} {add}",
                        quote::table(Engine::PostgreSql, table)
                    ),
                    Lock::AccessExclusive,
                    Work::Index,
                    before.rows(table),
                )],
            )],
        })
    }
}

impl Behave for AddConstraint {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        let mut tables = vec![TableName::parse(&self.table)];
        tables.extend(self.targets());
        tables
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.constraint_name.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        let body = self.body(world.engine)?;
        for column in &body.columns {
            world.need_column(&table, "sql", column)?;
        }
        if let Some(target) = &body.references {
            world.table_mut("sql", target)?;
            for column in &body.ref_columns {
                world.need_column(target, "sql", column)?;
            }
        }
        refuse_taken(world, &table, &self.constraint_name)?;
        let index = matches!(body.kind, Kind::Unique | Kind::PrimaryKey | Kind::Exclude);
        match world.engine {
            Engine::PostgreSql => {
                self.refuse_partitioned(world, &table, &body)?;
                if index {
                    world.add_relation("constraintName", &table, &self.constraint_name)?;
                }
            }
            Engine::Sqlite | Engine::MySql | Engine::MariaDb if body.kind == Kind::Exclude => {
                return Err(Refusal::new(
                    "sql",
                    format!(
                        "{} has no exclusion constraints; a trigger that raises an error (custom_sql) can take its place",
                        world.engine.title()
                    ),
                ));
            }
            Engine::MySql | Engine::MariaDb => {
                self.mysql_refuses(world, &body)?;
                return match body.kind {
                    Kind::Check => self.check(&body).apply(world),
                    Kind::Unique | Kind::PrimaryKey | Kind::ForeignKey | Kind::Exclude => {
                        self.unique(&body).apply(world)
                    }
                };
            }
            Engine::Sqlite => {}
        }
        if body.kind == Kind::PrimaryKey {
            let entry = world.table_mut("table", &table)?;
            if !entry.primary_key.is_empty() {
                return Err(Refusal::new(
                    "sql",
                    format!(
                        "{table} has a primary key already: ({})",
                        entry.primary_key.join(", ")
                    ),
                ));
            }
            entry.primary_key = body.columns.clone();
            for column in &mut entry.columns {
                if body.columns.contains(&column.name) {
                    column.nullable = false;
                }
            }
            let text = format!(
                "CONSTRAINT {} {}",
                quote::name(world.engine, &self.constraint_name),
                body.sql
            );
            return world.edit_text(&table, "sql", |definition| {
                definition.add_constraint(&text);
                Ok(())
            });
        }
        if body.kind == Kind::Unique && world.engine == Engine::PostgreSql {
            let definition = self.index_sql(&body, false);
            world.table_mut("table", &table)?.indexes.push(Index {
                name: self.constraint_name.clone(),
                columns: body.columns.clone(),
                unique: true,
                method: "btree".to_owned(),
                valid: true,
                definition,
                constraint: Some(self.constraint_name.clone()),
                ..Index::default()
            });
        }
        if let Some(target) = &body.references {
            world
                .table_mut("sql", target)?
                .referenced_by
                .push((table.clone(), self.constraint_name.clone()));
        }
        match known(world, &table, &self.constraint_name, &body) {
            Some(constraint) => add_to(world, &table, constraint),
            None => Ok(()),
        }
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let body = self.body(before.engine)?;
        match before.engine {
            Engine::PostgreSql => self.postgres(before, &table, &body),
            Engine::MySql | Engine::MariaDb => match body.kind {
                Kind::Check => self.check(&body).compile(before),
                Kind::Unique | Kind::PrimaryKey | Kind::ForeignKey | Kind::Exclude => {
                    self.unique(&body).compile(before)
                }
            },
            Engine::Sqlite => {
                let text = format!(
                    "CONSTRAINT {} {}",
                    quote::name(before.engine, &self.constraint_name),
                    body.sql
                );
                let title = format!("Add constraint {} to {table}", self.constraint_name);
                let draft = sqlite::rebuild(before, &table, "sql", title, |definition| {
                    definition.add_constraint(&text);
                    Ok(())
                })?;
                Ok(vec![body.references.iter().fold(draft, Draft::touching)])
            }
        }
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let body = self.body(before.engine)?;
        if before.engine.is_mysql_family() {
            return self.unique(&body).undo(before);
        }
        let mut undo = undo_added(before, &table, &self.constraint_name)?;
        if before.engine == Engine::PostgreSql {
            if matches!(body.kind, Kind::Unique | Kind::PrimaryKey) {
                // Where only the index was built, there is no constraint to take it along.
                undo.drafts
                    .push(postgres::drop_index(&table, &self.constraint_name));
            }
            for column in self.nullable(before, &table, &body) {
                let forbid = SetNotNull {
                    table: self.table.clone(),
                    column: column.clone(),
                };
                undo.drafts.extend(forbid.undo(before)?.drafts);
            }
        }
        undo.drafts = undo
            .drafts
            .into_iter()
            .map(|draft| body.references.iter().fold(draft, Draft::touching))
            .collect();
        Ok(undo)
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            constraint_name: "users_team_handle_key".into(),
            sql: "UNIQUE (team_id, handle)".into(),
        }
    }
}
