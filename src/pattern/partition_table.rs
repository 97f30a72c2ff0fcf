//! partition-table: a table becomes a partitioned one, by way of a copy that is kept in step.

use super::form::{Form, custom, phase, validation};
use super::names::Names;
use super::partitions::{Partition, partitions};
use crate::dialect::lexer;
use crate::dialect::quote;
use crate::document::{
    Check, Engine, Field, FieldKind, Gate, Migration, PhaseKind, Shape, Validation,
};
use crate::operation::{CopyTable, DropConstraint, DropTable, Operation, SwapTables};
use crate::schema::{ConstraintKind, Index, Schema, Table, TableName};

mod mysql;

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "partition-table",
    title: "Partition a table",
    help: "A partitioned copy is kept in step, filled, compared and put in the table's place, with \
           partitions over a range and one for all other rows. What the old table is kept for is \
           the way back; then it goes.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "column",
            "Column",
            FieldKind::Column,
            "The column whose ranges the partitions are; it must be NOT NULL.",
        ),
        Field::required(
            "from",
            "From",
            FieldKind::Text,
            "Where the first partition begins: 2024-01-01, or a whole number.",
        ),
        Field::required(
            "to",
            "To",
            FieldKind::Text,
            "What the last partition must reach: a day, or a number, not before any row there is.",
        ),
        Field::optional(
            "interval",
            "Interval",
            FieldKind::Choice(super::calendar::Interval::WORDS),
            "How long each partition is.",
        )
        .or("\"month\""),
        Field::optional(
            "size",
            "Size",
            FieldKind::Number,
            "How many numbers a partition holds, where the column holds whole numbers.",
        ),
        Field::optional(
            "key",
            "Key",
            FieldKind::Columns,
            "The primary key; read from the target where it is known.",
        ),
        Field::optional(
            "unique",
            "Other unique keys",
            FieldKind::Choice(&["stop", "index"]),
            "What becomes of unique keys without the column, which no partitioned table can have: stop and list them, or make plain indexes of them.",
        )
        .or("\"stop\""),
        Field::optional(
            "references",
            "Keys that point here",
            FieldKind::Choice(&["stop", "drop"]),
            "What becomes of foreign keys that point to a unique key without the column, and on MySQL and MariaDB of all, in both directions: stop and list them, or drop them.",
        )
        .or("\"stop\""),
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "How long the old table is kept for the way back; 0 for none.",
        )
        .or("\"7d\""),
    ],
};

/// What the document is about.
struct Plan<'a> {
    table: TableName,
    shadow: TableName,
    old: TableName,
    column: String,
    key: Vec<String>,
    known: Option<&'a Table>,
    partitions: Vec<Partition>,
    /// Indexes and constraints of the copy, each with the name that it takes in the end, and
    /// whether it is a constraint.
    renames: Vec<(String, String, bool)>,
}

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let why = match form.engine {
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => None,
        Engine::Sqlite => Some(
            "SQLite has no partitioned tables: a file has one writer whatever its tables are, and no part of a table goes faster than its rows. An index on the column finds a range as fast (add-index); old rows are deleted in batches of their key (DELETE ... WHERE id IN (SELECT id ... LIMIT 1000), again and again); what must be dropped as a whole belongs into a file of its own (ATTACH), beside a view that reads both.",
        ),
    };
    if let Some(why) = why {
        form.refuse("", why.to_owned());
        return None;
    }
    let table = form.table_name()?;
    let column = form.needed("column")?;
    let known = form.table_of_form();
    let mut names = Names::of(form.schema.unwrap_or(&Schema::empty(form.engine)));
    let beside = |name: String| TableName {
        schema: table.schema.clone(),
        name,
    };
    let key = match known {
        Some(known) => known.primary_key.clone(),
        None => form.list("key"),
    };
    let mut whole_key = key.clone();
    if !whole_key.contains(&column) {
        whole_key.push(column.clone());
    }
    if key.is_empty() {
        form.refuse(
            "key",
            "The table needs a primary key, or its copy cannot be kept in step; without a target, say which columns it has.".to_owned(),
        );
    }
    let partitions = partitions(form, &column, &mut names);
    let mut plan = Plan {
        shadow: beside(names.free(&format!("{}_partitioned", table.name))),
        old: beside(names.free(&format!("{}_old", table.name))),
        table: table.clone(),
        column,
        key: whole_key,
        known,
        partitions,
        renames: Vec::new(),
    };
    if let Some(known) = known {
        judge(form, &plan, known);
    }
    let create = if form.engine.is_mysql_family() {
        mysql::create(form, &plan)
    } else {
        plan.create(form, &mut names)
    };
    let swap = plan.swap(form);
    let last = plan.drop_old(form);
    Some(form.document(
        &format!("partition-{table}"),
        plan.description(),
        vec![create, plan.copy(), swap, last],
    ))
}

