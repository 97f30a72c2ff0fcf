//! The applications of before, between and after each pattern, on the table that the patterns are
//! tried on. All of them write the same values, each in its own terms, so that each reads what any
//! of the others wrote as it would have written it itself.

use bellows::document::Migration;

use crate::support::{Application, Round, Rounds, TestTarget};

/// Rows of the first of them begin here, and those of each of the others a hundred thousand later.
const FIRST: i64 = 1_000_000;

/// Knows every column of before.
static OLD: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"First\", \"order\", nick, city_id, team_id)
         VALUES ({id}, 'some body', 'w{n}@x', '1', 'f', 'o', 'w{id}', 1, 1)",
        "UPDATE \"People\" SET \"Full name\" = 'given{n} family{n}', email = 'v{n}@x', age = '{n}',
                \"First\" = 'g{n}', \"order\" = 'h{n}', nick = 'n{id}', city_id = 2 WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT \"Full name\" || '|' || email || '|' || age || '|' || \"First\" || ' ' || \"order\" || '|' || nick
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

const MEANS: &str = "given{n} family{n}|v{n}@x|{n}|g{n} h{n}|n{id}";

/// Every other row goes again, a while after; those of even rounds stay.
const FORGET: &str = "DELETE FROM \"People\" WHERE id = {id} - 3 AND {n} % 2 = 0";

/// Uses nothing that any pattern changes.
static LASTING: Rounds = Rounds {
    write: &["UPDATE \"People\" SET code = {n} WHERE id = 1"],
    read: "SELECT code FROM \"People\" WHERE id = 1",
    means: "{n}",
};

static EXTRA: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"First\", \"order\", nick, city_id, team_id, \"Extra\")
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', '{n}', 'g{n}', 'h{n}', 'n{id}', 1, 1, 'e')",
        "UPDATE \"People\" SET \"Extra\" = 'x{n}' WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT \"Full name\" || '|' || email || '|' || age || '|' || \"First\" || ' ' || \"order\" || '|' || nick
                  || CASE WHEN \"Extra\" <> 'x{n}' THEN '?' ELSE '' END
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

static POINTS: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"First\", \"order\", nick, city_id, team_id)
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', '{n}', 'g{n}', 'h{n}', 'n{id}', 1, 1)",
        "UPDATE \"People\" SET points = 1000 + {n} WHERE id = {id}",
        FORGET,
    ],
    // Of another version it is what the default or the backfill says, or nothing yet.
    read: "SELECT \"Full name\" || '|' || email || '|' || age || '|' || \"First\" || ' ' || \"order\" || '|' || nick
                  || CASE WHEN points <> 1000 + {n} AND points > 1000 THEN '?' ELSE '' END
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

static WITHOUT_NICK: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"First\", \"order\", city_id, team_id)
         VALUES ({id}, 'some body', 'w{n}@x', '1', 'f', 'o', 1, 1)",
        "UPDATE \"People\" SET \"Full name\" = 'given{n} family{n}', email = 'v{n}@x', age = '{n}',
                \"First\" = 'g{n}', \"order\" = 'h{n}' WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT \"Full name\" || '|' || email || '|' || age || '|' || \"First\" || ' ' || \"order\"
           FROM \"People\" WHERE id = {id}",
    means: "given{n} family{n}|v{n}@x|{n}|g{n} h{n}",
};

static RENAMED: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", \"Mail\", age, \"First\", \"order\", nick, city_id, team_id)
         VALUES ({id}, 'given{n} family{n}', 'w{n}@x', '{n}', 'g{n}', 'h{n}', 'n{id}', 1, 1)",
        "UPDATE \"People\" SET \"Mail\" = 'v{n}@x' WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT \"Full name\" || '|' || \"Mail\" || '|' || age || '|' || \"First\" || ' ' || \"order\" || '|' || nick
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

static NUMBERED: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age_new, \"First\", \"order\", nick, city_id, team_id)
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', 1, 'g{n}', 'h{n}', 'n{id}', 1, 1)",
        "UPDATE \"People\" SET age_new = {n} WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT \"Full name\" || '|' || email || '|' || age_new || '|' || \"First\" || ' ' || \"order\" || '|' || nick
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

/// Once the new column has taken the old one's name.
static NUMBERED_AFTER: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"First\", \"order\", nick, city_id, team_id)
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', 1, 'g{n}', 'h{n}', 'n{id}', 1, 1)",
        "UPDATE \"People\" SET age = {n} + 0 WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT \"Full name\" || '|' || email || '|' || (age + 0) || '|' || \"First\" || ' ' || \"order\" || '|' || nick
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

static SPLIT: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, given, family, email, age, \"First\", \"order\", nick, city_id, team_id)
         VALUES ({id}, 'some', 'body', 'v{n}@x', '{n}', 'g{n}', 'h{n}', 'n{id}', 1, 1)",
        "UPDATE \"People\" SET given = 'given{n}', family = 'family{n}' WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT given || ' ' || family || '|' || email || '|' || age || '|' || \"First\" || ' ' || \"order\" || '|' || nick
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

