//! The small database of the tests: people in teams.

use super::{Column, Constraint, ConstraintKind, Index, Schema, Table, TableName, View, ViewUse};
use crate::document::Engine;

fn column(name: &str, data_type: &str, nullable: bool, default: Option<&str>) -> Column {
    Column {
        name: name.into(),
        data_type: data_type.into(),
        nullable,
        default: default.map(Into::into),
        ..Column::default()
    }
}

fn index(name: &str, columns: &[&str]) -> Index {
    Index {
        name: name.into(),
        columns: columns.iter().map(|c| (*c).into()).collect(),
        method: "btree".into(),
        valid: true,
        definition: format!(
            "CREATE INDEX {name} ON users USING btree ({})",
            columns.join(", ")
        ),
        ..Index::default()
    }
}

/// `users` with two million rows, `teams` with a few, a view on `users.email`, a check and a dual
/// write.
pub(crate) fn schema(engine: Engine) -> Schema {
    let mut schema = Schema::empty(engine);
    let users = TableName::parse("users");
    let mut table = Table {
        columns: vec![
            column("id", "bigint", false, None),
            column("name", "character varying(255)", false, Some("'nobody'")),
            column("email", "text", true, None),
            column("team_id", "bigint", true, None),
            column("nickname", "text", true, None),
            column("login", "text", true, None),
            column("handle", "text", true, None),
        ],
        primary_key: vec!["id".into()],
        indexes: vec![
            index("users_email_idx", &["email"]),
            index("users_nickname_email_idx", &["nickname", "email"]),
        ],
        constraints: vec![Constraint {
            name: "users_name_check".into(),
            kind: ConstraintKind::Check,
            columns: vec!["name".into()],
            definition: "CHECK (name <> '')".into(),
            validated: true,
            references: None,
        }],
        views: vec![ViewUse {
            view: TableName::parse("mailing"),
            columns: vec!["email".into()],
            definition: "SELECT email FROM users".into(),
            materialized: false,
        }],
        rows: 2_000_000,
        ..Table::default()
    };
    if engine == Engine::Sqlite {
        for index in &mut table.indexes {
            index.definition = index.definition.replace(" USING btree", "");
        }
        table.dependents = table.indexes.iter().map(|i| i.definition.clone()).collect();
        table.create_sql = Some(
            "CREATE TABLE users (\n  id INTEGER PRIMARY KEY AUTOINCREMENT, -- the key\n  name VARCHAR(255) NOT NULL DEFAULT 'nobody',\n  email TEXT,\n  team_id BIGINT,\n  nickname TEXT,\n  login TEXT,\n  handle TEXT,\n  CONSTRAINT users_name_check CHECK (name <> '')\n)"
                .into(),
        );
        let declared = [("id", "INTEGER"), ("name", "VARCHAR(255)")];
        for (name, data_type) in declared {
            for column in table.columns.iter_mut().filter(|c| c.name == name) {
                column.data_type = data_type.into();
            }
        }
    }
    schema.views.insert(
        TableName::parse("mailing"),
        View {
            definition: "SELECT email FROM users".into(),
            reads: vec![users.clone()],
            ..View::default()
        },
    );
    let family = engine.is_mysql_family();
    if family {
        for index in &mut table.indexes {
            index.definition = index.definition.replace(" USING btree", "");
        }
        for column in &mut table.columns {
            let (data_type, definition) = match column.name.as_str() {
                "id" => ("bigint(20)", "bigint(20) NOT NULL AUTO_INCREMENT"),
                "name" => (
                    "varchar(255)",
                    "varchar(255) CHARACTER SET latin1 NOT NULL DEFAULT 'nobody' COMMENT 'not null'",
                ),
                "team_id" => ("bigint(20)", "bigint(20) DEFAULT NULL"),
                _ => ("varchar(320)", "varchar(320) DEFAULT NULL"),
            };
            column.data_type = data_type.into();
            column.definition = Some(definition.into());
        }
    }
    schema.tables.insert(users, table);
    schema.tables.insert(
        TableName::parse("teams"),
        Table {
            columns: vec![
                Column {
                    definition: family.then(|| "bigint(20) NOT NULL".into()),
                    ..column("id", "bigint", false, None)
                },
                Column {
                    definition: family.then(|| "text DEFAULT NULL".into()),
                    ..column("title", "text", true, None)
                },
            ],
            primary_key: vec!["id".into()],
            rows: 12,
            attached: super::Attached {
                unrestored: (engine == Engine::PostgreSql)
                    .then(|| "the tablespace fast of teams".into())
                    .into_iter()
                    .collect(),
                ..super::Attached::default()
            },
            ..Table::default()
        },
    );
    schema
}
