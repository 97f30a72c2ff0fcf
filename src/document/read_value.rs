//! The reader's judgement of single values, by the kind that their field wants.

use std::collections::BTreeMap;

use super::names::{nearest, shorten};
use super::read::{Reader, describe, join, list};
use super::tree::{Data, Entry, Node, Place};
use super::{Field, FieldKind, Part, checks};
use crate::operation::shapes as operations;

/// PostgreSQL cuts longer names short without a word; SQLite has no bound.
const IDENTIFIER_MAX: usize = 63;

impl Reader {
    /// Judges one value by its field.
    pub(super) fn value(&mut self, field: &Field, entry: &Entry, path: &str) {
        let node = &entry.value;
        let at = node.at.or(entry.at);
        if node.data == Data::Null {
            if field.required {
                self.say(
                    entry.at,
                    path,
                    format!("`{}` has no value: {}", field.key, field.help),
                );
            }
            return;
        }
        match field.kind {
            FieldKind::Text => {
                self.text(field, node, path);
            }
            FieldKind::Sql | FieldKind::DataType | FieldKind::Table => {
                self.filled(field, node, path);
            }
            FieldKind::Column | FieldKind::NewName | FieldKind::Index => {
                if let Some(name) = self.filled(field, node, path) {
                    self.identifier(name, at, path);
                }
            }
            FieldKind::Columns | FieldKind::Words => self.words(field, node, path),
            FieldKind::Bool => {
                if !matches!(node.data, Data::Bool(_)) {
                    let hint = match node.as_text().map(str::to_lowercase).as_deref() {
                        Some("yes" | "on" | "y") => ": write true",
                        Some("no" | "off" | "n") => ": write false",
                        Some("true" | "false") => ": take the quotes away",
                        Some(_) | None => "",
                    };
                    self.wrong(field, node, path, "true or false", hint);
                }
            }
            FieldKind::Number => self.number(field, node, path),
            FieldKind::Default => self.default_value(field, node, path),
            FieldKind::Choice(words) => self.choice(field, node, path, words),
            FieldKind::Conversion => self.conversion(field, node, path),
            FieldKind::Duration => match &node.data {
                Data::Text(text) => {
                    if let Err(message) = super::soak_ms(text) {
                        self.say(at, path, message);
                    }
                }
                Data::Number { source, .. } => {
                    if let Err(message) = super::soak_ms(source) {
                        self.say(at, path, message);
                    } else {
                        self.say(at, path, "a time is a text with its unit: write 0s");
                    }
                }
                Data::Null | Data::Bool(_) | Data::List(_) | Data::Map(_) => {
                    self.wrong(field, node, path, "a time such as 12h or 7d", "");
                }
            },
            FieldKind::Part(Part::Gate) => self.gate(entry, path),
            FieldKind::Part(Part::Phases) => self.phases(field, node, path),
            FieldKind::Part(Part::Operations) => {
                for (index, item) in self.list(field, node, path).iter().enumerate() {
                    self.tagged(item, "type", operations(), &format!("{path}[{index}]"));
                }
            }
            FieldKind::Part(part @ (Part::Columns | Part::Constraints)) => {
                self.items(field, part, node, path);
            }
            FieldKind::Part(Part::Waivers) => self.waivers(field, node, path),
            FieldKind::Part(Part::Checks) => {
                for (index, item) in self.list(field, node, path).iter().enumerate() {
                    self.tagged(item, "check", checks(), &format!("{path}[{index}]"));
                }
            }
        }
    }

    pub(super) fn wrong(
        &mut self,
        field: &Field,
        node: &Node,
        path: &str,
        wanted: &str,
        hint: &str,
    ) {
        let found = describe(node);
        let typographic = ['“', '”', '„', '‘', '’', '«', '»'];
        let hint = match node.as_text() {
            Some(text) if hint.is_empty() && text.starts_with(typographic) => {
                ": typographic quotes are no quotes in YAML"
            }
            Some(_) | None => hint,
        };
        self.say(
            node.at,
            path,
            format!("`{}` is {wanted}, and this is {found}{hint}", field.key),
        );
    }

