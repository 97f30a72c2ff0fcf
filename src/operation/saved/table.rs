//! A table that is to be dropped is kept under another name instead, with all that is its own: on
//! PostgreSQL in a schema that nobody but Bellows may look into, so that every name in it is free
//! again; elsewhere under a name of Bellows' own.
//!
//! What makes DROP TABLE fail must make this fail. On PostgreSQL the drop itself is tried, and taken
//! back, before the table moves; elsewhere what points to it is known, and is looked at again before
//! the phase.

use super::{Saved, bytes, place, present};
use crate::dialect::create_table::CreateTable;
use crate::dialect::{catalogue, quote};
use crate::document::Engine;
use crate::operation::behave::Draft;
use crate::operation::drop_table::{DropTable, comes_back};
use crate::operation::sqlite::write;
use crate::operation::{dual_write, mysql, postgres, restore};
use crate::plan::{Action, Lock, Need, SavedCopy, Statement};
use crate::schema::{Constraint, ConstraintKind, Table, TableName, World};

/// A table that is kept.
pub(in crate::operation) struct TableCopy<'w> {
    world: &'w World,
    name: TableName,
    known: Option<&'w Table>,
    /// Where it is while it is kept.
    kept: TableName,
}

/// Its foreign keys to other tables: while it is kept its rows must hold up nobody there.
fn keys<'w>(known: Option<&'w Table>, name: &TableName) -> Vec<&'w Constraint> {
    let constraints = known.map(|t| t.constraints.as_slice());
    constraints
        .unwrap_or_default()
        .iter()
        .filter(|c| c.kind == ConstraintKind::ForeignKey && c.references.as_ref() != Some(name))
        .collect()
}

/// Why no copy can be had.
fn obstacle(world: &World, name: &TableName, table: &Table) -> Option<String> {
    if table.partitioned {
        return Some("it is partitioned".into());
    }
    if !comes_back(world, name, table) {
        return Some("it is kept in step with another table, and would come back behind it".into());
    }
    if let Some(shadow) = table.shadows.first() {
        return Some(format!("its triggers keep {} in step", shadow.target));
    }
    if world.engine != Engine::Sqlite {
        return None;
    }
    let is_key = |c: &Constraint| c.kind == ConstraintKind::ForeignKey;
    if table.constraints.iter().any(is_key) {
        return Some("its foreign keys would point from there as well".into());
    }
    let text = table.create_sql.as_deref();
    text.is_none_or(|sql| CreateTable::parse(sql).is_err())
        .then(|| "it is no plain table".into())
}

/// The copy of what the operation drops.
pub(in crate::operation) fn of<'w>(
    drop: &DropTable,
    world: &'w World,
    name: &TableName,
) -> Saved<TableCopy<'w>> {
    let Some(stem) = world.saving.as_ref().filter(|_| drop.saved_copy) else {
        return Saved::No;
    };
    if world.is_made(name) {
        return Saved::No;
    }
    let known = world.table(name).filter(|_| world.is_whole(name));
    if let Some(why) = known.and_then(|table| obstacle(world, name, table)) {
        return Saved::Cannot(why);
    }
    let kept = match world.engine {
        Engine::PostgreSql => TableName {
            schema: Some(format!("bellows_saved_{stem}")),
            name: name.name.clone(),
        },
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => TableName {
            schema: name.schema.clone(),
            ..place(world.engine, &format!("{stem}_{}", name.name))
        },
    };
    Saved::Kept(TableCopy {
        world,
        name: name.clone(),
        known,
        kept,
    })
}

