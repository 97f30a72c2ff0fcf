//! The linter: what a plan would do to the traffic on its tables, and the safe way instead.

mod fix;
pub mod page;
mod raw;
#[cfg(feature = "sql")]
mod read;
pub mod repair;
pub mod sarif;
#[cfg(feature = "sql")]
mod squawk;
mod text;
mod waive;

use serde::{Deserialize, Serialize};

pub use raw::located;
#[cfg(feature = "sql")]
pub use read::{Judged, judge};
pub use text::{Noted, Spot, Text};
pub use waive::{adjust, blocks, worst};

use crate::dialect::classify::Facts;
use crate::dialect::split::Piece;
use crate::document::{Engine, Migration};
use crate::estimate::TargetFacts;
use crate::operation::{CustomSql, Operation};
use crate::plan::{Known, PhasePlan, Step, Told};
use crate::schema::{Schema, World};

/// The one list of rules, a module each.
macro_rules! rules {
    ($($module:ident,)*) => {
        $(mod $module;)*

        /// Every rule, in the order that lists show them.
        pub const RULES: &[Rule] = &[$($module::RULE),*];

        /// The id of every rule, in the same order.
        pub const RULE_IDS: &[&str] = &[$($module::RULE.id),*];
    };
}

rules! {
    add_required_column,
    volatile_default,
    set_not_null_no_backfill,
    constant_default_one_step,
    select_star_prepared,
    non_concurrent_index,
    long_index_build,
    non_concurrent_drop,
    rename_breaks,
    exclusion_constraint,
    drop_column_in_use,
    dropped_with_column,
    dropped_for_good,
    drop_without_gate,
    backfill_overwrites,
    dual_write_one_way,
    swap_one_way,
    unknown_type,
    destroying_sql,
    unknown_sql,
    unbatched_update,
    blocking_sql,
    syntax_error,
    server_refuses,
    not_in_transaction,
    enum_value_used,
    column_rewrites,
    json_column,
    check_scans,
    foreign_key_scans,
    unique_builds,
    set_not_null_scans,
    type_change_rewrites,
    non_concurrent_reindex,
    non_concurrent_detach,
    drop_breaks,
    inserts_break,
    on_conflict_breaks,
    rows_hidden,
    rights_revoked,
    enforcement_off,
    foreign_keys_off,
    pragma_in_transaction,
    writable_schema,
    references_ignored,
    implicit_commit,
    validated_where_added,
    long_under_lock,
    table_rewrite,
    refresh_blocks,
    domain_scans,
    default_partition_scans,
    lock_table,
    transaction_open,
    transaction_nested,
    lock_order,
    invalid_index_accepted,
    not_logged,
    noted_elsewhere,
    table_rebuild,
    renamed_before_rebuild,
    in_place_rebuild,
    primary_key_rebuild,
    charset_converts,
    enum_renumbered,
    algorithm_unpinned,
    mergeable_alters,
    copying_rollback,
    trigger_privilege,
    irreversible_phase,
    outside_tool,
    no_target,
    unused_waiver,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Think before you go on.
    Warning,
    /// Not safe.
    Error,
}

/// One thing that a rule has to say, in the wire format of `plan` and `verify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's id, `kebab-case`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The phase it is about, 1, 2, 3, ...; absent for the document as a whole.
    pub phase: Option<u32>,
    /// Index of the operation in its phase.
    pub operation: Option<usize>,
    /// In a file: the line that it is about, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The character in that line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// In a text of SQL: which statement, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    /// In a document: where it stands in the SQL of its operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// What is the matter.
    pub message: String,
    /// What to do instead.
    pub recommendation: String,
    /// The safe sequence as phases of a document, where one can be given.
    pub fix: Option<serde_json::Value>,
    /// Why it is accepted as it is; absent: nobody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
}

/// A place in the SQL of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Within {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// Whether that is the SQL which takes the operation back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
}

/// A rule, with the examples that are its tests and its help at once. It judges documents, texts of
/// SQL, or both.
pub struct Rule {
    /// `kebab-case`.
    pub id: &'static str,
    /// How bad what it finds is.
    pub severity: Severity,
    /// Why, in one sentence.
    pub help: &'static str,
    /// What it finds in a document.
    pub documents: Option<OnDocuments>,
    /// What it finds in a text of SQL.
    pub sql: Option<OnSql>,
}