/// What a partitioned table cannot have.
fn judge(form: &mut Form<'_>, plan: &Plan<'_>, known: &Table) {
    if known.column(&plan.column).is_some_and(|c| c.nullable) {
        form.refuse(
            "column",
            format!(
                "`{}` may be NULL, and the primary key of a partitioned table holds it: make it NOT NULL first (set_not_null).",
                plan.column
            ),
        );
    }
    if known.partitioned {
        form.refuse("table", format!("`{}` is partitioned already.", plan.table));
    }
    let excluding: Vec<&str> = known
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::Exclude)
        .map(|c| c.name.as_str())
        .collect();
    if !excluding.is_empty() {
        form.refuse(
            "table",
            format!(
                "No partitioned table has exclusion constraints: drop {} first.",
                excluding.join(", ")
            ),
        );
    }
    let loose: Vec<&str> = known
        .indexes
        .iter()
        .filter(|i| i.unique && (i.expressions || !i.columns.contains(&plan.column)))
        .map(|i| i.name.as_str())
        .collect();
    if !loose.is_empty() && form.text("unique") != Some("index") {
        form.refuse(
            "unique",
            format!(
                "No partitioned table keeps anything unique without `{}`, as {} does: choose `index` for plain indexes in their place, or add the column to them.",
                plan.column,
                loose.join(", ")
            ),
        );
    }
    if form.engine.is_mysql_family() {
        mysql::judge(form, plan, known);
        return;
    }
    let pointing = pointing(form, plan);
    if !pointing.is_empty() && form.text("references") != Some("drop") {
        let all: Vec<String> = pointing
            .iter()
            .map(|(from, key)| format!("{key} of {from}"))
            .collect();
        form.refuse(
            "references",
            format!(
                "These foreign keys point to a unique key without `{}`, which a partitioned table does not have: {}. Choose `drop`, or let them hold the column too.",
                plan.column,
                all.join(", ")
            ),
        );
    }
}

/// The foreign keys that would find no unique key in the partitioned table.
fn pointing(form: &Form<'_>, plan: &Plan<'_>) -> Vec<(TableName, String)> {
    let Some(schema) = form.schema.filter(|s| !s.engine.is_mysql_family()) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (from, table) in &schema.tables {
        for key in &table.constraints {
            if key.references.as_ref() != Some(&plan.table) {
                continue;
            }
            let read = super::foreign_key::foreign_key(form.engine, &key.definition);
            let columns = read.map(|k| k.ref_columns).unwrap_or_default();
            let whole =
                columns.len() == plan.key.len() && plan.key.iter().all(|c| columns.contains(c));
            if !whole {
                out.push((from.clone(), key.name.clone()));
            }
        }
    }
    out
}

