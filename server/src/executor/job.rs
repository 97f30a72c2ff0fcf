//! What is done along a walk: rows filled, copied or compared.

use bellows::plan::{Backfill, TableCopy, WalkKey};
use bellows::schema::TableName;

/// The work of a step that goes in batches.
#[derive(Clone, Copy)]
pub(super) enum Job<'p> {
    /// Columns are filled.
    Fill(&'p Backfill),
    /// Rows are copied to another table.
    Copy(&'p TableCopy),
    /// Rows are compared with their copies.
    Compare(&'p TableCopy),
}

impl<'p> Job<'p> {
    pub(super) fn table(self) -> &'p TableName {
        match self {
            Job::Fill(fill) => &fill.table,
            Job::Copy(copy) | Job::Compare(copy) => &copy.table,
        }
    }

    pub(super) fn table_sql(self) -> &'p str {
        match self {
            Job::Fill(fill) => &fill.table_sql,
            Job::Copy(copy) | Job::Compare(copy) => &copy.table_sql,
        }
    }

    pub(super) fn key(self) -> &'p WalkKey {
        match self {
            Job::Fill(fill) => &fill.key,
            Job::Copy(copy) | Job::Compare(copy) => &copy.key,
        }
    }

    pub(super) fn batch_size(self) -> Option<u32> {
        match self {
            Job::Fill(fill) => fill.batch_size,
            Job::Copy(copy) | Job::Compare(copy) => copy.batch_size,
        }
    }

    pub(super) fn pause_ms(self) -> u64 {
        match self {
            Job::Fill(fill) => fill.pause_ms,
            Job::Copy(copy) => copy.pause_ms,
            Job::Compare(_) => 0,
        }
    }

    pub(super) fn estimated_rows(self) -> u64 {
        match self {
            Job::Fill(fill) => fill.estimated_rows,
            Job::Copy(copy) | Job::Compare(copy) => copy.estimated_rows,
        }
    }

    /// Whether dual-write triggers must stand aside.
    pub(super) fn past_triggers(self) -> bool {
        match self {
            Job::Fill(fill) => fill.past_triggers,
            Job::Copy(_) | Job::Compare(_) => false,
        }
    }

    /// A batch of it, for people.
    pub(super) fn batch_words(self) -> &'static str {
        match self {
            Job::Fill(_) => "a batch of the backfill",
            Job::Copy(_) => "a batch of the copy",
            Job::Compare(_) => "a batch of the comparison",
        }
    }
}
