//! add-foreign-key: its documents, and what it does with rows that point nowhere.

use super::*;

/// `orders` towards `customers`, quoted and qualified.
fn shop(engine: Engine) -> Schema {
    let mut schema = Schema::empty(engine);
    let customers = Table {
        columns: vec![
            column("id", "bigint"),
            column("tenant", "bigint"),
            column("email", "text"),
        ],
        primary_key: vec!["id".into()],
        rows: 1_000,
        ..Table::default()
    };
    schema
        .tables
        .insert(TableName::parse("customers"), customers);
    let orders = Table {
        columns: vec![
            Column {
                generated: true,
                ..column("Id", "bigint")
            },
            column("customer_id", "bigint"),
            column("set_aside_at", "text"),
        ],
        primary_key: vec!["Id".into()],
        create_sql: (engine == Engine::Sqlite).then(|| {
            "CREATE TABLE \"Orders\" (\"Id\" INTEGER PRIMARY KEY, customer_id bigint, set_aside_at text)"
                .to_owned()
        }),
        rows: 50_000,
        ..Table::default()
    };
    schema.tables.insert(orders_of(engine), orders);
    schema
}

fn orders_of(engine: Engine) -> TableName {
    TableName::parse(name_of(engine))
}

fn name_of(engine: Engine) -> &'static str {
    match engine {
        Engine::PostgreSql => "sales.Orders",
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => "Orders",
    }
}

fn given<'a>(table: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut out = vec![
        ("table", table),
        ("column", "customer_id"),
        ("refTable", "customers"),
    ];
    out.extend(more);
    out
}

fn with(engine: Engine, more: &[(&str, &str)]) -> String {
    let schema = shop(engine);
    let fields = given(name_of(engine), more);
    shown("add-foreign-key", engine, Some(&schema), &fields)
}

#[test]
fn orphans_stop_it_and_are_listed() {
    insta::assert_snapshot!(with(Engine::PostgreSql, &[("onDelete", "CASCADE")]));
}

#[test]
fn orphans_are_kept_whole_and_come_back() {
    let fields = [("orphans", "delete"), ("setAside", "orders_orphans")];
    insta::assert_snapshot!(with(Engine::PostgreSql, &fields));
    insta::assert_snapshot!(
        "orphans_are_kept_whole_on_sqlite",
        with(Engine::Sqlite, &fields)
    );
}

#[test]
fn orphans_are_mended() {
    insta::assert_snapshot!(with(Engine::PostgreSql, &[("orphans", "null")]));
    insta::assert_snapshot!(
        "orphans_are_fixed_and_kept",
        with(
            Engine::PostgreSql,
            &[
                ("orphans", "fix"),
                ("fix", "customer_id = (SELECT min(id) FROM customers)"),
                ("setAside", "audit.kept"),
                ("limit", "50"),
            ],
        )
    );
}

#[test]
fn without_a_schema_the_document_says_what_it_points_to() {
    let fields = given(
        "orders",
        &[("refColumn", "id"), ("orphans", "delete"), ("key", "id")],
    );
    insta::assert_snapshot!(shown("add-foreign-key", Engine::PostgreSql, None, &fields));
}

#[test]
fn its_mistakes_have_their_fields() {
    let schema = shop(Engine::PostgreSql);
    let of = |more: &[(&str, &str)]| {
        let fields = given("sales.Orders", more);
        mistakes(
            "add-foreign-key",
            Engine::PostgreSql,
            Some(&schema),
            &fields,
        )
    };
    let unknown = given("orders", &[("orphans", "delete"), ("setAside", "k")]);
    let known_target = given(
        "orders",
        &[
            ("refColumn", "id"),
            ("orphans", "delete"),
            ("setAside", "k"),
        ],
    );
    let none =
        |fields: &[(&str, &str)]| mistakes("add-foreign-key", Engine::PostgreSql, None, fields);
    let all = [
        of(&[("orphans", "stop"), ("setAside", "kept")]),
        of(&[("orphans", "fix")]),
        of(&[("orphans", "fix"), ("fix", "customer_id")]),
        of(&[("orphans", "null"), ("fix", "customer_id = 1")]),
        of(&[
            ("orphans", "delete"),
            ("setAside", "public.customers"),
            ("limit", "0"),
        ]),
        of(&[("refColumn", "email")]),
        of(&[("refColumn", "id, tenant")]),
        of(&[("onDelete", "cascade")]),
        none(&unknown),
        none(&known_target),
    ];
    insta::assert_snapshot!(all.join("\n--\n"));
}

/// Rows that go would take rows of other tables with them, of which nothing is kept.
#[test]
fn nothing_is_deleted_that_takes_others_along() {
    let mut schema = shop(Engine::PostgreSql);
    let orders = orders_of(Engine::PostgreSql);
    let items = Table {
        constraints: vec![Constraint {
            references: Some(orders.clone()),
            ..constraint(
                "items_order_fkey",
                ConstraintKind::ForeignKey,
                &["order"],
                "FOREIGN KEY (\"order\") REFERENCES sales.\"Orders\"(\"Id\") ON DELETE CASCADE",
            )
        }],
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("items"), items);
    if let Some(orders) = schema.tables.get_mut(&orders) {
        orders.referenced_by = vec![(TableName::parse("items"), "items_order_fkey".into())];
    }
    let fields = given("sales.Orders", &[("orphans", "delete")]);
    let text = mistakes(
        "add-foreign-key",
        Engine::PostgreSql,
        Some(&schema),
        &fields,
    );
    assert!(
        text.starts_with("orphans: ") && text.contains("items_order_fkey"),
        "{text}"
    );
}

#[test]
fn trap_10_a_row_whose_key_is_null_is_no_orphan_and_the_kept_list_is_made_anew() {
    let text = with(
        Engine::PostgreSql,
        &[("orphans", "delete"), ("setAside", "orders_orphans")],
    );
    assert!(
        text.contains("customer_id IS NOT NULL AND NOT EXISTS"),
        "{text}"
    );
    // Were it there from another time, its making fails; the way back drops it.
    assert!(
        text.contains("CREATE TABLE sales.orders_orphans AS SELECT"),
        "{text}"
    );
    assert!(!text.contains("IF NOT EXISTS"), "{text}");
    assert!(text.contains("DROP TABLE sales.orders_orphans"), "{text}");
}

#[test]
fn an_index_that_serves_the_key_is_not_built_twice() {
    let mut schema = shop(Engine::PostgreSql);
    if let Some(orders) = schema.tables.get_mut(&orders_of(Engine::PostgreSql)) {
        orders.indexes = vec![index("by_customer", &["customer_id", "Id"], "")];
    }
    let fields = given("sales.Orders", &[]);
    let text = shown(
        "add-foreign-key",
        Engine::PostgreSql,
        Some(&schema),
        &fields,
    );
    assert!(!text.contains("add_index"), "{text}");
}
