//! A swap on MySQL and MariaDB, where every statement but the RENAME TABLE of all names at once
//! commits by itself. So that this one statement is the whole swap, both tables have their
//! triggers before it: the copy's lead to the name that the old table will have, under which a
//! view stands in meanwhile, for the servers open whatever a trigger names. What is written by a
//! trigger fires none of those (`shadow/mysql.rs`), so the copy's begin to work with the RENAME
//! and the old table's end. There is no moment at which a write gets into one table alone, and
//! every step can be cut off and begun again.
//!
//! Foreign keys follow a table by what it is, not by its name, and their names are the database's:
//! each is made a second time for the copy, under a name of its own, and takes its name back when
//! the old table's is gone.

use super::Swap;
use crate::dialect::{catalogue, lexer, quote};
use crate::document::Engine;
use crate::operation::behave::Draft;
use crate::operation::mysql::{REPEATABLE, add_foreign_key, ddl, drop_constraint, name_key_index};
use crate::operation::shadow::mysql::{Texts, database};
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Constraint, ConstraintKind, Refusal, Shadow, TableName, World};

/// Refuses what the copy would lack in the table's place.
pub(in crate::operation) fn problem(
    world: &World,
    table: &TableName,
    shadow: &TableName,
    link: &Shadow,
) -> Result<(), Refusal> {
    let engine = world.engine;
    let Some(entry) = world.table(table) else {
        return Ok(());
    };
    let target = world.table(shadow).filter(|_| world.is_whole(shadow));
    for view in &entry.views {
        let missing = view
            .columns
            .iter()
            .find(|c| target.is_some_and(|t| t.column(c).is_none()));
        if let Some(column) = missing {
            return Err(Refusal::new(
                "shadow",
                format!(
                    "the view {} reads {table}.{column}, which {shadow} has not; drop_view before the swap and create_view after it",
                    view.view
                ),
            ));
        }
    }
    let own = entry
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::ForeignKey);
    let keys: Vec<String> = own
        .map(|c| c.name.clone())
        .chain(
            entry
                .referenced_by
                .iter()
                .map(|(from, key)| format!("{key} of {from}")),
        )
        .collect();
    if let (Some(true), Some(key)) = (target.map(|t| t.partitioned), keys.first()) {
        return Err(Refusal::new(
            "shadow",
            format!(
                "a partitioned table has no foreign keys on {}, and none can point to it: drop {key} before this, by drop_constraint, and keep what it holds by the applications",
                engine.title()
            ),
        ));
    }
    if let Some((from, key)) = entry
        .referenced_by
        .iter()
        .find(|(from, _)| from.schema.is_some())
    {
        return Err(Refusal::new(
            "table",
            format!(
                "the foreign key {key} of {from} points to {table} out of another database and would stay with the old table; drop it before the swap, and make it again after it"
            ),
        ));
    }
    for (from, name) in &entry.referenced_by {
        let key = world
            .table(from)
            .and_then(|t| t.constraints.iter().find(|c| c.name == *name));
        let Some(key) = key.filter(|_| from != table) else {
            continue;
        };
        if updates(engine, &key.definition) {
            return Err(Refusal::new(
                "table",
                format!(
                    "the foreign key {name} of {from} changes {from} with the key of {table} (ON UPDATE): while both tables are there, the one would change before the other; make it one without onUpdate first, by drop_constraint and add_foreign_key"
                ),
            ));
        }
    }
    let moved = entry
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::ForeignKey)
        .find(|key| {
            let kept = |c: &String| link.takes(engine, c) == Some(c.as_str());
            !link.columns.is_empty() && !key.columns.iter().all(kept)
        });
    if let Some(key) = moved {
        return Err(Refusal::new(
            "table",
            format!(
                "the foreign key {} of {table} is on columns that {shadow} has not as they are; drop_constraint before the swap, and add_foreign_key after it",
                key.name
            ),
        ));
    }
    Ok(())
}

