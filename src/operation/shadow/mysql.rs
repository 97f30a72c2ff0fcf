//! MySQL's and MariaDB's triggers that keep another table in step: one after each delete, update
//! and insert of a row. Each is made and dropped by a statement that commits by itself. That of
//! the deletes comes first and that of the inserts last, so that no row ever gets into the copy
//! that a later write would not reach there. They write what the row is when they run, as the
//! table has it.
//!
//! They fire row by row, and a table may have them whose copy has them too, back to it: a swap
//! needs both at its one moment. What a trigger of ours writes must not come back by the other
//! one, so it marks the statement by its time, which no later statement has; a mark that was left
//! behind by a statement that was killed says nothing any more.

use super::super::behave::Draft;
use super::super::mysql::ddl;
use super::list;
use crate::dialect::{column_definition, expression, lexer, quote};
use crate::document::Engine;
use crate::plan::{Lock, Statement};
use crate::schema::{Column, Shadow, TableName, World};

mod batches;
mod limits;

pub(in crate::operation) use limits::problem;

/// What a trigger notes while it writes.
const MARK: &str = "@bellows_copying";

/// What no column can take: an error in every sql_mode, where a NULL may become a 0.
pub(super) const NO_VALUE: &str = "(SELECT 1 UNION ALL SELECT 2)";

/// The moment at which the statement began, whatever triggers it fires.
const MOMENT: &str = "now(6) + 0";

/// The texts of one link.
pub(in crate::operation) struct Texts<'a> {
    world: &'a World,
    source: &'a TableName,
    shadow: &'a Shadow,
    /// Whether a column that is copied may go before the triggers do.
    outlives: bool,
}

/// What a trigger fires after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Delete,
    Update,
    Insert,
}

const EVENTS: [Event; 3] = [Event::Delete, Event::Update, Event::Insert];

/// The condition that the trigger is there, on whatever table it is by now.
fn is_there(world: &World, table: &TableName, trigger: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM information_schema.triggers WHERE trigger_schema = {} AND trigger_name = {})",
        database(world.engine, table),
        quote::literal(world.engine, trigger)
    )
}

/// The database of a table, as an expression.
pub(in crate::operation) fn database(engine: Engine, table: &TableName) -> String {
    match &table.schema {
        Some(schema) => quote::literal(engine, schema),
        None => "database()".to_owned(),
    }
}

/// What ends the copies into a table, before it goes: their triggers would fail every write.
pub(in crate::operation) fn leave_table(world: &World, target: &TableName) -> Vec<Draft> {
    world
        .copies_into(target)
        .into_iter()
        .flat_map(|(source, shadow)| Texts::new(world, source, shadow).remove())
        .collect()
}

/// What ends the copies that read the column, before it goes.
pub(in crate::operation) fn leave_column(
    world: &World,
    table: &TableName,
    column: &str,
) -> Vec<Draft> {
    let known = world.table(table).map(|t| t.shadows.as_slice());
    known
        .unwrap_or_default()
        .iter()
        .filter(|shadow| shadow.reads(world.engine, column))
        .flat_map(|shadow| Texts::new(world, table, shadow).remove())
        .collect()
}

impl<'a> Texts<'a> {
    pub(in crate::operation) fn new(
        world: &'a World,
        source: &'a TableName,
        shadow: &'a Shadow,
    ) -> Self {
        Self {
            world,
            source,
            shadow,
            outlives: false,
        }
    }

    /// The same, whose triggers name no column but in statements of their own, and take it for
    /// nothing to do where one is gone: it can be dropped while they are there.
    pub(in crate::operation) fn outliving(self) -> Self {
        Self {
            outlives: true,
            ..self
        }
    }

    fn name(&self, column: &str) -> String {
        quote::name(self.world.engine, column)
    }

    fn target(&self) -> String {
        quote::table(self.world.engine, &self.shadow.target)
    }

    /// What expressions call the row's table.
    fn alias(&self) -> String {
        self.name(&self.source.name)
    }

