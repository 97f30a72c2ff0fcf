//! Names are data: whatever tables, columns, indexes and constraints are called, the statements
//! are the same but for the names in them.
//!
//! Every operation and pattern is planned twice over the small database, once under plain names
//! and once under others. The statements must have the same tokens, inside of function bodies
//! too, and where the one has a name the other must have its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{EnableDualWrite, Operation, samples};
use crate::dialect::lexer::{self, Kind, Token};
use crate::dialect::quote;
use crate::document::{Engine, FieldKind, Migration, Problem, Shape, read_draft, write_list};
use crate::pattern::{self, FieldError};
use crate::plan::{Plan, plan};
use crate::schema::{Schema, TableName, sample};

const TABLES: &[&str] = &[
    "mailing",
    "people",
    "teams",
    "users",
    "users_new",
    "users_old",
];

/// In alphabetical order, so that what is sorted by name stays in its order.
const OTHERS: &[&str] = &[
    "email",
    "fresh",
    "handle",
    "id",
    "login",
    "name",
    "nickname",
    "status",
    "team_id",
    "title",
    "users_email_has_at",
    "users_email_idx",
    "users_email_key",
    "users_name_check",
    "users_nickname_email_idx",
    "users_team_fkey",
];

/// Keys of documents and of schemas whose texts are SQL.
const SQL: &[&str] = &[
    "sql",
    "rollbackSql",
    "where",
    "forward",
    "backward",
    "using",
    "definition",
    "predicate",
    "createSql",
    "dependents",
    "default",
];

/// What everything is called.
struct Naming {
    schema: Option<String>,
    tables: BTreeMap<&'static str, String>,
    others: BTreeMap<&'static str, String>,
}

