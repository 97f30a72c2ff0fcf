//! What hangs on tables of MariaDB and does not follow them, and what an account lacks: said
//! before anything runs.

use bellows::document::{Engine, parse};
use bellows::plan::plan;
use bellows_server::executor::Outcome;
use bellows_server::target::{Target, TargetUrl};

use crate::support::{Events, TestTarget, for_engine, open, plan_for, run};

on_mariadb_and_mysql! {
    what_a_trigger_or_a_view_names_stays,
    an_account_that_may_make_no_triggers_is_told_before,
}

async fn letters(engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE letters (id int PRIMARY KEY, body text, sent date, seen date,
           `no te` varchar(9), half int AS (id / 2), CONSTRAINT some CHECK (id > 0));
         CREATE TABLE log (letter int);
         CREATE TRIGGER stamped BEFORE INSERT ON letters FOR EACH ROW SET NEW.sent = curdate();
         CREATE TRIGGER logged AFTER DELETE ON letters FOR EACH ROW
           INSERT INTO log (letter) VALUES (OLD.id);
         CREATE VIEW bodies AS SELECT l.id, l.`no te` FROM letters l",
    )
    .await;
    test
}

/// What the planner says of a document with that operation.
async fn refused(test: &TestTarget, operation: &str) -> String {
    let yaml = format!(
        "
migration:
  name: change
  database: mariadb
  phases:
    - phase: 1
      operations:
        - {operation}
"
    );
    let yaml = for_engine(&test.target, &yaml);
    let document = parse(&yaml).unwrap_or_else(|e| panic!("{e:#?}"));
    match plan(&document, Some(&test.schema().await)) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(|p| p.message.clone()).collect(),
    }
}

async fn what_a_trigger_or_a_view_names_stays(engine: Engine) {
    let test = letters(engine).await;
    for (operation, because) in [
        (
            "{type: rename_column, table: letters, oldColumn: sent, newColumn: gone}",
            "the trigger stamped names letters.sent",
        ),
        (
            "{type: drop_column, table: letters, column: sent}",
            "the trigger stamped names letters.sent",
        ),
        (
            "{type: drop_column, table: log, column: letter}",
            "the trigger logged names log.letter",
        ),
        (
            "{type: rename_column, table: letters, oldColumn: no te, newColumn: note}",
            "the view bodies reads letters.no te",
        ),
        (
            "{type: rename_table, table: letters, newTable: mails}",
            "the view bodies reads letters",
        ),
        (
            "{type: rename_table, table: log, newTable: logs}",
            "a trigger names log",
        ),
        ("{type: drop_table, table: log}", "a trigger names log"),
        (
            "{type: rename_column, table: letters, oldColumn: seen, newColumn: read}",
            "",
        ),
        ("{type: drop_column, table: letters, column: body}", ""),
    ] {
        let said = refused(&test, operation).await;
        if because.is_empty() {
            assert_eq!(said, "", "{operation}");
        } else {
            assert!(said.contains(because), "{operation}: {said}");
        }
    }
    let view_aside = "{type: drop_view, name: bodies}
        - {type: rename_column, table: letters, oldColumn: no te, newColumn: note}";
    assert_eq!(refused(&test, view_aside).await, "");
}

const IN_STEP: &str = "
migration:
  name: in-step
  database: mariadb
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: t, column: new, dataType: int, nullable: true}
        - {type: enable_dual_write, table: t, oldColumn: old, newColumn: new}
";

/// With a binary log the server trusts few accounts with a trigger. That is said in the plan, and
/// a phase that would need one does not begin.
async fn an_account_that_may_make_no_triggers_is_told_before(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql("CREATE TABLE t (id int PRIMARY KEY, old int)")
        .await;
    let user = format!("b_{}", &uuid::Uuid::now_v7().simple().to_string()[16..]);
    let database = test.text("SELECT database()").await.unwrap();
    test.sql(&format!(
        "CREATE USER {user}@'%'; GRANT ALL ON `{database}`.* TO {user}@'%'"
    ))
    .await;
    let (scheme, rest) = test.url.secret().split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let url: TargetUrl = format!("{scheme}://{user}@{place}").parse().unwrap();
    let target = Target::connect(&url).await.unwrap();

    let plan = plan_for(&target, IN_STEP).await;
    let finding = plan.findings.iter().find(|f| f.rule == "trigger-privilege");
    let message = &finding
        .unwrap_or_else(|| panic!("{:#?}", plan.findings))
        .message;
    assert!(
        message.contains(&user) && message.contains("1419"),
        "{message}"
    );
    assert!(!plan.safe);
    let record = open(&target, IN_STEP).await;
    let outcome = run(&target, &record.id, 1, &Events::default()).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        message.contains("log_bin_trust_function_creators"),
        "{message}"
    );
    let schema = test.schema().await;
    assert_eq!(
        schema.table(&"t".to_owned().into()).unwrap().columns.len(),
        2
    );

    test.sql(&format!("GRANT SUPER ON *.* TO {user}@'%'")).await;
    let plan = plan_for(&target, IN_STEP).await;
    assert!(plan.findings.iter().all(|f| f.rule != "trigger-privilege"));
    drop(target);
    test.sql(&format!("DROP USER {user}@'%'")).await;
}
