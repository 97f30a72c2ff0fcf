//! Definitions as a catalogue prints them, with another name for a table or a column: what the
//! engine itself makes of them when it renames what they are about.

use super::expression::nesting;
use super::lexer::{self, Kind, Token};
use super::{quote, reads};
use crate::document::Engine;
use crate::schema::TableName;

/// A definition cut into tokens, and what is put in the place of some of them.
struct Text<'a> {
    engine: Engine,
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    edits: Vec<(usize, usize, String)>,
}

impl<'a> Text<'a> {
    fn new(engine: Engine, sql: &'a str) -> Self {
        Self {
            engine,
            sql,
            // The catalogue closes what it opens.
            tokens: lexer::significant(engine, sql).unwrap_or_default(),
            edits: Vec::new(),
        }
    }

    /// The first of those words from a place on.
    fn find(&self, from: usize, word: &str) -> Option<usize> {
        (from..self.tokens.len()).find(|at| self.tokens[*at].is(word))
    }

    fn symbol(&self, at: usize, symbol: &str) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is_symbol(symbol))
    }

    /// The place after the bracket that closes the one at a place.
    fn closed(&self, open: usize) -> usize {
        let mut depth = 0;
        for at in open..self.tokens.len() {
            depth += nesting(&self.tokens[at]);
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    fn put(&mut self, first: usize, last: usize, text: String) {
        let (start, end) = (self.tokens[first].start, self.tokens[last].end());
        self.edits.push((start, end, text));
    }

    /// The table's name at a place, with its schema; the place of its last token.
    fn table_at(&self, at: usize) -> Option<(usize, TableName)> {
        let first = self.tokens.get(at)?.name(self.engine)?;
        let (last, schema, name) = match self.tokens.get(at + 2) {
            Some(second) if self.symbol(at + 1, ".") => {
                (at + 2, Some(first), second.name(self.engine)?)
            }
            Some(_) | None => (at, None, first),
        };
        let schema = schema.filter(|s| s != "public" && s != "main");
        Some((last, TableName { schema, name }))
    }

    /// Another name for the table after the word at a place.
    fn table_after(&mut self, word: usize, from: &TableName, to: &TableName) {
        let at = match self.tokens.get(word + 1) {
            Some(only) if only.is("only") => word + 2,
            Some(_) | None => word + 1,
        };
        if let Some((last, name)) = self.table_at(at)
            && name == *from
        {
            // The schema stays as it is written.
            self.put(last, last, quote::name(self.engine, &to.name));
        }
    }

    /// Another name for a column, wherever it stands in those places; what stands within a query
    /// of its own belongs to the table only where its name stands before it.
    fn column_in(
        &mut self,
        places: std::ops::Range<usize>,
        qualifiers: &[&str],
        from: &str,
        to: &str,
    ) {
        let mut queries: Vec<bool> = Vec::new();
        for at in places.start..places.end.min(self.tokens.len()) {
            let token = self.tokens[at];
            match nesting(&token) {
                1 => queries.push(self.tokens.get(at + 1).is_some_and(|t| t.is("select"))),
                -1 => {
                    queries.pop();
                }
                _ => {}
            }
            if !token.names(self.engine, from) || self.symbol(at + 1, ".") {
                continue;
            }
            let calls = self.symbol(at + 1, "(");
            let cast = at >= 2 && self.symbol(at - 1, ":") && self.symbol(at - 2, ":");
            let collation = at >= 1 && self.tokens[at - 1].is("collate");
            let qualified = at >= 2 && self.symbol(at - 1, ".");
            let own = if qualified {
                let engine = self.engine;
                let before = self.tokens[at - 2];
                qualifiers.iter().any(|q| before.names(engine, q))
            } else {
                !calls && !cast && !collation && !queries.contains(&true)
            };
            if own {
                self.put(at, at, quote::name(self.engine, to));
            }
        }
    }

    fn done(mut self) -> String {
        self.edits.sort_by_key(|(start, _, _)| *start);
        let (mut out, mut at) = (String::new(), 0);
        for (start, end, text) in self.edits {
            out.push_str(&self.sql[at..start]);
            out.push_str(&text);
            at = end;
        }
        out.push_str(&self.sql[at..]);
        out
    }
}

/// CREATE INDEX or CREATE TRIGGER on a table of another name.
pub fn on_table(engine: Engine, sql: &str, from: &TableName, to: &TableName) -> String {
    let mut text = Text::new(engine, sql);
    if let Some(on) = text.find(0, "on") {
        text.table_after(on, from, to);
    }
    text.done()
}

/// CREATE STATISTICS over a table of another name.
pub fn from_table(engine: Engine, sql: &str, from: &TableName, to: &TableName) -> String {
    let mut text = Text::new(engine, sql);
    if let Some(word) = text.find(0, "from") {
        text.table_after(word, from, to);
    }
    text.done()
}

/// A foreign key to a table of another name.
pub fn references_table(engine: Engine, sql: &str, from: &TableName, to: &TableName) -> String {
    let mut text = Text::new(engine, sql);
    if let Some(word) = text.find(0, "references") {
        text.table_after(word, from, to);
    }
    text.done()
}

/// CREATE INDEX over a column of another name.
pub fn index_column(engine: Engine, sql: &str, from: &str, to: &str) -> String {
    let mut text = Text::new(engine, sql);
    if let Some(on) = text.find(0, "on")
        && let Some(open) = (on..text.tokens.len()).find(|at| text.symbol(*at, "("))
    {
        text.column_in(open..text.tokens.len(), &[], from, to);
    }
    text.done()
}

/// CREATE TRIGGER with a column of another name: after UPDATE OF, and in WHEN.
pub fn trigger_column(engine: Engine, sql: &str, from: &str, to: &str) -> String {
    let mut text = Text::new(engine, sql);
    let on = text.find(0, "on").unwrap_or(0);
    if let Some(of) = text.find(0, "of").filter(|of| *of < on) {
        text.column_in(of + 1..on, &[], from, to);
    }
    if let Some(when) = text.find(on, "when").filter(|w| text.symbol(w + 1, "(")) {
        let end = text.closed(when + 1);
        text.column_in(when + 1..end, &["old", "new"], from, to);
    }
    text.done()
}

/// CREATE STATISTICS over a column of another name.
pub fn statistics_column(engine: Engine, sql: &str, from: &str, to: &str) -> String {
    let mut text = Text::new(engine, sql);
    if let (Some(on), Some(end)) = (text.find(0, "on"), text.find(0, "from")) {
        text.column_in(on + 1..end, &[], from, to);
    }
    text.done()
}

/// A constraint's definition with another name for a column of its own table, and of the table
/// that it points to where that is its own.
pub fn constraint_column(engine: Engine, sql: &str, own: bool, from: &str, to: &str) -> String {
    let mut text = Text::new(engine, sql);
    let all = text.tokens.len();
    let Some(word) = text.find(0, "references") else {
        let first = (0..all).find(|at| text.symbol(*at, "(")).unwrap_or(all);
        text.column_in(first..all, &[], from, to);
        return text.done();
    };
    text.column_in(0..word, &[], from, to);
    let open = (word..all).find(|at| text.symbol(*at, "(")).unwrap_or(all);
    let end = text.closed(open);
    if own {
        text.column_in(open..end, &[], from, to);
    }
    // ON DELETE SET NULL (column)
    text.column_in(end..all, &[], from, to);
    text.done()
}

/// A foreign key's definition with another name for a column of the table that it points to.
pub fn referenced_column(engine: Engine, sql: &str, from: &str, to: &str) -> String {
    let mut text = Text::new(engine, sql);
    if let Some(word) = text.find(0, "references")
        && let Some(open) = (word..text.tokens.len()).find(|at| text.symbol(*at, "("))
    {
        let end = text.closed(open);
        text.column_in(open..end, &[], from, to);
    }
    text.done()
}

/// An expression about a row of that table, with another name for a column.
pub fn expression_column(
    engine: Engine,
    sql: &str,
    table: &TableName,
    from: &str,
    to: &str,
) -> String {
    let mut text = Text::new(engine, sql);
    text.column_in(0..text.tokens.len(), &[table.name.as_str()], from, to);
    text.done()
}

/// An expression about a row of another table, whose queries may read that one, with another name
/// for its column: where the table's name or what a query calls it stands before the column.
pub fn other_column(engine: Engine, sql: &str, table: &TableName, from: &str, to: &str) -> String {
    let mut text = Text::new(engine, sql);
    let called: Vec<String> = reads::places(engine, &text.tokens)
        .into_iter()
        .filter(|(_, _, name)| name == table)
        .map(|(_, last, _)| {
            reads::alias(engine, &text.tokens, last).unwrap_or_else(|| table.name.clone())
        })
        .collect();
    for at in 2..text.tokens.len() {
        let before = text.tokens[at - 2];
        if text.symbol(at - 1, ".")
            && text.tokens[at].names(engine, from)
            && called.iter().any(|name| before.names(engine, name))
        {
            text.put(at, at, quote::name(engine, to));
        }
    }
    text.done()
}

/// A view's query with another name for a column of a table that it reads, and the same names for
/// what it gives; `None` where the text does not tell which columns are meant.
pub fn view_column(
    engine: Engine,
    sql: &str,
    table: &TableName,
    from: &str,
    to: &str,
) -> Option<String> {
    let mut text = Text::new(engine, sql);
    let places = reads::places(engine, &text.tokens);
    let is = |word: &str| text.tokens.iter().filter(|t| t.is(word)).count();
    let [(_, last, _)] = places
        .iter()
        .filter(|(_, _, name)| name == table)
        .collect::<Vec<_>>()[..]
    else {
        return None;
    };
    if is("select") != 1
        || is("natural") + is("using") + is("distinct") > 0
        || reads::has_star(engine, sql)
    {
        return None;
    }
    let alias = reads::alias(engine, &text.tokens, *last);
    let alone = places.len() == 1;
    let select = text.find(0, "select")?;
    let list_end = text.find(select, "from")?;
    let mut item = select + 1;
    let mut depth = 0;
    for at in select + 1..text.tokens.len() {
        let token = text.tokens[at];
        depth += nesting(&token);
        let ends = depth == 0 && (text.symbol(at, ",") || at == list_end);
        if at <= list_end && ends {
            // A column that stands alone gave the view its own name.
            let bare = at == item + 1 || (at == item + 3 && text.symbol(item + 1, "."));
            let own = at > 0 && text.tokens[at - 1].names(engine, from);
            if bare && own && means(&text, at - 1, alias.as_deref(), table, alone)? {
                let (name, old) = (quote::name(engine, to), quote::name(engine, from));
                text.put(at - 1, at - 1, format!("{name} AS {old}"));
            }
            item = at + 1;
            continue;
        }
        let next_ends = depth == 0
            && at < list_end
            && (text.symbol(at + 1, ",") || at + 1 == list_end)
            && (at == item || (at == item + 2 && text.symbol(item + 1, ".")));
        let after = |back: usize, symbol: &str| at >= back && text.symbol(at - back, symbol);
        let cast = after(1, ":") && after(2, ":");
        let output = at >= 1 && text.tokens[at - 1].is("as");
        let other = cast || output || text.symbol(at + 1, ".") || text.symbol(at + 1, "(");
        let named = token.names(engine, from) && !other;
        if named && !next_ends && means(&text, at, alias.as_deref(), table, alone)? {
            text.put(at, at, quote::name(engine, to));
        }
    }
    Some(text.done())
}

/// Whether the name at a place is that of the table's column; `None` where it cannot be told.
fn means(
    text: &Text<'_>,
    at: usize,
    alias: Option<&str>,
    table: &TableName,
    alone: bool,
) -> Option<bool> {
    if at < 2 || !text.symbol(at - 1, ".") {
        return alone.then_some(true);
    }
    let before = &text.tokens[at - 2];
    let after_schema = at >= 4 && text.symbol(at - 3, ".");
    if after_schema || !matches!(before.kind, Kind::Word | Kind::QuotedName) {
        return None;
    }
    Some(before.names(text.engine, alias.unwrap_or(&table.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PG: Engine = Engine::PostgreSql;

    fn names() -> (TableName, TableName) {
        (TableName::parse("people"), TableName::parse("Per sons"))
    }

    #[test]
    fn the_table_of_an_index_a_trigger_and_a_foreign_key() {
        let (from, to) = names();
        assert_eq!(
            on_table(
                PG,
                "CREATE INDEX people ON public.people USING btree (people)",
                &from,
                &to
            ),
            "CREATE INDEX people ON public.\"Per sons\" USING btree (people)"
        );
        assert_eq!(
            on_table(
                PG,
                "CREATE TRIGGER \"on\" AFTER UPDATE OF people ON people FOR EACH ROW EXECUTE FUNCTION people('people')",
                &from,
                &to
            ),
            "CREATE TRIGGER \"on\" AFTER UPDATE OF people ON \"Per sons\" FOR EACH ROW EXECUTE FUNCTION people('people')"
        );
        assert_eq!(
            references_table(
                PG,
                "FOREIGN KEY (people) REFERENCES people(people)",
                &from,
                &to
            ),
            "FOREIGN KEY (people) REFERENCES \"Per sons\"(people)"
        );
        assert_eq!(
            references_table(
                PG,
                "FOREIGN KEY (a) REFERENCES other.people(id)",
                &from,
                &to
            ),
            "FOREIGN KEY (a) REFERENCES other.people(id)"
        );
        assert_eq!(
            from_table(
                PG,
                "CREATE STATISTICS public.s ON people, b FROM people",
                &from,
                &to
            ),
            "CREATE STATISTICS public.s ON people, b FROM \"Per sons\""
        );
    }

    #[test]
    fn a_column_where_it_is_one() {
        assert_eq!(
            index_column(
                PG,
                "CREATE INDEX name ON name USING btree (name DESC, name(name), (x)::name, y COLLATE \"name\")",
                "name",
                "Na me"
            ),
            "CREATE INDEX name ON name USING btree (\"Na me\" DESC, name(\"Na me\"), (x)::name, y COLLATE \"name\")"
        );
        assert_eq!(
            trigger_column(
                PG,
                "CREATE TRIGGER name AFTER UPDATE OF name, b ON name FOR EACH ROW WHEN ((old.name IS DISTINCT FROM new.name)) EXECUTE FUNCTION name('name')",
                "name",
                "c"
            ),
            "CREATE TRIGGER name AFTER UPDATE OF c, b ON name FOR EACH ROW WHEN ((old.c IS DISTINCT FROM new.c)) EXECUTE FUNCTION name('name')"
        );
        let key = "FOREIGN KEY (id, b) REFERENCES id(id) ON DELETE SET NULL (id)";
        assert_eq!(
            constraint_column(PG, key, false, "id", "x"),
            "FOREIGN KEY (x, b) REFERENCES id(id) ON DELETE SET NULL (x)"
        );
        assert_eq!(
            constraint_column(PG, key, true, "id", "x"),
            "FOREIGN KEY (x, b) REFERENCES id(x) ON DELETE SET NULL (x)"
        );
        assert_eq!(
            referenced_column(PG, key, "id", "x"),
            "FOREIGN KEY (id, b) REFERENCES id(x) ON DELETE SET NULL (id)"
        );
        assert_eq!(
            statistics_column(PG, "CREATE STATISTICS a ON a, lower(a) FROM a", "a", "b"),
            "CREATE STATISTICS a ON b, lower(b) FROM a"
        );
        let policy = "((a = 1) OR (EXISTS ( SELECT FROM t WHERE ((t.a = people.a) AND (a = 2)))))";
        assert_eq!(
            expression_column(PG, policy, &names().0, "a", "b"),
            "((b = 1) OR (EXISTS ( SELECT FROM t WHERE ((t.a = people.b) AND (a = 2)))))"
        );
    }

    #[test]
    fn a_view_gives_its_columns_their_old_names() {
        let (people, _) = names();
        let new = |sql| view_column(PG, sql, &people, "email", "E Mail");
        assert_eq!(
            new("SELECT people.id, people.email, lower(people.email) AS low FROM people WHERE people.email <> ''").as_deref(),
            Some("SELECT people.id, people.\"E Mail\" AS email, lower(people.\"E Mail\") AS low FROM people WHERE people.\"E Mail\" <> ''")
        );
        assert_eq!(
            new("SELECT email FROM people").as_deref(),
            Some("SELECT \"E Mail\" AS email FROM people")
        );
        assert_eq!(
            new("SELECT p.email AS x, t.email FROM people p JOIN teams t ON t.id = p.team")
                .as_deref(),
            Some("SELECT p.\"E Mail\" AS x, t.email FROM people p JOIN teams t ON t.id = p.team")
        );
        assert_eq!(new("SELECT email FROM people, teams"), None);
        assert_eq!(new("SELECT (SELECT email) FROM people"), None);
    }
}
