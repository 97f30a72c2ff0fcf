//! change-type: a column of the new type beside the old one, kept in step under a conversion, until
//! it takes the old one's name.

use super::apart::{Apart, in_step};
use super::carry::{Carried, Reading, carry};
use super::conversion::{self, Safe};
use super::form::{Form, custom, phase, validation};
use super::names::Names;
use super::resolve::{FIX, KEY, LIMIT, Rows, SET_ASIDE, Wrong, key, none_left, resolve};
use crate::dialect::{expression, quote};
use crate::document::{
    Check, Engine, Field, FieldKind, Gate, Migration, Phase, PhaseKind, Shape, Validation, slug,
};
use crate::operation::{
    AddCheck, AddColumn, Backfill, DefaultValue, DropColumn, EnableDualWrite, Operation,
    SetDefault, SetNotNull,
};
use crate::schema::{Column, Schema, TableName};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "change-type",
    title: "Change a column's type",
    help: "Values that do not convert are dealt with first. A column of the new type takes over all \
           that hangs on the old one, triggers convert in both directions, and when nobody uses \
           the old one any more, the new one takes its name.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required("column", "Column", FieldKind::Column, "The column."),
        Field::required(
            "newType",
            "New type",
            FieldKind::DataType,
            "The new type, as the engine spells it.",
        ),
        Field::optional(
            "oldType",
            "Old type",
            FieldKind::DataType,
            "The type it has now; needed where the table is not known.",
        ),
        Field::optional(
            "newColumn",
            "New column",
            FieldKind::NewName,
            "What the new column is called meanwhile; the old name with _new where absent.",
        ),
        Field::optional(
            "using",
            "Conversion",
            FieldKind::Sql,
            "The new value, as an expression over the old column; a cast where absent.",
        ),
        Field::optional(
            "backward",
            "Conversion back",
            FieldKind::Sql,
            "The old value, as an expression over the new column; a cast where both are absent. Without one, what new applications write is lost on the way back.",
        ),
        Field::optional(
            "nullWhere",
            "NULL where",
            FieldKind::Sql,
            "Rows whose value becomes NULL on purpose, as a condition: age = ''.",
        ),
        Field::optional(
            "unconvertible",
            "Values that do not convert",
            FieldKind::Choice(&["stop", "null", "fix", "delete"]),
            "What is done with rows whose value the new type cannot hold: stop and list them, or mend them.",
        )
        .or("\"stop\""),
        FIX,
        SET_ASIDE,
        KEY,
        LIMIT,
        Field::optional(
            "takeOver",
            "Take over the name",
            FieldKind::Bool,
            "Whether the new column is called as the old one in the end.",
        )
        .or("true"),
        Field::optional(
            "viewName",
            "View",
            FieldKind::NewName,
            "A view of the table that has the new type under the old name from the start, for applications that cannot bear both names.",
        ),
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "How long nobody may have used the old column before it goes; 0 for none.",
        )
        .or("\"7d\""),
    ],
};

