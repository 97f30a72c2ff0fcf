//! SQL that stands in documents: the rules for SQL look at all statements of the document as one
//! text, in the order and in the transactions in which they are run, and what they find of those
//! that people wrote is told where these stand.

mod back;

use super::{Finding, GENERAL, Noted, Severity, Subject, Text, Within, findings_of_text};
use crate::document::{Engine, Problem, locate};
use crate::plan::{Place, Told};

/// The rule about what is dropped and holds no rows.
const GONE: &str = "drop-breaks";

/// What findings about the way back begin with.
pub(super) const BACK: &str = "on the way back: ";

/// See the module. What no parser has read is left to the rules for documents.
pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let found = of(subject, subject.told, 0).into_iter();
    let mut out: Vec<Finding> = found
        .filter_map(|finding| placed(finding, &subject.told.places))
        .collect();
    for back in &subject.told.backs {
        let found = of(subject, &back.told, back.forth.end).into_iter();
        out.extend(
            found
                .filter(|finding| !back::is_spared(finding, back))
                .filter_map(|finding| placed(finding, &back.told.places)),
        );
    }
    out
}

/// What is found of the statements from that one on.
fn of(subject: &Subject<'_>, told: &Told, first: usize) -> Vec<Finding> {
    let places = told.places.iter().skip(first);
    if places.clone().all(|place| place.statement.is_none()) {
        return Vec::new();
    }
    let noted = noted(told, first);
    let text = Text {
        script: &told.script,
        sql: &told.sql,
        schema: subject.schema,
        noted: &noted,
        places: Some(&told.places),
    };
    let found = findings_of_text(&text).into_iter();
    found
        .filter(|finding| finding.statement.is_some_and(|number| number > first))
        .map(|mut finding| {
            // Nothing there works beside a writer of the file; operations that do the same warn.
            if told.script.engine == Engine::Sqlite && finding.rule == GENERAL {
                finding.severity = finding.severity.min(Severity::Warning);
            }
            finding
        })
        .collect()
}

/// The finding at the place in the document; nothing where it is about what an operation sends,
/// which the rules for documents judge.
fn placed(mut finding: Finding, places: &[Place]) -> Option<Finding> {
    let place = places.get(finding.statement?.checked_sub(1)?)?;
    finding.statement = Some(place.statement?);
    finding.phase = Some(place.phase);
    finding.operation = Some(place.operation);
    finding.within = place.within.map(|(line, column)| Within {
        line,
        column,
        back: place.back,
    });
    finding.line = None;
    finding.column = None;
    // Whoever confirms the gate says that applications have learned to do without.
    if place.deployed && finding.rule == GONE {
        finding.severity = finding.severity.min(Severity::Warning);
        finding
            .message
            .push_str(", unless those were deployed for which the phase waits");
    }
    // It stands for a statement, and in a document it would stand for the whole operation.
    if !place.alone || place.back {
        finding.fix = None;
    }
    if place.back {
        finding.message.insert_str(0, BACK);
    }
    Some(finding)
}

/// What the other linter says of the statements that people wrote.
fn noted(told: &Told, first: usize) -> Vec<Noted> {
    #[cfg(feature = "sql")]
    if told.script.engine == Engine::PostgreSql {
        let written = told.script.statements.iter().zip(&told.places);
        return written
            .skip(first)
            .filter(|(_, place)| place.statement.is_some())
            .flat_map(|(reading, _)| {
                let noted = super::squawk::noted(reading.span.of(&told.sql));
                noted.into_iter().map(|mut noted| {
                    noted.at += reading.span.start;
                    noted
                })
            })
            .collect();
    }
    let _ = (told, first);
    Vec::new()
}

/// The findings of a document with their lines in its text: those about a statement where that
/// stands, as far as its SQL is written line by line; all others where their operation begins.
pub fn located(yaml: &str, mut findings: Vec<Finding>) -> Vec<Finding> {
    let without = |finding: &Finding| finding.line.is_none() && finding.phase.is_some();
    let lines: Vec<&str> = yaml.lines().collect();
    for finding in findings.iter_mut().filter(|f| without(f)) {
        let mut path = format!(
            "phases[{}]",
            finding.phase.unwrap_or_default().saturating_sub(1)
        );
        if let Some(operation) = finding.operation {
            path.push_str(&format!(".operations[{operation}]"));
        }
        if let Some(within) = finding.within {
            path.push_str(if within.back { ".rollbackSql" } else { ".sql" });
        }
        let problem = Problem {
            line: None,
            column: None,
            path,
            message: String::new(),
        };
        let Some(problem) = locate(yaml, vec![problem]).pop() else {
            continue;
        };
        (finding.line, finding.column) = (problem.line, problem.column);
        if let (Some(within), Some(line), Some(column)) =
            (finding.within, problem.line, problem.column)
        {
            (finding.line, finding.column) = within_text(&lines, line, column, within);
        }
    }
    findings
}

/// The place of a statement in a block of text (`sql: |`), which begins at that line; where the text
/// is written otherwise, the place where it begins.
fn within_text(
    lines: &[&str],
    line: usize,
    column: usize,
    within: Within,
) -> (Option<usize>, Option<usize>) {
    let header = line.checked_sub(2).and_then(|at| lines.get(at));
    let block = header.is_some_and(|header| {
        let end = header.trim_end();
        end.ends_with('|') || end.ends_with("|-") || end.ends_with("|+")
    });
    if block {
        (
            Some(line + within.line - 1),
            Some(column + within.column - 1),
        )
    } else {
        (Some(line), Some(column))
    }
}

impl Text<'_> {
    /// Where a statement stands, for people: `line 3`, or where it does in a document.
    pub fn named(&self, number: usize) -> String {
        let place = self.places.and_then(|places| places.get(number));
        match (place, self.spot(number)) {
            (Some(place), _) => {
                let phase = place.phase;
                let operation = place.operation + 1;
                match place.statement {
                    Some(statement) => {
                        format!("statement {statement} of operation {operation} of phase {phase}")
                    }
                    None => format!("operation {operation} of phase {phase}"),
                }
            }
            (None, Some(spot)) => format!("line {}", spot.reading.span.line),
            (None, None) => "a statement above".to_owned(),
        }
    }
}
