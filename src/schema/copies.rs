//! Tables that are kept in step with others, as a document changes them.

use super::{Constraint, ConstraintKind, Refusal, Shadow, Table, TableName, World};
use crate::document::Engine;

impl Table {
    /// Parts with copies that are no longer kept in step, and with SQLite's triggers for them.
    pub(super) fn part_with(&mut self, over: impl Fn(&Shadow) -> bool) {
        let gone: Vec<String> = self
            .shadows
            .iter()
            .filter(|s| over(s))
            .flat_map(Shadow::sqlite_triggers)
            .collect();
        self.shadows.retain(|s| !over(s));
        self.dependents
            .retain(|sql| !gone.iter().any(|name| sql.contains(name.as_str())));
    }
}

impl World {
    /// The copies into that table, each with the table whose triggers write it.
    pub fn copies_into(&self, target: &TableName) -> Vec<(&TableName, &Shadow)> {
        self.tables
            .iter()
            .flat_map(|(source, table)| table.shadows.iter().map(move |s| (source, s)))
            .filter(|(_, shadow)| shadow.target == *target)
            .collect()
    }

    /// Refuses to call a table otherwise whose triggers, or those of another table, know it by its
    /// name.
    pub fn need_no_copy(&self, field: &'static str, table: &TableName) -> Result<(), Refusal> {
        let own = self.table(table).and_then(|t| t.shadows.first());
        let other = match own {
            Some(shadow) => Some(&shadow.target),
            None => self.copies_into(table).first().map(|(source, _)| *source),
        };
        match other {
            Some(other) => Err(Refusal::new(
                field,
                format!(
                    "triggers keep {table} and {other} in step under their names, and would fail every write under another one; drop the one that is no longer needed first"
                ),
            )),
            None => Ok(()),
        }
    }

    /// Refuses to take a column away, or to call it otherwise, that triggers write, or read where
    /// `reads` counts.
    pub fn need_no_copied_column(
        &self,
        field: &'static str,
        table: &TableName,
        column: &str,
        reads: bool,
    ) -> Result<(), Refusal> {
        let written = self
            .copies_into(table)
            .into_iter()
            .find(|(_, s)| s.expression(column).is_some())
            .map(|(source, _)| source);
        let read = self
            .table(table)
            .and_then(|t| {
                t.shadows
                    .iter()
                    .find(|s| reads && s.reads(self.engine, column))
            })
            .map(|s| &s.target);
        match written.or(read) {
            Some(other) => Err(Refusal::new(
                field,
                format!(
                    "triggers keep {table} and {other} in step by {table}.{column}, and would fail every write without it; drop the table that is no longer needed first"
                ),
            )),
            None => Ok(()),
        }
    }

    /// Gives a table the name of its old self, and another one the table's, with what hung on it.
    pub fn swap_tables(
        &mut self,
        table: &TableName,
        shadow: &TableName,
        old: &TableName,
    ) -> Result<(), Refusal> {
        let mut was = std::mem::take(self.table_mut("table", table)?);
        let mut is = std::mem::take(self.table_mut("shadow", shadow)?);
        was.shadows.clear();
        is.reword_table(self.engine, shadow, table);
        is.views = std::mem::take(&mut was.views);
        is.referenced_by = std::mem::take(&mut was.referenced_by);
        is.triggers = was.triggers.clone();
        self.swap_texts((&mut was, table, old), (&mut is, shadow, table));
        is.attached.triggers = was.attached.triggers.clone();
        self.tables.remove(shadow);
        self.relations
            .remove(&(shadow.schema.clone(), shadow.name.clone()));
        let (was_whole, is_whole) = (self.whole.remove(table), self.whole.remove(shadow));
        if self.engine.is_mysql_family() {
            self.carry_keys(&mut was, &mut is, (table, shadow));
        }
        for key in was
            .constraints
            .iter()
            .filter(|_| !self.engine.is_mysql_family())
        {
            let target = key.references.as_ref().filter(|t| *t != table);
            if let Some(other) = target.and_then(|t| self.tables.get_mut(t)) {
                other.referenced_by.push((old.clone(), key.name.clone()));
            }
        }
        was.reword_table(self.engine, table, old);
        is.attached.take_over(&was.attached);
        self.made.remove(shadow);
        self.forget(
            shadow,
            format!("took the place of {table} earlier in this document"),
        );
        self.gone.remove(old);
        self.tables.insert(old.clone(), was);
        self.tables.insert(table.clone(), is);
        if was_whole {
            self.whole.insert(old.clone());
        }
        if is_whole {
            self.whole.insert(table.clone());
        }
        if self.engine == Engine::Sqlite {
            self.list_constraints();
        }
        Ok(())
    }

    /// MySQL and MariaDB: the names of foreign keys are those of the database, so the old table
    /// gives them up to the new one.
    fn carry_keys(
        &mut self,
        was: &mut Table,
        is: &mut Table,
        (table, shadow): (&TableName, &TableName),
    ) {
        let has = |is: &Table, key: &Constraint| {
            is.constraints
                .iter()
                .any(|k| k.kind == key.kind && k.columns == key.columns)
        };
        let (keys, rest): (Vec<Constraint>, Vec<Constraint>) = std::mem::take(&mut was.constraints)
            .into_iter()
            .partition(|c| c.kind == ConstraintKind::ForeignKey && !has(is, c));
        was.constraints = rest;
        is.constraints.extend(keys);
        for other in self.tables.values_mut() {
            for (from, _) in &mut other.referenced_by {
                if from == shadow {
                    *from = table.clone();
                }
            }
        }
    }
}