/// What is known once the form is read.
struct Change<'a> {
    engine: Engine,
    table: &'a TableName,
    old: String,
    new: String,
    old_type: String,
    new_type: String,
    forward: Safe,
    backward: Option<Safe>,
    /// Rows that do not convert; `None` where every value does.
    wrong: Option<Wrong<'a>>,
    /// Their condition upside down, for a constraint.
    converted: String,
    required: bool,
    default: Option<String>,
    take_over: bool,
}

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let given = form.needed("column")?;
    let known = form.column(&given).cloned();
    let old = known.as_ref().map_or(given, |c| c.name.clone());
    let new = form
        .needed("newColumn")
        .unwrap_or_else(|| quote::made_up(&format!("{old}_new")));
    if form.column(&new).is_some() {
        form.refuse(
            "newColumn",
            format!("`{table}` has a column `{new}` already."),
        );
    }
    let new_type = form.needed("newType")?;
    let old_type = old_type(form, known.as_ref())?;
    let name = slug(&format!("change-{table}-{old}-to-{new_type}"));

    let mut names = Names::of(form.schema.unwrap_or(&Schema::empty(form.engine)));
    let forward = forward(form, &table, (&old, &old_type), &new_type, &mut names)?;
    let backward = backward(form, &table, (&new, &new_type), &old_type, &mut names);
    let whole = form.engine == Engine::PostgreSql
        && form.text("using").is_none()
        && conversion::never_fails(&old_type, &new_type);
    let on_purpose = form.text("nullWhere").map(|sql| format!("({sql})"));
    let mut wrong = format!(
        "{} IS NOT NULL AND ({}) IS NULL",
        quote::name(form.engine, &old),
        forward.sql
    );
    let mut converted = format!(
        "{} IS NULL OR {} IS NOT NULL",
        quote::name(form.engine, &old),
        quote::name(form.engine, &new)
    );
    if let Some(on_purpose) = &on_purpose {
        // A condition that is NULL does not hold.
        wrong.push_str(&format!(" AND {on_purpose} IS NOT TRUE"));
        converted.push_str(&format!(" OR {on_purpose}"));
    }
    let columns = [old.clone()];
    let engine = form.engine;
    let wrong = (!whole).then(|| Wrong {
        engine,
        field: "unconvertible",
        what: format!("hold a value in {old} that is no {new_type}"),
        table: &table,
        columns: &columns,
        rows: Rows::Where(wrong),
        migration: &name,
    });
    let change = Change {
        engine: form.engine,
        table: &table,
        required: known.as_ref().is_some_and(|c| !c.nullable),
        default: known.as_ref().and_then(|c| c.default.clone()),
        take_over: form.text("takeOver") != Some("false"),
        old,
        new,
        old_type,
        new_type,
        forward,
        backward,
        wrong,
        converted,
    };
    let carried = carried(form, known.as_ref(), &change);
    if form.is_refused() {
        return None;
    }
    change.document(form, carried, &name, &mut names)
}

fn old_type(form: &mut Form<'_>, known: Option<&Column>) -> Option<String> {
    let found = known
        .map(|c| c.data_type.clone())
        .or_else(|| form.needed("oldType"));
    if found.is_none() && form.table_of_form().is_none() {
        form.refuse(
            "oldType",
            "Needed, since the table is not known here.".to_owned(),
        );
    }
    found
}

/// The columns that an expression reads besides its own, with their types.
fn read_by(
    form: &Form<'_>,
    sql: Option<&str>,
    (own, data_type): (&str, &str),
) -> Vec<(String, String)> {
    let mut out = vec![(own.to_owned(), data_type.to_owned())];
    if let (Some(sql), Some(table)) = (sql, form.table_of_form()) {
        let more = table
            .columns
            .iter()
            .filter(|c| c.name != own && expression::mentions(form.engine, sql, &c.name));
        out.extend(more.map(|c| (c.name.clone(), c.data_type.clone())));
    }
    out
}

fn forward(
    form: &mut Form<'_>,
    table: &TableName,
    (old, old_type): (&str, &str),
    new_type: &str,
    names: &mut Names,
) -> Option<Safe> {
    let using = form.needed("using");
    if let Some(problem) = using
        .as_deref()
        .and_then(|sql| expression::expression_problem(form.engine, sql))
    {
        form.refuse("using", format!("{problem}."));
        return None;
    }
    match (form.engine, using) {
        (Engine::PostgreSql, None) if conversion::never_fails(old_type, new_type) => {
            conversion::cast(form.engine, old, new_type).map(Safe::plain)
        }
        (Engine::PostgreSql, using) => {
            let name = names.free(&format!("{}_{old}_forward", table.name));
            let columns = read_by(form, using.as_deref(), (old, old_type));
            Some(conversion::function(
                table,
                &name,
                &columns,
                using.as_deref(),
                new_type,
            ))
        }
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, Some(using)) => Some(Safe::plain(using)),
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, None) => {
            let cast = conversion::cast(form.engine, old, new_type);
            if cast.is_none() {
                let why = match form.engine {
                    Engine::Sqlite => format!(
                        "SQLite's cast to {new_type} makes a number of what it gets, 2024 of '2024-05-01'"
                    ),
                    Engine::PostgreSql | Engine::MySql | Engine::MariaDb => format!(
                        "a cast to {new_type} fails on what does not convert, in the applications' own statements"
                    ),
                };
                form.refuse(
                    "using",
                    format!("Needed: {why}. Say how values become {new_type}, and NULL what does not convert."),
                );
            }
            cast.map(Safe::plain)
        }
    }
}

