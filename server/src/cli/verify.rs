//! `bellows migrate verify`: the judge of documents and of SQL.

use std::path::Path;

use bellows::document::{Engine, emit};
use bellows::lint::sarif::{self, FileFindings};
use bellows::lint::{Finding, Judged, Severity, blocks, judge, repair};
use bellows::plan::text;
use bellows::run::PhaseState;
use bellows::schema::{Schema, version_number};
use bellows::sql::Context;
use serde_json::json;

use super::args::{SqlOptions, VerdictFormat, Verify};
use super::document;
use super::exit::{CliError, Exit};
use super::screen::{Screen, complain};
use super::wire::{CheckedWire, FileWire, VerdictWire};
use crate::executor::{self, ExecuteError};
use crate::target::Target;

/// One file and what there is to say of it.
struct Verdict {
    file: String,
    /// Its text, as far as it could be read.
    text: String,
    findings: Vec<Finding>,
    /// What it could not be judged for.
    unreadable: Option<CliError>,
    /// What its fixes make of it.
    fixed: Option<String>,
}

impl Verdict {
    fn safe(&self) -> bool {
        self.unreadable.is_none() && !blocks(&self.findings)
    }

    fn exit(&self) -> Exit {
        let wrong = self.findings.iter().any(|f| f.rule == SYNTAX);
        if wrong || self.unreadable.is_some() {
            Exit::Wrong
        } else if self.safe() {
            Exit::Done
        } else {
            Exit::Failed
        }
    }
}

/// The rule of what cannot be read.
const SYNTAX: &str = "syntax-error";

/// `bellows migrate verify`.
pub async fn verify(arguments: Verify, screen: &mut Screen) -> Result<Exit, CliError> {
    if let Some(id) = &arguments.execution {
        return verify_execution(id, &arguments, screen).await;
    }
    let target = arguments.target.optional().await?;
    let mut world = World::of(&arguments.sql, target.as_ref())?;
    let mut verdicts = Vec::new();
    for path in &arguments.files {
        let verdict = if is_sql(path) {
            world.judge_sql(path, target.as_ref()).await?
        } else {
            judge_document(path, target.as_ref()).await?
        };
        if arguments.format == VerdictFormat::Text && !arguments.fix.fix {
            show(&verdict, screen)?;
        }
        verdicts.push(verdict);
    }
    if arguments.fix.fix {
        return apply_fixes(&arguments, verdicts, screen);
    }
    match arguments.format {
        VerdictFormat::Text => {}
        VerdictFormat::Json => {
            let safe = verdicts.iter().all(Verdict::safe);
            let files = verdicts.iter().map(wire).collect();
            screen.print_json(&VerdictWire { safe, files })?;
        }
        VerdictFormat::Sarif => {
            let all: Vec<(&Verdict, Vec<Finding>)> =
                verdicts.iter().map(|v| (v, wire(v).findings)).collect();
            let files: Vec<FileFindings<'_>> = all
                .iter()
                .map(|(verdict, findings)| FileFindings {
                    path: &verdict.file,
                    text: &verdict.text,
                    findings,
                })
                .collect();
            screen.print_json(&sarif::report(&files, env!("CARGO_PKG_VERSION")))?;
        }
    }
    Ok(worst(&verdicts))
}

/// Wrong input before unsafe, unsafe before safe.
fn worst(verdicts: &[Verdict]) -> Exit {
    verdicts
        .iter()
        .map(Verdict::exit)
        .max_by_key(|exit| exit.status())
        .unwrap_or(Exit::Done)
}

fn is_sql(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("sql"))
}

fn show(verdict: &Verdict, screen: &mut Screen) -> Result<(), CliError> {
    match &verdict.unreadable {
        Some(error) => complain(&error.to_string()),
        None => screen.print_report(&text::verify(&title(verdict), &verdict.findings))?,
    }
    Ok(())
}

/// A document is known by its name, a file of SQL by its path.
fn title(verdict: &Verdict) -> String {
    if is_sql(Path::new(&verdict.file)) {
        return verdict.file.clone();
    }
    bellows::document::parse(&verdict.text).map_or_else(|_| verdict.file.clone(), |m| m.name)
}

fn wire(verdict: &Verdict) -> FileWire {
    FileWire {
        file: verdict.file.clone(),
        safe: verdict.safe(),
        findings: match &verdict.unreadable {
            Some(error) => unreadable(error),
            None => verdict.findings.clone(),
        },
    }
}

async fn judge_document(path: &Path, target: Option<&Target>) -> Result<Verdict, CliError> {
    let mut verdict = Verdict {
        file: path.display().to_string(),
        text: std::fs::read_to_string(path).unwrap_or_default(),
        findings: Vec::new(),
        unreadable: None,
        fixed: None,
    };
    let planned = match document::read(path) {
        Ok(source) => source.plan(target).await.map(|(plan, _)| (source, plan)),
        Err(error) => Err(error),
    };
    match planned {
        Ok((source, plan)) => {
            verdict.fixed = repair::document(&source.migration, &plan.findings)
                .map(|migration| emit(&migration));
            verdict.findings = plan.findings;
        }
        Err(error @ (CliError::Document { .. } | CliError::File { .. })) => {
            verdict.unreadable = Some(error);
        }
        Err(other) => return Err(other),
    }
    Ok(verdict)
}

/// What files of SQL run into.
struct World {
    engine: Engine,
    version: Option<u32>,
    before: Option<String>,
    in_transaction: bool,
    /// The target's schema, once it was asked for.
    schema: Option<Schema>,
}

