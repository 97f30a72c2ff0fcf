//! What SQLite makes of the texts in its catalogue when a table or a column gets another name:
//! `ALTER TABLE ... RENAME` rewrites every CREATE statement that means it, token by token
//! (`alter.c`, `renameEditSql`; the tests were compared with SQLite 3.40).
//!
//! What a name means is not always to be told from the text: then there is no answer, rather than
//! a wrong one.

use std::collections::BTreeMap;

use super::expression::at_commas;
use super::lexer::{self, Kind, Token};
use super::quote;
use crate::document::Engine;

const ENGINE: Engine = Engine::Sqlite;

/// The columns of tables and views, by their names in lower case.
pub type Columns = BTreeMap<String, Vec<String>>;

/// The text with a table called otherwise; `None` where it cannot be told what the name means in
/// it.
pub fn table(sql: &str, from: &str, to: &str) -> Option<String> {
    let tokens = lexer::tokens(ENGINE, sql).ok()?;
    let tokens: Vec<Token<'_>> = tokens.into_iter().filter(Token::counts).collect();
    // `excluded.c` becomes `t.c` there, which means the old row: no text to count on.
    if tokens.iter().any(|t| t.names(ENGINE, "excluded")) {
        let named = tokens.iter().any(|t| t.names(ENGINE, from));
        return (!named).then(|| sql.to_owned());
    }
    let new = format!("\"{}\"", to.replace('"', "\"\""));
    let mut edits = Vec::new();
    let mut qualifies = false;
    let mut alias = false;
    for (at, token) in tokens.iter().enumerate() {
        if !token.names(ENGINE, from) {
            continue;
        }
        let before = at.checked_sub(1).map(|i| &tokens[i]);
        let dotted = before.is_some_and(|t| t.is_symbol("."));
        let in_main = dotted && at >= 2 && tokens[at - 2].names(ENGINE, "main");
        let first = if in_main { at - 2 } else { at };
        if tokens.get(at + 1).is_some_and(|t| t.is_symbol(".")) && !dotted {
            qualifies = true;
            edits.push(at);
        } else if (!dotted || in_main) && stands_for_table(&tokens, first) {
            edits.push(at);
        } else if before.is_some_and(|t| t.is("as")) || is_bare_alias(&tokens, at) {
            alias = true;
        }
    }
    if qualifies && alias {
        return None;
    }
    Some(edited(sql, &tokens, &edits, |_| new.clone()))
}

/// Whether a table's name must stand there.
fn stands_for_table(tokens: &[Token<'_>], at: usize) -> bool {
    let word = |back: usize, word: &str| at >= back && tokens[at - back].is(word);
    let header = ["create", "table"];
    let creates = at == 2 && tokens[0].is(header[0]) && tokens[1].is(header[1]);
    // CREATE INDEX i ON t, CREATE TRIGGER ... ON t: the first ON of the text.
    let on = word(1, "on")
        && tokens[..3.min(tokens.len())]
            .iter()
            .any(|t| t.is("index") || t.is("trigger"))
        && !tokens[..at - 1].iter().any(|t| t.is("on"));
    let update = word(1, "update") || (at >= 3 && word(2, "or") && word(3, "update"));
    creates
        || on
        || update
        || word(1, "references")
        || word(1, "into")
        || word(1, "join")
        || word(1, "from")
        || in_from_list(tokens, at)
}

/// Whether a comma or a parenthesis before the token belongs to a FROM.
fn in_from_list(tokens: &[Token<'_>], at: usize) -> bool {
    let mut back = at;
    while back > 0 && tokens[back - 1].is_symbol("(") {
        back -= 1;
    }
    if back < at {
        return back > 0 && (tokens[back - 1].is("from") || tokens[back - 1].is("join"));
    }
    if at == 0 || !tokens[at - 1].is_symbol(",") {
        return false;
    }
    // Back over `a, b AS c,` to the word that opened the list.
    let mut depth = 0;
    for token in tokens[..at - 1].iter().rev() {
        depth -= super::expression::nesting(token);
        if depth < 0 {
            return false;
        }
        if depth == 0 {
            if token.is("from") {
                return true;
            }
            let ends = [
                "select", "where", "group", "having", "order", "set", "values", "by", "limit",
                "of", "when", "begin",
            ];
            if ends.iter().any(|w| token.is(w)) || token.is_symbol(";") {
                return false;
            }
        }
    }
    false
}

/// `FROM orders users`: a name behind a name.
fn is_bare_alias(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|i| &tokens[i]) else {
        return false;
    };
    match before.kind {
        Kind::QuotedName => true,
        Kind::Word => !quote::is_reserved(before.text),
        Kind::Symbol => before.is_symbol(")"),
        Kind::Space | Kind::Comment | Kind::Text | Kind::Number | Kind::Parameter => false,
    }
}

/// A column that is called otherwise.
pub struct Renaming<'a> {
    /// Its table.
    pub table: &'a str,
    /// What it was called.
    pub from: &'a str,
    /// What it is called.
    pub to: &'a str,
    /// The columns that tables have.
    pub columns: &'a Columns,
}