    /// The column of the source that a column of the target is, where it is one as it stands.
    fn plain_source(&self, column: &str) -> Option<String> {
        let sql = self.shadow.expression(column)?;
        let names = expression::names(self.world.engine, sql);
        match names.as_slice() {
            [one] if self.name(one) == sql => Some(one.clone()),
            _ => None,
        }
    }

    /// Whether each row becomes one, and its place in the copy is in its own columns as they are.
    fn stays(&self) -> bool {
        self.shadow.each.is_none()
            && self
                .shadow
                .key
                .iter()
                .all(|c| self.plain_source(c).is_some())
    }

    /// The columns of the target that find a row's copies, each with the source's column.
    fn place(&self) -> Vec<(String, String)> {
        if self.stays() {
            let key = self.shadow.key.iter();
            return key
                .filter_map(|c| Some((c.clone(), self.plain_source(c)?)))
                .collect();
        }
        let key = self.shadow.source_key.iter();
        key.filter_map(|s| {
            let copy = self.shadow.takes(self.world.engine, s)?;
            Some((copy.to_owned(), s.clone()))
        })
        .collect()
    }

    /// The names of the triggers, in the order of the events.
    fn names(&self) -> impl Iterator<Item = (Event, String)> {
        EVENTS.into_iter().zip(self.shadow.row_triggers())
    }

    /// FROM for rows of that origin.
    fn from(&self, origin: &str) -> String {
        let each = match &self.shadow.each {
            Some(each) => format!(", {}", each.trim()),
            None => String::new(),
        };
        format!("{origin} AS {}{each}", self.alias())
    }

    /// INSERT INTO the copy, before its rows.
    fn insert_into(&self) -> String {
        let columns: Vec<String> = self.columns().map(|(c, _)| c).collect();
        format!(
            "INSERT INTO {} ({})",
            self.target(),
            list(&columns, "its columns")
        )
    }

    /// The columns of the copy as SQL, with their expressions.
    fn columns(&self) -> impl Iterator<Item = (String, &str)> {
        self.shadow
            .columns
            .iter()
            .map(|(c, sql)| (self.name(c), sql.as_str()))
    }

    fn filter(&self) -> String {
        match &self.shadow.filter {
            Some(sql) => format!("({})", sql.trim()),
            None => "true".to_owned(),
        }
    }

    /// INSERT ... SELECT of the rows of that origin for which the condition holds.
    fn select(&self, origin: &str, condition: &str) -> String {
        let values: Vec<&str> = self.columns().map(|(_, sql)| sql).collect();
        format!(
            "{} SELECT {} FROM {} WHERE {condition}",
            self.insert_into(),
            list(&values, "its columns"),
            self.from(origin)
        )
    }

    /// What a row that is there gets. One that is there by another unique key is not this one, and
    /// the write fails, as one that the copy cannot hold.
    fn upsert(&self) -> String {
        let same: Vec<String> = self
            .shadow
            .key
            .iter()
            .map(|c| format!("{0}.{1} <=> VALUES({1})", self.target(), self.name(c)))
            .collect();
        let key = self.shadow.key.iter().enumerate().map(|(n, c)| {
            let c = self.name(c);
            if n == 0 {
                format!("{c} = IF({}, VALUES({c}), {NO_VALUE})", same.join(" AND "))
            } else {
                format!("{c} = VALUES({c})")
            }
        });
        let others = self
            .shadow
            .columns
            .iter()
            .filter(|(c, _)| !self.shadow.key.contains(c))
            .map(|(c, _)| format!("{0} = VALUES({0})", self.name(c)));
        let set: Vec<String> = if self.shadow.columns.is_empty() {
            Vec::new()
        } else {
            key.chain(others).collect()
        };
        format!("ON DUPLICATE KEY UPDATE {}", list(&set, "its columns"))
    }

    /// The row that was written, by its key.
    fn this_row(&self) -> String {
        let row: Vec<String> = self
            .shadow
            .source_key
            .iter()
            .map(|c| format!("{}.{1} = NEW.{1}", self.alias(), self.name(c)))
            .collect();
        if row.is_empty() {
            return "/* its key */ true".to_owned();
        }
        row.join(" AND ")
    }

