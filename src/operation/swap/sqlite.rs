//! The swap on SQLite: two renamings in one transaction, in which nothing else is renamed.
//!
//! With `legacy_alter_table` on and foreign keys off a renaming changes the table's own text, its
//! indexes' and no more (manual, `lang_altertable`; `alter.c`): views, other tables' foreign keys
//! and other tables' triggers go on meaning the name that they say, which is the new table's. The
//! table's own triggers would go along with the old one, and are made again.

use crate::dialect::create_table::CreateTable;
use crate::dialect::{lexer, quote};
use crate::document::Engine;
use crate::operation::behave::Draft;
use crate::operation::shadow::sqlite::Link;
use crate::operation::sqlite::write;
use crate::plan::{Action, Statement};
use crate::schema::{Refusal, Shadow, Table, TableName, World, created, is_bellows_trigger};

fn named(name: &TableName) -> String {
    quote::name(Engine::Sqlite, &name.name)
}

/// The two tables and what is known of them.
pub(in crate::operation) struct Swap<'a> {
    pub(in crate::operation) world: &'a World,
    /// The name that applications use, before and after.
    pub(in crate::operation) table: &'a TableName,
    /// What the new table is called before.
    pub(in crate::operation) shadow: &'a TableName,
    /// What the old table is called after.
    pub(in crate::operation) old: &'a TableName,
    /// How the new table is kept in step before.
    pub(in crate::operation) link: &'a Shadow,
    /// How the old table is kept in step after.
    pub(in crate::operation) reverse: &'a Shadow,
}

impl Swap<'_> {
    fn entry(&self) -> Option<&Table> {
        self.world.table(self.table)
    }

    fn new_table(&self) -> Option<&Table> {
        self.world.table(self.shadow)
    }

    /// The table's triggers that are not Bellows' own, each with its name.
    fn triggers(&self) -> Vec<(String, &String)> {
        let texts = self.entry().map(|t| t.dependents.as_slice());
        texts
            .unwrap_or_default()
            .iter()
            .filter_map(|sql| match created(sql) {
                Some((kind, name)) if kind == "trigger" && !is_bellows_trigger(&name) => {
                    Some((name, sql))
                }
                Some(_) | None => None,
            })
            .collect()
    }

    /// One name goes to the one table, and then the other's to the other.
    fn rename(&self, first: [&TableName; 2], second: [&TableName; 2]) -> Vec<Statement> {
        let rename = |[from, to]: [&TableName; 2]| {
            write(format!(
                "ALTER TABLE {} RENAME TO {}",
                named(from),
                named(to)
            ))
        };
        let mut out: Vec<Statement> = self
            .triggers()
            .iter()
            .map(|(name, _)| {
                write(format!(
                    "DROP TRIGGER IF EXISTS {}",
                    quote::name(Engine::Sqlite, name)
                ))
            })
            .collect();
        out.push(write("PRAGMA legacy_alter_table = ON"));
        out.push(rename(first));
        out.push(rename(second));
        out.push(write("PRAGMA legacy_alter_table = OFF"));
        out.extend(
            self.triggers()
                .into_iter()
                .map(|(_, sql)| write(sql.clone())),
        );
        out
    }

    /// Keys that count up go on after the greatest that either table has given.
    fn counter(&self, other: &TableName) -> Vec<Statement> {
        let counts = |table: Option<&Table>| {
            table
                .and_then(|t| CreateTable::parse(t.create_sql.as_deref()?).ok())
                .is_some_and(|text| text.autoincrement())
        };
        if !counts(self.entry()) || !counts(self.new_table()) {
            return Vec::new();
        }
        let text = |name: &TableName| quote::literal(Engine::Sqlite, &name.name);
        let (own, other) = (text(self.table), text(other));
        vec![
            write(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT {own}, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = {own})"
            )),
            write(format!(
                "UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ({own}, {other})) WHERE name = {own}"
            )),
        ]
    }

    /// Every kind of write, of no row, and every view: what hangs on the table and does not go
    /// with its columns would else be found by an application. Before that, the other triggers.
    fn tried(&self, table: Option<&Table>) -> Vec<Statement> {
        let Some(table) = table.filter(|t| !t.columns.is_empty()) else {
            return Vec::new();
        };
        let columns: Vec<String> = table
            .columns
            .iter()
            .filter(|c| !c.generated)
            .map(|c| quote::name(Engine::Sqlite, &c.name))
            .collect();
        let (own, list) = (named(self.table), columns.join(", "));
        let set: Vec<String> = columns.iter().map(|c| format!("{c} = {c}")).collect();
        let mut out = vec![
            write(format!(
                "INSERT INTO {own} ({list}) SELECT {list} FROM {own} WHERE false"
            )),
            write(format!("UPDATE {own} SET {} WHERE false", set.join(", "))),
            write(format!("DELETE FROM {own} WHERE false")),
        ];
        let views = self.entry().map(|t| t.views.as_slice()).unwrap_or_default();
        out.extend(
            views
                .iter()
                .map(|v| write(format!("SELECT * FROM {} LIMIT 0", named(&v.view)))),
        );
        out
    }

    /// The copy takes the table's place.
    pub(in crate::operation) fn forward(&self, title: String) -> Draft {
        let link = Link::new(self.world, self.table, self.link);
        let mut out = vec![link.must_be_in_step()];
        out.extend(link.remove());
        out.extend(self.rename([self.table, self.old], [self.shadow, self.table]));
        out.extend(self.counter(self.old));
        let after = self.after();
        out.extend(Link::new(&after, self.table, self.reverse).install());
        out.extend(self.tried(self.new_table()));
        self.draft(title, out)
    }

    /// The old table has its place again, with what was written since.
    pub(in crate::operation) fn back(&self, title: String) -> Draft {
        let after = self.after();
        let reverse = Link::new(&after, self.table, self.reverse);
        let mut out = vec![reverse.must_be_in_step()];
        out.extend(reverse.remove());
        out.extend(self.rename([self.table, self.shadow], [self.old, self.table]));
        out.extend(self.counter(self.shadow));
        out.extend(Link::new(self.world, self.table, self.link).install());
        out.extend(self.tried(self.entry()));
        self.draft(title, out)
    }

    /// The world after the swap, in which the table's name means the new one.
    fn after(&self) -> World {
        let mut after = self.world.clone();
        // Refused where the operation is applied; what is planned here went through that.
        if after
            .swap_tables(self.table, self.shadow, self.old)
            .is_err()
        {
            return self.world.clone();
        }
        after
    }

    fn draft(&self, title: String, statements: Vec<Statement>) -> Draft {
        let mut tables = vec![self.table.clone(), self.shadow.clone(), self.old.clone()];
        let ends = [self.entry(), self.new_table()];
        for table in ends.into_iter().flatten() {
            let from = table.referenced_by.iter().map(|(from, _)| from);
            let to = table
                .constraints
                .iter()
                .filter_map(|c| c.references.as_ref());
            for other in from.chain(to) {
                if !tables.contains(other) {
                    tables.push(other.clone());
                }
            }
        }
        Draft {
            undoes: None,
            title,
            tables,
            action: Action::Rebuild {
                table: self.table.clone(),
                statements,
            },
        }
    }
}

