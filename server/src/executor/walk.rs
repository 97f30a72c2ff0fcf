//! The SQL of a walk: along a key, or along pages where a table has none.

use bellows::document::Engine;
use bellows::plan::{TableCopy, WalkKey};

use super::batch::Batch;
use super::checkpoint::{Checkpoint, Part};
use super::job::Job;
use super::shadow::{Comparison, copy_sql};
use super::{shadow_mysql, shadow_sqlite, walk_mysql};
use crate::target::{Link, Row};

/// Tables up to this size are counted where the statistics know nothing; larger ones are not.
const COUNTED_BYTES: i64 = 64 << 20;

/// Bytes of a page.
const PAGE: i64 = 8192;

/// The pages that a walk's cuts are taken from.
const SAMPLED_PAGES: f64 = 400.0;

/// The condition of rows with work left, so that it bounds no search: along the key is the only
/// way that does not get longer, and an index of the column that is filled must not look better to
/// a planner who knows nothing of the table.
fn pending(engine: Engine, sql: &str) -> String {
    match engine {
        Engine::PostgreSql => format!("({sql}) IS TRUE"),
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => format!("({sql})"),
    }
}

/// How a table is walked.
pub(super) struct Walk {
    engine: Engine,
    table: String,
    along: Along,
    work: Work,
}

/// What is done with the rows of a range.
enum Work {
    /// `UPDATE t SET ...`, and the condition that a row has work left.
    Fill { update: String, pending: String },
    /// They are copied.
    Copy(Box<TableCopy>),
    /// They are copied on MySQL or MariaDB, perhaps row by row.
    CopyMysql(Box<TableCopy>, bool),
    /// They are compared with their copies.
    Compare(Box<Comparison>),
}

/// What was done with a range.
struct Done {
    changed: u64,
    wrong: Option<String>,
}

enum Along {
    /// The key's columns as SQL, and their types (empty on SQLite).
    Key(Vec<(String, String)>),
    /// PostgreSQL's pages.
    Pages,
}

impl Walk {
    /// The error says why the table cannot be walked.
    pub(super) async fn new(
        link: &mut Link,
        job: Job<'_>,
    ) -> Result<Result<Self, String>, sqlx::Error> {
        let engine = link.engine();
        let quote = |name: &str| match engine {
            Engine::PostgreSql | Engine::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
            Engine::MySql | Engine::MariaDb => walk_mysql::quote(name),
        };
        let along = match job.key() {
            WalkKey::Key { columns } if !columns.is_empty() => Along::Key(
                columns
                    .iter()
                    .map(|(name, data_type)| (quote(name), data_type.clone()))
                    .collect(),
            ),
            WalkKey::RowId { name } => Along::Key(vec![(name.clone(), String::new())]),
            WalkKey::Ctid => Along::Pages,
            WalkKey::Key { .. } | WalkKey::Unknown => {
                return Ok(Err(format!(
                    "the key of {} was not known when this was planned; plan it against the target",
                    job.table()
                )));
            }
        };
        let work = match job {
            Job::Fill(fill) => Work::Fill {
                update: format!("UPDATE {} SET {}", fill.table_sql, fill.set_sql),
                pending: pending(engine, &fill.pending_sql),
            },
            Job::Copy(copy) if engine.is_mysql_family() => {
                let by_row = shadow_mysql::goes_by_row(link, copy).await?;
                Work::CopyMysql(Box::new(copy.clone()), by_row)
            }
            Job::Copy(copy) => Work::Copy(Box::new(copy.clone())),
            Job::Compare(copy) => Work::Compare(Box::new(Comparison::new(link, copy).await?)),
        };
        Ok(Ok(Self {
            engine,
            table: job.table_sql().to_owned(),
            along,
            work,
        }))
    }

    /// Where the walk ends: the last key there is now, or the number of pages.
    pub(super) async fn upper(&self, link: &mut Link) -> Result<Option<Vec<String>>, sqlx::Error> {
        let sql = match &self.along {
            Along::Pages => {
                let row = link
                    .fetch_one(
                        "SELECT (pg_relation_size(to_regclass($1)) / $2)::bigint",
                        &[self.table.as_str().into(), PAGE.into()],
                    )
                    .await?;
                let pages = row.int(0)?.unwrap_or(0);
                return Ok((pages > 0).then(|| vec![pages.to_string()]));
            }
            Along::Key(columns) => {
                let down: Vec<String> = columns
                    .iter()
                    .map(|(name, _)| format!("{name} DESC"))
                    .collect();
                format!(
                    "SELECT {} FROM {} ORDER BY {} LIMIT 1",
                    self.texts(),
                    self.table,
                    down.join(", ")
                )
            }
        };
        match link.raw_rows(&sql).await?.first() {
            Some(row) => Ok(Some(self.literals(row)?)),
            None => Ok(None),
        }
    }

