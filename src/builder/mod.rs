//! The fluent builder: a migration written in Rust.
//!
//! It fills in the same draft that a form does, and has it judged by the reader of the documents:
//! what it builds, YAML and the form read back without loss. Mistakes are collected, and
//! [`MigrationBuilder::build`] tells all of them at once.
//!
//! ```
//! use bellows::builder::migration;
//!
//! let migration = migration("add-email-verified")
//!     .phase("Add column as nullable")
//!     .add_column("users", "email_verified", "BOOLEAN")
//!     .nullable()
//!     .with_default(false)
//!     .validate()
//!
//!     .phase("Backfill existing rows")
//!     .backfill("users", "email_verified = false")
//!     .validate_backfill("users", "email_verified")
//!
//!     .phase("Make column NOT NULL")
//!     .make_non_nullable()
//!     .build()?;
//!
//! assert_eq!(migration.phases.len(), 3);
//! assert_eq!(migration.phases[2].operations[0].word(), "set_not_null");
//! # Ok::<(), bellows::builder::BuildError>(())
//! ```
//!
//! # Where it is
//!
//! The builder remembers where it is. Operations, checks, gates and [`set_timeout`] belong to the
//! phase begun last; an operation or a check before the first [`phase`] opens one.
//! [`nullable`] and [`with_default`] modify the last `add_column` of the phase, [`validate`]
//! checks the operation just added, and [`make_non_nullable`] means the column last added, in
//! whatever phase. A modifier with nothing to modify is one of the mistakes that `build` tells.
//!
//! [`set_timeout`]: MigrationBuilder::set_timeout
//! [`phase`]: MigrationBuilder::phase
//! [`nullable`]: MigrationBuilder::nullable
//! [`with_default`]: MigrationBuilder::with_default
//! [`validate`]: MigrationBuilder::validate
//! [`make_non_nullable`]: MigrationBuilder::make_non_nullable

mod checks;
#[cfg(feature = "commit")]
mod commit;
mod day;
mod modifiers;
mod operations;
mod patterns;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub use checks::CheckOptions;
#[cfg(feature = "commit")]
pub use commit::{CommitError, commit, write_new};
pub use day::{Day, file_name};
pub use operations::TableColumn;
pub use patterns::{ColumnPart, MigrationPatterns, PatternBuilder, pattern};

use crate::document::{Engine, Migration, PhaseKind, Problem, emit, read_draft};
use crate::operation::Operation;

/// Begins a migration for PostgreSQL; [`MigrationBuilder::database`] says another engine.
pub fn migration(name: &str) -> MigrationBuilder {
    MigrationBuilder::new(name)
}

/// Why nothing was built: every mistake, not just the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(.problems))]
pub struct BuildError {
    /// The mistakes; those of a pattern have the field's key as their path.
    pub problems: Vec<Problem>,
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A phase under construction.
#[derive(Clone, Debug, Default)]
struct PhaseDraft {
    /// Its keys but for the lists.
    head: Map<String, Value>,
    operations: Vec<Map<String, Value>>,
    validation: Vec<Map<String, Value>>,
    rollback: Option<Vec<Map<String, Value>>>,
}

/// A migration under construction. See the [module](self).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`, `to_yaml` or `commit`"]
pub struct MigrationBuilder {
    engine: Engine,
    /// The keys of the migration but for its phases.
    head: Map<String, Value>,
    phases: Vec<PhaseDraft>,
    /// Table and column of the last add_column, in whatever phase.
    last_column: Option<(Value, Value)>,
    mistakes: Vec<Problem>,
}

impl MigrationBuilder {
    /// See [`migration`].
    pub fn new(name: &str) -> Self {
        let engine = Engine::PostgreSql;
        let mut head = Map::new();
        head.insert("name".into(), name.into());
        head.insert("database".into(), engine.word().into());
        Self {
            engine,
            head,
            phases: Vec::new(),
            last_column: None,
            mistakes: Vec::new(),
        }
    }

    /// Says the engine. Best said first: [`Self::validate`] reads SQL by its rules.
    pub fn database(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self.about("database", engine.word().into())
    }

    /// Says what the migration is for.
    pub fn set_description(self, text: &str) -> Self {
        self.about("description", text.into())
    }

    /// Says who wrote it.
    pub fn set_author(self, name: &str) -> Self {
        self.about("author", name.into())
    }

