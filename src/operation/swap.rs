//! The statements of a swap of two tables, there and back: what hangs on the one is put on the
//! other while nobody can use either.

use super::behave::Draft;
use super::postgres as pg;
use super::restore;
use super::shadow::{Texts, literal, named, qualified};
use crate::dialect::quote;
use crate::document::Engine;
use crate::plan::{Lock, Statement, Wait};
use crate::schema::{
    AttachedTrigger, Constraint, ConstraintKind, Shadow, Table, TableName, ViewUse, World,
};

mod attributes;
pub(super) mod mysql;
pub(super) mod sqlite;
mod tuning;

/// The comment on a foreign key that a swap made, by which the way back knows it.
const MADE: &str = "made when the table took its place";

/// The two tables and what is known of them.
pub(super) struct Swap<'a> {
    pub(super) world: &'a World,
    /// The name that applications use, before and after.
    pub(super) table: &'a TableName,
    /// What the new table is called before.
    pub(super) shadow: &'a TableName,
    /// What the old table is called after.
    pub(super) old: &'a TableName,
    /// The old table, as far as it is known.
    pub(super) entry: Option<&'a Table>,
    /// How the new table is kept in step before.
    pub(super) link: &'a Shadow,
    /// How the old table is kept in step after.
    pub(super) reverse: &'a Shadow,
}

/// `ALTER TABLE t <action>`, with the table's schema.
fn alter(table: &TableName, action: &str) -> Statement {
    Statement::brief(
        format!("ALTER TABLE {} {action}", qualified(table)),
        Lock::AccessExclusive,
    )
}

fn catalogue(sql: String) -> Statement {
    Statement::brief(sql, Lock::None)
}

fn rename(from: &TableName, to: &TableName) -> Statement {
    alter(from, &format!("RENAME TO {}", named(&to.name)))
}

/// Statements under a condition.
fn block(condition: &str, then: &str, lock: Lock) -> Statement {
    let body = format!(" BEGIN IF {condition} THEN {then} END IF; END ");
    let fence = quote::fence(&body);
    Statement::brief(format!("DO {fence}{body}{fence}"), lock)
}

impl<'a> Swap<'a> {
    /// The statements as one step, which touches every table that they lock.
    pub(super) fn draft(&self, title: String, mut statements: Vec<Statement>) -> Draft {
        // The first one has the table: whatever waits after it keeps everybody waiting.
        for statement in &mut statements {
            statement.wait = Wait::Short;
        }
        let draft = Draft::transaction(title, self.table, statements)
            .touching(self.shadow)
            .touching(self.old);
        let others = self.incoming().map(|(from, _)| from.clone());
        let ends = self.outgoing().filter_map(|c| c.references.clone());
        others
            .chain(ends)
            .collect::<Vec<_>>()
            .iter()
            .fold(draft, |d, other| d.touching(other))
    }

    /// The foreign keys of other tables that point here.
    fn incoming(&self) -> impl Iterator<Item = (&'a TableName, &'a Constraint)> {
        let (world, table) = (self.world, self.table);
        self.entry
            .into_iter()
            .flat_map(|t| &t.referenced_by)
            .filter(move |(from, _)| from != table)
            .filter_map(move |(from, name)| {
                let constraints = &world.table(from)?.constraints;
                Some((from, constraints.iter().find(|c| c.name == *name)?))
            })
    }

