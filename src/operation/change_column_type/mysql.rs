//! Types that change on MySQL and MariaDB: by one MODIFY COLUMN, which says all of the column's
//! definition again, or by a copy of the table.

use super::{ChangeColumnType, retyped};
use crate::dialect::statement::Work;
use crate::dialect::types::{self, change};
use crate::dialect::{lexer, quote};
use crate::operation::anew::Anew;
use crate::operation::behave::Draft;
use crate::operation::mysql;
use crate::schema::{ConstraintKind, Refusal, TableName, World};

impl ChangeColumnType {
    /// Whether MySQL and MariaDB do it only by a copy of the table.
    pub(super) fn needs_copy(&self, world: &World, table: &TableName) -> Result<bool, Refusal> {
        let engine = world.engine;
        let old = self.old_type(world, table)?;
        let types = (
            types::read(engine, &old),
            types::read(engine, &self.new_type),
        );
        let free =
            matches!(&types, (Some(from), Some(to)) if change::is_free(engine, from, to).is_ok());
        Ok(!free && !world.is_made(table))
    }

    /// A foreign key needs both of its ends in one type.
    pub(super) fn mysql_refuses(
        &self,
        world: &World,
        table: &TableName,
        old: &str,
    ) -> Result<(), Refusal> {
        let Some(known) = world.table(table) else {
            return Ok(());
        };
        let own = known
            .constraints
            .iter()
            .find(|c| c.kind == ConstraintKind::ForeignKey && c.columns.contains(&self.column))
            .map(|c| c.name.clone());
        let other = known.referenced_by.iter().find(|(from, name)| {
            let constraints = world.table(from).map(|t| t.constraints.as_slice());
            constraints.unwrap_or_default().iter().any(|c| {
                c.name == *name
                    && lexer::significant(world.engine, &c.definition)
                        .unwrap_or_default()
                        .iter()
                        .skip_while(|t| !t.is("references"))
                        .any(|t| t.names(world.engine, &self.column))
            })
        });
        match own.or_else(|| other.map(|(from, key)| format!("{key} of {from}"))) {
            Some(key) => Err(Refusal::new(
                "newType",
                format!(
                    "{table}.{} cannot become {} from {old} alone: the foreign key {key} needs both of its ends in one type; drop_constraint it first, change both, and use add_foreign_key again",
                    self.column,
                    self.new_type.trim()
                ),
            )),
            None => Ok(()),
        }
    }

    /// What is done with the way by a copy of the table.
    pub(super) fn by_copy<T>(
        &self,
        world: &World,
        table: &TableName,
        then: impl FnOnce(&Anew<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let definition = self.mysql_definition(world, table, true)?;
        let title = format!(
            "Change the type of {} to {} in the copy of {table}",
            self.column,
            self.new_type.trim()
        );
        then(&Anew {
            table,
            action: format!(
                "MODIFY COLUMN {} {definition}",
                quote::name(world.engine, &self.column)
            ),
            title,
            done: &|_| mysql::REPEATABLE.to_owned(),
            change: &|world, copy| self.retype(world, copy),
            field: "newType",
        })
    }

    /// Puts the new type to a table of the world.
    pub(super) fn retype(&self, world: &mut World, table: &TableName) -> Result<(), Refusal> {
        if let Some(column) = world.column_mut(table, "column", &self.column)? {
            if let Some(definition) = &column.definition {
                column.definition = retyped(definition, &column.data_type, self.new_type.trim());
            }
            self.new_type.trim().clone_into(&mut column.data_type);
        }
        Ok(())
    }

    /// The column's definition with the new type, or as it was.
    pub(super) fn mysql_definition(
        &self,
        before: &World,
        table: &TableName,
        forward: bool,
    ) -> Result<String, Refusal> {
        let old = self.old_type(before, table)?;
        let known = before
            .column(table, &self.column)
            .and_then(|c| c.definition.as_deref());
        let definition = match known {
            Some(definition) if forward => retyped(definition, &old, self.new_type.trim()),
            Some(definition) => Some(definition.to_owned()),
            None if !before.live => {
                let data_type = if forward { self.new_type.trim() } else { &old };
                Some(format!("{data_type} /* and all else of its definition */"))
            }
            None => None,
        };
        definition.ok_or_else(|| {
            Refusal::new(
                "column",
                format!(
                    "the definition of {table}.{} is not known before this runs, and MODIFY COLUMN must repeat all of it",
                    self.column
                ),
            )
        })
    }

    /// One ALTER.
    pub(super) fn mysql(
        &self,
        before: &World,
        table: &TableName,
        forward: bool,
    ) -> Result<Draft, Refusal> {
        let engine = before.engine;
        let old = self.old_type(before, table)?;
        let definition = self.mysql_definition(before, table, forward)?;
        let name = quote::name(engine, &self.column);
        let action = format!("MODIFY COLUMN {name} {definition}");
        // A narrower type is put into every row, and any into those of a new table, which has none.
        let how = if forward && !before.is_made(table) {
            mysql::How::Online(Work::Brief)
        } else {
            mysql::How::Copy
        };
        let (to, back) = if forward {
            (self.new_type.trim(), "")
        } else {
            (old.as_str(), "back ")
        };
        Ok(mysql::ddl(
            format!("Change the type of {table}.{} {back}to {to}", self.column),
            table,
            mysql::alter(before, table, &action, how),
            mysql::REPEATABLE,
        ))
    }
}
