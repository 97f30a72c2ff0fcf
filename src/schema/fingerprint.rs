//! What a set of tables looks like, as one hash: an approved plan's tables must still have it.

use sha2::{Digest, Sha256};

use super::{Schema, Table, TableName};
use crate::dialect::lexer;
use crate::document::Engine;

impl Schema {
    /// SHA-256 (`sha256:...`) over the definitions of those tables, without the counts of rows
    /// and bytes, which change by themselves. A table that is not there counts as absent.
    pub fn fingerprint(&self, tables: &[TableName]) -> String {
        let mut names: Vec<&TableName> = tables.iter().collect();
        names.sort();
        names.dedup();
        let seen: Vec<(&TableName, Option<Table>)> = names
            .into_iter()
            .map(|name| (name, self.table(name).map(without_counts)))
            .collect();
        let mut hasher = Sha256::new();
        // Strings, numbers and lists of them: writing these as JSON cannot fail.
        hasher.update(serde_json::to_vec(&seen).unwrap_or_default());
        let hex: String = hasher
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        format!("sha256:{hex}")
    }
}

/// The definition alone, with what has no order of its own put in one.
fn without_counts(table: &Table) -> Table {
    let mut table = table.clone();
    table.rows = 0;
    table.bytes = 0;
    table.heirs.clear();
    table.default_partition = None;
    table.auto_increment = None;
    // How a table is kept and looked at, not what it is: changed while applications run.
    table.attached.options.clear();
    for column in &mut table.columns {
        column.statistics = None;
        column.settings.clear();
    }
    if table.create_sql.is_some() {
        for index in &mut table.indexes {
            index.definition = unquoted(&index.definition);
        }
        for sql in table.dependents.iter_mut().chain(&mut table.create_sql) {
            *sql = unquoted(sql);
        }
    }
    table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
    table.triggers.sort();
    table.dependents.sort();
    table.views.sort_by(|a, b| a.view.cmp(&b.view));
    table.referenced_by.sort();
    table.dual_writes.sort_by(|a, b| a.trigger.cmp(&b.trigger));
    table.shadows.sort_by(|a, b| a.trigger.cmp(&b.trigger));
    table.attached.triggers.sort_by(|a, b| a.name.cmp(&b.name));
    table
}

/// SQLite's text with no name in quotes: a renaming puts them there, and its way back leaves them.
fn unquoted(sql: &str) -> String {
    let Ok(tokens) = lexer::tokens(Engine::Sqlite, sql) else {
        return sql.to_owned();
    };
    tokens
        .iter()
        .map(|token| match token.kind {
            lexer::Kind::QuotedName => token.name(Engine::Sqlite).unwrap_or_default(),
            lexer::Kind::Space
            | lexer::Kind::Comment
            | lexer::Kind::Word
            | lexer::Kind::Text
            | lexer::Kind::Number
            | lexer::Kind::Parameter
            | lexer::Kind::Symbol => token.text.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Column;

    #[test]
    fn a_renaming_and_its_way_back_leave_no_difference_on_sqlite() {
        let name = TableName::parse("users");
        let with = |sql: &str| {
            let mut schema = Schema::empty(Engine::Sqlite);
            let table = Table {
                create_sql: Some(sql.to_owned()),
                ..Table::default()
            };
            schema.tables.insert(name.clone(), table);
            schema.fingerprint(std::slice::from_ref(&name))
        };
        let was = with("CREATE TABLE users (a text DEFAULT '\"a\"')");
        assert_eq!(was, with("CREATE TABLE \"users\" (a text DEFAULT '\"a\"')"));
        assert_ne!(was, with("CREATE TABLE users (a text DEFAULT 'a')"));
    }

    #[test]
    fn rows_do_not_count_and_columns_do() {
        let name = TableName::parse("users");
        let mut schema = Schema::empty(Engine::PostgreSql);
        schema.tables.insert(name.clone(), Table::default());
        let before = schema.fingerprint(std::slice::from_ref(&name));
        if let Some(table) = schema.tables.get_mut(&name) {
            table.rows = 7;
        }
        assert_eq!(before, schema.fingerprint(std::slice::from_ref(&name)));
        if let Some(table) = schema.tables.get_mut(&name) {
            table.columns.push(Column::default());
        }
        let with_column = schema.fingerprint(std::slice::from_ref(&name));
        assert_ne!(before, with_column);
        schema.tables.remove(&name);
        assert_ne!(with_column, schema.fingerprint(&[name]));
    }
}
