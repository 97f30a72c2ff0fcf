//! What goes with a column or an index that is dropped.

use super::world::{Refusal, World, scope};
use super::{Commented, ConstraintKind, Index, TableName};
use crate::dialect::{expression, lexer};
use crate::document::Engine;

impl World {
    /// Takes a column out, with the indexes, constraints and dual writes that name it.
    pub fn drop_column(&mut self, name: &TableName, column: &str) -> Result<(), Refusal> {
        self.need_column(name, "column", column)?;
        self.need_nothing_over(name, column)?;
        let key = (name.clone(), column.to_owned());
        self.added.remove(&key);
        self.dropped.insert(key);
        let engine = self.engine;
        // The others refuse to drop a column that an expression of an index reads.
        let alone = engine == Engine::PostgreSql;
        let table = self.table_mut("table", name)?;
        let named = |list: &[String]| list.iter().any(|c| c == column);
        table.columns.retain(|c| c.name != column);
        table.constraints.retain(|c| !named(&c.columns));
        table.dual_writes.retain(|d| !d.names(column));
        table.part_with(|s| s.reads(engine, column));
        table.attached.drop_column(column);
        if named(&table.primary_key) {
            table.primary_key.clear();
        }
        let gone: Vec<String> = table
            .indexes
            .iter()
            .filter(|i| {
                named(&i.columns) || named(&i.include) || (alone && i.reads(engine, column))
            })
            .map(|i| i.name.clone())
            .collect();
        for index in gone {
            self.drop_relation(name, &index)?;
        }
        Ok(())
    }

    /// Refuses where something else reads the column that the server drops no column under: what is
    /// meant to go with it goes first.
    ///
    /// PostgreSQL drops a column with the indexes and constraints of its table that have it as a
    /// key, and refuses where a generated column, a policy, another table's foreign key, or an
    /// exclusion's expression or condition reads it (seen on 15; manual, ALTER TABLE, DROP COLUMN);
    /// MySQL and MariaDB refuse it under generated columns and foreign keys. Of views, which differ
    /// by engine, a rule tells.
    ///
    /// SQL of one's own that ran before may have taken any of these away: then the server judges.
    fn need_nothing_over(&self, name: &TableName, column: &str) -> Result<(), Refusal> {
        if self.may_be_there(name) {
            return Ok(());
        }
        let Some(table) = self.table(name) else {
            return Ok(());
        };
        let engine = self.engine;
        let names = |sql: &str| expression::mentions(engine, sql, column);
        let mut hanging: Vec<String> = Vec::new();
        hanging.extend(
            table
                .columns
                .iter()
                .filter(|c| c.name != column && c.generated_as.as_deref().is_some_and(names))
                .map(|c| format!("the generated column {} (drop_column)", c.name)),
        );
        hanging.extend(
            table
                .constraints
                .iter()
                .filter(|c| c.kind == ConstraintKind::Exclude)
                .filter(|c| !c.columns.iter().any(|own| own == column) && names(&c.definition))
                .map(|c| format!("the constraint {} (drop_constraint)", c.name)),
        );
        for (from, other) in &self.tables {
            let keys = other.constraints.iter().filter(|key| {
                key.references.as_ref() == Some(name)
                    && !(from == name && key.columns.iter().any(|own| own == column))
                    && expression::mentions_after(engine, &key.definition, "references", column)
            });
            hanging.extend(
                keys.map(|key| format!("the foreign key {} of {from} (drop_constraint)", key.name)),
            );
            let policies = other.attached.policies.iter().filter(|policy| {
                let mut texts = policy.using.iter().chain(&policy.check);
                texts.any(|sql| {
                    names(sql) && (from == name || expression::mentions(engine, sql, &name.name))
                })
            });
            hanging.extend(policies.map(|policy| {
                format!(
                    "the policy {} of {from} (DROP POLICY, by custom_sql in a document of its own)",
                    policy.name
                )
            }));
        }
        if hanging.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(
            "column",
            format!(
                "{name}.{column} cannot be dropped while this reads it: {}; drop that first",
                hanging.join(", ")
            ),
        ))
    }

    /// Gives the name of an index back, and takes the index off its table.
    pub fn drop_relation(&mut self, table: &TableName, index: &str) -> Result<(), Refusal> {
        self.relations
            .remove(&(scope(self.engine, table), index.to_owned()));
        let table = self.table_mut("table", table)?;
        table.indexes.retain(|i| i.name != index);
        table.attached.drop_named(Commented::Index, index);
        let sqlite_names_it = |sql: &String| {
            lexer::significant(Engine::Sqlite, sql).is_ok_and(|tokens| {
                tokens.iter().take(3).any(|t| t.is("index"))
                    && tokens
                        .iter()
                        .take(4)
                        .any(|t| t.names(Engine::Sqlite, index))
            })
        };
        table.dependents.retain(|sql| !sqlite_names_it(sql));
        Ok(())
    }
}

impl Index {
    /// Whether a key, a column that rides along, an expression or the predicate is, or names, the
    /// column. What stands before the parenthesis are the index's and the table's own names.
    pub fn reads(&self, engine: Engine, column: &str) -> bool {
        let body = self
            .definition
            .find('(')
            .map_or("", |at| &self.definition[at..]);
        self.columns.iter().any(|c| c == column)
            || self.include.iter().any(|c| c == column)
            || expression::mentions(engine, body, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_reads_a_column_in_its_expression_or_predicate_and_not_in_its_own_name() {
        let index = |definition: &str| Index {
            name: "email".into(),
            columns: vec!["id".into()],
            expressions: true,
            unique: false,
            method: "btree".into(),
            predicate: None,
            include: Vec::new(),
            valid: true,
            definition: definition.into(),
            constraint: None,
        };
        for (definition, reads) in [
            ("CREATE INDEX i ON users (lower(email))", true),
            ("CREATE INDEX i ON users (id) WHERE email IS NOT NULL", true),
            ("CREATE INDEX email ON users (id)", false),
        ] {
            let found = index(definition).reads(Engine::Sqlite, "email");
            assert_eq!(found, reads, "{definition}");
        }
    }
}
