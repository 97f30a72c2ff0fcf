//! Edits the text of SQLite's CREATE TABLE, token by token: what is not edited stays as its author
//! wrote it, comments and quirks included.

use super::lexer::{self, Kind, Token};
use super::{expression, quote};
use crate::document::Engine;

mod constraints;

pub use constraints::Listed;

/// Why a text cannot be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is no CREATE TABLE with a list of columns.
    #[error("the definition of the table cannot be read")]
    Unreadable,
    /// It has no such column.
    #[error("its definition has no column {0}")]
    NoColumn(String),
    /// It has no such constraint; the second says which there are.
    #[error("its definition has no constraint {0}{1}")]
    NoConstraint(String, String),
    /// The column is its only one.
    #[error("{0} is its only column")]
    LastColumn(String),
}

/// A CREATE TABLE in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// What the table is called.
    name: String,
    /// Columns and table constraints as written, blanks and comments around them included.
    items: Vec<String>,
    /// After the closing parenthesis: `WITHOUT ROWID`, `STRICT`.
    tail: String,
}

/// Words that begin a column's constraint.
const COLUMN_CONSTRAINTS: &[&str] = &[
    "constraint",
    "primary",
    "not",
    "null",
    "unique",
    "check",
    "default",
    "collate",
    "references",
    "generated",
    "as",
    "deferrable",
];

/// Words that begin a table's constraint.
const TABLE_CONSTRAINTS: &[&str] = &["constraint", "primary", "unique", "check", "foreign"];

const ENGINE: Engine = Engine::Sqlite;

impl CreateTable {
    /// Takes a text apart.
    pub fn parse(sql: &str) -> Result<Self, EditError> {
        let tokens = lexer::tokens(ENGINE, sql).map_err(|_| EditError::Unreadable)?;
        let words: Vec<&Token<'_>> = tokens.iter().filter(|t| t.counts()).take(3).collect();
        let creates = words.first().is_some_and(|t| t.is("create"))
            && words[1..].iter().any(|t| t.is("table"))
            && !words[1..].iter().any(|t| t.is("virtual"));
        let open = tokens
            .iter()
            .position(|t| t.is_symbol("("))
            .filter(|_| creates)
            .ok_or(EditError::Unreadable)?;
        let mut depth = 0;
        let close = tokens[open..]
            .iter()
            .position(|t| {
                depth += expression::nesting(t);
                depth == 0
            })
            .map(|i| open + i)
            .ok_or(EditError::Unreadable)?;
        let items = expression::at_commas(&tokens[open + 1..close])
            .into_iter()
            .map(|part| expression::span(sql, part).to_owned())
            .collect();
        let name = tokens[..open]
            .iter()
            .rev()
            .find(|t| t.counts())
            .map(|t| t.name(ENGINE).unwrap_or_else(|| unquoted(t)))
            .unwrap_or_default();
        Ok(Self {
            name,
            items,
            tail: sql[tokens[close].end()..].to_owned(),
        })
    }

    /// The text for a table of that name. Where it is another one, columns that are called by the
    /// table's old name (`t.a > 0`) lose that: no table of it may be there.
    pub fn text(&self, name: &str) -> String {
        let same = self.name.eq_ignore_ascii_case(name);
        // A comment to the end of the line must not swallow what comes after it.
        let joined = self
            .items
            .iter()
            .map(|item| if same { item.clone() } else { self.bare(item) })
            .map(|item| closed(&item))
            .collect::<Vec<_>>()
            .join(",");
        format!(
            "CREATE TABLE {} ({joined}){}",
            quote::name(Engine::Sqlite, name),
            self.tail
        )
    }

    fn bare(&self, item: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        for pair in significant(item).windows(2) {
            if pair[0].names(ENGINE, &self.name) && pair[1].is_symbol(".") {
                out.push_str(&item[at..pair[0].start]);
                at = pair[1].end();
            }
        }
        out.push_str(&item[at..]);
        out
    }

    /// Whether the table has no rowid.
    pub fn without_rowid(&self) -> bool {
        let words = significant(&self.tail);
        words
            .windows(2)
            .any(|pair| pair[0].is("without") && pair[1].is("rowid"))
    }

