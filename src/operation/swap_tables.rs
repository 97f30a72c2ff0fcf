//! swap_tables: a copy that is kept in step takes the place of its table, and keeps the old one in
//! step from then on.

use serde::{Deserialize, Serialize};

use super::backfill::walk;
use super::behave::{Behave, Draft, Subject, Undo};
use super::copy_table::{always_identity, is_computed};
use super::shadow::sqlite::Link;
use super::shadow::{self, Texts};
use super::swap::{self, Swap};
use crate::dialect::{expression, quote};
use crate::document::{Conversion, Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::Action;
use crate::schema::{Refusal, Shadow, Table, TableName, World};

/// Puts a copy in the place of its table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwapTables {
    /// The table.
    pub table: String,
    /// Its copy, as copy_table keeps it in step.
    pub shadow: String,
    /// What the table is called afterwards.
    pub old_name: String,
    /// The old table's columns, each with an expression over the new row; those that are not named
    /// take the column that they were copied to as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backward: Option<Conversion>,
}

impl SwapTables {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "swap_tables",
        title: "Put the copy in the table's place",
        help: "In one short moment the copy takes the table's name and all that hangs on it. From then on the old table is kept in step, so that the way back keeps what was written since.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "shadow",
                "Shadow",
                FieldKind::Table,
                "Its copy, which copy_table keeps in step.",
            ),
            Field::required(
                "oldName",
                "Old name",
                FieldKind::NewName,
                "What the table is called afterwards, until it is dropped.",
            ),
            Field::optional(
                "backward",
                "Backward",
                FieldKind::Conversion,
                "A map of the old table's columns to expressions over the new row, for columns that were not copied as they are.",
            ),
        ],
    };
}

/// What both directions need to know.
struct Known<'w> {
    table: TableName,
    shadow: TableName,
    old: TableName,
    entry: Option<&'w Table>,
    link: Shadow,
    reverse: Shadow,
}

impl SwapTables {
    fn names(&self) -> (TableName, TableName, TableName) {
        let table = TableName::parse(&self.table);
        let old = TableName {
            schema: table.schema.clone(),
            name: self.old_name.clone(),
        };
        (table, TableName::parse(&self.shadow), old)
    }

