//! soft-delete: rows are marked as deleted instead of going; what reads and what is unique looks at
//! the live ones.

use super::apart::Apart;
use super::form::{Form, custom, phase, validation};
use super::names::{Names, free_column};
use crate::dialect::quote;
use crate::document::{
    Check, Engine, Field, FieldKind, Gate, Migration, Phase, PhaseKind, Shape, Validation,
};
use crate::operation::{AddColumn, AddIndex, DropConstraint, DropIndex, Operation};
use crate::schema::{Index, Schema, TableName};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "soft-delete",
    title: "Soft delete",
    help: "Rows are marked as deleted instead of going: a time, an index over the live rows, unique \
           indexes that only live rows count for, and a view of the live rows.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::optional(
            "column",
            "Column",
            FieldKind::NewName,
            "The column with the time of deletion; deleted_at where absent.",
        )
        .or("\"deleted_at\""),
        Field::optional(
            "dataType",
            "Data type",
            FieldKind::DataType,
            "Its type; timestamptz on PostgreSQL, datetime(6) on MySQL and MariaDB and TEXT on SQLite where absent.",
        ),
        Field::optional(
            "columns",
            "Indexed columns",
            FieldKind::Columns,
            "Columns of an index over the live rows; the primary key where absent and known.",
        ),
        Field::optional(
            "indexName",
            "Index name",
            FieldKind::NewName,
            "The index's name; idx_ with the table and _active where absent.",
        ),
        Field::optional(
            "liveUnique",
            "Unique among live rows",
            FieldKind::Words,
            "Unique constraints and indexes that from now on count live rows only, or all: a deleted row's values can then be used again.",
        ),
        Field::optional(
            "viewName",
            "View",
            FieldKind::NewName,
            "A view of the live rows; the table with _active where absent, none for no view.",
        ),
        Field::optional(
            "viewColumns",
            "View's columns",
            FieldKind::Columns,
            "Its columns by name; all of the table's but the time where absent.",
        ),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let column = form.text("column").unwrap_or("deleted_at").to_owned();
    if form.column(&column).is_some() {
        form.refuse(
            "column",
            format!("`{table}` has a column `{column}` already."),
        );
    }
    let data_type = form.needed("dataType").unwrap_or_else(|| {
        match form.engine {
            Engine::PostgreSql => "timestamptz",
            Engine::MySql | Engine::MariaDb => "datetime(6)",
            Engine::Sqlite => "TEXT",
        }
        .to_owned()
    });
    let live = Live {
        engine: form.engine,
        table: &table,
        column: &column,
        condition: format!("{} IS NULL", quote::name(form.engine, &column)),
        mark: free_column(form, "live"),
    };
    let mut names = Names::of(form.schema.unwrap_or(&Schema::empty(form.engine)));

    let mut add = phase(
        PhaseKind::Expand,
        format!("Add {column}: NULL is a live row"),
    );
    add.operations.push(
        AddColumn {
            table: table.to_string(),
            column: column.clone(),
            data_type,
            nullable: true,
            default_value: None,
        }
        .into(),
    );
    add.validation.push(Validation {
        column: Some(column.clone()),
        ..validation(Check::ColumnExists, &table)
    });

    let index_name = form
        .needed("indexName")
        .unwrap_or_else(|| names.free(&format!("idx_{}_active", table.name)));
    let mut indexed = form.list("columns");
    if indexed.is_empty() {
        indexed = form
            .table_of_form()
            .map_or(Vec::new(), |t| t.primary_key.clone());
    }
    let mut build = phase(PhaseKind::Expand, "Index the live rows".to_owned());
    if !indexed.is_empty() {
        build
            .operations
            .push(live.index(index_name, indexed, None).into());
    }
    let (made, dropped) = live_unique(form, &live, &mut names);
    build.operations.extend(made.into_iter().map(Into::into));
    if !build.operations.is_empty() {
        build
            .validation
            .push(validation(Check::IndexExists, &table));
    }

    let marks = !dropped.is_empty() && form.engine.is_mysql_family();
    if marks {
        add.operations.push(live.add_mark());
    }
    // On MySQL the mark is a virtual column. On MariaDB an indexed one would keep every later ADD
    // COLUMN from being online: triggers keep it there.
    let marked = (marks && form.engine == Engine::MariaDb).then(|| live.marked());
    let mut phases = vec![add];
    phases.extend(marked.into_iter().flatten());
    phases.extend((!build.operations.is_empty()).then_some(build));
    phases.extend(view(form, &live, &mut names));
    phases.extend(unique_of_live_rows(&live, dropped));
    Some(form.document(
        &format!("soft-delete-{table}"),
        format!("Rows of {table} are marked as deleted by {column}"),
        phases,
    ))
}

