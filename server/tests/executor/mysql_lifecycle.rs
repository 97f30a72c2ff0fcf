//! Every operation on real MariaDB and MySQL servers: started and rolled back, it leaves the schema and
//! the rows as they were; started and completed, it leaves what the document says.

use std::collections::BTreeSet;

use bellows::document::Engine;
use bellows::run::EventKind;
use bellows::schema::{Schema, Table, TableName};
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};

use crate::operations::{difference, outlines};
use crate::support::{Events, TestTarget, for_engine, open, run};

on_mariadb_and_mysql! {
    every_operation_goes_there_and_back,
    what_the_server_cannot_do_is_refused_with_what_to_do_instead,
    a_failed_phase_leaves_nothing_behind,
}

/// 10,000 rows, foreign keys in both directions, a trigger, a view, names that need quotes.
const PEOPLE: &str = "
CREATE TABLE teams (id int NOT NULL PRIMARY KEY, title varchar(40));
INSERT INTO teams SELECT seq, concat('team ', seq) FROM seq_1_to_10;
CREATE TABLE people (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    email varchar(120) COLLATE utf8mb4_bin NOT NULL COMMENT 'it''s theirs',
    name varchar(100) DEFAULT 'nobody',
    nick varchar(100),
    `Odd ``name` int DEFAULT 7,
    team int,
    home int,
    seen timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
    KEY by_nick (nick),
    KEY by_both (name, nick) COMMENT 'it''s ours',
    UNIQUE KEY one_email (email),
    CONSTRAINT odd_positive CHECK (`Odd ``name` > 0),
    CONSTRAINT home_team FOREIGN KEY (home) REFERENCES teams (id)
) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci;
INSERT INTO people (email, name, nick, team, home, seen)
SELECT concat('p', seq, '@example.com'), if(seq % 10 = 0, NULL, concat('Person ', seq)),
       concat('n', seq), seq % 10 + 1, seq % 10 + 1, '2024-01-01 00:00:00'
FROM seq_1_to_10000;
CREATE TABLE letters (id int PRIMARY KEY, person bigint unsigned,
    CONSTRAINT letters_person FOREIGN KEY (person) REFERENCES people (id));
INSERT INTO letters SELECT seq, seq FROM seq_1_to_100;
CREATE TABLE journal (n int);
CREATE TRIGGER noted AFTER INSERT ON people FOR EACH ROW INSERT INTO journal VALUES (1);
CREATE VIEW addresses AS SELECT id, email FROM people;
CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW few AS SELECT id, home FROM people WHERE id > 5
    WITH LOCAL CHECK OPTION;
CREATE TABLE `par ``cels` (id int AUTO_INCREMENT PRIMARY KEY, note varchar(20), doubled int AS (length(note) * 2),
    KEY (note(5))) AUTO_INCREMENT=77 DEFAULT CHARSET latin1 ROW_FORMAT=COMPRESSED COMMENT='it''s theirs';
CREATE TRIGGER `par ``noted` BEFORE INSERT ON `par ``cels` FOR EACH ROW SET NEW.note = 'x';
CREATE TRIGGER `par ``moved` BEFORE UPDATE ON `par ``cels` FOR EACH ROW
BEGIN
  -- It's; a body.
  IF NEW.note IS NULL THEN SET NEW.note = 'y'; END IF;
END;
";

/// What tells that the rows of people are the same.
const ROWS: &str = "SELECT CAST(sum(crc32(concat_ws('|', id, email, coalesce(name, '-'), nick,
    `Odd ``name`, team, home, seen))) AS char) FROM people";

/// One operation's trial.
struct Trial {
    /// The word in the document.
    word: &'static str,
    /// The operations of the one phase.
    operations: &'static str,
    /// What the completed schema must satisfy.
    completed: fn(&Schema) -> bool,
    /// Whether taking it back gives the rows back, too.
    rows_back: bool,
}