    pub(super) fn text<'n>(
        &mut self,
        field: &Field,
        node: &'n Node,
        path: &str,
    ) -> Option<&'n str> {
        match &node.data {
            Data::Text(text) if text.contains('\0') => {
                self.say(node.at, path, "the character NUL is in no database's text");
                None
            }
            Data::Text(text) => Some(text),
            Data::Bool(_) | Data::Number { .. } => {
                self.wrong(field, node, path, "text", ": put it in quotes");
                None
            }
            Data::Null | Data::List(_) | Data::Map(_) => {
                let hint = match &node.data {
                    Data::Map(_) => ": a text that begins with `{` or has `: ` in it needs quotes",
                    Data::List(_) => ": a text that begins with `[` needs quotes",
                    Data::Null | Data::Bool(_) | Data::Number { .. } | Data::Text(_) => "",
                };
                self.wrong(field, node, path, "text", hint);
                None
            }
        }
    }

    /// A text that says something.
    pub(super) fn filled<'n>(
        &mut self,
        field: &Field,
        node: &'n Node,
        path: &str,
    ) -> Option<&'n str> {
        let text = self.text(field, node, path)?;
        if text.trim().is_empty() {
            self.say(
                node.at,
                path,
                format!("`{}` is empty: {}", field.key, field.help),
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn identifier(&mut self, name: &str, at: Option<Place>, path: &str) {
        if self.postgresql && name.len() > IDENTIFIER_MAX {
            self.say(
                at,
                path,
                format!(
                    "`{}` has {} bytes, and PostgreSQL cuts a name off after {IDENTIFIER_MAX}",
                    shorten(name),
                    name.len()
                ),
            );
        }
    }

    fn words(&mut self, field: &Field, node: &Node, path: &str) {
        let columns = field.kind == FieldKind::Columns;
        if let Data::Text(_) = node.data {
            let hint = format!(": write `{}: [a, b]`", field.key);
            return self.wrong(field, node, path, "a list", &hint);
        }
        let items = self.list(field, node, path);
        if items.is_empty() && columns && matches!(node.data, Data::List(_)) {
            self.say(
                node.at,
                path,
                format!("`{}` is empty: name a column", field.key),
            );
        }
        let mut seen = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let problem = match &item.data {
                Data::Null => Some("is empty: write a text, or take the item away".to_owned()),
                Data::Bool(_) | Data::Number { .. } => Some(format!(
                    "is a text, and this is {}: put it in quotes",
                    describe(item)
                )),
                Data::List(_) | Data::Map(_) => {
                    Some(format!("is a text, and this is {}", describe(item)))
                }
                Data::Text(_) => None,
            };
            if let Some(problem) = problem {
                let message = format!("an item of `{}` {problem}", field.key);
                self.say(item.at, &path, message);
            } else if let Some(word) = self.filled(field, item, &path)
                && seen.insert(word, index).is_some()
            {
                self.say(
                    item.at,
                    &path,
                    format!("`{}` is there twice", shorten(word)),
                );
            }
        }
    }

    pub(super) fn list<'n>(&mut self, field: &Field, node: &'n Node, path: &str) -> &'n [Node] {
        match &node.data {
            Data::List(items) => items,
            Data::Null => &[],
            Data::Map(_) => {
                self.wrong(field, node, path, "a list", ": each item begins with `- `");
                &[]
            }
            Data::Bool(_) | Data::Number { .. } | Data::Text(_) => {
                self.wrong(field, node, path, "a list", "");
                &[]
            }
        }
    }

    fn number(&mut self, field: &Field, node: &Node, path: &str) {
        let Some(number) = node.as_number().and_then(serde_json::Number::as_u64) else {
            let hint = match node.as_text() {
                Some(text) if text.trim().parse::<u64>().is_ok() => ": take the quotes away",
                Some(text) if super::soak_ms(text).is_ok() => ": write milliseconds",
                Some(text) if is_grouped(text) => ": write its digits alone",
                Some(_) | None => "",
            };
            return self.wrong(field, node, path, "a whole number, not negative", hint);
        };
        if field.key == "timeout" && number == 0 {
            self.say(
                node.at,
                path,
                "a timeout of 0 ms lets nothing happen: leave the key out",
            );
        }
        if number > u64::from(u32::MAX) {
            self.say(
                node.at,
                path,
                format!("`{}` is too large: {number}", field.key),
            );
        }
    }

    fn default_value(&mut self, field: &Field, node: &Node, path: &str) {
        match &node.data {
            Data::Text(_) => {
                self.text(field, node, path);
            }
            Data::Null | Data::Bool(_) | Data::Number { exact: Some(_), .. } => {}
            Data::Number {
                source,
                exact: None,
            } => {
                let source = shorten(source);
                self.say(
                    node.at,
                    path,
                    format!(
                        "the number {source} would not come back as it is written: put it in \
                         quotes for a text, or write {{sql: \"{source}\"}}"
                    ),
                );
            }
            Data::Map(entries) => match entries.as_slice() {
                [entry] if entry.key == "sql" => {
                    const SQL: Field = Field::required(
                        "sql",
                        "SQL",
                        FieldKind::Sql,
                        "The default as an expression.",
                    );
                    self.value(&SQL, entry, &join(path, "sql"));
                }
                _ => self.wrong(field, node, path, "a literal or `{sql: ...}`", ""),
            },
            Data::List(_) => {
                self.wrong(field, node, path, "a literal or `{sql: ...}`", "");
            }
        }
    }

    fn choice(&mut self, field: &Field, node: &Node, path: &str, words: &[&str]) {
        let word = match &node.data {
            Data::Text(text) => text.as_str(),
            // `expect: true` is a word here, with or without quotes.
            Data::Bool(true) if words.contains(&"true") => "true",
            Data::Null | Data::Bool(_) | Data::Number { .. } | Data::List(_) | Data::Map(_) => {
                let wanted = format!("one of {}", list(words));
                return self.wrong(field, node, path, &wanted, "");
            }
        };
        if words.contains(&word) {
            return;
        }
        let near = match word.to_lowercase().as_str() {
            "postgres" | "pg" | "pgsql" => Some("postgresql"),
            "sqlite3" => Some("sqlite"),
            "maria" => Some("mariadb"),
            _ => nearest(word, words.iter().copied()),
        };
        let near = near.filter(|n| words.contains(n));
        let hint = near.map_or(".".to_owned(), |n| format!("; did you mean `{n}`?"));
        let message = format!(
            "`{}` is no value of `{}`{hint} Known: {}",
            shorten(word),
            field.key,
            list(words)
        );
        self.say(node.at, path, message);
    }

    fn conversion(&mut self, field: &Field, node: &Node, path: &str) {
        match &node.data {
            Data::Map(entries) => {
                if entries.is_empty() {
                    let hint = ": write `column: expression` for each column";
                    self.wrong(field, node, path, "an expression or a map of them", hint);
                }
                for entry in entries {
                    let path = join(path, &shorten(&entry.key));
                    self.identifier(&entry.key, entry.at, &path);
                    self.filled(field, &entry.value, &path);
                }
            }
            Data::Null | Data::Bool(_) | Data::Number { .. } | Data::Text(_) | Data::List(_) => {
                self.filled(field, node, path);
            }
        }
    }
}

/// `5_000`, `5,000` or `5 000`.
fn is_grouped(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "_,' .".contains(c))
}
