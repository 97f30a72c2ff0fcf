//! PostgreSQL's trigger function: one for both directions.

use std::collections::BTreeMap;

use super::{enclosed, function_name};
use crate::dialect::{expression, quote};
use crate::document::Engine;
use crate::schema::{DualWrite, HeldColumn, TableName, World};

/// Types without an equality that everybody agrees on: compared by their text.
const NOT_COMPARABLE: &[&str] = &[
    "json", "xml", "point", "box", "path", "polygon", "line", "lseg", "circle",
];

/// One side of the dual write, as the function reads and fills it.
struct Side<'d> {
    world: &'d World,
    table: &'d TableName,
    columns: &'d [HeldColumn],
    /// What its columns are computed from.
    conversions: &'d BTreeMap<String, String>,
    /// The side that those read.
    others: &'d [HeldColumn],
}

impl Side<'_> {
    /// `NEW.a IS NULL AND NEW.b IS NULL`: nothing was given for it.
    fn is_absent(&self) -> String {
        self.columns
            .iter()
            .map(|c| format!("NEW.{} IS NULL", quote::name(Engine::PostgreSql, &c.column)))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    /// Whether something of it changed.
    fn changed(&self) -> String {
        self.columns
            .iter()
            .map(|c| {
                let name = quote::name(Engine::PostgreSql, &c.column);
                let by_text = self
                    .world
                    .column(self.table, &c.column)
                    .is_some_and(|c| NOT_COMPARABLE.contains(&c.data_type.as_str()));
                let cast = if by_text { "::text" } else { "" };
                format!("NEW.{name}{cast} IS DISTINCT FROM OLD.{name}{cast}")
            })
            .collect::<Vec<_>>()
            .join(" OR ")
    }

    /// Fills it from the other side; nothing where no conversion leads here.
    fn fill(&self) -> Vec<String> {
        or_nothing(
            self.columns
                .iter()
                .filter_map(|c| Some(self.assignment(&c.column, self.conversions.get(&c.column)?)))
                .collect(),
        )
    }

    /// `NEW.c := ...`: the conversion over the row's values under their own names.
    fn assignment(&self, target: &str, sql: &str) -> String {
        let target = quote::name(Engine::PostgreSql, target);
        if let [other] = self.others
            && sql == quote::name(Engine::PostgreSql, &other.column)
        {
            return format!("NEW.{target} := NEW.{sql};");
        }
        let engine = self.world.engine;
        let mut columns: Vec<String> = self.others.iter().map(|c| c.column.clone()).collect();
        if let Some(known) = self.world.table(self.table) {
            let more: Vec<String> = known
                .columns
                .iter()
                .map(|c| c.name.clone())
                .filter(|c| !columns.contains(c) && expression::mentions(engine, sql, c))
                .collect();
            columns.extend(more);
        }
        let row: Vec<String> = columns
            .iter()
            .map(|c| format!("NEW.{0} AS {0}", quote::name(Engine::PostgreSql, c)))
            .collect();
        format!(
            "NEW.{target} := (SELECT {} FROM (SELECT {}) AS {});",
            enclosed(sql),
            row.join(", "),
            quote::name(Engine::PostgreSql, &self.table.name)
        )
    }

    /// Gives its columns their defaults.
    fn defaults(&self) -> Vec<String> {
        self.columns
            .iter()
            .filter_map(|c| {
                let default = c.default.as_ref()?;
                Some(format!(
                    "NEW.{} := {default};",
                    quote::name(Engine::PostgreSql, &c.column)
                ))
            })
            .collect()
    }

    /// Where only some of its columns were given, the others get their defaults.
    fn complete(&self) -> Vec<String> {
        if self.columns.len() < 2 {
            return Vec::new();
        }
        self.columns
            .iter()
            .filter_map(|c| {
                let (name, default) = (
                    quote::name(Engine::PostgreSql, &c.column),
                    c.default.as_ref()?,
                );
                Some(format!(
                    "IF NEW.{name} IS NULL THEN\n        NEW.{name} := {default};\n      END IF;"
                ))
            })
            .collect()
    }
}

fn or_nothing(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        vec!["NULL;".to_owned()]
    } else {
        lines
    }
}

fn lines(parts: &[Vec<String>]) -> String {
    parts.concat().join("\n      ")
}

pub(super) fn function_sql(world: &World, table: &TableName, dual_write: &DualWrite) -> String {
    let side = |columns, conversions, others| Side {
        world,
        table,
        columns,
        conversions,
        others,
    };
    let old = side(&dual_write.old, &dual_write.backward, &dual_write.new);
    let new = side(&dual_write.new, &dual_write.forward, &dual_write.old);
    let both_absent = match (old.defaults(), new.defaults()) {
        (defaults, others) if defaults.is_empty() && others.is_empty() => new.fill(),
        (defaults, others) if defaults.is_empty() => [others, old.fill()].concat(),
        (defaults, _) => [defaults, new.fill()].concat(),
    };
    let body = format!(
        "
#variable_conflict use_column
BEGIN
  IF current_setting('bellows.backfill', true) = 'on' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF {old_absent} AND {new_absent} THEN
      {both_absent}
    ELSIF {new_absent} THEN
      {forward}
    ELSIF {old_absent} THEN
      {backward}
    END IF;
  ELSIF {old_changed} THEN
    IF NOT ({new_changed}) THEN
      {forward_again}
    END IF;
  ELSIF {new_changed} THEN
    {backward_again}
  END IF;
  RETURN NEW;
END
",
        old_absent = old.is_absent(),
        new_absent = new.is_absent(),
        both_absent = lines(&[both_absent]),
        forward = lines(&[old.complete(), new.fill()]),
        backward = lines(&[
            new.complete(),
            if dual_write.goes_back() {
                old.fill()
            } else {
                or_nothing(old.defaults())
            }
        ]),
        old_changed = old.changed(),
        new_changed = new.changed(),
        forward_again = lines(&[new.fill()]),
        backward_again = old.fill().join("\n    "),
    );
    let fence = quote::fence(&body);
    let own_schema = match &table.schema {
        Some(schema) => format!("{}, ", quote::name(Engine::PostgreSql, schema)),
        None => String::new(),
    };
    format!(
        "CREATE OR REPLACE FUNCTION {}() RETURNS trigger\nLANGUAGE plpgsql\nSET search_path = pg_catalog, {own_schema}public, pg_temp\nAS {fence}{body}{fence}",
        function_name(dual_write)
    )
}
