//! Findings as SARIF 2.1.0 (OASIS), with what GitHub's code scanning asks for.
//!
//! A result needs a place in a file: findings about a whole file stand in its first line.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Finding, RULES, Rule, Severity};

/// What was found in one file.
pub struct FileFindings<'f> {
    /// Its path, as it was given.
    pub path: &'f str,
    /// Its text; empty where it cannot be read.
    pub text: &'f str,
    /// What was found.
    pub findings: &'f [Finding],
}

/// The report over some files.
pub fn report(files: &[FileFindings<'_>], version: &str) -> Value {
    let results: Vec<Value> = files.iter().flat_map(results).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Bellows",
                "semanticVersion": version,
                "rules": RULES.iter().map(descriptor).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    let text = help_text(rule);
    json!({
        "id": rule.id,
        "name": camel(rule.id),
        "shortDescription": { "text": rule.title() },
        "fullDescription": { "text": rule.help },
        "help": { "text": text, "markdown": text },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "tags": ["database", "migration"], "precision": "high" },
    })
}

/// What stands beside an alert: why, and the two examples.
fn help_text(rule: &Rule) -> String {
    let mut out = format!("{}\n", rule.help);
    let halves = [
        rule.sql.as_ref().map(|s| ("sql", s.bad, s.good)),
        rule.documents.as_ref().map(|d| ("yaml", d.bad, d.good)),
    ];
    for (language, bad, good) in halves.into_iter().flatten() {
        for (heading, example) in [("Not so", bad), ("But so", good)] {
            if !example.is_empty() {
                out.push_str(&format!(
                    "\n{heading}:\n\n```{language}\n{}\n```\n",
                    example.trim()
                ));
            }
        }
    }
    out
}

/// `set-not-null-scans` as `SetNotNullScans`.
fn camel(id: &str) -> String {
    id.split('-')
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn results(file: &FileFindings<'_>) -> Vec<Value> {
    // The same mistake twice in a file, in lines of the same words, is two alerts.
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let lines: Vec<&str> = file.text.lines().collect();
    file.findings
        .iter()
        .map(|finding| {
            let line = finding.line.unwrap_or(1);
            let words = lines
                .get(line.saturating_sub(1))
                .map_or("", |l| l.trim())
                .to_owned();
            let count = seen
                .entry((finding.rule.clone(), words.clone()))
                .or_default();
            *count += 1;
            let mut region = json!({ "startLine": line });
            if let Some(column) = finding.column {
                region["startColumn"] = json!(column);
            }
            let text = if finding.recommendation.is_empty() {
                finding.message.clone()
            } else {
                format!("{}. Instead: {}", finding.message, finding.recommendation)
            };
            let mut result = json!({
                "ruleId": finding.rule,
                "level": level(finding.severity),
                "message": { "text": text },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": uri(file.path) },
                    "region": region,
                } }],
                "partialFingerprints": {
                    "primaryLocationLineHash": fingerprint(&finding.rule, &words, *count),
                },
            });
            if let Some(reason) = &finding.waived {
                result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
            }
            if let Some(index) = RULES.iter().position(|r| r.id == finding.rule) {
                result["ruleIndex"] = json!(index);
            }
            result
        })
        .collect()
}

/// Stays what it is while lines above are edited.
fn fingerprint(rule: &str, words: &str, count: usize) -> String {
    let digest = Sha256::digest(format!("{rule}\n{words}"));
    let hex: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{hex}:{count}")
}

/// A path as a relative reference (RFC 3986): slashes, and everything unusual in percents.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    let mut out = String::new();
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("./db/V1__a b.sql"), "db/V1__a%20b.sql");
        assert_eq!(uri("db\\é.sql"), "db/%C3%A9.sql");
        assert_eq!(uri("a:b.sql"), "a%3Ab.sql");
    }

    #[test]
    fn fingerprints_outlive_lines_that_are_put_in_above() {
        let finding = |line| Finding {
            rule: "drop-breaks".into(),
            severity: Severity::Error,
            phase: None,
            operation: None,
            line: Some(line),
            column: None,
            statement: Some(1),
            within: None,
            message: "m".into(),
            recommendation: String::new(),
            fix: None,
            waived: None,
        };
        let prints = |text: &str, lines: &[usize]| -> Vec<String> {
            let findings: Vec<Finding> = lines.iter().map(|l| finding(*l)).collect();
            let files = [FileFindings {
                path: "a.sql",
                text,
                findings: &findings,
            }];
            let report = report(&files, "1.0.0");
            report["runs"][0]["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["partialFingerprints"]["primaryLocationLineHash"].to_string())
                .collect()
        };
        let before = prints("DROP VIEW a;\nDROP VIEW a;", &[1, 2]);
        let after = prints("-- new\nDROP VIEW a;\n\nDROP VIEW a;", &[2, 4]);
        assert_eq!(before, after);
        assert_ne!(before[0], before[1]);
    }
}