    /// A small read of the table: the row with the last key of the walk, where there is one.
    pub(super) fn probe(&self, at: &Checkpoint) -> Option<String> {
        let row = match &self.along {
            Along::Key(_) => self.compare_each(at.upper.as_ref()?),
            Along::Pages => "ctid = '(0,1)'::tid".to_owned(),
        };
        Some(format!("SELECT 1 FROM {} WHERE {row}", self.table))
    }

    /// `a = 1 AND b = 2`.
    fn compare_each(&self, literals: &[String]) -> String {
        let parts: Vec<String> = self
            .columns()
            .iter()
            .zip(literals)
            .map(|((name, _), literal)| format!("{name} = {literal}"))
            .collect();
        parts.join(" AND ")
    }

    /// Rows to walk: exact where that is cheap, else as the statistics estimate.
    pub(super) async fn count(&self, link: &mut Link, job: Job<'_>) -> Result<u64, sqlx::Error> {
        if self.engine == Engine::PostgreSql {
            let row = link
                .fetch_one(
                    "SELECT CASE WHEN reltuples >= 0 AND relpages > 0
                                 THEN (reltuples / relpages)::float8
                                      * pg_relation_size(oid) / $2
                                 ELSE -1 END::bigint,
                            pg_relation_size(oid)::bigint
                     FROM pg_class WHERE oid = to_regclass($1)",
                    &[self.table.as_str().into(), PAGE.into()],
                )
                .await?;
            let estimate = row.int(0)?.unwrap_or(-1);
            if let Ok(rows) = u64::try_from(estimate) {
                return Ok(rows);
            }
            if row.int(1)?.unwrap_or(0) > COUNTED_BYTES {
                return Ok(job.estimated_rows());
            }
        }
        if self.engine.is_mysql_family() {
            let row = link
                .fetch_optional(
                    "SELECT CAST(table_rows AS signed), CAST(data_length AS signed)
                     FROM information_schema.tables
                     WHERE table_schema = coalesce($1, database()) AND table_name = $2",
                    &[
                        job.table().schema.clone().into(),
                        job.table().name.as_str().into(),
                    ],
                )
                .await?;
            if let Some(row) = row
                && row.int(1)?.unwrap_or(0) > COUNTED_BYTES
            {
                return Ok(row.int(0)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0));
            }
        }
        let rows = link
            .fetch_one(&format!("SELECT count(*) FROM {}", self.table), &[])
            .await?
            .int(0)?;
        Ok(rows.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
    }

