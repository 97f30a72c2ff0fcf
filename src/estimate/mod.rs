//! How long statements take: a range of milliseconds from what a table holds and from how fast the
//! target was before.
//!
//! A statement says what it has to do ([`Load`]). The shape of its table, from the target's facts
//! where there are any, gives a first guess in milliseconds; what earlier statements of the kind
//! took on this target corrects it, and says how far off it may be.

mod facts;
mod model;
mod pass;
mod speed;
mod words;

use serde::{Deserialize, Serialize};

pub use facts::{OpenTransaction, TableFacts, TargetFacts};
pub(crate) use pass::estimate;
pub use speed::{Measure, Speed, Speeds, learned};
pub(crate) use words::count;
pub use words::{bytes, range, rests_on};

use crate::dialect::statement::Work;

/// Rows that are assumed where no target says.
pub const ASSUMED_ROWS: u64 = 1_000_000;

/// Bytes of a row where nobody says.
const ASSUMED_ROW_BYTES: u64 = 100;

/// Indexes of a table where nobody says, the primary key's included.
const ASSUMED_INDEXES: u32 = 2;

/// What a statement has to do, as far as it tells how long that takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Touches the catalogue alone.
    #[default]
    Brief,
    /// Reads every row.
    Scan,
    /// Reads every row and looks for its like in another table: a foreign key's validation.
    LookUp,
    /// Reads every row and sorts: builds an index.
    Index,
    /// Writes every row anew, and every index.
    Rewrite,
    /// Updates rows in batches.
    Fill,
    /// Copies rows to another table in batches.
    Copy,
    /// Compares rows with their copies in batches.
    Compare,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 8] = [
        Kind::Brief,
        Kind::Scan,
        Kind::LookUp,
        Kind::Index,
        Kind::Rewrite,
        Kind::Fill,
        Kind::Copy,
        Kind::Compare,
    ];

    /// The word that it has in JSON and in the records on the target.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Brief => "brief",
            Kind::Scan => "scan",
            Kind::LookUp => "look_up",
            Kind::Index => "index",
            Kind::Rewrite => "rewrite",
            Kind::Fill => "fill",
            Kind::Copy => "copy",
            Kind::Compare => "compare",
        }
    }

    /// The kind of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl From<Work> for Kind {
    fn from(work: Work) -> Self {
        match work {
            Work::Brief => Kind::Brief,
            Work::Scan => Kind::Scan,
            Work::Index => Kind::Index,
            Work::Rewrite => Kind::Rewrite,
        }
    }
}

/// What a statement has to do, and on how many rows where no facts say more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// What.
    pub kind: Kind,
    /// Rows of its table, as the schema has them or as is assumed.
    pub rows: u64,
}

/// The size of a table, as far as it matters to how long work on it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub rows: u64,
    /// Bytes without indexes.
    pub bytes: u64,
    /// Indexes, the primary key's included.
    pub indexes: u32,
}

impl Shape {
    /// That many rows of the size, and with the indexes, that are assumed.
    pub fn assumed(rows: u64) -> Self {
        Self {
            rows,
            bytes: rows.saturating_mul(ASSUMED_ROW_BYTES),
            indexes: ASSUMED_INDEXES,
        }
    }
}

/// A range of milliseconds, and what is expected in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Hardly less than this.
    pub low_ms: u64,
    /// As likely less as more.
    pub expected_ms: u64,
    /// Hardly more than this.
    pub high_ms: u64,
}

impl std::ops::Add for Span {
    type Output = Span;

    /// One after the other. What makes a target slow makes it slow for both, so ends add up.
    fn add(self, other: Span) -> Span {
        Span {
            low_ms: self.low_ms.saturating_add(other.low_ms),
            expected_ms: self.expected_ms.saturating_add(other.expected_ms),
            high_ms: self.high_ms.saturating_add(other.high_ms),
        }
    }
}

impl std::iter::Sum for Span {
    fn sum<I: Iterator<Item = Span>>(spans: I) -> Span {
        spans.fold(Span::default(), |sum, span| sum + span)
    }
}

/// Where the size of a statement's table comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From nowhere: no target was looked at.
    #[default]
    Assumed,
    /// From the target.
    Target,
    /// The document makes the table, and fills it from one of the target's or not at all.
    Made,
}

/// What an estimate rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// Where the size comes from.
    pub source: Source,
    /// Rows.
    pub rows: u64,
    /// Bytes without indexes.
    pub bytes: u64,
    /// Indexes, the primary key's included.
    pub indexes: u32,
    /// How many statements of the kind were measured on the target.
    pub measured: u32,
}

/// How long a statement takes, without the wait for its locks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// The range.
    #[serde(flatten)]
    pub span: Span,
    /// What it rests on.
    pub basis: Basis,
}
