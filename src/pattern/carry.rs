//! What hangs on a column, as operations that give it to another: indexes, constraints, grants,
//! comment, statistics, sequence and views.

use crate::dialect::{lexer, quote, trigger};
use crate::document::Engine;
use crate::operation::{AddCheck, AddForeignKey, AddIndex, AddUnique, Operation};
use crate::schema::{Column, Constraint, ConstraintKind, Index, Schema, Table, TableName};

use super::foreign_key::foreign_key;
use super::form::{custom, same};
use super::names::Names;
use super::rewrite;
use super::views;

/// The operations, by the moment at which they can be done.
#[derive(Default)]
pub(super) struct Carried {
    /// As soon as the new column is there, while it is empty.
    pub early: Vec<Operation>,
    /// Once it is filled: what NULL would not pass, or what would have to be true of it.
    pub late: Vec<Operation>,
    /// Just before the old column goes.
    pub last: Vec<Operation>,
    /// What the old ones are called and what the new ones are, and whether they are constraints:
    /// the others are indexes.
    pub names: Vec<(String, String, bool)>,
    /// Why it cannot all be carried over.
    pub refusals: Vec<String>,
}

/// How the new column is read in place of the old one.
pub(super) struct Reading<'a> {
    /// The new column, or what people are told of several.
    pub new: &'a str,
    /// Those that the expression reads.
    pub columns: &'a [String],
    /// What views read of it in place of the old one; the column itself where absent.
    pub expression: Option<&'a str>,
}

/// Why the column cannot go, whatever takes its place.
pub(super) fn stays(
    schema: &Schema,
    name: &TableName,
    table: &Table,
    old: &Column,
    new: &str,
) -> Vec<String> {
    let mut carrier = Carrier {
        engine: schema.engine,
        name,
        old: &old.name,
        new,
        names: Names::of(schema),
        out: Carried::default(),
    };
    carrier.refuse_what_stays(schema, table, old);
    carrier.out.refusals
}

/// Looks at everything that the schema knows about the old column.
pub(super) fn carry(
    schema: &Schema,
    name: &TableName,
    table: &Table,
    old: &Column,
    reading: &Reading<'_>,
) -> Carried {
    let new = reading.new;
    let mut carrier = Carrier {
        engine: schema.engine,
        name,
        old: &old.name,
        new,
        names: Names::of(schema),
        out: Carried::default(),
    };
    carrier.refuse_what_stays(schema, table, old);
    for constraint in &table.constraints {
        carrier.constraint(table, constraint);
    }
    // Indexes of constraints come with these; SQLite's automatic ones have no text of their own.
    let own = |i: &&Index| i.constraint.is_none() && !i.definition.is_empty();
    for index in table.indexes.iter().filter(own) {
        carrier.index(index);
    }
    if schema.engine == Engine::PostgreSql {
        carrier.attributes(old);
    }
    for view in &table.views {
        if carrier.has(&view.columns) {
            match views::reread(schema, view, name, &old.name, reading) {
                Ok(operation) => carrier.out.last.push(operation),
                Err(reason) => carrier.refuse(reason),
            }
        }
    }
    carrier.out
}

/// MySQL and MariaDB: the comment, where it stands in a column's definition.
pub(super) fn comment(engine: Engine, column: &Column) -> String {
    match &column.comment {
        Some(comment) if engine.is_mysql_family() => {
            format!(" COMMENT {}", quote::literal(engine, comment))
        }
        Some(_) | None => String::new(),
    }
}

struct Carrier<'a> {
    engine: Engine,
    name: &'a TableName,
    old: &'a str,
    new: &'a str,
    names: Names,
    out: Carried,
}

