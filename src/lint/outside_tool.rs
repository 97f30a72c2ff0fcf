//! Work that a tool beside Bellows does better: said where that is so, with the reason.

use super::{Finding, OnDocuments, Rule, Severity, Site, Subject};
use crate::dialect::{lexer, quote};
use crate::document::Engine;
use crate::estimate::{Kind, TableFacts, TargetFacts};
use crate::operation::Operation;
use crate::plan::{Action, Step};
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "outside-tool",
    severity: Severity::Info,
    help: "Bellows changes schemas. It gives no space back to the disk, and it copies rows by triggers: for bloat, for huge tables that are only appended to, and for long DDL on servers with replicas there are tools that are made for it.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: VACUUM FULL users }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: VACUUM users }
"#,
        check,
    }),
    sql: None,
};

/// Bytes without rows, and their share of the table in percent, from which on they are worth a
/// tool: below, a rewrite costs more than it gives.
const BLOAT: (u64, u64) = (1_000_000_000, 40);

/// Rows from which on triggers and a copy of everything are not the first choice for a table that
/// is only appended to.
const HUGE: u64 = 100_000_000;

/// DDL that is expected to take longer than this, in milliseconds, holds replicas up for as long.
const LONG_MS: u64 = 600_000;

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        let steps = subject.phases[site.phase_index]
            .steps
            .iter()
            .filter(|step| step.operation == site.number);
        for step in steps {
            out.extend(match subject.migration.database {
                Engine::PostgreSql => compaction(&site, step).or_else(|| {
                    let facts = subject.facts?;
                    appended(subject, &site, facts, step)
                }),
                Engine::MySql | Engine::MariaDb => replicas(subject, &site, step),
                Engine::Sqlite => None,
            });
        }
    }
    if subject.migration.database == Engine::PostgreSql {
        out.extend(bloat(subject));
    }
    out
}

/// VACUUM FULL and CLUSTER, which keep everybody out while they write the table anew.
fn compaction(site: &Site<'_>, step: &Step) -> Option<Finding> {
    let Operation::CustomSql(_) = site.operation else {
        return None;
    };
    let found = step.action.statements().into_iter().find(|statement| {
        let tokens = lexer::significant(Engine::PostgreSql, &statement.sql).unwrap_or_default();
        let is = |place: usize, word: &str| tokens.get(place).is_some_and(|t| t.is(word));
        // VACUUM FULL, VACUUM (ANALYZE, FULL), CLUSTER.
        is(0, "cluster") || (is(0, "vacuum") && tokens.iter().any(|t| t.is("full")))
    })?;
    Some(RULE.about(
        Some(site),
        format!(
            "{} keeps readers and writers out until the table is written anew",
            super::shortened(&found.sql)
        ),
        "use pg_repack, which does the same while they go on: it needs its extension on the server, a primary key or a unique index over NOT NULL columns, and as much free disk again; plain VACUUM is enough where the space is to be used again and need not go back to the disk",
    ))
}

/// Tables of the document of which much holds no row.
fn bloat(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(facts) = subject.facts else {
        return Vec::new();
    };
    let mut touched: Vec<&TableName> = subject.phases.iter().flat_map(|p| &p.tables).collect();
    touched.sort();
    touched.dedup();
    touched
        .into_iter()
        .filter_map(|table| {
            let seen = facts.tables.get(table)?;
            let (free, bytes) = (seen.free_bytes?, seen.bytes?);
            (free >= BLOAT.0 && free.saturating_mul(100) >= bytes.saturating_mul(BLOAT.1)).then(|| {
                RULE.about(
                    None,
                    format!(
                        "about {} of the {} of {table} hold no row",
                        crate::estimate::bytes(free),
                        crate::estimate::bytes(bytes)
                    ),
                    "Bellows does not compact tables: pg_repack does, while readers and writers go on; a copy into a shadow table for another reason (copy_table, swap_tables) leaves the free space behind as well",
                )
            })
        })
        .collect()
}

/// A huge table that nobody updates, copied into partitions.
fn appended(
    subject: &Subject<'_>,
    site: &Site<'_>,
    facts: &TargetFacts,
    step: &Step,
) -> Option<Finding> {
    let Action::Copy(copy) = &step.action else {
        return None;
    };
    let seen = facts.tables.get(&copy.table)?;
    let rows = seen.rows.filter(|rows| *rows >= HUGE)?;
    let shadow = quote::table(Engine::PostgreSql, &copy.shadow);
    let partitioned = subject
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .flat_map(|step| step.action.statements())
        .any(|s| s.sql.contains("PARTITION BY") && s.sql.contains(&shadow));
    (partitioned && only_appended(seen, rows)).then(|| {
        RULE.about(
            Some(site),
            format!(
                "{} has about {} rows, which hardly anybody changes: here every write goes through a trigger until the swap, and every row is copied before it",
                copy.table,
                crate::estimate::count(rows)
            ),
            "consider pgslice: it fills the partitions without triggers and fills in once more after the swap, which is right for rows that are only appended, and it can leave old rows behind; where rows are updated or deleted it loses that, and this way is the safe one",
        )
    })
}

