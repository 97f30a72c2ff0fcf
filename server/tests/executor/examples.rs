//! The worked examples, each to its end and back on a real server, with rows in the tables and
//! applications at work.

use std::path::Path;

use bellows::document::Engine;
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};

use crate::support::{Events, TestTarget, Writer, open, run};

/// Five thousand users, products and orders: some ages are no numbers, some orders belong to
/// nobody or to a user who is gone, some have no items or something else where they should be.
const SHOP: &str = "
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    name varchar(255) NOT NULL DEFAULT 'nobody',
    age varchar(10),
    created_at timestamptz NOT NULL DEFAULT now());
INSERT INTO users (email, name, age)
SELECT 'user' || i || '@example.org', 'User ' || i,
    CASE WHEN i % 2000 = 0 THEN 'abc' WHEN i % 1000 = 0 THEN '9999999999'
         WHEN i % 7 = 0 THEN NULL ELSE (i % 90)::text END
FROM generate_series(1, 5000) i;
CREATE TABLE products (id bigserial PRIMARY KEY, title text NOT NULL);
INSERT INTO products (title) SELECT 'Product ' || i FROM generate_series(1, 50) i;
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    user_id bigint,
    items jsonb,
    created_at timestamp NOT NULL DEFAULT now());
INSERT INTO orders (user_id, items, created_at)
SELECT CASE WHEN i % 50 = 0 THEN NULL WHEN i % 77 = 0 THEN 900000 + i ELSE 1 + i % 5000 END,
    CASE WHEN i % 11 = 0 THEN NULL WHEN i % 13 = 0 THEN '[]'::jsonb WHEN i % 501 = 0 THEN '{}'::jsonb
         ELSE jsonb_build_array(
             jsonb_build_object('product_id', 1 + i % 50, 'quantity', 2, 'unit_price', 9.99),
             jsonb_build_object('product_id', 1 + i % 7, 'quantity', 1, 'unit_price', 0.50)) END,
    timestamp '2023-11-01' + i * interval '3 hours'
FROM generate_series(1, 5000) i;
";

/// The same shop where every engine understands it.
const SMALL_SHOP: &str = "
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email varchar(255) NOT NULL,
    created_at text NOT NULL DEFAULT '2025-01-28');
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id bigint, created_at text);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO users (id, email) SELECT i, 'user' || i || '@example.org' FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO orders (id, user_id, created_at) SELECT i, i, '2025-01-28' FROM n;
";

/// Applications that know nothing of the migration, from its beginning to its end and back.
const NEIGHBOURS: &[&str] = &[
    "UPDATE users SET created_at = created_at WHERE id = 1 + {n} % 5000",
    "UPDATE orders SET created_at = created_at WHERE id = 1 + {n} % 5000",
    "SELECT count(*) FROM users WHERE id < 100",
];

/// One example, and what is true of it.
struct Example {
    file: &'static str,
    engine: Engine,
    /// What is there besides the shop.
    more: &'static str,
    /// What applications of the old version do until the phase of `until`.
    old: &'static [&'static str],
    /// The first phase that an application of the old version does not meet.
    until: u32,
    /// What counts nothing when all phases are done.
    nothing: &'static [&'static str],
    /// What is one text before the first phase and after the way back.
    same: &'static str,
}

const USERS: &str = "SELECT md5(string_agg(u::text, ',' ORDER BY id)) FROM
    (SELECT id, email, name, age FROM users WHERE id <= 5000) u";

impl Example {
    fn text(&self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../examples")
            .join(self.file);
        let text = std::fs::read_to_string(path).unwrap();
        text.replace(
            "database: postgresql",
            &format!("database: {}", self.engine.word()),
        )
    }

    async fn runs_to_its_end_and_back(&self) {
        let test = TestTarget::new(self.engine).await;
        let shop = match self.engine {
            Engine::PostgreSql => SHOP,
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => SMALL_SHOP,
        };
        test.sql(shop).await;
        test.sql(self.more).await;
        let before = test.schema().await;
        let names: Vec<_> = before.tables.keys().cloned().collect();
        let rows_before = test.text(self.same).await;

        let neighbours = Writer::start(&test.url, NEIGHBOURS);
        let mut old = Some(Writer::start(&test.url, self.old));
        let record = open(&test.target, &self.text()).await;
        let events = Events::default();
        for phase in &record.plan.phases {
            if phase.phase == self.until
                && let Some(old) = old.take()
            {
                let work = old.stop().await;
                assert_eq!(work.errors, Vec::<String>::new(), "{}", self.file);
            }
            let outcome = run(&test.target, &record.id, phase.phase, &events).await;
            assert!(
                matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
                "{}, phase {}: {outcome:?}\n{:#?}",
                self.file,
                phase.phase,
                events.all()
            );
        }
        if let Some(old) = old.take() {
            let work = old.stop().await;
            assert_eq!(work.errors, Vec::<String>::new(), "{}", self.file);
        }
        for sql in self.nothing {
            assert_eq!(test.number(sql).await, 0, "{}: {sql}", self.file);
        }

        let (_sender, receiver) = control();
        let options = RunOptions::new("test");
        let back = roll_back(
            &test.target,
            &record.id,
            None,
            "tester",
            &options,
            &events,
            receiver,
        );
        let outcome = back
            .await
            .unwrap_or_else(|e| panic!("{}: {e}\n{:#?}", self.file, events.all()));
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{}: {outcome:?}",
            self.file
        );
        let work = neighbours.stop().await;
        assert_eq!(work.errors, Vec::<String>::new(), "{}", self.file);
        assert!(work.rounds > 0, "{}: nobody was at work", self.file);

