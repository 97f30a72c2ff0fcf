//! How long a file of a thousand statements takes to be read and run through in mind.
//! `cargo bench --features sql --bench raw_sql`

use std::time::Instant;

use bellows::document::Engine;
use bellows::sql::{Context, script};

/// What a release's migrations look like, over and over on other tables.
const KINDS: &[&str] = &[
    "CREATE TABLE made_{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner bigint REFERENCES owners (id), note text)",
    "ALTER TABLE old_{n} ADD COLUMN note_{n} text NOT NULL DEFAULT ''",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS old_{n}_note ON old_{n} (note_{n})",
    "ALTER TABLE old_{n} ADD CONSTRAINT old_{n}_fk FOREIGN KEY (owner) REFERENCES owners (id) NOT VALID",
    "ALTER TABLE old_{n} VALIDATE CONSTRAINT old_{n}_fk",
    "UPDATE old_{n} SET note_{n} = lower(name) WHERE id BETWEEN 1 AND 1000",
    "BEGIN; SET LOCAL lock_timeout = '50ms'; ALTER TABLE old_{n} DROP COLUMN name; COMMIT",
];

fn main() {
    let mut text = String::new();
    let mut n = 0;
    while text.matches(';').count() < 1_000 {
        let kind = KINDS[n % KINDS.len()];
        text.push_str(&kind.replace("{n}", &(n / KINDS.len()).to_string()));
        text.push_str(";\n");
        n += 1;
    }
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let start = Instant::now();
            let read = script(Engine::PostgreSql, &text, &Context::default());
            assert!(read.errors.is_empty() && read.statements.len() >= 1_000);
            start.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "{} bytes, {} statements: {:?} in the middle, {:?} at most",
        text.len(),
        text.matches(';').count(),
        times[times.len() / 2],
        times[times.len() - 1]
    );
}
