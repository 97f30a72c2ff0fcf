//! change-type: its documents, and what it does with values that the new type cannot hold.

use super::*;

/// People whose age is a text, with what hangs on it.
fn people() -> Table {
    Table {
        columns: vec![
            column("id", "bigint"),
            Column {
                nullable: false,
                default: Some("'0'::character varying".into()),
                grants: vec![("reporting".into(), "SELECT".into(), false)],
                ..column("Age", "character varying(10)")
            },
            column("name", "text"),
        ],
        primary_key: vec!["id".into()],
        indexes: vec![
            index(
                "people_Age_idx",
                &["Age"],
                "CREATE INDEX \"people_Age_idx\" ON crm.people USING btree (\"Age\")",
            ),
            Index {
                unique: true,
                constraint: Some("people_Age_name_key".into()),
                ..index(
                    "people_Age_name_key",
                    &["Age", "name"],
                    "CREATE UNIQUE INDEX \"people_Age_name_key\" ON crm.people USING btree (\"Age\", name)",
                )
            },
        ],
        constraints: vec![constraint(
            "people_Age_name_key",
            ConstraintKind::Unique,
            &["Age", "name"],
            "UNIQUE (\"Age\", name)",
        )],
        views: vec![ViewUse {
            view: TableName::parse("crm.ages"),
            columns: vec!["Age".into()],
            definition: " SELECT people.\"Age\"\n   FROM crm.people;".into(),
            materialized: false,
        }],
        rows: 50_000,
        ..Table::default()
    }
}

fn schema() -> Schema {
    let mut schema = Schema::empty(Engine::PostgreSql);
    schema
        .tables
        .insert(TableName::parse("crm.people"), people());
    schema
}

fn with(more: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("table", "crm.people"),
        ("column", "Age"),
        ("newType", "integer"),
    ];
    fields.extend(more);
    shown("change-type", Engine::PostgreSql, Some(&schema()), &fields)
}

#[test]
fn a_text_becomes_a_number_with_all_that_hangs_on_it() {
    insta::assert_snapshot!(with(&[("unconvertible", "fix"), ("fix", "\"Age\" = '0'")]));
}

#[test]
fn trap_3_nothing_that_hung_on_the_column_is_lost() {
    let text = with(&[]);
    for part in [
        "CREATE INDEX CONCURRENTLY \"people_Age_new_idx\" ON crm.people (\"Age_new\")",
        "ADD CONSTRAINT \"people_Age_new_name_key\" UNIQUE USING INDEX",
        "GRANT SELECT (\"Age_new\") ON crm.people TO reporting",
        "ALTER COLUMN \"Age_new\" SET NOT NULL",
        // The view goes on showing the type that it showed.
        "AS\nSELECT (CAST(people.\"Age_new\" AS character varying(10))) AS \"Age\"",
        "ALTER COLUMN \"Age_new\" SET DEFAULT CAST('0'::character varying AS integer)",
        "RENAME CONSTRAINT \"people_Age_new_name_key\" TO \"people_Age_name_key\"",
        "ALTER INDEX crm.\"people_Age_new_idx\" RENAME TO \"people_Age_idx\"",
    ] {
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat(&text).contains(&flat(part)), "{part}\n{text}");
    }
}

#[test]
fn trap_4_the_triggers_go_with_the_old_column() {
    let plan = plan(
        &expand(
            "change-type",
            &values(&[
                ("table", "crm.people"),
                ("column", "Age"),
                ("newType", "integer"),
            ]),
            Engine::PostgreSql,
            Some(&schema()),
        )
        .unwrap(),
        Some(&schema()),
    )
    .unwrap();
    let together = plan.phases.iter().flat_map(|p| &p.steps).any(|step| {
        let sql: Vec<&str> = step
            .action
            .statements()
            .into_iter()
            .map(|s| s.sql.as_str())
            .collect();
        sql.iter().any(|s| s.starts_with("DROP TRIGGER"))
            && sql.iter().any(|s| s.contains("DROP COLUMN \"Age\""))
    });
    assert!(together);
}

