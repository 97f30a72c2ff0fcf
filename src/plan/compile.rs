//! From a document to its plan: every operation compiled in the world that the ones before it
//! leave, and every phase's way back.

use std::collections::BTreeMap;

use super::doomed::doomed;
use super::{
    PhasePlan, Plan, PlannedCheck, Risk, RollbackMethod, SavedCopy, Step, check, effects, hash,
    saved,
};
use crate::document::{self, Migration, Phase, Problem};
use crate::estimate::{self, Span, TargetFacts};
use crate::lint::{self, Subject};
use crate::operation::{Draft, Loss, Operation};
use crate::schema::{Schema, TableName, World};

/// Compiles a document. With a schema, statements and findings use it, and what it shows to be
/// impossible is a problem; without one the plan can be read and verified, and not run.
///
/// # Errors
/// Every operation and check that cannot be, by its path in the document.
pub fn plan(migration: &Migration, schema: Option<&Schema>) -> Result<Plan, Vec<Problem>> {
    plan_with(migration, schema, None)
}

/// The same, with estimates and advice from what the target holds at the moment.
///
/// # Errors
/// See [`plan`]; the facts add none.
pub fn plan_with(
    migration: &Migration,
    schema: Option<&Schema>,
    facts: Option<&TargetFacts>,
) -> Result<Plan, Vec<Problem>> {
    planned(migration, schema, facts, false)
}

/// The same; `by_words` leaves the parsers out where they are at hand.
pub(crate) fn planned(
    migration: &Migration,
    schema: Option<&Schema>,
    facts: Option<&TargetFacts>,
    by_words: bool,
) -> Result<Plan, Vec<Problem>> {
    let engine = migration.database;
    if let Some(schema) = schema.filter(|s| s.engine != engine) {
        return Err(vec![Problem {
            line: None,
            column: None,
            path: "database".to_owned(),
            message: format!(
                "the document is for {} and the target is {}",
                engine.word(),
                schema.engine.word()
            ),
        }]);
    }
    let mut world = World::new(engine, schema, &touched(migration));
    world.by_words = by_words;
    world.doom(doomed(migration));
    let mut compiler = Compiler {
        migration: migration.name.clone(),
        world,
        states: Vec::new(),
        problems: Vec::new(),
    };
    let mut phases: Vec<PhasePlan> = migration
        .phases
        .iter()
        .enumerate()
        .map(|(index, phase)| compiler.phase(index, phase))
        .collect();
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let told = effects::tell(
        migration,
        schema,
        compiler.world.version,
        compiler.world.by_words,
        &mut phases,
    );
    estimate::estimate(engine, &mut phases, schema, facts);
    let findings = lint::findings(&Subject {
        migration,
        schema,
        facts,
        states: &compiler.states,
        phases: &phases,
        told: &told,
    });
    Ok(Plan {
        migration: migration.name.clone(),
        database: engine,
        hash: document::hash(migration),
        plan_hash: hash::plan_hash(engine, compiler.world.version, &phases),
        estimate: phases.iter().map(|p| p.estimate).sum(),
        facts_read_at: facts.map(|facts| facts.read_at),
        safe: !lint::blocks(&findings),
        phases,
        findings,
    })
}

impl Plan {
    /// States how long everything takes anew, from what the target holds by now. Nothing else of the
    /// plan changes, and so its hash does not.
    pub fn estimate_anew(&mut self, schema: Option<&Schema>, facts: &TargetFacts) {
        estimate::estimate(self.database, &mut self.phases, schema, Some(facts));
        self.estimate = self.phases.iter().map(|phase| phase.estimate).sum();
        self.facts_read_at = Some(facts.read_at);
    }
}

/// Every table that the document names.
fn touched(migration: &Migration) -> Vec<TableName> {
    let mut out = Vec::new();
    for phase in &migration.phases {
        for operation in &phase.operations {
            out.extend(operation.tables());
        }
        for operation in phase.rollback_operations.iter().flatten() {
            out.extend(operation.tables());
        }
        out.extend(
            phase
                .validation
                .iter()
                .flat_map(|v| [&v.table, &v.other_table])
                .filter_map(|name| name.as_deref().map(TableName::parse)),
        );
    }
    out.sort();
    out.dedup();
    out
}

struct Compiler {
    migration: String,
    world: World,
    /// The world before each operation, by phase.
    states: Vec<Vec<World>>,
    problems: Vec<Problem>,
}

