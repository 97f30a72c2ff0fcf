//! Every pattern on real databases: up to each phase and back, then to the end, beside applications of
//! the old and of the new version, each of which reads back what it writes, on a table with foreign
//! keys both ways, a trigger, a view, a partial index and quoted names.

use std::collections::BTreeMap;

use bellows::document::{Engine, Migration, emit};
use bellows::pattern::{expand, shapes};
use bellows::schema::{Schema, Table, TableName};
use bellows_server::executor::{Outcome, planning_schema};

use crate::support::{Events, TestTarget, back, numbers, open, run};
use crate::versions::Versions;

on_mariadb_and_mysql! {
    every_pattern,
}

/// Rows of the table; the writer's own have keys beyond.
const ROWS: u32 = 10_000;

/// The table that the patterns are for.
const PEOPLE: &str = "People";

/// What the harness does not run: SQLite has no partitions, and on MariaDB and MySQL the foreign keys
/// that hang on this table cannot come back once the table of before is dropped.
fn is_left_out(word: &str, engine: Engine) -> bool {
    engine != Engine::PostgreSql && word == "partition-table"
}

/// The table, as the pattern wants it: MariaDB and MySQL keep no table in step with another that has
/// triggers of its own.
async fn people(word: &str, engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    let copied = word == "extract-table";
    let (key, required, log) = match engine {
        Engine::PostgreSql => (
            "bigint PRIMARY KEY",
            "NOT NULL",
            "CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END $$;
             CREATE TRIGGER logged AFTER INSERT ON \"People\"
               FOR EACH ROW EXECUTE FUNCTION logged()",
        ),
        Engine::MySql | Engine::MariaDb => (
            "bigint PRIMARY KEY",
            "NOT NULL COMMENT 'as in the passport'",
            if copied {
                ""
            } else {
                "CREATE TRIGGER logged AFTER INSERT ON \"People\"
                   FOR EACH ROW INSERT INTO log VALUES (NEW.id)"
            },
        ),
        Engine::Sqlite => (
            "INTEGER PRIMARY KEY",
            "",
            "CREATE TRIGGER logged AFTER INSERT ON \"People\"
               BEGIN INSERT INTO log VALUES (NEW.id); END",
        ),
    };
    let maria = engine.is_mysql_family();
    // Its indexes take no whole text, and none of its rows only; those that it makes by itself for a
    // foreign key it names anew when that comes back.
    let (text, email, some, team, person) = if maria {
        (
            "varchar(100)",
            "varchar(100) COLLATE utf8mb4_bin COMMENT 'it''s theirs'",
            "",
            ", KEY people_team (team_id)",
            ", KEY badges_person (person)",
        )
    } else {
        ("text", "text", " WHERE email IS NOT NULL", "", "")
    };
    test.sql(&test.spoken(&format!(
        "CREATE TABLE teams (id {key}, title text);
         INSERT INTO teams VALUES (1, 'one'), (2, 'two'), (3, 'three');
         CREATE TABLE \"People\" (
           id {key}, \"Full name\" {text} {required}, email {email}, age {text}, \"First\" varchar(50),
           \"order\" varchar(50), city_id bigint, nick {text}, code int,
           team_id bigint REFERENCES teams (id){team});
         CREATE TABLE badges (id {key}, person bigint REFERENCES \"People\" (id) ON DELETE CASCADE{person});
         CREATE TABLE cities (id {key}, name text);
         CREATE TABLE log (n bigint);
         INSERT INTO cities SELECT i, 'city ' || i FROM {};
         INSERT INTO \"People\"
         SELECT i, 'first' || i || ' last' || i, 'm' || i || '@x', CAST(i % 90 AS text), 'f' || i,
                CASE WHEN i % 4 > 0 THEN 'o' || i END,
                CASE WHEN i % 5 > 0 THEN i % 40 + 1 END,
                CASE WHEN i % 3 > 0 THEN 'n' || i END, 0, i % 3 + 1 FROM {};
         UPDATE \"People\" SET age = '99999999999' WHERE id IN (17, 18);
         UPDATE \"People\" SET age = 'old' WHERE id = 4711;
         UPDATE \"People\" SET age = NULL WHERE id = 4712;
         UPDATE \"People\" SET city_id = 4242 WHERE id IN (21, 22, 9999);
         UPDATE \"People\" SET nick = 'twin' WHERE id IN (31, 32, 33);
         INSERT INTO badges SELECT id, id FROM \"People\" WHERE id % 100 = 50;
         CREATE INDEX \"People mails\" ON \"People\" (email){some};
         CREATE INDEX \"by age\" ON \"People\" (age, code);
         CREATE INDEX people_code ON \"People\" (code);
         CREATE VIEW mails AS SELECT id, email FROM \"People\";
         {log}",
        numbers(engine, 40),
        numbers(engine, ROWS)
    )))
    .await;
    test
}

