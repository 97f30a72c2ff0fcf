//! add_index: an index, built without holding up writers where the engine can.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{default, mysql, postgres, sqlite};
use crate::dialect::statement::Work;
use crate::dialect::{expression, lexer, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Index, Refusal, TableName, World};

/// Adds an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddIndex {
    /// The table.
    pub table: String,
    /// Its name; absent: see [`AddIndex::name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_name: Option<String>,
    /// Its keys: columns, or expressions in parentheses.
    pub columns: Vec<String>,
    /// PostgreSQL: built concurrently.
    #[serde(default = "default::yes", skip_serializing_if = "default::is_yes")]
    pub concurrent: bool,
    /// Whether two rows may not have the same keys.
    #[serde(default, skip_serializing_if = "default::is_no")]
    pub unique: bool,
    /// PostgreSQL: the access method; absent: btree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The predicate of a partial index.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<String>,
}

impl AddIndex {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "add_index",
        title: "Add an index",
        help: "Builds an index while writers go on.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::optional(
                "indexName",
                "Index name",
                FieldKind::NewName,
                "The index's name; idx_ with the table and its columns where absent.",
            ),
            Field::required(
                "columns",
                "Columns",
                FieldKind::Columns,
                "Its columns in order; an expression stands in parentheses.",
            ),
            Field::optional(
                "concurrent",
                "Concurrently",
                FieldKind::Bool,
                "Built without holding up writers (PostgreSQL).",
            )
            .or("true"),
            Field::optional(
                "unique",
                "Unique",
                FieldKind::Bool,
                "Whether no two rows may have the same keys.",
            )
            .or("false"),
            Field::optional(
                "method",
                "Method",
                FieldKind::Choice(&["btree", "hash", "gin", "gist", "spgist", "brin"]),
                "The access method (PostgreSQL); btree where absent.",
            ),
            Field::optional(
                "where",
                "Where",
                FieldKind::Sql,
                "Only rows for which this condition holds are indexed.",
            ),
        ],
    };
}

/// Words that may follow a column in an index.
const KEY_WORDS: &[&str] = &["asc", "desc", "nulls", "first", "last", "collate"];

impl AddIndex {
    /// Its name as written, else `idx_` with the table and its columns.
    pub fn name(&self) -> String {
        self.index_name.clone().unwrap_or_else(|| {
            let table = TableName::parse(&self.table).name;
            let columns: Vec<String> = self
                .columns
                .iter()
                .map(|c| {
                    c.chars()
                        .map(|c| if c.is_alphanumeric() { c } else { '_' })
                        .collect::<String>()
                        .trim_matches('_')
                        .to_owned()
                })
                .collect();
            quote::made_up(&format!("idx_{table}_{}", columns.join("_")))
        })
    }

    /// One key as SQL: a column, a column with its order, or an expression.
    fn key(&self, world: &World, table: &TableName, key: &str) -> Result<String, Refusal> {
        let engine = world.engine;
        if world.column(table, key).is_some() {
            return Ok(quote::name(engine, key));
        }
        let bare = key.trim();
        if engine.is_mysql_family()
            && let Some(key) = mysql::prefix_key(world, table, bare)
        {
            return Ok(key);
        }
        let refuse = |problem| Refusal::new("columns", format!("{bare}: {problem}"));
        let tokens = match lexer::significant(engine, bare) {
            Ok(tokens) => tokens,
            // What is no SQL and does not look like an expression is a column's name.
            Err(_) if !bare.starts_with('(') => return Ok(quote::name(engine, key)),
            Err(unclosed) => return Err(refuse(unclosed.to_string())),
        };
        let Some((first, rest)) = tokens.split_first() else {
            return Err(refuse("the key is empty".to_owned()));
        };
        let calls = rest.first().is_some_and(|t| t.is_symbol("("));
        if first.is_symbol("(") || calls {
            return match expression::expression_problem(engine, bare) {
                Some(problem) => Err(refuse(problem)),
                None => Ok(bare.to_owned()),
            };
        }
        let ordered = rest
            .iter()
            .any(|t| KEY_WORDS.iter().any(|w| t.is(w)) || t.text.ends_with("_ops"));
        match first.name(engine) {
            Some(name) if ordered && expression::expression_problem(engine, bare).is_none() => {
                Ok(format!(
                    "{} {}",
                    quote::name(engine, &name),
                    expression::span(bare, rest)
                ))
            }
            Some(_) | None => Ok(quote::name(engine, bare)),
        }
    }

    fn sql(&self, world: &World, concurrently: bool) -> Result<String, Refusal> {
        let table = TableName::parse(&self.table);
        let keys: Result<Vec<String>, Refusal> = self
            .columns
            .iter()
            .map(|key| self.key(world, &table, key))
            .collect();
        let unique = if self.unique { "UNIQUE " } else { "" };
        let mode = if concurrently { "CONCURRENTLY " } else { "" };
        let (name, on) = match world.engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => (
                quote::name(world.engine, &self.name()),
                quote::table(world.engine, &table),
            ),
            Engine::Sqlite => (
                quote::within(world.engine, &table, &self.name()),
                quote::name(world.engine, &table.name),
            ),
        };
        let method = match &self.method {
            Some(method) => format!(" USING {}", quote::name(world.engine, method)),
            None => String::new(),
        };
        let predicate = match &self.predicate {
            Some(sql) => format!(" WHERE {}", sql.trim()),
            None => String::new(),
        };
        Ok(format!(
            "CREATE {unique}INDEX {mode}{name} ON {on}{method} ({}){predicate}",
            keys?.join(", ")
        ))
    }
}

