//! The file `bellows.yaml` beside or above documents: what a project has settled for all of them.

use std::collections::BTreeMap;

use super::names::nearest;
use super::tree::{Data, load};
use super::{PROBLEMS_MAX, Problem};
use crate::lint::{RULE_IDS, Severity};

/// The file's name.
pub const PROJECT_FILE: &str = "bellows.yaml";

/// Reads the severities that a project gives to rules: `rules:` with a rule's id and `error`,
/// `warning` or `info` for each. A text with nothing in it settles nothing.
///
/// # Errors
/// Every mistake with its line; never an empty list.
pub fn read_project(yaml: &str) -> Result<BTreeMap<String, Severity>, Vec<Problem>> {
    let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if yaml.lines().all(says_nothing) {
        return Ok(BTreeMap::new());
    }
    let root = load(yaml)?;
    let mut problems = Vec::new();
    let mut out = BTreeMap::new();
    let mut say = |at, path: &str, message: String| {
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem::at(at, path, message));
        }
    };
    let sections = match &root.data {
        Data::Map(entries) => entries.as_slice(),
        Data::Null => &[],
        Data::Bool(_) | Data::Number { .. } | Data::Text(_) | Data::List(_) => {
            say(
                root.at,
                "",
                "the file is a mapping: write `rules:`".to_owned(),
            );
            &[]
        }
    };
    for section in sections {
        if section.key != "rules" {
            let message = format!("there is no key `{}`; known: rules", section.key);
            say(section.at, &section.key, message);
            continue;
        }
        let rules = match &section.value.data {
            Data::Map(rules) => rules.as_slice(),
            Data::Null => &[],
            Data::Bool(_) | Data::Number { .. } | Data::Text(_) | Data::List(_) => {
                let message = "`rules` is a mapping of a rule's id to its severity".to_owned();
                say(section.at, "rules", message);
                &[]
            }
        };
        for rule in rules {
            let path = format!("rules.{}", rule.key);
            if !RULE_IDS.contains(&rule.key.as_str()) {
                let meant = nearest(&rule.key, RULE_IDS.iter().copied())
                    .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                say(
                    rule.at,
                    &path,
                    format!("there is no rule `{}`{meant}", rule.key),
                );
                continue;
            }
            let severity = match rule.value.as_text() {
                Some("error") => Severity::Error,
                Some("warning") => Severity::Warning,
                Some("info") => Severity::Info,
                Some(_) | None => {
                    let message = "a rule's severity is error, warning or info".to_owned();
                    say(rule.value.at.or(rule.at), &path, message);
                    continue;
                }
            };
            out.insert(rule.key.clone(), severity);
        }
    }
    if problems.is_empty() {
        Ok(out)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_sets_severities() {
        let text = "# ours\nrules:\n  unknown-sql: warning\n  long-index-build: info\n";
        let severities = read_project(text).unwrap();
        assert_eq!(severities["unknown-sql"], Severity::Warning);
        assert_eq!(severities["long-index-build"], Severity::Info);
        assert_eq!(read_project("").unwrap(), BTreeMap::new());
        assert_eq!(read_project("rules:\n").unwrap(), BTreeMap::new());
    }

    #[test]
    fn its_mistakes_have_lines() {
        let text = "rules:\n  unknown_sql: warning\n  long-index-build: off\nrule: {}\n";
        let problems = read_project(text).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "line 2, column 3: rules.unknown_sql: there is no rule `unknown_sql`; did you mean `unknown-sql`?",
                "line 3, column 21: rules.long-index-build: a rule's severity is error, warning or info",
                "line 4, column 1: rule: there is no key `rule`; known: rules",
            ]
        );
    }
}
