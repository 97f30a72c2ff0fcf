//! change-type's phases up to the one in which anything goes.

use super::last::View;
use super::{Carried, Change};
use crate::dialect::{expression, quote};
use crate::document::{Check, Engine, Gate, Migration, Phase, PhaseKind, Validation};
use crate::operation::{AddColumn, Backfill, EnableDualWrite, Operation, SetNotNull};
use crate::pattern::apart::{Apart, in_step};
use crate::pattern::conversion::{self, Safe};
use crate::pattern::form::{Form, phase, validation};
use crate::pattern::names::Names;
use crate::pattern::resolve::{key, none_left, resolve};

impl Change<'_> {
    pub(super) fn of(&self, check: Check, column: &str) -> Validation {
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

    pub(super) fn require(&self) -> Operation {
        SetNotNull {
            table: self.table.to_string(),
            column: self.new.clone(),
        }
        .into()
    }

    pub(super) fn functions(&self) -> Vec<&Safe> {
        std::iter::once(&self.forward)
            .chain(&self.backward)
            .collect()
    }

    pub(super) fn document(
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
                data_type: format!("{}{}", self.new_type, self.comment),
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
            // Only there a trigger fills the column of whatever insert leaves it out.
            if engine == Engine::PostgreSql {
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
}