impl Renaming<'_> {
    /// The text of a CREATE TABLE, INDEX, TRIGGER or VIEW with the column called otherwise; `None`
    /// where it cannot be told what the name means in it.
    pub fn text(&self, sql: &str) -> Option<String> {
        let tokens = lexer::tokens(ENGINE, sql).ok()?;
        let tokens: Vec<Token<'_>> = tokens.into_iter().filter(Token::counts).collect();
        let kind = tokens.iter().take(4).find(|t| {
            ["table", "index", "trigger", "view"]
                .iter()
                .any(|w| t.is(w))
        })?;
        let mut edits = Vec::new();
        if kind.is("table") {
            self.in_table(&tokens, &mut edits)?;
        } else if kind.is("index") {
            self.in_index(&tokens, &mut edits)?;
        } else if kind.is("trigger") {
            self.in_trigger(&tokens, &mut edits)?;
        } else {
            let start = tokens.iter().position(|t| t.is("as"))? + 1;
            self.in_statement(&tokens, start..tokens.len(), false, &mut edits)?;
        }
        let plain = quote::name(ENGINE, self.to);
        let quoted = format!("\"{}\"", self.to.replace('"', "\"\""));
        Some(edited(sql, &tokens, &edits, |token| {
            if token.kind == Kind::Word {
                plain.clone()
            } else {
                quoted.clone()
            }
        }))
    }

    fn is(&self, token: &Token<'_>) -> bool {
        token.names(ENGINE, self.from)
    }

    fn own(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.table)
    }

    fn in_table(&self, tokens: &[Token<'_>], edits: &mut Vec<usize>) -> Option<()> {
        let open = tokens.iter().position(|t| t.is_symbol("("))?;
        let own = tokens[..open].iter().any(|t| t.names(ENGINE, self.table));
        let mut at = open + 1;
        for item in at_commas(&tokens[open + 1..]) {
            let constraint = item.first().is_some_and(|t| {
                ["constraint", "primary", "unique", "check", "foreign"]
                    .iter()
                    .any(|w| t.is(w))
            });
            self.in_item(item, at, own, constraint, edits);
            at += item.len() + 1;
        }
        Some(())
    }

    /// A column's definition, or a constraint of the table.
    fn in_item(
        &self,
        item: &[Token<'_>],
        offset: usize,
        own: bool,
        constraint: bool,
        edits: &mut Vec<usize>,
    ) {
        let mut depth = 0;
        // Whose columns stand in the parentheses: those behind REFERENCES t are that table's.
        let mut pointed: Option<bool> = None;
        for (i, token) in item.iter().enumerate() {
            depth += super::expression::nesting(token);
            let before = i.checked_sub(1).map(|n| &item[n]);
            if before.is_some_and(|t| t.is("references")) {
                continue;
            }
            if depth == 1 && token.is_symbol("(") {
                pointed = (i >= 2 && item[i - 2].is("references"))
                    .then(|| item[i - 1].names(ENGINE, self.table));
            }
            if !self.is(token) {
                continue;
            }
            let defined = i == 0 && !constraint;
            let listed = depth > 0
                && pointed.unwrap_or(own)
                && !item.get(i + 1).is_some_and(|t| t.is_symbol("("))
                && !before.is_some_and(|t| t.is("collate") || t.is("as"));
            // The parentheses of a type hold numbers alone.
            if (defined && own) || listed {
                edits.push(offset + i);
            }
        }
    }

    fn in_index(&self, tokens: &[Token<'_>], edits: &mut Vec<usize>) -> Option<()> {
        let open = tokens.iter().position(|t| t.is_symbol("("))?;
        if !tokens[open - 1].names(ENGINE, self.table) {
            return Some(());
        }
        for (i, token) in tokens.iter().enumerate().skip(open) {
            let calls = tokens.get(i + 1).is_some_and(|t| t.is_symbol("("));
            if self.is(token) && !calls && !tokens[i - 1].is("collate") {
                edits.push(i);
            }
        }
        Some(())
    }

    fn in_trigger(&self, tokens: &[Token<'_>], edits: &mut Vec<usize>) -> Option<()> {
        let begin = tokens.iter().position(|t| t.is("begin"))?;
        let on = tokens[..begin].iter().position(|t| t.is("on"))?;
        let own = tokens.get(on + 1)?.names(ENGINE, self.table);
        if own && let Some(of) = tokens[..on].iter().position(|t| t.is("of")) {
            edits.extend((of + 1..on).filter(|i| self.is(&tokens[*i])));
        }
        self.in_statement(tokens, on + 2..begin, own, edits)?;
        let mut start = begin + 1;
        for (i, token) in tokens.iter().enumerate().skip(begin + 1) {
            if token.is_symbol(";") {
                self.in_statement(tokens, start..i, own, edits)?;
                start = i + 1;
            }
        }
        Some(())
    }

    /// One statement; `row` says whether NEW and OLD are rows of the table.
    fn in_statement(
        &self,
        all: &[Token<'_>],
        range: std::ops::Range<usize>,
        row: bool,
        edits: &mut Vec<usize>,
    ) -> Option<()> {
        let tokens = &all[range.clone()];
        let places = places(tokens);
        let written = tokens.first().filter(|t| t.is("insert") || t.is("replace"));
        let target = written.and_then(|_| places.first());
        let inserts = target.is_some_and(|p| self.own(&p.table));
        let lists = target
            .map(|p| column_lists(tokens, p.at))
            .unwrap_or_default();
        let read: Vec<&Place> = places.iter().skip(usize::from(target.is_some())).collect();
        let reads = read.iter().any(|p| self.own(&p.table));
        for (i, token) in tokens.iter().enumerate() {
            if !self.is(token) || places.iter().any(|p| p.at == i) {
                continue;
            }
            let before = i.checked_sub(1).map(|n| &tokens[n]);
            if tokens.get(i + 1).is_some_and(|t| t.is_symbol("(")) && !lists.contains(&i) {
                continue;
            }
            let collation = before.is_some_and(|t| t.is("collate"));
            if collation || tokens.get(i + 1).is_some_and(|t| t.is_symbol(".")) {
                continue;
            }
            if token.kind == Kind::Word && quote::is_reserved(token.text) {
                return None;
            }
            let means = if before.is_some_and(|t| t.is_symbol(".")) {
                let qualifier = tokens.get(i.checked_sub(2)?)?.name(ENGINE)?;
                self.qualified(&qualifier, &places, row, inserts)?
            } else if lists.contains(&i) {
                inserts
            } else if before.is_some_and(|t| t.is("as")) {
                // A result that is called so may be read again by that name.
                if reads {
                    return None;
                }
                false
            } else if !reads && !inserts {
                false
            } else {
                // Where another table has such a column, too, the scopes decide.
                let others = read.iter().filter(|p| !self.own(&p.table));
                for other in others {
                    let theirs = self.columns.get(&other.table.to_lowercase())?;
                    if theirs.iter().any(|c| c.eq_ignore_ascii_case(self.from)) {
                        return None;
                    }
                }
                true
            };
            if means {
                edits.push(range.start + i);
            }
        }
        Some(())
    }

    fn qualified(
        &self,
        qualifier: &str,
        places: &[Place],
        row: bool,
        inserts: bool,
    ) -> Option<bool> {
        let is = |word: &str| qualifier.eq_ignore_ascii_case(word);
        if is("new") || is("old") {
            return Some(row);
        }
        if is("excluded") {
            return Some(inserts);
        }
        let by_alias = places.iter().find(|p| p.alias.as_deref().is_some_and(&is));
        let found = by_alias.or_else(|| places.iter().find(|p| is(&p.table)))?;
        Some(self.own(&found.table))
    }
}

/// Where a table is named, and what it is called in the statement.
struct Place {
    at: usize,
    table: String,
    alias: Option<String>,
}

fn places(tokens: &[Token<'_>]) -> Vec<Place> {
    let mut out = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let named = matches!(token.kind, Kind::Word | Kind::QuotedName);
        if !named || (token.kind == Kind::Word && quote::is_reserved(token.text)) {
            continue;
        }
        let dotted = at >= 1 && tokens[at - 1].is_symbol(".");
        let first = if dotted && at >= 2 { at - 2 } else { at };
        let qualifies = tokens.get(at + 1).is_some_and(|t| t.is_symbol("."));
        if qualifies || !stands_for_table(tokens, first) {
            continue;
        }
        let Some(table) = token.name(ENGINE) else {
            continue;
        };
        let behind = match tokens.get(at + 1) {
            Some(t) if t.is("as") => tokens.get(at + 2),
            other => other,
        };
        let alias = behind
            .filter(|t| match t.kind {
                Kind::QuotedName => true,
                Kind::Word => !quote::is_reserved(t.text),
                Kind::Space
                | Kind::Comment
                | Kind::Text
                | Kind::Number
                | Kind::Parameter
                | Kind::Symbol => false,
            })
            .and_then(|t| t.name(ENGINE));
        out.push(Place { at, table, alias });
    }
    out
}

/// The tokens of an INSERT that are its target's columns: its list, the list of ON CONFLICT, and
/// what SET gives a value.
fn column_lists(tokens: &[Token<'_>], target: usize) -> Vec<usize> {
    let mut out = Vec::new();
    let mut list = |open: usize| {
        let mut depth = 0;
        for (i, token) in tokens.iter().enumerate().skip(open) {
            depth += super::expression::nesting(token);
            if depth == 0 {
                break;
            }
            out.push(i);
        }
    };
    if tokens.get(target + 1).is_some_and(|t| t.is_symbol("(")) {
        list(target + 1);
    }
    for (i, pair) in tokens.windows(3).enumerate() {
        if pair[0].is("on") && pair[1].is("conflict") && pair[2].is_symbol("(") {
            list(i + 2);
        }
    }
    let update = tokens
        .windows(3)
        .position(|w| w[0].is("do") && w[1].is("update") && w[2].is("set"));
    if let Some(update) = update {
        let mut at = update + 3;
        for part in at_commas(&tokens[update + 3..]) {
            out.push(at);
            at += part.len() + 1;
        }
    }
    out
}

/// The text with those tokens replaced.
fn edited(
    sql: &str,
    tokens: &[Token<'_>],
    edits: &[usize],
    new: impl Fn(&Token<'_>) -> String,
) -> String {
    let mut places: Vec<&Token<'_>> = edits.iter().filter_map(|i| tokens.get(*i)).collect();
    places.sort_by_key(|t| t.start);
    places.dedup_by_key(|t| t.start);
    let mut out = String::new();
    let mut at = 0;
    for token in places {
        out.push_str(&sql[at..token.start]);
        out.push_str(&new(token));
        at = token.end();
    }
    out.push_str(&sql[at..]);
    out
}

#[cfg(test)]
mod tests;