impl World {
    fn of(options: &SqlOptions, target: Option<&Target>) -> Result<Self, CliError> {
        let asked = options.database.map(|word| word.0);
        let engine = asked
            .or_else(|| target.map(Target::engine))
            .unwrap_or(Engine::PostgreSql);
        let version = match &options.server_version {
            Some(text) => Some(version_number(engine, text).ok_or_else(|| {
                CliError::Usage(format!(
                    "--server-version: {text} is no version of {}",
                    engine.title()
                ))
            })?),
            None => None,
        };
        let before = match &options.schema {
            Some(path) => Some(std::fs::read_to_string(path).map_err(CliError::at(path))?),
            None => None,
        };
        Ok(Self {
            engine,
            version,
            before,
            in_transaction: options.in_transaction,
            schema: None,
        })
    }

    async fn judge_sql(
        &mut self,
        path: &Path,
        target: Option<&Target>,
    ) -> Result<Verdict, CliError> {
        if self.schema.is_none()
            && let Some(target) = target
        {
            super::target::same_engine(self.engine, target)?;
            self.schema = Some(target.inspect().await?);
        }
        let mut verdict = Verdict {
            file: path.display().to_string(),
            text: String::new(),
            findings: Vec::new(),
            unreadable: None,
            fixed: None,
        };
        let read = std::fs::read(path).and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
        });
        match read {
            Ok(text) => verdict.text = text,
            Err(error) => {
                verdict.unreadable = Some(CliError::at(path)(error));
                return Ok(verdict);
            }
        }
        let context = Context {
            schema: self.schema.as_ref(),
            before: self.before.as_deref(),
            version: self.version,
            in_transaction: self.in_transaction,
        };
        let Judged {
            script, findings, ..
        } = judge(self.engine, &verdict.text, &context);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        verdict.fixed = repair::text(&stem, &verdict.text, &script, &findings)
            .map(|migration| emit(&migration));
        verdict.findings = findings;
        Ok(verdict)
    }
}

/// `--fix`: each file's document is written, and judged as it is now.
fn apply_fixes(
    arguments: &Verify,
    verdicts: Vec<Verdict>,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    if arguments.fix.output.is_some() && verdicts.len() > 1 {
        return Err(CliError::Usage(
            "--output takes the fixes of one file: give one, or leave --output out".to_owned(),
        ));
    }
    let mut exit = Exit::Done;
    for verdict in &verdicts {
        if let Some(error) = &verdict.unreadable {
            complain(&error.to_string());
            exit = Exit::Wrong;
            continue;
        }
        let Some(fixed) = &verdict.fixed else {
            show(verdict, screen)?;
            if exit == Exit::Done {
                exit = verdict.exit();
            }
            continue;
        };
        let beside = Path::new(&verdict.file).with_extension("yaml");
        let to = match &arguments.fix.output {
            Some(path) => path.clone(),
            None if is_sql(Path::new(&verdict.file)) => beside,
            None => Path::new(&verdict.file).to_path_buf(),
        };
        if to == Path::new("-") {
            screen.print(fixed.trim_end())?;
        } else if is_sql(Path::new(&verdict.file)) && to.exists() {
            return Err(CliError::Usage(format!(
                "{} is there already: give another place with --output",
                to.display()
            )));
        } else {
            std::fs::write(&to, fixed).map_err(CliError::at(&to))?;
            screen.print(&format!("{}: fixed in {}", verdict.file, to.display()))?;
        }
        let left = repair::left(&verdict.findings);
        if !left.is_empty() {
            screen.print_report(&text::verify(&title(verdict), &left))?;
        }
        if exit == Exit::Done && blocks(&left) {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// `verify --execution`: the checks of the phases that are done, once more.
async fn verify_execution(
    id: &str,
    arguments: &Verify,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let record = executor::execution(&target, id)
        .await?
        .ok_or_else(|| ExecuteError::NotFound(id.to_owned()))?;
    let mut checks = Vec::new();
    for phase in &record.plan.phases {
        let state = record.phase(phase.phase).map(|p| p.state);
        if state == Some(PhaseState::Completed) {
            let verdicts = executor::verify(&target, &phase.validation).await?;
            checks.extend(
                verdicts
                    .into_iter()
                    .map(|v| CheckedWire::new(phase.phase, v)),
            );
        }
    }
    let safe = checks.iter().all(|check| check.passed);
    match arguments.format {
        VerdictFormat::Json => {
            screen.print_json(&json!({ "safe": safe, "executionId": id, "checks": checks }))?;
        }
        VerdictFormat::Sarif => {
            return Err(CliError::Usage(
                "an execution is not in a file: --format sarif is for files".to_owned(),
            ));
        }
        VerdictFormat::Text => {
            let mut lines = vec![format!("Verifying execution: {id}"), String::new()];
            lines.extend(checks.iter().map(CheckedWire::line));
            if checks.is_empty() {
                lines.push("No phase that is done has checks.".to_owned());
            }
            screen.print_report(&lines.join("\n"))?;
        }
    }
    Ok(if safe { Exit::Done } else { Exit::Failed })
}

/// What cannot be read, as findings: one for each line of the message.
fn unreadable(error: &CliError) -> Vec<Finding> {
    let problems = if let CliError::Document { problems, .. } = error {
        problems.as_slice()
    } else {
        &[]
    };
    error
        .to_string()
        .lines()
        .enumerate()
        .map(|(at, line)| Finding {
            rule: SYNTAX.to_owned(),
            severity: Severity::Error,
            phase: None,
            operation: None,
            line: problems.get(at).and_then(|p| p.line),
            column: problems.get(at).and_then(|p| p.column),
            statement: None,
            within: None,
            message: line.to_owned(),
            recommendation: "Correct the document; nothing else can be said before that."
                .to_owned(),
            fix: None,
            waived: None,
        })
        .collect()
}
