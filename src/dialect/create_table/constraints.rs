//! The constraints of SQLite's CREATE TABLE. Its catalogue has no list of them, and most have no
//! name: then they go by what they are, as PostgreSQL would have called them (`users_email_key`,
//! `users_team_id_fkey`, `users_age_check`), which does not depend on the place where they stand.

use super::{CreateTable, ENGINE, EditError, constraint_starts, is_table_constraint, significant};
use crate::dialect::lexer::Token;
use crate::dialect::{expression, quote};
use crate::schema::{Constraint, ConstraintKind, TableName};

/// A constraint as its text says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The constraint; its name is made up where the text has none.
    pub constraint: Constraint,
    /// Whether the text has the name.
    pub named: bool,
    /// The item of the definition that it stands in, and its bytes there.
    place: (usize, usize, usize),
}

impl CreateTable {
    /// Every CHECK, UNIQUE and FOREIGN KEY of the table, in the order of its text.
    pub fn constraints(&self) -> Vec<Listed> {
        let columns: Vec<String> = self
            .items
            .iter()
            .filter(|item| !is_table_constraint(item))
            .filter_map(|item| name_of(significant(item).first()?))
            .collect();
        let mut found = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            let tokens = significant(item);
            if is_table_constraint(item) {
                found.extend(read(&columns, None, at, &tokens));
                continue;
            }
            let Some(column) = tokens.first().and_then(name_of) else {
                continue;
            };
            let starts = constraint_starts(&tokens);
            for (i, start) in starts.iter().enumerate() {
                let end = starts.get(i + 1).copied().unwrap_or(tokens.len());
                found.extend(read(&columns, Some(&column), at, &tokens[*start..end]));
            }
        }
        self.make_names_up(&mut found);
        found
    }

    fn make_names_up(&self, found: &mut [Listed]) {
        let mut taken: Vec<String> = found
            .iter()
            .filter(|c| c.named)
            .map(|c| c.constraint.name.to_lowercase())
            .collect();
        for listed in found.iter_mut().filter(|c| !c.named) {
            let ending = match listed.constraint.kind {
                ConstraintKind::Check => "check",
                ConstraintKind::Unique => "key",
                ConstraintKind::ForeignKey => "fkey",
                ConstraintKind::Exclude => "excl",
            };
            let parts: Vec<&str> = [self.name.as_str()]
                .into_iter()
                .chain(listed.constraint.columns.iter().map(String::as_str))
                .chain([ending])
                .collect();
            let base = parts.join("_");
            let name = (0..)
                .map(|n| match n {
                    0 => base.clone(),
                    n => format!("{base}{n}"),
                })
                .find(|name| !taken.contains(&name.to_lowercase()))
                .unwrap_or_default();
            taken.push(name.to_lowercase());
            listed.constraint.name = name;
        }
    }

    /// Takes a constraint out, wherever it stands. The others keep the names that they go by.
    pub fn drop_constraint(&mut self, name: &str) -> Result<(), EditError> {
        let before = self.constraints();
        let Some(gone) = before
            .iter()
            .position(|c| c.constraint.name.eq_ignore_ascii_case(name))
        else {
            return self.drop_other(name, &before);
        };
        let (item, from, to) = before[gone].place;
        if is_table_constraint(&self.items[item]) {
            self.items.remove(item);
        } else {
            let text = &self.items[item];
            let from = text[..from].trim_end().len();
            self.items[item] = format!("{}{}", &text[..from], &text[to..]);
        }
        let kept = before
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != gone)
            .map(|(_, listed)| &listed.constraint.name);
        let pairs: Vec<(&String, Listed)> = kept.zip(self.constraints()).collect();
        // One that a number told from others gets its name for good. Backwards, so that what is
        // put in moves no place that is still to come.
        for (name, listed) in pairs.into_iter().rev() {
            if *name != listed.constraint.name {
                let (item, from, _) = listed.place;
                let word = format!("CONSTRAINT {} ", quote::name(ENGINE, name));
                self.items[item].insert_str(from, &word);
            }
        }
        Ok(())
    }

    /// The same for a NOT NULL, a default or a primary key that was given a name.
    fn drop_other(&mut self, name: &str, all: &[Listed]) -> Result<(), EditError> {
        let named = |tokens: &[Token<'_>]| matches!(tokens, [a, b, ..] if a.is("constraint") && b.names(ENGINE, name));
        let table = |item: &String| is_table_constraint(item) && named(&significant(item));
        if let Some(at) = self.items.iter().position(table) {
            self.items.remove(at);
            return Ok(());
        }
        for item in self.items.iter_mut().filter(|i| !is_table_constraint(i)) {
            if let Some(shorter) = super::without(item, |tokens| named(tokens)) {
                *item = shorter;
                return Ok(());
            }
        }
        Err(EditError::NoConstraint(name.to_owned(), there_is(all)))
    }
}

