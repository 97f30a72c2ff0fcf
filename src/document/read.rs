//! The reader: one walk over the tree, led by the shapes, that finds every mistake at once.
//!
//! A text and a document from a form are judged by the same walk; only the places differ.

use super::names::{name_problem, nearest, shorten};
use super::tree::{Data, Entry, Node, Place, load};
use super::{FieldKind, GATE, MIGRATION, Migration, PHASE, Problem, Shape, scan_error};

/// Problems reported at once; who has more begins with these.
pub const PROBLEMS_MAX: usize = 200;

/// Reads a document from YAML. Every mistake is found at once, each with its line.
///
/// # Errors
/// The problems in the order of the text; never an empty list.
pub fn parse(yaml: &str) -> Result<Migration, Vec<Problem>> {
    read(yaml).map_err(|mut problems| {
        keep_within(yaml, &mut problems);
        problems
    })
}

/// Moves places behind the end of the text to its end: the scanner ends every text with a line
/// break of its own, and gives what stands last the place after it.
fn keep_within(yaml: &str, problems: &mut [Problem]) {
    let lines: Vec<&str> = yaml.split('\n').collect();
    for problem in problems {
        if let Some(line) = problem.line
            && line > lines.len()
        {
            problem.line = Some(lines.len());
            problem.column = lines.last().map(|last| last.chars().count() + 1);
        }
    }
}

fn read(yaml: &str) -> Result<Migration, Vec<Problem>> {
    let root = load(yaml)?;
    let mut reader = Reader::default();
    reader.root(&root);
    if !reader.problems.is_empty() {
        let mut problems = reader.problems;
        problems.sort_by_key(|p| (p.line, p.column));
        return Err(problems);
    }
    let at = root.at;
    let json = root.to_json();
    // The walk has judged everything but what only a type can say.
    serde_json::from_value(json["migration"].clone())
        .map_err(|error| vec![Problem::at(at, "", error.to_string())])
}

/// Reads a document from JSON as a form holds it while it is filled: what stands under
/// `migration:`. The same rules as for a text, without lines.
///
/// # Errors
/// The problems in the order of the document; never an empty list.
pub fn read_draft(migration: &serde_json::Value) -> Result<Migration, Vec<Problem>> {
    let mut reader = Reader::default();
    reader.migration(&Node::from_json(migration), None);
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    serde_json::from_value(migration.clone())
        .map_err(|error| vec![Problem::at(None, "", error.to_string())])
}

/// Judges a document that did not come from a text by the same rules, without lines.
pub fn check(migration: &Migration) -> Vec<Problem> {
    let mut reader = Reader::default();
    match serde_json::to_value(migration) {
        Ok(json) => reader.migration(&Node::from_json(&json), None),
        Err(error) => reader.say(None, "", error.to_string()),
    }
    reader.problems
}

/// What the walk has found so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
    /// Keys beside `migration:`.
    misplaced: Vec<String>,
    /// The engine, once it is known; identifiers are judged by it.
    pub(super) postgresql: bool,
}