static MERGED: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"both\", nick, city_id, team_id)
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', '{n}', 'f o', 'n{id}', 1, 1)",
        "UPDATE \"People\" SET \"both\" = 'g{n} h{n}' WHERE id = {id}",
        FORGET,
    ],
    read: "SELECT \"Full name\" || '|' || email || '|' || age || '|' || \"both\" || '|' || nick
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

static WITH_JSON: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"First\", \"order\", nick, city_id, team_id, prefs)
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', '{n}', 'g{n}', 'h{n}', 'n{id}', 1, 1, '{\"theme\": \"any\"}')",
        "UPDATE \"People\" SET prefs = '{\"theme\": \"t{n}\"}' WHERE id = {id}",
        FORGET,
    ],
    // Another version's row has what the backfill says, or nothing yet.
    read: "SELECT \"Full name\" || '|' || email || '|' || age || '|' || \"First\" || ' ' || \"order\" || '|' || nick
                  || CASE WHEN CAST(prefs AS text) NOT IN ('{\"theme\": \"t{n}\"}', '{\"theme\": \"light\"}') THEN '?' ELSE '' END
           FROM \"People\" WHERE id = {id}",
    means: MEANS,
};

/// Marks what goes, and sees what lives.
static SOFT: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, \"First\", \"order\", nick, city_id, team_id)
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', '{n}', 'g{n}', 'h{n}', 'n{id}', 1, 1)",
        "UPDATE \"People\" SET deleted_at = CURRENT_TIMESTAMP WHERE id = {id} - 3 AND {n} % 2 = 0",
    ],
    read: "SELECT \"Full name\" || '|' || email || '|' || age || '|' || \"First\" || ' ' || \"order\" || '|' || nick
                  || CASE WHEN EXISTS (SELECT 1 FROM living WHERE id = {id} - 3 AND {n} % 2 = 0) THEN '?' ELSE '' END
           FROM living WHERE id = {id}",
    means: MEANS,
};