/// What the constraints are called, for people.
fn there_is(all: &[Listed]) -> String {
    if all.is_empty() {
        return "; it has none".to_owned();
    }
    let list: Vec<String> = all
        .iter()
        .map(|c| format!("{} ({})", c.constraint.name, c.constraint.definition))
        .collect();
    format!("; there is {}", list.join(", "))
}

/// A name, which SQLite also takes in the quotes of a string.
fn name_of(token: &Token<'_>) -> Option<String> {
    token
        .name(ENGINE)
        .or_else(|| Some(super::unquoted(token)).filter(|name| !name.is_empty()))
}

/// The tokens as one line, without the comments between them.
fn line(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    let mut end = None;
    for token in tokens {
        if end.is_some_and(|end| end != token.start) {
            out.push(' ');
        }
        out.push_str(token.text);
        end = Some(token.end());
    }
    out
}

/// What stands in the parentheses at the start, cut at its commas, and what comes after them.
fn parenthesized<'t, 'a>(
    tokens: &'t [Token<'a>],
) -> Option<(Vec<&'t [Token<'a>]>, &'t [Token<'a>])> {
    tokens.first().filter(|t| t.is_symbol("("))?;
    let mut depth = 0;
    let close = tokens.iter().position(|t| {
        depth += expression::nesting(t);
        depth == 0
    })?;
    Some((
        expression::at_commas(&tokens[1..close]),
        &tokens[close + 1..],
    ))
}

fn first_names(parts: &[&[Token<'_>]]) -> Vec<String> {
    parts
        .iter()
        .filter_map(|part| name_of(part.first()?))
        .collect()
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|n| format!("\"{}\"", n.replace('"', "\"\"")))
        .collect();
    names.join(", ")
}

/// `ON DELETE CASCADE`, `DEFERRABLE`: nothing but keywords, in capitals and with a blank before.
fn keywords(tokens: &[Token<'_>]) -> String {
    tokens
        .iter()
        .map(|t| format!(" {}", t.text.to_uppercase()))
        .collect()
}

/// The constraint that those tokens are; `None` for NOT NULL, a default, the primary key.
fn read(
    all: &[String],
    column: Option<&String>,
    item: usize,
    tokens: &[Token<'_>],
) -> Option<Listed> {
    let (name, body) = match tokens {
        [word, name, body @ ..] if word.is("constraint") => (name_of(name), body),
        body => (None, body),
    };
    let own = || column.into_iter().cloned().collect::<Vec<_>>();
    let (word, rest) = body.split_first()?;
    let (kind, columns, definition, references) = if word.is("check") {
        let columns = all
            .iter()
            .filter(|c| expression::mentions(ENGINE, &line(rest), c))
            .cloned()
            .collect();
        let definition = format!("CHECK {}", line(rest));
        (ConstraintKind::Check, columns, definition, None)
    } else if word.is("unique") {
        let (columns, keys, tail) = match parenthesized(rest) {
            Some((parts, tail)) if column.is_none() => {
                let names = first_names(&parts);
                let keys = if parts.iter().all(|part| part.len() == 1) {
                    quoted(&names)
                } else {
                    parts.iter().map(|p| line(p)).collect::<Vec<_>>().join(", ")
                };
                (names, keys, tail)
            }
            Some(_) | None => (own(), quoted(&own()), rest),
        };
        let definition = format!("UNIQUE ({keys}){}", keywords(tail));
        (ConstraintKind::Unique, columns, definition, None)
    } else if word.is("references") || word.is("foreign") {
        let at = body.iter().position(|t| t.is("references"))?;
        let columns = match column {
            Some(_) => own(),
            None => first_names(&parenthesized(body.get(2..)?)?.0),
        };
        let target = name_of(body.get(at + 1)?)?;
        let behind = &body[at + 2..];
        let (theirs, tail) = match parenthesized(behind) {
            Some((parts, tail)) => (first_names(&parts), tail),
            None => (Vec::new(), behind),
        };
        let mut definition = format!(
            "FOREIGN KEY ({}) REFERENCES {}",
            quoted(&columns),
            quoted(std::slice::from_ref(&target))
        );
        if !theirs.is_empty() {
            definition += &format!(" ({})", quoted(&theirs));
        }
        definition += &keywords(tail);
        let target = TableName {
            schema: None,
            name: target,
        };
        (
            ConstraintKind::ForeignKey,
            columns,
            definition,
            Some(target),
        )
    } else {
        return None;
    };
    Some(Listed {
        named: name.is_some(),
        constraint: Constraint {
            name: name.unwrap_or_default(),
            kind,
            columns,
            definition,
            validated: true,
            references,
        },
        place: (item, tokens.first()?.start, tokens.last()?.end()),
    })
}
