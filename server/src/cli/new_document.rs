//! `bellows migrate create` and `generate`: documents from nothing, or from patterns.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bellows::builder::{CommitError, Day, file_name, write_new};
use bellows::document::{self, Engine, Migration, Phase, PhaseKind, Shape};
use bellows::pattern;
use bellows::schema::Schema;

use super::args::{Create, Generate, NewDocument};
use super::exit::{CliError, Exit};
use super::fields::option_name;
use super::screen::Screen;
use super::target::same_engine;

/// `bellows migrate create`.
pub async fn create(arguments: Create, screen: &mut Screen) -> Result<Exit, CliError> {
    let (engine, schema) = engine_and_schema(&arguments.document).await?;
    let mut migration = Migration {
        name: arguments.name,
        database: engine,
        description: String::new(),
        author: None,
        tags: Vec::new(),
        waivers: Vec::new(),
        phases: Vec::new(),
    };
    check_fields(&arguments.types, &arguments.document)?;
    for shape in &arguments.types {
        let part = expand(shape, &arguments.document, engine, schema.as_ref())?;
        if !migration.description.is_empty() {
            migration.description.push_str("; ");
        }
        migration.description.push_str(&part.description);
        migration.phases.extend(part.phases);
    }
    if migration.phases.is_empty() {
        migration.phases.push(empty_phase());
    }
    for (number, phase) in (1..).zip(&mut migration.phases) {
        phase.phase = number;
    }
    write(&migration, arguments.document.output, screen)
}

/// `bellows migrate generate`.
pub async fn generate(arguments: Generate, screen: &mut Screen) -> Result<Exit, CliError> {
    let (engine, schema) = engine_and_schema(&arguments.document).await?;
    check_fields(
        std::slice::from_ref(&arguments.pattern),
        &arguments.document,
    )?;
    let migration = expand(
        arguments.pattern,
        &arguments.document,
        engine,
        schema.as_ref(),
    )?;
    write(&migration, arguments.document.output, screen)
}

async fn engine_and_schema(new: &NewDocument) -> Result<(Engine, Option<Schema>), CliError> {
    let asked = new.database.map(|word| word.0);
    let Some(target) = new.target.optional().await? else {
        return Ok((asked.unwrap_or(Engine::PostgreSql), None));
    };
    let engine = asked.unwrap_or(target.engine());
    same_engine(engine, &target)?;
    Ok((engine, Some(target.inspect().await?)))
}

/// An option that none of the patterns knows would be dropped without a word.
fn check_fields(shapes: &[&Shape], new: &NewDocument) -> Result<(), CliError> {
    for key in new.fields.0.keys() {
        if shapes.iter().any(|shape| shape.field(key).is_some()) {
            continue;
        }
        let option = option_name(key);
        let message = if shapes.is_empty() {
            format!("--{option} belongs to a pattern: name it with --type")
        } else {
            let words: Vec<&str> = shapes.iter().map(|shape| shape.word).collect();
            format!("{} has no --{option}", words.join(", "))
        };
        return Err(CliError::Usage(message));
    }
    Ok(())
}

fn expand(
    shape: &Shape,
    new: &NewDocument,
    engine: Engine,
    schema: Option<&Schema>,
) -> Result<Migration, CliError> {
    let mut values = new.fields.0.clone();
    // Where several patterns make one document, each takes what is its own.
    values.retain(|key, _| shape.field(key).is_some());
    pattern::expand(shape.word, &values, engine, schema)
        .map_err(|errors| CliError::Fields { errors })
}

/// A phase to begin with, so that the document has a place for the first operation.
fn empty_phase() -> Phase {
    Phase {
        phase: 1,
        kind: Some(PhaseKind::Expand),
        description: "What this phase does".to_owned(),
        timeout: None,
        gate: None,
        operations: Vec::new(),
        validation: Vec::new(),
        rollback_operations: None,
        waivers: Vec::new(),
    }
}

fn write(
    migration: &Migration,
    output: Option<PathBuf>,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let problems = document::check(migration);
    if !problems.is_empty() {
        return Err(CliError::Document {
            file: migration.name.clone(),
            problems,
        });
    }
    let text = document::emit(migration);
    let path = output.unwrap_or_else(|| {
        let today = Day::from(SystemTime::now());
        Path::new("migrations").join(file_name(&migration.name, today))
    });
    if path == Path::new("-") {
        screen.print(text.trim_end())?;
        return Ok(Exit::Done);
    }
    write_new(&path, &text).map_err(not_written)?;
    screen.print(&format!("Wrote {}", path.display()))?;
    Ok(Exit::Done)
}

/// Why a document was not written.
pub fn not_written(error: CommitError) -> CliError {
    match error {
        CommitError::Exists(path) => CliError::Usage(format!(
            "{} is there already; choose another file with --output",
            path.display()
        )),
        CommitError::Io { path, error } => CliError::at(&path)(error),
        CommitError::Build(_) => CliError::Usage(error.to_string()),
    }
}
