//! A text of SQL as the rules look at it.

use super::{Finding, Rule};
use crate::dialect::lexer;
use crate::plan::{Lock, Place};
use crate::schema::{Schema, TableName};
use crate::sql::act::{Change, NewColumn, NewConstraint, NewIndex, Shape, Volatility};
use crate::sql::{Act, Assumption, Breakage, Reading, Script, WorkKind};

/// A text of SQL, read.
pub struct Text<'s> {
    /// What it says and does.
    pub script: &'s Script,
    /// As it was written.
    pub sql: &'s str,
    /// The live schema, where there is one.
    pub schema: Option<&'s Schema>,
    /// What the other linter says of it.
    pub noted: &'s [Noted],
    /// Where its statements stand, where they are a document's.
    pub(crate) places: Option<&'s [Place]>,
}

/// What another linter says, of which we have no rule of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its rule.
    pub rule: String,
    /// Byte offset in the text.
    pub at: usize,
    /// What it says.
    pub message: String,
    /// Whether the server refuses such a statement.
    pub refused: bool,
}

/// A statement where it stands.
#[derive(Clone, Copy)]
pub struct Spot<'s> {
    /// Its index.
    pub number: usize,
    /// What it says and does.
    pub reading: &'s Reading,
    /// As it was written.
    pub sql: &'s str,
}

impl<'s> Text<'s> {
    /// Every statement, in order.
    pub fn spots(&self) -> impl Iterator<Item = Spot<'s>> + use<'s> {
        let sql = self.sql;
        let statements = self.script.statements.iter().enumerate();
        statements.map(move |(number, reading)| Spot {
            number,
            reading,
            sql: reading.span.of(sql),
        })
    }

    /// The statement of that number.
    pub fn spot(&self, number: usize) -> Option<Spot<'s>> {
        let reading = self.script.statements.get(number)?;
        Some(Spot {
            number,
            reading,
            sql: reading.span.of(self.sql),
        })
    }

    /// Every change of every ALTER TABLE, with its table and its index.
    pub fn changes(&self) -> impl Iterator<Item = (Spot<'s>, &'s TableName, usize, &'s Change)> {
        self.spots().flat_map(|spot| {
            let changes = spot.reading.act.changes().iter().enumerate();
            changes.filter_map(move |(at, change)| Some((spot, spot.altered()?, at, change)))
        })
    }

    /// Every column that ALTER TABLE adds to a table that was there before.
    pub fn added_columns(
        &self,
    ) -> impl Iterator<Item = (Spot<'s>, &'s TableName, usize, &'s NewColumn)> {
        self.changes().filter_map(|(spot, table, at, change)| {
            let Change::AddColumn { column, .. } = change else {
                return None;
            };
            (!spot.made(table)).then_some((spot, table, at, column))
        })
    }

    /// The statements that follow in the same transaction.
    pub fn rest_of_transaction(&self, spot: Spot<'s>) -> impl Iterator<Item = &'s Reading> {
        let transaction = spot.reading.transaction;
        self.script
            .statements
            .iter()
            .skip(spot.number + 1)
            .take_while(move |r| transaction.is_some() && r.transaction == transaction)
    }

    /// The statements of the same transaction, those before it too.
    pub fn whole_transaction(&self, spot: Spot<'s>) -> impl Iterator<Item = &'s Reading> {
        let transaction = spot.reading.transaction;
        self.script
            .statements
            .iter()
            .filter(move |r| transaction.is_some() && r.transaction == transaction)
    }

    /// Whether a view of that name is there when the statement's transaction ends.
    pub fn is_replaced_by_view(&self, spot: Spot<'s>, name: &TableName) -> bool {
        self.rest_of_transaction(spot).any(|later| {
            if let Act::CreateView { view, .. } = &later.act {
                view == name
            } else {
                false
            }
        })
    }
}

impl<'s> Spot<'s> {
    /// The table of ALTER TABLE.
    pub fn altered(&self) -> Option<&'s TableName> {
        if let Act::AlterTable { table, .. } = &self.reading.act {
            Some(table)
        } else {
            None
        }
    }

    /// Whether the text itself made the table.
    pub fn made(&self, table: &TableName) -> bool {
        let effect = &self.reading.effect;
        let locks = effect.locks.iter().map(|l| (&l.object, l.made_here));
        // SQLite locks no table: what is done to its rows tells.
        let work = effect.work.iter().map(|w| (&w.object, w.made_here));
        locks
            .chain(work)
            .any(|(object, made)| made && object.table() == Some(table))
    }

    /// Whether that change makes others wait for as long as a table is big.
    pub fn holds_up(&self, change: usize) -> bool {
        self.reading.effect.blocks.lastingly()
            && self.reading.effect.work.iter().any(|work| {
                !work.made_here
                    && work.change.is_none_or(|at| at == change)
                    && work.kind != WorkKind::ChangeRows
            })
    }

    /// Whether the statement makes others wait for as long as a table is big.
    pub fn holds_all_up(&self) -> bool {
        self.reading.effect.blocks.lastingly()
    }

    /// Whether that change writes every row anew.
    pub fn rewrites(&self, change: usize) -> bool {
        self.reading.effect.work.iter().any(|work| {
            work.kind == WorkKind::Rewrite
                && !work.made_here
                && work.change.is_none_or(|at| at == change)
        })
    }

    /// What of running applications it breaks.
    pub fn breaks(&self) -> &'s [Breakage] {
        &self.reading.effect.breaks
    }

    /// Whether it locks anything that was there before as strictly as that.
    pub fn locks_others(&self, lock: Lock) -> bool {
        let locks = self.reading.effect.locks.iter();
        locks.filter(|l| !l.made_here).any(|l| l.lock >= lock)
    }

    /// Who waits: `readers and writers`, `writers`.
    pub fn waiting(&self) -> &'static str {
        match (self.reading.blocks.reads, self.reading.blocks.writes) {
            (true, true | false) => "readers and writers",
            (false, true) => "writers",
            (false, false) => "others",
        }
    }
}

