//! Documents and what the planner makes of them: paths of problems, the way back, pending rows.

use bellows::document::{Engine, Migration, parse};
use bellows::plan::wire::PlanJson;
use bellows::plan::{Action, Plan, Risk, RollbackMethod, plan, text};
use bellows::schema::{Column, Schema, Table, TableName};

fn document(engine: &str, phases: &str) -> Migration {
    let yaml = format!(
        "migration:\n  name: example\n  database: {engine}\n  description: An example\n  phases:\n{phases}"
    );
    parse(&yaml).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn users(engine: Engine) -> Schema {
    let column = |name: &str, data_type: &str, nullable, default: Option<&str>| Column {
        name: name.into(),
        data_type: data_type.into(),
        nullable,
        default: default.map(Into::into),
        ..Column::default()
    };
    let mut schema = Schema::empty(engine);
    let table = Table {
        columns: vec![
            column("id", "bigint", false, None),
            column("name", "text", false, Some("'nobody'::text")),
        ],
        primary_key: vec!["id".into()],
        rows: 5_000,
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("users"), table);
    schema
}

fn on_postgres(phases: &str) -> Plan {
    let schema = users(Engine::PostgreSql);
    plan(&document("postgresql", phases), Some(&schema))
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn pending(plan: &Plan, phase: usize) -> (String, bool) {
    plan.phases[phase]
        .steps
        .iter()
        .find_map(|step| match &step.action {
            Action::Backfill(b) => Some((b.pending_sql.clone(), b.past_triggers)),
            Action::Transaction { .. }
            | Action::BuildIndex { .. }
            | Action::DropIndex { .. }
            | Action::Outside { .. }
            | Action::Ddl { .. }
            | Action::Rebuild { .. }
            | Action::Copy(_)
            | Action::Compare(_) => None,
        })
        .expect("the phase has a backfill")
}

const RENAME: &str = "
    - phase: 1
      description: Add the column
      operations:
        - { type: add_column, table: users, column: full_name, dataType: text }
        - { type: enable_dual_write, table: users, oldColumn: name, newColumn: full_name }
      validation:
        - { check: column_exists, table: users, column: full_name }
    - phase: 2
      description: Fill it
      operations:
        - { type: backfill, table: users, sql: full_name = name }
      validation:
        - { check: backfill_complete, table: users, column: full_name }
        - { check: columns_match, table: users, oldColumn: name, newColumn: full_name }
    - phase: 3
      description: Drop the old one
      gate: { deploy: v2 reads full_name, soak: 7d }
      operations:
        - { type: set_not_null, table: users, column: full_name }
        - { type: drop_column, table: users, column: name }
";

#[test]
fn a_rename_as_people_read_it() {
    let plan = on_postgres(RENAME);
    insta::assert_snapshot!("rename_plan", text::plan(&plan));
    insta::assert_snapshot!(
        "rename_verify",
        text::verify(&plan.migration, &plan.findings)
    );
}

#[test]
fn the_json_has_the_keys_that_others_read() {
    let plan = on_postgres(RENAME);
    let json = serde_json::to_value(PlanJson::from(&plan)).unwrap();
    let first = &json["phases"][0];
    assert_eq!(first["statements"][0]["lock"], "ACCESS EXCLUSIVE");
    assert_eq!(first["rollbackMethod"], "inverse");
    assert_eq!(first["gate"], serde_json::Value::Null);
    let keys = |value: &serde_json::Value| -> Vec<String> {
        // What the parsers know beside these is there only where they are.
        let parsed = ["breaks", "otherLocks"];
        let keys = value.as_object().unwrap().keys().cloned();
        let mut keys: Vec<String> = keys.filter(|key| !parsed.contains(&key.as_str())).collect();
        keys.sort();
        keys
    };
    assert_eq!(
        keys(&first["statements"][0]),
        [
            "blocksReads",
            "blocksWrites",
            "estimateRestsOn",
            "estimatedMs",
            "estimatedMsHigh",
            "estimatedMsLow",
            "inTransaction",
            "lock",
            "operation",
            "rewritesTable",
            "scansTable",
            "sql"
        ]
    );
    assert_eq!(
        keys(&json),
        [
            "database",
            "estimatedMs",
            "estimatedMsHigh",
            "estimatedMsLow",
            "factsReadAt",
            "findings",
            "hash",
            "migration",
            "phases",
            "safe"
        ]
    );
}

#[test]
fn the_way_back_runs_in_reverse_and_names_what_it_undoes() {
    let plan = on_postgres(RENAME);
    let ids = |phase: usize| -> Vec<&str> {
        plan.phases[phase]
            .rollback
            .iter()
            .map(|s| s.id.as_str())
            .collect()
    };
    assert_eq!(ids(0), ["1.r1.0", "1.r0.0"]);
    assert!(plan.phases[0].reversible && plan.phases[1].reversible);
    let last = &plan.phases[2];
    assert!(!last.reversible);
    assert_eq!(last.rollback_method, RollbackMethod::Backup);
    assert_eq!(last.rollback_risk, Risk::High);
    // The old column comes back with its trigger, its values and its NOT NULL.
    let titles: Vec<&str> = last.rollback.iter().map(|s| s.title.as_str()).collect();
    assert_eq!(titles[0], "Add column users.name again");
    assert_eq!(titles[1], "Backfill users");
    assert!(titles.contains(&"Make users.name NOT NULL"));
}

#[test]
fn a_written_rollback_takes_precedence_and_finds_its_operation() {
    let plan = on_postgres(
        "
    - phase: 1
      description: Add
      operations:
        - { type: custom_sql, sql: GRANT SELECT ON users TO reader }
        - { type: add_column, table: users, column: age, dataType: integer }
      rollbackOperations:
        - { type: drop_column, table: users, column: age }
        - { type: custom_sql, sql: REVOKE SELECT ON users FROM reader }
",
    );
    let phase = &plan.phases[0];
    let ids: Vec<&str> = phase.rollback.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["1.r1.0", "1.r0.0"]);
    assert!(phase.reversible);
}

#[test]
fn what_a_phase_dropped_the_next_cannot_use() {
    let migration = document(
        "postgresql",
        "
    - phase: 1
      description: Drop
      operations:
        - { type: drop_column, table: users, column: name }
    - phase: 2
      description: Use
      operations:
        - { type: set_not_null, table: users, column: name }
",
    );
    // Even without a target: the document denies it by itself.
    for schema in [None, Some(&users(Engine::PostgreSql))] {
        let problems = plan(&migration, schema).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path, "phases[1].operations[0].column");
        assert!(problems[0].message.contains("dropped earlier"));
    }
}

