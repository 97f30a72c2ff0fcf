//! add-unique: its documents, and what it does with duplicates.

use super::*;

fn people(engine: Engine) -> Schema {
    let mut schema = Schema::empty(engine);
    let table = Table {
        columns: vec![
            column("id", "bigint"),
            column("Email", "text"),
            column("tenant", "integer"),
        ],
        primary_key: vec!["id".into()],
        rows: 50_000,
        create_sql: (engine == Engine::Sqlite).then(|| {
            "CREATE TABLE people (id INTEGER PRIMARY KEY, \"Email\" text, tenant integer)"
                .to_owned()
        }),
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("people"), table);
    schema
}

fn with(engine: Engine, more: &[(&str, &str)]) -> String {
    let mut fields = vec![("table", "people"), ("columns", "tenant, Email")];
    fields.extend(more);
    shown("add-unique", engine, Some(&people(engine)), &fields)
}

#[test]
fn duplicates_stop_it_and_are_listed() {
    insta::assert_snapshot!(with(Engine::PostgreSql, &[]));
    insta::assert_snapshot!("duplicates_stop_it_on_sqlite", with(Engine::Sqlite, &[]));
}

#[test]
fn duplicates_are_kept_whole_and_the_highest_key_survives() {
    let fields = [
        ("duplicates", "delete"),
        ("keep", "highest"),
        ("setAside", "people_twice"),
    ];
    insta::assert_snapshot!(with(Engine::PostgreSql, &fields));
    insta::assert_snapshot!(
        "duplicates_are_kept_on_sqlite",
        with(Engine::Sqlite, &fields)
    );
}

#[test]
fn duplicates_are_fixed_in_one_go_that_nothing_takes_back() {
    let fields = [
        ("duplicates", "fix"),
        ("fix", "\"Email\" = \"Email\" || '+' || id"),
        ("constraintName", "one_mail"),
    ];
    insta::assert_snapshot!(with(Engine::PostgreSql, &fields));
    let back = [fields[0], fields[1], ("setAside", "before")];
    let text = with(Engine::PostgreSql, &back);
    assert!(
        text.contains("UPDATE people SET \"Email\" = (SELECT kept.\"Email\""),
        "{text}"
    );
}

#[test]
fn without_a_schema_the_key_must_be_said() {
    let fields = [("table", "t"), ("columns", "a"), ("duplicates", "null")];
    let text = mistakes("add-unique", Engine::PostgreSql, None, &fields);
    assert!(text.starts_with("key: Needed"), "{text}");
    let mut more = fields.to_vec();
    more.push(("key", "id"));
    insta::assert_snapshot!(shown("add-unique", Engine::PostgreSql, None, &more));
    let stop = [("table", "t"), ("columns", "a")];
    let text = shown("add-unique", Engine::PostgreSql, None, &stop);
    assert!(!text.contains("list:"), "{text}");
}

#[test]
fn what_is_unique_is_not_made_so_again() {
    let fields = [("table", "people"), ("columns", "id")];
    let text = mistakes(
        "add-unique",
        Engine::PostgreSql,
        Some(&people(Engine::PostgreSql)),
        &fields,
    );
    assert_eq!(
        text,
        "columns: They are unique already, by the primary key."
    );
}

#[test]
fn trap_9_rows_with_null_are_no_duplicates() {
    let text = with(Engine::PostgreSql, &[("duplicates", "delete")]);
    let ranked = "PARTITION BY tenant, \"Email\" ORDER BY id) AS bellows_place FROM people WHERE \
                  tenant IS NOT NULL AND \"Email\" IS NOT NULL";
    assert!(text.contains(ranked), "{text}");
}

#[test]
fn trap_11_the_index_is_looked_for_under_the_constraint_s_name() {
    let fields = values(&[
        ("table", "people"),
        ("columns", "tenant"),
        ("constraintName", "one_a_tenant"),
    ]);
    let schema = people(Engine::PostgreSql);
    let migration = expand("add-unique", &fields, Engine::PostgreSql, Some(&schema)).unwrap();
    let add = migration.phases.last().unwrap();
    assert_eq!(
        add.validation[0].index_name.as_deref(),
        Some("one_a_tenant")
    );
    let plan = plan(&migration, Some(&schema)).unwrap();
    let last = plan.phases.last().unwrap();
    assert!(
        last.validation[0]
            .sql
            .contains("k.conname = 'one_a_tenant'")
    );
    // The way back knows it under both: as the constraint's, and as a bare index.
    let back: Vec<&str> = last
        .rollback
        .iter()
        .flat_map(|s| s.action.statements())
        .map(|s| s.sql.as_str())
        .collect();
    assert_eq!(
        back,
        [
            "ALTER TABLE people DROP CONSTRAINT IF EXISTS one_a_tenant",
            "DROP INDEX CONCURRENTLY IF EXISTS one_a_tenant"
        ]
    );
}
