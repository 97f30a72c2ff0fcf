//! split-column: its documents.

use super::*;

const PARTS: &str = "first_name VARCHAR(100) = split_part(\"Full name\", ' ', 1);\n\
                     \"last;name\" = substr(\"Full name\", strpos(\"Full name\", ' ') + 1)";
const BACK: &str = "concat_ws(' ', first_name, \"last;name\")";

fn people(view: bool) -> Schema {
    let mut schema = Schema::empty(Engine::PostgreSql);
    let view = view.then(|| ViewUse {
        view: TableName::parse("crm.names"),
        columns: vec!["Full name".into()],
        definition:
            " SELECT p.\"Full name\"\n   FROM (crm.people p\n     JOIN teams t ON ((t.id = p.id)));"
                .into(),
        materialized: false,
    });
    let table = Table {
        columns: vec![
            column("id", "bigint"),
            Column {
                nullable: false,
                ..column("Full name", "text")
            },
        ],
        primary_key: vec!["id".into()],
        indexes: vec![index(
            "by_name",
            &["Full name"],
            "CREATE INDEX by_name ON crm.people USING btree (\"Full name\")",
        )],
        views: view.into_iter().collect(),
        rows: 50_000,
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("crm.people"), table);
    schema
}

fn fields<'a>(parts: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut out = vec![
        ("table", "crm.people"),
        ("column", "Full name"),
        ("parts", parts),
    ];
    out.extend(more);
    out
}

#[test]
fn a_name_becomes_two_and_the_view_reads_them() {
    let schema = people(true);
    let fields = fields(PARTS, &[("backward", BACK)]);
    insta::assert_snapshot!(shown(
        "split-column",
        Engine::PostgreSql,
        Some(&schema),
        &fields
    ));
}

/// Who writes the parts alone must be able to leave the old column out.
#[test]
fn without_a_way_back_rows_may_leave_the_old_column_out() {
    let schema = people(false);
    let text = shown(
        "split-column",
        Engine::PostgreSql,
        Some(&schema),
        &fields(PARTS, &[]),
    );
    assert!(text.contains("type: drop_not_null"), "{text}");
    assert!(text.contains("dual-write-one-way"), "{text}");
    // Nothing can be said of rows once new applications write.
    assert!(!text.contains("in both directions"), "{text}");
}

#[test]
fn without_a_schema_and_on_sqlite() {
    let fields = [
        ("table", "people"),
        ("column", "name"),
        (
            "parts",
            "first TEXT = substr(name, 1, instr(name || ' ', ' ') - 1); last TEXT = trim(substr(name, instr(name || ' ', ' ')))",
        ),
        ("backward", "trim(first || ' ' || last)"),
        ("key", "id"),
        ("soak", "0"),
    ];
    insta::assert_snapshot!(shown("split-column", Engine::Sqlite, None, &fields));
}

#[test]
fn its_mistakes_have_their_fields() {
    let schema = people(true);
    let of = |parts: &str, more: &[(&str, &str)]| {
        mistakes(
            "split-column",
            Engine::PostgreSql,
            Some(&schema),
            &fields(parts, more),
        )
    };
    let all = [
        of("first_name", &[]),
        of("first_name text = lower(\"Full name\"", &[]),
        of("id text = lower(\"Full name\")", &[]),
        of(PARTS, &[]),
        mistakes(
            "split-column",
            Engine::PostgreSql,
            None,
            &fields(PARTS, &[]),
        ),
    ];
    insta::assert_snapshot!(all.join("\n--\n"));
}
