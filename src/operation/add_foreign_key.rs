//! add_foreign_key: rows point to rows of another table.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::drop_constraint::{add_to, refuse_taken, undo_added};
use super::{mysql, postgres, sqlite};
use crate::dialect::quote;
use crate::document::{Check, Engine, Expect, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, PlannedCheck, Statement};
use crate::schema::{Constraint, ConstraintKind, Index, Refusal, TableName, World};

/// What happens to the rows that point to a row which goes or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReferentialAction {
    /// Refused, at the end of the statement or transaction.
    #[serde(rename = "NO ACTION")]
    NoAction,
    /// Refused at once.
    #[serde(rename = "RESTRICT")]
    Restrict,
    /// They go or change too.
    #[serde(rename = "CASCADE")]
    Cascade,
    /// Their key becomes NULL.
    #[serde(rename = "SET NULL")]
    SetNull,
    /// Their key becomes its default.
    #[serde(rename = "SET DEFAULT")]
    SetDefault,
}

impl ReferentialAction {
    /// The action of those words.
    pub(crate) fn of(words: &str) -> Option<Self> {
        [
            ReferentialAction::NoAction,
            ReferentialAction::Restrict,
            ReferentialAction::Cascade,
            ReferentialAction::SetNull,
            ReferentialAction::SetDefault,
        ]
        .into_iter()
        .find(|action| action.sql() == words)
    }

    /// The words of SQL, and of the document.
    pub fn sql(self) -> &'static str {
        match self {
            ReferentialAction::NoAction => "NO ACTION",
            ReferentialAction::Restrict => "RESTRICT",
            ReferentialAction::Cascade => "CASCADE",
            ReferentialAction::SetNull => "SET NULL",
            ReferentialAction::SetDefault => "SET DEFAULT",
        }
    }
}

/// Adds a FOREIGN KEY constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddForeignKey {
    /// The table whose rows point.
    pub table: String,
    /// The constraint's name.
    pub constraint_name: String,
    /// The pointing columns.
    pub columns: Vec<String>,
    /// The table pointed to.
    pub ref_table: String,
    /// Its columns; absent: its primary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_columns: Option<Vec<String>>,
    /// When the row pointed to goes; absent: NO ACTION.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<ReferentialAction>,
    /// When its key changes; absent: NO ACTION.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<ReferentialAction>,
}

/// As the document spells them.
pub(crate) const ACTIONS: &[&str] = &[
    "NO ACTION",
    "RESTRICT",
    "CASCADE",
    "SET NULL",
    "SET DEFAULT",
];

impl AddForeignKey {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "add_foreign_key",
        title: "Add a foreign key",
        help: "Rows must point to a row of the other table; rows that are there are checked without holding up writers.",
        fields: &[
            Field::required(
                "table",
                "Table",
                FieldKind::Table,
                "The table whose rows point.",
            ),
            Field::required(
                "constraintName",
                "Constraint name",
                FieldKind::NewName,
                "The constraint's name.",
            ),
            Field::required(
                "columns",
                "Columns",
                FieldKind::Columns,
                "The pointing columns.",
            ),
            Field::required(
                "refTable",
                "Referenced table",
                FieldKind::Table,
                "The table pointed to.",
            ),
            Field::optional(
                "refColumns",
                "Referenced columns",
                FieldKind::Words,
                "Its columns; its primary key where absent.",
            ),
            Field::optional(
                "onDelete",
                "On delete",
                FieldKind::Choice(ACTIONS),
                "What happens when the row pointed to goes.",
            ),
            Field::optional(
                "onUpdate",
                "On update",
                FieldKind::Choice(ACTIONS),
                "What happens when its key changes.",
            ),
        ],
    };
}

impl AddForeignKey {
    fn definition(&self, engine: Engine) -> String {
        let target = TableName::parse(&self.ref_table);
        let target = match engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => quote::table(engine, &target),
            Engine::Sqlite => quote::name(engine, &target.name),
        };
        let mut out = format!(
            "FOREIGN KEY ({}) REFERENCES {target}",
            quote::names(engine, &self.columns)
        );
        if let Some(columns) = &self.ref_columns {
            out.push_str(&format!(" ({})", quote::names(engine, columns)));
        }
        if let Some(action) = self.on_delete {
            out.push_str(&format!(" ON DELETE {}", action.sql()));
        }
        if let Some(action) = self.on_update {
            out.push_str(&format!(" ON UPDATE {}", action.sql()));
        }
        out
    }
}