/// The half of a rule that judges documents.
pub struct OnDocuments {
    /// The engine that its examples are for.
    pub engine: Engine,
    /// Whether its examples are about a live table.
    pub with_schema: bool,
    /// Phases, as YAML, in which it finds something.
    pub bad: &'static str,
    /// Phases, as YAML, in which it finds nothing; empty where there is always something to say.
    pub good: &'static str,
    /// What it finds.
    pub check: fn(&Subject<'_>) -> Vec<Finding>,
}

/// The half of a rule that judges SQL.
pub struct OnSql {
    /// The engine that its examples are for.
    pub engine: Engine,
    /// A text in which it finds something.
    pub bad: &'static str,
    /// A text in which it finds nothing.
    pub good: &'static str,
    /// What it finds.
    pub check: fn(&Text<'_>) -> Vec<Finding>,
}

/// What the rules look at.
pub struct Subject<'s> {
    /// The document.
    pub migration: &'s Migration,
    /// The live schema, where there is one.
    pub schema: Option<&'s Schema>,
    /// What the target holds at the moment, where it was asked.
    pub facts: Option<&'s TargetFacts>,
    /// The world before each operation, by phase.
    pub states: &'s [Vec<World>],
    /// What the phases compile to.
    pub phases: &'s [PhasePlan],
    /// Their statements, run in mind.
    pub(crate) told: &'s Told,
}

/// An operation where it stands.
#[derive(Clone, Copy)]
pub struct Site<'s> {
    /// Index of its phase.
    pub phase_index: usize,
    /// The phase's number.
    pub phase: u32,
    /// Its index in the phase.
    pub number: usize,
    /// The operation.
    pub operation: &'s Operation,
    /// The world before it.
    pub before: &'s World,
}

impl<'s> Subject<'s> {
    /// Every operation, in order.
    pub fn sites(&self) -> impl Iterator<Item = Site<'s>> {
        self.migration
            .phases
            .iter()
            .zip(self.states)
            .enumerate()
            .flat_map(|(phase_index, (phase, states))| {
                phase.operations.iter().zip(states).enumerate().map(
                    move |(number, (operation, before))| Site {
                        phase_index,
                        phase: phase.phase,
                        number,
                        operation,
                        before,
                    },
                )
            })
    }

    /// What people wrote as SQL and no parser has read, by its first words. Where a parser has read
    /// it, the rules for SQL judge it.
    pub fn by_words(&self) -> impl Iterator<Item = (Site<'s>, Piece, Facts)> {
        self.unread(|phase| &phase.steps, CustomSql::statements)
    }

    /// The same of what takes it back.
    pub fn back_by_words(&self) -> impl Iterator<Item = (Site<'s>, Piece, Facts)> {
        self.unread(|phase| &phase.rollback, CustomSql::statements_back)
    }

    fn unread(
        &self,
        steps: fn(&PhasePlan) -> &Vec<Step>,
        read: fn(&CustomSql, Engine) -> Vec<(Piece, Facts)>,
    ) -> impl Iterator<Item = (Site<'s>, Piece, Facts)> {
        let words = self.phases.iter().flat_map(steps);
        let unread = words
            .flat_map(|step| step.action.statements())
            .any(|statement| statement.known == Known::Words);
        self.sites().filter(move |_| unread).flat_map(move |site| {
            let reads = if let Operation::CustomSql(custom) = site.operation {
                read(custom, site.before.engine)
            } else {
                Vec::new()
            };
            reads
                .into_iter()
                .map(move |(piece, facts)| (site, piece, facts))
        })
    }
}

impl Rule {
    /// A finding of this rule.
    pub fn about(&self, site: Option<&Site<'_>>, message: String, recommendation: &str) -> Finding {
        Finding {
            rule: self.id.to_owned(),
            severity: self.severity,
            phase: site.map(|s| s.phase),
            operation: site.map(|s| s.number),
            line: None,
            column: None,
            statement: None,
            within: None,
            message,
            recommendation: recommendation.to_owned(),
            fix: None,
            waived: None,
        }
    }
}

