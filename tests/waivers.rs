//! Findings that are accepted: what a waiver covers, and what it does not.

mod documents {
    use bellows::document::parse;
    use bellows::plan::{Plan, plan, text};

    pub const SQL: &str = "
migration:
  name: freeze
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: custom_sql, sql: \"DO $$ BEGIN PERFORM 1; END $$\", rollbackSql: SELECT 1}
        - {type: custom_sql, sql: \"DO $$ BEGIN PERFORM 2; END $$\", rollbackSql: SELECT 1}
";

    pub fn planned(waivers: &str) -> (Plan, String) {
        let document = parse(&format!("{SQL}{waivers}")).unwrap();
        let plan = plan(&document, None).unwrap();
        let said = text::verify(&plan.migration, &plan.findings);
        (plan, said)
    }
}

use bellows::document::{emit, hash, parse};
use bellows::lint::Severity;
use documents::{SQL, planned};

#[test]
fn what_cannot_be_read_is_an_error_until_someone_waives_it() {
    let (plan, said) = planned("");
    assert!(!plan.safe, "{said}");

    let (plan, said) = planned("      waivers: [{rule: unknown-sql, reason: tried on a copy}]\n");
    assert!(plan.safe, "{said}");
    let waived: Vec<_> = plan
        .findings
        .iter()
        .filter(|f| f.waived.is_some())
        .collect();
    assert_eq!(waived.len(), 2);
    assert!(waived.iter().all(|f| f.severity == Severity::Error));
    assert!(
        said.contains("unknown-sql, waived: tried on a copy"),
        "{said}"
    );
}

#[test]
fn a_waiver_for_one_operation_leaves_the_other_an_error() {
    let (plan, said) =
        planned("      waivers: [{rule: unknown-sql, operation: 1, reason: tried}]\n");
    assert!(!plan.safe, "{said}");
    let open: Vec<_> = plan
        .findings
        .iter()
        .filter(|f| f.rule == "unknown-sql" && f.waived.is_none())
        .map(|f| f.operation)
        .collect();
    assert_eq!(open, [Some(0)]);
}

#[test]
fn a_waiver_that_covers_nothing_is_told() {
    let (plan, _) = planned("      waivers: [{rule: unknown-sql, operation: 7, reason: tried}]\n");
    assert!(plan.findings.iter().any(|f| f.rule == "unused-waiver"));
    let (plan, _) = planned("      waivers: [{rule: unknown-sql, reason: tried}]\n");
    assert!(plan.findings.iter().all(|f| f.rule != "unused-waiver"));
}

#[test]
fn a_waiver_is_part_of_what_is_approved() {
    let text = format!("{SQL}      waivers: [{{rule: unknown-sql, reason: tried}}]\n");
    let (with, without) = (parse(&text).unwrap(), parse(SQL).unwrap());
    assert_ne!(hash(&with), hash(&without));
    assert_eq!(parse(&emit(&with)).unwrap(), with);
}
