//! Names are data: tables, columns, indexes and constraints under any name there is, changed and
//! changed back on real servers, with a bystander that nothing may touch.

use bellows::builder::{MigrationPatterns, migration};
use bellows::document::{Check, Engine, emit};
use bellows::schema::{Schema, TableName};
use bellows_server::executor::{self, Outcome, RunOptions, control};

use crate::support::{Events, TestTarget, apply};

const NAMES: &[&str] = &[
    "plain",
    "Mixed Case",
    "x\"; DROP TABLE users; --",
    "it's",
    "a.b.c",
    "/* no */ -- $$ $bellows$ $1",
    "back\\slash `tick` [x]",
    "ünïcode日本🎈",
    "%s {n} ? :x",
    " blank",
];

/// One table and everything in it, called by variations of one name.
struct Named {
    engine: Engine,
    base: String,
    schema: Option<String>,
}

impl Named {
    /// `what` within the name, so that all are different.
    fn of(&self, what: &str) -> String {
        format!("{}{what}", self.base)
    }

    fn quoted(&self, what: &str) -> String {
        format!("\"{}\"", self.of(what).replace('"', "\"\""))
    }

    fn table_name(&self, what: &str) -> TableName {
        TableName {
            schema: self.schema.clone(),
            name: self.of(what),
        }
    }

    /// As a document has it.
    fn table(&self, what: &str) -> String {
        self.table_name(what).to_string()
    }

    /// As SQL has it.
    fn table_sql(&self, what: &str) -> String {
        match &self.schema {
            Some(schema) => format!("\"{}\".{}", schema.replace('"', "\"\""), self.quoted(what)),
            None => self.quoted(what),
        }
    }

    async fn make(&self) -> TestTarget {
        let test = TestTarget::new(self.engine).await;
        if let Some(schema) = &self.schema {
            test.sql(&format!(
                "CREATE SCHEMA \"{}\"",
                schema.replace('"', "\"\"")
            ))
            .await;
        }
        let (key, old, owner) = (self.quoted("k"), self.quoted("o"), self.quoted("w"));
        test.sql(&format!(
            "CREATE TABLE users (id bigint PRIMARY KEY, name text);
             INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, NULL);
             CREATE TABLE {teams} ({key} bigint PRIMARY KEY);
             INSERT INTO {teams} VALUES (1), (2);
             CREATE TABLE {table} ({key} bigint PRIMARY KEY, {old} text, {owner} bigint);
             INSERT INTO {table} VALUES (1, 'one', 1), (2, 'two', 2), (3, NULL, NULL)",
            teams = self.table_sql("teams"),
            table = self.table_sql("t"),
        ))
        .await;
        test
    }

    /// Everything that an operation can make of it and take back.
    fn expand(&self) -> String {
        let (table, old, new) = (self.table("t"), self.of("o"), self.of("n"));
        migration("expand")
            .database(self.engine)
            .phase("Make everything")
            .add_column(&table, &new, "text")
            .validate()
            .enable_dual_write(&table, &old, &new)
            .add_column(&table, &self.of("d"), "text")
            .set_default(&table, &self.of("d"), self.base.as_str())
            .phase("Fill it")
            .backfill(
                &table,
                &format!("{} = {}", self.quoted("n"), self.quoted("o")),
            )
            .validate_columns_match(&table, &old, &new)
            .phase("What stands on it")
            .add_index(&table, &self.of("i"), [&old, &new])
            .validate()
            .add_unique(&table, &self.of("u"), [&new])
            .validate()
            .add_check(
                &table,
                &self.of("c"),
                &format!("{} <> 'never'", self.quoted("n")),
            )
            .add_foreign_key(&table, &self.of("f"), [self.of("w")], &self.table("teams"))
            .add_validation(
                Check::ColumnExists,
                table.as_str(),
                self.of("d").as_str(),
                bellows::builder::CheckOptions::default().error_message(&self.base),
            )
            .to_yaml()
            .unwrap_or_else(|e| panic!("{}: {e}", self.base))
    }

    async fn holds(&self) {
        let test = self.make().await;
        let before = test.schema().await;
        let (record, events) = apply(&test.target, &self.expand()).await;
        let after = test.schema().await;
        let table = after.table(&self.table_name("t")).unwrap();
        let mut columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        columns.sort_unstable();
        let mut wanted = ["k", "o", "w", "n", "d"].map(|what| self.of(what));
        wanted.sort_unstable();
        assert_eq!(columns, wanted, "{}", self.base);
        assert!(table.indexes.iter().any(|i| i.name == self.of("i")));
        for constraint in ["c", "u", "f"] {
            let name = self.of(constraint);
            // SQLite tells a constraint's name only in the table's text.
            let there = match &table.create_sql {
                Some(sql) => {
                    sql.contains(&self.quoted(constraint))
                        || sql.contains(&format!("CONSTRAINT {name} "))
                }
                None => table.constraints.iter().any(|c| c.name == name),
            };
            assert!(there, "{name}");
        }
        assert_eq!(table.dual_writes.len(), 1);
        assert_eq!(
            test.number(&format!(
                "SELECT count(*) FROM {} WHERE {} IS NOT NULL AND {} = {}",
                self.table_sql("t"),
                self.quoted("o"),
                self.quoted("o"),
                self.quoted("n")
            ))
            .await,
            2
        );
        // Applications write under these names, and the triggers carry it over.
        test.sql(&format!(
            "INSERT INTO {} ({}, {}) VALUES (9, 'nine')",
            self.table_sql("t"),
            self.quoted("k"),
            self.quoted("o")
        ))
        .await;
        let carried = format!(
            "SELECT {} FROM {} WHERE {} = 9",
            self.quoted("n"),
            self.table_sql("t"),
            self.quoted("k")
        );
        assert_eq!(test.text(&carried).await.as_deref(), Some("nine"));
        let default = carried.replacen(&self.quoted("n"), &self.quoted("d"), 1);
        assert_eq!(
            test.text(&default).await.as_deref(),
            Some(self.base.as_str())
        );
        self.untouched(&test, &before, &after).await;

        let (_sender, receiver) = control();
        let options = RunOptions::new("test");
        let back = executor::roll_back(
            &test.target,
            &record.id,
            None,
            "tester",
            &options,
            &events,
            receiver,
        );
        let outcome = back.await.unwrap();
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{}: {outcome:?}",
            self.base
        );
        let again = test.schema().await;
        self.untouched(&test, &before, &again).await;
        let tables = [self.table_name("t"), self.table_name("teams")];
        assert_eq!(
            again.fingerprint(&tables),
            before.fingerprint(&tables),
            "{}",
            self.base
        );

        // The texts of a form lose the blanks around them.
        if self.base.trim() == self.base {
            self.renames(&test, &again).await;
        }
    }

    /// The pattern, which looks at the live schema and carries over what it finds there.
    async fn renames(&self, test: &TestTarget, before: &Schema) {
        let document = MigrationPatterns::safe_rename_column(
            &self.table("t"),
            &self.of("o"),
            &self.of("r"),
            "text",
        )
        .on(before)
        .build()
        .unwrap_or_else(|e| panic!("{}: {e}", self.base));
        apply(&test.target, &emit(&document)).await;
        let after = test.schema().await;
        let table = after.table(&self.table_name("t")).unwrap();
        let there = |name: &str| table.column(name).is_some();
        assert!(
            there(&self.of("r")) && !there(&self.of("o")),
            "{}",
            self.base
        );
        assert_eq!(
            test.number(&format!(
                "SELECT count(*) FROM {} WHERE {} IN ('one', 'two', 'nine')",
                self.table_sql("t"),
                self.quoted("r")
            ))
            .await,
            3
        );
        self.untouched(test, before, &after).await;
    }

    /// No table came or went, and the bystander is as it was.
    async fn untouched(&self, test: &TestTarget, before: &Schema, after: &Schema) {
        let names = |schema: &Schema| schema.tables.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(after), names(before), "{}", self.base);
        let users = [TableName::parse("users")];
        assert_eq!(after.fingerprint(&users), before.fingerprint(&users));
        assert_eq!(test.number("SELECT count(*) FROM users").await, 3);
        assert_eq!(
            test.number("SELECT count(*) FROM users WHERE name IS NULL")
                .await,
            1
        );
    }
}

