//! PostgreSQL's statements by their leading words.

use super::{Cursor, Facts, alter_table, rows};
use crate::dialect::lexer;
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::plan::Lock;

/// One statement of PostgreSQL.
pub(super) fn facts(mut c: Cursor<'_, '_>) -> Facts {
    if let Some(facts) = rows(c, Lock::RowExclusive) {
        return facts;
    }
    if [
        "grant", "revoke", "set", "reset", "show", "notify", "listen", "unlisten", "discard",
    ]
    .iter()
    .any(|w| c.take(&[w]))
    {
        return Facts::brief(Lock::None);
    }
    if c.take(&["explain"]) {
        return Facts::brief(Lock::AccessShare);
    }
    if c.take(&["comment", "on"]) || c.take(&["security", "label"]) {
        return Facts::brief(Lock::ShareUpdateExclusive);
    }
    if c.take(&["alter", "table"]) {
        return alter_table::facts(c).ddl();
    }
    if c.take(&["create"]) {
        return create(c);
    }
    if c.take(&["drop"]) {
        return drop(c);
    }
    if c.take(&["alter"]) {
        return alter(c);
    }
    maintenance(c)
}

fn maintenance(mut c: Cursor<'_, '_>) -> Facts {
    if c.take(&["analyze"]) || c.take(&["analyse"]) {
        return Facts::of(Lock::ShareUpdateExclusive, Work::Brief);
    }
    if c.take(&["vacuum"]) {
        let full = c.has(&["full"]);
        return if full {
            Facts::of(Lock::AccessExclusive, Work::Rewrite).outside()
        } else {
            Facts::of(Lock::ShareUpdateExclusive, Work::Scan).outside()
        };
    }
    if c.take(&["cluster"]) {
        return Facts::of(Lock::AccessExclusive, Work::Rewrite).outside();
    }
    if c.take(&["reindex"]) {
        return if c.has(&["concurrently"]) {
            Facts::of(Lock::ShareUpdateExclusive, Work::Index).outside()
        } else {
            // SHARE on the table, ACCESS EXCLUSIVE on the index: readers wait for that one.
            Facts::of(Lock::AccessExclusive, Work::Index).outside()
        };
    }
    if c.take(&["refresh", "materialized", "view"]) {
        return if c.take(&["concurrently"]) {
            Facts::of(Lock::Exclusive, Work::Scan)
        } else {
            Facts::of(Lock::AccessExclusive, Work::Rewrite)
        };
    }
    if c.take(&["truncate"]) {
        c.take(&["table"]);
        return Facts::of(Lock::AccessExclusive, Work::Rewrite).on(c.table());
    }
    if c.take(&["lock"]) {
        c.take(&["table"]);
        let lock = [
            (&["access", "share", "mode"][..], Lock::AccessShare),
            (&["row", "share", "mode"], Lock::RowShare),
            (&["row", "exclusive", "mode"], Lock::RowExclusive),
            (
                &["share", "update", "exclusive", "mode"],
                Lock::ShareUpdateExclusive,
            ),
            (
                &["share", "row", "exclusive", "mode"],
                Lock::ShareRowExclusive,
            ),
            (&["access", "exclusive", "mode"], Lock::AccessExclusive),
            (&["share", "mode"], Lock::Share),
            (&["exclusive", "mode"], Lock::Exclusive),
        ]
        .into_iter()
        .find(|(words, _)| c.has(words))
        .map_or(Lock::AccessExclusive, |(_, lock)| lock);
        return Facts::brief(lock).on(c.table());
    }
    if c.take(&["do"]) {
        // Its body is a string: what it does cannot be known, but that it commits can.
        let commits = c.tokens.iter().any(|t| commits_inside(t.text));
        let facts = Facts::unknown();
        return if commits { facts.outside() } else { facts };
    }
    if c.take(&["call"]) {
        return Facts::unknown().outside();
    }
    Facts::unknown()
}

/// Whether the body of a DO block ends transactions of its own.
fn commits_inside(body: &str) -> bool {
    let inner = match body.strip_prefix('$').and_then(|rest| rest.split_once('$')) {
        Some((tag, inner)) => inner.strip_suffix(&format!("${tag}$")).unwrap_or(inner),
        None => body.trim_matches('\''),
    };
    lexer::significant(Engine::PostgreSql, inner)
        .unwrap_or_default()
        .iter()
        .any(|t| t.is("commit"))
}

