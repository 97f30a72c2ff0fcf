//! What is read from the catalogue of a MariaDB or MySQL server, and who the server is.

use bellows::document::Engine;
use bellows::schema::{ConstraintKind, TableName};
use bellows_server::target::{Target, TargetError};

use crate::support::{TestTarget, mysql_server};

on_mariadb_and_mysql! {
    the_whole_schema_is_read,
    a_foreign_key_of_another_database_is_seen,
    a_copy_of_a_database_is_noticed_and_may_be_adopted,
    who_may_not_look_into_the_servers_dictionary_has_an_identity_too,
    addresses_tell_what_is_wrong_with_them,
}

const SHOP: &str = "
CREATE TABLE customers (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    email varchar(100) COLLATE utf8mb4_bin NOT NULL COMMENT 'it''s theirs',
    `odd ``name` varchar(20) DEFAULT 'it''s',
    plain int,
    score decimal(10,2) NOT NULL DEFAULT 0.50,
    seen timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
    doubled int AS (plain * 2) STORED,
    details longtext CHECK (json_valid(details)),
    UNIQUE KEY customers_email (email),
    KEY by_name (`odd ``name`(5), plain DESC),
    CONSTRAINT plain_positive CHECK (plain > 0)
) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE TABLE orders (
    customer bigint unsigned,
    a int, b int,
    PRIMARY KEY (b, a),
    CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id)
        ON DELETE CASCADE
);
CREATE VIEW emails AS SELECT id, email FROM customers;
CREATE TRIGGER stamp BEFORE INSERT ON customers FOR EACH ROW SET NEW.plain = 1;
INSERT INTO customers (email) VALUES ('a'), ('b');
";

async fn the_whole_schema_is_read(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(SHOP).await;
    assert_eq!(test.target.engine(), engine);
    let uuid = test.target.identity().await.unwrap();
    assert_eq!(test.target.identity().await.unwrap(), uuid);
    let schema = test.schema().await;
    // What the two print of the same, and where a check of a column belongs.
    let (least, id, moment, details) = match engine {
        Engine::MySql => (
            80_013,
            "bigint unsigned",
            "CURRENT_TIMESTAMP",
            "longtext COLLATE utf8mb4_general_ci",
        ),
        Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => (
            100_600,
            "bigint(20) unsigned",
            "current_timestamp()",
            "longtext DEFAULT NULL CHECK (json_valid(`details`))",
        ),
    };
    assert!(schema.version >= least, "{}", schema.version);
    let names: Vec<String> = schema.tables.keys().map(TableName::to_string).collect();
    assert_eq!(names, ["customers", "orders"], "ours are left out");

    let customers = schema.table(&TableName::parse("customers")).unwrap();
    let column = |name: &str| customers.column(name).unwrap();
    assert_eq!(customers.primary_key, ["id"]);
    assert_eq!(column("id").data_type, id);
    assert_eq!(column("id").default, None);
    assert!(!column("email").nullable);
    assert_eq!(column("email").collation.as_deref(), Some("utf8mb4_bin"));
    assert_eq!(column("email").comment.as_deref(), Some("it's theirs"));
    assert_eq!(column("odd `name").default.as_deref(), Some("'it''s'"));
    assert_eq!(column("odd `name").collation, None, "the table's own");
    assert_eq!(column("plain").default, None);
    assert_eq!(column("score").default.as_deref(), Some("0.50"));
    assert_eq!(column("seen").default.as_deref(), Some(moment));
    assert!(column("doubled").generated);
    let definitions: Vec<&str> = ["id", "seen", "details"]
        .iter()
        .map(|name| column(name).definition.as_deref().unwrap())
        .collect();
    assert_eq!(
        definitions,
        [
            format!("{id} NOT NULL AUTO_INCREMENT").as_str(),
            format!("timestamp NOT NULL DEFAULT {moment} ON UPDATE {moment}").as_str(),
            details,
        ]
    );
    assert_eq!(customers.rows, 2);
    assert!(customers.bytes > 0);

    let index = |name: &str| customers.indexes.iter().find(|i| i.name == name).unwrap();
    assert!(index("customers_email").unique && !index("customers_email").expressions);
    assert!(index("by_name").expressions);
    assert_eq!(index("by_name").columns, ["odd `name", "plain"]);
    assert_eq!(
        index("by_name").definition,
        "CREATE INDEX `by_name` ON `customers` (`odd ``name`(5), `plain` DESC)"
    );
    let check = customers
        .constraints
        .iter()
        .find(|c| c.kind == ConstraintKind::Check && c.name == "plain_positive")
        .unwrap();
    assert_eq!(
        (check.name.as_str(), check.definition.as_str()),
        ("plain_positive", "CHECK (`plain` > 0)")
    );
    assert_eq!(check.columns, ["plain"]);
    assert_eq!(customers.triggers, ["stamp"]);
    assert_eq!(customers.views.len(), 1);
    assert_eq!(customers.views[0].columns, ["id", "email"]);
    let emails = schema.views.get(&TableName::parse("emails")).unwrap();
    assert_eq!(emails.reads, [TableName::parse("customers")]);
    assert_eq!(
        customers.referenced_by,
        [(TableName::parse("orders"), "orders_customer".to_owned())]
    );

    let orders = schema.table(&TableName::parse("orders")).unwrap();
    assert_eq!(orders.primary_key, ["b", "a"]);
    let key = orders
        .constraints
        .iter()
        .find(|c| c.kind == ConstraintKind::ForeignKey)
        .unwrap();
    assert_eq!(
        key.definition,
        "FOREIGN KEY (`customer`) REFERENCES `customers` (`id`) ON DELETE CASCADE"
    );
    assert_eq!(key.references, Some(TableName::parse("customers")));
}

