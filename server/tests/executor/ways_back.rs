//! What a document drops comes back as it was, whatever it had been called in between: the
//! server's own dump of the definitions is the same before and after.

use bellows::document::Engine;
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};

use crate::support::{Events, TestTarget, apply, dump, plan_for, unlike};

/// A table on which everything hangs that PostgreSQL lets hang on one.
async fn furnished() -> TestTarget {
    let test = TestTarget::new(Engine::PostgreSql).await;
    // Roles belong to the whole server, and tests run side by side.
    test.sql(
        "SELECT pg_advisory_lock(4711);
         DO $$ BEGIN
           IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bellows \"test\" reader') THEN
             CREATE ROLE \"bellows \"\"test\"\" reader\"; CREATE ROLE bellows_test_owner;
           END IF;
         END $$;",
    )
    .await;
    test.sql(
        "CREATE TABLE \"Teams\" (id bigint CONSTRAINT \"the Teams\" PRIMARY KEY, title text, name text UNIQUE);
         CREATE TABLE log (n int);
         CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO log VALUES (1); RETURN NULL; END $$;
         CREATE SEQUENCE shared_numbers;
         CREATE TABLE people (
            id bigint GENERATED ALWAYS AS IDENTITY (START WITH 7 INCREMENT BY 3 CACHE 5),
            number integer DEFAULT nextval('shared_numbers'),
            serial bigserial,
            name varchar(255) NOT NULL DEFAULT 'people',
            email text COLLATE \"C\",
            team bigint, boss bigint,
            small_mail text GENERATED ALWAYS AS (lower(email)) STORED,
            \"Raum\" int, during tsrange,
            CONSTRAINT \"the key\" PRIMARY KEY (id) INCLUDE (name),
            CONSTRAINT people_name_check CHECK (name <> 'name' AND length(email) > 1),
            CONSTRAINT people_email_key UNIQUE (email, name) DEFERRABLE,
            CONSTRAINT people_team FOREIGN KEY (team) REFERENCES \"Teams\" (id) ON DELETE SET NULL,
            CONSTRAINT people_team_name FOREIGN KEY (name) REFERENCES \"Teams\" (name) NOT VALID,
            CONSTRAINT people_boss FOREIGN KEY (boss) REFERENCES people (id),
            CONSTRAINT people_raum EXCLUDE USING gist (during WITH &&) WHERE (\"Raum\" > 0)
         ) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);
         CREATE TABLE badges (id int PRIMARY KEY, person bigint,
            CONSTRAINT badges_person FOREIGN KEY (person) REFERENCES people (id) ON DELETE CASCADE);
         CREATE INDEX email ON people (email);
         CREATE INDEX people_mail ON people (lower(email), name DESC) INCLUDE (team) WHERE email IS NOT NULL;
         CREATE UNIQUE INDEX \"People's name\" ON people (name text_pattern_ops) WITH (fillfactor = 60);
         CREATE STATISTICS people_stats (ndistinct) ON name, email FROM people;
         ALTER STATISTICS people_stats SET STATISTICS 500;
         CREATE VIEW mails AS SELECT people.id, email, lower(name) AS name FROM people WHERE people.email <> '';
         CREATE VIEW teamed WITH (security_barrier) AS
            SELECT p.email, t.title FROM people p JOIN \"Teams\" t ON t.id = p.team;
         COMMENT ON VIEW mails IS 'of people'; COMMENT ON COLUMN mails.email IS 'where to';
         GRANT SELECT ON mails TO PUBLIC; ALTER VIEW mails OWNER TO bellows_test_owner;
         GRANT SELECT ON people TO bellows_test_owner;
         CREATE TRIGGER \"logs it\" AFTER UPDATE OF email, name ON people FOR EACH ROW
            WHEN (old.email IS DISTINCT FROM new.email) EXECUTE FUNCTION logged();
         CREATE TRIGGER quiet AFTER DELETE ON people FOR EACH STATEMENT EXECUTE FUNCTION logged();
         ALTER TABLE people DISABLE TRIGGER quiet; ALTER TABLE people ENABLE ALWAYS TRIGGER \"logs it\";
         COMMENT ON TRIGGER quiet ON people IS 'not now';
         COMMENT ON TABLE people IS 'who''s who'; COMMENT ON COLUMN people.email IS 'by mail';
         COMMENT ON INDEX email IS 'for mail'; COMMENT ON CONSTRAINT people_team ON people IS 'their team';
         COMMENT ON CONSTRAINT \"the key\" ON people IS 'the key'; COMMENT ON INDEX \"the key\" IS 'its index';
         COMMENT ON STATISTICS people_stats IS 'together';
         COMMENT ON SEQUENCE people_serial_seq IS 'counts';
         GRANT USAGE ON SEQUENCE people_serial_seq TO PUBLIC;
         GRANT SELECT, INSERT ON people TO \"bellows \"\"test\"\" reader\" WITH GRANT OPTION;
         GRANT UPDATE (name) ON people TO PUBLIC;
         ALTER TABLE people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         CREATE POLICY \"own rows\" ON people AS RESTRICTIVE FOR SELECT TO \"bellows \"\"test\"\" reader\", bellows_test_owner
            USING (name = CURRENT_USER OR EXISTS (SELECT FROM \"Teams\" t WHERE t.id = people.team AND t.name = people.name));
         CREATE POLICY all_rows ON people USING (true) WITH CHECK (email <> '');
         COMMENT ON POLICY all_rows ON people IS 'for all';
         ALTER TABLE people REPLICA IDENTITY USING INDEX \"the key\", CLUSTER ON email;
         ALTER TABLE people ALTER name SET STATISTICS 321, ALTER email SET STORAGE EXTERNAL,
            ALTER email SET COMPRESSION pglz, ALTER name SET (n_distinct = 12);
         ALTER TABLE people OWNER TO bellows_test_owner;
         INSERT INTO \"Teams\" VALUES (1, 'one', 'people');
         INSERT INTO people (email, team) SELECT 'mail' || i, 1 FROM generate_series(1, 1) i;
         SELECT nextval('people_serial_seq') FROM generate_series(1, 40);
         INSERT INTO badges SELECT 1, id FROM people LIMIT 1",
    )
    .await;
    test
}

/// Operations as a document, all in one phase, or each in one of its own.
fn document(operations: &[&str], apart: bool) -> String {
    let mut yaml = "migration:\n  name: there\n  database: postgresql\n  phases:\n".to_owned();
    for (at, operation) in operations.iter().enumerate() {
        if apart || at == 0 {
            yaml += &format!("    - phase: {}\n      operations:\n", at + 1);
        }
        yaml += &format!("        - {{{operation}}}\n");
    }
    yaml
}

/// There, which every operation must get, and back to what was there before.
async fn there_and_back(operations: &[&str], apart: bool) -> Vec<String> {
    let test = furnished().await;
    let before = dump(&test).await;
    let (record, events) = apply(&test.target, &document(operations, apart)).await;
    let between = dump(&test).await;
    assert_ne!(between, before, "{operations:?} did nothing");
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    let back = roll_back(
        &test.target,
        &record.id,
        None,
        "tester",
        &options,
        &events as &Events,
        receiver,
    );
    // A table comes back without its rows: who points to them can only look at new ones.
    let (gone, unchecked) = match operations.iter().any(|o| o.starts_with("type: drop_table")) {
        true => (" ON DELETE CASCADE;", " ON DELETE CASCADE NOT VALID;"),
        false => ("", ""),
    };
    match back.await {
        Ok(Outcome::RolledBack { .. }) => {
            let expected: Vec<String> = before
                .iter()
                .map(|l| match l.contains("badges_person") {
                    true => l.replace(gone, unchecked),
                    false => l.clone(),
                })
                .collect();
            unlike(&expected, &dump(&test).await)
        }
        other => vec![format!("{other:?}")],
    }
}

const RENAME: &str = "type: rename_table, table: people, newTable: \"Per sons\"";
const RENAME_TEAMS: &str = "type: rename_table, table: Teams, newTable: groups";
const RENAME_MAIL: &str =
    "type: rename_column, table: people, oldColumn: email, newColumn: \"E Mail\"";
const RENAME_NAME: &str = "type: rename_column, table: people, oldColumn: name, newColumn: title";
const NO_BADGE: &str = "type: drop_constraint, table: badges, constraintName: badges_person";
const NO_MAILS: &str = "type: drop_view, name: mails";
const NO_TEAMED: &str = "type: drop_view, name: teamed";

/// What is dropped under new names.
const RENAMED: &[&[&str]] = &[
    &[
        RENAME,
        NO_BADGE,
        NO_MAILS,
        NO_TEAMED,
        "type: drop_table, table: \"Per sons\"",
    ],
    &[
        RENAME_TEAMS,
        NO_BADGE,
        NO_MAILS,
        NO_TEAMED,
        "type: drop_table, table: people",
    ],
    &[
        RENAME_MAIL,
        RENAME_NAME,
        NO_BADGE,
        NO_MAILS,
        NO_TEAMED,
        "type: drop_table, table: people",
    ],
    &[
        RENAME_NAME,
        RENAME,
        NO_BADGE,
        NO_MAILS,
        NO_TEAMED,
        "type: drop_table, table: \"Per sons\"",
    ],
    &[
        RENAME,
        "type: drop_index, table: \"Per sons\", indexName: people_mail",
    ],
    &[
        RENAME_MAIL,
        "type: drop_index, table: people, indexName: people_mail",
    ],
    &[
        RENAME_MAIL,
        "type: drop_index, table: people, indexName: email",
    ],
    &[
        RENAME_NAME,
        RENAME,
        "type: drop_index, table: \"Per sons\", indexName: \"People's name\", concurrent: false",
    ],
    &[
        RENAME,
        "type: drop_constraint, table: \"Per sons\", constraintName: people_boss",
    ],
    &[
        RENAME,
        RENAME_TEAMS,
        "type: drop_constraint, table: \"Per sons\", constraintName: people_team",
    ],
    &[RENAME, NO_BADGE],
    &[
        RENAME_NAME,
        "type: drop_constraint, table: people, constraintName: people_team_name",
    ],
    &[
        "type: rename_column, table: Teams, oldColumn: name, newColumn: \"called\"",
        "type: drop_constraint, table: people, constraintName: people_team_name",
    ],
    &[
        "type: rename_column, table: people, oldColumn: id, newColumn: \"key\"",
        NO_BADGE,
        "type: drop_constraint, table: people, constraintName: people_boss",
    ],
    &[
        RENAME_NAME,
        RENAME_MAIL,
        "type: drop_constraint, table: people, constraintName: people_name_check",
    ],
    &[
        RENAME_NAME,
        RENAME_MAIL,
        "type: drop_constraint, table: people, constraintName: people_email_key",
    ],
    &[
        "type: rename_column, table: people, oldColumn: Raum, newColumn: room",
        "type: drop_constraint, table: people, constraintName: people_raum",
    ],
    &[RENAME, NO_MAILS],
    &[RENAME, NO_TEAMED],
    &[RENAME_TEAMS, NO_TEAMED],
    &[RENAME_MAIL, RENAME_NAME, NO_MAILS],
    &[RENAME_MAIL, NO_TEAMED],
    &[
        RENAME,
        "type: rename_column, table: \"Per sons\", oldColumn: during, newColumn: while",
        "type: drop_column, table: \"Per sons\", column: while",
    ],
    &[
        "type: rename_column, table: people, oldColumn: number, newColumn: Number",
        RENAME,
        "type: drop_column, table: \"Per sons\", column: Number",
    ],
];

async fn all(cases: impl Iterator<Item = &'static &'static [&'static str]>, apart: bool) {
    let mut wrong = Vec::new();
    for operations in cases {
        let found = there_and_back(operations, apart).await;
        if !found.is_empty() {
            wrong.push(format!("{operations:#?}\n{}", found.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_renamed_in_the_same_phase_and_dropped_comes_back() {
    all(RENAMED.iter(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_renamed_in_an_earlier_phase_and_dropped_comes_back() {
    all(RENAMED.iter().step_by(3), true).await;
}

/// What is dropped under the name that it always had.
const DROPPED: &[&[&str]] = &[
    &[
        NO_BADGE,
        NO_MAILS,
        NO_TEAMED,
        "type: drop_table, table: people",
    ],
    &[NO_MAILS],
    &[NO_TEAMED],
    &["type: drop_index, table: people, indexName: email"],
    &["type: drop_index, table: people, indexName: email, concurrent: false"],
    &["type: drop_constraint, table: people, constraintName: people_team"],
    &["type: drop_constraint, table: people, constraintName: people_raum"],
    &["type: drop_constraint, table: people, constraintName: people_email_key"],
    &["type: drop_constraint, table: people, constraintName: people_team_name"],
    &["type: drop_column, table: people, column: during"],
    &["type: drop_column, table: people, column: number"],
    &["type: drop_column, table: people, column: serial"],
];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_comes_back_with_all_that_hung_on_it() {
    all(DROPPED.iter(), false).await;
}

#[tokio::test]
async fn the_numbers_of_a_dropped_table_go_on_where_they_were() {
    let test = furnished().await;
    let next = "SELECT nextval('people_serial_seq') * 1000 + nextval(pg_get_serial_sequence('people', 'id'))";
    test.number(next).await;
    let operations = [
        NO_BADGE,
        NO_MAILS,
        NO_TEAMED,
        "type: drop_table, table: people",
    ];
    let yaml = document(&operations, false);
    // Numbers that are given out after the plan was made count too.
    let record = crate::support::open(&test.target, &yaml).await;
    let was = test.number(next).await;
    let events = Events::default();
    crate::support::run(&test.target, &record.id, 1, &events).await;
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    roll_back(
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
    let is = test.number(next).await;
    // Identities give out five at a time to a session, three apart.
    assert_eq!(is, was + 1000 + 15, "no number is given out twice");
}

#[tokio::test]
async fn what_does_not_come_back_is_told() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE people (id int PRIMARY KEY, name text);
         CREATE RULE quiet AS ON DELETE TO people DO INSTEAD NOTHING;
         CREATE PUBLICATION changes FOR TABLE people;
         CREATE TABLE plain (id int)",
    )
    .await;
    let plan = plan_for(
        &test.target,
        &document(&["type: drop_table, table: people"], false),
    )
    .await;
    let told: Vec<&str> = plan
        .findings
        .iter()
        .filter(|f| f.rule == "dropped-for-good")
        .map(|f| f.message.as_str())
        .collect();
    assert_eq!(told.len(), 1, "{:#?}", plan.findings);
    assert!(told[0].contains("the rule quiet") && told[0].contains("the publication changes"));
    assert!(!plan.phases[0].reversible);
    let plan = plan_for(
        &test.target,
        &document(&["type: drop_table, table: plain"], false),
    )
    .await;
    assert!(plan.findings.iter().all(|f| f.rule != "dropped-for-good"));
}

/// A table that people have tuned, and a copy of it that nobody has.
async fn tuned(copy: &str) -> TestTarget {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(&format!(
        "CREATE TABLE goods (id bigint PRIMARY KEY, kind text, price numeric, note text)
            WITH (fillfactor = 60, toast.autovacuum_enabled = false);
         CREATE STATISTICS \"Goods together\" (dependencies) ON kind, price FROM goods;
         ALTER STATISTICS \"Goods together\" SET STATISTICS 300;
         COMMENT ON STATISTICS \"Goods together\" IS 'kinds have prices';
         COMMENT ON COLUMN goods.note IS 'a note'; COMMENT ON TABLE goods IS 'goods';
         ALTER TABLE goods ALTER kind SET STATISTICS 55, ALTER kind SET (n_distinct = 7);
         INSERT INTO goods SELECT i, 'kind ' || i % 7, i % 7, 'note' FROM generate_series(1, 100) i;
         {copy}"
    ))
    .await;
    test
}

/// The copy has what the table was told, and is as it was once it is out of its place again.
async fn a_swap_carries_tuning(copy: &str, leaf: &str) {
    let test = tuned(copy).await;
    let operations = [
        "type: copy_table, table: goods, shadow: goods_new",
        "type: swap_tables, table: goods, shadow: goods_new, oldName: goods_old",
    ];
    let record = crate::support::open(&test.target, &document(&operations, true)).await;
    let events = Events::default();
    crate::support::run(&test.target, &record.id, 1, &events).await;
    let before = dump(&test).await;
    let outcome = crate::support::run(&test.target, &record.id, 2, &events).await;
    assert_eq!(outcome, Outcome::Completed);
    for (what, sql) in [
        (
            "its storage parameter",
            format!("SELECT count(*) FROM pg_class WHERE oid = '{leaf}'::regclass AND reloptions = '{{fillfactor=60}}'"),
        ),
        (
            "its TOAST table's",
            format!("SELECT count(*) FROM pg_class t JOIN pg_class c ON c.reltoastrelid = t.oid WHERE c.oid = '{leaf}'::regclass AND t.reloptions = '{{autovacuum_enabled=false}}'"),
        ),
        (
            "its extended statistics",
            "SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = 'goods'::regclass AND stxname = 'Goods together' AND stxstattarget = 300 AND obj_description(oid, 'pg_statistic_ext') = 'kinds have prices'".to_owned(),
        ),
        (
            "its columns' comments",
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'goods'::regclass AND attname = 'note' AND col_description(attrelid, attnum) = 'a note'".to_owned(),
        ),
        (
            "its columns' statistics",
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'goods'::regclass AND attname = 'kind' AND attstattarget = 55 AND attoptions = '{n_distinct=7}'".to_owned(),
        ),
    ] {
        assert_eq!(test.number(&sql).await, 1, "{what} did not come along");
    }
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    let back = roll_back(
        &test.target,
        &record.id,
        Some(2),
        "tester",
        &options,
        &events,
        receiver,
    );
    back.await.unwrap();
    let other = unlike(&before, &dump(&test).await);
    assert!(other.is_empty(), "{}", other.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_carries_what_the_table_was_told_there_and_back() {
    let copy = "CREATE TABLE goods_new (LIKE goods)";
    a_swap_carries_tuning(
        &format!("{copy}; ALTER TABLE goods_new ADD PRIMARY KEY (id)"),
        "goods",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_carries_what_the_table_was_told_to_partitions_there_and_back() {
    a_swap_carries_tuning(
        "CREATE TABLE goods_new (LIKE goods, PRIMARY KEY (id)) PARTITION BY RANGE (id);
         CREATE TABLE goods_few PARTITION OF goods_new FOR VALUES FROM (0) TO (50);
         CREATE TABLE goods_rest PARTITION OF goods_new DEFAULT;
         ALTER TABLE goods_rest SET (fillfactor = 90)",
        "goods_few",
    )
    .await;
}

/// Columns that the server drops only with what reads them, each with what the plan says.
const HELD: &[(&str, &str, &str)] = &[
    (
        "people",
        "Raum",
        "the constraint people_raum (drop_constraint)",
    ),
    (
        "people",
        "email",
        "the generated column small_mail (drop_column), the policy all_rows of people (DROP POLICY",
    ),
    (
        "people",
        "id",
        "the foreign key badges_person of badges (drop_constraint)",
    ),
    ("people", "team", "the policy own rows of people"),
    (
        "Teams",
        "name",
        "the foreign key people_team_name of people (drop_constraint)",
    ),
];

#[tokio::test]
async fn a_column_that_something_else_reads_is_refused_as_the_server_would() {
    let test = furnished().await;
    let schema = test.schema().await;
    for (table, column, said) in HELD {
        let yaml = document(
            &[&format!(
                "type: drop_column, table: {table}, column: {column}"
            )],
            false,
        );
        let migration = bellows::document::parse(&yaml).unwrap();
        let problems = bellows::plan::plan(&migration, Some(&schema)).unwrap_err();
        let text = format!("{problems:?}");
        assert!(text.contains(said), "{table}.{column}: {text}");
        let refused = test
            .client()
            .await
            .try_run(&format!("ALTER TABLE \"{table}\" DROP COLUMN \"{column}\""))
            .await;
        let error = refused.unwrap_err().to_string();
        assert!(
            error.contains("other objects depend on it"),
            "{table}.{column}: {error}"
        );
    }
}