/// What tells the live rows from the others.
struct Live<'a> {
    engine: Engine,
    table: &'a TableName,
    column: &'a str,
    /// Holds for live rows.
    condition: String,
    /// MySQL and MariaDB: the column that is 1 for them and NULL for the others.
    mark: String,
}

impl Live<'_> {
    /// 1 for a live row, NULL, which equals nothing, for the others.
    fn expression(&self) -> String {
        format!("if({}, 1, null)", self.condition)
    }

    /// An index over the live rows.
    fn index(&self, name: String, columns: Vec<String>, own: Option<&str>) -> AddIndex {
        let family = self.engine.is_mysql_family();
        let predicate = match own {
            Some(own) => format!("({own}) AND {}", self.condition),
            None => self.condition.clone(),
        };
        AddIndex {
            table: self.table.to_string(),
            index_name: Some(name),
            // Without partial indexes, the live rows stand side by side in it.
            columns: if family {
                [vec![self.column.to_owned()], columns].concat()
            } else {
                columns
            },
            concurrent: true,
            unique: false,
            method: None,
            predicate: (!family).then_some(predicate),
        }
    }

    /// A unique index that live rows alone count for.
    fn unique(&self, name: String, mut columns: Vec<String>, own: Option<&str>) -> AddIndex {
        let mark = match self.engine {
            Engine::PostgreSql | Engine::Sqlite => None,
            Engine::MySql | Engine::MariaDb => Some(self.mark.clone()),
        };
        let Some(mark) = mark else {
            return AddIndex {
                unique: true,
                ..self.index(name, columns, own)
            };
        };
        columns.push(mark);
        AddIndex {
            table: self.table.to_string(),
            index_name: Some(name),
            columns,
            concurrent: true,
            unique: true,
            method: None,
            predicate: None,
        }
    }

    fn add_mark(&self) -> Operation {
        AddColumn {
            table: self.table.to_string(),
            column: self.mark.clone(),
            data_type: match self.engine {
                Engine::MySql => format!("tinyint AS ({}) VIRTUAL", self.expression()),
                Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => "tinyint".to_owned(),
            },
            nullable: true,
            default_value: None,
        }
        .into()
    }

    /// The phases that keep the mark and give it to the rows that are there.
    fn marked(&self) -> [Phase; 2] {
        let apart = Apart {
            engine: self.engine,
            table: self.table,
            old: vec![self.column.to_owned()],
            new: vec![(self.mark.clone(), self.expression())],
            backward: Vec::new(),
        };
        [apart.dual(), apart.fill()]
    }
}

