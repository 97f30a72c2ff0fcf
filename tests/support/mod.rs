//! Documents made at random from the shapes: every operation and check, with nasty texts.

use bellows::document::{
    Field, FieldKind, GATE, MIGRATION, Migration, PHASE, Part, Shape, Validation, WAIVER, checks,
};
use bellows::operation::{Operation, shapes};
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use serde_json::{Map, Value, json};

/// Texts that YAML would like to read as something else.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(vec![
            "yes", "no", "0", "007", "null", "~", "1e3", "true", "'{}'::jsonb", " lead", "trail ",
            "a: b", "a #b", "- a", "-", "?", "x:", "&a", "*a", "!a", "|", ">", "%x", "@x", "`x`",
            "\"q\"", "'q'", "it's \"both\"", "[a]", "{a: b}", "a, b", "2025-01-28", "12:30",
            "0x1F", ".5", ".inf", "<<", "=", "é日本🎈", "a\tb", "\ta", "a\\nb", "---", "...",
            "a\u{85}b", "a\u{2028}b", "\u{feff}a", "a\u{7}b", "# c", "1_000", "Null", "off", "now()",
            "x\r", "SELECT 1;\nSELECT 2", "a\n", "a\n\n", "\na", "a\n\nb\n", "  a\nb", "a\n  b\n",
            "a\n \nb", "a \nb", "a\r\nb", "\n", "a\n---\nb", "a\n# b\nc", "a\n\tb", "a\n...",
        ]).prop_map(str::to_owned),
        1 => "[a-zA-Z_][a-zA-Z0-9_. ()=']{0,30}",
        1 => "(?s)[^\0]{1,40}",
    ]
}

/// Whether a text says something. A byte order mark alone is a blank to a JSON Schema's `\S`, and
/// none to the reader.
fn says(text: &str) -> bool {
    let said = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    !said.is_empty()
}

fn filled() -> impl Strategy<Value = String> {
    nasty().prop_filter("a text that says something", |text| {
        says(text) && !text.contains('\0')
    })
}

fn name() -> impl Strategy<Value = String> {
    filled().prop_filter("a name that PostgreSQL keeps", |text| text.len() <= 63)
}

fn value(field: &Field) -> BoxedStrategy<Value> {
    match field.kind {
        FieldKind::Table | FieldKind::Sql | FieldKind::DataType => {
            filled().prop_map(Value::from).boxed()
        }
        FieldKind::Conversion => prop_oneof![
            filled().prop_map(Value::from),
            proptest::collection::btree_map(name(), filled(), 1..4).prop_map(|map| json!(map)),
        ]
        .boxed(),
        FieldKind::Column | FieldKind::NewName | FieldKind::Index => {
            name().prop_map(Value::from).boxed()
        }
        FieldKind::Text => nasty().prop_map(Value::from).boxed(),
        FieldKind::Columns | FieldKind::Words => proptest::collection::btree_set(name(), 1..4)
            .prop_map(|set| json!(set))
            .boxed(),
        FieldKind::Bool => any::<bool>().prop_map(Value::from).boxed(),
        FieldKind::Number => (1u32..).prop_map(Value::from).boxed(),
        FieldKind::Default => prop_oneof![
            nasty().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            (-999_999i32..999_999, 0i32..6)
                .prop_map(|(n, scale)| json!(f64::from(n) / 10f64.powi(scale))),
            filled().prop_map(|sql| json!({ "sql": sql })),
        ]
        .boxed(),
        FieldKind::Choice(words) => proptest::sample::select(words)
            .prop_map(Value::from)
            .boxed(),
        FieldKind::Duration => (
            0u32..100,
            proptest::sample::select(vec!["s", "m", "h", "d"]),
        )
            .prop_map(|(n, unit)| json!(format!("{n}{unit}")))
            .boxed(),
        FieldKind::Part(Part::Gate) => mapping(&GATE, None)
            .prop_filter("a gate asks for something", |gate| {
                gate != &json!({}) && gate["deploy"].as_str().is_none_or(says)
            })
            .boxed(),
        FieldKind::Part(part @ (Part::Columns | Part::Constraints)) => {
            let item = part.item().expect("its items have one shape");
            proptest::collection::vec(mapping(item, None), 1..4)
                .prop_map(|items| json!(items))
                .boxed()
        }
        FieldKind::Part(Part::Waivers) => proptest::collection::vec(
            mapping(&WAIVER, None).prop_filter("a reason says something", |waiver| {
                waiver["reason"].as_str().is_some_and(says)
            }),
            1..3,
        )
        .prop_map(|items| json!(items))
        .boxed(),
        FieldKind::Part(Part::Operations) => list(shapes(), "type"),
        FieldKind::Part(Part::Checks) => list(checks(), "check"),
        FieldKind::Part(Part::Phases) => proptest::collection::vec(mapping(&PHASE, None), 1..4)
            .prop_map(|mut phases| {
                for (index, phase) in phases.iter_mut().enumerate() {
                    phase["phase"] = json!(index + 1);
                }
                json!(phases)
            })
            .boxed(),
    }
}

fn list(shapes: &'static [&'static Shape], tag: &'static str) -> BoxedStrategy<Value> {
    let one = proptest::sample::select(shapes)
        .prop_flat_map(move |s| mapping(s, Some(tag)))
        .prop_filter("fields that go together", move |json| {
            goes_together(tag, json)
        });
    proptest::collection::vec(one, 0..4)
        .prop_map(|v| json!(v))
        .boxed()
}

/// Whether the fields are such as may stand beside each other.
fn goes_together(tag: &str, json: &Value) -> bool {
    let json = json.clone();
    if tag == "type" {
        serde_json::from_value::<Operation>(json).is_ok_and(|o| o.form().is_ok())
    } else {
        serde_json::from_value::<Validation>(json).is_ok_and(|v| v.form().is_ok())
    }
}

/// A mapping of that shape, its optional fields there or not.
fn mapping(shape: &'static Shape, tag: Option<&'static str>) -> BoxedStrategy<Value> {
    let fields: Vec<_> = shape
        .fields
        .iter()
        .map(|field| {
            let given = value(field).prop_map(move |v| Some((field.key.to_owned(), v)));
            if field.required {
                given.boxed()
            } else {
                prop_oneof![given, Just(None)].boxed()
            }
        })
        .collect();
    fields
        .prop_map(move |pairs| {
            let mut map: Map<String, Value> = pairs.into_iter().flatten().collect();
            if let Some(tag) = tag {
                map.insert(tag.to_owned(), json!(shape.word));
            }
            Value::Object(map)
        })
        .boxed()
}

/// Any document that the rules allow.
pub fn document() -> impl Strategy<Value = Migration> {
    ("[a-z0-9-]{1,20}", mapping(&MIGRATION, None)).prop_map(|(name, mut json)| {
        json["name"] = json!(name);
        serde_json::from_value(json).expect("what the shapes allow, the types hold")
    })
}