impl Plan<'_> {
    fn description(&self) -> String {
        let mut text = format!(
            "{} is partitioned by {}. Its primary key becomes ({}): the key alone is unique within a partition only",
            self.table,
            self.column,
            self.key.join(", ")
        );
        if self.known.is_none() {
            text += ". The table was not looked at: its indexes and foreign keys are not in this document, and must be added to the first phase";
        }
        text
    }

    fn sql(&self, table: &TableName) -> String {
        quote::table(Engine::PostgreSql, table)
    }

    /// Where the first range begins and where the last one ends, as SQL.
    fn bounds(&self) -> Option<(String, String)> {
        let from = self.partitions.first()?.from.clone()?;
        let to = self.partitions.iter().rev().find_map(|p| p.to.clone())?;
        Some((from, to))
    }

    /// The partitioned table with its partitions, indexes and foreign keys, before any row is in
    /// it.
    fn create(&mut self, form: &mut Form<'_>, names: &mut Names) -> crate::document::Phase {
        let (table, shadow) = (self.sql(&self.table), self.sql(&self.shadow));
        let name = |name: &str| quote::name(Engine::PostgreSql, name);
        let mut key_name = names.free(&format!("{}_pkey", self.shadow.name));
        let mut sql = vec![
            format!(
                "CREATE TABLE {shadow} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES)\n  PARTITION BY RANGE ({})",
                name(&self.column)
            ),
            format!(
                "ALTER TABLE {shadow} ADD CONSTRAINT {} PRIMARY KEY ({})",
                name(&key_name),
                quote::names(Engine::PostgreSql, &self.key)
            ),
        ];
        self.renames.push((
            std::mem::take(&mut key_name),
            format!("{}_pkey", self.table.name),
            true,
        ));
        for partition in &self.partitions {
            sql.push(format!(
                "CREATE TABLE {} PARTITION OF {shadow} {}",
                quote::within(Engine::PostgreSql, &self.table, &partition.name),
                partition.bounds
            ));
        }
        let mut more = Vec::new();
        if let Some(known) = self.known {
            for index in &known.indexes {
                match self.index(index, names) {
                    Some(made) => more.push(made),
                    None => form.refuse(
                        "table",
                        format!("The index {} cannot be read: drop it first.", index.name),
                    ),
                }
            }
            for key in &known.constraints {
                let itself = key.references.as_ref() == Some(&self.table);
                if key.kind == ConstraintKind::ForeignKey && !itself {
                    more.push(format!(
                        "ALTER TABLE {shadow} ADD CONSTRAINT {} {}",
                        name(&key.name),
                        key.definition
                    ));
                }
            }
            if let Some(owner) = &known.attached.owner {
                for partition in &self.partitions {
                    more.push(format!(
                        "ALTER TABLE {} OWNER TO {owner}",
                        quote::within(Engine::PostgreSql, &self.table, &partition.name)
                    ));
                }
            }
        }
        sql.append(&mut more);
        let mut create = phase(
            PhaseKind::Expand,
            format!(
                "Create {}, partitioned by {} into {} ranges and one for all other rows",
                self.shadow,
                self.column,
                self.partitions.len().saturating_sub(1)
            ),
        );
        create
            .operations
            .push(custom(sql.join(";\n"), format!("DROP TABLE {shadow}")));
        let column = name(&self.column);
        if let Some((from, to)) = self.bounds() {
            create.validation.push(Validation {
                table: None,
                sql: Some(format!(
                    "SELECT coalesce(min({column}) >= {from} AND max({column}) < {to}, true) FROM {table}"
                )),
                error_message: Some(format!(
                    "There are rows before {from} or from {to} on: widen the range, so that every row there is has a partition of its own"
                )),
                ..validation(Check::Custom, &self.table)
            });
        }
        create
    }

    /// An index of the copy, of the same definition.
    fn index(&mut self, index: &Index, names: &mut Names) -> Option<String> {
        let engine = Engine::PostgreSql;
        let tokens = lexer::significant(engine, &index.definition).ok()?;
        let using = tokens.iter().find(|t| t.is("using"))?;
        let rest = &index.definition[using.start..];
        let shadow = self.sql(&self.shadow);
        let own = names.free(&format!("{}_partitioned", index.name));
        let quoted = quote::name(engine, &own);
        let kept = index.unique && !index.expressions && index.columns.contains(&self.column);
        let constraint = index.constraint.as_ref().filter(|_| kept);
        self.renames
            .push((own.clone(), index.name.clone(), constraint.is_some()));
        if constraint.is_some() && index.include.is_empty() {
            return Some(format!(
                "ALTER TABLE {shadow} ADD CONSTRAINT {quoted} UNIQUE ({})",
                quote::names(engine, &index.columns)
            ));
        }
        let unique = if kept { "UNIQUE " } else { "" };
        Some(format!("CREATE {unique}INDEX {quoted} ON {shadow} {rest}"))
    }

    fn copy(&self) -> crate::document::Phase {
        let mut copy = phase(
            PhaseKind::Migrate,
            format!(
                "Copy the rows to {}, and keep it in step from then on",
                self.shadow
            ),
        );
        copy.operations.push(
            CopyTable {
                table: self.table.to_string(),
                shadow: self.shadow.to_string(),
                columns: None,
                filter: None,
                each: None,
                key: Some(self.key.clone()),
                batch_size: None,
                pause_ms: 0,
            }
            .into(),
        );
        copy
    }

    fn swap(&self, form: &Form<'_>) -> crate::document::Phase {
        let mut swap = phase(
            PhaseKind::Migrate,
            format!(
                "Put {} in the place of {}, and keep {} in step from then on",
                self.shadow, self.table, self.old
            ),
        );
        if form.engine.is_mysql_family() {
            swap.operations.extend(mysql::drop_keys(form, self));
        }
        swap.operations.extend(
            pointing(form, self)
                .into_iter()
                .filter(|(from, _)| *from != self.table)
                .map(|(from, key)| -> Operation {
                    DropConstraint {
                        table: from.to_string(),
                        constraint_name: key,
                    }
                    .into()
                }),
        );
        swap.operations.push(
            SwapTables {
                table: self.table.to_string(),
                shadow: self.shadow.to_string(),
                old_name: self.old.name.clone(),
                backward: None,
            }
            .into(),
        );
        swap
    }

    /// What gives an index or a constraint the name that it takes in the end, or its own back.
    fn named(&self, (own, wanted, constraint): &(String, String, bool), back: bool) -> String {
        let engine = Engine::PostgreSql;
        let (from, to) = if back { (wanted, own) } else { (own, wanted) };
        let to = quote::name(engine, to);
        if *constraint {
            let from = quote::name(engine, from);
            format!(
                "ALTER TABLE {} RENAME CONSTRAINT {from} TO {to}",
                self.sql(&self.table)
            )
        } else {
            let from = quote::within(engine, &self.table, from);
            format!("ALTER INDEX {from} RENAME TO {to}")
        }
    }

    /// The old table goes, with the triggers that keep it in step. Its indexes' names are free then.
    fn drop_old(&self, form: &Form<'_>) -> crate::document::Phase {
        let sql: Vec<String> = self.renames.iter().map(|r| self.named(r, false)).collect();
        let what = if self.renames.is_empty() {
            format!("Drop {}", self.old)
        } else {
            format!(
                "Drop {}, and give the indexes of {} their names",
                self.old, self.table
            )
        };
        let mut last = phase(PhaseKind::Contract, what);
        last.gate = form.soak("7d").map(|soak| Gate {
            deploy: None,
            soak: Some(soak),
        });
        last.operations.push(
            DropTable {
                table: self.old.to_string(),
                saved_copy: false,
            }
            .into(),
        );
        let back: Vec<String> = self.renames.iter().map(|r| self.named(r, true)).collect();
        if !sql.is_empty() {
            last.operations
                .push(custom(sql.join(";\n"), back.join(";\n")));
        }
        last
    }
}
