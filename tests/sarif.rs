//! The SARIF of findings, against what GitHub's code scanning asks for.

use std::path::Path;

use bellows::document::Engine;
use bellows::lint::sarif::{FileFindings, report};
use bellows::lint::{Finding, RULES, Severity, judge};
use bellows::sql::Context;
use serde_json::Value;

fn is_taken(report: &Value) -> Result<(), String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sarif.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("sarif.json", schema).unwrap();
    let index = compiler.compile("sarif.json", &mut schemas).unwrap();
    schemas
        .validate(report, index)
        .map_err(|error| error.to_string())
}

#[test]
fn every_finding_of_every_rule_is_taken() {
    for rule in RULES {
        let Some(half) = &rule.sql else { continue };
        let judged = judge(half.engine, half.bad, &Context::default());
        let files = [FileFindings {
            path: "db/V1__x.sql",
            text: half.bad,
            findings: &judged.findings,
        }];
        let report = report(&files, "0.1.0");
        is_taken(&report).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        let results = report["runs"][0]["results"].as_array().unwrap();
        let lines = half.bad.lines().count();
        for result in results {
            let line = &result["locations"][0]["physicalLocation"]["region"]["startLine"];
            let line = usize::try_from(line.as_u64().unwrap()).unwrap();
            assert!((1..=lines + 1).contains(&line), "{}: line {line}", rule.id);
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(result["ruleId"], RULES[index].id);
        }
    }
}

#[test]
fn the_line_is_the_statements_own() {
    let sql = "-- first\n\nSELECT 1;\n\n  /* here */ DROP TABLE users;\n";
    let judged = judge(Engine::PostgreSql, sql, &Context::default());
    let files = [FileFindings {
        path: "./a.sql",
        text: sql,
        findings: &judged.findings,
    }];
    let report = report(&files, "0.1.0");
    let place = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 5);
    assert_eq!(place["artifactLocation"]["uri"], "a.sql");
}

#[test]
fn a_finding_without_a_line_stands_in_the_first_one() {
    let findings = [Finding {
        rule: "no-target".to_owned(),
        severity: Severity::Info,
        phase: None,
        operation: None,
        line: None,
        column: None,
        statement: None,
        within: None,
        message: "m".to_owned(),
        recommendation: "r".to_owned(),
        fix: None,
        waived: Some("the table is small".to_owned()),
    }];
    let path = Path::new("a b.yaml").display().to_string();
    let files = [FileFindings {
        path: &path,
        text: "",
        findings: &findings,
    }];
    let report = report(&files, "0.1.0");
    is_taken(&report).unwrap();
    assert_eq!(report["runs"][0]["results"][0]["level"], "note");
    let suppressed = &report["runs"][0]["results"][0]["suppressions"][0];
    assert_eq!(suppressed["justification"], "the table is small");
}

#[test]
fn the_check_of_the_report_finds_what_is_missing() {
    let mut report = report(&[], "0.1.0");
    is_taken(&report).unwrap();
    report["version"] = Value::from("2.0.0");
    assert!(is_taken(&report).is_err());
}
