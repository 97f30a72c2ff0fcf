//! The triggers that keep another table in step: what they hold, how they come and how they go.
//!
//! They write what the row is when they run, not what it was when they were queued: where triggers
//! of the table's own change rows again, the last word stands, in whatever order they fire. Nothing
//! of a row's copy is deleted while some row still has its place there.

use crate::dialect::{expression, quote};
use crate::document::Engine;
use crate::plan::{Lock, RowLock, Statement};
use crate::schema::{Shadow, TableName, World};

mod batches;
pub(super) mod mysql;
pub(super) mod sqlite;

/// Types without an equality that everybody agrees on: compared by their text.
const BY_TEXT: &[&str] = &[
    "json", "xml", "point", "box", "path", "polygon", "line", "lseg", "circle",
];

/// A name as SQL. All of this is PostgreSQL's.
pub(super) fn named(name: &str) -> String {
    quote::name(Engine::PostgreSql, name)
}

/// A text as a literal.
pub(super) fn literal(text: &str) -> String {
    quote::literal(Engine::PostgreSql, text)
}

/// A table's name with its schema: what runs for others must not depend on their search path.
pub(super) fn qualified(table: &TableName) -> String {
    format!(
        "{}.{}",
        named(table.schema.as_deref().unwrap_or("public")),
        named(&table.name)
    )
}

/// `a = b AND c = d`.
fn equal(pairs: impl Iterator<Item = (String, String)>) -> String {
    let pairs: Vec<String> = pairs.map(|(a, b)| format!("{a} = {b}")).collect();
    if pairs.is_empty() {
        return "/* its key */ true".to_owned();
    }
    pairs.join(" AND ")
}

/// A list with commas; where nothing is known of it, the words for it.
fn list<T: AsRef<str>>(items: &[T], unknown: &str) -> String {
    if items.is_empty() {
        return format!("/* {unknown} */");
    }
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    items.join(", ")
}

/// What ends the copies that read the column: their triggers go before it does, or every write of
/// the table would fail. They do not come back with it, for it comes back empty.
pub(super) fn leave_column(world: &World, table: &TableName, column: &str) -> Vec<Statement> {
    let known = world.table(table).map(|t| t.shadows.as_slice());
    known
        .unwrap_or_default()
        .iter()
        .filter(|shadow| shadow.reads(world.engine, column))
        .flat_map(|shadow| remove(world, table, shadow))
        .collect()
}

/// What takes the triggers of a copy away.
fn remove(world: &World, source: &TableName, shadow: &Shadow) -> Vec<Statement> {
    if world.engine == Engine::Sqlite {
        return sqlite::Link::new(world, source, shadow).remove();
    }
    Texts::new(world, source, shadow).remove()
}

/// What ends the copies into a table, before it goes. They do not come back with it, for it comes
/// back empty.
pub(super) fn leave_table(world: &World, target: &TableName) -> Vec<Statement> {
    world
        .copies_into(target)
        .into_iter()
        .flat_map(|(source, shadow)| remove(world, source, shadow))
        .collect()
}

/// What drops the functions of a table's own triggers, once it is gone with these.
pub(super) fn drop_functions(world: &World, table: &TableName) -> Vec<Statement> {
    let known = world.table(table).map(|t| t.shadows.as_slice());
    known
        .unwrap_or_default()
        .iter()
        .map(|shadow| Texts::new(world, table, shadow).drop_function())
        .collect()
}

/// The texts of one link.
pub(super) struct Texts<'a> {
    world: &'a World,
    source: &'a TableName,
    shadow: &'a Shadow,
}

impl<'a> Texts<'a> {
    pub(super) fn new(world: &'a World, source: &'a TableName, shadow: &'a Shadow) -> Self {
        Self {
            world,
            source,
            shadow,
        }
    }

    /// What expressions call the row's table.
    fn alias(&self) -> String {
        named(&self.source.name)
    }

