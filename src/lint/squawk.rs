//! Squawk's findings, as far as they are about something that none of our rules knows.
//!
//! Its other rules either have a counterpart here, which knows the schema, the version and the
//! statements around, or speak of style and of timeouts, or advise what PostgreSQL refuses (NOT
//! VALID for UNIQUE and EXCLUDE).

use squawk_linter::{Linter, Rule};

use super::Noted;

/// Passed on, and whether the server refuses what it finds.
const PASSED_ON: [(Rule, bool); 2] = [
    (Rule::BanDuplicateColumnAssignments, true),
    (Rule::IdentifierTooLong, false),
];

/// What it says of a text for PostgreSQL.
pub fn noted(text: &str) -> Vec<Noted> {
    let parse = squawk_syntax::SourceFile::parse(text);
    let mut linter = Linter::from(PASSED_ON.map(|(rule, _)| rule));
    let violations = linter.lint(&parse, text);
    violations
        .into_iter()
        .map(|violation| Noted {
            rule: violation.code.to_string(),
            at: usize::from(violation.text_range.start()),
            message: violation.message,
            refused: PASSED_ON
                .iter()
                .any(|(rule, refused)| *rule == violation.code && *refused),
        })
        .collect()
}
