//! The way back: every row gets its value again, and the copy goes.

use super::ColumnCopy;
use crate::dialect::{catalogue, quote};
use crate::document::Engine;
use crate::operation::behave::Draft;
use crate::operation::shadow::cast_to_compare;
use crate::operation::{backfill, mysql};
use crate::plan::{Lock, Need, Statement};

impl ColumnCopy<'_> {
    /// Which of the copy's rows is that of a row of the table.
    fn there(&self) -> String {
        let row = self.named(&self.table.name);
        let same: Vec<String> = self
            .shadow
            .key
            .iter()
            .map(|c| self.named(c))
            .map(|c| format!("kept.{c} = {row}.{c}"))
            .collect();
        match same.as_slice() {
            [] => "/* its key */ true".to_owned(),
            same => same.join(" AND "),
        }
    }

    /// The same, where what the column is made from is as it was.
    fn unchanged(&self) -> String {
        let row = self.named(&self.table.name);
        let from = self.mapping.iter().flat_map(|m| &m.from);
        let same = from.map(|c| {
            let (name, known) = (self.named(c), self.known.and_then(|t| t.column(c)));
            let (kept, own) = (format!("kept.{name}"), format!("{row}.{name}"));
            match self.world.engine {
                Engine::PostgreSql => {
                    let cast = known.map_or("", |c| cast_to_compare(&c.data_type));
                    format!(" AND {kept}{cast} IS NOT DISTINCT FROM {own}{cast}")
                }
                Engine::MySql | Engine::MariaDb => format!(" AND {kept} <=> {own}"),
                Engine::Sqlite => format!(" AND {kept} IS {own}"),
            }
        });
        self.there() + &same.collect::<String>()
    }

    fn default(&self) -> Option<&String> {
        let known = self.known.and_then(|t| t.column(&self.column));
        known.and_then(|c| c.default.as_ref())
    }

    /// What a row gets that was written since.
    fn otherwise(&self) -> Option<&String> {
        let mapped = self.mapping.as_ref().map(|m| &m.sql);
        mapped.or_else(|| self.default())
    }

    /// What a row gets, and the condition that it has not got it yet.
    fn value(&self) -> (String, String) {
        let (own, place) = (self.own(), self.place());
        let there = self.there();
        let saved = format!("(SELECT kept.{own} FROM {place} AS kept WHERE {there})");
        let (value, pending) = match self.otherwise() {
            None => (saved.clone(), format!("{saved} IS NOT NULL")),
            Some(otherwise) => {
                let unchanged = self.unchanged();
                (
                    format!(
                        "CASE WHEN EXISTS (SELECT 1 FROM {place} AS kept WHERE {unchanged}) THEN {saved} ELSE {otherwise} END"
                    ),
                    format!(
                        "COALESCE((SELECT kept.{own} IS NOT NULL FROM {place} AS kept WHERE {unchanged}), true)"
                    ),
                )
            }
        };
        (
            format!("{own} = {value}"),
            format!("{own} IS NULL AND {pending}"),
        )
    }

    /// Puts the values back, once the column is there again and empty.
    pub(in crate::operation) fn fill(&self) -> Draft {
        let (set, pending) = self.value();
        let mut draft = backfill::draft(self.world, &self.table, set, pending, true);
        draft.title = format!("Put the values of {}.{} back", self.table, self.column);
        draft
    }

    /// The same for rows that came since, where nobody else writes meanwhile: until then the column
    /// has no default.
    pub(in crate::operation) fn fill_rest(&self) -> Option<Statement> {
        if self.mapping.is_some() || self.default().is_none() {
            return None;
        }
        let (set, pending) = self.value();
        let table = quote::table(self.world.engine, &self.table);
        Some(Statement::brief(
            format!("UPDATE {table} SET {set} WHERE {pending}"),
            Lock::DatabaseWrite,
        ))
    }

    /// The last steps of the way back.
    pub(in crate::operation) fn forget(&self) -> Vec<Draft> {
        let engine = self.world.engine;
        let title = format!("Drop {}, which is not needed any more", self.shadow.target);
        let drafts = match engine {
            Engine::PostgreSql => {
                let mut statements = self.texts().remove();
                statements.push(Statement::brief(self.drop(), Lock::None));
                vec![Draft::transaction(title, &self.table, statements)]
            }
            Engine::MySql | Engine::MariaDb => {
                let mut drafts = self.mysql().remove();
                drafts.push(mysql::ddl(
                    title,
                    &self.table,
                    Statement::brief(self.drop(), Lock::None).outside(),
                    &format!("NOT {}", catalogue::table(engine, &self.shadow.target)),
                ));
                drafts
            }
            Engine::Sqlite => {
                let drop = Statement::brief(self.drop(), Lock::DatabaseWrite);
                vec![Draft::transaction(title, &self.table, vec![drop])]
            }
        };
        drafts.into_iter().map(|draft| draft.undoing(0)).collect()
    }

    /// The steps of the way back are those of the drop; the saving has its own.
    pub(in crate::operation) fn undoing_drop(&self, drafts: Vec<Draft>) -> Vec<Draft> {
        let steps = self.steps();
        drafts
            .into_iter()
            .map(|draft| draft.undoing(steps))
            .collect()
    }

    /// Rows without a value, where there must be one.
    pub(super) fn need(&self) -> Option<Need> {
        let column = self.known.and_then(|t| t.column(&self.column))?;
        if column.nullable || (self.mapping.is_none() && self.default().is_some()) {
            return None;
        }
        let without = match &self.mapping {
            Some(mapping) => format!(" AND ({}) IS NULL", mapping.sql),
            None => String::new(),
        };
        let columns: Vec<&str> = self
            .shadow
            .columns
            .iter()
            .map(|(c, _)| c.as_str())
            .collect();
        Some(Need {
            sql: format!(
                "SELECT NOT EXISTS (SELECT 1 FROM {} WHERE NOT EXISTS (SELECT 1 FROM {} AS kept WHERE {}){without})",
                quote::table(self.world.engine, &self.table),
                self.place(),
                self.unchanged()
            ),
            message: format!(
                "{0}.{1} is NOT NULL, and nothing says what rows of {0} have there that were written since it was dropped. Put a row for each of them into {2} ({3}), or delete them, and roll back then",
                self.table,
                self.column,
                self.shadow.target,
                columns.join(", ")
            ),
        })
    }
}
