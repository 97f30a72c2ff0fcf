//! What copying and comparing two tables needs beside the walk: the statements of a batch, and the
//! triggers without which a copy would be in vain.
//!
//! The triggers write in the transaction of the row's own change, so that one statement, which
//! sees one snapshot, finds both tables as they belong together, whoever writes meanwhile.

use std::collections::BTreeMap;

use bellows::document::Engine;
use bellows::plan::{TableCopy, WalkKey};
use bellows::schema::TableName;

use super::halt::Halt;
use super::run::Run;
use super::shadow_mysql::{self, Pair};
use super::shadow_sqlite;
use crate::target::Link;

/// Types without an equality that everybody agrees on: compared by their text.
const BY_TEXT: &[&str] = &[
    "json", "xml", "point", "box", "path", "polygon", "line", "lseg", "circle", "citext",
];

/// Whole numbers are in one order, whatever their size.
const WHOLE: &[&str] = &["smallint", "integer", "bigint"];

/// FROM over some of the table's rows.
fn from(copy: &TableCopy, rows: &str) -> String {
    match &copy.each {
        Some(each) => format!("{rows} AS {}, LATERAL {}", copy.alias, each.trim()),
        None => format!("{rows} AS {}", copy.alias),
    }
}

fn filter(copy: &TableCopy, word: &str) -> String {
    match &copy.filter {
        Some(sql) => format!(" {word} ({})", sql.trim()),
        None => String::new(),
    }
}

/// Copies the rows of a range. What is there already is newer, or the same from an earlier try.
pub(super) fn copy_sql(copy: &TableCopy, range: &str) -> String {
    let (columns, values): (Vec<&str>, Vec<&str>) = copy
        .columns
        .iter()
        .map(|(column, sql)| (column.as_str(), sql.as_str()))
        .unzip();
    let rows = format!(
        "(SELECT * FROM {} WHERE {range} {})",
        copy.table_sql,
        copy.lock.sql()
    );
    format!(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}{} ON CONFLICT ({}) DO NOTHING",
        copy.shadow_sql,
        columns.join(", "),
        values.join(", "),
        from(copy, &rows),
        filter(copy, "WHERE"),
        copy.conflict.join(", ")
    )
}

/// The comparison of a table with its copy.
pub(super) struct Comparison {
    copy: TableCopy,
    /// The copy's columns by their names as SQL, with their types.
    types: BTreeMap<String, String>,
    /// Where the walk's key is in the copy, as SQL; empty where the copy has another order.
    along: Vec<String>,
    /// MySQL and MariaDB: what is known of both tables.
    pair: Option<Pair>,
}

impl Comparison {
    pub(super) async fn new(link: &mut Link, copy: &TableCopy) -> Result<Self, sqlx::Error> {
        if link.engine() == Engine::Sqlite {
            return Ok(Self {
                along: copy.key_copies.clone(),
                copy: copy.clone(),
                types: BTreeMap::new(),
                pair: None,
            });
        }
        if link.engine().is_mysql_family() {
            let of = |table: &TableName| (table.schema.clone(), table.name.clone());
            let (table, shadow) = (of(&copy.table), of(&copy.shadow));
            let pair = Pair {
                source: shadow_mysql::columns(link, (table.0.as_deref(), &table.1)).await?,
                shadow: shadow_mysql::columns(link, (shadow.0.as_deref(), &shadow.1)).await?,
            };
            return Ok(Self {
                along: if pair.same_order(copy) {
                    copy.key_copies.clone()
                } else {
                    Vec::new()
                },
                copy: copy.clone(),
                types: BTreeMap::new(),
                pair: Some(pair),
            });
        }
        let rows = link
            .fetch_all(
                "SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
                &[copy.shadow_sql.as_str().into()],
            )
            .await?;
        let mut types = BTreeMap::new();
        for row in rows {
            if let (Some(column), Some(data_type)) = (row.text(0)?, row.text(1)?) {
                types.insert(bare(&column), data_type);
            }
        }
        let same_order = match &copy.key {
            WalkKey::Key { columns } => {
                columns.len() == copy.key_copies.len()
                    && columns.iter().zip(&copy.key_copies).all(|((_, was), c)| {
                        types.get(&bare(c)).is_some_and(|is| {
                            is == was
                                || (WHOLE.contains(&is.as_str()) && WHOLE.contains(&was.as_str()))
                        })
                    })
            }
            WalkKey::RowId { .. } | WalkKey::Ctid | WalkKey::Unknown => false,
        };
        Ok(Self {
            along: if same_order {
                copy.key_copies.clone()
            } else {
                Vec::new()
            },
            copy: copy.clone(),
            types,
            pair: None,
        })
    }

    /// What the rows of the source are called.
    pub(super) fn alias(&self) -> &str {
        &self.copy.alias
    }

    /// The key's columns in the copy, to bound a batch there too.
    pub(super) fn along(&self) -> Vec<String> {
        self.along.iter().map(|c| format!("kept.{c}")).collect()
    }

    /// The first difference of a range, in words; `there` is the range in the copy, where it has
    /// one.
    pub(super) async fn difference(
        &self,
        link: &mut Link,
        range: &str,
        there: &str,
        last: bool,
    ) -> Result<Option<String>, sqlx::Error> {
        let sql = match link.engine() {
            Engine::Sqlite => {
                let there = (!self.along.is_empty()).then_some(there);
                shadow_sqlite::compare_sql(&self.copy, range, there, last)
            }
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => self.sql(range, there, last),
        };
        let rows = link.raw_rows(&sql).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let (table, shadow) = (&self.copy.table, &self.copy.shadow);
        let key = row.text(1)?.unwrap_or_default();
        Ok(Some(match row.text(0)?.as_deref() {
            Some("other") => format!(
                "{shadow} does not hold what {table} does: the row whose key there is ({key}) is \
                 missing in {shadow}, or is another one"
            ),
            Some("more") => {
                format!("{shadow} holds what {table} does not: the row with the key ({key})")
            }
            Some(_) | None => {
                format!("{shadow} and {table} do not hold the same number of rows: {key}")
            }
        }))
    }