    /// Adds labels.
    pub fn add_tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        let all = self.head.entry("tags").or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.extend(tags.into_iter().map(|tag| Value::String(tag.into())));
        }
        self
    }

    fn about(mut self, key: &str, value: Value) -> Self {
        self.head.insert(key.to_owned(), value);
        self
    }

    /// Begins the next phase.
    pub fn phase(mut self, description: &str) -> Self {
        let mut phase = PhaseDraft::default();
        phase.head.insert("description".into(), description.into());
        self.phases.push(phase);
        self
    }

    /// Says what the phase does to the schema, where that is not what its operations tell.
    pub fn kind(self, kind: PhaseKind) -> Self {
        let word = json!(kind);
        self.of_phase("kind", |phase| {
            phase.head.insert("kind".into(), word);
        })
    }

    /// Bounds what a statement of the phase that blocks others may take, in milliseconds.
    pub fn set_timeout(self, ms: u64) -> Self {
        self.of_phase("set_timeout", |phase| {
            phase.head.insert("timeout".into(), ms.into());
        })
    }

    /// The phase starts only when a person has confirmed this deploy.
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// let migration = migration("drop-legacy")
    ///     .phase("Drop it when nobody uses it any more")
    ///     .gate_deploy("App v2.0 no longer reads users.legacy")
    ///     .gate_soak("7d")
    ///     .drop_column("users", "legacy")
    ///     .validate()
    ///     .build()?;
    /// let gate = migration.phases[0].gate.as_ref();
    /// assert_eq!(gate.and_then(|g| g.soak.as_deref()), Some("7d"));
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn gate_deploy(self, what: &str) -> Self {
        self.gate("gate_deploy", "deploy", what)
    }

    /// The phase starts only so long after the previous one completed: `30s`, `15m`, `12h`, `7d`.
    pub fn gate_soak(self, time: &str) -> Self {
        self.gate("gate_soak", "soak", time)
    }

    fn gate(self, modifier: &str, key: &str, value: &str) -> Self {
        self.of_phase(modifier, |phase| {
            let gate = phase.head.entry("gate").or_insert_with(|| json!({}));
            gate[key] = value.into();
        })
    }

    /// Writes what takes the phase back, in place of what Bellows derives.
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// let migration = migration("grant-and-add")
    ///     .phase("Add the column")
    ///     .add_column("users", "bio", "TEXT")
    ///     .custom_sql("GRANT SELECT (bio) ON users TO reader")
    ///     .rollback_with(|rollback| rollback.drop_column("users", "bio"))
    ///     .build()?;
    /// assert_eq!(migration.phases[0].rollback_operations.as_ref().map(Vec::len), Some(1));
    /// # Ok::<(), bellows::builder::BuildError>(())
    /// ```
    pub fn rollback_with(
        mut self,
        operations: impl FnOnce(MigrationBuilder) -> MigrationBuilder,
    ) -> Self {
        let inner = operations(migration("rollback").database(self.engine).phase(""));
        let at = self.path("rollbackOperations");
        self.mistakes
            .extend(inner.mistakes.into_iter().map(|problem| Problem {
                path: at.clone(),
                ..problem
            }));
        let whole = inner.phases.len() == 1 && inner.phases.iter().all(|p| p.validation.is_empty());
        if !whole {
            self.mistakes.push(problem(
                at,
                "a rollback has operations, and neither phases nor checks of its own",
            ));
        }
        let written = inner.phases.into_iter().flat_map(|p| p.operations);
        let written: Vec<_> = written.collect();
        self.of_phase("rollback_with", |phase| {
            phase.rollback.get_or_insert_with(Vec::new).extend(written);
        })
    }

    /// Adds an operation as a value: for what has no method of its own.
    pub fn operation(self, operation: impl Into<Operation>) -> Self {
        match serde_json::to_value(operation.into()) {
            Ok(Value::Object(map)) => self.push(map),
            Ok(_) | Err(_) => self.mistaken("operation", "it cannot be written as a document"),
        }
    }

    /// The document.
    ///
    /// # Errors
    /// Every mistake there is: modifiers with nothing to modify, and all that the reader of a
    /// document says. Never a panic.
    ///
    /// ```
    /// # use bellows::builder::migration;
    /// let error = migration("Bad Name")
    ///     .phase("Nothing to modify")
    ///     .nullable()
    ///     .gate_soak("a week")
    ///     .build()
    ///     .unwrap_err();
    /// assert_eq!(error.problems.len(), 3);
    /// ```
    pub fn build(&self) -> Result<Migration, BuildError> {
        let mut problems = self.mistakes.clone();
        match read_draft(&self.draft()) {
            Ok(migration) if problems.is_empty() => return Ok(migration),
            Ok(_) => {}
            Err(found) => problems.extend(found),
        }
        Err(BuildError { problems })
    }

    /// The document as YAML.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn to_yaml(&self) -> Result<String, BuildError> {
        self.build().map(|migration| emit(&migration))
    }

    /// Writes the document to `YYYYMMDD_name_with_underscores.yaml` in a folder, which is made
    /// where it is not there. The file comes to be as a whole or not at all, and one that is
    /// there is left alone.
    ///
    /// # Errors
    /// As [`Self::build`], and what the file system says.
    ///
    /// ```
    /// use bellows::builder::{Day, migration};
    ///
    /// let folder = std::env::temp_dir().join(format!("bellows-doc-{}", std::process::id()));
    /// let day: Day = "2025-01-28".parse()?;
    /// let file = migration("add-bio")
    ///     .phase("Add the column")
    ///     .add_column("users", "bio", "TEXT")
    ///     .commit(&folder, day)?;
    ///
    /// assert_eq!(file.file_name().unwrap(), "20250128_add_bio.yaml");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "commit")]
    pub fn commit(
        &self,
        dir: impl AsRef<std::path::Path>,
        day: Day,
    ) -> Result<std::path::PathBuf, CommitError> {
        commit(&self.build()?, dir.as_ref(), day)
    }

    /// What stands under `migration:`, as the form holds it.
    fn draft(&self) -> Value {
        let mut migration = self.head.clone();
        let phases: Vec<Value> = (1..).zip(&self.phases).map(phase_json).collect();
        migration.insert("phases".into(), phases.into());
        Value::Object(migration)
    }

    /// The phase begun last; one is opened where there is none.
    fn open(&mut self) -> &mut PhaseDraft {
        if self.phases.is_empty() {
            self.phases.push(PhaseDraft::default());
        }
        let last = self.phases.len() - 1;
        &mut self.phases[last]
    }

    /// Changes the phase begun last, which must be there.
    fn of_phase(mut self, modifier: &str, change: impl FnOnce(&mut PhaseDraft)) -> Self {
        match self.phases.last_mut() {
            Some(phase) => {
                change(phase);
                self
            }
            None => self.mistaken(
                modifier,
                "there is no phase yet: begin one with `.phase(..)`",
            ),
        }
    }

    fn push(mut self, operation: Map<String, Value>) -> Self {
        if operation.get("type").and_then(Value::as_str) == Some("add_column")
            && let (Some(table), Some(column)) = (operation.get("table"), operation.get("column"))
        {
            self.last_column = Some((table.clone(), column.clone()));
        }
        self.open().operations.push(operation);
        self
    }

    fn mistaken(mut self, method: &str, why: &str) -> Self {
        let at = match self.phases.len() {
            0 => String::new(),
            count => format!("phases[{}]", count - 1),
        };
        self.mistakes
            .push(problem(at, format!("`.{method}(..)`: {why}")));
        self
    }

    /// The path of a key of the phase begun last.
    fn path(&self, key: &str) -> String {
        format!("phases[{}].{key}", self.phases.len().saturating_sub(1))
    }
}

fn problem(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem {
        line: None,
        column: None,
        path: path.into(),
        message: message.into(),
    }
}

fn phase_json((number, phase): (u32, &PhaseDraft)) -> Value {
    let mut map = phase.head.clone();
    map.insert("phase".into(), number.into());
    let lists = [
        ("operations", Some(&phase.operations)),
        ("validation", Some(&phase.validation)),
        ("rollbackOperations", phase.rollback.as_ref()),
    ];
    for (key, list) in lists {
        if let Some(list) = list {
            let items: Vec<Value> = list.iter().cloned().map(Value::Object).collect();
            map.insert(key.into(), items.into());
        }
    }
    Value::Object(map)
}

/// An existing document, to go on from.
impl From<Migration> for MigrationBuilder {
    fn from(migration: Migration) -> Self {
        let mut builder = MigrationBuilder::new(&migration.name).database(migration.database);
        builder = builder.set_description(&migration.description);
        builder = builder.add_tags(migration.tags);
        if let Some(author) = &migration.author {
            builder = builder.set_author(author);
        }
        for phase in migration.phases {
            builder = builder.whole_phase(phase);
        }
        builder
    }
}
