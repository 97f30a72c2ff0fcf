//! The same on MySQL and MariaDB, where making a table ends a transaction: the table comes first,
//! empty, and then rows are kept and dealt with in one transaction.

use super::super::{Remedy, Rows, Wrong};
use super::free;
use crate::dialect::expression::Assignment;
use crate::dialect::{column_definition, quote};
use crate::operation::{CustomSql, Operation};
use crate::schema::{Table, TableName};

/// The rows, the table that keeps them, and how they are found again.
struct Kept<'a> {
    known: &'a Table,
    wrong: &'a Wrong<'a>,
    /// Both tables as SQL.
    table: String,
    kept: String,
    key: &'a [String],
    limit: u32,
}

pub(super) fn kept(
    known: &Table,
    wrong: &Wrong<'_>,
    remedy: &Remedy,
    aside: &TableName,
    key: &[String],
    limit: u32,
) -> Operation {
    let engine = wrong.engine;
    let kept = Kept {
        known,
        wrong,
        table: quote::table(engine, wrong.table),
        kept: quote::table(engine, aside),
        key,
        limit,
    };
    let assigned: &[Assignment] = match remedy {
        Remedy::Stop | Remedy::Delete => &[],
        Remedy::Change(assigned) => assigned,
    };
    let (change, restore) = match remedy {
        Remedy::Stop => (String::new(), String::new()),
        Remedy::Delete => kept.delete(),
        Remedy::Change(assigned) => kept.change(assigned),
    };
    let (make, keep) = kept.keep(assigned);
    CustomSql {
        sql: format!("{make};\n{keep};\n{change}"),
        rollback_sql: Some(format!("{restore};\nDROP TABLE {}", kept.kept)),
    }
    .into()
}

impl Kept<'_> {
    fn name(&self, column: &str) -> String {
        quote::name(self.wrong.engine, column)
    }

    fn keys(&self) -> String {
        quote::names(self.wrong.engine, self.key)
    }

    fn beside(&self, column: &str) -> String {
        self.name(&free(self.known, &format!("new_{column}")))
    }

    /// The empty table, and the statement that puts the rows into it, locked until the transaction
    /// ends. Its columns have the types of the table's own, so that a new value is judged here as
    /// it would be there.
    fn keep(&self, assigned: &[Assignment]) -> (String, String) {
        let engine = self.wrong.engine;
        let own: Vec<String> = self
            .known
            .columns
            .iter()
            .map(|c| self.name(&c.name))
            .collect();
        let at = self.name(&free(self.known, "set_aside_at"));
        let by = self.name(&free(self.known, "set_aside_by"));
        let migration = quote::literal(engine, self.wrong.migration);
        let (mut shape, mut columns, mut values) = (own.clone(), own.clone(), own);
        for Assignment { column, expression } in assigned {
            shape.push(format!("{} AS {}", self.name(column), self.beside(column)));
            columns.push(self.beside(column));
            values.push(format!("({expression})"));
        }
        let make = format!(
            "CREATE TABLE {} {}ENGINE=InnoDB AS SELECT now(6) AS {at}, CAST({migration} AS char(255)) AS {by}, {} FROM {} WHERE false",
            self.kept,
            self.primary_key(),
            shape.join(", "),
            self.table
        );
        // A row may have been mended between being found and being locked.
        let still = match &self.wrong.rows {
            Rows::Where(condition) => format!(" AND ({condition})"),
            Rows::Surplus { .. } => String::new(),
        };
        let keys = self.keys();
        let found = self
            .wrong
            .rows
            .keys(engine, &self.table, self.key, self.limit);
        let keep = format!(
            "INSERT INTO {} ({at}, {by}, {}) SELECT now(6), {migration}, {} FROM {} WHERE ({keys}) IN (SELECT {keys} FROM ({found}) AS chosen){still} FOR UPDATE",
            self.kept,
            columns.join(", "),
            values.join(", "),
            self.table
        );
        (make, keep)
    }

    /// The table's own primary key, where it can be said without the lengths of its parts.
    fn primary_key(&self) -> String {
        let whole = self.key == self.known.primary_key.as_slice()
            && self.key.iter().all(|k| {
                self.known
                    .column(k)
                    .is_some_and(|c| !column_definition::is_long(&c.data_type))
            });
        if whole {
            format!("(PRIMARY KEY ({})) ", self.keys())
        } else {
            String::new()
        }
    }

    /// Neither server takes LIMIT within IN, but in a table of its own.
    fn in_kept(&self) -> String {
        let keys = self.keys();
        format!(
            "({keys}) IN (SELECT {keys} FROM (SELECT {keys} FROM {} LIMIT {}) AS chosen)",
            self.kept, self.limit
        )
    }

    fn delete(&self) -> (String, String) {
        let (table, kept, keys) = (&self.table, &self.kept, self.keys());
        // What the server writes by itself is made anew.
        let written = self.known.columns.iter().filter(|c| !c.generated);
        let columns = quote::names(self.wrong.engine, written.map(|c| &c.name));
        (
            format!("DELETE FROM {table} WHERE {}", self.in_kept()),
            format!(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM {kept} WHERE ({keys}) NOT IN (SELECT {keys} FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {kept}))"
            ),
        )
    }

    /// The new value is worked out once and kept beside the old one, so that the way back finds
    /// what nobody has changed since.
    fn change(&self, assigned: &[Assignment]) -> (String, String) {
        let (table, kept) = (&self.table, &self.kept);
        let own = self.name(&self.wrong.table.name);
        let this_row: Vec<String> = self
            .key
            .iter()
            .map(|k| format!("kept.{0} = {own}.{0}", self.name(k)))
            .collect();
        let this_row = this_row.join(" AND ");
        let of_kept =
            |column: &str| format!("(SELECT kept.{column} FROM {kept} AS kept WHERE {this_row})");
        let (mut set, mut back, mut since) = (Vec::new(), Vec::new(), String::new());
        for Assignment { column, .. } in assigned {
            let (name, new) = (self.name(column), self.beside(column));
            let data_type = self.known.column(column).map(|c| c.data_type.as_str());
            set.push(format!("{name} = {}", of_kept(&new)));
            back.push(format!("{name} = {}", of_kept(&name)));
            since.push_str(&format!(
                " AND {}",
                column_definition::same(
                    data_type,
                    &format!("{own}.{name}"),
                    &format!("kept.{new}")
                )
            ));
        }
        (
            format!(
                "UPDATE {table} SET {} WHERE {}",
                set.join(", "),
                self.in_kept()
            ),
            format!(
                "UPDATE {table} SET {} WHERE {} AND EXISTS (SELECT 1 FROM {kept} AS kept WHERE {this_row}{since})",
                back.join(", "),
                self.in_kept()
            ),
        )
    }
}
