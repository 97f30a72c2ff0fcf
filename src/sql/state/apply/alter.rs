//! What ALTER TABLE changes.

use super::super::State;
use crate::schema::TableName;
use crate::sql::act::{Change, Shape};

impl State<'_> {
    /// Takes over the changes of an ALTER TABLE.
    pub(super) fn alter_table(&mut self, table: &TableName, changes: &[Change], at: usize) {
        let mut table = table.clone();
        for change in changes {
            if let Change::Rename { to } = change {
                self.rename_table(&table, to);
                table = to.clone();
            } else {
                self.change(&table, change, at);
            }
        }
    }

    fn change(&mut self, table: &TableName, change: &Change, at: usize) {
        match change {
            Change::AddColumn {
                column,
                if_not_exists,
            } => {
                let there = self.column(table, &column.name).is_some();
                if !(there && *if_not_exists) {
                    self.put_column(table, column);
                    self.edit(table).added.push(column.name.clone());
                }
            }
            Change::DropColumn { column, .. } => self.drop_column(table, column),
            Change::RenameColumn { from, to } => self.rename_column(table, from, to),
            Change::SetType {
                column,
                to,
                collation,
                ..
            } => self.on_column(table, column, |c| {
                c.data_type.clone_from(to);
                c.collation.clone_from(collation);
            }),
            Change::Redefine { column, to } => {
                self.drop_column(table, column);
                self.put_column(table, to);
            }
            Change::SetDefault { column, default } => self.on_column(table, column, |c| {
                c.default = (!default.null).then(|| default.sql.clone());
            }),
            Change::DropDefault { column } => self.on_column(table, column, |c| c.default = None),
            Change::SetNotNull { column } => self.on_column(table, column, |c| c.nullable = false),
            Change::DropNotNull { column } => self.on_column(table, column, |c| c.nullable = true),
            Change::AddIdentity { column } => self.on_column(table, column, |c| c.generated = true),
            Change::DropIdentity { column } | Change::DropExpression { column } => {
                self.on_column(table, column, |c| {
                    c.generated = false;
                    c.generated_as = None;
                });
            }
            Change::AddConstraint(new) => {
                let name = self.put_constraint(table, new, false);
                let fresh = matches!(
                    new.shape,
                    Shape::Check { .. } | Shape::ForeignKey(_) | Shape::NotNull
                );
                if fresh && new.not_valid {
                    self.fresh_constraints.insert((table.clone(), name), at);
                }
            }
            Change::DropConstraint { name, .. } => {
                let known = self.edit(table);
                known.table.constraints.retain(|c| c.name != *name);
                known
                    .table
                    .indexes
                    .retain(|i| i.constraint.as_deref() != Some(name.as_str()));
                if *name == format!("{}_pkey", table.name) {
                    known.table.primary_key.clear();
                }
            }
            Change::ValidateConstraint { name } => {
                for own in &mut self.edit(table).table.constraints {
                    if own.name == *name {
                        own.validated = true;
                    }
                }
            }
            Change::RenameConstraint { from, to } => {
                for own in &mut self.edit(table).table.constraints {
                    if own.name == *from {
                        own.name.clone_from(to);
                    }
                }
            }
            Change::AddIndex(index) => self.create_index(table, index),
            Change::DropIndex { name, .. } => {
                self.edit(table).table.indexes.retain(|i| i.name != *name);
            }
            Change::DropPrimaryKey => self.edit(table).table.primary_key.clear(),
            Change::AttachPartition {
                partition, default, ..
            } => {
                let known = self.edit(table);
                known.table.heirs.push(partition.clone());
                if *default {
                    known.table.default_partition = Some(partition.clone());
                }
                // What was made here is used by whoever uses the parent from now on.
                let made_here = self.made_here(table);
                self.edit(partition).made_here = made_here;
            }
            Change::DetachPartition { partition, .. } => {
                let known = self.edit(table);
                known.table.heirs.retain(|heir| heir != partition);
                if known.table.default_partition.as_ref() == Some(partition) {
                    known.table.default_partition = None;
                }
            }
            Change::TableOption { name, value } if name == "convert to" => {
                let charset = value.split(' ').next().map(str::to_lowercase);
                self.edit(table).charset = charset;
            }
            // The columns that are there keep theirs, which nothing tells from now on.
            Change::TableOption { name, .. } if name == "character set" || name == "collate" => {
                self.edit(table).charset = None;
            }
            Change::SetIdentity { .. }
            | Change::SetExpression { .. }
            | Change::ColumnOptions { .. }
            | Change::SetStorage { .. }
            | Change::AlterConstraint { .. }
            | Change::AlterIndex { .. }
            | Change::Rename { .. }
            | Change::Owner
            | Change::Options { .. }
            | Change::SetLogged
            | Change::SetUnlogged
            | Change::SetTablespace
            | Change::SetAccessMethod { .. }
            | Change::ClusterOn { .. }
            | Change::WithoutCluster
            | Change::WithoutOids
            | Change::Triggers { .. }
            | Change::Rules { .. }
            | Change::RowSecurity { .. }
            | Change::ForceRowSecurity { .. }
            | Change::ReplicaIdentity { .. }
            | Change::Inherit { .. }
            | Change::NoInherit { .. }
            | Change::OfType { .. }
            | Change::NotOfType
            | Change::Repartition { .. }
            | Change::TableOption { .. }
            | Change::Rebuild
            | Change::Unknown { .. } => {}
        }
    }

    /// Changes a column, where it is known.
    fn on_column(
        &mut self,
        table: &TableName,
        column: &str,
        change: impl FnOnce(&mut crate::schema::Column),
    ) {
        if let Some(known) = self
            .edit(table)
            .table
            .columns
            .iter_mut()
            .find(|c| c.name == column)
        {
            change(known);
        }
    }

    fn drop_column(&mut self, table: &TableName, column: &str) {
        let named = |columns: &[String]| columns.iter().any(|c| c == column);
        let known = self.edit(table);
        known.table.columns.retain(|c| c.name != column);
        known.table.constraints.retain(|c| !named(&c.columns));
        known.table.indexes.retain(|i| !named(&i.columns));
        if named(&known.table.primary_key) {
            known.table.primary_key.clear();
        }
    }

    fn rename_column(&mut self, table: &TableName, from: &str, to: &str) {
        let rename = |columns: &mut Vec<String>| {
            for column in columns {
                if column == from {
                    to.clone_into(column);
                }
            }
        };
        let known = self.edit(table);
        for column in &mut known.table.columns {
            if column.name == from {
                to.clone_into(&mut column.name);
            }
        }
        rename(&mut known.table.primary_key);
        rename(&mut known.added);
        for constraint in &mut known.table.constraints {
            rename(&mut constraint.columns);
            // The definition is searched for names: let the new one be found.
            constraint.definition = crate::dialect::expression::substitute(
                crate::document::Engine::PostgreSql,
                &constraint.definition,
                table,
                from,
                to,
            );
        }
        for index in &mut known.table.indexes {
            rename(&mut index.columns);
        }
    }
}
