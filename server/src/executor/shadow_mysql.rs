//! The batches of a copy and of its comparison on MySQL and MariaDB.
//!
//! A batch locks the rows that it reads, and waits for none of them: a writer that holds one and
//! waits for another would else be the one whom the server picks to end the knot. What it misses
//! is tried again. The comparison is one statement, which sees one snapshot of both tables.

use std::collections::BTreeMap;

use bellows::document::Engine;
use bellows::plan::{TableCopy, WalkKey};

use super::halt::Halt;
use super::run::Run;
use super::walk_mysql::quote;
use crate::target::Link;

/// Columns by their names, each with its type and, for texts, its collation.
pub(super) type Columns = BTreeMap<String, (String, Option<String>)>;

/// The columns of a table.
pub(super) async fn columns(
    link: &mut Link,
    (schema, table): (Option<&str>, &str),
) -> Result<Columns, sqlx::Error> {
    let rows = link
        .fetch_all(
            "SELECT column_name, column_type, collation_name FROM information_schema.columns
             WHERE table_schema = coalesce($1, database()) AND table_name = $2",
            &[schema.map(str::to_owned).into(), table.into()],
        )
        .await?;
    let mut out = Columns::new();
    for row in rows {
        if let (Some(column), Some(data_type)) = (row.text(0)?, row.text(1)?) {
            out.insert(column, (data_type, row.text(2)?));
        }
    }
    Ok(out)
}

/// A name without its quotes.
fn bare(name: &str) -> String {
    match name.strip_prefix('`').and_then(|n| n.strip_suffix('`')) {
        Some(inner) => inner.replace("``", "`"),
        None => name.to_owned(),
    }
}

/// FROM over the table's rows, and what is made of each.
fn from(copy: &TableCopy) -> String {
    let each = match &copy.each {
        Some(each) => format!(", {}", each.trim()),
        None => String::new(),
    };
    format!("{} AS {}{each}", copy.table_sql, copy.alias)
}

/// The condition that a row of the range is copied.
fn within(copy: &TableCopy, range: &str) -> String {
    match &copy.filter {
        Some(sql) => format!("{range} AND ({})", sql.trim()),
        None => range.to_owned(),
    }
}

/// Whether an INSERT ... SELECT into the copy would keep its numbering locked to its end: then two
/// writers who wait for that, each with rows of the other, would be a knot. MariaDB can go row by
/// row instead. MySQL cannot, and locks so only where it was told to.
pub(super) async fn goes_by_row(link: &mut Link, copy: &TableCopy) -> Result<bool, sqlx::Error> {
    if link.engine() != Engine::MariaDb {
        return Ok(false);
    }
    link.fetch_one(
        "SELECT count(*) FROM information_schema.columns
         WHERE table_schema = coalesce($1, database()) AND table_name = $2
           AND extra LIKE '%auto_increment%' AND @@innodb_autoinc_lock_mode < 2",
        &[
            copy.shadow.schema.clone().into(),
            copy.shadow.name.as_str().into(),
        ],
    )
    .await?
    .truth(0)
}

