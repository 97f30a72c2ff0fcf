//! A PostgreSQL database's definitions as the server's own tool writes them: what a test holds
//! against what Bellows reads and restores by queries of its own.

use std::process::Command;

use super::TestTarget;

/// Everything that `pg_dump --schema-only` says of the database without Bellows' own schema, line
/// by line in an order that does not depend on that of columns.
pub async fn dump(test: &TestTarget) -> Vec<String> {
    let bin = test
        .text("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        .await
        .expect("the server says where its programs are");
    let said = Command::new(format!("{bin}/pg_dump"))
        .args(["--schema-only", "--exclude-schema=bellows", "--dbname"])
        .arg(test.url.secret())
        .output()
        .expect("pg_dump runs");
    let error = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "pg_dump: {error}");
    let text = String::from_utf8(said.stdout).expect("UTF-8");
    let mut lines: Vec<String> = text
        .lines()
        .map(|l| l.trim_end_matches(',').to_owned())
        .filter(|l| !l.is_empty() && !l.starts_with("--") && !l.starts_with("\\"))
        .collect();
    lines.sort();
    lines
}

/// What one of two dumps has and the other has not.
pub fn unlike(was: &[String], is: &[String]) -> Vec<String> {
    let missing = |from: &[String], other: &[String], mark: &str| -> Vec<String> {
        let mut left = other.to_vec();
        from.iter()
            .filter(|line| match left.iter().position(|l| l == *line) {
                Some(at) => {
                    left.swap_remove(at);
                    false
                }
                None => true,
            })
            .map(|line| format!("{mark} {line}"))
            .collect()
    };
    let mut out = missing(was, is, "-");
    out.extend(missing(is, was, "+"));
    out
}
