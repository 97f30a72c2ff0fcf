//! Evidence that nobody uses any more what a contract phase takes away: what was seen of the old
//! side by looking at the target again and again, and what follows from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::OldSide;
use super::span::span;

/// A use that was seen so short a time ago counts, however short a quiet is asked for: whoever looks
/// twice must not have it gone.
const RECENT_MS: u64 = 60_000;

/// How many of those that use the old side are named.
const NAMED: usize = 5;

/// Where it can be seen that the old side is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// What applications write to the old columns of a dual write, as its triggers count it.
    Writes,
    /// What the server counts of rows written to the whole table. Reads it counts too, but Bellows'
    /// own and those of whoever keeps the database with them.
    Rows,
    /// The statements that the server keeps statistics of.
    Statements,
    /// What of the database itself stands on it.
    Dependents,
}

impl Source {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Source::Writes => "Writes to the old side",
            Source::Rows => "Rows written",
            Source::Statements => "Statements that name it",
            Source::Dependents => "What stands on it",
        }
    }
}

/// What one look at one source showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// How often it has been used so far, by whom or by what; a number that only grows, but for a
    /// source that begins anew.
    Uses(BTreeMap<String, u64>),
    /// What depends on it.
    Dependents(Vec<String>),
    /// It cannot be known here, and why.
    Hidden(String),
}

/// One look at one source of one old side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// What was looked at.
    pub side: OldSide,
    /// Where.
    pub source: Source,
    /// What was seen.
    pub seen: Seen,
}

/// One look at all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When, by the target's clock, in microseconds since 1970.
    pub at: i64,
    /// What was seen.
    pub sights: Vec<Sight>,
}

/// Whether an old side is used, as one source has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Usage {
    /// Nobody, for as long as it is asked for or watched.
    Quiet,
    /// Somebody or something.
    InUse {
        /// Who or what, as far as it could be seen.
        by: Vec<String>,
    },
    /// It cannot be known here.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Uses that a look found, which came after the look before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// When it was looked.
    pub at: i64,
    /// How many.
    pub uses: u64,
}

/// What all looks say of one source of one old side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What was looked at.
    pub side: OldSide,
    /// Where.
    pub source: Source,
    /// What follows.
    pub usage: Usage,
    /// Since when it has been watched; absent where it never could be.
    pub watched_since: Option<i64>,
    /// The look that found the last use, which came at the latest then.
    pub last_used: Option<i64>,
    /// The looks, oldest first; none where nothing is counted.
    pub points: Vec<Point>,
}

/// The evidence for one contract phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseEvidence {
    /// The phase.
    pub phase: u32,
    /// How long the old side has to be quiet, in milliseconds.
    pub need_ms: u64,
    /// The last look, by the target's clock, in microseconds since 1970.
    pub read_at: i64,
    /// Every source of every old side.
    pub all: Vec<Evidence>,
}

impl PhaseEvidence {
    /// What those looks, the oldest first, say; nothing where nobody has looked.
    pub fn of(phase: u32, need_ms: u64, looks: &[Look]) -> Option<Self> {
        let last = looks.last()?;
        let all = last
            .sights
            .iter()
            .map(|sight| judge(sight, looks, last.at, need_ms))
            .collect();
        Some(Self {
            phase,
            need_ms,
            read_at: last.at,
            all,
        })
    }

    /// What is still used, a line each for people.
    pub fn in_use(&self) -> Vec<String> {
        self.all.iter().filter_map(Evidence::complaint).collect()
    }

    /// Milliseconds for which the old side has yet to be quiet, or to be watched; uses that were
    /// seen left out.
    pub fn quiet_left_ms(&self) -> u64 {
        self.all
            .iter()
            .filter(|evidence| evidence.usage == Usage::Quiet)
            .filter_map(|evidence| evidence.quiet_since())
            .map(|since| self.need_ms.saturating_sub(ms(self.read_at - since)))
            .max()
            .unwrap_or(0)
    }
}

impl Evidence {
    /// Since when nobody has been seen to use it; absent where uses are not counted.
    pub fn quiet_since(&self) -> Option<i64> {
        match self.source {
            Source::Writes | Source::Rows | Source::Statements => {
                self.last_used.or(self.watched_since)
            }
            Source::Dependents => None,
        }
    }