impl AddIndex {
    /// What no index of MySQL or MariaDB can be.
    fn mysql_refuses(&self, world: &World, table: &TableName) -> Result<(), Refusal> {
        let (engine, title) = (world.engine, world.engine.title());
        if self.predicate.is_some() {
            return Err(Refusal::new(
                "where",
                format!(
                    "{title} has no partial indexes; leave the condition out, or index a generated column that is NULL where it does not hold"
                ),
            ));
        }
        if self.method.as_deref().is_some_and(|m| m != "btree") {
            return Err(Refusal::new(
                "method",
                format!(
                    "InnoDB's indexes are B-trees; leave the method out, or use custom_sql for a FULLTEXT or SPATIAL one, which keeps writers out while it is built on {title}"
                ),
            ));
        }
        for key in &self.columns {
            let bare = key.trim();
            mysql::refuse_long_key(world, table, "columns", bare)?;
            let is_name = world.column(table, bare).is_some()
                || mysql::prefix_key(world, table, bare).is_some();
            if !is_name && bare.contains('(') {
                let because = match engine {
                    Engine::MySql => "MySQL builds an index on an expression while writers wait",
                    Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => {
                        "MariaDB has no index on an expression"
                    }
                };
                return Err(Refusal::new(
                    "columns",
                    format!(
                        "{bare}: {because}; add a VIRTUAL generated column with it, and index that"
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl Behave for AddIndex {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Expand
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (Some(TableName::parse(&self.table)), Some(self.name()))
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        let engine = world.engine;
        if self.columns.is_empty() {
            return Err(Refusal::new("columns", "an index needs a column"));
        }
        if engine.is_mysql_family() {
            self.mysql_refuses(world, &table)?;
        }
        if engine == Engine::Sqlite && self.method.is_some() {
            return Err(Refusal::new(
                "method",
                "SQLite knows one kind of index only; leave the method out",
            ));
        }
        if let Some(problem) = self
            .predicate
            .as_deref()
            .and_then(|sql| expression::expression_problem(engine, sql))
        {
            return Err(Refusal::new("where", problem));
        }
        for column in &self.columns {
            let plain = lexer::significant(engine, column)
                .is_ok_and(|tokens| tokens.len() == 1 && tokens[0].kind == lexer::Kind::Word);
            if plain && world.column(&table, column).is_none() {
                world.need_column(&table, "columns", column.trim())?;
            }
        }
        let partitioned = world.table(&table).is_some_and(|t| t.partitioned);
        if partitioned && self.concurrent && engine == Engine::PostgreSql {
            return Err(Refusal::new(
                "concurrent",
                format!(
                    "{table} is partitioned, and PostgreSQL builds no index on such a table concurrently; add one to each partition"
                ),
            ));
        }
        let definition = self.sql(world, false)?;
        let name = self.name();
        let field = if self.index_name.is_some() {
            "indexName"
        } else {
            "columns"
        };
        world.add_relation(field, &table, &name)?;
        let entry = world.table_mut("table", &table)?;
        let expressions = self
            .columns
            .iter()
            .any(|c| entry.column(c).or_else(|| entry.column(c.trim())).is_none());
        entry.indexes.push(Index {
            name,
            columns: self.columns.clone(),
            expressions,
            unique: self.unique,
            method: self.method.clone().unwrap_or_else(|| "btree".to_owned()),
            predicate: self.predicate.clone(),
            valid: true,
            definition: definition.clone(),
            ..Index::default()
        });
        if engine == Engine::Sqlite {
            entry.dependents.push(definition);
        }
        if engine.is_mysql_family() && self.unique {
            mysql::note_unique(world, &table, &self.name(), &self.columns)?;
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let name = self.name();
        let (lock, concurrent) = match before.engine {
            Engine::PostgreSql => (Lock::Share, self.concurrent),
            Engine::MySql | Engine::MariaDb => {
                let sql = self.sql(before, false)?;
                return Ok(vec![mysql::build_index(before, &table, &name, &sql)]);
            }
            Engine::Sqlite => (Lock::DatabaseWrite, false),
        };
        let sql = self.sql(before, concurrent)?;
        if concurrent {
            return Ok(vec![postgres::build_index(before, &table, &name, sql)]);
        }
        Ok(vec![Draft::transaction(
            format!("Build index {name} on {table}"),
            &table,
            vec![Statement::new(sql, lock, Work::Index, before.rows(&table))],
        )])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let name = self.name();
        Ok(Undo::whole(vec![match before.engine {
            Engine::PostgreSql => postgres::drop_index(&table, &name),
            Engine::MySql | Engine::MariaDb => {
                let mut drafts = mysql::gave_way(before, &table, &name, &self.columns);
                drafts.push(mysql::drop_index(before, &table, &name));
                return Ok(Undo::whole(drafts));
            }
            Engine::Sqlite => Draft::transaction(
                format!("Drop index {name} of {table}"),
                &table,
                vec![sqlite::write(format!(
                    "DROP INDEX IF EXISTS {}",
                    quote::within(Engine::Sqlite, &table, &name)
                ))],
            ),
        }]))
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            index_name: None,
            columns: vec!["email".into()],
            concurrent: true,
            unique: false,
            method: None,
            predicate: Some("email IS NOT NULL".into()),
        }
    }
}
