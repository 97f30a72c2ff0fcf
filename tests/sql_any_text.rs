//! SQL of any kind, broken, cut off, long, or with odd characters in it, is read without a panic,
//! and each statement stands where it is said to stand.
#![cfg(feature = "sql")]

use bellows::document::Engine;
use bellows::sql::{Context, script};
use proptest::prelude::*;

const ENGINES: [Engine; 3] = [Engine::MySql, Engine::MariaDb, Engine::Sqlite];

/// Pieces that statements are made of, and what breaks them.
const WORDS: &[&str] = &[
    "ALTER TABLE",
    "t",
    "`a``b`",
    "ADD",
    "COLUMN",
    "x",
    "int",
    "(",
    ")",
    ",",
    ";",
    "NOT NULL",
    "DEFAULT",
    "'",
    "\"",
    "/*!50100",
    "*/",
    "/*",
    "--",
    "\n",
    "#",
    "\0",
    "DELIMITER",
    "//",
    "BEGIN",
    "END",
    "CREATE",
    "TRIGGER",
    "INDEX",
    "ON",
    "SELECT",
    "FROM",
    "WHERE",
    "id",
    "=",
    "1",
    "UPDATE",
    "SET",
    "DELETE",
    "INSERT INTO",
    "VALUES",
    "MODIFY",
    "CHANGE",
    "ALGORITHM",
    "INSTANT",
    "LOCK",
    "PARTITION",
    "REORGANIZE",
    "BY",
    "REFERENCES",
    "ENUM",
    "CHECK",
    "é",
    "\u{202e}",
    "🦀",
    "\\",
    "PRAGMA",
    "RENAME",
    "TO",
    "IF EXISTS",
    "STATEMENT",
    "FOR",
    "CASE",
    "WITH",
    "AS",
    "LIMIT",
    "[",
    "]",
    "$$",
    "@",
    ".",
    "-",
    "EXPLAIN",
    "ANALYZE",
    "GENERATED ALWAYS",
    "CONVERT TO",
];

fn read(text: &str) {
    for engine in ENGINES {
        let script = script(engine, text, &Context::default());
        for statement in &script.statements {
            let span = statement.span;
            assert!(
                text.get(span.start..span.end).is_some(),
                "{engine:?} {text:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn words_in_any_order(words in prop::collection::vec(prop::sample::select(WORDS), 0..30)) {
        read(&words.join(" "));
    }

    #[test]
    fn any_characters(text in "\\PC{0,60}") {
        read(&text);
    }
}

#[test]
fn a_megabyte_of_anything() {
    let long = |piece: &str| piece.repeat(1_000_000 / piece.len());
    for text in [
        long("a"),
        long("("),
        long("SELECT 1;\n"),
        format!("SELECT {}", long("1 + ")),
        format!("SELECT 1 WHERE {}1", long("a = 1 OR ")),
        format!("SELECT {}", long("NOT ")),
        format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("INSERT INTO t VALUES {}(1)", long("(1, 'x'), ")),
        format!("ALTER TABLE t {}ADD z int", long("ADD x int, ")),
        format!("ALTER TABLE t ADD x int DEFAULT {}", long("(")),
        long("\0"),
        long("é🦀"),
        long("'"),
        long("/*"),
        long("DELIMITER //\n"),
        format!("CREATE TABLE t (a int {})", long("CHECK (a > 0) ")),
    ] {
        read(&text);
    }
}