/// Whether the statistics show no more writes than there are rows: about one insert each.
fn only_appended(seen: &TableFacts, rows: u64) -> bool {
    seen.writes.is_some_and(|writes| writes <= rows + rows / 10)
}

/// Long DDL of MySQL and MariaDB: replicas run it after the primary, and apply nothing meanwhile.
fn replicas(subject: &Subject<'_>, site: &Site<'_>, step: &Step) -> Option<Finding> {
    let replicas = subject.facts?.replicas.filter(|n| *n > 0)?;
    let statement = step.action.statements().into_iter().find(|statement| {
        [Kind::Rewrite, Kind::Index].contains(&statement.load.kind)
            && statement.estimate.span.expected_ms >= LONG_MS
    })?;
    let name = step.tables.first()?;
    let table = subject.schema?.table(name)?;
    let keys = !table.referenced_by.is_empty()
        || table
            .constraints
            .iter()
            .any(|constraint| constraint.references.is_some());
    let tool = match (subject.migration.database, keys) {
        (Engine::MySql, false) => {
            "consider gh-ost: it copies the table in small steps that it reads from the binary log, without triggers and without long DDL, and it pauses while replicas are behind; it needs row-based logging"
        }
        (Engine::MySql, true) => {
            "consider pt-online-schema-change: it copies the table in small steps and pauses while replicas are behind; gh-ost does not take tables with foreign keys. Its triggers cost every writer while it runs, and --alter-foreign-keys-method must be chosen with care"
        }
        (Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite, _) => {
            "consider pt-online-schema-change: it copies the table in small steps and pauses while replicas are behind (gh-ost does not support MariaDB). Its triggers cost every writer while it runs; where foreign keys point to the table, --alter-foreign-keys-method must be chosen with care. From MariaDB 10.8 on, binlog_alter_two_phase lets replicas begin at once instead"
        }
    };
    Some(RULE.about(
        Some(site),
        format!(
            "this takes {} on {name}, and {replicas} replicas run it after the primary has: they are behind for as long",
            crate::estimate::range(statement.estimate.span)
        ),
        tool,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan_with;
    use crate::schema::{Schema, sample};

    fn found(engine: Engine, operations: &str, facts: &TargetFacts) -> Vec<Finding> {
        found_in(sample::schema(engine), operations, facts)
    }

    fn found_in(schema: Schema, operations: &str, facts: &TargetFacts) -> Vec<Finding> {
        let engine = schema.engine;
        let yaml = format!(
            "migration:\n  name: example\n  database: {}\n  phases:\n    - phase: 1\n      operations:\n        {operations}\n",
            engine.word()
        );
        let document = crate::document::parse(&yaml).unwrap();
        plan_with(&document, Some(&schema), Some(facts))
            .unwrap()
            .findings
            .into_iter()
            .filter(|f| f.rule == RULE.id)
            .collect()
    }

    fn with(table: TableFacts, replicas: u32) -> TargetFacts {
        TargetFacts {
            tables: [(TableName::parse("users"), table)].into(),
            replicas: Some(replicas),
            ..TargetFacts::default()
        }
    }

    const NULLABLE: &str = "- { type: drop_not_null, table: users, column: name }";

    #[test]
    fn a_bloated_table_is_told_of_pg_repack_and_a_full_one_is_not() {
        let with_free = |free_bytes| {
            let table = TableFacts {
                bytes: Some(5_000_000_000),
                free_bytes: Some(free_bytes),
                ..TableFacts::default()
            };
            found(Engine::PostgreSql, NULLABLE, &with(table, 0))
        };
        let said = with_free(3_000_000_000);
        assert_eq!(said.len(), 1);
        assert!(said[0].message.contains("about 3 GB of the 5 GB of users"));
        assert!(said[0].recommendation.contains("pg_repack"));
        assert!(with_free(1_500_000_000).is_empty());
    }

    #[test]
    fn long_ddl_is_told_of_tools_only_where_replicas_would_wait() {
        let huge = || TableFacts {
            rows: Some(2_000_000_000),
            bytes: Some(400_000_000_000),
            ..TableFacts::default()
        };
        let add = "- { type: add_index, table: users, columns: [email] }";
        for (engine, tool) in [
            (Engine::MySql, "consider gh-ost"),
            (Engine::MariaDb, "gh-ost does not support MariaDB"),
        ] {
            assert!(found(engine, add, &with(huge(), 0)).is_empty());
            let said = found(engine, add, &with(huge(), 2));
            assert_eq!(said.len(), 1, "{engine:?}");
            assert!(said[0].recommendation.contains(tool), "{said:?}");
            let small = TableFacts {
                rows: Some(1_000),
                bytes: Some(100_000),
                ..TableFacts::default()
            };
            assert!(found(engine, add, &with(small, 2)).is_empty());
        }
        // gh-ost does not take a table that foreign keys point to.
        let mut schema = sample::schema(Engine::MySql);
        let name = TableName::parse("users");
        let pointing = (TableName::parse("orders"), "orders_user".to_owned());
        schema
            .tables
            .entry(name)
            .or_default()
            .referenced_by
            .push(pointing);
        let said = found_in(schema, add, &with(huge(), 2));
        assert!(
            said[0]
                .recommendation
                .contains("consider pt-online-schema-change"),
            "{said:?}"
        );
    }
}
