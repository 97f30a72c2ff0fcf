//! A pattern's filled-in form: its texts as values, each mistake with its field.

use std::collections::BTreeMap;

use super::FieldError;
use crate::dialect::quote::NAME_LIMIT;
use crate::dialect::types::{self, Verdict};
use crate::document::{
    Engine, FieldKind, Migration, Phase, Shape, check, has_gap, nearest, read_list, slug, soak_ms,
};
use crate::operation::Operation;
use crate::plan::plan;
use crate::schema::{Column, Schema, Table, TableName};

/// What was typed, the schema behind it, and what is wrong so far.
pub(super) struct Form<'a> {
    values: &'a BTreeMap<String, String>,
    pub(super) engine: Engine,
    pub(super) schema: Option<&'a Schema>,
    errors: Vec<FieldError>,
}

impl<'a> Form<'a> {
    /// Judges what can be judged field by field.
    pub(super) fn new(
        shape: &'static Shape,
        values: &'a BTreeMap<String, String>,
        engine: Engine,
        schema: Option<&'a Schema>,
    ) -> Self {
        let mut form = Self {
            values,
            engine,
            schema,
            errors: Vec::new(),
        };
        let known: Vec<&str> = shape.fields.iter().map(|f| f.key).collect();
        for key in values.keys().filter(|k| !known.contains(&k.as_str())) {
            let hint = nearest(key, known.iter().copied())
                .map_or(String::new(), |n| format!(" Did you mean `{n}`?"));
            let all = known.join(", ");
            form.refuse(
                key,
                format!("{} has no field `{key}`.{hint} Known: {all}.", shape.word),
            );
        }
        for field in shape.fields {
            let text = form.text(field.key);
            match text {
                None if field.required => form.refuse(field.key, format!("Needed: {}", field.help)),
                None => {}
                Some(text) => form.judge(field.key, field.kind, text),
            }
        }
        form
    }

    fn judge(&mut self, key: &str, kind: FieldKind, text: &str) {
        match kind {
            FieldKind::Table => {
                let name = TableName::parse(text);
                if let Some(schema) = self.schema
                    && schema.table(&name).is_none()
                {
                    let names: Vec<String> =
                        schema.tables.keys().map(ToString::to_string).collect();
                    let hint = did_you_mean(text, names.iter().map(String::as_str));
                    self.refuse(key, format!("The target has no table `{text}`.{hint}"));
                }
            }
            FieldKind::Column => self.known_column(key, text),
            FieldKind::Columns => {
                let columns = read_list(text);
                if has_gap(text) {
                    self.refuse(
                        key,
                        "Columns are names with commas between them.".to_owned(),
                    );
                }
                for column in columns.iter().filter(|column| !column.contains('(')) {
                    self.known_column(key, column);
                }
            }
            FieldKind::NewName => {
                if text.len() > NAME_LIMIT && self.engine == Engine::PostgreSql {
                    self.refuse(
                        key,
                        format!("PostgreSQL cuts names off after {NAME_LIMIT} bytes."),
                    );
                }
            }
            FieldKind::Bool => {
                if !matches!(text, "true" | "false") {
                    self.refuse(key, format!("`{text}` is neither true nor false."));
                }
            }
            FieldKind::Duration => {
                if let Err(message) = soak_ms(text) {
                    self.refuse(key, message);
                }
            }
            FieldKind::Number => {
                if text.parse::<u32>().is_err() {
                    self.refuse(key, format!("`{text}` is no whole number."));
                }
            }
            FieldKind::Choice(words) => {
                if !words.contains(&text) {
                    let hint = did_you_mean(text, words.iter().copied());
                    self.refuse(key, format!("One of {}.{hint}", words.join(", ")));
                }
            }
            FieldKind::DataType => {
                let made = self.schema.map(|schema| &schema.types);
                if let Verdict::Wrong(message) = types::judge(self.engine, text, made) {
                    self.refuse(key, format!("{message}."));
                }
            }
            FieldKind::Sql
            | FieldKind::Text
            | FieldKind::Index
            | FieldKind::Default
            | FieldKind::Words
            | FieldKind::Conversion
            | FieldKind::Part(_) => {}
        }
    }

    fn known_column(&mut self, key: &str, column: &str) {
        let Some(table) = self.table_of_form() else {
            return;
        };
        if find(self.engine, table, column).is_none() {
            let hint = did_you_mean(column, table.columns.iter().map(|c| c.name.as_str()));
            let name = self.text("table").unwrap_or_default();
            self.refuse(key, format!("`{name}` has no column `{column}`.{hint}"));
        }
    }

