//! What patterns do with rows that break the rule: on real databases, and a second time.

use std::collections::BTreeMap;

use bellows::document::{Engine, Migration, emit};
use bellows::pattern::expand;
use bellows::run::EventKind;
use bellows_server::executor::Outcome;

use crate::support::{Events, TestTarget, back, open, run};

on_mariadb_and_mysql! {
    orphans_stop_and_are_named,
    trap_10_the_kept_list_is_made_anew,
    what_is_over_the_limit_comes_back,
    newer_work_is_not_undone,
    trap_9_null_is_no_duplicate,
    trap_14_what_does_not_convert_stops_the_end_and_no_application,
    trap_13_null_and_empty_parts_leave_nothing_behind,
}

async fn visits(engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    let (key, identity, own) = match engine {
        Engine::PostgreSql => (
            "bigint PRIMARY KEY",
            "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            "doubled bigint GENERATED ALWAYS AS (city * 2) STORED",
        ),
        Engine::MySql | Engine::MariaDb => (
            "bigint PRIMARY KEY",
            "bigint AUTO_INCREMENT PRIMARY KEY",
            "doubled bigint GENERATED ALWAYS AS (city * 2) STORED",
        ),
        Engine::Sqlite => (
            "INTEGER PRIMARY KEY",
            "INTEGER PRIMARY KEY",
            "doubled bigint GENERATED ALWAYS AS (city * 2) STORED",
        ),
    };
    // A unique index takes no whole text there.
    let text = if engine.is_mysql_family() {
        "varchar(40)"
    } else {
        "text"
    };
    test.sql(&format!(
        "CREATE TABLE cities (id {key});
         INSERT INTO cities VALUES (1), (2), (3);
         CREATE TABLE visits (id {identity}, city bigint, note {text}, {own});
         INSERT INTO visits (city, note) VALUES (1, 'a'), (9, 'b'), (NULL, 'c'), (8, 'it''s'),
           (2, 'a'), (NULL, NULL), (3, NULL), (NULL, NULL), (7, 'a')"
    ))
    .await;
    test
}

async fn document(test: &TestTarget, word: &str, pairs: &[(&str, &str)]) -> Migration {
    let values: BTreeMap<String, String> = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let schema = test.schema().await;
    expand(word, &values, test.target.engine(), Some(&schema)).unwrap_or_else(|e| panic!("{e:#?}"))
}

const KEY: &[(&str, &str)] = &[
    ("table", "visits"),
    ("column", "city"),
    ("refTable", "cities"),
];

/// Runs the phase and says how it ended.
async fn phase(test: &TestTarget, migration: &Migration, number: u32) -> (String, Outcome) {
    let record = open(&test.target, &emit(migration)).await;
    let events = Events::default();
    let outcome = run(&test.target, &record.id, number, &events).await;
    (record.id, outcome)
}

async fn taken_back(test: &TestTarget, id: &str) {
    let outcome = back(&test.target, id).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
}

async fn texts(test: &TestTarget, sql: &str) -> String {
    let (list, all) = match test.target.engine() {
        Engine::PostgreSql => ("string_agg(r, ' ')", ""),
        // Without a limit it has no use for an order there.
        Engine::MySql | Engine::MariaDb => ("group_concat(r SEPARATOR ' ')", " LIMIT 1000"),
        Engine::Sqlite => ("group_concat(r, ' ')", ""),
    };
    let sql = format!("SELECT {list} FROM ({sql}{all}) AS list");
    test.text(&test.spoken(&sql)).await.unwrap_or_default()
}

const ALL: &str = "SELECT id || ':' || coalesce(CAST(city AS text), '-') || ':' || coalesce(note, '-') || ':' || coalesce(CAST(doubled AS text), '-') AS r FROM visits ORDER BY id";

async fn orphans_stop_and_are_named(engine: Engine) {
    let test = visits(engine).await;
    let migration = document(&test, "add-foreign-key", KEY).await;
    let (_, outcome) = phase(&test, &migration, 1).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    // Rows whose key is NULL are none of them.
    assert!(message.contains("point to no row of cities"), "{message}");
    assert!(message.contains("3: 2, 4, 9"), "{message}");
}