/// Whether a foreign key changes its rows when the key that it points to changes.
fn updates(engine: Engine, definition: &str) -> bool {
    lexer::significant(engine, definition)
        .unwrap_or_default()
        .windows(3)
        .any(|w| w[0].is("on") && w[1].is("update") && (w[2].is("cascade") || w[2].is("set")))
}

/// The same step, which is done already where the condition does not hold.
fn unless(condition: &str, mut draft: Draft) -> Draft {
    if let Action::Ddl { done_sql, .. } = &mut draft.action {
        let done = done_sql.trim_start_matches("SELECT ").to_owned();
        *done_sql = format!("SELECT (NOT {condition} OR {done})");
    }
    draft
}

/// A foreign key that the swap takes along: out of the table, or of another one towards it.
struct Key<'a> {
    /// The other table; absent for the table's own.
    from: Option<&'a TableName>,
    key: &'a Constraint,
}

impl Swap<'_> {
    fn engine(&self) -> Engine {
        self.world.engine
    }

    fn sql(&self, table: &TableName) -> String {
        quote::table(self.engine(), table)
    }

    fn there(&self) -> Texts<'_> {
        Texts::new(self.world, self.table, self.link)
    }

    fn back_again(&self) -> Texts<'_> {
        Texts::new(self.world, self.table, self.reverse)
    }

    fn step(&self, draft: Draft) -> Draft {
        draft
            .touching(self.table)
            .touching(self.shadow)
            .touching(self.old)
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let target = self.world.table(self.shadow);
        let has = |c: &Constraint| {
            target.is_some_and(|t| {
                t.constraints
                    .iter()
                    .any(|k| k.kind == c.kind && k.columns == c.columns)
            })
        };
        let own = self
            .entry
            .into_iter()
            .flat_map(|t| &t.constraints)
            .filter(|c| c.kind == ConstraintKind::ForeignKey && !has(c))
            .map(|key| Key { from: None, key });
        let others = self.incoming().map(|(from, key)| Key {
            from: Some(from),
            key,
        });
        own.chain(others).collect()
    }

    /// The name that a foreign key has while the other table still has its own.
    fn second_name(&self, key: &Key<'_>, forward: bool) -> String {
        let from = key.from.unwrap_or(self.table);
        let to = if forward { self.shadow } else { self.old };
        let stem = Shadow::stem(from, to);
        let stem = stem.rsplit('_').next().unwrap_or_default();
        quote::made_up(&format!("bellows_fk_{stem}_{}", key.key.name))
    }

    /// The definition with the table that it points to under another name, where that is one of
    /// the two.
    fn pointing_to(&self, key: &Key<'_>, to: &TableName) -> String {
        let points_here = key.key.references.as_ref() == Some(self.table);
        if !points_here {
            return key.key.definition.clone();
        }
        let engine = self.engine();
        let definition = &key.key.definition;
        let tokens = lexer::significant(engine, definition).unwrap_or_default();
        let name = tokens
            .iter()
            .position(|t| t.is("references"))
            .and_then(|at| tokens.get(at + 1));
        match name {
            Some(name) => format!(
                "{}{}{}",
                &definition[..name.start],
                self.sql(to),
                &definition[name.end()..]
            ),
            None => definition.clone(),
        }
    }

    /// The foreign key on its table, or on the one of the two of that name.
    fn add_key(&self, key: &Key<'_>, name: &str, on: &TableName, done: &str) -> Draft {
        let table = key.from.unwrap_or(on);
        let mut draft = add_foreign_key(
            self.world,
            table,
            name,
            &self.pointing_to(key, on),
            format!("Add the foreign key {name} to {table}"),
        );
        if let Action::Ddl { done_sql, .. } = &mut draft.action {
            *done_sql = format!("SELECT {done}");
        }
        self.step(draft)
    }

    fn drop_key(&self, key: &Key<'_>, name: &str, on: &TableName, done: &str) -> Draft {
        let table = key.from.unwrap_or(on);
        let mut draft = drop_constraint(self.world, table, name, Some(ConstraintKind::ForeignKey));
        draft.title = format!("Drop the foreign key {name} of {table}");
        if let Action::Ddl { done_sql, .. } = &mut draft.action {
            *done_sql = format!("SELECT {done}");
        }
        self.step(draft)
    }

    /// The index that the servers made for a foreign key they made in place of the one for the
    /// first key, and leave it under the second one's name.
    fn name_index(&self, key: &Key<'_>, second: &str) -> Draft {
        let table = key.from.unwrap_or(self.table);
        self.step(name_key_index(self.world, table, second, &key.key.name))
    }

    /// The condition that the foreign key is there under that name: between its own table and the
    /// one of the two of that name.
    fn key_is(&self, key: &Key<'_>, name: &str, on: &TableName) -> String {
        let engine = self.engine();
        let table = key.from.unwrap_or(on);
        let to = match &key.key.references {
            Some(to) if to != self.table => to,
            Some(_) | None => on,
        };
        format!(
            "EXISTS (SELECT 1 FROM information_schema.referential_constraints WHERE constraint_schema = {} AND table_name = {} AND constraint_name = {} AND referenced_table_name = {})",
            database(engine, table),
            quote::literal(engine, &table.name),
            quote::literal(engine, name),
            quote::literal(engine, &to.name)
        )
    }

    /// A view of that name stands in for a table that is not there yet: what triggers name must be
    /// there, and a view can be dropped by no mistake that costs rows.
    fn stand_in(&self, name: &TableName) -> Draft {
        let sql = format!("CREATE VIEW {} AS SELECT 1 AS bellows", self.sql(name));
        self.step(ddl(
            format!("Hold the name {name}"),
            name,
            Statement::brief(sql, Lock::None).outside(),
            &catalogue::table(self.engine(), name),
        ))
    }

    fn stand_aside(&self, name: &TableName) -> Draft {
        let sql = format!("DROP VIEW IF EXISTS {}", self.sql(name));
        let there = format!(
            "EXISTS (SELECT 1 FROM information_schema.views WHERE table_schema = {} AND table_name = {})",
            database(self.engine(), name),
            quote::literal(self.engine(), &name.name)
        );
        self.step(ddl(
            format!("Give the name {name} back"),
            name,
            Statement::brief(sql, Lock::MetadataExclusive).outside(),
            &format!("NOT {there}"),
        ))
    }

    /// All names at once: `from` takes the table's, the table takes `to`, and the view between
    /// them the other way.
    fn rename(&self, from: &TableName, to: &TableName, title: String, done: &str) -> Draft {
        let between = TableName {
            schema: self.table.schema.clone(),
            name: format!("{}_name", self.link.trigger),
        };
        let pairs = [
            (to, &between),
            (self.table, to),
            (from, self.table),
            (&between, from),
        ];
        let list: Vec<String> = pairs
            .iter()
            .map(|(a, b)| format!("{} TO {}", self.sql(a), self.sql(b)))
            .collect();
        self.step(ddl(
            title,
            self.table,
            Statement::brief(
                format!("RENAME TABLE {}", list.join(", ")),
                Lock::MetadataExclusive,
            )
            .outside(),
            done,
        ))
    }

    /// The next number that the table would give, where it gives any: rows that came and went
    /// have had theirs. What comes from now on moves the copy's number on by the triggers.
    fn next_number(&self) -> Option<Draft> {
        let engine = self.engine();
        let numbers = |c: &&crate::schema::Column| {
            let tokens = lexer::significant(engine, c.definition.as_deref().unwrap_or_default());
            tokens.is_ok_and(|tokens| tokens.iter().any(|t| t.is("auto_increment")))
        };
        let column = self.entry?.columns.iter().find(numbers)?;
        let copy = self.link.takes(engine, &column.name)?;
        // A table that numbers no rows takes the statement and does nothing.
        let known = self.world.table(self.shadow).and_then(|t| t.column(copy));
        if known.is_some_and(|c| !numbers(&c)) {
            return None;
        }
        let alter = format!("ALTER TABLE {} AUTO_INCREMENT = ", self.sql(self.shadow));
        let fresh = match engine {
            Engine::MySql => "SET SESSION information_schema_stats_expiry = 0; ",
            Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => "",
        };
        let sql = format!(
            "{fresh}SELECT concat({}, coalesce(auto_increment, 1), ', ALGORITHM=INPLACE, LOCK=NONE') INTO @bellows_next FROM information_schema.tables WHERE table_schema = {} AND table_name = {}; PREPARE bellows_next FROM @bellows_next; EXECUTE bellows_next; DEALLOCATE PREPARE bellows_next",
            quote::literal(engine, &alter),
            database(engine, self.table),
            quote::literal(engine, &self.table.name)
        );
        Some(self.step(ddl(
            format!("Let {} number its rows as {} does", self.shadow, self.table),
            self.shadow,
            Statement::brief(sql, Lock::MetadataExclusive).outside(),
            REPEATABLE,
        )))
    }

    /// The copy takes the table's place.
    pub(in crate::operation) fn forward_mysql(&self) -> Result<Vec<Draft>, Refusal> {
        let keys = self.keys();
        let mut out: Vec<Draft> = self.next_number().into_iter().collect();
        for key in &keys {
            let second = self.second_name(key, true);
            // By then it may be on the table, and point to it.
            let done = format!(
                "({} OR {})",
                self.key_is(key, &second, self.shadow),
                self.key_is(key, &second, self.table)
            );
            out.push(self.add_key(key, &second, self.shadow, &done));
        }
        out.push(self.stand_in(self.old));
        out.extend(self.back_again().install(self.shadow));
        out.push(self.rename(
            self.shadow,
            self.old,
            format!("Put {} in the place of {}", self.shadow, self.table),
            &self.back_again().is_on(self.table),
        ));
        out.extend(self.there().remove());
        out.push(self.stand_aside(self.shadow));
        for key in &keys {
            let (name, second) = (&key.key.name, self.second_name(key, true));
            let on_old = self.key_is(key, name, self.old);
            out.push(self.drop_key(key, name, self.old, &format!("NOT {on_old}")));
            out.push(self.add_key(key, name, self.table, &self.key_is(key, name, self.table)));
            let left = self.key_is(key, &second, self.table);
            out.push(self.drop_key(key, &second, self.table, &format!("NOT {left}")));
        }
        Ok(out)
    }

    /// The old table has its place again, with what was written since. Every step asks what it
    /// finds: the swap may have been cut off anywhere.
    pub(in crate::operation) fn back_mysql(&self) -> Result<Vec<Draft>, Refusal> {
        let keys = self.keys();
        let swapped = self.back_again().is_on(self.table);
        let mut out = Vec::new();
        for key in &keys {
            let second = self.second_name(key, false);
            let done = format!(
                "(NOT {swapped} OR {} OR {})",
                self.key_is(key, &key.key.name, self.old),
                self.key_is(key, &second, self.old)
            );
            out.push(self.add_key(key, &second, self.old, &done));
        }
        // Where it was cut off before that moment, the table never left its place.
        out.push(unless(&swapped, self.stand_in(self.shadow)));
        let install = self.there().install(self.old);
        out.extend(install.into_iter().map(|draft| unless(&swapped, draft)));
        out.push(self.rename(
            self.old,
            self.shadow,
            format!("Put {} back in its place", self.table),
            &format!("NOT {swapped}"),
        ));
        out.extend(self.back_again().remove());
        out.push(self.stand_aside(self.old));
        for key in &keys {
            let name = &key.key.name;
            for (gone, on) in [
                (name.clone(), self.shadow),
                (self.second_name(key, true), self.shadow),
            ] {
                let left = self.key_is(key, &gone, on);
                out.push(self.drop_key(key, &gone, on, &format!("NOT {left}")));
            }
            out.push(self.add_key(key, name, self.table, &self.key_is(key, name, self.table)));
            let second = self.second_name(key, false);
            let left = self.key_is(key, &second, self.table);
            out.push(self.drop_key(key, &second, self.table, &format!("NOT {left}")));
            out.push(self.name_index(key, &self.second_name(key, true)));
            out.push(self.name_index(key, &second));
        }
        Ok(out)
    }
}