    fn cast(&self, column: &str) -> &'static str {
        let data_type = self.types.get(&bare(column)).map_or("", String::as_str);
        let plain = data_type.trim_end_matches("[]");
        if BY_TEXT.contains(&plain) {
            "::text"
        } else {
            ""
        }
    }

    fn sql(&self, range: &str, there: &str, last: bool) -> String {
        let copy = &self.copy;
        if let Some(pair) = &self.pair {
            return pair.sql(copy, &self.along, (range, there), last);
        }
        let values: Vec<String> = copy
            .columns
            .iter()
            .map(|(column, sql)| match self.types.get(&bare(column)) {
                // As the copy holds it: rounded, padded, in its type.
                Some(data_type) => format!("({sql})::{data_type} AS {column}"),
                None => format!("({sql}) AS {column}"),
            })
            .collect();
        let same: Vec<String> = copy
            .columns
            .iter()
            .map(|(column, _)| {
                let cast = self.cast(column);
                if copy.conflict.contains(column) {
                    format!("kept.{column} = said.{column}")
                } else {
                    format!("kept.{column}{cast} IS NOT DISTINCT FROM said.{column}{cast}")
                }
            })
            .collect();
        let key_of = |row: &str| {
            let texts: Vec<String> = copy
                .conflict
                .iter()
                .map(|c| format!("{row}.{c}::text"))
                .collect();
            format!("concat_ws(', ', {})", texts.join(", "))
        };
        let rows = format!("(SELECT * FROM {} WHERE {range})", copy.table_sql);
        let other = format!(
            "(SELECT 'other'::text, {} FROM (SELECT {} FROM {}{}) AS said
              WHERE NOT EXISTS (SELECT FROM {} AS kept WHERE {}) LIMIT 1)",
            key_of("said"),
            values.join(", "),
            from(copy, &rows),
            filter(copy, "WHERE"),
            copy.shadow_sql,
            same.join(" AND ")
        );
        if self.along.is_empty() {
            if !last {
                return other;
            }
            let counts = format!(
                "(SELECT 'count'::text, concat_ws(' and ', a.n, b.n)
                  FROM (SELECT count(*) AS n FROM {}) AS a,
                       (SELECT count(*) AS n FROM {}{}) AS b WHERE a.n <> b.n)",
                copy.shadow_sql,
                from(copy, &copy.table_sql),
                filter(copy, "WHERE")
            );
            return format!("{other} UNION ALL {counts}");
        }
        let own: Vec<String> = match &copy.key {
            WalkKey::Key { columns } => columns
                .iter()
                .zip(&self.along)
                .map(|((name, _), c)| {
                    format!(
                        "{}.\"{}\" = kept.{c}",
                        copy.alias,
                        name.replace('"', "\"\"")
                    )
                })
                .collect(),
            WalkKey::RowId { .. } | WalkKey::Ctid | WalkKey::Unknown => Vec::new(),
        };
        let places: Vec<String> = copy
            .columns
            .iter()
            .filter(|(column, _)| copy.conflict.contains(column))
            .map(|(column, sql)| format!("({sql}) = kept.{column}"))
            .collect();
        let more = format!(
            "(SELECT 'more'::text, {} FROM {} AS kept WHERE {there}
              AND NOT EXISTS (SELECT FROM {} WHERE {} AND {}{}) LIMIT 1)",
            key_of("kept"),
            copy.shadow_sql,
            from(copy, &copy.table_sql),
            own.join(" AND "),
            places.join(" AND "),
            filter(copy, "AND")
        );
        format!("{other} UNION ALL {more}")
    }
}

/// A name without its quotes, to look it up however it was quoted.
fn bare(name: &str) -> String {
    match name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

impl Run<'_> {
    /// Without the triggers, writes since the copy began would be missing in it: they are looked
    /// for whenever a copy or a comparison begins or goes on.
    pub(super) async fn in_step(&mut self, copy: &TableCopy) -> Result<(), Halt> {
        if self.session.link.engine() == Engine::Sqlite {
            return self.in_step_on_sqlite(copy).await;
        }
        if self.session.link.engine().is_mysql_family() {
            return self.in_step_mysql(copy).await;
        }
        let row = self
            .session
            .link
            .fetch_one(
                "SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid AND tgname IN ($2, $3)
                            AND tgenabled = 'A'),
                        row_security_active(c.oid)
                 FROM pg_class c WHERE c.oid = to_regclass($1)",
                &[
                    copy.table_sql.as_str().into(),
                    copy.trigger.as_str().into(),
                    format!("{}_truncate", copy.trigger).into(),
                ],
            )
            .await?;
        if row.int(0)? != Some(2) {
            return Err(Halt::Fail(format!(
                "the triggers that keep {} in step with {} are not there, or are switched off: \
                 writes have been missed, and the copy must begin anew",
                copy.shadow, copy.table
            )));
        }
        if row.truth(1)? {
            return Err(Halt::Fail(format!(
                "row security of {} is in force for the user that Bellows works as: rows that it \
                 cannot see would be missing in the copy. Let it work as one that bypasses it",
                copy.table
            )));
        }
        Ok(())
    }
}
