//! Where a run can be held until a person says go: before what applications notice at once.

use crate::document::{Migration, PhaseKind};
use crate::operation::Operation;

/// The place in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldPoint {
    /// Before anything of it is done: it takes something away.
    Phase,
    /// Before the first step of that operation: a table or a column gets another name.
    Operation(usize),
}

/// Where that phase can be held; nothing where no application would notice.
pub fn hold_point(migration: &Migration, phase: u32) -> Option<HoldPoint> {
    let phase = migration.phases.iter().find(|p| p.phase == phase)?;
    if phase.operations.is_empty() {
        return None;
    }
    if phase.effective_kind() == PhaseKind::Contract {
        return Some(HoldPoint::Phase);
    }
    let at = phase.operations.iter().position(cuts_over)?;
    Some(HoldPoint::Operation(at))
}

/// Whether what applications name is something else after the operation.
fn cuts_over(operation: &Operation) -> bool {
    match operation {
        Operation::SwapTables(_) | Operation::RenameColumn(_) | Operation::RenameTable(_) => true,
        Operation::AddColumn(_)
        | Operation::DropColumn(_)
        | Operation::ChangeColumnType(_)
        | Operation::CreateTable(_)
        | Operation::DropTable(_)
        | Operation::CreateView(_)
        | Operation::DropView(_)
        | Operation::SetNotNull(_)
        | Operation::DropNotNull(_)
        | Operation::SetDefault(_)
        | Operation::DropDefault(_)
        | Operation::AddIndex(_)
        | Operation::DropIndex(_)
        | Operation::AddConstraint(_)
        | Operation::AddCheck(_)
        | Operation::AddForeignKey(_)
        | Operation::AddUnique(_)
        | Operation::DropConstraint(_)
        | Operation::Backfill(_)
        | Operation::EnableDualWrite(_)
        | Operation::DisableDualWrite(_)
        | Operation::CopyTable(_)
        | Operation::CustomSql(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_held_before_what_applications_notice() {
        let text = "\
migration:
  name: m
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: users, column: full_name, dataType: text}
    - phase: 2
      kind: migrate
      operations:
        - {type: set_default, table: users, column: full_name, defaultValue: x}
        - {type: rename_column, table: users, oldColumn: age, newColumn: years}
    - phase: 3
      operations:
        - {type: drop_column, table: users, column: name}
";
        let document = crate::document::parse(text).unwrap();
        assert_eq!(hold_point(&document, 1), None);
        assert_eq!(hold_point(&document, 2), Some(HoldPoint::Operation(1)));
        assert_eq!(hold_point(&document, 3), Some(HoldPoint::Phase));
        assert_eq!(hold_point(&document, 4), None);
    }
}
