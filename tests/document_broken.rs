//! Broken documents, each with what its author is told: line, column, path and remedy.

mod sample;

use std::fmt::Write as _;
use std::path::Path;

use bellows::document::{PROBLEMS_MAX, Problem, checks, locate, parse};
use bellows::lint::RULE_IDS;
use bellows::operation::shapes;
use bellows::plan::plan;
use proptest::prelude::*;

/// The documents of a folder. The first lines of each say what is expected, one line a mistake:
/// `# line 9: word, another word`. So that accepting a snapshot cannot hide a wrong line, the
/// expectation stands in the document and not in the snapshot.
fn corpus(folder: &str, at_least: usize, read: impl Fn(&str, &str) -> Vec<Problem>) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(files.len() >= at_least, "{} documents", files.len());
    let mut report = String::new();
    let mut wrong = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let problems = read(&name, &text);
        if !problems.is_empty() {
            assert_sound(&text, &problems);
        }
        writeln!(report, "== {name}").unwrap();
        for problem in &problems {
            writeln!(report, "{}", without_lists(&problem.to_string())).unwrap();
        }
        report.push('\n');
        let expected = expectations(&text);
        assert!(!expected.is_empty(), "{name} does not say what is expected");
        let met = expected.len() == problems.len()
            && expected
                .iter()
                .zip(&problems)
                .all(|((line, words), problem)| {
                    problem.line == Some(*line) && words.iter().all(|w| problem.message.contains(w))
                });
        if !met {
            writeln!(wrong, "{name}: expected {expected:?}, and told is").unwrap();
            for problem in &problems {
                writeln!(wrong, "  {problem}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    report
}

fn expectations(text: &str) -> Vec<(usize, Vec<&str>)> {
    text.lines()
        .map_while(|line| line.strip_prefix("# line "))
        .map(|line| {
            let (number, words) = line.split_once(": ").expect("`# line 9: words`");
            (number.parse().unwrap(), words.split(", ").collect())
        })
        .collect()
}

/// The lists of all operations and checks grow: told once, they are not told again here.
fn without_lists(message: &str) -> String {
    let mut out = message.replace(&RULE_IDS.join(", "), "{every rule}");
    for (all, name) in [(shapes(), "{every operation}"), (checks(), "{every check}")] {
        let words: Vec<&str> = all.iter().map(|shape| shape.word).collect();
        out = out.replace(&words.join(", "), name);
    }
    out
}

#[test]
fn every_mistake_is_named_with_its_place_and_remedy() {
    let report = corpus("tests/broken", 200, |_, text| {
        parse(text).err().unwrap_or_default()
    });
    insta::assert_snapshot!(report);
}

#[test]
fn what_a_schema_denies_is_named_with_its_place_and_remedy() {
    let report = corpus("tests/broken/plan", 30, |name, text| {
        let migration = parse(text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let schema = sample::schema(migration.database);
        locate(
            text,
            plan(&migration, Some(&schema)).err().unwrap_or_default(),
        )
    });
    insta::assert_snapshot!(report);
}

#[test]
fn a_text_without_a_document_is_told_so() {
    for text in ["", "\n", "# nothing yet\n", "\u{feff}"] {
        let problems = parse(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{text:?}");
        assert_eq!(problems[0].line, Some(1), "{text:?}");
        assert!(problems[0].message.contains("is empty"), "{}", problems[0]);
    }
}

/// What holds for the problems of any text.
fn assert_sound(text: &str, problems: &[Problem]) {
    assert!(!problems.is_empty());
    assert!(problems.len() <= PROBLEMS_MAX);
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in problems {
        let line = problem.line.expect("a text has lines");
        assert!((1..=lines.len()).contains(&line), "{problem} in {text:?}");
        let column = problem.column.expect("and columns");
        let width = lines[line - 1].chars().count();
        assert!((1..=width + 1).contains(&column), "{problem} in {text:?}");
        assert!(!problem.message.is_empty());
    }
}

const VALID: &str = r#"migration:
  name: rename-user-name
  database: postgresql
  description: "Ärger: users.name"
  tags: [a, "b c"]
  phases:
    - phase: 1
      timeout: 5000
      gate:
        deploy: App v1.1
        soak: 7d
      operations:
        - type: add_column
          table: users
          column: full_name
          dataType: VARCHAR(255)
          defaultValue: {sql: "now()"}
        - type: custom_sql
          sql: |
            SELECT 1;

            SELECT 2
      validation:
        - check: custom
          sql: 'SELECT true'
          expect: true
      rollbackOperations: []
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_answered(text in "(?s).{0,200}") {
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn any_text_of_the_signs_of_yaml_is_answered(
        text in "[-\\[\\]{}:,?&*!|>'\"%@`#~ \\n\\t\\ra0.<\\\\ä\u{feff}\u{2028}]{0,120}"
    ) {
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn a_valid_document_with_a_piece_changed_is_answered(
        cut in 0..VALID.len(),
        length in 0usize..30,
        piece in "[-\\[\\]{}:,?&*!|>'\"%@#~ \\n\\ta0yx]{0,6}",
    ) {
        let boundary = |mut at: usize| {
            at = at.min(VALID.len());
            while !VALID.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (from, to) = (boundary(cut), boundary(cut + length));
        let text = format!("{}{piece}{}", &VALID[..from], &VALID[to..]);
        if let Err(problems) = parse(&text) {
            assert_sound(&text, &problems);
        }
    }
}

#[test]
fn the_document_that_is_changed_is_valid() {
    parse(VALID).unwrap();
}

#[test]
fn a_megabyte_of_openings_is_refused() {
    for unit in ["[", "- ", "{a: ", "? ", "a:\n "] {
        parse(&unit.repeat(1_000_000 / unit.len())).unwrap_err();
    }
}

#[test]
fn a_text_of_only_mistakes_is_answered_in_bounds() {
    let mut text = VALID.to_owned();
    for n in 0..20_000 {
        writeln!(text, "  key{n}: x").unwrap();
    }
    let problems = parse(&text).unwrap_err();
    assert_eq!(problems.len(), PROBLEMS_MAX);
}
