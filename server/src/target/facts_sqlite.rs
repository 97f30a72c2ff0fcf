//! The facts of a SQLite file. What a table takes of the file is not in its catalogue; the file's
//! bytes are shared out by rows.

use std::collections::BTreeMap;

use bellows::estimate::{TableFacts, TargetFacts};
use bellows::schema::TableName;

use super::facts::{count, permitted};
use super::{Link, TargetError};

const TABLES: &str = "SELECT name FROM sqlite_schema
  WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND name NOT LIKE '\\_bellows\\_%' ESCAPE '\\'
    AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'";

const INDEXES: &str = "SELECT tbl_name, name FROM sqlite_schema WHERE type = 'index'";

/// What ANALYZE counted, where it was ever run.
const COUNTED: &str = "SELECT tbl, max(CAST(stat AS integer)) FROM sqlite_stat1 GROUP BY tbl";

/// Reads them all.
pub(super) async fn read(link: &mut Link) -> Result<TargetFacts, TargetError> {
    let version = link.fetch_one("SELECT sqlite_version()", &[]).await?;
    let file = link
        .fetch_one(
            "SELECT (SELECT page_count FROM pragma_page_count)
                    * (SELECT page_size FROM pragma_page_size)",
            &[],
        )
        .await?;
    let mut tables: BTreeMap<TableName, TableFacts> = BTreeMap::new();
    let named = |name: String| TableName { schema: None, name };
    for row in link.fetch_all(TABLES, &[]).await? {
        tables.insert(
            named(row.text(0)?.unwrap_or_default()),
            TableFacts::default(),
        );
    }
    for row in link.fetch_all(INDEXES, &[]).await? {
        if let (Some(table), Some(index)) = (row.text(0)?, row.text(1)?)
            && let Some(facts) = tables.get_mut(&named(table))
        {
            facts.indexes.insert(index, None);
        }
    }
    let counted = permitted(link, COUNTED).await?.unwrap_or_default();
    for row in counted {
        if let Some(facts) = tables.get_mut(&named(row.text(0)?.unwrap_or_default())) {
            facts.rows = count(&row, 1)?;
        }
    }
    // The greatest key is found without a look at the rows; WITHOUT ROWID tables have none.
    for (name, facts) in &mut tables {
        let sql = format!(
            "SELECT max(rowid) FROM \"{}\"",
            name.name.replace('"', "\"\"")
        );
        if let Some(rows) = permitted(link, &sql).await?
            && let Some(row) = rows.first()
            && facts.rows.is_none()
        {
            facts.rows = Some(count(row, 0)?.unwrap_or(0));
        }
    }
    let bytes = count(&file, 0)?.unwrap_or(0);
    // An index has about half of a row's bytes.
    let weight = |facts: &TableFacts| {
        u128::from(facts.rows.unwrap_or(0)) * (2 + facts.indexes.len() as u128)
    };
    let all: u128 = tables.values().map(weight).sum();
    for facts in tables.values_mut() {
        let rows = u128::from(facts.rows.unwrap_or(0));
        let share = u128::from(bytes) * rows * 2 / all.max(1);
        facts.bytes = Some(u64::try_from(share).unwrap_or(u64::MAX));
    }
    Ok(TargetFacts {
        read_at: 0,
        server: format!("SQLite {}", version.text(0)?.unwrap_or_default()),
        replicas: None,
        tables,
        transactions: None,
        speeds: BTreeMap::new(),
    })
}