        let after = test.schema().await;
        let names_after: Vec<_> = after.tables.keys().cloned().collect();
        assert_eq!(names_after, names, "{}", self.file);
        for name in &names {
            // A column that was dropped comes back behind the others.
            let columns = |schema: &bellows::schema::Schema| {
                let table = schema.table(name).unwrap();
                let mut columns: Vec<_> = table
                    .columns
                    .iter()
                    .map(|c| {
                        (
                            c.name.clone(),
                            c.data_type.clone(),
                            c.nullable,
                            c.default.clone(),
                        )
                    })
                    .collect();
                columns.sort();
                let mut indexes: Vec<_> = table.indexes.iter().map(|i| i.name.clone()).collect();
                indexes.sort();
                (columns, indexes, table.dual_writes.clone())
            };
            assert_eq!(columns(&after), columns(&before), "{}: {name}", self.file);
        }
        assert_eq!(test.text(self.same).await, rows_before, "{}", self.file);
    }
}

const PLAIN: Example = Example {
    file: "",
    engine: Engine::PostgreSql,
    more: "SELECT 1",
    old: &["SELECT 1"],
    until: u32::MAX,
    nothing: &[],
    same: USERS,
};

const VERIFIED: Example = Example {
    file: "01-add-email-verified.yaml",
    old: &["INSERT INTO users (email) VALUES ('new{n}@example.org')"],
    nothing: &["SELECT count(*) FROM users WHERE email_verified IS NULL OR email_verified"],
    ..PLAIN
};