fn backward(
    form: &mut Form<'_>,
    table: &TableName,
    (new, new_type): (&str, &str),
    old_type: &str,
    names: &mut Names,
) -> Option<Safe> {
    let backward = form.needed("backward");
    if let Some(problem) = backward
        .as_deref()
        .and_then(|sql| expression::expression_problem(form.engine, sql))
    {
        form.refuse("backward", format!("{problem}."));
        return None;
    }
    // Nobody can tell what undoes an expression.
    if backward.is_none() && form.text("using").is_some() {
        return None;
    }
    match (form.engine, backward) {
        (Engine::PostgreSql, None) if conversion::never_fails(new_type, old_type) => {
            conversion::cast(form.engine, new, old_type).map(Safe::plain)
        }
        (Engine::PostgreSql, backward) => {
            let name = names.free(&format!("{}_{new}_backward", table.name));
            let columns = read_by(form, backward.as_deref(), (new, new_type));
            Some(conversion::function(
                table,
                &name,
                &columns,
                backward.as_deref(),
                old_type,
            ))
        }
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, Some(backward)) => {
            Some(Safe::plain(backward))
        }
        (Engine::Sqlite | Engine::MySql | Engine::MariaDb, None) => {
            conversion::cast(form.engine, new, old_type).map(Safe::plain)
        }
    }
}

/// What hangs on the old column; views go on showing the type that they show.
fn carried(form: &mut Form<'_>, known: Option<&Column>, change: &Change<'_>) -> Carried {
    let (Some(schema), Some(table), Some(column)) = (form.schema, form.table_of_form(), known)
    else {
        return Carried::default();
    };
    let cast = || {
        format!(
            "CAST({} AS {})",
            quote::name(form.engine, &change.new),
            change.old_type
        )
    };
    let back = form.needed("backward").unwrap_or_else(cast);
    let reading = Reading {
        new: &change.new,
        columns: std::slice::from_ref(&change.new),
        expression: Some(&back),
    };
    let carried = carry(schema, change.table, table, column, &reading);
    for reason in &carried.refusals {
        form.refuse("column", reason.clone());
    }
    carried
}

