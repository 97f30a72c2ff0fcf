//! What is written is read back, and what the hash sees of it.

mod support;

use bellows::document::{
    Field, FieldKind, MIGRATION, Migration, PHASE, Part, Phase, Shape, Validation, check, checks,
    emit, hash, json_schema, parse, phase_hash,
};
use bellows::operation::{Operation, shapes};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_written_is_read_back(document in support::document()) {
        prop_assert_eq!(check(&document), Vec::new());
        let text = emit(&document);
        let back = parse(&text);
        prop_assert_eq!(back.as_ref(), Ok(&document), "{}", text);
        prop_assert_eq!(back.as_ref().map(hash), Ok(hash(&document)));

        // Another reader reads the same. (libyaml refuses a byte order mark within a text.)
        if !text.contains('\u{feff}') {
            let other: Value = serde_norway::from_str(&text)
                .map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            let other: Migration = serde_json::from_value(other["migration"].clone())
                .map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(other, document, "{}", text);
        }
    }
}

/// A value for every field: a shape that names a field that its type does not have loses it.
fn sample(field: &Field) -> Value {
    match field.kind {
        FieldKind::Bool => json!(field.default != Some("true")),
        FieldKind::Number => json!(7),
        FieldKind::Columns | FieldKind::Words => json!(["a"]),
        FieldKind::Choice(words) => json!(words[0]),
        FieldKind::Default => json!({ "sql": "now()" }),
        FieldKind::Duration => json!("7d"),
        FieldKind::Part(Part::Gate) => json!({ "deploy": "a", "soak": "7d" }),
        FieldKind::Part(part @ (Part::Columns | Part::Constraints | Part::Waivers)) => {
            json!([full(part.item().unwrap(), None)])
        }
        FieldKind::Part(Part::Operations) => {
            json!([{ "type": "drop_column", "table": "a", "column": "a" }])
        }
        FieldKind::Part(Part::Checks) => {
            json!([{ "check": "column_exists", "table": "a", "column": "a" }])
        }
        FieldKind::Part(Part::Phases) => json!([{ "phase": 1 }]),
        FieldKind::Table
        | FieldKind::Column
        | FieldKind::NewName
        | FieldKind::Index
        | FieldKind::DataType
        | FieldKind::Sql
        | FieldKind::Text
        | FieldKind::Conversion => json!("a"),
    }
}

fn full(shape: &Shape, tag: Option<&str>) -> Value {
    let mut map: Map<String, Value> = shape
        .fields
        .iter()
        .map(|field| (field.key.to_owned(), sample(field)))
        .collect();
    if let Some(tag) = tag {
        map.insert(tag.to_owned(), json!(shape.word));
    }
    Value::Object(map)
}

fn through<T: serde::Serialize + serde::de::DeserializeOwned>(json: &Value) -> T {
    let read: T = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&read).unwrap(), json);
    read
}

#[test]
fn every_field_of_a_shape_is_a_field_of_its_type() {
    for shape in shapes() {
        let read: Operation = through(&full(shape, Some("type")));
        assert_eq!(read.word(), shape.word);
    }
    for shape in checks() {
        let read: Validation = through(&full(shape, Some("check")));
        assert_eq!(read.check.word(), shape.word);
    }
    through::<Phase>(&full(&PHASE, None));
    through::<Migration>(&full(&MIGRATION, None));
}

const SEED: &str = r#"migration:
  name: add-user-preferences
  database: postgresql
  description: Add user preferences column
  phases:
    - phase: 1
      description: Add preferences column
      operations:
        - type: add_column
          table: users
          column: preferences
          dataType: JSONB
          nullable: true
      validation:
        - check: column_exists
          table: users
          column: preferences
      rollbackOperations:
        - type: drop_column
          table: users
          column: preferences

    - phase: 2
      description: Backfill default preferences
      operations:
        - type: backfill
          table: users
          sql: "preferences = '{}'::jsonb"
      validation:
        - check: custom
          sql: "SELECT COUNT(*) FROM users WHERE preferences IS NULL"
          errorMessage: "Backfill incomplete"
"#;

#[test]
fn a_document_is_written_as_people_write_it() {
    insta::assert_snapshot!(emit(&parse(SEED).unwrap()));
}