impl AddForeignKey {
    /// The columns pointed to: as given, else the primary key.
    fn pointed_to(&self, world: &World) -> Option<Vec<String>> {
        let target = TableName::parse(&self.ref_table);
        self.ref_columns
            .clone()
            .or_else(|| world.table(&target).map(|t| t.primary_key.clone()))
            .filter(|columns| !columns.is_empty())
    }

    /// MySQL and MariaDB want the columns pointed to spelled out.
    fn definition_in(&self, world: &World) -> String {
        let spelled = Self {
            ref_columns: self.pointed_to(world),
            ..self.clone()
        };
        spelled.definition(world.engine)
    }

    /// The index that such a key needs, under the key's name: the server would make it anyway.
    fn index_definition(&self, engine: Engine) -> String {
        let keys: Vec<String> = self
            .columns
            .iter()
            .map(|c| quote::name(engine, c))
            .collect();
        let table = TableName::parse(&self.table);
        mysql::index_definition(engine, &table, &self.constraint_name, false, &keys)
    }

    /// What MySQL and MariaDB refuse, or would let through with their checks off.
    fn mysql_refuses(&self, world: &World, target: &TableName) -> Result<(), Refusal> {
        let title = world.engine.title();
        for (field, action) in [("onDelete", self.on_delete), ("onUpdate", self.on_update)] {
            if action == Some(ReferentialAction::SetDefault) {
                return Err(Refusal::new(
                    field,
                    "InnoDB knows no SET DEFAULT; use SET NULL, CASCADE or RESTRICT",
                ));
            }
        }
        let Some(pointed_to) = self.pointed_to(world) else {
            return Err(Refusal::new(
                "refColumns",
                format!(
                    "{title} wants the columns pointed to spelled out, and the primary key of {target} is not known here"
                ),
            ));
        };
        if world.is_whole(target) && !mysql::leads(world, target, &pointed_to) {
            return Err(Refusal::new(
                "refColumns",
                format!(
                    "no index of {target} begins with {}, which a foreign key needs; add a unique one first (add_unique)",
                    pointed_to.join(", ")
                ),
            ));
        }
        Ok(())
    }
}

