//! Tables and views as a document makes, renames and drops them.

use super::{Constraint, Refusal, Table, TableName, View, ViewUse, World};
use crate::dialect::{expression, reads};

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

    /// Refuses a name that a table or a view has; where indexes have names of their own.
    pub fn need_free(&self, field: &'static str, name: &TableName) -> Result<(), Refusal> {
        self.check_name(field, &name.name)?;
        let listed = self.names.contains(name) && !self.gone.contains_key(name);
        if listed || self.is_whole(name) || self.views.contains_key(name) {
            return Err(Refusal::new(
                field,
                format!("the name {name} is taken by a table or a view"),
            ));
        }
        Ok(())
    }

    /// Takes the name of a table or a view, which must be free.
    pub(super) fn take_name(
        &mut self,
        field: &'static str,
        name: &TableName,
    ) -> Result<(), Refusal> {
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
