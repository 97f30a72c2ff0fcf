//! The facts of a database on MySQL or MariaDB.

use std::collections::BTreeMap;

use bellows::document::Engine;
use bellows::estimate::{TableFacts, TargetFacts};
use bellows::schema::TableName;

use super::facts::{MOST_TRANSACTIONS, count, permitted, transaction};
use super::{Link, TargetError};

const TABLES: &str = "SELECT CAST(t.table_name AS char), CAST(t.table_rows AS signed),
    CAST(t.data_length AS signed),
    (SELECT CAST(count(p.partition_name) AS signed) FROM information_schema.partitions p
     WHERE p.table_schema = t.table_schema AND p.table_name = t.table_name)
  FROM information_schema.tables t
 WHERE t.table_schema = database() AND t.table_type = 'BASE TABLE'
   AND t.table_name NOT LIKE '\\_bellows\\_%'";

const INDEXES: &str = "SELECT DISTINCT CAST(table_name AS char), CAST(index_name AS char)
  FROM information_schema.statistics WHERE table_schema = database()";

/// InnoDB's own statistics, which not everybody may read.
const INDEX_SIZES: &str = "SELECT CAST(table_name AS char), CAST(index_name AS char),
    CAST(stat_value * @@innodb_page_size AS signed)
  FROM mysql.innodb_index_stats WHERE database_name = database() AND stat_name = 'size'";

const ANALYZED: &str = "SELECT CAST(table_name AS char),
    CAST(unix_timestamp(last_update) * 1000000 AS signed)
  FROM mysql.innodb_table_stats WHERE database_name = database()";

/// Refused to whoever may not see others' sessions.
const TRANSACTIONS: &str = "SELECT CAST(p.id AS signed), CAST(p.user AS char),
    CAST(coalesce(p.info, '') AS char),
    CAST(timestampdiff(microsecond, t.trx_started, now(6)) / 1000 AS signed),
    CAST(p.command = 'Sleep' AS signed)
  FROM information_schema.innodb_trx t
  JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
 WHERE p.id <> connection_id() AND p.db = database()
 ORDER BY t.trx_started LIMIT ";

const REPLICAS: &str = "SELECT CAST(count(*) AS signed) FROM information_schema.processlist
 WHERE command LIKE 'Binlog Dump%'";

/// Reads them all.
pub(super) async fn read(link: &mut Link) -> Result<TargetFacts, TargetError> {
    if link.engine() == Engine::MySql {
        // It would tell sizes as they were up to a day ago.
        link.raw("SET SESSION information_schema_stats_expiry = 0")
            .await?;
    }
    let version = link.raw_rows("SELECT version()").await?;
    let server = match version.first() {
        Some(row) => row.text(0)?.unwrap_or_default(),
        None => String::new(),
    };
    let transactions = permitted(link, &format!("{TRANSACTIONS}{MOST_TRANSACTIONS}")).await?;
    // Whoever may not see others' transactions sees none of the replicas' sessions either.
    let replicas = match &transactions {
        Some(_) => match link.raw_rows(REPLICAS).await?.first() {
            Some(row) => count(row, 0)?.and_then(|n| u32::try_from(n).ok()),
            None => None,
        },
        None => None,
    };
    Ok(TargetFacts {
        read_at: 0,
        server: format!("{} {server}", link.engine().title()),
        replicas,
        tables: tables(link).await?,
        transactions: match transactions {
            Some(rows) => Some(rows.iter().map(transaction).collect::<Result<_, _>>()?),
            None => None,
        },
        speeds: BTreeMap::new(),
    })
}

async fn tables(link: &mut Link) -> Result<BTreeMap<TableName, TableFacts>, TargetError> {
    let mut tables: BTreeMap<TableName, TableFacts> = BTreeMap::new();
    let named = |name: Option<String>| TableName {
        schema: None,
        name: name.unwrap_or_default(),
    };
    for row in link.raw_rows(TABLES).await? {
        let partitions = count(&row, 3)?
            .filter(|n| *n > 0)
            .and_then(|n| u32::try_from(n).ok());
        tables.insert(
            named(row.text(0)?),
            TableFacts {
                rows: count(&row, 1)?,
                bytes: count(&row, 2)?,
                partitions,
                ..TableFacts::default()
            },
        );
    }
    for row in link.raw_rows(INDEXES).await? {
        if let (Some(table), Some(index)) = (tables.get_mut(&named(row.text(0)?)), row.text(1)?) {
            table.indexes.insert(index, None);
        }
    }
    for row in permitted(link, INDEX_SIZES).await?.unwrap_or_default() {
        if let (Some(table), Some(index)) = (tables.get_mut(&named(row.text(0)?)), row.text(1)?)
            && let Some(size) = table.indexes.get_mut(&index)
        {
            *size = count(&row, 2)?;
        }
    }
    for row in permitted(link, ANALYZED).await?.unwrap_or_default() {
        if let Some(table) = tables.get_mut(&named(row.text(0)?)) {
            table.analyzed_at = row.int(1)?;
        }
    }
    Ok(tables)
}
