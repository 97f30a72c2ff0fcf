//! YAML as a tree in which every node and every key knows its place: what the reader walks.
//!
//! Built from the scanner's events with a stack of our own, so that no text, however deep,
//! overflows the thread's. Anchors, aliases, merge keys and tags are refused by name: a document
//! that is approved must say what it says where it stands.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Problem, scalar, scan_error};

/// A document nests about six levels; what nests deeper is no document.
const DEPTH_MAX: usize = 32;

/// A place in the text, both parts from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

/// A value and where it begins; nowhere, where the document did not come from a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub at: Option<Place>,
    pub data: Data,
}

/// What a node holds, by the core schema of YAML 1.2.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Null,
    Bool(bool),
    /// A number as written; `exact` where JSON can hold that very number.
    Number {
        source: String,
        exact: Option<serde_json::Number>,
    },
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub at: Option<Place>,
    pub value: Node,
}

impl Node {
    /// The node of a JSON value, which stands nowhere.
    pub(super) fn from_json(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(b) => Data::Bool(*b),
            // Judged as if it had been written, so that a form cannot save what the text refuses.
            Value::Number(n) => scalar::resolve(&n.to_string()),
            Value::String(s) => Data::Text(s.clone()),
            Value::Array(items) => Data::List(items.iter().map(Self::from_json).collect()),
            Value::Object(map) => Data::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        at: None,
                        value: Self::from_json(value),
                    })
                    .collect(),
            ),
        };
        Self { at: None, data }
    }

    /// The text, where it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Null | Data::Bool(_) | Data::Number { .. } | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// The number, where it is one that JSON can hold.
    pub(super) fn as_number(&self) -> Option<&serde_json::Number> {
        match &self.data {
            Data::Number { exact, .. } => exact.as_ref(),
            Data::Null | Data::Bool(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// The node as JSON. Keys without a value are left out: they say the same as no key.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(b) => Value::Bool(*b),
            Data::Number { source, exact } => exact
                .clone()
                .map_or_else(|| Value::String(source.clone()), Value::Number),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Data::Map(entries) => Value::Object(
                entries
                    .iter()
                    .filter(|e| e.value.data != Data::Null)
                    .map(|e| (e.key.clone(), e.value.to_json()))
                    .collect(),
            ),
        }
    }
}

/// A list or mapping whose end has not come yet.
enum Open {
    List(Place, Vec<Node>),
    Map {
        at: Place,
        entries: Vec<Entry>,
        seen: HashMap<String, usize>,
        key: Option<(String, Place)>,
    },
}

/// Reads the one document of a text.
pub(super) fn load(text: &str) -> Result<Node, Vec<Problem>> {
    // Editors of Windows begin a file with a byte order mark; it says nothing here.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut loader = Loader {
        text,
        ..Loader::default()
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(found) => found,
            Err(error) => {
                let problem = scan_error::explain(text, &error, loader.open_at());
                loader.problems.push(problem);
                return Err(loader.problems);
            }
        };
        match loader.take(event, place(span)) {
            Ok(()) => {}
            Err(problem) => {
                loader.problems.push(problem);
                return Err(loader.problems);
            }
        }
    }
    match loader.root {
        Some(root) if loader.problems.is_empty() => Ok(root),
        Some(_) => Err(loader.problems),
        None => Err(vec![Problem::at(
            Place { line: 1, column: 1 },
            "",
            "the document is empty: it begins with `migration:`",
        )]),
    }
}