impl Carrier<'_> {
    fn refuse(&mut self, reason: String) {
        self.out.refusals.push(reason);
    }

    fn is_old(&self, column: &str) -> bool {
        same(self.engine, column, self.old)
    }

    fn has(&self, columns: &[String]) -> bool {
        columns.iter().any(|c| self.is_old(c))
    }

    fn columns(&self, columns: &[String]) -> Vec<String> {
        columns
            .iter()
            .map(|c| {
                if self.is_old(c) {
                    self.new.to_owned()
                } else {
                    c.clone()
                }
            })
            .collect()
    }

    fn derive(&mut self, name: &str) -> String {
        self.names.derive(name, self.old, self.new)
    }

    /// What no second column can have, or what would be lost with the first.
    fn refuse_what_stays(&mut self, schema: &Schema, table: &Table, old: &Column) {
        let column = format!("{}.{}", self.name, self.old);
        if self.has(&table.primary_key) {
            self.refuse(format!(
                "{column} is in the primary key, which cannot move to another column while both \
                 are in use"
            ));
        }
        if old.generated {
            self.refuse(format!(
                "{column} is a generated or identity column: the server writes it, and nothing can \
                 keep a second one in step"
            ));
        }
        let from_elsewhere = table.referenced_by.iter().map(|(from, constraint)| {
            let definition = schema
                .table(from)
                .and_then(|t| t.constraints.iter().find(|c| &c.name == constraint))
                .map(|c| c.definition.as_str());
            (from, constraint, definition)
        });
        let from_itself = table
            .constraints
            .iter()
            .filter(|c| c.references.as_ref() == Some(self.name))
            .map(|c| (self.name, &c.name, Some(c.definition.as_str())));
        let pointing: Vec<String> = from_elsewhere
            .chain(from_itself)
            .filter(|(_, _, definition)| {
                // Without a list, the key points to the primary key, which was looked at above.
                definition.is_none_or(|d| {
                    foreign_key(self.engine, d)
                        .is_none_or(|fk| fk.ref_columns.iter().any(|c| self.is_old(c)))
                })
            })
            .map(|(from, constraint, _)| format!("{constraint} on {from}"))
            .collect();
        for key in pointing {
            self.refuse(format!(
                "the foreign key {key} points to {column}: drop it first, and make it again over \
                 `{}` afterwards",
                self.new
            ));
        }
        let by_trigger = table.dependents.iter().any(|sql| {
            if self.engine.is_mysql_family() {
                return trigger::names_column(self.engine, sql, &self.name.name, self.old)
                    .is_some();
            }
            lexer::significant(self.engine, sql).is_ok_and(|tokens| {
                tokens.iter().take(3).any(|t| t.is("trigger"))
                    && tokens.iter().any(|t| t.names(self.engine, self.old))
            })
        });
        if by_trigger {
            self.refuse(format!(
                "a trigger names `{}` of {}: change it by hand first",
                self.old, self.name
            ));
        }
        let kept = table
            .dual_writes
            .iter()
            .any(|d| d.columns().any(|c| self.is_old(&c.column)));
        if kept {
            self.refuse(format!(
                "{column} is kept in step with another column already"
            ));
        }
    }

    fn constraint(&mut self, table: &Table, constraint: &Constraint) {
        if !self.has(&constraint.columns) {
            return;
        }
        if !constraint.validated {
            return self.refuse(format!(
                "the constraint {} is NOT VALID: validate or drop it first",
                constraint.name
            ));
        }
        // What a foreign key points to are another table's columns.
        let pointed = match constraint.kind {
            ConstraintKind::ForeignKey => constraint.definition.find("REFERENCES"),
            ConstraintKind::Check | ConstraintKind::Unique | ConstraintKind::Exclude => None,
        };
        let (own, rest) = constraint
            .definition
            .split_at(pointed.unwrap_or(constraint.definition.len()));
        let Ok(definition) =
            rewrite::rename(self.engine, own, self.old, self.new).map(|own| format!("{own}{rest}"))
        else {
            return self.refuse(format!("the constraint {} cannot be read", constraint.name));
        };
        let base = if constraint.name.is_empty() {
            format!("{}_{}", self.name.name, self.old)
        } else {
            constraint.name.clone()
        };
        let constraint_name = self.derive(&base);
        if !constraint.name.is_empty() {
            let names = (constraint.name.clone(), constraint_name.clone(), true);
            self.out.names.push(names);
        }
        match constraint.kind {
            ConstraintKind::Check => self.check(constraint_name, definition),
            ConstraintKind::Unique => self.unique(table, constraint, constraint_name),
            ConstraintKind::ForeignKey => {
                self.foreign_key(constraint, constraint_name, &definition)
            }
            ConstraintKind::Exclude => self.refuse(format!(
                "the exclusion constraint {} cannot be built beside traffic",
                constraint.name
            )),
        }
    }

    /// A check may be false for NULL, so it waits until the new column is filled.
    fn check(&mut self, constraint_name: String, definition: String) {
        if definition.ends_with("NO INHERIT") {
            return self.refuse(format!("the check {constraint_name} is NO INHERIT"));
        }
        if self.engine.is_mysql_family() {
            return self.refuse(format!(
                "a check names `{}` ({definition}), and {} adds one only by copying the table while \
                 writers wait: drop it first (drop_constraint)",
                self.old,
                self.engine.title()
            ));
        }
        self.out.late.push(
            AddCheck {
                table: self.name.to_string(),
                constraint_name,
                sql: definition,
            }
            .into(),
        );
    }

    fn unique(&mut self, table: &Table, constraint: &Constraint, constraint_name: String) {
        let plain = lexer::significant(self.engine, &constraint.definition).is_ok_and(|tokens| {
            tokens.first().is_some_and(|t| t.is("unique"))
                && tokens.get(1).is_some_and(|t| t.is_symbol("("))
                && tokens.last().is_some_and(|t| t.is_symbol(")"))
                && !tokens.iter().any(|t| t.is("include"))
        });
        if plain {
            let columns = self.columns(&constraint.columns);
            self.out.early.push(
                AddUnique {
                    table: self.name.to_string(),
                    constraint_name,
                    columns,
                }
                .into(),
            );
            return;
        }
        // INCLUDE and NULLS NOT DISTINCT stand in the index's definition, DEFERRABLE behind it.
        let index = table
            .indexes
            .iter()
            .find(|i| i.constraint.as_deref() == Some(&constraint.name))
            .and_then(|i| {
                rewrite::index(
                    self.engine,
                    &i.definition,
                    self.old,
                    self.new,
                    &constraint_name,
                )
            });
        let Some(index) = index else {
            return self.refuse(format!(
                "the constraint {} has no index that can be read",
                constraint.name
            ));
        };
        let (table, quoted) = (
            quote::table(self.engine, self.name),
            quote::name(self.engine, &constraint_name),
        );
        let own = quote::within(self.engine, self.name, &constraint_name);
        let behind = constraint
            .definition
            .find("DEFERRABLE")
            .map_or("", |at| &constraint.definition[at..]);
        self.out.late.push(custom(
            index,
            format!("DROP INDEX CONCURRENTLY IF EXISTS {own}"),
        ));
        self.out.late.push(custom(
            format!(
                "ALTER TABLE {table} ADD CONSTRAINT {quoted} UNIQUE USING INDEX {quoted} {behind}"
            )
            .trim_end()
            .to_owned(),
            format!("ALTER TABLE {table} DROP CONSTRAINT {quoted}"),
        ));
    }

    fn foreign_key(&mut self, constraint: &Constraint, name: String, definition: &str) {
        let read = foreign_key(self.engine, &constraint.definition).filter(|fk| fk.plain);
        if let Some(key) = read {
            self.out.early.push(
                AddForeignKey {
                    table: self.name.to_string(),
                    constraint_name: name,
                    columns: self.columns(&key.columns),
                    ref_table: key.ref_table.to_string(),
                    ref_columns: (!key.ref_columns.is_empty()).then_some(key.ref_columns),
                    on_delete: key.on_delete,
                    on_update: key.on_update,
                }
                .into(),
            );
        } else if self.engine == Engine::PostgreSql {
            // MATCH FULL is false for a key that is NULL in part: it waits, too.
            let (table, quoted) = (
                quote::table(self.engine, self.name),
                quote::name(self.engine, &name),
            );
            let undo = format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quoted}");
            self.out.late.push(custom(
                format!("ALTER TABLE {table} ADD CONSTRAINT {quoted} {definition} NOT VALID"),
                undo.clone(),
            ));
            self.out.late.push(custom(
                format!("ALTER TABLE {table} VALIDATE CONSTRAINT {quoted}"),
                undo,
            ));
        } else {
            self.refuse(format!(
                "the foreign key {} cannot be read",
                constraint.definition
            ));
        }
    }

    fn index(&mut self, index: &Index) {
        let names_it = rewrite_names(self.engine, &index.definition, self.old);
        let included = self.has(&index.columns) || self.has(&index.include);
        if !included && !names_it {
            return;
        }
        if !index.valid {
            return self.refuse(format!(
                "the index {} is invalid, as a failed build leaves it: drop it first",
                index.name
            ));
        }
        let index_name = self.derive(&index.name);
        let names = (index.name.clone(), index_name.clone(), false);
        self.out.names.push(names);
        let null_matters =
            index.unique && (index.expressions || index.definition.contains("NULLS NOT DISTINCT"));
        let simple = !index.expressions && index.include.is_empty() && !null_matters;
        let predicate = index
            .predicate
            .as_deref()
            .map(|sql| rewrite::rename(self.engine, sql, self.old, self.new));
        if self.engine.is_mysql_family() {
            return self.family_index(index, index_name);
        }
        let operation = match predicate {
            None | Some(Ok(_)) if simple => Some(
                AddIndex {
                    table: self.name.to_string(),
                    index_name: Some(index_name),
                    columns: self.columns(&index.columns),
                    concurrent: true,
                    unique: index.unique,
                    method: (!index.method.is_empty() && index.method != "btree")
                        .then(|| index.method.clone()),
                    predicate: predicate.and_then(Result::ok),
                }
                .into(),
            ),
            None | Some(_) => rewrite::index(
                self.engine,
                &index.definition,
                self.old,
                self.new,
                &index_name,
            )
            .map(|sql| {
                let own = quote::within(self.engine, self.name, &index_name);
                let concurrently = match self.engine {
                    Engine::PostgreSql => "CONCURRENTLY ",
                    Engine::MySql | Engine::MariaDb | Engine::Sqlite => "",
                };
                custom(sql, format!("DROP INDEX {concurrently}IF EXISTS {own}"))
            }),
        };
        match operation {
            Some(operation) if null_matters => self.out.late.push(operation),
            Some(operation) => self.out.early.push(operation),
            None => self.refuse(format!("the index {} cannot be read", index.name)),
        }
    }

    /// MySQL and MariaDB: the index with its keys as they are, beginnings and orders too, built as
    /// add_index builds.
    fn family_index(&mut self, index: &Index, index_name: String) {
        if !["", "btree", "hash"].contains(&index.method.as_str()) {
            return self.refuse(format!(
                "the index {} is {}, which keeps writers out while it is built: drop it first",
                index.name,
                index.method.to_uppercase()
            ));
        }
        let Some(columns) = rewrite::keys(self.engine, &index.definition, self.old, self.new)
        else {
            return self.refuse(format!("the index {} cannot be read", index.name));
        };
        self.out.early.push(
            AddIndex {
                table: self.name.to_string(),
                index_name: Some(index_name),
                columns,
                concurrent: true,
                unique: index.unique,
                method: None,
                predicate: None,
            }
            .into(),
        );
    }

    /// PostgreSQL's attributes of a column: grants, comment, statistics target, owned sequence.
    fn attributes(&mut self, old: &Column) {
        let table = quote::table(self.engine, self.name);
        let new = quote::name(self.engine, self.new);
        if !old.grants.is_empty() {
            let (mut give, mut take) = (Vec::new(), Vec::new());
            for (grantee, privilege, grantable) in &old.grants {
                let option = if *grantable { " WITH GRANT OPTION" } else { "" };
                give.push(format!(
                    "GRANT {privilege} ({new}) ON {table} TO {grantee}{option}"
                ));
                take.push(format!(
                    "REVOKE {privilege} ({new}) ON {table} FROM {grantee}"
                ));
            }
            self.out
                .early
                .push(custom(give.join(";\n"), take.join(";\n")));
        }
        if let Some(comment) = &old.comment {
            self.out.early.push(custom(
                format!(
                    "COMMENT ON COLUMN {table}.{new} IS {}",
                    quote::text(comment)
                ),
                format!("COMMENT ON COLUMN {table}.{new} IS NULL"),
            ));
        }
        if let Some(statistics) = old.statistics {
            self.out.early.push(custom(
                format!("ALTER TABLE {table} ALTER COLUMN {new} SET STATISTICS {statistics}"),
                format!("ALTER TABLE {table} ALTER COLUMN {new} SET STATISTICS -1"),
            ));
        }
        // A sequence goes with the column that owns it, and the default with the sequence.
        if let Some(sequence) = old.default.as_deref().and_then(sequence_of_default) {
            let owner = quote::name(self.engine, self.old);
            self.out.last.push(custom(
                format!("ALTER SEQUENCE {sequence} OWNED BY {table}.{new}"),
                format!("ALTER SEQUENCE {sequence} OWNED BY {table}.{owner}"),
            ));
        }
    }
}

/// `nextval('public.users_id_seq'::regclass)`: the sequence, spelled as SQL.
fn sequence_of_default(default: &str) -> Option<String> {
    let inner = default.strip_prefix("nextval('")?;
    let end = inner.find("'::regclass)")?;
    Some(inner[..end].replace("''", "'"))
}

/// Whether a definition names the column behind its first parenthesis.
fn rewrite_names(engine: Engine, definition: &str, column: &str) -> bool {
    let Ok(tokens) = lexer::tokens(engine, definition) else {
        return false;
    };
    let Some(keys) = tokens.iter().position(|t| t.is_symbol("(")) else {
        return false;
    };
    !rewrite::mentions(engine, &tokens[keys..], column).is_empty()
}
