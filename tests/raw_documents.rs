//! SQL that stands in documents: judged by its tree, beside the operations around it, at the place
//! where it stands.

use bellows::document::{Engine, Migration, emit, parse};
use bellows::lint::{Finding, Severity, located, repair};
use bellows::plan::{Known, Lock, OtherLock, Plan, Statement, plan};
use bellows::schema::{Column, Constraint, ConstraintKind, Schema, Table, TableName};
use bellows::sql::{Breakage, Role};

fn document(phases: &str) -> String {
    format!("migration:\n  name: a\n  database: postgresql\n  description: A\n  phases:\n{phases}")
}

fn read(phases: &str) -> Migration {
    let text = document(phases);
    parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

fn planned(phases: &str) -> Plan {
    plan(&read(phases), None).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn found<'p>(plan: &'p Plan, rule: &str) -> Vec<&'p Finding> {
    plan.findings.iter().filter(|f| f.rule == rule).collect()
}

fn errors(plan: &Plan) -> Vec<(&str, Option<u32>, Option<usize>)> {
    let errors = plan
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Error);
    errors
        .map(|f| (f.rule.as_str(), f.phase, f.statement))
        .collect()
}

fn statements(plan: &Plan) -> Vec<&Statement> {
    let steps = plan.phases.iter().flat_map(|phase| &phase.steps);
    steps.flat_map(|step| step.action.statements()).collect()
}

const PLACES: &str = r#"    - phase: 1
      operations:
        - type: create_table
          table: notes
          columns: [{ name: id, dataType: bigint }]
        - type: custom_sql
          sql: |
            GRANT SELECT ON notes TO reader;
            -- on an old table
              CREATE INDEX users_name ON users (name);
            CREATE INDEX notes_id ON notes (id);
    - phase: 2
      operations:
        - { type: custom_sql, sql: "DO $$ BEGIN PERFORM 1; END $$", rollbackSql: "SELECT 1" }
"#;

#[test]
fn a_finding_says_where_its_statement_stands() {
    let plan = planned(PLACES);
    let index = found(&plan, "non-concurrent-index");
    let [index] = index.as_slice() else {
        panic!(
            "the index on the new table holds nobody up: {:#?}",
            plan.findings
        );
    };
    assert_eq!(
        (index.phase, index.operation, index.statement, index.line),
        (Some(1), Some(1), Some(2), None)
    );
    let within = index.within.map(|w| (w.line, w.column));
    assert_eq!(within, Some((3, 3)));
    let text = document(PLACES);
    let all = located(&text, plan.findings);
    let place = |rule: &str| {
        let finding = all.iter().find(|f| f.rule == rule)?;
        Some((finding.line?, finding.column?))
    };
    let (line, column) = place("non-concurrent-index").unwrap();
    let told = text.lines().nth(line - 1).unwrap();
    assert!(
        told[column - 1..].starts_with("CREATE INDEX users_name"),
        "{told}"
    );
    // What stands behind its key begins there.
    let (line, _) = place("unknown-sql").unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("DO $$"));
}

#[test]
fn a_table_of_the_document_is_nobodys_until_applications_are_deployed() {
    let phases = |gate: &str| {
        format!(
            r#"    - phase: 1
      operations:
        - {{ type: create_table, table: notes, columns: [{{ name: id, dataType: bigint }}] }}
    - phase: 2
{gate}      operations:
        - {{ type: custom_sql, sql: "CREATE INDEX notes_id ON notes (id)", rollbackSql: "DROP INDEX notes_id" }}
"#
        )
    };
    let plan = planned(&phases(""));
    assert_eq!(errors(&plan), []);
    let index = statements(&plan)[1];
    assert!(!index.blocks_writes && !index.scans_table && index.lock == Lock::Share);
    let plan = planned(&phases("      gate: { deploy: App 2 }\n"));
    assert_eq!(
        errors(&plan),
        [
            ("non-concurrent-index", Some(2), Some(1)),
            ("non-concurrent-drop", Some(2), Some(1))
        ]
    );
    assert!(statements(&plan)[1].blocks_writes);
}