    /// The field's text, blanks around it taken away; `None` where nothing was given.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.values
            .get(key)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
    }

    /// The field's text with the blanks around it.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.values
            .get(key)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The text of a field that must be there; its absence was already said.
    pub(super) fn needed(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// The names of a list with commas between them.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        read_list(self.text(key).unwrap_or_default())
    }

    /// The table's name, in the one spelling that documents use.
    pub(super) fn table_name(&self) -> Option<TableName> {
        self.text("table").map(TableName::parse)
    }

    /// What the schema says about the form's table.
    pub(super) fn table_of_form(&self) -> Option<&'a Table> {
        self.schema?.table(&self.table_name()?)
    }

    /// What the schema says about a column of the form's table.
    pub(super) fn column(&self, name: &str) -> Option<&'a Column> {
        find(self.engine, self.table_of_form()?, name)
    }

    /// Refuses a name that the table has already.
    pub(super) fn must_be_new(&mut self, key: &str) {
        if let Some(name) = self.text(key)
            && self.column(name).is_some()
        {
            let table = self.text("table").unwrap_or_default();
            self.refuse(key, format!("`{table}` has a column `{name}` already."));
        }
    }

    /// The soak of a gate: none for `0`, the field's default where nothing was given.
    pub(super) fn soak(&self, default: &str) -> Option<String> {
        let text = self.text("soak").unwrap_or(default);
        (soak_ms(text) != Ok(0)).then(|| text.to_owned())
    }

    /// Adds something that is wrong.
    pub(super) fn refuse(&mut self, key: &str, message: String) {
        self.errors.push(FieldError {
            field: key.to_owned(),
            message,
        });
    }

    /// Whether anything is wrong so far.
    pub(super) fn is_refused(&self) -> bool {
        !self.errors.is_empty()
    }

    /// A document for the form's engine, its phases numbered.
    pub(super) fn document(
        &self,
        name: &str,
        description: String,
        phases: Vec<Phase>,
    ) -> Migration {
        Migration {
            name: slug(name),
            database: self.engine,
            description,
            author: None,
            tags: Vec::new(),
            waivers: Vec::new(),
            phases: (1..)
                .zip(phases)
                .map(|(phase, rest)| Phase { phase, ..rest })
                .collect(),
        }
    }

    /// The document, where nothing is wrong.
    pub(super) fn finish(mut self, built: Option<Migration>) -> Result<Migration, Vec<FieldError>> {
        // What is wrong with a field shows in the document as well; once is enough.
        if let Some(migration) = &built
            && self.errors.is_empty()
        {
            let mut problems = check(migration);
            if problems.is_empty()
                && let Some(schema) = self.schema
                && let Err(refused) = plan(migration, Some(schema))
            {
                problems = refused;
            }
            for problem in problems {
                self.refuse("", problem.message);
            }
        }
        match built {
            Some(migration) if self.errors.is_empty() => Ok(migration),
            Some(_) | None => Err(self.errors),
        }
    }
}

/// The column of that name; only PostgreSQL's columns know case.
pub(super) fn find<'t>(engine: Engine, table: &'t Table, name: &str) -> Option<&'t Column> {
    table.columns.iter().find(|c| same(engine, &c.name, name))
}

/// Whether two names are the same to the engine, both as its catalogue spells them.
pub(super) fn same(engine: Engine, a: &str, b: &str) -> bool {
    match engine {
        Engine::PostgreSql => a == b,
        Engine::MySql | Engine::MariaDb => a.to_lowercase() == b.to_lowercase(),
        Engine::Sqlite => a.eq_ignore_ascii_case(b),
    }
}

fn did_you_mean<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> String {
    nearest(word, known).map_or(String::new(), |n| format!(" Did you mean `{n}`?"))
}

/// A phase with nothing in it but its description; its number is given by the document.
pub(super) fn phase(kind: crate::document::PhaseKind, description: impl Into<String>) -> Phase {
    Phase {
        phase: 0,
        kind: Some(kind),
        description: description.into(),
        timeout: None,
        gate: None,
        operations: Vec::new(),
        validation: Vec::new(),
        rollback_operations: None,
        waivers: Vec::new(),
    }
}

/// An empty check of that kind on a table.
pub(super) fn validation(
    check: crate::document::Check,
    table: &TableName,
) -> crate::document::Validation {
    crate::document::Validation {
        check,
        table: Some(table.to_string()),
        column: None,
        index_name: None,
        columns: None,
        old_column: None,
        new_column: None,
        forward: None,
        constraint_name: None,
        other_table: None,
        sql: None,
        expect: None,
        list: None,
        error_message: None,
    }
}

/// Statements with what takes them back.
pub(super) fn custom(sql: String, rollback_sql: String) -> Operation {
    crate::operation::CustomSql {
        sql,
        rollback_sql: Some(rollback_sql),
    }
    .into()
}
