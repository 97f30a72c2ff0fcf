//! Changes of types and constraints on a real PostgreSQL: what they touch, and what they check.

use bellows::schema::TableName;
use bellows_server::executor::{self, control};

use crate::support::{TestTarget, apply};

/// The changes of a type that are called free touch neither the table's file nor its indexes'.
#[tokio::test]
async fn postgres_changes_a_type_without_touching_a_row() {
    let test = TestTarget::postgres().await;
    let changes = [
        ("varchar(10)", "varchar(20)", "'x'"),
        ("varchar(10)", "text", "'x'"),
        ("text", "varchar", "'x'"),
        ("numeric(10,2)", "numeric(12,2)", "1.5"),
        ("numeric(10,2)", "numeric", "1.5"),
        ("cidr", "inet", "'10.0.0.0/8'"),
        ("timestamptz(3)", "timestamptz(6)", "now()"),
        ("timestamp(3)", "timestamp", "now()"),
        ("time(3)", "time(6)", "'12:30'"),
        ("interval(3)", "interval(6)", "'1 day'"),
        ("varbit(8)", "varbit(16)", "B'101'"),
    ];
    let columns: Vec<String> = changes
        .iter()
        .enumerate()
        .map(|(at, (from, _, value))| {
            format!("c{at} {from} DEFAULT {value} CHECK (c{at} IS NOT NULL)")
        })
        .collect();
    let indexes: Vec<String> = (0..changes.len())
        .map(|at| format!("CREATE INDEX ON t (c{at})"))
        .collect();
    test.sql(&format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, {}); {};
         INSERT INTO t (id) SELECT generate_series(1, 1000)",
        columns.join(", "),
        indexes.join("; ")
    ))
    .await;
    let files = "SELECT string_agg(relname || pg_relation_filenode(oid), ',' ORDER BY relname)
                 FROM pg_class WHERE relname LIKE 't\\_%' OR relname = 't'";
    let before = test.text(files).await;
    let operations: String = changes
        .iter()
        .enumerate()
        .map(|(at, (_, to, _))| {
            format!("        - {{type: change_column_type, table: t, column: c{at}, newType: \"{to}\"}}\n")
        })
        .collect();
    let yaml = format!(
        "\nmigration:\n  name: widen\n  database: postgresql\n  phases:\n    - phase: 1\n      operations:\n{operations}"
    );
    let (record, events) = apply(&test.target, &yaml).await;
    assert_eq!(test.text(files).await, before);
    let unchecked = "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND NOT convalidated";
    assert_eq!(test.number(unchecked).await, 0);
    let (_sender, receiver) = control();
    let options = executor::RunOptions::new("test");
    let id = &record.id;
    executor::roll_back(
        &test.target,
        id,
        None,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap();
    let schema = test.schema().await;
    let column = schema.table(&TableName::parse("t")).unwrap().columns[1].clone();
    assert_eq!(column.data_type, "character varying(10)");
    assert_eq!(column.default.as_deref(), Some("'x'::character varying"));
}

/// Constraints of every kind, by their bodies; the rows that are there are checked.
#[tokio::test]
async fn postgres_adds_constraints_of_every_kind() {
    let test = TestTarget::postgres().await;
    test.sql(
        "CREATE TABLE p (id bigint PRIMARY KEY); INSERT INTO p VALUES (1), (2);
         CREATE TABLE t (a int, b bigint, c text, r int4range);
         INSERT INTO t VALUES (1, 1, 'x', '[1,2)'), (2, 2, NULL, '[2,3)')",
    )
    .await;
    let before = test.schema().await;
    let yaml = "
migration:
  name: constrain
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_constraint, table: t, constraintName: t_key, sql: PRIMARY KEY (a)}
        - {type: add_constraint, table: t, constraintName: t_c, sql: UNIQUE (c) INCLUDE (b) DEFERRABLE INITIALLY DEFERRED}
        - {type: add_constraint, table: t, constraintName: t_p, sql: FOREIGN KEY (b) REFERENCES p (id) ON DELETE CASCADE}
        - {type: add_constraint, table: t, constraintName: t_a, sql: CHECK (a > 0)}
        - {type: add_constraint, table: t, constraintName: t_r, sql: EXCLUDE USING gist (r WITH &&)}
      validation:
        - {check: constraint_valid, table: t, constraintName: t_key}
        - {check: constraint_valid, table: t, constraintName: t_c}
        - {check: constraint_valid, table: t, constraintName: t_p}
        - {check: constraint_valid, table: t, constraintName: t_a}
        - {check: constraint_valid, table: t, constraintName: t_r}
        - {check: index_exists, table: t}
";
    let (record, events) = apply(&test.target, yaml).await;
    let table = test.schema().await.tables[&TableName::parse("t")].clone();
    assert_eq!(table.primary_key, ["a"]);
    assert_eq!(table.constraints.len(), 4);
    let definitions: Vec<&str> = table
        .constraints
        .iter()
        .map(|c| c.definition.as_str())
        .collect();
    assert!(
        definitions.contains(&"UNIQUE (c) INCLUDE (b) DEFERRABLE INITIALLY DEFERRED"),
        "{definitions:?}"
    );
    let (_sender, receiver) = control();
    let options = executor::RunOptions::new("test");
    let id = &record.id;
    executor::roll_back(
        &test.target,
        id,
        None,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap();
    let after = test.schema().await;
    let name = [TableName::parse("t")];
    assert_eq!(after.fingerprint(&name), before.fingerprint(&name));
}