#[test]
fn statements_of_one_step_are_seen_together() {
    let custom = |sql: &str| {
        format!(
            "    - phase: 1\n      operations:\n        - {{ type: custom_sql, sql: \"{sql}\", rollbackSql: SELECT 1 }}\n"
        )
    };
    let check = "ALTER TABLE users ADD CONSTRAINT k CHECK (a > 0) NOT VALID; ";
    let together = planned(&custom(&format!(
        "{check}ALTER TABLE users VALIDATE CONSTRAINT k"
    )));
    assert_eq!(
        errors(&together),
        [("validated-where-added", Some(1), Some(2))]
    );
    let apart = planned(
        &format!(
            "{}{}",
            custom(check),
            custom("ALTER TABLE users VALIDATE CONSTRAINT k")
        )
        .replacen("phase: 1", "phase: 3", 1)
        .replacen("phase: 1", "phase: 2", 1)
        .replacen("phase: 3", "phase: 1", 1),
    );
    assert_eq!(errors(&apart), []);
    let order = planned(&custom(
        "BEGIN; ALTER TABLE a ADD x int; ALTER TABLE b ADD x int; COMMIT; BEGIN; ALTER TABLE b ADD y int; ALTER TABLE a ADD y int; COMMIT",
    ));
    assert_eq!(found(&order, "lock-order").len(), 1);
}

fn teams_and_users() -> Schema {
    let column = |name: &str| Column {
        name: name.into(),
        data_type: "bigint".into(),
        nullable: true,
        ..Column::default()
    };
    let table = |columns: &[&str]| Table {
        columns: columns.iter().map(|name| column(name)).collect(),
        primary_key: vec!["id".into()],
        rows: 1_000_000,
        ..Table::default()
    };
    let mut schema = Schema::empty(Engine::PostgreSql);
    let mut users = table(&["id", "team_id", "rank"]);
    users.constraints.push(Constraint {
        name: "users_team".into(),
        kind: ConstraintKind::ForeignKey,
        columns: vec!["team_id".into()],
        definition: "FOREIGN KEY (team_id) REFERENCES teams(id)".into(),
        validated: true,
        references: Some(TableName::parse("teams")),
    });
    let mut teams = table(&["id", "rank"]);
    teams.referenced_by = vec![(TableName::parse("users"), "users_team".into())];
    schema.tables.insert(TableName::parse("users"), users);
    schema.tables.insert(TableName::parse("teams"), teams);
    schema
}

#[test]
fn what_is_locked_and_broken_is_said_of_both_kinds() {
    let phases = r#"    - phase: 1
      operations:
        - { type: drop_column, table: users, column: team_id }
        - { type: custom_sql, sql: "ALTER TABLE users ADD CONSTRAINT k FOREIGN KEY (rank) REFERENCES teams (id) NOT VALID", rollbackSql: "SELECT 1" }
        - { type: add_foreign_key, table: users, constraintName: l, columns: [rank], refTable: teams, refColumns: [id] }
"#;
    let plan = plan(&read(phases), Some(&teams_and_users())).unwrap();
    let all = statements(&plan);
    let on_teams = |lock| OtherLock {
        object: "teams".into(),
        role: Role::Referenced,
        lock,
    };
    let locks: Vec<_> = all.iter().map(|s| s.other_locks.clone()).collect();
    assert_eq!(
        locks,
        [
            vec![on_teams(Lock::AccessExclusive)],
            vec![on_teams(Lock::ShareRowExclusive)],
            vec![on_teams(Lock::ShareRowExclusive)],
            vec![on_teams(Lock::RowShare)],
        ]
    );
    assert!(all[0].breaks.contains(&Breakage::ColumnGone {
        table: TableName::parse("users"),
        column: "team_id".into(),
        renamed_to: None,
    }));
    let known: Vec<_> = all.iter().map(|s| s.known).collect();
    assert_eq!(known[..2], [Known::Operation, Known::Parsed]);
    assert_eq!(all[1].lock, Lock::ShareRowExclusive);
}

#[test]
fn what_nobody_can_read_is_not_safe() {
    for sql in [
        "SELECT refill()",
        "CALL tidy()",
        "EXECUTE stored",
        "ALTER TABLE users FROB",
    ] {
        let plan = planned(&format!(
            "    - phase: 1\n      operations:\n        - {{ type: custom_sql, sql: \"{sql}\", rollbackSql: SELECT 1 }}\n"
        ));
        let [statement] = statements(&plan)[..] else {
            panic!("{sql}");
        };
        assert_eq!(statement.lock, Lock::Unknown, "{sql}");
        assert!(!plan.safe && statement.blocks_reads, "{sql}");
    }
}

