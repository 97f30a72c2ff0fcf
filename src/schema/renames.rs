//! Tables and columns under other names, and what names them in turn.

use super::{Refusal, Table, TableName, World};
use crate::dialect::{reads, reword};
use crate::document::Engine;

impl Table {
    /// The table has another name, by which its own texts know it.
    pub(super) fn reword_table(&mut self, engine: Engine, from: &TableName, to: &TableName) {
        for index in &mut self.indexes {
            index.definition = reword::on_table(engine, &index.definition, from, to);
        }
        for constraint in &mut self.constraints {
            if constraint.references.as_ref() == Some(from) {
                constraint.references = Some(to.clone());
                constraint.definition =
                    reword::references_table(engine, &constraint.definition, from, to);
            }
        }
        for entry in &mut self.referenced_by {
            if entry.0 == *from {
                entry.0 = to.clone();
            }
        }
        self.attached.rename_table(from, to);
    }
}

impl World {
    /// Gives a table another name in its schema.
    pub fn rename_table(&mut self, name: &TableName, to: &TableName) -> Result<(), Refusal> {
        let mut table = self.table_mut("table", name)?.clone();
        self.need_no_copy("table", name)?;
        self.take_name("newTable", to)?;
        self.relations
            .remove(&(name.schema.clone(), name.name.clone()));
        let engine = self.engine;
        table.reword_table(engine, name, to);
        for other in self.tables.values_mut() {
            for constraint in &mut other.constraints {
                if constraint.references.as_ref() == Some(name) {
                    constraint.references = Some(to.clone());
                    constraint.definition =
                        reword::references_table(engine, &constraint.definition, name, to);
                }
            }
            for policy in &mut other.attached.policies {
                for sql in policy.using.iter_mut().chain(&mut policy.check) {
                    *sql = reads::renamed(engine, sql, name, to);
                }
            }
            for entry in &mut other.referenced_by {
                if entry.0 == *name {
                    entry.0 = to.clone();
                }
            }
        }
        for view in self.views.values_mut() {
            if view.reads.contains(name) {
                view.definition = reads::renamed(engine, &view.definition, name, to);
                view.reads.retain(|r| r != name);
                view.reads.push(to.clone());
            }
        }
        for view in &mut table.views {
            view.definition = reads::renamed(engine, &view.definition, name, to);
        }
        let columns: Vec<(String, Option<String>)> = self
            .added
            .iter()
            .filter(|((of, _), _)| of == name)
            .map(|((_, column), default)| (column.clone(), default.clone()))
            .collect();
        for (column, default) in columns {
            self.added.remove(&(name.clone(), column.clone()));
            self.added.insert((to.clone(), column), default);
        }
        if self.whole.contains(name) {
            self.whole.insert(to.clone());
        }
        if self.made.contains(name) {
            self.made.insert(to.clone());
        }
        self.tables.remove(name);
        self.tables.insert(to.clone(), table);
        self.reword_table(name, to);
        self.forget(
            name,
            format!("was renamed to {to} earlier in this document"),
        );
        Ok(())
    }

    /// Gives a column another name.
    pub fn rename_column(&mut self, name: &TableName, from: &str, to: &str) -> Result<(), Refusal> {
        self.need_column(name, "oldColumn", from)?;
        self.check_name("newColumn", to)?;
        let engine = self.engine;
        let reworded = |sql: &str| reword::expression_column(engine, sql, name, from, to);
        let rename = |list: &mut Vec<String>| {
            for column in list.iter_mut().filter(|c| *c == from) {
                to.clone_into(column);
            }
        };
        let table = self.table_mut("table", name)?;
        if table.column(to).is_some() {
            return Err(Refusal::new(
                "newColumn",
                format!("{name} already has a column {to}"),
            ));
        }
        for column in &mut table.columns {
            if column.name == from {
                to.clone_into(&mut column.name);
            }
            column.generated_as = column.generated_as.as_deref().map(reworded);
        }
        rename(&mut table.primary_key);
        for index in &mut table.indexes {
            rename(&mut index.columns);
            rename(&mut index.include);
            index.definition = reword::index_column(engine, &index.definition, from, to);
            index.predicate = index.predicate.as_deref().map(reworded);
        }
        for constraint in &mut table.constraints {
            rename(&mut constraint.columns);
            let own = constraint.references.as_ref() == Some(name);
            constraint.definition =
                reword::constraint_column(engine, &constraint.definition, own, from, to);
        }
        table.attached.rename_column(name, from, to);
        let mut stale = Vec::new();
        for view in &mut table.views {
            if view.columns.iter().any(|c| c == from) {
                rename(&mut view.columns);
                view.definition = reword::view_column(engine, &view.definition, name, from, to)
                    .unwrap_or_default();
                stale.push(view.view.clone());
            }
        }
        for view in &stale {
            let in_text = self.reworded_view(view, name, from, to);
            if let Some(view) = self.views.get_mut(view) {
                let sql = std::mem::take(&mut view.definition);
                let reworded = match engine {
                    Engine::Sqlite => in_text,
                    Engine::PostgreSql | Engine::MySql | Engine::MariaDb => {
                        reword::view_column(engine, &sql, name, from, to)
                    }
                };
                // Empty where the text does not tell what the engine makes of it.
                view.definition = reworded.unwrap_or_default();
            }
        }
        for (other, table) in &mut self.tables {
            let keys = table
                .constraints
                .iter_mut()
                .filter(|c| other != name && c.references.as_ref() == Some(name));
            for key in keys {
                key.definition = reword::referenced_column(engine, &key.definition, from, to);
            }
            for policy in &mut table.attached.policies {
                for sql in policy.using.iter_mut().chain(&mut policy.check) {
                    if other != name {
                        *sql = reword::other_column(engine, sql, name, from, to);
                    }
                }
            }
        }
        self.reword_column(name, from, to);
        let (old, new) = (
            (name.clone(), from.to_owned()),
            (name.clone(), to.to_owned()),
        );
        if let Some(default) = self.added.remove(&old) {
            self.added.insert(new.clone(), default);
        }
        self.dropped.remove(&new);
        self.dropped.insert(old);
        Ok(())
    }
}