type Fields = Vec<(&'static str, &'static str)>;

/// A form for the pattern; for one that nobody has thought of, none.
fn fields(word: &str, engine: Engine) -> Option<Fields> {
    let postgres = engine == Engine::PostgreSql;
    let (split, back, apart) = match engine {
        Engine::PostgreSql => (
            "given TEXT = split_part(\"Full name\", ' ', 1); family TEXT = split_part(\"Full name\", ' ', 2)",
            "given || ' ' || family",
            "\"First\" = NULLIF(split_part(\"both\", ' ', 1), ''); \"order\" = NULLIF(split_part(\"both\", ' ', 2), '')",
        ),
        Engine::MySql | Engine::MariaDb => (
            "given varchar(100) = substring_index(`Full name`, ' ', 1); family varchar(100) = substring_index(`Full name`, ' ', -1)",
            "concat(given, ' ', family)",
            "`First` = NULLIF(substring_index(`both`, ' ', 1), ''); `order` = IF(instr(`both`, ' ') > 0, substring_index(`both`, ' ', -1), NULL)",
        ),
        Engine::Sqlite => (
            "given TEXT = substr(\"Full name\", 1, instr(\"Full name\", ' ') - 1); family TEXT = substr(\"Full name\", instr(\"Full name\", ' ') + 1)",
            "given || ' ' || family",
            "\"First\" = substr(\"both\", 1, instr(\"both\" || ' ', ' ') - 1); \"order\" = NULLIF(substr(\"both\", instr(\"both\" || ' ', ' ') + 1), '')",
        ),
    };
    let text = if engine.is_mysql_family() {
        "varchar(90)"
    } else {
        "text"
    };
    let fix = if engine.is_mysql_family() {
        "nick = concat(nick, '-', id)"
    } else {
        "nick = nick || '-' || id"
    };
    let mut fields = match word {
        "add-nullable-column" => vec![("column", "Extra"), ("dataType", text)],
        "add-required-column" => vec![
            ("column", "points"),
            ("dataType", "integer"),
            ("default", "0"),
            ("backfill", "length(email)"),
        ],
        "remove-column" => vec![("column", "nick"), ("soak", "0")],
        "rename-column" => vec![("oldColumn", "email"), ("newColumn", "Mail"), ("soak", "0")],
        "change-type" => vec![
            ("column", "age"),
            ("newType", "INTEGER"),
            ("unconvertible", "null"),
            ("setAside", "people_ages"),
            ("soak", "0"),
        ],
        "split-column" => vec![
            ("column", "Full name"),
            ("parts", split),
            ("backward", back),
            ("soak", "0"),
        ],
        "merge-columns" => vec![
            ("columns", "First, order"),
            ("newColumn", "both"),
            ("apart", apart),
            ("soak", "0"),
        ],
        "add-index" => vec![("columns", "team_id, nick")],
        "add-foreign-key" => vec![
            ("column", "city_id"),
            ("refTable", "cities"),
            ("orphans", "null"),
            ("setAside", "people_orphans"),
        ],
        "add-unique" => vec![
            ("columns", "nick"),
            ("duplicates", "fix"),
            ("fix", fix),
            ("setAside", "people_twins"),
        ],
        "add-json-column" => vec![
            ("column", "prefs"),
            ("backfill", "'{\"theme\": \"light\"}'"),
            ("paths", "theme, address.city"),
            ("inverted", if postgres { "paths" } else { "none" }),
        ],
        "soft-delete" => vec![("columns", "team_id"), ("viewName", "living")],
        "partition-table" if !is_left_out(word, engine) => vec![
            ("column", "id"),
            ("from", "0"),
            ("to", "2000000"),
            ("size", "500000"),
            ("soak", "0"),
        ],
        "extract-table" => vec![
            ("columns", "First, order"),
            ("newTable", "People's words"),
            ("valueColumn", "Word"),
            ("soak", "0"),
        ],
        _ => return None,
    };
    fields.push(("table", PEOPLE));
    Some(fields)
}