async fn a_foreign_key_of_another_database_is_seen(engine: Engine) {
    let (test, other) = (TestTarget::new(engine).await, TestTarget::new(engine).await);
    test.sql("CREATE TABLE parent (id int PRIMARY KEY)").await;
    let database = test.text("SELECT database()").await.unwrap();
    let elsewhere = other.text("SELECT database()").await.unwrap();
    other
        .sql(&format!(
            "CREATE TABLE child (p int, CONSTRAINT away FOREIGN KEY (p) REFERENCES {database}.parent (id))"
        ))
        .await;
    let schema = test.schema().await;
    let parent = schema.table(&TableName::parse("parent")).unwrap();
    assert_eq!(
        parent.referenced_by,
        [(
            TableName {
                schema: Some(elsewhere),
                name: "child".to_owned()
            },
            "away".to_owned()
        )]
    );
    let child = other.schema().await;
    let child = child.table(&TableName::parse("child")).unwrap();
    assert_eq!(
        child.constraints[0].references.as_ref().unwrap().schema,
        Some(database)
    );
    other.sql("DROP TABLE child").await;
}

async fn a_copy_of_a_database_is_noticed_and_may_be_adopted(engine: Engine) {
    let (test, copy) = (TestTarget::new(engine).await, TestTarget::new(engine).await);
    let first = test.target.identity().await.unwrap();
    let from = test.text("SELECT database()").await.unwrap();
    // As a dump makes the tables anew.
    copy.target.identity().await.unwrap();
    copy.sql(&format!(
        "DELETE FROM _bellows_target;
         INSERT INTO _bellows_target SELECT * FROM {from}._bellows_target"
    ))
    .await;
    assert!(matches!(
        copy.target.identity().await,
        Err(TargetError::Cloned { .. })
    ));
    let own = copy.target.adopt().await.unwrap();
    assert_ne!(own, first);
    assert_eq!(copy.target.identity().await.unwrap(), own);
}

async fn who_may_not_look_into_the_servers_dictionary_has_an_identity_too(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let database = test.text("SELECT database()").await.unwrap();
    let user = database
        .replace("bellows_test_", "u")
        .chars()
        .take(30)
        .collect::<String>();
    test.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY);
         CREATE USER {user}@'%' IDENTIFIED BY 'secret';
         GRANT ALL ON {database}.* TO {user}@'%'"
    ))
    .await;
    let url = test
        .url
        .secret()
        .replace("root@", &format!("{user}:secret@"));
    assert_ne!(url, test.url.secret());
    let target = Target::connect(&url.parse().unwrap()).await.unwrap();
    let uuid = target.identity().await.unwrap();
    assert_eq!(target.identity().await.unwrap(), uuid);
    assert_eq!(test.target.identity().await.unwrap(), uuid);
    assert_eq!(target.inspect().await.unwrap().tables.len(), 1);
    test.sql(&format!("DROP USER {user}@'%'")).await;
}

async fn addresses_tell_what_is_wrong_with_them(engine: Engine) {
    let url = mysql_server(engine);
    // By either word it is the server that says what it is; MySQL goes by its own alone.
    let by_name = url.replacen("mysql://", "mariadb://", 1);
    match Target::connect(&by_name.parse().unwrap()).await {
        Ok(target) => {
            assert_eq!(engine, Engine::MariaDb);
            assert_eq!(target.engine(), engine);
            assert!(target.address().starts_with("mariadb://"));
        }
        Err(error) => {
            assert_eq!(engine, Engine::MySql);
            assert!(error.to_string().contains("mysql://"), "{error}");
        }
    }
    let nowhere = url.rsplit_once('/').unwrap().0.to_owned() + "/no_such_database";
    let error = Target::connect(&nowhere.parse().unwrap())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("no_such_database"), "{error}");
}
