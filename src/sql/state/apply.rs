//! What a statement changes about the world that the next one finds.

mod alter;

use std::sync::Arc;

use super::{Known, State};
use crate::schema::{
    AttachedSequence, Column, Constraint, ConstraintKind, Domain, Index, Table, TableName, View,
    ViewUse,
};
use crate::sql::act::{
    Act, DomainChange, IndexChange, NewColumn, NewConstraint, NewIndex, NewTable, Shape, TypeChange,
};
use crate::sql::script::Timeout;

impl State<'_> {
    /// Takes over what the statement does, as if it went well. `at` is the statement's number.
    pub(in crate::sql) fn apply(&mut self, act: &Act, at: usize) {
        match act {
            Act::CreateTable(new) => self.create_table(new),
            Act::DropTables { tables, .. } => {
                for table in tables {
                    self.tables.insert(table.clone(), None);
                }
            }
            Act::AlterTable { table, changes, .. } => self.alter_table(table, changes, at),
            Act::RenameTables { pairs } => {
                for (from, to) in pairs {
                    self.rename_table(from, to);
                }
            }
            Act::CreateIndex { table, index, .. } => self.create_index(table, index),
            Act::DropIndexes { indexes, .. } => {
                for index in indexes {
                    self.drop_index(index);
                }
            }
            Act::AlterIndex {
                index,
                change: IndexChange::Rename { to },
            } => self.rename_index(index, to),
            Act::CreateView {
                view,
                materialized,
                reads,
                ..
            } => {
                // Which of their columns it shows is not looked into.
                for read in reads {
                    if self.table(read).is_some() {
                        self.edit(read).table.views.push(ViewUse {
                            view: view.clone(),
                            columns: Vec::new(),
                            definition: String::new(),
                            materialized: *materialized,
                        });
                    }
                }
                let made = View {
                    materialized: *materialized,
                    reads: reads.clone(),
                    ..View::default()
                };
                self.views.insert(view.clone(), Some(made));
            }
            Act::DropViews { views, .. } => {
                for view in views {
                    self.views.insert(view.clone(), None);
                }
            }
            Act::AlterView {
                view,
                renamed_to: Some(to),
                ..
            } => {
                let known = self.view(view).cloned();
                self.views.insert(view.clone(), None);
                self.views.insert(to.clone(), known);
            }
            Act::CreateType { name } => {
                self.types.insert(name.clone());
            }
            Act::CreateDomain {
                name,
                base,
                constrained,
            } => {
                let domain = Domain {
                    base: base.clone(),
                    constrained: *constrained,
                };
                self.types.insert(name.clone());
                self.domains.insert(name.clone(), domain);
            }
            Act::AlterDomain { name, change } => {
                let stricter = matches!(
                    change,
                    DomainChange::AddConstraint { .. } | DomainChange::SetNotNull
                );
                if let Some(mut domain) = self.domain(name).filter(|_| stricter) {
                    domain.constrained = true;
                    self.domains.insert(name.clone(), domain);
                }
            }
            Act::AlterType {
                change: TypeChange::AddValue { value, .. },
                ..
            } => {
                self.new_labels.insert(value.clone());
            }
            Act::CreateFunction {
                name, volatility, ..
            } => {
                self.functions.insert(name.clone(), volatility.clone());
            }
            Act::Insert { table, .. }
            | Act::Copy {
                table: Some(table),
                writes: true,
                ..
            } if self.tables.contains_key(table) => self.edit(table).filled = true,
            Act::Set { name, value, .. } => self.set(name, value.as_deref()),
            Act::Reset { name: Some(name) } => self.set(name, None),
            Act::Reset { name: None } => {
                self.settings.clear();
                self.lock_timeout = Timeout::Unset;
                self.statement_timeout = Timeout::Unset;
            }
            Act::Explain {
                analyze: true,
                inner,
            } => self.apply(inner, at),
            Act::AlterIndex { .. }
            | Act::AlterView { .. }
            | Act::AlterType { .. }
            | Act::Explain { .. }
            | Act::Truncate { .. }
            | Act::Reindex { .. }
            | Act::RefreshView { .. }
            | Act::Attach { .. }
            | Act::Detach { .. }
            | Act::AlterAttachment { .. }
            | Act::CreateSequence { .. }
            | Act::AlterSequence { .. }
            | Act::DropSequences { .. }
            | Act::DropTypes { .. }
            | Act::DropFunctions { .. }
            | Act::CreateSchema { .. }
            | Act::DropSchemas { .. }
            | Act::RenameSchema { .. }
            | Act::Extension { .. }
            | Act::Cluster { .. }
            | Act::Object { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. }
            | Act::Comment { .. }
            | Act::Statistics { .. }
            | Act::Publication { .. }
            | Act::LockTables { .. }
            | Act::Vacuum { .. }
            | Act::Analyze { .. }
            | Act::ClusterTable { .. }
            | Act::Repack { .. }
            | Act::Update { .. }
            | Act::Delete { .. }
            | Act::Merge { .. }
            | Act::Select { .. }
            | Act::Copy { .. }
            | Act::Insert { .. }
            | Act::Transaction(_)
            | Act::Session { .. }
            | Act::Unknown(_) => {}
        }
    }

    fn create_table(&mut self, new: &NewTable) {
        // IF NOT EXISTS says that it may have been there before.
        if new.if_not_exists && !self.is_absent(&new.name) {
            return;
        }
        // A query or a composite type says what is in it, and nobody knows what.
        let known = |parent: &TableName| self.table(parent).is_some();
        let whole = new.query.is_none() && new.of_type.is_none() && new.inherits.iter().all(known);
        let parents = new.inherits.iter().chain(&new.partition_of);
        let mut table = Table {
            partitioned: new.partitioned,
            parents: parents.clone().cloned().collect(),
            ..Table::default()
        };
        for like in new.like.iter().chain(parents) {
            if let Some(known) = self.table(like) {
                table.columns.extend(known.columns.iter().cloned());
            }
        }
        let made = Known {
            table,
            whole,
            made_here: true,
            filled: new.query.is_some() && !new.no_data,
            charset: new.charset.clone(),
            ..Known::default()
        };
        self.tables.insert(new.name.clone(), Some(Arc::new(made)));
        for column in &new.columns {
            self.put_column(&new.name, column);
        }
        for constraint in &new.constraints {
            self.put_constraint(&new.name, constraint, true);
        }
        for index in &new.indexes {
            self.create_index(&new.name, index);
        }
        for parent in new.inherits.iter().chain(&new.partition_of) {
            self.edit(parent).table.heirs.push(new.name.clone());
        }
        if let Some(parent) = new.partition_of.as_ref().filter(|_| new.default_partition) {
            self.edit(parent).table.default_partition = Some(new.name.clone());
        }
    }

    /// Puts a column in, with its constraints.
    pub(super) fn put_column(&mut self, table: &TableName, new: &NewColumn) {
        let serial =
            crate::dialect::types::read(self.engine, new.data_type.as_deref().unwrap_or_default())
                .and_then(|t| match t.base.as_str() {
                    "smallserial" => Some("smallint"),
                    "serial" => Some("integer"),
                    "bigserial" => Some("bigint"),
                    _ => None,
                });
        let column = Column {
            name: new.name.clone(),
            data_type: serial
                .map(str::to_owned)
                .or_else(|| new.data_type.clone())
                .unwrap_or_default(),
            nullable: !new.not_null && serial.is_none(),
            default: match serial {
                Some(_) => Some("nextval(...)".into()),
                None => new
                    .default
                    .as_ref()
                    .filter(|d| !d.null)
                    .map(|d| d.sql.clone()),
            },
            generated: new.identity || new.generated.is_some(),
            collation: new.collation.clone(),
            ..Column::default()
        };
        let known = self.edit(table);
        if serial.is_some() || new.identity {
            known.table.attached.sequences.push(AttachedSequence {
                column: new.name.clone(),
                sequence: TableName {
                    schema: table.schema.clone(),
                    name: format!("{}_{}_seq", table.name, new.name),
                }
                .to_string(),
                identity: new.identity.then(|| "BY DEFAULT".into()),
                ..AttachedSequence::default()
            });
        }
        known.table.columns.retain(|c| c.name != column.name);
        known.table.columns.push(column);
        for constraint in &new.constraints {
            let mut own = constraint.clone();
            if own.columns.is_empty() {
                own.columns.push(new.name.clone());
            }
            self.put_constraint(table, &own, true);
        }
    }

    /// Puts a constraint in, under the name that the server would give it.
    pub(super) fn put_constraint(
        &mut self,
        table: &TableName,
        new: &NewConstraint,
        with_table: bool,
    ) -> String {
        let stem = |suffix: &str| match new.columns.as_slice() {
            [] => format!("{}_{suffix}", table.name),
            columns => format!("{}_{}_{suffix}", table.name, columns.join("_")),
        };
        let (kind, suffix, definition) = match &new.shape {
            Shape::PrimaryKey => {
                let columns = self.columns_of(table, new);
                let known = self.edit(table);
                for column in &mut known.table.columns {
                    if columns.contains(&column.name) {
                        column.nullable = false;
                    }
                }
                known.table.primary_key = columns;
                let name = new.name.clone();
                return name.unwrap_or_else(|| format!("{}_pkey", table.name));
            }
            Shape::NotNull => {
                let name = new.name.clone().unwrap_or_else(|| stem("not_null"));
                if !new.not_valid {
                    for column in &mut self.edit(table).table.columns {
                        if new.columns.contains(&column.name) {
                            column.nullable = false;
                        }
                    }
                }
                return name;
            }
            Shape::Unique => (ConstraintKind::Unique, "key", "UNIQUE".to_owned()),
            Shape::Check { sql } => (ConstraintKind::Check, "check", format!("CHECK ({sql})")),
            Shape::ForeignKey(key) => (
                ConstraintKind::ForeignKey,
                "fkey",
                format!(
                    "FOREIGN KEY ({}) REFERENCES {}({})",
                    new.columns.join(", "),
                    key.table,
                    key.columns.join(", ")
                ),
            ),
            Shape::Exclude => (ConstraintKind::Exclude, "excl", "EXCLUDE".to_owned()),
        };
        let name = new.name.clone().unwrap_or_else(|| stem(suffix));
        let columns = self.columns_of(table, new);
        let references = match &new.shape {
            Shape::ForeignKey(key) => Some(key.table.clone()),
            Shape::PrimaryKey
            | Shape::Unique
            | Shape::Check { .. }
            | Shape::NotNull
            | Shape::Exclude => None,
        };
        let constraint = Constraint {
            name: name.clone(),
            kind,
            columns: columns.clone(),
            definition,
            validated: !new.not_enforced && (with_table || !new.not_valid),
            references: references.clone(),
        };
        let known = self.edit(table);
        known.table.constraints.retain(|c| c.name != name);
        known.table.constraints.push(constraint);
        if kind == ConstraintKind::Unique {
            if let Some(index) = &new.using_index {
                known.table.indexes.retain(|i| i.name != *index);
            }
            known.table.indexes.push(Index {
                name: name.clone(),
                columns,
                unique: true,
                method: "btree".into(),
                valid: true,
                constraint: Some(name.clone()),
                ..Index::default()
            });
        }
        if let Some(other) = references
            && self.table(&other).is_some()
        {
            self.edit(&other)
                .table
                .referenced_by
                .push((table.clone(), name.clone()));
        }
        name
    }

    /// The columns of a constraint; those of the index that it takes over.
    fn columns_of(&self, table: &TableName, new: &NewConstraint) -> Vec<String> {
        let Some(index) = &new.using_index else {
            return new.columns.clone();
        };
        let name = TableName {
            schema: table.schema.clone(),
            name: index.clone(),
        };
        self.index(&name)
            .map(|i| i.columns.clone())
            .unwrap_or_default()
    }

    /// Puts an index in.
    pub(super) fn create_index(&mut self, table: &TableName, new: &NewIndex) {
        let name = new.name.clone().unwrap_or_else(|| {
            let columns: Vec<&str> = new
                .columns
                .iter()
                .map(|c| if c.contains('(') { "expr" } else { c.as_str() })
                .collect();
            format!("{}_{}_idx", table.name, columns.join("_"))
        });
        let own = TableName {
            schema: table.schema.clone(),
            name: name.clone(),
        };
        self.indexes.insert(own, Some(table.clone()));
        let known = self.edit(table);
        known.table.indexes.retain(|i| i.name != name);
        known.table.indexes.push(Index {
            name,
            columns: new.columns.clone(),
            unique: new.unique,
            method: new.method.clone().unwrap_or_else(|| "btree".into()),
            predicate: new.predicate.clone(),
            valid: true,
            ..Index::default()
        });
    }

    /// Takes an index away.
    pub(super) fn drop_index(&mut self, index: &TableName) {
        if let Some(table) = self.table_of_index(index) {
            self.edit(&table)
                .table
                .indexes
                .retain(|i| i.name != index.name);
        }
        self.indexes.insert(index.clone(), None);
    }

    fn rename_index(&mut self, index: &TableName, to: &str) {
        let table = self.table_of_index(index);
        if let Some(table) = &table {
            for own in &mut self.edit(table).table.indexes {
                if own.name == index.name {
                    to.clone_into(&mut own.name);
                }
            }
        }
        self.indexes.insert(index.clone(), None);
        let renamed = TableName {
            schema: index.schema.clone(),
            name: to.to_owned(),
        };
        self.indexes.insert(renamed, table);
    }

    /// Gives a table another name.
    pub(super) fn rename_table(&mut self, from: &TableName, to: &TableName) {
        let known = Arc::new(self.edit(from).clone());
        self.tables.insert(from.clone(), None);
        self.tables.insert(to.clone(), Some(known));
    }

    fn set(&mut self, name: &str, value: Option<&str>) {
        let timeout = match value {
            None => Timeout::Unset,
            Some(text) => milliseconds(text).map_or(Timeout::Off, |ms| {
                if ms == 0 {
                    Timeout::Off
                } else {
                    Timeout::Set(ms)
                }
            }),
        };
        match name {
            "lock_timeout" | "busy_timeout" => self.lock_timeout = timeout,
            "statement_timeout" => self.statement_timeout = timeout,
            _ => {}
        }
        self.settings
            .insert(name.to_owned(), value.map(str::to_owned));
    }
}

/// A duration of PostgreSQL's: a number of milliseconds, or one with its unit.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" | "ms" => 1.0,
        "us" => 0.001,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    // Durations are far below what a float holds exactly; the server rounds as well.
    Some((number * factor).round() as u64)
}
