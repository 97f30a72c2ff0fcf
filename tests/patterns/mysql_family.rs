//! What patterns become on MySQL and MariaDB, where an index is never partial, a table is made in a
//! transaction of its own, and every ALTER says how it is to be done.

use super::*;

const BOTH: [Engine; 2] = [Engine::MySql, Engine::MariaDb];

fn visits(engine: Engine) -> Schema {
    let mut schema = Schema::empty(engine);
    schema.version = match engine {
        Engine::MariaDb => 101_106,
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => 80_036,
    };
    let defined = |name: &str, data_type: &str, definition: &str| Column {
        definition: Some(definition.to_owned()),
        ..column(name, data_type)
    };
    let table = Table {
        columns: vec![
            Column {
                nullable: false,
                ..defined("id", "bigint(20)", "bigint(20) NOT NULL AUTO_INCREMENT")
            },
            defined("city", "int(11)", "int(11) DEFAULT NULL"),
            Column {
                comment: Some("it's \\ theirs".into()),
                collation: Some("utf8mb4_bin".into()),
                ..defined(
                    "no`te",
                    "varchar(40)",
                    "varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'it''s \\\\ theirs'",
                )
            },
            Column {
                generated: true,
                ..defined(
                    "doubled",
                    "bigint(20)",
                    "bigint(20) GENERATED ALWAYS AS (`city` * 2) STORED",
                )
            },
        ],
        primary_key: vec!["id".into()],
        indexes: vec![Index {
            unique: true,
            constraint: Some("one_note".into()),
            ..index(
                "one_note",
                &["no`te"],
                "CREATE UNIQUE INDEX `one_note` ON `visits` (`no``te`)",
            )
        }],
        constraints: vec![constraint(
            "one_note",
            ConstraintKind::Unique,
            &["no`te"],
            "UNIQUE (`no``te`)",
        )],
        views: vec![ViewUse {
            view: TableName::parse("noted"),
            columns: vec!["id".into(), "no`te".into()],
            definition: "select `shop`.`visits`.`id` AS `id`,`shop`.`visits`.`no``te` AS `no``te` from `shop`.`visits`".into(),
            materialized: false,
        }],
        rows: 10_000,
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("visits"), table);
    let cities = Table {
        columns: vec![defined("id", "int(11)", "int(11) NOT NULL")],
        primary_key: vec!["id".into()],
        rows: 50,
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("cities"), cities);
    schema
}

/// On both, or what differs.
fn on_both(name: &str, word: &str, pairs: &[(&str, &str)]) {
    for engine in BOTH {
        let schema = visits(engine);
        let mut fields = vec![("table", "visits")];
        fields.extend(pairs);
        let text = shown(word, engine, Some(&schema), &fields);
        insta::assert_snapshot!(format!("{name}_{}", engine.word()), text);
    }
}

#[test]
fn orphans_are_kept_and_deleted() {
    on_both(
        "orphans",
        "add-foreign-key",
        &[
            ("column", "city"),
            ("refTable", "cities"),
            ("orphans", "delete"),
            ("setAside", "visits_orphans"),
        ],
    );
}

#[test]
fn duplicates_are_kept_and_fixed() {
    on_both(
        "duplicates",
        "add-unique",
        &[
            ("columns", "city, no`te"),
            ("duplicates", "fix"),
            ("fix", "`no``te` = concat(`no``te`, '-', id)"),
            ("setAside", "twice"),
        ],
    );
}

#[test]
fn paths_of_json_are_indexed() {
    on_both(
        "paths",
        "add-json-column",
        &[
            ("column", "prefs"),
            ("default", "{}"),
            ("backfill", "json_object('city', city)"),
            ("paths", "theme, it's.city"),
        ],
    );
    for engine in BOTH {
        let schema = visits(engine);
        let fields = [
            ("table", "visits"),
            ("column", "prefs"),
            ("inverted", "all"),
        ];
        let text = mistakes("add-json-column", engine, Some(&schema), &fields);
        assert!(
            text.contains("inverted: ") && text.contains("FULLTEXT"),
            "{text}"
        );
    }
}

#[test]
fn live_rows_alone_are_unique() {
    on_both("live", "soft-delete", &[("liveUnique", "all")]);
}

#[test]
fn a_comment_and_a_collation_come_along() {
    on_both(
        "rename",
        "rename-column",
        &[("oldColumn", "no`te"), ("newColumn", "order")],
    );
    on_both(
        "change",
        "change-type",
        &[("column", "no`te"), ("newType", "int")],
    );
}

#[test]
fn a_view_cannot_bear_the_old_name_for_them() {
    for engine in BOTH {
        let schema = visits(engine);
        let fields = [
            ("table", "visits"),
            ("column", "no`te"),
            ("newType", "int"),
            ("viewName", "v"),
        ];
        let text = mistakes("change-type", engine, Some(&schema), &fields);
        assert!(text.contains("takeOver: false"), "{text}");
    }
}