/// What all rules find, by phase and operation, the worst first; what the document waives is
/// marked so.
pub fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let mut out: Vec<Finding> = RULES
        .iter()
        .filter_map(|rule| rule.documents.as_ref())
        .flat_map(|half| (half.check)(subject))
        .collect();
    out.extend(raw::findings(subject));
    let unused = waive::by_document(subject.migration, &mut out);
    out.extend(unused);
    out.sort_by_key(|f| {
        (
            f.phase.unwrap_or(0),
            f.operation.unwrap_or(usize::MAX),
            f.statement,
            std::cmp::Reverse(f.severity),
        )
    });
    out
}

/// What all rules find in a text of SQL, in its order, the worst of each statement first.
///
/// A statement that holds others up, and of which a particular rule says why, is not blamed by the
/// general one a second time.
pub fn findings_of_text(text: &Text<'_>) -> Vec<Finding> {
    let mut out: Vec<Finding> = RULES
        .iter()
        .filter_map(|rule| rule.sql.as_ref())
        .flat_map(|half| (half.check)(text))
        .collect();
    for finding in &mut out {
        let number = finding.statement.map_or(usize::MAX, |s| s - 1);
        if finding.severity == Severity::Error
            && HARMLESS_WHEN_NEW.contains(&finding.rule.as_str())
            && text::is_perhaps_new(text, number)
        {
            finding.severity = Severity::Warning;
            finding
                .message
                .push_str("; only if it was there before CREATE ... IF NOT EXISTS, and has rows");
        }
    }
    out.retain(|finding| !table_rebuild::spares(text, finding));
    let particular: std::collections::BTreeSet<usize> = out
        .iter()
        .filter(|f| {
            let explains = EXPLAINING.contains(&f.rule.as_str());
            f.rule != GENERAL && (f.severity == Severity::Error || explains)
        })
        .filter_map(|f| f.statement)
        .collect();
    out.retain(|f| f.rule != GENERAL || f.statement.is_none_or(|s| !particular.contains(&s)));
    out.sort_by_key(|f| {
        (
            f.statement.unwrap_or(usize::MAX),
            f.line,
            std::cmp::Reverse(f.severity),
        )
    });
    out
}

/// The rule that speaks where no other does.
const GENERAL: &str = "blocking-sql";

/// What nobody minds of a table that has no rows and no readers yet.
const HARMLESS_WHEN_NEW: [&str; 12] = [
    "add-required-column",
    "blocking-sql",
    "check-scans",
    "column-rewrites",
    "foreign-key-scans",
    "json-column",
    "non-concurrent-index",
    "refresh-blocks",
    "set-not-null-scans",
    "type-change-rewrites",
    "unique-builds",
    "volatile-default",
];

/// Rules that say, as a warning, why a statement may hold others up where that rests on something
/// which nobody told.
const EXPLAINING: [&str; 4] = [
    "column-rewrites",
    "default-partition-scans",
    "set-not-null-scans",
    "unique-builds",
];

/// The beginning of a statement, on one line.
fn shortened(sql: &str) -> String {
    let flat = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= 80 {
        flat
    } else {
        format!("{}...", flat.chars().take(77).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    fn finds(rule: &Rule, half: &OnDocuments, phases: &str) -> bool {
        let indented = phases.replace('\n', "\n    ");
        let yaml = format!(
            "migration:\n  name: example\n  database: {}\n  description: An example\n  phases:{indented}",
            half.engine.word()
        );
        let migration = crate::document::parse(&yaml)
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", rule.id));
        let mut schema = crate::schema::sample::schema(half.engine);
        let family = half.engine.is_mysql_family();
        schema.trigger_problem = family.then(|| "the account may make no triggers".to_owned());
        let schema = half.with_schema.then_some(&schema);
        let plan = plan::plan(&migration, schema)
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", rule.id));
        plan.findings.iter().any(|f| f.rule == rule.id)
    }

    #[test]
    fn every_rule_finds_its_bad_example_and_spares_its_good_one() {
        for rule in RULES {
            let Some(half) = &rule.documents else {
                assert!(rule.sql.is_some(), "{} judges nothing", rule.id);
                continue;
            };
            assert!(
                finds(rule, half, half.bad),
                "{} spares its bad example",
                rule.id
            );
            if !half.good.is_empty() {
                assert!(
                    !finds(rule, half, half.good),
                    "{} blames its good example",
                    rule.id
                );
            }
        }
    }

    #[test]
    fn ids_are_used_once() {
        let mut ids: Vec<&str> = RULES.iter().map(|r| r.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
    }
}
