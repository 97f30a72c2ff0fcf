//! soft-delete: its documents, and what may be unique among live rows only.

use super::*;

fn members() -> Table {
    Table {
        columns: vec![
            column("Id", "bigint"),
            column("email", "text"),
            column("order", "integer"),
        ],
        primary_key: vec!["Id".into()],
        indexes: vec![
            Index {
                unique: true,
                constraint: Some("members_email_key".into()),
                ..index(
                    "members_email_key",
                    &["email"],
                    "CREATE UNIQUE INDEX members_email_key ON public.members USING btree (email)",
                )
            },
            Index {
                unique: true,
                predicate: Some("(\"order\" > 0)".into()),
                ..index(
                    "one_order",
                    &["order"],
                    "CREATE UNIQUE INDEX one_order ON public.members USING btree (\"order\") WHERE (\"order\" > 0)",
                )
            },
        ],
        constraints: vec![constraint(
            "members_email_key",
            ConstraintKind::Unique,
            &["email"],
            "UNIQUE (email)",
        )],
        rows: 10_000,
        ..Table::default()
    }
}

fn schema(engine: Engine) -> Schema {
    let mut schema = Schema::empty(engine);
    schema
        .tables
        .insert(TableName::parse("crm.members"), members());
    schema
}

#[test]
fn unique_indexes_count_live_rows_only_where_chosen() {
    let fields = [("table", "crm.members"), ("liveUnique", "all")];
    let known = schema(Engine::PostgreSql);
    insta::assert_snapshot!(shown(
        "soft-delete",
        Engine::PostgreSql,
        Some(&known),
        &fields
    ));
}

#[test]
fn the_view_names_its_columns() {
    let known = schema(Engine::PostgreSql);
    let plain = [("table", "crm.members")];
    let text = shown("soft-delete", Engine::PostgreSql, Some(&known), &plain);
    assert!(
        text.contains(
            "CREATE VIEW crm.members_active AS SELECT \"Id\", email, \"order\" FROM crm.members WHERE deleted_at IS NULL"
        ),
        "{text}"
    );
    assert!(!text.contains("drop_"), "{text}");
    let none = [("table", "crm.members"), ("viewName", "none")];
    let text = shown("soft-delete", Engine::PostgreSql, Some(&known), &none);
    assert!(!text.contains("VIEW"), "{text}");
}

#[test]
fn without_a_schema_and_on_sqlite() {
    let fields = [
        ("table", "users"),
        ("column", "gone"),
        ("columns", "id, email"),
        ("viewName", "users_live"),
        ("viewColumns", "id, email"),
    ];
    insta::assert_snapshot!(shown("soft-delete", Engine::PostgreSql, None, &fields));
    insta::assert_snapshot!(
        "on_sqlite",
        shown("soft-delete", Engine::Sqlite, None, &fields)
    );
}

#[test]
fn its_mistakes_have_their_fields() {
    let mut known = schema(Engine::PostgreSql);
    let pointing = Table {
        constraints: vec![Constraint {
            references: Some(TableName::parse("crm.members")),
            ..constraint(
                "mails_fkey",
                ConstraintKind::ForeignKey,
                &["mail"],
                "FOREIGN KEY (mail) REFERENCES crm.members(email)",
            )
        }],
        ..Table::default()
    };
    known.tables.insert(TableName::parse("mails"), pointing);
    let of = |more: &[(&str, &str)]| {
        let mut fields = vec![("table", "crm.members")];
        fields.extend(more);
        mistakes("soft-delete", Engine::PostgreSql, Some(&known), &fields)
    };
    let none = |more: &[(&str, &str)]| {
        let mut fields = vec![("table", "t")];
        fields.extend(more);
        mistakes("soft-delete", Engine::PostgreSql, None, &fields)
    };
    let all = [
        of(&[("column", "email")]),
        of(&[("liveUnique", "members_mail_key")]),
        of(&[("liveUnique", "all")]),
        none(&[("liveUnique", "all")]),
        none(&[("viewName", "v")]),
    ];
    insta::assert_snapshot!(all.join("\n--\n"));
}
