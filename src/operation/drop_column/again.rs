//! The way back of drop_column: the definition, and what hung on the column.

use super::super::behave::Behave;
use super::super::behave::Draft;
use super::super::saved::{self, column::ColumnCopy};
use super::super::{SetNotNull, backfill, dual_write, restore, sqlite};
use super::{DropColumn, Parted};
use crate::dialect::create_table::CreateTable;
use crate::dialect::expression::{self, Volatility};
use crate::dialect::quote;
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::plan::{Action, Lock, Statement};
use crate::schema::{Column, Refusal, TableName, World};

impl DropColumn {
    /// Brings the definition back, and the values as far as its other column still has them.
    pub(super) fn again(&self, before: &World, table: &TableName) -> Result<Vec<Draft>, Refusal> {
        let Some(column) = before.column(table, &self.column) else {
            return Ok(Vec::new());
        };
        let engine = before.engine;
        // A column with a default has a value in every row from the beginning.
        let filled = column.default.is_some() || column.generated_as.is_some();
        let known = before.table(table);
        let counting = restore::attached::with_identity(known, column);
        let saved = saved::column::of(self, before, table);
        // Its default comes after it: what is empty is what has no value yet.
        let bare = Column {
            default: None,
            ..column.clone()
        };
        let (made, definition) = match saved.kept() {
            Some(_) => (&bare, restore::definition(engine, &bare, false)),
            None => (
                column,
                restore::definition(engine, &counting, !column.nullable && filled),
            ),
        };
        let mut statements = match engine {
            Engine::PostgreSql => {
                let mut statements = postgres_again(before, table, made, &definition);
                if let (Some(_), Some(default)) = (saved.kept(), &column.default) {
                    statements.push(dual_write::put_default(table, &self.column, Some(default)));
                }
                statements
            }
            Engine::MySql | Engine::MariaDb => return self.mysql_again(before, table),
            Engine::Sqlite => vec![sqlite::write(format!(
                "ALTER TABLE {} ADD COLUMN {definition}",
                quote::table(engine, table)
            ))],
        };
        let parted = self.parted(before, table);
        for (dual_write, defaults) in &parted {
            let held: Vec<&str> = defaults.iter().map(|(column, _)| column.as_str()).collect();
            statements.extend(dual_write::remove(engine, table, dual_write));
            statements.extend(dual_write::install(before, table, dual_write, &held));
        }
        let title = format!("Add column {table}.{} again", self.column);
        let mut drafts = vec![Draft::transaction(title, table, statements)];
        match saved.kept() {
            Some(kept) => drafts.push(kept.fill()),
            None => drafts.extend(self.values_again(before, table, &parted)),
        }
        let empty = saved.kept().is_some() || !filled;
        // Without its values a column that was NOT NULL can only come back nullable.
        if !column.nullable && empty && drafts.len() > 1 && engine == Engine::PostgreSql {
            let mut between = before.clone();
            if let Some(again) = between.column_mut(table, "column", &self.column)? {
                again.nullable = true;
            }
            let forbid = SetNotNull {
                table: self.table.clone(),
                column: self.column.clone(),
            };
            drafts.extend(forbid.compile(&between)?);
        }
        drafts.extend(self.what_hung_on_it(before, table, saved.kept())?);
        let Some(kept) = saved.kept() else {
            return Ok(drafts);
        };
        let mut drafts = kept.undoing_drop(drafts);
        drafts.extend(kept.forget());
        Ok(drafts)
    }

