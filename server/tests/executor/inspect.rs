//! What is read out of a catalogue.

use bellows::schema::{ConstraintKind, Schema, Table, TableName};

use crate::support::TestTarget;

fn table<'s>(schema: &'s Schema, name: &str) -> &'s Table {
    schema.table(&TableName::parse(name)).unwrap()
}

#[tokio::test]
async fn postgres_shows_everything_that_hangs_on_a_table() {
    let test = TestTarget::postgres().await;
    let role = format!("\"Reader {}\"", uuid::Uuid::now_v7().simple());
    test.sql(&format!(
        "CREATE ROLE {role};
         CREATE SCHEMA \"Bill.ing\";
         CREATE TABLE customers (id bigint PRIMARY KEY);
         CREATE TABLE \"Bill.ing\".\"Orders\" (
            \"Id\" uuid, part int, PRIMARY KEY (\"Id\", part),
            customer bigint REFERENCES customers (id) ON DELETE CASCADE,
            email varchar(255) NOT NULL DEFAULT 'no''ne' COLLATE \"C\" UNIQUE,
            n serial, doubled int GENERATED ALWAYS AS (part * 2) STORED,
            CONSTRAINT positive CHECK (part > 0));
         COMMENT ON COLUMN \"Bill.ing\".\"Orders\".email IS 'where to';
         ALTER TABLE \"Bill.ing\".\"Orders\" ALTER COLUMN email SET STATISTICS 500;
         GRANT SELECT (email) ON \"Bill.ing\".\"Orders\" TO {role}, PUBLIC;
         ALTER TABLE \"Bill.ing\".\"Orders\" ADD CONSTRAINT later CHECK (n > 0) NOT VALID;
         CREATE INDEX plain ON \"Bill.ing\".\"Orders\" (email, n) INCLUDE (part)
            WHERE n > 5;
         CREATE INDEX lowered ON \"Bill.ing\".\"Orders\" (lower(email));
         CREATE INDEX down ON \"Bill.ing\".\"Orders\" (n DESC);
         CREATE VIEW seen AS SELECT email, n FROM \"Bill.ing\".\"Orders\";
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RETURN NEW; END $$;
         CREATE TRIGGER theirs BEFORE INSERT ON \"Bill.ing\".\"Orders\"
            FOR EACH ROW EXECUTE FUNCTION nothing();
         CREATE TABLE parted (d date) PARTITION BY RANGE (d);
         INSERT INTO customers SELECT generate_series(1, 50)"
    ))
    .await;
    let before = test.schema().await;
    // Bellows' own records are no part of it.
    test.target.identity().await.unwrap();
    let schema = test.schema().await;
    test.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
    assert_eq!(
        before.tables.keys().collect::<Vec<_>>(),
        schema.tables.keys().collect::<Vec<_>>()
    );
    let orders = table(&schema, "\"Bill.ing\".Orders");
    assert_eq!(orders.primary_key, ["Id", "part"]);
    let email = orders.column("email").unwrap();
    assert_eq!(email.data_type, "character varying(255)");
    assert!(!email.nullable);
    assert_eq!(
        email.default.as_deref(),
        Some("'no''ne'::character varying")
    );
    assert_eq!(email.comment.as_deref(), Some("where to"));
    assert_eq!(email.statistics, Some(500));
    assert_eq!(email.collation.as_deref(), Some("pg_catalog.\"C\""));
    let mut grantees: Vec<&str> = email.grants.iter().map(|g| g.0.as_str()).collect();
    grantees.sort_unstable();
    assert_eq!(grantees, [role.as_str(), "PUBLIC"]);
    assert!(orders.column("doubled").unwrap().generated);
    assert_eq!(orders.column("doubled").unwrap().default, None);
    assert!(
        orders
            .column("n")
            .unwrap()
            .default
            .as_deref()
            .unwrap()
            .starts_with("nextval(")
    );
    let index = |name: &str| orders.indexes.iter().find(|i| i.name == name).unwrap();
    assert_eq!(index("plain").columns, ["email", "n"]);
    assert_eq!(index("plain").include, ["part"]);
    assert_eq!(index("plain").predicate.as_deref(), Some("(n > 5)"));
    assert!(!index("plain").expressions && index("plain").valid);
    assert!(index("lowered").expressions);
    assert!(index("down").expressions);
    let unique = orders.indexes.iter().find(|i| i.unique).unwrap();
    assert_eq!(unique.constraint.as_deref(), Some("Orders_email_key"));
    let later = orders
        .constraints
        .iter()
        .find(|c| c.name == "later")
        .unwrap();
    assert!(!later.validated);
    assert_eq!(later.definition, "CHECK ((n > 0))");
    let foreign = orders
        .constraints
        .iter()
        .find(|c| c.kind == ConstraintKind::ForeignKey)
        .unwrap();
    assert_eq!(foreign.references, Some(TableName::parse("customers")));
    assert_eq!(
        table(&schema, "customers").referenced_by,
        [(
            TableName::parse("\"Bill.ing\".Orders"),
            foreign.name.clone()
        )]
    );
    assert_eq!(orders.views[0].view, TableName::parse("seen"));
    assert_eq!(orders.views[0].columns, ["email", "n"]);
    assert_eq!(orders.triggers, ["theirs"]);
    assert_eq!(table(&schema, "customers").rows, 50);
    assert!(table(&schema, "parted").partitioned);
}