    fn complaint(&self) -> Option<String> {
        let Usage::InUse { by } = &self.usage else {
            return None;
        };
        let by = by.join("; ");
        Some(match self.source {
            Source::Writes => format!("applications still write {}: {by}", self.side),
            Source::Rows => format!("{} is still written: {by}", self.side),
            Source::Statements => format!("statements still name {}: {by}", self.side),
            Source::Dependents => format!("these stand on {}: {by}", self.side),
        })
    }

    /// What follows, for people; `now` is the last look.
    pub fn words(&self, now: i64) -> String {
        match &self.usage {
            Usage::InUse { by } => by.join("; "),
            Usage::Unknown { why } => format!("cannot be known: {why}"),
            Usage::Quiet => match (self.source, self.quiet_since()) {
                (Source::Dependents, _) | (_, None) => "nothing".to_owned(),
                (Source::Writes | Source::Rows | Source::Statements, Some(since))
                    if since >= now =>
                {
                    "watched from now on".to_owned()
                }
                (Source::Writes | Source::Rows | Source::Statements, Some(since)) => {
                    format!("none for {}", span(ms(now - since).max(1)))
                }
            },
        }
    }
}

/// Microseconds as milliseconds, and what lies in the future as none.
fn ms(micros: i64) -> u64 {
    u64::try_from(micros / 1_000).unwrap_or(0)
}

fn judge(sight: &Sight, looks: &[Look], now: i64, need_ms: u64) -> Evidence {
    let mut watched_since = None;
    let mut last_used = None;
    let mut points = Vec::new();
    let mut users = Vec::new();
    let mut before: Option<&BTreeMap<String, u64>> = None;
    for look in looks {
        let same = |s: &&Sight| s.side == sight.side && s.source == sight.source;
        let Some(Seen::Uses(uses)) = look.sights.iter().find(same).map(|s| &s.seen) else {
            continue;
        };
        watched_since.get_or_insert(look.at);
        let new = before
            .map(|before| used_since(before, uses))
            .unwrap_or_default();
        let count: u64 = new.iter().map(|(_, count)| count).sum();
        points.push(Point {
            at: look.at,
            uses: count,
        });
        if count > 0 {
            last_used = Some(look.at);
            users = new;
        }
        before = Some(uses);
    }
    let usage = match &sight.seen {
        Seen::Hidden(why) => Usage::Unknown { why: why.clone() },
        Seen::Dependents(all) if all.is_empty() => Usage::Quiet,
        Seen::Dependents(all) => Usage::InUse { by: all.clone() },
        Seen::Uses(_) => match last_used {
            Some(at) if ms(now - at) < need_ms.max(RECENT_MS) => Usage::InUse {
                by: named(&users, now - at),
            },
            Some(_) | None => Usage::Quiet,
        },
    };
    Evidence {
        side: sight.side.clone(),
        source: sight.source,
        usage,
        watched_since,
        last_used,
        points,
    }
}

/// Who used it between two looks, and how often. What counts less than before has begun anew.
fn used_since<'s>(
    before: &BTreeMap<String, u64>,
    now: &'s BTreeMap<String, u64>,
) -> Vec<(&'s str, u64)> {
    now.iter()
        .map(|(who, count)| {
            let old = before.get(who).copied().unwrap_or(0);
            let new = count.checked_sub(old).unwrap_or(*count);
            (who.as_str(), new)
        })
        .filter(|(_, new)| *new > 0)
        .collect()
}

