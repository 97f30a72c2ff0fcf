//! merge-columns: its documents, and the room that the merged value has.

use super::*;

fn people(engine: Engine) -> Schema {
    let mut schema = Schema::empty(engine);
    let table = Table {
        columns: vec![
            column("id", "bigint"),
            Column {
                nullable: false,
                ..column("First", "character varying(100)")
            },
            column("last", "character varying(50)"),
            column("notes", "text"),
        ],
        primary_key: vec!["id".into()],
        create_sql: (engine == Engine::Sqlite).then(|| {
            "CREATE TABLE people (id INTEGER PRIMARY KEY, \"First\" varchar(100) NOT NULL, last varchar(50), notes text)".to_owned()
        }),
        rows: 50_000,
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("people"), table);
    schema
}

fn fields<'a>(columns: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut out = vec![
        ("table", "people"),
        ("columns", columns),
        ("newColumn", "name"),
    ];
    out.extend(more);
    out
}

fn with(engine: Engine, columns: &str, more: &[(&str, &str)]) -> String {
    shown(
        "merge-columns",
        engine,
        Some(&people(engine)),
        &fields(columns, more),
    )
}

#[test]
fn two_names_become_one() {
    insta::assert_snapshot!(with(Engine::PostgreSql, "First, last", &[]));
    insta::assert_snapshot!(
        "on_sqlite",
        with(Engine::Sqlite, "First, last", &[("separator", ", ")])
    );
    insta::assert_snapshot!(
        "with_a_way_back",
        with(
            Engine::PostgreSql,
            "First, last",
            &[(
                "apart",
                "\"First\" = split_part(name, ' ', 1); last = substr(name, strpos(name, ' ') + 1)"
            )],
        )
    );
}

#[test]
fn trap_13_the_type_holds_the_sum_and_the_separator() {
    let text = with(Engine::PostgreSql, "First, last", &[("separator", ", ")]);
    assert!(text.contains("dataType: VARCHAR(152)"), "{text}");
    let text = with(Engine::PostgreSql, "First, notes", &[]);
    assert!(text.contains("dataType: TEXT"), "{text}");
    let schema = people(Engine::PostgreSql);
    let of = |columns: &str, more: &[(&str, &str)]| {
        mistakes(
            "merge-columns",
            Engine::PostgreSql,
            Some(&schema),
            &fields(columns, more),
        )
    };
    let all = [
        of("First, last", &[("dataType", "VARCHAR(150)")]),
        of("First, notes", &[("dataType", "VARCHAR(500)")]),
    ];
    insta::assert_snapshot!("trap_13_too_little_room", all.join("\n--\n"));
    // Where nobody knows, what is there is measured first.
    let given = [
        ("table", "t"),
        ("columns", "a, b"),
        ("newColumn", "c"),
        ("dataType", "varchar(20)"),
    ];
    let text = shown("merge-columns", Engine::PostgreSql, None, &given);
    assert!(text.contains("> 20"), "{text}");
}

#[test]
fn trap_13_null_and_empty_parts_leave_nothing_behind() {
    let text = with(Engine::PostgreSql, "First, last", &[]);
    assert!(
        text.contains(
            "CASE WHEN \"First\" IS NULL AND \"last\" IS NULL THEN NULL ELSE concat_ws(' ', NULLIF(\"First\"::text, ''), NULLIF(\"last\"::text, '')) END"
        ),
        "{text}"
    );
}

#[test]
fn trap_13_that_it_has_no_inverse_is_said() {
    let text = with(Engine::PostgreSql, "First, last", &[]);
    assert!(
        text.contains("A merged value is not taken apart again"),
        "{text}"
    );
    assert!(text.contains("dual-write-one-way"), "{text}");
    // Who writes the merged one alone leaves the others out.
    assert!(text.contains("type: drop_not_null"), "{text}");
}

#[test]
fn its_mistakes_have_their_fields() {
    let mut schema = people(Engine::PostgreSql);
    if let Some(table) = schema.tables.get_mut(&TableName::parse("people")) {
        table.views = vec![ViewUse {
            view: TableName::parse("firsts"),
            columns: vec!["First".into()],
            definition: "SELECT people.\"First\" FROM people".into(),
            materialized: false,
        }];
    }
    let of = |columns: &str, more: &[(&str, &str)]| {
        mistakes(
            "merge-columns",
            Engine::PostgreSql,
            Some(&schema),
            &fields(columns, more),
        )
    };
    let all = [
        of("First", &[]),
        of("First, last", &[("newColumn", "notes")]),
        of("First, last", &[("apart", "last = name")]),
        of("First, last", &[]),
        of("id, last", &[]),
    ];
    insta::assert_snapshot!(all.join("\n--\n"));
}