impl TableCopy<'_> {
    fn keys(&self) -> Vec<&Constraint> {
        keys(self.known, &self.name)
    }

    fn title(&self) -> String {
        format!(
            "Take table {} away, and keep it as {}",
            self.name, self.kept
        )
    }

    fn title_back(&self) -> String {
        format!("Bring table {} back", self.name)
    }

    /// What is sent instead of DROP TABLE.
    pub(in crate::operation) fn keep(&self) -> Vec<Draft> {
        match self.world.engine {
            Engine::PostgreSql => {
                vec![Draft::transaction(
                    self.title(),
                    &self.name,
                    self.keep_on_postgres(),
                )]
            }
            Engine::MySql | Engine::MariaDb => self.keep_on_mysql(),
            Engine::Sqlite => vec![self.renamed(self.title(), &self.name, &self.kept)],
        }
    }

    fn keep_on_postgres(&self) -> Vec<Statement> {
        let engine = Engine::PostgreSql;
        let on = quote::table(engine, &self.name);
        let schema = quote::name(engine, self.kept.schema.as_deref().unwrap_or_default());
        let mut out: Vec<Statement> = self
            .keys()
            .into_iter()
            .map(|key| {
                let name = quote::name(engine, &key.name);
                postgres::alter(&self.name, &format!("DROP CONSTRAINT {name}"))
            })
            .collect();
        let body = format!(
            " BEGIN DROP TABLE {on}; RAISE EXCEPTION USING ERRCODE = 'BW001'; EXCEPTION WHEN SQLSTATE 'BW001' THEN NULL; END "
        );
        let fence = quote::fence(&body);
        out.push(Statement::brief(
            format!("DO {fence}{body}{fence}"),
            Lock::AccessExclusive,
        ));
        out.push(Statement::brief(
            format!("CREATE SCHEMA {schema}"),
            Lock::None,
        ));
        out.push(postgres::alter(&self.name, &format!("SET SCHEMA {schema}")));
        out
    }

    fn keep_on_mysql(&self) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = self
            .keys()
            .into_iter()
            .map(|key| {
                let draft =
                    mysql::drop_constraint(self.world, &self.name, &key.name, Some(key.kind));
                key.references.iter().fold(draft, Draft::touching)
            })
            .collect();
        drafts.push(self.moved(self.title(), &self.name, &self.kept));
        drafts
    }

    /// RENAME TABLE, done where the one name is there and the other is not.
    fn moved(&self, title: String, from: &TableName, to: &TableName) -> Draft {
        let engine = self.world.engine;
        let sql = format!(
            "RENAME TABLE {} TO {}",
            quote::table(engine, from),
            quote::table(engine, to)
        );
        mysql::ddl(
            title,
            &self.name,
            Statement::brief(sql, Lock::MetadataExclusive).outside(),
            &format!(
                "{} AND NOT {}",
                catalogue::table(engine, to),
                catalogue::table(engine, from)
            ),
        )
    }

    /// SQLite: under another name, with nothing else renamed for it.
    fn renamed(&self, title: String, from: &TableName, to: &TableName) -> Draft {
        let named = |table: &TableName| quote::name(Engine::Sqlite, &table.name);
        Draft::new(
            title,
            &self.name,
            Action::Rebuild {
                table: self.name.clone(),
                statements: vec![
                    write("PRAGMA legacy_alter_table = ON"),
                    write(format!(
                        "ALTER TABLE {} RENAME TO {}",
                        named(from),
                        named(to)
                    )),
                    write("PRAGMA legacy_alter_table = OFF"),
                ],
            },
        )
    }

    /// What brings it back, with every row.
    pub(in crate::operation) fn back(&self) -> Vec<Draft> {
        match self.world.engine {
            Engine::PostgreSql => self.back_on_postgres(),
            Engine::MySql | Engine::MariaDb => {
                let keys = self.keys();
                let mut drafts = vec![
                    self.moved(self.title_back(), &self.kept, &self.name)
                        .undoing(keys.len()),
                ];
                for (at, key) in keys.into_iter().enumerate() {
                    let again = mysql::constraint_again(self.world, &self.name, key, None);
                    drafts.extend(again.into_iter().map(|draft| {
                        key.references
                            .iter()
                            .fold(draft, Draft::touching)
                            .undoing(at)
                    }));
                }
                drafts
            }
            Engine::Sqlite => {
                vec![
                    self.renamed(self.title_back(), &self.kept, &self.name)
                        .undoing(0),
                ]
            }
        }
    }

    fn back_on_postgres(&self) -> Vec<Draft> {
        let engine = Engine::PostgreSql;
        let own = self.name.schema.as_deref().unwrap_or("public");
        let schema = self.kept.schema.as_deref().unwrap_or_default();
        let mut drafts = vec![Draft::transaction(
            self.title_back(),
            &self.name,
            vec![
                postgres::alter(
                    &self.kept,
                    &format!("SET SCHEMA {}", quote::name(engine, own)),
                ),
                Statement::brief(
                    format!("DROP SCHEMA {}", quote::name(engine, schema)),
                    Lock::None,
                ),
            ],
        )];
        for key in self.keys() {
            let rows = restore::Rows::MayHold;
            drafts.extend(restore::constraint(self.world, &self.name, key, rows));
        }
        drafts.into_iter().map(|draft| draft.undoing(0)).collect()
    }

    /// What removes the copy for good.
    fn remove(&self) -> Vec<String> {
        let engine = self.world.engine;
        let mut out = vec![format!(
            "DROP TABLE IF EXISTS {}",
            quote::table(engine, &self.kept)
        )];
        if let (Engine::PostgreSql, Some(schema)) = (engine, &self.kept.schema) {
            let schema = quote::name(engine, schema);
            out.push(format!("DROP SCHEMA IF EXISTS {schema}"));
            // The triggers go with the table, what else is theirs does not.
            let dual_writes = self.known.map(|t| t.dual_writes.as_slice());
            let functions = dual_writes.unwrap_or_default().iter();
            out.extend(functions.flat_map(dual_write::leave_table).map(|s| s.sql));
        }
        out
    }

    /// What is known of the copy, and the step that makes it worth something.
    pub(in crate::operation) fn record(&self) -> (usize, SavedCopy) {
        let engine = self.world.engine;
        let own = TableName {
            schema: match engine {
                Engine::PostgreSql => {
                    Some(self.name.schema.clone().unwrap_or_else(|| "public".into()))
                }
                Engine::MySql | Engine::MariaDb | Engine::Sqlite => self.name.schema.clone(),
            },
            name: self.name.name.clone(),
        };
        let free = match engine {
            Engine::PostgreSql => {
                let name = quote::literal(engine, &quote::table(engine, &own));
                format!("SELECT to_regclass({name}) IS NULL")
            }
            Engine::MySql | Engine::MariaDb => {
                format!("SELECT NOT {}", catalogue::table(engine, &own))
            }
            Engine::Sqlite => format!(
                "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = {} COLLATE NOCASE)",
                quote::literal(engine, &own.name)
            ),
        };
        let step = match engine {
            Engine::PostgreSql | Engine::Sqlite => 0,
            Engine::MySql | Engine::MariaDb => self.keys().len(),
        };
        let copy = SavedCopy {
            step: String::new(),
            table: self.name.clone(),
            column: None,
            place: quote::table(engine, &self.kept),
            present_sql: present(engine, &self.kept),
            bytes_sql: bytes(engine, &self.kept),
            remove: self.remove(),
            needs: vec![Need {
                sql: free,
                message: format!(
                    "something else has the name {} by now, under which the table would come back; take back first what made it, or call it otherwise",
                    self.name
                ),
            }],
        };
        (step, copy)
    }
}
