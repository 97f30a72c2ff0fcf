//! The values of a column that is to be dropped, by the key of their rows, in a table of Bellows'
//! own. On PostgreSQL triggers keep it in step from before its rows are copied until the transaction
//! of the drop takes them away, so that no write slips between. On SQLite, which writes the whole
//! table anew to drop a column, nobody else writing meanwhile, the values are copied in that very
//! transaction. MySQL and MariaDB have no such transaction: there the triggers stay until the column
//! is gone, and then do nothing any more.
//!
//! Where the column is kept in step with others, these are saved too: on the way back a row in
//! which they are as they were gets the value that was saved, and one that was written since gets
//! what the conversion makes of them.

mod back;

use super::{OURS, Saved, bytes, place, present};
use crate::dialect::create_table::CreateTable;
use crate::dialect::quote;
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::operation::backfill::walk;
use crate::operation::behave::Draft;
use crate::operation::drop_column::DropColumn;
use crate::operation::shadow::{self, Texts};
use crate::operation::{mysql, restore};
use crate::plan::{Action, Lock, SavedCopy, Statement};
use crate::schema::{Column, DualWrite, HeldColumn, Schema, Shadow, Table, TableName, World};

/// What rows get that were written since.
struct Mapping {
    /// The expression over the row.
    sql: String,
    /// The columns that it is made from.
    from: Vec<String>,
}

/// The values of a column, kept.
pub(in crate::operation) struct ColumnCopy<'w> {
    world: &'w World,
    table: TableName,
    column: String,
    known: Option<&'w Table>,
    shadow: Shadow,
    mapping: Option<Mapping>,
}

/// Why no copy can be had.
fn obstacle(engine: Engine, table: &Table, column: &Column) -> Option<&'static str> {
    let text = table.create_sql.as_deref();
    if engine == Engine::Sqlite && text.is_none_or(|sql| CreateTable::parse(sql).is_err()) {
        return Some("the table's definition cannot be made again");
    }
    if column.generated {
        return Some("the server gives its values");
    }
    let key = table.row_key(engine);
    if key.is_empty() {
        return Some("the table has no key to find its rows by");
    }
    if key.contains(&column.name) {
        return Some("it belongs to the key that its rows would be found by");
    }
    if table.partitioned || !table.heirs.is_empty() {
        return Some("the table is partitioned, or others inherit from it");
    }
    if table.attached.force_row_security {
        return Some("row security is in force for the table's owner, too");
    }
    None
}

/// What the other side of a dual write makes of the column.
fn mapping(parted: &[&DualWrite], column: &str) -> Option<Mapping> {
    parted.iter().find_map(|dual_write| {
        let sides = [
            (&dual_write.backward, &dual_write.new),
            (&dual_write.forward, &dual_write.old),
        ];
        sides.into_iter().find_map(|(side, from)| {
            let names = |from: &[HeldColumn]| from.iter().map(|c| c.column.clone()).collect();
            Some(Mapping {
                sql: side.get(column)?.clone(),
                from: names(from),
            })
        })
    })
}

/// The copy of what the operation drops.
pub(in crate::operation) fn of<'w>(
    drop: &DropColumn,
    world: &'w World,
    table: &TableName,
) -> Saved<ColumnCopy<'w>> {
    let Some(stem) = world.saving.as_ref().filter(|_| drop.saved_copy) else {
        return Saved::No;
    };
    if world.added(table, &drop.column).is_some() {
        return Saved::No;
    }
    let known = world.table(table).filter(|_| world.is_whole(table));
    let column = known.map(|t| t.column(&drop.column));
    if let (Some(table), Some(Some(column))) = (known, column)
        && let Some(why) = obstacle(world.engine, table, column)
    {
        return Saved::Cannot(why.into());
    }
    let mapping = mapping(&world.dual_writes(table, &drop.column), &drop.column);
    let key = known.map_or(&[][..], |t| t.row_key(world.engine)).to_vec();
    let mut columns: Vec<String> = key.clone();
    let more = mapping.iter().flat_map(|m| &m.from);
    for name in std::iter::once(&drop.column).chain(more) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    let word = format!("{stem}_{}_{}", table.name, drop.column);
    let target = place(world.engine, &word);
    let shadow = Shadow {
        trigger: Shadow::stem(table, &target),
        target,
        columns: columns
            .into_iter()
            .map(|c| (c.clone(), quote::name(world.engine, &c)))
            .collect(),
        source_key: key.clone(),
        key,
        filter: None,
        each: None,
        fixed: Vec::new(),
    };
    if world.engine.is_mysql_family()
        && let Err(refusal) = shadow::mysql::problem(world, table, &shadow)
    {
        return Saved::Cannot(refusal.message);
    }
    Saved::Kept(ColumnCopy {
        world,
        table: table.clone(),
        column: drop.column.clone(),
        known,
        shadow,
        mapping,
    })
}

/// What takes a copy away whose run ended before its column was dropped; nothing where that is not
/// what the triggers are for.
pub(crate) fn clean_up(schema: &Schema, table: &TableName, shadow: &Shadow) -> Option<String> {
    if shadow.target.schema.as_deref() != Some(OURS) || schema.engine != Engine::PostgreSql {
        return None;
    }
    let world = World::new(schema.engine, Some(schema), std::slice::from_ref(table));
    let mut out: Vec<String> = Texts::new(&world, table, shadow)
        .remove()
        .into_iter()
        .map(|statement| statement.sql)
        .collect();
    let place = quote::table(schema.engine, &shadow.target);
    out.push(format!("DROP TABLE IF EXISTS {place}"));
    Some(out.join("; "))
}