    fn known<'w>(&self, world: &'w World) -> Result<Known<'w>, Refusal> {
        let (table, shadow, old) = self.names();
        let entry = world.table(&table);
        let link = entry.and_then(|t| t.shadows.iter().find(|s| s.target == shadow));
        let link = match link {
            Some(link) => link.clone(),
            None if world.live => {
                return Err(Refusal::new(
                    "shadow",
                    format!(
                        "{shadow} is not kept in step with {table}: copy_table does that, in a phase before this one"
                    ),
                ));
            }
            None => Shadow {
                trigger: Shadow::stem(&table, &shadow),
                target: shadow.clone(),
                columns: Vec::new(),
                key: Vec::new(),
                source_key: Vec::new(),
                filter: None,
                each: None,
                fixed: Vec::new(),
            },
        };
        if link.each.is_some() {
            return Err(Refusal::new(
                "shadow",
                format!(
                    "a row of {table} became several of {shadow}, which cannot stand in its place"
                ),
            ));
        }
        let reverse = self.reverse(world, &table, &old, &link)?;
        Ok(Known {
            table,
            shadow,
            old,
            entry,
            link,
            reverse,
        })
    }

    /// What keeps the old table in step with the new one.
    fn reverse(
        &self,
        world: &World,
        table: &TableName,
        old: &TableName,
        link: &Shadow,
    ) -> Result<Shadow, Refusal> {
        let given = self
            .backward
            .as_ref()
            .map(|c| c.by_column(None))
            .unwrap_or_default();
        let mut columns = Vec::new();
        let known = world.table(table).filter(|_| world.is_whole(table));
        for column in known.map(|t| t.columns.as_slice()).unwrap_or_default() {
            let name = column.name.as_str();
            if known.is_some_and(|t| is_computed(t, name)) {
                continue;
            }
            let sql = given
                .get(name)
                .cloned()
                .or_else(|| Some(quote::name(world.engine, link.takes(world.engine, name)?)));
            match sql {
                Some(sql) => columns.push((name.to_owned(), sql)),
                None if link.source_key.iter().any(|c| c == name)
                    || (!column.nullable && column.default.is_none()) =>
                {
                    return Err(Refusal::new(
                        "backward",
                        format!(
                            "{table}.{name} needs a value in rows that are written after the swap, or the way back would be lost: say in `backward` how it is had from the new row"
                        ),
                    ));
                }
                None => {}
            }
        }
        if let Some(unknown) = given
            .keys()
            .find(|c| known.is_some_and(|t| t.column(c).is_none()))
        {
            return Err(Refusal::new(
                "backward",
                format!("{table} has no column {unknown}"),
            ));
        }
        Ok(Shadow {
            trigger: Shadow::stem(table, old),
            target: old.clone(),
            columns,
            key: link.source_key.clone(),
            source_key: link.key.clone(),
            filter: None,
            each: None,
            fixed: known
                .map(|t| always_identity(t).cloned().collect())
                .unwrap_or_default(),
        })
    }

    /// What applications write after the swap and the way back does not have: columns of the old
    /// table that nothing is said of, and columns of the new one that no other is had from.
    pub(crate) fn lost(&self, world: &World) -> (Vec<String>, Vec<String>) {
        let Ok(known) = self.known(world) else {
            return (Vec::new(), Vec::new());
        };
        let Some(entry) = known.entry else {
            return (Vec::new(), Vec::new());
        };
        let kept: Vec<String> = entry
            .columns
            .iter()
            .map(|c| c.name.clone())
            .filter(|c| known.reverse.expression(c).is_none() && !is_computed(entry, c))
            .collect();
        let shadow = world.table(&known.shadow);
        let all: Vec<String> = match shadow.filter(|t| !t.columns.is_empty()) {
            Some(shadow) => shadow
                .columns
                .iter()
                .map(|c| c.name.clone())
                .filter(|c| !is_computed(shadow, c))
                .collect(),
            None => known.link.columns.iter().map(|(c, _)| c.clone()).collect(),
        };
        let unread = all
            .into_iter()
            .filter(|c| !known.reverse.reads(world.engine, c))
            .collect();
        (kept, unread)
    }

    /// Everything that would stay behind with the old table.
    fn left_behind(
        table: &Table,
        name: &TableName,
        shadow: &TableName,
        world: &World,
    ) -> Vec<String> {
        let mut out = table.attached.anchors.clone();
        let by_name = world.engine.is_mysql_family();
        if by_name {
            out.extend(table.triggers.iter().map(|t| format!("the trigger {t}")));
        }
        out.extend(
            table
                .views
                .iter()
                .filter(|v| v.materialized)
                .map(|v| format!("the materialized view {}", v.view)),
        );
        out.extend(
            table
                .dual_writes
                .iter()
                .map(|d| format!("the dual write by the trigger {}", d.trigger)),
        );
        out.extend(
            table
                .shadows
                .iter()
                .filter(|s| s.target != *shadow)
                .map(|s| format!("{}, which is kept in step with it", s.target)),
        );
        out.extend(
            table
                .referenced_by
                .iter()
                .filter(|(from, _)| from != name)
                .filter(|(from, _)| world.table(from).is_some_and(|t| t.partitioned))
                .map(|(from, key)| {
                    format!("the foreign key {key} of the partitioned table {from}")
                }),
        );
        if table.partitioned && !by_name {
            out.push("its partitions".to_owned());
        }
        out
    }
}

impl Behave for SwapTables {
    fn form(&self) -> Result<(), Refusal> {
        if let Some(Conversion::Expression(_)) = self.backward {
            return Err(Refusal::new(
                "backward",
                "`backward` is a map of the old table's columns to expressions: {amount: total / price}",
            ));
        }
        let (table, shadow, old) = self.names();
        if table == shadow || table == old || shadow == old {
            return Err(Refusal::new(
                "oldName",
                "the table, its copy and the old name must differ",
            ));
        }
        if table.schema != shadow.schema {
            return Err(Refusal::new(
                "shadow",
                "the copy must be in the table's own schema, whose name it takes",
            ));
        }
        Ok(())
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Migrate
    }

