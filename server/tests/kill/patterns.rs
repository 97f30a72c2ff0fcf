//! SIGKILL at random moments of every phase of four patterns, of their way back and of their
//! contract, with applications of the old and of the new version at work, each of which reads back
//! what it wrote: nothing is lost, both sides agree, and nothing of Bellows is left over.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

use bellows::document::{Engine, Migration, emit};
use bellows::pattern;
use bellows_server::target::Target;
use rand::Rng;

use super::apply::Applied;
use super::database::Database;
use super::support::{Application, Rounds};

/// Rows that nobody writes, so that a digest tells whether one of them changed.
const ROWS: i64 = 4_000;

/// Kills that hit each pattern at least: four patterns make two hundred.
const KILLS: usize = 50;

/// Kills of one phase, forth or back, after which it may come to its end.
const KILLS_OF_A_PHASE: usize = 4;

const PEOPLE: &str = "
CREATE TABLE teams (id bigint PRIMARY KEY);
INSERT INTO teams SELECT generate_series(1, 10);
CREATE TABLE people (
    id bigint PRIMARY KEY,
    email text NOT NULL,
    age text,
    full_name text NOT NULL,
    team bigint REFERENCES teams (id));
CREATE INDEX people_email ON people (lower(email)) WHERE age IS NOT NULL;
CREATE INDEX people_age ON people (age, team);
CREATE TABLE badges (id bigint PRIMARY KEY, person bigint REFERENCES people (id) ON DELETE CASCADE);
CREATE VIEW teamed AS SELECT p.id, t.id AS team FROM people p JOIN teams t ON t.id = p.team;
INSERT INTO people
SELECT i, 'mail' || i, CASE WHEN i % 7 > 0 THEN (i % 90)::text END, 'first' || i || ' last' || i, 1 + i % 10
FROM generate_series(1, 4000) i;
INSERT INTO badges SELECT i, i FROM generate_series(1, 100) i";

/// What is read of the rows that nobody writes, before and after.
const DIGEST: &str =
    "SELECT md5(string_agg(concat_ws(',', id, email, age, full_name, team), ';' ORDER BY id))
    FROM people WHERE id <= 4000";

/// A pattern, and what is true of it.
struct Case {
    word: &'static str,
    fields: &'static [(&'static str, &'static str)],
    old: Rounds,
    /// From the first deploy gate to the last phase.
    new: Rounds,
    /// Rows on which the two sides do not agree, while both are there.
    apart: &'static str,
    /// Rows that are not what they should be after the last phase.
    wrong: &'static str,
    /// Whether the old version goes on to work after the contract.
    lasting: bool,
}

/// An application on fifty rows of its own.
async fn application(url: &str, rounds: &'static Rounds, first: i64) -> Application {
    let url = url.parse().expect("the URL");
    Application::start(&url, rounds, first..first + 50).await
}

/// A run of a pattern under kills.
struct Stage {
    database: Database,
    applied: Applied,
    kills: usize,
}

impl Stage {
    async fn execution(&self) -> String {
        self.database
            .text("SELECT id FROM bellows.execution ORDER BY started_at DESC, id DESC LIMIT 1")
            .await
            .expect("an execution")
    }

    /// Whether what was killed had begun and was not at its end.
    async fn under_way(&self, phase: u32) -> bool {
        let there = self
            .database
            .count("SELECT count(*) FROM pg_class WHERE oid = to_regclass('bellows.phase')")
            .await;
        there > 0
            && self
                .database
                .count(&format!(
                    "SELECT count(*) FROM bellows.execution e
                     WHERE e.state = 'rolling_back' OR EXISTS (
                        SELECT 1 FROM bellows.phase p
                        WHERE p.execution = e.id AND p.phase = {phase} AND p.state = 'running')"
                ))
                .await
                > 0
    }

    /// Starts it, kills it, and starts it again, until it comes to its end.
    async fn through(&mut self, phase: u32, start: impl Fn(&Applied) -> Child) {
        let (mut hit, mut tries) = (0, 0);
        let since = Instant::now();
        loop {
            tries += 1;
            assert!(
                since.elapsed() < Duration::from_secs(240),
                "phase {phase} does not come to an end: {}",
                self.applied.said()
            );
            let mut child = start(&self.applied);
            if hit < KILLS_OF_A_PHASE && tries < 40 {
                let life = rand::rng().random_range(30..700);
                tokio::time::sleep(Duration::from_millis(life)).await;
                if child.try_wait().expect("its status").is_none() {
                    // SIGKILL: no handler runs, nothing is flushed.
                    child.kill().expect("it can be killed");
                    child.wait().expect("it is gone");
                    if self.under_way(phase).await {
                        hit += 1;
                        self.kills += 1;
                    }
                    continue;
                }
            }
            let status = tokio::task::spawn_blocking(move || child.wait())
                .await
                .expect("it ends")
                .expect("its status");
            match status.code() {
                Some(0) => return,
                // A connection of one that was killed may hold the target for a moment.
                Some(3) => tokio::time::sleep(Duration::from_millis(100)).await,
                _ => panic!("phase {phase}: {status}"),
            }
        }
    }

