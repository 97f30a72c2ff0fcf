//! add-json-column: its documents, and the indexes that each engine has for JSON.

use super::*;

fn with(engine: Engine, schema: bool, more: &[(&str, &str)]) -> String {
    let mut fields = vec![("table", "users"), ("column", "Prefs")];
    fields.extend(more);
    let known = schema_of(engine, users());
    shown("add-json-column", engine, schema.then_some(&known), &fields)
}

#[test]
fn it_is_filled_and_indexed_by_what_it_holds() {
    let fields = [
        ("default", "{}"),
        (
            "backfill",
            "jsonb_build_object('theme', 'light', 'mail', email)",
        ),
        ("inverted", "paths"),
        ("paths", "theme, address.city"),
    ];
    insta::assert_snapshot!(with(Engine::PostgreSql, true, &fields));
    insta::assert_snapshot!(
        "on_sqlite_each_path_has_an_index",
        with(
            Engine::Sqlite,
            false,
            &[
                ("backfill", "json_object('theme', 'light')"),
                ("paths", "theme, address.city")
            ],
        )
    );
}

#[test]
fn without_fields_it_is_a_column_alone() {
    insta::assert_snapshot!(with(Engine::PostgreSql, false, &[("inverted", "all")]));
}

#[test]
fn its_mistakes_have_their_fields() {
    let of = |engine, more: &[(&str, &str)]| {
        let mut fields = vec![("table", "users"), ("column", "prefs")];
        fields.extend(more);
        mistakes("add-json-column", engine, None, &fields)
    };
    let all = [
        of(
            Engine::PostgreSql,
            &[("dataType", "json"), ("inverted", "all")],
        ),
        of(Engine::PostgreSql, &[("paths", "a..b")]),
        of(Engine::PostgreSql, &[("paths", "a\"b")]),
        of(Engine::Sqlite, &[("inverted", "paths")]),
    ];
    insta::assert_snapshot!(all.join("\n--\n"));
}
