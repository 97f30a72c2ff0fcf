//! What a document takes away with its values: whoever points there has nothing to point to when
//! it comes back empty.

use std::collections::BTreeSet;

use crate::document::Migration;
use crate::operation::Operation;
use crate::schema::TableName;

/// The tables that are dropped, and the columns, under every name that they have in the document.
pub(super) fn doomed(migration: &Migration) -> BTreeSet<(TableName, Option<String>)> {
    let mut out: BTreeSet<(TableName, Option<String>)> = BTreeSet::new();
    let operations = migration.phases.iter().flat_map(|p| &p.operations);
    for operation in operations.collect::<Vec<_>>().into_iter().rev() {
        match operation {
            Operation::DropTable(drop) => {
                out.insert((TableName::parse(&drop.table), None));
            }
            Operation::DropColumn(drop) => {
                out.insert((TableName::parse(&drop.table), Some(drop.column.clone())));
            }
            Operation::RenameTable(rename) => {
                let from = TableName::parse(&rename.table);
                let to = TableName {
                    schema: from.schema.clone(),
                    name: TableName::parse(&rename.new_table).name,
                };
                let named: Vec<Option<String>> = out
                    .iter()
                    .filter(|(table, _)| *table == to)
                    .map(|(_, column)| column.clone())
                    .collect();
                out.extend(named.into_iter().map(|column| (from.clone(), column)));
            }
            Operation::RenameColumn(rename) => {
                let table = TableName::parse(&rename.table);
                if out.contains(&(table.clone(), Some(rename.new_column.clone()))) {
                    out.insert((table, Some(rename.old_column.clone())));
                }
            }
            Operation::AddColumn(_)
            | Operation::ChangeColumnType(_)
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
            | Operation::CreateTable(_)
            | Operation::CreateView(_)
            | Operation::DropView(_)
            | Operation::Backfill(_)
            | Operation::EnableDualWrite(_)
            | Operation::DisableDualWrite(_)
            | Operation::CopyTable(_)
            | Operation::SwapTables(_)
            | Operation::CustomSql(_) => {}
        }
    }
    out
}
