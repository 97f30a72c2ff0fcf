//! What a statement does to the traffic beside it, and how long it may take.

use crate::plan::{Lock, Statement, Wait};

/// Milliseconds that a statement takes which only touches the catalogue: the estimate's floor.
pub const BRIEF_MS: u64 = 100;

/// Rows that are assumed where no target says.
pub const ASSUMED_ROWS: u64 = 1_000_000;

/// How much of a table a statement reads or writes, as rows it handles in a millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The catalogue alone.
    Brief,
    /// Reads every row.
    Scan,
    /// Reads every row and sorts.
    Index,
    /// Writes every row anew.
    Rewrite,
}

impl Work {
    /// Milliseconds for that many rows, on the slow side of what was measured.
    pub fn ms(self, rows: u64) -> u64 {
        BRIEF_MS
            + match self {
                Work::Brief => 0,
                Work::Scan => rows / 1_000,
                Work::Index => rows / 250,
                Work::Rewrite => rows / 200,
            }
    }
}

impl Lock {
    /// Whether readers wait for it.
    pub fn blocks_reads(self) -> bool {
        match self {
            Lock::AccessExclusive | Lock::MetadataExclusive | Lock::Unknown => true,
            Lock::None
            | Lock::AccessShare
            | Lock::RowShare
            | Lock::RowExclusive
            | Lock::ShareUpdateExclusive
            | Lock::Share
            | Lock::ShareRowExclusive
            | Lock::Exclusive
            | Lock::DatabaseWrite
            | Lock::MetadataRead
            | Lock::MetadataWrite
            | Lock::MetadataUpgradable
            | Lock::MetadataNoWrite => false,
        }
    }

    /// Whether writers wait for it.
    pub fn blocks_writes(self) -> bool {
        match self {
            Lock::Share
            | Lock::ShareRowExclusive
            | Lock::Exclusive
            | Lock::AccessExclusive
            | Lock::DatabaseWrite
            | Lock::MetadataNoWrite
            | Lock::MetadataExclusive
            | Lock::Unknown => true,
            Lock::None
            | Lock::AccessShare
            | Lock::RowShare
            | Lock::RowExclusive
            | Lock::ShareUpdateExclusive
            | Lock::MetadataRead
            | Lock::MetadataWrite
            | Lock::MetadataUpgradable => false,
        }
    }

    /// Whether traffic waits behind a statement that waits for it.
    pub fn queues_traffic(self) -> bool {
        self.blocks_writes() || self == Lock::MetadataUpgradable
    }

    /// Whether it lets nothing but reading be.
    pub fn only_reads(self) -> bool {
        self <= Lock::AccessShare || self == Lock::MetadataRead
    }

    /// The words of the wire.
    pub fn word(self) -> &'static str {
        match self {
            Lock::None => "NONE",
            Lock::AccessShare => "ACCESS SHARE",
            Lock::RowShare => "ROW SHARE",
            Lock::RowExclusive => "ROW EXCLUSIVE",
            Lock::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Lock::Share => "SHARE",
            Lock::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Lock::Exclusive => "EXCLUSIVE",
            Lock::AccessExclusive => "ACCESS EXCLUSIVE",
            Lock::DatabaseWrite => "DATABASE WRITE",
            Lock::MetadataRead => "METADATA SHARED READ",
            Lock::MetadataWrite => "METADATA SHARED WRITE",
            Lock::MetadataUpgradable => "METADATA SHARED UPGRADABLE",
            Lock::MetadataNoWrite => "METADATA SHARED NO WRITE",
            Lock::MetadataExclusive => "METADATA EXCLUSIVE",
            Lock::Unknown => "UNKNOWN",
        }
    }
}

impl Statement {
    /// A statement in a transaction, with what its lock and its work mean.
    pub fn new(sql: impl Into<String>, lock: Lock, work: Work, rows: u64) -> Self {
        Self {
            sql: sql.into(),
            lock,
            blocks_reads: lock.blocks_reads(),
            blocks_writes: lock.blocks_writes(),
            rewrites_table: work == Work::Rewrite,
            scans_table: work != Work::Brief,
            in_transaction: true,
            estimated_ms: work.ms(rows),
            wait: if lock.queues_traffic() {
                Wait::Short
            } else {
                Wait::Patient
            },
        }
    }

    /// A statement that only touches the catalogue.
    pub fn brief(sql: impl Into<String>, lock: Lock) -> Self {
        Self::new(sql, lock, Work::Brief, 0)
    }

    /// The same one outside of any transaction.
    pub fn outside(mut self) -> Self {
        self.in_transaction = false;
        self
    }
}
