//! Whatever text is thrown at the readers of SQL, they give an answer: never a panic, never an
//! overflow of the stack, and never "safe" for what could not be read.

use bellows::document::Engine;
use bellows::sql::{Context, Script, script};
use proptest::prelude::*;

/// Statements to cut off, splice and repeat.
const SEEDS: &[&str] = &[
    "ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT 42, ALTER COLUMN b TYPE text COLLATE \"C\" USING lower(b);",
    "CREATE TABLE IF NOT EXISTS a.b (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t_id bigint REFERENCES t (id), CHECK (id > 0)) PARTITION BY RANGE (id);",
    "WITH x AS (SELECT id FROM t WHERE a = ANY ($1) LIMIT 10 FOR UPDATE SKIP LOCKED) UPDATE t SET a = x.id FROM x WHERE t.id = x.id RETURNING *;",
    "DO $body$ BEGIN EXECUTE 'drop table t'; END $body$;",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS $$ SELECT $1 $$;",
    "COPY t (a, b) FROM STDIN WITH (FORMAT csv);\n1,2\n\\.\n",
    "BEGIN; SAVEPOINT s; DELETE FROM t WHERE id BETWEEN 1 AND 10; ROLLBACK TO s; COMMIT;",
    "SELECT E'\\'', U&'\\0041', B'1', 'a' 'b', $$;$$, \"a\"\"b\" FROM t -- end\n/* /* in */ */;",
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE u SET a = CASE WHEN 1 THEN 2 END; END;",
    "ALTER TABLE `t` MODIFY COLUMN `b` varchar(20) NOT NULL FIRST, ALGORITHM=INPLACE, LOCK=NONE;",
];

/// An answer was given, and it does not call the unread safe.
fn judge(engine: Engine, text: &str) -> Script {
    let read = script(engine, text, &Context::default());
    for statement in &read.statements {
        assert!(statement.span.start <= statement.span.end);
        assert!(statement.span.end <= text.len());
        assert!(text.is_char_boundary(statement.span.start));
        assert!(text.is_char_boundary(statement.span.end));
        if statement.effect.unknown.is_some() {
            assert!(statement.effect.blocks.lastingly());
        }
    }
    if !read.errors.is_empty() {
        let unread = read.statements.iter().any(|s| s.effect.unknown.is_some());
        assert!(unread, "an error and nothing unknown: {text:?}");
    }
    read
}

fn everywhere(text: &str) {
    for engine in Engine::ALL {
        judge(engine, text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        everywhere(&text);
    }

    #[test]
    fn any_bytes_that_are_text_are_answered(text in proptest::collection::vec(any::<char>(), 0..120)) {
        everywhere(&text.into_iter().collect::<String>());
    }

    #[test]
    fn statements_cut_off_and_spliced_are_answered(
        parts in proptest::collection::vec((0..SEEDS.len(), any::<proptest::sample::Index>(), any::<proptest::sample::Index>()), 1..5),
        between in "[\\x00-\\x7fé\u{202e}\u{feff}]{0,3}",
    ) {
        let mut text = String::new();
        for (seed, from, till) in parts {
            let chars: Vec<char> = SEEDS[seed].chars().collect();
            let (a, b) = (from.index(chars.len() + 1), till.index(chars.len() + 1));
            text.extend(&chars[a.min(b)..a.max(b)]);
            text.push_str(&between);
        }
        everywhere(&text);
    }
}

#[test]
fn deep_texts_do_not_overflow_the_stack() {
    let many = 10_000;
    let repeated = |open: &str, times: usize, middle: &str, close: &str| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    let texts = [
        format!("SELECT {}", repeated("(", many, "1", ")")),
        format!("SELECT {}", "(".repeat(many)),
        format!("SELECT {}", repeated("(", 190, "1", ")")),
        format!("SELECT {}", repeated("[", many, "1", "]")),
        // The longest that are read, and what is beyond.
        format!("SELECT 1{}", " + 1".repeat(2_400)),
        format!("SELECT 1{}", " + 1".repeat(many)),
        format!("SELECT {} true", "NOT ".repeat(1_500)),
        format!("SELECT {} 1", "- ".repeat(many)),
        format!("SELECT 1{}", "::int".repeat(1_500)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(1_600)),
        format!("SELECT * FROM a{}", " JOIN b ON true".repeat(1_200)),
        format!(
            "SELECT {}",
            repeated("CASE WHEN 1 THEN ", 1_000, "1 ", "END ")
        ),
        format!("DELETE FROM t WHERE a = 1{}", " AND a = 1".repeat(1_200)),
        format!("SELECT {}a FROM t", "a.".repeat(2_400)),
        format!("{}SELECT 1", "EXPLAIN ".repeat(4_000)),
        format!(
            "CREATE TRIGGER g AFTER INSERT ON t {}",
            "BEGIN ".repeat(4_000)
        ),
        format!("{}1", "/* ".repeat(many)),
    ];
    for text in texts {
        everywhere(&text);
    }
}

#[test]
fn a_megabyte_is_answered() {
    let megabyte = 1_000_000;
    let texts = [
        "x".repeat(megabyte),
        "\0".repeat(megabyte / 10),
        "'".repeat(megabyte),
        "ALTER TABLE t ADD COLUMN x int;\n".repeat(megabyte / 32),
        format!(
            "INSERT INTO t VALUES {}(1, 'a')",
            "(1, 'a'), ".repeat(megabyte / 10)
        ),
        "garbage here; ".repeat(megabyte / 60),
    ];
    for text in texts {
        judge(Engine::PostgreSql, &text);
    }
}

#[test]
fn nul_and_odd_characters_are_errors_with_a_place() {
    let read = judge(Engine::PostgreSql, "SELECT 1;\nALTER TABLE t\0 ADD x int;");
    let error = read.errors.first().map(|e| (e.line, e.column));
    assert_eq!(error, Some((2, 14)));
}