impl Rule {
    /// A finding of this rule about a statement.
    pub fn on(&self, spot: Spot<'_>, message: String, recommendation: &str) -> Finding {
        Finding {
            line: Some(spot.reading.span.line),
            column: Some(spot.reading.span.column),
            statement: Some(spot.number + 1),
            ..self.about(None, message, recommendation)
        }
    }
}

/// Every constraint that ALTER TABLE adds to a table that was there before, by itself or behind a
/// new column, with its change's index.
pub fn constraints<'s>(
    text: &Text<'s>,
) -> Vec<(
    Spot<'s>,
    &'s TableName,
    usize,
    &'s NewConstraint,
    Option<&'s NewColumn>,
)> {
    let mut out = Vec::new();
    for (spot, table, at, change) in text.changes() {
        if spot.made(table) {
            continue;
        }
        if let Change::AddConstraint(constraint) = change {
            out.push((spot, table, at, constraint, None));
        } else if let Change::AddColumn { column, .. } = change {
            let inline = column.constraints.iter();
            out.extend(inline.map(|c| (spot, table, at, c, Some(column))));
        }
    }
    out
}

/// Whether the column numbers itself by its type.
pub fn is_serial(column: &NewColumn) -> bool {
    let serial = [
        "serial",
        "bigserial",
        "smallserial",
        "serial2",
        "serial4",
        "serial8",
    ];
    column.data_type.as_deref().is_some_and(|data_type| {
        let data_type = data_type.trim().to_ascii_lowercase();
        serial.contains(&data_type.as_str())
    })
}

/// Whether every row must have a value in it.
pub fn is_required(column: &NewColumn) -> bool {
    column.not_null
        || column
            .constraints
            .iter()
            .any(|c| c.shape == Shape::PrimaryKey)
}

/// Whether something of that name is made again in the same transaction.
pub fn made_again(text: &Text<'_>, spot: Spot<'_>, name: &str) -> bool {
    text.rest_of_transaction(spot).any(|later| {
        let made = if let Act::CreateView { view, .. } = &later.act {
            view
        } else if let Act::CreateFunction { name, .. }
        | Act::CreateType { name }
        | Act::CreateDomain { name, .. } = &later.act
        {
            name
        } else if let Act::CreateSequence { sequence, .. } = &later.act {
            sequence
        } else {
            return false;
        };
        made.to_string() == name || made.name == name
    })
}

/// The column whose generation goes, or which refuses what applications bring from now on.
pub fn ungenerated<'s>(spot: Spot<'s>, change: &'s Change) -> Option<&'s str> {
    if let Change::DropIdentity { column } | Change::DropExpression { column } = change {
        Some(column)
    } else if let Change::SetIdentity { column } | Change::AddIdentity { column } = change {
        let always = spot.sql.to_ascii_lowercase().contains("always");
        always.then_some(column.as_str())
    } else {
        None
    }
}

/// Whether the statement takes the default of a column that is not its own.
pub fn loses_default(spot: Spot<'_>, name: &str) -> bool {
    spot.reading
        .act
        .changes()
        .iter()
        .any(|change| matches!(change, Change::DropDefault { column } if column == name))
}

/// Whether the text itself added the column, in an earlier statement.
pub fn added_before(text: &Text<'_>, spot: Spot<'_>, table: &TableName, name: &str) -> bool {
    text.added_columns().any(|(earlier, on, _, column)| {
        earlier.number < spot.number && on == table && column.name == name
    })
}

/// The index of that name that the text made before the statement.
pub fn index_made<'s>(text: &Text<'s>, spot: Spot<'_>, name: &str) -> Option<&'s NewIndex> {
    text.spots().take(spot.number).find_map(|earlier| {
        if let Act::CreateIndex { index, .. } = &earlier.reading.act {
            (index.name.as_deref() == Some(name)).then_some(index)
        } else {
            None
        }
    })
}

