//! The JSON Schema that editors check by, against documents that are right and that are not.

mod support;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bellows::document::{emit, json_schema, parse};
use boon::{Compiler, SchemaIndex, Schemas};
use proptest::prelude::*;
use serde_json::Value;

/// The schema, ready to judge.
struct Judge {
    schemas: Schemas,
    index: SchemaIndex,
}

static JUDGE: LazyLock<Judge> = LazyLock::new(Judge::new);

impl Judge {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler
            .add_resource("bellows.json", json_schema())
            .expect("the schema is read");
        let index = compiler.compile("bellows.json", &mut schemas);
        Self {
            schemas,
            index: index.expect("the schema is one of JSON Schema 2020-12"),
        }
    }

    fn objection(&self, document: &Value) -> Option<String> {
        let judged = self.schemas.validate(document, self.index);
        judged.err().map(|error| error.to_string())
    }
}

/// As an editor reads it: by a YAML reader that knows nothing of Bellows.
fn as_editors_read(text: &str) -> Result<Value, serde_norway::Error> {
    serde_norway::from_str(text)
}

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_right_is_right_to_an_editor_too() {
    let mut count = 0;
    for folder in ["examples", "tests/broken/plan"] {
        for (path, text) in files(folder) {
            assert!(parse(&text).is_ok(), "{}", path.display());
            let objection = JUDGE.objection(&as_editors_read(&text).unwrap());
            assert_eq!(objection, None, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 30);
}

/// What no schema can say, each for its reason.
const BLIND: &[(&str, &str)] = &[
    ("alias", "an alias is a value to whoever reads YAML"),
    ("anchor", "an anchor is no part of the value"),
    (
        "check-needs-new-column",
        "a condition on the form of another key",
    ),
    ("default-leading-zero", "007 is 7 to whoever reads YAML"),
    (
        "default-too-exact",
        "a reader of YAML has rounded it already",
    ),
    ("duplicate-key", "the reader has dropped one of them"),
    ("duplicate-name", "the reader has dropped one of them"),
    ("long-identifier", "bytes, and only on one engine"),
    ("long-index-name", "bytes, and only on one engine"),
    ("nul-in-text", "editors do not write it"),
    ("phase-key-twice", "the reader has dropped one of them"),
    (
        "phase-number-from-two",
        "a number that follows from the place in a list",
    ),
    (
        "phase-number-gap",
        "a number that follows from the place in a list",
    ),
    (
        "phase-number-order",
        "a number that follows from the place in a list",
    ),
    (
        "phase-number-twice",
        "a number that follows from the place in a list",
    ),
    ("soak-too-long", "a product of number and unit"),
    ("tag", "a tag is no part of the value"),
    ("two-migrations", "the reader has dropped one of them"),
];

#[test]
fn what_is_wrong_is_wrong_to_an_editor_too() {
    let mut seen = Vec::new();
    let mut judged = 0;
    for (path, text) in files("tests/broken") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        // What is no YAML, an editor underlines without a schema.
        let Ok(document) = as_editors_read(&text) else {
            continue;
        };
        judged += 1;
        if JUDGE.objection(&document).is_none() {
            seen.push(name);
        }
    }
    let known: Vec<&str> = BLIND.iter().map(|(name, _)| *name).collect();
    assert_eq!(seen, known);
    assert!(judged > 150, "{judged}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_document_that_is_right_is_right_to_an_editor(document in support::document()) {
        let text = emit(&document);
        // libyaml refuses a byte order mark within a text.
        if !text.contains('\u{feff}') {
            let json = as_editors_read(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(JUDGE.objection(&json), None, "{}", text);
        }
    }
}