impl Naming {
    fn new(schema: Option<&str>, call: impl Fn(usize) -> String) -> Self {
        let numbered = |list: &'static [&'static str], from: usize| {
            list.iter()
                .enumerate()
                .map(|(k, name)| (*name, call(from + k)))
                .collect()
        };
        Self {
            schema: schema.map(str::to_owned),
            tables: numbered(TABLES, 0),
            others: numbered(OTHERS, TABLES.len()),
        }
    }

    fn table(&self, name: &str) -> Option<TableName> {
        self.tables.get(name).map(|name| TableName {
            schema: self.schema.clone(),
            name: name.clone(),
        })
    }

    /// A name as it stands in a document and in the catalogue.
    fn spelled(&self, name: &str) -> Option<String> {
        self.table(name)
            .map(|table| table.to_string())
            .or_else(|| self.others.get(name).cloned())
    }

    /// SQL with its names changed.
    fn sql(&self, engine: Engine, text: &str) -> String {
        let Ok(tokens) = lexer::tokens(engine, text) else {
            return text.to_owned();
        };
        let renamed = |token: &Token<'_>| {
            let name = token.name(engine)?;
            let table = self.table(&name).map(|t| quote::table(engine, &t));
            table.or_else(|| {
                self.others
                    .get(name.as_str())
                    .map(|n| quote::name(engine, n))
            })
        };
        tokens
            .iter()
            .map(|t| renamed(t).unwrap_or_else(|| t.text.to_owned()))
            .collect()
    }

    fn json(&self, engine: Engine, value: &Value) -> Value {
        match value {
            Value::String(text) => self
                .spelled(text)
                .unwrap_or_else(|| self.sql(engine, text))
                .into(),
            Value::Array(items) => items.iter().map(|v| self.json(engine, v)).collect(),
            Value::Object(map) => {
                // The keys of a mapping are names, where they are no keys of the format.
                let renamed = |key: &String| match key.as_str() {
                    "name" | "title" => key.clone(),
                    _ => self.spelled(key).unwrap_or_else(|| key.clone()),
                };
                let entries = map.iter();
                let entries = entries.map(|(key, value)| {
                    // A map of columns has an expression for each.
                    let expressions = key == "columns" && value.is_object();
                    // A name in the schema of another, and so without one of its own.
                    let bare = value.as_str().and_then(|name| self.tables.get(name));
                    let value = if let (Some(bare), "oldName") = (bare, key.as_str()) {
                        bare.clone().into()
                    } else if expressions || SQL.contains(&key.as_str()) {
                        self.sql_in(engine, value)
                    } else {
                        self.json(engine, value)
                    };
                    (renamed(key), value)
                });
                Value::Object(entries.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// What is SQL even where it is but one name.
    fn sql_in(&self, engine: Engine, value: &Value) -> Value {
        match value {
            Value::String(text) => self.sql(engine, text).into(),
            Value::Array(items) => items.iter().map(|v| self.sql_in(engine, v)).collect(),
            Value::Object(map) => {
                let name = |key: &String| self.spelled(key).unwrap_or_else(|| key.clone());
                let entries = map.iter();
                let entries = entries.map(|(k, v)| (name(k), self.sql_in(engine, v)));
                Value::Object(entries.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn schema(&self, engine: Engine) -> Schema {
        let json = serde_json::to_value(sample::schema(engine)).unwrap();
        serde_json::from_value(self.json(engine, &json)).unwrap()
    }

    /// The sample, after a phase in which login and handle are put in step.
    fn document(&self, engine: Engine, operation: &Operation) -> Migration {
        let in_step = Operation::from(EnableDualWrite::pair("users", "login", "handle"));
        let of =
            |operation: &Operation| self.json(engine, &serde_json::to_value(operation).unwrap());
        let draft = serde_json::json!({
            "name": "a", "database": engine.word(), "phases": [
                { "phase": 1, "operations": [of(&in_step)] },
                { "phase": 2, "operations": [of(operation)] },
            ],
        });
        read_draft(&draft).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn pattern(&self, engine: Engine, shape: &Shape) -> Result<Migration, Vec<FieldError>> {
        let fields = shape.fields.iter().filter(|f| f.required);
        let values: BTreeMap<String, String> = fields
            .map(|field| {
                let value = match (field.key, field.kind) {
                    ("refTable", _) => self.spelled("teams").unwrap(),
                    (_, FieldKind::Table) => self.spelled("users").unwrap(),
                    ("column", FieldKind::Column) if shape.word == "add-foreign-key" => {
                        self.spelled("team_id").unwrap()
                    }
                    (_, FieldKind::Column) => self.spelled("nickname").unwrap(),
                    (_, FieldKind::Columns) => write_list(&[self.spelled("nickname").unwrap()]),
                    (_, FieldKind::NewName) => self.spelled("fresh").unwrap(),
                    (_, FieldKind::DataType) => "text".to_owned(),
                    (_, FieldKind::Default) => "0".to_owned(),
                    (_, FieldKind::Choice(words)) => words[0].to_owned(),
                    (_, _) => self.sql(engine, "upper(nickname)"),
                };
                (field.key.to_owned(), value)
            })
            .collect();
        pattern::expand(shape.word, &values, engine, Some(&self.schema(engine)))
    }

    /// Every operation and pattern, with the statements of its plan, or why there is none.
    fn plans(&self, engine: Engine) -> Vec<(String, Result<Vec<String>, String>)> {
        let schema = self.schema(engine);
        let planned = |document: &Migration| {
            plan(document, Some(&schema))
                .map(|plan| statements(&plan))
                .map_err(|problems| refusal(&problems))
        };
        let operations = samples().into_iter().map(|operation| {
            let document = self.document(engine, &operation);
            (operation.word().to_owned(), planned(&document))
        });
        let patterns = pattern::shapes().iter().map(|shape| {
            let plans = match self.pattern(engine, shape) {
                Ok(document) => planned(&document),
                Err(errors) => Err(errors.iter().map(|e| e.field.clone() + "; ").collect()),
            };
            (shape.word.to_owned(), plans)
        });
        operations.chain(patterns).collect()
    }
}

/// What is refused, without the names in the words.
fn refusal(problems: &[Problem]) -> String {
    problems.iter().map(|p| p.path.clone() + "; ").collect()
}

fn statements(plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    for phase in &plan.phases {
        for step in phase.steps.iter().chain(&phase.rollback) {
            out.extend(step.action.statements().iter().map(|s| s.sql.clone()));
        }
        out.extend(phase.validation.iter().map(|check| check.sql.clone()));
    }
    out
}

/// Refuses statements that differ in anything but names.
fn compare(engine: Engine, case: &str, plain: &str, other: &str, naming: &(Naming, Naming)) {
    let read = |sql: &str| {
        let tokens = lexer::significant(engine, sql);
        let tokens = tokens.unwrap_or_else(|e| panic!("{case}: {e}\n{sql}"));
        tokens
            .iter()
            .map(|t| (t.kind, t.text.to_owned(), t.name(engine)))
            .collect::<Vec<_>>()
    };
    // MySQL marks no dropped column whose name is long and not of ASCII's letters.
    let dropped = engine == Engine::MySql && plain.contains(" DROP COLUMN ");
    let other = match dropped {
        true => other.replace("ALGORITHM=INPLACE, LOCK=NONE", "ALGORITHM=INSTANT"),
        false => other.to_owned(),
    };
    let (plains, others) = (read(plain), read(&other));
    assert_eq!(plains.len(), others.len(), "{case}\n{plain}\n{other}");
    let known = |naming: &Naming| -> Vec<String> {
        let tables = naming.tables.values();
        let named = tables.chain(naming.others.values());
        named.chain(&naming.schema).cloned().collect()
    };
    let (plain_names, other_names) = (known(&naming.0), known(&naming.1));
    for ((kind, text, name), (other_kind, other_text, other_name)) in plains.iter().zip(&others) {
        let told = || format!("{case}: {text} and {other_text}\n{plain}\n{other}");
        let at = name
            .as_ref()
            .and_then(|name| plain_names.iter().position(|known| known == name));
        match (kind, other_kind) {
            (Kind::Word | Kind::QuotedName, Kind::Word | Kind::QuotedName) => match at {
                Some(at) => assert_eq!(other_name.as_ref(), Some(&other_names[at]), "{}", told()),
                // A name that Bellows made up of others is another one, and still one name.
                None => {
                    let made_up = text.contains("bellows")
                        || plain_names.iter().any(|known| text.contains(known));
                    assert!(made_up || text == other_text, "{}", told());
                }
            },
            (Kind::Text, Kind::Text) => {
                let body = |text: &str| {
                    let mark = text.strip_prefix('$')?.split_once('$')?.0;
                    let mark = format!("${mark}$");
                    text.strip_prefix(&mark)?
                        .strip_suffix(&mark)
                        .map(str::to_owned)
                };
                if let (Some(plain), Some(other)) = (body(text), body(other_text)) {
                    compare(engine, case, &plain, &other, naming);
                }
            }
            (kind, other_kind) => {
                assert_eq!(kind, other_kind, "{}", told());
                assert_eq!(text, other_text, "{}", told());
            }
        }
    }
}

fn hold(call: impl Fn(usize) -> String) {
    hold_for(&|_| true, call);
}

/// The same for the cases of those words alone.
fn hold_for(wanted: &dyn Fn(&str) -> bool, call: impl Fn(usize) -> String) {
    for engine in Engine::ALL {
        let schemas: &[Option<&str>] = match engine {
            Engine::PostgreSql => &[None, Some("Other \"schema\"")],
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => &[None],
        };
        for schema in schemas {
            let plain_schema = schema.map(|_| "other");
            let naming = (
                Naming::new(plain_schema, |k| format!("n{k:02}")),
                Naming::new(*schema, &call),
            );
            let (plain, other) = (naming.0.plans(engine), naming.1.plans(engine));
            let cases = plain
                .iter()
                .zip(&other)
                .filter(|((case, _), _)| wanted(case));
            for ((case, plain), (_, other)) in cases {
                let case = format!("{} {case} as {:?}", engine.word(), call(0));
                match (plain, other) {
                    (Ok(plain), Ok(other)) => {
                        assert_eq!(plain.len(), other.len(), "{case}");
                        for (plain, other) in plain.iter().zip(other) {
                            compare(engine, &case, plain, other, &naming);
                        }
                    }
                    (plain, other) => assert_eq!(plain, other, "{case}"),
                }
            }
        }
    }
}

#[test]
fn the_plain_names_are_planned() {
    for engine in [Engine::PostgreSql, Engine::Sqlite] {
        let naming = Naming::new(None, |k| format!("n{k:02}"));
        let plans = naming.plans(engine);
        let refused: Vec<String> = plans
            .iter()
            .filter_map(|(case, plan)| Some(format!("{case}: {}", plan.as_ref().err()?)))
            .collect();
        assert!(
            refused.len() * 4 < plans.len(),
            "{}: {refused:#?}",
            engine.word()
        );
    }
}

#[test]
fn quotes_dots_and_semicolons_are_parts_of_a_name() {
    hold(|k| format!("x\"; DROP TABLE users; --{k:02}"));
    hold(|k| format!("a.b.{k:02}"));
    hold(|k| format!("it's {k:02}"));
    hold(|k| format!("\"{k:02}\""));
    hold(|k| format!("one, (two {k:02}"));
}

#[test]
fn what_sql_uses_for_itself_is_part_of_a_name() {
    hold(|k| format!("/*{k:02}*/"));
    hold(|k| format!("$$ {k:02} $1 $bellows$"));
    hold(|k| format!("`tick` [{k:02}]"));
    hold(|k| format!("back\\slash {k:02}"));
    hold(|k| format!("%s {{n}} ?{k:02}"));
}

#[test]
fn blanks_and_case_are_parts_of_a_name() {
    hold(|k| format!("Mixed Case {k:02}"));
    // The texts of a form lose the blanks around them, so patterns do not meet such names.
    let operation = |case: &str| samples().iter().any(|sample| sample.word() == case);
    hold_for(&operation, |k| format!(" lead {k:02}"));
    hold(|k| format!("two\nlines {k:02}"));
}

#[test]
fn other_scripts_and_the_longest_names_are_names() {
    hold(|k| format!("ünïcode日本🎈{k:02}"));
    hold(|k| format!("{}{k:02}", "x".repeat(61)));
    hold(|k| format!("{}{k:02}", "é".repeat(30)));
}

#[test]
fn reserved_words_are_names() {
    const WORDS: &[&str] = &[
        "all",
        "and",
        "as",
        "case",
        "check",
        "column",
        "default",
        "desc",
        "end",
        "foreign",
        "from",
        "group",
        "having",
        "in",
        "index",
        "limit",
        "order",
        "primary",
        "references",
        "select",
        "table",
        "to",
        "union",
        "user",
        "where",
    ];
    hold(|k| WORDS[k].to_owned());
}
