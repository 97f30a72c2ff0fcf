//! Tables and views as a document makes, renames and drops them.

use super::{Constraint, Refusal, Table, TableName, View, ViewUse, World};
use crate::dialect::{expression, quote, reads};

impl World {
    /// Whether the document made the table: it is as empty as the applications leave it.
    pub fn is_made(&self, name: &TableName) -> bool {
        self.made.contains(name)
    }

    /// Every view.
    pub fn views(&self) -> &std::collections::BTreeMap<TableName, View> {
        &self.views
    }

    /// The view, where it is known.
    pub fn view(&self, name: &TableName) -> Option<&View> {
        self.views.get(name)
    }

    /// Puts a table in, under a name that must be free.
    pub fn create_table(&mut self, name: &TableName, table: Table) -> Result<(), Refusal> {
        self.take_name("table", name)?;
        for index in &table.indexes {
            self.add_relation("constraints", name, &index.name)?;
        }
        for constraint in &table.constraints {
            self.point(name, constraint)?;
        }
        self.whole.insert(name.clone());
        self.made.insert(name.clone());
        self.tables.insert(name.clone(), table);
        Ok(())
    }

    /// Notes at the table that a foreign key points to that it does.
    fn point(&mut self, from: &TableName, constraint: &Constraint) -> Result<(), Refusal> {
        let Some(target) = constraint.references.as_ref().filter(|t| *t != from) else {
            return Ok(());
        };
        self.table_mut("constraints", target)?
            .referenced_by
            .push((from.clone(), constraint.name.clone()));
        Ok(())
    }

    /// Takes a table out. Refused where other tables' foreign keys or views hang on it.
    pub fn drop_table(&mut self, name: &TableName) -> Result<(), Refusal> {
        let table = self.table_mut("table", name)?.clone();
        let mut hanging: Vec<String> = table
            .referenced_by
            .iter()
            .filter(|(from, _)| from != name)
            .map(|(from, key)| format!("the foreign key {key} of {from} (drop_constraint)"))
            .collect();
        hanging.extend(
            self.views
                .iter()
                .filter(|(_, view)| view.reads.contains(name))
                .map(|(view, _)| view.to_string())
                .chain(table.views.iter().map(|v| v.view.to_string()))
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .map(|view| format!("the view {view} (drop_view)")),
        );
        if !hanging.is_empty() {
            return Err(Refusal::new(
                "table",
                format!(
                    "{name} cannot be dropped while this hangs on it: {}; drop that first",
                    hanging.join(", ")
                ),
            ));
        }
        for constraint in &table.constraints {
            if let Some(target) = &constraint.references
                && let Some(other) = self.tables.get_mut(target)
            {
                other.referenced_by.retain(|(from, _)| from != name);
            }
        }
        self.give_names_back(name, &table);
        self.tables.remove(name);
        for other in self.tables.values_mut() {
            other.part_with(|s| s.target == *name);
        }
        self.forget(name, "was dropped earlier in this document".to_owned());
        Ok(())
    }

