//! SQLite's catalogue keeps the texts that made things, and rewrites them when a table or a column
//! gets another name: what a document makes of them, before it has.

use std::collections::{BTreeMap, BTreeSet};

use super::{Constraint, ConstraintKind, Schema, TableName, World};
use crate::dialect::create_table::CreateTable;
use crate::dialect::lexer;
use crate::dialect::renamed::{self, Columns, Renaming};
use crate::document::Engine;

/// What is known beside the texts themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// The columns of every table, to tell what a name means in a trigger.
    columns: Columns,
    /// By table, texts of its indexes and triggers that the engine has reworded by the time that
    /// the table is made anew.
    reworded: BTreeMap<TableName, BTreeSet<String>>,
}

impl Texts {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut texts = Self::default();
        if schema.engine == Engine::Sqlite {
            for (name, table) in &schema.tables {
                let columns = table.columns.iter().map(|c| c.name.clone()).collect();
                texts.columns.insert(name.name.to_lowercase(), columns);
            }
        }
        texts
    }
}

/// Whether the text makes a view. A rebuild leaves views alone, and needs no text of theirs.
fn is_view(sql: &str) -> bool {
    lexer::significant(Engine::Sqlite, sql)
        .unwrap_or_default()
        .iter()
        .take(3)
        .any(|t| t.is("view"))
}

impl World {
    /// The texts of the table's indexes and triggers that are not as the catalogue had them when
    /// this was planned, as the engine will have worded them.
    pub fn reworded(&self, table: &TableName) -> Vec<&String> {
        let texts = self.texts.reworded.get(table).into_iter().flatten();
        let there = self.table(table).map(|t| t.dependents.as_slice());
        texts
            .filter(|sql| there.unwrap_or_default().contains(sql))
            .collect()
    }

    /// Rewords every text for another name of a table. Where it cannot be told what the engine
    /// makes of one, the text of its table is not known any more.
    pub(super) fn reword_table(&mut self, from: &TableName, to: &TableName) {
        if self.engine != Engine::Sqlite {
            return;
        }
        if let Some(texts) = self.texts.reworded.remove(from) {
            self.texts.reworded.insert(to.clone(), texts);
        }
        if let Some(columns) = self.texts.columns.remove(&from.name.to_lowercase()) {
            self.texts.columns.insert(to.name.to_lowercase(), columns);
        }
        self.reword(|sql| renamed::table(sql, &from.name, &to.name));
    }

    /// The same for another name of a column.
    pub(super) fn reword_column(&mut self, table: &TableName, from: &str, to: &str) {
        if self.engine != Engine::Sqlite {
            return;
        }
        let columns = self.known_columns();
        let renaming = Renaming {
            table: &table.name,
            from,
            to,
            columns: &columns,
        };
        self.reword(|sql| renaming.text(sql));
        if let Some(known) = self.texts.columns.get_mut(&table.name.to_lowercase()) {
            for column in known.iter_mut().filter(|c| *c == from) {
                to.clone_into(column);
            }
        }
    }

    /// The SELECT of a view with the column called otherwise, where it can be told.
    pub(super) fn reworded_view(
        &self,
        view: &TableName,
        table: &TableName,
        from: &str,
        to: &str,
    ) -> Option<String> {
        if self.engine != Engine::Sqlite {
            return None;
        }
        let head = "CREATE VIEW v AS ";
        let columns = self.known_columns();
        let renaming = Renaming {
            table: &table.name,
            from,
            to,
            columns: &columns,
        };
        let text = renaming.text(&format!("{head}{}", self.view(view)?.definition))?;
        text.strip_prefix(head).map(str::to_owned)
    }

    /// The columns of every table as the document has made them so far.
    fn known_columns(&self) -> Columns {
        let mut columns = self.texts.columns.clone();
        for (name, table) in &self.tables {
            if self.is_whole(name) {
                let own = table.columns.iter().map(|c| c.name.clone()).collect();
                columns.insert(name.name.to_lowercase(), own);
            }
        }
        columns
    }

    fn reword(&mut self, reword: impl Fn(&str) -> Option<String>) {
        for (name, table) in &mut self.tables {
            let mut unknown = false;
            for sql in &mut table.dependents {
                match reword(sql) {
                    Some(new) if new == *sql => {}
                    Some(new) => {
                        new.clone_into(sql);
                        let texts = self.texts.reworded.entry(name.clone()).or_default();
                        if !is_view(&new) {
                            texts.insert(new);
                        }
                    }
                    None => unknown |= !is_view(sql),
                }
            }
            table.create_sql = table
                .create_sql
                .as_deref()
                .and_then(&reword)
                .filter(|_| !unknown);
        }
        self.list_constraints();
    }

    /// Those without a name go by their table and columns, which may be called otherwise now.
    fn list_constraints(&mut self) {
        let mut said: Vec<(TableName, Vec<Constraint>)> = Vec::new();
        for (name, table) in &self.tables {
            let text = table.create_sql.as_deref().map(CreateTable::parse);
            if let Some(Ok(text)) = text {
                let all = text.constraints().into_iter().map(|c| c.constraint);
                said.push((name.clone(), all.collect()));
            }
        }
        for (name, constraints) in said {
            for other in self.tables.values_mut() {
                other.referenced_by.retain(|(from, _)| *from != name);
            }
            for constraint in &constraints {
                let target = constraint.references.as_ref();
                if let Some(other) = target.and_then(|t| self.tables.get_mut(t)) {
                    let entry = (name.clone(), constraint.name.clone());
                    other.referenced_by.push(entry);
                }
            }
            let Some(table) = self.tables.get_mut(&name) else {
                continue;
            };
            for index in table.indexes.iter_mut().filter(|i| i.constraint.is_some()) {
                let own = constraints.iter().find(|c| {
                    c.kind == ConstraintKind::Unique && c.columns == index.columns
                });
                index.constraint = own.map(|c| c.name.clone());
            }
            table.constraints = constraints;
        }
    }
}
