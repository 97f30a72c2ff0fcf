//! Triggers of people's own that name a table or a column, on MySQL and MariaDB.

use super::{Refusal, TableName, World};
use crate::dialect::trigger;

impl World {
    /// Refuses where a trigger names the column: its text stays as it is, and every write that
    /// fires it would fail.
    pub fn need_no_trigger_on(
        &self,
        field: &'static str,
        name: &TableName,
        column: &str,
    ) -> Result<(), Refusal> {
        let engine = self.engine;
        let found = self
            .texts_of_triggers(name)
            .find_map(|sql| trigger::names_column(engine, sql, &name.name, column));
        match found {
            Some(found) => Err(Refusal::new(
                field,
                format!(
                    "the trigger {found} names {name}.{column}, and {} leaves its text as it is: every write that fires it would fail; make it anew first, without the column (custom_sql, in a document of its own)",
                    engine.title()
                ),
            )),
            None => Ok(()),
        }
    }

    /// The same where a trigger of another table names this one.
    pub fn need_no_trigger_beside(
        &self,
        field: &'static str,
        name: &TableName,
    ) -> Result<(), Refusal> {
        let engine = self.engine;
        let found = self
            .texts_of_triggers(name)
            .find(|sql| trigger::names_table(engine, sql, &name.name));
        match found {
            Some(sql) => Err(Refusal::new(
                field,
                format!(
                    "a trigger names {name}, and {} leaves its text as it is: every write that fires it would fail; make it anew first, without the table (custom_sql, in a document of its own): {sql}",
                    engine.title()
                ),
            )),
            None => Ok(()),
        }
    }

    /// Refuses where views read the table (or the column of it): their text stays as it is, too.
    pub fn need_no_view(
        &self,
        field: &'static str,
        name: &TableName,
        column: Option<&str>,
    ) -> Result<(), Refusal> {
        if !self.engine.is_mysql_family() {
            return Ok(());
        }
        let known = self.table(name).map_or(&[][..], |t| &t.views);
        let reads = |columns: &[String]| {
            column.is_none_or(|column| {
                columns
                    .iter()
                    .any(|c| c.to_lowercase() == column.to_lowercase())
            })
        };
        match known.iter().find(|v| reads(&v.columns)) {
            Some(view) => Err(Refusal::new(
                field,
                format!(
                    "the view {} reads {name}{}, and {} leaves its text as it is: who reads it would get an error; use drop_view before and create_view after it, in this phase",
                    view.view,
                    column.map_or(String::new(), |c| format!(".{c}")),
                    self.engine.title()
                ),
            )),
            None => Ok(()),
        }
    }

    fn texts_of_triggers(&self, name: &TableName) -> impl Iterator<Item = &str> {
        let known = self
            .table(name)
            .filter(|_| self.engine.is_mysql_family())
            .map_or(&[][..], |t| &t.dependents);
        known.iter().map(String::as_str)
    }
}
