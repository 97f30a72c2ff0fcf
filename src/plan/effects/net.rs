//! What is left of what statements do once their step, or their operation, is over.

use crate::plan::{OtherLock, Statement, Step};
use crate::schema::{Table, TableName};
use crate::sql::state::State;
use crate::sql::{Breakage, Object, Reading, Role};

/// A constraint that an operation adds on its way, and drops when it is there, is missed by nobody.
pub(super) fn forget_own_constraints(steps: &mut [Step]) {
    let mut added: Vec<(usize, TableName, String)> = Vec::new();
    for step in steps {
        let operation = step.operation;
        for statement in step.action.statements_mut() {
            for breakage in &statement.breaks {
                if let Breakage::StricterConstraint { table, constraint } = breakage {
                    added.push((operation, table.clone(), constraint.clone()));
                }
            }
            statement.breaks.retain(|breakage| {
                if let Breakage::ConstraintGone { table, constraint } = breakage {
                    let own = (operation, table.clone(), constraint.clone());
                    !added.contains(&own)
                } else {
                    true
                }
            });
        }
    }
}

/// What a step leaves: between its statements nobody looks.
pub(super) struct Net<'n, 's> {
    pub(super) state: &'n State<'s>,
    pub(super) rebuilds: bool,
}

impl Net<'_, '_> {
    /// Says what the statement locks beside its table, and what it breaks. Of a program nobody knows.
    pub(super) fn beside(&self, statement: &mut Statement, readings: &[Reading]) {
        if readings.iter().any(|r| r.effect.unknown.is_some()) {
            return;
        }
        for effect in readings.iter().map(|reading| &reading.effect) {
            let main = effect.locks.iter().position(|l| l.role == Role::Itself);
            for (at, lock) in effect.locks.iter().enumerate() {
                if Some(at) == main || lock.made_here || lock.object == Object::Database {
                    continue;
                }
                let other = OtherLock {
                    object: lock.object.to_string(),
                    role: lock.role,
                    lock: lock.lock,
                };
                if !statement.other_locks.contains(&other) {
                    statement.other_locks.push(other);
                }
            }
            for breakage in &effect.breaks {
                if self.lasts(breakage) && !statement.breaks.contains(breakage) {
                    statement.breaks.push(breakage.clone());
                }
            }
        }
    }

    /// Whether it is still so when the step is over.
    fn lasts(&self, breakage: &Breakage) -> bool {
        if let Breakage::TableGone { table, .. } = breakage {
            self.state.table(table).is_none() && self.state.view(table).is_none()
        } else if let Breakage::RowsGone { table } = breakage {
            !self.rebuilds || self.state.table(table).is_none()
        } else {
            true
        }
    }

    /// What a table that was made anew breaks, which no statement of its making says.
    pub(super) fn changed(&self, name: &TableName, before: &Table) -> Vec<Breakage> {
        let Some(after) = self.state.table(name) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for old in &before.columns {
            let (table, column) = (name.clone(), old.name.clone());
            let Some(new) = after.column(&old.name) else {
                out.push(Breakage::ColumnGone {
                    table,
                    column,
                    renamed_to: None,
                });
                continue;
            };
            if !new.data_type.eq_ignore_ascii_case(&old.data_type) {
                out.push(Breakage::TypeChanged { table, column });
                continue;
            }
            if old.nullable && !new.nullable {
                out.push(Breakage::StricterConstraint {
                    table: table.clone(),
                    constraint: format!("{column} IS NOT NULL"),
                });
                if new.default.is_none() {
                    out.push(Breakage::InsertWithout { table, column });
                }
            } else if old.default.is_some() && new.default.is_none() && !new.nullable {
                out.push(Breakage::InsertWithout { table, column });
            } else if old.default != new.default {
                out.push(Breakage::DefaultChanged { table, column });
            }
        }
        for constraint in &after.constraints {
            let known = before.constraints.iter().any(|c| {
                c.name == constraint.name
                    || c.kind == constraint.kind && c.columns == constraint.columns
            });
            if !known {
                out.push(Breakage::StricterConstraint {
                    table: name.clone(),
                    constraint: constraint.name.clone(),
                });
            }
        }
        for constraint in &before.constraints {
            let kept = after.constraints.iter().any(|c| {
                c.name == constraint.name
                    || c.kind == constraint.kind && c.columns == constraint.columns
            });
            if !kept {
                out.push(Breakage::ConstraintGone {
                    table: name.clone(),
                    constraint: constraint.name.clone(),
                });
            }
        }
        out
    }
}