    fn target(&self) -> String {
        qualified(&self.shadow.target)
    }

    fn function(&self) -> String {
        format!("bellows.{}", named(&self.shadow.trigger))
    }

    fn key_expression(&self, column: &str) -> String {
        format!("({})", self.shadow.expression(column).unwrap_or("NULL"))
    }

    /// FROM for rows of that origin: `SELECT OLD.*` or the table itself.
    fn from(&self, origin: &str) -> String {
        let each = match &self.shadow.each {
            Some(each) => format!(", LATERAL {}", each.trim()),
            None => String::new(),
        };
        format!("{origin} AS {}{each}", self.alias())
    }

    /// The filter as a further condition.
    fn filter(&self, word: &str) -> String {
        match &self.shadow.filter {
            Some(sql) => format!(" {word} ({})", sql.trim()),
            None => String::new(),
        }
    }

    /// INSERT ... SELECT without its conditions.
    fn insert(&self, origin: &str) -> String {
        let columns: Vec<String> = self.shadow.columns.iter().map(|(c, _)| named(c)).collect();
        let values: Vec<&str> = self
            .shadow
            .columns
            .iter()
            .map(|(_, sql)| sql.as_str())
            .collect();
        format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}",
            self.target(),
            list(&columns, "its columns"),
            list(&values, "its columns"),
            self.from(origin)
        )
    }

    /// ON CONFLICT with what a row that is there gets.
    fn upsert(&self) -> String {
        let set: Vec<String> = self
            .shadow
            .columns
            .iter()
            .map(|(c, _)| c)
            .filter(|c| !self.shadow.key.contains(c) && !self.shadow.fixed.contains(c))
            .map(|c| format!("{0} = EXCLUDED.{0}", named(c)))
            .collect();
        let then = if self.shadow.columns.is_empty() {
            "UPDATE SET /* its columns */".to_owned()
        } else if set.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {}", set.join(", "))
        };
        format!(
            "ON CONFLICT ({}) DO {then}",
            list(&self.conflict(), "its key")
        )
    }

    fn conflict(&self) -> Vec<String> {
        self.shadow.key.iter().map(|c| named(c)).collect()
    }

    /// Whether the place of a row in the copy is in its own columns, as they are.
    fn is_plain(&self) -> bool {
        let source: Vec<String> = self
            .shadow
            .key
            .iter()
            .filter_map(|c| self.plain_source(c))
            .collect();
        self.shadow.each.is_none() && source.len() == self.shadow.key.len()
    }

    /// The column of the source that a column of the target is, where it is one as it stands.
    fn plain_source(&self, column: &str) -> Option<String> {
        let sql = self.shadow.expression(column)?;
        let names = expression::names(self.world.engine, sql);
        match names.as_slice() {
            [one] if named(one) == sql => Some(one.clone()),
            _ => None,
        }
    }

    /// How a batch must lock what it reads.
    fn lock(&self) -> RowLock {
        let plain = self.shadow.each.is_none()
            && self.shadow.filter.is_none()
            && self
                .shadow
                .is_plain(self.world.engine, &self.shadow.key, &self.shadow.source_key);
        if plain {
            RowLock::KeyShare
        } else {
            RowLock::Share
        }
    }

    /// A condition that no row of the table has its place at `kept` any more.
    fn nobody_there(&self) -> String {
        let same = equal(
            self.shadow
                .key
                .iter()
                .map(|c| (self.key_expression(c), format!("kept.{}", named(c)))),
        );
        let row = if self.is_plain() {
            String::new()
        } else {
            // An expression has no index: the row is found by its own key, under which it may
            // have come to another place.
            let own = equal(self.shadow.source_key.iter().map(|c| {
                let c = named(c);
                (format!("{}.{c}", self.alias()), format!("OLD.{c}"))
            }));
            format!("{own} AND ")
        };
        format!(
            "NOT EXISTS (SELECT FROM {} WHERE {row}{same}{})",
            self.from(&qualified(self.source)),
            self.filter("AND")
        )
    }

    /// When an UPDATE may have moved the row's place, as a condition.
    fn moved(&self) -> String {
        if !self.is_plain() || self.shadow.filter.is_some() {
            return "TG_OP <> 'INSERT'".to_owned();
        }
        let changed: Vec<String> = self
            .shadow
            .key
            .iter()
            .filter_map(|c| self.plain_source(c))
            .map(|c| format!("OLD.{0} IS DISTINCT FROM NEW.{0}", named(&c)))
            .collect();
        if changed.is_empty() {
            return "TG_OP <> 'INSERT'".to_owned();
        }
        format!(
            "TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND ({})",
            changed.join(" OR ")
        )
    }

    /// Nothing is to be done where an UPDATE changed no column that is copied.
    fn untouched(&self) -> String {
        let Some(table) = self.world.table(self.source) else {
            return String::new();
        };
        let whole_row = self
            .shadow
            .columns
            .iter()
            .any(|(_, sql)| expression::mentions(self.world.engine, sql, &self.source.name));
        let (used, unused): (Vec<_>, Vec<_>) = table
            .columns
            .iter()
            .partition(|c| self.shadow.reads(self.world.engine, &c.name));
        if unused.is_empty() || used.is_empty() || whole_row || !self.world.is_whole(self.source) {
            return String::new();
        }
        let same: Vec<String> = used
            .iter()
            .map(|c| {
                let name = named(&c.name);
                let cast = cast_to_compare(&c.data_type);
                format!("OLD.{name}{cast} IS NOT DISTINCT FROM NEW.{name}{cast}")
            })
            .collect();
        format!(
            "  IF TG_OP = 'UPDATE' AND {} THEN\n    RETURN NULL;\n  END IF;\n",
            same.join(" AND ")
        )
    }

    fn function_sql(&self) -> String {
        let target = self.target();
        let from_old = self.from("(SELECT OLD.*)");
        let gone: Vec<String> = self
            .shadow
            .key
            .iter()
            .map(|c| format!("{} AS {}", self.key_expression(c), named(c)))
            .collect();
        let places = equal(self.shadow.key.iter().map(|c| {
            let c = named(c);
            (format!("kept.{c}"), format!("gone.{c}"))
        }));
        let own = equal(self.shadow.source_key.iter().map(|c| {
            let c = named(c);
            (format!("{}.{c}", self.alias()), format!("NEW.{c}"))
        }));
        let body = format!(
            "
#variable_conflict use_column
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    TRUNCATE {target};
    RETURN NULL;
  END IF;
{untouched}  IF {moved} THEN
    DELETE FROM {target} AS kept
    USING (SELECT {gone} FROM {from_old}) AS gone
    WHERE {places}
      AND {nobody};
  END IF;
  IF TG_OP <> 'DELETE' THEN
    {insert}
    WHERE {own}{filter}
    {upsert};
  END IF;
  RETURN NULL;
END
",
            untouched = self.untouched(),
            moved = self.moved(),
            gone = list(&gone, "its key"),
            nobody = self.nobody_there(),
            insert = self.insert(&qualified(self.source)),
            filter = self.filter("AND"),
            upsert = self.upsert(),
        );
        let fence = quote::fence(&body);
        let own_schema = match &self.source.schema {
            Some(schema) => format!("{}, ", named(schema)),
            None => String::new(),
        };
        // The applications that write the table have no rights on its copy.
        format!(
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger\nLANGUAGE plpgsql SECURITY DEFINER\nSET search_path = pg_catalog, {own_schema}public, pg_temp\nAS {fence}{body}{fence}",
            self.function()
        )
    }

    /// What installs the triggers. Before they are there, their statement is tried on no row: one
    /// that cannot run would fail every write of the applications.
    pub(super) fn install(&self) -> Vec<Statement> {
        let source = qualified(self.source);
        let function = self.function();
        let (row, whole) = (
            named(&self.shadow.trigger),
            named(&self.shadow.truncate_trigger()),
        );
        let trigger = |name: &str, events: &str, each: &str| {
            Statement::brief(
                format!(
                    "CREATE TRIGGER {name} AFTER {events} ON {source} FOR EACH {each} EXECUTE FUNCTION {function}()"
                ),
                Lock::ShareRowExclusive,
            )
        };
        // Sessions in the replica role, as replication and bulk loads have it, fire no others.
        let always = |name: &str| {
            Statement::brief(
                format!("ALTER TABLE {source} ENABLE ALWAYS TRIGGER {name}"),
                Lock::ShareRowExclusive,
            )
        };
        vec![
            Statement::brief(
                format!("{} WHERE false {}", self.insert(&source), self.upsert()),
                Lock::RowExclusive,
            ),
            Statement::brief(self.function_sql(), Lock::None),
            Statement::brief(
                format!("REVOKE ALL ON FUNCTION {function}() FROM PUBLIC"),
                Lock::None,
            ),
            Statement::brief(
                format!(
                    "COMMENT ON FUNCTION {function}() IS {}",
                    quote::text(&self.shadow.marker())
                ),
                Lock::None,
            ),
            trigger(&row, "INSERT OR UPDATE OR DELETE", "ROW"),
            trigger(&whole, "TRUNCATE", "STATEMENT"),
            always(&row),
            always(&whole),
        ]
    }

    /// What takes the triggers away, where they are there.
    pub(super) fn remove(&self) -> Vec<Statement> {
        let source = qualified(self.source);
        let drop = |name: &str| {
            Statement::brief(
                format!("DROP TRIGGER IF EXISTS {} ON {source}", named(name)),
                Lock::AccessExclusive,
            )
        };
        vec![
            drop(&self.shadow.trigger),
            drop(&self.shadow.truncate_trigger()),
            self.drop_function(),
        ]
    }

    fn drop_function(&self) -> Statement {
        Statement::brief(
            format!("DROP FUNCTION IF EXISTS {}()", self.function()),
            Lock::None,
        )
    }

    /// Refuses, when it is sent, to let the copy take the place of the table it no longer follows.
    pub(super) fn must_be_in_step(&self) -> Statement {
        let message = format!(
            "{} is not kept in step with {} any more, and cannot take its place",
            self.shadow.target, self.source
        );
        let body = format!(
            " BEGIN IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = {}::regclass AND tgname = {} AND tgenabled <> 'D') THEN RAISE EXCEPTION USING MESSAGE = {}; END IF; END ",
            literal(&qualified(self.source)),
            literal(&self.shadow.trigger),
            literal(&message)
        );
        let fence = quote::fence(&body);
        Statement::brief(format!("DO {fence}{body}{fence}"), Lock::None)
    }

    /// Refuses, when it is sent, a copy that holds rows already: they would stay beside the
    /// copied ones.
    pub(super) fn must_be_empty(&self) -> Statement {
        let target = self.target();
        let message = format!(
            "{} holds rows already; a copy begins with an empty table",
            self.shadow.target
        );
        let body = format!(
            " BEGIN IF EXISTS (SELECT FROM {target}) THEN RAISE EXCEPTION USING MESSAGE = {}; END IF; END ",
            literal(&message)
        );
        let fence = quote::fence(&body);
        Statement::brief(format!("DO {fence}{body}{fence}"), Lock::AccessShare)
    }
}

/// A cast that makes values of the type comparable.
pub(super) fn cast_to_compare(data_type: &str) -> &'static str {
    let plain = data_type.trim_end_matches("[]").to_lowercase();
    if BY_TEXT.contains(&plain.as_str()) {
        "::text"
    } else {
        ""
    }
}