#[test]
fn every_part_is_written_as_people_write_it() {
    let text = r#"{migration: {name: "a", database: sqlite, tags: [x, "b c"], author: "a@b.c",
        phases: [{phase: 1, kind: expand, timeout: 5000, gate: {deploy: "App v1.1: both", soak: 7d},
        operations: [{type: add_column, table: billing.orders, column: state, dataType: "DECIMAL(10, 2)",
        nullable: false, defaultValue: "0"}, {type: add_column, table: t, column: at, dataType: timestamptz,
        defaultValue: {sql: "now()"}}, {type: custom_sql, sql: "SELECT 1;\nSELECT 2", rollbackSql: "-- none\n"}],
        validation: [{check: custom, sql: "SELECT true", expect: true}], rollbackOperations: []}]}}"#;
    insta::assert_snapshot!(emit(&parse(text).unwrap()));
}

#[test]
fn quotes_make_a_default_a_text() {
    let of = |value: &str| {
        parse(&format!(
            "migration:\n  name: a\n  database: sqlite\n  phases:\n    - phase: 1\n      operations:\n        \
             - {{type: set_default, table: t, column: c, defaultValue: {value}}}\n"
        ))
        .unwrap()
    };
    assert_ne!(of("\"0\""), of("0"));
    assert_ne!(hash(&of("\"0\"")), hash(&of("0")));
    assert_ne!(hash(&of("9007199254740993")), hash(&of("9007199254740992")));
    assert_ne!(hash(&of("\"true\"")), hash(&of("true")));
    assert_eq!(of("0x10"), of("16"));
}

#[test]
fn the_hash_does_not_see_order_comments_and_defaults_written_out() {
    let seed = parse(SEED).unwrap();
    let same = SEED
        .replace("migration:\n", "# a comment\nmigration:\n  tags: []\n")
        .replace("          nullable: true\n", "")
        .replace(
            "          sql: \"preferences = '{}'::jsonb\"\n",
            "          pauseMs: 0 # none\n          sql: preferences = '{}'::jsonb\n",
        )
        .replace(
            "  name: add-user-preferences\n  database: postgresql\n",
            "  database: postgresql\n  name: add-user-preferences\n",
        );
    let same = parse(&same).unwrap();
    assert_eq!(hash(&same), hash(&seed));
    assert_eq!(phase_hash(&same.phases[0]), phase_hash(&seed.phases[0]));
    assert_eq!(hash(&seed).len(), "sha256:".len() + 64);
}

#[test]
fn the_hash_sees_every_change_of_meaning() {
    let seed = parse(SEED).unwrap();
    let rollback = "      rollbackOperations:\n        - type: drop_column\n          \
                    table: users\n          column: preferences\n";
    for (from, to) in [
        ("add-user-preferences", "add-user-preference"),
        ("postgresql", "sqlite"),
        ("Add user preferences column", "Add user preferences"),
        ("nullable: true", "nullable: false"),
        ("dataType: JSONB", "dataType: JSON"),
        ("'{}'", "'[]'"),
        ("errorMessage: \"Backfill incomplete\"", "expect: zero"),
        ("description: Backfill default preferences", "timeout: 5000"),
        ("check: column_exists", "check: column_not_exists"),
        (rollback, "      rollbackOperations: []\n"),
        (rollback, ""),
    ] {
        let text = SEED.replacen(from, to, 1);
        assert_ne!(text, SEED, "{from}");
        assert_ne!(hash(&parse(&text).unwrap()), hash(&seed), "{from}");
    }
    let changed = parse(&SEED.replace("'{}'", "'[]'")).unwrap();
    assert_eq!(phase_hash(&changed.phases[0]), phase_hash(&seed.phases[0]));
    assert_ne!(phase_hash(&changed.phases[1]), phase_hash(&seed.phases[1]));
}

#[test]
fn the_hash_of_a_document_stays_what_it_is() {
    // Approvals in stores bind this very text: a change here makes all of them stale.
    insta::assert_snapshot!(hash(&parse(SEED).unwrap()));
}

#[test]
fn the_json_schema_has_every_key() {
    let schema = json_schema();
    let operations = schema["$defs"]["operation"]["oneOf"].as_array().unwrap();
    assert_eq!(operations.len(), shapes().len());
    for (schema, shape) in operations.iter().zip(shapes()) {
        assert_eq!(schema["properties"]["type"]["const"], shape.word);
        for field in shape.fields {
            assert_eq!(schema["properties"][field.key]["description"], field.help);
        }
    }
    insta::assert_yaml_snapshot!(schema["$defs"]["check"]);
}