impl Reader {
    pub(super) fn say(&mut self, at: Option<Place>, path: &str, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::at(at, path, message));
        }
    }

    fn root(&mut self, root: &Node) {
        let entries = match &root.data {
            Data::Map(entries) => entries,
            Data::Null => {
                let top = Place { line: 1, column: 1 };
                return self.say(
                    root.at.or(Some(top)),
                    "",
                    "the document is empty: it begins with `migration:`",
                );
            }
            Data::Bool(_) | Data::Number { .. } | Data::Text(_) | Data::List(_) => {
                let found = describe(root);
                return self.say(
                    root.at,
                    "",
                    format!(
                        "a document is a mapping that begins with `migration:`, and this is {found}"
                    ),
                );
            }
        };
        // What stands beside `migration:` is not missing under it as well: one mistake, not two.
        self.misplaced = entries.iter().map(|e| e.key.clone()).collect();
        for entry in entries {
            if entry.key == "migration" {
                self.migration(&entry.value, entry.at);
            } else if MIGRATION.field(&entry.key).is_some() {
                self.say(
                    entry.at,
                    &entry.key,
                    format!("`{}` belongs under `migration:`, indented", entry.key),
                );
            } else {
                let message = unknown(&entry.key, "the document", &["migration"], "");
                self.say(entry.at, "", message);
            }
        }
        if !entries.iter().any(|e| e.key == "migration") && self.problems.is_empty() {
            self.say(
                root.at,
                "",
                "`migration:` is missing: everything stands under it",
            );
        }
    }

    fn migration(&mut self, node: &Node, key_at: Option<Place>) {
        let Some(entries) = self.mapping(node, key_at, "", "migration") else {
            return;
        };
        self.postgresql = text_of(entries, "database") == Some("postgresql");
        self.fields(entries, node.at.or(key_at), &MIGRATION, None, "");
        if let Some(entry) = entries.iter().find(|e| e.key == "name")
            && let Data::Text(name) = &entry.value.data
            && let Some(message) = name_problem(name)
        {
            self.say(entry.value.at, "name", message);
        }
    }

    /// The entries of what must be a mapping.
    pub(super) fn mapping<'n>(
        &mut self,
        node: &'n Node,
        key_at: Option<Place>,
        path: &str,
        what: &str,
    ) -> Option<&'n [Entry]> {
        match &node.data {
            Data::Map(entries) => Some(entries),
            Data::Null => {
                self.say(
                    key_at.or(node.at),
                    path,
                    format!("{what} is empty: its keys are missing, or not indented under it"),
                );
                None
            }
            Data::Bool(_) | Data::Number { .. } | Data::Text(_) | Data::List(_) => {
                let found = describe(node);
                self.say(
                    node.at.or(key_at),
                    path,
                    format!("{what} is a mapping of `key: value`, and this is {found}"),
                );
                None
            }
        }
    }

    /// Judges the entries of a mapping by its shape. `tag` is the key that named the shape.
    pub(super) fn fields(
        &mut self,
        entries: &[Entry],
        at: Option<Place>,
        shape: &Shape,
        tag: Option<&str>,
        path: &str,
    ) {
        let known: Vec<&str> = tag
            .into_iter()
            .chain(shape.fields.iter().map(|f| f.key))
            .collect();
        let mut meant = Vec::new();
        for entry in entries {
            // Looking for the nearest key of thousands that nobody will be told of takes long.
            if self.problems.len() >= PROBLEMS_MAX {
                return;
            }
            if Some(entry.key.as_str()) == tag {
                continue;
            }
            match shape.field(&entry.key) {
                Some(field) => {
                    let path = join(path, field.key);
                    self.value(field, entry, &path);
                }
                None => {
                    meant.extend(meant_key(&entry.key, &known));
                    let message = self.unknown_key(entry, shape, &known);
                    self.say(entry.at, &join(path, &shorten(&entry.key)), message);
                }
            }
        }
        for field in shape.fields.iter().filter(|f| f.required) {
            // A misspelt key is one mistake, not two.
            let there = entries.iter().any(|e| e.key == field.key)
                || meant.contains(&field.key)
                || (shape.word == MIGRATION.word && self.misplaced.iter().any(|k| k == field.key));
            if !there {
                let mut message = format!("{} needs `{}`: {}", shape.word, field.key, field.help);
                if let FieldKind::Choice(words) = field.kind {
                    message.push_str(&format!(" One of {}.", list(words)));
                }
                self.say(at, &join(path, field.key), message);
            }
        }
    }

    fn unknown_key(&self, entry: &Entry, shape: &Shape, known: &[&str]) -> String {
        if let Some(home) = home(&entry.key)
            && home != shape.word
            && meant_key(&entry.key, known).is_none()
        {
            return format!(
                "`{}` belongs to a {home}, not to {}; its keys are {}",
                entry.key,
                shape.word,
                list(known)
            );
        }
        let cut = entry.value.data == Data::Null && entry.key.ends_with([')', ']', '\'', '"']);
        let hint = if cut {
            "; a text with a comma needs quotes between { and }"
        } else {
            ""
        };
        unknown(&entry.key, shape.word, known, hint)
    }
}

/// The mapping that the key belongs to, among those that hold others.
fn home(key: &str) -> Option<&'static str> {
    [&PHASE, &GATE, &MIGRATION]
        .into_iter()
        .find(|shape| shape.field(key).is_some())
        .map(|shape| shape.word)
}

/// The known key that a mistaken one stands for: the nearest, or the one that other tools call so.
fn meant_key<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    const ELSEWHERE: &[(&str, &str)] = &[
        ("engine", "database"),
        ("dialect", "database"),
        ("query", "sql"),
        ("expression", "sql"),
        ("statement", "sql"),
        ("set", "sql"),
        ("message", "errorMessage"),
        ("steps", "operations"),
        ("changes", "operations"),
        ("checks", "validation"),
        ("assertions", "validation"),
        ("fields", "columns"),
        ("references", "refTable"),
        ("using", "method"),
        ("filter", "where"),
        ("condition", "where"),
        ("delay", "pauseMs"),
        ("sleep", "pauseMs"),
    ];
    nearest(key, known.iter().copied()).or_else(|| {
        let (_, ours) = ELSEWHERE.iter().find(|(theirs, _)| *theirs == key)?;
        known.iter().copied().find(|k| k == ours)
    })
}

fn unknown(key: &str, what: &str, known: &[&str], hint: &str) -> String {
    if let Some(c) = key.chars().find_map(scan_error::unseen) {
        return format!("{what} has no key `{}`: {c} stands in it", shorten(key));
    }
    let near = meant_key(key, known).map_or(".".to_owned(), |n| format!("; did you mean `{n}`?"));
    format!(
        "{what} has no key `{}`{hint}{near} Known: {}",
        shorten(key),
        list(known)
    )
}

pub(super) fn list(words: &[&str]) -> String {
    words.join(", ")
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn text_of<'n>(entries: &'n [Entry], key: &str) -> Option<&'n str> {
    let entry = entries.iter().find(|e| e.key == key)?;
    entry.value.as_text()
}

pub(super) fn describe(node: &Node) -> String {
    match &node.data {
        Data::Null => "nothing".to_owned(),
        Data::Bool(b) => format!("the truth value {b}"),
        Data::Number { source, .. } => format!("the number {}", shorten(source)),
        Data::Text(text) => format!("the text `{}`", shorten(text)),
        Data::List(_) => "a list".to_owned(),
        Data::Map(_) => "a mapping".to_owned(),
    }
}