    /// Keys that cut the walk into about so many parts: each part ends with one, and the last one
    /// with the walk. None where it goes on a way that cannot be cut.
    ///
    /// They are taken from a sample of the pages, which is had quickly from every table, analysed
    /// or not, whatever its key.
    pub(super) async fn cuts(
        &self,
        link: &mut Link,
        upper: &[String],
        parts: u64,
    ) -> Result<Vec<Vec<String>>, sqlx::Error> {
        if self.engine != Engine::PostgreSql || parts < 2 || self.columns().is_empty() {
            return Ok(Vec::new());
        }
        let pages = link
            .fetch_one(
                "SELECT (greatest(pg_relation_size(to_regclass($1)),
                                  (SELECT sum(pg_relation_size(relid))
                                   FROM pg_partition_tree(to_regclass($1)))) / $2)::bigint",
                &[self.table.as_str().into(), PAGE.into()],
            )
            .await?
            .int(0)?
            .unwrap_or(0)
            .max(1);
        let percent = (SAMPLED_PAGES * 100.0 / pages as f64).min(100.0);
        let names = self.names();
        let sql = format!(
            "SELECT {} FROM (SELECT {names}, row_number() OVER (ORDER BY {names}) AS \"bellows n\",
                    count(*) OVER () AS \"bellows of\"
                FROM {} TABLESAMPLE SYSTEM ({percent}) WHERE {}) sample
             WHERE \"bellows n\" % greatest(\"bellows of\" / {parts}, 1) = 0 ORDER BY {names}",
            self.texts(),
            self.table,
            self.compare("<", upper)
        );
        let rows = link.raw_rows(&sql).await?;
        rows.iter().map(|row| self.literals(row)).collect()
    }

    /// Does the next batch, inside the caller's transaction, which `begin` begins where it is not
    /// empty: the first query takes it along.
    pub(super) async fn batch(
        &self,
        link: &mut Link,
        part: &Part,
        rows: u32,
        begin: &str,
    ) -> Result<Batch, sqlx::Error> {
        let at = &part.at;
        let Some(upper) = &at.upper else {
            if !begin.is_empty() {
                link.raw(begin).await?;
            }
            // The table was empty. Its copy must be, too.
            let done = match &self.work {
                Work::Compare(_) => self.range(link, None, None).await?,
                Work::Fill { .. } | Work::Copy(_) | Work::CopyMysql(_, _) => Done::nothing(),
            };
            return Ok(Batch {
                next: at.clone(),
                walked: 0,
                last: true,
                wrong: done.wrong,
            });
        };
        match &self.along {
            Along::Key(_) => self.key_batch(link, part, upper, (rows, begin)).await,
            Along::Pages => {
                link.raw(begin).await?;
                self.page_batch(link, at, upper, rows).await
            }
        }
    }

    async fn key_batch(
        &self,
        link: &mut Link,
        part: &Part,
        upper: &[String],
        (rows, begin): (u32, &str),
    ) -> Result<Batch, sqlx::Error> {
        let at = &part.at;
        let from = match &at.position {
            Some(position) => format!("{} AND ", self.compare(">", position)),
            None => String::new(),
        };
        let names = self.names();
        let boundary = format!(
            "{begin}{}SELECT {} FROM {} WHERE {from}{} ORDER BY {names} LIMIT 1 OFFSET {}",
            if begin.is_empty() { "" } else { "; " },
            self.texts(),
            self.table,
            self.compare("<=", upper),
            rows.saturating_sub(1)
        );
        let (to, walked) = match link.raw_rows(&boundary).await?.first() {
            Some(row) => (self.literals(row)?, u64::from(rows)),
            None => {
                let rest = format!(
                    "SELECT count(*) FROM {} WHERE {from}{}",
                    self.table,
                    self.compare("<=", upper)
                );
                let rows = match link.raw_rows(&rest).await?.first() {
                    Some(row) => row.int(0)?.unwrap_or(0),
                    None => 0,
                };
                (upper.to_vec(), u64::try_from(rows).unwrap_or(0))
            }
        };
        let last = to == upper;
        let done = self
            .range(
                link,
                at.position.as_deref(),
                Some(&to)
                    .filter(|_| !(last && part.open))
                    .map(Vec::as_slice),
            )
            .await?;
        Ok(Batch {
            next: Checkpoint {
                position: Some(to),
                walked: at.walked + walked,
                changed: at.changed + done.changed,
                ..at.clone()
            },
            walked,
            last,
            wrong: done.wrong,
        })
    }

    /// The work of the rows after one key, and up to another.
    async fn range(
        &self,
        link: &mut Link,
        after: Option<&[String]>,
        to: Option<&[String]>,
    ) -> Result<Done, sqlx::Error> {
        let names = |names: &[String]| -> String {
            let mut parts: Vec<String> = Vec::new();
            parts.extend(after.map(|key| compare(self.engine, names, ">", key)));
            parts.extend(to.map(|key| compare(self.engine, names, "<=", key)));
            if parts.is_empty() {
                return "true".to_owned();
            }
            parts.join(" AND ")
        };
        // Beside the rows that are made of each one, a bare name may be one of theirs.
        let alias = match &self.work {
            Work::CopyMysql(copy, _) => format!("{}.", copy.alias),
            Work::Compare(comparison) if self.engine.is_mysql_family() => {
                format!("{}.", comparison.alias())
            }
            Work::Fill { .. } | Work::Copy(_) | Work::Compare(_) => String::new(),
        };
        let own: Vec<String> = self
            .columns()
            .iter()
            .map(|(n, _)| format!("{alias}{n}"))
            .collect();
        let range = names(&own);
        match &self.work {
            Work::Fill { update, pending } => {
                let sql = format!("{update} WHERE {range} AND {pending}");
                Ok(Done {
                    changed: link.raw(&sql).await?,
                    wrong: None,
                })
            }
            Work::Copy(copy) => {
                let sql = match self.engine {
                    Engine::Sqlite => shadow_sqlite::copy_sql(copy, &range),
                    Engine::PostgreSql | Engine::MySql | Engine::MariaDb => copy_sql(copy, &range),
                };
                Ok(Done {
                    changed: link.raw(&sql).await?,
                    wrong: None,
                })
            }
            Work::CopyMysql(copy, by_row) => Ok(Done {
                changed: shadow_mysql::copy(link, copy, &range, *by_row).await?,
                wrong: None,
            }),
            Work::Compare(comparison) => {
                let there = names(&comparison.along());
                let wrong = comparison
                    .difference(link, &range, &there, to.is_none())
                    .await?;
                Ok(Done { changed: 0, wrong })
            }
        }
    }

    /// Rows move when they are changed, and may move behind the walk: it sweeps until a sweep
    /// finds nothing to change, or no less than the one before (such rows stay pending for ever).
    async fn page_batch(
        &self,
        link: &mut Link,
        at: &Checkpoint,
        upper: &[String],
        rows: u32,
    ) -> Result<Batch, sqlx::Error> {
        let number = |list: Option<&[String]>, index: usize| -> Option<u64> {
            list.and_then(|l| l.get(index)).and_then(|n| n.parse().ok())
        };
        let pages = number(Some(upper), 0).unwrap_or(0);
        let from = number(at.position.as_deref(), 0).unwrap_or(0);
        let before = number(at.position.as_deref(), 1);
        let density = (at.total / pages.max(1)).max(1);
        let to = (from + (u64::from(rows) / density).max(1)).min(pages);
        let range = format!("ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid");
        let changed = match &self.work {
            Work::Fill { update, pending } => {
                link.raw(&format!("{update} WHERE {range} AND {pending}"))
                    .await?
            }
            // Rows change their place on the pages: only a key leads to all of them.
            Work::Copy(_) | Work::CopyMysql(_, _) | Work::Compare(_) => 0,
        };
        let walked = (to - from) * density;
        let swept = at.swept + changed;
        let mut next = Checkpoint {
            position: Some(page_position(to, before)),
            // A second sweep walks no new rows.
            walked: if at.sweep > 0 {
                at.total
            } else {
                (at.walked + walked).min(at.total)
            },
            changed: at.changed + changed,
            swept,
            ..at.clone()
        };
        let mut last = false;
        if to >= pages {
            last = swept == 0 || before.is_some_and(|before| swept >= before);
            next.position = Some(page_position(0, Some(swept)));
            next.sweep += 1;
            next.swept = 0;
            next.walked = at.total;
            if !last {
                next.upper = self.upper(link).await?;
            }
        }
        Ok(Batch {
            next,
            walked,
            last,
            wrong: None,
        })
    }

    fn columns(&self) -> &[(String, String)] {
        match &self.along {
            Along::Key(columns) => columns,
            Along::Pages => &[],
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.columns().iter().map(|(n, _)| n.as_str()).collect();
        names.join(", ")
    }

    /// The key's columns as text that [`Self::literals`] understands. Under names of their own:
    /// `ORDER BY id` beside `SELECT id::text` would sort the text.
    fn texts(&self) -> String {
        let texts: Vec<String> = self
            .columns()
            .iter()
            .enumerate()
            .map(|(n, (name, data_type))| match self.engine {
                Engine::PostgreSql => format!("{name}::text AS \"bellows key {n}\""),
                Engine::MySql | Engine::MariaDb => {
                    format!("{} AS `bellows key {n}`", walk_mysql::text(name, data_type))
                }
                Engine::Sqlite => format!("quote({name}) AS \"bellows key {n}\""),
            })
            .collect();
        texts.join(", ")
    }

    /// A row of [`Self::texts`] as SQL literals of the columns' own types.
    fn literals(&self, row: &Row) -> Result<Vec<String>, sqlx::Error> {
        self.columns()
            .iter()
            .enumerate()
            .map(|(index, (_, data_type))| {
                let text = row.text(index)?.unwrap_or_default();
                Ok(match self.engine {
                    Engine::PostgreSql => {
                        format!("'{}'::{data_type}", text.replace('\'', "''"))
                    }
                    Engine::MySql | Engine::MariaDb | Engine::Sqlite => text,
                })
            })
            .collect()
    }

    fn compare(&self, operator: &str, literals: &[String]) -> String {
        let names: Vec<String> = self.columns().iter().map(|(n, _)| n.clone()).collect();
        compare(self.engine, &names, operator, literals)
    }
}

impl Done {
    fn nothing() -> Self {
        Self {
            changed: 0,
            wrong: None,
        }
    }
}

fn compare(engine: Engine, names: &[String], operator: &str, literals: &[String]) -> String {
    if engine.is_mysql_family() {
        return walk_mysql::compare(names, operator, literals);
    }
    match (names, literals) {
        ([name], [literal]) => format!("{name} {operator} {literal}"),
        (_, _) => format!(
            "({}) {operator} ({})",
            names.join(", "),
            literals.join(", ")
        ),
    }
}

fn page_position(page: u64, before: Option<u64>) -> Vec<String> {
    let mut position = vec![page.to_string()];
    position.extend(before.map(|rows| rows.to_string()));
    position
}