    /// An expression over the row as the table has it.
    fn read(&self, sql: &str) -> String {
        let source = quote::table(self.world.engine, self.source);
        format!(
            "(SELECT {sql} FROM {source} AS {} WHERE {})",
            self.alias(),
            self.this_row()
        )
    }

    /// What a column of the copy gets. Where an UPDATE changes nothing, MariaDB shows a trigger an
    /// ON UPDATE column that moved, and leaves the row as it was.
    fn value(&self, column: &str, sql: &str) -> String {
        let engine = self.world.engine;
        let moves = |c: &Column| {
            let tokens = lexer::significant(engine, c.definition.as_deref().unwrap_or_default());
            c.generated
                || tokens.is_ok_and(|t| t.windows(2).any(|w| w[0].is("on") && w[1].is("update")))
        };
        match self.plain_source(column) {
            Some(source) if self.outlives && !self.shadow.source_key.contains(&source) => {
                // By its table's name: another column of that name would else be taken for it.
                self.read(&format!("{}.{}", self.alias(), self.name(&source)))
            }
            Some(source) if !self.world.column(self.source, &source).is_some_and(moves) => {
                format!("NEW.{}", self.name(&source))
            }
            Some(_) | None => self.read(sql),
        }
    }

    /// Writes what the row is now. Of one row always by VALUES: for a SELECT these servers may
    /// keep the numbering of the copy locked until the end of the application's statement.
    fn put(&self) -> String {
        if self.shadow.each.is_some() {
            let source = quote::table(self.world.engine, self.source);
            let condition = format!("{} AND {}", self.this_row(), self.filter());
            return format!("{} {};", self.select(&source, &condition), self.upsert());
        }
        let values: Vec<String> = self
            .shadow
            .columns
            .iter()
            .map(|(column, sql)| self.value(column, sql))
            .collect();
        let put = format!(
            "{} VALUES ({}) {};",
            self.insert_into(),
            list(&values, "its columns"),
            self.upsert()
        );
        match &self.shadow.filter {
            Some(sql) => format!(
                "IF {} THEN\n      {put}\n    END IF;",
                self.read(&format!("({})", sql.trim()))
            ),
            None => put,
        }
    }

    /// Takes away what the row was.
    fn take(&self) -> String {
        let place: Vec<String> = self
            .place()
            .iter()
            .map(|(c, source)| format!("{} = OLD.{}", self.name(c), self.name(source)))
            .collect();
        let place = if place.is_empty() {
            "/* its key */ true".to_owned()
        } else {
            place.join(" AND ")
        };
        format!("DELETE FROM {} WHERE {place};", self.target())
    }

    /// What is done after an event.
    fn body(&self, event: Event) -> String {
        match event {
            Event::Delete => format!("    {}", self.take()),
            Event::Insert => format!("    {}", self.put()),
            Event::Update => {
                let body = if self.stays() && self.shadow.filter.is_none() {
                    let same: Vec<String> = self
                        .place()
                        .iter()
                        .map(|(_, source)| format!("OLD.{0} <=> NEW.{0}", self.name(source)))
                        .collect();
                    let same = if same.is_empty() {
                        "/* its key */ true".to_owned()
                    } else {
                        same.join(" AND ")
                    };
                    format!(
                        "    IF NOT ({same}) THEN\n      {}\n    END IF;\n    {}",
                        self.take(),
                        self.put()
                    )
                } else {
                    format!("    {}\n    {}", self.take(), self.put())
                };
                match self.unchanged() {
                    Some(unchanged) => format!(
                        "    IF NOT ({unchanged}) THEN\n{}\n    END IF;",
                        body.replace("\n    ", "\n      ")
                            .replacen("    ", "      ", 1)
                    ),
                    None => body,
                }
            }
        }
    }