#[test]
fn trap_14_rows_that_do_not_convert_stop_it_before_anything_goes() {
    let fields = values(&[
        ("table", "crm.people"),
        ("column", "Age"),
        ("newType", "integer"),
    ]);
    let known = schema();
    let migration = expand("change-type", &fields, Engine::PostgreSql, Some(&known)).unwrap();
    let looks: Vec<u32> = migration
        .phases
        .iter()
        .filter(|p| {
            p.validation.iter().any(|v| {
                v.sql.as_deref().is_some_and(|sql| {
                    sql.contains(
                        "\"Age\" IS NOT NULL AND (crm.\"people_Age_forward\"(\"Age\")) IS NULL",
                    )
                }) && v.list.is_some()
            })
        })
        .map(|p| p.phase)
        .collect();
    // At the beginning, when applications change over, and before the old column goes.
    assert_eq!(looks, [1, 5, 6]);
    let text = emit(&migration);
    // What the type holds is what its own input takes: no pattern over digits.
    assert!(
        text.contains("EXCEPTION WHEN OTHERS THEN") && !text.contains(" ~ "),
        "{text}"
    );
    // And from the last phase's beginning nobody writes another one.
    assert!(
        text.contains("sql: \"\\\"Age\\\" IS NULL OR \\\"Age_new\\\" IS NOT NULL\"")
            || text.contains("sql: '\"Age\" IS NULL OR \"Age_new\" IS NOT NULL'"),
        "{text}"
    );
}

#[test]
fn trap_15_the_gate_says_that_both_names_are_borne() {
    let text = with(&[("soak", "0")]);
    assert!(
        text.contains("every application works under both names at once: Age_new becomes Age in the next phase"),
        "{text}"
    );
    let kept = with(&[("takeOver", "false")]);
    assert!(
        !kept.contains("both names") && !kept.contains("RENAME COLUMN"),
        "{kept}"
    );
    insta::assert_snapshot!(
        "a_view_bears_the_old_name",
        with(&[("viewName", "people_2")])
    );
}

#[test]
fn a_wider_type_needs_no_function_and_no_look() {
    let fields = [
        ("table", "t"),
        ("column", "n"),
        ("oldType", "int"),
        ("newType", "bigint"),
    ];
    insta::assert_snapshot!(shown("change-type", Engine::PostgreSql, None, &fields));
}

#[test]
fn a_conversion_of_one_s_own() {
    let fields = [
        ("table", "t"),
        ("column", "born"),
        ("oldType", "text"),
        ("newType", "date"),
        ("using", "to_date(NULLIF(born, ''), 'DD.MM.YYYY')"),
        ("nullWhere", "born = ''"),
        ("unconvertible", "null"),
        ("newColumn", "born_on"),
        ("takeOver", "false"),
    ];
    insta::assert_snapshot!(shown("change-type", Engine::PostgreSql, None, &fields));
}

#[test]
fn on_sqlite_a_condition_stands_before_the_cast() {
    let table = Table {
        columns: vec![column("id", "INTEGER"), column("age", "TEXT")],
        primary_key: vec!["id".into()],
        create_sql: Some("CREATE TABLE people (id INTEGER PRIMARY KEY, age TEXT)".into()),
        ..Table::default()
    };
    let mut schema = Schema::empty(Engine::Sqlite);
    schema.tables.insert(TableName::parse("people"), table);
    let fields = [
        ("table", "people"),
        ("column", "age"),
        ("newType", "INTEGER"),
        ("unconvertible", "null"),
        ("setAside", "people_ages"),
    ];
    insta::assert_snapshot!(shown("change-type", Engine::Sqlite, Some(&schema), &fields));
}

#[test]
fn its_mistakes_have_their_fields() {
    let known = schema();
    let of = |more: &[(&str, &str)]| {
        let mut fields = vec![
            ("table", "crm.people"),
            ("column", "Age"),
            ("newType", "integer"),
        ];
        fields.extend(more);
        mistakes("change-type", Engine::PostgreSql, Some(&known), &fields)
    };
    let none = |engine, more: &[(&str, &str)]| {
        let mut fields = vec![("table", "t"), ("column", "a")];
        fields.extend(more);
        mistakes("change-type", engine, None, &fields)
    };
    let all = [
        of(&[("newColumn", "name")]),
        of(&[("using", "\"Age\"::int)")]),
        of(&[("unconvertible", "null")]),
        none(Engine::PostgreSql, &[("newType", "integer")]),
        none(
            Engine::PostgreSql,
            &[
                ("oldType", "text"),
                ("newType", "integer"),
                ("viewName", "v"),
            ],
        ),
        none(Engine::Sqlite, &[("oldType", "TEXT"), ("newType", "DATE")]),
    ];
    insta::assert_snapshot!(all.join("\n--\n"));
}