impl Compiler {
    fn phase(&mut self, index: usize, phase: &Phase) -> PhasePlan {
        let mut steps = Vec::new();
        let mut undone = Vec::new();
        let mut checks: Vec<PlannedCheck> = Vec::new();
        let mut loss = Loss::Nothing;
        let mut copies: Vec<SavedCopy> = Vec::new();
        let hash = document::phase_hash(phase);
        let mut states = Vec::new();
        for (number, operation) in phase.operations.iter().enumerate() {
            // Statements that a person wrote for the way back know nothing of a copy.
            self.world.saving = phase
                .rollback_operations
                .is_none()
                .then(|| saved::stem(&self.migration, &hash, number));
            let before = self.world.clone();
            let at = format!("phases[{index}].operations[{number}]");
            // What cannot be compiled leaves the world as it was, so that one mistake is told
            // once and not again for all that stands on it.
            let done = operation
                .apply(&mut self.world)
                .and_then(|()| Ok((operation.compile(&before)?, operation.undo(&before)?)));
            match done {
                Ok((drafts, undo)) => {
                    checks.extend(operation.checks(&before));
                    steps.extend(numbered(drafts, phase.phase, number, "", &mut 0));
                    loss = loss.max(undo.loss);
                    undone.push((number, undo.drafts));
                    let step = |at| format!("{}.{number}.{at}", phase.phase);
                    copies.extend(undo.saved.into_iter().map(|(at, copy)| SavedCopy {
                        step: step(at),
                        ..copy
                    }));
                }
                Err(refusal) => {
                    self.world = before.clone();
                    self.problems.push(refusal.at(&at));
                }
            }
            states.push(before);
        }
        self.world.saving = None;
        self.states.push(states);
        let written = phase
            .validation
            .iter()
            .enumerate()
            .filter_map(|(number, validation)| {
                match check::planned(&mut self.world, phase, validation) {
                    Ok(planned) => Some(planned),
                    Err(refusal) => {
                        let at = format!("phases[{index}].validation[{number}]");
                        self.problems.push(refusal.at(&at));
                        None
                    }
                }
            });
        let validation = checks.into_iter().chain(written).collect();
        let rollback = match &phase.rollback_operations {
            Some(written) => {
                if loss == Loss::NotSaid {
                    loss = Loss::Nothing;
                }
                self.written_rollback(index, phase, written)
            }
            None => undone
                .into_iter()
                .rev()
                .flat_map(|(number, drafts)| numbered(drafts, phase.phase, number, "r", &mut 0))
                .collect(),
        };
        let mut tables: Vec<TableName> = steps.iter().flat_map(|s| s.tables.clone()).collect();
        tables.sort();
        tables.dedup();
        PhasePlan {
            phase: phase.phase,
            kind: phase.effective_kind(),
            description: phase.description.clone(),
            hash,
            estimate: Span::default(),
            gate: phase.gate.clone(),
            timeout_ms: phase.timeout,
            steps,
            rollback,
            rollback_method: match loss {
                Loss::Nothing if copies.is_empty() => RollbackMethod::Inverse,
                Loss::Nothing => RollbackMethod::SavedCopy,
                Loss::NotSaid | Loss::Values => RollbackMethod::Backup,
            },
            rollback_risk: match (loss, &phase.rollback_operations) {
                (Loss::Nothing, None) if copies.is_empty() => Risk::Low,
                (Loss::Nothing, _) => Risk::Medium,
                (Loss::NotSaid | Loss::Values, _) => Risk::High,
            },
            reversible: loss == Loss::Nothing,
            saved: copies,
            validation,
            tables,
        }
    }

    /// The rollback that its author wrote, in the world that the phase leaves.
    fn written_rollback(
        &mut self,
        index: usize,
        phase: &Phase,
        written: &[Operation],
    ) -> Vec<Step> {
        let mut world = self.world.clone();
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        let mut steps = Vec::new();
        for (number, operation) in written.iter().enumerate() {
            let before = world.clone();
            let done = operation
                .apply(&mut world)
                .and_then(|()| operation.compile(&before));
            match done {
                Ok(drafts) => {
                    let undoes = undone_by(operation, &phase.operations);
                    let count = counts.entry(undoes).or_default();
                    steps.extend(numbered(drafts, phase.phase, undoes, "r", count));
                }
                Err(refusal) => {
                    let at = format!("phases[{index}].rollbackOperations[{number}]");
                    self.problems.push(refusal.at(&at));
                }
            }
        }
        steps
    }
}

/// The operation that a written rollback undoes: the last one about the same thing, else about
/// the same table, else the first, since a phase that began has begun that one.
fn undone_by(rollback: &Operation, operations: &[Operation]) -> usize {
    let (table, name) = rollback.subject();
    let same = |wanted: &dyn Fn(&Operation) -> bool| operations.iter().rposition(wanted);
    name.and_then(|name| same(&|o| o.subject() == (table.clone(), Some(name.clone()))))
        .or_else(|| {
            table
                .as_ref()
                .and_then(|table| same(&|o| o.subject().0.as_ref() == Some(table)))
        })
        .unwrap_or(0)
}

fn numbered(
    drafts: Vec<Draft>,
    phase: u32,
    operation: usize,
    mark: &str,
    count: &mut usize,
) -> Vec<Step> {
    drafts
        .into_iter()
        .map(|draft| {
            let id = format!("{phase}.{mark}{operation}.{count}");
            *count += 1;
            let undoes = draft.undoes;
            Step {
                id,
                operation,
                title: draft.title,
                tables: draft.tables,
                action: draft.action,
                undoes: undoes.map(|at| format!("{phase}.{operation}.{at}")),
            }
        })
        .collect()
}