impl ColumnCopy<'_> {
    fn place(&self) -> String {
        quote::table(self.world.engine, &self.shadow.target)
    }

    fn named(&self, name: &str) -> String {
        quote::name(self.world.engine, name)
    }

    fn own(&self) -> String {
        self.named(&self.column)
    }

    fn texts(&self) -> Texts<'_> {
        Texts::new(self.world, &self.table, &self.shadow)
    }

    /// A column of the copy as CREATE TABLE has it.
    fn item(&self, name: &str) -> String {
        let engine = self.world.engine;
        let known = self.known.and_then(|t| t.column(name));
        match known {
            Some(known) => {
                let bare = Column {
                    default: None,
                    generated_as: None,
                    ..known.clone()
                };
                restore::definition(engine, &bare, false)
            }
            None => format!("{} /* its type */ text", quote::name(engine, name)),
        }
    }

    fn make(&self) -> Statement {
        let mut items: Vec<String> = self
            .shadow
            .columns
            .iter()
            .map(|(name, _)| self.item(name))
            .collect();
        if self.shadow.key.is_empty() {
            items.insert(0, "key /* its key */ text PRIMARY KEY".into());
        } else {
            let key = quote::names(self.world.engine, &self.shadow.key);
            items.push(format!("PRIMARY KEY ({key})"));
        }
        Statement::brief(
            format!(
                "CREATE TABLE {} (\n  {}\n)",
                self.place(),
                items.join(",\n  ")
            ),
            Lock::None,
        )
    }

    /// The steps that come before the drop.
    pub(in crate::operation) fn keep(&self) -> Vec<Draft> {
        let (mut drafts, copy, compare) = match self.world.engine {
            Engine::PostgreSql => {
                let texts = self.texts();
                let key = walk(self.world, &self.table);
                let mut first = vec![self.make()];
                first.extend(texts.install());
                let first = Draft::transaction(
                    format!(
                        "Save every write of {} in {}",
                        self.what(),
                        self.shadow.target
                    ),
                    &self.table,
                    first,
                );
                (vec![first], texts.copy(key.clone()), texts.compare(key))
            }
            Engine::MySql | Engine::MariaDb => {
                let texts = self.mysql();
                let key = walk(self.world, &self.table);
                let mut drafts = vec![self.make_on_mysql()];
                drafts.extend(texts.install(&self.table));
                (drafts, texts.copy(key.clone()), texts.compare(key))
            }
            Engine::Sqlite => return Vec::new(),
        };
        drafts.push(Draft::new(
            format!("Save the values of {}", self.what()),
            &self.table,
            Action::Copy(copy),
        ));
        drafts.push(Draft::new(
            format!("Compare what was saved with {}", self.what()),
            &self.table,
            Action::Compare(compare),
        ));
        drafts
    }

    fn what(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }

    fn mysql(&self) -> shadow::mysql::Texts<'_> {
        shadow::mysql::Texts::new(self.world, &self.table, &self.shadow).outliving()
    }

    /// The types are those of the table, and the numbers are not counted up.
    fn make_on_mysql(&self) -> Draft {
        let names: Vec<String> = self
            .shadow
            .columns
            .iter()
            .map(|(c, _)| self.named(c))
            .collect();
        let key = match self.shadow.key.as_slice() {
            [] => "/* its key */".to_owned(),
            key => quote::names(self.world.engine, key),
        };
        let sql = format!(
            "CREATE TABLE {} (PRIMARY KEY ({key})) ENGINE=InnoDB AS SELECT {} FROM {} WHERE false",
            self.place(),
            names.join(", "),
            quote::table(self.world.engine, &self.table)
        );
        let title = format!(
            "Make {} for the values of {}",
            self.shadow.target,
            self.what()
        );
        mysql::make(self.world, title, &self.shadow.target, sql)
    }

    /// How many these are.
    fn steps(&self) -> usize {
        match self.world.engine {
            Engine::PostgreSql => 3,
            Engine::MySql | Engine::MariaDb => 6,
            Engine::Sqlite => 0,
        }
    }

    /// What comes behind the drop, where every statement commits by itself.
    pub(in crate::operation) fn afterwards(&self) -> Vec<Draft> {
        self.mysql().remove()
    }

    /// What comes first in the transaction of the drop.
    pub(in crate::operation) fn at_last(&self) -> Vec<Statement> {
        match self.world.engine {
            // From here on nobody writes.
            Engine::PostgreSql => self.texts().remove(),
            Engine::MySql | Engine::MariaDb => Vec::new(),
            Engine::Sqlite => {
                let names: Vec<String> = self
                    .shadow
                    .columns
                    .iter()
                    .map(|(c, _)| self.named(c))
                    .collect();
                let all = names.join(", ");
                let copy = Statement::new(
                    format!(
                        "INSERT INTO {} ({all}) SELECT {all} FROM {}",
                        self.place(),
                        quote::table(self.world.engine, &self.table)
                    ),
                    Lock::DatabaseWrite,
                    Work::Rewrite,
                    self.world.rows(&self.table),
                );
                vec![self.make(), copy]
            }
        }
    }

    fn drop(&self) -> String {
        format!("DROP TABLE IF EXISTS {}", self.place())
    }

    /// What is known of the copy, and the step that makes it worth something.
    pub(in crate::operation) fn record(&self) -> (usize, SavedCopy) {
        let place = self.place();
        let copy = SavedCopy {
            step: String::new(),
            table: self.table.clone(),
            column: Some(self.column.clone()),
            present_sql: present(self.world.engine, &self.shadow.target),
            bytes_sql: bytes(self.world.engine, &self.shadow.target),
            remove: vec![self.drop()],
            place,
            needs: self.need().into_iter().collect(),
        };
        (self.steps(), copy)
    }
}