    /// The foreign keys of the old table, as far as the new one is not known to have them.
    fn outgoing(&self) -> impl Iterator<Item = &'a Constraint> {
        let known = self.world.table(self.shadow);
        self.entry
            .into_iter()
            .flat_map(|t| &t.constraints)
            .filter(|c| c.kind == ConstraintKind::ForeignKey)
            .filter(move |c| !known.is_some_and(|t| t.constraints.iter().any(|k| k.name == c.name)))
    }

    fn triggers(&self) -> &'a [AttachedTrigger] {
        self.entry
            .map(|t| t.attached.triggers.as_slice())
            .unwrap_or_default()
    }

    /// Nobody uses either table until the end. The views come first, as they do for who reads
    /// them: a reader that had its view and waited for the table would not let it be made anew.
    fn lock(&self, other: &TableName) -> Vec<Statement> {
        // No statement locks a view alone. This one does, and what it takes away comes back with
        // the view.
        let mut out: Vec<Statement> = self
            .readers()
            .map(|v| {
                Statement::brief(
                    format!("ALTER VIEW {} RESET (security_barrier)", qualified(&v.view)),
                    Lock::AccessExclusive,
                )
            })
            .collect();
        let mut tables = vec![qualified(self.table), qualified(other)];
        tables.extend(self.incoming().map(|(from, _)| qualified(from)));
        tables.dedup();
        out.push(Statement::brief(
            format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", ")),
            Lock::AccessExclusive,
        ));
        out
    }

    /// The views that read the table.
    fn readers(&self) -> impl Iterator<Item = &'a ViewUse> {
        self.entry
            .into_iter()
            .flat_map(|t| &t.views)
            .filter(|v| !v.materialized)
    }

    fn drop_incoming(&self) -> Vec<Statement> {
        self.incoming()
            .map(|(from, key)| alter(from, &format!("DROP CONSTRAINT {}", named(&key.name))))
            .collect()
    }

    /// They point to whatever has the table's name now.
    fn add_incoming(&self) -> Vec<Statement> {
        self.incoming()
            .map(|(from, key)| {
                let action = format!(
                    "ADD CONSTRAINT {} {} NOT VALID",
                    named(&key.name),
                    key.definition
                );
                Statement::brief(
                    format!("ALTER TABLE {} {action}", qualified(from)),
                    Lock::ShareRowExclusive,
                )
            })
            .collect()
    }

    /// Checks the rows against the foreign keys that were made NOT VALID: blocks nobody.
    pub(super) fn validate(&self, forward: bool) -> Vec<Draft> {
        let own = self
            .outgoing()
            .filter(|_| forward)
            .map(|key| (self.table, key));
        self.incoming()
            .chain(own)
            .filter(|(_, key)| key.validated)
            .map(|(from, key)| pg::validate(self.world, from, &key.name).looking_up())
            .collect()
    }

    /// Each view is made anew in its place: its grants, its comment and what reads it stay.
    fn views(&self) -> Vec<Statement> {
        let Some(table) = self.entry else {
            return Vec::new();
        };
        self.readers()
            .map(|v| {
                let name = qualified(&v.view);
                let options = table
                    .attached
                    .view_options
                    .iter()
                    .find(|(view, _)| *view == v.view.to_string())
                    .map(|(_, options)| format!(" WITH ({options})"))
                    .unwrap_or_default();
                let definition = v.definition.trim().trim_end_matches(';');
                Statement::brief(
                    format!("CREATE OR REPLACE VIEW {name}{options} AS {definition}"),
                    Lock::AccessExclusive,
                )
            })
            .collect()
    }

    /// The copy takes the table's place.
    pub(super) fn forward(&self) -> Vec<Statement> {
        let mut out = self.lock(self.shadow);
        let link = Texts::new(self.world, self.table, self.link);
        out.insert(0, link.must_be_in_step());
        out.extend(link.remove());
        out.extend(self.drop_incoming());
        out.push(rename(self.table, self.old));
        out.push(rename(self.shadow, self.table));
        for trigger in self.triggers() {
            // The old table's would fire again for what comes back to it.
            let name = named(&trigger.name);
            out.push(alter(self.old, &format!("DISABLE TRIGGER {name}")));
            out.push(Statement::brief(
                trigger.definition.clone(),
                Lock::ShareRowExclusive,
            ));
            if trigger.enabled != "O" {
                let how = restore::firing(&trigger.enabled);
                out.push(alter(self.table, &format!("{how} TRIGGER {name}")));
            }
        }
        out.extend(self.attributes());
        out.extend(self.tuning());
        out.extend(self.sequences());
        out.extend(self.views());
        out.extend(self.outgoing().map(|key| self.add_outgoing(key)));
        out.extend(self.add_incoming());
        out.extend(Texts::new(self.world, self.table, self.reverse).install());
        out
    }

    /// The old table has its place again, with what was written since.
    pub(super) fn back(&self) -> Vec<Statement> {
        let mut out = self.lock(self.old);
        let reverse = Texts::new(self.world, self.table, self.reverse);
        out.insert(0, reverse.must_be_in_step());
        out.extend(reverse.remove());
        out.extend(self.drop_incoming());
        out.extend(self.identities_back());
        out.push(rename(self.table, self.shadow));
        out.push(rename(self.old, self.table));
        for trigger in self.triggers() {
            let name = named(&trigger.name);
            out.push(Statement::brief(
                format!(
                    "DROP TRIGGER IF EXISTS {name} ON {}",
                    qualified(self.shadow)
                ),
                Lock::AccessExclusive,
            ));
            let how = restore::firing(&trigger.enabled);
            out.push(alter(self.table, &format!("{how} TRIGGER {name}")));
        }
        out.extend(self.attributes_back());
        out.extend(self.tuning_back());
        out.extend(self.outgoing().map(|key| self.drop_outgoing(key)));
        out.extend(self.owned(|column| Some(column.to_owned())));
        out.extend(self.views());
        out.extend(self.add_incoming());
        out.extend(Texts::new(self.world, self.table, self.link).install());
        out
    }

    /// A foreign key of the old table, where the new one has none of that name.
    fn add_outgoing(&self, key: &Constraint) -> Statement {
        let (table, name) = (qualified(self.table), named(&key.name));
        block(
            &format!(
                "NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = {}::regclass AND conname = {})",
                literal(&table),
                literal(&key.name)
            ),
            &format!(
                "ALTER TABLE {table} ADD CONSTRAINT {name} {} NOT VALID; COMMENT ON CONSTRAINT {name} ON {table} IS '{MADE}';",
                key.definition
            ),
            Lock::ShareRowExclusive,
        )
    }

    /// Takes it away again, where it was made.
    fn drop_outgoing(&self, key: &Constraint) -> Statement {
        let shadow = qualified(self.shadow);
        block(
            &format!(
                "EXISTS (SELECT FROM pg_constraint WHERE conrelid = {}::regclass AND conname = {} AND obj_description(oid, 'pg_constraint') = '{MADE}')",
                literal(&shadow),
                literal(&key.name)
            ),
            &format!("ALTER TABLE {shadow} DROP CONSTRAINT {};", named(&key.name)),
            Lock::AccessExclusive,
        )
    }

    /// Sequences that defaults read belong to the new table's columns, so that the old one can be
    /// dropped without them; identities go on where the old ones are.
    fn sequences(&self) -> Vec<Statement> {
        let mut out = self.owned(|column| {
            self.link
                .takes(Engine::PostgreSql, column)
                .map(str::to_owned)
        });
        for (sequence, new) in self.identities() {
            out.push(catalogue(format!(
                "SELECT setval({}, last_value, is_called) FROM {sequence}",
                self.serial(&new)
            )));
        }
        out
    }

    /// What gives the sequences that are no identity's to columns of the table of that name.
    fn owned(&self, column: impl Fn(&str) -> Option<String>) -> Vec<Statement> {
        self.entry
            .map(|t| t.attached.sequences.as_slice())
            .unwrap_or_default()
            .iter()
            .filter(|s| s.identity.is_none())
            .filter_map(|s| {
                let column = column(&s.column)?;
                Some(catalogue(format!(
                    "ALTER SEQUENCE {} OWNED BY {}.{}",
                    s.sequence,
                    qualified(self.table),
                    named(&column)
                )))
            })
            .collect()
    }

    /// The old identities' sequences, each with the new table's column.
    fn identities(&self) -> Vec<(String, String)> {
        self.entry
            .map(|t| t.attached.sequences.as_slice())
            .unwrap_or_default()
            .iter()
            .filter(|s| s.identity.is_some())
            .filter_map(|s| {
                Some((
                    s.sequence.clone(),
                    self.link.takes(Engine::PostgreSql, &s.column)?.to_owned(),
                ))
            })
            .collect()
    }

    fn identities_back(&self) -> Vec<Statement> {
        self.identities()
            .into_iter()
            .map(|(sequence, new)| {
                catalogue(format!(
                    "SELECT setval({}, nextval({}))",
                    literal(&sequence),
                    self.serial(&new)
                ))
            })
            .collect()
    }

    /// The sequence behind a column of whatever has the table's name; NULL, and nothing happens,
    /// where the column has none.
    fn serial(&self, column: &str) -> String {
        format!(
            "pg_get_serial_sequence({}, {})::regclass",
            literal(&qualified(self.table)),
            literal(column)
        )
    }
}
