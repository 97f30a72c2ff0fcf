//! The two sides of a dual write, as a document names them.

use std::collections::BTreeMap;

use crate::dialect::{expression, quote};
use crate::document::Conversion;
use crate::schema::{DualWrite, Refusal, TableName, World};

/// The fields of enable_dual_write and disable_dual_write.
#[derive(Clone, Copy)]
pub(in crate::operation) struct Written<'o> {
    /// The operation's word.
    pub word: &'static str,
    pub table: &'o str,
    pub old_column: Option<&'o String>,
    pub new_column: Option<&'o String>,
    pub forward: Option<&'o Conversion>,
    pub backward: Option<&'o Conversion>,
}

/// The columns of both sides, sorted, and the expression behind each.
pub(in crate::operation) struct Sides {
    pub old: Vec<String>,
    pub new: Vec<String>,
    /// By new column.
    pub forward: BTreeMap<String, String>,
    /// By old column; empty where nothing leads back.
    pub backward: BTreeMap<String, String>,
}

impl Written<'_> {
    /// What is wrong with it on every engine and every schema.
    pub fn form(&self) -> Result<(), Refusal> {
        let missing = |field: &'static str, why: &str| {
            Err(Refusal::new(
                field,
                format!("{} needs `{field}`: {why}", self.word),
            ))
        };
        match (self.forward, self.new_column) {
            (Some(Conversion::Columns(map)), None) => not_empty("forward", map)?,
            (Some(Conversion::Columns(_)), Some(_)) => {
                return Err(Refusal::new(
                    "newColumn",
                    "forward names the new columns already, each with its expression; leave newColumn out, or write forward as one expression",
                ));
            }
            (Some(Conversion::Expression(_)) | None, Some(_)) => {}
            (Some(Conversion::Expression(_)), None) => {
                return missing(
                    "newColumn",
                    "the column that forward is for; where there are several, write forward as a map of column to expression",
                );
            }
            (None, None) => {
                return missing(
                    "newColumn",
                    "the column that new applications write; where there are several, write forward as a map of column to expression",
                );
            }
        }
        match (self.backward, self.old_column) {
            (Some(Conversion::Columns(map)), None) => not_empty("backward", map)?,
            (Some(Conversion::Columns(_)), Some(_)) => {
                return Err(Refusal::new(
                    "oldColumn",
                    "backward names the old columns already, each with its expression; leave oldColumn out, or write backward as one expression",
                ));
            }
            (Some(Conversion::Expression(_)), None) => {
                return missing(
                    "oldColumn",
                    "the column that backward is for; where there are several, write backward as a map of column to expression",
                );
            }
            (Some(Conversion::Expression(_)) | None, Some(_)) => {}
            // The old columns are those that forward reads.
            (None, None) if self.forward.is_some() => {}
            (None, None) => {
                return missing("oldColumn", "the column that old applications write");
            }
        }
        if self.forward.is_none() && self.old_column.is_none() {
            return missing(
                "forward",
                "with several old columns, the expression for the new one",
            );
        }
        if self.old_column.is_some() && self.old_column == self.new_column {
            return Err(Refusal::new(
                "newColumn",
                "a column cannot be kept in step with itself",
            ));
        }
        Ok(())
    }

    /// The sides, in the world before it.
    pub fn sides(&self, world: &World) -> Result<Sides, Refusal> {
        self.form()?;
        let engine = world.engine;
        for (field, conversion) in [("forward", self.forward), ("backward", self.backward)] {
            let expressions = conversion
                .map(|c| c.by_column(Some("")))
                .unwrap_or_default();
            for (column, sql) in expressions {
                if let Some(problem) = expression::expression_problem(engine, &sql) {
                    let message = if column.is_empty() {
                        problem
                    } else {
                        format!("{column}: {problem}")
                    };
                    return Err(Refusal::new(field, message));
                }
            }
        }
        let (old, new) = (
            self.old_column.map(String::as_str),
            self.new_column.map(String::as_str),
        );
        // Identity where nothing is said of the direction.
        let forward = match (self.forward, old, new) {
            (Some(conversion), _, new) => conversion.by_column(new),
            (None, Some(old), Some(new)) => [(new.to_owned(), quote::name(engine, old))].into(),
            (None, _, _) => BTreeMap::new(),
        };
        let backward = match (self.backward, self.forward, old, new) {
            (Some(conversion), _, old, _) => conversion.by_column(old),
            (None, None, Some(old), Some(new)) => {
                [(old.to_owned(), quote::name(engine, new))].into()
            }
            (None, _, _, _) => BTreeMap::new(),
        };
        let old = match old {
            Some(old) => vec![old.to_owned()],
            None if !backward.is_empty() => backward.keys().cloned().collect(),
            None => self.read_by(world, &forward)?,
        };
        if let Some(both) = old.iter().find(|c| forward.contains_key(*c)) {
            return Err(Refusal::new(
                "forward",
                format!("{both} cannot be kept in step with itself"),
            ));
        }
        Ok(Sides {
            old,
            new: forward.keys().cloned().collect(),
            forward,
            backward,
        })
    }

    /// The columns that those expressions read: of the table where it is known, else every name
    /// that stands in them.
    fn read_by(
        &self,
        world: &World,
        forward: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, Refusal> {
        let table = TableName::parse(self.table);
        let engine = world.engine;
        let mut read: Vec<String> = match world.table(&table).filter(|_| world.is_whole(&table)) {
            Some(known) => known
                .columns
                .iter()
                .map(|c| c.name.clone())
                .filter(|c| {
                    forward
                        .values()
                        .any(|sql| expression::mentions(engine, sql, c))
                })
                .collect(),
            None => forward
                .values()
                .flat_map(|sql| expression::names(engine, sql))
                .filter(|name| *name != table.name)
                .collect(),
        };
        read.retain(|c| !forward.contains_key(c));
        read.sort();
        read.dedup();
        if read.is_empty() {
            return Err(Refusal::new(
                "forward",
                format!(
                    "it reads no column of {table}: the old columns are those that it reads, or those that backward or oldColumn names"
                ),
            ));
        }
        Ok(read)
    }

    /// The dual write that the world has for it.
    pub fn known<'w>(&self, world: &'w World) -> Option<&'w DualWrite> {
        let table = TableName::parse(self.table);
        let one = |column: Option<&String>| column.map(|c| vec![c.clone()]);
        let keys = |conversion: Option<&Conversion>| match conversion {
            Some(Conversion::Columns(map)) => Some(map.keys().cloned().collect::<Vec<_>>()),
            Some(Conversion::Expression(_)) | None => None,
        };
        let new = one(self.new_column).or_else(|| keys(self.forward))?;
        let old = one(self.old_column).or_else(|| keys(self.backward));
        let same = |held: &[crate::schema::HeldColumn], named: &[String]| {
            held.iter().map(|c| &c.column).eq(named.iter())
        };
        world
            .table(&table)?
            .dual_writes
            .iter()
            .find(|d| same(&d.new, &new) && old.as_ref().is_none_or(|old| same(&d.old, old)))
    }

    /// The new columns, for finding what undoes what.
    pub fn subject(&self) -> Option<String> {
        match (self.new_column, self.forward) {
            (Some(column), _) => Some(column.clone()),
            (None, Some(Conversion::Columns(map))) => {
                Some(map.keys().cloned().collect::<Vec<_>>().join(", "))
            }
            (None, Some(Conversion::Expression(_)) | None) => None,
        }
    }
}

fn not_empty(field: &'static str, map: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if map.is_empty() {
        return Err(Refusal::new(
            field,
            "the map is empty: write `column: expression` for each column",
        ));
    }
    Ok(())
}