fn place(span: Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

#[derive(Default)]
struct Loader<'t> {
    text: &'t str,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    /// Where the innermost list or mapping began that has not ended.
    fn open_at(&self) -> Option<Place> {
        match self.open.last()? {
            Open::List(at, _) | Open::Map { at, .. } => Some(*at),
        }
    }

    /// Takes one event; an error ends the reading.
    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), Problem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::at(
                        at,
                        "",
                        "a second document begins here (`---`): write one migration a file",
                    ));
                }
            }
            Event::Alias(_) => {
                self.refuse(
                    at,
                    "aliases (`*name`) are not supported: write the value out",
                );
                self.place(Node {
                    at: Some(at),
                    data: Data::Null,
                })?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                if self.is_key(&text, style == ScalarStyle::Plain, at) {
                    return Ok(());
                }
                let data = if style == ScalarStyle::Plain {
                    scalar::resolve(&text)
                } else {
                    Data::Text(text.into_owned())
                };
                self.place(Node { at: Some(at), data })?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                self.begin(Open::List(at, Vec::new()), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                let map = Open::Map {
                    at,
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                };
                self.begin(map, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(at, items)) => self.place(Node {
                    at: Some(at),
                    data: Data::List(items),
                })?,
                Some(Open::Map { at, entries, .. }) => self.place(Node {
                    at: Some(at),
                    data: Data::Map(entries),
                })?,
                None => {}
            },
        }
        Ok(())
    }

    fn refuse(&mut self, at: Place, message: &str) {
        if self.problems.len() < super::PROBLEMS_MAX {
            self.problems.push(Problem::at(at, "", message));
        }
    }

    fn refuse_marks(&mut self, at: Place, anchor: usize, tag: bool) {
        if anchor == 0 && !tag {
            return;
        }
        let at = scan_error::mark_before(self.text, at);
        if anchor != 0 {
            self.refuse(
                at,
                "anchors (`&name`) are not supported: write the value out",
            );
        }
        if tag {
            self.refuse(
                at,
                "tags (`!name`) are not supported: a text is put in quotes, and that is enough",
            );
        }
    }

    fn begin(&mut self, open: Open, at: Place) -> Result<(), Problem> {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err(Problem::at(
                at,
                "",
                "a list or a mapping stands where a key is expected: `{` and `[` at the beginning \
                 of a text need quotes around it",
            ));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Problem::at(
                at,
                "",
                format!("nested more than {DEPTH_MAX} levels deep: no document needs that"),
            ));
        }
        self.open.push(open);
        Ok(())
    }

    /// Whether the scalar is a key: then it is kept until its value comes.
    fn is_key(&mut self, text: &str, plain: bool, place: Place) -> bool {
        let Some(Open::Map { seen, key, .. }) = self.open.last_mut() else {
            return false;
        };
        if key.is_some() {
            return false;
        }
        *key = Some((text.to_owned(), place));
        let before = seen.get(text).copied();
        seen.entry(text.to_owned()).or_insert(place.line);
        if plain && text == "<<" {
            self.refuse(
                place,
                "merge keys (`<<`) are not supported: write the keys out",
            );
        } else if let Some(line) = before {
            self.refuse(
                place,
                &format!(
                    "the key `{}` is there twice: first in line {line}; keep one of them",
                    super::names::shorten(text)
                ),
            );
        }
        true
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) -> Result<(), Problem> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some((key, at)) => entries.push(Entry {
                    key,
                    at: Some(at),
                    value: node,
                }),
                // Only an alias gets here without a key before it.
                None => {
                    let at = node.at.unwrap_or(Place { line: 1, column: 1 });
                    return Err(Problem::at(at, "", "a key is plain text"));
                }
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(node: &Node) -> &[Entry] {
        let Data::Map(entries) = &node.data else {
            panic!("no mapping: {node:?}")
        };
        entries
    }

    #[test]
    fn places_are_lines_and_characters_from_one() {
        let text =
            "# ä\nä: ü\n\"kö\": [é, x]\nsql: |\n  a\n  b\nlast:\n  - k: \"v\"\n    日本: z\n";
        let root = load(text).unwrap();
        let at = |place: Option<Place>| place.map(|p| (p.line, p.column)).unwrap();
        let top = entries(&root);
        assert_eq!(at(root.at), (2, 1));
        assert_eq!(at(top[0].at), (2, 1));
        assert_eq!(at(top[0].value.at), (2, 4));
        assert_eq!(at(top[1].at), (3, 1));
        let Data::List(items) = &top[1].value.data else {
            panic!("a list")
        };
        assert_eq!(at(items[0].at), (3, 8));
        assert_eq!(at(items[1].at), (3, 11));
        assert_eq!(at(top[2].at), (4, 1));
        assert_eq!(top[2].value.data, Data::Text("a\nb\n".to_owned()));
        let Data::List(items) = &top[3].value.data else {
            panic!("a list")
        };
        let inner = entries(&items[0]);
        assert_eq!(at(inner[0].at), (8, 5));
        assert_eq!(at(inner[0].value.at), (8, 8));
        assert_eq!(at(inner[1].at), (9, 5));
        assert_eq!(at(inner[1].value.at), (9, 9));
    }

    #[test]
    fn depth_is_bounded_in_every_notation() {
        for unit in ["[", "{a: ", "- ", "? ", "- [", "{a: [", "&a [", "!x ["] {
            let text = unit.repeat(1_000_000 / unit.len());
            let problems = load(&text).unwrap_err();
            assert!(!problems.is_empty(), "{unit}");
        }
        let mut block = String::new();
        for level in 0..500 {
            block.push_str(&" ".repeat(level));
            block.push_str("a:\n");
        }
        assert!(load(&block).unwrap_err()[0].message.contains("levels deep"));
    }
}
