//! How many rows are in a table, and in a dump while it is written.

use bellows::dialect::quote;
use bellows::document::Engine;
use bellows::schema::TableName;

use super::manifest::HeldTable;
use crate::target::Link;

/// A counted table as a manifest has it.
pub(super) fn held((name, rows): (TableName, u64)) -> HeldTable {
    HeldTable { name, rows }
}

/// A table's name with its schema, whatever the search path is.
pub(super) fn qualified(name: &TableName) -> String {
    let engine = Engine::PostgreSql;
    format!(
        "{}.{}",
        quote::name(engine, name.schema.as_deref().unwrap_or("public")),
        quote::name(engine, &name.name)
    )
}

/// The rows of one table.
pub(super) async fn count(link: &mut Link, from: &str) -> Result<u64, sqlx::Error> {
    let row = link
        .fetch_one(&format!("SELECT count(*) FROM {from}"), &[])
        .await?;
    Ok(row.int(0)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// Counts the rows of a dump of MySQL's or MariaDB's tools while it goes by: `INSERT INTO t VALUES
/// (..),(..);`, where texts are in single quotes with backslashes before what is special.
#[derive(Debug, Default)]
pub(super) struct RowCounter {
    state: State,
    /// What stood on the line so far, while it may still be an INSERT.
    line: Vec<u8>,
    counts: Vec<(String, u64)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the beginning of a line, or in the part that tells what it is.
    #[default]
    Line,
    /// In a line that is no INSERT.
    Other,
    /// Between the rows of an INSERT, or in one of them, so many brackets deep.
    Values(u32),
    /// In a text of a row.
    Text(u32),
    /// Behind a backslash in it.
    Escaped(u32),
}

const INSERT: &[u8] = b"INSERT INTO `";

impl RowCounter {
    /// The next bytes of the dump.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = self.next(*byte);
        }
    }

    fn next(&mut self, byte: u8) -> State {
        match (self.state, byte) {
            (State::Line | State::Other, b'\n') => {
                self.line.clear();
                State::Line
            }
            (State::Other, _) => State::Other,
            (State::Line, byte) => {
                self.line.push(byte);
                let start = self.line.len().min(INSERT.len());
                if self.line[..start] != INSERT[..start] {
                    return State::Other;
                }
                if !self.line.ends_with(b" VALUES") && !self.line.ends_with(b" VALUE") {
                    return State::Line;
                }
                match table_of(&self.line[INSERT.len()..]) {
                    Some(table) => {
                        self.begin(table);
                        State::Values(0)
                    }
                    None => State::Line,
                }
            }
            (State::Values(depth), b'(') => {
                if depth == 0
                    && let Some((_, rows)) = self.counts.last_mut()
                {
                    *rows += 1;
                }
                State::Values(depth + 1)
            }
            (State::Values(depth), b')') => State::Values(depth.saturating_sub(1)),
            (State::Values(depth), b'\'') => State::Text(depth),
            (State::Values(0), b';') => {
                self.line.clear();
                State::Other
            }
            (State::Values(depth), _) => State::Values(depth),
            (State::Text(depth), b'\\') => State::Escaped(depth),
            // A doubled quote ends the text and begins it again.
            (State::Text(depth), b'\'') => State::Values(depth),
            (State::Text(depth) | State::Escaped(depth), _) => State::Text(depth),
        }
    }

    fn begin(&mut self, table: String) {
        if self.counts.last().is_none_or(|(last, _)| *last != table) {
            self.counts.push((table, 0));
        }
    }

    /// The rows of that table.
    pub(super) fn of(&self, table: &str) -> u64 {
        let own = self.counts.iter().filter(|(name, _)| name == table);
        own.map(|(_, rows)| rows).sum()
    }
}

/// The name before the closing backtick, where what follows it is the end of the line's beginning.
fn table_of(rest: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(rest);
    let mut name = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '`' {
            name.push(c);
        } else if chars.next_if_eq(&'`').is_some() {
            name.push('`');
        } else {
            let left: String = chars.collect();
            let left = left.trim();
            // Names of columns may stand between: `(`a`, `b`) VALUES`.
            let whole = left.starts_with("VALUE") || left.starts_with('(');
            return whole.then_some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_dump_are_counted_whatever_stands_in_them() {
        let dump = "-- INSERT INTO `t` VALUES (1);\n\
                    CREATE TABLE `a` (\n  `x` int\n);\n\
                    INSERT INTO `a` VALUES\n(1,'it''s (a) \\'text\\'); (2)'),\n(2,'\\\\'),(3,NULL);\n\
                    INSERT INTO `a` VALUES (4,0x28);\n\
                    INSERT INTO `b ``VALUES` (`x`, `y`) VALUES (1,'INSERT INTO `a` VALUES (1)\n');\n";
        for size in [1, 3, 7, 1000] {
            let mut counter = RowCounter::default();
            for part in dump.as_bytes().chunks(size) {
                counter.take(part);
            }
            assert_eq!(counter.of("a"), 4, "{size}: {counter:?}");
            assert_eq!(counter.of("b `VALUES"), 1, "{size}: {counter:?}");
            assert_eq!(counter.of("t"), 0, "{size}");
        }
    }
}