    async fn forth(&mut self, phase: u32) {
        self.through(phase, |applied| applied.confirmed(phase))
            .await;
    }

    /// Everything is taken back, and nothing of it is left.
    async fn back(&mut self) {
        let id = self.execution().await;
        self.through(0, |applied| applied.roll_back(&id)).await;
    }

    async fn nothing_is_left(&self) {
        for (what, sql) in [
            (
                "a trigger",
                "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%bellows%'",
            ),
            (
                "a function",
                "SELECT count(*) FROM pg_proc WHERE pronamespace = 'bellows'::regnamespace",
            ),
            (
                "an index that is not valid",
                "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
            ),
            (
                // The server leaves those of a key's partitions as they were made, NOT VALID, when
                // it validates the key itself.
                "a constraint that is not validated",
                "SELECT count(*) FROM pg_constraint WHERE NOT convalidated AND conparentid = 0",
            ),
            (
                "a relation",
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
                 AND relname LIKE '%bellows%'",
            ),
        ] {
            assert_eq!(self.database.count(sql).await, 0, "{what} is left");
        }
    }
}

async fn document(database: &Database, case: &Case) -> Migration {
    let url = database.url.parse().expect("the URL");
    let target = Target::connect(&url).await.expect("the target");
    let schema = target.inspect().await.expect("its schema");
    let fields: BTreeMap<String, String> = case
        .fields
        .iter()
        .chain(&[("table", "people"), ("soak", "0")])
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    pattern::expand(case.word, &fields, Engine::PostgreSql, Some(&schema))
        .expect("the pattern fits")
}

/// The columns, indexes, constraints and views, as the catalogue prints them.
const SHAPE: &str = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT format('%s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                  pg_get_expr(d.adbin, d.adrelid)) AS line
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
       AND NOT a.attisdropped
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_viewdef(oid) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'v') AS lines(line)";

