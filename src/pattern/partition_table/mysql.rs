//! What partitioned tables are on MySQL and MariaDB: without foreign keys in either direction,
//! with every unique key holding the column, and with a partition for what comes before the first.

use super::Plan;
use crate::dialect::{column_definition, quote};
use crate::document::{Check, Expect, Phase, PhaseKind, Validation};
use crate::operation::{DropConstraint, Operation};
use crate::pattern::form::{Form, custom, phase, validation};
use crate::schema::{ConstraintKind, Table, TableName};

/// Refuses what only these servers' partitioned tables cannot have.
pub(super) fn judge(form: &mut Form<'_>, plan: &Plan<'_>, known: &Table) {
    let kinds: Vec<&str> = known
        .indexes
        .iter()
        .filter(|i| matches!(i.method.as_str(), "fulltext" | "spatial" | "rtree"))
        .map(|i| i.name.as_str())
        .collect();
    if !kinds.is_empty() {
        let title = form.engine.title();
        form.refuse(
            "table",
            format!(
                "A partitioned table has no FULLTEXT or SPATIAL index on {title}: drop {} first.",
                kinds.join(", ")
            ),
        );
    }
    let all: Vec<String> = keys(form, plan)
        .iter()
        .map(|(from, key)| format!("{key} of {from}"))
        .collect();
    if !all.is_empty() && form.text("references") != Some("drop") {
        let title = form.engine.title();
        form.refuse(
            "references",
            format!(
                "A partitioned table has no foreign keys on {title}, and none can point to it: {}. Choose `drop`, and keep what they hold by the applications.",
                all.join(", ")
            ),
        );
    }
}

/// The foreign keys in both directions.
fn keys(form: &Form<'_>, plan: &Plan<'_>) -> Vec<(TableName, String)> {
    let Some(schema) = form.schema else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (from, table) in &schema.tables {
        for key in &table.constraints {
            let own = *from == plan.table && key.kind == ConstraintKind::ForeignKey;
            if own || key.references.as_ref() == Some(&plan.table) {
                out.push((from.clone(), key.name.clone()));
            }
        }
    }
    out
}

/// What drops them before the swap.
pub(super) fn drop_keys(form: &Form<'_>, plan: &Plan<'_>) -> Vec<Operation> {
    keys(form, plan)
        .into_iter()
        .map(|(from, key)| {
            DropConstraint {
                table: from.to_string(),
                constraint_name: key,
            }
            .into()
        })
        .collect()
}

/// The partitioned table, before any row is in it.
pub(super) fn create(form: &Form<'_>, plan: &Plan<'_>) -> Phase {
    let engine = form.engine;
    let name = |name: &str| quote::name(engine, name);
    let sql = |table: &TableName| quote::table(engine, table);
    let (table, shadow) = (sql(&plan.table), sql(&plan.shadow));
    let mut changes = vec![
        "DROP PRIMARY KEY".to_owned(),
        format!("ADD PRIMARY KEY ({})", quote::names(engine, &plan.key)),
    ];
    let indexes = plan.known.map(|t| t.indexes.as_slice()).unwrap_or_default();
    for index in indexes.iter().filter(|i| i.unique) {
        if index.expressions || !index.columns.contains(&plan.column) {
            let keys = index
                .definition
                .find('(')
                .map_or("", |at| &index.definition[at..]);
            changes.push(format!("DROP KEY {}", name(&index.name)));
            changes.push(format!("ADD KEY {} {keys}", name(&index.name)));
        }
    }
    let data_type = form
        .column(&plan.column)
        .map(|c| c.data_type.clone())
        .unwrap_or_default();
    let column = name(&plan.column);
    // By an instant, the partitions are those of the seconds.
    let (by, bound): (String, &dyn Fn(&str) -> String) =
        match column_definition::type_word(&data_type).as_str() {
            "timestamp" if data_type.contains('(') => {
                (format!("RANGE (floor(unix_timestamp({column})))"), &|sql| {
                    format!("(unix_timestamp({sql}))")
                })
            }
            "timestamp" => (format!("RANGE (unix_timestamp({column}))"), &|sql| {
                format!("(unix_timestamp({sql}))")
            }),
            _ => (format!("RANGE COLUMNS ({column})"), &|sql| {
                format!("({sql})")
            }),
        };
    let mut partitions: Vec<String> = Vec::new();
    if let Some(first) = plan.partitions.first().and_then(|p| p.from.as_deref()) {
        partitions.push(format!(
            "PARTITION p_before VALUES LESS THAN {}",
            bound(first)
        ));
    }
    for partition in &plan.partitions {
        if let Some(to) = &partition.to {
            partitions.push(format!(
                "PARTITION {} VALUES LESS THAN {}",
                name(&partition.name),
                bound(to)
            ));
        }
    }
    partitions.push("PARTITION p_rest VALUES LESS THAN (MAXVALUE)".to_owned());
    // Nobody else knows the new table, and it has no rows: a copy of it is nothing.
    let how = "ALGORITHM=COPY, LOCK=SHARED";
    let statements = [
        format!("CREATE TABLE {shadow} LIKE {table}"),
        format!("ALTER TABLE {shadow} {}, {how}", changes.join(", ")),
        format!(
            "ALTER TABLE {shadow} {how} PARTITION BY {by} (\n  {}\n)",
            partitions.join(",\n  ")
        ),
    ];
    let mut create = phase(
        PhaseKind::Expand,
        format!(
            "Create {}, partitioned by {} into {} ranges, one for all rows before and one for all after them",
            plan.shadow,
            plan.column,
            plan.partitions.len().saturating_sub(1)
        ),
    );
    create.operations.push(custom(
        statements.join(";\n"),
        format!("DROP TABLE {shadow}"),
    ));
    if let Some((from, to)) = plan.bounds() {
        create.validation.push(Validation {
            table: None,
            sql: Some(format!(
                "SELECT coalesce(min({column}) >= {from} AND max({column}) < {to}, true) FROM {table}"
            )),
            expect: Some(Expect::True),
            error_message: Some(format!(
                "There are rows before {from} or from {to} on: widen the range, so that every row there is has a partition of its own"
            )),
            ..validation(Check::Custom, &plan.table)
        });
    }
    create
}