/// The unique indexes of live rows, and what takes those of all rows away.
fn live_unique(
    form: &mut Form<'_>,
    live: &Live<'_>,
    names: &mut Names,
) -> (Vec<AddIndex>, Vec<Operation>) {
    let table = live.table;
    let wanted = form.list("liveUnique");
    if wanted.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let Some(known) = form.table_of_form() else {
        form.refuse(
            "liveUnique",
            "What is unique must be known to be made anew: look at the target.".to_owned(),
        );
        return (Vec::new(), Vec::new());
    };
    let unique: Vec<&Index> = known.indexes.iter().filter(|i| i.unique).collect();
    let all = wanted.iter().any(|w| w == "all");
    // SQLite's automatic indexes have names that nobody chose: their constraints' stand for them.
    let is = |i: &Index, name: &String| i.name == *name || i.constraint.as_ref() == Some(name);
    for name in wanted.iter().filter(|w| *w != "all") {
        if !unique.iter().any(|i| is(i, name)) {
            let there: Vec<&str> = unique
                .iter()
                .map(|i| i.constraint.as_deref().unwrap_or(&i.name))
                .collect();
            form.refuse(
                "liveUnique",
                format!(
                    "`{table}` has no unique index `{name}`. Known: {}.",
                    there.join(", ")
                ),
            );
        }
    }
    let (mut made, mut dropped) = (Vec::new(), Vec::new());
    for index in unique
        .into_iter()
        .filter(|i| all || wanted.iter().any(|w| is(i, w)))
    {
        let pointed = index
            .constraint
            .as_ref()
            .and_then(|_| pointed_at(form, table, &index.columns));
        let plain = !index.expressions
            && index.include.is_empty()
            && !index.definition.contains("NULLS NOT DISTINCT");
        if let Some(by) = pointed {
            form.refuse(
                "liveUnique",
                format!(
                    "{by} points to what {} keeps unique, deleted rows included: it must stay.",
                    index.name
                ),
            );
            continue;
        }
        if !plain {
            form.refuse(
                "liveUnique",
                format!(
                    "{} is no plain list of columns: make it anew by hand.",
                    index.name
                ),
            );
            continue;
        }
        let own = index.constraint.as_ref().unwrap_or(&index.name);
        let name = names.free(&format!("{own}_active"));
        made.push(live.unique(name, index.columns.clone(), index.predicate.as_deref()));
        dropped.push(match &index.constraint {
            Some(constraint) => DropConstraint {
                table: table.to_string(),
                constraint_name: constraint.clone(),
            }
            .into(),
            None => DropIndex {
                index_name: index.name.clone(),
                table: table.to_string(),
                concurrent: true,
            }
            .into(),
        });
    }
    (made, dropped)
}

/// The foreign key that points to these columns, which must stay unique for it.
fn pointed_at(form: &Form<'_>, table: &TableName, columns: &[String]) -> Option<String> {
    let schema = form.schema?;
    schema.tables.iter().find_map(|(from, other)| {
        other
            .constraints
            .iter()
            .filter(|c| c.references.as_ref() == Some(table))
            .find(|c| {
                super::foreign_key::foreign_key(form.engine, &c.definition)
                    .is_some_and(|key| key.ref_columns == columns)
            })
            .map(|c| format!("{} of {from}", c.name))
    })
}

/// The last phase: what counted deleted rows too goes.
fn unique_of_live_rows(live: &Live<'_>, dropped: Vec<Operation>) -> Option<Phase> {
    if dropped.is_empty() {
        return None;
    }
    let mut out = phase(
        PhaseKind::Contract,
        "Values of deleted rows can be used again".to_owned(),
    );
    let mut deploy = format!(
        "Applications read {} where {} IS NULL",
        live.table, live.column
    );
    if !live.engine.is_mysql_family() {
        deploy.push_str(", and every ON CONFLICT on it names that condition: without it the server no longer finds the index");
    }
    out.gate = Some(Gate {
        deploy: Some(deploy),
        soak: None,
    });
    out.operations = dropped;
    Some(out)
}

/// The view, with its columns named: SELECT * would keep the table from being altered.
fn view(form: &mut Form<'_>, live: &Live<'_>, names: &mut Names) -> Option<Phase> {
    let table = live.table;
    let given = form.text("viewName");
    if given == Some("none") {
        return None;
    }
    let mut columns = form.list("viewColumns");
    if columns.is_empty() {
        columns = match form.table_of_form() {
            Some(known) => known.columns.iter().map(|c| c.name.clone()).collect(),
            None if given.is_some() => {
                form.refuse(
                    "viewColumns",
                    "Needed, since the table is not known here.".to_owned(),
                );
                return None;
            }
            None => return None,
        };
    }
    columns.retain(|c| c != live.column);
    let view = match given {
        Some(name) => {
            let mut name = TableName::parse(name);
            name.schema = name.schema.or_else(|| table.schema.clone());
            name
        }
        None => TableName {
            schema: table.schema.clone(),
            name: names.free(&format!("{}_active", table.name)),
        },
    };
    let name = quote::table(form.engine, &view);
    let mut out = phase(PhaseKind::Expand, format!("Make {view}, the live rows"));
    out.operations.push(custom(
        format!(
            "CREATE VIEW {name} AS SELECT {} FROM {} WHERE {}",
            quote::names(form.engine, &columns),
            quote::table(form.engine, table),
            live.condition
        ),
        format!("DROP VIEW {name}"),
    ));
    Some(out)
}
