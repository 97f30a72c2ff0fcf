//! What a statement does to the traffic beside it, and how much it has to do.

use crate::estimate::{Estimate, Kind, Load};
use crate::plan::{Known, Lock, Statement, Wait};

/// How much of a table a statement reads or writes, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
            load: Load {
                kind: work.into(),
                rows,
            },
            estimate: Estimate::default(),
            wait: if lock.queues_traffic() {
                Wait::Short
            } else {
                Wait::Patient
            },
            known: Known::default(),
            other_locks: Vec::new(),
            breaks: Vec::new(),
        }
    }

    /// A statement that only touches the catalogue.
    pub fn brief(sql: impl Into<String>, lock: Lock) -> Self {
        Self::new(sql, lock, Work::Brief, 0)
    }

    /// The same one, which does that to the rows.
    pub fn doing(mut self, kind: Kind, rows: u64) -> Self {
        self.load = Load { kind, rows };
        self
    }

    /// The same one, which a person wrote.
    pub fn written(mut self) -> Self {
        self.known = Known::Words;
        self
    }

    /// The same one outside of any transaction.
    pub fn outside(mut self) -> Self {
        self.in_transaction = false;
        self
    }
}