    /// Whether a key of it counts up and never gives a value twice.
    pub fn autoincrement(&self) -> bool {
        self.items
            .iter()
            .any(|item| significant(item).iter().any(|t| t.is("autoincrement")))
    }

    /// The first column or constraint that calls the table's columns by its name (`t.a > 0`).
    pub fn calls_itself(&self) -> Option<&str> {
        let calls = |item: &&String| {
            significant(item)
                .windows(2)
                .any(|pair| pair[0].names(ENGINE, &self.name) && pair[1].is_symbol("."))
        };
        self.items.iter().find(calls).map(String::as_str)
    }

    /// Adds a column: `name type NOT NULL DEFAULT 1`.
    pub fn add_column(&mut self, definition: &str) {
        let at = self
            .items
            .iter()
            .position(|item| is_table_constraint(item))
            .unwrap_or(self.items.len());
        self.items.insert(at, format!(" {definition}"));
    }

    /// Takes a column out, with the constraints that are part of its own definition.
    pub fn drop_column(&mut self, column: &str) -> Result<(), EditError> {
        let at = self.column_at(column)?;
        if self
            .items
            .iter()
            .filter(|i| !is_table_constraint(i))
            .count()
            < 2
        {
            return Err(EditError::LastColumn(column.to_owned()));
        }
        self.items.remove(at);
        Ok(())
    }

    /// Whether something else than the column's own definition names it.
    pub fn is_named_elsewhere(&self, column: &str) -> bool {
        self.items
            .iter()
            .any(|item| !defines(item, column) && expression::mentions(ENGINE, item, column))
    }

    /// Whether the column's own definition makes it a key: PRIMARY KEY, UNIQUE or REFERENCES.
    pub fn is_key_by_itself(&self, column: &str) -> bool {
        self.column_at(column).is_ok_and(|at| {
            significant(&self.items[at])
                .iter()
                .any(|t| t.is("unique") || t.is("primary") || t.is("references"))
        })
    }

    /// Forbids NULL in a column.
    pub fn set_not_null(&mut self, column: &str) -> Result<(), EditError> {
        self.drop_not_null(column)?;
        let at = self.column_at(column)?;
        self.append_to(at, " NOT NULL");
        Ok(())
    }

    /// Allows NULL in a column.
    pub fn drop_not_null(&mut self, column: &str) -> Result<(), EditError> {
        self.remove_constraint_of(column, |tokens| {
            tokens.first().is_some_and(|t| t.is("null"))
                || matches!(tokens, [a, b, ..] if a.is("not") && b.is("null"))
        })
    }

    /// Gives a column a default, as SQL.
    pub fn set_default(&mut self, column: &str, default: &str) -> Result<(), EditError> {
        self.drop_default(column)?;
        let at = self.column_at(column)?;
        self.append_to(at, &format!(" {}", default_clause(default)));
        Ok(())
    }

    /// Takes a column's default away.
    pub fn drop_default(&mut self, column: &str) -> Result<(), EditError> {
        self.remove_constraint_of(column, |tokens| {
            tokens.first().is_some_and(|t| t.is("default"))
        })
    }

    /// Gives a column another type.
    pub fn set_type(&mut self, column: &str, data_type: &str) -> Result<(), EditError> {
        let at = self.column_at(column)?;
        let item = &self.items[at];
        let tokens = significant(item);
        let Some(name) = tokens.first() else {
            return Err(EditError::Unreadable);
        };
        let end = constraint_starts(&tokens)
            .first()
            .map_or(tokens.len(), |start| *start);
        let last = tokens[end - 1].end();
        let changed = format!("{} {data_type}{}", &item[..name.end()], &item[last..]);
        self.items[at] = changed;
        Ok(())
    }

    /// Adds a constraint to the table: `CONSTRAINT c CHECK (...)`.
    pub fn add_constraint(&mut self, definition: &str) {
        self.items.push(format!(" {definition}"));
    }

    fn column_at(&self, column: &str) -> Result<usize, EditError> {
        self.items
            .iter()
            .position(|item| defines(item, column))
            .ok_or_else(|| EditError::NoColumn(column.to_owned()))
    }