async fn killed_everywhere(case: &'static Case) {
    let database = Database::fresh().await;
    database.run(PEOPLE).await;
    let migration = document(&database, case).await;
    let applied = Applied::new(&emit(&migration), &database.url);
    let (shape, digest) = (database.text(SHAPE).await, database.text(DIGEST).await);
    let mut stage = Stage {
        database,
        applied,
        kills: 0,
    };
    let (contract, expand) = migration.phases.split_last().expect("phases");
    let url = stage.database.url.clone();
    let mut round = 0;
    loop {
        round += 1;
        let old = application(&url, &case.old, 1_000_000 * round).await;
        let mut new = None;
        for phase in expand {
            let deployed = phase
                .gate
                .as_ref()
                .is_some_and(|gate| gate.deploy.is_some());
            if new.is_none() && (deployed || case.lasting) {
                new = Some(application(&url, &case.new, 1_000_000 * round + 500_000).await);
            }
            stage.forth(phase.phase).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(
            stage.database.count(case.apart).await,
            0,
            "the two sides differ"
        );
        if stage.kills >= KILLS {
            // What the gate before the contract says: nobody of the old version is left.
            let lasting = if case.lasting {
                Some(old)
            } else {
                old.end("the old version").await;
                None
            };
            stage.forth(contract.phase).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(old) = lasting {
                old.end("the old version").await;
            }
            if let Some(new) = new {
                new.end("the new version").await;
            }
            break;
        }
        if let Some(new) = new.take() {
            new.end("the new version").await;
        }
        stage.back().await;
        old.end("the old version").await;
        stage.nothing_is_left().await;
        assert_eq!(
            stage.database.text(SHAPE).await,
            shape,
            "the schema is as before"
        );
        assert_eq!(
            stage.database.text(DIGEST).await,
            digest,
            "the rows are as before"
        );
    }
    assert_eq!(stage.database.count(case.wrong).await, 0, "rows are wrong");
    stage.nothing_is_left().await;
    let rows = "SELECT count(*) FROM people WHERE id <= 4000";
    assert_eq!(stage.database.count(rows).await, ROWS, "no row is lost");
    assert!(stage.kills >= KILLS, "only {} kills", stage.kills);
    stage.database.drop().await;
}

const OLD_MAIL: Rounds = Rounds {
    write: &[
        "INSERT INTO people (id, email, full_name) VALUES ({id}, 'new', 'a b') ON CONFLICT (id) DO NOTHING",
        "UPDATE people SET email = 'old{n}' WHERE id = {id}",
    ],
    read: "SELECT email FROM people WHERE id = {id}",
    means: "old{n}",
};

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_is_killed_everywhere() {
    static CASE: Case = Case {
        word: "rename-column",
        fields: &[("oldColumn", "email"), ("newColumn", "mail")],
        old: OLD_MAIL,
        new: Rounds {
            write: &[
                "INSERT INTO people (id, mail, full_name) VALUES ({id}, 'new', 'a b') ON CONFLICT (id) DO NOTHING",
                "UPDATE people SET mail = 'new{n}' WHERE id = {id}",
            ],
            read: "SELECT mail FROM people WHERE id = {id}",
            means: "new{n}",
        },
        apart: "SELECT count(*) FROM people WHERE email IS DISTINCT FROM mail",
        wrong: "SELECT count(*) FROM people WHERE id <= 4000 AND mail IS DISTINCT FROM 'mail' || id",
        lasting: false,
    };
    killed_everywhere(&CASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_type_is_killed_everywhere() {
    static CASE: Case = Case {
        word: "change-type",
        fields: &[
            ("column", "age"),
            ("newType", "integer"),
            ("newColumn", "years"),
            ("takeOver", "false"),
        ],
        old: Rounds {
            write: &[
                "INSERT INTO people (id, email, full_name) VALUES ({id}, 'new', 'a b') ON CONFLICT (id) DO NOTHING",
                "UPDATE people SET age = '{n}' WHERE id = {id}",
            ],
            read: "SELECT age FROM people WHERE id = {id}",
            means: "{n}",
        },
        new: Rounds {
            write: &[
                "INSERT INTO people (id, email, full_name) VALUES ({id}, 'new', 'a b') ON CONFLICT (id) DO NOTHING",
                "UPDATE people SET years = {n} WHERE id = {id}",
            ],
            read: "SELECT years::text FROM people WHERE id = {id}",
            means: "{n}",
        },
        apart: "SELECT count(*) FROM people WHERE age::integer IS DISTINCT FROM years",
        wrong: "SELECT count(*) FROM people WHERE id <= 4000
                AND years IS DISTINCT FROM CASE WHEN id % 7 > 0 THEN id % 90 END",
        lasting: false,
    };
    killed_everywhere(&CASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_is_killed_everywhere() {
    static CASE: Case = Case {
        word: "split-column",
        fields: &[
            ("column", "full_name"),
            (
                "parts",
                "given TEXT = split_part(full_name, ' ', 1); family TEXT = split_part(full_name, ' ', 2)",
            ),
            ("backward", "given || ' ' || family"),
        ],
        old: Rounds {
            write: &[
                "INSERT INTO people (id, email, full_name) VALUES ({id}, 'new', 'a b') ON CONFLICT (id) DO NOTHING",
                "UPDATE people SET full_name = 'given{n} family{n}' WHERE id = {id}",
            ],
            read: "SELECT full_name FROM people WHERE id = {id}",
            means: "given{n} family{n}",
        },
        new: Rounds {
            write: &[
                "INSERT INTO people (id, email, given, family) VALUES ({id}, 'new', 'a', 'b') ON CONFLICT (id) DO NOTHING",
                "UPDATE people SET given = 'g{n}', family = 'f{n}' WHERE id = {id}",
            ],
            read: "SELECT given || ' ' || family FROM people WHERE id = {id}",
            means: "g{n} f{n}",
        },
        apart: "SELECT count(*) FROM people WHERE full_name IS DISTINCT FROM given || ' ' || family",
        wrong: "SELECT count(*) FROM people WHERE id <= 4000
                AND (given IS DISTINCT FROM 'first' || id OR family IS DISTINCT FROM 'last' || id)",
        lasting: false,
    };
    killed_everywhere(&CASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioning_is_killed_everywhere() {
    static CASE: Case = Case {
        word: "partition-table",
        fields: &[
            ("column", "id"),
            ("from", "0"),
            ("to", "30000000"),
            ("size", "10000000"),
        ],
        old: OLD_MAIL,
        new: Rounds {
            write: &[
                "INSERT INTO people (id, email, full_name) VALUES ({id}, 'new', 'a b')",
                "UPDATE people SET email = 'new{n}' WHERE id = {id}",
                "DELETE FROM people WHERE id = {id}",
            ],
            read: "SELECT (count(*) || ' {n}') FROM people WHERE id = {id}",
            means: "0 {n}",
        },
        apart: "SELECT count(*) FROM ((SELECT id, email, age, full_name, team FROM people EXCEPT SELECT id, email, age, full_name, team FROM people_old)
             UNION ALL (SELECT id, email, age, full_name, team FROM people_old EXCEPT SELECT id, email, age, full_name, team FROM people)) d",
        wrong: "SELECT (SELECT count(*) FROM people WHERE id <= 4000 AND email IS DISTINCT FROM 'mail' || id)
                     + (SELECT count(*) FROM pg_class WHERE oid = 'people'::regclass AND relkind <> 'p')",
        lasting: true,
    };
    killed_everywhere(&CASE).await;
}