/// Whether the text made the materialized view before the statement.
pub fn makes_view(text: &Text<'_>, spot: Spot<'_>, name: &TableName) -> bool {
    text.spots().take(spot.number).any(|earlier| {
        if let Act::CreateView { view, .. } = &earlier.reading.act {
            view == name
        } else {
            false
        }
    })
}

/// Whether a change costs something only if a type that is not known is a domain with a constraint.
pub fn is_only_assumed(spot: Spot<'_>, change: usize) -> bool {
    let Some(Change::AddColumn { column, .. }) = spot.reading.act.changes().get(change) else {
        return false;
    };
    let plain = column.constraints.is_empty()
        && !column.identity
        && column.generated.is_none()
        && column
            .default
            .as_ref()
            .is_none_or(|d| matches!(d.volatility, Volatility::Immutable | Volatility::Stable));
    let data_type = column.data_type.as_deref().unwrap_or_default();
    let assumed = spot.reading.effect.assumed.iter().any(|assumption| {
        if let Assumption::ConstrainedDomain { name } = assumption {
            let spelled = data_type.replace('"', "");
            spelled.eq_ignore_ascii_case(name)
        } else {
            false
        }
    });
    plain && assumed
}

/// Whether a constraint that is not known, and that the text has validated, is what proves that
/// there is no NULL: it is dropped afterwards, or its name says so.
pub fn is_proved_elsewhere(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    column: &str,
) -> bool {
    let mut validated = text.changes().filter_map(|(earlier, on, _, change)| {
        if let Change::ValidateConstraint { name } = change {
            (earlier.number < spot.number && on == table).then_some(name)
        } else {
            None
        }
    });
    validated.any(|name| {
        let added = text.changes().any(|(_, _, _, change)| {
            matches!(change, Change::AddConstraint(c) if c.name.as_ref() == Some(name))
        });
        let dropped = text.changes().any(|(_, on, _, change)| {
            on == table && matches!(change, Change::DropConstraint { name: n, .. } if n == name)
        });
        let lower = name.to_ascii_lowercase();
        let says = lower.contains("null") || lower.contains(&column.to_ascii_lowercase());
        !added && (dropped || says)
    })
}

/// Whether these words stand in the statement, one after the other, and not in a text or a comment.
pub fn says(text: &Text<'_>, spot: Spot<'_>, words: &[&str]) -> bool {
    let tokens = lexer::significant(text.script.engine, spot.sql).unwrap_or_default();
    tokens
        .windows(words.len())
        .any(|window| window.iter().zip(words).all(|(token, word)| token.is(word)))
}

/// Whether the table or view may have been there although the text says CREATE ... IF NOT EXISTS.
pub fn is_perhaps_new(text: &Text<'_>, number: usize) -> bool {
    let Some(spot) = text.spot(number) else {
        return false;
    };
    if let Act::RefreshView { view, .. } = &spot.reading.act {
        return text.spots().take(number).any(|earlier| {
            matches!(&earlier.reading.act, Act::CreateView { view: made, if_not_exists: true, .. }
                if made == view)
        });
    }
    let Some(table) = &spot.reading.effect.table else {
        return false;
    };
    let live = text.schema.is_some_and(|s| s.tables.contains_key(table));
    !live
        && text.spots().take(number).any(|earlier| {
            matches!(&earlier.reading.act, Act::CreateTable(new)
                if new.if_not_exists && new.name == *table)
        })
}

/// Whether a MERGE has no branch for rows that match.
pub fn only_inserts(text: &Text<'_>, spot: Spot<'_>) -> bool {
    !says(text, spot, &["when", "matched"]) && !says(text, spot, &["by", "source"])
}

/// Whether a constraint of which nothing is known but its name is no unique one, going by how
/// PostgreSQL, Rails, Django and people name them.
pub fn is_otherwise(text: &Text<'_>, spot: Spot<'_>, name: &str) -> bool {
    let added_here = text.changes().take_while(|(s, ..)| s.number < spot.number);
    let mut added_here = added_here.filter_map(|(_, _, _, change)| {
        if let Change::AddConstraint(constraint) = change {
            (constraint.name.as_deref() == Some(name)).then_some(constraint)
        } else {
            None
        }
    });
    if added_here.next().is_some() {
        return true;
    }
    // Only a CHECK or a FOREIGN KEY can have been NOT VALID.
    let validated = text.changes().any(|(s, _, _, change)| {
        s.number < spot.number
            && matches!(change, Change::ValidateConstraint { name: n } if n == name)
    });
    if validated {
        return true;
    }
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let has = |known: &[&str]| words.iter().any(|w| known.contains(w));
    let unique = [
        "uq", "uniq", "unique", "key", "pkey", "pk", "idx", "index", "uk", "ux", "primary",
    ];
    let other = [
        "check", "chk", "ck", "fk", "fkey", "foreign", "nn", "nonnull", "notnull", "null",
    ];
    has(&other) && !has(&unique)
}