#[tokio::test]
async fn sqlite_shows_everything_that_hangs_on_a_table() {
    let test = TestTarget::sqlite().await;
    test.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY);
         CREATE TABLE \"Orders t\" (
            a int, b text NOT NULL DEFAULT 'no''ne', c int GENERATED ALWAYS AS (a * 2) STORED,
            customer int REFERENCES customers (id) ON DELETE CASCADE,
            UNIQUE (b), PRIMARY KEY (b, a)) WITHOUT ROWID;
         CREATE INDEX plain ON \"Orders t\" (a, b) WHERE a > 5;
         CREATE INDEX lowered ON \"Orders t\" (lower(b), a);
         CREATE INDEX down ON \"Orders t\" (a DESC);
         CREATE VIEW seen AS SELECT b FROM \"orders t\" AS o;
         CREATE TRIGGER theirs AFTER INSERT ON \"Orders t\" BEGIN SELECT 1; END;
         INSERT INTO customers VALUES (1), (2)",
    )
    .await;
    test.target.identity().await.unwrap();
    let schema = test.schema().await;
    let names: Vec<String> = schema.tables.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["Orders t", "customers"]);
    let orders = table(&schema, "Orders t");
    assert_eq!(orders.primary_key, ["b", "a"]);
    assert_eq!(
        orders.column("b").unwrap().default.as_deref(),
        Some("'no''ne'")
    );
    assert!(!orders.column("b").unwrap().nullable);
    assert!(orders.column("c").unwrap().generated);
    let index = |name: &str| orders.indexes.iter().find(|i| i.name == name).unwrap();
    assert_eq!(index("plain").columns, ["a", "b"]);
    assert_eq!(index("plain").predicate.as_deref(), Some("a > 5"));
    assert!(!index("plain").expressions);
    assert_eq!(index("lowered").columns, ["lower(b)", "a"]);
    assert!(index("lowered").expressions && index("down").expressions);
    assert!(
        orders
            .indexes
            .iter()
            .any(|i| i.unique && i.constraint.is_some())
    );
    assert!(orders.constraints.iter().any(|c| c.definition
        == "FOREIGN KEY (\"customer\") REFERENCES \"customers\" (\"id\") ON DELETE CASCADE"));
    assert_eq!(table(&schema, "customers").referenced_by.len(), 1);
    assert_eq!(orders.triggers, ["theirs"]);
    assert_eq!(orders.views[0].columns, ["b"]);
    // Three indexes, a trigger and a view.
    assert_eq!(orders.dependents.len(), 5);
    assert_eq!(table(&schema, "customers").rows, 2);
}

/// Nobody waits for a definition that somebody keeps locked: it is said that it cannot be seen.
#[tokio::test]
async fn a_table_that_is_locked_is_told_and_not_waited_for() {
    let test = TestTarget::postgres().await;
    test.sql("CREATE TABLE users (id int PRIMARY KEY); CREATE VIEW seen AS SELECT id FROM users")
        .await;
    let mut holder = test.client().await;
    holder.run("BEGIN; LOCK TABLE users").await;
    let error = test.target.inspect().await.unwrap_err();
    assert!(error.is_locked(), "{error:?}");
    assert!(error.to_string().contains("not to be seen"), "{error}");
    holder.run("COMMIT").await;
    let schema = test.target.inspect().await.unwrap();
    assert_eq!(table(&schema, "users").primary_key, ["id"]);
}