async fn all(engine: Engine, schema: Option<&str>, names: &[&str]) {
    for base in names {
        let named = Named {
            engine,
            base: (*base).to_owned(),
            schema: schema.map(str::to_owned),
        };
        named.holds().await;
    }
}

#[tokio::test]
async fn postgres_keeps_any_name() {
    all(Engine::PostgreSql, None, NAMES).await;
}

#[tokio::test]
async fn postgres_keeps_any_name_in_another_schema() {
    let schema = "Other \"schema\".x";
    all(Engine::PostgreSql, Some(schema), &NAMES[..4]).await;
}

#[tokio::test]
async fn postgres_keeps_the_longest_names() {
    // 63 bytes with the last letter; `teams` is four longer, and a name alone.
    let long = ["x".repeat(58), "é".repeat(29)];
    for base in &long {
        all(Engine::PostgreSql, None, &[base]).await;
    }
}

#[tokio::test]
async fn sqlite_keeps_any_name() {
    all(Engine::Sqlite, None, NAMES).await;
}

/// Reserved words stand alone, without anything that would make them others.
async fn reserved_words_are_names(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE \"order\" (\"select\" bigint PRIMARY KEY, \"default\" text);
         INSERT INTO \"order\" VALUES (1, 'a'), (2, NULL)",
    )
    .await;
    let before = test.schema().await;
    let yaml = migration("reserved")
        .database(engine)
        .phase("All of them words of SQL")
        .add_column("order", "check", "text")
        .enable_dual_write("order", "default", "check")
        .phase("Fill")
        .backfill("order", "\"check\" = \"default\"")
        .validate_columns_match("order", "default", "check")
        .phase("What stands on it")
        .add_index("order", "index", ["check", "default"])
        .validate()
        .add_check("order", "constraint", "\"check\" <> ''")
        .to_yaml()
        .unwrap();
    let (record, events) = apply(&test.target, &yaml).await;
    let after = test.schema().await;
    let table = after.table(&TableName::parse("order")).unwrap();
    assert!(table.column("check").is_some());
    assert!(table.indexes.iter().any(|i| i.name == "index"));
    let in_text = |sql: &String| sql.contains("CONSTRAINT \"constraint\"");
    let in_catalogue = table.constraints.iter().any(|c| c.name == "constraint");
    assert!(in_catalogue || table.create_sql.as_ref().is_some_and(in_text));
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    executor::roll_back(
        &test.target,
        &record.id,
        None,
        "tester",
        &options,
        &events as &Events,
        receiver,
    )
    .await
    .unwrap();
    let tables = [TableName::parse("order")];
    let again = test.schema().await;
    assert_eq!(again.fingerprint(&tables), before.fingerprint(&tables));
}

#[tokio::test]
async fn postgres_takes_reserved_words_for_names() {
    reserved_words_are_names(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_takes_reserved_words_for_names() {
    reserved_words_are_names(Engine::Sqlite).await;
}