/// What is compared: nothing of it depends on the order in which columns were made, or on counts.
fn shape_of(schema: &Schema) -> BTreeMap<TableName, Table> {
    let mut tables = schema.tables.clone();
    for table in tables.values_mut() {
        table.columns.sort_by(|a, b| a.name.cmp(&b.name));
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
        table
            .constraints
            .sort_by(|a, b| a.definition.cmp(&b.definition));
        table.views.sort_by(|a, b| a.view.cmp(&b.view));
        table.referenced_by.sort();
        table.triggers.sort();
        table.dependents.clear();
        (table.rows, table.bytes, table.create_sql) = (0, 0, None);
    }
    tables
}

/// What is other in the second, a line each.
fn differences(was: &BTreeMap<TableName, Table>, is: &BTreeMap<TableName, Table>) -> Vec<String> {
    let lines = |tables: &BTreeMap<TableName, Table>| -> Vec<String> {
        let lines = tables.iter().flat_map(|(name, table)| {
            let text = format!("{table:#?}").replace("\n        ", " ");
            let lines: Vec<String> = text.lines().map(|l| format!("{name}: {l}")).collect();
            lines
        });
        lines.collect()
    };
    let (was, is) = (lines(was), lines(is));
    let gone = was
        .iter()
        .filter(|l| !is.contains(l))
        .map(|l| format!("- {l}"));
    let new = is
        .iter()
        .filter(|l| !was.contains(l))
        .map(|l| format!("+ {l}"));
    gone.chain(new).collect()
}

/// Every value of the rows that the writer leaves alone.
async fn digest(test: &TestTarget) -> String {
    let columns = [
        "id",
        "\"Full name\"",
        "email",
        "age",
        "\"First\"",
        "\"order\"",
        "city_id",
        "nick",
        "team_id",
    ];
    let engine = test.target.engine();
    let values: Vec<String> = columns
        .iter()
        .map(|c| match engine {
            Engine::PostgreSql => format!("quote_nullable({c}::text)"),
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => {
                format!("quote(CAST({c} AS text))")
            }
        })
        .collect();
    let row = values.join(" || ',' || ");
    let rows = format!("SELECT {row} AS r FROM \"People\" WHERE id <= {ROWS} ORDER BY id");
    let sql = match engine {
        Engine::PostgreSql => format!("SELECT md5(string_agg(r, ';')) FROM ({rows}) AS rows"),
        Engine::MySql | Engine::MariaDb => {
            format!(
                "SELECT sha2(group_concat(r ORDER BY r SEPARATOR ';'), 256) FROM ({rows}) AS digest"
            )
        }
        Engine::Sqlite => format!("SELECT group_concat(r, ';') FROM ({rows}) AS rows"),
    };
    test.text(&test.spoken(&sql)).await.unwrap()
}