const TRIALS: &[Trial] = &[
    Trial {
        word: "add_column",
        operations: "
        - {type: add_column, table: people, column: \"a `b\", dataType: varchar(20), nullable: true}
        - {type: add_column, table: people, column: state, dataType: varchar(20), nullable: false,
           defaultValue: \"it's\"}",
        completed: |s| {
            let t = people(s);
            t.column("a `b").is_some()
                && t.column("state").is_some_and(|c| !c.nullable && c.default.is_some())
        },
        rows_back: true,
    },
    Trial {
        word: "drop_column",
        operations: "
        - {type: drop_column, table: people, column: nick}",
        completed: |s| {
            let t = people(s);
            t.column("nick").is_none() && t.indexes.iter().all(|i| !i.columns.contains(&"nick".into()))
        },
        rows_back: false,
    },
    Trial {
        word: "set_not_null",
        operations: "
        - {type: backfill, table: people, sql: \"nick = 'none'\", where: nick IS NULL}
        - {type: set_not_null, table: people, column: nick}",
        completed: |s| { let t = people(s); t.column("nick").is_some_and(|c| !c.nullable) },
        rows_back: true,
    },
    Trial {
        word: "drop_not_null",
        operations: "
        - {type: drop_not_null, table: people, column: email}",
        completed: |s| {
            let t = people(s);
            t.column("email").is_some_and(|c| {
                c.nullable
                    && c.comment.as_deref() == Some("it's theirs")
                    && c.collation.as_deref() == Some("utf8mb4_bin")
            })
        },
        rows_back: true,
    },
    Trial {
        word: "set_default",
        operations: "
        - {type: set_default, table: people, column: nick, defaultValue: \"no'ne\"}
        - {type: set_default, table: people, column: \"Odd `name\", defaultValue: 9}",
        completed: |s| {
            let t = people(s);
            t.column("nick").is_some_and(|c| c.default.as_deref() == Some("'no''ne'"))
                && t.column("Odd `name").is_some_and(|c| c.default.as_deref() == Some("9"))
        },
        rows_back: true,
    },
    Trial {
        word: "drop_default",
        operations: "
        - {type: drop_default, table: people, column: name}",
        completed: |s| { let t = people(s); t.column("name").is_some_and(|c| c.default.is_none()) },
        rows_back: true,
    },
    Trial {
        word: "add_index",
        operations: "
        - {type: add_index, table: people, columns: [\"Odd `name\", team], indexName: odd_team}",
        completed: |s| { let t = people(s); t.indexes.iter().any(|i| i.name == "odd_team" && i.columns.len() == 2) },
        rows_back: true,
    },
    Trial {
        word: "drop_index",
        operations: "
        - {type: drop_index, table: people, indexName: by_both}",
        completed: |s| { let t = people(s); t.indexes.iter().all(|i| i.name != "by_both") },
        rows_back: true,
    },
    Trial {
        word: "add_unique",
        operations: "
        - {type: add_unique, table: people, constraintName: one_nick, columns: [nick]}",
        completed: |s| { let t = people(s); t.indexes.iter().any(|i| i.name == "one_nick" && i.unique) },
        rows_back: true,
    },
    Trial {
        word: "add_foreign_key",
        operations: "
        - {type: add_foreign_key, table: people, constraintName: its_team, columns: [team],
           refTable: teams, refColumns: [id]}",
        completed: |s| { let t = people(s); t.constraints.iter().any(|c| c.name == "its_team") },
        rows_back: true,
    },
    Trial {
        word: "drop_constraint",
        operations: "
        - {type: drop_constraint, table: people, constraintName: odd_positive}
        - {type: drop_constraint, table: people, constraintName: home_team}
        - {type: drop_constraint, table: people, constraintName: one_email}",
        completed: |s| { let t = people(s); t.constraints.is_empty() },
        rows_back: true,
    },
    Trial {
        word: "backfill",
        operations: "
        - {type: add_column, table: people, column: loud, dataType: varchar(100), nullable: true}
        - {type: backfill, table: people, sql: loud = upper(name)}",
        completed: |s| { let t = people(s); t.column("loud").is_some() },
        rows_back: true,
    },
    Trial {
        word: "enable_dual_write",
        operations: "
        - {type: add_column, table: people, column: full_name, dataType: varchar(100), nullable: true}
        - {type: enable_dual_write, table: people, oldColumn: name, newColumn: full_name}",
        completed: |s| { let t = people(s); t.dual_writes.len() == 1 && t.triggers == ["noted"] },
        rows_back: true,
    },
    Trial {
        word: "disable_dual_write",
        operations: "
        - {type: add_column, table: people, column: full_name, dataType: varchar(100), nullable: true}
        - {type: enable_dual_write, table: people, oldColumn: name, newColumn: full_name}
        - {type: disable_dual_write, table: people, oldColumn: name, newColumn: full_name}",
        completed: |s| { let t = people(s); t.dual_writes.is_empty() && t.triggers == ["noted"] },
        rows_back: true,
    },
    Trial {
        word: "custom_sql",
        operations: "
        - {type: custom_sql, sql: \"CREATE INDEX theirs ON people (team)\",
           rollbackSql: \"DROP INDEX theirs ON people\"}",
        completed: |s| { let t = people(s); t.indexes.iter().any(|i| i.name == "theirs") },
        rows_back: true,
    },
    Trial {
        word: "add_constraint",
        operations: "
        - {type: add_constraint, table: people, constraintName: one_nick, sql: UNIQUE (nick)}",
        completed: |s| people(s).indexes.iter().any(|i| i.name == "one_nick" && i.unique),
        rows_back: true,
    },
    Trial {
        word: "rename_column",
        operations: "
        - {type: rename_column, table: people, oldColumn: nick, newColumn: \"ali`as\"}",
        completed: |s| {
            let t = people(s);
            t.column("nick").is_none()
                && t.indexes.iter().any(|i| i.name == "by_nick" && i.columns == ["ali`as"])
        },
        rows_back: true,
    },
    Trial {
        word: "change_column_type",
        operations: "
        - {type: change_column_type, table: people, column: nick, newType: varchar(150)}",
        completed: |s| people(s).column("nick").is_some_and(|c| c.data_type == "varchar(150)"),
        rows_back: true,
    },
    Trial {
        word: "create_table",
        operations: "
        - type: create_table
          table: \"odd `visits\"
          columns:
            - {name: id, dataType: bigint, primaryKey: true}
            - {name: who, dataType: bigint unsigned, nullable: false}
            - {name: at, dataType: timestamp, nullable: true}
          constraints:
            - {constraintName: visits_who, sql: FOREIGN KEY (who) REFERENCES people (id)}",
        completed: |s| {
            let visits = s.table(&TableName::parse("odd `visits"));
            visits.is_some_and(|t| t.constraints.iter().any(|c| c.name == "visits_who"))
        },
        rows_back: true,
    },
    Trial {
        word: "drop_table",
        operations: "
        - {type: drop_table, table: letters}
        - {type: drop_table, table: \"par `cels\"}",
        completed: |s| {
            s.table(&TableName::parse("letters")).is_none()
                && s.table(&TableName::parse("par `cels")).is_none()
        },
        rows_back: true,
    },
    Trial {
        word: "rename_table",
        operations: "
        - {type: rename_table, table: letters, newTable: \"old `letters\"}
        - {type: rename_table, table: \"par `cels\", newTable: parcels}",
        completed: |s| {
            let parcels = s.table(&TableName::parse("parcels"));
            s.table(&TableName::parse("old `letters")).is_some()
                && parcels.is_some_and(|t| t.triggers.len() == 2 && t.options.contains("latin1"))
        },
        rows_back: true,
    },
    Trial {
        word: "create_view",
        operations: "
        - {type: create_view, name: nicks, sql: \"SELECT id, nick FROM people\"}",
        completed: |s| s.views.contains_key(&TableName::parse("nicks")),
        rows_back: true,
    },
    Trial {
        word: "drop_view",
        operations: "
        - {type: drop_view, name: addresses}
        - {type: drop_view, name: few}",
        completed: |s| s.views.is_empty(),
        rows_back: true,
    },
];

/// Operations that MariaDB refuses, each with what its refusal must name.
const REFUSED: &[(&str, &str, &str)] = &[(
    "add_check",
    "{type: add_check, table: people, constraintName: c, sql: \"`Odd ``name` < 100\"}",
    "the trigger noted",
)];

fn document(operations: &str) -> String {
    format!(
        "
migration:
  name: trial
  database: mariadb
  phases:
    - phase: 1
      operations:{operations}
"
    )
}

/// The definitions alone: counts of rows and bytes change by themselves.
fn definitions(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    for table in schema.tables.values_mut() {
        table.rows = 0;
        table.bytes = 0;
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
        for column in &mut table.columns {
            // What MySQL prints once it was written, and a collation says as well.
            let definition = column.definition.take();
            column.definition =
                definition.map(|d| d.replace("CHARACTER SET utf8mb4 COLLATE", "COLLATE"));
        }
    }
    schema
}

/// Without the widths that MariaDB prints behind whole numbers: they mean nothing.
fn without_widths(mut schema: Schema) -> Schema {
    for table in schema.tables.values_mut() {
        for column in &mut table.columns {
            if column.data_type.contains("int(") {
                let (word, rest) = column.data_type.split_once('(').unwrap();
                let rest = rest.split_once(')').unwrap().1;
                column.data_type = format!("{word}{rest}");
            }
        }
    }
    schema
}

fn people(schema: &Schema) -> &Table {
    schema.table(&TableName::parse("people")).unwrap()
}

async fn tried(engine: Engine, trial: &Trial) {
    let test = TestTarget::new(engine).await;
    test.sql(PEOPLE).await;
    let (before, rows) = (test.schema().await, test.text(ROWS).await);
    let yaml = document(trial.operations);
    let migration = bellows::document::parse(&for_engine(&test.target, &yaml))
        .unwrap_or_else(|e| panic!("{e:#?}"));
    let record = open(&test.target, &yaml).await;
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    assert_eq!(
        outcome,
        Outcome::Completed,
        "{}: {:#?}",
        trial.word,
        events.all()
    );
    let completed = test.schema().await;
    assert!(
        (trial.completed)(&completed),
        "{}: {:#?}",
        trial.word,
        people(&completed)
    );
    // What the planner says of the schema must be so: the next phase is planned on it. What SQL of
    // one's own does, nobody says.
    if trial.word != "custom_sql" {
        let mut said = before.clone();
        for operation in &migration.phases[0].operations {
            said.apply(operation).unwrap();
        }
        let mut wrong = difference(
            &outlines(&without_widths(said)),
            &outlines(&without_widths(completed)),
        );
        // A foreign key in CREATE TABLE brings an index of its own.
        wrong.retain(|w| !w.contains("index visits_who"));
        assert!(wrong.is_empty(), "{}: {wrong:#?}", trial.word);
    }
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    let back = roll_back(
        &test.target,
        &record.id,
        None,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap();
    assert!(
        matches!(back, Outcome::RolledBack { .. }),
        "{}: {back:?} {:#?}",
        trial.word,
        events.all()
    );
    let after = test.schema().await;
    assert_eq!(definitions(&after), definitions(&before), "{}", trial.word);
    if trial.rows_back {
        assert_eq!(test.text(ROWS).await, rows, "{}", trial.word);
    }
    assert_eq!(test.number("SELECT count(*) FROM people").await, 10_000);
}

async fn every_operation_goes_there_and_back(engine: Engine) {
    let mut words: BTreeSet<&str> = TRIALS.iter().map(|t| t.word).collect();
    words.extend(REFUSED.iter().map(|(word, _, _)| *word));
    // These have a file of their own.
    words.extend(["copy_table", "swap_tables"]);
    let all: BTreeSet<&str> = bellows::operation::shapes()
        .iter()
        .map(|s| s.word)
        .collect();
    assert_eq!(words, all, "every operation is tried or refused");
    let trials: Vec<_> = TRIALS
        .iter()
        .map(|t| tokio::spawn(tried(engine, t)))
        .collect();
    for trial in trials {
        trial.await.unwrap();
    }
}

async fn what_the_server_cannot_do_is_refused_with_what_to_do_instead(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(PEOPLE).await;
    let schema = test.schema().await;
    for (word, operation, named) in REFUSED {
        let yaml = document(&format!("\n        - {operation}"));
        let yaml = for_engine(&test.target, &yaml);
        let document = bellows::document::parse(&yaml).unwrap_or_else(|e| panic!("{word}: {e:#?}"));
        let problems = bellows::plan::plan(&document, Some(&schema)).unwrap_err();
        let text = format!("{problems:?}");
        assert!(
            text.contains(engine.title()) && text.contains(named),
            "{text}"
        );
    }
}

/// A phase whose second statement fails is taken back statement by statement: nothing rolls DDL
/// back.
async fn a_failed_phase_leaves_nothing_behind(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(PEOPLE).await;
    test.sql("UPDATE people SET nick = 'the same' WHERE id < 3")
        .await;
    let before = test.schema().await;
    let record = open(
        &test.target,
        &document(
            "
        - {type: add_column, table: people, column: extra, dataType: int, nullable: true}
        - {type: add_index, table: people, columns: [extra], indexName: by_extra}
        - {type: add_unique, table: people, constraintName: one_nick, columns: [nick]}",
        ),
    )
    .await;
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?} {:#?}", events.all());
    };
    assert!(message.contains("the same"), "{message}");
    assert_eq!(definitions(&test.schema().await), definitions(&before));
    assert!(
        events
            .all()
            .iter()
            .any(|e| matches!(e, EventKind::PhaseRolledBack { phase: 1 }))
    );
}
