//! Every operation under hostile names, on real servers: done, the rows are where they belong;
//! taken back, everything is as it was; and a bystander is never touched.

use std::collections::BTreeSet;

use bellows::document::{Engine, Migration, Phase, emit};
use bellows::operation::{Operation, samples};
use bellows::plan::plan;
use bellows::schema::{Schema, TableName};
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};
use serde_json::{Value, json};

use crate::operations::whole;
use crate::support::{Events, TestTarget, open, run};

on_mariadb_and_mysql! {
    every_operation_under_any_name,
    every_operation_under_the_longest_names,
}

/// What tables, columns, indexes, constraints and views are called, with one letter behind it.
const NAMES: &[&str] = &[
    "Mixed Case",
    RESERVED,
    "x\"; DROP TABLE users; --",
    "x`; DROP TABLE users; -- `",
    "it's \\",
    "a.b",
    "/* no */ $$ $1 ? :x %s {n}",
    "ünïcode日本",
];

/// Stands for words of SQL, each alone: with a letter behind it none would be one.
const RESERVED: &str = "reserved words";

/// The word of SQL for what has that letter.
const WORDS: &[(&str, &str)] = &[
    ("A", "as"),
    ("C", "check"),
    ("D", "default"),
    ("H", "having"),
    ("I", "index"),
    ("J", "join"),
    ("P", "primary"),
    ("T", "to"),
    ("V", "values"),
    ("W", "with"),
    ("X", "create"),
    ("Z", "unique"),
    ("a", "and"),
    ("b", "between"),
    ("c", "case"),
    ("e", "table"),
    ("f", "foreign"),
    ("g", "group"),
    ("k", "select"),
    ("l", "limit"),
    ("n", "null"),
    ("o", "order"),
    ("q", "from"),
    ("r", "references"),
    ("s", "set"),
    ("u", "using"),
    ("w", "where"),
    ("y", "then"),
];

/// Operations that an engine may refuse whatever the names, as its own tests show.
fn may_be_refused(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::PostgreSql => &[],
        Engine::MySql | Engine::MariaDb => &["add_check", "copy_table", "swap_tables"],
        Engine::Sqlite => &["copy_table", "swap_tables"],
    }
}

/// One set of names on one engine.
struct Called {
    engine: Engine,
    base: String,
    schema: Option<String>,
}

impl Called {
    fn of(&self, what: &str) -> String {
        let word = WORDS.iter().find(|(letter, _)| *letter == what);
        match word.filter(|_| self.base == RESERVED) {
            Some((_, word)) => (*word).to_owned(),
            None => format!("{}{what}", self.base),
        }
    }

    fn sql(&self, what: &str) -> String {
        self.quoted(&self.of(what))
    }

    fn quoted(&self, name: &str) -> String {
        let mark = match self.engine {
            Engine::PostgreSql | Engine::Sqlite => "\"",
            Engine::MySql | Engine::MariaDb => "`",
        };
        format!("{mark}{}{mark}", name.replace(mark, &mark.repeat(2)))
    }

    fn table_name(&self, what: &str) -> TableName {
        TableName {
            schema: self.schema.clone(),
            name: self.of(what),
        }
    }

    fn table(&self, what: &str) -> String {
        self.table_name(what).to_string()
    }

