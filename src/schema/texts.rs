//! SQLite's catalogue keeps the texts that made things, and rewrites them when a table or a column
//! gets another name: what a document makes of them, before it has.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Constraint, ConstraintKind, Schema, Table, TableName, World, is_dual_write_trigger,
    is_shadow_trigger,
};
use crate::dialect::create_table::CreateTable;
use crate::dialect::expression;
use crate::dialect::lexer;
use crate::dialect::renamed::{self, Columns, Renaming};
use crate::document::Engine;

/// What is known beside the texts themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// The columns of every table, to tell what a name means in a trigger.
    columns: Columns,
    /// Every trigger that says `excluded`, with its text.
    upserts: BTreeMap<String, String>,
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
                let upserts = table.dependents.iter().filter_map(|sql| {
                    let (kind, name) = created(sql)?;
                    let says = expression::mentions(Engine::Sqlite, sql, "excluded");
                    (kind == "trigger" && says).then(|| (name, sql.clone()))
                });
                texts.upserts.extend(upserts);
            }
        }
        texts
    }
}

/// What a text creates, in lower case, and what that is called: `("index", "users_email_idx")`.
pub(crate) fn created(sql: &str) -> Option<(String, String)> {
    let tokens = lexer::significant(Engine::Sqlite, sql).ok()?;
    let kinds = ["table", "index", "trigger", "view"];
    let at = tokens
        .iter()
        .take(3)
        .position(|t| kinds.iter().any(|kind| t.is(kind)))?;
    let mut rest = &tokens[at + 1..];
    if rest.first().is_some_and(|t| t.is("if")) {
        rest = rest.get(3..)?;
    }
    if rest.get(1).is_some_and(|t| t.is_symbol(".")) {
        rest = rest.get(2..)?;
    }
    Some((
        tokens[at].text.to_lowercase(),
        rest.first()?.name(Engine::Sqlite)?,
    ))
}

/// Whether a trigger is one of those that Bellows makes.
pub(crate) fn is_bellows_trigger(name: &str) -> bool {
    is_dual_write_trigger(name) || is_shadow_trigger(name)
}

/// Whether the text makes a view. A rebuild leaves views alone, and needs no text of theirs.
fn is_view(sql: &str) -> bool {
    created(sql).is_some_and(|(kind, _)| kind == "view")
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

    /// The trigger whose upsert into the table SQLite would change with its name: it makes
    /// `excluded.c` to `t.c`, which is the old row (`renameTableExprCb` in 3.46).
    pub fn upserts_into(&self, table: &TableName) -> Option<&String> {
        let into = |sql: &str| {
            lexer::significant(Engine::Sqlite, sql).is_ok_and(|tokens| {
                tokens
                    .windows(2)
                    .any(|w| w[0].is("into") && w[1].names(Engine::Sqlite, &table.name))
            })
        };
        let found = self.texts.upserts.iter().find(|(_, sql)| into(sql));
        found.map(|(name, _)| name)
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

    /// What a swap makes of the texts of its two tables: the old one's, and those of the one that
    /// takes its place.
    pub(super) fn swap_texts(
        &mut self,
        was: (&mut Table, &TableName, &TableName),
        is: (&mut Table, &TableName, &TableName),
    ) {
        if self.engine != Engine::Sqlite {
            return;
        }
        let (stay, follow): (Vec<String>, Vec<String>) = std::mem::take(&mut was.0.dependents)
            .into_iter()
            .partition(|sql| created(sql).is_some_and(|(kind, _)| kind == "index"));
        was.0.dependents = stay;
        was.0.triggers.clear();
        // The triggers of Bellows are made anew, the other way round.
        let bellows = |sql: &String| {
            created(sql).is_some_and(|(kind, name)| kind == "trigger" && is_bellows_trigger(&name))
        };
        for (table, from, to) in [was, (&mut *is.0, is.1, is.2)] {
            let mut reworded = BTreeSet::new();
            for sql in &mut table.dependents {
                if let Some(new) = renamed::table(sql, &from.name, &to.name) {
                    *sql = new;
                }
                reworded.insert(sql.clone());
            }
            for index in &mut table.indexes {
                let new = renamed::table(&index.definition, &from.name, &to.name);
                index.definition = new.unwrap_or_default();
            }
            table.create_sql = table
                .create_sql
                .as_deref()
                .and_then(|sql| CreateTable::parse(sql).ok())
                .map(|text| text.text(&to.name));
            self.texts.reworded.insert(to.clone(), reworded);
        }
        is.0.dependents
            .extend(follow.into_iter().filter(|sql| !bellows(sql)));
    }

    /// Those without a name go by their table and columns, which may be called otherwise now.
    pub(super) fn list_constraints(&mut self) {
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
                let own = constraints
                    .iter()
                    .find(|c| c.kind == ConstraintKind::Unique && c.columns == index.columns);
                index.constraint = own.map(|c| c.name.clone());
            }
            table.constraints = constraints;
        }
    }
}
