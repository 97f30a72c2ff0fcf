//! The estimates of a whole plan: every statement's load, on the table that its step is about.

use std::collections::BTreeMap;

use super::{Basis, Estimate, Kind, Load, Shape, Source, Span, Speed, TargetFacts, facts};
use crate::document::Engine;
use crate::plan::{Action, PhasePlan, Step};
use crate::schema::{Schema, TableName};

/// Rows that a batch is taken to have where the document does not say, for its rests.
const BATCH: u64 = 1_000;

/// What a plan's estimates are made of.
struct Estimator<'e> {
    engine: Engine,
    schema: Option<&'e Schema>,
    facts: Option<&'e TargetFacts>,
    /// Tables that steps so far have filled with the rows of another one.
    filled: BTreeMap<TableName, Shape>,
}

/// Puts their estimates to the statements of a plan, in the order in which they are run.
pub(crate) fn estimate(
    engine: Engine,
    phases: &mut [PhasePlan],
    schema: Option<&Schema>,
    facts: Option<&TargetFacts>,
) {
    let mut estimator = Estimator {
        engine,
        schema,
        facts,
        filled: BTreeMap::new(),
    };
    for phase in phases {
        for step in &mut phase.steps {
            estimator.step(step);
        }
        phase.estimate = phase
            .steps
            .iter()
            .flat_map(|step| step.action.statements())
            .map(|statement| statement.estimate.span)
            .sum();
        for step in &mut phase.rollback {
            estimator.step(step);
        }
    }
}

impl Estimator<'_> {
    fn step(&mut self, step: &mut Step) {
        let table = table(step).cloned();
        let rests = match &step.action {
            Action::Backfill(fill) => Some((fill.batch_size, fill.pause_ms)),
            Action::Copy(copy) | Action::Compare(copy) => Some((copy.batch_size, copy.pause_ms)),
            Action::Transaction { .. }
            | Action::BuildIndex { .. }
            | Action::DropIndex { .. }
            | Action::Outside { .. }
            | Action::Ddl { .. }
            | Action::Rebuild { .. } => None,
        };
        for statement in step.action.statements_mut() {
            statement.estimate = self.one(statement.load, table.as_ref());
            if let Some((batch, pause_ms)) = rests {
                let batches =
                    statement.estimate.basis.rows / batch.map_or(BATCH, |b| u64::from(b.max(1)));
                let rest_ms = batches.saturating_mul(pause_ms);
                let rest = Span {
                    low_ms: rest_ms,
                    expected_ms: rest_ms,
                    high_ms: rest_ms,
                };
                statement.estimate.span = statement.estimate.span + rest;
            }
        }
        if let Action::Copy(copy) = &step.action {
            let (mut shape, _) = self.shape(&copy.table, copy.shown.load.rows);
            shape.indexes = 1;
            self.filled.insert(copy.shadow.clone(), shape);
        }
    }

    fn one(&self, load: Load, table: Option<&TableName>) -> Estimate {
        let (shape, source) = match table {
            Some(table) => self.shape(table, load.rows),
            None => (Shape::assumed(load.rows), Source::Assumed),
        };
        let speed = self
            .facts
            .and_then(|facts| facts.speeds.get(&load.kind))
            .copied()
            .unwrap_or_else(Speed::default);
        Estimate {
            span: speed.range(self.engine, load.kind, shape),
            basis: Basis {
                source: match load.kind {
                    Kind::Brief => Source::Target,
                    Kind::Scan
                    | Kind::LookUp
                    | Kind::Index
                    | Kind::Rewrite
                    | Kind::Fill
                    | Kind::Copy
                    | Kind::Compare => source,
                },
                rows: shape.rows,
                bytes: shape.bytes,
                indexes: shape.indexes,
                measured: speed.measured,
            },
        }
    }

    /// A table's size when its step is run, and where that comes from; `rows` is what the step was
    /// compiled for.
    fn shape(&self, table: &TableName, rows: u64) -> (Shape, Source) {
        if let Some(shape) = self.filled.get(table) {
            return (*shape, Source::Made);
        }
        let known = self.schema.and_then(|schema| schema.table(table));
        if let Some(seen) = self.facts.and_then(|facts| facts.tables.get(table)) {
            return (seen.shape(known), Source::Target);
        }
        if let Some(shape) = self
            .schema
            .and_then(|schema| facts::of_schema(schema, table))
        {
            return (shape, Source::Target);
        }
        let source = match (rows, self.schema) {
            // Only a table that the document makes is known to be empty.
            (0, _) => Source::Made,
            // The target's, under a name that the document gives it.
            (_, Some(_)) => Source::Target,
            (_, None) => Source::Assumed,
        };
        (Shape::assumed(rows), source)
    }
}

/// The table whose rows a step works on.
fn table(step: &Step) -> Option<&TableName> {
    match &step.action {
        Action::BuildIndex { table, .. }
        | Action::DropIndex { table, .. }
        | Action::Rebuild { table, .. } => Some(table),
        Action::Backfill(fill) => Some(&fill.table),
        Action::Copy(copy) | Action::Compare(copy) => Some(&copy.table),
        Action::Transaction { .. } | Action::Outside { .. } | Action::Ddl { .. } => {
            step.tables.first()
        }
    }
}