    fn table_sql(&self, what: &str) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", self.quoted(schema), self.sql(what)),
            None => self.sql(what),
        }
    }

    /// A database with tables of these names, and a bystander.
    async fn make(&self) -> TestTarget {
        let test = TestTarget::new(self.engine).await;
        if let Some(schema) = &self.schema {
            let sql = format!("CREATE SCHEMA {}", self.quoted(schema));
            test.sql(&sql).await;
        }
        let c = |what: &str| self.sql(what);
        let t = |what: &str| self.table_sql(what);
        let on = match self.engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => c("J"),
            Engine::Sqlite => t("J"),
        };
        test.sql(&format!(
            "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(40));
             INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, NULL);
             CREATE TABLE {teams} ({k} bigint PRIMARY KEY);
             INSERT INTO {teams} VALUES (1), (2);
             CREATE TABLE {table} ({k} bigint PRIMARY KEY, {o} varchar(40), {w} bigint,
                {e} bigint DEFAULT 5, {s} bigint, {q} varchar(20) NOT NULL, {y} varchar(20),
                {g} varchar(200), {r} varchar(20), CONSTRAINT {b} CHECK ({w} < 100));
             INSERT INTO {table} ({k}, {o}, {w}, {s}, {q}, {y}, {r})
             VALUES (1, 'one', 1, 1, 'q', 'y', 'r'), (2, 'two', 2, 2, 'q', 'y', 'r'),
                    (3, NULL, NULL, 3, 'q', NULL, NULL);
             CREATE INDEX {on} ON {table} ({y});
             CREATE TABLE {copied} ({k} bigint PRIMARY KEY, {o} varchar(40));
             INSERT INTO {copied} VALUES (1, 'one'), (2, NULL);
             CREATE TABLE {dropped} ({k} bigint PRIMARY KEY, {o} varchar(40));
             CREATE TABLE {called} ({k} bigint PRIMARY KEY, {o} varchar(40));
             INSERT INTO {called} VALUES (1, 'one');
             CREATE VIEW {view} AS SELECT {k}, {o} FROM {called}",
            teams = t("T"),
            table = t("A"),
            copied = t("C"),
            dropped = t("D"),
            called = t("P"),
            view = t("V"),
            k = c("k"),
            o = c("o"),
            w = c("w"),
            e = c("e"),
            s = c("s"),
            q = c("q"),
            y = c("y"),
            g = c("g"),
            r = c("r"),
            b = c("b"),
        ))
        .await;
        test
    }

    /// Every operation, in an order in which each has what it needs.
    fn operations(&self) -> Vec<Value> {
        let (table, name) = (self.table("A"), |what: &str| self.of(what));
        let column =
            |word: &str, what: &str| json!({"type": word, "table": table, "column": name(what)});
        let with = |mut value: Value, key: &str, other: Value| {
            value[key] = other;
            value
        };
        let pair = |word: &str| json!({"type": word, "table": table, "oldColumn": name("o"), "newColumn": name("n")});
        let unique = self.engine.is_mysql_family();
        let body = if unique {
            format!("UNIQUE ({})", self.sql("k"))
        } else {
            format!("CHECK ({} <> 'never')", self.sql("o"))
        };
        let update = format!(
            "UPDATE {} SET {e} = {e}",
            self.table_sql("A"),
            e = self.sql("e")
        );
        let kept = json!([
            {"name": name("k"), "dataType": "bigint", "primaryKey": true},
            {"name": name("o"), "dataType": "varchar(40)"}]);
        vec![
            with(column("add_column", "n"), "dataType", json!("varchar(40)")),
            with(column("set_default", "g"), "defaultValue", json!(self.base)),
            column("drop_default", "e"),
            column("set_not_null", "s"),
            column("drop_not_null", "q"),
            json!({"type": "change_column_type", "table": table, "column": name("y"),
                   "oldType": "varchar(20)", "newType": "varchar(40)"}),
            pair("enable_dual_write"),
            json!({"type": "backfill", "table": table,
                   "sql": format!("{} = {}", self.sql("n"), self.sql("o"))}),
            json!({"type": "add_index", "table": table, "indexName": name("I"),
                   "columns": [name("o"), name("n")]}),
            json!({"type": "add_unique", "table": table, "constraintName": name("u"),
                   "columns": [name("s")]}),
            json!({"type": "add_check", "table": table, "constraintName": name("c"),
                   "sql": format!("{} <> 'never'", self.sql("n"))}),
            json!({"type": "add_constraint", "table": table, "constraintName": name("a"),
                   "sql": body}),
            json!({"type": "add_foreign_key", "table": table, "constraintName": name("f"),
                   "columns": [name("w")], "refTable": self.table("T"), "refColumns": [name("k")]}),
            pair("disable_dual_write"),
            json!({"type": "custom_sql", "sql": update, "rollbackSql": update}),
            json!({"type": "create_table", "table": self.table("H"), "columns": kept}),
            json!({"type": "copy_table", "table": self.table("C"), "shadow": self.table("H")}),
            json!({"type": "swap_tables", "table": self.table("C"), "shadow": self.table("H"),
                   "oldName": name("Z")}),
            json!({"type": "create_view", "name": self.table("W"),
                   "sql": format!("SELECT {k}, {o} FROM {} WHERE {o} <> 'x'", self.table_sql("A"),
                                  k = self.sql("k"), o = self.sql("o"))}),
            json!({"type": "drop_view", "name": self.table("V")}),
            json!({"type": "drop_index", "table": table, "indexName": name("J")}),
            json!({"type": "drop_constraint", "table": table, "constraintName": name("b")}),
            json!({"type": "drop_table", "table": self.table("D")}),
            json!({"type": "rename_table", "table": self.table("P"), "newTable": self.table("X")}),
            column("drop_column", "g"),
            json!({"type": "rename_column", "table": table, "oldColumn": name("r"),
                   "newColumn": name("l")}),
        ]
    }

    /// The document of all that the engine does not refuse, a phase for each; what it refuses, and
    /// what that says.
    fn document(&self, schema: &Schema) -> (Migration, Vec<String>) {
        let mut migration = Migration {
            name: "every-operation".into(),
            database: self.engine,
            description: String::new(),
            author: None,
            tags: Vec::new(),
            waivers: Vec::new(),
            phases: Vec::new(),
        };
        let mut refused = Vec::new();
        for value in self.operations() {
            let operation: Operation = serde_json::from_value(value).unwrap();
            let before = migration.clone();
            migration.phases.push(Phase {
                phase: u32::try_from(migration.phases.len()).unwrap() + 1,
                kind: None,
                description: String::new(),
                timeout: None,
                gate: None,
                operations: vec![operation.clone()],
                validation: Vec::new(),
                rollback_operations: None,
                waivers: Vec::new(),
            });
            if let Err(problems) = plan(&migration, Some(schema)) {
                let word = operation.word();
                let allowed = may_be_refused(self.engine).contains(&word);
                assert!(allowed, "{}: {word}: {problems:#?}", self.base);
                refused.push(word.to_owned());
                migration = before;
            }
        }
        (migration, refused)
    }

    async fn holds(&self) {
        let test = self.make().await;
        let before = test.schema().await;
        let (migration, refused) = self.document(&before);
        let done: BTreeSet<String> = migration
            .phases
            .iter()
            .flat_map(|p| &p.operations)
            .map(|o| o.word().to_owned())
            .chain(refused.clone())
            .collect();
        let every: BTreeSet<String> = samples().iter().map(|o| o.word().to_owned()).collect();
        assert_eq!(
            done, every,
            "every operation is done, or refused with a reason"
        );

        let record = open(&test.target, &emit(&migration)).await;
        let events = Events::default();
        for phase in &record.plan.phases {
            let outcome = run(&test.target, &record.id, phase.phase, &events).await;
            assert!(
                matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
                "{} phase {} {:?}: {outcome:?}",
                self.base,
                phase.phase,
                migration.phases[phase.phase as usize - 1].operations
            );
        }
        self.is_done(&test, &refused).await;
        self.bystander(&test, &before).await;

        let (_sender, receiver) = control();
        let options = RunOptions::new("test");
        let outcome = roll_back(
            &test.target,
            &record.id,
            None,
            "tester",
            &options,
            &events,
            receiver,
        )
        .await
        .unwrap();
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{}: {outcome:?}",
            self.base
        );
        self.bystander(&test, &before).await;
        let (was, is) = (whole(&before), whole(&test.schema().await));
        let names = |schema: &Schema| schema.tables.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&is), names(&was), "{}", self.base);
        for (name, table) in &was.tables {
            assert_eq!(is.tables.get(name), Some(table), "{}: {name}", self.base);
        }
        let views = |schema: &Schema| schema.views.keys().cloned().collect::<Vec<_>>();
        assert_eq!(views(&is), views(&was), "{}", self.base);
    }

    /// The names and the rows are what the document says.
    async fn is_done(&self, test: &TestTarget, refused: &[String]) {
        let schema = test.schema().await;
        let table = schema.table(&self.table_name("A")).unwrap();
        let mut columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        columns.sort_unstable();
        let mut wanted = ["k", "o", "w", "e", "s", "q", "y", "n", "l"].map(|what| self.of(what));
        wanted.sort_unstable();
        assert_eq!(columns, wanted, "{}", self.base);
        assert!(
            table.indexes.iter().any(|i| i.name == self.of("I")),
            "{}",
            self.base
        );
        assert!(
            table.indexes.iter().all(|i| i.name != self.of("J")),
            "{}",
            self.base
        );
        let carried = format!(
            "SELECT count(*) FROM {} WHERE {n} = {o} AND {n} IN ('one', 'two')",
            self.table_sql("A"),
            n = self.sql("n"),
            o = self.sql("o")
        );
        assert_eq!(test.number(&carried).await, 2, "{}", self.base);
        for (what, there) in [("D", false), ("P", false), ("X", true)] {
            let found = schema.table(&self.table_name(what)).is_some();
            assert_eq!(found, there, "{}: {what}", self.base);
        }
        for (what, there) in [("V", false), ("W", true)] {
            let found = schema.views.contains_key(&self.table_name(what));
            assert_eq!(found, there, "{}: {what}", self.base);
        }
        if refused.is_empty() {
            assert!(
                schema.table(&self.table_name("Z")).is_some(),
                "{}",
                self.base
            );
        }
        let copied = format!("SELECT count(*) FROM {}", self.table_sql("C"));
        assert_eq!(test.number(&copied).await, 2, "{}", self.base);
    }

    /// Nothing that its names say was done to it.
    async fn bystander(&self, test: &TestTarget, before: &Schema) {
        let users = [TableName::parse("users")];
        let now = test.schema().await;
        assert_eq!(
            now.fingerprint(&users),
            before.fingerprint(&users),
            "{}",
            self.base
        );
        assert_eq!(test.number("SELECT count(*) FROM users").await, 3);
        let nulls = "SELECT count(*) FROM users WHERE name IS NULL";
        assert_eq!(test.number(nulls).await, 1);
    }
}