    /// The values as far as the other side of a dual write still has them.
    pub(super) fn values_again(
        &self,
        before: &World,
        table: &TableName,
        parted: &[Parted<'_>],
    ) -> Vec<Draft> {
        let engine = before.engine;
        let sides = parted.iter().filter_map(|(dual_write, _)| {
            [&dual_write.backward, &dual_write.forward]
                .into_iter()
                .find(|side| side.contains_key(&self.column))
        });
        sides
            .map(|side| {
                // Where the others of its side were dropped after it, they are there again by now,
                // and empty.
                let list: Vec<String> = side
                    .iter()
                    .map(|(column, sql)| {
                        let column_sql = quote::name(engine, column);
                        if *column == self.column {
                            format!("{column_sql} = {sql}")
                        } else {
                            format!("{column_sql} = COALESCE({column_sql}, {sql})")
                        }
                    })
                    .collect();
                backfill::draft(
                    before,
                    table,
                    list.join(", "),
                    format!("{} IS NULL", quote::name(engine, &self.column)),
                    true,
                )
            })
            .collect()
    }

    /// The constraints and indexes that went with it.
    fn what_hung_on_it(
        &self,
        before: &World,
        table: &TableName,
        saved: Option<&ColumnCopy<'_>>,
    ) -> Result<Vec<Draft>, Refusal> {
        let mut drafts = Vec::new();
        let Some(known) = before.table(table) else {
            return Ok(drafts);
        };
        match before.engine {
            Engine::PostgreSql => {
                let empty = self.parted(before, table).is_empty()
                    && known
                        .column(&self.column)
                        .is_some_and(|c| c.default.is_none() && c.generated_as.is_none());
                let named = known
                    .constraints
                    .iter()
                    .filter(|c| c.columns.contains(&self.column));
                for constraint in named {
                    let rows = match saved {
                        Some(_) => restore::Rows::MayHold,
                        None if empty && restore::may_refuse_null(constraint) => {
                            restore::Rows::Gone
                        }
                        None => restore::Rows::Hold,
                    };
                    drafts.extend(restore::constraint(before, table, constraint, rows));
                }
            }
            Engine::Sqlite => {
                let by_itself = known
                    .create_sql
                    .as_deref()
                    .and_then(|sql| CreateTable::parse(sql).ok())
                    .is_some_and(|text| text.is_key_by_itself(&self.column));
                // Its values came into a column without what makes it more than a place for them.
                let bare = saved.is_some()
                    && known
                        .column(&self.column)
                        .is_some_and(|c| !c.nullable || c.default.is_some());
                if by_itself || bare {
                    let empty = saved.is_none()
                        && known
                            .column(&self.column)
                            .is_some_and(|c| !c.nullable && c.default.is_none());
                    let title = format!("Make {table} as it was");
                    let mut draft = sqlite::rebuild(before, table, "column", title, |text| {
                        if empty {
                            text.drop_not_null(&self.column)
                        } else {
                            Ok(())
                        }
                    })?;
                    if let (Some(rest), Action::Rebuild { statements, .. }) =
                        (saved.and_then(ColumnCopy::fill_rest), &mut draft.action)
                    {
                        statements.insert(0, rest);
                    }
                    return Ok(vec![draft]);
                }
            }
            Engine::MySql | Engine::MariaDb => {}
        }
        let attached = &known.attached;
        let statistics: Vec<Statement> = attached
            .statistics
            .iter()
            .filter(|s| {
                s.columns.contains(&self.column) || {
                    expression::mentions(before.engine, &s.definition, &self.column)
                }
            })
            .flat_map(restore::attached::statistics)
            .collect();
        if !statistics.is_empty() {
            let title = format!("Make the statistics of {table} again");
            drafts.push(Draft::transaction(title, table, statistics));
        }
        for index in restore::indexes_on(before, table, &self.column) {
            drafts.extend(restore::index(before, table, index));
        }
        Ok(drafts)
    }
}

/// Adds a column again, with its sequence, comment and privileges.
fn postgres_again(
    before: &World,
    table: &TableName,
    column: &Column,
    definition: &str,
) -> Vec<Statement> {
    let engine = Engine::PostgreSql;
    let volatile = column.generated_as.is_some()
        || column
            .default
            .as_deref()
            .is_some_and(|sql| expression::volatility(engine, sql) == Volatility::Volatile);
    let work = if volatile { Work::Rewrite } else { Work::Brief };
    let known = before.table(table);
    let owner = known.and_then(|t| t.attached.owner.as_deref());
    let sequence = restore::attached::sequence(known, &column.name);
    let mut out = Vec::new();
    out.extend(sequence.and_then(restore::attached::make_sequence));
    let on = quote::table(engine, table);
    out.push(Statement::new(
        format!("ALTER TABLE {on} ADD COLUMN IF NOT EXISTS {definition}"),
        Lock::AccessExclusive,
        work,
        before.rows(table),
    ));
    if let Some(sequence) = sequence {
        out.extend(restore::attached::own_sequence(table, owner, sequence));
    }
    out.extend(restore::attributes(table, column));
    out
}