#[tokio::test]
async fn postgres_orphans_stop_and_are_named() {
    orphans_stop_and_are_named(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_orphans_stop_and_are_named() {
    orphans_stop_and_are_named(Engine::Sqlite).await;
}

async fn trap_10_the_kept_list_is_made_anew(engine: Engine) {
    let test = visits(engine).await;
    let before = texts(&test, ALL).await;
    let mut fields = KEY.to_vec();
    fields.extend([("orphans", "delete"), ("setAside", "visits_orphans")]);
    let migration = document(&test, "add-foreign-key", &fields).await;
    let kept = "SELECT id || ':' || city || ':' || note || ':' || doubled AS r FROM visits_orphans ORDER BY id";

    let (id, outcome) = phase(&test, &migration, 1).await;
    assert!(matches!(outcome, Outcome::PhaseCompleted), "{outcome:?}");
    assert_eq!(texts(&test, kept).await, "2:9:b:18 4:8:it's:16 9:7:a:14");
    let left = texts(
        &test,
        "SELECT CAST(id AS text) AS r FROM visits ORDER BY id",
    )
    .await;
    assert_eq!(left, "1 3 5 6 7 8");
    let by = "SELECT count(*) FROM visits_orphans WHERE set_aside_by = 'visits-city-references-cities' AND set_aside_at IS NOT NULL";
    assert_eq!(test.number(by).await, 3);

    // Restored with their own keys, generated ones too.
    taken_back(&test, &id).await;
    assert_eq!(texts(&test, ALL).await, before);
    assert!(
        test.schema()
            .await
            .table(&"visits_orphans".to_owned().into())
            .is_none()
    );

    test.sql("UPDATE visits SET city = 3 WHERE id = 2; UPDATE visits SET city = 5 WHERE id = 1")
        .await;
    let (_, outcome) = phase(&test, &migration, 1).await;
    assert!(matches!(outcome, Outcome::PhaseCompleted), "{outcome:?}");
    assert_eq!(texts(&test, kept).await, "1:5:a:10 4:8:it's:16 9:7:a:14");
}

#[tokio::test]
async fn postgres_trap_10_the_kept_list_is_made_anew() {
    trap_10_the_kept_list_is_made_anew(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_10_the_kept_list_is_made_anew() {
    trap_10_the_kept_list_is_made_anew(Engine::Sqlite).await;
}

async fn what_is_over_the_limit_comes_back(engine: Engine) {
    let test = visits(engine).await;
    let before = texts(&test, ALL).await;
    let mut fields = KEY.to_vec();
    fields.extend([("orphans", "delete"), ("setAside", "kept"), ("limit", "2")]);
    let migration = document(&test, "add-foreign-key", &fields).await;
    let (_, outcome) = phase(&test, &migration, 1).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("1: 9"), "{message}");
    assert_eq!(texts(&test, ALL).await, before);
}

#[tokio::test]
async fn postgres_what_is_over_the_limit_comes_back() {
    what_is_over_the_limit_comes_back(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_what_is_over_the_limit_comes_back() {
    what_is_over_the_limit_comes_back(Engine::Sqlite).await;
}

async fn newer_work_is_not_undone(engine: Engine) {
    let test = visits(engine).await;
    let mut fields = KEY.to_vec();
    fields.extend([
        ("orphans", "fix"),
        ("fix", "city = 1"),
        ("setAside", "kept"),
    ]);
    let migration = document(&test, "add-foreign-key", &fields).await;
    let (id, outcome) = phase(&test, &migration, 1).await;
    assert!(matches!(outcome, Outcome::PhaseCompleted), "{outcome:?}");
    test.sql("UPDATE visits SET city = 2 WHERE id = 4").await;
    taken_back(&test, &id).await;
    let cities = "SELECT CAST(city AS text) AS r FROM visits WHERE id IN (2, 4, 9) ORDER BY id";
    assert_eq!(texts(&test, cities).await, "9 2 7");
}

#[tokio::test]
async fn postgres_newer_work_is_not_undone() {
    newer_work_is_not_undone(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_newer_work_is_not_undone() {
    newer_work_is_not_undone(Engine::Sqlite).await;
}

async fn trap_9_null_is_no_duplicate(engine: Engine) {
    let test = visits(engine).await;
    let before = texts(&test, ALL).await;
    let fields = [
        ("table", "visits"),
        ("columns", "note"),
        ("duplicates", "delete"),
        ("keep", "highest"),
        ("setAside", "twice"),
    ];
    let migration = document(&test, "add-unique", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let events = Events::default();
    for number in [1, 2] {
        let outcome = run(&test.target, &record.id, number, &events).await;
        assert!(
            matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
            "{outcome:?} {:#?}",
            events.all()
        );
    }
    assert_eq!(
        texts(
            &test,
            "SELECT CAST(id AS text) AS r FROM visits ORDER BY id"
        )
        .await,
        "2 3 4 6 7 8 9"
    );
    test.client()
        .await
        .try_run("INSERT INTO visits (note) VALUES ('a')")
        .await
        .unwrap_err();
    test.sql("INSERT INTO visits (note) VALUES (NULL)").await;
    test.sql("DELETE FROM visits WHERE id > 9").await;
    // Without the constraint, the other ones come back.
    taken_back(&test, &record.id).await;
    assert_eq!(texts(&test, ALL).await, before);
}

#[tokio::test]
async fn postgres_trap_9_null_is_no_duplicate() {
    trap_9_null_is_no_duplicate(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_9_null_is_no_duplicate() {
    trap_9_null_is_no_duplicate(Engine::Sqlite).await;
}

async fn people(engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE people (id int PRIMARY KEY, age text, first text, last text);
         INSERT INTO people VALUES (1, '007', 'Ada', 'Lovelace'), (2, NULL, 'Plato', NULL),
           (3, ' 42 ', '', 'Prince'), (4, '-5', NULL, NULL), (5, '0', '', '')",
    )
    .await;
    test
}

async fn trap_14_what_does_not_convert_stops_the_end_and_no_application(engine: Engine) {
    let test = people(engine).await;
    let fields = [
        ("table", "people"),
        ("column", "age"),
        ("newType", "INTEGER"),
        ("soak", "0"),
    ];
    let migration = document(&test, "change-type", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let events = Events::default();
    for number in 1..=5 {
        let outcome = run(&test.target, &record.id, number, &events).await;
        assert_eq!(outcome, Outcome::PhaseCompleted, "{:#?}", events.all());
    }
    let ages = "SELECT coalesce(CAST(age_new AS text), '-') AS r FROM people ORDER BY id";
    assert_eq!(texts(&test, ages).await, "7 - 42 -5 0");
    // Old applications and new ones write what the other side cannot hold, and neither fails.
    test.sql(
        "INSERT INTO people (id, age) VALUES (6, '99999999999999999999'), (7, 'old'), (8, '8');
         INSERT INTO people (id, age_new) VALUES (9, 9);
         UPDATE people SET age_new = 70 WHERE id = 1;
         UPDATE people SET age = '43' WHERE id = 3",
    )
    .await;
    let both = "SELECT coalesce(age, '-') || '=' || coalesce(CAST(age_new AS text), '-') AS r FROM people ORDER BY id";
    assert_eq!(
        texts(&test, both).await,
        "70=70 -=- 43=43 -5=-5 0=0 99999999999999999999=- old=- 8=8 9=9"
    );
    let outcome = run(&test.target, &record.id, 6, &events).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("2: 6, 7"), "{message}");
    assert!(
        events
            .all()
            .iter()
            .any(|e| matches!(e, EventKind::CheckFailed { phase: 6, .. }))
    );
}

#[tokio::test]
async fn postgres_trap_14_what_does_not_convert_stops_the_end_and_no_application() {
    trap_14_what_does_not_convert_stops_the_end_and_no_application(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_14_what_does_not_convert_stops_the_end_and_no_application() {
    trap_14_what_does_not_convert_stops_the_end_and_no_application(Engine::Sqlite).await;
}

#[tokio::test]
async fn postgres_a_constraint_keeps_the_last_look_true() {
    let test = people(Engine::PostgreSql).await;
    let fields = [
        ("table", "people"),
        ("column", "age"),
        ("newType", "integer"),
        ("soak", "0"),
    ];
    let migration = document(&test, "change-type", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let events = Events::default();
    for number in 1..=6 {
        let outcome = run(&test.target, &record.id, number, &events).await;
        assert_eq!(outcome, Outcome::PhaseCompleted, "{:#?}", events.all());
    }
    // Written after the last look: the phase that drops the column does not begin to.
    test.sql("INSERT INTO people (id, age) VALUES (6, 'old')")
        .await;
    let outcome = run(&test.target, &record.id, 7, &events).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("people_age_converted"), "{message}");
    assert_eq!(
        test.number("SELECT count(*) FROM people WHERE age = 'old'")
            .await,
        1
    );
}

#[tokio::test]
async fn postgres_trap_15_a_view_bears_the_old_name_from_the_start() {
    let test = people(Engine::PostgreSql).await;
    let fields = [
        ("table", "people"),
        ("column", "age"),
        ("newType", "integer"),
        ("viewName", "people_2"),
        ("soak", "0"),
    ];
    let migration = document(&test, "change-type", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let events = Events::default();
    let last = migration.phases.len() as u32;
    let mut written = 0;
    for number in 1..=last {
        if number == last {
            back_and_forth(&test, &mut written).await;
        }
        let outcome = run(&test.target, &record.id, number, &events).await;
        assert!(
            matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
            "{number}: {outcome:?} {:#?}",
            events.all()
        );
        // From the phase that makes it to the one that drops it.
        if (5..last).contains(&number) {
            back_and_forth(&test, &mut written).await;
        }
    }
    assert!(written >= 4, "{written}");
    let ages = format!(
        "SELECT count(*) FROM people WHERE id >= 100 AND age = id - 100 AND id < 100 + {written}"
    );
    assert_eq!(test.number(&ages).await, i64::from(written));
}

/// An application that knows one name alone.
async fn back_and_forth(test: &TestTarget, written: &mut u32) {
    test.sql(&format!(
        "INSERT INTO people_2 (id, age) VALUES (100 + {written}, {written});
         UPDATE people_2 SET age = age + 0 WHERE age < 5"
    ))
    .await;
    *written += 1;
}

async fn trap_13_null_and_empty_parts_leave_nothing_behind(engine: Engine) {
    let test = people(engine).await;
    let fields = [
        ("table", "people"),
        ("columns", "first, last"),
        ("newColumn", "name"),
        ("soak", "0"),
    ];
    let migration = document(&test, "merge-columns", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let events = Events::default();
    for number in 1..=3 {
        let outcome = run(&test.target, &record.id, number, &events).await;
        assert_eq!(outcome, Outcome::PhaseCompleted, "{:#?}", events.all());
    }
    let names = "SELECT '[' || coalesce(name, 'NULL') || ']' AS r FROM people ORDER BY id";
    assert_eq!(
        texts(&test, names).await,
        "[Ada Lovelace] [Plato] [Prince] [NULL] []"
    );
    test.sql("INSERT INTO people (id, first, last) VALUES (6, NULL, 'Cher'), (7, 'A', 'B')")
        .await;
    let names = "SELECT '[' || name || ']' AS r FROM people WHERE id > 5 ORDER BY id";
    assert_eq!(texts(&test, names).await, "[Cher] [A B]");
}

#[tokio::test]
async fn postgres_trap_13_null_and_empty_parts_leave_nothing_behind() {
    trap_13_null_and_empty_parts_leave_nothing_behind(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_13_null_and_empty_parts_leave_nothing_behind() {
    trap_13_null_and_empty_parts_leave_nothing_behind(Engine::Sqlite).await;
}