/// Those that used it most, for people.
fn named(users: &[(&str, u64)], ago: i64) -> Vec<String> {
    let mut users = users.to_vec();
    users.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = users.len().saturating_sub(NAMED);
    let when = match ms(ago) {
        0 => String::new(),
        ago => format!(", seen {} ago", span(ago)),
    };
    let mut out: Vec<String> = users
        .iter()
        .take(NAMED)
        .map(|(who, count)| format!("{who} ({count} times{when})"))
        .collect();
    if more > 0 {
        out.push(format!("and {more} more"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TableName;

    const SECOND: i64 = 1_000_000;

    fn side() -> OldSide {
        OldSide {
            table: TableName::parse("users"),
            column: Some("name".into()),
            taken_over: false,
        }
    }

    fn look(at: i64, seen: Seen) -> Look {
        Look {
            at: at * SECOND,
            sights: vec![Sight {
                side: side(),
                source: Source::Statements,
                seen,
            }],
        }
    }

    fn uses(counts: &[(&str, u64)]) -> Seen {
        let counts = counts.iter().map(|(who, n)| ((*who).to_owned(), *n));
        Seen::Uses(counts.collect())
    }

    fn of(need_s: u64, looks: &[Look]) -> PhaseEvidence {
        PhaseEvidence::of(2, need_s * 1_000, looks).unwrap()
    }

    #[test]
    fn a_use_counts_for_as_long_as_it_has_to_be_quiet() {
        let mut looks = vec![
            look(0, uses(&[("app: SELECT", 7)])),
            look(10, uses(&[("app: SELECT", 9), ("job: UPDATE", 1)])),
        ];
        let now = of(60, &looks);
        assert_eq!(
            now.in_use(),
            ["statements still name users.name: app: SELECT (2 times); job: UPDATE (1 times)"]
        );
        assert_eq!(
            now.all[0].points,
            [
                Point { at: 0, uses: 0 },
                Point {
                    at: 10 * SECOND,
                    uses: 3
                },
            ]
        );
        looks.push(look(309, uses(&[("app: SELECT", 9), ("job: UPDATE", 1)])));
        assert_eq!(of(300, &looks).in_use().len(), 1);
        assert!(of(299, &looks).in_use().is_empty());
        assert_eq!(of(299, &looks).quiet_left_ms(), 0);
        // Nothing is asked for, and it was a moment ago.
        assert!(of(0, &looks).in_use().is_empty());
        let again = look(69, uses(&[("app: SELECT", 9), ("job: UPDATE", 1)]));
        let soon = [looks[0].clone(), looks[1].clone(), again];
        assert_eq!(of(0, &soon).in_use().len(), 1);
    }

    #[test]
    fn what_was_there_before_anybody_looked_is_no_use() {
        let first = [look(0, uses(&[("app: SELECT", 7)]))];
        assert!(of(60, &first).in_use().is_empty());
        assert_eq!(of(60, &first).quiet_left_ms(), 60_000);
        let later = [first[0].clone(), look(45, uses(&[("app: SELECT", 7)]))];
        assert_eq!(of(60, &later).quiet_left_ms(), 15_000);
        assert_eq!(of(45, &later).quiet_left_ms(), 0);
    }

    #[test]
    fn a_source_that_begins_anew_hides_no_use() {
        let reset = [
            look(0, uses(&[("app", 100)])),
            look(1, uses(&[])),
            look(2, uses(&[("app", 3)])),
        ];
        assert_eq!(of(0, &reset).in_use().len(), 1);
        let below = [look(0, uses(&[("app", 100)])), look(1, uses(&[("app", 3)]))];
        assert_eq!(of(0, &below).all[0].points[1].uses, 3);
    }

    #[test]
    fn what_cannot_be_known_is_neither_quiet_nor_in_use() {
        let hidden = look(5, Seen::Hidden("not installed".into()));
        let now = of(60, &[look(0, uses(&[])), hidden]);
        assert!(now.in_use().is_empty());
        assert_eq!(now.quiet_left_ms(), 0);
        assert_eq!(
            now.all[0].words(now.read_at),
            "cannot be known: not installed"
        );
        assert_eq!(PhaseEvidence::of(2, 0, &[]), None);
    }

    #[test]
    fn what_stands_on_it_is_in_use_whatever_the_time() {
        let look = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let mut look = look(0, Seen::Dependents(names));
            look.sights[0].source = Source::Dependents;
            look
        };
        assert_eq!(
            of(0, &[look(&["view names"])]).in_use(),
            ["these stand on users.name: view names"]
        );
        assert!(of(0, &[look(&[])]).in_use().is_empty());
    }
}
