//! The JSON of `plan` and `verify`, as other programs read it.

use serde::Serialize;

use super::{OtherLock, PhasePlan, Plan, Risk, RollbackMethod, Statement, Step};
use crate::document::{Check, Engine, Gate, PhaseKind};
use crate::estimate::{Span, rests_on};
use crate::lint::Finding;
use crate::plan::Lock;
use crate::run::Forecast;
use crate::sql::Breakage;

/// What `plan --format json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanJson<'p> {
    migration: &'p str,
    database: Engine,
    hash: &'p str,
    #[serde(flatten)]
    estimate: SpanJson,
    facts_read_at: Option<i64>,
    phases: Vec<PhaseJson<'p>>,
    findings: &'p [Finding],
    safe: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<&'p Forecast>,
}

impl<'p> PlanJson<'p> {
    /// The same with whether its locks would be had now.
    pub fn with_forecast(self, forecast: Option<&'p Forecast>) -> Self {
        Self { forecast, ..self }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhaseJson<'p> {
    phase: u32,
    kind: PhaseKind,
    description: &'p str,
    #[serde(flatten)]
    estimate: SpanJson,
    gate: Option<&'p Gate>,
    statements: Vec<StatementJson<'p>>,
    rollback: Vec<RollbackJson<'p>>,
    rollback_method: RollbackMethod,
    rollback_risk: Risk,
    reversible: bool,
    validation: Vec<CheckJson<'p>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatementJson<'p> {
    sql: &'p str,
    operation: usize,
    lock: Lock,
    blocks_reads: bool,
    blocks_writes: bool,
    rewrites_table: bool,
    scans_table: bool,
    in_transaction: bool,
    #[serde(flatten)]
    estimate: SpanJson,
    estimate_rests_on: String,
    /// What it locks beside its table.
    #[serde(skip_serializing_if = "<[OtherLock]>::is_empty")]
    other_locks: &'p [OtherLock],
    /// What of running applications it breaks.
    #[serde(skip_serializing_if = "<[Breakage]>::is_empty")]
    breaks: &'p [Breakage],
}

/// Milliseconds; `estimatedMs` is what others read since the beginning.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson {
    estimated_ms: u64,
    estimated_ms_low: u64,
    estimated_ms_high: u64,
}

impl From<Span> for SpanJson {
    fn from(span: Span) -> Self {
        Self {
            estimated_ms: span.expected_ms,
            estimated_ms_low: span.low_ms,
            estimated_ms_high: span.high_ms,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct RollbackJson<'p> {
    sql: &'p str,
}

#[derive(Clone, Debug, Serialize)]
struct CheckJson<'p> {
    check: Check,
    sql: &'p str,
}

impl<'p> From<&'p Plan> for PlanJson<'p> {
    fn from(plan: &'p Plan) -> Self {
        Self {
            migration: &plan.migration,
            database: plan.database,
            hash: &plan.hash,
            estimate: plan.estimate.into(),
            facts_read_at: plan.facts_read_at.map(|us| us / 1_000),
            phases: plan.phases.iter().map(PhaseJson::of).collect(),
            findings: &plan.findings,
            safe: plan.safe,
            forecast: None,
        }
    }
}

impl<'p> PhaseJson<'p> {
    fn of(phase: &'p PhasePlan) -> Self {
        Self {
            phase: phase.phase,
            kind: phase.kind,
            description: &phase.description,
            estimate: phase.estimate.into(),
            gate: phase.gate.as_ref(),
            statements: statements(&phase.steps)
                .map(|(operation, s)| StatementJson {
                    sql: &s.sql,
                    operation,
                    lock: s.lock,
                    blocks_reads: s.blocks_reads,
                    blocks_writes: s.blocks_writes,
                    rewrites_table: s.rewrites_table,
                    scans_table: s.scans_table,
                    in_transaction: s.in_transaction,
                    estimate: s.estimate.span.into(),
                    estimate_rests_on: rests_on(s),
                    other_locks: &s.other_locks,
                    breaks: &s.breaks,
                })
                .collect(),
            rollback: statements(&phase.rollback)
                .map(|(_, s)| RollbackJson { sql: &s.sql })
                .collect(),
            rollback_method: phase.rollback_method,
            rollback_risk: phase.rollback_risk,
            reversible: phase.reversible,
            validation: phase
                .validation
                .iter()
                .map(|c| CheckJson {
                    check: c.check,
                    sql: &c.sql,
                })
                .collect(),
        }
    }
}

fn statements(steps: &[Step]) -> impl Iterator<Item = (usize, &Statement)> {
    steps.iter().flat_map(|step| {
        step.action
            .statements()
            .into_iter()
            .map(|s| (step.operation, s))
    })
}