impl Behave for AddForeignKey {
    fn checks(&self, before: &World) -> Vec<PlannedCheck> {
        let engine = before.engine;
        if !engine.is_mysql_family() {
            return Vec::new();
        }
        let (table, target) = (
            TableName::parse(&self.table),
            TableName::parse(&self.ref_table),
        );
        let own = |c: &String| {
            format!(
                "{}.{}",
                quote::name(engine, &table.name),
                quote::name(engine, c)
            )
        };
        let whole: Vec<String> = self
            .columns
            .iter()
            .map(|c| format!("{} IS NOT NULL", own(c)))
            .collect();
        let found: Vec<String> = self
            .columns
            .iter()
            .zip(self.pointed_to(before).unwrap_or_default())
            .map(|(c, there)| format!("pointed.{} = {}", quote::name(engine, &there), own(c)))
            .collect();
        let from = format!(
            "FROM {} WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS pointed WHERE {})",
            quote::table(engine, &table),
            whole.join(" AND "),
            quote::table(engine, &target),
            found.join(" AND ")
        );
        let key = before
            .table(&table)
            .map(|t| t.primary_key.clone())
            .unwrap_or_default();
        let keys = quote::names(engine, &key);
        vec![PlannedCheck {
            check: Check::Custom,
            sql: format!("SELECT count(*) {from}"),
            expect: Some(Expect::Zero),
            error_message: format!(
                "rows of {table} point to no row of {target}: {} holds for new rows only; mend them or remove them (the pattern add-foreign-key)",
                self.constraint_name
            ),
            list: (!key.is_empty())
                .then(|| format!("SELECT {keys} {from} ORDER BY {keys} LIMIT 5")),
        }]
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![
            TableName::parse(&self.table),
            TableName::parse(&self.ref_table),
        ]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.constraint_name.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        let target = TableName::parse(&self.ref_table);
        if self.columns.is_empty() {
            return Err(Refusal::new("columns", "a foreign key needs a column"));
        }
        for column in &self.columns {
            world.need_column(&table, "columns", column)?;
        }
        world.table_mut("refTable", &target)?;
        for column in self.ref_columns.iter().flatten() {
            world.need_column(&target, "refColumns", column)?;
        }
        if self
            .ref_columns
            .as_ref()
            .is_some_and(|columns| columns.len() != self.columns.len())
        {
            return Err(Refusal::new(
                "refColumns",
                "a foreign key points with as many columns as it points to",
            ));
        }
        refuse_taken(world, &table, &self.constraint_name)?;
        if world.engine.is_mysql_family() {
            self.mysql_refuses(world, &target)?;
            if !mysql::leads(world, &table, &self.columns) {
                world.add_relation("constraintName", &table, &self.constraint_name)?;
                let definition = self.index_definition(world.engine);
                world.table_mut("table", &table)?.indexes.push(Index {
                    name: self.constraint_name.clone(),
                    columns: self.columns.clone(),
                    method: "btree".to_owned(),
                    valid: true,
                    definition,
                    ..Index::default()
                });
            }
        }
        if world.engine == Engine::PostgreSql
            && world.version < 180_000
            && world.table(&table).is_some_and(|t| t.partitioned)
        {
            return Err(Refusal::new(
                "table",
                format!(
                    "{table} is partitioned, and before version 18 PostgreSQL adds no foreign key to such a table without holding writers up; add it to each partition"
                ),
            ));
        }
        world
            .table_mut("refTable", &target)?
            .referenced_by
            .push((table.clone(), self.constraint_name.clone()));
        let constraint = Constraint {
            name: self.constraint_name.clone(),
            kind: ConstraintKind::ForeignKey,
            columns: self.columns.clone(),
            definition: if world.engine.is_mysql_family() {
                self.definition_in(world)
            } else {
                self.definition(world.engine)
            },
            validated: true,
            references: Some(target),
        };
        add_to(world, &table, constraint)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let target = TableName::parse(&self.ref_table);
        let add = format!(
            "CONSTRAINT {} {}",
            quote::name(before.engine, &self.constraint_name),
            self.definition(before.engine)
        );
        let title = format!("Add foreign key {} to {table}", self.constraint_name);
        match before.engine {
            Engine::PostgreSql => {
                let sql = format!(
                    "ALTER TABLE {} ADD {add} NOT VALID",
                    quote::table(Engine::PostgreSql, &table)
                );
                Ok(vec![
                    Draft::transaction(
                        title,
                        &table,
                        vec![Statement::brief(sql, Lock::ShareRowExclusive)],
                    )
                    .touching(&target),
                    postgres::validate(before, &table, &self.constraint_name)
                        .looking_up()
                        .touching(&target),
                ])
            }
            Engine::MySql | Engine::MariaDb => {
                let mut drafts = Vec::new();
                if !mysql::leads(before, &table, &self.columns) {
                    drafts.push(mysql::build_index(
                        before,
                        &table,
                        &self.constraint_name,
                        &self.index_definition(before.engine),
                    ));
                }
                let definition = self.definition_in(before);
                drafts.push(
                    mysql::add_foreign_key(
                        before,
                        &table,
                        &self.constraint_name,
                        &definition,
                        title,
                    )
                    .touching(&target),
                );
                Ok(drafts)
            }
            Engine::Sqlite => Ok(vec![
                sqlite::rebuild(before, &table, "columns", title, |text| {
                    text.add_constraint(&add);
                    Ok(())
                })?
                .touching(&target),
            ]),
        }
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        if before.engine.is_mysql_family() {
            let table = TableName::parse(&self.table);
            let target = TableName::parse(&self.ref_table);
            let name = &self.constraint_name;
            let key = ConstraintKind::ForeignKey;
            let drop = mysql::drop_constraint(before, &table, name, Some(key));
            let mut drafts = vec![drop.touching(&target)];
            if !mysql::leads(before, &table, &self.columns) {
                drafts.push(mysql::drop_index(before, &table, name));
            }
            return Ok(Undo::whole(drafts));
        }
        let mut undo = undo_added(
            before,
            &TableName::parse(&self.table),
            &self.constraint_name,
        )?;
        let target = TableName::parse(&self.ref_table);
        undo.drafts = undo
            .drafts
            .into_iter()
            .map(|draft| draft.touching(&target))
            .collect();
        Ok(undo)
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            constraint_name: "users_team_fkey".into(),
            columns: vec!["team_id".into()],
            ref_table: "teams".into(),
            ref_columns: Some(vec!["id".into()]),
            on_delete: Some(ReferentialAction::Cascade),
            on_update: None,
        }
    }
}
