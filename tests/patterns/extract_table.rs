//! extract-table: its documents out of JSON, arrays and repeated columns.

use super::*;

fn schema() -> Schema {
    let mut schema = Schema::empty(Engine::PostgreSql);
    schema.tables.insert(
        TableName::parse("users"),
        Table {
            columns: vec![
                column("id", "bigint"),
                column("addresses", "jsonb"),
                column("Tags", "text[]"),
                column("phone1", "text"),
                column("phone2", "text"),
                column("age", "integer"),
            ],
            primary_key: vec!["id".into()],
            rows: 1000,
            ..Table::default()
        },
    );
    schema
}

fn extract(fields: &[(&str, &str)]) -> String {
    let known = schema();
    shown("extract-table", Engine::PostgreSql, Some(&known), fields)
}

#[test]
fn objects_of_a_json_column_become_rows() {
    let text = extract(&[
        ("table", "users"),
        ("columns", "addresses"),
        ("newTable", "user_addresses"),
        ("fields", "street text, it's numeric, lines jsonb"),
        ("soak", "0"),
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn arrays_and_repeated_columns_become_rows() {
    let array = extract(&[
        ("table", "users"),
        ("columns", "Tags"),
        ("newTable", "user_tags"),
        ("valueColumn", "tag"),
    ]);
    let repeated = extract(&[
        ("table", "users"),
        ("columns", "phone1, phone2"),
        ("newTable", "phones"),
    ]);
    insta::assert_snapshot!(format!("{array}\n--\n{repeated}"));
}

#[test]
fn on_sqlite_values_come_out_of_json_and_repeated_columns() {
    let mut known = schema();
    known.engine = Engine::Sqlite;
    let extract =
        |fields: &[(&str, &str)]| shown("extract-table", Engine::Sqlite, Some(&known), fields);
    let objects = extract(&[
        ("table", "users"),
        ("columns", "addresses"),
        ("newTable", "user_addresses"),
        (
            "fields",
            "street text, it's numeric, main boolean, lines jsonb",
        ),
        ("soak", "0"),
    ]);
    let array = extract(&[
        ("table", "users"),
        ("columns", "Tags"),
        ("newTable", "user_tags"),
        ("valueColumn", "tag"),
        ("misfits", "skip"),
    ]);
    let repeated = extract(&[
        ("table", "users"),
        ("columns", "phone1, phone2"),
        ("newTable", "phones"),
    ]);
    insta::assert_snapshot!(format!("{objects}\n--\n{array}\n--\n{repeated}"));
}

#[test]
fn what_cannot_be_extracted_is_said() {
    let known = schema();
    let said = |fields: &[(&str, &str)]| {
        mistakes("extract-table", Engine::PostgreSql, Some(&known), fields)
    };
    let all = [
        said(&[("table", "users"), ("columns", "age"), ("newTable", "ages")]),
        said(&[
            ("table", "users"),
            ("columns", "phone1, age"),
            ("newTable", "users"),
        ]),
        said(&[
            ("table", "users"),
            ("columns", "addresses"),
            ("newTable", "a"),
            ("fields", "zip integer"),
        ]),
        mistakes(
            "extract-table",
            Engine::PostgreSql,
            None,
            &[("table", "users"), ("columns", "a"), ("newTable", "b")],
        ),
    ];
    insta::assert_snapshot!(all.join("\n--\n"));
}

/// There JSON is a text, and JSON_TABLE takes the values out of it.
#[test]
fn on_mariadb_values_come_out_of_json_and_of_several_columns() {
    let engine = Engine::MariaDb;
    let mut known = Schema::empty(engine);
    known.tables.insert(
        TableName::parse("users"),
        Table {
            columns: vec![
                column("id", "bigint(20)"),
                column("addresses", "longtext"),
                column("phone1", "varchar(20)"),
                column("phone2", "varchar(20)"),
            ],
            primary_key: vec!["id".into()],
            ..Table::default()
        },
    );
    let json = shown(
        "extract-table",
        engine,
        Some(&known),
        &[
            ("table", "users"),
            ("columns", "addresses"),
            ("newTable", "addresses"),
            (
                "fields",
                "street text, floor numeric, own boolean, more json",
            ),
        ],
    );
    let repeated = shown(
        "extract-table",
        engine,
        Some(&known),
        &[
            ("table", "users"),
            ("columns", "phone1, phone2"),
            ("newTable", "phones"),
            ("valueColumn", "phone"),
        ],
    );
    insta::assert_snapshot!(format!("{json}\n--\n{repeated}"));
}