    /// Writes after the item's last token, before a comment that trails it.
    fn append_to(&mut self, at: usize, text: &str) {
        let item = &self.items[at];
        let end = significant(item).last().map_or(item.len(), Token::end);
        self.items[at].insert_str(end, text);
    }

    fn remove_constraint_of(
        &mut self,
        column: &str,
        matches: impl Fn(&[Token<'_>]) -> bool,
    ) -> Result<(), EditError> {
        let at = self.column_at(column)?;
        // The name that stands before a constraint goes with it.
        let wanted = |tokens: &[Token<'_>]| match tokens {
            [a, _, rest @ ..] if a.is("constraint") => matches(rest),
            plain => matches(plain),
        };
        while let Some(shorter) = without(&self.items[at], wanted) {
            self.items[at] = shorter;
        }
        Ok(())
    }
}

/// `DEFAULT 1`, `DEFAULT (expression)`.
pub fn default_clause(default: &str) -> String {
    let bare = default.trim();
    let wrapped = bare.starts_with('(') && bare.ends_with(')');
    if expression::is_plain_literal(ENGINE, bare) || wrapped {
        format!("DEFAULT {bare}")
    } else {
        format!("DEFAULT ({bare})")
    }
}

/// The text, with a line comment at its end brought to an end.
fn closed(item: &str) -> String {
    let open = lexer::tokens(ENGINE, item).is_ok_and(|tokens| {
        tokens
            .last()
            .is_some_and(|t| t.kind == Kind::Comment && t.text.starts_with("--"))
    });
    if open {
        format!("{item}\n")
    } else {
        item.to_owned()
    }
}

fn significant(text: &str) -> Vec<Token<'_>> {
    // The whole was cut into tokens before, so each of its parts can be.
    lexer::significant(ENGINE, text).unwrap_or_default()
}

fn is_table_constraint(item: &str) -> bool {
    significant(item)
        .first()
        .is_some_and(|t| TABLE_CONSTRAINTS.iter().any(|w| t.is(w)))
}

fn defines(item: &str, column: &str) -> bool {
    !is_table_constraint(item)
        && significant(item)
            .first()
            .is_some_and(|t| t.names(ENGINE, column) || unquoted(t).eq_ignore_ascii_case(column))
}

/// SQLite takes 'a string' for a name where a name must stand.
fn unquoted(token: &Token<'_>) -> String {
    if token.kind == Kind::Text {
        token.text.trim_matches('\'').replace("''", "'")
    } else {
        String::new()
    }
}

/// The column's definition without the first of its constraints that is wanted.
fn without(item: &str, wanted: impl Fn(&[Token<'_>]) -> bool) -> Option<String> {
    let tokens = significant(item);
    let starts = constraint_starts(&tokens);
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(tokens.len());
        if wanted(&tokens[start..end]) {
            let from = tokens[start - 1].end();
            let to = tokens[end - 1].end();
            return Some(format!("{}{}", &item[..from], &item[to..]));
        }
    }
    None
}

/// Where the constraints of a column's definition begin, as indexes of tokens.
fn constraint_starts(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut depth = 0;
    let mut named = false;
    for (i, token) in tokens.iter().enumerate().skip(1) {
        let before = depth;
        depth += expression::nesting(token);
        if before != 0 || !COLUMN_CONSTRAINTS.iter().any(|w| token.is(w)) {
            continue;
        }
        let previous = &tokens[i - 1];
        // Words that belong to the constraint they stand in: NOT NULL, SET NULL, SET DEFAULT,
        // DEFAULT NULL, NOT DEFERRABLE, GENERATED ALWAYS AS.
        let continues = (token.is("null")
            && ["not", "set", "default"].iter().any(|w| previous.is(w)))
            || (token.is("default") && previous.is("set"))
            || token.is("deferrable")
            || (token.is("not") && tokens.get(i + 1).is_some_and(|t| t.is("deferrable")))
            || (token.is("as") && previous.is("always"));
        if continues {
            continue;
        }
        if named {
            named = false;
            continue;
        }
        starts.push(i);
        named = token.is("constraint");
    }
    starts
}

#[cfg(test)]
mod tests;
