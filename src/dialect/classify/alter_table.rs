//! PostgreSQL's ALTER TABLE: the strictest of its actions decides.

use super::{Cursor, Facts};
use crate::dialect::expression::{self, Volatility};
use crate::dialect::lexer::Token;
use crate::dialect::statement::Work;
use crate::dialect::types;
use crate::document::Engine;
use crate::plan::Lock;

/// After `ALTER TABLE`.
pub(super) fn facts(mut c: Cursor<'_, '_>) -> Facts {
    let table = c.table();
    expression::at_commas(c.tokens)
        .into_iter()
        .map(|tokens| {
            action(Cursor {
                engine: c.engine,
                tokens,
            })
        })
        .reduce(Facts::and)
        .unwrap_or_else(Facts::unknown)
        .on(table)
}

fn action(mut c: Cursor<'_, '_>) -> Facts {
    if c.take(&["add"]) {
        return added(c);
    }
    if c.take(&["validate", "constraint"]) {
        return Facts::of(Lock::ShareUpdateExclusive, Work::Scan);
    }
    if c.take(&["alter", "constraint"]) {
        return Facts::brief(Lock::AccessExclusive);
    }
    if c.take(&["alter"]) {
        c.take(&["column"]);
        return altered(c);
    }
    if c.take(&["set"]) {
        return set(c);
    }
    if c.take(&["reset"]) || c.take(&["cluster", "on"]) {
        return Facts::brief(Lock::ShareUpdateExclusive);
    }
    if c.take(&["enable"]) || c.take(&["disable"]) {
        let trigger = c.has(&["trigger"]);
        return Facts::brief(if trigger {
            Lock::ShareRowExclusive
        } else {
            Lock::AccessExclusive
        });
    }
    if c.take(&["attach", "partition"]) {
        // A default partition, which the text does not tell of, is locked and read.
        return Facts::of(Lock::AccessExclusive, Work::Scan);
    }
    if c.take(&["detach", "partition"]) {
        return if c.has(&["concurrently"]) {
            Facts::brief(Lock::ShareUpdateExclusive).outside()
        } else {
            Facts::brief(Lock::AccessExclusive)
        };
    }
    let exclusive = [
        "drop", "rename", "owner", "replica", "inherit", "no", "of", "not", "force",
    ];
    if exclusive.iter().any(|w| c.take(&[w])) {
        return Facts::brief(Lock::AccessExclusive);
    }
    Facts::unknown()
}

fn added(mut c: Cursor<'_, '_>) -> Facts {
    let constraint = [
        "constraint",
        "check",
        "unique",
        "primary",
        "foreign",
        "exclude",
    ]
    .iter()
    .any(|w| c.sees(&[w]));
    if constraint {
        let foreign = c.has(&["foreign", "key"]);
        let lock = if foreign {
            Lock::ShareRowExclusive
        } else {
            Lock::AccessExclusive
        };
        // A primary key's columns must be looked at for NULL, index or no index.
        let taken_over = c.has(&["using", "index"]) && !c.has(&["primary", "key"]);
        let brief = c.has(&["not", "valid"]) || taken_over;
        return Facts::of(lock, if brief { Work::Brief } else { Work::Scan });
    }
    c.take(&["column"]);
    c.take(&["if", "not", "exists"]);
    let rewrites = ["serial", "bigserial", "smallserial", "identity", "stored"]
        .iter()
        .any(|w| c.has(&[w]))
        || default_of(c.tokens) == Volatility::Volatile
        || may_be_a_domain(c.tokens.get(1..).unwrap_or_default());
    let scans = ["unique", "primary", "check"].iter().any(|w| c.has(&[w]));
    let work = match (rewrites, scans) {
        (true, _) => Work::Rewrite,
        (false, true) => Work::Scan,
        (false, false) => Work::Brief,
    };
    Facts::of(Lock::AccessExclusive, work)
}

/// Whether a column's type is none of PostgreSQL's own: a domain with a constraint has every row
/// looked at and written anew.
fn may_be_a_domain(tokens: &[Token<'_>]) -> bool {
    let text: Vec<&str> = tokens.iter().map(|t| t.text).collect();
    types::read(Engine::PostgreSql, &text.join(" ")).is_some_and(|t| {
        t.dimensions == 0
            && t.schema.as_deref() != Some("pg_catalog")
            && !types::is_own(Engine::PostgreSql, &t.base)
    })
}

/// How the default of a column's definition behaves.
fn default_of(tokens: &[Token<'_>]) -> Volatility {
    let Some(at) = tokens.iter().position(|t| t.is("default")) else {
        return Volatility::Constant;
    };
    let text: Vec<&str> = tokens[at + 1..].iter().map(|t| t.text).collect();
    expression::volatility(Engine::PostgreSql, &text.join(" "))
}

fn altered(c: Cursor<'_, '_>) -> Facts {
    // The column's name comes first.
    let rest = Cursor {
        engine: c.engine,
        tokens: c.tokens.get(1..).unwrap_or_default(),
    };
    if rest.sees(&["set", "statistics"])
        || rest.sees(&["reset"])
        || matches!(rest.tokens, [set, open, ..] if set.is("set") && open.is_symbol("("))
    {
        return Facts::brief(Lock::ShareUpdateExclusive);
    }
    if rest.sees(&["set", "not", "null"]) {
        return Facts::of(Lock::AccessExclusive, Work::Scan);
    }
    if rest.sees(&["type"])
        || rest.sees(&["set", "data", "type"])
        || rest.sees(&["set", "expression"])
    {
        return Facts::of(Lock::AccessExclusive, Work::Rewrite);
    }
    Facts::brief(Lock::AccessExclusive)
}

fn set(mut c: Cursor<'_, '_>) -> Facts {
    if c.take(&["without", "cluster"]) {
        return Facts::brief(Lock::ShareUpdateExclusive);
    }
    if c.tokens.first().is_some_and(|t| t.is_symbol("(")) {
        let catalogue = c.has(&["user_catalog_table"]);
        return Facts::brief(if catalogue {
            Lock::AccessExclusive
        } else {
            Lock::ShareUpdateExclusive
        });
    }
    let rewrites = ["logged", "unlogged", "tablespace", "access"]
        .iter()
        .any(|w| c.take(&[w]));
    if rewrites {
        return Facts::of(Lock::AccessExclusive, Work::Rewrite);
    }
    Facts::brief(Lock::AccessExclusive)
}