/// Refuses tables whose texts would mean another one after the swap.
pub(in crate::operation) fn refuse(
    world: &World,
    table: &TableName,
    shadow: &TableName,
) -> Result<(), Refusal> {
    if let Some(why) = world.table(shadow).and_then(|t| knows_itself(t, shadow)) {
        return Err(Refusal::new(
            "shadow",
            format!(
                "{shadow} is to take another name, and {why}; leave that name out, and let a foreign key say {table}"
            ),
        ));
    }
    let own = world.table(table).and_then(|t| {
        let text = CreateTable::parse(t.create_sql.as_deref()?).ok()?;
        text.calls_itself().map(str::to_owned)
    });
    if let Some(item) = own {
        return Err(Refusal::new(
            "table",
            format!(
                "{table} is to take another name, and its definition says `{}`, which would not follow; make the change by an operation that makes the table anew in one transaction",
                item.trim()
            ),
        ));
    }
    let known = world.table(shadow).map(|t| t.dependents.as_slice());
    let by_name = known.unwrap_or_default().iter().find(|sql| {
        lexer::significant(Engine::Sqlite, sql).is_ok_and(|tokens| {
            tokens
                .windows(2)
                .any(|w| w[0].names(Engine::Sqlite, &shadow.name) && w[1].is_symbol("."))
        })
    });
    match by_name {
        Some(sql) => Err(Refusal::new(
            "shadow",
            format!("{shadow} is to take another name, and this would not follow: {sql}"),
        )),
        None => Ok(()),
    }
}

/// Whether the table's own definition calls its columns by its own name, or points to itself by it:
/// that would not follow another name for the table.
fn knows_itself(table: &Table, name: &TableName) -> Option<String> {
    let text = CreateTable::parse(table.create_sql.as_deref()?).ok()?;
    let own = table
        .constraints
        .iter()
        .find(|c| c.references.as_ref() == Some(name))
        .map(|c| format!("the foreign key {} points to it by that name", c.name));
    own.or_else(|| {
        text.calls_itself()
            .map(|item| format!("its definition says `{}`", item.trim()))
    })
}