#[tokio::test(flavor = "multi_thread")]
async fn email_verified() {
    VERIFIED.runs_to_its_end_and_back().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_renamed() {
    Example {
        file: "02-rename-user-name.yaml",
        old: &[
            "INSERT INTO users (email, name) VALUES ('new{n}@example.org', 'New {n}')",
            "UPDATE users SET name = 'User ' || id WHERE id = 1 + {n} % 5000",
        ],
        until: 5,
        nothing: &[
            "SELECT count(*) FROM users WHERE id <= 5000 AND full_name <> 'User ' || id",
            "SELECT count(*) FROM users WHERE id > 5000 AND full_name NOT LIKE 'New %'",
        ],
        ..PLAIN
    }
    .runs_to_its_end_and_back()
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_age_becomes_a_number() {
    Example {
        file: "03-age-to-integer.yaml",
        old: &["INSERT INTO users (email, age) VALUES ('new{n}@example.org', '5')"],
        until: 4,
        nothing: &[
            "SELECT count(*) FROM users WHERE id <= 5000 AND age_years IS DISTINCT FROM
                CASE WHEN id % 1000 = 0 THEN 0 WHEN id % 7 = 0 THEN NULL ELSE id % 90 END",
            "SELECT count(*) FROM users WHERE id > 5000 AND age_years <> 5",
        ],
        ..PLAIN
    }
    .runs_to_its_end_and_back()
    .await;
}

const INDEXED: Example = Example {
    file: "04-add-orders-index.yaml",
    old: &["INSERT INTO orders (user_id) VALUES ({n})"],
    ..PLAIN
};

#[tokio::test(flavor = "multi_thread")]
async fn orders_get_an_index() {
    INDEXED.runs_to_its_end_and_back().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_name_is_split() {
    Example {
        file: "05-split-full-name.yaml",
        more: "ALTER TABLE users ADD COLUMN full_name varchar(200);
            UPDATE users SET full_name = CASE WHEN id % 9 = 0 THEN 'Single' || id
                WHEN id % 19 = 0 THEN NULL ELSE 'First' || id || ' Middle Last' || id END",
        old: &["INSERT INTO users (email, full_name) VALUES ('new{n}@example.org', 'Ada Lovelace')"],
        until: 4,
        nothing: &[
            "SELECT count(*) FROM users WHERE id <= 5000 AND id % 9 <> 0 AND id % 19 <> 0
                AND (first_name <> 'First' || id OR last_name <> 'Middle Last' || id)",
            "SELECT count(*) FROM users WHERE id <= 5000 AND id % 9 = 0
                AND (first_name <> 'Single' || id OR last_name <> '')",
            "SELECT count(*) FROM users WHERE id > 5000 AND (first_name, last_name) <> ('Ada', 'Lovelace')",
        ],
        same: "SELECT md5(string_agg(u::text, ',' ORDER BY id)) FROM
            (SELECT id, email, name, full_name FROM users WHERE id <= 5000) u",
        ..PLAIN
    }
    .runs_to_its_end_and_back()
    .await;
}

const ORDERS: &str = "SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM
    (SELECT id, user_id, created_at FROM orders WHERE id <= 5000) o";

#[tokio::test(flavor = "multi_thread")]
async fn orders_belong_to_users() {
    Example {
        file: "06-add-orders-user-fk.yaml",
        old: &["INSERT INTO orders (user_id) VALUES (1 + {n} % 5000)"],
        nothing: &[
            "SELECT count(*) FROM orders o WHERE user_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM users u WHERE u.id = o.user_id)",
            "SELECT count(*) - 163 FROM orders WHERE id <= 5000 AND user_id IS NULL",
            "SELECT count(*) - 63 FROM orphaned_orders",
            "SELECT count(*) - 1 FROM pg_constraint WHERE conname = 'fk_orders_user_id' AND convalidated",
        ],
        same: ORDERS,
        ..PLAIN
    }
    .runs_to_its_end_and_back()
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_partitioned() {
    Example {
        file: "07-partition-orders.yaml",
        old: &[
            "INSERT INTO orders (user_id) VALUES ({n})",
            "DELETE FROM orders WHERE id = 6000 + {n} / 2",
        ],
        nothing: &[
            "SELECT count(*) - 1 FROM pg_class WHERE oid = 'orders'::regclass AND relkind = 'p'",
            "SELECT count(*) FROM orders_2024_q1 WHERE created_at < '2024-01-01' OR created_at >= '2024-04-01'",
            "SELECT count(*) - 5000 FROM orders WHERE id <= 5000",
            "SELECT count(*) FROM (TABLE orders EXCEPT TABLE orders_old) d",
        ],
        same: ORDERS,
        ..PLAIN
    }
    .runs_to_its_end_and_back()
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_have_preferences() {
    Example {
        file: "08-add-user-preferences.yaml",
        old: &["INSERT INTO users (email) VALUES ('new{n}@example.org')"],
        nothing: &[
            "SELECT count(*) FROM users WHERE id <= 5000 AND preferences->>'theme' <> 'light'",
            "SELECT count(*) FROM users WHERE preferences IS NULL",
        ],
        ..PLAIN
    }
    .runs_to_its_end_and_back()
    .await;
}

const SOFT: Example = Example {
    file: "09-add-soft-delete.yaml",
    old: &["INSERT INTO users (email) VALUES ('new{n}@example.org')"],
    nothing: &["SELECT (SELECT count(*) FROM users) - count(*) FROM users_active"],
    ..PLAIN
};

#[tokio::test(flavor = "multi_thread")]
async fn users_are_deleted_softly() {
    SOFT.runs_to_its_end_and_back().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn items_get_a_table() {
    Example {
        file: "10-normalize-orders.yaml",
        old: &[
            "INSERT INTO orders (user_id, items) VALUES ({n}, '[{\"product_id\": 3, \"quantity\": 1, \"unit_price\": 2}]')",
            "UPDATE orders SET items = '[]' WHERE id = 6000 + {n} / 2",
        ],
        until: 4,
        nothing: &[
            "SELECT count(*) FROM orders o WHERE id <= 5000 AND id % 11 <> 0 AND id % 13 <> 0
                AND id % 501 <> 0 AND (SELECT count(*) FROM order_items i WHERE i.order_id = o.id) <> 2",
            "SELECT count(*) FROM order_items WHERE order_id % 11 = 0 AND order_id <= 5000",
        ],
        // That an order has no items is said in three ways, and each comes back.
        same: "SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM
            (SELECT id, user_id, created_at, items FROM orders WHERE id <= 5000) o",
        ..PLAIN
    }
    .runs_to_its_end_and_back()
    .await;
}

/// What SQLite can do of them, it does.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_runs_what_is_not_of_postgres() {
    let same = "SELECT count(*) || min(email) || max(email) FROM users WHERE id <= 5000";
    for example in [VERIFIED, INDEXED, SOFT] {
        Example {
            engine: Engine::Sqlite,
            same,
            ..example
        }
        .runs_to_its_end_and_back()
        .await;
    }
}