async fn all(engine: Engine, schema: Option<&str>, names: &[&str]) {
    for base in names {
        let called = Called {
            engine,
            base: (*base).to_owned(),
            schema: schema.map(str::to_owned),
        };
        called.holds().await;
    }
}

#[tokio::test]
async fn postgres_does_every_operation_under_any_name() {
    all(Engine::PostgreSql, None, NAMES).await;
}

#[tokio::test]
async fn postgres_does_every_operation_in_another_schema() {
    all(Engine::PostgreSql, Some("Other \"schema\".x"), &NAMES[..3]).await;
}

#[tokio::test]
async fn postgres_does_every_operation_under_the_longest_names() {
    // 63 bytes with the letter, and what Bellows makes of them must fit as well.
    let long = ["x".repeat(62), "é".repeat(31)];
    for base in &long {
        all(Engine::PostgreSql, None, &[base]).await;
    }
}

async fn every_operation_under_any_name(engine: Engine) {
    all(engine, None, NAMES).await;
}

async fn every_operation_under_the_longest_names(engine: Engine) {
    // 64 characters with the letter.
    let long = ["x".repeat(63), "é".repeat(63)];
    for base in &long {
        all(engine, None, &[base]).await;
    }
}

#[tokio::test]
async fn sqlite_does_every_operation_under_any_name() {
    all(Engine::Sqlite, None, NAMES).await;
}