/// Copies the rows of a range, and gives how many were not there. What is there already is newer,
/// or the same from an earlier try.
pub(super) async fn copy(
    link: &mut Link,
    copy: &TableCopy,
    range: &str,
    by_row: bool,
) -> Result<u64, sqlx::Error> {
    let columns: Vec<&str> = copy
        .columns
        .iter()
        .map(|(column, _)| column.as_str())
        .collect();
    let values: Vec<String> = copy
        .columns
        .iter()
        .map(|(column, sql)| format!("{sql} AS {column}"))
        .collect();
    let select = format!(
        "SELECT {} FROM {} WHERE {}",
        values.join(", "),
        from(copy),
        within(copy, range)
    );
    let insert = format!("INSERT INTO {} ({})", copy.shadow_sql, columns.join(", "));
    // A row that is there by another unique key is not this one, and two values are an error.
    let same: Vec<String> = copy
        .conflict
        .iter()
        .map(|c| format!("{}.{c} <=> VALUES({c})", copy.shadow_sql))
        .collect();
    let first = copy.conflict.first().map_or("", String::as_str);
    let there = format!(
        "ON DUPLICATE KEY UPDATE {0}.{first} = IF({1}, {0}.{first}, (SELECT 1 UNION ALL SELECT 2))",
        copy.shadow_sql,
        same.join(" AND ")
    );
    if !by_row {
        let locking = match link.engine() {
            // What is made of each row is a table that it cannot lock.
            Engine::MySql => format!("FOR SHARE OF {} NOWAIT", copy.alias),
            Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => {
                "LOCK IN SHARE MODE NOWAIT".to_owned()
            }
        };
        return link
            .raw(&format!("{insert} {select} {locking} {there}"))
            .await;
    }
    // Within a block the server takes no NOWAIT, but a wait of no time.
    let of_row: Vec<String> = columns.iter().map(|c| format!("copied.{c}")).collect();
    link.raw(&format!(
        "SET @bellows_copied = 0, SESSION innodb_lock_wait_timeout = 0; \
         BEGIN NOT ATOMIC \
         FOR copied IN ({select} LOCK IN SHARE MODE) DO \
         {insert} VALUES ({}) {there}; \
         SET @bellows_copied = @bellows_copied + row_count(); \
         END FOR; END; \
         SET SESSION innodb_lock_wait_timeout = 1",
        of_row.join(", ")
    ))
    .await?;
    let row = link
        .fetch_one("SELECT CAST(@bellows_copied AS signed)", &[])
        .await?;
    Ok(row.int(0)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// The first word of a type.
fn word(data_type: &str) -> &str {
    data_type
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default()
}

fn is_whole(data_type: &str) -> bool {
    matches!(
        word(data_type),
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint"
    )
}

/// Both tables, as the comparison needs to know them.
pub(super) struct Pair {
    pub(super) source: Columns,
    pub(super) shadow: Columns,
}

impl Pair {
    /// Whether a walk along the source's key meets the copies in the same order.
    pub(super) fn same_order(&self, copy: &TableCopy) -> bool {
        let WalkKey::Key { columns } = &copy.key else {
            return false;
        };
        columns.len() == copy.key_copies.len()
            && columns.iter().zip(&copy.key_copies).all(|((was, _), is)| {
                match (self.source.get(was), self.shadow.get(&bare(is))) {
                    (Some(was), Some(is)) => was == is || (is_whole(&was.0) && is_whole(&is.0)),
                    (_, _) => false,
                }
            })
    }

    /// The condition that the copy holds what the expression gives, as its type holds it.
    fn same(&self, column: &str, sql: &str) -> String {
        let (kept, said) = (format!("kept.{column}"), format!("said.{column}"));
        let Some((data_type, _)) = self.shadow.get(&bare(column)) else {
            return format!("{kept} <=> {said}");
        };
        let from = self.source.get(&bare(sql)).map(|(t, _)| t.as_str());
        let text = |value: &str| format!("CAST(CONVERT({value} USING utf8mb4) AS BINARY)");
        let as_type = |cast: &str| format!("{kept} <=> CAST({said} AS {cast})");
        // `(10,2)`, `(6)`: what stands behind the type's word.
        let size = data_type
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .map_or(String::new(), |(size, _)| format!("({size})"));
        let as_it_was = from == Some(data_type.as_str());
        match word(data_type) {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year"
                if !as_it_was && !from.is_some_and(is_whole) =>
            {
                // Rounded, as it was when it was written.
                format!("{kept} <=> CAST({said} AS decimal(65,0))")
            }
            "decimal" if !as_it_was => as_type(&format!("decimal{size}")),
            "char" => format!(
                "{} <=> {}",
                text(&format!("rtrim({kept})")),
                text(&format!("rtrim({said})"))
            ),
            "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                format!("{} <=> {}", text(&kept), text(&said))
            }
            // A text is taken for one of the words by their collation.
            "enum" | "set" if as_it_was => {
                format!("{} <=> {}", text(&kept), text(&said))
            }
            "enum" | "set" => {
                format!("CONVERT({kept} USING utf8mb4) <=> CONVERT({said} USING utf8mb4)")
            }
            "date" if !as_it_was => as_type("date"),
            "time" if !as_it_was => as_type(&format!("time{size}")),
            "datetime" | "timestamp" if !as_it_was => as_type(&format!("datetime{size}")),
            "json" if !as_it_was => as_type("json"),
            // What is rounded to a short number is compared by what that shows.
            "float" | "double" if !as_it_was => {
                format!("({kept} <=> {said} OR abs({kept} - {said}) <= 1e-5 * abs({kept}))")
            }
            _ => format!("{kept} <=> {said}"),
        }
    }

    /// The comparison of a range; `there` is the range in the copy, where it has one.
    pub(super) fn sql(
        &self,
        copy: &TableCopy,
        along: &[String],
        (range, there): (&str, &str),
        last: bool,
    ) -> String {
        let values: Vec<String> = copy
            .columns
            .iter()
            .map(|(column, sql)| format!("({sql}) AS {column}"))
            .collect();
        let place: Vec<String> = copy
            .conflict
            .iter()
            .map(|c| format!("kept.{c} = said.{c}"))
            .collect();
        let mut wrong: Vec<String> = copy
            .conflict
            .first()
            .map(|c| format!("kept.{c} IS NULL"))
            .into_iter()
            .collect();
        wrong.extend(
            copy.columns
                .iter()
                .map(|(column, sql)| format!("NOT ({})", self.same(column, sql))),
        );
        let key_of = |row: &str| {
            let texts: Vec<String> = copy
                .conflict
                .iter()
                .map(|c| format!("CONVERT({row}.{c} USING utf8mb4)"))
                .collect();
            format!("concat_ws(', ', {})", texts.join(", "))
        };
        let other = format!(
            "(SELECT 'other', {} FROM (SELECT {} FROM {} WHERE {}) AS said LEFT JOIN {} AS kept ON {} WHERE {} LIMIT 1)",
            key_of("said"),
            values.join(", "),
            from(copy),
            within(copy, range),
            copy.shadow_sql,
            place.join(" AND "),
            wrong.join(" OR ")
        );
        if along.is_empty() {
            if !last {
                return other;
            }
            let counts = format!(
                "(SELECT 'count', concat_ws(' and ', a.n, b.n) FROM (SELECT count(*) AS n FROM {}) AS a, (SELECT count(*) AS n FROM {} WHERE {}) AS b WHERE a.n <> b.n)",
                copy.shadow_sql,
                from(copy),
                within(copy, "true")
            );
            return format!("{other} UNION ALL {counts}");
        }
        let own: Vec<String> = match &copy.key {
            WalkKey::Key { columns } => columns
                .iter()
                .zip(along)
                .map(|((name, _), c)| format!("{}.{} = kept.{c}", copy.alias, quote(name)))
                .collect(),
            WalkKey::RowId { .. } | WalkKey::Ctid | WalkKey::Unknown => Vec::new(),
        };
        let places: Vec<String> = copy
            .columns
            .iter()
            .filter(|(column, _)| copy.conflict.contains(column))
            .map(|(column, sql)| format!("({sql}) = kept.{column}"))
            .collect();
        let both = format!("{} AND {}", own.join(" AND "), places.join(" AND "));
        let more = format!(
            "(SELECT 'more', {} FROM {} AS kept WHERE {there} AND NOT EXISTS (SELECT 1 FROM {} WHERE {}) LIMIT 1)",
            key_of("kept"),
            copy.shadow_sql,
            from(copy),
            within(copy, &both)
        );
        format!("{other} UNION ALL {more}")
    }
}

impl Run<'_> {
    /// Whether the triggers of a copy are on its table, and both keep transactions.
    pub(super) async fn in_step_mysql(&mut self, copy: &TableCopy) -> Result<(), Halt> {
        let name = &copy.trigger;
        let row = self
            .session
            .link
            .fetch_one(
                "SELECT count(*) FROM information_schema.triggers
                 WHERE event_object_schema = coalesce($1, database()) AND event_object_table = $2
                   AND trigger_name IN ($3, $4, $5)",
                &[
                    copy.table.schema.clone().into(),
                    copy.table.name.as_str().into(),
                    format!("{name}_delete").into(),
                    format!("{name}_update").into(),
                    format!("{name}_insert").into(),
                ],
            )
            .await?;
        if row.int(0)? != Some(3) {
            return Err(Halt::Fail(format!(
                "the triggers that keep {} in step with {} are not there: writes have been missed, \
                 and the copy must begin anew",
                copy.shadow, copy.table
            )));
        }
        if !self.transactional(&copy.shadow).await? {
            return Err(Halt::Fail(format!(
                "{} is kept by a storage engine without transactions, which no copy can be kept in \
                 step with: make it in InnoDB",
                copy.shadow
            )));
        }
        Ok(())
    }
}