async fn document(test: &TestTarget, word: &str, fields: &Fields) -> Migration {
    let engine = test.target.engine();
    let values: BTreeMap<String, String> = fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let empty = bellows::document::parse(&format!(
        "migration:\n  name: look\n  database: {}\n  phases:\n    - phase: 1\n      validation:\n        - {{check: column_exists, table: {PEOPLE}, column: id}}\n",
        engine.word()
    ))
    .unwrap();
    let schema = planning_schema(&test.target, &empty).await.unwrap();
    expand(word, &values, engine, Some(&schema)).unwrap_or_else(|e| panic!("{word}: {e:#?}"))
}

fn drops(migration: &Migration, phase: u32) -> bool {
    migration
        .phases
        .iter()
        .filter(|p| p.phase == phase)
        .flat_map(|p| &p.operations)
        .any(|o| o.word() == "drop_column")
}

fn drops_table(migration: &Migration, phase: u32) -> bool {
    migration
        .phases
        .iter()
        .filter(|p| p.phase == phase)
        .flat_map(|p| &p.operations)
        .any(|o| o.word() == "drop_table")
}

/// Runs the first phases, each beside the versions that may be at work there.
async fn forth(
    test: &TestTarget,
    migration: &Migration,
    last: u32,
    versions: &mut Versions<'_>,
) -> String {
    let record = open(&test.target, &emit(migration)).await;
    let events = Events::default();
    for phase in migration.phases.iter().filter(|p| p.phase <= last) {
        versions.deploy(phase.phase).await;
        let outcome = run(&test.target, &record.id, phase.phase, &events).await;
        assert!(
            matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
            "{} phase {}: {outcome:?}\n{}",
            migration.name,
            phase.phase,
            emit(migration)
        );
        let place = format!("{} after phase {}", migration.name, phase.phase);
        versions.read_each_other(&place).await;
    }
    if last == last_phase(migration) {
        versions.deploy(last + 1).await;
        let place = format!("{} in the end", migration.name);
        versions.read_each_other(&place).await;
    }
    record.id
}

fn last_phase(migration: &Migration) -> u32 {
    migration.phases.last().map_or(0, |p| p.phase)
}

async fn up_to_each_phase_and_back(word: &str, engine: Engine) {
    let Some(fields) = fields(word, engine) else {
        assert!(is_left_out(word, engine), "{word} has no form here");
        return;
    };
    let mut test = people(word, engine).await;
    let (schema, rows) = (shape_of(&test.schema().await), digest(&test).await);
    let migration = document(&test, word, &fields).await;
    for phase in &migration.phases {
        let mut versions = Versions::start(&test, word, &migration).await;
        let id = forth(&test, &migration, phase.phase, &mut versions).await;
        let place = format!("{word} on {} up to phase {}", engine.word(), phase.phase);
        versions.withdraw().await;
        let outcome = back(&test.target, &id).await;
        if drops_table(&migration, phase.phase) {
            // Its rows are gone: nothing that is made in its place may become the table.
            let told = matches!(&outcome, Outcome::Failed { message } if message.contains("not kept in step"));
            assert!(told, "{place}: {outcome:?}");
            assert!(digest(&test).await == rows, "{place}: rows are lost");
            versions.end().await;
            test = people(word, engine).await;
            continue;
        }
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{place}: {outcome:?}"
        );
        let after = shape_of(&test.schema().await);
        let destroys = ["remove-column", "extract-table"].contains(&word);
        let destroyed = destroys && drops(&migration, phase.phase);
        if !destroyed {
            assert!(
                digest(&test).await == rows,
                "{place}: rows are other than before"
            );
        }
        let other = differences(&schema, &after);
        assert!(other.is_empty(), "{place}:\n{}", other.join("\n"));
        versions.as_before(destroyed, &place).await;
        if destroyed {
            test = people(word, engine).await;
        }
    }
    let mut versions = Versions::start(&test, word, &migration).await;
    forth(&test, &migration, last_phase(&migration), &mut versions).await;
    versions.end().await;
    completed(&test, word).await;
}

