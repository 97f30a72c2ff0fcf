//! The way back of a phase, run in mind after what the phase and those before it do.

use std::ops::Range;

use super::{Teller, Told, Written};
use crate::document::Phase;
use crate::operation::Operation;
use crate::plan::{Known, PhasePlan};

/// A way back in which there is SQL that people wrote.
pub struct Back {
    /// All that was run before it, and it.
    pub told: Told,
    /// The statements of the phase that it takes back; its own are those behind them.
    pub forth: Range<usize>,
}

/// Runs the steps back in mind; what the world holds afterwards nobody looks at.
pub(super) fn tell(
    teller: &Teller<'_>,
    phase: &Phase,
    deployed: bool,
    plan: &mut PhasePlan,
    first: usize,
) -> Option<Back> {
    let mut statements = plan
        .rollback
        .iter()
        .flat_map(|step| step.action.statements());
    let written = statements.any(|statement| statement.known != Known::Operation);
    let mut back = if written {
        teller.further()
    } else {
        teller.aside()
    };
    let forth = first..back.places.len();
    let mut texts: Vec<Option<Written<'_>>> = phase
        .operations
        .iter()
        .map(|operation| match (operation, &phase.rollback_operations) {
            (_, Some(_)) => Some(Written::elsewhere()),
            (Operation::CustomSql(custom), None) => {
                let text = custom.rollback_sql.as_deref()?;
                Some(Written::of(teller.engine, text))
            }
            (_, None) => None,
        })
        .collect();
    for step in &mut plan.rollback {
        let text = texts.get_mut(step.operation).and_then(Option::as_mut);
        back.step(step, phase.phase, deployed, text);
    }
    (written && !teller.by_words).then(|| Back {
        told: back.finish(),
        forth,
    })
}