    fn tables(&self) -> Vec<TableName> {
        let (table, shadow, old) = self.names();
        vec![table, shadow, old]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.shadow.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        self.form()?;
        let given = self.backward.as_ref().map(|c| c.by_column(None));
        for sql in given.iter().flat_map(|map| map.values()) {
            if let Some(problem) = expression::expression_problem(world.engine, sql) {
                return Err(Refusal::new("backward", problem));
            }
        }
        let known = self.known(world)?;
        if let Some(entry) = known.entry {
            let left = Self::left_behind(entry, &known.table, &known.shadow, world);
            if !left.is_empty() {
                return Err(Refusal::new(
                    "table",
                    format!(
                        "these would stay with the old table: {}. Take them off {} before the swap, and make them again after it",
                        left.join("; "),
                        known.table
                    ),
                ));
            }
        }
        let (table, shadow, old, reverse) = (
            known.table.clone(),
            known.shadow.clone(),
            known.old.clone(),
            known.reverse.clone(),
        );
        let link = known.link.clone();
        if world.engine == Engine::Sqlite {
            swap::sqlite::refuse(world, &table, &shadow)?;
        }
        if world.engine.is_mysql_family() {
            swap::mysql::problem(world, &table, &shadow, &link)?;
            world.need_free("oldName", &old)?;
        } else {
            world.add_relation("oldName", &table, &old.name)?;
        }
        world.swap_tables(&table, &shadow, &old)?;
        let mut triggers = Vec::new();
        if world.engine == Engine::Sqlite {
            triggers = Link::new(world, &table, &reverse).triggers();
        }
        let entry = world.table_mut("table", &table)?;
        entry.dependents.extend(triggers);
        entry.shadows = vec![reverse];
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let known = self.known(before)?;
        let title = format!("Put {} in the place of {}", known.shadow, known.table);
        if before.engine == Engine::Sqlite {
            let link = Link::new(before, &known.table, &known.link);
            return Ok(vec![
                Draft {
                    undoes: None,
                    title: format!("Compare {} with {}", known.shadow, known.table),
                    tables: vec![known.table.clone(), known.shadow.clone()],
                    action: Action::Compare(link.compare(walk(before, &known.table))),
                },
                known.on_sqlite(before).forward(title),
            ]);
        }
        let swap = known.swap(before);
        let key = walk(before, &known.table);
        let by_name = before.engine.is_mysql_family();
        let compare = if by_name {
            shadow::mysql::Texts::new(before, &known.table, &known.link).compare(key)
        } else {
            Texts::new(before, &known.table, &known.link).compare(key)
        };
        let mut drafts = vec![Draft {
            undoes: None,
            title: format!("Compare {} with {}", known.shadow, known.table),
            tables: vec![known.table.clone(), known.shadow.clone()],
            action: Action::Compare(compare),
        }];
        if by_name {
            drafts.extend(swap.forward_mysql()?);
            return Ok(drafts);
        }
        drafts.push(swap.draft(title, swap.forward()));
        drafts.extend(swap.validate(true));
        Ok(drafts)
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let known = self.known(before)?;
        let title = format!("Put {} back in its place", known.table);
        if before.engine == Engine::Sqlite {
            return Ok(Undo::whole(vec![known.on_sqlite(before).back(title)]));
        }
        let swap = known.swap(before);
        if before.engine.is_mysql_family() {
            return Ok(Undo::whole(swap.back_mysql()?));
        }
        let mut drafts = vec![swap.draft(title, swap.back())];
        drafts.extend(swap.validate(false));
        Ok(Undo::whole(drafts))
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            shadow: "users_new".into(),
            old_name: "users_old".into(),
            backward: Some(Conversion::Columns(
                [("name".to_owned(), "lower(name)".to_owned())].into(),
            )),
        }
    }
}

impl Known<'_> {
    fn on_sqlite<'a>(&'a self, world: &'a World) -> swap::sqlite::Swap<'a> {
        swap::sqlite::Swap {
            world,
            table: &self.table,
            shadow: &self.shadow,
            old: &self.old,
            link: &self.link,
            reverse: &self.reverse,
        }
    }

    fn swap<'a>(&'a self, world: &'a World) -> Swap<'a> {
        Swap {
            world,
            table: &self.table,
            shadow: &self.shadow,
            old: &self.old,
            entry: self.entry,
            link: &self.link,
            reverse: &self.reverse,
        }
    }
}