#[test]
fn a_statement_alone_in_its_operation_is_replaced_by_the_safe_way() {
    let phases = r#"    - phase: 1
      description: Faster
      operations:
        - { type: custom_sql, sql: "GRANT SELECT ON users TO reader", rollbackSql: "SELECT 1" }
        - { type: custom_sql, sql: "CREATE INDEX users_name ON users (name)", rollbackSql: "DROP INDEX users_name" }
"#;
    let plan = planned(phases);
    let fixed = repair::document(&read(phases), &plan.findings).expect("there is a fix");
    let yaml = emit(&fixed);
    assert_eq!(fixed.phases.len(), 2, "{yaml}");
    assert!(
        yaml.contains("type: add_index") && yaml.contains("GRANT SELECT"),
        "{yaml}"
    );
    // Of two statements in one operation neither can take its place.
    let both = "    - phase: 1\n      operations:\n        - { type: custom_sql, sql: \"CREATE INDEX a ON users (a); CREATE INDEX b ON users (b)\", rollbackSql: SELECT 1 }\n";
    assert!(planned(both).findings.iter().all(|f| f.fix.is_none()));
}

#[test]
fn what_takes_sql_back_is_judged_as_well() {
    let phases = r#"    - phase: 1
      operations:
        - type: custom_sql
          sql: |
            CREATE INDEX CONCURRENTLY users_name ON users (name);
          rollbackSql: |
            DROP INDEX CONCURRENTLY users_name;
              ALTER TABLE users ALTER COLUMN id TYPE bigint;
            DO $$ BEGIN PERFORM 1; END $$;
"#;
    let plan = planned(phases);
    assert_eq!(
        errors(&plan),
        [
            ("type-change-rewrites", Some(1), Some(2)),
            ("unknown-sql", Some(1), Some(3))
        ]
    );
    let found = found(&plan, "type-change-rewrites");
    let within = found[0].within.unwrap();
    assert_eq!((within.line, within.column, within.back), (2, 3, true));
    assert!(
        found[0].message.starts_with("on the way back: "),
        "{}",
        found[0].message
    );
    let text = document(phases);
    let located = located(&text, plan.findings.clone());
    let place = located.iter().find(|f| f.rule == "type-change-rewrites");
    let (line, column) = place.map(|f| (f.line.unwrap(), f.column.unwrap())).unwrap();
    let told = text.lines().nth(line - 1).unwrap();
    assert!(told[column - 1..].starts_with("ALTER TABLE"), "{told}");
}

#[test]
fn the_way_back_may_take_away_what_its_phase_made() {
    let both = |sql: &str, back: &str| {
        let phases = format!(
            "    - phase: 1\n      operations:\n        - {{ type: custom_sql, sql: \"{sql}\", rollbackSql: \"{back}\" }}\n"
        );
        let plan = planned(&phases);
        let errors: Vec<String> = errors(&plan).iter().map(|e| e.0.to_owned()).collect();
        errors
    };
    let made = "CREATE VIEW v AS SELECT 1; CREATE TABLE n (id int); ALTER TABLE users ADD COLUMN a int; GRANT SELECT ON users TO r";
    let gone =
        "REVOKE SELECT ON users FROM r; ALTER TABLE users DROP COLUMN a; DROP TABLE n; DROP VIEW v";
    assert!(both(made, gone).is_empty(), "{:?}", both(made, gone));
    assert_eq!(both("SELECT 1", gone).len(), 4);
    // Locks are those of the way back, whatever made the object.
    let index = "CREATE INDEX CONCURRENTLY i ON users (name)";
    assert_eq!(both(index, "REINDEX INDEX i"), ["non-concurrent-reindex"]);
}

#[test]
fn sql_of_a_written_way_back_is_judged_as_well() {
    let plan = planned(
        r#"    - phase: 1
      operations:
        - { type: add_column, table: users, column: nick, dataType: text }
      rollbackOperations:
        - { type: custom_sql, sql: "UPDATE users SET name = NULL" }
        - { type: drop_column, table: users, column: nick }
"#,
    );
    let found = found(&plan, "unbatched-update");
    assert_eq!(found.len(), 1, "{:#?}", plan.findings);
    assert!(found[0].message.starts_with("on the way back: "));
    assert_eq!((found[0].phase, found[0].within), (Some(1), None));
}

#[test]
fn nobody_relies_on_a_column_that_was_just_added() {
    let plan = planned(
        r#"    - phase: 1
      operations:
        - { type: add_column, table: users, column: nick, dataType: text }
        - type: custom_sql
          sql: |
            ALTER TABLE users ALTER COLUMN nick SET DEFAULT 'x';
            ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x';
    - phase: 2
      gate: { deploy: App 2 }
      operations:
        - { type: custom_sql, sql: "ALTER TABLE users ALTER COLUMN nick SET DEFAULT 'y'" }
"#,
    );
    let changed: Vec<String> = statements(&plan)
        .iter()
        .flat_map(|statement| &statement.breaks)
        .filter_map(|breakage| {
            if let Breakage::DefaultChanged { column, .. } = breakage {
                Some(column.clone())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(changed, ["name", "nick"]);
}