    /// Gives a table another name in its schema.
    pub fn rename_table(&mut self, name: &TableName, to: &TableName) -> Result<(), Refusal> {
        let mut table = self.table_mut("table", name)?.clone();
        self.need_no_copy("table", name)?;
        self.take_name("newTable", to)?;
        self.relations
            .remove(&(name.schema.clone(), name.name.clone()));
        for constraint in &mut table.constraints {
            if constraint.references.as_ref() == Some(name) {
                constraint.references = Some(to.clone());
            }
        }
        for entry in &mut table.referenced_by {
            if entry.0 == *name {
                entry.0 = to.clone();
            }
        }
        for other in self.tables.values_mut() {
            for constraint in &mut other.constraints {
                if constraint.references.as_ref() == Some(name) {
                    constraint.references = Some(to.clone());
                }
            }
            for entry in &mut other.referenced_by {
                if entry.0 == *name {
                    entry.0 = to.clone();
                }
            }
        }
        let engine = self.engine;
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
        let reworded =
            |sql: &str| expression::substitute(engine, sql, name, from, &quote::name(engine, to));
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
        for column in table.columns.iter_mut().filter(|c| c.name == from) {
            to.clone_into(&mut column.name);
        }
        rename(&mut table.primary_key);
        for index in &mut table.indexes {
            rename(&mut index.columns);
            rename(&mut index.include);
            index.definition = reworded(&index.definition);
            index.predicate = index.predicate.as_deref().map(reworded);
        }
        for constraint in &mut table.constraints {
            rename(&mut constraint.columns);
            constraint.definition = reworded(&constraint.definition);
        }
        let mut stale = Vec::new();
        for view in &mut table.views {
            if view.columns.iter().any(|c| c == from) {
                rename(&mut view.columns);
                stale.push(view.view.clone());
            }
        }
        for view in stale {
            let reworded = self.reworded_view(&view, name, from, to);
            if let Some(view) = self.views.get_mut(&view) {
                view.definition = reworded.unwrap_or_default();
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

    /// Puts a view in, under a name that must be free, and notes at what it reads that it does.
    pub fn create_view(&mut self, name: &TableName, definition: &str) -> Result<(), Refusal> {
        let engine = self.engine;
        let read = reads::tables(engine, definition);
        for table in &read {
            if let Some(how) = self.gone.get(table)
                && !self.tables.contains_key(table)
                && !self.views.contains_key(table)
            {
                return Err(Refusal::new("sql", format!("{table} {how}")));
            }
        }
        self.take_name("name", name)?;
        for table in &read {
            let Some(known) = self.tables.get_mut(table) else {
                continue;
            };
            let star = reads::has_star(engine, definition);
            let columns = known
                .columns
                .iter()
                .map(|c| c.name.clone())
                .filter(|c| star || expression::mentions(engine, definition, c))
                .collect();
            known.views.push(ViewUse {
                view: name.clone(),
                columns,
                definition: definition.to_owned(),
                materialized: false,
            });
        }
        self.views.insert(
            name.clone(),
            View {
                definition: definition.to_owned(),
                reads: read,
                ..View::default()
            },
        );
        Ok(())
    }

    /// Takes a view out. Refused where other views read it, or where it is known not to be there.
    pub fn drop_view(&mut self, name: &TableName) -> Result<Option<View>, Refusal> {
        if let Some(how) = self.gone.get(name)
            && !self.views.contains_key(name)
        {
            return Err(Refusal::new("name", format!("{name} {how}")));
        }
        let readers: Vec<String> = self
            .views
            .iter()
            .filter(|(_, view)| view.reads.contains(name))
            .map(|(view, _)| view.to_string())
            .collect();
        if !readers.is_empty() {
            return Err(Refusal::new(
                "name",
                format!(
                    "{name} cannot be dropped while other views read it: {}; drop those first",
                    readers.join(", ")
                ),
            ));
        }
        let view = self.views.remove(name);
        if view.is_none() && self.live && !self.loose {
            let known = self.views.keys().map(ToString::to_string);
            let nearest = super::world::nearest(&name.to_string(), known);
            return Err(Refusal::new(
                "name",
                format!("the target has no view {name}{nearest}"),
            ));
        }
        self.relations
            .remove(&(name.schema.clone(), name.name.clone()));
        for table in self.tables.values_mut() {
            table.views.retain(|v| v.view != *name);
            table
                .dependents
                .retain(|sql| !reads::creates_view(sql, &name.name));
        }
        self.forget(name, "was dropped earlier in this document".to_owned());
        Ok(view)
    }

    /// Takes the name of a table or a view, which must be free.
    fn take_name(&mut self, field: &'static str, name: &TableName) -> Result<(), Refusal> {
        self.check_name(field, &name.name)?;
        let taken = if self.engine.is_mysql_family() {
            let listed = self.names.contains(name) && !self.gone.contains_key(name);
            listed || self.is_whole(name) || self.views.contains_key(name)
        } else {
            !self
                .relations
                .insert((name.schema.clone(), name.name.clone()))
        };
        if taken {
            return Err(Refusal::new(
                field,
                format!("the name {name} is taken by a table, a view or an index"),
            ));
        }
        self.gone.remove(name);
        Ok(())
    }

    fn give_names_back(&mut self, name: &TableName, table: &Table) {
        let own = table
            .indexes
            .iter()
            .map(|i| i.name.clone())
            .chain([name.name.clone()]);
        let scope = super::world::scope(self.engine, name);
        for relation in own {
            self.relations.remove(&(scope.clone(), relation));
        }
    }

    pub(super) fn forget(&mut self, name: &TableName, how: String) {
        self.whole.remove(name);
        self.made.remove(name);
        self.added.retain(|(of, _), _| of != name);
        self.dropped.retain(|(of, _)| of != name);
        self.gone.insert(name.clone(), how);
    }
}