/// The schema and the rows are as the pattern means them.
async fn completed(test: &TestTarget, word: &str) {
    let schema = test.schema().await;
    let table = schema.table(&TableName::parse(PEOPLE)).unwrap();
    let column = |name: &str| table.column(name);
    let index = |name: &str| table.indexes.iter().find(|i| i.name == name && i.valid);
    let engine = test.target.engine();
    let postgres = engine == Engine::PostgreSql;
    match word {
        "add-nullable-column" => assert!(column("Extra").unwrap().nullable),
        "add-required-column" => {
            assert!(!column("points").unwrap().nullable);
            let filled =
                "SELECT count(*) FROM \"People\" WHERE id <= 10000 AND points <> length(email)";
            assert_eq!(test.number(&test.spoken(filled)).await, 0);
        }
        "remove-column" => assert_eq!(column("nick"), None),
        "rename-column" => {
            assert_eq!(column("email"), None);
            assert!(index("People mails_Mail").is_some(), "{:?}", table.indexes);
            if engine.is_mysql_family() {
                let mail = column("Mail").unwrap();
                assert_eq!(mail.comment.as_deref(), Some("it's theirs"));
                assert_eq!(mail.collation.as_deref(), Some("utf8mb4_bin"));
            }
            let read = "SELECT count(*) FROM mails WHERE id <= 10000 AND email = 'm' || id || '@x'";
            assert_eq!(test.number(&test.spoken(read)).await, 10_000);
        }
        "change-type" => {
            let (wanted, name, wrong) = match engine {
                Engine::PostgreSql => ("integer", "by age", 3),
                Engine::MySql => ("int", "by age", 3),
                Engine::MariaDb => ("int(11)", "by age", 3),
                // Its integers hold 99999999999.
                Engine::Sqlite => ("INTEGER", "by age_new", 1),
            };
            assert_eq!(column("age").unwrap().data_type, wanted);
            assert_eq!(index(name).unwrap().columns, ["age", "code"]);
            let kept = "SELECT count(*) FROM people_ages WHERE age IN ('old', '99999999999')";
            assert_eq!(test.number(&test.spoken(kept)).await, wrong);
            assert_eq!(
                test.number(&test.spoken("SELECT count(*) FROM people_ages"))
                    .await,
                wrong
            );
            let same = "SELECT count(*) FROM \"People\" WHERE id <= 10000 AND age = id % 90";
            assert_eq!(test.number(&test.spoken(same)).await, 10_000 - 4);
        }
        "split-column" => {
            assert_eq!(column("Full name"), None);
            let same = "SELECT count(*) FROM \"People\" WHERE id <= 10000 AND given = 'first' || id AND family = 'last' || id";
            assert_eq!(test.number(&test.spoken(same)).await, 10_000);
        }
        "merge-columns" => {
            assert_eq!(column("order"), None);
            let same = "SELECT count(*) FROM \"People\" WHERE id <= 10000 AND \"both\" = 'f' || id || CASE WHEN id % 4 > 0 THEN ' o' || id ELSE '' END";
            assert_eq!(test.number(&test.spoken(same)).await, 10_000);
        }
        "add-index" => assert!(index("idx_People_team_id_nick").is_some()),
        "add-foreign-key" => {
            let key = table
                .constraints
                .iter()
                .find(|c| c.columns == ["city_id"])
                .unwrap();
            assert!(key.validated);
            assert_eq!(
                test.number(&test.spoken("SELECT count(*) FROM people_orphans"))
                    .await,
                3
            );
            let found = "SELECT count(*) FROM people_orphans WHERE city_id = 4242 AND set_aside_by = 'people-city-id-references-cities'";
            assert_eq!(test.number(&test.spoken(found)).await, 3);
        }
        "add-unique" => {
            assert!(index("People_nick_key").unwrap().unique);
            // NULLs are no duplicates, and the lowest key stays as it was.
            assert_eq!(
                test.number(&test.spoken("SELECT count(*) FROM people_twins"))
                    .await,
                2
            );
            let nicks =
                "SELECT count(*) FROM \"People\" WHERE nick IN ('twin', 'twin-32', 'twin-33')";
            assert_eq!(test.number(&test.spoken(nicks)).await, 3);
            let nulls = "SELECT count(*) FROM \"People\" WHERE id <= 10000 AND nick IS NULL";
            assert_eq!(test.number(&test.spoken(nulls)).await, 3_332);
        }
        "add-json-column" => {
            assert!(index("idx_People_prefs_theme").is_some());
            assert!(index("idx_People_prefs_address_city").is_some());
            assert_eq!(index("idx_People_prefs_gin").is_some(), postgres);
        }
        "soft-delete" => {
            test.sql(
                &test.spoken("UPDATE \"People\" SET deleted_at = CURRENT_TIMESTAMP WHERE id < 11"),
            )
            .await;
            let living = "SELECT count(*) FROM living WHERE id <= 10000";
            assert_eq!(test.number(&test.spoken(living)).await, 9_990);
        }
        "partition-table" => {
            assert!(table.partitioned);
            assert_eq!(
                test.number("SELECT count(*) FROM \"People\" WHERE id <= 10000")
                    .await,
                10_000
            );
            assert_eq!(
                test.number("SELECT count(*) FROM \"People_p0\"").await,
                10_000
            );
            assert_eq!(
                test.number("SELECT count(*) FROM \"People_default\"").await,
                0
            );
            assert!(
                test.number("SELECT count(*) FROM \"People_p1000000\"")
                    .await
                    > 0
            );
            let keys = "SELECT count(*) FROM pg_constraint WHERE confrelid = '\"People\"'::regclass AND conrelid = 'badges'::regclass AND convalidated";
            assert!(test.number(keys).await > 0);
            // What hung on it works: the foreign key, the trigger and the view.
            let logged = test.number("SELECT count(*) FROM log").await;
            test.sql("DELETE FROM \"People\" WHERE id = 50; INSERT INTO \"People\" (id, \"Full name\", email) VALUES (50, 'x y', 'fifty')").await;
            assert_eq!(
                test.number("SELECT count(*) FROM badges WHERE person = 50")
                    .await,
                0
            );
            assert_eq!(test.number("SELECT count(*) FROM log").await, logged + 1);
            assert_eq!(
                test.number("SELECT count(*) FROM mails WHERE email = 'fifty'")
                    .await,
                1
            );
            assert!(index("People mails").is_some() && index("by age").is_some());
        }
        "extract-table" => {
            assert_eq!((column("First"), column("order")), (None, None));
            let n = numbers(engine, ROWS);
            let right = format!(
                "SELECT count(*) FROM (SELECT i, 1 AS place, 'f' || i AS meaning FROM {n}
                   UNION ALL SELECT i, 2, 'o' || i FROM {n} WHERE i % 4 > 0) AS meant
                   JOIN \"People's words\" AS w
                     ON w.\"People_id\" = i AND w.position = place AND w.\"Word\" = meaning"
            );
            assert_eq!(test.number(&test.spoken(&right)).await, 17_500);
            let all = "SELECT count(*) FROM \"People's words\" WHERE \"People_id\" <= 10000";
            let all = test.spoken(all);
            assert_eq!(test.number(&all).await, 17_500);
            test.sql(&test.spoken("DELETE FROM \"People\" WHERE id = 50"))
                .await;
            assert_eq!(test.number(&all).await, 17_498);
        }
        other => panic!("{other} has no end here"),
    }
}

/// One after the other, and all of them, however many fail.
async fn every_pattern(engine: Engine) {
    let only = std::env::var("BELLOWS_TEST_PATTERN").ok();
    let mut failed = Vec::new();
    for shape in shapes() {
        if only.as_deref().is_none_or(|only| only == shape.word) {
            let run = tokio::spawn(up_to_each_phase_and_back(shape.word, engine));
            if run.await.is_err() {
                failed.push(shape.word);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test]
async fn postgres_every_pattern_up_to_each_phase_and_back_and_to_the_end() {
    every_pattern(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_every_pattern_up_to_each_phase_and_back_and_to_the_end() {
    every_pattern(Engine::Sqlite).await;
}
