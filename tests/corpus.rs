//! Statements judged by hand, and what the rules make of them, beside what squawk makes of them.
//!
//! The judgements stand in `tests/corpus/`. What the rules are measured by is `held_out.yaml`, too,
//! which nobody looked at before they were done.

use std::collections::BTreeSet;
use std::fmt::Write;

use bellows::document::Engine;
use bellows::lint::{Severity, judge};
use bellows::schema::version_number;
use bellows::sql::Context;
use serde::Deserialize;
use squawk_linter::{Linter, Rule};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default = "postgresql")]
    engine: Engine,
    verdict: Verdict,
    why: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    in_transaction: bool,
    sql: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Safe,
    Unsafe,
}

fn postgresql() -> Engine {
    Engine::PostgreSql
}

fn read(held_out: bool) -> Vec<Entry> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| (path.file_stem().unwrap() == "held_out") == held_out)
        .collect();
    files.sort();
    let mut out = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let entries: Vec<Entry> = serde_norway::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        out.extend(entries);
    }
    out
}

fn ours(entry: &Entry) -> (Verdict, String) {
    let context = Context {
        schema: None,
        before: entry.schema.as_deref(),
        version: entry
            .version
            .as_deref()
            .map(|v| version_number(entry.engine, v).unwrap()),
        in_transaction: entry.in_transaction,
    };
    let judged = judge(entry.engine, &entry.sql, &context);
    let errors: Vec<&str> = judged
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .map(|f| f.rule.as_str())
        .collect();
    let verdict = if judged.safe {
        Verdict::Safe
    } else {
        Verdict::Unsafe
    };
    (verdict, errors.join(", "))
}

/// Squawk with its defaults, but for style and timeouts.
fn squawk(entry: &Entry) -> Verdict {
    let left_out = [
        Rule::PreferBigintOverInt,
        Rule::PreferBigintOverSmallint,
        Rule::PreferIdentity,
        Rule::PreferRobustStmts,
        Rule::PreferTextField,
        Rule::PreferTimestampTz,
        Rule::BanCharField,
        Rule::RequireEnumValueOrdering,
        Rule::RequireTimeoutSettings,
        Rule::UnusedIgnore,
    ];
    let mut linter = Linter::with_rules(&[], &left_out);
    linter.settings.assume_in_transaction = entry.in_transaction;
    if let Some(version) = &entry.version {
        linter.settings.pg_version = version.parse().unwrap();
    }
    let parse = squawk_syntax::SourceFile::parse(&entry.sql);
    if parse.errors().is_empty() && linter.lint(&parse, &entry.sql).is_empty() {
        Verdict::Safe
    } else {
        Verdict::Unsafe
    }
}

#[derive(Default)]
struct Score {
    found: usize,
    missed: usize,
    blamed: usize,
    spared: usize,
}

impl Score {
    fn add(&mut self, truth: Verdict, said: Verdict) {
        match (truth, said) {
            (Verdict::Unsafe, Verdict::Unsafe) => self.found += 1,
            (Verdict::Unsafe, Verdict::Safe) => self.missed += 1,
            (Verdict::Safe, Verdict::Unsafe) => self.blamed += 1,
            (Verdict::Safe, Verdict::Safe) => self.spared += 1,
        }
    }

    // Counts of a few hundred are exact in an f64.
    fn recall(&self) -> f64 {
        self.found as f64 / (self.found + self.missed).max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.blamed).max(1) as f64
    }

    fn line(&self, name: &str) -> String {
        format!(
            "{name}: {} statements, recall {:.3}, precision {:.3}",
            self.found + self.missed + self.blamed + self.spared,
            self.recall(),
            self.precision()
        )
    }
}

/// Whether the engine's SQL is read at all: what is not is unknown, and so unsafe, to the last
/// statement.
fn is_read(engine: Engine) -> bool {
    judge(engine, "SELECT 1", &Context::default()).safe
}

/// Our score for the engines whose SQL is read, and the scores of everybody with a line for each
/// statement that we misjudge.
fn measure(entries: &[Entry]) -> (Score, String) {
    let mut all = Score::default();
    let mut counted = Score::default();
    let mut out = String::new();
    let mut theirs = Score::default();
    let mut wrong = String::new();
    for entry in entries {
        let (said, rules) = ours(entry);
        all.add(entry.verdict, said);
        if is_read(entry.engine) {
            counted.add(entry.verdict, said);
        }
        if entry.engine == Engine::PostgreSql {
            theirs.add(entry.verdict, squawk(entry));
        }
        if said != entry.verdict {
            let _ = writeln!(
                wrong,
                "{} is {:?} ({}), not {said:?} {rules}",
                entry.id, entry.verdict, entry.why
            );
        }
    }
    let _ = writeln!(out, "{}", all.line("Bellows, all engines"));
    for engine in Engine::ALL {
        let mut score = Score::default();
        for entry in entries.iter().filter(|e| e.engine == engine) {
            score.add(entry.verdict, ours(entry).0);
        }
        let _ = writeln!(
            out,
            "{}",
            score.line(&format!("Bellows, {}", engine.title()))
        );
    }
    let _ = writeln!(out, "{}", theirs.line("squawk, PostgreSQL"));
    out.push_str(&wrong);
    (counted, out)
}

#[test]
fn the_corpus_is_large_and_even() {
    assert!(is_read(Engine::PostgreSql));
    let entries: Vec<Entry> = read(false).into_iter().chain(read(true)).collect();
    assert!(entries.len() >= 330, "{}", entries.len());
    let ids: BTreeSet<&str> = entries.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids.len(), entries.len(), "an id is used twice");
    let bad = entries.iter().filter(|e| e.verdict == Verdict::Unsafe);
    let share = bad.count() as f64 / entries.len() as f64;
    assert!((0.4..0.6).contains(&share), "{share}");
}

#[test]
fn recall_and_precision_on_the_corpus() {
    let (score, report) = measure(&read(false));
    println!("{report}");
    assert!(
        score.recall() >= 0.98 && score.precision() >= 0.97,
        "{report}"
    );
}

#[test]
fn recall_and_precision_on_what_was_held_out() {
    let (score, report) = measure(&read(true));
    println!("{report}");
    assert!(
        score.recall() >= 0.95 && score.precision() >= 0.95,
        "{report}"
    );
}
