//! Options of whole tables, and their partitions.

use super::change::{Subject, rebuild};
use super::cost::{Cost, Keeps};
use super::lock_of;
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::breakage::Breakage;
use crate::sql::effect::WorkKind;
use crate::sql::object::Role;
use crate::sql::unknown::{Assumption, Failure};

/// Storage engines that MySQL has not.
const MARIADBS: [&str; 7] = [
    "aria",
    "columnstore",
    "connect",
    "mroonga",
    "rocksdb",
    "s3",
    "spider",
];

pub(super) fn option(name: &str, value: &str, t: Subject<'_, '_>) -> Cost {
    match name {
        "convert to" | "order by" => Cost::copy(),
        // Where InnoDB keeps it already, which is written so to make it anew, it goes in place.
        "engine" if value.eq_ignore_ascii_case("innodb") && t.table().is_some() => rebuild(t),
        "engine" if value.eq_ignore_ascii_case("innodb") => {
            Cost::copy().assuming(Assumption::StorageEngine {
                table: t.name.clone(),
            })
        }
        "engine" if !t.mariadb() && MARIADBS.iter().any(|e| value.eq_ignore_ascii_case(e)) => {
            Cost::copy().failing(Failure::NotSupported {
                what: format!("ENGINE={value}"),
            })
        }
        "engine" => Cost {
            unpinned: true,
            ..Cost::copy()
        },
        "row_format" | "key_block_size" => rebuild(t),
        "encrypted" | "encryption_key_id" if t.mariadb() => rebuild(t),
        "comment" | "auto_increment" | "character set" | "collate" | "stats_persistent"
        | "stats_auto_recalc" | "stats_sample_pages" => Cost::catalogue(t.mariadb()),
        "page_compressed" | "page_compression_level" if t.mariadb() => Cost::instant(),
        "keys" => Cost::instant().keeping(Keeps::Everybody),
        "system versioning" if value == "drop" => rebuild(t).keeping(Keeps::Writers),
        "system versioning" => Cost::copy(),
        "tablespace" => Cost::instant()
            .keeping(Keeps::Everybody)
            .breaking(Breakage::RowsGone {
                table: t.name.clone(),
            }),
        _ => Cost::copy(),
    }
}

pub(super) fn repartition(partitions: &[TableName], how: &str, t: Subject<'_, '_>) -> Cost {
    let emptied = || Breakage::RowsGone {
        table: t.name.clone(),
    };
    let brief = Cost::instant().keeping(Keeps::Everybody);
    match how {
        "ADD" => brief,
        "CONVERT" | "DROP" | "TRUNCATE" => brief.breaking(emptied()),
        // The rows that come in are read, and nobody gets at the table meanwhile.
        "EXCHANGE" => {
            let mut cost = brief.breaking(emptied());
            cost.work.push((WorkKind::Scan, None));
            let locks = partitions
                .iter()
                .map(|other| lock_of(other, Role::Partition, Lock::MetadataExclusive, t.state));
            cost.others.extend(locks);
            cost
        }
        "ANALYZE" | "CHECK" => Cost {
            work: vec![(WorkKind::Scan, None)],
            ..Cost::instant()
        },
        _ => Cost::copy(),
    }
}
