//! extract-table: what a JSON column, an array or several columns hold becomes rows of a table of
//! their own, which is kept in step until nobody uses the columns any more.

mod sqlite;

use super::form::{Form, custom, phase, validation};
use super::values_of::{Source, Target, source, targets};
use crate::dialect::quote;
use crate::document::{
    Check, Conversion, Engine, Field, FieldKind, Gate, Migration, Phase, PhaseKind, Shape,
    Validation,
};
use crate::operation::{AddForeignKey, CopyTable, DropColumn, ReferentialAction};
use crate::schema::TableName;

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "extract-table",
    title: "Extract a table",
    help: "What a JSON column, an array or several columns hold becomes rows of a new table. \
           Triggers keep it in step while applications move over; then the columns go.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "columns",
            "Columns",
            FieldKind::Columns,
            "One JSON or array column, or several columns that hold the same kind of thing (phone1, phone2).",
        ),
        Field::required(
            "newTable",
            "New table",
            FieldKind::NewName,
            "The table that the values move to.",
        ),
        Field::optional(
            "fields",
            "Fields",
            FieldKind::Words,
            "For JSON objects: the keys that become columns, each with its type, text, numeric, boolean or jsonb (json on MySQL and MariaDB): street text, lines jsonb. Without any, each value is kept whole.",
        ),
        Field::optional(
            "valueColumn",
            "Value column",
            FieldKind::NewName,
            "The new table's column where each value is kept whole; value where absent.",
        ),
        Field::optional(
            "dataType",
            "Data type",
            FieldKind::DataType,
            "Its type; the column's own, or what an array or JSON holds, where absent. A value that does not convert to another one fails the write that brings it.",
        ),
        Field::optional(
            "misfits",
            "Misfits",
            FieldKind::Choice(&["stop", "skip"]),
            "What becomes of values of JSON that do not fit (no object, another type): stop and list them, or leave them out.",
        )
        .or("\"stop\""),
        Field::optional(
            "key",
            "Key",
            FieldKind::Columns,
            "The table's primary key; read from the target where it is known.",
        ),
        Field::optional(
            "keyType",
            "Key's type",
            FieldKind::DataType,
            "The type of each of its columns, where the target is not known; bigint where absent.",
        ),
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "How long nobody may have used the columns before they go; 0 for none.",
        )
        .or("\"7d\""),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    if form.engine == Engine::Sqlite {
        return sqlite::expand(form);
    }
    let table = form.table_name()?;
    let columns = form.list("columns");
    let name = TableName {
        schema: table.schema.clone(),
        name: form.needed("newTable")?,
    };
    let key = keys(form, &table);
    if form.schema.is_some_and(|s| s.table(&name).is_some()) {
        form.refuse("newTable", format!("There is a table `{name}` already."));
    }
    let source = source(form, &table, &columns)?;
    let targets = targets(form, &source);
    let create = create(form, &table, &name, &key, &source, &targets);
    let copy = copy(form.engine, &table, &name, &key, &source, &targets);
    let foreign_key = foreign_key(form.engine, &table, &name, &key);
    let read = gate_to_read(&table, &name, &columns, &source);
    let drop = drop_columns(form, &table, &name, &columns);
    Some(form.document(
        &format!("extract-{name}-from-{table}"),
        format!("{} of {table} becomes {name}", columns.join(", ")),
        vec![create, copy, foreign_key, read, drop],
    ))
}

/// A column of the key: as it is called in the table and in the new one, and its type.
type Key = (String, String, String);

/// The key's columns.
fn keys(form: &mut Form<'_>, table: &TableName) -> Vec<Key> {
    let known = form.table_of_form();
    let key = match known {
        Some(known) => known.primary_key.clone(),
        None => form.list("key"),
    };
    if key.is_empty() {
        form.refuse(
            "key",
            "The table needs a primary key, to which the new rows belong; without a target, say which columns it has.".to_owned(),
        );
    }
    key.into_iter()
        .map(|column| {
            let data_type = known
                .and_then(|t| t.column(&column))
                .map(|c| c.data_type.clone())
                .or_else(|| form.needed("keyType"))
                .unwrap_or_else(|| "bigint".to_owned());
            let own = format!("{}_{column}", table.name);
            (column, own, data_type)
        })
        .collect()
}