impl Change<'_> {
    fn of(&self, check: Check, column: &str) -> Validation {
        Validation {
            column: Some(column.to_owned()),
            ..validation(check, self.table)
        }
    }

    fn in_step(&self) -> Validation {
        Validation {
            old_column: Some(self.old.clone()),
            new_column: Some(self.new.clone()),
            forward: Some(self.forward.sql.clone().into()),
            ..validation(Check::ColumnsMatch, self.table)
        }
    }

    fn back(&self) -> Vec<(String, String)> {
        let back = self.backward.iter();
        back.map(|b| (self.old.clone(), b.sql.clone())).collect()
    }

    fn require(&self) -> Operation {
        SetNotNull {
            table: self.table.to_string(),
            column: self.new.clone(),
        }
        .into()
    }

    fn functions(&self) -> Vec<&Safe> {
        std::iter::once(&self.forward)
            .chain(&self.backward)
            .collect()
    }

    fn document(
        &self,
        form: &mut Form<'_>,
        mut carried: Carried,
        name: &str,
        names: &mut Names,
    ) -> Option<Migration> {
        let mut phases = Vec::new();
        phases.extend(
            self.look(form)
                .filter(|p| !p.operations.is_empty() || !p.validation.is_empty()),
        );
        phases.push(self.add(form, std::mem::take(&mut carried.early)));
        phases.push(self.dual());
        phases.push(self.fill(form.engine, std::mem::take(&mut carried.late)));
        let view = self.view(form);
        let key = key(form);
        phases.extend(view.iter().map(|v| v.make.clone()));
        phases.push(self.switch(form, &key, view.as_ref()));
        phases.push(self.wait(form, &key, view.as_ref()));
        phases.push(self.contract(form, carried, names));
        phases.extend(view.map(|v| v.drop));
        let mut description = format!("{}.{} becomes {}", self.table, self.old, self.new_type);
        if form.table_of_form().is_none() {
            description.push_str(
                ". Written without looking at the target: indexes, constraints, grants and views of \
                 the old column are not carried over.",
            );
        }
        Some(form.document(name, description, phases))
    }

    /// The functions, then the rows that do not convert.
    fn look(&self, form: &mut Form<'_>) -> Option<Phase> {
        let mut look = match &self.wrong {
            Some(wrong) => resolve(form, wrong)?,
            None => phase(PhaseKind::Migrate, ""),
        };
        if let (Some(default), true) = (&self.default, self.forward.make.is_some()) {
            let engine = form.engine;
            let value = expression::substitute(
                engine,
                &self.forward.sql,
                self.table,
                &self.old,
                &format!("({default})"),
            );
            look.validation.push(Validation {
                table: None,
                sql: Some(format!("SELECT ({value}) IS NOT NULL")),
                error_message: Some(format!(
                    "the default {default} of {}.{} is no {}; give the column another one first, or none",
                    self.table, self.old, self.new_type
                )),
                ..validation(Check::Custom, self.table)
            });
        }
        if let Some(make) = conversion::make(&self.functions()) {
            look.operations.insert(0, make);
            if look.description.is_empty() {
                look.description = "Make the conversion".to_owned();
            }
        }
        Some(look)
    }

    fn add(&self, form: &Form<'_>, early: Vec<Operation>) -> Phase {
        let with = if early.is_empty() {
            String::new()
        } else {
            format!(" with what hangs on {}", self.old)
        };
        let mut add = phase(PhaseKind::Expand, format!("Add {}{with}", self.new));
        add.operations.push(
            AddColumn {
                table: self.table.to_string(),
                column: self.new.clone(),
                data_type: self.new_type.clone(),
                nullable: true,
                default_value: None,
            }
            .into(),
        );
        add.operations.extend(early);
        let apart = Apart {
            engine: self.engine,
            table: self.table,
            old: vec![self.old.clone()],
            new: Vec::new(),
            backward: self.back(),
        };
        add.operations.extend(apart.loosen(form));
        add.validation.push(self.of(Check::ColumnExists, &self.new));
        let indexes = add
            .operations
            .iter()
            .any(|o| matches!(o.word(), "add_index" | "add_unique"));
        if indexes {
            add.validation
                .push(validation(Check::IndexExists, self.table));
        }
        add
    }

    fn dual(&self) -> Phase {
        let mut dual = phase(
            PhaseKind::Migrate,
            format!("Keep {} and {} in step", self.old, self.new),
        );
        dual.operations.push(
            EnableDualWrite {
                forward: Some(self.forward.sql.clone().into()),
                backward: self.backward.as_ref().map(|b| b.sql.clone().into()),
                ..EnableDualWrite::pair(&self.table.to_string(), &self.old, &self.new)
            }
            .into(),
        );
        dual
    }

    fn fill(&self, engine: Engine, late: Vec<Operation>) -> Phase {
        let mut fill = phase(
            PhaseKind::Migrate,
            format!("Fill {} for the rows that are there", self.new),
        );
        fill.operations.push(
            Backfill {
                table: self.table.to_string(),
                sql: format!(
                    "{} = {}",
                    quote::name(self.engine, &self.new),
                    self.forward.sql
                ),
                filter: None,
                batch_size: None,
                pause_ms: 0,
            }
            .into(),
        );
        fill.operations.extend(late);
        fill.validation.push(self.in_step());
        if self.required {
            // SQLite's triggers fill a column only after its row was written.
            if engine != Engine::Sqlite {
                fill.operations.push(self.require());
            }
            fill.validation
                .push(self.of(Check::BackfillComplete, &self.new));
        }
        fill
    }

    fn switch(&self, form: &Form<'_>, key: &[String], view: Option<&View>) -> Phase {
        let mut switch = phase(
            PhaseKind::Migrate,
            format!("Applications read and write {}", self.new),
        );
        let place = match view {
            Some(view) => format!(
                "{}, or {} through the view {}",
                self.new, self.old, view.name
            ),
            None => self.new.clone(),
        };
        switch.gate = Some(Gate {
            deploy: Some(format!("Applications read {}.{place}", self.table)),
            soak: None,
        });
        let forward = [(self.new.clone(), self.forward.sql.clone())];
        switch
            .validation
            .extend(in_step(form, self.table, &forward, &self.back()));
        switch
            .validation
            .extend(self.wrong.iter().map(|w| none_left(w, key)));
        switch
    }

    /// The last look before anything goes.
    fn wait(&self, form: &Form<'_>, key: &[String], view: Option<&View>) -> Phase {
        let mut wait = phase(
            PhaseKind::Migrate,
            format!("Nobody uses {} any more", self.old),
        );
        let (table, old, new) = (self.table, &self.old, &self.new);
        let mut deploy = format!("No application uses {table}.{old} any more");
        if self.take_over {
            deploy.push_str(&format!(
                ", and every application works under both names at once: {new} becomes {old} in the next phase"
            ));
            if let Some(view) = view {
                deploy.push_str(&format!(
                    ", or reads the view {}, which keeps its names",
                    view.name
                ));
            }
        }
        wait.gate = Some(Gate {
            deploy: Some(deploy),
            soak: form.soak("7d"),
        });
        wait.validation
            .extend(self.wrong.iter().map(|w| none_left(w, key)));
        wait
    }

    fn contract(&self, form: &Form<'_>, carried: Carried, names: &mut Names) -> Phase {
        let engine = form.engine;
        let title = if self.take_over {
            format!("Drop {0}, and call {1} {0}", self.old, self.new)
        } else {
            format!("Drop {}", self.old)
        };
        let mut out = phase(PhaseKind::Contract, title);
        let table = self.table.to_string();
        // A row that does not convert keeps its only value in the old column: from here to the
        // drop, which takes the constraint along, nobody can write one.
        if self.wrong.is_some() && engine == Engine::PostgreSql {
            out.operations.push(
                AddCheck {
                    table: table.clone(),
                    constraint_name: names
                        .free(&format!("{}_{}_converted", self.table.name, self.old)),
                    sql: self.converted.clone(),
                }
                .into(),
            );
        }
        out.operations.extend(carried.last);
        out.operations.push(
            DropColumn {
                table: table.clone(),
                column: self.old.clone(),
            }
            .into(),
        );
        // The default that the triggers held stands on a function that goes.
        if let Some(default) = &self.default
            && engine == Engine::PostgreSql
        {
            let sql = match form.text("using") {
                Some(using) => expression::substitute(
                    engine,
                    using,
                    self.table,
                    &self.old,
                    &format!("({default})"),
                ),
                None => format!("CAST({default} AS {})", self.new_type),
            };
            out.operations.push(
                SetDefault {
                    table: table.clone(),
                    column: self.new.clone(),
                    default_value: DefaultValue::Expression { sql },
                }
                .into(),
            );
        }
        if self.required && engine == Engine::Sqlite {
            out.operations.push(self.require());
        }
        if self.take_over {
            out.operations.push(self.take_over(engine, &carried.names));
        }
        out.operations.extend(conversion::unmake(&self.functions()));
        let stays = if self.take_over { &self.old } else { &self.new };
        let gone = if self.take_over { &self.new } else { &self.old };
        out.validation = vec![
            self.of(Check::ColumnExists, stays),
            self.of(Check::ColumnNotExists, gone),
        ];
        out
    }

    /// The column's name, and those of what came over with it.
    fn take_over(&self, engine: Engine, carried: &[(String, String, bool)]) -> Operation {
        let table = quote::table(self.engine, self.table);
        // What cannot be done beside traffic is refused by the server.
        let beside = if engine.is_mysql_family() {
            ", ALGORITHM=INPLACE, LOCK=NONE"
        } else {
            ""
        };
        let column = |from: &str, to: &str| {
            format!(
                "ALTER TABLE {table} RENAME COLUMN {} TO {}{beside}",
                quote::name(self.engine, from),
                quote::name(self.engine, to)
            )
        };
        let mut there = vec![column(&self.new, &self.old)];
        let mut back = vec![column(&self.old, &self.new)];
        if engine == Engine::PostgreSql {
            let rename = |from: &str, to: &str, constraint: bool| {
                if constraint {
                    format!(
                        "ALTER TABLE {table} RENAME CONSTRAINT {} TO {}",
                        quote::name(self.engine, from),
                        quote::name(self.engine, to)
                    )
                } else {
                    format!(
                        "ALTER INDEX {} RENAME TO {}",
                        quote::within(self.engine, self.table, from),
                        quote::name(self.engine, to)
                    )
                }
            };
            for (was, is, constraint) in carried {
                there.push(rename(is, was, *constraint));
                back.push(rename(was, is, *constraint));
            }
        }
        custom(there.join(";\n"), back.join(";\n"))
    }

    /// A view in which the new column has the old name from the start; the server follows the
    /// renaming.
    fn view(&self, form: &mut Form<'_>) -> Option<View> {
        let mut name = TableName::parse(form.text("viewName")?);
        name.schema = name.schema.or_else(|| self.table.schema.clone());
        let Some(known) = form.table_of_form() else {
            form.refuse(
                "viewName",
                "A view names the table's columns, and the table is not known here: look at the target.".to_owned(),
            );
            return None;
        };
        let columns: Vec<String> = known
            .columns
            .iter()
            .map(|c| {
                let column = quote::name(self.engine, &c.name);
                if c.name == self.old {
                    format!("{} AS {column}", quote::name(self.engine, &self.new))
                } else {
                    column
                }
            })
            .collect();
        let create = |columns: String| {
            format!(
                "CREATE VIEW {} AS SELECT {columns} FROM {}",
                quote::table(self.engine, &name),
                quote::table(self.engine, self.table)
            )
        };
        let drop = format!("DROP VIEW {}", quote::table(self.engine, &name));
        let mut make = phase(
            PhaseKind::Expand,
            format!(
                "Make {name}, the table with {} as {}",
                self.old, self.new_type
            ),
        );
        make.operations
            .push(custom(create(columns.join(", ")), drop.clone()));
        let after: Vec<String> = known
            .columns
            .iter()
            .map(|c| match (c.name == self.old, self.take_over) {
                (true, false) => format!(
                    "{} AS {}",
                    quote::name(self.engine, &self.new),
                    quote::name(self.engine, &c.name)
                ),
                (_, _) => quote::name(self.engine, &c.name),
            })
            .collect();
        let mut gone = phase(PhaseKind::Contract, format!("Drop {name}"));
        gone.gate = Some(Gate {
            deploy: Some(format!("No application uses {name} any more")),
            soak: None,
        });
        gone.operations.push(custom(drop, create(after.join(", "))));
        Some(View {
            name: name.to_string(),
            make,
            drop: gone,
        })
    }
}

/// The view that bears both names, and its two phases.
struct View {
    name: String,
    make: Phase,
    drop: Phase,
}