const WORDS: &str =
    "SELECT \"Full name\" || '|' || email || '|' || age || '|'
           || (SELECT \"Word\" FROM \"People's words\" WHERE \"People_id\" = {id} AND position = 1) || ' '
           || (SELECT \"Word\" FROM \"People's words\" WHERE \"People_id\" = {id} AND position = 2) || '|' || nick
     FROM \"People\" WHERE id = {id}";

/// Reads the new table, and writes the old one.
static READS_WORDS: Rounds = Rounds {
    write: OLD.write,
    read: WORDS,
    means: MEANS,
};

/// Knows the new table alone.
static WRITES_WORDS: Rounds = Rounds {
    write: &[
        "INSERT INTO \"People\" (id, \"Full name\", email, age, nick, city_id, team_id)
         VALUES ({id}, 'given{n} family{n}', 'v{n}@x', '{n}', 'n{id}', 1, 1)",
        "INSERT INTO \"People's words\" (\"People_id\", position, \"Word\") VALUES ({id}, 1, 'f'), ({id}, 2, 'h{n}')",
        "UPDATE \"People's words\" SET \"Word\" = 'g{n}' WHERE \"People_id\" = {id} AND position = 1",
        FORGET,
    ],
    read: WORDS,
    means: MEANS,
};

/// A version, and the phases that it is at work beside.
struct Version {
    who: &'static str,
    rounds: &'static Rounds,
    /// It is deployed before this phase begins.
    from: u32,
    /// It is gone before this one does.
    until: u32,
    /// Whether it writes all that the others read.
    whole: bool,
}

/// The versions that a pattern is for, the oldest first. Deploys are where the gates say; a version
/// that no gate waits for comes once what it uses is there.
fn of(word: &str, migration: &Migration) -> Vec<Version> {
    let last = migration.phases.last().map_or(0, |p| p.phase);
    let gates: Vec<u32> = migration
        .phases
        .iter()
        .filter(|p| p.gate.as_ref().is_some_and(|gate| gate.deploy.is_some()))
        .map(|p| p.phase)
        .collect();
    let gate = |n: usize| gates[n - 1];
    let (after, never) = (last + 1, u32::MAX);
    let version = |who, rounds, from, until| Version {
        who,
        rounds,
        from,
        until,
        whole: true,
    };
    let old = |until| version("the old version", &OLD, 0, until);
    let new = |rounds, from, until| version("the new version", rounds, from, until);
    let mut versions = match word {
        "add-nullable-column" => vec![old(never), new(&EXTRA, after, never)],
        "add-required-column" => vec![old(never), new(&POINTS, 2, never)],
        "remove-column" => vec![
            old(gate(1)),
            Version {
                whole: false,
                ..new(&WITHOUT_NICK, gate(1), never)
            },
        ],
        "rename-column" => vec![old(gate(2)), new(&RENAMED, gate(1), never)],
        "change-type" => vec![
            old(gate(2)),
            new(&NUMBERED, gate(1), last),
            version("the last version", &NUMBERED_AFTER, after, never),
        ],
        "split-column" => vec![old(gate(2)), new(&SPLIT, gate(1), never)],
        "merge-columns" => vec![old(gate(2)), new(&MERGED, gate(1), never)],
        "add-json-column" => vec![old(never), new(&WITH_JSON, 2, never)],
        "soft-delete" => vec![old(never), new(&SOFT, after, never)],
        "extract-table" => vec![
            old(gate(2)),
            new(&READS_WORDS, gate(1), gate(2)),
            version("the last version", &WRITES_WORDS, gate(2), never),
        ],
        // No application uses what these make by another name.
        "add-index" | "add-foreign-key" | "add-unique" | "partition-table" => vec![old(never)],
        other => panic!("nobody has thought of the applications of {other}"),
    };
    versions.push(Version {
        whole: false,
        ..version("whoever uses nothing of it", &LASTING, 0, never)
    });
    versions
}

/// The versions of a pattern, with those that are at work.
pub struct Versions<'t> {
    test: &'t TestTarget,
    all: Vec<Version>,
    at_work: Vec<Option<Application>>,
    /// The last round that one did before it ended.
    ended: Vec<Option<Round>>,
}

impl<'t> Versions<'t> {
    /// Those of before, at work.
    pub async fn start(test: &'t TestTarget, word: &str, migration: &Migration) -> Self {
        test.sql(&test.spoken(&format!("DELETE FROM \"People\" WHERE id >= {FIRST}")))
            .await;
        let all = of(word, migration);
        let mut versions = Self {
            test,
            at_work: all.iter().map(|_| None).collect(),
            ended: vec![None; all.len()],
            all,
        };
        versions.deploy(0).await;
        versions
    }

    /// What is deployed before that phase may begin.
    pub async fn deploy(&mut self, phase: u32) {
        for (number, version) in self.all.iter().enumerate() {
            let wanted = version.from <= phase && phase < version.until;
            let slot = &mut self.at_work[number];
            match slot.take() {
                Some(application) if wanted => *slot = Some(application),
                Some(application) => {
                    self.ended[number] = Some(application.end(version.who).await);
                }
                None if wanted && self.ended[number].is_none() => {
                    let first = FIRST + 100_000 * i64::try_from(number).unwrap();
                    let ids = first..first + 100_000;
                    let application = Application::start(&self.test.url, version.rounds, ids);
                    *slot = Some(application.await);
                }
                None => {}
            }
        }
        for application in self.at_work.iter_mut().flatten() {
            application.another_round().await;
        }
    }

    /// Every version that is at work reads what any of them has written.
    pub async fn read_each_other(&self, place: &str) {
        let readers = self.all.iter().zip(&self.at_work);
        for (reader, _) in readers.filter(|(reader, at_work)| reader.whole && at_work.is_some()) {
            self.reads_the_others(reader, place).await;
        }
    }

    async fn reads_the_others(&self, reader: &Version, place: &str) {
        let mut client = self.test.client().await;
        client.speak_the_standard().await;
        for (number, writer) in self.all.iter().enumerate().filter(|(_, w)| w.whole) {
            let now = self.at_work[number].as_ref().and_then(Application::last);
            let Some(last) = now.or(self.ended[number]) else {
                continue;
            };
            // The first of its rows, and the last one that stays.
            for n in [0, last.n - last.n % 2] {
                let round = Round {
                    n,
                    id: last.id - last.n + n,
                };
                if let Err(wrong) = reader.rounds.read(&mut client, round).await {
                    panic!("{place}: {} of {}: {wrong}", reader.who, writer.who);
                }
            }
        }
    }

    /// Only what knew the database before is at work from now on: the others' deploys were taken
    /// back.
    pub async fn withdraw(&mut self) {
        for (number, version) in self.all.iter().enumerate() {
            if version.from > 0
                && let Some(application) = self.at_work[number].take()
            {
                self.ended[number] = Some(application.end(version.who).await);
            }
        }
    }

    /// After everything was taken back: the old version works, and reads what all of them wrote,
    /// unless that is gone.
    pub async fn as_before(&mut self, gone: bool, place: &str) {
        let ids = FIRST + 900_000..FIRST + 1_000_000;
        let mut old = Application::start(&self.test.url, self.all[0].rounds, ids).await;
        old.another_round().await;
        old.end(place).await;
        if !gone {
            self.reads_the_others(&self.all[0], place).await;
        }
        self.end().await;
    }

    /// Ends all of them.
    pub async fn end(&mut self) {
        for (number, version) in self.all.iter().enumerate() {
            if let Some(application) = self.at_work[number].take() {
                self.ended[number] = Some(application.end(version.who).await);
            }
        }
    }
}
