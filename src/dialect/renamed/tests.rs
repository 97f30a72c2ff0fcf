//! Texts of SQLite with a table or a column called otherwise.

use super::*;

fn columns() -> Columns {
    let of = |table: &str, list: &[&str]| {
        (
            table.to_owned(),
            list.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>(),
        )
    };
    [
        of("users", &["id", "a", "B", "team", "boss"]),
        of("teams", &["id", "a"]),
        of("orders", &["x", "u", "v"]),
        of("log", &["a", "n", "users"]),
    ]
    .into()
}

fn column(sql: &str, to: &str) -> Option<String> {
    let columns = columns();
    Renaming {
        table: "users",
        from: "a",
        to,
        columns: &columns,
    }
    .text(sql)
}

const USERS: &str = "CREATE TABLE Users (id integer primary key, a text NOT NULL DEFAULT 'a' CHECK (a <> 'a' and users.a <> ''), \"B\" int generated always as (length(a)), team int references teams(id), boss int references users(id), UNIQUE(a, team), FOREIGN KEY (team, a) REFERENCES teams(id, a))";
const LOGGING: &str = "CREATE TRIGGER tr AFTER UPDATE OF a, team ON users WHEN NEW.a IS NOT OLD.a BEGIN INSERT INTO log (a,n) SELECT NEW.a, count(*) FROM users WHERE id = new.a; UPDATE users SET a = a || 'x' WHERE users.id = NEW.id; DELETE FROM log WHERE a = OLD.a; INSERT INTO log(a) VALUES (NEW.\"a\"); END";
const UPSERT: &str = "CREATE TRIGGER tr2 AFTER INSERT ON orders BEGIN UPDATE users SET a = NEW.x WHERE id=NEW.u; INSERT OR IGNORE INTO users(a) VALUES (1); INSERT INTO users(id,a) VALUES(1,2) ON CONFLICT (id) DO UPDATE SET a=excluded.a WHERE users.a <> 'x';  END";

/// What SQLite made of the same texts.
#[test]
fn a_column_is_called_otherwise_wherever_it_is_meant() {
    let same = [
        (
            USERS,
            "CREATE TABLE Users (id integer primary key, b2 text NOT NULL DEFAULT 'a' CHECK (b2 <> 'a' and users.b2 <> ''), \"B\" int generated always as (length(b2)), team int references teams(id), boss int references users(id), UNIQUE(b2, team), FOREIGN KEY (team, b2) REFERENCES teams(id, a))",
        ),
        (
            "CREATE TABLE orders(x int, u int references users (id), v int references \"Users\"(a) on delete cascade)",
            "CREATE TABLE orders(x int, u int references users (id), v int references \"Users\"(b2) on delete cascade)",
        ),
        (
            "CREATE TABLE log(a text, n int references users check (a > 0))",
            "CREATE TABLE log(a text, n int references users check (a > 0))",
        ),
        (
            "CREATE INDEX i ON users (lower(a), team) WHERE a > '' AND [a] < 'z'",
            "CREATE INDEX i ON users (lower(b2), team) WHERE b2 > '' AND \"b2\" < 'z'",
        ),
        (
            "CREATE INDEX i ON teams (a) WHERE a > ''",
            "CREATE INDEX i ON teams (a) WHERE a > ''",
        ),
        (
            "CREATE VIEW v AS SELECT u2.a, users.a AS z, u2.a from users join users as u2 on u2.id=users.boss where users.a>''",
            "CREATE VIEW v AS SELECT u2.b2, users.b2 AS z, u2.b2 from users join users as u2 on u2.id=users.boss where users.b2>''",
        ),
        (
            LOGGING,
            "CREATE TRIGGER tr AFTER UPDATE OF b2, team ON users WHEN NEW.b2 IS NOT OLD.b2 BEGIN INSERT INTO log (a,n) SELECT NEW.b2, count(*) FROM users WHERE id = new.b2; UPDATE users SET b2 = b2 || 'x' WHERE users.id = NEW.id; DELETE FROM log WHERE a = OLD.b2; INSERT INTO log(a) VALUES (NEW.\"b2\"); END",
        ),
        (
            UPSERT,
            "CREATE TRIGGER tr2 AFTER INSERT ON orders BEGIN UPDATE users SET b2 = NEW.x WHERE id=NEW.u; INSERT OR IGNORE INTO users(b2) VALUES (1); INSERT INTO users(id,b2) VALUES(1,2) ON CONFLICT (id) DO UPDATE SET b2=excluded.b2 WHERE users.b2 <> 'x';  END",
        ),
    ];
    for (was, is) in same {
        assert_eq!(column(was, "b2").as_deref(), Some(is));
    }
    assert_eq!(
        column(
            "CREATE INDEX i ON \"users\" (\"a\" COLLATE nocase DESC, a)",
            "Q \"q"
        )
        .as_deref(),
        Some("CREATE INDEX i ON \"users\" (\"Q \"\"q\" COLLATE nocase DESC, \"Q \"\"q\")")
    );
}

#[test]
fn what_only_scopes_could_tell_has_no_answer() {
    for sql in [
        "CREATE VIEW v AS SELECT a FROM users JOIN log ON log.n = users.id",
        "CREATE VIEW v AS SELECT a FROM users, (SELECT 1 AS one) AS other, unknown",
        "CREATE VIEW v AS SELECT id AS a FROM users ORDER BY a",
        "CREATE VIEW v AS SELECT sub.a FROM (SELECT * FROM users) AS sub",
    ] {
        assert_eq!(column(sql, "b2"), None, "{sql}");
    }
    assert_eq!(
        table(
            "CREATE VIEW v AS SELECT users.a FROM orders AS users, users AS o",
            "users",
            "p"
        ),
        None
    );
    assert_eq!(table(UPSERT, "users", "p"), None);
}

#[test]
fn a_table_is_called_otherwise_wherever_it_is_meant() {
    let same = [
        (
            USERS,
            "CREATE TABLE \"people\" (id integer primary key, a text NOT NULL DEFAULT 'a' CHECK (a <> 'a' and \"people\".a <> ''), \"B\" int generated always as (length(a)), team int references teams(id), boss int references \"people\"(id), UNIQUE(a, team), FOREIGN KEY (team, a) REFERENCES teams(id, a))",
        ),
        (
            "CREATE INDEX users ON \"users\" (\"a\" COLLATE nocase DESC)",
            "CREATE INDEX users ON \"people\" (\"a\" COLLATE nocase DESC)",
        ),
        (
            "CREATE VIEW w AS SELECT a from log, users x where x.a > '' order by log.users",
            "CREATE VIEW w AS SELECT a from log, \"people\" x where x.a > '' order by log.users",
        ),
        (
            LOGGING,
            "CREATE TRIGGER tr AFTER UPDATE OF a, team ON \"people\" WHEN NEW.a IS NOT OLD.a BEGIN INSERT INTO log (a,n) SELECT NEW.a, count(*) FROM \"people\" WHERE id = new.a; UPDATE \"people\" SET a = a || 'x' WHERE \"people\".id = NEW.id; DELETE FROM log WHERE a = OLD.a; INSERT INTO log(a) VALUES (NEW.\"a\"); END",
        ),
        (
            "CREATE TABLE log(a text, n int, users int, check (users > 0))",
            "CREATE TABLE log(a text, n int, users int, check (users > 0))",
        ),
    ];
    for (was, is) in same {
        assert_eq!(table(was, "users", "people").as_deref(), Some(is));
    }
}