#[test]
fn rows_have_work_left_by_where_their_values_come_from() {
    let backfill = |first: &str, second: &str| {
        let plan = on_postgres(&format!(
            "
    - phase: 1
      description: Add
      operations:
        - {first}
    - phase: 2
      description: Fill
      operations:
        - {second}
"
        ));
        pending(&plan, 1)
    };
    let fill = "{ type: backfill, table: users, sql: a = 1 }";
    let add = "{ type: add_column, table: users, column: a, dataType: integer }";
    assert_eq!(backfill(add, fill), ("(a IS NULL)".into(), false));
    let add = "{ type: add_column, table: users, column: a, dataType: integer, defaultValue: 7 }";
    assert_eq!(
        backfill(add, fill),
        ("(a IS NULL OR a IS NOT DISTINCT FROM (7))".into(), false)
    );
    let own = "{ type: backfill, table: users, sql: name = upper(name) }";
    assert_eq!(
        backfill(add, own),
        ("(name IS DISTINCT FROM (upper(name)))".into(), false)
    );
    let bounded = "{ type: backfill, table: users, sql: name = upper(name), where: id > 5 }";
    assert_eq!(backfill(add, bounded), ("(id > 5)".into(), false));
    assert_eq!(
        pending(&on_postgres(RENAME), 1),
        ("(full_name IS NULL)".into(), true)
    );
}

#[test]
fn sqlite_asks_what_a_value_means_where_its_form_leaves_it_open() {
    let check = |sql: &str| {
        let phases = format!(
            "
    - phase: 1
      description: Check
      validation:
        - {{ check: custom, sql: \"{sql}\" }}
"
        );
        plan(&document("sqlite", &phases), Some(&users(Engine::Sqlite)))
    };
    assert!(check("SELECT count(*) FROM users WHERE name IS NULL").is_ok());
    let problems = check("SELECT max(id) FROM users").unwrap_err();
    assert_eq!(problems[0].path, "phases[0].validation[0].expect");
}

#[test]
fn the_hash_of_a_plan_follows_its_statements_and_not_its_estimates() {
    let migration = document("postgresql", RENAME);
    let hash = |change: &dyn Fn(&mut Table)| {
        let mut schema = users(Engine::PostgreSql);
        schema.tables.values_mut().for_each(change);
        plan(&migration, Some(&schema)).unwrap().plan_hash
    };
    let usual = hash(&|_| {});
    assert_eq!(usual, hash(&|table| table.rows = 9_000_000));
    assert_ne!(usual, hash(&|table| table.columns[1].default = None));
}

#[test]
fn without_a_target_a_plan_can_be_read_and_says_so() {
    let plan = plan(&document("postgresql", RENAME), None).unwrap();
    assert!(plan.safe);
    assert!(plan.findings.iter().any(|f| f.rule == "no-target"));
}
