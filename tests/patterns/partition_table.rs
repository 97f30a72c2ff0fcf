//! partition-table: its documents, and what a partitioned table cannot have.

use super::*;
use bellows::schema::{Attached, AttachedSequence};

fn orders() -> Table {
    let mut columns = vec![
        column("id", "bigint"),
        column("customer", "integer"),
        column("created_at", "timestamp with time zone"),
        column("note", "text"),
    ];
    for column in &mut columns {
        column.nullable = column.name == "note";
    }
    columns[0].default = Some("nextval('orders_id_seq'::regclass)".into());
    Table {
        columns,
        primary_key: vec!["id".into()],
        indexes: vec![
            index(
                "orders_note",
                &["lower(note)"],
                "CREATE INDEX orders_note ON public.orders USING gin (lower(note) gin_trgm_ops) WHERE (note <> ' USING '::text)",
            ),
            Index {
                unique: true,
                constraint: Some("orders_when".into()),
                ..index(
                    "orders_when",
                    &["customer", "created_at"],
                    "CREATE UNIQUE INDEX orders_when ON public.orders USING btree (customer, created_at)",
                )
            },
        ],
        constraints: vec![
            Constraint {
                references: Some(TableName::parse("customers")),
                ..constraint(
                    "orders_customer_fkey",
                    ConstraintKind::ForeignKey,
                    &["customer"],
                    "FOREIGN KEY (customer) REFERENCES customers(id)",
                )
            },
            constraint(
                "orders_when",
                ConstraintKind::Unique,
                &["customer", "created_at"],
                "UNIQUE (customer, created_at)",
            ),
        ],
        attached: Attached {
            owner: Some("shop".into()),
            grants: vec![("app".into(), "SELECT".into(), false)],
            sequences: vec![AttachedSequence {
                column: "id".into(),
                sequence: "public.orders_id_seq".into(),
                identity: None,
                ..AttachedSequence::default()
            }],
            ..Attached::default()
        },
        views: vec![ViewUse {
            view: TableName::parse("recent"),
            columns: vec!["id".into()],
            definition: " SELECT orders.id FROM orders;".into(),
            materialized: false,
        }],
        rows: 100_000,
        ..Table::default()
    }
}

fn schema(table: Table) -> Schema {
    let mut schema = Schema::empty(Engine::PostgreSql);
    schema.tables.insert(TableName::parse("orders"), table);
    schema.tables.insert(
        TableName::parse("customers"),
        Table {
            columns: vec![column("id", "integer")],
            primary_key: vec!["id".into()],
            ..Table::default()
        },
    );
    schema
}

const FIELDS: [(&str, &str); 5] = [
    ("table", "orders"),
    ("column", "created_at"),
    ("from", "2023-07-01"),
    ("to", "2024-02-15"),
    ("interval", "quarter"),
];

#[test]
fn a_table_is_partitioned_with_all_that_hangs_on_it() {
    let known = schema(orders());
    let text = shown("partition-table", Engine::PostgreSql, Some(&known), &FIELDS);
    insta::assert_snapshot!(text);
}

#[test]
fn by_numbers_and_without_a_target() {
    let text = shown(
        "partition-table",
        Engine::PostgreSql,
        None,
        &[
            ("table", "log.\"Ev ents\""),
            ("column", "No"),
            ("from", "0"),
            ("to", "2500"),
            ("size", "1000"),
            ("key", "No"),
        ],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn what_a_partitioned_table_cannot_have_is_named() {
    let mut table = orders();
    table.columns[2].nullable = true;
    table.indexes.push(Index {
        unique: true,
        ..index(
            "orders_note_key",
            &["note"],
            "CREATE UNIQUE INDEX orders_note_key ON public.orders USING btree (note)",
        )
    });
    let mut schema = schema(table);
    schema.tables.insert(
        TableName::parse("items"),
        Table {
            columns: vec![column("order_id", "bigint")],
            constraints: vec![Constraint {
                references: Some(TableName::parse("orders")),
                ..constraint(
                    "items_order_fkey",
                    ConstraintKind::ForeignKey,
                    &["order_id"],
                    "FOREIGN KEY (order_id) REFERENCES orders(id)",
                )
            }],
            ..Table::default()
        },
    );
    let orders = TableName::parse("orders");
    if let Some(table) = schema.tables.get_mut(&orders) {
        table.referenced_by = vec![(TableName::parse("items"), "items_order_fkey".into())];
    }
    let said = |fields: &[(&str, &str)]| {
        mistakes("partition-table", Engine::PostgreSql, Some(&schema), fields)
    };
    let mut wrong = vec![said(&FIELDS)];
    for (key, value) in [
        ("from", "2023-08-01"),
        ("to", "2023-02-30"),
        ("to", "2023-01-01"),
        ("to", "9999-01-01"),
        ("column", "note"),
        ("column", "customer"),
    ] {
        let mut fields = FIELDS.to_vec();
        for field in &mut fields {
            if field.0 == key {
                field.1 = value;
            }
        }
        wrong.push(format!("{key}: {value}\n{}", said(&fields)));
    }
    wrong.push(mistakes("partition-table", Engine::Sqlite, None, &FIELDS));
    insta::assert_snapshot!(wrong.join("\n--\n"));
}

/// Where no foreign key can be, and every unique key must hold the column.
#[test]
fn on_mariadb_partitions_are_the_table_s_own() {
    let engine = Engine::MariaDb;
    let mut table = Table {
        columns: vec![
            column("id", "bigint(20)"),
            column("customer", "int(11)"),
            column("created_at", "datetime(3)"),
        ],
        primary_key: vec!["id".into()],
        indexes: vec![Index {
            unique: true,
            ..index(
                "orders_code",
                &["customer"],
                "CREATE UNIQUE INDEX `orders_code` ON `orders` (`customer`)",
            )
        }],
        constraints: vec![Constraint {
            references: Some(TableName::parse("customers")),
            ..constraint(
                "orders_customer",
                ConstraintKind::ForeignKey,
                &["customer"],
                "FOREIGN KEY (`customer`) REFERENCES `customers` (`id`)",
            )
        }],
        ..Table::default()
    };
    for column in &mut table.columns {
        column.nullable = false;
    }
    let mut known = schema(table);
    known.engine = engine;
    let refused = mistakes("partition-table", engine, Some(&known), &FIELDS);
    let mut fields = FIELDS.to_vec();
    fields.extend([("unique", "index"), ("references", "drop")]);
    let text = shown("partition-table", engine, Some(&known), &fields);
    insta::assert_snapshot!(format!("{refused}\n--\n{text}"));
}
