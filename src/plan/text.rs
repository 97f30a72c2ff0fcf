//! The plan and the findings as a terminal shows them, under the headings that people know.

use std::fmt::Write;

use super::{OtherLock, Plan, Statement};
use crate::estimate::{Kind, range, rests_on};
use crate::lint::{Finding, Severity};
use crate::run::{Forecast, Prospect};

/// What `plan` prints.
pub fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = render_plan(&mut out, plan);
    out
}

/// What `verify` prints for one document.
pub fn verify(migration: &str, findings: &[Finding]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = render_verify(&mut out, migration, findings);
    out
}

/// What `plan` prints of whether the locks would be had now.
pub fn forecast(forecast: &Forecast) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = render_forecast(&mut out, forecast);
    out
}

fn render_forecast(out: &mut String, forecast: &Forecast) -> std::fmt::Result {
    writeln!(out, "\nForecast, from the sessions open now:")?;
    for phase in &forecast.phases {
        writeln!(out, "  Phase {}: {}", phase.phase, phase.words())?;
        for step in &phase.steps {
            if step.prospect == Prospect::Free {
                continue;
            }
            writeln!(out, "    {}: {}", step.title, step.words())?;
            for obstacle in &step.in_the_way {
                writeln!(out, "      {}", obstacle.words())?;
            }
        }
    }
    Ok(())
}

fn render_plan(out: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(out, "Migration: {}", plan.migration)?;
    writeln!(out, "Database: {}", plan.database.word())?;
    writeln!(out, "Phases: {}", plan.phases.len())?;
    writeln!(
        out,
        "Estimated Duration: {}ms ({})",
        plan.estimate.expected_ms,
        range(plan.estimate)
    )?;
    let risks: Vec<&Finding> = plan
        .findings
        .iter()
        .filter(|f| f.severity != Severity::Info && f.waived.is_none())
        .collect();
    if !risks.is_empty() {
        writeln!(out, "\nRisks:")?;
        for finding in risks {
            writeln!(out, "  {} {}", sign(finding.severity), place(finding))?;
        }
    }
    writeln!(out, "\nExecution Plan:")?;
    for phase in &plan.phases {
        writeln!(out, "\nPhase {}: {}", phase.phase, phase.description)?;
        writeln!(
            out,
            "  Estimated duration: {}ms ({})",
            phase.estimate.expected_ms,
            range(phase.estimate)
        )?;
        if let Some(gate) = &phase.gate {
            if let Some(deploy) = &gate.deploy {
                writeln!(out, "  Waits for a deploy: {deploy}")?;
            }
            if let Some(soak) = &gate.soak {
                writeln!(out, "  Waits after the phase before: {soak}")?;
            }
        }
        writeln!(out)?;
        let statements = phase.steps.iter().flat_map(|s| s.action.statements());
        for (number, statement) in statements.enumerate() {
            let sql = statement.sql.replace('\n', "\n     ");
            writeln!(out, "  {}. {sql}", number + 1)?;
            writeln!(out, "     {}", effect(statement))?;
            if !statement.other_locks.is_empty() {
                let locks: Vec<String> =
                    statement.other_locks.iter().map(OtherLock::words).collect();
                writeln!(out, "     also locks {}", locks.join("; "))?;
            }
            for breakage in &statement.breaks {
                writeln!(out, "     {} {breakage}", sign(Severity::Warning))?;
            }
            if statement.load.kind != Kind::Brief {
                writeln!(out, "     {}", rests_on(statement))?;
            }
        }
        for check in &phase.validation {
            writeln!(out, "  Check {}: {}", check.check.word(), check.sql)?;
        }
    }
    Ok(())
}

/// What a statement does to the traffic: `ACCESS EXCLUSIVE, blocks reads and writes, about 20–50 ms`.
fn effect(statement: &Statement) -> String {
    let blocks = match (statement.blocks_reads, statement.blocks_writes) {
        (true, true) => "blocks reads and writes",
        (true, false) => "blocks reads",
        (false, true) => "blocks writes",
        (false, false) => "blocks nobody",
    };
    let mut parts = vec![statement.lock.word(), blocks];
    if statement.rewrites_table {
        parts.push("rewrites the table");
    }
    if statement.scans_table {
        parts.push("reads the whole table");
    }
    if !statement.in_transaction {
        parts.push("outside a transaction");
    }
    format!("{}, {}", parts.join(", "), range(statement.estimate.span))
}

fn render_verify(out: &mut String, migration: &str, findings: &[Finding]) -> std::fmt::Result {
    writeln!(out, "Verifying migration: {migration}\n")?;
    let of = |severity| {
        findings
            .iter()
            .filter(move |f| f.severity == severity && f.waived.is_none())
            .collect::<Vec<_>>()
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    if errors.is_empty() {
        writeln!(out, "✓ Migration appears safe")?;
    } else {
        writeln!(out, "✗ Migration is not safe")?;
    }
    for (heading, list) in [("Errors", errors), ("Warnings", warnings)] {
        if !list.is_empty() {
            writeln!(out, "\n{heading}:")?;
        }
        for finding in list {
            writeln!(out, "  {} {}", sign(finding.severity), place(finding))?;
        }
    }
    let waived: Vec<(&Finding, &str)> = findings
        .iter()
        .filter_map(|f| Some((f, f.waived.as_deref()?)))
        .collect();
    if !waived.is_empty() {
        writeln!(out, "\nWaived:")?;
    }
    for (finding, reason) in waived {
        writeln!(out, "  {} {}", sign(finding.severity), place(finding))?;
        writeln!(out, "    {}, waived: {reason}", finding.rule)?;
    }
    let mut said: Vec<&str> = Vec::new();
    let advice = findings
        .iter()
        .filter(|f| !f.recommendation.is_empty() && f.waived.is_none());
    for finding in advice {
        if said.is_empty() {
            writeln!(out, "\nRecommendations:")?;
        }
        if !said.contains(&finding.recommendation.as_str()) {
            said.push(&finding.recommendation);
            writeln!(out, "  ℹ {}", finding.recommendation)?;
        }
    }
    Ok(())
}

fn sign(severity: Severity) -> char {
    match severity {
        Severity::Error => '✗',
        Severity::Warning => '⚠',
        Severity::Info => 'ℹ',
    }
}

fn place(finding: &Finding) -> String {
    match (finding.phase, finding.line) {
        // An operation may hold many statements.
        (Some(phase), Some(line)) if finding.statement.is_some() => {
            format!("Phase {phase}, line {line}: {}", finding.message)
        }
        (Some(phase), _) => format!("Phase {phase}: {}", finding.message),
        (None, Some(line)) => format!("Line {line}: {} [{}]", finding.message, finding.rule),
        (None, None) => finding.message.clone(),
    }
}
