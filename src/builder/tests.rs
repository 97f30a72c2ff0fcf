//! The seeds' own examples, and every mistake that a builder can make.

use std::collections::BTreeSet;

use super::modifiers::MODIFIERS;
use super::*;
use crate::document::{Check, parse};
use crate::operation::{DropColumn, ReferentialAction, samples, shapes};

fn problems(builder: MigrationBuilder) -> Vec<String> {
    let error = builder.build().unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_operation_and_every_modifier_as_yaml() {
    let yaml = migration("everything")
        .database(Engine::PostgreSql)
        .set_description("Each method once")
        .set_author("team@company.com")
        .add_tags(["requires-deployment", "breaking-change"])
        .phase("Phase 1: Expand")
        .kind(PhaseKind::Expand)
        .set_timeout(5000)
        .add_column("users", "a", "TEXT")
        .nullable()
        .with_default("'{}'::jsonb")
        .validate()
        .add_column("users", "b", "INTEGER")
        .not_nullable()
        .with_default(0)
        .set_default("users", "name", "nobody")
        .drop_default("users", "email")
        .drop_not_null("users", "email")
        .add_index("users", "idx_users_a", ["a", "(lower(b))"])
        .unique()
        .method("btree")
        .only_where("a IS NOT NULL")
        .concurrent(false)
        .validate()
        .error_message("Index was not created successfully")
        .drop_index("idx_users_old", "users")
        .concurrent(true)
        .add_foreign_key("users", "fk_users_team", ["team_id"], "teams")
        .ref_columns(["id"])
        .on_delete(ReferentialAction::Cascade)
        .on_update(ReferentialAction::SetNull)
        .add_unique("users", "users_email_key", ["email", "tenant_id"])
        .validate()
        .add_check("users", "users_age_check", "age > 0")
        .validate()
        .drop_constraint("users", "users_old_check")
        .add_constraint("users", "users_age", "CHECK (age < 200)")
        .validate()
        .rename_column("users", "x", "y", "TEXT")
        .validate()
        .change_column_type("users", "z", "VARCHAR(10)", "VARCHAR(20)")
        .using("z")
        .create_table(
            "parts",
            [
                TableColumn::new("id", "BIGINT").primary_key(),
                TableColumn::new("n", "INTEGER")
                    .not_nullable()
                    .with_default(1),
            ],
        )
        .table_constraint("parts_n", "CHECK (n > 0)")
        .rename_table("parts", "pieces")
        .drop_table("pieces")
        .create_view("live", "SELECT id FROM users")
        .drop_view("live")
        .copy_table("orders", "orders_new")
        .swap_tables("orders", "orders_new", "orders_old")
        .validate_constraint("users", "users_age")
        .validate_row_count("users", "people")
        .enable_dual_write("users", "old_col", "new_col")
        .forward("upper(old_col)")
        .backward("lower(new_col)")
        .enable_merge_write(
            "users",
            "full",
            "x || ' ' || y",
            [("x", "split_part(full, ' ', 1)")],
        )
        .phase("Phase 2: Migrate")
        .gate_deploy("App v1.1 writes both")
        .gate_soak("12h")
        .backfill("users", "\n  new_col = old_col,\n  other = 1\n")
        .only_where("new_col IS NULL")
        .batch_size(1000)
        .pause_ms(50)
        .validate()
        .make_non_nullable()
        .validate()
        .set_not_null("users", "a")
        .make_nullable()
        .validate_columns_match("users", "old_col", "new_col")
        .validate_index_exists("users", "idx_users_a")
        .validate_data_integrity("SELECT COUNT(*) FROM users WHERE b < 0", "Negative")
        .expect(crate::document::Expect::Zero)
        .phase("Phase 3: Contract")
        .disable_dual_write("users", "old_col", "new_col")
        .drop_column("users", "old_col")
        .validate()
        .validate_column_not_exists("users", "old_col")
        .validate_column_exists("users", "new_col")
        .custom_sql("SELECT 1;\nSELECT 2\n")
        .rollback_sql("SELECT 3")
        .rollback_with(|back| {
            back.add_column("users", "old_col", "TEXT")
                .drop_column("users", "c")
        })
        .to_yaml()
        .unwrap();
    insta::assert_snapshot!(yaml);
}

#[test]
fn every_operation_has_a_method() {
    // A new operation is looked for here by its word, as a method or in a `keys!`.
    let source = include_str!("operations.rs");
    let missing: Vec<&str> = shapes()
        .iter()
        .map(|shape| shape.word)
        .filter(|word| !source.contains(&format!("\"{word}\"")))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_optional_key_can_be_written() {
    // By a modifier, or by the method itself; the rest is said here, so that it is a decision.
    let by_method = [
        "oldColumn",
        "newColumn",
        "indexName",
        "dataType",
        "oldType",
        "constraints",
    ];
    let modified: BTreeSet<(&str, &str)> = MODIFIERS
        .iter()
        .flat_map(|(_, words, key)| words.iter().map(move |word| (*word, *key)))
        .collect();
    for shape in shapes() {
        for field in shape.fields.iter().filter(|f| !f.required) {
            assert!(
                modified.contains(&(shape.word, field.key)) || by_method.contains(&field.key),
                "{}.{} cannot be written with the builder",
                shape.word,
                field.key
            );
        }
    }
}

#[test]
fn every_modifier_writes_a_key_that_its_operations_have() {
    for (modifier, words, key) in MODIFIERS {
        for word in *words {
            let shape = shapes().iter().find(|s| s.word == *word);
            let field = shape.and_then(|shape| shape.field(key));
            assert!(field.is_some(), "{modifier}: {word} has no {key}");
        }
    }
}

#[test]
fn a_modifier_with_nothing_to_modify_is_told_and_nothing_else_is_lost() {
    let told = problems(
        migration("Bad Name")
            .set_timeout(5)
            .gate_deploy("v2")
            .kind(PhaseKind::Expand)
            .validate()
            .error_message("x")
            .make_non_nullable()
            .make_nullable()
            .add_column("users", "a", "TEXT")
            .phase("Another phase")
            .nullable()
            .with_default(1)
            .concurrent(true)
            .unique()
            .method("gin")
            .only_where("a")
            .ref_columns(["id"])
            .on_delete(ReferentialAction::Cascade)
            .on_update(ReferentialAction::Cascade)
            .batch_size(1)
            .pause_ms(1)
            .forward("a")
            .backward("a")
            .rollback_sql("a")
            .using("a")
            .table_constraint("a", "b")
            .validate()
            .error_message("x")
            .expect(crate::document::Expect::True)
            .drop_default("users", "")
            .validate()
            .rollback_with(|back| back.nullable().phase("two"))
            .add_validation(
                Check::ColumnExists,
                "users",
                None,
                CheckOptions::default().with("errorMesage", "x"),
            ),
    );
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_builder_without_anything_is_told_what_is_missing() {
    insta::assert_snapshot!(problems(migration("")).join("\n"), @r"
    phases: a migration has at least one phase
    name: a name is needed, such as `rename-user-name`
    ");
}

#[test]
fn an_operation_before_the_first_phase_opens_one() {
    let built = migration("a")
        .drop_column("t", "c")
        .validate()
        .build()
        .unwrap();
    assert_eq!(built.phases.len(), 1);
    assert_eq!(built.phases[0].phase, 1);
    assert_eq!(built.phases[0].validation[0].check, Check::ColumnNotExists);
    let built = migration("a")
        .validate_column_exists("t", "c")
        .build()
        .unwrap();
    assert_eq!(built.phases.len(), 1);
}

#[test]
fn the_column_last_added_is_remembered_over_phases() {
    let built = migration("a")
        .phase("1")
        .add_column("billing.orders", "state", "TEXT")
        .add_index("users", "i", ["x"])
        .nullable()
        .phase("2")
        .phase("3")
        .make_non_nullable()
        .build()
        .unwrap();
    let yaml = emit(&built);
    assert!(
        yaml.contains(
            "type: set_not_null\n          table: billing.orders\n          column: state"
        ),
        "{yaml}"
    );
}

#[test]
fn what_is_built_is_what_is_read() {
    for operation in samples() {
        let built = migration("a")
            .phase("One")
            .operation(operation.clone())
            .build()
            .unwrap();
        assert_eq!(built.phases[0].operations, [operation]);
        assert_eq!(parse(&emit(&built)).as_ref(), Ok(&built));
        assert_eq!(MigrationBuilder::from(built.clone()).build(), Ok(built));
    }
    let whole = parse(include_str!("../../examples/rename-column.yaml")).unwrap();
    assert_eq!(MigrationBuilder::from(whole.clone()).build(), Ok(whole));
    let typed = DropColumn {
        table: "t".into(),
        column: "c".into(),
        saved_copy: false,
    };
    let one = migration("a").operation(typed).build();
    assert_eq!(one, migration("a").drop_column("t", "c").build());
}

#[test]
fn a_text_is_kept_and_never_read_as_something_else() {
    for text in [
        "yes",
        "0",
        "a: b",
        "x\"; DROP TABLE users; --",
        "日本",
        " a",
    ] {
        let built = migration("a")
            .phase(text)
            .add_column(text, text, text)
            .with_default(text)
            .build()
            .unwrap();
        let back = parse(&emit(&built)).unwrap();
        assert_eq!(back, built);
    }
}

#[test]
fn every_pattern_is_built_as_its_form_builds_it() {
    for shape in crate::pattern::shapes() {
        let error = pattern(shape.word, []).build().unwrap_err();
        let required = shape.fields.iter().filter(|f| f.required).count();
        assert!(error.problems.len() >= required, "{}: {error}", shape.word);
    }
    let error = pattern("rename-colum", []).build().unwrap_err();
    assert!(error.to_string().contains("`rename-column`"), "{error}");
}

#[test]
fn the_named_patterns_of_the_seeds() {
    let names = |builder: PatternBuilder<'_>| {
        let built = builder.build().unwrap_or_else(|e| panic!("{e}"));
        format!("{} {}", built.name, built.phases.len())
    };
    assert_eq!(
        names(MigrationPatterns::add_required_column(
            "users",
            "status",
            "VARCHAR(50)",
            "active"
        )),
        "add-users-status 3"
    );
    assert_eq!(
        names(MigrationPatterns::remove_column(
            "users",
            "deprecated_field"
        )),
        "remove-users-deprecated-field 2"
    );
    assert_eq!(
        names(MigrationPatterns::add_concurrent_index(
            "users",
            "idx_email",
            ["email"]
        )),
        "index-idx-email 1"
    );
    assert_eq!(
        names(MigrationPatterns::add_nullable_column(
            "users", "bio", "TEXT"
        )),
        "add-users-bio 1"
    );
    assert_eq!(
        names(MigrationPatterns::change_column_type(
            "users",
            "age",
            "VARCHAR(10)",
            "INTEGER"
        )),
        "change-users-age-to-integer 7"
    );
    assert_eq!(
        names(MigrationPatterns::split_column(
            "users",
            "full_name",
            [
                ColumnPart::new(
                    "first_name",
                    "VARCHAR(100)",
                    "SPLIT_PART(full_name, ' ', 1)"
                ),
                ColumnPart::new("last_name", "VARCHAR(100)", "SPLIT_PART(full_name, ' ', 2)"),
            ],
        )),
        "split-users-full-name 5"
    );
    assert_eq!(
        names(MigrationPatterns::add_json_column("users", "preferences")),
        "add-json-users-preferences 1"
    );
    // A string is the text itself, whatever it looks like; an expression is said to be one.
    let default = |value: crate::operation::DefaultValue| {
        let built = MigrationPatterns::add_required_column("users", "a", "TEXT", value);
        let yaml = built.to_yaml().unwrap();
        yaml.lines()
            .find(|l| l.contains("a = "))
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_eq!(default("now()".into()), "sql: a = 'now()'");
    assert_eq!(
        default(crate::operation::DefaultValue::sql("now()")),
        "sql: a = now()"
    );
}