fn create(mut c: Cursor<'_, '_>) -> Facts {
    let replaces = c.take(&["or", "replace"]);
    for word in [
        "global",
        "local",
        "temp",
        "temporary",
        "unlogged",
        "unique",
        "constraint",
    ] {
        c.take(&[word]);
    }
    if c.take(&["index"]) {
        let concurrently = c.take(&["concurrently"]);
        let table = c.table_after("on");
        return if concurrently {
            Facts::of(Lock::ShareUpdateExclusive, Work::Index)
                .outside()
                .on(table)
        } else {
            Facts::of(Lock::Share, Work::Index).on(table)
        };
    }
    if c.take(&["table"]) {
        let lock = if c.has(&["partition", "of"]) {
            Lock::AccessExclusive
        } else if c.has(&["references"]) {
            Lock::ShareRowExclusive
        } else if c.has(&["as"]) || c.has(&["like"]) {
            Lock::AccessShare
        } else {
            Lock::None
        };
        // The default partition, where there is one, is read.
        let work = if c.has(&["partition", "of"]) {
            Work::Scan
        } else {
            Work::Brief
        };
        let mut facts = Facts::of(lock, work).ddl();
        if !c.has(&["if", "not", "exists"]) {
            facts.creates = c.table();
        }
        return facts;
    }
    if c.take(&["materialized", "view"]) {
        return Facts::of(Lock::AccessShare, Work::Scan).ddl();
    }
    if c.take(&["view"]) || c.take(&["recursive", "view"]) {
        let lock = if replaces {
            Lock::AccessExclusive
        } else {
            Lock::AccessShare
        };
        return Facts::brief(lock).ddl();
    }
    if c.take(&["trigger"]) {
        return Facts::brief(Lock::ShareRowExclusive).on(c.table_after("on"));
    }
    if c.take(&["rule"]) || c.take(&["policy"]) {
        return Facts::brief(Lock::AccessExclusive);
    }
    if c.take(&["statistics"]) || c.take(&["publication"]) {
        return Facts::brief(Lock::ShareUpdateExclusive);
    }
    if ["database", "tablespace", "subscription"]
        .iter()
        .any(|w| c.take(&[w]))
    {
        return Facts::brief(Lock::None).outside();
    }
    let harmless = [
        "function",
        "procedure",
        "type",
        "domain",
        "sequence",
        "schema",
        "extension",
        "role",
        "user",
        "group",
        "aggregate",
        "operator",
        "cast",
        "collation",
        "conversion",
        "server",
        "foreign",
    ];
    if harmless.iter().any(|w| c.take(&[w])) {
        return Facts::brief(Lock::None).ddl();
    }
    Facts::unknown()
}

fn drop(mut c: Cursor<'_, '_>) -> Facts {
    if c.take(&["index"]) {
        return if c.take(&["concurrently"]) {
            Facts::brief(Lock::ShareUpdateExclusive).outside().ddl()
        } else {
            Facts::brief(Lock::AccessExclusive).ddl()
        };
    }
    if c.take(&["table"]) {
        return Facts::brief(Lock::AccessExclusive).on(c.table()).ddl();
    }
    let exclusive = [
        "view",
        "materialized",
        "trigger",
        "rule",
        "policy",
        "sequence",
    ];
    if exclusive.iter().any(|w| c.take(&[w])) {
        return Facts::brief(Lock::AccessExclusive).ddl();
    }
    if c.take(&["statistics"]) || c.take(&["publication"]) {
        return Facts::brief(Lock::ShareUpdateExclusive);
    }
    if ["database", "tablespace", "subscription"]
        .iter()
        .any(|w| c.take(&[w]))
    {
        return Facts::unknown().outside();
    }
    let harmless = [
        "function",
        "procedure",
        "type",
        "domain",
        "schema",
        "extension",
        "role",
        "user",
        "aggregate",
        "operator",
        "cast",
        "collation",
        "server",
    ];
    if harmless.iter().any(|w| c.take(&[w])) && !c.has(&["cascade"]) {
        return Facts::brief(Lock::None).ddl();
    }
    Facts::unknown()
}

fn alter(mut c: Cursor<'_, '_>) -> Facts {
    if c.take(&["index"]) {
        if c.has(&["tablespace"]) {
            return Facts::of(Lock::AccessExclusive, Work::Index);
        }
        let lock = if c.has(&["attach"]) {
            Lock::AccessExclusive
        } else {
            Lock::None
        };
        return Facts::brief(lock);
    }
    if c.take(&["sequence"]) {
        return Facts::brief(Lock::ShareRowExclusive);
    }
    if c.take(&["domain"]) {
        let checks = (c.has(&["add"]) && !c.has(&["not", "valid"]))
            || c.has(&["validate"])
            || c.has(&["set", "not", "null"]);
        return if checks {
            Facts::of(Lock::Share, Work::Scan)
        } else {
            Facts::brief(Lock::None)
        };
    }
    if c.take(&["type"]) {
        return if c.has(&["attribute"]) {
            Facts::brief(Lock::AccessExclusive)
        } else {
            Facts::brief(Lock::None)
        };
    }
    if ["view", "materialized", "trigger", "policy", "rule"]
        .iter()
        .any(|w| c.take(&[w]))
    {
        return Facts::brief(Lock::AccessExclusive).ddl();
    }
    if c.take(&["publication"]) || c.take(&["statistics"]) {
        return Facts::brief(Lock::ShareUpdateExclusive);
    }
    if c.take(&["system"]) || c.take(&["database"]) || c.take(&["subscription"]) {
        return Facts::brief(Lock::None).outside();
    }
    let harmless = [
        "function",
        "procedure",
        "schema",
        "role",
        "user",
        "group",
        "extension",
        "aggregate",
        "default",
        "collation",
        "server",
    ];
    if harmless.iter().any(|w| c.take(&[w])) {
        return Facts::brief(Lock::None);
    }
    Facts::unknown()
}