    /// The condition that an UPDATE changed no column that is copied, where it can be had.
    fn unchanged(&self) -> Option<String> {
        if self.outlives {
            return None;
        }
        let engine = self.world.engine;
        let table = self
            .world
            .table(self.source)
            .filter(|_| self.world.is_whole(self.source))?;
        let (used, unused): (Vec<_>, Vec<_>) = table
            .columns
            .iter()
            .partition(|c| self.shadow.reads(engine, &c.name));
        if unused.is_empty() || used.is_empty() {
            return None;
        }
        let same: Vec<String> = used
            .iter()
            .map(|c| column_definition::unchanged(Some(&c.data_type), &self.name(&c.name)))
            .collect();
        Some(same.join(" AND "))
    }

    /// What makes the triggers on a table: the source under the name that it has then.
    pub(in crate::operation) fn install(&self, on: &TableName) -> Vec<Draft> {
        let engine = self.world.engine;
        // SQLSTATE of an unknown column.
        let gone = match self.outlives {
            true => "  DECLARE CONTINUE HANDLER FOR SQLSTATE '42S22' BEGIN END;\n",
            false => "",
        };
        self.names()
            .map(|(event, name)| {
                let word = match event {
                    Event::Delete => "DELETE",
                    Event::Update => "UPDATE",
                    Event::Insert => "INSERT",
                };
                let sql = format!(
                    "CREATE TRIGGER {} AFTER {word} ON {} FOR EACH ROW\nBEGIN\n  /* {} */\n{gone}  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN SET {MARK} = NULL; RESIGNAL; END;\n  IF NOT ({MARK} <=> {MOMENT}) THEN\n    SET {MARK} = {MOMENT};\n{}\n    SET {MARK} = NULL;\n  END IF;\nEND",
                    quote::within(engine, on, &name),
                    quote::table(engine, on),
                    self.shadow.marker(),
                    self.body(event)
                );
                ddl(
                    format!("Make the trigger {name} on {on}"),
                    on,
                    Statement::brief(sql, Lock::MetadataExclusive).outside(),
                    &is_there(self.world, on, &name),
                )
                .touching(&self.shadow.target)
            })
            .collect()
    }

    /// What takes the triggers away, whatever the table is called by now.
    pub(in crate::operation) fn remove(&self) -> Vec<Draft> {
        let engine = self.world.engine;
        let mut names: Vec<String> = self.names().map(|(_, name)| name).collect();
        names.reverse();
        names
            .iter()
            .map(|name| {
                let sql = format!(
                    "DROP TRIGGER IF EXISTS {}",
                    quote::within(engine, self.source, name)
                );
                ddl(
                    format!("Drop the trigger {name}"),
                    self.source,
                    Statement::brief(sql, Lock::MetadataExclusive).outside(),
                    &format!("NOT {}", is_there(self.world, self.source, name)),
                )
            })
            .collect()
    }

    /// The condition that the triggers are on the table of that name.
    pub(in crate::operation) fn is_on(&self, table: &TableName) -> String {
        let [_, _, insert] = self.shadow.row_triggers();
        crate::dialect::catalogue::trigger(self.world.engine, table, &insert)
    }

    /// Before the triggers are there, their statement is tried on no row: one that cannot run
    /// would fail every write of the applications. And a copy that holds rows already is refused
    /// by its own key, of which no row may come a second time: they would stay beside the copied
    /// ones.
    pub(in crate::operation) fn try_out(&self) -> Draft {
        let columns: Vec<String> = self.columns().map(|(c, _)| c).collect();
        let again = format!(
            "{} SELECT {} FROM {} LIMIT 1",
            self.insert_into(),
            list(&columns, "its columns"),
            self.target()
        );
        let origin = quote::table(self.world.engine, self.source);
        let tried = format!("{} {}", self.select(&origin, "false"), self.upsert());
        Draft::transaction(
            format!(
                "See that {} is empty and takes what {} holds",
                self.shadow.target, self.source
            ),
            &self.shadow.target,
            vec![
                Statement::brief(again, Lock::MetadataWrite),
                Statement::brief(tried, Lock::MetadataWrite),
            ],
        )
        .touching(self.source)
    }
}
