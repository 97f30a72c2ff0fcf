//! How long the linter takes for a file of 1,000 statements, and squawk with all of its rules for
//! the same file.
//!
//! `cargo bench --features sql --bench verify`

use std::fmt::Write;
use std::time::{Duration, Instant};

use bellows::document::Engine;
use bellows::lint::judge;
use bellows::sql::Context;

fn main() {
    for engine in Engine::ALL {
        let text = text(engine, 1_000);
        let findings = judge(engine, &text, &Context::default()).findings.len();
        let time = best(|| {
            std::hint::black_box(judge(engine, &text, &Context::default()));
        });
        println!(
            "{}: 1,000 statements, {} KiB, {findings} findings: {:.1} ms",
            engine.title(),
            text.len() / 1_024,
            time.as_secs_f64() * 1_000.0
        );
    }
    let text = text(Engine::PostgreSql, 1_000);
    let time = best(|| {
        let parse = squawk_syntax::SourceFile::parse(&text);
        let mut linter = squawk_linter::Linter::with_default_rules();
        std::hint::black_box(linter.lint(&parse, &text));
    });
    println!(
        "squawk, the same for PostgreSQL: {:.1} ms",
        time.as_secs_f64() * 1_000.0
    );
}

/// The best of some runs: what the work itself takes, whatever else the machine does.
fn best(mut run: impl FnMut()) -> Duration {
    (0..9)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

/// Statements of every kind, in transactions and outside, over a hundred tables.
fn text(engine: Engine, statements: usize) -> String {
    let postgres = [
        "ALTER TABLE t{n} ADD COLUMN c{i} text",
        "CREATE INDEX i{i} ON t{n} (c{n})",
        "CREATE INDEX CONCURRENTLY j{i} ON t{n} (c{n}, lower(d))",
        "ALTER TABLE t{n} ADD CONSTRAINT k{i} CHECK (c{n} > 0 AND c{n} < 100) NOT VALID",
        "ALTER TABLE t{n} VALIDATE CONSTRAINT k{i}",
        "CREATE TABLE n{i} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t bigint REFERENCES t{n} (id), a text NOT NULL DEFAULT 'x')",
        "UPDATE t{n} SET c{n} = 1 WHERE id BETWEEN {i} AND {i} + 1000",
        "BEGIN; ALTER TABLE t{n} ALTER COLUMN c{n} SET DEFAULT 5; COMMIT",
        "CREATE OR REPLACE FUNCTION f{i}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := 1; RETURN NEW; END $$",
        "GRANT SELECT ON t{n} TO reader",
    ];
    let mysql = [
        "ALTER TABLE t{n} ADD COLUMN c{i} varchar(50) NULL",
        "CREATE INDEX i{i} ON t{n} (c{n})",
        "ALTER TABLE t{n} MODIFY c{n} bigint NOT NULL",
        "CREATE TABLE n{i} (id bigint AUTO_INCREMENT PRIMARY KEY, a varchar(20) NOT NULL)",
        "UPDATE t{n} SET c{n} = 1 WHERE id BETWEEN {i} AND {i} + 1000",
    ];
    let sqlite = [
        "ALTER TABLE t{n} ADD COLUMN c{i} TEXT",
        "CREATE INDEX i{i} ON t{n} (c{n})",
        "CREATE TABLE n{i} (id INTEGER PRIMARY KEY, a TEXT NOT NULL)",
        "UPDATE t{n} SET c{n} = 1 WHERE id BETWEEN {i} AND {i} + 1000",
    ];
    let kinds: &[&str] = match engine {
        Engine::PostgreSql => &postgres,
        Engine::MySql | Engine::MariaDb => &mysql,
        Engine::Sqlite => &sqlite,
    };
    let mut out = String::new();
    for i in 0..statements {
        let statement = kinds[i % kinds.len()];
        let n = (i % 100).to_string();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{};",
            statement.replace("{n}", &n).replace("{i}", &i.to_string())
        );
    }
    out
}