fn create(
    form: &Form<'_>,
    table: &TableName,
    name: &TableName,
    key: &[(String, String, String)],
    source: &Source,
    targets: &[Target],
) -> Phase {
    let sql = |n: &str| quote::name(form.engine, n);
    let mut lines: Vec<String> = key
        .iter()
        .map(|(_, own, data_type)| format!("{} {data_type} NOT NULL", sql(own)))
        .collect();
    lines.push("position bigint NOT NULL".to_owned());
    lines.extend(
        targets
            .iter()
            .map(|t| format!("{} {}", sql(&t.column), t.data_type)),
    );
    let mut primary: Vec<String> = key.iter().map(|(_, own, _)| sql(own)).collect();
    primary.push("position".to_owned());
    lines.push(format!("PRIMARY KEY ({})", primary.join(", ")));
    let new = quote::table(form.engine, name);
    let mut create = phase(
        PhaseKind::Expand,
        format!("Create {name}, empty: a row for each value, by its position"),
    );
    create.operations.push(custom(
        format!("CREATE TABLE {new} (\n  {}\n)", lines.join(",\n  ")),
        format!("DROP TABLE {new}"),
    ));
    create.validation.extend(misfits(table, source));
    create
}

/// Values that would be lost stop the migration.
fn misfits(table: &TableName, source: &Source) -> Option<Validation> {
    let sql = source.misfits.as_ref()?;
    Some(Validation {
        table: None,
        sql: Some(sql.clone()),
        error_message: Some(format!(
            "There are values in {table} that do not fit the new columns: mend them, or choose to leave them out"
        )),
        ..validation(Check::Custom, table)
    })
}

fn copy(
    engine: Engine,
    table: &TableName,
    name: &TableName,
    key: &[(String, String, String)],
    source: &Source,
    targets: &[Target],
) -> Phase {
    let mut columns: Vec<(String, String)> = key
        .iter()
        .map(|(column, own, _)| (own.clone(), quote::name(engine, column)))
        .collect();
    columns.push(("position".to_owned(), "item.position".to_owned()));
    columns.extend(targets.iter().map(|t| (t.column.clone(), t.sql.clone())));
    let mut copy = phase(
        PhaseKind::Migrate,
        format!("Copy the values to {name}, and keep it in step from then on"),
    );
    copy.operations.push(
        CopyTable {
            table: table.to_string(),
            shadow: name.to_string(),
            columns: Some(columns.into_iter().collect::<Conversion>()),
            filter: Some(source.filter.clone()),
            each: Some(source.each.clone()),
            key: Some(
                key.iter()
                    .map(|(_, own, _)| own.clone())
                    .chain(["position".to_owned()])
                    .collect(),
            ),
            batch_size: None,
            pause_ms: 0,
        }
        .into(),
    );
    copy
}

fn foreign_key(
    engine: Engine,
    table: &TableName,
    name: &TableName,
    key: &[(String, String, String)],
) -> Phase {
    let mut out = phase(
        PhaseKind::Expand,
        format!("Bind the rows of {name} to those of {table}"),
    );
    out.operations.push(
        AddForeignKey {
            table: name.to_string(),
            constraint_name: quote::made_up(&format!("{}_{}_fkey", name.name, table.name)),
            columns: key.iter().map(|(_, own, _)| own.clone()).collect(),
            ref_table: table.to_string(),
            ref_columns: Some(key.iter().map(|(column, _, _)| column.clone()).collect()),
            on_delete: Some(ReferentialAction::Cascade),
            // There it is asked at once, before a trigger could move the rows.
            on_update: engine
                .is_mysql_family()
                .then_some(ReferentialAction::Cascade),
        }
        .into(),
    );
    out
}

/// Between these two gates applications read the new table, and what still writes the columns
/// reaches it.
fn gate_to_read(table: &TableName, name: &TableName, columns: &[String], source: &Source) -> Phase {
    let mut read = phase(
        PhaseKind::Migrate,
        format!("Applications read {name}; what still writes the old columns reaches it"),
    );
    read.gate = Some(Gate {
        deploy: Some(format!(
            "Applications read {name}, and write {}.{} only",
            table,
            columns.join(", ")
        )),
        soak: None,
    });
    read.validation.extend(misfits(table, source));
    read
}

fn drop_columns(form: &Form<'_>, table: &TableName, name: &TableName, columns: &[String]) -> Phase {
    let mut drop = phase(
        PhaseKind::Contract,
        format!(
            "Drop {} from {table}, with what kept {name} in step",
            columns.join(", ")
        ),
    );
    drop.gate = Some(Gate {
        deploy: Some(format!(
            "Applications write {name}, and nobody reads or writes {} any more",
            columns.join(", ")
        )),
        soak: form.soak("7d"),
    });
    for column in columns {
        drop.operations.push(
            DropColumn {
                table: table.to_string(),
                column: column.clone(),
                saved_copy: false,
            }
            .into(),
        );
        drop.validation.push(Validation {
            column: Some(column.clone()),
            ..validation(Check::ColumnNotExists, table)
        });
    }
    drop
}
